"""Whether a row of a conversation is a message from the journal. Pure; a row may have any form.

There are three answers: the same message, another one, or one that is only alike. A wrong answer would cost
the customer a message, or bring a second one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from wati.contract.messages import normalized
from wati.reads import places, templates
from wati.reads.rows import media_of, owner, template_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.journal.entries import Entry

    Row = dict[str, Any]
    Digest = Callable[[str], str]
    Content = Callable[[str], str | None]
    Likeness = Literal["same", "alike", "other"]

# The inbox shows this as the sender of a message that came through the API (published captures).
_BY_API = "API Token"
# The types of row for each kind of message (WATI docs, webhooks).
_TYPES = {
    "text": ("text",),
    "interactive": ("interactive", "button"),
    "file": ("image", "video", "audio", "voice", "document", "sticker"),
}
# The names of an attachment that was sent without a caption (WATI support).
_UNCAPTIONED = ("untitled", "null", "")


class Form:
    """A template as it is now.

    `pieces`: its body as literal, name, literal, name, …, literal. `names`: all its parameters, with those of
    the header and the buttons, which no row shows.
    """

    def __init__(self, template: dict[str, Any]) -> None:
        self.pieces = places.pieces(normalized(templates.body(template)))
        self.names = set(templates.parameters(template))


def visible_parts(entry: Entry, form: Form | None) -> list[str]:
    """The parts of a message that a row shows. Only these distinguish it from other messages."""
    if entry.kind == "template":
        return [] if form is None else form.pieces[1::2]
    return ["text", "file"] if entry.kind == "file" else ["text"]


def likeness(row: Row, entry: Entry, digest: Digest, form: Form | None, content: Content) -> Likeness:
    """Whether a row is the message of `entry`.

    `form`: the template's, None if it is not known. `content`: the digest of the file with that name, None if
    it cannot be fetched.
    """
    if owner(row) is False:
        return "other"  # from the customer
    if entry.kind == "template":
        return _template(row, entry, digest, form)
    if entry.kind == "file":
        return _file(row, entry, digest, content)
    text = text_of(row, "text")
    if text is None or digest(text) != entry.parts["text"]:
        return "other"
    return "same" if _is_by_api(row, entry) else "alike"


def _is_by_api(row: Row, entry: Entry) -> bool:
    """Whether the row came through the API: a colleague may have typed the same words."""
    is_sent = row.get("eventType") == "message" and owner(row) is True
    by_api = (text_of(row, "operatorName") or "").startswith(_BY_API)
    return is_sent and by_api and row.get("type") in _TYPES[entry.kind]


def _file(row: Row, entry: Entry, digest: Digest, content: Content) -> Likeness:
    """The bytes decide. If they differ, WATI may still have changed them."""
    name = media_of(row)
    if not name and row.get("type") not in _TYPES["file"]:
        return "other"
    text = text_of(row, "text") or ""
    captions = {text, ""} if text in _UNCAPTIONED else {text}
    is_captioned = entry.parts["text"] in map(digest, captions)
    if name and content(name) == entry.parts["file"]:
        return "same" if is_captioned and _is_by_api(row, entry) else "alike"
    return "alike" if is_captioned else "other"


def _template(row: Row, entry: Entry, digest: Digest, form: Form | None) -> Likeness:
    is_broadcast = row.get("eventType") == "broadcastMessage"
    name = template_of(row)
    if isinstance(name, str) and name.lower() != entry.name.lower():
        return "other"
    text = text_of(row, "finalText") or text_of(row, "text")
    if form is None or text is None:
        return "alike" if is_broadcast else "other"
    text = normalized(text)
    literals, names = form.pieces[::2], set(form.pieces[1::2])
    if names <= entry.parts.keys() and _is_filled(text, form.pieces, entry.parts, digest):
        return "same" if is_broadcast and isinstance(name, str) else "alike"
    # The template may have changed since, or WATI may have filled in a value that we did not give.
    is_unclear = form.names != entry.parts.keys() or not _has_form(text, literals)
    return "alike" if is_broadcast and is_unclear else "other"


def _has_form(text: str, literals: list[str]) -> bool:
    """Whether the text contains the template's own words, in their order."""
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
    """Whether the placeholders hold the values of the entry.

    A value ends where the next literal begins. If the literal occurs several times, the value's digest
    decides. Several digests can fit, because white space does not count; then all of them are tried.
    """
    starts = {len(pieces[0])} if text.startswith(pieces[0]) else set()
    for name, literal in zip(pieces[1::2], pieces[2::2], strict=True):
        starts = {
            end + len(literal)
            for start in starts
            for end in range(start, len(text) - len(literal) + 1)
            if text.startswith(literal, end) and digest(text[start:end]) == parts[name]
        }
    return len(text) in starts
