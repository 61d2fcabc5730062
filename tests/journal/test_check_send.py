"""check_send: what became of a send is what the far side's own log says, or it is not known."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from recording import Answer, FarSide, reply
from sends import (
    CSV,
    HELLO,
    JANE,
    JOHN,
    MANY,
    MARIA,
    ONE,
    SENDS,
    TEMPLATE,
    VALUES,
    Clock,
    World,
    make_world,
    states,
)
from wati.contract.endpoint import Endpoint
from wati.contract.messages import Message
from wati.journal import sightings
from wati.journal.store import Entry, Journal
from wati.sandbox import changes, control

EVERY_SEND = pytest.mark.parametrize("name", SENDS)
PATHS = {"send_session_message": "/wati/api/v1/sendSessionMessage/*"}
FILE, _ = SENDS["send_session_file"]
BUTTONS, _ = SENDS["send_interactive_buttons_message"]


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Waiting takes no time here, and both sides' clocks move with it."""
    return Clock(monkeypatch)


def lost(
    world: World, name: str, arguments: Any = None, *flags: str, effect: bool = True, **more: Any
) -> int:
    """A send of which no answer comes; its number."""
    own, needed = SENDS[name]
    world.lose("lost_answer" if effect else "reset")
    run = world.run(name, own if arguments is None else arguments, *needed, *flags, **more)
    assert run.exit == 7, run.text
    return int(run.error["hint"].rpartition("check_send.py ")[2])


def verdict(run: Run) -> str:
    if run.exit == 7:
        assert run.error["code"] == "outcome_unknown", run.text
        return "unknown"
    assert run.exit == 0, run.text
    found: str = run.data["verdict"]
    return found


def is_stopped(run: Run) -> bool:
    assert run.exit == 0 or run.error["code"] in ("repeated_send", "preflight_failed"), run.text
    return run.exit == 2


# --- each kind of message ----------------------------------------------------------------------------------


@EVERY_SEND
def test_what_went_out_is_found(name: str, world: World, clock: Clock) -> None:
    send = lost(world, name)
    before = dict(world.count)
    assert set(before.values()) == {1}
    run = world.check(send)
    assert verdict(run) == "sent" and "do not send it again" in run.data["next"]
    assert {one["receiver"] for one in run.data["looked_at"]} == set(before)
    assert all(one["message"]["statusString"] for one in run.data["looked_at"])
    assert clock.waited == []
    assert is_stopped(world.send(name))
    clock.ahead += 600
    assert not is_stopped(world.send(name))
    assert set(world.count.values()) == {2}


@EVERY_SEND
def test_what_did_not_go_out_is_not_seen_once_it_would_show(name: str, world: World, clock: Clock) -> None:
    send = lost(world, name, effect=False)
    assert world.delivered == []
    run = world.check(send)
    assert verdict(run) == "not_seen" and "Ask the user" in run.data["next"]
    assert 119 < sum(clock.waited) < 140
    assert all(one["searched"]["from"] < one["searched"]["until"] for one in run.data["looked_at"])
    assert not is_stopped(world.send(name))
    assert set(world.count.values()) == {1}


@EVERY_SEND
@pytest.mark.parametrize("seconds", [30, 100])
def test_lists_that_lag_are_waited_for(name: str, seconds: int, world: World, clock: Clock) -> None:
    send = lost(world, name)
    control.fault(world.state, {"fault": "lag", "seconds": seconds, "times": 0})
    assert verdict(world.check(send)) == "sent"
    assert seconds - 20 < sum(clock.waited) < seconds + 20


