"""Nothing that changes something leaves after the latest moment of its call, by either clock, nor once a
signal has come, whatever was paused in between."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, ROOT, Run
from recording import Answer, FarSide, reply
from wati.contract.endpoint import Endpoint
from wati.wire import interrupts
from wati.wire.departure import Departure
from wati.wire.door import INTERRUPTED, TIME_IS_OVER, Door

Caller = Callable[..., Run]
CHANGING = [endpoint for endpoint in ENDPOINTS.values() if endpoint.effect != "read"]
HELLO = {"whatsappNumber": "14155551234", "messageText": "Your parcel is here."}
assert len(CHANGING) > 10


class Clocks:
    """Both clocks, each moved on by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = {"time": 0.0, "monotonic": 0.0}
        for name in self.ahead:
            real: Callable[[], float] = getattr(time, name)
            monkeypatch.setattr(time, name, lambda real=real, name=name: real() + self.ahead[name])
        monkeypatch.setattr(time, "sleep", lambda seconds: self.move(seconds, *self.ahead))

    def move(self, seconds: float, *names: str) -> None:
        for name in names:
            self.ahead[name] += seconds


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    return Clocks(monkeypatch)


@pytest.fixture
def marked() -> Iterator[None]:
    """As if a signal had come."""
    interrupts.handle()
    yield
    interrupts.one_call(lambda: None)  # takes the mark away
    assert not interrupts.is_marked()


def named(endpoint: Endpoint) -> tuple[str, ...]:
    return ("--connection", "conn-1") if endpoint.through_wati else ()


def assert_not_sent(run: Run) -> None:
    error = run.error
    assert (run.exit, error["code"], error["outcome"]) == (6, "timeout", "not_sent"), run.text


# --- the door itself ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_either_clock_closes_it(clocks: Clocks, clock: str) -> None:
    began = time.time()
    door = Door(30)
    assert 0 <= door.until - (began + 30) < 5
    clocks.move(25, clock)
    assert door.closed() == ""
    clocks.move(5, clock)
    assert door.closed() == TIME_IS_OVER


def test_a_clock_that_goes_back_does_not_open_it_again(clocks: Clocks) -> None:
    door = Door(30)
    clocks.move(-3600, "time")
    assert door.closed() == ""
    clocks.move(31, "monotonic")
    assert door.closed() == TIME_IS_OVER
    other = Door(30)
    clocks.move(31, "time")
    assert other.closed() == TIME_IS_OVER
    clocks.move(-3600, "time")
    assert other.closed() == TIME_IS_OVER


@pytest.mark.usefixtures("marked")
def test_a_signal_closes_it() -> None:
    assert Door(30).closed() == INTERRUPTED


# --- calls -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", ["time", "monotonic"])
@pytest.mark.parametrize("endpoint", CHANGING, ids=lambda endpoint: endpoint.name)
def test_nothing_leaves_after_a_wait_that_took_longer_than_it_should(
    call_example: Caller,
    far_side: FarSide,
    clocks: Clocks,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: Endpoint,
    clock: str,
) -> None:
    """The process was stopped, the machine slept, or the clock was set."""
    monkeypatch.setattr(time, "sleep", lambda _: clocks.move(3600, clock))
    far_side.will(Answer(429))
    assert_not_sent(call_example(endpoint, *named(endpoint)))
    assert len(far_side.requests) == 1


@pytest.mark.parametrize("clock", ["time", "monotonic"])
@pytest.mark.parametrize("endpoint", CHANGING, ids=lambda endpoint: endpoint.name)
def test_nothing_leaves_if_the_time_ends_while_it_connects(
    call_example: Caller,
    far_side: FarSide,
    clocks: Clocks,
    monkeypatch: pytest.MonkeyPatch,
    endpoint: Endpoint,
    clock: str,
) -> None:
    hand_over = Departure.hand_over

    def paused(self: Departure) -> None:
        hand_over(self)
        clocks.move(3600, clock)

    monkeypatch.setattr(Departure, "hand_over", paused)
    run = call_example(endpoint, *named(endpoint))
    assert_not_sent(run)
    assert run.error["message"] == TIME_IS_OVER
    assert far_side.requests == []


@pytest.mark.parametrize("clock", ["time", "monotonic"])
def test_nothing_is_entered_or_leaves_if_the_time_ends_during_a_lookup(
    call: Caller,
    far_side: FarSide,
    clocks: Clocks,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    clock: str,
) -> None:
    connect = socket.create_connection

    def paused(*arguments: Any, **options: Any) -> socket.socket:
        try:
            return connect(*arguments, **options)
        finally:
            clocks.move(3600, clock)

    monkeypatch.setattr(socket, "create_connection", paused)
    journal = tmp_path / "sends.sqlite"
    assert_not_sent(call("send_session_message", HELLO, WATI_JOURNAL=str(journal)))
    assert far_side.to("/wati/") == [] and not journal.exists()


def test_a_read_does_not_mind_a_clock_that_was_set(
    call: Caller, far_side: FarSide, clocks: Clocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: clocks.move(3600, "time"))
    far_side.will(Answer(429))
    assert call("get_contacts").exit == 0
    assert len(far_side.requests) == 2


