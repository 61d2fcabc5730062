"""The pace of requests: just under the far side's limits, so none is rejected for being too fast."""

from __future__ import annotations

import threading
import time
from collections import deque

from wati.wire import interrupts

# (requests, seconds). Maton's limit is per account (documented). WATI's are per endpoint and the same on all
# plans (documented, on the page about errors).
GATEWAY = (10, 1.0)
LIMITS = {
    "/wati/api/v1/getContacts": (10, 10.0),
    "/wati/api/v1/getMessages": (10, 10.0),
    "/wati/api/v1/addContact": (10, 10.0),
}
MARGIN = 0.01  # seconds, for clocks that tick coarsely


class Pacer:
    """Shared by all calls of a session, in whichever thread.

    A place in a window is free again when the window has passed since the *answer*: however long a request
    was on its way, it had arrived by then, so the far side never sees more than its limit.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._windows: dict[str, _Window] = {}

    def wait(self, target: str, deadline: float, *, spare: int = 0) -> bool:
        """Wait until a request to `target` may leave, and count it; False if `deadline` comes first.

        `deadline`: monotonic seconds. `spare`: places of each window that are left to others.
        """
        while True:
            interrupts.check()
            with self._changed:
                now = time.monotonic()
                windows = self._windows_of(target)
                free = max(window.free(spare) for window in windows)
                if free <= now:
                    for window in windows:
                        window.in_flight += 1
                    return True
                if free == _AFTER_AN_ANSWER and now < deadline:
                    self._changed.wait(interrupts.longest(deadline - now))
                    continue
            if free >= deadline:
                return False
            interrupts.sleep(free - now, time.sleep)

    def answered(self, target: str) -> None:
        """The request was answered, or given up."""
        with self._changed:
            for window in self._windows_of(target):
                window.in_flight -= 1
                window.answers.append(time.monotonic())
            self._changed.notify_all()

    def _windows_of(self, target: str) -> list[_Window]:
        limits = {"": GATEWAY, **{path: limit for path, limit in LIMITS.items() if target.startswith(path)}}
        return [self._windows.setdefault(path, _Window(*limit)) for path, limit in limits.items()]


_AFTER_AN_ANSWER = float("inf")


class _Window:
    """At most `count` requests in any `seconds`."""

    def __init__(self, count: int, seconds: float) -> None:
        self.in_flight = 0
        self.answers: deque[float] = deque(maxlen=count)
        self._count = count
        self._seconds = seconds + MARGIN

    def free(self, spare: int) -> float:
        """When the next request may leave, in monotonic seconds."""
        places = max(1, self._count - spare) - self.in_flight
        if places <= 0:
            return _AFTER_AN_ANSWER
        return self.answers[-places] + self._seconds if len(self.answers) >= places else float("-inf")
