"""The walk over the pages of a list: when the list ends, and which of its rows are new.

Only an empty page, or one without a new row, ends a list. A short page does not, because the largest page
that WATI grants is unknown. `total` and `nextPage` do not, because they are wrong (observed).
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from wati.contract.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    ReadPage = Callable[[int], list[Any]]


class InMemory:
    """The rows that were already given. For lists that are short, or read only in part."""

    def __init__(self) -> None:
        self._keys: set[bytes] = set()

    def add(self, key: bytes) -> bool:
        """Remember a row. Returns whether it is new."""
        before = len(self._keys)
        self._keys.add(key)
        return len(self._keys) > before


class OnDisk:
    """The same for lists of any length, in constant memory.

    This is SQLite's own temporary database. Its file has no name (POSIX) or is deleted with the process
    (Windows), so nothing is left behind, however the process ends.
    """

    def __init__(self) -> None:
        import sqlite3

        self._error = sqlite3.Error
        try:
            self._db = sqlite3.connect("", isolation_level=None)
            # Nothing has to outlive the process: no journal, no waiting for the disk.
            for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1024"):
                self._db.execute(f"PRAGMA {setting}")
            self._db.execute("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        except sqlite3.Error as error:
            raise _no_room(error) from None

    def add(self, key: bytes) -> bool:
        try:
            return self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (key,)).rowcount == 1
        except self._error as error:
            raise _no_room(error) from None

    def close(self) -> None:
        self._db.close()


def _no_room(error: Exception) -> Failure:
    problem = {"at": "TMPDIR", "problem": f"the ids read so far cannot be stored there: {error}"}
    return Failure("bad_setup", "The temporary folder cannot be used.", problems=[problem])


class Walk:
    """The pages of a list as (number, new rows), from `first` up to `last`.

    `read`: returns the rows of a page. `idle`: how many pages in a row without a new row end the list.
    `whole`: whether it was read to its end.
    """

    def __init__(
        self, read: ReadPage, seen: InMemory | OnDisk, *, last: int, first: int = 1, idle: int = 1
    ) -> None:
        self.whole = False
        self._read = read
        self._seen = seen
        self._numbers = range(first, last + 1)
        self._idle = idle

    def __iter__(self) -> Iterator[tuple[int, list[Any]]]:
        idle = 0
        for number in self._numbers:
            rows = self._read(number)
            new = [row for row in rows if self._seen.add(key(row))]
            idle = 0 if new else idle + 1
            if not rows or idle == self._idle:
                self.whole = True
                return
            if new:
                yield number, new


def key(row: Any) -> bytes:
    """What identifies a row: its id, or all its content."""
    own = row.get("id") if isinstance(row, dict) else None
    is_id = isinstance(own, (str, int)) and own != ""
    text = f"id {own}" if is_id else json.dumps(row, sort_keys=True)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