def test_a_read_goes_through_a_closed_door(
    call: Caller, far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many pages take longer than one call may."""
    monkeypatch.setattr(Door, "closed", lambda _: TIME_IS_OVER)
    assert call("get_contacts").exit == 0
    assert_not_sent(call("send_session_message", HELLO, "--connection", "conn-1"))
    assert len(far_side.requests) == 1


@pytest.mark.usefixtures("clocks")
def test_with_a_longer_timeout_a_long_rate_limit_is_waited_out(call: Caller, far_side: FarSide) -> None:
    far_side.will(reply({"message": "slow down"}, 429, Retry_After="300"))
    assert call("send_session_message", HELLO, "--connection", "conn-1", "--timeout", "400").exit == 0
    assert len(far_side.requests) == 2


# --- processes ---------------------------------------------------------------------------------------------


def start(far_side: FarSide, folder: Path, text: str, *flags: str) -> subprocess.Popen[bytes]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    ours = {"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url, "WATI_JOURNAL": str(folder / "j.sqlite")}
    command = [sys.executable, str(ROOT / "scripts" / "send_session_message.py")]
    # A job in a shell's background starts with SIGINT ignored, and would hand that on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(
            [*command, json.dumps({**HELLO, "messageText": text}), "--connection", "conn-1", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**clean, **ours},
        )
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows stops no process")
def test_a_process_that_was_stopped_and_continued_sends_nothing_late(
    far_side: FarSide, tmp_path: Path
) -> None:
    far_side.will(reply({"message": "slow down"}, 429, Retry_After="2"))
    # Enough time to wait for, on a busy machine, too: without it, the answer itself would be what is told.
    process = start(far_side, tmp_path, "late", "--timeout", "8")
    with process:
        assert far_side.wait_for(1)
        time.sleep(0.5)  # now it waits, unless the machine is busy: then it has not read the answer yet
        process.send_signal(signal.SIGSTOP)
        time.sleep(8)  # until its time is over
        process.send_signal(signal.SIGCONT)
        stdout, stderr = process.communicate(timeout=30)
    error = json.loads(stdout)["error"]
    told = (process.returncode, error["code"], error["outcome"])
    assert told in ((6, "timeout", "not_sent"), (7, "outcome_unknown", "unknown")) and stderr == b""
    assert len(far_side.requests) == 1


PROCESSES, AT_ONCE = 64, 4


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_a_signal_at_any_moment_gets_a_true_document(far_side: FarSide, tmp_path: Path) -> None:
    """From the start of the process to its end, in even steps."""
    began = time.monotonic()
    with start(far_side, tmp_path, "whole") as process:
        assert process.communicate(timeout=60)[0] and process.returncode == 0
    # Several run at once, so each takes longer than one alone.
    whole, told = (time.monotonic() - began) * AT_ONCE / min(AT_ONCE, os.cpu_count() or 1), []
    for first in range(0, PROCESSES, AT_ONCE):
        numbers = range(first, first + AT_ONCE)
        running = [(start(far_side, tmp_path, str(number)), time.monotonic()) for number in numbers]
        for number, (process, started) in zip(numbers, running, strict=True):
            time.sleep(max(0.0, started + whole * number / PROCESSES - time.monotonic()))
            process.send_signal((signal.SIGINT, signal.SIGTERM)[number % 2])
        for number, (process, _) in zip(numbers, running, strict=True):
            with process:
                stdout, stderr = process.communicate(timeout=60)
            told.append((str(number), process.returncode, stdout, stderr))
    sent = [dict(request.form)["messageText"] for request in far_side.to("/wati/")]
    assert len(sent) == len(set(sent))
    seen = set()
    for text, code, stdout, stderr in told:
        if not stdout:  # before Python had come to the script
            assert code in (-signal.SIGINT, -signal.SIGTERM, 130, 1) and text not in sent, (
                text,
                code,
                stderr,
            )
            continue
        document = json.loads(stdout)
        outcome = document.get("outcome") or document["error"]["outcome"]
        seen.add(outcome)
        assert stderr == b"" and (code == 0) is (outcome == "accepted"), (text, code, stdout, stderr)
        if outcome == "not_sent":
            assert (code, document["error"]["code"]) == (6, "timeout") and text not in sent, stdout
        elif outcome == "accepted":
            assert text in sent
        else:
            assert outcome == "unknown", stdout
    assert "not_sent" in seen, told


def test_the_entry_says_when_the_door_closes(call: Caller, far_side: FarSide, tmp_path: Path) -> None:
    """From the start of the call, however late it is entered, until the answer is here."""
    journal = tmp_path / "sends.sqlite"
    entered: list[tuple[float, float]] = []

    def entry() -> tuple[float, float]:
        with closing(sqlite3.connect(journal)) as db:
            ((at, until),) = db.execute("SELECT at, until FROM sends")
        return at, until

    def answer() -> Iterator[bytes]:
        entered.append(entry())
        yield b'{"result": true}'

    far_side.will(Answer(body=answer()))
    began = time.time()
    named = ("--connection", "conn-1", "--timeout", "400")
    assert call("send_session_message", HELLO, *named, WATI_JOURNAL=str(journal)).exit == 0
    ((at, until),) = entered
    assert began + 400 <= until <= at + 400
    # Settled: nothing leaves after this.
    assert entry()[1] <= time.time()
