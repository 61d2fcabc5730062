"""Fixtures for every test: the scripts run in-process, and a far side on this machine that records them."""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import re
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache, partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import own_folders
from postgres import own_postgres, postgres, postgres_template  # noqa: F401 (fixtures)
from recording import FarSide
from stores import database, kept, one_database  # noqa: F401 (fixtures)
from wati.calls.findings import CODES
from wati.cli.command import execute
from wati.contract.endpoint import Endpoint
from wati.contract.failures import EXITS, FAILURES
from wati.journal.schema import Wait, opened
from wati.sandbox import control
from wati.wire.threads import Worker

own_folders.move_out()

ROOT = Path(__file__).resolve().parent.parent
KEY = "test-key-that-must-not-leak"
OUTCOMES = {"accepted", "rejected", "partial", "unknown", "not_sent"}
SOURCES = {"arguments", "setup", "network", "maton", "wati", "package"}
MEMBERS = {"ok", "data", "error", "outcome", "page", "sandbox", "notice"}


@dataclass(frozen=True)
class Run:
    """One run of a script. `document`: what stdout held, None after --help."""

    exit: int
    text: str
    stderr: str
    document: Any

    @property
    def error(self) -> dict[str, Any]:
        assert self.document["ok"] is False, self.text
        error: dict[str, Any] = self.document["error"]
        return error

    @property
    def data(self) -> Any:
        assert self.document["ok"] is True, self.text
        return self.document["data"]


