"""How often a request leaves, how long the waits are, what is told of it: per effect and kind of trouble."""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from looping import looped
from recording import Answer, FarSide, reply
from wati.contract.endpoint import Endpoint
from wati.contract.failures import NO_SANDBOX
from wati.wire.threads import Worker

Caller = Callable[..., Any]

HARMLESS = ("read", "write")
SCRIPTS = ROOT / "scripts"
OF_EACH_EFFECT = {
    "read": "get_contacts",
    "write": "update_contact_attributes",
    "create": "add_contact",
    "send": "send_session_message",
    "delete": "delete_connection",
}


def named(endpoint: Endpoint) -> tuple[str, ...]:
    """The flag that leaves the look-up out, so that every request is the endpoint's own."""
    return ("--connection", "conn-1") if endpoint.through_wati else ()


def outcome(run: Any) -> tuple[int, str, str]:
    return (run.exit, run.error["code"], run.error.get("outcome", ""))


def expected(endpoint: Endpoint, exit_code: int, code: str, of_a_change: str) -> tuple[int, str, str]:
    return (exit_code, code, "" if endpoint.effect == "read" else of_a_change)


def assert_growing(waits: list[float]) -> None:
    assert waits == sorted(waits) and all(wait > 0 for wait in waits), waits
    assert sum(waits) <= 12


# --- the table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trouble:
    """A request that left and brought no whole answer; `code`: its name where repeating is harmless."""

    name: str
    answer: Answer
    code: str
    accepted_for: str = ""


IN_DOUBT = [
    Trouble("500", Answer(500), "upstream_error"),
    Trouble("502 as a page", Answer(502, b"<html>", content_type="text/html"), "upstream_error"),
    Trouble("503 that names a time", Answer(503, headers={"Retry-After": "1"}), "upstream_error"),
    Trouble("408", Answer(408), "upstream_error"),
    Trouble("302 to no address", Answer(302, headers={"Location": "data:data:"}), "upstream_error"),
    Trouble("302 to no name", Answer(302, headers={"Location": "http://xn--a/"}), "upstream_error"),
    Trouble("closed unanswered", Answer(hang_up="close"), "upstream_error"),
    Trouble("reset unanswered", Answer(hang_up="reset"), "upstream_error"),
    Trouble("closed in the head", Answer(body=b'{"result": true}', cut=0), "bad_answer"),
    Trouble("closed in the body", Answer(body=b'{"result": true, "ok": true}', cut=16), "bad_answer"),
    Trouble(
        "closed in a file", Answer(body=b"\xff" * 5000, cut=4000, content_type="image/jpeg"), "bad_answer"
    ),
    Trouble(
        "not the encoding that it names",
        Answer(body=b'{"result": true}', headers={"Content-Encoding": "gzip"}),
        "bad_answer",
    ),
    Trouble("broken JSON", Answer(body=b'{"result": true'), "bad_answer", accepted_for="delete"),
    Trouble("no body", Answer(), "bad_answer", accepted_for="delete"),
]


@looped("trouble", IN_DOUBT, ids=lambda trouble: trouble.name)
def test_a_request_that_left_is_repeated_only_where_that_does_no_harm(
    call_example: Caller, far_side: FarSide, pauses: list[float], each_endpoint: Endpoint, trouble: Trouble
) -> None:
    far_side.always(trouble.answer)
    run = call_example(each_endpoint, *named(each_endpoint))
    if each_endpoint.effect == trouble.accepted_for:
        assert (run.exit, len(far_side.requests), pauses) == (0, 1, []), run.text
    elif each_endpoint.effect in HARMLESS:
        assert outcome(run) == expected(each_endpoint, 6, trouble.code, "unknown"), run.text
        assert len(far_side.requests) == 4 and len(pauses) == 3
        assert_growing(pauses)
    else:
        assert outcome(run) == (7, "outcome_unknown", "unknown"), run.text
        assert len(far_side.requests) == 1 and pauses == []
        assert "Do not run it again" in run.error["hint"]


@looped("trouble", IN_DOUBT, ids=lambda trouble: trouble.name)
@looped("effect", HARMLESS)
def test_a_harmless_repeat_that_succeeds_is_a_success(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    effect: str,
    trouble: Trouble,
) -> None:
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    far_side.will(trouble.answer)
    assert call_example(endpoint, *named(endpoint)).exit == 0
    first, second = far_side.requests
    assert (first.method, first.target, first.body) == (second.method, second.target, second.body)
    assert len(pauses) == 1 and 0 < pauses[0] <= 1


def test_a_rate_limit_is_waited_out_whatever_the_effect(
    call_example: Caller, far_side: FarSide, pauses: list[float], each_endpoint: Endpoint
) -> None:
    far_side.will(reply({"message": "slow down"}, 429), Answer(429), Answer(429, b"<html>"))
    assert call_example(each_endpoint, *named(each_endpoint)).exit == 0
    repeats = far_side.requests[:4]
    assert len({(request.method, request.target, len(request.body)) for request in repeats}) == 1
    assert len(pauses) == 3
    assert_growing(pauses)


def test_a_rate_limit_that_lasts_sends_nothing(
    call_example: Caller, far_side: FarSide, pauses: list[float], each_endpoint: Endpoint
) -> None:
    far_side.always(reply({"message": "slow down"}, 429))
    run = call_example(each_endpoint, *named(each_endpoint))
    assert outcome(run) == expected(each_endpoint, 5, "rate_limited", "not_sent"), run.text
    assert len(far_side.requests) == 4 and len(pauses) == 3
    assert_growing(pauses)
    assert sum(pauses) > 10, "shorter than WATI's window"


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where every connection is refused."""
    server = FarSide()
    server.close()
    yield server.url


def test_a_refused_connection_sends_nothing(
    call_example: Caller, nobody: str, pauses: list[float], each_endpoint: Endpoint
) -> None:
    run = call_example(each_endpoint, *named(each_endpoint), MATON_BASE_URL=nobody)
    assert outcome(run) == expected(each_endpoint, 6, "unreachable", "not_sent"), run.text
    assert run.error["message"].startswith(f"No connection to {nobody} could be made (")
    assert run.error["hint"].startswith(NO_SANDBOX)
    assert len(pauses) == 3
    assert_growing(pauses)


@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
def test_a_connection_that_was_refused_is_tried_again(
    call_example: Caller,
    monkeypatch: pytest.MonkeyPatch,
    endpoints: dict[str, Endpoint],
    nobody: str,
    effect: str,
) -> None:
    started: list[FarSide] = []

    def start(_: float) -> None:
        started.append(FarSide(int(nobody.rpartition(":")[2])))

    monkeypatch.setattr("wati.wire.gateway.time.sleep", start)
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    run = call_example(endpoint, *named(endpoint), MATON_BASE_URL=nobody)
    (server,) = started
    server.close()
    assert run.exit == 0, run.text
    assert len(server.requests) == 1


@looped(
    "answer",
    [
        reply({"result": False, "info": "no"}),
        reply({"result": False}, 400),
        Answer(401, b"Unauthorized", content_type="text/plain"),
        Answer(403),
        Answer(404),
        Answer(413),
        Answer(304),
        Answer(302, headers={"Location": "/connections"}),
    ],
    ids=lambda answer: str(answer.status),
)
def test_what_is_clear_is_never_repeated(
    call_example: Caller, far_side: FarSide, pauses: list[float], each_endpoint: Endpoint, answer: Answer
) -> None:
    far_side.always(answer)
    assert call_example(each_endpoint, *named(each_endpoint)).exit != 0
    calls = [(request.method, request.path) for request in far_side.requests]
    assert calls.count(calls[0]) == 1 and pauses == []
    # A refusal may be looked into, by reading, each thing once.
    behind = calls[1:]
    assert all(method == "GET" and behind.count((method, path)) == 1 for method, path in behind)


# --- the kinds of transport errors that a loopback server cannot make --------------------------------------


class Broken:
    """A socket whose steps do what a test says: `sends` and `receives` are an error to raise, or bytes."""

    def __init__(self, sends: OSError | None, receives: OSError | bytes) -> None:
        self.sends = sends
        self.receives = receives

    def send(self, data: bytes) -> int:
        if self.sends is not None:
            raise self.sends
        return len(data)

    def recv(self, _: int) -> bytes:
        if isinstance(self.receives, OSError):
            raise self.receives
        return self.receives

    def settimeout(self, _: float | None) -> None: ...

    def setsockopt(self, *_: int) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Broke:
    name: str
    connects: OSError | None = None
    sends: OSError | None = None
    receives: OSError | bytes = b""
    code: str = "upstream_error"

    @property
    def left(self) -> bool:
        return self.connects is None


BROKE = [
    Broke("refused", connects=ConnectionRefusedError(), code="unreachable"),
    Broke("no such name", connects=socket.gaierror(-2, "Name or service not known"), code="unreachable"),
    Broke("no route", connects=OSError(113, "No route to host"), code="unreachable"),
    Broke("no connection in time", connects=TimeoutError(), code="timeout"),
    Broke("stuck while sending", sends=TimeoutError(), code="timeout"),
    Broke("gone while sending", sends=BrokenPipeError()),
    Broke("reset while sending", sends=ConnectionResetError(), receives=ConnectionResetError()),
    Broke("no answer in time", receives=TimeoutError(), code="timeout"),
    Broke("reset unanswered", receives=ConnectionResetError()),
    Broke("closed unanswered", receives=b""),
    Broke("not HTTP", receives=b"SSH-2.0-OpenSSH\r\n\r\n"),
]


@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
@pytest.mark.parametrize("broke", BROKE, ids=lambda broke: broke.name)
def test_whatever_breaks_counts_as_left_unless_it_surely_did_not(
    call_example: Caller,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    effect: str,
    broke: Broke,
) -> None:
    attempts = []

    def connect(*_: object, **__: object) -> Broken:
        attempts.append(broke)
        if broke.connects is not None:
            raise broke.connects
        return Broken(broke.sends, broke.receives)

    monkeypatch.setattr(socket, "create_connection", connect)
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    run = call_example(endpoint, *named(endpoint))
    if broke.left and effect not in HARMLESS:
        assert outcome(run) == (7, "outcome_unknown", "unknown"), run.text
        assert len(attempts) == 1
    else:
        told = expected(endpoint, 6, broke.code, "unknown" if broke.left else "not_sent")
        assert outcome(run) == told, run.text
        assert len(attempts) == 4
        assert (NO_SANDBOX in run.error.get("hint", "")) is (broke.code == "unreachable")
    if broke.code == "timeout":
        what = "complete answer came" if broke.left else "connection could be made"
        assert f"No {what} in time." in run.error["message"]


@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
@pytest.mark.parametrize(
    "answer", [Answer(407), Answer(502), Answer(hang_up="close")], ids=["407", "502", "gone"]
)
def test_a_proxy_gets_no_more_than_the_hosts_name(
    call_example: Caller,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    effect: str,
    answer: Answer,
) -> None:
    """Without MATON_BASE_URL a call goes to Maton, here by way of a proxy that lets nobody through."""
    for variable in ("HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", far_side.url)
    monkeypatch.setenv("https_proxy", far_side.url)
    far_side.always(answer, to="")
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    run = call_example(endpoint, *named(endpoint), MATON_BASE_URL=None)
    assert outcome(run) == expected(endpoint, 6, "unreachable", "not_sent"), run.text
    assert NO_SANDBOX not in run.error.get("hint", "")
    assert len(far_side.requests) == 4
    for request in far_side.requests:
        assert (request.method, request.target, request.body) == ("CONNECT", "api.maton.ai:443", b"")
        assert request.header("Authorization") is None and request.header("Maton-Connection") is None


# --- the waits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
@looped(
    ("asked", "flags", "waited"),
    [
        ("1", (), [1, 1, 1]),
        ("0", (), [0, 0, 0]),
        ("1.5", (), [1.5, 1.5, 1.5]),
        ("4", (), [4, 4, 4]),  # twelve seconds in all
        ("4.5", (), [4.5, 4.5]),
        ("12", (), [12]),
        ("12.5", (), []),
        ("3600", (), []),
        ("9", ("--timeout", "20"), [9, 9]),
        ("25", ("--timeout", "20"), []),
        ("1", ("--timeout", "2.5"), [1, 1]),
    ],
)
def test_the_time_that_the_far_side_asks_for_is_waited_or_given_up_at_once(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    effect: str,
    asked: str,
    flags: tuple[str, ...],
    waited: list[float],
) -> None:
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    far_side.always(Answer(429, headers={"Retry-After": asked}))
    run = call_example(endpoint, *named(endpoint), *flags)
    assert outcome(run) == expected(endpoint, 5, "rate_limited", "not_sent")
    assert pauses == waited
    assert len(far_side.requests) == len(waited) + 1
    assert run.error["retry_after"] == float(asked)


@pytest.mark.parametrize("asked", ["soon", "-1", "nan", "inf", "1e400", "Sun, 22 Nov 2026 12:00:00 GMT", ""])
def test_a_time_that_is_no_number_is_not_taken_for_one(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint], asked: str
) -> None:
    far_side.always(Answer(429, headers={"Retry-After": asked}))
    run = call_example(endpoints["get_contacts"])
    assert run.exit == 5 and "retry_after" not in run.error
    assert len(pauses) == 3
    assert_growing(pauses)


def test_the_time_allowed_bounds_the_waits(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint]
) -> None:
    far_side.always(Answer(500))
    assert call_example(endpoints["get_contacts"], "--timeout", "1").exit == 6
    assert sum(pauses) <= 1
    assert len(far_side.requests) == 1 + len(pauses) == 2


def test_what_is_left_of_the_time_is_waited_for_a_rate_limit(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint]
) -> None:
    """The wait would be longer, but a shorter one may be enough."""
    far_side.always(Answer(429))
    assert call_example(endpoints["get_contacts"], "--timeout", "4").exit == 5
    assert len(pauses) == 2 and sum(pauses) == pytest.approx(4)


def test_the_look_up_and_the_send_share_one_budget_of_waits(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint]
) -> None:
    limited = Answer(429, headers={"Retry-After": "4"})
    far_side.will(limited, limited, to="/connections")
    far_side.always(limited, to="/wati/")
    run = call_example(endpoints["send_session_message"])
    assert outcome(run) == (5, "rate_limited", "not_sent")
    assert pauses == [4, 4, 4]
    assert (len(far_side.to("/connections")), len(far_side.to("/wati/"))) == (3, 2)


def test_waits_are_spread_so_that_callers_do_not_return_together(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint]
) -> None:
    far_side.always(Answer(500))
    for _ in range(5):
        assert call_example(endpoints["get_contacts"]).exit == 6
    assert len(pauses) == 15 and len(set(pauses[::3])) > 1


# --- a change that was in doubt before ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["update_contact_attributes", "assign_operator"])
@pytest.mark.parametrize(
    ("answers", "requests"),
    [
        ([Answer(500), Answer(429), Answer(429), Answer(429)], 4),
        ([Answer(500), Answer(429, headers={"Retry-After": "60"})], 2),
        ([Answer(hang_up="close"), Answer(429, headers={"Retry-After": "60"})], 2),
        ([Answer(429), Answer(500), Answer(429, headers={"Retry-After": "60"})], 3),
        ([Answer(500, last=True)], 1),
        ([Answer(429), Answer(502, last=True)], 2),
        ([Answer(500), reply({"result": False, "info": "no"})], 2),
        ([Answer(hang_up="close"), Answer(404)], 2),
        ([Answer(body=b"{"), Answer(401)], 2),
    ],
    ids=[
        *("limited", "limited for long", "unanswered", "between limits", "no connection"),
        *("limited, no connection", "refused", "not found", "unauthorized"),
    ],
)
def test_a_doubt_is_not_forgotten_when_a_later_attempt_changes_nothing(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    name: str,
    answers: list[Answer],
    requests: int,
) -> None:
    far_side.will(*answers)
    run = call_example(endpoints[name], *named(endpoints[name]))
    assert run.error["outcome"] == "unknown", run.text
    assert run.exit == 6
    assert len(far_side.requests) == requests


@pytest.mark.parametrize("effect", ["create", "send", "delete"])
def test_a_rate_limit_does_not_make_a_later_doubt_harmless(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint], effect: str
) -> None:
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    far_side.will(Answer(429), Answer(429), Answer(502))
    run = call_example(endpoint, *named(endpoint))
    assert outcome(run) == (7, "outcome_unknown", "unknown")
    assert len(far_side.requests) == 3


# --- the look-up before a change ---------------------------------------------------------------------------


@looped(
    ("answer", "exit_code", "code"),
    [
        (Answer(401), 3, "unauthorized"),
        (Answer(403), 3, "forbidden"),
        (Answer(429), 5, "rate_limited"),
        (Answer(429, headers={"Retry-After": "60"}), 5, "rate_limited"),
        (Answer(500), 6, "upstream_error"),
        (Answer(408), 6, "upstream_error"),
        (Answer(302, headers={"Location": "/elsewhere"}), 6, "upstream_error"),
        (Answer(hang_up="close"), 6, "upstream_error"),
        (Answer(body=b'{"connections": [', cut=10), 6, "bad_answer"),
        (Answer(body=b"<html>", content_type="text/html"), 6, "bad_answer"),
        (reply({"connections": None}), 6, "bad_answer"),
        (reply([]), 6, "bad_answer"),
    ],
    ids=lambda value: f"{value.status} {value.hang_up}" if isinstance(value, Answer) else "",
)
def test_a_look_up_that_fails_sends_nothing(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    each_endpoint: Endpoint,
    answer: Answer,
    exit_code: int,
    code: str,
) -> None:
    if each_endpoint.effect == "read" or not each_endpoint.through_wati:
        assert call_example(each_endpoint).exit == 0
        assert far_side.requests and "/connections?app=wati&status=ACTIVE" not in [
            request.target for request in far_side.requests if each_endpoint.through_wati
        ]
        return
    far_side.always(answer, to="/connections")
    run = call_example(each_endpoint)
    assert outcome(run) == (exit_code, code, "not_sent"), run.text
    assert far_side.to("/connections") and far_side.to("/wati/") == []


def test_a_connection_refused_after_the_look_up_sends_nothing(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint]
) -> None:
    body = b'{"connections": [{"connection_id": "conn-1", "status": "ACTIVE", "app": "wati"}]}'
    far_side.will(Answer(body=body, last=True))
    run = call_example(endpoints["send_session_message"])
    assert outcome(run) == (6, "unreachable", "not_sent")
    assert len(far_side.requests) == 1 and len(pauses) == 3


# --- the deadline ------------------------------------------------------------------------------------------

SLOW = {
    "silent": Answer(delay=60),
    "stalled": Answer(body=b'{"result": true}', cut=8, stall=60),
    "dripping": Answer(body=b'{"result": true}', drip=0.03),
    "endless": Answer(body=iter(lambda: b" ", None), drip=0.01),
}


@pytest.fixture(scope="module")
def loaded() -> None:
    """What the client imports only when it is needed, so that a short deadline has none of its cost."""
    importlib.import_module("httpx")


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("name", [*OF_EACH_EFFECT.values(), "get_media", "send_session_file"])
@pytest.mark.parametrize("slow", SLOW)
def test_the_deadline_holds_against_a_far_side_that_is_slow(
    call_example: Caller,
    far_side: FarSide,
    endpoints: dict[str, Endpoint],
    tmp_path: Path,
    name: str,
    slow: str,
) -> None:
    endpoint = endpoints[name]
    far_side.always(SLOW[slow])
    began = time.monotonic()
    run = call_example(endpoint, *named(endpoint), "--timeout", "0.5")
    assert time.monotonic() - began < 3
    assert len(far_side.requests) == 1
    if endpoint.effect in HARMLESS:
        assert outcome(run) == expected(endpoint, 6, "timeout", "unknown"), run.text
    else:
        assert outcome(run) == (7, "outcome_unknown", "unknown"), run.text
    assert sorted(os.listdir(tmp_path)) == ["contacts.csv", "document.pdf"]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("slow", SLOW)
def test_a_look_up_that_takes_all_the_time_sends_nothing(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint], slow: str
) -> None:
    far_side.always(SLOW[slow], to="/connections")
    run = call_example(endpoints["send_session_message"], "--timeout", "0.5")
    assert outcome(run) == (6, "timeout", "not_sent")
    assert far_side.to("/wati/") == []


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
def test_what_was_given_up_before_it_left_never_leaves_afterwards(
    call_example: Caller,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
    endpoints: dict[str, Endpoint],
    workers: list[Worker],
    effect: str,
) -> None:
    """A connection that comes about after the deadline must not carry what was told as not sent."""
    connecting, connect = threading.Event(), socket.create_connection

    def connect_late(*arguments: Any, **options: Any) -> socket.socket:
        connecting.wait(30)
        return connect(*arguments, **options)

    monkeypatch.setattr(socket, "create_connection", connect_late)
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    run = call_example(endpoint, *named(endpoint), "--timeout", "1.5")
    assert outcome(run) == expected(endpoint, 6, "timeout", "not_sent")
    assert workers and not any(worker.ended(0) for worker in workers)
    connecting.set()
    assert all(worker.ended(30) for worker in workers)
    assert far_side.requests == []


@pytest.mark.usefixtures("loaded")
def test_the_deadline_is_of_the_whole_call(
    call_example: Caller, far_side: FarSide, monkeypatch: pytest.MonkeyPatch, endpoints: dict[str, Endpoint]
) -> None:
    """Every attempt is in time; all of them together are not. Thirty seconds, shortened."""
    from wati.wire import gateway

    assert gateway.WHOLE_CALL == 30
    monkeypatch.setattr(gateway, "WHOLE_CALL", 0.9)
    far_side.always(Answer(500, delay=0.3))
    began = time.monotonic()
    assert call_example(endpoints["get_contacts"]).exit == 6
    assert time.monotonic() - began < 2.5
    assert len(far_side.requests) <= 2


# --- interruptions and bugs --------------------------------------------------------------------------------

LOOK_UP, OWN = "/connections", "/"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize(
    ("stop", "name", "during", "exit_code", "told"),
    [
        (signal.SIGTERM, "get_contacts", OWN, 6, ""),
        (signal.SIGTERM, "get_media", OWN, 6, ""),
        (signal.SIGTERM, "update_contact_attributes", OWN, 6, "unknown"),
        (signal.SIGTERM, "add_contact", OWN, 7, "unknown"),
        (signal.SIGTERM, "delete_connection", OWN, 7, "unknown"),
        (signal.SIGTERM, "send_session_message", OWN, 7, "unknown"),
        (signal.SIGTERM, "send_template_message_csv", OWN, 7, "unknown"),
        (signal.SIGINT, "send_session_message", OWN, 7, "unknown"),
        (signal.SIGTERM, "send_session_message", LOOK_UP, 6, "not_sent"),
        (signal.SIGINT, "send_template_message_csv", LOOK_UP, 6, "not_sent"),
    ],
)
def test_a_call_that_is_ended_from_outside_still_tells_what_it_knows(
    example: Caller,
    far_side: FarSide,
    endpoints: dict[str, Endpoint],
    tmp_path: Path,
    stop: signal.Signals,
    name: str,
    during: str,
    exit_code: int,
    told: str,
) -> None:
    far_side.aside = True
    far_side.always(Answer(delay=60), to=during)
    flags = named(endpoints[name]) if during == OWN else ()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    # A job in a shell's background starts with SIGINT ignored, and would hand that on.
    before = signal.signal(stop, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, str(SCRIPTS / f"{name}.py"), *example(endpoints[name]), *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={
                **clean,
                "MATON_API_KEY": "test-key-that-must-not-leak",
                "MATON_BASE_URL": far_side.url,
                "WATI_JOURNAL": str(tmp_path.parent / f"{tmp_path.name}-sends.sqlite"),
            },
        )
    finally:
        signal.signal(stop, before)
    with process:
        called = far_side.wait_for(1)
        process.send_signal(stop)
        stdout, stderr = process.communicate(timeout=30)
    assert called and stderr == b"", (stdout, stderr)
    document = json.loads(stdout)
    assert (process.returncode, document["error"].get("outcome", "")) == (exit_code, told), document
    assert len(far_side.requests) == 1
    assert sorted(os.listdir(tmp_path)) == ["contacts.csv", "document.pdf"]


@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
def test_an_interruption_while_waiting_out_a_rate_limit_sent_nothing(
    call_example: Caller,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
    endpoints: dict[str, Endpoint],
    effect: str,
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wati.wire.gateway.time.sleep", interrupt)
    far_side.always(Answer(429))
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    run = call_example(endpoint, *named(endpoint))
    assert (run.exit, run.error.get("outcome", "")) == (6, "" if effect == "read" else "not_sent")


@pytest.mark.parametrize("effect", OF_EACH_EFFECT)
@pytest.mark.parametrize(
    ("error", "of_a_read", "of_a_write"),
    [
        (ZeroDivisionError("a bug"), (1, "internal"), (1, "internal")),
        (KeyboardInterrupt(), (6, "timeout"), (6, "timeout")),
        # The exit code of a wrong setup would say that nothing was sent.
        (OSError(28, "No space left on device"), (3, "bad_setup"), (6, "bad_answer")),
    ],
    ids=["bug", "interruption", "full disk"],
)
def test_a_bug_after_the_request_left_does_not_deny_it(
    call_example: Caller,
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
    endpoints: dict[str, Endpoint],
    effect: str,
    error: BaseException,
    of_a_read: tuple[int, str],
    of_a_write: tuple[int, str],
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("wati.contract.verdicts.judge", fail)
    endpoint = endpoints[OF_EACH_EFFECT[effect]]
    run = call_example(endpoint, *named(endpoint), "--verbose")
    assert len(far_side.requests) == 1
    if effect in HARMLESS:
        told = {"read": (*of_a_read, ""), "write": (*of_a_write, "unknown")}
        assert outcome(run) == told[effect], run.text
    else:
        assert outcome(run) == (7, "outcome_unknown", "unknown")
        assert "had already left" in run.error["message"] and run.error["hint"]
