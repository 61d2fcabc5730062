"""The engines: every chunk that was given is handled, stopping and resuming, and a worker that is gone."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conftest import ROOT
from wati.campaigns import durable as durable_engine
from wati.campaigns.database import Database
from wati.campaigns.durable import Durable
from wati.campaigns.engine import Alone, Engine

Make = Callable[..., Engine]
SECONDS = 20.0


@pytest.fixture(params=["alone", "durable"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine = Alone() if request.param == "alone" else durable(tmp_path)
    yield made
    made.close()


def durable(folder: Path, worker: str = "first", place: str = "sandbox") -> Durable:
    return Durable(Database(str(folder / "campaigns.sqlite")), place, worker)


class Chunks:
    """What an engine handed out; a chunk of `held` ends only when it is let go."""

    def __init__(self, held: bool = False) -> None:
        self.done: list[tuple[str, int]] = []
        self.begun: list[tuple[str, int]] = []
        self.go = threading.Event()
        if not held:
            self.go.set()

    def __call__(self, job: str, chunk: int) -> None:
        self.begun.append((job, chunk))
        assert self.go.wait(SECONDS)
        self.done.append((job, chunk))


def wait(condition: Callable[[], object]) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_each_chunk_of_a_round_is_handled_once(engine: Engine) -> None:
    chunks = Chunks()
    engine.enqueue("spring", 1, range(5))
    engine.enqueue("spring", 1, range(7))  # whoever is not sure gives them again
    engine.enqueue("spring sale", 1, [3])
    assert engine.unfinished("spring") and engine.unfinished("spring sale") and not engine.unfinished("s")
    with engine.work(chunks):
        wait(lambda: not engine.unfinished("spring") and not engine.unfinished("spring sale"))
        engine.enqueue("spring", 2, [1])
        wait(lambda: len(chunks.done) == 9)
    assert sorted(chunks.done) == sorted(
        [*(("spring", n) for n in (0, 1, 1, 2, 3, 4, 5, 6)), ("spring sale", 3)]
    )


def test_a_stopped_job_begins_no_chunk_until_it_is_given_again(engine: Engine) -> None:
    chunks = Chunks(held=True)
    engine.enqueue("spring", 1, range(40))
    with engine.work(chunks):
        wait(lambda: len(chunks.begun) == 4)
        engine.enqueue("summer", 1, [0])
        engine.stop("spring")
        assert engine.unfinished("spring"), "four are under way"
        chunks.go.set()
        wait(lambda: not engine.unfinished("spring") and not engine.unfinished("summer"))
        assert len(chunks.done) == 5 and ("summer", 0) in chunks.done
        left = sorted({("spring", n) for n in range(40)} - set(chunks.done))
        engine.enqueue("spring", 2, [n for _, n in left])
        wait(lambda: not engine.unfinished("spring"))
    assert sorted(chunks.done) == [*(("spring", n) for n in range(40)), ("summer", 0)]


def test_who_ends_waits_for_what_has_begun_and_leaves_the_rest(engine: Engine) -> None:
    chunks, later = Chunks(held=True), Chunks()
    engine.enqueue("spring", 1, range(30))
    with engine.work(chunks):
        wait(lambda: len(chunks.begun) == 4)
        threading.Timer(0.3, chunks.go.set).start()
    assert len(chunks.done) == len(chunks.begun) <= 5, "one may have been on its way"
    with engine.work(later):
        wait(lambda: not engine.unfinished("spring"))
    assert sorted([*chunks.done, *later.done]) == [("spring", n) for n in range(30)]


DIES = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from wati.campaigns.durable import Durable
from wati.campaigns.database import Database
engine = Durable(Database(sys.argv[2]), "sandbox", "second")
engine.enqueue("spring", 1, range(3))
with engine.work(lambda job, chunk: os._exit(9)):
    time.sleep(20)
"""


def test_another_worker_gets_what_a_dead_one_had(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    address = tmp_path / "campaigns.sqlite"
    command = [sys.executable, "-c", DIES, str(ROOT / "scripts"), str(address)]
    died = subprocess.run(command, check=False, capture_output=True, text=True, env={**os.environ})
    assert (died.returncode, died.stdout, died.stderr) == (9, "", "")
    engine, other, chunks = durable(tmp_path), durable(tmp_path, place="elsewhere"), Chunks()
    assert not other.unfinished("spring"), "each far side has its own"
    with engine.work(chunks):
        wait(lambda: len(chunks.done) < 3)
        time.sleep(0.3)
        assert engine.unfinished("spring"), "nobody gives a dead worker's chunks to others by itself"
        assert other.recover("second") == 0 and engine.recover("third") == 0
        assert engine.recover("second") >= 1
        wait(lambda: not engine.unfinished("spring"))
        assert engine.recover("second") == 0
    assert sorted(chunks.done) == [("spring", n) for n in range(3)]
    engine.close()
    other.close()
    assert capfd.readouterr() == ("", ""), "DBOS says nothing, least of all on stdout"
    file = Path(f"{address}-engine")
    if os.name != "nt":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with closing(sqlite3.connect(file)) as db:
        given = {text for (text,) in db.execute("SELECT inputs FROM workflow_input")}
        written = {each for (each,) in db.execute("SELECT DISTINCT serialization FROM workflow_status")}
    assert given == {f'{{"namedArgs":{{}},"positionalArgs":["spring",{n}]}}' for n in range(3)}
    assert written == {"portable_json"}, "whatever is in a shared database is never unpickled"


def test_a_file_that_another_process_is_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "engine"
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        closing(sqlite3.connect(path, timeout=0)) as own,
    ):
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(durable_engine.time, "sleep", lambda _: other.execute("ROLLBACK"))
        durable_engine._use_wal(own)
        assert own.execute("PRAGMA journal_mode").fetchone() == ("wal",)
