"""What a template needs and what its receiver will read, from one row of getMessageTemplates.

Pure. Every member may have any form: `language` was reported as an object and as a text, and `header` and
`buttons` are often null.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.arguments.validation import quoted, suggestion
from wati.contract.verdicts import member
from wati.output.rendering import enumerate_some

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from wati.contract.types import Problem

    Pairs = list[tuple[str, str]]  # name and value of each parameter, in the order of the arguments

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")
# A text of 1,024 characters has room for about 200 placeholders.
MOST_PARAMETERS = 250
MOST_BUTTONS = 10
LONGEST_PARAMETER = 256  # as in the schemas
_MOST_NAMED = 20  # parameters in one message


def parameters(template: Any) -> list[str]:
    """Every parameter that a send needs, in reading order.

    `customParams` can miss some (reported), so every name in braces counts, too.
    """
    in_text = _PLACEHOLDER.findall(header(template)) + _PLACEHOLDER.findall(body(template))
    listed = _strings(member(item, "paramName") for item in _items(member(template, "customParams")))
    names = dict.fromkeys(in_text + url_parameters(template) + listed)
    return [name for name in names if len(name) <= LONGEST_PARAMETER][:MOST_PARAMETERS]


def url_parameters(template: Any) -> list[str]:
    """The parameters in the URLs of buttons: their values cannot have spaces (observed)."""
    found: list[str] = []
    for button in _buttons(template):
        found += _PLACEHOLDER.findall(_url(button))
        found += _strings([member(button, "buttonParamMapping.paramName")])
    return list(dict.fromkeys(found))


def body(template: Any) -> str:
    """The text with its placeholders, as it was written."""
    return _first_text(member(template, "bodyOriginal"), member(template, "body"))


def header(template: Any) -> str:
    """The header's text with its placeholders; "" if there is none, or if it is a picture."""
    found = member(template, "header")
    if isinstance(found, str):
        return found
    names = ("textOriginal", "headerTextOriginal", "text", "headerText")
    return _first_text(*(member(found, name) for name in names))


def render(template: Any, values: Mapping[str, str]) -> str:
    """The body as the receiver reads it. A placeholder without a value stays as it is."""
    return _filled(body(template), values)


def preview(template: Any, values: Mapping[str, str]) -> dict[str, Any]:
    """All that the receiver sees: the body as `text`, and header, footer and links if there are any."""
    links = [_filled(_url(button), values) for button in _buttons(template)[:MOST_BUTTONS]]
    visible = {
        "header": _filled(header(template), values),
        "text": render(template, values),
        "footer": _first_text(member(template, "footer"), member(template, "footer.text")),
        "links": [link for link in links if link],
    }
    return {name: value for name, value in visible.items() if value}


def _is_positional(names: list[str]) -> bool:
    """Whether the parameters are named 1, 2 and so on."""
    return all(name.isascii() and name.isdigit() for name in names)


def problems(template: Any, pairs: Pairs, at: str) -> list[Problem]:
    """What WATI would reject or fail later in the parameters of one receiver. `at`: their JSON path."""
    found: list[Problem] = []
    for index, code, problem in mismatches(parameters(template), [name for name, _ in pairs]):
        where = at if index is None else f"{at}[{index}].name"
        found.append({"at": where, "problem": problem, "code": code})
    in_links = url_parameters(template)
    for index, (name, value) in enumerate(pairs):
        if name in in_links and (problem := unsendable(value)):
            found.append({"at": f"{at}[{index}].value", "problem": problem, "code": "parameter_unsendable"})
    return found


def mismatches(needed: list[str], given: list[str]) -> Iterator[tuple[int | None, str, str]]:
    """Each difference: its index in `given` (None: it is missing there), a problem's code and text."""
    missing = [name for name in needed if name not in given]
    extra = [(index, name) for index, name in enumerate(given) if name not in needed]
    if missing and extra and _is_positional(given) is not _is_positional(needed):
        kinds = "positional, not named" if _is_positional(needed) else "named, not positional"
        needs = f"the template's parameters are {kinds}: {_listed(needed)}"
        yield None, "parameter_unknown", f"has {_listed(given)}; {needs}"
        return
    for index, name in extra:
        known = f"; its parameters are {_listed(needed)}" if needed else "; it has none"
        guess = suggestion(name, missing)
        yield index, "parameter_unknown", f"{quoted(name)} is not a parameter of the template{guess}{known}"
    for name in missing:
        yield None, "parameter_missing", f'lacks the template\'s parameter "{name}"'


def unsendable(value: str) -> str:
    """Why WhatsApp would fail a value in a button's URL although WATI accepts it (observed), or ""."""
    problem = "has a space, but goes into a button's URL: WATI accepts it, but WhatsApp fails the message"
    return problem if " " in value else ""


def listed(template: Any) -> str:
    """A template in a list of choices: its name and its parameters."""
    return f"{member(template, 'elementName')} ({_listed(parameters(template)) or 'no parameters'})"


def _listed(names: list[str]) -> str:
    return enumerate_some(names, _MOST_NAMED)


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def pieces(text: str) -> list[str]:
    """The text split at its placeholders: literal, name, literal, name, …, literal."""
    return _PLACEHOLDER.split(text)


def _buttons(template: Any) -> list[Any]:
    """The members of each button: its own, or those of its `parameter` (both forms were observed)."""
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
