"""The two stores of the journal: a test that takes `kept` runs once over a file and once over PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from wati.journal.store import Journal

_TABLES = ("sends", "messages", "aliases")
# Quicker than to make the tables anew. With another key, no lock that a test before still holds is of it.
_EMPTIED = """
DO $$ BEGIN IF to_regclass('wati_journal.journal') IS NOT NULL THEN
    TRUNCATE wati_journal.sends, wati_journal.messages, wati_journal.aliases RESTART IDENTITY;
    UPDATE wati_journal.journal SET salt = decode(md5(random()::text) || md5(random()::text), 'hex');
END IF; END $$
"""


class File:
    """A journal in a file that is not there yet. `where`: the value of WATI_JOURNAL."""

    module = "wati.journal.store"
    in_order = "rowid"
    mourning = 0.0  # seconds for which a process that died may count as alive

    def __init__(self, where: str) -> None:
        self.where = where

    def journal(self, place: str = "x", clock: Callable[[], float] | None = None) -> Any:
        return Journal(self.where, place, clock)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.where)) as db:
            return [tuple(row) for row in db.execute(query)]

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.where)) as db, db:
            db.execute(statement)

    def content(self) -> list[list[tuple[Any, ...]]]:
        return [self.rows(f"SELECT * FROM {table}") for table in _TABLES]

    def messages(self, columns: str) -> list[tuple[Any, ...]]:
        """Of all messages, in the order in which they were entered."""
        return self.rows(f"SELECT {columns} FROM messages ORDER BY {self.in_order}")


class Database(File):
    """A journal in a database, as new."""

    module = "wati.journal.postgres"
    in_order = "send, position"
    mourning = 31.0  # its connection may only be lost

    def journal(self, place: str = "x", clock: Callable[[], float] | None = None) -> Any:
        from wati.journal.postgres import Journal

        return Journal(self.where, place, clock)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.where, options="-c search_path=wati_journal") as db:
            return db.execute(query.encode()).fetchall()

    def change(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.where, options="-c search_path=wati_journal") as db:
            db.execute(statement.encode())


@pytest.fixture(scope="session")
def one_database(postgres: Any) -> str:
    address: str = postgres.database()
    return address


@pytest.fixture
def database(one_database: str) -> Database:
    kept = Database(one_database)
    kept.change(_EMPTIED)
    return kept


@pytest.fixture(params=["file", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> File:
    if request.param == "file":
        return File(str(tmp_path / "sends"))
    database: Database = request.getfixturevalue("database")
    return database
