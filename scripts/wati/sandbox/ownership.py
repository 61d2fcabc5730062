"""Whose a file is, before anything opens it to write: another program's database stays as it is.

Even to open it would change it: SQLite ends the log of a database that another program keeps in WAL mode.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from itertools import count
from pathlib import Path

from .state_file import StateError

# In the header of a state file (PRAGMA application_id). Files of the first versions have none.
APPLICATION_ID = int.from_bytes(b"WaSb", "big")
_MAGIC = b"SQLite format 3\0"
_HEADER, _ID = 100, slice(68, 72)  # sqlite.org/fileformat.html, "The Database Header"


def refuse_foreign(path: str, schema: str) -> None:
    """Raises StateError if it is another program's database, sqlite3.DatabaseError if it is no database.

    `schema`: the statements that made a state file without an id.
    """
    try:
        if not os.path.exists(path):
            return
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise StateError(f"The sandbox's state must be a file, and {path} is a device or a pipe.")
        with open(path, "rb") as file:
            header = file.read(_HEADER)
    except OSError as error:
        raise StateError(f"The sandbox's state file {path} cannot be read: {error.strerror}.") from error
    if not header:
        return
    if not header.startswith(_MAGIC):
        raise sqlite3.DatabaseError("file is not a database")
    number = int.from_bytes(header[_ID], "big")
    if number != APPLICATION_ID and (number or _schema_of(path) != _schema_by(schema)):
        raise StateError(
            f"{path} is the database of another program, so it was not touched. Name another file for the "
            "sandbox, with --state or WATI_SANDBOX_STATE."
        )


def move_aside(path: str) -> None:
    """Keep a file that cannot be read, under a name that nothing has."""
    names = (f"{path}.damaged{f'-{number}' if number > 1 else ''}" for number in count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    os.replace(path, aside)
    # It would be taken for the new file's.
    if os.path.lexists(f"{path}-journal"):
        os.replace(f"{path}-journal", f"{aside}-journal")


def _schema_of(path: str) -> list[tuple[str, ...]]:
    """Empty if it cannot be read. `immutable`: no lock, no log and no recovery."""
    try:
        with closing(sqlite3.connect(f"{Path(path).as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            return _read(db)
    except sqlite3.Error:
        return []


def _schema_by(statements: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(statements)
        return _read(db)


def _read(db: sqlite3.Connection) -> list[tuple[str, ...]]:
    return db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
