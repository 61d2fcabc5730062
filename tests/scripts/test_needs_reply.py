"""needs_reply: whom it names, compared with what the sandbox has, and what it says it did not see."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from conftest import SANDBOX, Run
from sends import JOHN, Clock, World, make_world
from wati.reads.rows import iso
from wati.sandbox import State, control

Json = dict[str, Any]
HOUR, DAY = 3600.0, 86400.0
MESSAGES = "/wati/api/v1/getMessages/"
ALEX = {"owner": True, "operatorName": "Alex Agent"}
BOT = {"owner": True, "operatorName": "Bot "}
ROWS: list[Json] = [
    {},
    {},
    ALEX,
    {**ALEX, "statusString": "FAILED", "failedDetail": "Message undeliverable"},
    {"owner": True, "operatorName": "Sam Supervisor"},
    {"owner": True, "operatorName": "API Token sandbox "},
    BOT,
    {"event": "broadcastMessage", "template": "welcome", "statusString": "DELIVERED"},
    {"event": "ticket", "type": 1},
]


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    made = make_world(tmp_path, call)
    empty(made)
    return made


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def empty(world: World) -> None:
    with State(world.state).transaction() as tx:
        for table in ("contacts", "conversations", "messages"):
            tx.run(f"DELETE FROM {table}")


def number(index: int) -> str:
    return str(14155560000 + index)


def people(world: World, count: int) -> None:
    world.seed(contacts=[{"whatsappNumber": number(n), "name": f"Customer {n}"} for n in range(count)])


def said(world: World, to: str, age: float, text: str = "Hello?", **members: Any) -> None:
    world.seed(messages=[{"whatsappNumber": to, "age": age, "text": text, **members}])


def unanswered(world: World, hours: float = 72, *, bots: bool = False) -> dict[str, float]:
    """Who waits since when by the sandbox's state, read from the oldest row to the newest."""
    with State(world.state).transaction() as tx:
        now = tx.now
        sql = "SELECT number, at + floating * ? AS moment, inbound, doc FROM messages ORDER BY moment, seq"
        found = [(row["number"], row["moment"], row["inbound"], row["doc"]) for row in tx.rows(sql, tx.still)]
    first: dict[str, float] = {}
    last: dict[str, float] = {}
    for to, at, inbound, text in found:
        row = json.loads(text)
        if inbound:
            first.setdefault(to, at)
            last[to] = at
        elif row.get("statusString") == "FAILED":
            continue
        elif row["eventType"] == "message":
            if bots or row["operatorName"].strip() != "Bot":
                first.pop(to, None)
        elif row["eventType"] == "broadcastMessage" and bots:
            first.pop(to, None)
    return {to: at for to, at in first.items() if last[to] >= now - hours * HOUR}


def told(run: Run) -> dict[str, str]:
    return {one["whatsappNumber"]: one["since"] for one in run.data["waiting"]}


def seconds(waits: dict[str, float]) -> dict[str, str]:
    return {to: iso(at) for to, at in waits.items()}


def requests(world: World, path: str = MESSAGES) -> list[str]:
    """The numbers whose conversations were asked for, in order."""
    paths = [row["path"] for row in control.requests(world.state)]
    return [each.rpartition("/")[2] for each in paths if each.startswith(path)]


# --- against the sandbox's state ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_whoever_waits_by_the_state_is_named(world: World, seed: int) -> None:
    chance = random.Random(seed)
    people(world, 8)
    rows = []
    for index in range(8):
        # Now and then two rows have one time: then the later one was written later.
        age = chance.uniform(1, 90) * HOUR
        for _ in range(chance.randrange(7)):
            kind = chance.choice(ROWS)
            rows.append({"whatsappNumber": number(index), "age": age, "text": "Hello?", **kind})
            age = max(1.0, age - chance.choice([0, 0, 60, 3600, 9 * HOUR]))
    world.seed(messages=rows)
    for bots in (False, True):
        expected = unanswered(world, bots=bots)
        run = world.run("needs_reply", {"include_bots": bots})
        assert told(run) == seconds(expected)
        assert [one["since"] for one in run.data["waiting"]] == sorted(seconds(expected).values())
        assert run.data["complete"] is True and run.data["count"] == len(expected)
        assert run.data["looked_at"] == run.data["contacts"] == 8 and run.data["not_read"] == []
        assert "next" not in run.data


def test_the_worlds_of_that_test_have_waiting_customers(world: World) -> None:
    """So the comparison is not one of nothing with nothing."""
    people(world, 1)
    said(world, number(0), HOUR)
    said(world, number(0), HOUR - 1, **BOT)
    assert len(unanswered(world)) == 1 and not unanswered(world, bots=True)


@pytest.mark.parametrize("order", ["oldest", "none"])
def test_rows_in_another_order_say_the_same(world: World, order: str) -> None:
    people(world, 2)
    for age, members in ((9, ALEX), (5, {}), (4, {}), (3, BOT)):
        said(world, number(0), age * HOUR, **members)
    for age, members in ((9, {}), (5, BOT), (4, ALEX)):
        said(world, number(1), age * HOUR, **members)
    control.fault(world.state, {"fault": "unordered", "order": order, "times": 2})
    assert told(world.run("needs_reply")) == seconds(unanswered(world)) and len(unanswered(world)) == 1


@pytest.mark.parametrize("seconds_ahead", [-2 * DAY, 2 * DAY])
def test_the_far_side_s_clock_decides_how_long_ago_it_was(world: World, seconds_ahead: float) -> None:
    people(world, 1)
    said(world, number(0), HOUR)
    control.fault(world.state, {"fault": "date", "seconds": seconds_ahead, "times": 0})
    run = world.run("needs_reply", {"hours": 24})
    # By a clock that is two days ahead, the message is older than a day.
    assert run.data["count"] == (0 if seconds_ahead > 0 else 1)
    assert all(one["window"]["open"] for one in run.data["waiting"])


def test_a_message_by_the_api_is_an_answer_and_a_template_is_shown(world: World) -> None:
    people(world, 2)
    for index in (0, 1):
        said(world, number(index), HOUR, "Where is it?")
    world.run("send_session_message", {"whatsappNumber": number(0), "messageText": "On its way."})
    template = {"template_name": "welcome", "broadcast_name": "b", "parameters": []}
    world.run("send_template_message", {"whatsappNumber": number(1), **template})
    assert len(world.delivered) == 2
    (only,) = world.run("needs_reply").data["waiting"]
    assert only["whatsappNumber"] == number(1) and only["template_since"]["template"] == "welcome"
    assert not world.run("needs_reply", {"include_bots": True}).data["waiting"]


def test_an_answer_that_was_not_delivered_is_none(world: World) -> None:
    people(world, 1)
    said(world, number(0), 2 * HOUR)
    failed = {**ALEX, "statusString": "FAILED", "failedDetail": "Message undeliverable"}
    said(world, number(0), HOUR, "Yes", **failed)
    (only,) = world.run("needs_reply").data["waiting"]
    assert only["failed_since"] == {
        "at": only["failed_since"]["at"],
        "status": "FAILED",
        "failedDetail": "Message undeliverable",
    }


def test_one_who_waits_with_all_there_is_to_know(world: World) -> None:
    people(world, 1)
    said(world, number(0), 30 * HOUR, "Is it open?")
    said(world, number(0), 29 * HOUR, "We will see", **BOT)
    said(world, number(0), 21 * HOUR, "", type="image", data="data/images/a.jpg")
    assigned = "Chat is now assigned to agent@example.com. Automation will not work"
    said(world, number(0), 20.9 * HOUR, assigned, event="ticket", type=1)
    said(world, number(0), 20.8 * HOUR, "STOP")
    run = world.run("needs_reply")
    (only,) = run.data["waiting"]
    until = only["window"].pop("until")
    assert only == {
        "whatsappNumber": number(0),
        "name": "Customer 0",
        "since": iso(next(iter(unanswered(world).values()))),
        "messages": ["Is it open?", "[image]", "STOP"],
        "unanswered": 3,
        "asks_to_stop": True,
        "window": {"open": True, "closes_soon": True},
        "assigned": "agent@example.com",
    }
    assert until > only["since"]
    assert "never instructions" in run.document["notice"]
    closing = world.run("needs_reply", {"closing": 2}).data["waiting"][0]["window"]
    assert "closes_soon" not in closing


def test_by_operator(world: World) -> None:
    people(world, 3)
    for index, description in enumerate(["assigned to agent@example.com.", "assigned to Bot by Bot", ""]):
        if description:
            said(world, number(index), 2 * HOUR, f"Chat is now {description}", event="ticket", type=1)
        said(world, number(index), HOUR)
    names = {
        wanted: sorted(told(world.run("needs_reply", {"assigned": wanted})))
        for wanted in ("agent@example.com", "none", "Sam")
    }
    assert names == {"agent@example.com": [number(0)], "none": [number(1), number(2)], "Sam": []}


def test_hours_and_limit(world: World) -> None:
    people(world, 3)
    for index, age in enumerate((80, 40, 2)):
        said(world, number(index), age * HOUR)
    said(world, number(1), HOUR)
    assert list(told(world.run("needs_reply"))) == [number(1), number(2)]
    assert list(told(world.run("needs_reply", {"hours": 100}))) == [number(0), number(1), number(2)]
    run = world.run("needs_reply", {"hours": 100, "limit": 1})
    assert list(told(run)) == [number(0)] and run.data["count"] == 3 and run.data["more"] is True


def test_a_bot_that_talks_for_pages_does_not_hide_the_first_message(world: World) -> None:
    people(world, 1)
    said(world, number(0), 50 * HOUR, "A person, please")
    rows = [{"whatsappNumber": number(0), "age": 49 * HOUR - n, "text": "Hm", **BOT} for n in range(150)]
    world.seed(messages=rows)
    said(world, number(0), HOUR)
    run = world.run("needs_reply")
    assert told(run) == seconds(unanswered(world)) and run.data["waiting"][0]["unanswered"] == 2


# --- what it does not see -----------------------------------------------------------------------------------


def fail(world: World, to: str, **members: Any) -> None:
    fault = {"fault": "status", "match": {"path": f"{MESSAGES}{to}"}, "times": 0, **members}
    control.fault(world.state, fault)


def test_whoever_cannot_be_read_is_not_taken_for_answered(world: World, clock: Clock) -> None:
    people(world, 4)
    for index in range(4):
        said(world, number(index), HOUR)
    fail(world, number(1), status=500)
    fail(world, number(2), status=200, body={"result": False})
    run = world.run("needs_reply")
    assert sorted(told(run)) == [number(0), number(3)]
    assert sorted(run.data["not_read"], key=str) == [
        {"whatsappNumber": number(1), "code": "upstream_error"},
        {"whatsappNumber": number(2), "code": "rejected"},
    ]
    assert run.data["complete"] is False and run.data["looked_at"] == 2
    control.clear_faults(world.state)
    again = world.run("needs_reply", {"since": "last"})
    assert again.data["complete"] is True and sorted(told(again)) == [number(n) for n in range(4)]


def test_a_setup_that_is_wrong_is_a_failure(world: World) -> None:
    people(world, 2)
    control.fault(world.state, {"fault": "status", "match": {"path": "/wati/*"}, "times": 0, "status": 401})
    assert world.run("needs_reply").error["code"] == "unauthorized"


def test_a_setup_that_breaks_in_the_middle_keeps_what_was_seen(world: World) -> None:
    people(world, 4)
    for index in range(4):
        said(world, number(index), HOUR)
    control.fault(
        world.state,
        {"fault": "status", "match": {"path": f"{MESSAGES}*"}, "after": 2, "times": 0, "status": 401},
    )
    run = world.run("needs_reply")
    assert (run.data["looked_at"], run.data["count"], run.data["complete"]) == (2, 2, False)
    assert run.data["stopped"] == "unauthorized" and run.data["next"] == {"since": "last"}
    assert run.data["never_looked_at"] == 2


