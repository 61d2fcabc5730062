"""A user of the tools, with their own home folder, a bare environment, and a time limit on commands."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from toolbox import Toolbox

SECONDS = 120.0


class Done(NamedTuple):
    """How a command ended."""

    command: Sequence[str]
    exit: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"$ {shlex.join(self.command)}\n{self.stdout}{self.stderr}exit {self.exit}"

    def succeeded(self) -> Done:
        """Returns itself. Raises AssertionError with the tool's output if the command failed."""
        assert self.exit == 0, str(self)
        return self

    def failed(self) -> Done:
        assert self.exit != 0, str(self)
        return self

    @property
    def json(self) -> Any:
        self.succeeded()
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise AssertionError(f"{error}\n{self}") from error


@dataclass
class User:
    """`home`: everything that the tools write goes there. `variables`: set in addition to PATH and HOME."""

    home: Path
    toolbox: Toolbox
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def workspace(self) -> Path:
        return self.home / ".openclaw" / "workspace"

    @property
    def installed(self) -> Path:
        """Where OpenClaw puts a skill that this user installs."""
        return self.workspace / "skills" / "wati"

    def openclaw(self, *arguments: str, **variables: str) -> Done:
        return self.run([*self.toolbox.openclaw, *arguments], **variables)

    def publish(self, folder: Path, registry: str, *options: str) -> Done:
        """`clawhub skill publish`, by a user who is logged in to the registry at this address."""
        config = self.home / "clawhub.json"
        config.write_text(json.dumps({"registry": registry, "token": "none"}), encoding="utf-8")
        command = ["--registry", registry, "--no-input", "skill", "publish", str(folder), "--json", *options]
        return self.run([*self.toolbox.clawhub, *command], CLAWHUB_CONFIG_PATH=str(config))

    def skills(self, *arguments: str) -> Done:
        return self.run([*self.toolbox.skills, *arguments])

    def script(self, skill: Path, name: str, *arguments: str, **variables: str) -> Done:
        return self.run([sys.executable, str(skill / "scripts" / f"{name}.py"), *arguments], **variables)

    def run(self, command: Sequence[str], **variables: str) -> Done:
        """Run a command to its end or to the time limit. No process of it is left running."""
        environment = {**_bare_environment(self.home, self.toolbox), **self.variables, **variables}
        child = subprocess.Popen(
            command,
            cwd=self.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        try:
            stdout, stderr = child.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            _end(child)
            stdout, stderr = child.communicate(timeout=SECONDS)
            raise AssertionError(f"still running after {SECONDS:.0f} s\n{stdout}{stderr}") from None
        finally:
            _end(child)
        return Done(command, child.returncode, stdout, stderr)


def _bare_environment(home: Path, toolbox: Toolbox) -> dict[str, str]:
    """What a user would have: Node, a Python with the three packages, git, and the system."""
    git = shutil.which("git")
    folders = [toolbox.node.parent, Path(sys.executable).parent, *([Path(git).parent] if git else [])]
    environment = {
        "PATH": os.pathsep.join([*map(str, folders), os.defpath]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "NODE_COMPILE_CACHE": str(toolbox.modules.parent / "compiled"),
        "NO_COLOR": "1",
        "CLAWHUB_DISABLE_TELEMETRY": "1",
        "DISABLE_TELEMETRY": "1",
    }
    if os.name == "nt":
        environment |= {"USERPROFILE": str(home), "SYSTEMROOT": os.environ["SYSTEMROOT"]}
    return environment


def _end(child: subprocess.Popen[str]) -> None:
    """End what is left of the session that `child` started."""
    if os.name == "nt":
        child.kill()
        return
    with suppress(ProcessLookupError, PermissionError):  # macOS raises the second if only zombies are left
        os.killpg(child.pid, signal.SIGKILL)
