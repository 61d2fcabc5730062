"""The rows of the journal, checked as they are read: SQLite keeps any value in any column."""

from __future__ import annotations

import json
import math
import sqlite3
from typing import TYPE_CHECKING, Any

from wati.journal import rules
from wati.journal.entries import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DAMAGED = "a row is damaged"
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
    """The row factory of the file."""
    return sqlite3.Row(cursor, checked([name for name, *_ in cursor.description], values))


def checked(names: Sequence[str], values: Sequence[Any]) -> tuple[Any, ...]:
    """The values of a row, with those of JSON read. Raises Unusable if nobody here has written it."""
    for name, value in zip(names, values, strict=True):
        if name in _CHECKS and not _CHECKS[name](value):
            raise Unusable(_DAMAGED)
    if "parts" not in names:
        return tuple(values)
    kind = values[names.index("kind")]
    named = zip(names, values, strict=True)
    return tuple(_parts(value, kind) if name in _JSON else value for name, value in named)


def _parts(text: object, kind: str) -> dict[str, str]:
    """The digests of the parts of a message of a kind, by their names."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        raise Unusable(_DAMAGED) from None
    if not isinstance(found, dict) or not all(map(_is_text, found.values())) or _PARTS[kind] - found.keys():
        raise Unusable(_DAMAGED)
    return found
