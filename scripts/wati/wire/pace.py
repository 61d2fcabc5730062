"""The pace of requests: just under the far side's limits, so none is rejected for being too fast."""

from __future__ import annotations

import threading
import time
from collections import deque

# (requests, seconds). Maton's limit is per account (documented). WATI's are per endpoint and the same on all
# plans (documented, on the page about errors).
GATEWAY = (10, 1.0)
LIMITS = {
    "/wati/api/v1/getContacts": (10, 10.0),
    "/wati/api/v1/getMessages": (10, 10.0),
    "/wati/api/v1/addContact": (10, 10.0),
}
MARGIN = 0.05  # seconds: requests can arrive closer together than they left


class Pacer:
    """Shared by all calls of a session, in all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: dict[str, deque[float]] = {}

    def wait(self, target: str, deadline: float, *, spare: int = 0) -> bool:
        """Wait until a request to `target` may leave, and count it; False if `deadline` comes first.

        `deadline`: monotonic seconds. `spare`: how many requests of each limit to leave to other calls.
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
