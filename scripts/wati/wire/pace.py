"""How fast to ask: just under the far side's limits, so that no request is refused for its pace."""

from __future__ import annotations

import threading
import time
from collections import deque

# (requests, in so many seconds): Maton's own, per account (its documentation), and WATI's per endpoint, on
# all plans (its documentation, the page on errors).
GATEWAY = (10, 1.0)
LIMITS = {
    "/wati/api/v1/getContacts": (10, 10.0),
    "/wati/api/v1/getMessages": (10, 10.0),
    "/wati/api/v1/addContact": (10, 10.0),
}
MARGIN = 0.05  # seconds: two requests can arrive closer together than they left


class Pacer:
    """Shared by all calls of a session, in whichever thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}

    def wait(self, target: str, deadline: float, *, spare: int = 0) -> bool:
        """Wait for a place for a request to `target`, and take it; False if there is none before `deadline`.

        `deadline`: monotonic seconds. `spare`: requests of each window that are left to others.
        """
        limits = {"": GATEWAY, **{path: limit for path, limit in LIMITS.items() if target.startswith(path)}}
        while True:
            with self._lock:
                now = time.monotonic()
                free = max(self._free(path, *limit, spare) for path, limit in limits.items())
                if free <= now:
                    for path in limits:
                        self._sent[path].append(now)
                    return True
            if free >= deadline:
                return False
            time.sleep(free - now)

    def _free(self, path: str, count: int, seconds: float, spare: int) -> float:
        """When the next request may leave, in monotonic seconds."""
        sent = self._sent.setdefault(path, deque(maxlen=count))
        most = max(1, count - spare)
        return sent[-most] + seconds + MARGIN if len(sent) >= most else float("-inf")
