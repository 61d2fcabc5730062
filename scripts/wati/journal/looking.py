"""What became of a message, by the rows of the receiver's conversation, the journal and both sides' clocks.

Pure. The rules are a table in references/journal.md. A false *not_seen* brings the customer a second message,
and a false *sent* costs them the first: what contradicts itself tells nothing.
"""

from __future__ import annotations

import math
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.contract.messages import DELIVERING, LAG_SECONDS, UNRESOLVED
from wati.journal import sightings
from wati.reads.rows import span, text_of, unzoned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wati.journal.entries import Entry

    Row = dict[str, Any]

# How inexact a known difference between the two clocks may be (`Date` has whole seconds, and the answer that
# had it may be as old as a slow call), and how far rows may be out of order (observed: they are not strictly
# newest first).
SLACK = 30.0
# The times in one row may differ: when the customer wrote, and when WATI stored it. Zones differ by more.
_ONE_ROW = 600.0
_WRONG = 600.0  # how wrong the time of an answer may be that no other answer and no clock of ours confirms
_ALIVE_SECONDS = 10.0  # before another look at a send whose process lives on past its time
# WATI's words for how far a message of ours got (observed).
STATUSES = ("sent", "delivered", "read", "replied", "failed")
LONGEST_SHOWN = 500

TOO_MUCH = "there is too much to compare"
_TOO_LONG = "the conversation is longer than the part that is read"
_ALIVE = "it is still being sent: its process lives"
_UNORDERED = "the rows do not come newest first, so others may be missing"
_CONTRADICTORY = "the times in WATI's rows contradict each other"
_DATES = "the times in WATI's answers contradict each other"
_CLOCKS = "this machine's clock and WATI's do not agree about how long ago it was sent"
_TOO_EARLY = "not seen yet"
_SEVERAL = "several messages that look the same were sent at that time, and not all of them were found"
_ELSEWHEN = "the same message is there, but not surely from that time"
_ALIKE = "a similar message was found, and that may be it"
_CHANGED = "a message of ours was found that no other send explains; it may be this one, changed on the way"
_UNPAIRED = "WATI's answer named someone else, and this receiver may be that one"


class Other(NamedTuple):
    """Another message to the same receiver: when it could first and last leave. Rows may be it."""

    at: float
    until: float
    entry: Entry


class Clocks(NamedTuple):
    """The times of a send and of a look, by this machine's clock, and how far the other one is ahead."""

    at: float  # when it could first leave
    until: float  # when it could last leave
    lag: float  # seconds after which WATI's lists show it
    now: float
    ran: float | None  # seconds since `until`, by a clock that nobody can set; None if unknown
    then: float | None  # how far the far side's clock was ahead when it was sent; None if unknown
    dates: tuple[float, ...]  # and how far by each answer of the look

    @property
    def seen(self) -> tuple[float, ...]:
        """How far the far side's clock is ahead, by every answer that said so."""
        return (*(() if self.then is None else (self.then,)), *self.dates) or (0.0,)

    @property
    def possible(self) -> tuple[float, ...]:
        """All that it may have been: an answer may be wrong and this machine right, or it was set since."""
        was_set = self.now - self.until - self.ran if self.then is None and self.ran is not None else 0.0
        return (*self.seen, *(each + was_set for each in self.seen), 0.0)

    @property
    def passed(self) -> float:
        """Seconds since it could last have left, by this machine."""
        by_wall = self.now - self.until
        return by_wall if self.ran is None else min(by_wall, self.ran)

    @property
    def elapsed(self) -> float:
        """Seconds since it could last have left, by the clock that shows the fewest."""
        return min(self.passed, self._by_dates)

    @property
    def _by_dates(self) -> float:
        if self.then is None or not self.dates:
            return self.passed
        return self.now + min(self.dates) - self.until - self.then

    @property
    def early(self) -> float:
        """Seconds until WATI has certainly had the time to show it; `Date` has whole seconds."""
        left = self.lag - self.elapsed
        return min(left, self.lag) + 1.0 if left > 0 else 0.0

    @property
    def spread(self) -> float:
        """How much of the difference between the clocks is uncertain."""
        return max(self.possible) - min(self.possible)

    @property
    def begins(self) -> float:
        """Before this time by the far side's clock, no row is the message."""
        is_vouched_for = len(self.seen) > 1 or self.spread <= SLACK
        return self.at + min(self.possible) - SLACK - (0.0 if is_vouched_for else _WRONG)

    @property
    def ends(self) -> float:
        """After this time, a row only resembles it."""
        return self.until + max(self.possible) + self.lag + SLACK

    @property
    def agree(self) -> bool:
        return abs(self.passed - self._by_dates) <= SLACK

    @property
    def dates_agree(self) -> bool:
        return not self.dates or max(self.dates) - min(self.dates) <= SLACK

    def surely(self, row: Row) -> bool:
        """Whether a row is of the time of the send, by everything that says how far the clocks differ."""
        low, high = span(row)
        begins, ends = self.at + max(self.seen) - SLACK, self.until + min(self.seen) + self.lag + SLACK
        return begins <= low and high <= ends

    def too_old(self, row: Row) -> bool:
        return span(row)[1] < self.begins

    def too_new(self, row: Row) -> bool:
        """Whether a row is too late to be the message. A row from the future has a wrong time."""
        low = span(row)[0]
        return self.ends < low <= self.now + max(self.possible) + SLACK


