"""Which sends belong to a process that still lives.

One byte of a file beside the journal is locked for each send, from its entry until it is settled. The system
keeps such a lock while the process is stopped, and frees it when the process ends, however it ends.

POSIX frees all locks of a process when it closes *any* descriptor of the file, and none of them conflicts
with the process itself. So a process has each file open once, for as long as it holds a lock there, and
knows its own sends.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class _File:
    """The file of one journal, as this process has it open. `own`: the sends that this process locked."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.own: set[int] = set()


_FILES: dict[tuple[int, str], _File] = {}  # by process, because a child inherits no lock
_GUARD = threading.Lock()


class Owners:
    """The owners of the sends in the journal at `path`. Two names of one journal are one."""

    def __init__(self, path: str) -> None:
        self._path = os.path.realpath(path) + "-owners"

    def claim(self, send: int) -> bool:
        """Lock a send for this process. False if it cannot be locked: some file systems have no locks."""
        with self._opened() as file:
            if file is None or not _lock(file.descriptor, send):
                return False
            file.own.add(send)
            return True

    def release(self, send: int) -> None:
        """This process has settled a send, or failed to enter it."""
        with self._opened() as file:
            if file is not None and send in file.own:
                file.own.remove(send)
                _unlock(file.descriptor, send)

    def has(self, send: int) -> bool | None:
        """Whether a process that claimed a send still lives, and has not released it; None if unknown."""
        with self._opened() as file:
            if file is None:
                return None
            return send in file.own or _is_locked(file.descriptor, send)

    @contextmanager
    def _opened(self) -> Iterator[_File | None]:
        key = os.getpid(), self._path
        with _GUARD:
            if key not in _FILES or not _is_current(self._path, _FILES[key].descriptor):
                if key in _FILES:
                    os.close(_FILES.pop(key).descriptor)
                try:
                    _FILES[key] = _File(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
                except OSError:
                    yield None
                    return
            file = _FILES[key]
            try:
                yield file
            finally:
                if not file.own:
                    del _FILES[key]
                    os.close(file.descriptor)


def _is_current(path: str, descriptor: int) -> bool:
    """Whether the file is still the one that was opened: whoever deletes a journal may delete it, too."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False


# What the lock of another process is answered with; any other error says nothing about it.
_HELD = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)

if sys.platform == "win32":
    import msvcrt

    def _change(descriptor: int, at: int, how: int) -> None:
        os.lseek(descriptor, at, os.SEEK_SET)
        msvcrt.locking(descriptor, how, 1)

    _ALONE = _TOGETHER = msvcrt.LK_NBLCK
    _FREE = msvcrt.LK_UNLCK
else:
    import fcntl

    def _change(descriptor: int, at: int, how: int) -> None:
        fcntl.lockf(descriptor, how, 1, at)

    _ALONE = fcntl.LOCK_EX | fcntl.LOCK_NB
    _TOGETHER = fcntl.LOCK_SH | fcntl.LOCK_NB
    _FREE = fcntl.LOCK_UN


def _lock(descriptor: int, at: int) -> bool:
    try:
        _change(descriptor, at, _ALONE)
    except OSError:
        return False
    return True


def _unlock(descriptor: int, at: int) -> None:
    with suppress(OSError):
        _change(descriptor, at, _FREE)


def _is_locked(descriptor: int, at: int) -> bool | None:
    """Tries a shared lock, so that two who look at once do not take each other for the owner."""
    try:
        _change(descriptor, at, _TOGETHER)
    except OSError as error:
        return True if error.errno in _HELD else None
    _unlock(descriptor, at)
    return False
