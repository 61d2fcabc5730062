"""Imports packages when they are needed, and reports a missing one as `missing_dependency`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from typing import Any

from wati.contract.commands import command_line, portable, python
from wati.contract.endpoint import SKILL_FOLDER
from wati.contract.failures import Failure
from wati.contract.unexpected import fault_of_the_machine

# Packages that only some scripts need, by the file with their requirements.
EXTRAS = {
    "mcp": "mcp",
    **dict.fromkeys(("dbos", "phonenumbers", "psycopg", "rich", "sqlalchemy"), "campaigns"),
}

# What a script may need that its header does not list: only some environments ask for it.
_BESIDE = {"psycopg": '"psycopg[binary]"'}


def import_package(name: str) -> Any:
    """The module, or `missing_dependency` with the command that installs it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if fault_of_the_machine(error):
            raise
        found = "" if isinstance(error, ModuleNotFoundError) else f"cannot be loaded ({error})"
        raise _missing(name, found) from None


def require_package(name: str) -> None:
    """Raise `missing_dependency` if the package is not installed; do not import it."""
    if importlib.util.find_spec(name) is None:
        raise _missing(name)


def _missing(name: str, why: str = "") -> Failure:
    extra = f"-{EXTRAS[name]}" if name in EXTRAS else ""
    requirements = portable(os.path.join(SKILL_FOLDER, f"requirements{extra}.txt"))
    command = [python(), "-m", "pip", "install", "-r", requirements]
    more = f" --with {_BESIDE[name]}" if name in _BESIDE else ""
    hint = f"Run the script with `uv run -q{more}`, or install what it needs: {command_line(command)}"
    if sys.prefix == sys.base_prefix:
        hint += " (if the system's Python refuses, make a virtual environment and use its python)"
    return Failure("missing_dependency", f"The Python package {name} {why or 'is not installed'}.", hint=hint)
