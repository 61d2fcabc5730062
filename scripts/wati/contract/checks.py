"""What JSON Schema cannot say about arguments: each check takes all of them and yields every problem.

Checks run beside the schema, so a member may be missing or of another type: such members are passed over.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from wati.contract.types import Arguments, Problem

    Check = Callable[[Arguments], Iterator[Problem]]


def select(value: Any, path: str, at: str = "$") -> list[tuple[str, Any]]:
    """Every value at a path such as `receivers[].customParams[].name`, with its JSON path."""
    name, _, rest = path.partition(".")
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return []
    found = value[name]
    at = f"{at}.{name}"
    if is_list:
        items = (
            [(f"{at}[{index}]", item) for index, item in enumerate(found)] if isinstance(found, list) else []
        )
    else:
        items = [(at, found)]
    return [hit for item_at, item in items for hit in select(item, rest, item_at)] if rest else items


def unique(lists: str, name: str, *, ignore_case: bool = False) -> Check:
    """No two objects of one list share a `name`: a receiver would be messaged twice, a value be lost."""

    def check(arguments: Arguments) -> Iterator[Problem]:
        for at, items in select(arguments, lists):
            first_at: dict[str, str] = {}
            for index, item in enumerate(items if isinstance(items, list) else []):
                value = item.get(name) if isinstance(item, dict) else None
                if not isinstance(value, str):
                    continue
                here = f"{at}[{index}].{name}"
                value = value.lower() if ignore_case else value
                if value in first_at:
                    yield {"at": here, "problem": f"stands twice: already at {first_at[value]}"}
                first_at.setdefault(value, here)

    return check


def sendable(*paths: str) -> Check:
    """No four spaces in a row: WATI accepts them, and WhatsApp then fails the message (observed)."""

    def check(arguments: Arguments) -> Iterator[Problem]:
        for path in paths:
            for at, value in select(arguments, path):
                if isinstance(value, str) and "    " in value:
                    yield {
                        "at": at,
                        "problem": "holds four spaces in a row: WATI accepts it, WhatsApp then fails it",
                    }

    return check


def at_most_ten_rows(arguments: Arguments) -> Iterator[Problem]:
    """WhatsApp counts the rows of a list over all sections."""
    rows = len(select(arguments, "sections[].rows[]"))
    if rows > 10:
        yield {
            "at": "$.sections",
            "problem": f"has {rows} rows in total; WhatsApp shows at most 10 over all sections",
        }


def header_fits_its_type(arguments: Arguments) -> Iterator[Problem]:
    """A text header needs its text, any other its media, and only a document a file name (WATI docs)."""
    for at, header in select(arguments, "header"):
        kind = header.get("type") if isinstance(header, dict) else None
        if not isinstance(kind, str):
            continue
        needed, other = ("text", "media") if kind.lower() == "text" else ("media", "text")
        if kind.lower() not in ("text", "document") and select(header, "media.fileName"):
            yield {"at": f"{at}.media.fileName", "problem": f"a header of type {kind} has no file name"}
        if needed not in header:
            yield {"at": at, "problem": f"a header of type {kind} needs {needed}"}
        if other in header:
            yield {"at": f"{at}.{other}", "problem": f"a header of type {kind} has no {other}"}


def operators_have_values(arguments: Arguments) -> Iterator[Problem]:
    """The comparing operators of a contact filter need something to compare with."""
    for at, item in select(arguments, "attribute[]"):
        operator = item.get("operator") if isinstance(item, dict) else None
        if operator in ("contain", "notContain", "==", "!=") and "value" not in item:
            yield {"at": at, "problem": f"missing: value (the operator {operator} compares with it)"}


def real_date(name: str) -> Check:
    """A date that the calendar has."""

    def check(arguments: Arguments) -> Iterator[Problem]:
        from datetime import date

        for at, value in select(arguments, name):
            try:
                date.fromisoformat(value)
            except (TypeError, ValueError):
                if isinstance(value, str) and len(value) == len("2026-01-31"):
                    yield {"at": at, "problem": "is no date of the calendar; expected YYYY-MM-DD"}

    return check


def plain_path(name: str) -> Check:
    """A path below the far side's own folder: no step up, none that is empty, hidden or padded."""

    def check(arguments: Arguments) -> Iterator[Problem]:
        for at, value in select(arguments, name):
            steps = value.split("/") if isinstance(value, str) else []
            if any(step == "" or step.startswith(".") or step != step.strip() for step in steps):
                yield {
                    "at": at,
                    "problem": "has a step between its slashes that is empty, begins with . or is padded",
                }

    return check
