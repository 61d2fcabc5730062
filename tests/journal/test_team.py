"""One journal for a team, in a database: many machines, other clocks, a database that is gone, a password."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import KEY, ROOT, Run
from postgres import PASSWORD, Server, guarded
from recording import Answer, FarSide
from sends import CSV, HELLO, JANE, JOHN, MANY, ONE, SENDS, World, make_world, text
from stores import Database
from wati.contract import databases
from wati.contract.messages import Message
from wati.journal import database as tables
from wati.journal import postgres
from wati.journal.entries import Busy, Repeats, Unusable
from wati.sandbox.app import Sandbox
from wati.sandbox.server import Server as SandboxServer
from wati.sandbox.state import State
from wati.wire import interrupts

NOWHERE = f"postgresql://wati:{PASSWORD}@127.0.0.1:1/nothing"
HI = Message("$", JOHN, "text", {"text": "hi"})


def shared(run: Run, *, password: bool = True) -> Run:
    """A run in whose streams the password is not."""
    assert not password or (PASSWORD not in run.text and PASSWORD not in run.stderr)
    return run


@pytest.fixture
def send(call: Callable[..., Run], database: Database) -> Callable[..., Run]:
    def run(name: str, arguments: Any, *flags: str, **environment: str | None) -> Run:
        return shared(call(name, arguments, *flags, **{"WATI_JOURNAL": database.where, **environment}))

    return run


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


def stopped(run: Run) -> Run:
    assert run.exit == 2 and run.error["code"] == "repeated_send", run.text
    return run


# --- the scripts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SENDS)
def test_a_send_is_entered_settled_and_refused_again(name: str, world: World, database: Database) -> None:
    """The sandbox's key, too, and a dry run says so."""
    there = {"WATI_JOURNAL": database.where}
    assert shared(world.send(name, **there)).exit == 0
    assert {state for (state,) in database.messages("state")} == {"accepted"} and not world.journal.exists()
    held = database.content()
    assert "repeated_send" in shared(world.send(name, "--dry-run", **there)).text
    stopped(shared(world.send(name, **there)))
    assert database.content() == held and set(world.count.values()) == {1}


def test_another_far_side_is_another(send: Callable[..., Run], world: World, far_side: FarSide) -> None:
    sandbox = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None, "WATI_SANDBOX_STATE": world.state}
    assert send("send_session_message", HELLO).exit == 0
    assert send("send_session_message", HELLO, **sandbox).exit == 0
    stopped(send("send_session_message", HELLO))
    stopped(send("send_session_message", HELLO, **sandbox))
    assert len(far_side.writes) == len(world.delivered) == 1
    assert len(send("check_send", {"look": True}).data["recent"]) == 1


def test_what_became_of_it_is_found_out_and_everyone_knows(world: World, database: Database) -> None:
    there = {"WATI_JOURNAL": database.where}
    world.lose()
    assert world.run("send_session_message", HELLO, **there).exit == 7
    assert "check_send.py 1" in stopped(world.run("send_session_message", HELLO, **there)).error["hint"]
    assert world.run("doctor", {}, **there).data["journal"] == "on, shared in a database"
    assert world.run("check_send", **there).data["unresolved"][0]["id"] == 1
    assert world.check(1, **there).data["verdict"] == "sent"
    assert database.messages("state") == [("sent",)]
    assert len(world.delivered) == 1


def test_no_word_of_a_message_is_in_the_database(send: Callable[..., Run], database: Database) -> None:
    assert send("send_session_message", {**HELLO, "messageText": "Wombat one"}).exit == 0
    values = [{"name": "name", "value": "Wombat two"}, {"name": "ordernumber", "value": "Wombat three"}]
    assert send("send_template_message", {**ONE, "parameters": values}).exit == 0
    held = str(database.content())
    assert JOHN in held and "order_update" in held and "Wombat" not in held and KEY not in held


# --- the address -------------------------------------------------------------------------------------------

