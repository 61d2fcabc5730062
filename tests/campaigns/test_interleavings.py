"""Whatever happens in whatever order to a ledger, nobody gets a message twice, nobody is lost, and the
numbers add up: workers claim, send, end without a word, sleep and come back, while others look and go on.

The far side here counts what it delivers. A worker that was given up has a closed door (LEAVES_SECONDS).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sql
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ledgers import PLACE, add_job, numbers, open_ledger, set_state
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import BEAT_SECONDS, GONE_SECONDS, Job, Row, RowState, Settled, Worker
from wati.campaigns.schema import ROW, rows
from wati.campaigns.workers import Workers

WALKS, STEPS = 8, 80
PEOPLE, CHUNK = 6, 2
BAD = numbers(1)[0]  # whom the far side rejects
NAMES = count(1)
# How often each kind of step is chosen, of those that can happen. Without a number: once.
OFTEN = {"claim": 10, "send": 10, "answer": 4, "lose the answer": 4, "watch long": 2}

Steps = Iterator[tuple[str, Callable[[], None]]]


@dataclass
class Request:
    """What one worker does with one claim."""

    job: Job
    rows: list[Row]
    has_left: bool = False
    is_shut: bool = False


@dataclass
class Sender:
    worker: Worker
    requests: list[Request] = field(default_factory=list)
    is_alive: bool = True
    is_awake: bool = True


class Model:
    """Two jobs with the same message to some of the same people, and any number of workers."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.claims = ledger.claims
        self.now = 0.0
        self.watcher = Workers(ledger.database, PLACE, lambda: self.now)
        self.senders: list[Sender] = []
        self.stopped: set[int] = set()
        self.delivered: Counter[str] = Counter()
        self.wanted_again: Counter[str] = Counter()
        run = next(NAMES)
        people = [BAD, *numbers(2 * PEOPLE, 100 * run)]
        self.jobs = [
            add_job(ledger, some, f"{run}-{index}", chunk=CHUNK, message=f"hello {run}")
            for index, some in enumerate((people[:PEOPLE], people[PEOPLE // 2 :: -1] + people[PEOPLE:-2]))
        ]

    def steps(self) -> Steps:
        """Everything that can happen now."""
        awake = [one for one in self.senders if one.is_alive and one.is_awake]
        for job in self.jobs:
            yield "stop or go on", lambda job=job: self.stop_or_go_on(job)
            if self.claims.in_doubt(job):
                yield "look", lambda job=job: self.look(job)
                yield "again", lambda job=job: self.again(job)
        if len(awake) < 2:
            yield "enlist", self.enlist
        for sender in awake:
            for job in self.jobs:
                for chunk in range(PEOPLE // CHUNK):
                    yield "claim", lambda one=sender, job=job, chunk=chunk: self.claim(one, job, chunk)
            for request in sender.requests:
                if request.has_left:
                    yield "answer", lambda one=sender, of=request: self.answer(one, of)
                    yield "lose the answer", lambda one=sender, of=request: self.settle(one, of, "in_doubt")
                else:
                    yield "send", lambda one=sender, of=request: self.send(one, of)
                    yield "give back", lambda one=sender, of=request: self.settle(one, of, "planned")
            for how in ("crashes", "sleeps", "retires"):
                yield how, lambda one=sender, how=how: self.leaves(one, how)
        for sender in self.senders:
            if sender.is_alive and not sender.is_awake:
                yield "wake", lambda one=sender: setattr(one, "is_awake", True)
        yield "watch", lambda: self.watch(BEAT_SECONDS)
        yield "watch long", lambda: self.watch(GONE_SECONDS + 2 * BEAT_SECONDS)

    # --- workers --------------------------------------------------------------------------------------------

    def enlist(self) -> Sender:
        self.senders.append(Sender(self.ledger.workers.enlist(f"worker {next(NAMES)}")))
        return self.senders[-1]

    def claim(self, sender: Sender, job: Job, chunk: int) -> None:
        found = self.claims.claim(job, chunk, sender.worker)
        assert job.id not in self.stopped or not found
        if found:
            sender.requests.append(Request(job, found))

    def send(self, sender: Sender, request: Request) -> None:
        if request.is_shut:  # the door is closed: nothing leaves
            return self.settle(sender, request, "planned")
        request.has_left = True
        self.delivered.update(row.receiver for row in request.rows if row.receiver != BAD)

    def answer(self, sender: Sender, request: Request) -> None:
        self.settle(
            sender, request, *("rejected" if row.receiver == BAD else "accepted" for row in request.rows)
        )

    def settle(self, sender: Sender, request: Request, *said: RowState) -> None:
        all_said = said * len(request.rows) if len(said) == 1 else said
        outcomes = [
            Settled(row.position, state, claim=row.claim)
            for row, state in zip(request.rows, all_said, strict=True)
        ]
        self.claims.settle(request.job, sender.worker, outcomes)
        sender.requests.remove(request)

    def leaves(self, sender: Sender, how: str) -> None:
        if how == "sleeps":
            sender.is_awake = False
            return
        sender.is_alive = False
        if how == "retires":
            self.ledger.workers.retire(sender.worker)
        elif self.ledger.workers._owners is not None:
            self.ledger.workers._owners.release(sender.worker.id)  # as the system does

    # --- others ---------------------------------------------------------------------------------------------

    def watch(self, seconds: float) -> None:
        for _ in range(int(seconds / BEAT_SECONDS)):
            self.now += BEAT_SECONDS
            for sender in self.senders:
                if sender.is_alive and sender.is_awake:
                    self.ledger.workers.beat(sender.worker)
            gone = {worker.id for worker in self.watcher.bury()}
            for sender in self.senders:
                if sender.worker.id in gone:
                    assert not (sender.is_alive and sender.is_awake)
                    for request in sender.requests:
                        request.is_shut = True

    def look(self, job: Job) -> None:
        """What has arrived is seen, and what has not is not."""
        seen = [
            Settled(row.position, "accepted")
            if self.delivered[row.receiver]
            else Settled(row.position, "rejected", "not_seen")
            for row in self.claims.in_doubt(job)
        ]
        self.claims.looked(job, seen)

    def again(self, job: Job) -> None:
        wanted = [row.receiver for row in self.claims.in_doubt(job, limit=1)]
        assert self.claims.again(job, wanted) == len(wanted)
        self.wanted_again.update(wanted)

    def stop_or_go_on(self, job: Job) -> None:
        self.stopped ^= {job.id}
        set_state(self.ledger, job, "stopped" if job.id in self.stopped else "running")

    # --- what always holds ----------------------------------------------------------------------------------

    def check(self) -> None:
        for receiver, times in self.delivered.items():
            assert times <= 1 + self.wanted_again[receiver], f"{receiver} got it {times} times"
        in_flight = {
            (request.job.id, row.position)
            for sender in self.senders
            for request in sender.requests
            if request.has_left
            for row in request.rows
        }
        for job in self.jobs:
            found = self.rows(job)
            assert len(found) == job.head_count
            for row in found:
                if row.state == "accepted":
                    assert self.delivered[row.receiver], row
                if row.state == "planned" and not row.again:
                    assert (job.id, row.position) not in in_flight, row

    def rows(self, job: Job) -> list[Row]:
        with self.ledger.database.reading() as db:
            return [Row(*each) for each in db.execute(sql.select(*ROW).where(rows.c.job == job.id))]

    def end(self) -> None:
        """Nobody is lost: once everyone has said what they know, a new worker ends the jobs."""
        late = [one for one in self.senders if one.is_alive]
        self.watch(GONE_SECONDS + 2 * BEAT_SECONDS)
        for sender in late:
            for request in list(sender.requests):
                if request.has_left:
                    self.answer(sender, request)
                else:
                    self.settle(sender, request, "planned")
            self.ledger.workers.retire(sender.worker)
        self.check()
        self.senders = []
        last = self.enlist()
        for job in self.jobs:
            if job.id in self.stopped:
                self.stop_or_go_on(job)
            self.look(job)
            for _ in ("planned", "again"):
                for chunk in self.claims.chunks_left(job):
                    self.claim(last, job, chunk)
                    for request in list(last.requests):
                        self.send(last, request)
                        self.answer(last, request)
            counts = self.claims.counts(job)
            assert counts["planned"] == counts["claimed"] == counts["in_doubt"] == 0, counts
            assert counts["accepted"] + counts["rejected"] == job.head_count
        found = [row for job in self.jobs for row in self.rows(job)]
        not_seen = {row.receiver for row in found if row.reason == "not_seen"}
        for row in found:
            assert row.receiver in (BAD, *not_seen) or self.delivered[row.receiver], row
        self.check()
        self.ledger.workers.retire(last.worker)


def walk(ledger: Ledger, seed: int) -> None:
    random, model = Random(seed), Model(ledger)
    model.enlist()
    for _ in range(STEPS):
        steps: dict[str, list[Callable[[], None]]] = {}
        for kind, step in model.steps():
            steps.setdefault(kind, []).append(step)
        (kind,) = random.choices(list(steps), [OFTEN.get(kind, 1) for kind in steps])
        random.choice(steps[kind])()
        model.check()
    model.end()


@pytest.mark.parametrize("store", ["file", "postgres"])
def test_nobody_twice_nobody_lost(store: str, request: pytest.FixtureRequest) -> None:
    with tempfile.TemporaryDirectory(prefix="pytest-") as folder:
        address = str(Path(folder) / "campaigns.sqlite")
        if store == "postgres":
            address = request.getfixturevalue("postgres").database()
        ledger = open_ledger(address)

        # A walk that fails is not made shorter: each try takes as long as the walk.
        @settings(max_examples=WALKS, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
        @given(st.integers(0, 2**32))
        def walks(seed: int) -> None:
            walk(ledger, seed)

        try:
            walks()
        finally:
            ledger.close()