def _declared(name: str, least: int) -> dict[str, Endpoint]:
    """What the scripts declare under a name, by their own names."""
    declaring = [
        path.stem
        for path in sorted((ROOT / "scripts").glob("*.py"))
        if re.search(rf"^{name} = ", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    found = [getattr(importlib.import_module(script), name) for script in declaring]
    assert len(found) >= least
    return {endpoint.name: endpoint for endpoint in found}


ENDPOINTS = _declared("ENDPOINT", 20)
HELPERS = _declared("HELPER", 4)
RUNNABLE = {**ENDPOINTS, **HELPERS}
FOR_PEOPLE = {"probe"}  # no tool of a host: it is in no group of the catalogue
OFFERED = {name: each for name, each in RUNNABLE.items() if name not in FOR_PEOPLE}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--write-matrix", action="store_true", help="write the table of references/faults.md anew"
    )


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Nothing of what is collected becomes garbage, so looking for it takes a quarter of the time in vain."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long tests at the head of each worker's share: a worker that is left with one ends late."""
    workers = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    long = [item for item in items if item.get_closest_marker("long")]
    rest = [item for item in items if not item.get_closest_marker("long")]
    ends = [len(rest) * number // workers for number in range(workers + 1)]
    items[:] = [
        item
        for number in range(workers)
        for item in (*long[number::workers], *rest[ends[number] : ends[number + 1]])
    ]


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Two for each processor: many tests wait, for a process, for the disk or until a time is over."""
    return 2 * (yield)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `each_endpoint` runs once for every one."""
    if "each_endpoint" in metafunc.fixturenames:
        metafunc.parametrize("each_endpoint", ENDPOINTS.values(), ids=ENDPOINTS)


@pytest.fixture(autouse=True)
def keeps_to_its_own_folders() -> Iterator[None]:
    """Fails a test after which something is in the home folder, or that could reach the real one."""
    yield
    assert own_folders.left_behind() == []


@pytest.fixture(scope="session")
def endpoints() -> dict[str, Endpoint]:
    return ENDPOINTS


@pytest.fixture(scope="session")
def all_endpoints() -> list[Endpoint]:
    return list(ENDPOINTS.values())


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    server = FarSide()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def looked_up(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of hosts that anything tries to resolve or connect to; only this machine is let through."""
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def recording(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        if name in ("127.0.0.1", "localhost", "::1"):
            return resolve(host, *arguments, **options)
        asked.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", recording)
    return asked


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, in seconds, recorded in place of being waited."""
    waits: list[float] = []
    # The gateway's own name for the module: a far side of an earlier test may still sleep in its thread.
    clock = SimpleNamespace(monotonic=time.monotonic, time=time.time, sleep=waits.append)
    monkeypatch.setattr("wati.wire.gateway.time", clock)
    return waits


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The threads of all attempts."""
    started: list[Worker] = []

    class Remembered(Worker):
        def __init__(self, act: Callable[[], object]) -> None:
            super().__init__(act)
            started.append(self)

    monkeypatch.setattr("wati.wire.departure.Worker", Remembered)
    return started


class Unsynced(sqlite3.Connection):
    """Does not wait until the disk has it: no test takes the power away."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA synchronous = OFF")


@pytest.fixture(scope="session")
def new_journal(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A journal without a send. To copy it is much quicker than to make one, as tests/journal do."""
    path = tmp_path_factory.mktemp("journal") / "new.sqlite"
    with opened(str(path), Wait(30)):
        return path.read_bytes()


@pytest.fixture(scope="session")
def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`new_folder(name)`. For each of thousands, pytest's own would look through all that it made before."""
    folders, numbers = tmp_path_factory.mktemp("tests"), count(1)

    def make(name: str) -> Path:
        path = folders / f"{next(numbers)}-{re.sub('[^A-Za-z0-9]+', '_', name)[:30]}"
        path.mkdir()
        return path

    return make


@pytest.fixture
def tmp_path(new_folder: Callable[[str], Path], request: pytest.FixtureRequest) -> Path:
    """pytest's fixture of this name, made in a tenth of the time."""
    return new_folder(request.node.name)


@pytest.fixture
def call(
    far_side: FarSide,
    tmp_path: Path,
    new_folder: Callable[[str], Path],
    new_journal: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Run]:
    """`call(name, arguments, *flags, **environment)`: one run, with `tmp_path` as the current folder.

    `arguments`: an object, the text that stands in its place, or None for none. `stdin`: bytes for `-`.
    An environment variable that is None is not set. Whatever happens, stdout holds one JSON document of the
    contract's form, and the key is in neither stream.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Unsynced))
    # What a run finds without a variable of its own: nothing of whoever runs the tests.
    for variable in ("WATI_SANDBOX_STATE", "XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable, raising=False)
    own = new_folder("call")  # which the test does not see
    home = own / "home"
    home.mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    runs = count(1)

    def run(
        name: str, arguments: Any = None, *flags: str, stdin: bytes = b"", **environment: str | None
    ) -> Run:
        # A journal of each run's own: most tests send the same message many times.
        journal = own / f"{next(runs)}.sqlite"
        if RUNNABLE[name].effect == "send":
            journal.write_bytes(new_journal)
        given = {
            "MATON_API_KEY": KEY,
            "MATON_BASE_URL": far_side.url,
            "WATI_SANDBOX_STATE": str(tmp_path / "sandbox.sqlite"),
            "WATI_JOURNAL": str(journal),
            **environment,
        }
        environ = {variable: value for variable, value in given.items() if value is not None}
        text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        argv = ([] if arguments is None else [text]) + list(flags)
        # What a send looks at before it leaves is not what most tests are about.
        far_side.aside = "template" in RUNNABLE[name].always and "--dry-run" not in flags
        stdout, stderr = io.StringIO(), io.StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr):
            exit_code, output = execute(RUNNABLE[name], argv, environ, io.BytesIO(stdin))
        assert stdout.getvalue() == "", "execute itself prints nothing"
        _assert_no_secret(environ, output + stderr.getvalue())
        helps = "--help" in argv or "-h" in argv
        document = None if helps else parse(output)
        if document is not None and "--schema" not in argv:
            assert_contract(RUNNABLE[name], exit_code, document)
        return Run(exit_code, output, stderr.getvalue(), document)

    return run


SANDBOX = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None}  # for `call`: the sandbox in its own process


@pytest.fixture
def state(tmp_path: Path) -> str:
    """The file of the sandbox that `call` uses, as a fresh world without limits."""
    path = str(tmp_path / "sandbox.sqlite")
    control.reset(path, limits=False)
    return path


@cache
def _first_example(schema_file: str) -> str:
    """As JSON, because a caller may change what it gets."""
    return json.dumps(json.loads(Path(schema_file).read_text(encoding="utf-8"))["examples"][0])


@pytest.fixture
def example(tmp_path: Path) -> Callable[[Endpoint], list[str]]:
    """`example(endpoint)`: the command line of the schema's first example, confirmed, its files made."""

    def argv(endpoint: Endpoint) -> list[str]:
        (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
        (tmp_path / "contacts.csv").write_bytes(
            b"Name,CountryCode,Phone,name,ordernumber\r\nJohn,1,4155551234,John,12345\r\n"
        )
        arguments = json.loads(_first_example(endpoint.schema_file))
        confirm = {
            "none": None,
            "receivers": str(len(arguments.get("receivers", []))),
            "records": "1",
            "connection_id": arguments.get("connection_id"),
        }[endpoint.confirms]
        return [json.dumps(arguments), *(["--confirm", confirm] if confirm else [])]

    return argv


@pytest.fixture
def call_example(call: Callable[..., Run], example: Callable[[Endpoint], list[str]]) -> Callable[..., Run]:
    """`call_example(endpoint, *flags, **environment)`: one run of the example."""

    def run(endpoint: Endpoint, *flags: str, **environment: str | None) -> Run:
        return call(endpoint.name, *example(endpoint), *flags, **environment)

    return run


def parse(text: str) -> Any:
    """Exactly one JSON document, as a strict reader takes it."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"stdout holds {constant}, which is not JSON")

    return json.loads(text, parse_constant=refuse)


def _assert_no_secret(environ: Mapping[str, str], text: str) -> None:
    key = environ.get("MATON_API_KEY", "").strip()
    assert not key or key == "sandbox" or key not in text, "the key leaked"


def assert_contract(endpoint: Endpoint, exit_code: int, document: dict[str, Any]) -> None:
    """What every document keeps, whatever the call was (references/errors.md)."""
    assert set(document) <= MEMBERS
    assert document["ok"] is (exit_code == 0)
    changes = endpoint.effect != "read"
    if endpoint.by_arguments is not None:  # it may only have read
        changes = "outcome" in document.get("error", document)
    if document["ok"]:
        assert "data" in document and "error" not in document
        assert (document.get("outcome") in OUTCOMES) if changes else ("outcome" not in document)
        return
    error = document["error"]
    assert "data" not in document and "outcome" not in document and "page" not in document
    assert FAILURES[error["code"]][0] == exit_code
    assert error["message"] and error["hint"] and error["source"] in SOURCES
    assert (error.get("outcome") in OUTCOMES) if changes else ("outcome" not in error)
    if error.get("outcome") == "unknown":
        said = " ".join([error["message"], error["hint"], EXITS[exit_code]]).lower()
        assert "nothing was" not in said, "what may have happened is told as if it had not"
    assert (error["code"] == "partial") is (error.get("outcome") == "partial")
    assert error["code"] != "partial" or set(error["receivers"]) == {"accepted", "rejected", "unknown"}
    for problem in error.get("problems", []):
        assert {"at", "problem"} <= set(problem) <= {"at", "problem", "code"}
        assert problem.get("code", "file_type") in CODES
    assert error["code"] != "preflight_failed" or all("code" in problem for problem in error["problems"])
    assert error.get("more_problems", 1) > 0 and error.get("warnings", [""]) != []


def bound_by_modes() -> list[str]:
    """What stands before a command for file modes to bind it: nothing, or for root the loss of two powers."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip(
            "file modes do not bind root, and setpriv (util-linux) is not here to take that power away"
        )
    return [setpriv, "--bounding-set=-dac_override,-dac_read_search"]
