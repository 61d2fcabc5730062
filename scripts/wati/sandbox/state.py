"""A world in a file: opened with the default world if it is new, or started afresh."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from . import busy, customers, seeding, store, world
from .state_file import StatePath, state_path
from .store import Settings, Tx


class State:
    """A world in a file. Raises StateError if the file cannot be made, read or understood."""

    def __init__(self, path: StatePath = None) -> None:
        self.path = state_path(path)
        # Threads queue here in turn. SQLite would let them poll for the file, and some would starve.
        self._lock = threading.Lock()
        with self.transaction():
            pass

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """All reads and writes of the block happen at one moment, or not at all if it raises."""
        with self._lock, store.transaction(self.path, _populate) as tx:
            customers.act(tx)
            yield tx


WORLDS = {"default": world.default, "busy": busy.seed}


def reset(path: StatePath, settings: Settings, name: str = "default") -> State:
    """Replace the world in the file by a fresh one of WORLDS."""
    target = state_path(path)
    store.recreate(target, lambda tx: _populate(tx, name), settings)
    return State(target)


def _populate(tx: Tx, name: str = "default") -> None:
    seeding.add(tx, WORLDS[name](tx.now))
