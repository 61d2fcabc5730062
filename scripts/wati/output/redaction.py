"""Keeps secrets out of everything that is printed or stored."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from wati.contract.settings import SHORTEST_KEY
from wati.output.rendering import UNSAFE, shorten

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")

# One character inside a text: percent-encoded (once or more), or escaped for JSON or HTML. No text may match
# in several ways, or a malicious one could make the search take forever.
_ESCAPED = r"%(?:25){{0,3}}{0:02x}|\\u00{0:02x}|&#(?:{0}|x{0:x});"
_ANY_ESCAPE = re.compile(r"%|\\u|&#")


def _any_form(characters: str) -> str:
    """A pattern for one of the characters, in any form."""
    return "(?:" + "|".join(f"{re.escape(c)}|{_ESCAPED.format(ord(c))}" for c in characters) + ")"


_QUOTE = rf"(?:{_any_form(chr(34))}|\\(?!u0022)|['\[])*"
# As text, compiled when it is first needed: few calls need it.
_SESSION_TOKEN = (
    rf"(?i)(session{_any_form('_-')}?token{_QUOTE}\s*{_any_form('=:')}\s*{_QUOTE}"
    rf"|connect\.maton\.ai{_any_form('/?#')})[^&\s\"'\\]+"
)
_PIECE = 12  # characters of a key that are redacted on their own: a far side may split what it echoes


def redact(value: Any, key: str, shown_url: str = "") -> Any:
    """`value` without the API key and without connection links, except `shown_url`.

    A connection's `url` has a live session token (Maton's docs), so the member is removed, whatever its form.
    """
    return _redacted(value, key, shown_url) if _is_suspect(value, key) else value


# Apart from the key, every secret that `_redacted` finds has one of these, in lower case.
_MARKS = ("%", "\\u", "&#", "token", "connect.maton.ai", "connection_id")


def _is_suspect(value: Any, key: str) -> bool:
    """Whether there may be a secret: one search of the whole value is far faster than one of each text."""
    if not key.isprintable() or '"' in key or "\\" in key:
        return True  # JSON would escape it
    text = json.dumps(value, ensure_ascii=False).lower()
    secrets = (key.lower(), *_pieces_of(key)) if len(key) >= SHORTEST_KEY else ()
    is_token = "sessiontoken" in text.replace("_", "").replace("-", "")
    return is_token or any(mark in text for mark in (*_MARKS, *secrets))


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
    return _without_key(value, key) if shown_url and value == shown_url else _redact_text(value, key)


def _is_link(url: object) -> bool:
    return isinstance(url, str) and ("session_token" in url or "://connect.maton.ai" in url)


def _redact_text(text: str, key: str) -> str:
    text = _without_pieces(_without_key(text, key), key)
    is_suspect = any(word in text.lower() for word in ("token", "connect.maton.ai"))
    return re.sub(_SESSION_TOKEN, r"\1[hidden]", text) if is_suspect else text


def _without_key(text: str, key: str) -> str:
    """The text without the key, in any case (header names are lowercased) and however it is escaped."""
    if len(key) < SHORTEST_KEY or not (key.lower() in text.lower() or _ANY_ESCAPE.search(text)):
        return text
    return _forms_of(key).sub("[MATON_API_KEY]", text)


def _without_pieces(text: str, key: str) -> str:
    """The text without long parts of the key: of a run of 15 or more of its characters, at most six stay."""
    pieces = _pieces_of(key)
    folded = text.lower()
    if not any(piece in folded for piece in pieces):
        return text
    kept, end = "", 0
    # In a lookahead, so that overlapping pieces are all found.
    for match in re.finditer(f"(?=({'|'.join(map(re.escape, pieces))}))", text, re.IGNORECASE):
        if match.start(1) >= end:
            kept += text[end : match.start(1)] + "[MATON_API_KEY]"
        end = match.end(1)
    return kept + text[end:]


@lru_cache(maxsize=1)
def _pieces_of(key: str) -> list[str]:
    return [key[start : start + _PIECE].lower() for start in range(0, len(key) - _PIECE + 1, 4)]


@lru_cache(maxsize=1)
def _forms_of(key: str) -> re.Pattern[str]:
    return re.compile("".join(map(_any_form, key)), re.IGNORECASE)


def excerpt(text: str, key: str, longest: int) -> str:
    """A text to show: redacted before it is cut, because half a key is a secret, too."""
    return shorten(str(redact(text, key)), longest)


def terminal_safe(text: str, key: str) -> str:
    """Diagnostics for stderr: redacted, and without characters that control a terminal."""
    return _CONTROL.sub("?", UNSAFE.sub("?", _redact_text(text, key)))
