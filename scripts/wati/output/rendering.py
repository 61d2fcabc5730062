"""JSON as it is printed or kept: clean, readable, and safe for a terminal."""

from __future__ import annotations

import json
import re
from typing import Any

# Characters that JSON lets through and that would steer a terminal, reverse what a reader sees, or be read by
# a model and seen by nobody: control characters, line separators, directions, notes between lines, tags,
# halves of surrogate pairs.
UNSAFE = re.compile(
    "[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def clean(value: Any) -> Any:
    """WATI's answer without members that are null or an empty text; false, 0 and empty lists stay."""
    if isinstance(value, dict):
        return {name: clean(member) for name, member in value.items() if member is not None and member != ""}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def render(document: Any, *, indent: int | None = None) -> str:
    """JSON that keeps every script readable and escapes only what must not reach a terminal."""
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(document, ensure_ascii=False, indent=indent, separators=separators)
    return UNSAFE.sub(lambda match: json.dumps(match[0])[1:-1], text)


def shorten(text: str, longest: int) -> str:
    """Cut only what is redacted already: half a key is a secret, too."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
