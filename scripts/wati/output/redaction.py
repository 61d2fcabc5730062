"""Keeps secrets out of everything that is printed or stored."""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from typing import Any

from wati.contract.settings import SHORTEST_KEY
from wati.output import escapes
from wati.output.rendering import UNSAFE, shorten

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")

# One character inside a text: percent-encoded (once or more), or escaped for JSON or HTML. No text may match
# in several ways, or a malicious one could make the search take forever.
_ESCAPED = r"%(?:25){{0,3}}{0:02x}|\\u00{0:02x}|&#(?:{0}|x{0:x});"


def _any_form(characters: str) -> str:
    """A pattern for one of the characters, in any form."""
    return "(?:" + "|".join(f"{re.escape(c)}|{_ESCAPED.format(ord(c))}" for c in characters) + ")"


_QUOTE = rf"(?:{_any_form(chr(34))}|\\(?!u0022)|['\[])*"
# As text, compiled when it is first needed: few calls need it.
_SESSION_TOKEN = (
    rf"(?i)(session{_any_form('_-')}?token{_QUOTE}\s*{_any_form('=:')}\s*{_QUOTE}"
    rf"|connect\.maton\.ai{_any_form('/?#')})[^&\s\"'\\]+"
)
# A far side may split what it echoes, so parts of a key are redacted on their own: how long they are, and how
# far apart they begin, in the key itself and in base64 or hexadecimal digits.
_PIECE, _STEP = 12, 4
_ENCODED_PIECE, _ENCODED_STEP = 16, 12
_SEPARATORS = (":", " ", "-")  # between hexadecimal pairs


def redact(value: Any, key: str, shown_url: str = "") -> Any:
    """`value` without the API key and without connection links, except `shown_url`.

    A connection's `url` has a live session token (Maton's docs), so the member is removed, whatever its form.
    """
    return _redacted(value, key, shown_url) if _is_suspect(value, key) else value


_BREAK = re.compile(r"=?\\[rn]")  # the end of a line, as in escapes.py, in JSON
# Apart from the key, every secret that `_redacted` finds has one of these, in lower case.
_MARKS = ("%", "\\\\", "&#", "token", "connect.maton.ai", "connection_id")


def _is_suspect(value: Any, key: str) -> bool:
    """Whether there may be a secret: one search of the whole value is far faster than one of each text."""
    if not key.isprintable() or not _PLAIN.isdisjoint(key):
        return True  # JSON or HTML would escape it
    text = json.dumps(value, ensure_ascii=False).lower()
    is_token = "sessiontoken" in text.replace("_", "").replace("-", "")
    if is_token or any(mark in text for mark in _MARKS):
        return True
    text = _BREAK.sub("", text)
    return any(trace in text for trace in _traces_of(key))


_PLAIN = set("\"\\&<>'")


def _redacted(value: Any, key: str, shown_url: str = "") -> Any:
    if isinstance(value, dict):
        is_connection = "connection_id" in value or "connection_Id" in value or _is_link(value.get("url"))
        return {
            _redacted(name, key): _redacted(member, key, shown_url)
            for name, member in value.items()
            if name.lower().replace("_", "").replace("-", "") != "sessiontoken"
            and not (name == "url" and is_connection and member != (shown_url or None))
        }
    if isinstance(value, list):
        return [_redacted(item, key, shown_url) for item in value]
    if not isinstance(value, str):
        return value
    # The link may have words of the key in common; a part of it is of no use.
    is_shown = shown_url and value == shown_url
    return _without_key(value, key, (key.lower(),)) if is_shown else _redact_text(value, key)


def _is_link(url: object) -> bool:
    return isinstance(url, str) and ("session_token" in url or "://connect.maton.ai" in url)


def _redact_text(text: str, key: str) -> str:
    text = _without_key(text, key, _pieces_of(key))
    is_suspect = any(word in text.lower() for word in ("token", "connect.maton.ai"))
    return re.sub(_SESSION_TOKEN, r"\1[hidden]", text) if is_suspect else text


def _without_key(text: str, key: str, pieces: tuple[str, ...]) -> str:
    """The text without these pieces of the key: of a run of 15 or more characters, at most six stay.

    In any case (header names are lowercased), in base64 and hexadecimal digits, and however that is escaped.
    """
    if len(key) < SHORTEST_KEY or len(text) < SHORTEST_KEY:
        return text
    levels, spans = escapes.levels(text), list[escapes.Span]()
    for level in reversed(range(len(levels))):
        spans += _places(levels[level], pieces)
        if level and spans:
            spans = escapes.origins(levels[level - 1], spans)
    kept, end = "", 0
    for start, stop in sorted(spans):
        if start >= end:
            kept += text[end:start] + "[MATON_API_KEY]"
        end = max(end, stop)
    return kept + text[end:]


def _places(text: str, pieces: tuple[str, ...]) -> list[escapes.Span]:
    """Where the pieces are; they may overlap."""
    folded = text.lower()
    found = [re.escape(piece) for piece in pieces if piece in folded]
    # In a lookahead, so that overlapping pieces are all found.
    return [match.span(1) for match in re.finditer(f"(?=({'|'.join(found)}))", text, re.I)] if found else []


@lru_cache(maxsize=1)
def _pieces_of(key: str) -> tuple[str, ...]:
    """What is looked for, in lower case. A piece may be part of a longer one, which comes first."""
    encoded = [key.encode("utf-8", "replace").hex(), *(_in_base64(key, before) for before in range(3))]
    # "-" and "_" are the last two of the 64 letters in addresses.
    encoded += [other for text in encoded if (other := text.translate(_IN_ADDRESSES)) != text]
    pieces = [piece for text in encoded for piece in _cut(text.lower(), _ENCODED_PIECE, _ENCODED_STEP)]
    return tuple(sorted({*pieces, *_cut(key.lower(), _PIECE, _STEP)}, key=len, reverse=True))


_IN_ADDRESSES = str.maketrans("+/", "-_")


def _in_base64(key: str, before: int) -> str:
    """The letters of the key in base64, if `before` bytes come before it, or three more of them, and so on.

    The letters at both ends depend on what is beside the key, so they are not known.
    """
    data = bytes(before) + key.encode("utf-8", "replace")
    return base64.b64encode(data).decode()[-(-before * 8 // 6) : len(data) * 8 // 6]


def _cut(text: str, length: int, step: int) -> list[str]:
    """Parts of the text, the last one up to its end; the whole of a short text."""
    last = max(0, len(text) - length)
    return [text[start : start + length] for start in (*range(0, last, step), last)]


@lru_cache(maxsize=1)
def _traces_of(key: str) -> tuple[str, ...]:
    """What is in every text that holds a piece of the key, but for escapes."""
    if len(key) < SHORTEST_KEY:
        return ()
    first = key[1:4].encode("utf-8", "replace")  # of a key in hexadecimal pairs
    return (*_pieces_of(key), *(first.hex(separator) for separator in _SEPARATORS))


def excerpt(text: str, key: str, longest: int) -> str:
    """A text to show: redacted before it is cut, because half a key is a secret, too."""
    return shorten(str(redact(text, key)), longest)


def terminal_safe(text: str, key: str) -> str:
    """Diagnostics for stderr: redacted, and without characters that control a terminal."""
    return _CONTROL.sub("?", UNSAFE.sub("?", _redact_text(text, key)))
