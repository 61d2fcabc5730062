"""For how long a busy journal is waited for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

from wati.wire import interrupts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Item = TypeVar("Item")


class Wait:
    """A time that passes. A signal ends it, too, unless it is `deaf`."""

    def __init__(self, seconds: float, *, deaf: bool = False) -> None:
        self._until = time.monotonic() + seconds
        self._deaf = deaf

    @property
    def left(self) -> float:
        return self._until - time.monotonic()

    @property
    def is_over(self) -> bool:
        return self.left <= 0

    def at_most(self, seconds: float) -> Wait:
        """The same, but over after `seconds`."""
        return Wait(min(seconds, self.left), deaf=self._deaf)

    def heed(self) -> None:
        """Raises KeyboardInterrupt if a signal has come: where it is deferred, it would wait, too."""
        if not self._deaf and interrupts.is_marked():
            raise KeyboardInterrupt

    def heeded(self, items: Iterable[Item]) -> Iterator[Item]:
        for item in items:
            self.heed()
            yield item
