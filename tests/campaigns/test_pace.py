"""The pace of all workers: no window ever has more, and a clock that is set harms nobody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.conftest import Open
from wati.campaigns import pace
from wati.campaigns.ledger import Ledger
from wati.campaigns.pace import MARGIN, MOST_A_SECOND, _State, as_of, wait_of
from wati.wire import interrupts

PLAN = (30, 10.0)
Limits = list[tuple[int, float]]


def taken(limits: Limits, arrivals: list[float]) -> list[float]:
    """When each of these gets its turn, one after the other."""
    state, now, found = _State([], 0.0, 0.0), 1e9, []
    for after in arrivals:
        now += after
        now += max(0.0, wait_of(state, limits, now))
        state = state._replace(turns=[*as_of(state, now).turns, now][-30:])
        found.append(now)
    return found


@given(st.lists(st.floats(0, 3), min_size=1, max_size=200))
def test_no_window_has_more_than_its_limit(arrivals: list[float]) -> None:
    limits = [PLAN, MOST_A_SECOND]
    turns = taken(limits, arrivals)
    for most, seconds in limits:
        pairs = zip(turns, turns[most:], strict=False)
        assert all(later - first >= seconds - 1e-6 for first, later in pairs)


def test_it_is_as_fast_as_the_limits_allow() -> None:
    turns = taken([PLAN, MOST_A_SECOND], [0.0] * 3000)
    assert turns[-1] - turns[0] == pytest.approx(99 * 10.0 + 3.0, abs=1.0)


@given(st.floats(0, 1e6), st.floats(0, 60), st.lists(st.floats(0, 10), min_size=3, max_size=6))
def test_a_clock_that_is_set_back_makes_nobody_wait_longer(
    back: float, pause: float, ago: list[float]
) -> None:
    now = 1e9
    state = _State(sorted(now - each for each in ago), now + pause, pause)
    before, after = (wait_of(state, [(3, 10.0)], at) for at in (now, now - back))
    # Nor does it let more through: what was just now is still just now.
    assert before - 1e-6 <= after <= max(pause, 10.0) + 1e-6


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The waits, recorded in place of being waited; the file's clock moves on with them."""
    waits: list[float] = []
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + sum(waits))

    def sleep(seconds: float, otherwise: Callable[[float], None]) -> None:
        waits.append(seconds)

    monkeypatch.setattr(interrupts, "sleep", sleep)
    yield waits


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_workers_share_the_turns_and_the_pauses(ledger: Ledger, opened: Open, clock: list[float]) -> None:
    other = opened()
    for each in (ledger, other) * 4:
        assert each.pace.turn(*PLAN) and clock == []
    assert other.pace.turn(*PLAN)  # the ninth in a second
    assert 0.5 < sum(clock) < 1.1
    before = sum(clock)
    ledger.pace.slow_down(7)
    ledger.pace.slow_down(3)  # shorter, so it changes nothing
    assert other.pace.turn(*PLAN)
    assert 6.5 < sum(clock) - before < 7.1
    before = sum(clock)
    ledger.pace.slow_down()
    assert opened("https://api.maton.ai").pace.turn(*PLAN) and sum(clock) == before  # another far side
    assert other.pace.turn(*PLAN)
    assert 9.5 < sum(clock) - before < 10.1


@pytest.mark.parametrize("address", ["file"], indirect=True)
@pytest.mark.parametrize("back", [5.0, 3600.0])
def test_a_clock_that_is_set_back_while_someone_waits(
    back: float, ledger: Ledger, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait goes on from where it was, and does not begin anew with each look."""
    for _ in range(MOST_A_SECOND[0]):
        assert ledger.pace.turn(*PLAN)
    before = time.time
    monkeypatch.setattr(time, "time", lambda: before() - back)
    assert ledger.pace.turn(*PLAN, go_on=lambda: sum(clock) < 60)
    assert sum(clock) < 1.1
    ledger.pace.slow_down(7)
    monkeypatch.setattr(time, "time", lambda: before() - 2 * back)
    assert ledger.pace.turn(*PLAN, go_on=lambda: sum(clock) < 60)
    assert 6.5 < sum(clock) < 8.2


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_whoever_is_stopped_waits_no_longer(ledger: Ledger, clock: list[float]) -> None:
    ledger.pace.slow_down(60)
    answers = iter([True, True, False])
    assert not ledger.pace.turn(*PLAN, go_on=lambda: next(answers))
    assert len(clock) == 2


def test_threads_and_processes_take_turns_one_by_one(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MOST_A_SECOND", (1000, 1.0))
    ledgers = [opened() for _ in range(4)]
    began = time.monotonic()

    def turns(ledger: Ledger) -> list[float]:
        return [time.monotonic() for _ in range(5) if ledger.pace.turn(5, 0.2)]

    with ThreadPoolExecutor(4) as pool:
        found = sorted(at for some in pool.map(turns, ledgers) for at in some)
    assert len(found) == 20 and found[0] >= began
    # Each turn is written before it is taken, so the times here lag a little.
    assert found[-1] - found[0] >= 3 * 0.2 * MARGIN - 0.1
