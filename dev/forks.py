"""A call in a process of its own, which begins as a copy of this one."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress


def in_a_fork(run: Callable[[], int], seconds: float) -> int | None:
    """What `run` returns in a fork; None if it takes longer. It is killed then, with its children."""
    folder = tempfile.mkdtemp()
    if (child := os.fork()) == 0:
        try:
            os.setsid()
            tempfile.tempdir = os.environ["TMPDIR"] = folder
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(nowhere, stream)
            os._exit(run())
        finally:
            os._exit(70)
    ends, code = time.monotonic() + seconds, None
    try:
        while code is None and time.monotonic() < ends:
            done, status = os.waitpid(child, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if done else None
            if not done:
                time.sleep(0.005)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        if code is None:
            os.waitpid(child, 0)
        shutil.rmtree(folder, ignore_errors=True)
    return code