def test_without_a_caption_a_file_is_called_something(world: World) -> None:
    bare = {name: value for name, value in FILE.items() if name != "caption"}
    assert verdict(world.check(lost(world, "send_session_file", bare))) == "sent"
    assert verdict(world.check(lost(world, "send_session_file", {**FILE, "caption": "untitled"}))) == "sent"


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the templates could not be read before the send."""
    monkeypatch.setattr("wati.calls.last_look.receivers", lambda _: None)


def test_that_a_message_failed_is_told(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """v2 takes what lacks a parameter and fails it later: it is there, and its text is none that we know."""
    # As if the templates could not be read before the send.
    monkeypatch.setattr("wati.calls.last_look.receivers", lambda _: None)
    short = {**ONE, "parameters": VALUES[:1]}
    send = lost(world, "send_template_message_v2", short)
    clock.ahead += 10
    assert [row["status"] for row in world.delivered] == ["FAILED"]
    assert verdict(world.check(send)) == "unknown"
    # Under this name nothing here knows what it is; WAV by its name would not leave.
    (world.folder / "a.bin").write_bytes(b"RIFF0000WAVEfmt ")
    send = lost(world, "send_session_file", {**FILE, "file": "a.bin"})
    clock.ahead += 10
    run = world.check(send)
    assert verdict(run) == "sent"
    assert run.data["looked_at"][0]["message"]["statusString"] == "FAILED"
    assert run.data["looked_at"][0]["message"]["failedDetail"]


# --- what only resembles it --------------------------------------------------------------------------------


def said(number: str, text: str, **more: Any) -> dict[str, Any]:
    return {"whatsappNumber": number, "text": text, "owner": True, "age": 0, **more}


LONG = "Tom & Zo\u00eb, your \u201cparcel\u201d is here \u2764."


@EVERY_SEND
@pytest.mark.parametrize("change", changes.TEXTS)
def test_a_text_that_was_changed_on_the_way_is_not_taken_for_missing(
    name: str, change: str, world: World, clock: Clock
) -> None:
    arguments = json.loads(json.dumps(SENDS[name][0]).replace("12345", LONG).replace("John", LONG))
    for text in ("messageText", "caption", "body"):
        if text in arguments:
            arguments[text] = LONG
    (world.folder / "list.csv").write_text(
        f'Phone,name,ordernumber\n{JOHN},x,"{LONG}"\n{JANE},x,"{LONG}"\n', encoding="utf-8"
    )
    control.fault(world.state, {"fault": "altered", "change": change})
    send = lost(world, name, arguments)
    clock.ahead += 300
    run = world.check(send)
    # What nobody can see is no change.
    assert verdict(run) == ("sent" if change == "selector" else "unknown")
    assert set(world.count.values()) == {1}
    if change != "selector":
        assert is_stopped(world.run(name, arguments, *SENDS[name][1]))


@pytest.mark.parametrize("name", ["send_session_message", "send_template_message"])
def test_what_another_of_our_sends_explains_is_not_it(name: str, world: World, clock: Clock) -> None:
    send = lost(world, name, effect=False)
    clock.ahead += 20
    other = json.loads(json.dumps(SENDS[name][0]).replace("12345", "67890").replace("parcel", "invoice"))
    assert world.run(name, other).exit == 0
    world.seed(messages=[said(JOHN, "I am on it", operatorName="Alex Agent"), said(JOHN, "?", owner=False)])
    assert verdict(world.check(send)) == "not_seen"


def broadcast(**more: Any) -> dict[str, Any]:
    text = "Hi John, your order 12345 is ready."
    return said(JOHN, text, event="broadcastMessage", template="order_update", **more)


def test_a_broadcast_hours_later_is_not_the_message(world: World, clock: Clock) -> None:
    send = lost(world, "send_template_message", effect=False)
    clock.ahead += 3 * 3600
    world.seed(messages=[broadcast()])
    assert verdict(world.check(send)) == "unknown"
    assert is_stopped(world.send("send_template_message")) and world.delivered == []


def test_a_colleagues_broadcast_is_not_ours(world: World, clock: Clock) -> None:
    send = lost(world, "send_template_message", effect=False)
    clock.ahead += 20
    world.seed(messages=[broadcast(operatorName="Alex Agent")])
    assert verdict(world.check(send)) == "unknown" and world.delivered == []


def test_what_a_colleague_typed_only_resembles_it(world: World, clock: Clock) -> None:
    send = lost(world, "send_session_message", effect=False)
    clock.ahead += 20
    world.seed(messages=[said(JOHN, HELLO["messageText"], operatorName="Alex Agent")])
    run = world.check(send)
    assert (
        verdict(run) == "unknown" and "may be it" in run.text and "Ask the user to look" in run.error["hint"]
    )
    assert is_stopped(world.send("send_session_message"))
    assert world.delivered == []


def test_what_the_customer_wrote_is_none_of_ours(world: World, clock: Clock) -> None:
    send = lost(world, "send_session_message", effect=False)
    clock.ahead += 20
    world.seed(messages=[said(JOHN, HELLO["messageText"], owner=False)])
    assert verdict(world.check(send)) == "not_seen"


def test_another_text_is_not_it(world: World, clock: Clock) -> None:
    send = lost(world, "send_session_message", effect=False)
    clock.ahead += 20
    assert world.run("send_session_message", {**HELLO, "messageText": "Another."}).exit == 0
    assert verdict(world.check(send)) == "not_seen"


def test_the_same_template_with_other_values_is_not_it(world: World) -> None:
    send = lost(world, "send_template_message", effect=False)
    other = {**ONE, "parameters": [VALUES[0], {**VALUES[1], "value": "67890"}]}
    assert world.run("send_template_message", other).exit == 0
    assert verdict(world.check(send)) == "not_seen"


def test_a_template_whose_name_begins_the_same_is_not_it(world: World) -> None:
    send = lost(world, "send_template_message", effect=False)
    longer = [*VALUES, {"name": "eta", "value": "now"}]
    arguments = {**ONE, "template_name": "order_update_v2", "parameters": longer}
    assert world.run("send_template_message", arguments).exit == 0
    assert verdict(world.check(send)) == "not_seen"


def template(name: str, body: str) -> dict[str, Any]:
    return {"elementName": name, "status": "APPROVED", "body": body}


@pytest.mark.parametrize(
    "body",
    [
        "Hello {{name}}, the order {{ordernumber}} waits.",
        "Hi {{name}} is ready.",
        "Hi {{name}}, your {{thing}} {{ordernumber}} is ready.",
    ],
)
def test_a_template_that_was_changed_meanwhile(body: str, world: World) -> None:
    send = lost(world, "send_template_message")
    world.seed(templates=[template("order_update", body)])
    assert verdict(world.check(send)) == "unknown"


def test_a_template_that_is_gone(world: World) -> None:
    import sqlite3
    from contextlib import closing

    sent = lost(world, "send_template_message")
    lost_on_the_way = lost(world, "send_template_message", {**ONE, "whatsappNumber": JANE}, effect=False)
    with closing(sqlite3.connect(world.state)) as db:
        db.execute("DELETE FROM templates WHERE name = 'order_update'")
        db.commit()
    assert verdict(world.check(sent)) == "unknown"
    assert verdict(world.check(lost_on_the_way)) == "not_seen"


def test_a_file_whose_bytes_are_others(world: World, clock: Clock) -> None:
    """With the same caption nobody can say; with another one it is another file."""
    send = lost(world, "send_session_file", effect=False)
    (world.folder / "b.pdf").write_bytes(b"%PDF-1.4\nanother\n")
    assert world.run("send_session_file", {**FILE, "file": "b.pdf", "caption": "Another"}).exit == 0
    assert verdict(world.check(send)) == "not_seen"
    send = lost(world, "send_session_file", effect=False)
    clock.ahead += 70
    assert world.run("send_session_file", {**FILE, "file": "b.pdf"}).exit == 0
    assert verdict(world.check(send)) == "unknown"


def test_each_file_is_fetched_once(world: World, clock: Clock) -> None:
    send = lost(world, "send_session_file", effect=False)
    (world.folder / "b.pdf").write_bytes(b"%PDF-1.4\nanother\n")
    assert world.run("send_session_file", {**FILE, "file": "b.pdf"}).exit == 0
    world.check(send)
    fetched = [row for row in control.requests(world.state) if row["path"].endswith("/getMedia")]
    assert len(clock.waited) > 3 and len(fetched) == 1


def test_a_place_that_the_csv_fills_from_the_contact(world: World) -> None:
    """WATI fills it from a column that is no parameter of ours: its value is not known."""
    world.seed(templates=[template("greeting", "Hello {{Name}}, welcome.")])
    (world.folder / "list.csv").write_text(f"Name,Phone\nJohn,{JOHN}\n")
    arguments = {**CSV, "template_name": "greeting"}
    world.lose()
    assert world.run("send_template_message_csv", arguments, "--confirm", "1").exit == 7
    assert len(world.delivered) == 1
    assert verdict(world.check(1)) == "unknown"


# --- other sends that look the same ------------------------------------------------------------------------


def test_an_earlier_one_is_not_taken_for_it(world: World, clock: Clock) -> None:
    assert world.send("send_session_message").exit == 0
    clock.ahead += 61  # outside of the search
    assert verdict(world.check(lost(world, "send_session_message", effect=False))) == "not_seen"
    assert verdict(world.check(lost(world, "send_session_message"))) == "sent"
    assert len(world.delivered) == 2


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("before", [1, 20, 40])
def test_an_earlier_one_within_the_search(before: int, effect: bool, world: World, clock: Clock) -> None:
    assert world.send("send_session_message").exit == 0
    clock.ahead += before
    send = lost(world, "send_session_message", None, "--again", effect=effect)
    found = verdict(world.check(send))
    # At 40 seconds, whether the clocks bring the earlier one into the search is not certain.
    assert (
        found
        in {True: ("sent", "unknown") if before == 40 else ("sent",), False: ("not_seen", "unknown")}[effect]
    )


def test_a_row_may_be_that_of_an_earlier_one_though_both_clocks_are_inexact(
    world: World, clock: Clock
) -> None:
    """Each by half a minute: the earlier one left before any row that is compared was made."""
    assert world.send("send_session_message").exit == 0
    clock.ahead += 55
    send = lost(world, "send_session_message", None, "--again", effect=False)
    world.seed(messages=[said(JOHN, HELLO["messageText"], age=20, operatorName="API Token x ")])
    assert verdict(world.check(send)) == "unknown"


def test_a_later_one_that_does_not_show_yet(world: World, clock: Clock) -> None:
    """The row that is there is the first one's, though the second is the one that was accepted."""
    first = lost(world, "send_session_message")
    clock.ahead += 100
    assert world.send("send_session_message", "--again").exit == 0
    clock.ahead += 25
    control.fault(world.state, {"fault": "lag", "seconds": 60, "times": 0})
    assert verdict(world.check(first)) != "not_seen"


