"""A conversation's rows as a short transcript. Pure; a row may have any form.

Each row becomes a list of its own, so that nothing a customer writes can pass as another speaker's row.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.output.rendering import shorten
from wati.reads.rows import iso, media_of, moment, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Row = dict[str, Any]
    Cut = Callable[[str], str]

LONGEST = 1000  # characters of a text
LONGEST_DETAIL = 300
UNDATED = "no date"
_FILES = ("image", "video", "audio", "voice", "document", "sticker")
_ASSIGNED = re.compile(r"assigned to (\S{1,200}?)(?:[.] | by |$)")


def by_day(rows: Iterable[Row], hide: Cut) -> dict[str, list[list[Any]]]:
    """The transcript of `rows`, in their order: by date, each as [time, who, text, more] or without `more`.

    `hide` takes the secrets out of a text.
    """
    days: dict[str, list[list[Any]]] = {}
    for row in rows:
        date, time = _when(row)
        days.setdefault(date, []).append([time, *_told(row, hide)])
    return days


def _when(row: Row) -> tuple[str, str]:
    """Date and time to the minute, in UTC."""
    at = moment(row)
    try:
        date, _, time = iso(at).partition("T") if at is not None else (UNDATED, "", "")
    except OverflowError:  # the first and the last day of the calendar, in another zone
        return UNDATED, ""
    return date, time[:5]


def _told(row: Row, hide: Cut) -> list[Any]:
    said, more = _said(row)
    text = hide(said)
    if len(text) > LONGEST:
        more["cut"] = len(text)
    details = {name: _hidden(value, hide) for name, value in more.items() if value not in ("", [], None)}
    return [shorten(hide(_who(row)), 100), shorten(text, LONGEST), *([details] if details else [])]


def _hidden(value: Any, hide: Cut) -> Any:
    if isinstance(value, list):
        return [_hidden(item, hide) for item in value]
    return shorten(hide(value), LONGEST_DETAIL) if isinstance(value, str) else value


def _who(row: Row) -> str:
    """The speaker: one of a closed list, or `operator` with a name, which only WATI's own users have."""
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


def _said(row: Row) -> tuple[str, Row]:
    """The text, and what else there is to say of the row."""
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
    """The kind of a message that is not text, and its file as get_media takes it."""
    kind = row.get("type") if isinstance(row.get("type"), str) else ""
    data = _text(row, "data")
    is_file = kind in _FILES or data.startswith("data/") or "fileName=" in data
    return {
        "type": kind if kind not in ("text", "interactive", "button") else "",
        ("file" if is_file else "data"): media_of(row) if is_file and data else data,
    }


def _choices(interactive: Any) -> Row:
    """Buttons and menu rows by their titles; how WATI shows them is not documented."""
    if not isinstance(interactive, dict):
        return {}
    rows = [interactive.get("rows")]
    sections = interactive.get("sections")
    for section in sections if isinstance(sections, list) else []:
        rows.append(section.get("rows") if isinstance(section, dict) else None)
    titles = {
        "buttons": _titles(interactive.get("buttons")),
        "list": [title for group in rows for title in _titles(group)],
    }
    return {name: found[:10] for name, found in titles.items() if found}


def _titles(items: Any) -> list[str]:
    found = [
        (_text(item, "title") or _text(item, "text")) if isinstance(item, dict) else item
        for item in (items if isinstance(items, list) else [])
    ]
    return [title for title in found if isinstance(title, str) and title]


def _text(row: Row, name: str) -> str:
    text = row.get(name)
    return text if isinstance(text, str) else ""


def assigned(rows: Iterable[Row]) -> str:
    """Whom the newest event that tells it (the first of `rows`) gave the conversation to; "" if none does."""
    for row in rows:
        if row.get("eventType") != "ticket":
            continue
        told = _ASSIGNED.search(_text(row, "eventDescription")[:500])
        # The words alone could be part of a contact's name: only an event of assigning has type 1.
        name = _text(row, "assignee") or (told[1] if told and row.get("type") in (1, "1") else "")
        if name:
            return name
    return ""
