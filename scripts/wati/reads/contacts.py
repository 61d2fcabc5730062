"""The facts of one contact. Pure; a row may have any form."""

from __future__ import annotations

import re
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


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"([A-Za-z]{3})-([0-9]{1,2})-([0-9]{4})")


def created(row: Row) -> str:
    """The day on which the contact was made, as YYYY-MM-DD by a clock of WATI; "" if it does not say.

    Captures have Oct-11-2024; a time in milliseconds, as /Date(…), was reported.
    """
    from wati.reads.rows import iso, moment

    text = row.get("created")
    if not isinstance(text, str):
        return ""
    if (day := _DAY.fullmatch(text.strip())) and day[1].lower() in _MONTHS:
        return f"{day[3]}-{_MONTHS.index(day[1].lower()) + 1:02d}-{int(day[2]):02d}"
    millis = re.fullmatch(r"/Date\((-?[0-9]{1,15})[^)]*\)/", text, re.ASCII)
    at = int(millis[1]) / 1000 if millis else moment({"created": text})
    return "" if at is None else iso(at)[:10]


def number_of(row: Row) -> str:
    """The number under which its conversation is read, or its id if it has none; "" without either."""
    return next(
        (text for text in map(row.get, ("wAid", "phone", "id")) if isinstance(text, str) and text), ""
    )
