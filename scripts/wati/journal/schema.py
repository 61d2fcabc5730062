"""The SQLite file of the journal: its tables, its older versions, and how it is opened.

A rollback journal, not WAL: it works in every folder that SQLite can lock, and leaves no second file that
would have to be private, too. Readers take no lock that writers wait for, except while one commits.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from wati.contract.messages import UNRESOLVED
from wati.contract.numbers import person
from wati.journal import hashes, ownership, stored
from wati.journal.entries import Busy, Unusable
from wati.journal.waiting import Wait

_VERSION = 5
_TURN_SECONDS = 0.25  # for which SQLite waits by itself: no signal is handled meanwhile

_CACHE_KIBIBYTES = 8192  # a send of 100,000 fits in, so that it is written once

_FIRST = """
CREATE TABLE IF NOT EXISTS secret (salt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sends (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, clock REAL,
    place TEXT NOT NULL, connection TEXT NOT NULL, script TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (send INTEGER NOT NULL, receiver TEXT NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, parts TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL);
"""
# Who a receiver is, what the answer said about it, and from which number it was sent.
_SECOND = """
ALTER TABLE sends ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN answered TEXT NOT NULL DEFAULT '';
CREATE TABLE aliases (place TEXT NOT NULL, connection TEXT NOT NULL, alias TEXT NOT NULL,
    person TEXT NOT NULL, PRIMARY KEY (place, connection, alias));
"""
# Until when a send may leave, whether its owner holds a lock, when its date was first seen to be in the
# future, what the monotonic clock showed at its date, and how many messages it has. Before, a call took 30
# seconds unless it was told otherwise.
#
# A new send changes only the ends of these indexes, however many messages are there. An index that has all
# messages to one person together would be changed in as many places as a send has receivers.
_THIRD = f"""
ALTER TABLE sends ADD COLUMN until REAL NOT NULL DEFAULT 0;
ALTER TABLE sends ADD COLUMN owned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sends ADD COLUMN seen REAL;
ALTER TABLE sends ADD COLUMN ticks REAL;
ALTER TABLE sends ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
CREATE INDEX sends_at ON sends (at);
DROP INDEX IF EXISTS messages_alike;
DROP INDEX IF EXISTS messages_of;
CREATE INDEX messages_of ON messages (send, person);
CREATE INDEX messages_unresolved ON messages (person) WHERE state IN {UNRESOLVED};
UPDATE sends SET until = at + 30, size = (SELECT count(*) FROM messages WHERE send = id);
"""
# How long the machine had been up at the date, which may be by a wrong clock.
_FOURTH = """
ALTER TABLE sends ADD COLUMN boot TEXT NOT NULL DEFAULT '';
ALTER TABLE sends ADD COLUMN up REAL NOT NULL DEFAULT 0;
CREATE INDEX sends_up ON sends (boot, up);
"""
# Of which block a message is (candidates.py); those that were there before are of one. `size` has had its
# day: only newer versions of SQLite can drop a column.
_FIFTH = """
ALTER TABLE sends ADD COLUMN block INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN block INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_lately ON messages (block, person);
"""
_STEPS = (_FIRST, _SECOND, _THIRD, _FOURTH, _FIFTH)
_WITHOUT_ID = 3  # versions whose files have no id in their header


@contextmanager
def opened(path: str, wait: Wait) -> Iterator[sqlite3.Connection]:
    """A connection to the journal, which is created if it is missing. Raises Unusable or Busy."""
    try:
        ownership.claim(path, _STEPS[:_WITHOUT_ID])
    except OSError as error:
        raise Unusable(error.strerror or type(error).__name__) from error
    except sqlite3.DatabaseError as error:
        raise Unusable(str(error)) from error
    try:
        with closing(sqlite3.connect(path, timeout=_TURN_SECONDS, isolation_level=None)) as db:
            db.row_factory = stored.row
            patiently(db, f"PRAGMA cache_size = -{_CACHE_KIBIBYTES}", wait)  # it reads the tables, too
            with reading(db, wait):
                version = db.execute("PRAGMA user_version").fetchone()[0]
            if version != _VERSION:
                with writing(db, wait):
                    _create(db)
            yield db
    except sqlite3.Error as error:
        if _is_locked(error):
            raise Busy from error
        raise Unusable(str(error) or type(error).__name__) from error


@contextmanager
def reading(db: sqlite3.Connection, wait: Wait) -> Iterator[None]:
    """Everything inside sees one state of the journal, and keeps nobody from entering a send meanwhile."""
    db.execute("BEGIN")
    try:
        patiently(db, "SELECT 1 FROM sqlite_master", wait)  # the first read takes the lock
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def writing(db: sqlite3.Connection, wait: Wait) -> Iterator[None]:
    """Everything inside is one change, and happens while nobody else changes anything."""
    patiently(db, "BEGIN IMMEDIATE", wait)
    try:
        yield
        patiently(db, "COMMIT", wait)
    finally:
        if db.in_transaction:  # after some errors, SQLite has already ended it
            db.execute("ROLLBACK")


def patiently(db: sqlite3.Connection, statement: str, wait: Wait) -> None:
    """Execute a statement that may have to wait for other processes. Raises Busy when `wait` is over."""
    while True:
        try:
            db.execute(statement).fetchall()
        except sqlite3.OperationalError as error:
            if not _is_locked(error):
                raise
            wait.heed()
            if wait.is_over:
                raise Busy from None
        else:
            return


def _is_locked(error: sqlite3.Error) -> bool:
    return "locked" in str(error)  # Python 3.10 shows no code


def _create(db: sqlite3.Connection) -> None:
    """Create the tables, or bring those of an older version up to date."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == _VERSION:
        return
    if version not in range(_VERSION) or (
        not version and db.execute("SELECT 1 FROM sqlite_master").fetchone()
    ):
        raise sqlite3.DatabaseError("it is not a journal of this version")
    for statements in _STEPS[version:]:
        _run(db, statements)
    if version == 0:
        db.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))
    if version <= _WITHOUT_ID:
        _identify(db)
    db.execute(f"PRAGMA application_id = {ownership.APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):  # executescript would end the transaction
        db.execute(statement)


def _identify(db: sqlite3.Connection) -> None:
    """Older versions knew a template by its values, too, and the first one a receiver by its spelling."""
    digest = keyed(db)
    rows = db.execute("SELECT messages.rowid, * FROM messages JOIN sends ON send = id").fetchall()
    db.executemany(
        "UPDATE messages SET digest = ?, person = ? WHERE rowid = ?",
        (
            (
                digest(
                    hashes.content(row["place"], row["connection"], row["kind"], row["name"], row["parts"])
                ),
                row["person"] or person(row["receiver"]),
                row["rowid"],
            )
            for row in rows
        ),
    )


def keyed(db: sqlite3.Connection) -> Callable[[str], str]:
    row = db.execute("SELECT salt FROM secret").fetchone()
    salt = row[0] if row else None
    if not isinstance(salt, bytes):
        raise sqlite3.DatabaseError("its key is missing")
    return hashes.keyed(salt)
