"""What earlier runs saw of each conversation, in an SQLite file: times and numbers, never a text or a name.

Without the file, or without one that can be used, a run begins anew: it only saves work.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from wati.reads.waiting import Known

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SECONDS = 5.0  # for which another process is waited for
_COLUMNS = ", ".join(Known._fields)
_TABLES = (
    "CREATE TABLE IF NOT EXISTS rounds (scope TEXT PRIMARY KEY, began REAL NOT NULL, page INTEGER NOT NULL)",
    f"CREATE TABLE IF NOT EXISTS looks (scope TEXT, {_COLUMNS}, PRIMARY KEY (scope, number)) WITHOUT ROWID",
)
_NAMES = {"rounds", "looks"}
_VERSION = 2  # of the tables; another one's are not read


class Looks:
    """The looks of one `scope`: a text that says at whose conversations, and in which way.

    `began`: when the round began in which each contact is looked at once (epoch seconds); 0 if none did.
    `page`: of the list of contacts, to go on with in this round; 0 if the list was read to its end.
    `problem`: why the file cannot be used; "" if it can. `path`: "" keeps nothing.
    """

    def __init__(self, path: str, scope: str) -> None:
        self.known: dict[str, Known] = {}
        self.began, self.page = 0.0, 1
        self.problem = ""
        self._path = path
        self._scope = scope

    def load(self) -> None:
        """What earlier runs saw."""
        self._use(self._load)

    def begin(self, began: float) -> None:
        """Begin a round."""
        self.began, self.page = began, 1

    @property
    def is_listed(self) -> bool:
        """Whether the list of contacts was read to its end in this round."""
        return self.page == 0

    @property
    def is_done(self) -> bool:
        """Whether everyone was looked at in this round, even if in vain."""
        return self.is_listed and all(one.looked >= self.began for one in self.known.values())

    def save(self, changed: Iterable[Known]) -> None:
        """Keep what has changed. After the list was read, those who were not in it are forgotten."""
        if self.is_listed:
            self.known = {name: one for name, one in self.known.items() if one.listed >= self.began}
        self._use(partial(self._save, list(changed)))

    def _load(self, db: sqlite3.Connection) -> None:
        for row in db.execute("SELECT began, page FROM rounds WHERE scope = ?", (self._scope,)):
            self.began, self.page = row
        found = db.execute(f"SELECT {_COLUMNS} FROM looks WHERE scope = ?", (self._scope,))
        self.known = {row[0]: Known(*row) for row in found}

    def _save(self, changed: list[Known], db: sqlite3.Connection) -> None:
        db.execute("REPLACE INTO rounds VALUES (?, ?, ?)", (self._scope, self.began, self.page))
        places = ", ".join("?" * (1 + len(Known._fields)))
        db.executemany(f"REPLACE INTO looks VALUES ({places})", ((self._scope, *one) for one in changed))
        if self.is_listed:
            db.execute("DELETE FROM looks WHERE scope = ? AND listed < ?", (self._scope, self.began))

    def _use(self, act: Callable[[sqlite3.Connection], None]) -> None:
        """Do something with the file, in one transaction. A new one is for its owner only."""
        if not self._path or self.problem:
            return
        try:
            if not os.path.exists(self._path):
                os.makedirs(os.path.dirname(os.path.abspath(self._path)), mode=0o700, exist_ok=True)
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
            with closing(sqlite3.connect(self._path, timeout=_SECONDS)) as db, db:
                tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
                if not tables <= _NAMES:
                    raise sqlite3.DatabaseError("it is another program's database")
                if db.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                    for name in tables:
                        db.execute(f"DROP TABLE {name}")
                    db.execute(f"PRAGMA user_version = {_VERSION}")
                for table in _TABLES:
                    db.execute(table)
                act(db)
        except (OSError, sqlite3.Error) as error:
            self.problem = str(error) or type(error).__name__
