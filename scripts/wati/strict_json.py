"""JSON as the standard has it: Python's own parser also takes NaN, and makes infinity of 1e999."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import isinf
from typing import Any


def loads(text: str | bytes, pairs_hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The parsed text. Raises ValueError, or RecursionError where it is nested too deeply."""
    return json.loads(
        text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=pairs_hook
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError("a number is too large")
    return number