@pytest.mark.parametrize("effects", [(True, False), (False, True), (True, True), (False, False)])
def test_two_of_which_one_is_there(effects: tuple[bool, bool], world: World) -> None:
    sends = [lost(world, "send_session_message", None, "--again", effect=effect) for effect in effects]
    expected = {0: "not_seen", 1: "unknown", 2: "sent"}[sum(effects)]
    assert [verdict(world.check(send)) for send in sends] == [expected] * 2


@pytest.mark.parametrize("effect", [True, False])
def test_the_same_text_with_other_buttons(effect: bool, world: World, clock: Clock) -> None:
    """The row of the one is not taken for the other, of which it shows nothing."""
    assert world.run("send_interactive_buttons_message", BUTTONS).exit == 0
    clock.ahead += 5
    send = lost(world, "send_interactive_buttons_message", {**BUTTONS, "footer": "Soon"}, effect=effect)
    assert verdict(world.check(send)) == ("sent" if effect else "unknown")


@pytest.mark.parametrize("effect", [True, False])
def test_the_same_template_with_another_link(effect: bool, world: World, clock: Clock) -> None:
    def invoice(number: str) -> dict[str, Any]:
        return {
            **ONE,
            "template_name": "payment_link",
            "parameters": [VALUES[0], {"name": "invoice", "value": number}],
        }

    assert world.run("send_template_message", invoice("a")).exit == 0
    clock.ahead += 5
    send = lost(world, "send_template_message", invoice("b"), effect=effect)
    assert verdict(world.check(send)) == ("sent" if effect else "unknown")


# --- time --------------------------------------------------------------------------------------------------


def test_without_the_time_to_wait_it_says_when(world: World, clock: Clock) -> None:
    send = lost(world, "send_session_message", effect=False)
    run = world.check(send, "--timeout", "2")
    assert verdict(run) == "unknown" and sum(clock.waited) <= 2
    assert 100 < run.error["retry_after"] <= 122 and "not seen yet" in run.text
    assert is_stopped(world.send("send_session_message"))
    clock.ahead += run.error["retry_after"]
    assert verdict(world.check(send, "--timeout", "2")) == "not_seen"


@pytest.mark.parametrize("hours", [-7, 7])
@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize("flags", [[], ["--connection", "sandbox-main"]])
def test_clocks_that_are_hours_apart(
    hours: int, effect: bool, flags: list[str], world: World, clock: Clock
) -> None:
    """The journal's time is this machine's; with the connection named, nothing told the difference before."""
    if hours > 0:
        control.advance(world.state, hours * 3600)
    else:
        control.reset(world.state, now=time.time() + hours * 3600, limits=False)
    world.seed(messages=[said(JOHN, "Hello?", owner=False)])
    send = lost(world, "send_session_message", None, *flags, effect=effect)
    if hours < 0:
        clock.sleep(200)
        control.advance(world.state, 200)  # its clock is fixed
    assert verdict(world.check(send)) == ("sent" if effect else "not_seen")


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        *({"fault": "date", "seconds": seconds} for seconds in (-300, 300, -86400)),
        {"fault": "undated"},
        {"fault": "unzoned", "seconds": 7200},
        {"fault": "unordered", "order": "oldest"},
        {"fault": "unordered", "order": "none"},
        {"fault": "lag", "seconds": 119},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
