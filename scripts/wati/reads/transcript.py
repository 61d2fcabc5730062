"""The rows of a conversation as a short transcript. Pure; a row may have any form.

Each row becomes a list of its own, so nothing that a customer writes can pass as another speaker's row.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from wati.output.rendering import shorten
from wati.reads.rows import iso, media_of, moment, owner, speaker, template_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Row = dict[str, Any]
    Redact = Callable[[str], str]

LONGEST = 1000  # characters of a text
LONGEST_DETAIL = 300
MOST_PARTS = 20  # texts and numbers in one line
MOST_UNSHOWN = 10  # names of members that are not shown
DEEPEST = 8  # objects within objects
UNDATED = "no date"
ZONE = "UTC"
_FILES = ("image", "video", "audio", "voice", "document", "sticker")
_ASSIGNED = re.compile(r"assigned to (\S{1,200}?)(?:[.] | by |$)")


def by_day(
    rows: Iterable[Row], redact: Redact, *, ids: bool = False, longest: int = LONGEST, local: bool = False
) -> dict[str, list[list[Any]]]:
    """The transcript of `rows` by date, in their order, each as [time, who, text] or [..., details].

    `ids`: whether the details have the ids of the row. `longest`: how many characters of a text are shown.
    `local`: whether times are those of this machine's zone, which each date then names.
    """
    days: dict[str, list[list[Any]]] = {}
    for row in rows:
        date, time = (_local if local else _date_and_time)(row)
        days.setdefault(date, []).append([time, *_spoken(row, redact, ids, longest)])
    return days


def _date_and_time(row: Row) -> tuple[str, str]:
    """To the minute, in the time zone ZONE."""
    at = moment(row)
    date, _, time = iso(at).partition("T") if at is not None else (UNDATED, "", "")
    return date, time[:5]


def _local(row: Row) -> tuple[str, str]:
    """To the minute, in this machine's time zone."""
    from datetime import datetime, timedelta, timezone

    at = moment(row)
    if at is None:
        return UNDATED, ""
    try:
        there = (datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=at)).astimezone()
    except (OverflowError, ValueError, OSError):  # a year that the system's clock does not have
        date, time = _date_and_time(row)
        return f"{date} ({ZONE})", time
    zone = there.isoformat()[-6:]
    return f"{there.date().isoformat()} ({ZONE}{zone})", f"{there.hour:02d}:{there.minute:02d}"


def _spoken(row: Row, redact: Redact, ids: bool, longest: int) -> list[Any]:
    """Who said what, and further details if there are any."""
    content, more = _content(row)
    if ids:
        # Captures show the row's own id only. A quote takes WhatsApp's, which newer accounts may show.
        more["id"] = _text(row, "whatsappMessageId") or _text(row, "id")
        more["localMessageId"] = _text(row, "localMessageId") if owner(row) is not False else ""
    text = redact(content)
    if len(text) > longest:
        more["cut"] = len(text)
    details = {name: _short(value, redact) for name, value in more.items() if value not in ("", [], None)}
    return [shorten(redact(speaker(row)), 100), shorten(text, longest), *([details] if details else [])]


def _short(value: Any, redact: Redact) -> Any:
    if isinstance(value, list):
        return [_short(item, redact) for item in value]
    return shorten(redact(value), LONGEST_DETAIL) if isinstance(value, str) else value


def _content(row: Row) -> tuple[str, Row]:
    """The text of the row, and further details."""
    event = row.get("eventType")
    if event == "broadcastMessage":
        template = template_of(row)
        more = {"template": template if isinstance(template, str) else "", **_status(row)}
        header = {"header": gist(row.get("mediaHeaderLink"))}
        return _text(row, "finalText") or _text(row, "eventDescription"), {**more, **header}
    if event == "ticket":
        return _text(row, "eventDescription") or _text(row, "text"), {}
    text = _said(row)
    if _is_event(row):
        return _text(row, "eventDescription") or text, _event(row)
    more = {**_attached(row), **_choices(row.get("interactiveData")), **_extras(row)}
    caption = _caption(row)
    more["caption"] = caption if caption != text else ""
    if owner(row) is not True:
        more["more"] = [shorten(name, 60) for name in _unshown(row)]
    return text, more if owner(row) is False else {**more, **_status(row)}


def in_short(row: Row) -> str:
    """A message in one text: what it says and, unless it is text, of what type it is."""
    kind = _attached(row)["type"]
    return " ".join(filter(None, [f"[{kind}]" if kind else "", _said(row)]))


def _status(row: Row) -> Row:
    return {"status": _text(row, "statusString"), "failedDetail": _text(row, "failedDetail")}


def _said(row: Row) -> str:
    interactive = row.get("interactiveData")
    body = _text(interactive, "body") if isinstance(interactive, dict) else ""
    return _text(row, "text") or _text(row, "finalText") or _caption(row) or body


def _caption(row: Row) -> str:
    inner = [value for name in ("media", "data") if isinstance(value := row.get(name), dict)]
    return next((text for one in (row, *inner) if (text := _text(one, "caption"))), "")


