"""Whose a file is, before anything opens it to write: another program's database stays as it is.

Even to open it would change it: SQLite ends the log of a database that another program keeps in WAL mode.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

from .state_file import StateError

# In the header of a state file (PRAGMA application_id). Files of the first versions have none.
APPLICATION_ID = int.from_bytes(b"WaSb", "big")
# In that of the scripts' journal of sends, and its tables when it had none.
_JOURNAL_ID = int.from_bytes(b"WaJo", "big")
_JOURNAL_TABLES = {"secret", "sends", "messages", "aliases"}
_MAGIC = b"SQLite format 3\0"
_HEADER, _ID = 100, slice(68, 72)  # sqlite.org/fileformat.html, "The Database Header"
# The files that this process has claimed. To look into one again could free the locks of another thread:
# POSIX frees all locks of a process when it closes any descriptor of a file.
_CLAIMED: set[tuple[str, int, int]] = set()
_GUARD = threading.Lock()


def claim(path: str, schemas: Iterable[str]) -> None:
    """Create a state file, empty, if it is missing.

    Raises StateError if it is another program's database, sqlite3.DatabaseError if it is no database.
    `schemas`: the statements that made a state file without an id.
    """
    try:
        with _GUARD:
            if not os.path.exists(path):
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644))
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                raise StateError(f"The sandbox's state must be a file, and {path} is a device or a pipe.")
            this = (path, found.st_dev, found.st_ino)
            if this not in _CLAIMED:
                _refuse_foreign(path, schemas)
                _CLAIMED.add(this)
    except OSError as error:
        raise StateError(f"The sandbox's state file {path} cannot be used: {error.strerror}.") from error


def _refuse_foreign(path: str, schemas: Iterable[str]) -> None:
    number = _id_of(path)
    if number is None or number == APPLICATION_ID:
        return
    if number or _schema_of(path) not in map(_schema_by, schemas):
        raise StateError(
            f"{path} is the database of another program, so it was not touched. Name another file for the "
            "sandbox, with --state or WATI_SANDBOX_STATE."
        )


def forget_sends(path: str) -> None:
    """Delete what the scripts remember of a world, unless something else has the name of their journal."""
    journal, owners = f"{path}-sends", f"{path}-sends-owners"
    with suppress(OSError, sqlite3.DatabaseError):
        if os.path.isfile(journal) and (_id_of(journal) in (None, _JOURNAL_ID) or _is_old_journal(journal)):
            os.unlink(journal)
    with suppress(OSError):
        if os.path.isfile(owners) and not os.path.getsize(owners):
            os.unlink(owners)


def _is_old_journal(path: str) -> bool:
    tables = {name for kind, name, *_ in _schema_of(path) if kind == "table"} - {"sqlite_sequence"}
    return not _id_of(path) and tables in (_JOURNAL_TABLES, _JOURNAL_TABLES - {"aliases"})


def move_aside(path: str) -> None:
    """Keep a file that cannot be read, under a name that nothing has."""
    names = (f"{path}.damaged{f'-{number}' if number > 1 else ''}" for number in count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    os.replace(path, aside)
    # It would be taken for the new file's.
    if os.path.lexists(f"{path}-journal"):
        os.replace(f"{path}-journal", f"{aside}-journal")


def _id_of(path: str) -> int | None:
    """None if the file is empty. Raises sqlite3.DatabaseError if it is no database."""
    with open(path, "rb") as file:
        header = file.read(_HEADER)
    if header and not header.startswith(_MAGIC):
        raise sqlite3.DatabaseError("file is not a database")
    return int.from_bytes(header[_ID], "big") if header else None


def _schema_of(path: str) -> list[tuple[str, ...]]:
    """Empty if it cannot be read. `immutable`: no lock, no log and no recovery."""
    address = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as db:
        return _read(db)
    return []


def _schema_by(statements: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(statements)
        return _read(db)


def _read(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