@pytest.mark.parametrize("name", ["send_session_message", "send_template_message"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_no_clock_zone_or_order_alone_decides(
    when: str, name: str, fault: dict[str, Any], effect: bool, world: World
) -> None:
    """At once and two minutes later, wherever it is wrong: at the send, too, or only in the look."""
    asked = {**fault, "times": 0, "match": {"method": "GET"}}
    if when == "before":
        control.fault(world.state, asked)
    send = lost(world, name, effect=effect)
    if when == "after":
        control.fault(world.state, asked)
    for flags in (["--timeout", "2"], []):
        assert verdict(world.check(send, *flags)) in (
            ("sent", "unknown") if effect else ("not_seen", "unknown")
        )


def test_one_wrong_date_costs_only_a_wait(world: World) -> None:
    send = lost(world, "send_session_message", effect=False)
    control.fault(world.state, {"fault": "date", "seconds": -300, "match": {"method": "GET"}})
    assert verdict(world.check(send)) == "not_seen"


def test_an_answer_that_shows_fewer_seconds_counts(world: World, clock: Clock) -> None:
    """It may come from an old copy of the list, which cannot have the message."""
    send = lost(world, "send_session_message", effect=False)
    clock.ahead += 200
    conversation = {"path": f"/wati/api/v1/getMessages/{JOHN}"}
    control.fault(world.state, {"fault": "date", "seconds": -300, "times": 0, "match": conversation})
    assert verdict(world.check(send, "--timeout", "2")) == "unknown"


def test_an_answer_without_a_date_loses_no_clock(world: World, clock: Clock) -> None:
    """The world is hours ahead, which only the answers before showed."""
    control.advance(world.state, 7 * 3600)
    world.seed(messages=[said(JOHN, "Hello?", owner=False)])
    send = lost(world, "send_session_message")
    control.fault(world.state, {"fault": "undated", "times": 0})
    assert verdict(world.check(send)) == "sent"


def test_a_clock_that_an_earlier_look_showed_is_kept(world: World) -> None:
    """The world is hours ahead, which only the look at John shows; the send knew of no clock."""
    control.advance(world.state, 7 * 3600)
    for path in ("getMessageTemplates", f"getMessages/{JANE}"):
        match = {"path": f"/wati/api/v1/{path}"}
        control.fault(world.state, {"fault": "undated", "times": 0, "match": match})
    send = lost(world, "send_template_messages_v2", None, "--connection", "sandbox-main")
    run = world.check(send)
    assert [one["receiver"] for one in run.data["looked_at"]] == [JOHN, JANE]
    assert verdict(run) == "sent"


def test_a_look_before_a_send_whose_answer_has_no_date_loses_no_clock(world: World) -> None:
    """The world is hours ahead, which only the connections showed."""
    control.advance(world.state, 7 * 3600)
    templates = {"path": "/wati/api/v1/getMessageTemplates"}
    control.fault(world.state, {"fault": "undated", "times": 0, "match": templates})
    send = lost(world, "send_template_message_v2")
    control.fault(world.state, {"fault": "undated", "times": 0})
    assert verdict(world.check(send)) == "sent"


@pytest.mark.parametrize(("newer", "found"), [(150, "sent"), (1000, "unknown")])
def test_what_lies_under_many_newer_rows_is_found_or_stays_open(
    newer: int, found: str, world: World, clock: Clock
) -> None:
    """The second of the pages that are read has it, or none: what was not read is not missing."""
    send = lost(world, "send_session_message")
    clock.ahead += 300
    rows = [said(JOHN, f"Hello? {number}", owner=False) for number in range(newer)]
    world.seed(messages=rows)
    assert verdict(world.check(send)) == found


# --- what cannot be looked at ------------------------------------------------------------------------------


def test_a_conversation_that_is_refused(world: World) -> None:
    send = lost(world, "send_template_message", {**ONE, "whatsappNumber": "14155559876"}, effect=False)
    run = world.check(send)
    assert verdict(run) == "unknown" and "shows no conversation" in run.text


@pytest.mark.parametrize(
    ("fault", "code", "exit_code", "source"),
    [
        ({"fault": "status", "status": 500}, "upstream_error", 6, "network"),
        ({"fault": "status", "status": 401}, "unauthorized", 3, "wati"),
        ({"fault": "status", "status": 429, "retry_after": 3000}, "rate_limited", 5, "wati"),
        ({"fault": "html"}, "bad_answer", 6, "network"),  # a page from a server on the way
    ],
)
def test_a_look_that_fails_says_nothing_of_the_send(
    fault: dict[str, Any], code: str, exit_code: int, source: str, world: World
) -> None:
    send = lost(world, "send_session_message")
    control.fault(world.state, {**fault, "times": 0, "match": {"path": "/wati/api/v1/getMessages/*"}})
    run = world.check(send)
    assert run.exit == exit_code and run.error["code"] == code, run.text
    assert "stays unresolved" in run.error["message"] and run.error["hint"].startswith(
        "Do not send it again."
    )
    assert "nothing was" not in run.text.lower()
    assert run.error["source"] == source
    assert states(world) == ["unknown"] and is_stopped(world.send("send_session_message"))


def test_a_connection_that_is_gone(world: World) -> None:
    send = lost(world, "send_session_message")
    confirm = ["--confirm", "sandbox-main"]
    assert world.run("delete_connection", {"connection_id": "sandbox-main"}, *confirm).exit == 0
    run = world.check(send)
    assert run.exit == 3 and "stays unresolved" in run.error["message"], run.text


def test_a_sample_keeps_within_the_limits(tmp_path: Path, call: Callable[..., Run]) -> None:
    """WATI allows ten of these reads in ten seconds (documented)."""
    world = make_world(tmp_path, call)
    control.reset(world.state)
    receivers = [{"whatsappNumber": str(14155550100 + n), "customParams": VALUES} for n in range(7)]
    world.lose()
    assert world.run("send_template_messages", {**MANY, "receivers": receivers}, "--confirm", "7").exit == 7
    control.fault(world.state, {"fault": "lag", "seconds": 60, "times": 0})
    run = world.check(1)
    assert 429 not in [row["status"] for row in control.requests(world.state)]
    assert verdict(run) == "presumed" and run.data["sample"] == "5 of 7 receivers were looked at"


# --- several receivers -------------------------------------------------------------------------------------

CROWD = [str(14155550100 + number) for number in range(9)]


def crowd(*numbers: str) -> dict[str, Any]:
    return {**MANY, "receivers": [{"whatsappNumber": to, "customParams": VALUES} for to in numbers]}


def test_a_sample_that_has_it_makes_the_others_presumed(world: World) -> None:
    """Nobody looked at them, so nobody says that a look showed it."""
    world.lose()
    assert world.run("send_template_messages_v2", crowd(*CROWD), "--confirm", "9").exit == 7
    run = world.check(1)
    looked = [CROWD[index] for index in (0, 2, 4, 6, 8)]
    assert verdict(run) == "presumed" and [one["receiver"] for one in run.data["looked_at"]] == looked
    assert run.data["receivers"] == {"sent": looked, "presumed": CROWD[1::2]}
    assert run.data["sample"] == "5 of 9 receivers were looked at" and "not looked at" in run.data["next"]
    assert world.run("check_send").data == {"unresolved": []}
    again = world.run("send_template_messages_v2", crowd(CROWD[1]), "--confirm", "1")
    assert again.error["code"] == "repeated_send" and "found it" not in again.text
    assert set(world.count.values()) == {1}


def test_a_sample_that_has_it_not_speaks_only_for_itself(world: World, clock: Clock) -> None:
    world.lose("reset")
    assert world.run("send_template_messages_v2", crowd(*CROWD), "--confirm", "9").exit == 7
    run = world.check(1)
    assert verdict(run) == "not_seen" and "sample" not in run.data
    assert sorted(one["receiver"] for one in run.data["looked_at"]) == CROWD  # each of them was looked at
    assert sum(clock.waited) > 122  # a moment more for each receiver


STRANGERS = ["14155550000", "14155550001"]
SOME = [*CROWD[:2], STRANGERS[0], *CROWD[2:6], STRANGERS[1], CROWD[6]]


def left_out_unheard(world: World) -> None:
    """WATI passes over who is not on WhatsApp, and the answer that said so was lost."""
    world.seed(contacts=[{"whatsappNumber": number} for number in STRANGERS])
    world.lose()
    assert world.run("send_template_messages", crowd(*SOME), "--confirm", "9").exit == 7
    assert len(world.delivered) == 7


def test_where_a_sample_differs_everyone_is_looked_at(world: World) -> None:
    left_out_unheard(world)
    run = world.check(1)
    assert verdict(run) == "mixed"
    assert run.data["receivers"] == {"sent": CROWD[:7], "not_seen": STRANGERS}
    # Nobody who has it may get it again.
    assert is_stopped(world.run("send_template_messages", crowd(*CROWD[:7]), "--confirm", "7"))
    assert set(world.count.values()) == {1}


def test_who_was_not_looked_at_in_time_stays_open_for_the_next_run(world: World, clock: Clock) -> None:
    left_out_unheard(world)
    clock.ahead += 200
    # The first five can be read, each to the empty second page; then it goes wrong.
    broken = {"fault": "status", "status": 401, "times": 0, "after": 10}
    control.fault(world.state, {**broken, "match": {"path": "/wati/api/v1/getMessages/*"}})
    run = world.check(1)
    assert verdict(run) == "unknown" and "Run this again" in run.error["hint"]
    assert "5 of 9 receivers" in run.error["message"]
    looked = SOME[::2]
    assert run.error["receivers"] == {
        "sent": [number for number in looked if number not in STRANGERS],
        "unknown": SOME[1::2],
        "not_seen": [STRANGERS[0]],
    }
    control.clear_faults(world.state)
    run = world.check(1)
    assert verdict(run) == "mixed" and [one["receiver"] for one in run.data["looked_at"]] == SOME[1::2]
    # The second sample's own four have nothing to say for others, because the first one differed.
    assert run.data["receivers"] == {"sent": CROWD[:7], "not_seen": STRANGERS}


def test_a_send_whose_process_lives_is_not_concluded(world: World, clock: Clock) -> None:
    """Its row may be there, or not yet: whoever sends it will say so."""
    lost(world, "send_session_message")
    journal = Journal(str(world.journal), "sandbox")
    message = Message("$", JANE, "text", {"text": "x"})
    send = journal.enter("s", "sandbox-main", [message], 0.0, again=True, until=time.time() + 200)
    assert isinstance(send, int)
    before = len(control.requests(world.state))
    run = world.check(send)
    assert verdict(run) == "unknown" and "still being sent" in run.text
    assert 190 < run.error["retry_after"] <= 200 and clock.waited == []
    assert len(control.requests(world.state)) == before
    assert states(world) == ["unknown", "open"]
    clock.ahead += 1000  # no time makes it dead
    assert verdict(world.check(send)) == "unknown" and states(world) == ["unknown", "open"]
    journal.settle(send, "unknown")
    assert verdict(world.check(send)) == "not_seen"


def test_a_partial_result_is_looked_into_where_it_is_unknown(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    rows = [
        {"waId": JOHN, "isValidWhatsAppNumber": True, "errors": []},
        {"waId": JANE, "isValidWhatsAppNumber": False, "errors": ["no WhatsApp"]},
    ]
    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({"result": True, "receivers": rows}), to="/wati/api/v2")
    assert call("send_template_messages_v2", crowd(JOHN, JANE, MARIA), "--confirm", "3", **own).exit == 8
    run = call("check_send", {"id": 1}, **own)
    assert verdict(run) == "mixed"
    assert [one["receiver"] for one in run.data["looked_at"]] == [MARIA]
    assert {request.path.rpartition("/")[2] for request in far_side.to("/wati/api/v1/getMessages/")} == {
        MARIA
    }


# --- numbers -----------------------------------------------------------------------------------------------


def test_the_list_of_what_is_unresolved(world: World) -> None:
    assert world.run("check_send").data == {"unresolved": []}
    assert world.run("send_session_message", {**HELLO, "messageText": "accepted"}).exit == 0
    lost(world, "send_session_message")
    lost(world, "send_template_messages")
    found = world.run("check_send", {}).data["unresolved"]
    assert [one["id"] for one in found] == [3, 2]
    assert found[0]["receivers"] == found[0]["unresolved"] == 2
    assert found[0]["first_unresolved"] == [JOHN, JANE]
    assert found[0]["script"] == "send_template_messages" and found[0]["connection"] == "sandbox-main"
    assert "parcel" not in json.dumps(found)


def test_numbers_that_are_none(world: World) -> None:
    lost(world, "send_session_message")
    run = world.check(2)
    assert run.exit == 2 and run.error["problems"] == [{"at": "$.id", "problem": "the journal has no send 2"}]
    for wrong in (0, -1, 1.5, "1", 2**70):  # null is absence
        assert world.run("check_send", {"id": wrong}).error["code"] == "invalid_arguments"


def test_what_is_settled_is_said_again(world: World, clock: Clock) -> None:
    send = lost(world, "send_session_message")
    assert verdict(world.check(send)) == verdict(world.check(send)) == "sent"
    before = len(control.requests(world.state))
    assert world.check(send).data["looked_at"] == []
    assert len(control.requests(world.state)) == before
    del clock


def test_where_the_journal_is_off(call: Callable[..., Run], far_side: FarSide) -> None:
    for arguments in ({}, {"id": 1}):
        run = call("check_send", arguments, WATI_JOURNAL="off")
        assert run.exit == 3 and "off" in run.error["message"]
    assert far_side.requests == []


def test_where_the_journal_cannot_be_used(call: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "diary").write_bytes(b"Dear diary, " * 100)
    run = call("check_send", {}, WATI_JOURNAL=str(tmp_path / "diary"))
    assert run.exit == 3 and "not a database" in run.error["message"] and str(tmp_path) not in run.text


def test_it_takes_no_connection(call: Callable[..., Run], far_side: FarSide, tmp_path: Path) -> None:
    """It goes over the one that the send went by."""
    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({}, 502), to="/wati/")
    assert call("send_session_message", HELLO, "--connection", "conn-7", **own).exit == 7
    assert call("check_send", {"id": 1}, "--connection", "conn-8", **own).error["code"] == "usage"
    call("check_send", {"id": 1}, MATON_CONNECTION_ID="conn-8", **own)
    reads = far_side.to("/wati/api/v1/getMessages")
    assert reads and {request.header("maton-connection") for request in reads} == {"conn-7"}
    assert len(far_side.writes) == 1


# --- never a message that is there -------------------------------------------------------------------------

SCRIPTS = [
    "send_session_message",
    "send_session_file",
    "send_interactive_buttons_message",
    "send_template_message",
]


@pytest.mark.parametrize("seed", range(12))
def test_never_not_seen_for_what_went_out(
    seed: int, tmp_path: Path, call: Callable[..., Run], clock: Clock
) -> None:
    """Faults, lags and earlier sends in any order; the sandbox's log is the judge."""
    chance = random.Random(seed)
    world = make_world(tmp_path, call)
    name = chance.choice(SCRIPTS)
    truth: dict[int, bool] = {}
    for number in range(1, chance.randint(2, 4) + 1):
        before = len(world.delivered)
        fault = chance.choice(["", "lost_answer", "reset", "empty", "truncated"])
        if fault:
            world.lose(fault)
        run = world.send(name, "--again")
        assert run.exit == (7 if fault else 0)
        truth[number] = len(world.delivered) > before
        clock.ahead += chance.choice([0, 1, 10, 45, 59, 61, 130])
    control.fault(world.state, {"fault": "lag", "seconds": chance.choice([0, 20, 60, 110]), "times": 0})
    seen = []
    for number in chance.sample(sorted(truth), len(truth)):
        found = verdict(world.check(number, *chance.choice([[], ["--timeout", "2"]])))
        seen.append(found)
        if found != "unknown":
            assert (found in ("sent", "accepted")) is truth[number], (name, number, truth)
    assert len(seen) == len(truth)


# --- rows of any form --------------------------------------------------------------------------------------

ODD: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "",
    "x",
    "x" * 20_000,
    "\ud800",
    [],
    {},
    [[]],
    {"a": {"b": 1}},
    "2026-13-45",
]
MEMBERS = [
    "eventType", "owner", "type", "data", "operatorName", "created", "timestamp", "eventDescription",
    "finalText", "template", "statusString", "failedDetail", "id", "text",
]  # fmt: skip


