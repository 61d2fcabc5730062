"""The rows of the journal's file, checked as they are read: SQLite keeps any value in any column."""

from __future__ import annotations

import json
import math
import sqlite3
from typing import TYPE_CHECKING, Any

from wati.journal import rules

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXTS = "receiver known person name digest answered place connection script channel boot"

_JSON = ("parts", "others")
# The parts that every message of a kind has.
_PARTS = {"text": {"text"}, "interactive": {"text"}, "file": {"text", "file"}, "template": set[str]()}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, float) and math.isfinite(value)


# By the name under which a query reads it.
_CHECKS: dict[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_TEXTS.split(), _is_text),
    **dict.fromkeys(("at", "sent", "until", "up"), _is_number),
    **dict.fromkeys(("clock", "seen", "ticks"), lambda value: value is None or _is_number(value)),
    "state": lambda value: value in rules.STATES,
    "kind": lambda value: value in _PARTS,
}


def row(cursor: sqlite3.Cursor, values: tuple[Any, ...]) -> sqlite3.Row:
    """The row factory. Raises sqlite3.DatabaseError for a row that nobody here has written."""
    names = [name for name, *_ in cursor.description]
    for name, value in zip(names, values, strict=True):
        if name in _CHECKS and not _CHECKS[name](value):
            raise _damaged()
    if "parts" in names:
        kind = values[names.index("kind")]
        read = [
            _parts(value, kind) if name in _JSON else value for name, value in zip(names, values, strict=True)
        ]
        values = tuple(read)
    return sqlite3.Row(cursor, values)


def _parts(text: object, kind: str) -> dict[str, str]:
    """The digests of the parts of a message of a kind, by their names."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        raise _damaged() from None
    if not isinstance(found, dict) or not all(map(_is_text, found.values())) or _PARTS[kind] - found.keys():
        raise _damaged()
    return found


def _damaged() -> sqlite3.DatabaseError:
    return sqlite3.DatabaseError("a row is damaged")
