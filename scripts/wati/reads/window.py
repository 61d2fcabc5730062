"""The 24-hour window of a conversation: open, closed or unknown. Reads no more rows than it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.reads.inbox import MOST_PAGES_OF_MESSAGES, PAGE_SIZE
from wati.reads.rows import moment, owner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wati.reads.inbox import Rows

SECONDS = 24 * 3600


class Window:
    """Whether the window is `open`, and `until` when. `open` is None if that is unknown: `why` says why.

    `last`: the time of the customer's newest message (`by_customer`), or else of the newest row that is at
    least a day old, in epoch seconds. `never`: the conversation was read to its end, and the customer wrote
    nothing in it.
    """

    def __init__(
        self,
        now: float | None,
        last: float | None,
        *,
        by_customer: bool,
        why: str = "",
        never: bool = False,
    ) -> None:
        self.left = 0.0 if now is None or last is None else SECONDS - (now - last)
        self.until = None if last is None else last + SECONDS
        self.open = None if why else self.left > 0
        self.by_customer = by_customer
        self.why = why
        self.never = never


def judge(rows: Rows, read: Iterable[dict[str, Any]] | None = None) -> Window:
    """The window, by the customer's newest message and the server's clock (the answer's Date header).

    `read`: all the rows, newest first, if some were already taken from `rows`.
    """
    last: float | None = None
    by_customer = False
    for row in rows if read is None else read:
        at = moment(row)
        by_customer = row.get("eventType") == "message" and owner(row) is False
        # The newest rows come first: after one that is a day old, all are older.
        if by_customer or rows.now is None or (at is not None and rows.now - at >= SECONDS):
            last = at
            break
    if rows.now is not None and last is not None and last - rows.now <= SECONDS:
        why = ""
    elif by_customer or rows.now is None:
        why = "It is not known whether the 24-hour window is open: the answer has no usable time."
    else:
        newest = MOST_PAGES_OF_MESSAGES * PAGE_SIZE
        where = "in the conversation" if rows.whole else f"among the newest {newest} rows of the conversation"
        found = f"No message from the customer was found {where}"
        why = f"{found}, so it is not known whether the 24-hour window is open."
    never = rows.now is not None and last is None and not by_customer and rows.whole
    return Window(rows.now, last, by_customer=by_customer, why=why, never=never)