def listed(**members: Any) -> Answer:
    """A list of WATI's, in ASCII: halves of surrogate pairs have no other form."""
    return Answer(body=json.dumps({"result": "success", **members}).encode())


def good_row(name: str) -> dict[str, Any]:
    row = {
        "id": "1", "eventType": "message", "owner": True, "text": HELLO["messageText"], "type": "text",
        "data": None, "operatorName": "API Token x ", "statusString": "SENT",
    }  # fmt: skip
    if name == "send_session_file":
        return {**row, "text": FILE["caption"], "type": "document", "data": "data/documents/a.pdf"}
    if name == "send_template_message":
        return {
            "id": "1", "eventType": "broadcastMessage", "finalText": "Hi John, your order 12345 is ready.",
            "eventDescription": 'Broadcast message with using "order_update" template was received',
        }  # fmt: skip
    return row


@pytest.mark.parametrize("name", ["send_session_message", "send_session_file", "send_template_message"])
def test_rows_of_any_form_crash_nothing(
    name: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path, clock: Clock
) -> None:
    chance = random.Random(name)
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\n")
    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({}, 502), to="/wati/api/v1/send")
    assert call(name, SENDS[name][0], "--connection", "c", **own).exit == 7
    clock.ahead += 200
    runs = 0
    for member in MEMBERS:
        rows: list[Any] = [{**good_row(name), member: odd} for odd in ODD] + ODD
        chance.shuffle(rows)
        far_side.always(listed(messages={"items": rows}), to="/wati/api/v1/getMessages/")
        if member == "template":
            bodies = [
                {"elementName": "order_update", "status": "APPROVED", "bodyOriginal": odd} for odd in ODD
            ]
            far_side.will(
                listed(messageTemplates=[*ODD, *bodies]),
                to="/wati/api/v1/getMessageTemplates",
            )
        run = call("check_send", {"id": 1}, "--timeout", "1", **own)
        # That a row without a time could be it is never ruled out: its text may have been changed on the way.
        assert verdict(run) == "unknown"
        assert len(run.text) < 20_000
        runs += 1
    assert runs == len(MEMBERS)
    assert len(far_side.writes) == 1


