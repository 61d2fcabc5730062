"""Every fault that the sandbox can play, on every endpoint, over a real socket: what is told, what happened.

The judge is the sandbox's own log. What a fault comes to is printed in references/faults.md, row by row, from
what these tests saw; `make matrix` (this file with --write-matrix) writes the table anew.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import ENDPOINTS, ROOT, Run, assert_contract, parse
from wati.contract.endpoint import Endpoint
from wati.sandbox import control, faults
from wati.sandbox.app import Exchange, Sandbox
from wati.sandbox.server import Server
from wati.sandbox.state import State
from wati.sandbox.wire import Call
from wati.wire.gateway import LARGEST_ANSWER

sys.path.insert(0, str(ROOT / "dev"))
docs = importlib.import_module("docs")

Json = dict[str, Any]

PAGE = ROOT / "references" / "faults.md"
LIMIT = 10.0  # seconds after which something that must happen counts as not happening
INPUTS = {"contacts.csv", "document.pdf"}
CHECK = re.compile(r"Find out whether it went out.* \S*check_send\.py 1$")
LOOK_UP = {"method": "GET", "path": "/connections"}
SENDS = [endpoint for endpoint in ENDPOINTS.values() if endpoint.effect == "send"]


# --- the far side ------------------------------------------------------------------------------------------


class Held(Sandbox):
    """A sandbox whose delays end when the test says so, not when time has passed."""

    def __init__(self, state: State) -> None:
        super().__init__(state, limited=False)
        self.released = threading.Event()

    def exchange(self, call: Call, sleep: Callable[[float], None] = time.sleep) -> Exchange:
        return super().exchange(call, lambda _: self._hold())

    def _hold(self) -> None:
        assert self.released.wait(60)


class World:
    """A fresh world on a socket of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sandbox = Held(State(path))
        self._server = Server(self._sandbox)
        self.url = self._server.url
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        ).start()

    @property
    def environ(self) -> dict[str, str]:
        base = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": self.url}
        return {**base, "WATI_SANDBOX_STATE": str(self.path)}

    def fault(self, fault: Json, match: Json | None = None) -> None:
        control.fault(self.path, {**fault, **({"match": match} if match else {})})

    def log(self) -> list[Json]:
        return control.log(self.path)

    def requests(self, match: Json | None = None) -> list[Json]:
        return [each for each in control.requests(self.path) if match is None or matches(each, match)]

    def release(self) -> None:
        """Let what is held happen, and wait until it has."""
        self._sandbox.released.set()
        within(lambda: all(each["status"] for each in self.requests()))

    def close(self) -> None:
        self._sandbox.released.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a world that nobody has touched."""
    path = tmp_path_factory.mktemp("pristine") / "world.sqlite"
    control.reset(path)
    return path


@pytest.fixture
def world(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], World]]:
    """`world()`: a fresh one; the one before it ends."""
    folder = tmp_path_factory.mktemp("worlds")
    made: list[World] = []

    def make() -> World:
        if made:
            made[-1].close()
        path = folder / f"{len(made)}.sqlite"
        shutil.copyfile(pristine, path)
        made.append(World(path))
        return made[-1]

    yield make
    if made:
        made[-1].close()


def within(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def own(endpoint: Endpoint) -> Json:
    """What the endpoint's own requests match."""
    path, variable, _ = endpoint.path.partition("{")
    return {"method": endpoint.method, "path": path + ("*" if variable else "")}


def matches(request: Json, match: Json) -> bool:
    path = match["path"]
    reached = request["path"].startswith(path[:-1]) if path.endswith("*") else request["path"] == path
    return reached and request["method"] == match["method"]


def closed_port() -> str:
    """The address of a port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"


# --- the rows ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A fault as the table names it. `fault`: as the sandbox takes it, None where nobody listens.

    `clears`: it strikes once, and not again within the same run. `slow`: the time allowed runs out.
    `costly`: it takes long to play.
    """

    name: str
    fault: Json | None
    clears: bool = False
    slow: bool = False
    costly: bool = False

    @property
    def timeout(self) -> str:
        # Enough for the request to leave; where time decides nothing, more than is ever needed.
        return "0.8" if self.slow else "30"


