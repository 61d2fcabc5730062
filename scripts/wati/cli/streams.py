"""Standard output and standard error. A stream that fails never changes what a call came to.

Nothing heavy is imported here: `--help` needs this module and little else.
"""

from __future__ import annotations

import errno
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def diagnose(text: str) -> None:
    """Print to stderr."""
    if sys.stderr is None or not text:
        return

    def work() -> None:
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            _silence(2)

    from wati.wire.threads import Worker

    # In a thread that can be left behind: a pipe that nobody reads would block the process forever.
    try:
        Worker(work).ended(1.0)
    except RuntimeError:  # this machine has no more threads
        work()


def write(text: str, exit_code: int = 0) -> int:
    """Print one document as UTF-8, whatever the locale; the exit code to end with.

    A reader that went away does not want the document. If it is lost in any other way, stderr says so, and a
    call that only read something has failed. What a send came to stays true without its document.
    """
    problem = _problem_of_writing(text)
    if problem:
        from wati.contract.failures import EXITS

        stands = exit_code or _changed_something(text)
        exit_code = exit_code if stands else 3
        advice = " It happened, so do not run it again." if stands and not exit_code else ""
        lost = f"Standard output cannot be written ({problem}), so the document is lost."
        diagnose(f"{lost} Exit code {exit_code}: {EXITS[exit_code]}.{advice}")
    return exit_code


def write_line(text: str) -> bool:
    """Print one of many lines, as UTF-8. False if it cannot be printed, as when the reader went away."""
    stdout: Any = sys.stdout
    try:
        stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        stdout.flush()
    except (OSError, ValueError, AttributeError):
        _silence(1)
        return False
    return True


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout is not None and sys.stdout.isatty()


def _problem_of_writing(text: str) -> str:
    """Print; "" if that worked, or if the reader went away."""
    stdout: Any = sys.stdout
    if stdout is None:
        return "it is closed"
    try:
        # Some hosts, such as Node.js, pass a pipe that does not wait: a long document would be cut. Windows
        # can do this since Python 3.12.
        if sys.__stdout__ is stdout and hasattr(os, "set_blocking"):
            os.set_blocking(sys.__stdout__.fileno(), True)
        stdout.flush()
        if hasattr(stdout, "buffer"):
            stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        else:
            stdout.write(text + "\n")
        stdout.flush()
    except (OSError, ValueError) as error:
        _silence(1)
        # Windows reports a pipe without a reader as an invalid argument.
        is_pipe = isinstance(error, ConnectionError) or (os.name == "nt" and _code(error) == errno.EINVAL)
        return "" if is_pipe else str(getattr(error, "strerror", None) or error)
    return ""


def _code(error: Exception) -> int:
    return getattr(error, "errno", None) or 0


def _changed_something(text: str) -> bool:
    """Whether the document is about something that has an outcome: more than a read or a dry run."""
    import json

    try:
        return bool(json.loads(text).get("outcome", "not_sent") != "not_sent")
    except (ValueError, AttributeError):  # a help text
        return False


def _silence(descriptor: int) -> None:
    """Redirect a closed stream, or the interpreter would report it once more when it exits."""
    import contextlib

    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


class Counter:
    """The progress of a call: one line on stderr if it is a terminal, otherwise nothing."""

    def __init__(self) -> None:
        self._stream = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None

    def show(self, text: str) -> None:
        self._write(f"\r{text}")

    def close(self) -> None:
        self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):
                self._stream = None
