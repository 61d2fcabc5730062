"""No test touches what belongs to whoever runs the tests: their home, and the skill's state in it.

A home of its own, for this process and those that it starts, and a watch over both.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HOME = Path(tempfile.mkdtemp(prefix="wati-tests-home-")).resolve()
_HOMES = ("HOME", "USERPROFILE")
_STATES = ("XDG_STATE_HOME", "LOCALAPPDATA")  # where else the skill keeps its state
_OPENING = {"open": 0, "sqlite3.connect": 0, "os.mkdir": 0, "os.remove": 0, "os.rename": 1}  # event: its path
touched: list[str] = []


def move_out() -> None:
    """Give this process a home of its own, and begin to watch. Nothing ends a watch but the process."""
    atexit.register(shutil.rmtree, HOME, ignore_errors=True)
    for variable in list(os.environ):
        if variable in _STATES or variable.startswith(("WATI_", "MATON_")):
            del os.environ[variable]
    os.environ.update(dict.fromkeys(_HOMES, str(HOME)))
    sys.addaudithook(_watch)


def left_behind() -> list[str]:
    """What the test before touched, or started a process that could have; forgotten once it is told."""
    found = [*touched, *(f"{path.relative_to(HOME)} in the home folder" for path in HOME.iterdir())]
    for path in HOME.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    touched.clear()
    return found


def _watch(event: str, given: tuple[Any, ...]) -> None:
    if event in _OPENING and isinstance(path := given[_OPENING[event]], (str, bytes, os.PathLike)):
        if "wati-skill" not in os.fsdecode(path):
            return
        parts = Path(os.fsdecode(path)).parts
        is_ours = any(part.startswith("wati-skill") for part in parts)
        # Each test has its folders in pytest's. A name alone is in a folder that shutil.rmtree has opened.
        if is_ours and len(parts) > 1 and not any("pytest-" in part for part in parts):
            touched.append(f"{os.fsdecode(path)} ({event})")
    elif event == "subprocess.Popen" and (environ := given[3]) is not None:
        names = {os.fsdecode(name) for name in environ}
        # Without the variable, the home is the one that the system knows.
        if names.isdisjoint(_HOMES):
            touched.append(f"a process without {' or '.join(_HOMES)} in its environment: {given[1]}")
