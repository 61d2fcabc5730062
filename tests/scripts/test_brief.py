"""brief: each count compared with what the sandbox has, and what it says it did not see."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_needs_reply import (
    ALEX,
    BOT,
    DAY,
    HOUR,
    MESSAGES,
    ROWS,
    big,
    empty,
    fail,
    number,
    people,
    requests,
    said,
    seconds,
    told,
    unanswered,
)

from conftest import Run
from sends import Clock, World, make_world
from wati.reads import contacts
from wati.reads.rows import iso
from wati.reads.tally import NO_REASON, Tally
from wati.sandbox import State, control

Json = dict[str, Any]
FAILED: list[Json] = [
    {**ALEX, "statusString": "FAILED", "failedDetail": "Message undeliverable"},
    {**BOT, "statusString": "FAILED"},
    {
        "event": "broadcastMessage",
        "template": "welcome",
        "statusString": "FAILED",
        "failedDetail": "131049",
    },
]
EDGES = (12 * HOUR, 20 * HOUR, 24 * HOUR, 48 * HOUR, 72 * HOUR)


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    made = make_world(tmp_path, call)
    empty(made)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def state_of(world: World, sql: str) -> tuple[float, list[Any]]:
    with State(world.state).transaction() as tx:
        return tx.now, tx.rows(sql, tx.still)


def counted(world: World, hours: float = 24) -> tuple[list[Counter[str]], Counter[str]]:
    """The messages of the latest period and of the one before, and why those of the latest failed."""
    now, rows = state_of(world, "SELECT at + floating * ? AS moment, inbound, doc FROM messages")
    periods: list[Counter[str]] = [Counter(), Counter()]
    reasons: Counter[str] = Counter()
    for row in rows:
        period, doc = int((now - row["moment"]) // (hours * HOUR)), json.loads(row["doc"])
        if period > 1 or doc["eventType"] == "ticket":
            continue
        kind = "broadcasts" if doc["eventType"] == "broadcastMessage" else "in" if row["inbound"] else "out"
        periods[period][kind] += 1
        if not row["inbound"] and doc.get("statusString") == "FAILED":
            periods[period]["failed"] += 1
            reasons[doc.get("failedDetail") or NO_REASON] += not period
    return periods, +reasons


def closing(world: World, hours: float = 4) -> list[str]:
    """Whose window closes within these hours, by the state, the first one first."""
    sql = "SELECT number, MAX(at + floating * ?) AS moment FROM messages WHERE inbound GROUP BY number"
    now, rows = state_of(world, sql)
    left = {row["number"]: row["moment"] + DAY - now for row in rows}
    return sorted((to for to, each in left.items() if 0 < each <= hours * HOUR), key=lambda to: left[to])


def kinds(counts: Json) -> Counter[str]:
    return +Counter({name: counts[name] for name in ("in", "out", "broadcasts", "failed")})


def off_the_edges(age: float) -> float:
    """Moved by some minutes, so a slow run sees the same."""
    return age + 900 if any(abs(age - edge) < 600 for edge in EDGES) else age


# --- against the sandbox's state ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_every_count_is_the_state_s(world: World, seed: int) -> None:
    chance = random.Random(seed)
    with State(world.state).transaction() as tx:
        now = tx.now
    world.seed(
        contacts=[
            {"whatsappNumber": number(n), "name": f"Customer {n}", "created": iso(now - age * DAY)}
            for n, age in enumerate(chance.choice((0, 0, 1, 2, 9)) for _ in range(9))
        ]
    )
    rows = []
    for index in range(8):
        age = chance.uniform(0.5, 75) * HOUR
        for _ in range(chance.randrange(12)):
            kind = chance.choice([*ROWS, *FAILED])
            rows.append({"whatsappNumber": number(index), "age": off_the_edges(age), "text": "Hi", **kind})
            age = max(60.0, age - chance.choice([0, 60, 3600, 9 * HOUR]))
    rows.sort(key=lambda row: -row["age"])
    world.seed(messages=rows)
    hours = chance.choice((24, 12))
    data = world.run("brief", {"hours": hours}).data
    (latest, before), reasons = counted(world, hours)
    assert kinds(data["messages"]) == +latest and kinds(data["messages"]["before"]) == +before
    assert data.get("failures", {}) == reasons
    assert data["messages"]["complete"] is data["complete"] is True
    assert data["messages"]["conversations"] == data["contacts"] == data["looked_at"] == 9
    waits = sorted(unanswered(world).items(), key=lambda one: one[1])
    assert data["waiting"]["count"] == len(waits)
    assert [one["since"] for one in data["waiting"]["longest"]] == [iso(at) for _, at in waits[:5]]
    assert data["closing_soon"]["count"] == len(closing(world))
    assert [one["whatsappNumber"] for one in data["closing_soon"]["first"]] == closing(world)[:5]
    _, dates = state_of(world, "SELECT created FROM contacts WHERE ? IS NOT NULL")
    days = [iso(row["created"])[:10] for row in dates]
    days_of = {"today": days.count(iso(now)[:10]), "yesterday": days.count(iso(now - DAY)[:10])}
    assert data["new_contacts"] == days_of


def test_the_worlds_of_that_test_have_something_of_each(world: World) -> None:
    people(world, 1)
    said(world, number(0), 21 * HOUR)
    for age, kind in ((30, {}), (29, ALEX), (20, FAILED[0]), (19, FAILED[1]), (18, FAILED[2]), (17, ROWS[7])):
        said(world, number(0), age * HOUR, **kind)
    (latest, before), reasons = counted(world)
    assert latest == {"in": 1, "out": 2, "broadcasts": 2, "failed": 3} and before == {"in": 1, "out": 1}
    assert reasons == {"Message undeliverable": 1, NO_REASON: 1, "131049": 1}
    assert closing(world) == [number(0)] and unanswered(world)


@pytest.mark.parametrize("order", ["oldest", "none"])
def test_rows_in_another_order_count_the_same(world: World, order: str) -> None:
    people(world, 1)
    for age, kind in ((60, {}), (40, ALEX), (30, {}), (20, {}), (10, FAILED[0]), (2, BOT)):
        said(world, number(0), age * HOUR, **kind)
    control.fault(world.state, {"fault": "unordered", "order": order, "times": 1})
    data = world.run("brief").data
    (latest, before), _ = counted(world)
    assert kinds(data["messages"]) == latest and kinds(data["messages"]["before"]) == before


def test_what_is_answered_is_counted_back_through_all_pages(world: World) -> None:
    people(world, 1)
    rows = [
        {"whatsappNumber": number(0), "age": 47.05 * HOUR - n * 600, "text": "Hm", **(ALEX if n % 2 else {})}
        for n in range(270)
    ]
    world.seed(messages=rows)
    data = world.run("brief").data
    (latest, before), _ = counted(world)
    assert sum(before.values()) > 100 < sum(latest.values())
    assert kinds(data["messages"]) == latest and kinds(data["messages"]["before"]) == before
    assert data["messages"]["complete"] is True


@pytest.mark.parametrize("seconds_ahead", [-2 * DAY, 2 * DAY])
def test_the_far_side_s_clock_decides_what_is_in_the_period(world: World, seconds_ahead: float) -> None:
    people(world, 1)
    said(world, number(0), HOUR)
    control.fault(world.state, {"fault": "date", "seconds": seconds_ahead, "times": 0})
    data = world.run("brief", {"hours": 30}).data
    assert (data["messages"]["in"], data["messages"]["before"]["in"]) == ((1, 0), (0, 1))[seconds_ahead > 0]


# --- what it shows ------------------------------------------------------------------------------------------


def test_what_it_shows_of_each(world: World) -> None:
    people(world, 8)
    for index in range(7):
        said(world, number(index), (40 - index) * HOUR, f"Question {index}")
        said(world, number(index), (39 - index) * HOUR, f"Hello? {index}")
    said(world, number(7), 22 * HOUR, "STOP")
    said(world, number(7), 21 * HOUR, "We will.", **ALEX)
    run = world.run("brief")
    data = run.data
    assert data["waiting"]["count"] == 7 and len(data["waiting"]["longest"]) == 5
    first = data["waiting"]["longest"][0]
    assert first["whatsappNumber"] == number(0) and first["messages"] == ["Hello? 0"]
    assert first["unanswered"] == 2 and first["window"]["open"] is False
    (closes,) = data["closing_soon"]["first"]
    assert (closes["whatsappNumber"], closes["name"], "waits" in closes) == (number(7), "Customer 7", False)
    assert data["asked_to_stop"] == [{"whatsappNumber": number(7), "name": "Customer 7"}]
    assert data["connections"] == {"PENDING": ["sandbox-pending"], "FAILED": ["sandbox-failed"]}
    assert data["templates"] == {"PENDING": ["spring_sale"], "REJECTED": ["account_alert"]}
    assert "failures" not in data and "campaigns" not in data and "next" not in data
    assert "never instructions" in run.document["notice"]
    assert world.run("brief", {"closing": 1}).data["closing_soon"] == {"count": 0, "first": []}


def test_many_templates_are_counted(world: World) -> None:
    templates = [{"elementName": f"t{n:02d}", "status": "PAUSED", "body": "Hi"} for n in range(14)]
    world.seed(templates=templates)
    found = world.run("brief").data["templates"]
    assert len(found["PAUSED"]) == 10 and found["more"] == 4 and found["PENDING"] == ["spring_sale"]


def test_many_reasons_are_counted(world: World) -> None:
    people(world, 1)
    for n in range(13):
        said(world, number(0), HOUR + n, **{**FAILED[0], "failedDetail": f"Reason {n}"})
    found = world.run("brief").data["failures"]
    assert len(found) == 11 and found["others"] == 3 and sum(found.values()) == 13


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("Oct-11-2024", "2024-10-11"),
        ("oct-1-2024", "2024-10-01"),
        ("2024-10-11T23:30:00Z", "2024-10-11"),
        ("2024-10-11T23:30:00", "2024-10-11"),
        ("/Date(1728656646000)/", "2024-10-11"),
        ("/Date(1728656646000+0200)/", "2024-10-11"),
        ("Foo-11-2024", ""),
        ("", ""),
        (None, ""),
        (1728656646, ""),
        ("/Date(999999999999999)/", "9999-12-31"),
    ],
    ids=str,
)
def test_the_day_of_a_contact_in_every_form(text: Any, day: str) -> None:
    assert contacts.created({"created": text}) == day


def test_contacts_without_a_day_are_said(world: World) -> None:
    people(world, 2)
    with State(world.state).transaction() as tx:
        (row,) = tx.rows("SELECT doc FROM contacts WHERE number = ?", number(0))
        undated = row["doc"].replace('"created"', '"made"')
        tx.run("UPDATE contacts SET doc = ? WHERE number = ?", undated, number(0))
    assert world.run("brief").data["new_contacts"] == {"today": 1, "yesterday": 0, "undated": 1}


# --- what it does not see -----------------------------------------------------------------------------------


def test_whoever_cannot_be_read_is_said_and_not_counted(world: World, clock: Clock) -> None:
    people(world, 3)
    for index in range(3):
        said(world, number(index), HOUR)
    fail(world, number(1), status=500)
    data = world.run("brief").data
    assert data["not_read"] == [{"whatsappNumber": number(1), "code": "upstream_error"}]
    assert data["messages"]["in"] == 2 and data["messages"]["conversations"] == 2
    assert data["complete"] is data["messages"]["complete"] is False


def test_templates_that_cannot_be_read_end_nothing(world: World, clock: Clock) -> None:
    people(world, 1)
    said(world, number(0), HOUR)
    path = "/wati/api/v1/getMessageTemplates"
    control.fault(world.state, {"fault": "status", "status": 500, "match": {"path": path}, "times": 0})
    data = world.run("brief").data
    assert data["templates"] == {"not_read": "upstream_error"} and data["waiting"]["count"] == 1


def test_a_setup_that_is_wrong_is_a_failure(world: World) -> None:
    people(world, 1)
    for path, code in (("/connections*", "unauthorized"), ("/wati/*", "unauthorized")):
        control.fault(world.state, {"fault": "status", "status": 401, "match": {"path": path}, "times": 0})
        assert world.run("brief").error["code"] == code
        control.clear_faults(world.state)


def test_a_conversation_of_a_thousand_rows_a_day_is_cut_and_says_so(world: World, clock: Clock) -> None:
    people(world, 1)
    rows = [{"whatsappNumber": number(0), "age": 47 * HOUR - n, "text": "Hm"} for n in range(1010)]
    world.seed(messages=rows)
    said(world, number(0), HOUR, **ALEX)
    found = world.run("brief").data["messages"]
    assert found["cut"] == 1 and found["complete"] is False and found["before"]["in"] == 999


def test_a_row_without_a_time_is_in_no_period() -> None:
    tally = Tally(DAY * 9, DAY)
    tally.add([{"eventType": "message", "owner": False}], is_cut=False)
    assert tally.undated == 1 and not tally.latest and not tally.before


def test_it_goes_on_where_needs_reply_ended_and_the_reverse(world: World, clock: Clock) -> None:
    big(world, 120)
    hot = [number(n) for n in (100, 110)]
    for to in hot:
        said(world, to, 30 * HOUR)
    first = world.run("needs_reply", None, "--timeout", "3600")
    assert first.data["complete"] is True
    said(world, number(50), 60)
    clock.sleep(20)  # a new process does not know how many requests the last one made
    count = len(requests(world, MESSAGES))
    data = world.run("brief", None, "--timeout", "20").data
    assert sorted(requests(world, MESSAGES)[count : count + 2]) == sorted(hot)
    assert data["complete"] is False and data["next"] == {} and 0 < data["looked_at"] < 120
    assert data["messages"]["complete"] is False
    assert data["messages"]["conversations"] == data["looked_at"] and data["contacts"] == 120
    assert "never_looked_at" not in data
    again = world.run("needs_reply", {"since": "last"}, "--timeout", "3600")
    assert again.data["complete"] is True and sorted(told(again)) == sorted([*hot, number(50)])
    assert told(again) == seconds(unanswered(world))


def test_a_list_that_was_not_read_to_its_end_says_at_least(world: World, clock: Clock) -> None:
    people(world, 250)
    fault = {"fault": "status", "match": {"path": "/wati/api/v1/getContacts"}, "after": 1, "times": 4}
    control.fault(world.state, {**fault, "status": 500})
    data = world.run("brief", None, "--timeout", "3600").data
    assert data["new_contacts"] == {"today": 100, "yesterday": 0, "at_least": True}
    assert data["complete"] is data["messages"]["complete"] is False and data["stopped"] == "upstream_error"


def test_several_accounts_are_not_mixed(world: World) -> None:
    people(world, 1)
    world.seed(connections=[{"connection_id": "second", "status": "ACTIVE"}])
    assert "--connection ID" in world.run("brief").document["notice"]
    assert world.run("brief", None, "--connection", "second").data["contacts"] == 0


def test_the_busy_world(world: World, clock: Clock) -> None:
    control.reset(world.state, world="busy")
    data = world.run("brief", None, "--timeout", "3600").data
    waits = unanswered(world)
    (latest, before), reasons = counted(world)
    assert len(waits) > 50 and data["waiting"]["count"] == len(waits) and latest["failed"] > 5
    assert data["complete"] is data["messages"]["complete"] is True
    for counts, expected in ((data["messages"], latest), (data["messages"]["before"], before)):
        # Twenty minutes go by while it reads.
        assert all(abs(kinds(counts)[kind] - expected[kind]) <= 8 for kind in ("in", "out", "failed"))
    assert set(data["failures"]) == set(reasons)
