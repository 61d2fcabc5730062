"""What is new in a conversation, and what became of a message in it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.reads.pages import key
from wati.reads.rows import CUSTOMER, EVENT, UNKNOWN, moment, speaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Row = dict[str, Any]

# By what is waited for: the statuses after which nothing more of the kind can happen. What is delivered does
# not fail any more (assumed).
DECIDED = {"read": ("READ", "REPLIED", "FAILED"), "failed": ("FAILED", "DELIVERED", "READ", "REPLIED")}


def since(after: float | None, first: Iterable[Row]) -> Callable[[Row], bool]:
    """Whether a row is a new message of the customer: later than `after` or, without it, not in `first`.

    The rows, not a clock, decide what was there at first: WATI's lists lag behind (reported).
    """
    known = {key(row) for row in first} if after is None else set()

    def is_new(row: Row) -> bool:
        if speaker(row) != CUSTOMER:
            return False
        if after is None:
            return key(row) not in known
        at = moment(row)
        return at is None or at > after

    return is_new


def ours(rows: Iterable[Row], local_id: str) -> Row | None:
    """Our message with that id; without one, the newest one. None if there is none."""
    for row in rows:
        if local_id:
            if row.get("localMessageId") == local_id:
                return row
        elif speaker(row) not in (CUSTOMER, EVENT, UNKNOWN):
            return row
    return None


def status_of(row: Row) -> str:
    status = row.get("statusString")
    return status if isinstance(status, str) else ""


def newest_message(rows: Iterable[Row]) -> float | None:
    """The time of the customer's newest message or, if there is none, of the newest row."""
    times = [(speaker(row) == CUSTOMER, at) for row in rows if (at := moment(row)) is not None]
    return max(times)[1] if times else None
