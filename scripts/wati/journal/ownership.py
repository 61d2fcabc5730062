"""Whose the file is, before it is opened to write: another program's database stays as it is.

Even to open it would change it: SQLite ends the log of a database that another program keeps in WAL mode. The
file is read by SQLite alone, because whoever else opens and closes it frees all locks that other threads of
this process have on it (sqlite.org/howtocorrupt.html, "Posix advisory locks").
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# In the header of a journal (PRAGMA application_id). Those of the first versions have none.
APPLICATION_ID = int.from_bytes(b"WaJo", "big")
# All but indexes: not every version had the same.
_PARTS = (
    "SELECT part.type, part.name, member.name FROM sqlite_master AS part "
    "LEFT JOIN pragma_table_info(part.name) AS member WHERE part.type != 'index' ORDER BY 1, 2, 3"
)


def refuse_foreign(path: str, steps: Sequence[str]) -> None:
    """Raises sqlite3.DatabaseError if there is a file that is not a journal. Changes nothing.

    `steps`: the statements that made the journals without an id, each from the one before.
    """
    # `immutable`: no lock, no log and no recovery.
    address = f"{Path(path).absolute().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True)) as db:
        (number,) = db.execute("PRAGMA application_id").fetchone()
        (pages,) = db.execute("PRAGMA page_count").fetchone()
        if number == APPLICATION_ID or not pages:
            return
        if number or db.execute(_PARTS).fetchall() not in _known(steps):
            raise sqlite3.DatabaseError("it is another program's database")


def _known(steps: Sequence[str]) -> list[list[tuple[str, ...]]]:
    with closing(sqlite3.connect(":memory:")) as db:
        return [(db.executescript(step), db.execute(_PARTS).fetchall())[1] for step in steps]
