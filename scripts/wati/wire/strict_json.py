"""JSON as the standard has it, and as all readers read it alike.

Python's own parser also takes NaN, makes infinity of 1e999, and of two members of one name keeps the last,
where other readers keep the first.
"""

from __future__ import annotations

import json
from collections import Counter
from math import isinf
from typing import Any

# An empty list is three bytes of JSON and sixty of memory. A page of 100 contacts with 100 attributes each
# has about 23,000 values, a bulk send to 1,000 receivers with ten parameters each about 45,000.
MOST_VALUES = 250_000
# Python's own limit, where it has one: the time that a number takes grows with the square of its digits.
MOST_DIGITS = 4300

_NO_STRUCTURE = bytes(set(range(256)) - set(b'",[{'))


class TooRich(ValueError):
    """There are more values than any call or answer has."""


class Ambiguous(ValueError):
    """A member stands twice in one object: which one is meant, readers decide differently."""


def loads(text: str | bytes) -> Any:
    """The parsed text. Raises ValueError, or RecursionError where it is nested too deeply."""
    if _values(text.encode() if isinstance(text, str) else text) > MOST_VALUES:
        raise TooRich(f"more than {MOST_VALUES:,} values")
    return json.loads(
        text,
        parse_constant=_refuse_constant,
        parse_float=_finite,
        parse_int=_whole,
        object_pairs_hook=_only_once,
    )


def _values(content: bytes) -> int:
    """How many values a JSON text holds, at most; what stands inside its strings does not count."""
    if json.detect_encoding(content) not in ("utf-8", "utf-8-sig"):
        content = content.decode(json.detect_encoding(content), "replace").encode("utf-8", "replace")
    unescaped = content.replace(rb"\\", b"").replace(rb"\"", b"")
    return len(b"".join(unescaped.translate(None, _NO_STRUCTURE).split(b'"')[::2]))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError("a number is too large")
    return number


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError("a number is too long")
    return int(text)


def _only_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise Ambiguous(f"the member {twice[:80]!r} stands twice in one object")
    return members
