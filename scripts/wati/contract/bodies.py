"""Reading a body that may have any form. Pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from wati.contract.answer import Answer


def member(body: Any, path: str) -> Any:
    """The member at a dotted path; None if the body has another form."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def member_is(answer: Answer, name: str, *values: str | bool) -> bool:
    found = member(answer.json, name)
    return any(type(found) is type(value) and found == value for value in values)


def connection_id(body: Any) -> str:
    """The id of a new connection; "" if there is none.

    Maton's SDK accepts all of these forms, because Maton's answers differ.
    """
    from wati.contract.settings import is_connection_id

    for holder in (member(body, "connection"), body):
        for name in ("connection_id", "connection_Id", "id"):
            found = member(holder, name)
            if isinstance(found, str) and is_connection_id(found):
                return found
    return ""


def leaves(value: Any) -> list[str]:
    """Every text and number anywhere in a value, as text: the form of error lists is not documented."""
    if isinstance(value, (dict, list)):
        items = value.values() if isinstance(value, dict) else value
        return [leaf for item in items for leaf in leaves(item)]
    return [] if value in (None, "", False) else [str(value)]


def texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def digits(text: str) -> str:
    """A number as plain digits, so `+1 415…` in an answer matches `1415…`; an id is left as it is."""
    kept = "".join(character for character in text if character not in "+ ()-.")
    return kept if kept.isdigit() else text


def numbers_of(answered: Mapping[str, str]) -> dict[str, str]:
    """Those that really are numbers: an answer can contain anything."""
    return {receiver: number for receiver, number in answered.items() if is_number(number)}


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 7 <= len(text) <= 15
