"""What systems on the way do to a text, and what a list may do to its rows. Pure."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from typing import Any

from .formats import epoch, iso

_PLAIN = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2026": "..."})

TEXTS: dict[str, Callable[[str], str]] = {
    "mojibake": lambda text: text.encode("utf-8").decode("latin-1"),
    "escaped": html.escape,
    "selector": lambda text: "".join(each + "\ufe0f" * ("\u2600" <= each <= "\u27bf") for each in text),
    "plain": lambda text: text.translate(_PLAIN),
    "cut": lambda text: text[: len(text) // 2],
    "signature": lambda text: f"{text}\n-- \nSent by Acme",
}
ORDERS = ("oldest", "none")

# Of the faults that change something, by their kind: what they take.
Changing = Mapping[str, Mapping[str, Any]]


def unzoned(row: dict[str, Any], seconds: float) -> dict[str, Any]:
    """A row whose `created` is the time of a clock that is ahead of UTC, without saying so."""
    return {**row, "created": iso(epoch(row["created"]) + seconds).removesuffix("Z")}


def in_no_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["id"]))
