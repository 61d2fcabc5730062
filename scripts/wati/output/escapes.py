"""A text without its escapes, and where in the text a part of that was. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable

Span = tuple[int, int]

# A character that is percent-encoded, or escaped for JSON, a program or HTML; or what stands between the
# characters of a secret that was broken into lines or hexadecimal pairs, which decodes to nothing. No part
# of it repeats without bound, or a malicious text could make the search take forever.
_ESCAPE = re.compile(
    r"%(?:u00)?([0-9a-f]{2})|\\(?:u00|x)([0-9a-f]{2})|\\(?=[\"/\\])|&#(?:0{0,5}([0-9]{2,3})|x0{0,5}([0-9a-f]{2}));"
    r"|&(amp|lt|gt|quot|apos);|=?[\r\n]|\\[rn]|(?<=\b[0-9a-f]{2})[ :-](?=[0-9a-f]{2}\b)",
    re.IGNORECASE,
)
_NAMES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_DEEPEST = 4  # how often a text may be encoded, one way around the other


def levels(text: str) -> list[str]:
    """The text, then the same with one level of escapes less each time."""
    found = [text]
    while len(found) <= _DEEPEST and (inner := _ESCAPE.sub(_character, found[-1])) != found[-1]:
        found.append(inner)
    return found


def origins(text: str, spans: Iterable[Span]) -> list[Span]:
    """The parts of `text` that these parts of it, with one level of escapes less, come from."""
    inner, outer, shift = [0], [0], 0  # the same places in both, wherever they begin to differ anew
    for match in _ESCAPE.finditer(text):
        inner += [match.start() - shift, match.start() - shift + len(_character(match))]
        outer += [match.start(), match.end()]
        shift = outer[-1] - inner[-1]

    def origin(place: int) -> int:
        index = bisect_right(inner, place) - 1
        return outer[index] + place - inner[index]

    return [(origin(start), origin(end)) for start, end in spans]


def _character(match: re.Match[str]) -> str:
    percent, program, decimal, hexadecimal, name = match.groups()
    if name:
        return _NAMES[name.lower()]
    code = int(decimal) if decimal else int(percent or program or hexadecimal or "0", 16)
    return chr(code) if code else ""