PAGE_OF_A_PROXY = {"body": "<html><h1>Bad Gateway</h1></html>", "content_type": "text/html"}
ROWS = (
    Row("nobody listens", None),
    Row("`refuse`: the connection is reset before the body is read", {"fault": "refuse"}),
    Row("`reset` before it happens", {"fault": "reset"}),
    Row("`lost_answer`: it happens, then a reset", {"fault": "lost_answer"}),
    Row("`delay` beyond the time allowed", {"fault": "delay", "seconds": 3600}, slow=True, costly=True),
    Row("`status` 429, `Retry-After: 1`, once", {"fault": "status", "status": 429, "retry_after": 1}, True),
    Row("`status` 429, once", {"fault": "status", "status": 429}, True),
    Row("`status` 429, `Retry-After: 600`", {"fault": "status", "status": 429, "retry_after": 600}),
    Row("`status` 429", {"fault": "status", "status": 429}),
    Row("`status` 400", {"fault": "status", "status": 400, "body": {"message": "No."}}),
    Row("`status` 302 elsewhere", {"fault": "status", "status": 302, "location": "/elsewhere"}),
    Row("`status` 500", {"fault": "status", "status": 500}),
    Row("`status` 502, a web page", {"fault": "status", "status": 502, **PAGE_OF_A_PROXY}),
    Row("`status` 504 after it happened", {"fault": "status", "status": 504, "effect": True}),
    Row("`truncated`", {"fault": "truncated"}),
    Row("`empty`", {"fault": "empty"}),
    Row("`html` under 200", {"fault": "html"}),
    Row("`status` 200, a web page", {"fault": "status", "status": 200, **PAGE_OF_A_PROXY}),
    Row("`not_json`", {"fault": "not_json"}),
    Row("`wrong_type`", {"fault": "wrong_type"}),
    Row("`huge`, beyond what is read", {"fault": "huge", "bytes": LARGEST_ANSWER + 1}, costly=True),
    Row("`huge`, but harmless", {"fault": "huge", "bytes": 100_000}),
    Row("`drip` beyond the time allowed", {"fault": "drip", "seconds": 0.5}, slow=True, costly=True),
    Row("`gzip`", {"fault": "gzip"}),
    Row("`lag`", {"fault": "lag", "seconds": 60}),
    Row("`unordered`", {"fault": "unordered", "order": "oldest"}),
    Row("`unzoned`", {"fault": "unzoned", "seconds": 3600}),
    Row("`total` of another list", {"fault": "total", "count": 3}),
    Row("`altered`", {"fault": "altered", "change": "mojibake"}),
    Row("`undelivered`", {"fault": "undelivered", "code": "131026"}),
    Row("`date` of an hour ago", {"fault": "date", "seconds": -3600}),
    Row("`undated`", {"fault": "undated"}),
)


def test_every_kind_of_fault_has_its_row() -> None:
    assert {row.fault["fault"] for row in ROWS if row.fault is not None} == set(faults.KINDS)


# --- one run and its judge ---------------------------------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's waits between attempts take no time; how long they are is tested elsewhere."""
    clock = SimpleNamespace(monotonic=time.monotonic, time=time.time, sleep=lambda seconds: None)
    monkeypatch.setattr("wati.wire.gateway.time", clock)


def receivers(arguments: Json) -> list[str]:
    """Everybody whom the example messages; the CSV file of the examples lists one."""
    if "receivers" in arguments:
        return [receiver["whatsappNumber"] for receiver in arguments["receivers"]]
    return [arguments.get("whatsappNumber", "14155551234")]


