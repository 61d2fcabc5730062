"""Whether the process that entered a send still lives: until it settles it, is stopped or not, or ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from conftest import ROOT
from sends import first_version
from stores import File
from wati.contract.messages import Message
from wati.journal.entries import Busy
from wati.journal.owners import Owners
from wati.journal.store import Journal, Send

SECONDS = 3600.0
ENTER = """
import importlib, sys
sys.path.insert(0, sys.argv[2])
from wati.contract.messages import Message
journal = importlib.import_module(sys.argv[3]).Journal(sys.argv[1], "x")
send = journal.enter("s", "c", [Message("$", "14155551234", "text", {"text": "x"})], None, again=True)
print(send, flush=True)
for line in sys.stdin:
    journal.settle(send, line.strip())
    print("settled", flush=True)
"""


class Sender:
    """Another process that has entered a send."""

    def __init__(self, kept: File) -> None:
        command = [sys.executable, "-c", ENTER, kept.where, str(ROOT / "scripts"), kept.module]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert self.process.stdout is not None
        self.send = int(self.process.stdout.readline())

    def settle(self, state: str) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        print(state, file=self.process.stdin, flush=True)
        assert self.process.stdout.readline() == "settled\n"

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream is not None
            stream.close()


class Journals:
    """The journal of this process, with a clock that a test can set."""

    def __init__(self, kept: File) -> None:
        self.kept, self.ahead = kept, 0.0
        self.journal = kept.journal(clock=self.now)

    def now(self) -> float:
        import time

        return time.time() + self.ahead

    def enter(self, until: float | None = None) -> int:
        message = Message("$", "14155551234", "text", {"text": "x"})
        send = self.journal.enter("s", "c", [message], None, again=True, until=until)
        assert isinstance(send, int)
        return send

    def found(self, number: int) -> Send:
        send = self.journal.send(number)
        assert isinstance(send, Send)
        return send


@pytest.fixture
def here(kept: File) -> Journals:
    return Journals(kept)


@pytest.fixture
def sender(here: Journals) -> Iterator[Sender]:
    process = Sender(here.kept)
    yield process
    process.end()


@pytest.fixture
def in_file(tmp_path: Path) -> Journals:
    return Journals(File(str(tmp_path / "sends")))


def test_another_process_is_seen_to_live_until_it_ends(here: Journals, sender: Sender) -> None:
    for _ in range(2):  # a look takes nothing away
        assert here.found(sender.send).alive
    here.ahead = SECONDS  # no clock says that it is dead
    assert here.found(sender.send).alive
    here.ahead = 0.0
    sender.end()
    here.ahead = here.kept.mourning
    assert not here.found(sender.send).alive
    assert here.found(sender.send).unresolved


def test_another_process_that_settles_has_done_with_it(here: Journals, sender: Sender) -> None:
    sender.settle("unknown")
    assert not here.found(sender.send).alive and here.found(sender.send).unresolved


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that stops a process")
def test_a_process_that_is_stopped_still_lives(here: Journals, sender: Sender) -> None:
    sender.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, sender.process.pid, os.WSTOPPED | os.WNOWAIT)
    here.ahead = SECONDS
    assert here.found(sender.send).alive
    sender.process.send_signal(signal.SIGCONT)
    assert here.found(sender.send).alive


def test_one_process_knows_its_own(here: Journals) -> None:
    first, second = here.enter(), here.enter()
    other = Journals(here.kept)
    assert other.found(first).alive and other.found(second).alive
    here.journal.settle(first, "accepted")
    assert not other.found(first).alive and other.found(second).alive
    # Looking at it through another object, and dropping that, has freed nothing.
    del other
    look = "import importlib, sys; sys.path.insert(0, sys.argv[2]); "
    look += "journal = importlib.import_module(sys.argv[3]).Journal(sys.argv[1], 'x'); "
    look += "print([send.alive for send in journal.recent(2)])"
    command = [sys.executable, "-c", look, here.kept.where, str(ROOT / "scripts"), here.kept.module]
    shown = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    assert shown.split() == [b"[True,", b"False]"]


def test_where_nothing_can_be_locked_a_send_lives_as_long_as_it_may_leave(
    in_file: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    with monkeypatch.context() as patch:
        patch.setattr("wati.journal.owners._change", none)
        in_file.enter(until=in_file.now() + SECONDS)  # of this process: it may lock nothing
        for ahead, alive in ((SECONDS - 5, True), (SECONDS + 5, False)):
            in_file.ahead = ahead
            assert in_file.found(1).alive is alive
        in_file.ahead = 0.0
    # Whoever looks later could lock it, and still does not take it for dead.
    assert in_file.found(1).alive


def test_who_cannot_look_at_the_locks_goes_by_the_time(
    in_file: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(37, "No locks available")

    sender = Sender(in_file.kept)
    monkeypatch.setattr("wati.journal.owners._change", none)
    assert in_file.found(sender.send).alive
    in_file.ahead = 31.0
    assert not in_file.found(sender.send).alive
    sender.end()


def test_an_older_send_could_leave_for_half_a_minute(in_file: Journals) -> None:
    send = in_file.enter()
    in_file.journal._owners.release(send)
    first_version(Path(in_file.kept.where))
    found = in_file.found(send)
    assert found.until == found.at + 30 and found.alive
    in_file.ahead = 31.0
    assert not in_file.found(send).alive


def test_the_latest_moment_is_kept(here: Journals) -> None:
    until = here.now() + 123
    assert here.found(here.enter(until=until)).until == pytest.approx(until, abs=1)
    usual = here.found(here.enter())
    assert usual.until == pytest.approx(usual.at + 30, abs=1)


def test_what_could_not_be_entered_is_nobodys(in_file: Journals) -> None:
    here, path = in_file, in_file.kept.where
    here.journal.settle(here.enter(), "accepted")
    message = Message("$", "14155551234", "text", {"text": "x"})
    with closing(sqlite3.connect(path)) as reader:  # while it reads, nothing can be committed
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM sends").fetchall()
        with pytest.raises(Busy):
            here.journal.enter("s", "c", [message], None, again=True, wait=0.0)
    assert Owners(path).has(2) is False and here.journal.send(2) is None


def test_nothing_stays_open_of_a_journal_without_a_send_under_way(tmp_path: Path) -> None:
    def opened() -> int:
        """How many descriptors this process has."""
        found = 0
        for descriptor in range(200):
            with suppress(OSError):
                os.fstat(descriptor)
                found += 1
        return found

    before = opened()
    for name in ("one", "two"):
        journal = Journal(str(tmp_path / name), "x")
        message = Message("$", "14155551234", "text", {"text": "x"})
        send = journal.enter("s", "c", [message], None, again=True)
        assert isinstance(send, int)
        found = journal.send(send)
        assert found is not None and found.alive
        assert opened() == before + 1, "its lock is held"
        journal.settle(send, "accepted")
        assert opened() == before
