"""sendInteractiveButtonsMessage and sendInteractiveListMessage."""

from __future__ import annotations

from typing import Any

from . import bodies
from .context import Context
from .conversations import open_contact, say
from .wire import Answer, Problems, checking, reject, reply

# Limits of text: WATI's API description; button of the list, sections and rows: Meta's interactive lists.
_BODY, _HEADER, _FOOTER, _BUTTON, _TITLE, _DESCRIPTION = 1024, 60, 60, 20, 24, 72
_BUTTONS, _SECTIONS, _ROWS = 3, 10, 10
_SHOWN = ("id", "created", "conversationId", "ticketId", "statusString", "text", "type", "interactiveData")
_MEDIA_HEADERS = ("image", "video", "document")


def send_buttons(ctx: Context) -> Answer:
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        text = _frame(body, problems)
        _buttons_header(body, problems)
        items = problems.objects(body, "buttons")
        buttons = [problems.text(item, "text", at=at, longest=_BUTTON) for at, item in items]
        _between(problems, "buttons", len(buttons), _BUTTONS)
        _different(problems, "buttons", buttons)
    return _send(ctx, "buttons", body, text, {"buttons": buttons})


def _buttons_header(body: dict[str, Any], problems: Problems) -> None:
    header = body.get("header")
    if header is None:
        return
    if not isinstance(header, dict):
        problems.add("header", "The JSON value could not be converted to an object.")
        return
    kind = problems.text(header, "type", at="header.").lower()
    if kind == "text":
        problems.text(header, "text", at="header.", longest=_HEADER)
    elif kind in _MEDIA_HEADERS:
        media = header.get("media")
        if not isinstance(media, dict):
            problems.add("header.media", "The media field is required.")
        else:
            problems.text(media, "url", at="header.media.")
    elif kind:
        problems.add("header.type", f"The value '{header['type']}' is not valid for type.")


def send_list(ctx: Context) -> Answer:
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        text = _frame(body, problems)
        problems.text(body, "header", needed=False, longest=_HEADER)
        button = problems.text(body, "buttonText", longest=_BUTTON)
        rows: list[str] = []
        sections = list(problems.objects(body, "sections"))
        shown = []
        for at, section in sections:
            title = problems.text(section, "title", at=at, longest=_TITLE)
            before = len(rows)
            described = []
            for row_at, row in problems.objects(section, "rows", at=at):
                rows.append(problems.text(row, "title", at=row_at, longest=_TITLE))
                description = problems.text(row, "description", at=row_at, needed=False, longest=_DESCRIPTION)
                described.append({"title": rows[-1], "description": description})
            shown.append({"title": title, "rows": described})
            _different(problems, f"{at}rows", rows[before:])
        _between(problems, "sections", len(sections), _SECTIONS)
        _between(problems, "sections.rows", len(rows), _ROWS)
    # The log has the whole list, the conversation's row only the titles.
    return _send(ctx, "list", body, text, {"buttonText": button, "rows": rows}, {"sections": shown})


def _frame(body: dict[str, Any], problems: Problems) -> str:
    problems.text(body, "footer", needed=False, longest=_FOOTER)
    return problems.text(body, "body", longest=_BODY)


def _between(problems: Problems, at: str, count: int, most: int) -> None:
    if not 1 <= count <= most:
        problems.add(at, f"The field {at} must have between 1 and {most} entries.")


def _different(problems: Problems, at: str, titles: list[str]) -> None:
    """WhatsApp rejects a message in which two buttons, or two rows of a section, have the same title."""
    given = list(filter(None, titles))
    if len(set(given)) < len(given):
        problems.add(at, f"The titles of {at} must be different.")


def _send(
    ctx: Context,
    kind: str,
    body: dict[str, Any],
    text: str,
    parts: dict[str, Any],
    more: dict[str, Any] | None = None,
) -> Answer:
    if not ctx.receiver:
        reject({"ok": False, "result": "Whatsapp number should not be null or empty"}, 400)
    number = open_contact(ctx, ctx.receiver, {"ok": False, "result": "Ticket has been expired."})
    data = {"type": kind, "header": body.get("header"), "body": text, "footer": body.get("footer"), **parts}
    local_id = ctx.tx.new_uuid()
    shown = {"text": text, "type": "interactive", "interactiveData": data, "localMessageId": local_id}
    row = say(ctx, kind, number, shown, {"text": text, "interactive": {**data, **(more or {})}})
    message = {"status": 0, **{name: row[name] for name in _SHOWN}}
    return reply({"ok": True, "errors": [], "message": message})
