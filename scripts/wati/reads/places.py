"""Where a template has texts, and the places for values in them: one row of getMessageTemplates.

WATI keeps a text in two notations: as it was written, with the names of its places (`bodyOriginal`), and as
WhatsApp has it, with numbers (`body`). Place by place they are the same. Members may have any form. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.contract.bodies import member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")
MOST_BUTTONS = 10
MOST_CARDS = 10  # of a carousel
_DEEPEST = 6  # how far down texts are searched that are nowhere described

# Where each kind of text is: the members as it was written, then those in WhatsApp's notation.
BODY = (("bodyOriginal",), ("body",))
_HSM = (("hsmOriginal",), ("hsm",))  # older templates have their text here
_HEADER = (("textOriginal", "headerTextOriginal"), ("text", "headerText"))
_HEADER_LINK = (("linkOriginal", "urlOriginal"), ("link", "url", "mediaUrl"))
_BUTTON_LINK = (("urlOriginal",), ("url",))
_CARDS = ("cards", "carouselCards", "carousel.cards")


class Text(NamedTuple):
    """A text with places. `names`: for each place, the names that its value can have, the likeliest first."""

    where: str
    text: str
    names: list[tuple[str, ...]]

    @property
    def is_link(self) -> bool:
        """Whether it is the link of a button."""
        return "button" in self.where

    def filled(self, values: Mapping[str, str]) -> str:
        """The text with the values in their places. A place without a value stays as it is."""
        names = iter(self.names)

        def value(found: re.Match[str]) -> str:
            given = [values[name] for name in next(names, (found[1],)) if name in values]
            return given[0] if given else found[0]

        return _PLACEHOLDER.sub(value, self.text)


def texts(row: Any, of: str = "") -> Iterator[Text]:
    """Every text of a template, or of one card of it, in reading order. `of`: what stands before its name."""
    yield from header(row, of)
    yield body(row, of)
    yield Text(f"{of}footer", text := footer(row), _names(text))
    for number, button in enumerate(buttons(row), 1):
        yield from _button(button, f"{of}button {number}")
    for number, card in enumerate(cards(row), 1):
        yield from texts(card, f"card {number} ")


def body(row: Any, of: str = "") -> Text:
    text = _text(f"{of}body", row, BODY)
    return text if text.text else _text(f"{of}body", row, _HSM)


def header(row: Any, of: str = "") -> list[Text]:
    """The text of the header, and the link to its picture, film or file; both may be empty."""
    found = member(row, "header")
    if isinstance(found, str):
        return [Text(f"{of}header", found, _names(found))]
    return [_text(f"{of}header", found, _HEADER), _text(f"{of}header link", found, _HEADER_LINK)]


def header_kind(row: Any) -> str:
    """What the header is, such as `image`; "" if that is not known, or if it is a text."""
    kinds = (member(row, f"header.{name}") for name in ("typeString", "type", "format"))
    kind = next((kind.lower() for kind in kinds if isinstance(kind, str)), "")
    return kind if kind not in ("text", "none") and len(kind) <= 40 else ""


def footer(row: Any) -> str:
    return _first(member(row, "footer"), member(row, "footer.text"))


def buttons(row: Any) -> list[Any]:
    """The members of each button: its own, or those of its `parameter` (both forms were observed)."""
    found = items(member(row, "buttons"))[:MOST_BUTTONS]
    return [inner if isinstance(inner := member(one, "parameter"), dict) else one for one in found]


def cards(row: Any) -> list[Any]:
    return next((found for path in _CARDS if (found := items(member(row, path)))), [])[:MOST_CARDS]


def _button(button: Any, of: str) -> Iterator[Text]:
    """The link of a button. The name of its place may be only beside it, in `buttonParamMapping`."""
    link = _text(f"{of} link", button, _BUTTON_LINK)
    named = member(button, "buttonParamMapping.paramName")
    if isinstance(named, str) and named:
        if not link.names:
            link = link._replace(names=[(named,)])
        elif named not in link.names[0]:
            others = link.names[0]
            both = (named, *others) if is_number(others[0]) else (*others, named)
            link = link._replace(names=[both, *link.names[1:]])
    yield link


def unread(row: Any, known: set[str]) -> Iterator[str]:
    """What was not understood of a template: where there are places with names that are not `known`, and
    members of a form that is not known.
    """
    if not any(text.text for text in texts(row)):
        yield "its text"
    found = member(row, "header")
    if found is not None and found != {} and not isinstance(found, str):
        is_read = isinstance(found, dict) and (header_kind(row) or any(text.text for text in header(row)))
        is_none = isinstance(found, dict) and not any(isinstance(value, str) for value in found.values())
        if not is_read and not is_none:
            yield "header"
    for number, button in enumerate(buttons(row), 1):
        if not isinstance(button, dict):
            yield f"button {number}"
    if isinstance(row, dict):
        # The samples of values are not texts of the template.
        rest = {name: value for name, value in row.items() if name != "customParams"}
        yield from (at for at, names in _everywhere(rest) if not names <= known)


def _everywhere(value: Any, at: str = "", depth: int = 0) -> Iterator[tuple[str, set[str]]]:
    if isinstance(value, str):
        if names := set(_names_of(value)):
            yield at, names
    elif depth < _DEEPEST:
        inner: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            inner = value.items()
        elif isinstance(value, list):
            inner = enumerate(value)
        for name, one in inner:
            yield from _everywhere(one, f"{at}.{name}" if at else str(name), depth + 1)


def pieces(text: str) -> list[str]:
    """The text split at its places: literal, name, literal, name, …, literal."""
    return _PLACEHOLDER.split(text)


def is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()


def items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(where: str, form: Any, members: tuple[tuple[str, ...], tuple[str, ...]]) -> Text:
    written, plain = (_first(*(member(form, name) for name in names)) for names in members)
    named, numbered = _names_of(written), _names_of(plain)
    if numbered and not named:
        return Text(where, plain, _names(plain))
    text = written or plain
    if len(named) != len(numbered):
        return Text(where, text, _names(text))
    both = [tuple(dict.fromkeys(pair)) for pair in zip(named, numbered, strict=True)]
    return Text(where, text, both)


def _names_of(text: str) -> list[str]:
    found: list[str] = _PLACEHOLDER.findall(text)
    return found


def _names(text: str) -> list[tuple[str, ...]]:
    return [(name,) for name in _names_of(text)]


def _first(*candidates: Any) -> str:
    return next((text for text in candidates if isinstance(text, str) and text), "")
