"""Commands that a person or an agent can paste."""

from __future__ import annotations

import os
import sys

from wati.contract.endpoint import SKILL_FOLDER


def command_line(words: list[str]) -> str:
    """The words as one command, quoted for this system's shell."""
    import shlex
    import subprocess

    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def python() -> str:
    """This interpreter: a plain `python3` may lack the packages."""
    return sys.executable or "python3"


def script(name: str) -> str:
    """The absolute path of a script: an agent's working directory is not the skill's folder."""
    return os.path.join(SKILL_FOLDER, "scripts", name + ".py")
