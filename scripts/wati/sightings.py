"""Whether a row of a conversation is a message that the journal remembers. Pure; a row may have any form.

Three answers, since a wrong one costs a customer a message or a second one: the row is it, it is not, or it
resembles it and nobody can say.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal

from wati import templates
from wati.verdicts import member

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.journal import Entry

    Digest = Callable[[str], str]
    Likeness = Literal["same", "alike", "other"]

# What the inbox shows as the sender of a message that came by the API (published captures).
_BY_API = "API Token"
# The types of row that a message of a kind makes (WATI docs, webhooks).
_TYPES = {
    "text": ("text",),
    "interactive": ("interactive", "button"),
    "file": ("image", "video", "audio", "voice", "document", "sticker"),
}
# What an attachment that was sent without a caption is called (WATI support).
_UNCAPTIONED = ("untitled", "null")
# Published captures name a broadcast row's template in its description only.
_TEMPLATE = re.compile(r'using "([^"]+)" template')
_LONGEST = 10_000  # characters; WhatsApp's longest text has 4,096


def likeness(row: dict[str, Any], entry: Entry, digest: Digest, body: str | None) -> Likeness:
    """How a row compares with the message of `entry`. `body`: the template's text, None if it is not known.

    A file is at best alike: only its bytes tell.
    """
    if entry.kind == "template":
        return _template(row, entry, digest, body)
    if row.get("eventType") != "message" or row.get("owner") is not True:
        return "other"
    text = _text(row, "text")
    if entry.kind == "file" and text in _UNCAPTIONED:
        text = ""
    if text is None or digest(text) != entry.parts["text"]:
        return "other"
    # A colleague may have typed the same words, and whether a menu is shown as one is not certain.
    is_ours = str(row.get("operatorName") or "").startswith(_BY_API) and row.get("type") in _TYPES[entry.kind]
    return "same" if is_ours and entry.kind != "file" else "alike"


def media_of(row: dict[str, Any]) -> str:
    """The file that a row names, as get_media takes it: in an address, what follows fileName=, decoded."""
    from urllib.parse import unquote

    address, marker, name = str(row.get("data") or "").rpartition("fileName=")
    return unquote(name.partition("&")[0]) if marker else address + name


def template_of(row: dict[str, Any]) -> Any:
    """The name of a broadcast row's template; None where it tells none, of any type where WATI's is."""
    described = _TEMPLATE.search(_text(row, "eventDescription") or "")
    return member(row, "template.elementName") or (described[1] if described else None)


def _template(row: dict[str, Any], entry: Entry, digest: Digest, body: str | None) -> Likeness:
    if row.get("eventType") != "broadcastMessage":
        return "other"
    name = template_of(row)
    if name is not None and name != entry.name:
        return "other"
    text = _text(row, "finalText")
    if name is None or body is None or text is None:
        return "alike"
    pieces = templates.pieces(body)
    if not _has_form(text, pieces[::2]):
        return "alike"  # not the text of this template as it is now: nobody can say
    return "same" if _is_filled(text, pieces, entry.parts, digest) else "other"


def _has_form(text: str, literals: list[str]) -> bool:
    """Whether the template's own words stand in the text, in their order."""
    first, *others = literals
    if not text.startswith(first):
        return False
    at = len(first)
    for literal in others:
        found = text.find(literal, at)
        if found < 0:
            return False
        at = found + len(literal)
    return text.endswith(literals[-1])


def _is_filled(text: str, pieces: list[str], parts: dict[str, str], digest: Digest) -> bool:
    """Whether the places hold the remembered values. `pieces`: literal, name, literal, name, …, literal.

    A value ends where the next literal begins; where that is in several places, its digest tells which.
    """
    literal, *others = pieces
    if not text.startswith(literal):
        return False
    rest = text[len(literal) :]
    if not others:
        return rest == ""
    name, *others = others
    following = others[0]
    ends = (
        [len(rest) - len(following)]
        if len(others) == 1
        else [end for end in range(len(rest) + 1) if rest.startswith(following, end)]
    )
    return any(
        end >= 0 and digest(rest[:end]) == parts.get(name) and _is_filled(rest[end:], others, parts, digest)
        for end in ends
    )


def _text(row: dict[str, Any], name: str) -> str | None:
    text = row.get(name)
    return text if isinstance(text, str) and len(text) <= _LONGEST else None
