"""Writes a file that is visible only when it is complete, and that overwrites nothing unasked."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from contextlib import ExitStack, suppress
from typing import BinaryIO

from wati.contract.failures import Failure
from wati.files.folder import Folder


class Download:
    """A file that gets its name by `commit`, when it is complete.

    Until then it has no name (on Linux; it vanishes with the process) or a hidden one in the same folder.
    """

    def __init__(self, path: str, *, force: bool, at: str) -> None:
        self._path, self._name = os.path.split(path)
        self._force = force
        self._at = at
        self._temporary = f".wati-{secrets.token_hex(8)}.part"

    def check(self) -> None:
        """Raises `file_not_allowed` if the name is taken or the folder cannot be read."""
        try:
            with Folder(self._path) as folder:
                status = folder.status(self._name)
        except OSError as error:
            raise self._unwritable(error) from None
        if status is None:
            return
        if stat.S_ISDIR(status.st_mode):
            raise not_allowed(self._at, "is a folder; name a file")
        if not self._force:
            raise self._taken()
        if not stat.S_ISREG(status.st_mode):
            raise not_allowed(self._at, "is not a regular file")

    def __enter__(self) -> Download:
        try:
            with ExitStack() as stack:
                self._folder = stack.enter_context(Folder(self._path))
                self.handle, self._is_named = self._created()
                stack.pop_all()
        except OSError as error:
            raise self._unwritable(error) from None
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        with self._folder:
            try:
                self.handle.close()
            except OSError as full:  # the buffered rest does not fit on the disk
                error = error or full
            finally:
                with suppress(FileNotFoundError):
                    self._folder.remove(self._temporary)
        if isinstance(error, OSError):
            raise self._unwritable(error) from None

    def commit(self, suffix: str = "") -> None:
        """Give the file its name; replace another file only with `force`. Raises `file_not_allowed`, OSError.

        `suffix`: is added to the name of a file that stayed incomplete.
        """
        self._name += suffix
        self.handle.flush()
        if not self._folder.is_in_place():
            raise not_allowed(self._at, "was not written: its folder was moved meanwhile")
        source = self._temporary if self._is_named else f"/proc/self/fd/{self.handle.fileno()}"
        if self._is_named:
            self.handle.close()  # Windows cannot move an open file
        if not self._force and self._linked(source):
            return
        if not self._is_named:
            self._give_temporary_name(source)
        # A complete file with a name can replace another one in one step. Hard links to the replaced file
        # keep their content.
        if self._force:
            self._folder.replace(self._temporary, self._name)
        else:
            self._replace_placeholder()

    def _created(self) -> tuple[BinaryIO, bool]:
        """The file to write to, and whether it has a name yet."""
        if sys.platform == "linux":
            with suppress(OSError):  # not on every file system (NFS, FAT)
                return open(self._folder.open(os.curdir, os.O_TMPFILE | os.O_RDWR), "w+b"), False
        return open(self._new(self._temporary), "wb"), True

    def _new(self, name: str) -> int:
        return self._folder.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)

    def _linked(self, source: str) -> bool:
        """Whether a link gave the file its name, in one step. It fails if the name is taken."""
        try:
            self._folder.link(source, self._name)
        except OSError:  # taken, or hard links are impossible (FAT) or not allowed (Android)
            return False
        return True

    def _give_temporary_name(self, source: str) -> None:
        try:
            self._folder.link(source, self._temporary)
        except OSError:
            import shutil

            with open(self._new(self._temporary), "wb") as copy:
                self.handle.seek(0)
                shutil.copyfileobj(self.handle, copy)

    def _replace_placeholder(self) -> None:
        """Without links: create an empty file, which fails if the name is taken, then replace it."""
        try:
            os.close(self._new(self._name))
        except FileExistsError:
            raise self._taken() from None
        try:
            self._folder.replace(self._temporary, self._name)
        except BaseException:
            self._folder.remove(self._name)
            raise

    def _taken(self) -> Failure:
        hint = "Use another name, or --force to overwrite."
        return not_allowed(self._at, "exists already; --force overwrites it", hint=hint)

    def _unwritable(self, error: OSError) -> Failure:
        return not_allowed(self._at, f"cannot be written: {reason(error)}")


def reason(error: OSError) -> str:
    """Why a file cannot be read or written, without a path."""
    known = {
        errno.ENOENT: "its folder does not exist",
        errno.EACCES: "permission denied",
        errno.ELOOP: "a part of its path is a link",
        errno.ENOTDIR: "a part of its path is not a folder",
    }
    return known.get(error.errno or 0) or error.strerror or type(error).__name__


def not_allowed(at: str, problem: str, *, hint: str = "") -> Failure:
    problems = [{"at": at, "problem": problem}]
    return Failure("file_not_allowed", f"The file {problem}.", hint=hint, problems=problems)
