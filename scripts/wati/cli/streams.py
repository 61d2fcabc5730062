"""Standard output and standard error. A stream that fails never changes the outcome of a call.

Nothing heavy is imported here: `--help` needs this module and little else.
"""

from __future__ import annotations

import os
import sys


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

    import threading

    # In a thread that can be left behind: a pipe that nobody reads would block the process forever.
    writer = threading.Thread(target=work, daemon=True)
    writer.start()
    writer.join(1.0)


def write(text: str) -> None:
    """Print one document as UTF-8, whatever the locale. The exit code stays, even if nobody reads it."""
    stdout = sys.stdout
    if stdout is None:
        return
    try:
        stdout.flush()
        if hasattr(stdout, "buffer"):
            stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        else:
            stdout.write(text + "\n")
        stdout.flush()
    except (OSError, ValueError):
        _silence(1)


def _silence(descriptor: int) -> None:
    """Redirect a closed stream, or the interpreter would report it once more when it exits."""
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