def test_a_far_side_that_makes_comparing_endless_is_left(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wati.journal.search.MOST_DIGESTS", 2000)
    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({}, 502), to="/wati/api/v1/send")
    assert call("send_template_message", ONE, "--connection", "c", **own).exit == 7
    body = {"elementName": "order_update", "status": "APPROVED", "bodyOriginal": "{{name}}{{ordernumber}}"}
    far_side.always(listed(messageTemplates=[body]), to="/wati/api/v1/getMessageTemplates")
    rows = [
        {**good_row("send_template_message"), "id": n, "finalText": "John" + "x" * 900} for n in range(50)
    ]
    far_side.always(listed(messages={"items": rows}), to="/wati/api/v1/getMessages/")
    run = call("check_send", {"id": 1}, "--timeout", "1", **own)
    assert verdict(run) == "unknown" and "too much" in run.text


def test_what_is_shown_of_a_row_is_short(call: Callable[..., Run], far_side: FarSide, tmp_path: Path) -> None:
    from wati.reads.rows import iso

    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({}, 502), to="/wati/api/v1/send")
    assert call("send_session_message", HELLO, "--connection", "c", **own).exit == 7
    row = {**good_row("send_session_message"), "created": iso(time.time()), "failedDetail": "x" * 10**6}
    row |= {"statusString": {"deep": ["x" * 10**6]}}
    far_side.always(listed(messages={"items": [row]}), to="/wati/api/v1/getMessages/")
    run = call("check_send", {"id": 1}, **own)
    assert verdict(run) == "sent" and len(run.text) < 2000
    assert run.data["looked_at"][0]["message"] == {"id": "1", "created": row["created"]}


def test_rows_out_of_order_on_a_page_are_all_looked_at(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    from wati.reads.rows import iso

    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({}, 502), to="/wati/api/v1/send")
    assert call("send_session_message", HELLO, "--connection", "c", **own).exit == 7
    row = good_row("send_session_message")
    rows = [{**row, "id": "old", "created": iso(time.time() - 86400)}, {**row, "created": iso(time.time())}]
    far_side.always(listed(messages={"items": rows}), to="/wati/api/v1/getMessages/")
    assert verdict(call("check_send", {"id": 1}, **own)) == "sent"


@pytest.mark.parametrize(("newer", "found"), [(999, "sent"), (1000, "unknown")])
def test_a_page_of_which_only_a_part_is_read_is_not_the_whole_conversation(
    newer: int, found: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    from wati.reads.rows import iso

    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({}, 502), to="/wati/api/v1/send")
    assert call("send_session_message", HELLO, "--connection", "c", **own).exit == 7
    row = {**good_row("send_session_message"), "created": iso(time.time())}
    rows = [{**row, "id": f"newer {number}", "owner": False, "text": "Hello?"} for number in range(newer)]
    far_side.always(listed(messages={"items": [*rows, row]}), to="/wati/api/v1/getMessages/")
    assert verdict(call("check_send", {"id": 1}, **own)) == found


# --- templates ---------------------------------------------------------------------------------------------


def entry(tmp_path: Path, values: dict[str, str], name: str = "t") -> tuple[Entry, Callable[[str], str]]:
    journal = Journal(str(tmp_path / "journal"), "x")
    send = journal.enter("s", "c", [Message("$", JOHN, "template", values, name=name)], None, again=True)
    assert isinstance(send, int)
    found = journal.send(send)
    assert found is not None
    return found.entries[0], journal.digest()


FILLED = [
    ("{{a}}{{b}}", {"a": "one", "b": "two"}),
    ("{{a}} {{b}} {{a}}", {"a": "one one", "b": "two"}),
    ("{{a}} in front", {"a": "John"}),
    ("at the end {{a}}", {"a": "John"}),
    ("{{a}}", {"a": "John"}),
    ("Hi {{a}}, your order, {{b}}.", {"a": "Smith, your order, John", "b": "1, your order, 2."}),
    ("Hi {{a}}.", {"a": ".*(+?)[x]\\d{2}$^|"}),
    ("Hi {{a}}.", {"a": "{{a}}"}),
    ("No place at all", {}),
    ("Hi {{a}}, {{b}}!", {"a": "a  b ", "b": "Zoe\u0308"}),
    ("Hi {{ a }}\r\n\r\nyour {{b}}", {"a": "x", "b": "y"}),
    ("x{{a}}x{{b}}x", {"a": "xx", "b": "xxx"}),
    ("Hi {{name}} {{a}}", {"name": "", "a": "x"}),
]


