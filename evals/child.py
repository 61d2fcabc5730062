"""Runs an agent as a child process, in its own folder and environment, with a time limit."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """How a run of the agent ended. `answer`: its standard output."""

    answer: str
    seconds: float
    timed_out: bool


def words(command: str) -> list[str]:
    """The words of a command line. Paths become absolute, because the agent runs in another folder.

    The program is looked up in the agent's PATH, so `python3` is the Python that has the packages. Raises
    ValueError if the program is not found or the quotes do not match.
    """
    found = shlex.split(command, posix=os.name == "posix")
    if os.name != "posix":  # there the quotes stay, because a backslash must not escape
        found = [word.strip('"') for word in found]
    program = shutil.which(found[0], path=environment()["PATH"]) if found else None
    if program is None:
        raise ValueError(f"there is no program {found[0] if found else ''!r}")
    rest = [os.path.abspath(word) if os.path.isfile(word) else word for word in found[1:]]
    return [os.path.abspath(program), *rest]


def environment(**added: str) -> dict[str, str]:
    """The caller's environment without WATI_* and MATON_*. It may hold the key of the agent's model.

    The Python of the grader comes first in PATH, because it has the packages that the skill needs.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    path = os.pathsep.join([os.path.dirname(sys.executable), *filter(None, [kept.get("PATH")])])
    return {**kept, "PATH": path, **added}


def run(command: list[str], folder: Path, prompt: Path, environ: dict[str, str], timeout: float) -> Run:
    """Run an agent in `folder` until it ends or `timeout` seconds have passed. It reads the prompt on stdin.

    Its output goes into files next to the prompt, so a grandchild that keeps the stream open cannot block the
    grader. The processes that it started are ended, as far as the system can find them.
    """
    started = time.monotonic()
    answer, errors = prompt.with_name("answer.txt"), prompt.with_name("stderr.txt")
    with prompt.open("rb") as asked, answer.open("wb") as out, errors.open("wb") as err:
        process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=asked, stdout=out, stderr=err, start_new_session=True
        )
        try:
            process.wait(timeout)
            timed_out = False
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end(process)
    text = answer.read_text(encoding="utf-8", errors="replace")
    return Run(text, time.monotonic() - started, timed_out)


def _end(process: subprocess.Popen[bytes]) -> None:
    if os.name == "posix":
        # macOS rejects the signal if only a zombie is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    elif process.poll() is None:
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    process.wait()
