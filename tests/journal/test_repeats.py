"""What a store has found for each message, and which of it is a repeat: the rule of every store."""

from __future__ import annotations

from typing import Any

import pytest

from wati.journal import repeats
from wati.journal.entries import Repeat
from wati.journal.uptime import Uptime

NOW, UP = 1_800_000_000.0, Uptime("boot", 5000.0)
HOUR = 3600.0


def before(position: int, send: int, state: str, ago: float, **more: Any) -> dict[str, Any]:
    """A message that may be the one at `position`."""
    here = {"position": position, "listed": f"[{position}]", "receiver": f"r{position}", "kind": "text"}
    there = {"id": send, "state": state, "sent": NOW - ago, "known": f"k{send}"}
    return {**here, **there, "parts": {}, "others": {}, "seen": None, "boot": "", "up": 0.0, **more}


def twice(position: int) -> dict[str, Any]:
    members = {"position": position, "listed": f"[{position}]", "receiver": f"r{position}"}
    return {**members, "known": "first", "known_at": "[0]"}


def found(*rows: dict[str, Any], twins: tuple[dict[str, Any], ...] = ()) -> list[Repeat]:
    return list(repeats.found(twins, rows, NOW, UP))


CANDIDATES = {
    "the newest of several that stop it": ([(9, "accepted", 5), (8, "unknown", 9)], (9, True)),
    "an older one that stops it": (
        [(9, "accepted", HOUR), (8, "unknown", HOUR), (7, "open", HOUR)],
        (8, True),
    ),
    "the newest of several that are mentioned": ([(9, "accepted", HOUR), (8, "sent", 2 * HOUR)], (9, False)),
    "one behind another that is too old to matter": (
        [(9, "accepted", 25 * HOUR), (8, "sent", HOUR)],
        (8, False),
    ),
    "just a minute ago": ([(9, "accepted", 60.0)], (9, False)),
    "just a day ago": ([(9, "accepted", 24 * HOUR)], None),
    "a date in the future": ([(9, "accepted", -HOUR)], (9, True)),
}


@pytest.mark.parametrize("name", CANDIDATES)
def test_of_all_that_may_be_the_same_one_counts(name: str) -> None:
    candidates, expected = CANDIDATES[name]
    got = found(*(before(0, *each) for each in candidates))
    assert [(each.send, each.refused) for each in got] == ([] if expected is None else [expected])


def test_they_come_in_the_order_of_the_list_and_twice_is_worse_than_before() -> None:
    rows = [before(position, send, "accepted", 1.0) for position in (1, 2, 4) for send in (9, 8)]
    got = found(*rows, twins=(twice(2), twice(3)))
    assert [(each.position, each.state, each.send) for each in got] == [
        (1, "accepted", 9),
        (2, "twice", 0),
        (3, "twice", 0),
        (4, "accepted", 9),
    ]
    assert got[0] == Repeat(1, "[1]", "r1", 9, 1.0, "accepted", True, "k9")
    assert got[1] == Repeat(2, "[2]", "r2", 0, 0.0, "twice", True, "first", "[0]")


@pytest.mark.parametrize(
    ("boot", "up", "seconds"), [("boot", 4990.0, 10.0), ("boot", 5001.0, HOUR), ("x", 1.0, HOUR)]
)
def test_how_long_the_machine_is_up_counts_since_its_start(boot: str, up: float, seconds: float) -> None:
    (repeat,) = found(before(0, 9, "accepted", HOUR, boot=boot, up=up))
    assert (repeat.seconds, repeat.refused) == (seconds, seconds < 60)
    assert Uptime("", 5.0).since("", 1.0) is None


def test_how_far_a_date_is_ahead_and_since_when_it_was_seen() -> None:
    (repeat,) = found(before(0, 9, "accepted", -HOUR, seen=NOW - 30.0))
    assert (repeat.ahead, repeat.seconds) == (HOUR, 30.0)
    (repeat,) = found(before(0, 9, "accepted", 10.0, seen=NOW - 30.0))
    assert (repeat.ahead, repeat.seconds) == (0.0, 10.0)


@pytest.mark.parametrize(("kind", "is_one"), [("template", False), ("text", True)])
def test_only_the_values_of_a_template_are_compared_here(kind: str, is_one: bool) -> None:
    row = before(0, 9, "unknown", 1.0, kind=kind, parts={"name": "a"}, others={"name": "b"})
    assert len(found(row)) == is_one
