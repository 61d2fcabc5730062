"""Who waits for an answer, by the rows of a conversation, and whose conversation to read next. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wati.contract.numbers import person
from wati.reads.rows import BOT, BROADCAST, CUSTOMER, EVENT, UNKNOWN, moment, speaker
from wati.reads.window import SECONDS as WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable

    Row = dict[str, Any]

SHARE_OF_OPEN = 2 / 3  # of the time, if more windows are open than can be looked at


class Standing:
    """What the rows of one conversation say, read from the newest one back to the last answer.

    `unanswered`: the customer's messages since then, newest first. `whole`: the last answer was found.
    `template`: the newest template since the first of them. `failed`: the newest answer since then that was
    not delivered, and so is none. `unclear`: who wrote a row is not known, and the customer may have.
    """

    def __init__(self) -> None:
        self.unanswered: list[Row] = []
        self.whole = False
        self.template: Row | None = None
        self.failed: Row | None = None
        self.unclear = False

    @property
    def since(self) -> float | None:
        """When the first unanswered message was written; None if no row has a time."""
        return min((at for at in map(moment, self.unanswered) if at is not None), default=None)


def standing(rows: Iterable[Row], horizon: float, *, include_bots: bool = False) -> Standing:
    """Read `rows`, newest first, only as far as they decide.

    `horizon`: messages before it (epoch seconds) are not looked for. `include_bots`: whether an answer of a
    bot, or a broadcast, is one.
    """
    found = Standing()
    template: Row | None = None
    failed: Row | None = None
    is_unclear = False
    for row in rows:
        who, at = speaker(row), moment(row)
        if not found.unanswered and at is not None and at < horizon:
            break
        if who == CUSTOMER:
            found.unanswered.append(row)
            # What is newer than this row came after the first unanswered message.
            found.template, found.failed = template, failed
        elif who == BROADCAST:
            template = template or row
        is_unclear |= who == UNKNOWN
        if who in _NOBODY or (who in _AUTOMATIC and not include_bots):
            continue
        if row.get("statusString") != "FAILED":
            found.whole = True
            break
        failed = failed or row
    found.unclear = is_unclear and not found.unanswered
    return found


_NOBODY, _AUTOMATIC = (CUSTOMER, EVENT, UNKNOWN), (BOT, BROADCAST)  # whose rows are no answer


def newest_first(rows: list[Row]) -> tuple[list[Row], bool]:
    """The rows of a page in the order in which they were written, and whether they came in it.

    Of rows of one time, and of those without a time, the list decides.
    """
    times = [moment(row) for row in rows]
    dated = [at for at in times if at is not None]
    if dated == sorted(dated, reverse=True):
        return rows, True
    if dated == sorted(dated):
        return rows[::-1], False
    return sorted(rows, key=lambda row: -(moment(row) or 0.0)), False


class Known(NamedTuple):
    """What is known of one contact's conversation, by the latest look at it.

    `place`: in the list of contacts, and `listed`: when it was seen there. `looked`: when its conversation
    was looked at; 0 if it never was. `wrote`: when the customer last wrote. `waits`: whether nobody has
    answered, `since` when, and `exact`: whether that is the first of the messages. `assigned`: to whom, "" =
    nobody; None if unknown. `code`: of the failure, if it could not be read. `stops`: whether the customer
    has asked for no more messages, and `marked`: whether the contact says so. `created`: the day on which
    the contact was made. Times are in epoch seconds; those of messages by the far side's clock, those of
    looks by this machine's.
    """

    number: str
    place: int
    listed: float
    looked: float = 0.0
    wrote: float | None = None
    waits: bool = False
    since: float | None = None
    exact: bool = True
    assigned: str | None = None
    code: str = ""
    stops: bool = False
    marked: bool = False
    created: str = ""


def is_hot(one: Known, now: float) -> bool:
    """Whether someone waits or the window is open, as far as is known: there, things are likely to happen."""
    return bool(one.waits) or (one.wrote is not None and now - one.wrote < WINDOW)


def turn(known: Iterable[Known], began: float, run: float, now: float, *, used: float) -> list[Known]:
    """Whom to look at next: open windows first, then those never looked at, then the oldest look.

    `began`: of the round, in which everyone is looked at once. `run`: the begin of this run, in which open
    windows are looked at again. `now`: by the far side's clock. `used`: the share of the run's time that is
    over: the last part is for the others.
    """
    hot, cold = [], []
    for one in known:
        if one.looked < run and is_hot(one, now):
            hot.append(one)
        elif one.looked < began:
            cold.append(one)
    for each in (hot, cold):
        each.sort(key=lambda one: (one.looked, one.place))
    return hot + cold if used < SHARE_OF_OPEN else cold + hot


def opted_out(known: Iterable[Known]) -> set[str]:
    """The persons who are marked, under whatever spelling of their number."""
    return {person(one.number) for one in known if one.marked}


def to_mark(known: Iterable[Known]) -> list[Known]:
    """Who has asked for no more messages and is not marked; the latest first."""
    everyone = list(known)
    marked = opted_out(everyone)
    found = [one for one in everyone if one.stops and person(one.number) not in marked]
    return sorted(found, key=lambda one: (-(one.wrote or 0.0), one.place))


def longest_first(waiting: Iterable[Known]) -> list[Known]:
    """Those whose messages have no time may have waited longest."""
    return sorted(waiting, key=lambda one: (one.since or 0.0, one.place))
