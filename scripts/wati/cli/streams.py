"""Standard output and standard error: what is written there decides nothing, and nobody need read it.

Nothing heavy is imported here: `--help` needs this module and little more.
"""

from __future__ import annotations

import os
import sys


def diagnose(text: str) -> None:
    """Print to stderr; nothing that happens here may decide what becomes of a call."""
    if sys.stderr is None or not text:
        return

    def work() -> None:
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            _silence(2)

    import threading

    # In a thread that can be left behind: a pipe that nobody drains would hold the process for ever.
    writer = threading.Thread(target=work, daemon=True)
    writer.start()
    writer.join(1.0)


def write(text: str) -> None:
    """Print one document as UTF-8, whatever the locale says; the exit code stands, read or not."""
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
    """Nobody reads this stream any more: without this the interpreter complains once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


class Counter:
    """The progress of a call: one line on a terminal's stderr, and nothing elsewhere."""

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