def times_done(endpoint: Endpoint, arguments: Json, log: list[Json]) -> int:
    """How often the call took effect; a bulk send takes it for each receiver alike, or the test fails."""
    if endpoint.effect != "send":
        return len(log)
    counts = Counter(row["whatsappNumber"] for row in log)
    (times,) = {counts[receiver] for receiver in receivers(arguments)}
    assert set(counts) <= set(receivers(arguments))
    return times


def outcome(run: Run) -> str:
    document = run.document
    return str((document if document["ok"] else document["error"]).get("outcome", ""))


def assert_true(endpoint: Endpoint, run: Run, done: int) -> None:
    """What the document says of the call is what the log says, or that nobody knows."""
    told = outcome(run)
    if endpoint.effect == "read":
        assert done == 0
        return
    if told in ("not_sent", "rejected") or run.exit in (2, 3, 4, 5):
        assert done == 0, f"it happened, and is told as {told} with exit {run.exit}: {run.text}"
    if told == "accepted":
        assert done >= 1, f"it did not happen, and is told as accepted: {run.text}"
    assert told == "unknown" or run.exit not in (6, 7) or done == 0
    assert done <= 1 or endpoint.effect == "write"


@dataclass(frozen=True)
class Case:
    """What one endpoint did under one fault, and then without it."""

    first: Run
    second: Run
    done: int

    @property
    def told(self) -> str:
        return " ".join(filter(None, [str(self.first.exit), outcome(self.first)]))

    @property
    def cell(self) -> str:
        return f"{self.told}, {self.second.exit}"


class Matrix:
    """Runs an endpoint under a fault, and judges it."""

    def __init__(
        self, world: Callable[[], World], call: Callable[..., Run], example: Any, folder: Path
    ) -> None:
        self._world = world
        self._call = call
        self._example = example
        self._folder = folder

    def case(self, endpoint: Endpoint, row: Row, *, on_look_up: bool = False, once: bool = False) -> Case:
        world = self._world()
        argv = self._example(endpoint)
        arguments = json.loads(argv[0])
        named = [] if on_look_up or not endpoint.through_wati else ["--connection", "sandbox-main"]
        if row.fault is not None:
            match = LOOK_UP if on_look_up else own(endpoint)
            world.fault({**row.fault, "times": 1 if once or row.clears else 0}, match)
        url = world.url if row.fault is not None else closed_port()
        environ = {**world.environ, "MATON_BASE_URL": url}
        first = self._call(endpoint.name, *argv, *named, "--timeout", row.timeout, **environ)
        if row.slow:
            # The client gave up; its request may still be on the way into the log.
            within(lambda: world.requests(LOOK_UP if on_look_up else own(endpoint)) != [])
            world.release()
        done = times_done(endpoint, arguments, world.log())
        assert_true(endpoint, first, done)
        self._assert_asked_once(endpoint, world)
        saved = self._files()
        assert saved == ({"9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg"} if is_saved(endpoint, first) else set())

        control.clear_faults(world.path)
        seen = len(world.requests(own(endpoint)))
        second = self._call(endpoint.name, *argv, *named, **world.environ)
        self._assert_repetition(endpoint, arguments, world, first, second, done)
        assert len(world.requests(own(endpoint))) <= seen + 1
        for name in self._files():
            (self._folder / name).unlink()
        return Case(first, second, done)

    def _files(self) -> set[str]:
        return {path.name for path in self._folder.iterdir()} - INPUTS

    def _assert_asked_once(self, endpoint: Endpoint, world: World) -> None:
        """No request that may have done something was followed by another; no redirect was followed."""
        asked = world.requests(own(endpoint))
        in_doubt = [request for request in asked if request["status"] != 429]
        assert endpoint.effect in ("read", "write") or len(in_doubt) <= 1, asked
        assert not any("elsewhere" in request["path"] for request in world.requests())

    def _assert_repetition(
        self, endpoint: Endpoint, arguments: Json, world: World, first: Run, second: Run, done: int
    ) -> None:
        now = times_done(endpoint, arguments, world.log())
        if endpoint.effect == "send" and outcome(first) in ("accepted", "unknown"):
            assert (second.exit, second.error["code"], now) == (2, "repeated_send", done)
            assert bool(CHECK.search(second.error["hint"])) is (outcome(first) == "unknown")
        elif endpoint.effect == "send":
            assert (second.exit, now) == (0, 1), second.text
        elif endpoint.effect in ("create", "delete"):
            assert now - done == (1 if second.exit == 0 else 0)