BAD = {
    "another scheme": f"mysql://wati:{PASSWORD}@host/db",
    "a driver": f"postgresql+psycopg://wati:{PASSWORD}@host/db",
    "nothing": "postgresql://",
    "no number": f"postgresql://wati:{PASSWORD}@host:54x/db",
    "no port": f"postgresql://wati:{PASSWORD}@host:99999/db",
    "an @ in the password": f"postgresql://wati:{PASSWORD}@1@host/db",
    "a slash in the password": f"postgresql://wati:{PASSWORD}/1@host/db",
    "a # in the password": f"postgresql://wati:{PASSWORD}#1@host/db",
    "a space": f"postgresql://wati:{PASSWORD}@host/d b",
    "an unknown parameter": f"postgresql://wati:{PASSWORD}@host/db?colour=red",
    "a wrong escape": f"postgresql://wati:{PASSWORD}%2@host/db",
    "a wrong parameter": f"postgresql://host/db?password={PASSWORD}%2",
}


@pytest.mark.parametrize("how", BAD)
def test_an_address_that_cannot_be_one_is_a_wrong_setup(
    how: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = shared(call("send_session_message", HELLO, WATI_JOURNAL=BAD[how]))
    assert run.exit == 3 and run.error["code"] == "bad_setup", run.text
    (problem,) = run.error["problems"]
    assert problem["at"] == "WATI_JOURNAL" and far_side.writes == []


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://host/db",
        "postgres://user@host:5432/db?sslmode=require",
        "postgresql:///db?host=/var/run/postgresql",
        "postgresql://user:p%40ss%2F@[::1]:5432,other.example:5433/db",
        "postgresql://user@host",
    ],
)
def test_what_may_be_an_address_is_none_of_the_settings_business(address: str) -> None:
    assert databases.misread(address) == "" == tables.misread(address)


def test_a_password_is_hidden_in_every_form() -> None:
    known = databases.secrets_of("postgresql://u:p%40ss@host/db?sslpassword=s%20t&password=other")
    assert {"p%40ss", "p@ss", "s t", "other"} <= known and "" not in known
    said = [read(address) for address in BAD.values() for read in (databases.misread, tables.misread)]
    assert any("[hidden]" in each for each in said) and PASSWORD not in str(said)


# --- a database that cannot be used ------------------------------------------------------------------------


@pytest.fixture(
    params=["nobody listens", "a wrong password", "another program's", "of a newer version", "no key"]
)
def unusable(request: pytest.FixtureRequest, postgres: Server) -> str:
    if request.param == "nobody listens":
        return NOWHERE
    address = postgres.database()
    if request.param == "a wrong password":
        return guarded(address)
    if request.param == "another program's":
        with psycopg.connect(address) as db:
            db.execute("CREATE SCHEMA wati_journal CREATE TABLE recipes (name text)")
        return address
    Database(address).journal().unresolved()
    newer = "UPDATE journal SET version = 99"
    Database(address).change(newer if request.param == "of a newer version" else "DELETE FROM journal")
    return address


def test_a_database_that_cannot_be_used_stops_no_read_and_no_send_to_one(
    unusable: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    def run(name: str, arguments: Any, *flags: str, **more: str) -> Run:
        return shared(call(name, arguments, *flags, WATI_JOURNAL=unusable, **more))

    assert run("get_contacts", None).exit == 0
    assert "would not be noticed" in run("send_session_message", HELLO, "--dry-run").text
    sent = run("send_session_message", HELLO, "--verbose")
    assert sent.exit == 0 and "would not be noticed" in sent.document["notice"], sent.text
    assert len(far_side.writes) == 1
    required = run("send_session_message", HELLO, WATI_JOURNAL_REQUIRED="1")
    for refused in (required, run("send_template_messages", MANY, "--confirm", "2")):
        assert refused.error["code"] == "bad_setup" and refused.error["outcome"] == "not_sent", refused.text
        assert "database that WATI_JOURNAL names" in refused.error["hint"]
    assert run("check_send", {}).error["code"] == "bad_setup"
    assert "the database that WATI_JOURNAL names" in run("doctor", {}).text
    assert len(far_side.writes) == 1


def test_another_programs_tables_are_left_alone(postgres: Server) -> None:
    address = postgres.database()
    with psycopg.connect(address) as db:
        db.execute("CREATE SCHEMA wati_journal CREATE TABLE journal (page int) CREATE TABLE sends (id int)")
        db.execute("CREATE TABLE public.sends (id int)")
    with pytest.raises(Unusable, match="another program's"):
        Database(address).journal().enter("s", "c", [HI], None, again=True)
    with psycopg.connect(address) as db:
        found = db.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema "
            "IN ('public', 'wati_journal') ORDER BY 1, 2"
        ).fetchall()
    assert found == [("journal", "page"), ("sends", "id"), ("sends", "id")]


