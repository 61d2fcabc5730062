"""wait_for_reply: what ends the wait, what is new, and how often the far side is asked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, Run, parse
from sends import HELLO, JOHN, Clock, World, make_world
from wati.reads.rows import iso
from wati.sandbox import State, control

Json = dict[str, Any]
MESSAGES = "/wati/api/v1/getMessages/"


class Waited(Clock):
    """Lets something happen at the far side after so many seconds of waiting."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch)
        self.events: list[tuple[float, Callable[[], None]]] = []
        self.began = 0.0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        self.events.append((self.ahead + seconds, act))

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        due = [act for at, act in self.events if at <= self.ahead]
        self.events = [(at, act) for at, act in self.events if at > self.ahead]
        for act in due:
            act()


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Waited:
    return Waited(monkeypatch)


def writes(world: World, text: str, number: str = JOHN, **members: Any) -> Callable[[], None]:
    return lambda: world.seed(messages=[{"whatsappNumber": number, "text": text, "age": 0, **members}])


def asked(world: World) -> int:
    return sum(row["path"].startswith(MESSAGES) for row in control.requests(world.state))


def wait(world: World, *flags: str, **arguments: Any) -> Run:
    return world.run("wait_for_reply", {"whatsappNumber": JOHN, **arguments}, *flags)


# --- a reply ------------------------------------------------------------------------------------------------


def test_it_ends_with_the_reply(world: World, clock: Waited) -> None:
    clock.after(20, writes(world, "Here I am"))
    run = wait(world)
    ((at, text),) = run.data["messages"]
    assert text == "Here I am" and at.endswith("Z")
    assert 20 <= run.data["waited"] < 31
    assert "never instructions" in run.document["notice"]
    assert "message" not in run.data and "status" not in run.data


def test_when_the_time_is_over_nothing_is_new(world: World, clock: Waited) -> None:
    clock.after(10, writes(world, "We are on it", owner=True, operatorName="Alex Agent"))
    clock.after(15, writes(world, "Another customer", number="14155555678"))
    before = clock.ahead
    run = wait(world)
    assert run.exit == 0 and run.data["messages"] == []
    assert 50 <= run.data["waited"] <= 60 and clock.ahead - before <= 60
    assert 5 <= asked(world) <= 10


def test_up_to_an_hour_at_a_polite_pace(world: World, clock: Waited) -> None:
    clock.after(3400, writes(world, "At last"))
    run = wait(world, "--timeout", "3600")
    assert [text for _, text in run.data["messages"]] == ["At last"]
    assert asked(world) < 400 and min(clock.waited) >= 3


def test_after_brings_what_was_already_there(world: World, clock: Waited) -> None:
    with State(world.state).transaction() as tx:
        now = tx.now
    writes(world, "Old", age=120)()
    writes(world, "New", age=30)()
    run = wait(world, after=iso(now - 60))
    assert [text for _, text in run.data["messages"]] == ["New"] and asked(world) == 1
    in_zone = iso(now - 60 + 2 * 3600).replace("Z", "+02:00")
    assert wait(world, after=in_zone).data["messages"] == run.data["messages"]


def test_one_call_goes_on_where_the_last_one_ended(world: World, clock: Waited) -> None:
    clock.after(5, writes(world, "One"))
    first = wait(world)
    writes(world, "Two")()  # between the calls
    second = wait(world, after=first.data["after"])
    assert [text for _, text in second.data["messages"]] == ["Two"]
    third = wait(world, "--timeout", "10", after=second.data["after"])
    assert third.data["messages"] == []
    writes(world, "Three")()
    fourth = wait(world, after=third.data["after"])
    assert [text for _, text in fourth.data["messages"]] == ["Three"]


def test_several_new_messages_in_the_order_they_were_written(world: World, clock: Waited) -> None:
    def both() -> None:
        writes(world, "First", age=2)()
        writes(world, "", type="image", data="data/images/a.jpg", age=1)()

    clock.after(3, both)
    assert [text for _, text in wait(world).data["messages"]] == ["First", "[image]"]


# --- read, failed -------------------------------------------------------------------------------------------


def becomes(world: World, status: str, detail: str | None = None) -> Callable[[], None]:
    def change() -> None:
        with State(world.state).transaction() as tx:
            tx.run("UPDATE deliveries SET final = ?, failed_detail = ?, settles = 0", status, detail)

    return change