def is_saved(endpoint: Endpoint, run: Run) -> bool:
    return endpoint.name == "get_media" and run.exit == 0


@pytest.fixture
def matrix(
    world: Callable[[], World], call: Callable[..., Run], example: Any, tmp_path: Path, at_once: None
) -> Matrix:
    return Matrix(world, call, example, tmp_path)


# --- the table ---------------------------------------------------------------------------------------------

GROUPS: dict[str, list[Endpoint]] = {
    "read": [e for e in ENDPOINTS.values() if e.effect == "read" and e.name != "get_media"],
    "get_media": [ENDPOINTS["get_media"]],
    **{
        effect: [e for e in ENDPOINTS.values() if e.effect == effect]
        for effect in ("write", "create", "send", "delete")
    },
}
REPEATING = GROUPS["read"] + GROUPS["write"]
LOOKING_UP = [e for e in ENDPOINTS.values() if e.through_wati and e.effect != "read"]
ONE_OF_EACH = [GROUPS[effect][0] for effect in ("write", "create", "send")]

HEAD = ("fault", "happens", *GROUPS, "read, write: once", "on the look-up")
COMMAND = "make matrix"
BEGIN = f"<!-- faults:begin (generated by {COMMAND}) -->"
END = "<!-- faults:end -->"

Keep = Callable[[Row, list[str]], None]


def printed() -> list[str]:
    region = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    return region.strip().splitlines()


@pytest.fixture(scope="session")
def keep(request: pytest.FixtureRequest) -> Iterator[Keep]:
    """`keep(row, cells)`: compares a row with the printed one, or with --write-matrix prints it."""
    is_writing = request.config.getoption("--write-matrix")
    seen: dict[str, list[str]] = {}

    def check(row: Row, cells: list[str]) -> None:
        seen[row.name] = [row.name, *cells]
        line = docs.table(HEAD, [seen[row.name]]).splitlines()[-1]
        assert is_writing or line in printed(), f"{PAGE.name} has another row; if that is right: {COMMAND}"

    yield check
    if is_writing:
        assert list(seen) == [row.name for row in ROWS], "every row has to be seen, by one process"
        text = docs.replace_region(
            PAGE.read_text(encoding="utf-8"), docs.table(HEAD, seen.values()), BEGIN, END
        )
        PAGE.write_text(text, encoding="utf-8", newline="\n")


def alike(cells: dict[str, str]) -> str:
    assert len(set(cells.values())) == 1, f"these do not behave alike: {cells}"
    return next(iter(cells.values()))


def test_the_groups_have_every_endpoint() -> None:
    names = [endpoint.name for group in GROUPS.values() for endpoint in group]
    assert sorted(names) == sorted(ENDPOINTS) and len(names) == 20


