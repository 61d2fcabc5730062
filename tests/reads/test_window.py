"""The 24-hour window, second by second. Someone who hears that it is open sends what WATI may reject."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wati.reads import window
from wati.reads.inbox import Rows
from wati.reads.rows import span
from wati.reads.window import Window

NOW, DAY = 1_760_000_000.0, 86_400


def row(ago: float | None, owner: bool = False, event: str = "message") -> dict[str, Any]:
    return {
        "eventType": event,
        "owner": owner,
        "timestamp": None if ago is None else str(int(NOW - ago)),
    }


def judged(*rows: dict[str, Any], now: float | None = NOW, whole: bool = True) -> Window:
    return window.judge(cast(Rows, SimpleNamespace(now=now, whole=whole)), rows)


@pytest.mark.parametrize(
    ("rows", "is_open", "left"),
    [
        ([row(DAY - 1)], True, 1),
        ([row(DAY)], False, 0),
        ([row(5, owner=True), row(100)], True, DAY - 100),
        ([row(5, event="ticket"), row(100)], True, DAY - 100),
        ([row(100), row(50)], True, DAY - 100),  # the newest comes first
        ([row(-DAY)], True, 2 * DAY),  # a day ahead: one of the clocks is wrong
        # After a row that is a day old, all are older.
        ([row(DAY, owner=True), row(5)], False, 0),
    ],
)
def test_it_is_open_for_a_day_after_the_customer_wrote(
    rows: list[dict[str, Any]], is_open: bool, left: float
) -> None:
    found = judged(*rows)
    assert (found.open, found.left, found.until, found.why) == (is_open, left, NOW + left, "")
    assert found.by_customer is (rows[0] != row(DAY, owner=True)) and not found.never


@pytest.mark.parametrize(
    ("rows", "more", "why"),
    [
        ([], {}, "found in the conversation"),
        ([row(DAY - 1, owner=True)], {}, "found in the conversation"),
        ([row(DAY - 1, owner=True)], {"whole": False}, "among the newest"),
        ([row(None)], {}, "no usable time"),
        ([row(-DAY - 1)], {}, "no usable time"),
        ([row(5)], {"now": None}, "no usable time"),
        ([row(DAY, owner=True)], {"now": None}, "no usable time"),
    ],
)
def test_what_is_not_known_is_not_said(rows: list[dict[str, Any]], more: dict[str, Any], why: str) -> None:
    found = judged(*rows, **more)
    assert found.open is None and why in found.why
    assert found.never is ("in the conversation" in found.why and "among" not in found.why)


# --- the times of a row ------------------------------------------------------------------------------------


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("members", "low", "high"),
    [
        ({"created": "2026-03-01T12:00:00Z"}, utc("2026-03-01T12:00:00"), None),
        ({"created": "2026-03-01T12:00:00.5Z"}, utc("2026-03-01T12:00:00.500000"), None),
        ({"created": "2026-03-01T12:00:00.1234567Z"}, utc("2026-03-01T12:00:00.123456"), None),
        ({"created": "2026-03-01T12:00:00+05:30"}, utc("2026-03-01T06:30:00"), None),
        ({"timestamp": "1760000000"}, NOW, None),
        ({"timestamp": "99999999999"}, 99999999999, None),
        # Any local time of the world, from UTC+14 to UTC-12.
        ({"created": "2026-03-01T12:00:00"}, utc("2026-02-28T22:00:00"), utc("2026-03-02T00:00:00")),
        ({"created": "2026-03-01T12:00:00", "timestamp": "1760000000"}, NOW, None),
        ({"created": "2026-03-01T12:00:00Z", "timestamp": "1760000000"}, NOW, utc("2026-03-01T12:00:00")),
    ],
)
def test_a_row_was_created_between_all_times_that_it_says(
    members: dict[str, str], low: float, high: float | None
) -> None:
    assert span(members) == (low, low if high is None else high)


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"created": "yesterday", "timestamp": "soon"},
        {"created": 1760000000, "timestamp": 1760000000},
        {"timestamp": "100000000000"},
        {"timestamp": "١٧٦٠٠٠٠٠٠٠"},
        {"timestamp": "-1"},
        {"created": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_what_is_no_time_says_nothing(members: dict[str, Any]) -> None:
    assert span(members) == (float("-inf"), float("inf"))