def test_a_list_that_ends_early_is_not_complete(world: World, clock: Clock) -> None:
    people(world, 250)
    fault = {"fault": "status", "match": {"path": "/wati/api/v1/getContacts"}, "after": 1, "times": 4}
    control.fault(world.state, {**fault, "status": 500})
    run = world.run("needs_reply", None, "--timeout", "3600")
    assert run.data["complete"] is False and run.data["contacts"] == 100
    assert run.data["stopped"] == "upstream_error" and run.data["never_looked_at_at_least"] == 0
    on = world.run("needs_reply", {"since": "last"}, "--timeout", "3600")
    assert on.data["complete"] is True and on.data["contacts"] == 250


# --- as far as the limits allow -----------------------------------------------------------------------------


def big(world: World, count: int) -> None:
    control.reset(world.state)  # with limits
    empty(world)
    people(world, count)


def test_a_run_goes_as_far_as_its_time_allows_and_the_next_one_goes_on(world: World, clock: Clock) -> None:
    big(world, 150)
    for index in range(150):
        said(world, number(index), (1 + index % 60) * HOUR)
    before = clock.ahead
    first = world.run("needs_reply", {"limit": 100})
    assert clock.ahead - before <= 60
    assert first.data["complete"] is False and 45 <= first.data["looked_at"] <= 60
    assert first.data["next"] == {"limit": 100, "since": "last"}
    assert first.data["never_looked_at"] == 150 - first.data["looked_at"]
    assert too_fast(world) == 0
    run = first
    for _ in range(9):
        if "next" not in run.data:
            break
        run = world.run("needs_reply", run.data["next"])
    assert run.data["complete"] is True and run.data["count"] == 150 == run.data["contacts"]


def too_fast(world: World) -> int:
    """How many requests the far side found too many. A new process does not know of the last one's."""
    return sum(row["status"] == 429 for row in control.requests(world.state))


def test_the_next_run_looks_first_where_windows_are_open(world: World, clock: Clock) -> None:
    big(world, 120)
    hot = [number(n) for n in (3, 40)]
    for to in hot:
        said(world, to, 30 * HOUR)
    said(world, number(50), HOUR)
    said(world, number(50), HOUR - 9, **ALEX)
    first = world.run("needs_reply", None, "--timeout", "3600")
    assert first.data["complete"] is True and sorted(told(first)) == hot
    count = len(requests(world))
    # Whoever was answered meanwhile waits no more, and who wrote meanwhile does.
    said(world, hot[0], 60, **ALEX)
    said(world, number(50), 50)
    second = world.run("needs_reply", {"since": "last"}, "--timeout", "20")
    assert sorted(requests(world)[count : count + 3]) == sorted([*hot, number(50)])
    assert sorted(told(second)) == [hot[1], number(50)]
    assert second.data["complete"] is False and "never_looked_at" not in second.data
    ages = [datetime.fromisoformat(run.data["oldest_look"][:-1]) for run in (first, second)]
    assert abs((ages[0] - ages[1]).total_seconds()) < 60


def test_who_waits_by_an_earlier_look_is_shown_with_its_time(world: World, clock: Clock) -> None:
    big(world, 60)
    for index in range(60):
        said(world, number(index), (1 + index) * HOUR / 2)
    world.run("needs_reply", None, "--timeout", "3600")
    run = world.run("needs_reply", {"since": "last", "limit": 100}, "--timeout", "12")
    assert run.data["count"] == 60 and run.data["looked_at"] < 60
    earlier = [one for one in run.data["waiting"] if "as_of" in one]
    assert len(earlier) == 60 - run.data["looked_at"]
    assert all("messages" not in one and "since" in one for one in earlier)


def test_ten_thousand_contacts(world: World, clock: Clock) -> None:
    """Each run keeps to its minute and goes on where the last one ended, and who was found stays named."""
    big(world, 10_000)
    listed = in_order(world)
    for to in (listed[40], listed[-40]):
        said(world, to, 2 * HOUR)
    arguments: Json | None = None
    looked_at = 0
    for _ in range(4):
        before = clock.ahead
        run = world.run("needs_reply", arguments)
        assert clock.ahead - before <= 61
        looked_at += run.data["looked_at"]
        assert run.data["complete"] is False and listed[40] in told(run)
        arguments = run.data["next"]
    assert run.data["contacts"] == 10_000 and looked_at > 150
    assert run.data["never_looked_at"] + len(set(requests(world))) == 10_000


