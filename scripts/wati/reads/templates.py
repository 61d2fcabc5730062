"""What a template asks for and what its receiver will read: one row of getMessageTemplates in, facts out.

Pure, and tolerant of every member's form: `language` was reported as an object and as a text, and a `header`
or `buttons` that is null is as common as one that is not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.arguments.validation import quoted, suggestion
from wati.contract.verdicts import member

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wati.contract.types import Problem

    Pairs = Iterable[tuple[str, str]]  # a parameter's name with its value, in the order of the arguments

_PLACE = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")
# A text of 1,024 characters has room for about 200 places: what names more, or longer ones, is no template.
MOST_PARAMETERS = 250
MOST_BUTTONS = 10
LONGEST_PARAMETER = 256  # as in the schemas
_MOST_NAMED = 20  # parameters that one message names


def parameters(template: Any) -> list[str]:
    """Every parameter that a send has to carry, in reading order.

    `customParams` can miss some (reported), so all that stands in braces counts, too.
    """
    named = [*_places(header(template)), *_places(body(template)), *url_parameters(template)]
    listed = _strings(member(item, "paramName") for item in _items(member(template, "customParams")))
    names = dict.fromkeys(name for name in [*named, *listed] if len(name) <= LONGEST_PARAMETER)
    return list(names)[:MOST_PARAMETERS]


def url_parameters(template: Any) -> list[str]:
    """Those of the buttons' addresses: their values take no space (observed)."""
    found: list[str] = []
    for button in _buttons(template):
        found += _places(_url(button))
        found += _strings([member(button, "buttonParamMapping.paramName")])
    return list(dict.fromkeys(found))


def body(template: Any) -> str:
    """The text with its places, as it was written."""
    return _first_text(member(template, "bodyOriginal"), member(template, "body"))


def header(template: Any) -> str:
    """The header's text with its places; "" where it is none, or a picture."""
    found = member(template, "header")
    if isinstance(found, str):
        return found
    names = ("textOriginal", "headerTextOriginal", "text", "headerText")
    return _first_text(*(member(found, name) for name in names))


def render(template: Any, values: Mapping[str, str]) -> str:
    """The body as the receiver reads it; a place without a value stays as it is."""
    return _filled(body(template), values)


def preview(template: Any, values: Mapping[str, str]) -> dict[str, Any]:
    """All that the receiver sees: the body as `text`; header, footer and links where there are some."""
    links = [_filled(_url(button), values) for button in _buttons(template)[:MOST_BUTTONS]]
    seen = {
        "header": _filled(header(template), values),
        "text": render(template, values),
        "footer": _first_text(member(template, "footer"), member(template, "footer.text")),
        "links": [link for link in links if link],
    }
    return {name: value for name, value in seen.items() if value}


def is_positional(names: Iterable[str]) -> bool:
    """Whether the parameters are called 1, 2 and so on."""
    names = list(names)
    return bool(names) and all(name.isascii() and name.isdigit() for name in names)


def problems(template: Any, values: Mapping[str, str] | Pairs, at: str) -> list[Problem]:
    """All that WATI would refuse, or fail later, in the parameters of one receiver. `at`: their place."""
    pairs = list(values.items()) if isinstance(values, dict) else list(values)
    found: list[Problem] = []
    for index, code, problem in mismatches(parameters(template), [name for name, _ in pairs]):
        where = at if index is None else f"{at}[{index}].name"
        found.append({"at": where, "problem": problem, "code": code})
    in_links = url_parameters(template)
    for index, (name, value) in enumerate(pairs):
        problem = unsendable(value) if name in in_links else ""
        if problem:
            found.append({"at": f"{at}[{index}].value", "problem": problem, "code": "parameter_unsendable"})
    return found


def mismatches(needed: list[str], given: list[str]) -> Iterator[tuple[int | None, str, str]]:
    """What differs: the index in `given` (None: it is missing there), the problem's code and its text."""
    missing = [name for name in needed if name not in given]
    extra = [(index, name) for index, name in enumerate(given) if name not in needed]
    if missing and extra and is_positional(given) is not is_positional(needed):
        kinds = ("positional", "named") if is_positional(needed) else ("named", "positional")
        needs = f"the template's parameters are {kinds[0]}, not {kinds[1]}: {_listed(needed)}"
        yield None, "parameter_unknown", f"has {_listed(given)}; {needs}"
        return
    for index, name in extra:
        known = f"; its parameters are {_listed(needed)}" if needed else "; it has none"
        guess = suggestion(name, missing)
        yield index, "parameter_unknown", f"{quoted(name)} is no parameter of the template{guess}{known}"
    for name in missing:
        yield None, "parameter_missing", f'lacks the template\'s parameter "{name}"'


def unsendable(value: str) -> str:
    """Why WhatsApp would fail a value in a button's address that WATI accepts (observed), or ""."""
    in_words = "holds a space and goes into a button's address: WATI accepts it, WhatsApp then fails it"
    return in_words if " " in value else ""


def listed(template: Any) -> str:
    """A template as it is offered: its name, and what it asks for."""
    return f"{member(template, 'elementName')} ({_listed(parameters(template)) or 'no parameters'})"


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)


def pieces(text: str) -> list[str]:
    """The text cut at its places: literal, name, literal, name, …, literal."""
    return _PLACE.split(text)


def _places(text: str) -> list[str]:
    return _PLACE.findall(text)


def _buttons(template: Any) -> list[Any]:
    """What each button holds: itself, or its `parameter` (seen in both forms)."""
    found = _items(member(template, "buttons"))
    return [inner if isinstance(inner := member(one, "parameter"), dict) else one for one in found]


def _url(button: Any) -> str:
    return _first_text(member(button, "urlOriginal"), member(button, "url"))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _strings(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]


def _first_text(*candidates: Any) -> str:
    return next(iter(_strings(candidates)), "")
