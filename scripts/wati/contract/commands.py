"""Commands as a person or an agent can paste them."""

from __future__ import annotations

import os
import sys

from wati.contract.endpoint import SKILL_FOLDER


def command_line(words: list[str]) -> str:
    """The words quoted as this system's shell needs it."""
    import shlex
    import subprocess

    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def python() -> str:
    """The interpreter that runs: a plain `python3` may lack the packages that this one has."""
    return sys.executable or "python3"


def script(name: str) -> str:
    """The path of one of the package's scripts: an agent's working directory is not the skill's folder."""
    return os.path.join(SKILL_FOLDER, "scripts", name + ".py")
