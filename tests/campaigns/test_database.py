"""The database of the ledger: whose it is, its versions, and what happens if it is busy, full or gone."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sql

from campaigns import old_ledger
from campaigns.conftest import Open
from ledgers import add_job, numbers, open_ledger, states
from postgres import PASSWORD, Server, guarded
from wati.campaigns import schema, versions
from wati.campaigns.database import Database
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Job
from wati.campaigns.schema import jobs, pace
from wati.contract.failures import Failure


def reached(database: Database) -> int:
    with database.reading() as db:
        return int(db.execute(sql.select(sql.func.count()).select_from(jobs)).scalar_one())


def refused(address: str) -> Failure:
    with closing(Database(address)) as database, pytest.raises(Failure) as found:
        reached(database)
    assert found.value.code == "bad_setup" and found.value.outcome == "not_sent"
    return found.value


# --- whose it is --------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="NOT RUN: Windows keeps no such permissions")
def test_only_its_owner_reads_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "campaigns.sqlite"
    with closing(open_ledger(str(path))) as ledger:
        ledger.workers.enlist("first")
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("kind", ["database", "wal", "text"])
def test_what_is_another_program_s_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "other.sqlite"
    if kind == "text":
        path.write_text("Dear diary,", encoding="utf-8")
    else:
        with closing(sqlite3.connect(path)) as db, db:
            db.execute(f"PRAGMA journal_mode = {'wal' if kind == 'wal' else 'delete'}")
            db.execute("CREATE TABLE jobs (theirs TEXT)")
    before = path.read_bytes()
    failure = refused(str(path))
    assert "other.sqlite" not in failure.message and "WATI_CAMPAIGNS" in failure.hint
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["other.sqlite"]


def test_tables_of_another_program_stay_as_they_are(postgres: Server) -> None:
    address = postgres.database()
    with psycopg.connect(address) as db:
        db.execute("CREATE TABLE jobs (theirs TEXT)")
    assert "another program's tables are there: jobs" in refused(address).message
    with psycopg.connect(address) as db:
        found = db.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        assert found.fetchall() == [("jobs",)]


def test_a_folder_and_an_address_that_is_none_are_refused(tmp_path: Path) -> None:
    assert "cannot be used" in refused(str(tmp_path)).message
    with pytest.raises(Failure) as found:
        Database(f"postgresql://wati:{PASSWORD}@[::1:5/x")
    assert found.value.code == "bad_setup" and PASSWORD not in str(found.value.document())


# --- its versions -------------------------------------------------------------------------------------------


def shape(address: str) -> dict[str, Any]:
    """The tables of a ledger: their columns, keys and indexes."""
    with closing(Database(address)) as database, database.reading() as db:
        found = sql.inspect(db)
        return {name: shape_of(found, name) for name in sorted(found.get_table_names())}


def shape_of(found: sql.Inspector, name: str) -> Any:
    columns = {(each["name"], str(each["type"]), each["nullable"]) for each in found.get_columns(name)}
    indexes = set()
    for each in found.get_indexes(name):
        where = [str(part) for part in each.get("dialect_options", {}).values()]
        indexes.add((each["name"], *each["column_names"], each["unique"], *where))
    unique = [sorted(each["column_names"]) for each in found.get_unique_constraints(name)]
    keys = [(each["constrained_columns"], each["referred_table"]) for each in found.get_foreign_keys(name)]
    return columns, indexes, unique, sorted(keys), found.get_pk_constraint(name)["constrained_columns"]


def test_an_older_ledger_is_brought_up_to_date(
    address: str, opened: Open, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    old_ledger.make(address)
    ledger = opened()
    with ledger.database.reading() as db:
        found = db.execute(jobs.select()).one()
        job = Job(**{name: found._mapping[name] for name in Job._fields})
        assert db.scalar(sql.select(schema.version.c.version)) == versions.VERSION
        assert db.execute(pace.select()).all() == []
    assert (job.name, job.plan, job.head_count) == ("spring", {"a": [1]}, 3)
    assert list(states(ledger, job).values()) == ["accepted", "claimed", "planned"]
    # Whoever had claimed the second does not come back: it is in doubt, and the third is claimed by another.
    assert ledger.workers.give_up("old") is not None
    worker = ledger.workers.enlist("new")
    (row,) = ledger.claims.claim(job, 0, worker)
    assert row.position == 2 and row.claim == 1
    assert list(states(ledger, job).values()) == ["accepted", "in_doubt", "claimed"]
    fresh = str(tmp_path / "fresh.sqlite")
    if "://" in address:
        fresh = request.getfixturevalue("postgres").database()
    assert shape(address) == shape(fresh) and len(shape(fresh)) == len(schema.metadata.tables)


def test_a_newer_ledger_is_refused(address: str, opened: Open) -> None:
    ledger = opened()
    ledger.workers.enlist("first")
    with ledger.database.writing() as db:
        db.execute(schema.version.update().values(version=versions.VERSION + 1))
    assert "a newer version of this package" in refused(address).message


def test_two_that_open_it_first_at_once_make_one(address: str, opened: Open) -> None:
    ledgers = [opened() for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        workers = list(pool.map(lambda each: each[1].workers.enlist(f"w{each[0]}"), enumerate(ledgers)))
    assert sorted(one.id for one in workers) == [1, 2, 3, 4]


# --- busy, full, gone ---------------------------------------------------------------------------------------


def test_writers_take_turns(opened: Open) -> None:
    job = add_job(opened(), numbers(1))

    def count(ledger: Ledger) -> None:
        for _ in range(10):
            with ledger.database.writing() as db:
                found = db.scalar(sql.select(jobs.c.round).where(jobs.c.id == job.id))
                assert found is not None
                db.execute(jobs.update().values(round=found + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, [opened() for _ in range(4)]))
    with opened().database.reading() as db:
        assert db.scalar(sql.select(jobs.c.round)) == 40


def test_whoever_waits_too_long_for_others_is_told(address: str, opened: Open) -> None:
    ledger, other = opened(), Database(address, patience=0.2)
    reached(other)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with ledger.database.writing():
            held.set()
            assert done.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(20)
    try:
        with pytest.raises(Failure) as found, other.writing():
            pass
    finally:
        done.set()
        thread.join()
        other.close()
    assert (found.value.code, found.value.outcome) == ("ledger_unavailable", "not_sent")
    assert "goes on where it was" in found.value.hint


@pytest.mark.parametrize("address", ["file"], indirect=True)
def test_a_full_disk_changes_nothing(opened: Open) -> None:
    ledger = opened()
    job = add_job(ledger, numbers(2))
    with pytest.raises(Failure, match="disk is full") as found, ledger.database.writing() as db:
        pages = db.exec_driver_sql("PRAGMA page_count").scalar()
        db.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        db.execute(jobs.update().values(problem="x" * 1_000_000))
    assert found.value.code == "ledger_unavailable"
    with ledger.database.reading() as db:
        assert db.scalar(sql.select(jobs.c.problem).where(jobs.c.id == job.id)) == ""


def test_a_server_that_vanishes_and_comes_back(own_postgres: Server) -> None:
    database = Database(own_postgres.database())
    assert reached(database) == 0
    with pytest.raises(Failure) as during, database.writing() as db:
        own_postgres.stop()
        db.execute(jobs.update().values(problem=""))
    with pytest.raises(Failure) as after:
        reached(database)
    for found in (during, after):
        assert (found.value.code, found.value.outcome) == ("ledger_unavailable", "not_sent")
        assert PASSWORD not in str(found.value.document())
    own_postgres.start()
    assert reached(database) == 0
    own_postgres.stop()
    own_postgres.start()  # nobody has noticed that it was away
    assert reached(database) == 0
    database.close()


def test_a_password_in_the_words_of_a_library_is_hidden() -> None:
    with closing(Database(f"postgresql://wati:{PASSWORD}%21@127.0.0.1:1/x")) as database:
        said = database._store.reason(OSError(f"no {PASSWORD}!, no {PASSWORD}%21, that is all\n" + "x" * 999))
    assert said.startswith("no [hidden], no [hidden], that is all xxx") and len(said) < 300


def test_a_server_that_was_never_reached_is_a_wrong_setup_and_the_password_is_not_shown(
    postgres: Server, own_postgres: Server
) -> None:
    own = own_postgres.database()
    own_postgres.stop()
    for address in (own, guarded(postgres.database()), postgres.address("nowhere")):
        assert PASSWORD not in str(refused(address).document())
    own_postgres.start()