def test_the_table_has_these_rows_and_no_other(pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("--write-matrix"):
        lines = docs.table(HEAD, [[row.name] for row in ROWS]).splitlines()
        assert [line.split("|")[1] for line in printed()] == [line.split("|")[1] for line in lines]
        assert printed()[:2] == lines[:2]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault(row: Row, matrix: Matrix, keep: Keep) -> None:
    cases = {endpoint.name: matrix.case(endpoint, row) for endpoint in ENDPOINTS.values()}
    groups = [alike({each.name: cases[each.name].cell for each in group}) for group in GROUPS.values()]
    done = {name: str(case.done > 0) for name, case in cases.items() if ENDPOINTS[name].effect != "read"}
    # Where the time runs out, no attempt is left for a fault that strikes once.
    once = cases if row.slow else {each.name: matrix.case(each, row, once=True) for each in REPEATING}
    exits = alike({each.name: str(once[each.name].first.exit) for each in REPEATING})
    looking_up = ONE_OF_EACH if row.costly else LOOKING_UP
    on_look_up = {each.name: matrix.case(each, row, on_look_up=True).told for each in looking_up}
    keep(row, ["yes" if alike(done) == "True" else "no", *groups, exits, alike(on_look_up)])


# --- processes that are killed, and that race --------------------------------------------------------------

HELD = {"fault": "delay", "seconds": 3600}
MOMENTS = {
    "before it happens": HELD,
    "in the answer": {"fault": "drip", "seconds": 5},
}


class Processes:
    """Scripts as processes, in the folder of a test and with a temporary folder of their own."""

    def __init__(self, folder: Path, temporary: Path) -> None:
        self._folder = folder
        self.temporary = temporary
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, endpoint: Endpoint, world: World, argv: list[str]) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
        places = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.temporary))
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / f"{endpoint.name}.py"), *argv],
            env={**kept, **places, **world.environ},
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.kill()
            process.communicate()


