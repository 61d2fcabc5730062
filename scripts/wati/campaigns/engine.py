"""What hands out the chunks of the jobs, and how narrow it is.

The ledger is the truth. An engine may lose a chunk, do it twice or do it late: a row is claimed before its
request leaves, and whoever runs a job gives the engine again what is left.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from wati.wire.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    # (job, chunk); raises nothing
    Handle = Callable[[str, int], None]

# Longer than a call may take, so that whoever is told to end knows what became of what has left.
DRAIN_SECONDS = 45
THREADS = 4  # chunks that a worker handles at a time: while one waits for its answer, another may leave


class Busy(Exception):
    """This process works already, and what is given is done there, too."""


class Engine(Protocol):
    """Its jobs are names. To stop a job and give its chunks again in a new round is to resume it."""

    def enqueue(self, job: str, round: int, chunks: Iterable[int]) -> None:
        """Give the chunks of a round. Whatever was given before is not given twice."""

    def unfinished(self, job: str) -> bool:
        """Whether a chunk waits, or somebody has it: a worker that died, too."""

    def stop(self, job: str) -> None:
        """Take back the chunks that wait."""

    def work(self, handle: Handle) -> AbstractContextManager[None]:
        """Handle the chunks of all jobs in other threads; at the end, wait for those that have begun.

        Raises Busy.
        """

    def holders(self) -> set[str]:
        """The workers that have begun chunks and not ended them."""

    def recover(self, worker: str) -> int:
        """Give again what a worker has begun that will not come back; how many chunks that is."""

    def close(self) -> None: ...


class Hands:
    """The chunks that a process has in its hands. Once it is closed, it takes no more of them."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._changed = threading.Condition()
        self._count = 0
        self._closed = False

    def take(self, job: str, chunk: int) -> None:
        with self._changed:
            if self._closed:
                return
            self._count += 1
        try:
            self._handle(job, chunk)
        finally:
            with self._changed:
                self._count -= 1
                self._changed.notify_all()

    def close(self) -> bool:
        """Whether any are left in its hands."""
        with self._changed:
            self._closed = True
            return self._count > 0

    def wait(self, seconds: float) -> None:
        """Until they are empty."""
        with self._changed:
            self._changed.wait_for(lambda: not self._count, seconds)


class Alone:
    """An engine of one process, which forgets everything with it. It shows that the ledger needs no other."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._changed = threading.Condition()
        self._waiting: deque[tuple[str, int]] = deque()
        self._given: set[tuple[str, int, int]] = set()
        self._begun: list[str] = []
        self._over = False

    def enqueue(self, job: str, round: int, chunks: Iterable[int]) -> None:
        with self._changed:
            new = [chunk for chunk in chunks if (job, round, chunk) not in self._given]
            self._given.update((job, round, chunk) for chunk in new)
            self._waiting.extend((job, chunk) for chunk in new)
            self._changed.notify_all()

    def unfinished(self, job: str) -> bool:
        with self._changed:
            return job in self._begun or any(name == job for name, _ in self._waiting)

    def stop(self, job: str) -> None:
        with self._changed:
            self._waiting = deque(one for one in self._waiting if one[0] != job)

    @contextmanager
    def work(self, handle: Handle) -> Iterator[None]:
        self._over = False
        workers = [Worker(partial(self._run, handle)) for _ in range(self._threads)]
        try:
            yield
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()
            until = time.monotonic() + DRAIN_SECONDS
            for worker in workers:
                worker.ended(max(0.0, until - time.monotonic()))

    def _run(self, handle: Handle) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._over or self._waiting)
                if self._over:
                    return
                job, chunk = self._waiting.popleft()
                self._begun.append(job)
            try:
                handle(job, chunk)
            finally:
                with self._changed:
                    self._begun.remove(job)

    def holders(self) -> set[str]:
        return set()  # nobody else has any

    def recover(self, worker: str) -> int:
        return 0

    def close(self) -> None:
        pass
