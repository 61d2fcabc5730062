"""The packages that the skill needs, imported only when they are; a missing one is a named failure."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

from wati.endpoint import SKILL_FOLDER
from wati.failures import Failure


def import_package(name: str) -> Any:
    """The module, or `missing_dependency` with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise _missing(name) from None


def require_package(name: str) -> None:
    """Raise `missing_dependency` where the package is not installed, without importing it."""
    if importlib.util.find_spec(name) is None:
        raise _missing(name)


def _missing(name: str) -> Failure:
    import shlex
    import subprocess

    requirements = os.path.join(SKILL_FOLDER, "requirements.txt")
    command = [sys.executable or "python3", "-m", "pip", "install", "-r", requirements]
    quoted = subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
    hint = f"Run the script with `uv run -q` in place of `python3`, or install what it needs: {quoted}"
    if sys.prefix == sys.base_prefix:
        hint += " (a system's Python may refuse: then make a virtual environment, and use its python)"
    return Failure("missing_dependency", f"The Python package {name} is not installed.", hint=hint)
