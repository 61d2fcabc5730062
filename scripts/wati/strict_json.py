"""JSON as the standard has it, and as all readers read it alike.

Python's own parser also takes NaN, makes infinity of 1e999, and of two members of one name keeps the last,
where other readers keep the first.
"""

from __future__ import annotations

import json
from collections import Counter
from math import isinf
from typing import Any


class Ambiguous(ValueError):
    """A member stands twice in one object: which one is meant, readers decide differently."""


def loads(text: str | bytes) -> Any:
    """The parsed text. Raises ValueError, or RecursionError where it is nested too deeply."""
    return json.loads(
        text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_only_once
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError("a number is too large")
    return number


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Ambiguous(f"the member {twice[:80]!r} stands twice in one object")
    return members
