"""What a handler works with."""

from __future__ import annotations

from dataclasses import dataclass

from . import channels
from .store import Tx
from .wire import Call


@dataclass(frozen=True)
class Context:
    tx: Tx
    call: Call
    endpoint: str
    account: str  # the connection that the call reaches; its data belongs to it
    target: str  # the decoded variable segment of the path
    hidden: float = 0.0  # seconds: lists leave out messages younger than this
    queued: float = 0.0  # seconds until a send beyond the rate goes out

    @property
    def line(self) -> str:
        """Where the conversations of the number in the query are kept; rejects the call if it is unknown."""
        asked = self.call.query.get("channelphonenumber", "").strip()
        return channels.line(self.tx, self.account, asked)

    @property
    def receiver(self) -> str:
        """The number, contact id or user id in the query, for paths without a variable segment."""
        query = self.call.query
        return (query.get("whatsappnumber") or query.get("target") or "").strip()