@pytest.mark.parametrize(("body", "values"), FILLED)
def test_a_filled_template_is_told(body: str, values: dict[str, str], tmp_path: Path) -> None:
    import re

    ours, digest = entry(tmp_path, values)
    form = sightings.Form({"bodyOriginal": body})
    text = re.sub(r"\{\{ ?(\w+) ?\}\}", lambda place: values[place[1]], body)
    row = {"eventType": "broadcastMessage", "finalText": text, "template": {"elementName": "t"}}

    def compared(**members: Any) -> str:
        return sightings.likeness({**row, **members}, ours, digest, form, lambda _: None)

    blank = "" in values.values()
    assert compared() == ("alike" if blank else "same")
    if blank:
        return  # two spaces become one: then it only resembles it
    assert compared(finalText=text.replace("\r\n", "\n") + " ") == "same"
    if values:
        assert compared(finalText=text.replace(next(iter(values.values())), "other", 1)) in ("other", "alike")
    assert compared(finalText=text + "!") in ("other", "alike")
    assert compared(template={"elementName": "t_v2"}) == "other"
    assert compared(template=None) == "alike"
    assert compared(template=None, eventDescription='using "t" template') == "same"
    assert compared(template=None, eventDescription='using "t_v2" template') == "other"
    assert compared(finalText=None) == "alike"


def test_a_template_that_shows_as_a_message_resembles_it(tmp_path: Path) -> None:
    ours, digest = entry(tmp_path, {"a": "John"})
    form = sightings.Form({"bodyOriginal": "Hi {{a}}."})
    row = {"eventType": "message", "owner": True, "text": "Hi John."}
    assert sightings.likeness(row, ours, digest, form, lambda _: None) == "alike"
    assert sightings.likeness({**row, "text": "Hi Jane."}, ours, digest, form, lambda _: None) == "other"
    assert sightings.likeness({**row, "owner": False}, ours, digest, form, lambda _: None) == "other"


def test_a_file_that_is_named_by_its_address() -> None:
    named = {
        "data/images/a.jpg": "data/images/a.jpg",
        "https://live.wati.io/1/api/file/showFile?fileName=data%2Fimages%2Fa%20b.jpg": "data/images/a b.jpg",
        "x" * 2000: "",
    }
    for data, name in named.items():
        assert sightings.media_of({"data": data}) == name
    for odd in (None, 5, [], {}):
        assert sightings.media_of({"data": odd}) == ""


def test_every_kind_of_send_is_tried_here(endpoints: dict[str, Endpoint]) -> None:
    assert set(SENDS) == {name for name, endpoint in endpoints.items() if endpoint.effect == "send"}


# --- what the journal knows, without a look ----------------------------------------------------------------


@pytest.mark.usefixtures("unchecked")
def test_what_was_accepted_is_called_accepted_not_gone_out(world: World, clock: Clock) -> None:
    """It may have failed since: without a look, nobody says that it went out."""
    short = {**ONE, "parameters": VALUES[:1]}
    assert world.run("send_template_message_v2", short).exit == 0
    clock.ahead += 300
    assert [row["status"] for row in world.delivered] == ["FAILED"]
    before = len(control.requests(world.state))
    run = world.check(1)
    assert verdict(run) == "accepted" and run.data["receivers"] == {"accepted": [JOHN]}
    assert "went out" not in run.text and "look" in run.data["next"] and run.data["looked_at"] == []
    assert len(control.requests(world.state)) == before


def test_who_was_rejected_in_bulk_is_named(world: World) -> None:
    strangers = crowd(CROWD[0], "14155550000", CROWD[1])
    assert world.run("send_template_messages_v2", strangers, "--confirm", "3").exit == 8
    run = world.check(1)
    assert verdict(run) == "mixed"
    assert run.data["receivers"] == {"accepted": CROWD[:2], "rejected": ["14155550000"]}
    assert "no trace" not in run.text and "Never send the whole list again" in run.data["next"]


@pytest.mark.parametrize(
    ("arguments", "found"), [({**ONE, "parameters": []}, "rejected"), (ONE, "not_sent")], ids=str
)
def test_what_was_not_accepted_is_said_as_it_is(arguments: Any, found: str, world: World) -> None:
    if found == "not_sent":
        control.fault(world.state, {"fault": "refuse", "match": {"method": "POST"}, "times": 0})
    assert world.run("send_template_message", arguments).exit in (4, 6)
    run = world.check(1)
    assert verdict(run) == found and run.data["receivers"] == {found: [JOHN]}


# --- how far a message got ---------------------------------------------------------------------------------


def look(world: World, number: int, *flags: str, **more: Any) -> Run:
    return world.run("check_send", {"id": number, "look": True, **more}, *flags)


@EVERY_SEND
def test_a_look_says_that_it_was_delivered(name: str, world: World, clock: Clock) -> None:
    assert world.send(name).exit == 0
    clock.ahead += 30
    run = look(world, 1)
    assert verdict(run) == "delivered", run.text
    assert run.data["receivers"] == {"delivered": list(world.count)}
    assert {one["message"]["statusString"] for one in run.data["looked_at"]} == {"DELIVERED"}
    assert "read receipts" in run.data["next"] and "reasons" not in run.data
    assert states(world) == ["accepted"] * len(world.delivered)


