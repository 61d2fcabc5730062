"""The world's file: one SQLite database that any number of processes share.

Every transaction opens the file, takes the write lock at once and closes the file again, so that no process
holds on to a world which another one has reset.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

SCHEMA_VERSION = "1"
STATE_VARIABLE = "WATI_SANDBOX_STATE"
_BUSY_SECONDS = 20.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_LATEST = 221_845_392_000.0  # the year 9000: datetime ends at 9999, and windows are added to it

# `at` is epoch seconds, or, where `floating`, the age in (negative) seconds from the undisturbed present.
_SCHEMA = """
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
CREATE TABLE templates (seq INTEGER PRIMARY KEY, account TEXT NOT NULL, name TEXT NOT NULL, doc TEXT NOT NULL,
    UNIQUE (account, name));
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


class StateError(Exception):
    """The state file cannot be used; the message says why and names the way out."""


class Tx:
    """One transaction: the database, the world's clock and its source of ids."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def rows(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        return self.db.execute(sql, values).fetchall()

    def row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.db.execute(sql, values).fetchone()
        return found

    def run(self, sql: str, *values: Any) -> int:
        """Returns the row id of an insert."""
        return self.db.execute(sql, values).lastrowid or 0

    def count(self, sql: str, *values: Any) -> int:
        row = self.row(sql, *values)
        return int(row[0]) if row else 0

    def get(self, key: str, default: str = "") -> str:
        row = self.row("SELECT value FROM meta WHERE key = ?", key)
        return str(row["value"]) if row else default

    def set(self, key: str, value: str) -> None:
        self.run("INSERT OR REPLACE INTO meta VALUES (?, ?)", key, value)

    @cached_property
    def base(self) -> float:
        """The present as if nobody had ever advanced the clock, in epoch seconds."""
        fixed = self.get("fixed_now")
        return float(fixed) if fixed else time.time()

    @cached_property
    def now(self) -> float:
        """The world's present, in epoch seconds."""
        return self.base + float(self.get("offset", "0"))

    def _digest(self) -> str:
        number = int(self.get("ids_made", "0")) + 1
        self.set("ids_made", str(number))
        return hashlib.sha256(f"{self.get('id_seed')}:{number}".encode()).hexdigest()

    def new_id(self) -> str:
        """24 hex digits, as WATI's ids are."""
        return self._digest()[:24]

    def new_uuid(self) -> str:
        digits = self._digest()
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """A part of the transaction whose effects go when it raises."""
        self.db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK TO part")
            self.db.execute("RELEASE part")
            raise
        self.db.execute("RELEASE part")


