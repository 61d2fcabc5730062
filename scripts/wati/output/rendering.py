"""Values as they are printed or stored: clean, readable, and safe for a terminal."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# JSON allows these characters, but they control a terminal, reverse what a reader sees, or are invisible to
# people and not to a model: control characters, line separators, directions, interlinear notes, tags, halves
# of surrogate pairs.
UNSAFE = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def clean(value: Any) -> Any:
    """The value without members that are null or an empty text; false, 0 and empty lists stay."""
    if isinstance(value, dict):
        return {name: clean(member) for name, member in value.items() if member is not None and member != ""}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


_PAIRS = (("name", "value"), ("paramName", "paramValue"))


def paired(value: Any) -> Any:
    """The value with each `customParams` as one object, name: value, if every name is there once."""
    if isinstance(value, dict):
        return {
            name: _object(member) if name == "customParams" else paired(member)
            for name, member in value.items()
        }
    return [paired(item) for item in value] if isinstance(value, list) else value


def _object(entries: Any) -> Any:
    for name, value in _PAIRS:
        if isinstance(entries, list) and all(
            isinstance(entry, dict) and entry.keys() <= {name, value} and isinstance(entry.get(name), str)
            for entry in entries
        ):
            found = {entry[name]: entry.get(value, "") for entry in entries}
            return found if entries and len(found) == len(entries) else entries
    return entries


WIDTH = 110  # characters of a line on a terminal, if what stands in it can be parted


def render(document: Any, *, for_people: bool = False) -> str:
    """JSON that keeps every writing system readable and escapes only what must not reach a terminal.

    `for_people`: in lines, each with as much as fits, such as a row of a conversation.
    """
    text = _in_lines(document, "") if for_people else _in_one_line(document, (",", ":"))
    return _escaped(text)


def _in_one_line(value: Any, separators: tuple[str, str] = (", ", ": ")) -> str:
    return json.dumps(value, ensure_ascii=False, separators=separators)


def _in_lines(value: Any, margin: str) -> str:
    """The value over several lines, but each part of it in one if that is short enough."""
    inner = margin + "  "

    def part(name: str, one: Any) -> str:
        line = f"{name}{_in_one_line(one)}"
        is_short = len(inner) + len(line) < WIDTH
        return inner + (line if is_short else f"{name}{_in_lines(one, inner)}")

    if isinstance(value, dict) and value:
        parts = [part(f"{_in_one_line(name)}: ", one) for name, one in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{margin}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(part("", one) for one in value) + f"\n{margin}]"
    return _in_one_line(value)


def on_one_line(text: str) -> str:
    """A text that stays one line, and in which nothing reverses or hides what a reader sees."""
    return _escaped(" ".join(text.split()))


def _escaped(text: str) -> str:
    return UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def shorten(text: str, longest: int) -> str:
    """The text, cut to a length. Redact it before: half a key is a secret, too."""
    return text if len(text) <= longest else text[: longest - 1] + "…"


def enumerate_some(names: Iterable[str], most: int) -> str:
    """The first `most` names, and how many more there are."""
    rest = iter(names)
    some = ", ".join(islice(rest, most))
    more = sum(1 for _ in rest)
    return some + (f" and {more} more" if more > 0 else "")


def duration(seconds: float) -> str:
    """Rounded to the largest unit of which there are at least two."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        count = round(seconds / length)
        if count > 1:
            return f"{count} {unit}"
    count = round(seconds)
    return "1 second" if count == 1 else f"{count} seconds"