@pytest.mark.parametrize("status", ["SENT", "DELIVERED", "READ", "REPLIED", "FAILED", "PLAYED", None, 7])
def test_each_status_that_a_row_can_have(
    status: Any, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    from wati.reads.rows import iso

    own = {"WATI_JOURNAL": str(tmp_path / "journal")}
    far_side.will(reply({"ok": True, "result": "success", "message": {}}), to="/wati/api/v1/send")
    assert call("send_session_message", HELLO, "--connection", "c", **own).exit == 0
    row = {**good_row("send_session_message"), "created": iso(time.time()), "statusString": status}
    row |= {"failedDetail": "131026 undeliverable"} if status == "FAILED" else {}
    far_side.always(listed(messages={"items": [row]}), to="/wati/api/v1/getMessages/")
    run = call("check_send", {"id": 1, "look": True}, **own)
    known = str(status).lower() if status in ("SENT", "DELIVERED", "READ", "REPLIED", "FAILED") else "unclear"
    assert verdict(run) == known and run.data["receivers"] == {known: [JOHN]}
    if status == "FAILED":
        assert run.data["reasons"] == {JOHN: "131026 undeliverable"}


@pytest.mark.usefixtures("unchecked")
def test_a_look_shows_what_failed_though_it_shows_another_text(world: World, clock: Clock) -> None:
    assert world.run("send_template_message_v2", {**ONE, "parameters": VALUES[:1]}).exit == 0
    clock.ahead += 300
    run = look(world, 1)
    assert verdict(run) == "failed" and "#132000" in run.data["reasons"][JOHN]


@pytest.mark.usefixtures("unchecked")
def test_a_look_at_a_list_goes_receiver_by_receiver(world: World, clock: Clock) -> None:
    receivers = crowd(*CROWD[:3], "14155550000")["receivers"]
    receivers[1] = {**receivers[1], "customParams": VALUES[:1]}
    arguments = {**MANY, "receivers": receivers}
    assert world.run("send_template_messages_v2", arguments, "--confirm", "4").exit == 8
    clock.ahead += 300
    run = look(world, 1)
    assert run.data["receivers"] == {
        "rejected": ["14155550000"],
        "delivered": [CROWD[0], CROWD[2]],
        "failed": [CROWD[1]],
    }
    assert run.data["counts"] == {"rejected": 1, "delivered": 2, "failed": 1}
    assert list(run.data["reasons"]) == [CROWD[1]] and verdict(run) == "mixed"
    assert set(world.count.values()) == {1}


def test_a_look_keeps_the_pace_and_the_time_and_says_whom_it_left_out(
    tmp_path: Path, call: Callable[..., Run], clock: Clock
) -> None:
    world = make_world(tmp_path, call)
    control.reset(world.state)
    numbers = [str(14155550100 + n) for n in range(15)]
    assert world.run("send_template_messages_v2", crowd(*numbers), "--confirm", "15").exit == 0
    clock.ahead += 20
    run = look(world, 1, "--timeout", "5")
    looked = run.data["receivers"]["delivered"]
    left = run.data["not_looked_at"]
    assert 8 <= len(looked) < 15 and left["count"] == len(left["receivers"]) == 15 - len(looked)
    assert looked + left["receivers"] == numbers and f'"after": "{looked[-1]}"' in run.data["next"]
    clock.ahead += 20
    rest = look(world, 1, after=looked[-1])
    assert [one for group in rest.data["receivers"].values() for one in group] == left["receivers"]
    assert 429 not in [row["status"] for row in control.requests(world.state)]
    assert look(world, 1, after="14150000000").error["problems"][0]["at"] == "$.after"


def test_two_that_look_the_same_are_told_only_if_they_ended_alike(world: World, clock: Clock) -> None:
    assert world.send("send_session_message").exit == 0
    clock.ahead += 5
    assert world.send("send_session_message", "--again").exit == 0
    clock.ahead += 30
    assert verdict(look(world, 1)) == verdict(look(world, 2)) == "delivered"
    control.fault(world.state, {"fault": "lag", "seconds": 33, "times": 0})
    assert verdict(look(world, 2)) == "unclear"


def test_a_look_that_fails_says_nothing_of_the_send_either(world: World) -> None:
    assert world.send("send_session_message").exit == 0
    control.fault(world.state, {"fault": "status", "status": 500, "times": 0, "match": {"method": "GET"}})
    run = look(world, 1)
    assert run.exit == 6 and "Do not send it again: WATI accepted it." in run.error["hint"]
    assert states(world) == ["accepted"]


def test_the_newest_send_is_looked_at(world: World, clock: Clock) -> None:
    assert world.send("send_session_message").exit == 0
    assert world.send("send_template_messages_v2").exit == 0
    clock.ahead += 30
    found = world.run("check_send", {"look": True}).data
    assert [one["id"] for one in found["recent"]] == [2, 1]
    assert found["newest"]["receivers"] == {"delivered": [JOHN, JANE]} and found["newest"]["id"] == 2
    control.fault(world.state, {"fault": "status", "status": 403, "times": 0, "match": {"method": "GET"}})
    again = world.run("check_send", {"look": True}).data
    assert again["newest"] == {"id": 2, "not_looked_at": "forbidden"} and len(again["recent"]) == 2


def test_a_long_list_is_not_looked_at_unasked(world: World) -> None:
    receivers = [{"whatsappNumber": str(14155550100 + n), "customParams": VALUES} for n in range(10)]
    arguments = {**TEMPLATE, "receivers": receivers}
    assert world.run("send_template_messages_v2", arguments, "--confirm", "10").exit == 0
    count = len(control.requests(world.state))
    assert "newest" not in world.run("check_send", {"look": True}).data
    assert len(control.requests(world.state)) == count


def test_the_newest_sends_are_listed(world: World) -> None:
    assert world.send("send_session_message").exit == 0
    lost(world, "send_template_messages")
    found = world.run("check_send", {"look": True}).data
    assert [one["id"] for one in found["unresolved"]] == [2]
    assert [(one["id"], one["verdict"]) for one in found["recent"]] == [(2, "unknown"), (1, "accepted")]
    assert found["recent"][0]["receivers"] == {"unknown": [JOHN, JANE]} and "newest" not in found


# --- some found, some open ---------------------------------------------------------------------------------


def test_a_list_of_which_some_are_open_names_only_those(world: World, clock: Clock) -> None:
    """The stranger has no conversation, so nobody can say; the two others have it."""
    (world.folder / "list.csv").write_text(
        f"Phone,name,ordernumber\n{JOHN},John,1\n14155550000,Ann,2\n{JANE},Jane,3\n", encoding="utf-8"
    )
    world.lose()
    assert world.run("send_template_message_csv", CSV, "--confirm", "3").exit == 7
    clock.ahead += 200
    run = world.check(1)
    assert verdict(run) == "unknown" and run.error["source"] == "package"
    assert run.error["receivers"] == {"sent": [JOHN, JANE], "unknown": ["14155550000"]}
    hint = run.error["hint"]
    assert "14155550000" in hint and JOHN not in hint and JANE not in hint
    assert "only that receiver" in hint and "may not be on WhatsApp" in run.text
    # Looking again cannot say more, so the repeat's hint does not ask for it.
    repeat = world.run("send_template_message_csv", CSV, "--confirm", "3")
    assert repeat.error["code"] == "repeated_send" and "check_send.py" not in repeat.error["hint"]
    assert "only that receiver" in repeat.error["hint"]
    assert set(world.count.values()) == {1} and len(world.delivered) == 2


def test_a_list_in_which_one_is_unclear_is_looked_at_to_its_end(world: World, clock: Clock) -> None:
    """Nobody got it. The stranger has no conversation, so this one may be different."""
    numbers = ["14155550000", *CROWD, JANE, MARIA]
    world.lose("reset")
    assert world.run("send_template_messages_v2", crowd(*numbers), "--confirm", "12").exit == 7
    run = world.check(1)
    assert [problem["at"] for problem in run.error["problems"]] == [numbers[0]]
    assert run.error["receivers"] == {"unknown": [numbers[0]], "not_seen": numbers[1:]}
    assert "Run this again" not in run.error["hint"] and states(world).count("unclear") == 1


def test_one_of_which_nobody_can_say_more_is_left_to_a_person(world: World, clock: Clock) -> None:
    send = lost(world, "send_template_message", {**ONE, "whatsappNumber": "14155559876"}, effect=False)
    clock.ahead += 200
    run = world.check(send)
    assert verdict(run) == "unknown" and "--again" in run.error["hint"] and "receivers" not in run.error
    assert states(world) == ["unclear"]
    repeat = world.run("send_template_message", {**ONE, "whatsappNumber": "14155559876"})
    assert repeat.error["code"] == "repeated_send" and "check_send.py" not in repeat.error["hint"]
    assert "Ask the user to look in the inbox" in repeat.error["hint"]
