"""The real tools, pinned by package.json and requirements.txt, in a cache outside the checkout.

usage: python acceptance/toolbox.py

Fetches what is missing; Chromium by apt-get, if this user may install it. The exit code is 3 if this machine
cannot get the other tools: stderr says why.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
PINS = (HERE / "package.json", HERE / "package-lock.json", HERE / "requirements.txt")
NOT_RUN = 3
INSTALL_SECONDS = 900.0

# What npm, pip and uv say if they cannot reach a registry. Any other failure means that a pin is wrong.
_OUT_OF_REACH = re.compile(
    r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|ERR_SOCKET_TIMEOUT"
    r"|E50[0-9]|NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|error sending request)\b"
)


class NotRun(Exception):
    """This machine cannot get the tools. The message says why."""


class Toolbox(NamedTuple):
    """Where the tools are. `validator`: the Agent Skills command; None if Python is too old for it."""

    node: Path
    modules: Path
    validator: Path | None

    @property
    def openclaw(self) -> list[str]:
        return [str(self.node), str(self.modules / "openclaw" / "openclaw.mjs")]

    @property
    def clawhub(self) -> list[str]:
        return [str(self.node), str(self.modules / "clawhub" / "bin" / "clawdhub.js")]

    @property
    def skills(self) -> list[str]:
        """What `npx skills` runs. npx itself would ask a registry."""
        return [str(self.node), str(self.modules / "skills" / "bin" / "cli.mjs")]

    @property
    def inspector(self) -> list[str]:
        """The command line of the official MCP inspector."""
        launcher = self.modules / "@modelcontextprotocol" / "inspector" / "clients" / "launcher"
        return [str(self.node), str(launcher / "build" / "index.js"), "--cli"]

    @property
    def conformance(self) -> list[str]:
        return [
            str(self.node),
            str(self.modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"),
        ]

    @property
    def quick_validate(self) -> list[str]:
        creator = self.modules / "openclaw" / "skills" / "skill-creator"
        return [sys.executable, str(creator / "scripts" / "quick_validate.py")]


def cache() -> Path:
    """ACCEPTANCE_CACHE, or the user's cache folder on this platform."""
    given = os.environ.get("ACCEPTANCE_CACHE")
    if given:
        return Path(given).absolute()
    if sys.platform == "win32":
        caches = os.environ.get("LOCALAPPDATA") or str(Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = str(Path.home() / "Library" / "Caches")
    else:
        caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(caches) / "wati-acceptance"


def open_toolbox() -> Toolbox:
    """The tools. Fetches those that are missing. Raises NotRun."""
    pins = hashlib.sha256(b"\0".join(path.read_bytes() for path in PINS)).hexdigest()[:16]
    system = f"{sys.platform}-{platform.machine()}"
    modules = provide(cache(), f"node-{system}-{pins}", _install_node_tools) / "node_modules"
    return Toolbox(_node(modules), modules, _in_venv("agentskills", _python_tools()))


def packages() -> list[Path]:
    """Where Python finds Selenium. Raises NotRun."""
    return [*_python_tools().glob("lib/python*/site-packages"), *_python_tools().glob("Lib/site-packages")]


def _python_tools() -> Path:
    pins = hashlib.sha256((HERE / "requirements.txt").read_bytes()).hexdigest()[:16]
    name = f"python-{platform.python_version()}-{sys.platform}-{platform.machine()}-{pins}"
    return provide(cache(), name, _install_python_tools)


def server_packages(server: Path) -> Path:
    """uv's cache, with what a script of the skill needs. Raises NotRun."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if uv is None:
        raise NotRun("there is no uv on PATH")
    packages = cache() / "uv"
    _install([uv, "run", "--quiet", "--cache-dir", str(packages), str(server), "--help"], HERE)
    return packages


def provide(root: Path, name: str, install: Callable[[Path], None]) -> Path:
    """The folder below `root` in which `install` was completed, by this process or an earlier one.

    One process installs at a time, and always into a new folder, because an orphan of an interrupted
    installation may still write into the old one.
    """
    finished = root / name
    with _alone(root):
        if not finished.exists():
            for broken in root.glob(f"{name}-*"):
                shutil.rmtree(broken, ignore_errors=True)
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
            print(f"acceptance: fetching tools into {folder}", file=sys.stderr, flush=True)
            install(folder)
            finished.write_text(folder.name, encoding="utf-8")
        return root / finished.read_text(encoding="utf-8")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Lets in one process at a time. SQLite releases a lock when its holder ends, on every platform."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = sqlite3.connect(folder / "lock.sqlite", timeout=INSTALL_SECONDS, isolation_level=None)
    with closing(lock):
        lock.execute("BEGIN EXCLUSIVE")
        yield


def _install_node_tools(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotRun("there is no npm on PATH")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    patience = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000"]
    _install([npm, "ci", *quiet, *patience], folder)


def _install_python_tools(folder: Path) -> None:
    _install([sys.executable, "-m", "venv", str(folder)], folder)
    python = _in_venv("python", folder)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _install([*pip, "-r", str(HERE / "requirements.txt")], folder)


def _in_venv(name: str, venv: Path) -> Path | None:
    found = shutil.which(name, path=str(venv / ("Scripts" if os.name == "nt" else "bin")))
    return Path(found) if found else None


def _install(command: list[str], folder: Path) -> None:
    """Run an installer in the caller's environment, which has the registry, the proxy, the certificates."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=INSTALL_SECONDS,
        )
    except subprocess.TimeoutExpired as slow:
        raise NotRun(str(slow)) from None
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        failed = f"{' '.join(command)} failed:\n{said}"
        raise NotRun(failed) if _OUT_OF_REACH.search(said) else RuntimeError(failed)


def _node(modules: Path) -> Path:
    """The pinned Node if npm has it for this platform, or the one on PATH if OpenClaw accepts it."""
    packed = [*modules.glob("node-*/bin/node"), *modules.glob("node-*/bin/node.exe")]
    on_path = shutil.which("node")
    if packed:
        return packed[0]
    if on_path is None:
        raise NotRun("npm has no Node of the pinned version for this platform, and there is none on PATH")
    openclaw = [on_path, str(modules / "openclaw" / "openclaw.mjs"), "--version"]
    done = subprocess.run(openclaw, capture_output=True, encoding="utf-8", timeout=60, check=False)
    if done.returncode:
        raise NotRun(f"OpenClaw does not accept the Node on PATH: {done.stderr.strip()}")
    return Path(on_path)


def main() -> int:
    import browser

    try:
        open_toolbox()
    except NotRun as reason:
        print(f"NOT RUN: acceptance: {reason}", file=sys.stderr)
        return NOT_RUN
    try:
        browser.programs()
    except NotRun as reason:  # the other tests can do without
        print(f"NOT RUN: acceptance/test_page.py: {reason}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
