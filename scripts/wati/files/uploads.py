"""Files that may leave or enter this machine: inside the roots, links resolved, nothing hidden."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import TYPE_CHECKING

from wati.arguments.validation import quoted, tilde_problem
from wati.contract.call import LARGEST_FILE, Part
from wati.contract.failures import Failure
from wati.contract.settings import SHORTEST_KEY
from wati.files.beside import FOLDER, Beside
from wati.files.copies import Copy, chunks_of
from wati.files.download import Download, not_allowed, reason
from wati.files.folder import Folder
from wati.files.media import UNKNOWN_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# WhatsApp's media types, and the documents that people send. Not from the machine's own table, which differs
# from machine to machine: WhatsApp rejects a file with a wrong type.
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


class Files:
    """The folders that files may come from and go to. Raises `bad_setup` if a root is not a folder.

    `key`: the API key, which no file may contain. `look`: called before each piece of an upload is read;
    raises if there is no time left.
    """

    def __init__(self, roots: list[str], key: str = "", look: Callable[[], None] = lambda: None) -> None:
        missing = [root for root in roots if not os.path.isdir(root) or not _resolved(root)]
        if missing:
            problems = [{"at": "WATI_FILE_ROOTS", "problem": f"{root} is not a folder"} for root in missing]
            message = "WATI_FILE_ROOTS contains a path that is not a folder."
            raise Failure("bad_setup", message, problems=problems)
        self._roots = [os.path.realpath(root) for root in roots]
        self._secrets = _spellings(key)
        self._look = look

    def part(self, name: str, path: str, at: str) -> Part:
        """Read a file for upload. Raises `file_not_allowed` or `file_unreadable`, with `at` as the place."""
        real = self._allowed(path, at, _OUTSIDE)
        try:
            content = self._read(real, at)
        except OSError as error:
            raise _unreadable(at, _why_unread(error, path, real)) from None
        if _resolved(path) != real:
            content.close()
            raise not_allowed(at, "was replaced while it was opened")
        content_type = CONTENT_TYPES.get(os.path.splitext(path)[1].lower(), UNKNOWN_TYPE)
        return Part(name, os.path.basename(path), content_type, content)

    def download(self, path: str, *, force: bool, at: str = "--output") -> Download:
        """A file to write. Raises `file_not_allowed` if it must not be written or exists already."""
        if not path or not path.isprintable():
            raise not_allowed(at, "is not a file name")
        download = Download(self._allowed(path, at, _ELSEWHERE), force=force, at=at)
        download.check()
        return download

    def beside(self, path: str, *, force: bool, at: str = "--media") -> Beside:
        """The folder for the files of a page at `path`. Raises `file_not_allowed` if it must not be used."""
        stem = os.path.splitext(path)[0]
        beside = Beside(stem + FOLDER, self._allowed(stem + FOLDER, at, _ELSEWHERE), force=force, at=at)
        beside.check()
        return beside

    def _read(self, real: str, at: str) -> Copy:
        """A copy of the file at a resolved path. Refuses a file that changes meanwhile."""
        path, name = os.path.split(real)
        with Folder(path) as folder:
            # Before opening, because opening a device can already have an effect.
            _refuse_special(folder.status(name), at)
            # O_NONBLOCK: if a named pipe has taken its place, opening it would wait for a writer.
            descriptor = folder.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            with open(descriptor, "rb") as file:
                before = os.fstat(descriptor)
                _refuse_special(before, at)
                content = Copy(self._look, self._without_key(chunks_of(file, before.st_size + 1), at))
                after = os.fstat(descriptor)
            # Name and number of names in one status: someone else's file may have been linked here for a
            # moment.
            now = folder.status(name)
        _refuse_special(now, at)
        # Not on Windows: it was not tried whether `stat` and `fstat` identify a file in the same way there.
        replaced = os.name != "nt" and now is not None and not os.path.samestat(now, before)
        if replaced or content.size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
            raise _unreadable(at, "changed while it was read; wait until it is complete")
        return content

    def _without_key(self, chunks: Iterable[bytes], at: str) -> Iterator[bytes]:
        """The same pieces. Raises `invalid_arguments` if the key is in them, or across two of them."""
        end, overlap = b"", max(map(len, self._secrets), default=1) - 1
        for chunk in chunks:
            seen = end + chunk
            if any(secret in seen for secret in self._secrets):
                problems = [{"at": at, "problem": "contains the API key; remove it"}]
                raise Failure("invalid_arguments", "The file contains the API key.", problems=problems)
            end = seen[-overlap:] if overlap else b""
            yield chunk

    def _allowed(self, path: str, at: str, hint: str) -> str:
        """The resolved path, if it is inside one of the roots and not hidden. `hint`: what to do if not."""
        if _URL.match(path):
            problem = f"is the address {quoted(path)}; only local files can be sent: download it first"
            raise _unreadable(at, problem)
        if os.path.basename(path) in ("", os.curdir, os.pardir):
            raise _unreadable(at, "is a folder; name a file")
        if os.name == "nt" and (problem := windows_problem(path)):
            raise not_allowed(at, problem)
        real = _resolved(path)
        if not real:
            raise _unreadable(at, "is not a path")
        roots = [root for root in self._roots if _is_below(real, root)]
        if not roots:
            allowed = ", ".join(self._roots)
            where = f"{_shown(real)} is outside WATI_FILE_ROOTS (by default the current folder)"
            raise not_allowed(at, f"{where}: {allowed}{tilde_problem(path)}", hint=hint)
        if all(_is_hidden(os.path.relpath(real, root)) for root in roots):
            raise not_allowed(at, f"{_shown(real)} is hidden: a name in its path begins with a dot")
        return real


def _spellings(key: str) -> tuple[bytes, ...]:
    """The key in the encodings of files; none if it is no secret, but a word such as `sandbox`."""
    if len(key) < SHORTEST_KEY:
        return ()
    texts = {key, key.replace('"', '""')}  # the second in a CSV
    return tuple(text.encode(name) for text in texts for name in _ENCODINGS)


_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def _shown(path: str) -> str:
    """A path for a message, whole unless it is very long: its end says which file it is."""
    return f'"{path}"' if path.isprintable() and len(path) <= 300 else quoted(path)


_URL = re.compile(r"[a-z][a-z0-9+.-]+:/+", re.IGNORECASE)  # two letters or more, unlike a drive of Windows
_ELSEWHERE = (
    "Use --output FILE with a file in one of these folders, or ask the user to add one to WATI_FILE_ROOTS."
)
_OUTSIDE = "Copy the file into one of these folders, or ask the user to add its folder to WATI_FILE_ROOTS."


def _why_unread(error: OSError, path: str, real: str) -> str:
    if error.errno == errno.EISDIR or os.path.isdir(real):  # Windows says "permission denied" for a folder
        return "is a folder"
    if error.errno != errno.ENOENT:
        return f"cannot be read: {reason(error)}"
    # With the place where it was looked for: the path may be relative.
    return "does not exist" + (
        f": {os.path.abspath(path)}{tilde_problem(path)}" if path.isprintable() else ""
    )


def _refuse_special(status: os.stat_result | None, at: str) -> None:
    if status is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    if stat.S_ISDIR(status.st_mode):
        raise _unreadable(at, "is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable(at, "is not a regular file")
    if status.st_nlink > 1:
        problem = "has hard links, so it may belong to a folder outside WATI_FILE_ROOTS; use a copy of it"
        raise not_allowed(at, problem)
    if status.st_size == 0:
        raise _unreadable(at, "is empty")
    if status.st_size > LARGEST_FILE:
        raise _unreadable(at, f"is larger than {LARGEST_FILE >> 20} MiB")


# Devices in every folder and with any ending (Microsoft, "Naming Files, Paths, and Namespaces").
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)( *[.:].*)?", re.IGNORECASE)


def windows_problem(path: str) -> str:
    """Why Windows would open something else than the path seems to name; "" if it would not."""
    import ntpath

    for step in re.split(r"[\\/]", ntpath.splitdrive(path)[1]):
        if _DEVICE.fullmatch(step.rstrip(" .")):
            return "has the name of a device"
        if ":" in step:
            return "contains a colon, which names a stream"
        if step != step.rstrip(" .") and step not in (os.curdir, os.pardir):
            return "has a name that ends with a dot or a space, which Windows drops"
    return ""


def _is_below(path: str, root: str) -> bool:
    path, root = os.path.normcase(path), os.path.normcase(root)
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _resolved(path: str) -> str:
    """The path with its links resolved; "" if it is not a path, or if a part of it vanishes meanwhile."""
    try:
        return os.path.realpath(path)
    except (OSError, ValueError):
        return ""


def _is_hidden(relative: str) -> bool:
    return any(step.startswith(".") and step != os.curdir for step in relative.split(os.sep))


def _unreadable(at: str, problem: str) -> Failure:
    return Failure("file_unreadable", f"The file {problem}.", problems=[{"at": at, "problem": problem}])
