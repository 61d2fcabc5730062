"""Workers: who has gone is seen at once on one machine, and otherwise when its beats stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import pytest

from campaigns.conftest import Open
from conftest import ROOT
from ledgers import PLACE, add_job, numbers, states
from wati.campaigns import ledger as ledgers
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import BEAT_SECONDS, GONE_SECONDS, LEAVES_SECONDS, Job
from wati.campaigns.workers import Workers
from wati.contract.failures import Failure

ANN, BOB = numbers(2)
WORK = """
import sys
sys.path[:0] = sys.argv[1:3]
from ledgers import find_job, open_ledger
ledger = open_ledger(sys.argv[3])
with ledger.present("other") as worker:
    print(len(ledger.claims.claim(find_job(ledger, "spring"), 0, worker)), flush=True)
    sys.stdin.readline()
"""


class Watcher:
    """A process that watches others, with a clock that a test moves."""

    def __init__(self, ledger: Ledger) -> None:
        self.now = 1000.0
        self.workers = Workers(ledger.database, PLACE, lambda: self.now)

    def sees(self, seconds: float, meanwhile: Callable[[], None] = lambda: None) -> list[str]:
        """Whom it buries in this time, in which it looks every few seconds."""
        buried: list[str] = []
        until = self.now + seconds
        while self.now < until:
            self.now += min(BEAT_SECONDS, until - self.now)
            meanwhile()
            buried += [worker.name for worker in self.workers.bury()]
        return buried


@pytest.fixture
def watcher(opened: Open) -> Watcher:
    return Watcher(opened())


@pytest.fixture
def job(ledger: Ledger) -> Job:
    return add_job(ledger, [ANN, BOB])


def test_whoever_does_not_beat_is_gone_and_its_rows_are_in_doubt(
    ledger: Ledger, watcher: Watcher, job: Job
) -> None:
    first = ledger.workers.enlist("first")
    ledger.claims.claim(job, 0, first)
    assert watcher.sees(GONE_SECONDS) == []  # from the first look on
    assert watcher.sees(BEAT_SECONDS) == ["first"]
    assert set(states(ledger, job).values()) == {"in_doubt"}
    assert [(one.name, one.state) for one in ledger.workers.all()] == [("first", "gone")]
    assert watcher.sees(GONE_SECONDS) == []  # once


def test_whoever_beats_or_claims_is_not(ledger: Ledger, watcher: Watcher, job: Job) -> None:
    first, second = ledger.workers.enlist("first"), ledger.workers.enlist("second")
    ledger.claims.claim(job, 0, first)
    beats = count()

    def alive() -> None:
        if next(beats) % 5 == 0:
            ledger.workers.beat(first)
            ledger.claims.claim(job, 0, second)

    assert watcher.sees(5 * GONE_SECONDS, alive) == []
    assert set(states(ledger, job).values()) == {"claimed"}


def test_whoever_comes_back_works_on(ledger: Ledger, watcher: Watcher, job: Job) -> None:
    first = ledger.workers.enlist("first")
    assert watcher.sees(2 * GONE_SECONDS) == ["first"]
    assert len(ledger.claims.claim(job, 0, first)) == 2
    assert ledger.workers.all()[0].state == "working"
    # What it holds now is watched as before.
    assert watcher.sees(2 * GONE_SECONDS) == ["first"]
    assert set(states(ledger, job).values()) == {"in_doubt"}
    ledger.workers.retire(first)
    ledger.workers.beat(first)
    assert ledger.workers.all()[0].state == "ended"


def test_a_watcher_that_slept_has_seen_nothing_meanwhile(ledger: Ledger, watcher: Watcher) -> None:
    ledger.workers.enlist("first")
    assert watcher.sees(GONE_SECONDS - BEAT_SECONDS) == []
    watcher.now += 3600.0  # the machine slept, or the database was away: nobody could beat
    assert watcher.sees(GONE_SECONDS) == []
    assert watcher.sees(BEAT_SECONDS) == ["first"]


def test_no_wall_clock_buries_or_saves_anybody(
    ledger: Ledger, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger.workers.enlist("first")
    real = time.time
    clock = {"ahead": 0.0}
    monkeypatch.setattr(time, "time", lambda: real() + clock["ahead"])
    for clock["ahead"] in (-86400.0, 86400.0):
        assert watcher.sees(GONE_SECONDS, lambda: ledger.workers.beat(first)) == []
        assert watcher.sees(GONE_SECONDS + BEAT_SECONDS) == ["first"]
        ledger.workers.beat(first)


def test_a_beat_in_the_last_moment_counts(
    ledger: Ledger, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ledger.workers.enlist("first")
    watcher.sees(GONE_SECONDS)
    bury = Workers._bury

    def beaten(self: Workers, worker: object) -> bool:
        ledger.workers.beat(first)
        return bury(self, worker)  # type: ignore[arg-type]

    monkeypatch.setattr(Workers, "_bury", beaten)
    assert watcher.sees(BEAT_SECONDS) == []


def test_whoever_ends_leaves_what_it_did_not_settle_in_doubt(ledger: Ledger, job: Job) -> None:
    with ledger.present("first") as worker:
        assert len(ledger.claims.claim(job, 0, worker)) == 2
        assert [one.state for one in ledger.workers.all()] == ["working"]
    assert [one.state for one in ledger.workers.all()] == ["ended"]
    assert set(states(ledger, job).values()) == {"in_doubt"}


def test_a_name_is_for_one_worker(ledger: Ledger) -> None:
    ledger.workers.enlist("first")
    with pytest.raises(Failure, match="first before"):
        ledger.workers.enlist("first")
    assert ledger.workers.give_up("second") is None


def test_others_far_side_is_not_watched(ledger: Ledger, opened: Open) -> None:
    ledger.workers.enlist("first")
    assert opened("https://api.maton.ai").workers.all() == []


def test_nothing_leaves_after_others_may_have_given_up() -> None:
    assert LEAVES_SECONDS < GONE_SECONDS


def test_a_worker_at_work_beats_and_catches_up(
    ledger: Ledger, watcher: Watcher, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgers, "BEAT_SECONDS", 0.01)
    ledger.workers.enlist("dead")
    with ledger.present("first"):
        until = time.monotonic() + 20
        while ledger.workers.all()[0].beats < 3:
            assert time.monotonic() < until
            time.sleep(0.01)


# --- other processes ----------------------------------------------------------------------------------------


@pytest.fixture
def other(address: str, ledger: Ledger, job: Job) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own that has claimed everything."""
    command = [sys.executable, "-c", WORK, str(ROOT / "scripts"), str(ROOT / "tests"), address]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "2\n"
        yield process
        with suppress(ProcessLookupError):
            process.kill()


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_on_one_machine_an_end_is_seen_at_once(
    ledger: Ledger, watcher: Watcher, job: Job, other: subprocess.Popen[str]
) -> None:
    assert watcher.workers.bury() == []
    other.kill()
    other.wait()
    assert [worker.name for worker in watcher.workers.bury()] == ["other"]
    assert set(states(ledger, job).values()) == {"in_doubt"}


@pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: Windows stops no process")
def test_a_process_that_is_stopped_is_given_up_and_believed_when_it_goes_on(
    ledger: Ledger, watcher: Watcher, job: Job, other: subprocess.Popen[str]
) -> None:
    os.kill(other.pid, signal.SIGSTOP)
    assert watcher.sees(GONE_SECONDS) == []
    assert watcher.sees(BEAT_SECONDS) == ["other"]
    assert set(states(ledger, job).values()) == {"in_doubt"}
    os.kill(other.pid, signal.SIGCONT)
    assert other.stdin is not None
    other.stdin.close()
    assert other.wait(20) == 0
    assert [worker.state for worker in ledger.workers.all()] == ["ended"]
