"""What a handler works with."""

from __future__ import annotations

from dataclasses import dataclass

from .state import Tx
from .wire import Call


@dataclass(frozen=True)
class Context:
    tx: Tx
    call: Call
    endpoint: str
    account: str  # the connection that the call reaches; its data belongs to it
    target: str  # what stands in the path's variable segment, decoded
    hidden: float = 0.0  # seconds: lists leave out messages younger than this
    queued: float = 0.0  # seconds until a send beyond the rate goes out
