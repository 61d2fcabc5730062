"""Commands that a person or an agent can paste into bash, Git Bash, PowerShell and cmd.

Their arguments are plain words, because each of these shells reads quotes and backslashes in its own way.
"""

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
    return portable(sys.executable or "python3")


def script(name: str) -> str:
    """The absolute path of a script: an agent's working directory is not the skill's folder."""
    return portable(os.path.join(SKILL_FOLDER, "scripts", name + ".py"))


def portable(path: str) -> str:
    """The path with forward slashes, if every shell then takes it: Git Bash drops backslashes."""
    return path.replace("\\", "/") if os.name == "nt" and " " not in path else path
