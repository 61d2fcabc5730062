"""Whether a world has changed, without opening its file: another process may have written it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

# A file's time moves in steps of some milliseconds: two changes within a step look like one.
STEP = 0.1
PAUSE = 0.1


class Watch:
    """Over a state file. To open and close it here could free the locks of other threads (ownership.py)."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._again = False

    def changed(self) -> bool:
        """Whether the file may have changed since the last look; true at the first one."""
        try:
            found = os.stat(self._path)
        except OSError:  # a reset replaces a damaged file
            return False
        stamp = (found.st_ino, found.st_size, found.st_mtime_ns)
        changed = self._again or stamp != self._seen
        self._again = stamp != self._seen or (self._again and time.time() - found.st_mtime < STEP)
        self._seen = stamp
        return changed


def changes(path: str, pause: Callable[[float], bool]) -> Iterator[None]:
    """Yields at once, and after each change, also the last one before `pause`, which waits, says to stop."""
    watch, stopped = Watch(path), False
    while True:
        if watch.changed():
            yield
        if stopped:
            return
        stopped = pause(PAUSE)
