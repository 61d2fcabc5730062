"""Whose the file is, before it is opened to write: another program's database stays as it is.

Even to open it would change it: SQLite ends the log of a database that another program keeps in WAL mode.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the header of a journal (PRAGMA application_id). Those of the first versions have none.
APPLICATION_ID = int.from_bytes(b"WaJo", "big")
_MAGIC = b"SQLite format 3\0"
_HEADER, _ID = 100, slice(68, 72)  # sqlite.org/fileformat.html, "The Database Header"
# All but indexes: not every version had the same.
_PARTS = (
    "SELECT part.type, part.name, member.name FROM sqlite_master AS part "
    "LEFT JOIN pragma_table_info(part.name) AS member WHERE part.type != 'index' ORDER BY 1, 2, 3"
)
# The files that this process has claimed. To look into one again could free the locks of another thread:
# POSIX frees all locks of a process when it closes any descriptor of a file.
_CLAIMED: set[tuple[str, int, int]] = set()
_GUARD = threading.Lock()


def claim(path: str, steps: Sequence[str], application_id: int = APPLICATION_ID) -> None:
    """Create the journal's file for its owner only, if it is missing: it says who was messaged when.

    Raises OSError, or sqlite3.DatabaseError if something else is there, which stays as it is. `steps`: the
    statements that made the journals without an id, each from the one before. `application_id`: of other
    files than the journal's.
    """
    if path.startswith("~"):
        raise OSError(errno.ENOENT, "this user has no home folder")
    with _GUARD:
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        elif not os.path.isfile(path):
            raise OSError(errno.EINVAL, "it is not a file")
        found = os.stat(path)
        this = (path, found.st_dev, found.st_ino)
        if this not in _CLAIMED:
            # Twice, because another process may be giving an id to an old one.
            if not any(_is_ours(path, steps, application_id) for _ in range(2)):
                raise sqlite3.DatabaseError("it is another program's database")
            _CLAIMED.add(this)


def _is_ours(path: str, steps: Sequence[str], application_id: int) -> bool:
    """Whether it has the id, is an old journal or empty. Raises sqlite3.DatabaseError for no database."""
    with open(path, "rb") as file:
        header = file.read(_HEADER)
    if header and not header.startswith(_MAGIC):
        raise sqlite3.DatabaseError("file is not a database")
    number = int.from_bytes(header[_ID], "big")
    return not header or number == application_id or (not number and _has_tables_of_ours(path, steps))


def _has_tables_of_ours(path: str, steps: Sequence[str]) -> bool:
    # `immutable`: no lock, no log and no recovery.
    address = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(address, uri=True)) as db:
        parts = db.execute(_PARTS).fetchall()
        with closing(sqlite3.connect(":memory:")) as own:
            return parts in [(own.executescript(step), own.execute(_PARTS).fetchall())[1] for step in steps]
    return False
