"""The facts of one contact. Pure; a row may have any form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Row = dict[str, Any]


def names_of(row: Row) -> list[str]:
    """Every name that the contact has, the usual one first."""
    members = [row.get(member) for member in ("fullName", "firstName", "displayName")]
    attribute = [value for name, value in attributes(row) if name == "name"]
    return [name for name in members + attribute if isinstance(name, str) and name]


def attributes(row: Row) -> list[tuple[str, str]]:
    params = row.get("customParams")
    found = params if isinstance(params, list) else []
    pairs = [(param.get("name"), param.get("value")) for param in found if isinstance(param, dict)]
    return [(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]


def number_of(row: Row) -> str:
    """The number under which its conversation is read, or its id if it has none; "" without either."""
    return next(
        (text for text in map(row.get, ("wAid", "phone", "id")) if isinstance(text, str) and text), ""
    )
