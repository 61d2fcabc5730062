"""The state file as an SQLite database that any number of processes share.

Each transaction opens the file, takes the write lock at once and closes the file again, so that no process
keeps a world that another process has replaced. The caller says what a new file is filled with.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from . import ownership
from .state_file import StateError

SCHEMA_VERSION = "3"
_BUSY_SECONDS = 20.0
# Floating rows keep their time for so long: readers see no time move, and a window that is open stays open.
_STEP = 12 * 3600.0

# `at` is epoch seconds. If `floating`, it is counted from `Tx.still`.
_SECOND = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE connections (seq INTEGER PRIMARY KEY, connection_id TEXT NOT NULL UNIQUE, status TEXT NOT NULL,
    method TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL);
CREATE TABLE contacts (id TEXT PRIMARY KEY, account TEXT NOT NULL, number TEXT NOT NULL, user_id TEXT,
    folded TEXT NOT NULL, created REAL NOT NULL, last_updated REAL NOT NULL, doc TEXT NOT NULL,
    UNIQUE (account, number));
CREATE INDEX contacts_newest ON contacts (account, last_updated DESC, id);
CREATE TABLE conversations (account TEXT NOT NULL, number TEXT NOT NULL, conversation_id TEXT NOT NULL,
    ticket_id TEXT NOT NULL, PRIMARY KEY (account, number));
CREATE TABLE messages (seq INTEGER PRIMARY KEY, account TEXT NOT NULL, number TEXT NOT NULL, at REAL NOT NULL,
    floating INTEGER NOT NULL, inbound INTEGER NOT NULL, delivery INTEGER, doc TEXT NOT NULL);
CREATE INDEX messages_of ON messages (account, number, floating, at);
CREATE TABLE templates (seq INTEGER PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL,
    language TEXT NOT NULL, doc TEXT NOT NULL, UNIQUE (account, name, language));
CREATE TABLE operators (account TEXT NOT NULL, email TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (account, email));
CREATE TABLE media (account TEXT NOT NULL, file_name TEXT NOT NULL, content_type TEXT NOT NULL,
    content BLOB NOT NULL, PRIMARY KEY (account, file_name));
CREATE TABLE strangers (number TEXT PRIMARY KEY);
CREATE TABLE deliveries (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, final TEXT,
    settles REAL NOT NULL, failed_detail TEXT, doc TEXT NOT NULL);
CREATE TABLE requests (seq INTEGER PRIMARY KEY, doc TEXT NOT NULL, status INTEGER, fault TEXT);
CREATE TABLE faults (seq INTEGER PRIMARY KEY, doc TEXT NOT NULL, passes INTEGER NOT NULL, remaining INTEGER);
CREATE TABLE hits (bucket TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX hits_of ON hits (bucket, at);
"""
# What customers do by themselves: their habits, and what of it is still to come.
_SCHEMA = f"""{_SECOND}
CREATE TABLE habits (seq INTEGER PRIMARY KEY, account TEXT NOT NULL, numbers TEXT NOT NULL,
    doc TEXT NOT NULL);
CREATE TABLE acts (seq INTEGER PRIMARY KEY, at REAL NOT NULL, line TEXT NOT NULL, number TEXT NOT NULL,
    delivery INTEGER NOT NULL, text TEXT);
CREATE INDEX acts_due ON acts (at);
"""
# What made the files without an id, the oldest first. One of the first version needs a fresh start.
_WITHOUT_ID = (
    _SECOND.replace(
        """name TEXT NOT NULL,
    language TEXT NOT NULL, doc TEXT NOT NULL, UNIQUE (account, name, language));""",
        """name TEXT NOT NULL, doc TEXT NOT NULL,
    UNIQUE (account, name));""",
    ),
    _SECOND,
)


@dataclass(frozen=True)
class Settings:
    """What a fresh world can fix: its clock (epoch seconds) and its ids; and whether it has rate limits."""

    now: float | None = None
    ids: int | None = None
    limits: bool = True


