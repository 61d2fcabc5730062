"""Quiet hours: when it is open, and when it is again."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wati.campaigns import hours

NIGHT = hours.complete({"zone": "Europe/Lisbon"})
LISBON = "Europe/Lisbon"


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("local", "is_open", "opens"),
    [
        ("2026-01-10T08:59:59+00:00", False, "2026-01-10T09:00:00+00:00"),
        ("2026-01-10T09:00:00+00:00", True, "2026-01-10T09:00:00+00:00"),
        ("2026-01-10T19:59:59+00:00", True, "2026-01-10T19:59:59+00:00"),
        ("2026-01-10T20:00:00+00:00", False, "2026-01-11T09:00:00+00:00"),
        ("2026-07-10T08:30:00+00:00", True, "2026-07-10T08:30:00+00:00"),  # summer time
        # The night in which the clocks change has 12 or 14 quiet hours, by the wall clock always 13.
        ("2026-03-28T20:00:00+00:00", False, "2026-03-29T08:00:00+00:00"),
        ("2026-10-24T20:00:00+01:00", False, "2026-10-25T09:00:00+00:00"),
    ],
)
def test_by_the_wall_clock_of_the_zone(local: str, is_open: bool, opens: str) -> None:
    assert hours.is_open(NIGHT, LISBON, at(local)) is is_open
    assert hours.opens(NIGHT, LISBON, at(local)) == at(opens)


def test_hours_within_a_day_and_no_hours_at_all() -> None:
    noon = hours.complete({"from": "12:00", "to": "14:30"})
    assert not hours.is_open(noon, "UTC", at("2026-01-10T13:00:00+00:00"))
    assert hours.opens(noon, "UTC", at("2026-01-10T13:00:00+00:00")) == at("2026-01-10T14:30:00+00:00")
    assert hours.is_open(noon, "UTC", at("2026-01-10T02:00:00+00:00"))
    assert hours.is_open(None, "UTC", 0.0) and hours.is_open(NIGHT, "", 0.0)
    assert hours.opens(None, "", 7.0) == 7.0


def test_of_several_zones_all_have_to_be_open() -> None:
    zone = "Atlantic/Azores,Europe/Lisbon"  # an hour apart
    assert not hours.is_open(NIGHT, zone, at("2026-01-10T09:30:00+00:00"))
    assert hours.opens(NIGHT, zone, at("2026-01-10T09:30:00+00:00")) == at("2026-01-10T10:00:00+00:00")
    assert not hours.is_open(NIGHT, zone, at("2026-01-10T20:30:00+00:00"))
    assert hours.ever_opens(NIGHT, zone)
    assert not hours.ever_opens(NIGHT, "Europe/Lisbon,Pacific/Auckland")


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("14155551234", "America/Los_Angeles"),  # by the area code
        ("351912345678", "Atlantic/Azores,Europe/Lisbon"),
        ("123", "Etc/Unknown"),
        ("0", "Etc/Unknown"),
        ("6f1e8b6c8d5e4f3a2b1c0d9e", "Etc/Unknown"),
    ],
)
def test_the_zone_of_a_receiver(number: str, zones: str) -> None:
    assert hours.zone_of(hours.complete({}), number) == zones
    assert hours.zone_of(NIGHT, number) == LISBON
    assert hours.zone_of(None, number) == ""


def test_where_the_zone_is_not_known_nothing_leaves() -> None:
    assert not hours.ever_opens(NIGHT, "Etc/Unknown")
    assert not hours.is_open(NIGHT, "Etc/Unknown", at("2026-01-10T12:00:00+00:00"))


@settings(max_examples=25)
@given(
    st.sampled_from(["UTC", LISBON, "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(timezone.utc)),
    st.times(),
    st.times(),
)
def test_it_opens_at_the_first_open_minute(zone: str, when: datetime, start: object, end: object) -> None:
    quiet = {"from": f"{start:%H:%M}", "to": f"{end:%H:%M}", "zone": zone}
    if quiet["from"] == quiet["to"]:
        return
    when = when.replace(second=0, microsecond=0)
    # Minute by minute, without any arithmetic of ours.
    minute = when
    while not (
        quiet["to"] <= f"{minute.astimezone(ZoneInfo(zone)):%H:%M}" < quiet["from"]
        if quiet["to"] < quiet["from"]
        else not quiet["from"] <= f"{minute.astimezone(ZoneInfo(zone)):%H:%M}" < quiet["to"]
    ):
        minute += timedelta(minutes=1)
    assert hours.opens(quiet, zone, when.timestamp()) == minute.timestamp()


@pytest.mark.parametrize(
    ("given_hours", "where"),
    [
        ({"from": "20:00", "to": "20:00"}, ["$.q"]),
        ({"from": "8pm"}, ["$.q.from"]),
        ({"to": "24:00"}, ["$.q.to"]),
        ({"zone": "Europe/Lisboa"}, ["$.q.zone"]),
        ({"zone": "../etc/passwd"}, ["$.q.zone"]),
        ({"zone": ""}, ["$.q.zone"]),
        ({}, []),
        ({"zone": "receiver"}, []),
    ],
)
def test_hours_that_cannot_be_meant(given_hours: dict[str, str], where: list[str]) -> None:
    found = list(hours.problems(given_hours, "$.q"))
    assert [problem["at"] for problem in found] == where
    assert "Europe/Lisboa" not in given_hours.values() or "Europe/Lisbon?" in found[0]["problem"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-12-24T09:00:00+01:00", 1798099200.0),
        ("2026-12-24T08:00Z", 1798099200.0),
        ("2026-12-24T08:00:00", None),
        ("2026-12-24", None),
        ("2026-02-30T08:00:00Z", None),
        ("2026-12-24T08:00:00+99:00", None),
    ],
)
def test_a_moment_has_an_offset(text: str, seconds: float | None) -> None:
    assert hours.moment(text) == seconds