def _attached(row: Row) -> Row:
    """The type of a message that is not text, and its file as get_media takes it, or whatever it carries."""
    kind = row.get("type") if isinstance(row.get("type"), str) else ""
    shown = {"type": kind if kind not in ("text", "interactive", "button") else ""}
    file = media_of(row)
    if re.match("https?://", file):
        shown["url"] = file
    elif kind in _FILES or file.startswith("data/"):
        shown["fileName"] = file
    else:
        file = ""
    for name in ("data", "media"):
        value = row.get(name)
        if isinstance(value, dict):
            value = {inner: each for inner, each in value.items() if each != file and inner != "caption"}
            value = {inner: each for inner, each in value.items() if not _is_link(each)}
        elif file and (value == file or _is_link(value)):
            continue
        shown[name] = gist(value)
    return shown


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and "fileName=" in value


# What else a customer's message can carry, by the name under which it is shown. The captures have these
# members, always null: their forms are not documented, so any form is put into one line.
_EXTRAS = {
    "quotes": "replySourceMessage",
    "contacts": "contacts",
    "ad": "messageReferral",
    "products": "messageProducts",
    "ordered": "orderProducts",
    "order": "orderDetailsViewModel",
    "orderId": "referenceOrderId",
}
_SHOWN = {
    *("eventType", "text", "finalText", "eventDescription", "type", "data", "media", "mediaUrl", "caption"),
    *("owner", "operatorName", "statusString", "failedDetail", "interactiveData", "created", "timestamp"),
    *("template", "mediaHeaderLink", *_EXTRAS.values()),
}
# They say who, where or when, which the row says otherwise; `whatsappMessageId` and the rest of this line are
# members of newer accounts (reported).
_SILENT = {
    *("id", "conversationId", "ticketId", "avatarUrl", "assignedId", "localMessageId", "topicName"),
    *("actor", "assignee", "operatorEmail", "whatsappMessageId", "senderName", "waId", "wAid", "tenantId"),
    *("channelId", "channelType", "channelPhoneNumber", "replyContextId"),
}


def _extras(row: Row) -> Row:
    extras = {shown: gist(row.get(name)) for shown, name in _EXTRAS.items()}
    quoted = row.get("replySourceMessage")
    if isinstance(quoted, dict) and (said := _said(quoted)):
        extras["quotes"] = said
    return extras


# Of an event such as a call, nothing is documented: what is no text of its row is shown by its name.
_OF_EVENTS = {*_SHOWN} - {"type", "data", "media", "mediaUrl", "caption", "interactiveData", "template"}


def _unshown(row: Row) -> list[str]:
    """The members with content of which the row would show nothing; of an event, numbers are content, too."""
    is_event = _is_event(row)
    silent = _SILENT | (_OF_EVENTS if is_event else _SHOWN)
    return [
        name
        for name, value in row.items()
        if name not in silent and (is_event or isinstance(value, (str, list, dict))) and gist(value)
    ][:MOST_UNSHOWN]


def _is_event(row: Row) -> bool:
    return row.get("eventType") != "message" or row.get("type") == "call"


def _event(row: Row) -> Row:
    """What an event without a form of its own carries, and in which direction it went."""
    event = row.get("eventType")
    told = {shorten(name, 60): gist(row[name]) for name in _unshown(row) if name != "type"}
    kind = event if isinstance(event, str) and event != "message" else gist(row.get("type"))
    form = gist(row.get("type")) if kind == event else ""
    direction = {False: "from the customer", True: "to the customer", None: ""}[owner(row)]
    return {"type": kind, "kind": form, "direction": direction, **told, **_status(row)}


def gist(value: Any) -> str:
    """Every text and number in a value of any form, in one line; "" if it has none."""
    return ", ".join(islice(_parts(value, "", 0), MOST_PARTS))


def _parts(value: Any, name: str, depth: int) -> Iterator[str]:
    if isinstance(value, (dict, list)):
        pairs = value.items() if isinstance(value, dict) else ((name, item) for item in value)
        for inner, item in pairs if depth < DEEPEST else ():
            yield from _parts(item, str(inner), depth + 1)
    elif value not in (None, "", False):
        text = "yes" if value is True else str(value)
        yield f"{name}: {text}" if name else text


def _choices(interactive: Any) -> Row:
    """Buttons and menu rows by their titles. How WATI shows them is not documented."""
    if not isinstance(interactive, dict):
        return {}
    sections = [section for section in _items(interactive.get("sections")) if isinstance(section, dict)]
    listed = [title for group in (interactive, *sections) for title in _titles(group.get("rows"))]
    titles = {"buttons": _titles(interactive.get("buttons")), "list": listed}
    found = {name: each[:10] for name, each in titles.items() if each}
    rest = {name: value for name, value in interactive.items() if name != "body"}
    # A tapped button or row, and whatever has another form.
    return found or {"interactive": gist(rest)}


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
