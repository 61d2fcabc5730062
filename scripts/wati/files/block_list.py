"""The file of WATI_BLOCKED_RECIPIENTS: one receiver is added or taken out, and all other lines stay.

The file appears whole: a reader sees the old one or the new one, and of two processes at once, none undoes
what the other did.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from wati.contract.numbers import person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Edit = Callable[[str], str]

SECONDS = 5.0  # for which another process is waited for
_PAUSE = 0.02
_BREAK = re.compile("(\r\n|\r|\n)")
_MARK = "\ufeff"  # some editors begin a file with it


def with_receiver(text: str, receiver: str) -> str:
    """The text with the receiver in a line of its own, unless it has the person already, in any spelling."""
    if without_receiver(text, receiver) != text:
        return text
    end = "\r\n" if "\r\n" in text else "\n"
    is_begun = text.removeprefix(_MARK) and not text.endswith(("\r", "\n"))
    return f"{text}{end if is_begun else ''}{receiver}{end}"


def without_receiver(text: str, receiver: str) -> str:
    """The text without the person, in any spelling. A line with nobody else is left out as a whole."""
    bare = text.removeprefix(_MARK)
    pieces = [*_BREAK.split(bare), ""]  # line, end, line, end, …
    kept = text[: len(text) - len(bare)]
    for line, end in zip(pieces[::2], pieces[1::2], strict=True):
        entries = [] if line.lstrip().startswith("#") else line.split(",")
        others = [entry for entry in entries if person(entry.strip()) != person(receiver)]
        if len(others) == len(entries):
            kept += line + end
        elif any(entry.strip() for entry in others):
            kept += ",".join(others) + end
    return kept


def would_change(path: str, edit: Edit) -> bool:
    """Whether `change` would change the file. Raises OSError, ValueError."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    return edit(text) != text


def change(path: str, edit: Edit) -> bool:
    """Write the file as `edit` makes it of what it holds. Returns whether it changed.

    Raises OSError, ValueError. A link stays one: the file that it leads to is replaced.
    """
    path = os.path.realpath(path)
    with _alone(path) as (content, mode):
        text = content.decode("utf-8")
        edited = edit(text)
        if edited == text:
            return False
        _replace(path, edited.encode("utf-8"), mode)
    return True


def _replace(path: str, content: bytes, mode: int) -> None:
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name}-{secrets.token_hex(8)}.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def _alone(path: str) -> Iterator[tuple[bytes, int]]:
    """The content and mode of the file, which no other process of ours changes meanwhile."""
    until = time.monotonic() + SECONDS
    while True:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            # Whoever had the lock before may have replaced the file under this name.
            if _lock(file.fileno()) and os.path.samestat(status, os.stat(path)):
                content = file.read()
                if sys.platform == "win32":
                    file.close()  # it cannot be replaced while it is open
                yield content, stat.S_IMODE(status.st_mode)
                return
        if time.monotonic() > until:
            raise TimeoutError(errno.ETIMEDOUT, "another process is changing it")
        time.sleep(_PAUSE)


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        return True

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Whether it is locked now, until the descriptor is closed, or cannot be on this file system."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno not in (errno.EAGAIN, errno.EACCES)
        return True
