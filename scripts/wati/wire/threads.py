"""Threads for work that may be left behind. Nobody waits for one without a bound."""

from __future__ import annotations

import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Worker:
    """Does something in a thread of its own, from now on. The process does not wait for it when it ends.

    Not a threading.Thread: its `start` waits until the thread reports, which one that is refused memory never
    does (https://github.com/python/cpython/issues/140746). Raises RuntimeError if there are no more threads.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self._running = _thread.allocate_lock()
        self._running.acquire()
        _thread.start_new_thread(self._run, (act,))

    def _run(self, act: Callable[[], object]) -> None:
        try:
            act()
        finally:
            self._running.release()

    def ended(self, seconds: float) -> bool:
        """Wait until it is done, for so many seconds at most. One that died at its start is never done."""
        if not self._running.acquire(timeout=seconds):
            return False
        self._running.release()
        return True
