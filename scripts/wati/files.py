"""Files that may leave or enter this machine: only below the roots, links resolved, nothing hidden."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO

from wati.failures import Failure

# WhatsApp's media types, and the documents that people send; not from the machine's own table, which differs
# from machine to machine. WhatsApp rejects a file whose type is told wrong.
CONTENT_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".3gp": "video/3gpp",
    ".aac": "audio/aac",
    ".amr": "audio/amr",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".wav": "audio/wav",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".doc": "application/msword",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".ppt": "application/vnd.ms-powerpoint",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}


class Part:
    """One file of a multipart body. `handle` is open and is what will be sent; `size` is in bytes."""

    def __init__(self, name: str, filename: str, content_type: str, handle: BinaryIO, size: int) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.handle = handle
        self.size = size

    def preview(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "filename": self.filename,
            "content_type": self.content_type,
            "bytes": self.size,
        }


class Files:
    """The folders that files may come from and go to. Raises `bad_setup` where a root is no folder."""

    def __init__(self, roots: list[str]) -> None:
        missing = [root for root in roots if not os.path.isdir(root) or not _is_resolvable(root)]
        if missing:
            problems = [{"at": "WATI_FILE_ROOTS", "problem": f"{root} is no folder"} for root in missing]
            raise Failure("bad_setup", "WATI_FILE_ROOTS names what is no folder.", problems=problems)
        self._roots = [os.path.realpath(root) for root in roots]

    def part(self, name: str, path: str, at: str) -> Part:
        """Open a file for upload. Raises `file_not_allowed` or `file_unreadable` with `at` as the place."""
        real = self._allowed(path, at)
        try:
            # O_NONBLOCK: a named pipe would wait for its writer. O_NOFOLLOW: links were resolved above.
            flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
            handle = open(os.open(real, flags | getattr(os, "O_BINARY", 0)), "rb")  # noqa: SIM115
        except OSError as error:
            # Windows calls a folder "permission denied".
            is_folder = error.errno == errno.EISDIR or os.path.isdir(real)
            raise _unreadable(at, "is a folder" if is_folder else _reason(error)) from None
        status = os.fstat(handle.fileno())
        problem = ""
        if stat.S_ISDIR(status.st_mode):
            problem = "is a folder"
        elif not stat.S_ISREG(status.st_mode):
            problem = "is no regular file"
        elif status.st_size == 0:
            problem = "is empty"
        if problem:
            handle.close()
            raise _unreadable(at, problem)
        if os.path.realpath(path) != real:
            handle.close()
            raise _not_allowed(at, "changed while it was opened")
        content_type = CONTENT_TYPES.get(os.path.splitext(path)[1].lower(), "application/octet-stream")
        return Part(name, os.path.basename(path), content_type, handle, status.st_size)

    def download(self, path: str, *, force: bool, at: str = "--output") -> Download:
        """A file to write. Raises `file_not_allowed` where it may not, or may not yet, be written."""
        if not path or not path.isprintable():
            raise _not_allowed(at, "is no file name")
        real = self._allowed(path, at)
        if os.path.isdir(real):
            raise _not_allowed(at, "is a folder; name the file")
        if os.path.lexists(real) and not force:
            raise _not_allowed(at, "exists already; --force overwrites it")
        return Download(real, force=force, at=at)

    def _allowed(self, path: str, at: str) -> str:
        """The path with its links resolved, if one of the roots allows it."""
        if os.path.basename(path) in ("", os.curdir, os.pardir):
            raise _unreadable(at, "is a folder; name a file")
        try:
            real = os.path.realpath(path)
        except (OSError, ValueError):
            raise _unreadable(at, "is no path") from None
        roots = [root for root in self._roots if _is_below(real, root)]
        if not roots:
            raise _not_allowed(at, "is outside WATI_FILE_ROOTS (by default the current folder)")
        if all(_is_hidden(os.path.relpath(real, root)) for root in roots):
            raise _not_allowed(at, "is hidden (a name that begins with a dot)")
        return real


class Download:
    """A file that appears under its name only when it is whole: written beside it, renamed by `commit`."""

    def __init__(self, path: str, *, force: bool, at: str) -> None:
        self.path = path
        self._force = force
        self._at = at
        self._temporary = os.path.join(os.path.dirname(path), f".wati-{secrets.token_hex(8)}.part")

    def __enter__(self) -> Download:
        try:
            self.handle: BinaryIO = open(self._temporary, "xb")
        except OSError as error:
            raise _not_allowed(self._at, f"cannot be written: {_reason(error)}") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            self.handle.close()
        except OSError as full:  # what was buffered does not fit the disk either
            error = error or full
        finally:
            with suppress(FileNotFoundError):
                os.unlink(self._temporary)
        if isinstance(error, OSError):
            raise _not_allowed(self._at, f"cannot be written: {_reason(error)}") from None

    def commit(self) -> None:
        self.handle.close()
        if self._force:
            os.replace(self._temporary, self.path)
            return
        try:
            # A link is refused where the name is taken, even if it was taken just now.
            os.link(self._temporary, self.path)
        except FileExistsError:
            raise _not_allowed(self._at, "exists already; --force overwrites it") from None
        except OSError:  # a file system without hard links
            if os.path.lexists(self.path):
                raise _not_allowed(self._at, "exists already; --force overwrites it") from None
            os.rename(self._temporary, self.path)


def _is_below(path: str, root: str) -> bool:
    path, root = os.path.normcase(path), os.path.normcase(root)
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _is_resolvable(path: str) -> bool:
    """False for the current folder, if it was removed in the meantime."""
    try:
        return bool(os.path.realpath(path))
    except OSError:
        return False


def _is_hidden(relative: str) -> bool:
    return any(step.startswith(".") and step != os.curdir for step in relative.split(os.sep))


def _reason(error: OSError) -> str:
    known = {errno.ENOENT: "does not exist", errno.EACCES: "permission denied", errno.ELOOP: "is a link"}
    return known.get(error.errno or 0) or error.strerror or type(error).__name__


def _unreadable(at: str, problem: str) -> Failure:
    return Failure("file_unreadable", f"The file {problem}.", problems=[{"at": at, "problem": problem}])


def _not_allowed(at: str, problem: str) -> Failure:
    return Failure("file_not_allowed", f"The file {problem}.", problems=[{"at": at, "problem": problem}])
