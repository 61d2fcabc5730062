"""Whether a request has left is known from httpcore's own steps, and an unknown step counts as leaving."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import ROOT
from wati.wire import departure, interrupts
from wati.wire.departure import Cancelled, Departure, Watched, run_until
from wati.wire.threads import Worker


class Step:
    """What httpcore hands over with a step: the request that it belongs to."""

    def __init__(self, method: bytes) -> None:
        self.method = method


CONNECT, POST = {"request": Step(b"CONNECT")}, {"request": Step(b"POST")}
HARMLESS: list[tuple[str, dict[str, Any]]] = [
    ("connection.connect_tcp.started", {}),
    ("connection.connect_tcp.failed", {}),
    ("connection.start_tls.started", {}),
    ("proxy.start_tls.started", {}),
    ("socks.setup_socks5_connection.started", {}),
    ("http11.send_request_headers.started", CONNECT),
    ("http11.send_request_headers.complete", {"return_value": None}),
    ("http11.receive_response_headers.started", CONNECT),
    ("http11.response_closed.started", {}),
]


def test_connecting_is_not_leaving() -> None:
    departure = Departure()
    departure.hand_over()
    for event, info in HARMLESS:
        departure(event, info)
        assert not departure.left, event


@pytest.mark.parametrize(
    "event", ["http11.send_request_headers.started", "http3.push.started", "renamed.started"]
)
def test_a_step_that_is_not_known_to_be_harmless_is_leaving(event: str) -> None:
    departure = Departure()
    departure.hand_over()
    departure("connection.connect_tcp.started", {})
    departure(event, POST)
    assert departure.left


def test_a_transport_that_tells_nothing_is_taken_to_have_sent() -> None:
    departure = Departure()
    assert not departure.left
    departure.hand_over()
    assert departure.left


def test_through_a_closed_door_nothing_leaves() -> None:
    departure = Departure()
    departure.hand_over()
    departure("connection.connect_tcp.started", {})
    departure.close()
    with pytest.raises(Cancelled):
        departure("http11.send_request_headers.started", POST)
    assert not departure.left


def test_a_door_that_closes_on_the_way_holds_back_what_has_not_left() -> None:
    shut: list[str] = []
    departure = Departure(lambda: "".join(shut))
    departure.hand_over()
    departure("connection.connect_tcp.started", {})
    shut.append("too late")
    departure("connection.start_tls.started", {})
    with pytest.raises(Cancelled, match="too late"):
        departure("http11.send_request_headers.started", POST)
    assert not departure.left


def test_a_body_stays_here_if_the_door_closes_behind_its_head() -> None:
    shut: list[str] = []
    departure = Departure(lambda: "".join(shut))
    departure.hand_over()
    departure("http11.send_request_headers.started", POST)
    file = Watched(io.BytesIO(b"first, second"), departure)
    assert file.read(5) == b"first"
    shut.append("too late")
    with pytest.raises(Cancelled):
        departure("http11.send_request_body.started", POST)
    with pytest.raises(Cancelled):
        file.read(5)
    assert departure.left, "the head may have been enough"


def test_a_closed_door_takes_no_answer_back() -> None:
    shut: list[str] = []
    departure = Departure(lambda: "".join(shut))
    departure.hand_over()
    departure("http11.send_request_headers.started", POST)
    shut.append("too late")
    departure("http11.receive_response_headers.started", POST)
    departure("http11.receive_response_body.started", POST)
    departure.close()
    with pytest.raises(Cancelled):
        departure("http11.receive_response_body.started", POST)


def test_an_attempt_that_is_given_up_finds_the_door_closed() -> None:
    departure = Departure()
    assert run_until(time.monotonic() - 1, departure, lambda: time.sleep(0.5)) is None
    with pytest.raises(Cancelled):
        departure.hand_over()


def test_an_attempt_that_is_left_behind_does_not_keep_the_process() -> None:
    code = (
        "import time; from wati.wire.departure import Departure, run_until; "
        "print(run_until(time.monotonic() - 1, Departure(), lambda: time.sleep(90)))"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [b"None"], b"")


def test_the_exception_of_an_attempt_is_raised_where_it_is_waited_for() -> None:
    def fail() -> None:
        raise LookupError("told")

    with pytest.raises(LookupError, match="told"):
        run_until(time.monotonic() + 5, Departure(), fail)


@pytest.mark.parametrize(("left", "waited"), [(10, 10.1), (0, 0.1), (-5, 0.1)])
def test_an_attempt_has_all_of_its_time_and_a_moment(
    monkeypatch: pytest.MonkeyPatch, left: float, waited: float
) -> None:
    """In the moment, httpx says what came too late."""
    waits: list[float] = []
    monkeypatch.setattr(Worker, "ended", lambda _, seconds: bool(waits.append(seconds)) or True)
    monkeypatch.setattr(departure, "time", SimpleNamespace(monotonic=lambda: 100.0))
    run_until(100.0 + left, Departure(), lambda: None)
    assert waits == [pytest.approx(waited)]


def test_an_attempt_that_takes_long_is_waited_for() -> None:
    def act() -> int:
        time.sleep(0.3)
        return 7

    assert run_until(time.monotonic() + 10, Departure(), act) == 7


def test_a_thread_that_is_stopped_gives_its_attempt_up() -> None:
    stop, never, departure = threading.Event(), threading.Event(), Departure()

    def act() -> None:
        stop.set()
        never.wait(30)

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupts.stoppable(stop, lambda: run_until(began + 20, departure, act))
    assert time.monotonic() - began < 10
    with pytest.raises(Cancelled):
        departure.hand_over()
    never.set()


def test_no_wait_is_longer_than_what_ctrl_c_can_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows ends no wait for a lock for Ctrl-C, so there it is waited for in short steps."""
    waits: list[float] = []
    ended = Worker.ended

    def counted(worker: Worker, seconds: float) -> bool:
        waits.append(seconds)
        return ended(worker, seconds)

    monkeypatch.setattr(Worker, "ended", counted)
    monkeypatch.setattr(departure, "LONGEST_WAIT", 0.02)
    never, began = threading.Event(), time.monotonic()
    assert run_until(began + 0.2, Departure(), never.wait) is None
    assert 0.2 <= time.monotonic() - began < 2
    assert len(waits) > 5 and max(waits) <= 0.02
    never.set()
    assert run_until(time.monotonic() + 5, Departure(), lambda: 7) == 7
