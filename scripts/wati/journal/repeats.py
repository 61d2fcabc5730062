"""Which of the messages of a send are repeats, out of what a store has found for each. Pure.

A list can have a million repeats, so they are gone through one at a time.
"""

from __future__ import annotations

from heapq import merge
from itertools import groupby
from typing import TYPE_CHECKING, Any, Protocol

from wati.contract.messages import MENTION_SECONDS
from wati.journal import rules
from wati.journal.entries import Repeat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wati.journal.uptime import Uptime


class Row(Protocol):
    def __getitem__(self, name: str, /) -> Any: ...


def found(
    twice: Iterable[Row],
    before: Iterable[Row],
    now: float,
    up: Uptime,
    within: float = MENTION_SECONDS,
) -> Iterator[Repeat]:
    """What is listed twice, and what was sent before, in the order of the list.

    `twice`: `position`, `listed` (the place), `receiver`, and as what it came first: `known`, `known_at`.
    `before`: for each message those that may be the same, the newest send first, unresolved or delivering,
    with the members that `_repeat` reads. Both are in the order of their `position`.
    `within`: for how many seconds one that was accepted is mentioned.
    """
    by_place = merge(_twice(twice), _before(before, now, up, within), key=lambda repeat: repeat.position)
    for _, same in groupby(by_place, key=lambda repeat: repeat.position):
        yield next(same)


def _twice(rows: Iterable[Row]) -> Iterator[Repeat]:
    for row in rows:
        members = (row["position"], row["listed"], row["receiver"])
        yield Repeat(*members, 0, 0.0, "twice", True, row["known"], row["known_at"])


def _before(rows: Iterable[Row], now: float, up: Uptime, within: float) -> Iterator[Repeat]:
    """Of each message, the newest send that stops it, else the newest that is mentioned."""
    for _, candidates in groupby(rows, key=lambda row: row["position"]):
        newest = None
        for row in candidates:
            repeat = _repeat(row, now, up, within)
            if repeat is not None and (newest is None or repeat.refused > newest.refused):
                newest = repeat
        if newest is not None:
            yield newest


def _repeat(row: Row, now: float, up: Uptime, within: float) -> Repeat | None:
    """The earlier message as a repeat; None if it is another message, or too old to matter."""
    ago = rules.age(row["sent"], row["seen"], now, up.since(row["boot"], row["up"]))
    stops = rules.stops(row["state"], row["kind"], ago)
    if not stops and not rules.is_mentioned(ago, within):
        return None
    if row["kind"] == "template" and not rules.agree(row["parts"], row["others"]):
        return None
    members = (row["position"], row["listed"], row["receiver"], row["id"], ago, row["state"], stops)
    return Repeat(*members, row["known"], ahead=max(0.0, row["sent"] - now))
