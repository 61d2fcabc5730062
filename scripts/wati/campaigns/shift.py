"""The work of one process on the jobs that run: from the ledger to the engine, until it is over.

Several processes can do this at once, and each can end in the middle: everything that counts is in the
ledger. What is planned and in no engine is given again; what a worker held that has gone is taken over.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from wati.campaigns.records import BEAT_SECONDS
from wati.contract.failures import Failure
from wati.contract.unexpected import unexpected
from wati.wire import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wati.calls.session import Session
    from wati.campaigns.engine import Engine
    from wati.campaigns.ledger import Ledger
    from wati.campaigns.records import Job, Kind, Worker

LOOK_SECONDS = 0.25
LOST_SECONDS = 60.0  # for which a database may be away
STUCK_SECONDS = 60.0  # for which an engine may hand out nothing of what it has
LONGEST_PAUSE = 10.0  # between rounds in which nothing could be sent
STUCK = "The engine of campaigns has handed out nothing for {:.0f} seconds."
UNSTICK = (
    "The disk may be full. The engine's own file, named as the ledger with -engine, can be deleted "
    "while nothing runs: whatever counts is in the ledger. Then run it again."
)


def _send(*given: Any) -> None:
    from wati.campaigns import sending

    sending.handle(*given)


def _import(*given: Any) -> None:
    from wati.campaigns import importing

    importing.handle(*given)


HANDLERS: Mapping[Kind, Callable[..., None]] = {"campaign": _send, "import": _import}


def worker_name() -> str:
    """Of this process, and of no other one, before or after it."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


class Shift:
    """`say`: called with this shift now and then, in the thread that works."""

    def __init__(
        self, session: Session, ledger: Ledger, engine: Engine, name: str, say: Callable[[Shift], None]
    ) -> None:
        self.running: list[Job] = []
        self.opens: dict[str, float] = {}  # the jobs that wait, and until when
        self._session = session
        self._ledger = ledger
        self._engine = engine
        self._name = name
        self._say = say
        self._rounds: dict[str, _Rounds] = {}
        self._seen: set[str] = set()
        self._looked_after = 0.0
        self._lost: float | None = None
        self._error: Exception | None = None
        self._in_hand: set[int] = set()  # the threads that handle a chunk
        self._handled = 0.0  # when the last one began or ended

    def work(self, is_over: Callable[[], bool]) -> None:
        """Work until `is_over`, which is asked after each look, or until a signal comes; end what has begun.

        Raises Failure if this process cannot go on.
        """
        interrupts.heed(partial(self._work, is_over))
        if self._error is not None:
            raise self._error

    def _work(self, is_over: Callable[[], bool]) -> None:
        with self._ledger.present(self._name) as worker:
            self._ledger.workers.bury()
            self._handled = time.monotonic()
            with self._engine.work(partial(self._handle, worker)):
                while self._look() and not is_over():
                    time.sleep(LOOK_SECONDS)

    def _handle(self, worker: Worker, name: str, chunk: int) -> None:
        """Do a chunk. Whatever goes wrong with it, its rest is planned, and is given again."""
        self._in_hand.add(threading.get_ident())
        self._handled = time.monotonic()
        try:
            job = self._ledger.plans.get(name)
            if job is not None and job.state == "running":
                HANDLERS[job.kind](self._session, self._ledger, worker, job, chunk)
        except Failure as failure:
            if failure.code != "ledger_unavailable":
                self._error = failure
        except Exception as error:
            self._error = unexpected(error)
        finally:
            self._in_hand.discard(threading.get_ident())
            self._handled = time.monotonic()

    def _look(self) -> bool:
        """Give the engine what it lacks; whether to go on."""
        if self._error is not None or interrupts.is_marked():
            return False
        try:
            self._give_all()
            self._take_over()
            self._say(self)
            self._lost = None
        except Failure as failure:
            self._lost = self._lost or time.monotonic()
            if failure.code != "ledger_unavailable" or time.monotonic() - self._lost > LOST_SECONDS:
                self._error = failure
        return self._error is None

    def _give_all(self) -> None:
        course = self._ledger.course
        now = course.now()
        self.running = [job for job in course.running() if not self._give(job, now)]
        names = {job.name for job in self.running}
        for name in self._seen - names:
            self._engine.stop(name)
        self._seen = names
        self.opens = {name: at for name, at in self.opens.items() if name in names}

    def _give(self, job: Job, now: float) -> bool:
        """Give the engine what is left of a job, unless it has it already; whether the job is done."""
        course = self._ledger.course
        round = course.round(job)
        if self._engine.unfinished(job.name):
            self.opens.pop(job.name, None)
            self._watch()
            return False
        chunks = self._ledger.claims.chunks_left(job)
        if not chunks:
            return course.end(job)
        opens = course.opens(job, now)
        if opens is None:
            self._ledger.claims.stop(job, "Quiet hours leave no time in which those who are left may get it.")
        elif opens > now:
            self.opens[job.name] = opens
        elif self._rounds.setdefault(job.name, _Rounds()).is_due(self._ledger.claims.counts(job)["planned"]):
            self.opens.pop(job.name, None)
            if course.next_round(job, round):
                self._engine.enqueue(job.name, round + 1, chunks)
        return False

    def _watch(self) -> None:
        """Whether the engine hands out anything, be it to others: its database can be full or damaged."""
        if self._in_hand or time.monotonic() - self._handled < STUCK_SECONDS:
            return
        if self._working() - {self._name}:
            self._handled = time.monotonic()
            return
        self._error = Failure(
            "ledger_unavailable",
            STUCK.format(STUCK_SECONDS),
            hint=UNSTICK,
            source="package",
            outcome="not_sent",
        )

    def _take_over(self) -> None:
        """Take over what is in nobody's hands any more."""
        if time.monotonic() - self._looked_after < BEAT_SECONDS:
            return
        self._looked_after = time.monotonic()
        holders = self._engine.holders()
        for name in holders - self._working() if holders else ():
            self._engine.recover(name)

    def _working(self) -> set[str]:
        return {one.name for one in self._ledger.workers.all() if one.state == "working"}


class _Rounds:
    """When the next round is due: at once if the one before came further, else a little later each time."""

    def __init__(self) -> None:
        self._planned = -1
        self._pause = 0.0
        self._due = 0.0

    def is_due(self, planned: int) -> bool:
        now = time.monotonic()
        if planned != self._planned:
            self._pause = 0.0
        elif now < self._due:
            return False
        self._planned = planned
        self._pause = min(LONGEST_PAUSE, max(LOOK_SECONDS, 2 * self._pause))
        self._due = now + self._pause
        return True
