"""What a handler works with."""

from __future__ import annotations

from dataclasses import dataclass

from . import changes, channels
from .changes import Changing
from .store import Tx
from .wire import Call


@dataclass(frozen=True)
class Context:
    tx: Tx
    call: Call
    endpoint: str
    account: str  # the connection that the call reaches; its data belongs to it
    target: str  # the decoded variable segment of the path
    changing: Changing  # what the faults take that change what the call does or shows
    queued: float = 0.0  # seconds until a send beyond the rate goes out
    request: int = 0  # the number of the request in the log

    def altered(self, text: str) -> str:
        """A text of ours as it arrives."""
        altered = self.changing.get("altered")
        return text if altered is None else changes.TEXTS[altered["change"]](text)

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