def test_of_those_who_find_no_tables_one_makes_them(postgres: Server) -> None:
    address = postgres.database()
    with ThreadPoolExecutor(5) as machines:
        numbers = list(machines.map(lambda _: Database(address).journal().recent(1), range(10)))
    assert numbers == [[]] * 10 and Database(address).rows("SELECT count(*) FROM journal") == [(1,)]


def test_a_schema_that_an_administrator_has_made_is_used(postgres: Server) -> None:
    address = postgres.database()
    with psycopg.connect(address) as db:
        db.execute("CREATE SCHEMA wati_journal")
    assert Database(address).journal().enter("s", "c", [HI], None, again=False) == 1


def test_tables_of_an_older_version_are_brought_up_to_date(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Database(postgres.database())
    journal = kept.journal()
    assert journal.enter("s", "c", [HI], None, again=False) == 1
    with monkeypatch.context() as patch:
        patch.setattr(tables, "_STEPS", (*tables._STEPS, "ALTER TABLE sends ADD COLUMN later int"))
        (repeat,) = kept.journal().repeats("c", [HI])
        assert repeat.refused and kept.rows("SELECT version FROM journal") == [(2,)]
        assert isinstance(kept.journal().enter("s", "c", [HI], None, again=False), Repeats)
    # What has not been updated yet says so, and writes nothing.
    with pytest.raises(Unusable, match="newer version"):
        journal.enter("s", "c", [HI], None, again=True)


def test_a_row_that_nobody_here_has_written_is_damage(database: Database) -> None:
    journal = database.journal()
    journal.enter("s", "c", [HI], None, again=False)
    for damage in ("state = 'lost'", "kind = 'song'", "parts = '[]'", "parts = '{'"):
        database.change(f"UPDATE messages SET {damage}")
        with pytest.raises(Unusable, match="damaged"):
            journal.send(1)


@pytest.mark.parametrize("is_set", [True, False])
def test_without_psycopg_only_such_a_journal_is_missed(
    is_set: bool, far_side: FarSide, tmp_path: Path, database: Database
) -> None:
    (tmp_path / "psycopg.py").write_text("raise ImportError('hidden by a test')", encoding="utf-8")
    machine = Machine(tmp_path, far_side.url, database.where if is_set else str(tmp_path / "sends"))
    code, document = machine.run("send_session_message", HELLO, "--connection", "conn-1")
    assert code == (3 if is_set else 0), document
    if is_set:
        assert document["error"]["code"] == "missing_dependency"
        hint = document["error"]["hint"]
        assert "requirements-campaigns.txt" in hint and '--with "psycopg[binary]"' in hint
    assert len(far_side.writes) == (0 if is_set else 1)


# --- several machines --------------------------------------------------------------------------------------

# On PYTHONPATH of a process: its machine's clock is ahead.
AHEAD = "import os, time; real = time.time; time.time = lambda: real() + float(os.environ.get('AHEAD', '0'))"


class Machine:
    """A computer with a state folder and a clock of its own: each run is a process."""

    def __init__(self, folder: Path, url: str, journal: str, ahead: float = 0.0, key: str = KEY) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(AHEAD, encoding="utf-8")
        self.folder = folder
        ours = ("MATON_", "WATI_", "PYTHON", "XDG_")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self.environ = {
            **environ,
            **dict.fromkeys(("HOME", "USERPROFILE", "XDG_STATE_HOME", "PYTHONPATH"), str(folder)),
            "MATON_API_KEY": key,
            "MATON_BASE_URL": url,
            "WATI_JOURNAL": journal,
            "AHEAD": str(ahead),
        }

    def start(self, name: str, arguments: Any, *flags: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(ROOT / "scripts" / f"{name}.py"), text(arguments), *flags]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=self.environ, cwd=self.folder, stdout=pipe, stderr=pipe)

    def run(self, name: str, arguments: Any, *flags: str) -> tuple[int, Any]:
        return ended(self.start(name, arguments, *flags))


