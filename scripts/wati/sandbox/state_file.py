"""Where the sandbox keeps its state."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

STATE_VARIABLE = "WATI_SANDBOX_STATE"
StatePath = str | os.PathLike[str] | None  # None for the usual place


_FILE = "sandbox.sqlite"
# Where programs keep a user's state, by platform, as platformdirs has it: the variable that names the folder
# ("" for none, else an absolute path), and the folder below the home without it.
_STATE = {"win32": ("LOCALAPPDATA", ("AppData", "Local")), "darwin": ("", ("Library", "Application Support"))}
_UNIX_STATE = ("XDG_STATE_HOME", (".local", "state"))


class StateError(Exception):
    """The state file cannot be used; the message says why and what to do."""


def state_path(path: StatePath = None) -> str:
    """The argument, else WATI_SANDBOX_STATE, else the per-user state folder, else the temporary one."""
    chosen = os.fspath(path) if path is not None else os.environ.get(STATE_VARIABLE, "").strip()
    if chosen:
        return _named(Path(os.path.expanduser(chosen)).absolute())
    for folder in _usual_folders():
        if _usable(folder):
            return str(folder / _FILE)
    raise StateError(f"No folder for the sandbox's state can be written. Set {STATE_VARIABLE} to a file.")


def _named(target: Path) -> str:
    if os.path.isdir(target):
        raise StateError(f"The sandbox's state must be a file, and {target} is a folder.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"The folder {target.parent} cannot be made: {error.strerror}.") from error
    return str(target)


def _usual_folders() -> Iterator[Path]:
    variable, usual = _STATE.get(sys.platform, _UNIX_STATE)
    home, named = os.path.expanduser("~"), os.environ.get(variable, "").strip()
    old = Path(home, *usual, "wati-skill")
    if os.path.isabs(named):
        new = Path(named, "wati-skill")
        # A file in the folder without the variable, its old place, is kept.
        if (new / _FILE).exists() or home == "~" or not (old / _FILE).exists():
            yield new
    if home != "~":
        yield old
    # POSIX users share the temporary folder, so the name contains the user, and the owner is checked.
    owner = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    yield Path(tempfile.gettempdir(), f"wati-skill{owner}")


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        return False
    state = folder / _FILE
    return os.access(folder, os.W_OK) and (not state.exists() or os.access(state, os.W_OK))