class Tx:
    """One transaction: the database, the world's clock and its source of ids."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        #: The present as if nobody had ever advanced the clock, in epoch seconds.
        self.base = float(self.get("fixed_now") or time.time())
        #: From where the age of floating rows is counted: when the world was made, and every _STEP after it.
        self.still = self.base - (self.base - float(self.get("born") or self.base)) % _STEP
        #: The world's present, in epoch seconds.
        self.now = self.base + float(self.get("offset", "0"))

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self.db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.db.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Any) -> None:
        self.db.execute(sql, values)

    def put(self, table: str, **values: Any) -> int:
        """Insert a row, replacing one with the same key. Returns its row id."""
        places = ", ".join("?" * len(values))
        sql = f"INSERT OR REPLACE INTO {table} ({', '.join(values)}) VALUES ({places})"
        return self.db.execute(sql, tuple(values.values())).lastrowid or 0

    def count(self, sql: str, *values: Any) -> int:
        row = self.row(sql, *values)
        return int(row[0]) if row else 0

    def get(self, key: str, default: str = "") -> str:
        row = self.row("SELECT value FROM meta WHERE key = ?", key)
        return str(row["value"]) if row else default

    def set(self, key: str, value: str) -> None:
        self.put("meta", key=key, value=value)

    def advance(self, seconds: float) -> None:
        """Move the world's clock forward."""
        offset = float(self.get("offset", "0")) + seconds
        self.set("offset", repr(offset))
        self.now = self.base + offset

    def _digest(self) -> str:
        number = int(self.get("ids_made", "0")) + 1
        self.set("ids_made", str(number))
        return hashlib.sha256(f"{self.get('id_seed')}:{number}".encode()).hexdigest()

    def new_id(self) -> str:
        """24 hex digits, like WATI's ids."""
        return self._digest()[:24]

    def new_uuid(self) -> str:
        digits = self._digest()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """A part of the transaction that is undone if it raises."""
        self.db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO part")
            raise
        finally:
            self.db.execute("RELEASE part")


Populate = Callable[[Tx], None]


@contextmanager
def transaction(path: str, populate: Populate) -> Iterator[Tx]:
    """All reads and writes of the block happen at one moment, or not at all if it raises.

    An empty file gets its tables first, and then whatever `populate` puts into them.
    """
    with _explained(path), _exclusive(path) as db:
        if not _tables(db):
            yield _create(db, populate, Settings())
            return
        tx = Tx(db)
        if tx.get("schema") != SCHEMA_VERSION:
            raise StateError(_advice(path, "was made by another version of the sandbox"))
        yield tx


def recreate(path: str, populate: Populate, settings: Settings) -> None:
    """Replace the world in the file by a fresh one.

    A file that cannot be read is moved aside to <file>.damaged, and another program's database is left alone:
    nobody should lose a file to a mistyped path.
    """
    with _explained(path):
        try:
            _replace(path, populate, settings)
        except sqlite3.OperationalError:
            raise  # locked or unwritable: moving it aside would not help
        except sqlite3.DatabaseError:
            ownership.move_aside(path)
            _replace(path, populate, settings)


def _replace(path: str, populate: Populate, settings: Settings) -> None:
    with _exclusive(path) as db:
        for table in _tables(db):
            db.execute(f'DROP TABLE "{table}"')
        _create(db, populate, settings)


def _create(db: sqlite3.Connection, populate: Populate, settings: Settings) -> Tx:
    for statement in _SCHEMA.split(";"):
        db.execute(statement)
    meta = {
        "schema": SCHEMA_VERSION,
        "id_seed": secrets.token_hex(8) if settings.ids is None else str(settings.ids),
        "limits": "on" if settings.limits else "off",
        "fixed_now": "" if settings.now is None else repr(settings.now),
    }
    db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
    tx = Tx(db)
    tx.set("born", repr(tx.base))
    populate(tx)
    return tx


def _tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [str(row["name"]) for row in rows]


@contextmanager
def _exclusive(path: str) -> Iterator[sqlite3.Connection]:
    """The database with its write lock held. If the block raises, closing rolls back what it did."""
    ownership.claim(path, _WITHOUT_ID)
    # Autocommit mode: this function alone begins and commits. Each transaction stays in one thread.
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        # The journal survives a killed process without a sync; only a power failure could lose a world.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = TRUNCATE")
        db.execute("BEGIN IMMEDIATE")
        if db.execute("PRAGMA application_id").fetchone()[0] != ownership.APPLICATION_ID:
            db.execute(f"PRAGMA application_id = {ownership.APPLICATION_ID}")
        yield db
        db.execute("COMMIT")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a bug in the sandbox, not a fault of the file
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text:
            raise StateError(f"The sandbox's state file {path} is locked by another program.") from error
        if "no such" in text:
            raise StateError(_advice(path, "was made by another version of the sandbox")) from error
        raise StateError(f"The sandbox's state file {path} cannot be used: {text}.") from error
    except sqlite3.DatabaseError as error:
        raise StateError(_advice(path, "is damaged, or is not a sandbox state")) from error


def _advice(path: str, what: str) -> str:
    return (
        f"The sandbox's state file {path} {what}. Start afresh: scripts/sandbox.py reset --state {path}, or "
        "name another file with WATI_SANDBOX_STATE"
    )
