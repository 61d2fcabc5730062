"""Calls in worker threads: progress while they run, and an end to them when nobody waits any more."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from wati.wire import interrupts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    # (progress, total, message)
    Report = Callable[[float, float | None, str | None], Awaitable[None]]

T = TypeVar("T")

MOST_THREADS = 64
PROGRESS_SECONDS = 2.0
LAST_SECONDS = 10.0  # for a stopped call to record its outcome


class Workers:
    """Runs calls in threads. `say` is the session's `progress`: it knows whose thread it is called in."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(MOST_THREADS)
        self._current = threading.local()

    def say(self, text: str) -> None:
        heard = getattr(self._current, "heard", None)
        if heard is not None:
            heard.append(text)

    async def run(self, act: Callable[[], T], report: Report) -> T:
        """The result of `act`. A cancelled request interrupts it, and waits until its outcome is recorded."""
        stop, done, heard = threading.Event(), threading.Event(), [""]

        def work() -> T:
            self._current.heard = heard
            try:
                return interrupts.stoppable(stop, act)
            finally:
                done.set()

        async with anyio.create_task_group() as group:
            group.start_soon(partial(_tell, report, heard))
            try:
                result = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=self._limiter)
            except anyio.get_cancelled_exc_class():
                stop.set()
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(done.wait, LAST_SECONDS, limiter=anyio.CapacityLimiter(1))
                raise
            group.cancel_scope.cancel()
        return result


async def _tell(report: Report, heard: list[str]) -> None:
    """Say every now and then how long the call has taken, and what it said last."""
    began = time.monotonic()
    while True:
        await anyio.sleep(PROGRESS_SECONDS)
        seconds = time.monotonic() - began
        await report(
            seconds, None, heard[-1] or f"{seconds:.0f} seconds; waiting for WATI or for its rate limits"
        )
        del heard[:-1]
