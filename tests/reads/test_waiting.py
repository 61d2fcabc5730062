"""Who waits, by every short order of rows, against a reading from the oldest on; and whose turn it is."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from wati.reads import waiting
from wati.reads.rows import iso
from wati.reads.waiting import Known

Row = dict[str, Any]
NOW = 1_770_000_000.0
KINDS: dict[str, Row] = {
    "customer": {"eventType": "message", "owner": False, "text": "Hi"},
    "operator": {"eventType": "message", "owner": True, "operatorName": "Alex Agent"},
    "failed": {"eventType": "message", "owner": True, "operatorName": "Alex Agent", "statusString": "FAILED"},
    "api": {"eventType": "message", "owner": True, "operatorName": "API Token sandbox "},
    "bot": {"eventType": "message", "owner": True, "operatorName": " Bot "},
    "broadcast": {"eventType": "broadcastMessage"},
    "ticket": {"eventType": "ticket", "eventDescription": "The ticket has been closed"},
}
ANSWERS = {False: ("operator", "api"), True: ("operator", "api", "bot", "broadcast")}


def written(kinds: tuple[str, ...], *, dated: bool = True) -> list[Row]:
    """Rows as WATI lists them, newest first, of which `kinds` names the oldest first."""
    rows = [{**KINDS[kind], "id": str(n)} for n, kind in enumerate(kinds)]
    if dated:
        rows = [{**row, "created": iso(NOW + n)} for n, row in enumerate(rows)]
    return rows[::-1]


def forward(kinds: tuple[str, ...], *, include_bots: bool) -> list[int]:
    """The unanswered messages, by going through the conversation as it was written."""
    open_: list[int] = []
    for number, kind in enumerate(kinds):
        if kind == "customer":
            open_.append(number)
        elif kind in ANSWERS[include_bots]:
            open_ = []
    return open_


@pytest.mark.parametrize("include_bots", [False, True])
@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
def test_every_order_of_rows(include_bots: bool, dated: bool) -> None:
    waits = 0
    for length in range(5):
        for kinds in product(KINDS, repeat=length):
            expected = forward(kinds, include_bots=include_bots)
            rows = written(kinds, dated=dated)
            found = waiting.standing(rows, 0.0, include_bots=include_bots)
            assert [int(row["id"]) for row in reversed(found.unanswered)] == expected, kinds
            assert found.since == (NOW + expected[0] if expected and dated else None), kinds
            since = kinds[expected[0] :] if expected else ()
            assert (found.template is not None) == ("broadcast" in since and not include_bots), kinds
            assert (found.failed is not None) == ("failed" in since), kinds
            waits += bool(expected)
    assert waits > 500


def test_who_wrote_a_row_that_does_not_say_it_is_not_guessed() -> None:
    unknown = {"eventType": "message", "owner": None, "created": iso(NOW)}
    answer = {**KINDS["operator"], "created": iso(NOW - 1)}
    assert waiting.standing([unknown, answer], 0.0).unclear
    assert not waiting.standing([answer, unknown], 0.0).unclear
    found = waiting.standing([unknown, {**KINDS["customer"], "created": iso(NOW - 1)}], 0.0)
    assert found.unanswered and not found.unclear


def test_what_is_older_than_the_horizon_counts_only_behind_a_newer_message() -> None:
    rows = written(("customer", "customer", "customer"))
    assert not waiting.standing(rows, NOW + 3).unanswered
    assert len(waiting.standing(rows, NOW + 2).unanswered) == 3


@pytest.mark.parametrize("kinds", list(product(("customer", "operator"), repeat=3)), ids="-".join)
def test_a_page_in_another_order_says_the_same(kinds: tuple[str, ...]) -> None:
    rows = written(kinds)
    for order in (rows[::-1], [rows[1], rows[0], rows[2]], [rows[1], rows[2], rows[0]]):
        found, in_order = waiting.newest_first(order)
        assert found == rows and not in_order
    assert waiting.newest_first(rows) == (rows, True)


def test_of_rows_of_one_time_the_list_decides() -> None:
    rows = [{**row, "created": iso(NOW)} for row in written(("operator", "customer"))]
    assert waiting.newest_first(rows) == (rows, True)
    assert len(waiting.standing(rows, 0.0).unanswered) == 1


# --- whose turn it is ---------------------------------------------------------------------------------------

HOUR = 3600.0


def known(number: str, place: int, looked: float = 0.0, **members: Any) -> Known:
    return Known(number, place, NOW, looked, **members)


EVERYONE = [
    known("never", 1),
    known("never, further back", 9),
    known("long ago", 2, NOW - 9 * HOUR, wrote=NOW - 99 * HOUR),
    known("lately", 3, NOW - 8 * HOUR, wrote=NOW - 99 * HOUR),
    known("open", 4, NOW - 2 * HOUR, wrote=NOW - 23 * HOUR),
    known("waits", 5, NOW - 3 * HOUR, wrote=NOW - 40 * HOUR, waits=True),
    known("open, in this run", 6, NOW + 1, wrote=NOW - HOUR),
    known("in this round", 7, NOW - 5 * HOUR),
]
HOT, COLD = ["waits", "open"], ["never", "never, further back", "long ago", "lately"]


@pytest.mark.parametrize(("used", "order"), [(0.1, HOT + COLD), (0.9, COLD + HOT)])
def test_open_windows_first_but_not_all_the_time(used: float, order: list[str]) -> None:
    found = waiting.turn(EVERYONE, NOW - 6 * HOUR, NOW, NOW, used=used)
    assert [one.number for one in found] == order