def ended(process: subprocess.Popen[bytes]) -> tuple[int, Any]:
    out, err = process.communicate(timeout=100)
    assert PASSWORD.encode() not in out + err
    assert err == b"", err.decode()
    return process.returncode, json.loads(out)


@pytest.fixture
def served(world: World) -> Iterator[str]:
    """The address of the sandbox, served for all machines."""
    server = SandboxServer(Sandbox(State(world.state), limited=False))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.url
    server.shutdown()
    server.server_close()


def test_machines_whose_clocks_differ_know_what_the_others_have_sent(
    served: str, world: World, database: Database, tmp_path: Path
) -> None:
    right, ahead, behind = (
        Machine(tmp_path / name, served, database.where, shift, "sandbox")
        for name, shift in (("right", 0.0), ("ahead", 7200.0), ("behind", -40 * 86400.0))
    )
    assert ahead.run("send_session_message", HELLO)[0] == 0
    code, document = behind.run("send_session_message", HELLO)
    said = document["error"]["problems"][0]["problem"]
    assert code == 2 and "accepted" in said and "second" in said and "future" not in said, said
    world.lose()
    assert behind.run("send_template_message", ONE)[0] == 7
    (unresolved,) = right.run("check_send", {})[1]["data"]["unresolved"]
    assert abs(when(unresolved["sent_at"]) - time.time()) < 60
    code, document = ahead.run("check_send", {"id": unresolved["id"]})
    assert code == 0 and document["data"]["verdict"] == "sent", document
    assert abs(when(document["data"]["sent_at"]) - time.time() - 7200) < 60
    assert world.count == {JOHN: 2}


