"""The rows of a conversation as a short transcript. Pure; a row may have any form.

Each row becomes a list of its own, so nothing that a customer writes can pass as another speaker's row.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.output.rendering import shorten
from wati.reads.rows import iso, media_of, moment, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Row = dict[str, Any]
    Redact = Callable[[str], str]

LONGEST = 1000  # characters of a text
LONGEST_DETAIL = 300
UNDATED = "no date"
_FILES = ("image", "video", "audio", "voice", "document", "sticker")
_ASSIGNED = re.compile(r"assigned to (\S{1,200}?)(?:[.] | by |$)")


def by_day(rows: Iterable[Row], redact: Redact) -> dict[str, list[list[Any]]]:
    """The transcript of `rows` by date, in their order, each as [time, who, text] or [..., details]."""
    days: dict[str, list[list[Any]]] = {}
    for row in rows:
        date, time = _date_and_time(row)
        days.setdefault(date, []).append([time, *_spoken(row, redact)])
    return days


def _date_and_time(row: Row) -> tuple[str, str]:
    """To the minute, in UTC."""
    at = moment(row)
    try:
        date, _, time = iso(at).partition("T") if at is not None else (UNDATED, "", "")
    except OverflowError:  # the first or last day of the calendar, in another time zone
        return UNDATED, ""
    return date, time[:5]


def _spoken(row: Row, redact: Redact) -> list[Any]:
    """Who said what, and further details if there are any."""
    content, more = _content(row)
    text = redact(content)
    if len(text) > LONGEST:
        more["cut"] = len(text)
    details = {name: _short(value, redact) for name, value in more.items() if value not in ("", [], None)}
    return [shorten(redact(_speaker(row)), 100), shorten(text, LONGEST), *([details] if details else [])]


def _short(value: Any, redact: Redact) -> Any:
    if isinstance(value, list):
        return [_short(item, redact) for item in value]
    return shorten(redact(value), LONGEST_DETAIL) if isinstance(value, str) else value


def _speaker(row: Row) -> str:
    """One of a closed list, or `operator` and a name: only WATI's own users have one."""
    event = row.get("eventType")
    if event != "message":
        return "broadcast" if event == "broadcastMessage" else "event"
    if row.get("owner") is False:
        return "customer"
    name = _text(row, "operatorName").strip()
    if row.get("owner") is not True:
        return "unknown"
    # "Bot " and "API Token <tenant> " (published captures).
    return "bot" if name == "Bot" else "api" if name.startswith("API Token") else f"operator {name}".strip()


def _content(row: Row) -> tuple[str, Row]:
    """The text of the row, and further details."""
    event = row.get("eventType")
    if event == "broadcastMessage":
        template = template_of(row)
        more = {"template": template if isinstance(template, str) else "", **_status(row)}
        return _text(row, "finalText") or _text(row, "eventDescription"), more
    if event != "message":
        kind = {"type": event} if isinstance(event, str) and event != "ticket" else {}
        return _text(row, "eventDescription") or _text(row, "text"), kind
    more = {**_attached(row), **_choices(row.get("interactiveData"))}
    text = _text(row, "text")
    if not text and isinstance(row.get("interactiveData"), dict):
        text = _text(row["interactiveData"], "body")
    return text, more if row.get("owner") is False else {**more, **_status(row)}


def _status(row: Row) -> Row:
    return {"status": _text(row, "statusString"), "failedDetail": _text(row, "failedDetail")}


def _attached(row: Row) -> Row:
    """The type of a message that is not text, and its file as get_media takes it."""
    kind = row.get("type") if isinstance(row.get("type"), str) else ""
    data = _text(row, "data")
    is_file = kind in _FILES or data.startswith("data/") or "fileName=" in data
    return {
        "type": kind if kind not in ("text", "interactive", "button") else "",
        ("file" if is_file else "data"): media_of(row) if is_file and data else data,
    }


def _choices(interactive: Any) -> Row:
    """Buttons and menu rows by their titles. How WATI shows them is not documented."""
    if not isinstance(interactive, dict):
        return {}
    sections = [section for section in _items(interactive.get("sections")) if isinstance(section, dict)]
    listed = [title for group in (interactive, *sections) for title in _titles(group.get("rows"))]
    titles = {"buttons": _titles(interactive.get("buttons")), "list": listed}
    return {name: found[:10] for name, found in titles.items() if found}


def _titles(items: Any) -> list[str]:
    found = (
        _text(item, "title") or _text(item, "text") if isinstance(item, dict) else item
        for item in _items(items)
    )
    return [title for title in found if isinstance(title, str) and title]


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(row: Row, name: str) -> str:
    text = row.get(name)
    return text if isinstance(text, str) else ""


def assigned(rows: Iterable[Row]) -> str:
    """Who was given the conversation, by the first of `rows` that says so; "" if none does."""
    for row in rows:
        if row.get("eventType") != "ticket":
            continue
        match = _ASSIGNED.search(_text(row, "eventDescription")[:500])
        # The words alone could be part of a contact's name: only an assignment has type 1.
        name = _text(row, "assignee") or (match[1] if match and row.get("type") in (1, "1") else "")
        if name:
            return name
    return ""