@pytest.fixture
def processes(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    started = Processes(tmp_path, tmp_path_factory.mktemp("temporary"))
    yield started
    started.close()


def ended(process: subprocess.Popen[bytes], endpoint: Endpoint) -> Run:
    """The one document of a process that has nothing else to say."""
    stdout, stderr = process.communicate(timeout=LIMIT * 3)
    assert stderr == b"", stderr.decode()
    document = parse(stdout.decode("utf-8"))
    assert_contract(endpoint, process.returncode, document)
    return Run(process.returncode, stdout.decode("utf-8"), "", document)


def journalled(world: World) -> list[tuple[str, str]]:
    """The receivers and states in the journal's file, which must be whole."""
    with closing(sqlite3.connect(f"{world.path}-sends")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return db.execute("SELECT receiver, state FROM messages ORDER BY rowid").fetchall()


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_at_the_moment_of_sending(
    moment: str,
    each_endpoint: Endpoint,
    world: Callable[[], World],
    processes: Processes,
    call: Callable[..., Run],
    example: Any,
    tmp_path: Path,
) -> None:
    here, endpoint, argv = world(), each_endpoint, example(each_endpoint)
    arguments, sends = json.loads(argv[0]), each_endpoint.effect == "send"
    happened = moment == "in the answer"
    here.fault(MOMENTS[moment], own(endpoint))
    process = processes.start(endpoint, here, [*argv, "--timeout", "60"])
    within(lambda: [each["status"] is not None for each in here.requests(own(endpoint))] == [happened])
    process.kill()
    stdout, _ = process.communicate(timeout=LIMIT)
    assert stdout == b"" and process.returncode == (-signal.SIGKILL if os.name == "posix" else 1)
    here.release()

    done = times_done(endpoint, arguments, here.log())
    assert done == (0 if endpoint.effect == "read" else 1)
    left = {path.name for path in tmp_path.iterdir()} - INPUTS
    # Elsewhere a file that comes has a hidden name, which nobody is left to remove.
    assert left == set() or (sys.platform != "linux" and all(name.startswith(".wati-") for name in left))
    assert list(processes.temporary.iterdir()) == []
    if sends:
        assert journalled(here) == [(receiver, "open") for receiver in receivers(arguments)]

    control.clear_faults(here.path)
    again = call(endpoint.name, *argv, **here.environ)
    now = times_done(endpoint, arguments, here.log())
    if sends:
        assert (again.exit, again.error["code"], now) == (2, "repeated_send", 1)
        assert CHECK.search(again.error["hint"])
        assert call("check_send", {"id": 1}, **here.environ).data["verdict"] in ("accepted", "sent")
        assert times_done(endpoint, arguments, here.log()) == 1
    elif endpoint.effect == "delete":
        assert (again.exit, again.error["code"], now) == (4, "not_found", 1)
    else:
        assert again.exit == 0
        assert now == (0 if endpoint.effect == "read" else 2)


def other_message(argv: list[str], folder: Path) -> list[str]:
    """The same command with other words."""
    arguments = json.loads(argv[0])
    if "whatsapp_numbers_csv" in arguments:
        text = (folder / "contacts.csv").read_text(encoding="utf-8")
        (folder / "others.csv").write_text(text.replace("12345", "777"), encoding="utf-8")
        arguments["whatsapp_numbers_csv"] = "others.csv"
    for name in {"messageText", "caption", "body"} & arguments.keys():
        arguments[name] += " Thank you!"
    return [json.dumps(arguments).replace('"12345"', '"777"').replace('"67890"', '"888"'), *argv[1:]]


def at_the_same_time(
    here: World, processes: Processes, commands: list[tuple[Endpoint, list[str]]]
) -> list[Run]:
    """Every command in a process of its own; all are in the middle of their look-up when it is answered."""
    here.fault({**HELD, "times": len(commands)}, LOOK_UP)
    started = [processes.start(endpoint, here, argv) for endpoint, argv in commands]
    within(lambda: len(here.requests(LOOK_UP)) == len(commands))
    assert here.log() == []
    here.release()
    return [ended(process, endpoint) for process, (endpoint, _) in zip(started, commands, strict=True)]


@pytest.mark.parametrize("endpoint", SENDS, ids=lambda endpoint: endpoint.name)
def test_the_same_send_by_two_processes_at_once(
    endpoint: Endpoint, world: Callable[[], World], processes: Processes, example: Any
) -> None:
    here, argv = world(), example(endpoint)
    runs = at_the_same_time(here, processes, [(endpoint, argv)] * 2)
    runs.sort(key=lambda run: run.exit)
    arguments = json.loads(argv[0])
    assert ([run.exit for run in runs], times_done(endpoint, arguments, here.log())) == ([0, 2], 1)
    assert runs[1].error["code"] == "repeated_send"
    assert journalled(here) == [(receiver, "accepted") for receiver in receivers(arguments)]


@pytest.mark.parametrize("endpoint", SENDS, ids=lambda endpoint: endpoint.name)
def test_two_messages_by_two_processes_at_once(
    endpoint: Endpoint, world: Callable[[], World], processes: Processes, example: Any, tmp_path: Path
) -> None:
    here, argv = world(), example(endpoint)
    other = other_message(argv, tmp_path)
    runs = at_the_same_time(here, processes, [(endpoint, argv), (endpoint, other)])
    arguments = json.loads(argv[0])
    assert ([run.exit for run in runs], times_done(endpoint, arguments, here.log())) == ([0, 0], 2)
    assert journalled(here) == [(receiver, "accepted") for receiver in receivers(arguments)] * 2


def test_two_bulk_sends_at_once_that_share_a_receiver(
    world: Callable[[], World], processes: Processes, example: Any
) -> None:
    here, endpoints = world(), [ENDPOINTS[f"send_template_messages{version}"] for version in ("", "_v2")]
    whole = json.loads(example(endpoints[0])[0])
    john, jane = whole["receivers"]
    third = {**jane, "whatsappNumber": "14155550199"}
    lists = ([john, jane], [jane, third])
    commands = [
        (endpoint, [json.dumps({**whole, "receivers": each}), "--confirm", "2"])
        for endpoint, each in zip(endpoints, lists, strict=True)
    ]
    runs = at_the_same_time(here, processes, commands)
    assert sorted(run.exit for run in runs) == [0, 2]
    (stopped,) = (run for run in runs if run.exit == 2)
    assert [jane["whatsappNumber"]] == [
        lists[runs.index(stopped)][int(problem["at"].split("[")[1][0])]["whatsappNumber"]
        for problem in stopped.error["problems"]
    ]
    messaged = [row["whatsappNumber"] for row in here.log()]
    assert messaged == [each["whatsappNumber"] for each in lists[1 - runs.index(stopped)]]