def when(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_of_machines_with_one_list_one_sends_it(far_side: FarSide, postgres: Server, tmp_path: Path) -> None:
    """And of those that find no tables, one makes them."""
    far_side.always(Answer(body=b'{"ok": true, "result": true}', delay=0.3), to="/wati/")
    rows = "".join(f"{14_150_000_000 + number},John,12345\n" for number in range(1_500))
    address = postgres.database()
    machines = [Machine(tmp_path / f"m{n}", far_side.url, address, ahead=n * 1000.0) for n in range(3)]
    for machine in machines:
        (machine.folder / "list.csv").write_text(f"Phone,name,ordernumber\n{rows}", encoding="utf-8")
    flags = ("--connection", "conn-1", "--confirm", "1500", "--timeout", "60")
    results = [
        ended(process) for process in [m.start("send_template_message_csv", CSV, *flags) for m in machines]
    ]
    assert sorted(code for code, _ in results) == [0, 2, 2], results
    assert len([request for request in far_side.writes if "CSV" in request.path]) == 1


def test_a_machine_that_is_gone_leaves_its_message_stopped(
    send: Callable[..., Run], far_side: FarSide, database: Database, tmp_path: Path
) -> None:
    far_side.will(Answer(delay=60), to="/wati/")
    gone = Machine(tmp_path / "gone", far_side.url, database.where)
    process = gone.start("send_session_message", HELLO, "--connection", "conn-1")
    assert far_side.wait_for(1)
    process.kill()
    process.communicate(timeout=60)
    run = stopped(send("send_session_message", HELLO, "--connection", "conn-1"))
    assert "interrupted" in run.text and "check_send.py" in run.error["hint"]
    assert len(far_side.writes) == 1


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
def test_the_latest_moment_and_the_clocks_are_told_by_the_readers_clock(
    ahead: float, database: Database
) -> None:
    """An entry is never later than it was, and may not leave later than it says."""
    here, there = database.journal(), database.journal()
    there._clock = lambda: time.time() + ahead
    before = time.time()
    number = there.enter("s", "c", [HI], 5.0, again=False, until=there._clock() + 20)
    after = time.time()
    mine, theirs = here.send(number), there.send(number)
    assert mine.alive and theirs.alive
    assert before - 1 < mine.at <= after and after - 1 < mine.until - 20 < after + 1
    assert mine.clock == pytest.approx(5.0 + ahead, abs=1)
    assert theirs.at == pytest.approx(mine.at + ahead, abs=1) and theirs.clock == pytest.approx(5.0, abs=1)
    there._kept[number].close()
    assert here.send(number).alive, "its connection may only be lost"
    here._clock, here._there = (lambda: time.time() + 21), (lambda: time.time() + 21)
    assert not here.send(number).alive


# --- busy --------------------------------------------------------------------------------------------------


@contextmanager
def turn_taken(kept: Database, connection: str, place: str = "x") -> Iterator[None]:
    """Another machine is writing what was sent over a connection."""
    db = tables.connect(kept.where, tables_wait(60.0))
    with db, tables.writing(db):
        tables.turn(db, place, connection)
        yield


def tables_wait(seconds: float) -> Any:
    from wati.journal.waiting import Wait

    return Wait(seconds)


def test_each_use_waits_for_its_whole_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for patient in ("PATIENCE", "_SETTLE_SECONDS"):
        monkeypatch.setattr(postgres, patient, 0.5)
    journal = database.journal()
    number = journal.enter("s", "c", [HI], None, again=False)
    uses: list[Callable[[], object]] = [
        lambda: journal.enter("s", "c", [HI], None, again=True, wait=0.5),
        lambda: journal.settle(number, "accepted"),
        lambda: journal.resolve(number, [JOHN], "sent"),
        lambda: journal.learn("c", {"1": "2"}),
    ]
    with turn_taken(database, "c"):
        for use in uses:
            began = time.monotonic()
            with pytest.raises(Busy):
                use()
            assert time.monotonic() - began >= 0.5
        # Over another connection, nobody waits, and nobody who only reads does.
        assert isinstance(journal.enter("s", "d", [HI], None, again=False), int)
        assert len(list(journal.repeats("c", [HI]))) == len([journal.unresolved()]) == 1


def test_busy_is_not_broken(send: Callable[..., Run], far_side: FarSide, database: Database) -> None:
    assert send("send_session_message", HELLO, "--connection", "conn-1").exit == 0
    other = {**HELLO, "messageText": "another"}
    with turn_taken(database, "conn-1", far_side.url):
        run = send("send_session_message", other, "--connection", "conn-1", "--timeout", "2")
    assert run.exit == 6 and run.error["code"] == "journal_busy", run.text
    assert len(far_side.writes) == 1
    assert send("send_session_message", other, "--connection", "conn-1").exit == 0


def test_a_signal_ends_the_wait_and_the_hashing(database: Database) -> None:
    journal, stop, read = database.journal(), threading.Event(), []

    def messages() -> Iterator[Message]:
        for number in range(10):
            read.append(number)
            yield Message(f"[{number}]", str(number), "text", {"text": "x"})
            stop.set()

    uses: list[Callable[[], object]] = [
        lambda: journal.enter("s", "c", messages(), None, again=False),
        lambda: list(journal.repeats("c", messages())),
    ]
    assert journal.recent(1) == []
    for use in uses:
        stop.clear()
        with pytest.raises(KeyboardInterrupt):
            interrupts.stoppable(stop, use)
    assert read == [0, 1, 0, 1]
    stop.clear()
    timer = threading.Timer(0.2, stop.set)
    with turn_taken(database, "c"), pytest.raises(KeyboardInterrupt):
        timer.start()
        interrupts.stoppable(stop, lambda: journal.enter("s", "c", [HI], None, again=False))
    assert journal.recent(1) == []


def test_who_is_stopped_in_its_turn_loses_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_HELLO", tables._HELLO.replace("'10s'", "'300ms'"))
    journal = database.journal()
    journal.unresolved()
    with pytest.raises(Unusable), turn_taken(database, "c"):
        assert isinstance(journal.enter("s", "c", [HI], None, again=False, wait=20.0), int)
        database.rows("SELECT 1")
        raise psycopg.OperationalError  # its own end is only seen at the next word


# --- a database that vanishes ------------------------------------------------------------------------------


@contextmanager
def meanwhile(seconds: float, act: Callable[[], object]) -> Iterator[None]:
    timer = threading.Timer(seconds, act)
    timer.start()
    yield
    timer.join()


def test_an_outcome_waits_for_a_database_that_comes_back(
    call: Callable[..., Run], far_side: FarSide, own_postgres: Server
) -> None:
    address = own_postgres.database()
    far_side.will(Answer(body=b'{"ok": true, "result": "success"}', delay=1.0), to="/wati/")
    flags = ("--connection", "conn-1")
    assert Database(address).journal(far_side.url).unresolved() == []

    def crash() -> None:
        assert far_side.wait_for(1)
        own_postgres.stop()
        time.sleep(2.0)
        own_postgres.start()

    with meanwhile(0.0, crash):
        run = shared(call("send_session_message", HELLO, *flags, WATI_JOURNAL=address))
    assert run.exit == 0 and "notice" not in run.document, run.text
    assert Database(address).messages("state") == [("accepted",)]
    stopped(shared(call("send_session_message", HELLO, *flags, WATI_JOURNAL=address)))
    assert len(far_side.writes) == 1


def test_a_database_that_is_silent_for_good_is_told_and_keeps_the_entry(
    call: Callable[..., Run], far_side: FarSide, own_postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = own_postgres.database()
    monkeypatch.setattr(postgres, "_SETTLE_SECONDS", 2.0)
    monkeypatch.setattr(tables, "ANSWER_SECONDS", 1.0)
    there = {"WATI_JOURNAL": address}
    flags = ("--connection", "conn-1")
    settle = postgres.Journal.settle
    with ExitStack() as stack, monkeypatch.context() as patch:

        def late(self: postgres.Journal, *arguments: Any) -> None:
            stack.enter_context(own_postgres.paused())
            settle(self, *arguments)

        patch.setattr(postgres.Journal, "settle", late)
        run = shared(call("send_session_message", HELLO, *flags, **there))
        assert run.exit == 0 and "lists this send as unknown" in run.document["notice"], run.text
        # Nothing is entered now: who need not be remembered leaves, and the others do not.
        another = {**HELLO, "messageText": "another"}
        run = shared(call("send_session_message", another, *flags, **there))
        assert run.exit == 0 and "would not be noticed" in run.document["notice"], run.text
        run = shared(call("send_template_messages", MANY, "--confirm", "2", *flags, **there))
        assert run.error["code"] == "bad_setup" and run.error["outcome"] == "not_sent"
    assert len(far_side.writes) == 2
    stopped(shared(call("send_session_message", HELLO, *flags, **there)))


def test_a_connection_that_the_server_ends_is_replaced(database: Database) -> None:
    journal = database.journal()
    number = journal.enter("s", "c", [HI], None, again=False)
    backend = journal._kept[number].info.backend_pid
    database.change(f"SELECT pg_terminate_backend({backend})")
    assert database.journal().send(number).alive
    journal.settle(number, "accepted", {}, {JOHN: JOHN})
    assert database.messages("state, answered") == [("accepted", JOHN)] and journal._kept == {}


def test_no_connection_stays_open_without_a_send_under_way(postgres: Server) -> None:
    kept = Database(postgres.database())

    def backends() -> int:
        (row,) = kept.rows(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'wati' "
            "AND application_name = 'wati'"
        )
        return int(row[0])

    journal = kept.journal()
    number = journal.enter("s", "c", [HI], None, again=False)
    assert journal.send(number).alive and list(journal.repeats("c", [HI])) and journal.number_of(JANE) == ""
    assert within(lambda: backends() == 1)
    journal.settle(number, "accepted")
    assert within(lambda: backends() == 0)


def within(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_a_list_of_thousands_is_refused_piece_by_piece(database: Database) -> None:
    crowd = [
        Message(f"[{n}]", str(14_150_000_000 + n), "template", {"a": "1"}, name="t") for n in range(3_000)
    ]
    journal = database.journal()
    number = journal.enter("s", "c", crowd, None, again=False)
    journal.settle(number, "unknown", {each.receiver: "accepted" for each in crowd[:1500]})
    found = journal.enter("s", "c", crowd, None, again=False)
    assert isinstance(found, Repeats) and found.count == 3_000
    assert list(found.first) == ["accepted", "unknown"]
    positions = [repeat.position for repeat in journal.repeats("c", iter(crowd))]
    assert positions == list(range(3_000))
