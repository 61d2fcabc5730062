"""Rules about arguments that JSON Schema cannot express. Each check takes all arguments and yields problems.

Checks also run on arguments that do not fit the schema. They skip members that are missing or have the wrong
type, because the schema reports those.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from wati.contract.types import Arguments, Problem

    Check = Callable[[Arguments], Iterator[Problem]]


def select(value: Any, path: str, at: str = "$") -> list[tuple[str, Any]]:
    """Every value at a path such as `receivers[].customParams[].name`, each with its JSON path."""
    name, _, rest = path.partition(".")
    is_list = name.endswith("[]")
    name = name.removesuffix("[]")
    if not isinstance(value, dict) or name not in value:
        return []
    found = value[name]
    items = [(f"{at}.{name}", found)]
    if is_list:
        listed = found if isinstance(found, list) else []
        items = [(f"{at}.{name}[{index}]", item) for index, item in enumerate(listed)]
    return [hit for item_at, item in items for hit in select(item, rest, item_at)] if rest else items


def unique(lists: str, name: str, *, ignore_case: bool = False, why: str = "") -> Check:
    """No two objects of a list share a `name`: a receiver would get two messages, or a value get lost."""
    why = f"; {why}" if why else ""

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
                    yield {"at": here, "problem": f"is listed twice; the first is {first_at[value]}{why}"}
                first_at.setdefault(value, here)

    return check


def different(lists: str, title: str) -> Check:
    """No two choices look the same: WhatsApp rejects them (reported)."""
    return unique(lists, title, why="WhatsApp rejects equal titles")


def sendable(*paths: str) -> Check:
    """No four spaces in a row: WATI accepts them, and WhatsApp then fails the message (observed)."""
    problem = "contains four spaces in a row: WATI accepts them, WhatsApp then fails the message"
    return _each_text(paths, lambda text: problem if "    " in text else "")


def at_most_ten_rows(arguments: Arguments) -> Iterator[Problem]:
    """WhatsApp limits the rows of a list over all its sections together."""
    rows = len(select(arguments, "sections[].rows[]"))
    if rows > 10:
        problem = f"has {rows} rows in all sections together; WhatsApp shows at most 10"
        yield {"at": "$.sections", "problem": problem}


def header_fits_its_type(arguments: Arguments) -> Iterator[Problem]:
    """A text header needs text, any other needs media; only a document has a file name (documented)."""
    for at, header in select(arguments, "header"):
        kind = header.get("type") if isinstance(header, dict) else None
        if not isinstance(kind, str):
            continue
        needed, other = ("text", "media") if kind.lower() == "text" else ("media", "text")
        if kind.lower() not in ("text", "document") and select(header, "media.fileName"):
            problem = "is not allowed: only a Document header has a file name"
            yield {"at": f"{at}.media.fileName", "problem": problem}
        if needed not in header:
            yield {"at": at, "problem": f"has the type {kind}, so it needs {needed}"}
        if other in header:
            yield {"at": f"{at}.{other}", "problem": f"is not allowed in a header of type {kind}"}


def operators_have_values(arguments: Arguments) -> Iterator[Problem]:
    """The operators of a contact filter that compare need a value to compare with."""
    for at, item in select(arguments, "attribute[]"):
        operator = item.get("operator") if isinstance(item, dict) else None
        if operator in ("contain", "notContain", "==", "!=") and "value" not in item:
            yield {"at": at, "problem": f"needs a value to compare with, because the operator is {operator}"}


def real_date(name: str) -> Check:
    """The date exists in the calendar."""

    def problem_of(text: str) -> str:
        from datetime import date

        try:
            date.fromisoformat(text)
        except ValueError:
            if len(text) == len("2026-01-31"):
                return "is not a date in the calendar; expected one such as 2026-01-31"
        return ""

    return _each_text((name,), problem_of)


def plain_path(name: str) -> Check:
    """The path stays below the far side's own folder: no part is empty, hidden, padded or leads up."""

    def problem_of(path: str) -> str:
        is_plain = all(part and not part.startswith(".") and part == part.strip() for part in path.split("/"))
        return "" if is_plain else "has a part between slashes that is empty, padded or begins with a dot"

    return _each_text((name,), problem_of)


def _each_text(paths: Iterable[str], problem_of: Callable[[str], str]) -> Check:
    """Finds what is wrong with each text at these paths; "" = nothing."""

    def check(arguments: Arguments) -> Iterator[Problem]:
        for path in paths:
            for at, value in select(arguments, path):
                if isinstance(value, str) and (problem := problem_of(value)):
                    yield {"at": at, "problem": problem}

    return check
