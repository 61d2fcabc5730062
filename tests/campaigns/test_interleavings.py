"""Whatever happens in whatever order to a ledger, nobody gets a message twice, nobody is lost, and the
numbers add up: workers claim, send, end without a word, sleep and come back, while others look and go on.

The far side here counts what it delivers. A worker that was given up has a closed door (LEAVES_SECONDS).
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sql
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ledgers import PLACE, add_job, numbers, open_ledger, set_state
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import BEAT_SECONDS, GONE_SECONDS, Job, Row, RowState, Settled, Worker
from wati.campaigns.schema import ROW, rows
from wati.campaigns.workers import Workers

EXAMPLES = 8  # a thousand find no more, but take minutes
PEOPLE, CHUNK = 4, 2
BAD = numbers(1)[0]  # whom the far side rejects
NAMES = count(1)
PICK = st.integers(0, 10**6)


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


class Interleavings(RuleBasedStateMachine):
    ledger: Ledger

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.watch = Workers(self.ledger.database, PLACE, lambda: self.now)
        self.senders: list[Sender] = []
        self.stopped: set[int] = set()
        self.delivered: Counter[str] = Counter()
        self.wanted_again: Counter[str] = Counter()
        run = next(NAMES)
        # Two jobs with the same message to some of the same people.
        first = next(NAMES) * 10
        self.people = [BAD, *numbers(PEOPLE + 1, first)]
        self.jobs = [
            add_job(self.ledger, people, f"{run}-{index}", chunk=CHUNK, message=f"hello {run}")
            for index, people in enumerate((self.people[:PEOPLE], self.people[2:]))
        ]

    # --- workers --------------------------------------------------------------------------------------------

    @precondition(lambda self: len(self.senders) < 4)
    @rule()
    def enlist(self) -> None:
        self.senders.append(Sender(self.ledger.workers.enlist(f"worker {next(NAMES)}")))

    def sender(self, pick: int) -> Sender | None:
        awake = [one for one in self.senders if one.is_alive and one.is_awake]
        return awake[pick % len(awake)] if awake else None

    def request(self, pick: int, *, has_left: bool) -> tuple[Sender, Request] | None:
        found = [
            (sender, request)
            for sender in self.senders
            for request in sender.requests
            if sender.is_alive and sender.is_awake and request.has_left is has_left
        ]
        return found[pick % len(found)] if found else None

    @rule(pick=PICK, job=st.integers(0, 1), chunk=st.integers(0, PEOPLE // CHUNK - 1))
    def claim(self, pick: int, job: int, chunk: int) -> None:
        if sender := self.sender(pick):
            found = self.ledger.claims.claim(self.jobs[job], chunk, sender.worker)
            assert job not in self.stopped or not found
            if found:
                sender.requests.append(Request(self.jobs[job], found))

    @rule(pick=PICK)
    def send(self, pick: int) -> None:
        found = self.request(pick, has_left=False)
        if found is None:
            return
        sender, request = found
        if request.is_shut:  # the door is closed: nothing leaves
            return self.settle(sender, request, ["planned"] * len(request.rows))
        request.has_left = True
        self.delivered.update(row.receiver for row in request.rows if row.receiver != BAD)

    @rule(pick=PICK, lost=st.booleans())
    def answer(self, pick: int, lost: bool) -> None:
        if found := self.request(pick, has_left=True):
            sender, request = found
            said: list[RowState] = ["rejected" if row.receiver == BAD else "accepted" for row in request.rows]
            self.settle(sender, request, ["in_doubt"] * len(said) if lost else said)

    @rule(pick=PICK)
    def give_back(self, pick: int) -> None:
        if found := self.request(pick, has_left=False):
            self.settle(*found, ["planned"] * len(found[1].rows))

    def settle(self, sender: Sender, request: Request, said: list[RowState]) -> None:
        outcomes = [
            Settled(row.position, state, claim=row.claim)
            for row, state in zip(request.rows, said, strict=True)
        ]
        self.ledger.claims.settle(request.job, sender.worker, outcomes)
        sender.requests.remove(request)

    @rule(pick=PICK)
    def crash(self, pick: int) -> None:
        if sender := self.sender(pick):
            sender.is_alive = False
            if self.ledger.workers._owners is not None:
                self.ledger.workers._owners.release(sender.worker.id)  # as the system does

    @rule(pick=PICK)
    def sleep(self, pick: int) -> None:
        if sender := self.sender(pick):
            sender.is_awake = False

    @rule()
    def wake(self) -> None:
        for sender in self.senders:
            if not sender.is_awake:
                sender.is_awake = True
                return

    @rule(pick=PICK)
    def retire(self, pick: int) -> None:
        if sender := self.sender(pick):
            self.ledger.workers.retire(sender.worker)
            sender.is_alive = False

    # --- those who watch ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([BEAT_SECONDS, GONE_SECONDS + 2 * BEAT_SECONDS]))
    def watching(self, seconds: float) -> None:
        for _ in range(int(seconds / BEAT_SECONDS)):
            self.now += BEAT_SECONDS
            for sender in self.senders:
                if sender.is_alive and sender.is_awake:
                    self.ledger.workers.beat(sender.worker)
            gone = {worker.id for worker in self.watch.bury()}
            for sender in self.senders:
                if sender.worker.id in gone:
                    assert not (sender.is_alive and sender.is_awake)
                    for request in sender.requests:
                        request.is_shut = True

    @rule(job=st.integers(0, 1))
    def look(self, job: int) -> None:
        """What left is seen. A look says nothing of what may still be on its way."""
        seen = [
            Settled(row.position, "accepted")
            if self.delivered[row.receiver]
            else Settled(row.position, "rejected", "not_seen")
            for row in self.ledger.claims.in_doubt(self.jobs[job])
        ]
        self.ledger.claims.looked(self.jobs[job], seen)

    @rule(job=st.integers(0, 1), most=st.integers(1, 2))
    def again(self, job: int, most: int) -> None:
        wanted = [row.receiver for row in self.ledger.claims.in_doubt(self.jobs[job], limit=most)]
        if wanted:
            assert self.ledger.claims.again(self.jobs[job], wanted) == len(wanted)
            self.wanted_again.update(wanted)

    @rule(job=st.integers(0, 1), state=st.sampled_from(["running", "stopped"]))
    def stop_or_start(self, job: int, state: str) -> None:
        set_state(self.ledger, self.jobs[job], state)
        (self.stopped.add if state == "stopped" else self.stopped.discard)(job)

    # --- what always holds ----------------------------------------------------------------------------------

    @invariant()
    def it_adds_up_and_is_true(self) -> None:
        for receiver, times in self.delivered.items():
            assert times <= 1 + self.wanted_again[receiver], receiver
        in_flight = {
            (request.job.id, row.position)
            for sender in self.senders
            for request in sender.requests
            if request.has_left
            for row in request.rows
        }
        for job in self.jobs:
            found = self.rows(job)
            assert Counter(row.state for row in found) == +Counter(self.ledger.claims.counts(job))
            assert len(found) == job.head_count
            for row in found:
                if row.state == "accepted":
                    assert self.delivered[row.receiver], row
                if row.state == "planned" and not row.again:
                    assert (job.id, row.position) not in in_flight, row

    def rows(self, job: Job) -> list[Row]:
        with self.ledger.database.reading() as db:
            return [Row(*each) for each in db.execute(sql.select(*ROW).where(rows.c.job == job.id))]

    def teardown(self) -> None:
        """Nobody is lost: once everybody has ended and was looked at, a new worker brings it to its end."""
        for sender in self.senders:
            if sender.is_alive:
                sender.is_awake = True
                for request in list(sender.requests):
                    if not request.has_left:
                        self.settle(sender, request, ["planned"] * len(request.rows))
                self.ledger.workers.retire(sender.worker)
        self.watching(GONE_SECONDS + 2 * BEAT_SECONDS)
        last = Sender(self.ledger.workers.enlist(f"worker {next(NAMES)}"))
        self.senders = [last]
        for job, _ in enumerate(self.jobs):
            self.stop_or_start(job, "running")
            self.look(job)
            for chunk in self.ledger.claims.chunks_left(self.jobs[job]):
                for _ in ("planned", "again"):
                    self.claim(0, job, chunk)
                    self.send(0)
                    self.answer(0, lost=False)
            counts = self.ledger.claims.counts(self.jobs[job])
            assert counts["planned"] == counts["claimed"] == counts["in_doubt"] == 0
        for job in self.jobs:
            for row in self.rows(job):
                is_known = row.receiver == BAD or row.reason == "not_seen"
                assert is_known or self.delivered[row.receiver], row
        self.it_adds_up_and_is_true()
        self.ledger.workers.retire(last.worker)


@pytest.mark.parametrize("store", ["file", "postgres"])
def test_interleavings(store: str, request: pytest.FixtureRequest) -> None:
    with tempfile.TemporaryDirectory(prefix="pytest-") as folder:
        address = str(Path(folder) / "campaigns.sqlite")
        if store == "postgres":
            address = request.getfixturevalue("postgres").database()
        ledger = open_ledger(address)
        machine = type("Machine", (Interleavings,), {"ledger": ledger})
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=EXAMPLES,
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            ledger.close()