class Read(NamedTuple):
    """What was read of a conversation, in its order. `whole`: to its end. `failed`: why it was not read."""

    rows: list[Row]
    whole: bool = True
    failed: str = ""


class Means(NamedTuple):
    """How a row is compared with a message; see sightings.likeness."""

    digest: sightings.Digest
    form: sightings.Form | None
    content: sightings.Content

    def likeness(self, row: Row, entry: Entry) -> sightings.Likeness:
        return sightings.likeness(row, entry, *self)


class Judged(NamedTuple):
    """`verdict`: sent, not_seen or unknown. `early`: seconds after which another look may say more."""

    verdict: str
    why: str
    row: Row | None
    early: float


class Fate(NamedTuple):
    """What became of a message that WATI accepted: one of STATUSES, not_found or unclear."""

    status: str
    why: str
    row: Row | None


# --- reading back ------------------------------------------------------------------------------------------


def reaches(rows: Sequence[Row], begins: float) -> bool:
    """Whether rows that were read surely go back to that time, so that the older ones need not be read.

    A list that comes oldest first reaches it with its first row; so the times must have been seen to fall.
    """
    oldest = newest = math.inf
    for row in rows:
        _, high = span(row)
        if newest == math.inf:
            newest = high
        oldest = min(oldest, high)
    return oldest < begins - SLACK and newest - oldest > SLACK and falls(rows)


def falls(rows: Sequence[Row]) -> bool:
    """Whether the rows come newest first, as far as their times say."""
    oldest = oldest_unzoned = math.inf
    for row in rows:
        low, high = span(row)
        bare = unzoned(row)
        if low > oldest + SLACK or (bare is not None and bare > oldest_unzoned + SLACK):
            return False
        oldest = min(oldest, high)
        oldest_unzoned = min(oldest_unzoned, math.inf if bare is None else bare)
    return True


def _contradicts_itself(row: Row) -> bool:
    low, high = span(row)
    return unzoned(row) is None and _ONE_ROW < high - low < math.inf


def distinct(reads: Sequence[Read]) -> list[Row]:
    """All rows, without those that WATI shows under two numbers."""
    seen: set[str] = set()
    found = []
    for row in chain.from_iterable(read.rows for read in reads):
        name = row.get("id")
        if not isinstance(name, str) or name not in seen:
            found.append(row)
        if isinstance(name, str):
            seen.add(name)
    return found


def _unread(reads: Sequence[Read], begins: float) -> str:
    """Why the rows may not be all since then; "" if they are."""
    for read in reads:
        if read.failed:
            return read.failed
        if not falls(read.rows):
            return _UNORDERED
        if not read.whole and not reaches(read.rows, begins):
            return _TOO_LONG
    return ""


# --- comparing ---------------------------------------------------------------------------------------------


class _Compared(NamedTuple):
    """The rows of a conversation by what they are to a message."""

    same: list[Row]  # the message, and surely of its time
    repeated: list[Row]  # the same message, of that time or another, `same` included
    alike: list[Row]  # at that time, perhaps
    changed: list[Row]  # of ours at that time, perhaps, and explained by no other message


def _compare(
    entry: Entry, reads: Sequence[Read], others: Sequence[Other], clocks: Clocks, means: Means
) -> _Compared:
    by_likeness: dict[str, list[Row]] = {"same": [], "alike": [], "other": []}
    for row in distinct(reads):
        if not clocks.too_old(row):
            likeness = means.likeness(row, entry)
            if likeness == "same" or not clocks.too_new(row):
                by_likeness[likeness].append(row)
    repeated = by_likeness["same"]
    ours = [row for row in by_likeness["other"] if sightings.may_be_ours(row, entry)]
    changed = _unexplained(ours, others, clocks, means)
    return _Compared(list(filter(clocks.surely, repeated)), repeated, by_likeness["alike"], changed)


def _unexplained(rows: list[Row], others: Sequence[Other], clocks: Clocks, means: Means) -> list[Row]:
    """The rows that are no other message of the journal. Each message explains one row."""
    left = [other for other in others if other.entry.state in (*DELIVERING, *UNRESOLVED)]
    found = []
    for row in rows:
        for other in left:
            begins = other.at + min(clocks.possible) - SLACK
            if span(row)[1] >= begins and means.likeness(row, other.entry) == "same":
                left.remove(other)
                break
        else:
            found.append(row)
    return found


