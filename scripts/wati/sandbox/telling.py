"""What happened, in words: one line for each request, effect and message. Pure."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any
from urllib.parse import unquote

Row = dict[str, Any]

_WATI = re.compile(r"^/wati/api/(v[0-9])/")
# Where the far side says why it rejects: the members, in the order of how much they say.
_REASONS = ("info", "message", "error", "detail", "errors", "result", "title")
_LONGEST = 120


def did(request: Row) -> str:
    """What a request did: its effects, or why there are none."""
    effects = request["effects"]
    if effects:
        first = _effect(effects[0])
        others = len(effects) - 1
        return f"{first}, and {others} more" if others else first
    reason = _reason(request)
    if reason is not None:
        return f"rejected: {reason}" if reason else "rejected"
    if request["fault"] and request["status"] != 200:
        return "nothing"
    return "read" if request["method"] == "GET" and request["status"] == 200 else "nothing"


def _effect(effect: Row) -> str:
    kind, number = effect["kind"], effect.get("whatsappNumber", "")
    if kind == "template":
        return f"template {effect['template']} to {number}: {effect['text']}"
    if kind == "file":
        return f"file {effect['fileName']} to {number}"
    if "text" in effect:
        return f"{kind} to {number}: {effect['text']}"
    about = effect.get("operator") or number or effect["connection_id"]
    return f"{kind.replace('_', ' ')}: {about}"


def _reason(request: Row) -> str | None:
    """Why the far side rejected it; "" if it does not say, None if it did not reject it."""
    try:
        answer = json.loads(request.get("answer") or "")
    except ValueError:
        answer = None
    status = request["status"]
    is_no = isinstance(answer, dict) and False in (answer.get("result"), answer.get("ok"))
    if not is_no and (status is None or status < 400):
        return None
    return _words(answer) if isinstance(answer, dict) else ""


def _words(answer: Any) -> str:
    """The first text among the members that say why, wherever it stands."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, dict):
        inner = [answer[name] for name in _REASONS if answer.get(name)] or list(answer.values())
    else:
        inner = answer if isinstance(answer, list) else []
    return next(filter(None, map(_words, inner)), "")


def told(what: str, row: Row) -> str:
    """A row of `requests`, `deliveries` or `messages` as a line, for output that goes on."""
    return line(_TOLD[what](row))


def shown(what: str, rows: list[Row]) -> str:
    """The rows as a table."""
    return table([_TOLD[what](row) for row in rows])


def request(row: Row) -> Row:
    """A request as a row of a table."""
    path = _WATI.sub(r"\1 ", row["path"])
    return {
        "at": row["at"][11:19],
        "request": f"{row['method']} {unquote(path)}",
        "status": "none" if row["status"] is None else row["status"],
        "fault": row["fault"] or "",
        "did": did(row),
    }


def effect(row: Row) -> Row:
    """A row of the log of effects as one of a table."""
    about = row.get("text") or row.get("fileName") or row.get("operator") or row.get("name") or ""
    return {
        "at": row["at"][11:19],
        "kind": row["kind"],
        "to": row.get("whatsappNumber") or row["connection_id"],
        "status": row.get("status", ""),
        "what": f"{row['template']}: {about}" if "template" in row else about,
    }


def message(row: Row) -> Row:
    """A message of either side as a row of a table."""
    who = f"{row['name']} ({row['number']})" if row["name"] != f"+{row['number']}" else row["name"]
    media = row["media"]
    what = " ".join(filter(None, (media and f"[{row['kind']} {media['label']}]", row["text"])))
    ours = row["side"] == "us"
    return {"at": row["at"][11:19], "who": f"to {who}" if ours else who, "what": what}


_TOLD = {"requests": request, "deliveries": effect, "messages": message}


def table(rows: list[Row], titles: bool = True) -> str:
    """Rows under each other, the columns in line; the last one takes what is left."""
    if not rows:
        return ""
    cells = [list(rows[0])] if titles else []
    cells += [[plain(str(cell)) for cell in row.values()] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_padded(line, widths) for line in cells)


def line(row: Row) -> str:
    """A row alone, for output that goes on: its columns have usual widths."""
    cells = [plain(str(cell)) for cell in row.values()]
    usual = [8, *(_USUAL.get(name, 0) for name in list(row)[1:])]
    return _padded(cells, usual)


_USUAL = {"request": 46, "status": 9, "fault": 0, "kind": 18, "to": 14, "who": 30}


def _padded(cells: list[str], widths: list[int]) -> str:
    *head, last = zip(cells, widths, strict=True)
    shown = [cell + " " * (width - _width(cell)) for cell, width in head if width or cell]
    return "  ".join([*shown, last[0]]).rstrip()


def plain(text: str) -> str:
    """A text on one line that controls no terminal, cut where it is long."""
    shown = "".join(_visible(each) for each in text[: _LONGEST + 1])
    return shown if len(text) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _visible(character: str) -> str:
    if character in "\n\r\t":
        return " "
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"):
        return f"\\u{ord(character):04x}"
    return character


def _width(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )
