"""What a gateway allows, and knows, between its requests: its time, the pace, what may have changed."""

from __future__ import annotations

import importlib
import io
import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from typing import Any

import pytest

from conftest import KEY
from recording import Answer, FarSide, reply
from sends import Clock
from wati.contract.failures import NO_SANDBOX, Failure
from wati.contract.settings import Settings
from wati.wire.client import Client
from wati.wire.departure import Cancelled, Departure
from wati.wire.gateway import USER_AGENT, Gateway
from wati.wire.request import Request
from wati.wire.threads import Worker

CHANGES = ("write", "create", "send", "delete")
LIST = Request("GET", "/wati/api/v1/getContacts")
SEND = Request("POST", "/wati/api/v1/sendSessionMessage/14155551234")


@pytest.fixture
def client(far_side: FarSide) -> Iterator[Client]:
    importlib.import_module("httpx")  # so that a short deadline has none of its cost
    client = Client(Settings({"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url}))
    yield client
    client.close()


def use_up(client: Client, request: Request, places: int = 10) -> None:
    """As if so many requests had just been answered."""
    for _ in range(places):
        assert client.pacer.wait(request.target, time.monotonic())
        client.pacer.answered(request.target)


def failure(gateway: Gateway, request: Request, effect: Any) -> tuple[str, str]:
    with pytest.raises(Failure) as caught:
        gateway.exchange(request, effect)
    return caught.value.code, caught.value.outcome


# --- a part of its time ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("timeout", "seconds"), [(30, 5), (6, 2)])
def test_a_part_is_a_third_of_the_time_at_most(client: Client, timeout: float, seconds: float) -> None:
    assert seconds - 0.4 < Gateway(client, timeout).part(5).left <= seconds


@pytest.mark.parametrize("status", [429, 500])
def test_a_part_waits_out_nothing(
    client: Client, far_side: FarSide, pauses: list[float], status: int
) -> None:
    far_side.always(Answer(status))
    assert Gateway(client).part(5).exchange(LIST, "read").status == status
    assert len(far_side.requests) == 1 and pauses == []


def test_a_part_is_as_patient_with_the_pace(client: Client, far_side: FarSide, clock: Clock) -> None:
    use_up(client, LIST)
    assert failure(Gateway(client).part(5), LIST, "read") == ("rate_limited", "not_sent")
    assert far_side.requests == [] and clock.waited == []
    assert Gateway(client, queue=60).part(5).exchange(LIST, "read").status == 200
    assert len(far_side.requests) == 1 and sum(clock.waited) == pytest.approx(10, abs=1)


def test_what_is_shortened_gets_no_longer(client: Client) -> None:
    gateway = Gateway(client, 3)
    gateway.shorten(30)
    assert 1 < gateway.left <= 3
    gateway.shorten(1)
    assert 0 < gateway.left <= 1


def test_no_time_is_left_after_the_deadline(client: Client, clock: Clock) -> None:
    gateway = Gateway(client, 3)
    clock.sleep(4)
    assert gateway.left == 0


def test_there_can_be_more_time_than_waits(client: Client, far_side: FarSide, pauses: list[float]) -> None:
    far_side.will(*[Answer(429, headers={"Retry-After": "7"})] * 2)
    gateway = Gateway(client, 60, 12)
    assert gateway.exchange(LIST, "read").status == 429
    assert len(far_side.requests) == 2 and pauses == [7]
    gateway.restart()
    far_side.will(Answer(429, headers={"Retry-After": "12"}))
    assert gateway.exchange(LIST, "read").status == 200
    assert pauses == [7, 12]


SLOW = {
    "silent": Answer(delay=60),
    "stalled": Answer(body=b'{"result": true}', cut=8, stall=60),
    "endless": Answer(body=iter(lambda: b" ", None), drip=0.01),
    "endless file": Answer(body=iter(lambda: b" ", None), drip=0.01, content_type="image/jpeg"),
}


@pytest.mark.parametrize("answer", SLOW.values(), ids=SLOW)
def test_a_slow_answer_keeps_no_thread(
    client: Client, far_side: FarSide, workers: list[Worker], answer: Answer
) -> None:
    """Nor a connection of the pool, which serves the later calls of a session, too."""
    far_side.will(answer)
    with pytest.raises(Failure) as caught:
        Gateway(client, 0.2).exchange(LIST, "read", sink=io.BytesIO())
    assert caught.value.code == "timeout"
    (worker,) = workers
    assert worker.ended(3), "httpx alone would have waited for 5 seconds"


@pytest.mark.parametrize(("timeout", "seconds"), [(None, 30), (100, 100)])
def test_the_door_closes_with_the_time_of_the_call(
    client: Client, timeout: float | None, seconds: float
) -> None:
    gateway = Gateway(client, timeout)
    assert gateway.door.until == pytest.approx(time.time() + seconds, abs=0.9)
    assert gateway.left == pytest.approx(seconds, abs=0.9)


@pytest.mark.parametrize(
    ("status", "requests"),
    [(429, 4), (408, 4), (500, 4), (599, 4), (300, 1), (400, 1), (404, 1), (409, 1), (428, 1)],
)
def test_what_may_pass_is_asked_for_four_times(
    client: Client, far_side: FarSide, pauses: list[float], status: int, requests: int
) -> None:
    far_side.always(Answer(status))
    assert Gateway(client).exchange(LIST, "read").status == status
    assert len(far_side.requests) == requests and len(pauses) == requests - 1
    first = 1.6 if status == 429 else 0.5
    assert pauses == [pytest.approx(first * 2**number, rel=0.26) for number in range(len(pauses))]


def test_nothing_is_waited_for_beyond_the_deadline(
    client: Client, far_side: FarSide, pauses: list[float]
) -> None:
    far_side.always(Answer(429, headers={"Retry-After": "5"}))
    assert Gateway(client, 3, 12).exchange(LIST, "read").status == 429
    assert len(far_side.requests) == 1 and pauses == []


# --- the pace ----------------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.mark.parametrize("effect", ["read", *CHANGES])
def test_what_the_pace_allows_too_late_does_not_leave(
    client: Client, far_side: FarSide, clock: Clock, effect: Any
) -> None:
    use_up(client, LIST)
    gateway = Gateway(client, 5)
    assert failure(gateway, LIST, effect) == ("rate_limited", "not_sent")
    assert far_side.requests == [] and not gateway.cancel()


def test_a_wait_for_the_pace_does_not_count(client: Client, far_side: FarSide, clock: Clock) -> None:
    use_up(client, LIST)
    gateway = Gateway(client, 5, queue=60)
    assert gateway.exchange(LIST, "read").status == 200
    assert sum(clock.waited) == pytest.approx(10, abs=1) and 3 < gateway.left <= 5


def test_a_place_of_each_limit_is_left_to_others(client: Client, far_side: FarSide) -> None:
    use_up(client, LIST, 9)
    assert failure(Gateway(client, 5, spare=1), LIST, "read") == ("rate_limited", "not_sent")
    assert Gateway(client, 5).exchange(LIST, "read").status == 200
    assert len(far_side.requests) == 1


def test_a_doubt_is_not_forgotten_when_the_pace_allows_no_repeat(
    client: Client, far_side: FarSide, clock: Clock
) -> None:
    use_up(client, SEND, 9)
    far_side.will(Answer(500))
    assert failure(Gateway(client, 0.7), SEND, "write") == ("rate_limited", "unknown")
    assert len(far_side.requests) == 1


def test_every_attempt_gives_its_place_back(client: Client, far_side: FarSide, clock: Clock) -> None:
    """A place that stays taken would keep all later requests of a session waiting for ever."""
    far_side.will(Answer(500), Answer(hang_up="close"), Answer(429))
    assert Gateway(client).exchange(LIST, "read").status == 200
    clock.sleep(11)
    use_up(client, LIST)


# --- what may have changed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", CHANGES)
@pytest.mark.parametrize(
    ("answer", "has_changed"),
    [
        (reply({"result": True}), True),
        (reply({"result": False}), True),
        (Answer(404), True),
        (Answer(500), True),
        (Answer(hang_up="close"), True),
        (reply({"result": True}, 429), True),
        (Answer(429), False),
        (Answer(429, headers={"Retry-After": "60"}), False),
    ],
    ids=["yes", "no", "404", "500", "gone", "yes under 429", "limited", "limited for long"],
)
def test_what_left_may_have_changed_something_unless_it_was_limited(
    client: Client, far_side: FarSide, pauses: list[float], effect: Any, answer: Answer, has_changed: bool
) -> None:
    far_side.always(answer)
    gateway = Gateway(client)
    try:
        gateway.exchange(SEND, effect)
    except Failure as failed:
        assert answer.hang_up and failed.code in ("outcome_unknown", "upstream_error")
    assert gateway.cancel() is has_changed
    assert gateway.changing is None
    gateway.door.closed = lambda: "too late"  # type: ignore[method-assign]
    if has_changed:
        gateway.look()
    else:
        with pytest.raises(Failure) as caught:
            gateway.look("Do it now.")
        assert (caught.value.message, caught.value.hint) == ("too late", "Do it now.")
        assert caught.value.source == "package"
        assert (caught.value.code, caught.value.outcome) == ("timeout", "not_sent")


@pytest.mark.parametrize("effect", CHANGES)
def test_what_was_never_connected_changed_nothing(
    client: Client, far_side: FarSide, pauses: list[float], effect: Any
) -> None:
    far_side.close()
    gateway = Gateway(client)
    with pytest.raises(Failure, match=f"No connection to {far_side.url} could be made") as caught:
        gateway.exchange(SEND, effect)
    assert (caught.value.code, caught.value.outcome) == ("unreachable", "not_sent")
    assert (caught.value.hint, caught.value.source) == (NO_SANDBOX, "network")
    assert not gateway.cancel() and not gateway.uncertain


def test_a_request_that_is_kept_here_does_not_undo_the_one_before(client: Client, far_side: FarSide) -> None:
    gateway = Gateway(client)
    gateway.exchange(SEND, "send")
    gateway.changing = Departure()
    gateway.door.closed = lambda: "too late"  # type: ignore[method-assign]
    gateway.look()
    assert gateway.cancel()
    with pytest.raises(Cancelled):
        gateway.changing.hand_over()


def test_a_request_under_way_is_not_denied(client: Client) -> None:
    gateway = Gateway(client)
    gateway.changing = Departure(lambda: "too late")
    gateway.door.closed = lambda: "too late"  # type: ignore[method-assign]
    gateway.look()
    assert not gateway.cancel()
    gateway.changing = Departure()
    gateway.changing.hand_over()
    assert gateway.cancel()


@pytest.mark.parametrize("effect", ["read", *CHANGES])
def test_what_gets_no_connection_of_the_pool_has_not_left(
    client: Client, far_side: FarSide, effect: Any
) -> None:
    """As many requests are under way as the pool has connections."""
    httpx = importlib.import_module("httpx")
    client._pool = httpx.Client(limits=httpx.Limits(max_connections=1), trust_env=False)
    with client.pool.stream("GET", far_side.url):
        gateway = Gateway(client, 0.2)
        with pytest.raises(Failure, match="No connection could be made in time") as caught:
            gateway.exchange(SEND, effect)
    assert (caught.value.code, caught.value.outcome) == ("timeout", "not_sent")
    assert not gateway.cancel() and len(far_side.requests) == 1


@pytest.mark.parametrize("effect", CHANGES)
@pytest.mark.parametrize("status", [429, 500])
def test_a_change_is_not_waited_for_behind_a_closed_door(
    client: Client, far_side: FarSide, pauses: list[float], effect: Any, status: int
) -> None:
    gateway = Gateway(client)
    far_side.always(Answer(status))
    gateway.door.closed = lambda: "too late" if far_side.requests else ""  # type: ignore[method-assign]
    with suppress(Failure):  # the answer may have come behind the door
        gateway.exchange(SEND, effect)
    assert len(far_side.requests) == 1 and pauses == []


@pytest.mark.parametrize("effect", CHANGES)
@pytest.mark.parametrize(
    ("steps", "outcome", "why"),
    [
        (0, "not_sent", "too late"),
        (1, "not_sent", "too late"),
        (2, "unknown", "The time ran out before the answer was complete."),
    ],
    ids=["before the pool", "before the head", "before the body"],
)
def test_what_the_door_keeps_here_is_told_as_far_as_it_had_come(
    client: Client, far_side: FarSide, pauses: list[float], effect: Any, steps: int, outcome: str, why: str
) -> None:
    gateway = Gateway(client)
    open_for = [""] * steps
    gateway.door.closed = lambda: open_for.pop() if open_for else "too late"  # type: ignore[method-assign]
    with pytest.raises(Failure) as caught:
        gateway.exchange(SEND, effect)
    is_doubtful = outcome == "unknown" and effect != "write"
    assert caught.value.code == ("outcome_unknown" if is_doubtful else "timeout")
    assert caught.value.message.startswith(why) and caught.value.source == "network"
    assert caught.value.outcome == outcome and gateway.cancel() is (outcome == "unknown")
    assert len(far_side.requests) <= (outcome == "unknown") and pauses == []


def test_a_read_minds_no_door(client: Client, far_side: FarSide, pauses: list[float]) -> None:
    gateway = Gateway(client)
    gateway.door.closed = lambda: "too late"  # type: ignore[method-assign]
    far_side.will(Answer(500))
    assert gateway.exchange(LIST, "read").status == 200
    assert len(far_side.requests) == 2 and len(pauses) == 1


@pytest.mark.parametrize("effect", CHANGES)
def test_a_call_that_is_ended_under_way_may_have_changed_something(
    client: Client, far_side: FarSide, pauses: list[float], effect: Any
) -> None:
    gateway, cancelled = Gateway(client), []

    def answer() -> Iterator[bytes]:
        cancelled.append(gateway.cancel())
        yield b"{}"

    far_side.will(Answer(body=answer()))
    with suppress(Failure):  # it can be too late for the rest of the answer
        gateway.exchange(SEND, effect)
    assert cancelled == [True]


def test_a_later_limit_does_not_undo_a_change(client: Client, far_side: FarSide, pauses: list[float]) -> None:
    far_side.will(Answer(500), Answer(429, headers={"Retry-After": "60"}))
    gateway = Gateway(client)
    assert gateway.exchange(SEND, "write").status == 429
    assert gateway.cancel() and gateway.uncertain


def test_a_read_changes_nothing(client: Client, far_side: FarSide, pauses: list[float]) -> None:
    far_side.always(Answer(500))
    gateway = Gateway(client)
    gateway.exchange(LIST, "read")
    assert not gateway.cancel() and not gateway.uncertain


# --- what travels ------------------------------------------------------------------------------------------


def test_a_request_can_have_headers_of_its_own(client: Client, far_side: FarSide) -> None:
    own = {"User-Agent": "probe", "Authorization": None, "Maton-Connection": None}
    Gateway(client).exchange(Request("GET", LIST.target, headers=own), "read", "conn-1")
    Gateway(client).exchange(LIST, "read", "conn-1")
    names = ("User-Agent", "Authorization", "Maton-Connection")
    probed, usual = ([request.header(name) for name in names] for request in far_side.requests)
    assert probed == ["probe", None, None]
    assert usual == [USER_AGENT, f"Bearer {KEY}", "conn-1"]


def test_only_a_success_is_a_file(client: Client, far_side: FarSide) -> None:
    sink = io.BytesIO()
    far_side.will(Answer(404, b"no such file", content_type="image/jpeg"))
    answer = Gateway(client).exchange(LIST, "read", sink=sink)
    assert (answer.saved, answer.text, sink.getvalue()) == (False, "no such file", b"")
    far_side.will(Answer(203, b"a file", content_type="image/jpeg"))
    answer = Gateway(client).exchange(LIST, "read", sink=sink)
    assert (answer.saved, answer.text, sink.getvalue()) == (True, "", b"a file")


# --- the far side's clock ----------------------------------------------------------------------------------


def test_the_clock_is_that_of_the_last_answer_with_a_date(client: Client, far_side: FarSide) -> None:
    gateway = Gateway(client)
    gateway.exchange(LIST, "read")
    assert gateway.clock is None
    far_side.will(reply({}, Date=formatdate(time.time() + 300, usegmt=True)), reply({}))
    for _ in range(2):
        gateway.exchange(LIST, "read")
        assert gateway.clock == pytest.approx(300, abs=5)