def _of_that_time(others: Sequence[Other], clocks: Clocks) -> list[Other]:
    """The others whose rows may be among those of the time of the send."""
    margin = 2 * SLACK + clocks.spread
    return [
        other
        for other in others
        if other.entry.state in (*DELIVERING, *UNRESOLVED)
        and clocks.at - margin <= other.until
        and other.at <= clocks.until + clocks.lag + margin
    ]


def _surely_there(others: Sequence[Other], clocks: Clocks) -> list[Other]:
    """The others that surely have a row of their own since the send."""
    return [
        other
        for other in others
        if other.entry.state in ("accepted", "sent")
        and other.at >= clocks.at
        and other.until - clocks.until + LAG_SECONDS <= clocks.elapsed
    ]


def _look_the_same(entry: Entry, others: Sequence[Other], means: Means) -> list[Other]:
    """The others that have the same of all that a row shows."""
    parts = sightings.visible_parts(entry, means.form)
    return [
        other
        for other in others
        if all(other.entry.parts.get(part) == entry.parts.get(part) for part in parts)
    ]


# --- judging -----------------------------------------------------------------------------------------------


def judge(
    entry: Entry,
    reads: Sequence[Read],
    others: Sequence[Other],
    clocks: Clocks,
    means: Means,
    *,
    alive: bool = False,
) -> Judged:
    """Whether a message of unknown outcome went out. The first rule that applies decides.

    `reads`: the receiver's conversation, under each of its numbers. `alive`: whether the sender may still
    send it.
    """
    if alive:
        return Judged("unknown", _ALIVE, None, max(_ALIVE_SECONDS, -clocks.passed))
    compared = _compare(entry, reads, others, clocks, means)
    rivals = _look_the_same(entry, others, means)
    if len(compared.same) > len(_of_that_time(rivals, clocks)):
        return Judged("sent", "", compared.same[0], 0.0)
    early, unread = clocks.early, _unread(reads, clocks.begins)
    doubts = (
        (bool(unread), unread),
        (any(_contradicts_itself(row) for read in reads for row in read.rows), _CONTRADICTORY),
        (
            len(compared.repeated) > len(_surely_there(rivals, clocks)),
            _SEVERAL if compared.same else _ELSEWHEN,
        ),
        (bool(compared.alike), _ALIKE),
        (bool(compared.changed), _CHANGED),
        (entry.state == "unpaired", _UNPAIRED),
        (not clocks.dates_agree, _DATES),
        (early > 0 and not clocks.agree, _CLOCKS),
        (early > 0, _TOO_EARLY),
    )
    why = next((doubt for applies, doubt in doubts if applies), "")
    if why == _DATES:
        early = max(early, 1.0)  # the next answer may have a better one
    return Judged("unknown" if why else "not_seen", why, None, early)


def fate(entry: Entry, reads: Sequence[Read], others: Sequence[Other], clocks: Clocks, means: Means) -> Fate:
    """How far a message got that WATI accepted, by its row.

    It is known to be accepted, so a row of its time that only resembles it counts, too: a template that
    lacks a value shows another text than the one that was sent.
    """
    compared = _compare(entry, reads, others, clocks, means)
    rivals = _of_that_time(others, clocks)
    found = [row for row in compared.repeated if _is_dated(row) and not clocks.too_new(row)]
    if found:
        rivals = _look_the_same(entry, rivals, means)
    elif entry.state != "presumed":
        found = list(filter(_is_dated, compared.alike))
    if not found:
        resembled = _ALIKE if compared.alike else _CHANGED if compared.changed else ""
        why = _unread(reads, clocks.begins) or resembled
        if not why and clocks.early > 0:
            why = "WATI may not show it yet"
        return Fate("unclear" if why else "not_found", why or "no row of that time is this message", None)
    endings = {(text_of(row, "statusString"), text_of(row, "failedDetail")) for row in found}
    if len(endings) > 1 or len(found) <= len(rivals):
        return Fate("unclear", "several messages that look the same were sent at that time", None)
    ((status, detail),) = endings
    known = str(status).lower()
    if known not in STATUSES:
        return Fate("unclear", "its row has no status that is known", found[0])
    reason = (detail or "WATI gives no reason")[:LONGEST_SHOWN] if known == "failed" else ""
    return Fate(known, reason, found[0])


def is_enough(
    entry: Entry, reads: Sequence[Read], others: Sequence[Other], clocks: Clocks, means: Means
) -> bool:
    """Whether these rows are enough for `fate`, so that the older ones need not be read."""
    same = _compare(entry, reads, others, clocks, means).same
    return len(same) > len(_of_that_time(others, clocks))


def _is_dated(row: Row) -> bool:
    return span(row)[0] > -math.inf
