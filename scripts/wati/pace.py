"""How fast may be asked: just under the far side's limits, instead of running into them."""

from __future__ import annotations

import time
from collections import deque

# (requests, in so many seconds): Maton's own, per account (its documentation), and WATI's per endpoint, on
# all plans (its documentation, the page on errors).
GATEWAY = (10, 1.0)
LIMITS = {"get_contacts": (10, 10.0), "get_messages": (10, 10.0)}
HEAD_ROOM = 1  # request of each window that is left to others: an agent asks something else meanwhile
MARGIN = 0.05  # seconds: two requests can come closer together than they left


class Pacer:
    """Waits before a request where it would be one too many."""

    def __init__(self, name: str) -> None:
        limits = [GATEWAY, *([LIMITS[name]] if name in LIMITS else [])]
        self._windows = [
            (deque[float](maxlen=count - HEAD_ROOM), seconds + MARGIN) for count, seconds in limits
        ]

    def wait(self) -> None:
        now = time.monotonic()
        free = [sent[0] + seconds for sent, seconds in self._windows if len(sent) == sent.maxlen]
        pause = max(free, default=now) - now
        if pause > 0:
            time.sleep(pause)
            now += pause
        for sent, _ in self._windows:
            sent.append(max(now, time.monotonic()))
