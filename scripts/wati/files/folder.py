"""A folder that is held open, so replacing a part of its path by a link has no effect."""

from __future__ import annotations

import errno
import os

# O_PATH (Linux), O_SEARCH (POSIX): a part of the path may be unlistable, such as another user's home.
_PASS = getattr(os, "O_PATH", getattr(os, "O_SEARCH", os.O_RDONLY))
_STEP = _PASS | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_BY_STEPS = {os.open, os.stat, os.unlink, os.link, os.rename} <= os.supports_dir_fd  # not on Windows


class Folder:
    """The folder at a path that was resolved and allowed. Its methods take names of files in it.

    Each part of the path is opened from the one before, and none may be a link: the folder that was checked
    is the one that is used. Windows cannot do that, so there the path is followed again each time.

    All methods raise OSError.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = _descend(path) if _BY_STEPS else None

    def __enter__(self) -> Folder:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def open(self, name: str, flags: int) -> int:
        return os.open(self._at(name), flags | _FILE, 0o666, dir_fd=self._descriptor)

    def status(self, name: str) -> os.stat_result | None:
        """The status of the file with that name, without following a link; None if there is none."""
        try:
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def link(self, source: str, name: str) -> None:
        """Give `source` another name: a file in this folder, or the one at an absolute path."""
        os.link(self._at(source), self._at(name), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def replace(self, source: str, name: str) -> None:
        os.replace(self._at(source), self._at(name), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        os.unlink(self._at(name), dir_fd=self._descriptor)

    def make(self, name: str) -> None:
        """Make a folder in this one."""
        os.mkdir(self._at(name), dir_fd=self._descriptor)

    def is_in_place(self) -> bool:
        """Whether the path still leads to this folder, so a file written now is found there."""
        if self._descriptor is None:
            return os.path.realpath(self._path) == self._path
        with Folder(self._path) as now:
            assert now._descriptor is not None
            return os.path.samestat(os.fstat(now._descriptor), os.fstat(self._descriptor))

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self._path, name)


def _descend(path: str) -> int:
    try:
        return _by_steps(path)
    except PermissionError:
        # Without O_PATH, a folder above may be closed, such as / for a sandboxed program on macOS.
        return _at_once(path)


def _by_steps(path: str) -> int:
    descriptor = os.open(os.sep, _STEP)
    for step in filter(None, path.split(os.sep)):
        try:
            below = os.open(step, _STEP, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _at_once(path: str) -> int:
    """Open the folder by its path. Once it is open, the path must lead to it without a link."""
    descriptor = os.open(path, _STEP)
    if os.path.realpath(path) == path and os.path.samestat(os.fstat(descriptor), os.lstat(path)):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