class State:
    """A world in a file. Raises StateError where the file cannot be made, read or understood."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = state_path(path)
        # Threads queue here in turn; left to SQLite they would poll for the file, and some would starve.
        self._lock = threading.Lock()
        with self.transaction():
            pass

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """All reads and writes of the block happen at one moment, or, when it raises, not at all."""
        with self._lock, _explained(self.path), _connect(self.path) as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                tx = Tx(db)
                if not _tables(db):
                    create(tx)
                elif tx.get("schema") != SCHEMA_VERSION:
                    raise StateError(_advice(self.path, "was made by another version of the sandbox"))
                yield tx
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def create(tx: Tx, *, now: float | None = None, ids: int | None = None, limits: bool = True) -> None:
    """A fresh world in an empty database. `now` fixes the clock (epoch seconds), `ids` the ids."""
    from .world import populate

    for statement in _SCHEMA.split(";"):
        tx.db.execute(statement)
    tx.set("schema", SCHEMA_VERSION)
    tx.set("id_seed", secrets.token_hex(8) if ids is None else str(ids))
    tx.set("limits", "on" if limits else "off")
    if now is not None:
        tx.set("fixed_now", repr(now))
    populate(tx)


def recreate(path: str, *, now: float | None, ids: int | None, limits: bool) -> None:
    """Replace the world in the file by a fresh one.

    What cannot be read is moved aside to <file>.damaged, and another program's database is left alone: a
    mistyped path must not cost anybody a file.
    """
    with _explained(path):
        try:
            _empty(path, now=now, ids=ids, limits=limits)
        except sqlite3.OperationalError:
            raise  # locked or unwritable: deleting would not mend it
        except sqlite3.DatabaseError:
            os.replace(path, f"{path}.damaged")
            with suppress(FileNotFoundError):
                os.unlink(f"{path}-journal")
            _empty(path, now=now, ids=ids, limits=limits)


def _empty(path: str, *, now: float | None, ids: int | None, limits: bool) -> None:
    with _connect(path) as db:
        db.execute("BEGIN IMMEDIATE")
        tables = _tables(db)
        if tables and "meta" not in tables:
            raise StateError(f"{path} is the database of another program; name another file for the sandbox.")
        for table in tables:
            db.execute(f'DROP TABLE "{table}"')
        create(Tx(db), now=now, ids=ids, limits=limits)
        db.execute("COMMIT")


def _tables(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [str(row["name"]) for row in rows]


@contextmanager
def _connect(path: str) -> Iterator[sqlite3.Connection]:
    # Autocommit mode, so that BEGIN IMMEDIATE is ours to say; each transaction stays in one thread.
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        # The journal survives a killed process without a sync; only a power failure could lose a world.
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA journal_mode = TRUNCATE")
        yield db


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise  # a bug of ours, not the file's fault
    except sqlite3.OperationalError as error:
        text = str(error)
        if "locked" in text:
            raise StateError(f"The sandbox's state file {path} is locked by another program.") from error
        if "no such" in text:
            raise StateError(_advice(path, "was made by another version of the sandbox")) from error
        raise StateError(f"The sandbox's state file {path} cannot be used: {text}.") from error
    except sqlite3.DatabaseError as error:
        raise StateError(_advice(path, "is damaged or no sandbox state at all")) from error


def _advice(path: str, what: str) -> str:
    return f"The sandbox's state file {path} {what}. Start afresh: scripts/sandbox.py reset --state {path}"


# --- where the file lives ---------------------------------------------------------------------------------


def state_path(path: str | os.PathLike[str] | None = None) -> str:
    """The argument, else WATI_SANDBOX_STATE, else the per-user state folder, else the temporary one."""
    chosen = os.fspath(path) if path is not None else os.environ.get(STATE_VARIABLE, "").strip()
    if chosen:
        target = Path(os.path.expanduser(chosen)).absolute()
        try:
            is_folder = target.is_dir()
        except OSError as error:  # such as a name that is too long
            raise StateError(f"The sandbox's state cannot be at that path: {error.strerror}.") from error
        if is_folder:
            raise StateError(f"The sandbox's state must be a file, and {target} is a folder.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"The folder {target.parent} cannot be made: {error.strerror}.") from error
        return str(target)
    for folder in (_user_folder(), _temporary_folder()):
        if folder is not None:
            return str(folder / "sandbox.sqlite")
    raise StateError(f"No folder for the sandbox's state can be written. Set {STATE_VARIABLE} to a file.")


def _user_folder() -> Path | None:
    home = os.path.expanduser("~")
    if home == "~":
        return None
    places = {"darwin": ("Library", "Application Support"), "win32": ("AppData", "Local")}
    return _usable(Path(home, *places.get(sys.platform, (".local", "state")), "wati-skill"))


def _temporary_folder() -> Path | None:
    # The temporary folder is shared on POSIX systems: the name tells users apart, the check tells thieves.
    owner = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    return _usable(Path(tempfile.gettempdir(), f"wati-skill{owner}"))


def _usable(folder: Path) -> Path | None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        return None
    state = folder / "sandbox.sqlite"
    writable = os.access(folder, os.W_OK) and (not state.exists() or os.access(state, os.W_OK))
    return folder if writable else None


# --- time as text -----------------------------------------------------------------------------------------


def moment(at: float) -> datetime:
    """Epoch seconds as UTC, held within the years that can be written down."""
    return _EPOCH + timedelta(seconds=min(max(at, 0.0), _LATEST))


def iso(at: float, precision: str = "milliseconds") -> str:
    return moment(at).isoformat(timespec=precision).replace("+00:00", "Z")


def epoch(text: str) -> float:
    """An ISO date or time, UTC unless it says otherwise. Raises ValueError."""
    value = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
