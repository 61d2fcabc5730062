"""How many messages came and went in a period, against the one of the same length before it. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from wati.reads.rows import BROADCAST, CUSTOMER, EVENT, UNKNOWN, moment, speaker

if TYPE_CHECKING:
    from collections.abc import Iterable

    Row = dict[str, Any]


class Tally:
    """Counts of rows by period: `latest` up to `now`, and `before` it. Times are in epoch seconds.

    `since`: where the period before begins. `reasons`: of the messages of the latest period that failed.
    `conversations`: how many were counted. `cut`: how many of them could not be read back to `since`.
    `undated`: messages without a time, which are in no period.
    """

    def __init__(self, now: float, seconds: float) -> None:
        self.since = now - 2 * seconds
        self.latest: Counter[str] = Counter()
        self.before: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.conversations = self.cut = self.undated = 0
        self._middle = now - seconds

    def is_older(self, row: Row) -> bool:
        """Whether this row, and so all older ones, are in neither period."""
        at = moment(row)
        return at is not None and at < self.since

    def add(self, rows: Iterable[Row], *, is_cut: bool) -> None:
        """Count a conversation, of which these are the rows since `since` at least, unless it is cut."""
        self.conversations += 1
        self.cut += is_cut
        for row in rows:
            who, at = speaker(row), moment(row)
            if who in (EVENT, UNKNOWN):
                continue
            if at is None:
                self.undated += 1
            elif at >= self.since:
                self._count(row, who, is_latest=at >= self._middle)

    def _count(self, row: Row, who: str, *, is_latest: bool) -> None:
        counts = self.latest if is_latest else self.before
        counts[_KINDS.get(who, "out")] += 1
        if who != CUSTOMER and row.get("statusString") == "FAILED":
            counts["failed"] += 1
            detail = row.get("failedDetail")
            if is_latest:
                self.reasons[detail if isinstance(detail, str) and detail else NO_REASON] += 1


NO_REASON = "no reason given"
KINDS = ("in", "out", "broadcasts", "failed")
_KINDS = {CUSTOMER: "in", BROADCAST: "broadcasts"}
