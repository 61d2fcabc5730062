"""The work on jobs, by an engine that is none: what starts, waits, stops, goes on, ends and is taken over."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from conftest import ROOT
from wati.calls.session import Session
from wati.campaigns import shift as shift_module
from wati.campaigns.database import Database
from wati.campaigns.engine import Alone
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Job, Settled, Worker
from wati.campaigns.schema import rows
from wati.campaigns.shift import Shift
from wati.contract.failures import Failure

sys.path[:0] = [str(ROOT / "dev")]
from campaign_shop import planned  # noqa: E402

QUIET = {"from": "20:00", "to": "09:00", "zone": "Etc/UTC"}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(Database(str(tmp_path / "campaigns.sqlite")), "sandbox")
    yield made
    made.close()


class Sends:
    """Stands in for the sender: claims a chunk and settles it. `before`: called with the chunk first."""

    def __init__(self, before: Callable[[Ledger, Job, int], object] = lambda *_: None) -> None:
        self.sent: list[str] = []
        self.chunks: list[int] = []
        self._before = before

    def __call__(self, session: Session, ledger: Ledger, worker: Worker, job: Job, chunk: int) -> None:
        self.chunks.append(chunk)
        if self._before(ledger, job, chunk) is False:
            return
        claimed = ledger.claims.claim(job, chunk, worker)
        self.sent += [row.receiver for row in claimed]
        ledger.claims.settle(job, worker, [Settled(row.position, "accepted") for row in claimed])


@pytest.fixture
def work(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shift]:
    """`work(sends, is_over)`: one shift, to its end."""
    monkeypatch.setattr(shift_module, "LOOK_SECONDS", 0.01)

    names = iter(["one", "two", "three", "four"])

    def run(
        sends: Any,
        is_over: Callable[[Shift], bool] | None = None,
        say: Callable[[Shift], object] = lambda _: None,
    ) -> Shift:
        monkeypatch.setattr(shift_module, "HANDLERS", {"campaign": sends})
        until = time.monotonic() + 20
        made = Shift(Session({}), ledger, Alone(), next(names), say)

        def over() -> bool:
            assert time.monotonic() < until
            return is_over(made) if is_over else not made.running

        made.work(over)
        return made

    return run


def started(ledger: Ledger, name: str = "spring", count: int = 25, **plan: Any) -> Job:
    job = planned(ledger, name, range(14_155_600_000, 14_155_600_000 + count), 10, **plan)
    ledger.course.start(job)
    return job


def state(ledger: Ledger, name: str = "spring") -> Job:
    job = ledger.plans.get(name)
    assert job is not None
    return job


def test_every_job_that_runs_is_done_and_ends(ledger: Ledger, work: Callable[..., Shift]) -> None:
    first, second = started(ledger), started(ledger, "summer", 5, text="Another")
    sends = Sends()
    work(sends)
    assert len(sends.sent) == 30 and sorted(sends.chunks) == [0, 0, 1, 2]
    for job in (first, second):
        after = state(ledger, job.name)
        assert after.state == "done" and after.ended_at is not None and after.started_at is not None
        assert ledger.claims.counts(job)["accepted"] == job.head_count
    (one,) = ledger.workers.all()
    assert (one.name, one.state) == ("one", "ended")


def test_a_plan_that_nobody_started_is_left_alone(ledger: Ledger, work: Callable[..., Shift]) -> None:
    job = planned(ledger, "spring", [14155600000], 10)
    sends = Sends()
    work(sends)
    assert sends.sent == [] and state(ledger).state == job.state == "planned"


def test_what_was_stopped_goes_on_with_the_rest(ledger: Ledger, work: Callable[..., Shift]) -> None:
    job = started(ledger, count=200)
    sends = Sends(lambda ledger, job, chunk: ledger.course.stop(job) if chunk == 5 else None)
    work(sends)
    assert state(ledger).state == "stopped" and 0 < len(sends.sent) < 200
    assert len(sends.chunks) < 20, "the engine gave the others back"
    ledger.course.start(job)
    rest = Sends()
    work(rest)
    assert sorted([*sends.sent, *rest.sent]) == [str(14_155_600_000 + n) for n in range(200)]
    assert state(ledger).state == "done"


def test_what_an_engine_lost_is_given_again(ledger: Ledger, work: Callable[..., Shift]) -> None:
    started(ledger)
    lost = iter([False, False, True, True, False, *[True] * 9])
    sends = Sends(lambda *_: next(lost))
    work(sends)
    assert len(sends.sent) == 25 and len(sends.chunks) == 6 and state(ledger).state == "done"


def test_a_round_without_progress_is_not_repeated_at_once(ledger: Ledger, work: Callable[..., Shift]) -> None:
    started(ledger)
    sends, until = Sends(lambda *_: False), time.monotonic() + 1.0
    work(sends, lambda _: time.monotonic() > until)
    assert 3 <= len(sends.chunks) <= 24, "each pause is twice as long"


def test_nothing_is_given_before_its_time_or_in_quiet_hours(
    ledger: Ledger, work: Callable[..., Shift], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_800_000_000.0  # 08:00 in UTC, 09:00 in Lagos
    monkeypatch.setattr(ledger.database, "now", lambda _: now)
    started(ledger, count=10, send_at=now + 60, quiet_hours=QUIET, zones=["Etc/UTC", "Africa/Lagos"])
    sends = Sends(lambda ledger, job, chunk: False)
    assert work(sends, lambda shift: bool(shift.opens)).opens == {"spring": now + 60}
    assert sends.chunks == []
    now += 60
    work(sends, lambda _: bool(sends.chunks))
    with ledger.database.writing() as db:  # those in Lagos have got it
        db.execute(sql.update(rows).where(rows.c.zone == "Africa/Lagos").values(state="accepted"))
    sends.chunks.clear()
    assert work(sends, lambda shift: bool(shift.opens)).opens == {"spring": 1_800_003_600.0}
    assert sends.chunks == []
    now = 1_800_003_600.0
    work(sends, lambda _: bool(sends.chunks))


def test_an_error_of_a_chunk_ends_the_work_and_is_told(ledger: Ledger, work: Callable[..., Shift]) -> None:
    started(ledger)

    def fails(*_: object) -> None:
        raise Failure("read_only", "WATI_READ_ONLY is set.")

    with pytest.raises(Failure, match="WATI_READ_ONLY"):
        work(Sends(fails), lambda _: False)
    assert state(ledger).state == "running", "another worker may send"

    def bug(*_: object) -> None:
        raise KeyError("x")

    with pytest.raises(Failure) as caught:
        work(Sends(bug), lambda _: False)
    assert caught.value.code == "internal"


def test_a_database_that_is_away_is_waited_for(
    ledger: Ledger, work: Callable[..., Shift], monkeypatch: pytest.MonkeyPatch
) -> None:
    started(ledger)
    away = iter([True] * 3)

    def fails(*_: object) -> None:
        if next(away, False):
            raise Failure("ledger_unavailable", "It is away.")

    real = ledger.course.now
    looks = iter([False, True, True])

    def now() -> float:
        fails() if next(looks, False) else None
        return real()

    monkeypatch.setattr(ledger.course, "now", now)
    sends, told = Sends(fails), iter([True])

    def say(_: Shift) -> None:
        if next(told, False):
            raise Failure("ledger_unavailable", "It is away.")

    work(sends, say=say)
    assert len(sends.sent) == 25 and state(ledger).state == "done" and next(told, None) is None
    monkeypatch.setattr(shift_module, "LOST_SECONDS", 0.05)
    started(ledger, "summer", text="Another")

    def gone() -> float:
        raise Failure("ledger_unavailable", "It is away.")

    monkeypatch.setattr(ledger.course, "now", gone)
    with pytest.raises(Failure, match="It is away"):
        work(Sends(), lambda _: False)


class Stuck(Alone):
    """Has the chunks, and hands out none of them."""

    def unfinished(self, job: str) -> bool:
        return True


def test_an_engine_that_hands_out_nothing_ends_the_work(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(ledger)
    monkeypatch.setattr(shift_module, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(shift_module, "LOOK_SECONDS", 0.01)
    until = time.monotonic() + 20
    with pytest.raises(Failure, match="has handed out nothing for 0 seconds") as caught:
        Shift(Session({}), ledger, Stuck(), "one", lambda _: None).work(lambda: time.monotonic() > until)
    assert caught.value.code == "ledger_unavailable"
    other = ledger.workers.enlist("other")
    until = time.monotonic() + 0.5
    Shift(Session({}), ledger, Stuck(), "two", lambda _: None).work(lambda: time.monotonic() > until)
    assert other.name == "other", "it may have them"


class Held(Alone):
    """Another worker has begun what is in `held`, and has died."""

    def __init__(self) -> None:
        super().__init__()
        self.held = {"dead": [("spring", 0)], "two": [("spring", 1)]}
        self.recovered: list[str] = []

    def unfinished(self, job: str) -> bool:
        return bool(self.held.get("dead")) or super().unfinished(job)

    def holders(self) -> set[str]:
        return {name for name, chunks in self.held.items() if chunks}

    def recover(self, worker: str) -> int:
        chunks = self.held.pop(worker)
        self.recovered.append(worker)
        self.enqueue("spring", 99, [chunk for _, chunk in chunks])
        return len(chunks)


def test_the_chunks_of_a_worker_that_has_gone_are_taken_over(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = started(ledger)
    dead, lives = ledger.workers.enlist("dead"), ledger.workers.enlist("two")
    claimed = ledger.claims.claim(job, 0, dead)
    ledger.workers.give_up("dead")
    monkeypatch.setattr(shift_module, "LOOK_SECONDS", 0.01)
    sends, engine = Sends(), Held()
    monkeypatch.setattr(shift_module, "HANDLERS", {"campaign": sends})
    shift = Shift(Session({}), ledger, engine, "one", lambda _: None)
    until = time.monotonic() + 20
    shift.work(lambda: not shift.running or time.monotonic() > until)
    assert engine.recovered == ["dead"], "whoever lives keeps theirs"
    assert state(ledger).state == "done" and len(claimed) == 10
    counts = ledger.claims.counts(job)
    assert (counts["accepted"], counts["in_doubt"]) == (15, 10)
    assert lives.name in {one.name for one in ledger.workers.all() if one.state == "working"}


def test_a_signal_in_a_thread_ends_the_work_well(ledger: Ledger, work: Callable[..., Shift]) -> None:
    """As the MCP server stops a call that nobody waits for any more."""
    from wati.wire import interrupts

    started(ledger, count=100)
    stop = threading.Event()
    sends = Sends(lambda ledger, job, chunk: stop.set() if chunk == 3 else None)
    interrupts.stoppable(stop, lambda: work(sends, lambda _: False))
    assert 0 < len(sends.sent) < 100 and state(ledger).state == "running"
    assert ledger.claims.counts(state(ledger))["in_doubt"] == 0