def in_order(world: World) -> list[str]:
    """All contacts in the order of the list."""
    with State(world.state).transaction() as tx:
        return [
            row["number"] for row in tx.rows("SELECT number FROM contacts ORDER BY last_updated DESC, id")
        ]


def test_a_list_that_moves_hides_nobody(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes while the list is read goes to its top, where the reader has already been."""
    from wati.reads.rounds import Round

    people(world, 250)
    moved = number(249)
    said(world, moved, HOUR)
    known = Round._list
    count = 0

    def listing(self: Round, row: Json, place: int) -> bool:
        nonlocal count
        count += 1
        if count == 150:
            with State(world.state).transaction() as tx:
                tx.run("UPDATE contacts SET last_updated = ? WHERE number = ?", tx.now + 1, moved)
        return known(self, row, place)

    with State(world.state).transaction() as tx:
        for index in range(250):
            tx.run("UPDATE contacts SET last_updated = ? WHERE number = ?", tx.now - index, number(index))
    monkeypatch.setattr(Round, "_list", listing)
    run = world.run("needs_reply", None, "--timeout", "3600")
    assert run.data["contacts"] == 250 and list(told(run)) == [moved]


# --- what is kept -------------------------------------------------------------------------------------------


def test_no_text_and_no_name_is_kept(world: World) -> None:
    people(world, 1)
    said(world, number(0), HOUR, "A secret wish")
    assert world.run("needs_reply").data["count"] == 1
    file = Path(f"{world.state}-looks")
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600
    kept = file.read_bytes()
    assert number(0).encode() in kept
    assert b"secret wish" not in kept and b"Customer 0" not in kept
    control.reset(world.state)
    assert not file.exists()


def test_without_a_file_a_run_says_so_and_begins_anew(world: World) -> None:
    people(world, 1)
    said(world, number(0), HOUR)
    Path(f"{world.state}-looks").write_bytes(b"not a database" * 100)
    run = world.run("needs_reply", {"since": "last"})
    assert run.data["count"] == 1 and "cannot be kept" in run.document["notice"]


def test_another_program_s_database_stays_as_it_is(world: World) -> None:
    people(world, 1)
    said(world, number(0), HOUR)
    file = Path(f"{world.state}-looks")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE theirs (looks TEXT)")
    before = file.read_bytes()
    run = world.run("needs_reply")
    assert run.data["count"] == 1 and "another program's database" in run.document["notice"]
    assert file.read_bytes() == before


def test_several_accounts_are_not_mixed(world: World) -> None:
    people(world, 1)
    said(world, number(0), HOUR)
    world.seed(connections=[{"connection_id": "second", "status": "ACTIVE"}])
    run = world.run("needs_reply")
    assert "--connection ID" in run.document["notice"] and "is not kept" in run.document["notice"]
    assert world.run("needs_reply", {"since": "last"}, "--connection", "second").data["contacts"] == 0


def test_the_default_world(call: Callable[..., Run], state: str, clock: Clock) -> None:
    run = call("needs_reply", {"hours": 24}, "--timeout", "100", **SANDBOX)
    assert [one["name"] for one in run.data["waiting"]] == ["Maria Silva", "John Doe"]
    assert told(run)[JOHN] and run.data["complete"] is True


def test_the_busy_world(world: World, clock: Clock) -> None:
    control.reset(world.state, world="busy")
    run = world.run("needs_reply", {"limit": 100}, "--timeout", "3600")
    expected = unanswered(world)
    assert len(expected) > 50 and run.data["contacts"] == 1000 and run.data["complete"] is True
    # The answers that were not delivered are broadcasts, which are none anyway.
    assert run.data["count"] == len(expected)
    assert told(run).items() <= seconds(expected).items() and len(told(run)) == min(100, len(expected))
    assert too_fast(world) == 0 and clock.ahead < 1200


# --- who asked for no more messages -------------------------------------------------------------------------


def mark(world: World, to: str, value: str = "true") -> None:
    world.seed(contacts=[{"whatsappNumber": to, "customParams": [{"name": "opted_out", "value": value}]}])


def asked(run: Run) -> list[str]:
    return [one["whatsappNumber"] for one in run.data.get("asked_to_stop", [])]


def test_who_asked_to_stop_is_shown_until_the_contact_is_marked(world: World) -> None:
    people(world, 6)
    said(world, number(0), 3 * HOUR, "Stop!")  # answered since
    said(world, number(0), 2 * HOUR, "We will.", **ALEX)
    said(world, number(1), 400 * HOUR, "BAJA")  # long ago
    said(world, number(2), 2 * HOUR, "unsubscribe")  # and something else
    said(world, number(2), HOUR, "Hello?")
    said(world, number(3), 2 * HOUR, "STOP")  # but came back
    said(world, number(3), HOUR, "Fine.", **ALEX)
    said(world, number(3), 60, "I have another question")
    said(world, number(4), HOUR, "Please stop by tomorrow")
    said(world, number(5), HOUR, "Arrêt")
    mark(world, number(5))
    run = world.run("needs_reply")
    assert asked(run) == [number(2), number(0), number(1)]
    assert run.data["asked_to_stop"][0] == {"whatsappNumber": number(2), "name": "Customer 2"}
    flags = {
        one["whatsappNumber"]: (one.get("asks_to_stop"), one.get("opted_out")) for one in run.data["waiting"]
    }
    assert flags == {
        number(2): (True, None),
        number(3): (None, None),
        number(4): (None, None),
        number(5): (True, True),
    }
    assert world.run("opt_out", {"whatsappNumber": number(0)}).exit == 0
    again = world.run("needs_reply", {"since": "last", "limit": 1})
    assert asked(again) == [number(2)] and again.data["more_asked_to_stop"] == 1


def test_what_an_earlier_run_saw_of_it_is_known_to_the_next(world: World, clock: Clock) -> None:
    big(world, 120)
    said(world, number(7), 50 * HOUR, "STOP")
    first = world.run("needs_reply", None, "--timeout", "3600")
    assert first.data["complete"] is True and asked(first) == [number(7)]
    second = world.run("needs_reply", {"since": "last"}, "--timeout", "1")
    assert asked(second) == [number(7)]
    world.run("opt_out", {"whatsappNumber": number(7)})
    assert "asked_to_stop" not in world.run("needs_reply", {"since": "last"}, "--timeout", "20").data


@pytest.mark.parametrize("marked", ["525512345678", "5215512345678"])
def test_a_mark_under_another_spelling_counts(world: World, marked: str) -> None:
    other = ({"525512345678", "5215512345678"} - {marked}).pop()
    with State(world.state).transaction() as tx:
        tx.run("DELETE FROM contacts")
    for to in (marked, other):
        # Two contacts of one person, which WATI may have from two sources.
        world.seed(contacts=[{"whatsappNumber": to, "userId": f"MX.{to}"}])
    said(world, other, HOUR, "STOP")
    mark(world, marked)
    run = world.run("needs_reply")
    assert "asked_to_stop" not in run.data
    assert [one.get("opted_out") for one in run.data["waiting"]] == [True]


def test_what_an_earlier_version_kept_is_begun_anew(world: World) -> None:
    people(world, 1)
    said(world, number(0), HOUR, "STOP")
    file = Path(f"{world.state}-looks")
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE rounds (scope TEXT PRIMARY KEY, began REAL NOT NULL, page INTEGER NOT NULL)")
        db.execute("CREATE TABLE looks (scope TEXT, number TEXT, PRIMARY KEY (scope, number)) WITHOUT ROWID")
        db.execute("INSERT INTO looks VALUES ('', '1')")
    for arguments in (None, {"since": "last"}):
        run = world.run("needs_reply", arguments)
        assert run.data["count"] == 1 and "cannot be kept" not in run.document["notice"]
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT number, stops FROM looks").fetchall() == [(number(0), 1)]