@pytest.mark.parametrize(
    ("until", "status"), [("read", "READ"), ("read", "FAILED"), ("failed", "FAILED"), ("failed", "READ")]
)
def test_until_it_is_decided(world: World, clock: Waited, until: str, status: str) -> None:
    world.run("send_session_message", HELLO)
    local_id = world.delivered[-1]["localMessageId"]
    becomes(world, "SENT")()
    clock.after(20, becomes(world, status, "Message undeliverable" if status == "FAILED" else None))
    for arguments in ({"localMessageId": local_id}, {}):
        run = wait(world, until=until, **arguments)
        assert run.data["status"] == status and run.data["messages"] == []
        assert run.data["message"] == HELLO["messageText"]
        assert run.data.get("failedDetail") == ("Message undeliverable" if status == "FAILED" else None)
    assert run.data["waited"] < 10


def test_it_is_not_decided_in_time(world: World, clock: Waited) -> None:
    world.run("send_session_message", HELLO)
    becomes(world, "DELIVERED")()
    run = wait(world, until="read")
    assert run.exit == 0 and run.data["status"] == "DELIVERED" and run.data["waited"] > 50
    assert wait(world, until="failed").data["waited"] < 10


def test_a_reply_ends_a_wait_for_read_receipts_too(world: World, clock: Waited) -> None:
    world.run("send_session_message", HELLO)
    becomes(world, "DELIVERED")()
    clock.after(10, writes(world, "Thanks"))
    run = wait(world, until="read")
    assert run.data["status"] == "DELIVERED" and [text for _, text in run.data["messages"]] == ["Thanks"]


def test_a_message_that_the_list_does_not_show_yet(world: World, clock: Waited) -> None:
    run = wait(world, "--timeout", "10", until="read", localMessageId="not-there")
    assert run.data["message"] == "not in the conversation yet" and "status" not in run.data


def test_without_a_message_of_ours_there_is_nothing_to_wait_for(world: World) -> None:
    world.seed(messages=[{"whatsappNumber": "14155559000", "text": "Hi", "age": 5}])
    run = world.run("wait_for_reply", {"whatsappNumber": "14155559000", "until": "read"})
    assert run.error["code"] == "invalid_arguments" and "$.until" in run.text


@pytest.mark.parametrize(
    ("arguments", "at"),
    [
        ({"after": "yesterday"}, "$.after"),
        ({"after": "2026-11-29T12:00:00"}, "$.after"),
        ({"after": "2026-13-29T12:00:00Z"}, "$.after"),
        ({"localMessageId": "x"}, "$.localMessageId"),
        ({"until": "delivered"}, "$.until"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense(world: World, arguments: Json, at: str) -> None:
    run = wait(world, **arguments)
    assert run.error["code"] == "invalid_arguments"
    assert [problem["at"] for problem in run.error["problems"]] == [at] and asked(world) == 0


# --- what goes wrong ----------------------------------------------------------------------------------------


def fault(world: World, **members: Any) -> None:
    control.fault(
        world.state, {"fault": "status", "match": {"path": f"{MESSAGES}*"}, "status": 500, **members}
    )


def test_trouble_in_between_is_waited_out(world: World, clock: Waited) -> None:
    fault(world, after=1, times=6)
    clock.after(8, writes(world, "Still here"))
    assert [text for _, text in wait(world).data["messages"]] == ["Still here"]


def test_trouble_at_the_end_is_not_told_as_silence(world: World, clock: Waited) -> None:
    fault(world, after=1, times=0)
    assert wait(world).error["code"] == "upstream_error"


def test_nobody_s_conversation_is_refused(world: World) -> None:
    run = world.run("wait_for_reply", {"whatsappNumber": "14155550000"})
    assert (run.exit, run.error["code"]) == (4, "rejected")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_a_signal_ends_it_with_a_document(world: World) -> None:
    environ = {**os.environ, "MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": world.state}
    script = str(ROOT / "scripts" / "wait_for_reply.py")
    process = subprocess.Popen(
        [sys.executable, script, f"whatsappNumber={JOHN}"], stdout=subprocess.PIPE, env=environ
    )
    while asked(world) == 0:
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    document = parse(output.decode())
    assert process.returncode == 6 and document["error"]["code"] == "timeout"
