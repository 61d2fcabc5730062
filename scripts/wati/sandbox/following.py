"""The rows of a world as they come: requests, effects, messages. Another process may make them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from . import deliveries, views, watching
from .state import State
from .state_file import StatePath
from .store import Tx

Row = dict[str, Any]

# By table: its rows after a number.
_READ: dict[str, Callable[[Tx, int], list[Row]]] = {
    "requests": views.requests,
    "deliveries": deliveries.log,
    "messages": views.messages,
}


def follow(path: StatePath, what: str, pause: Callable[[float], bool], after: int = 0) -> Iterator[list[Row]]:
    """The rows with a higher number than `after`, and new ones, until `pause`, which waits, says to stop.

    A request comes when it is answered. After a reset, the rows of the new world follow.
    """
    state = State(path)
    shown: set[int] = set()
    floor = after  # up to this number, everything was shown
    for _ in watching.changes(state.path, pause):
        with state.transaction() as tx:
            newest = _newest(tx, what)
            if newest < max([floor, *shown]):
                shown, floor = set(), 0
            rows = _READ[what](tx, floor)
        ready = [row for row in rows if row["seq"] not in shown and is_finished(row)]
        waiting = [row["seq"] for row in rows if not is_finished(row)]
        shown |= {row["seq"] for row in ready}
        floor = min(waiting) - 1 if waiting else newest
        shown = {seq for seq in shown if seq > floor}
        if ready:
            yield ready


def newest(path: StatePath, what: str) -> int:
    """The number of the last row."""
    with State(path).transaction() as tx:
        return _newest(tx, what)


def _newest(tx: Tx, what: str) -> int:
    return tx.count(f"SELECT IFNULL(MAX(seq), 0) FROM {what}")


def is_finished(row: Row) -> bool:
    """Whether everything that a request does is done; other rows always are."""
    return "effects" not in row or "answer" in row
