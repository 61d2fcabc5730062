"""The 24-hour window of a conversation: open, closed, or not to be told. Reads no more rows than it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.reads.rows import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wati.reads.inbox import Rows

SECONDS = 24 * 3600


class Window:
    """`open`: None where it cannot be told, and `why` says so. `last`: the customer's newest message, or the
    newest row that is a day old already (epoch seconds). `is_seen`: whether it is the customer's message.
    """

    def __init__(self, now: float | None, last: float | None, *, is_seen: bool, why: str = "") -> None:
        self.left = 0.0 if now is None or last is None else SECONDS - (now - last)
        self.until = None if last is None else last + SECONDS
        self.open = None if why else self.left > 0
        self.is_seen = is_seen
        self.why = why


def judge(rows: Rows, read: Iterable[dict[str, Any]] | None = None) -> Window:
    """The window by the customer's newest message and the server's clock (the answer's Date header).

    `read`: the rows, newest first, where some were taken from `rows` before; by default `rows` themselves.
    """
    last: float | None = None
    is_seen = False
    for row in rows if read is None else read:
        at = moment(row)
        is_seen = row.get("eventType") == "message" and row.get("owner") is False
        # What comes after a row that is a day old is older still, since the newest come first.
        if is_seen or rows.now is None or (at is not None and rows.now - at >= SECONDS):
            last = at
            break
    if rows.now is None or last is None or last - rows.now > SECONDS:
        return Window(rows.now, last, is_seen=is_seen, why=_unjudged(rows, is_seen=is_seen))
    return Window(rows.now, last, is_seen=is_seen)


def _unjudged(rows: Rows, *, is_seen: bool) -> str:
    if is_seen or rows.now is None:
        return "Whether the 24-hour window is open cannot be told: the answer tells no time."
    from wati.reads.inbox import MOST_PAGES_OF_MESSAGES, PAGE_SIZE

    newest = MOST_PAGES_OF_MESSAGES * PAGE_SIZE
    where = "in the conversation" if rows.whole else f"among the newest {newest} rows of the conversation"
    return f"No message of the customer was found {where}: whether the 24-hour window is open is not known."
