"""getMessages, sendSessionMessage, assignOperator."""

from __future__ import annotations

from typing import Any

from . import bodies, changes, channels, deliveries, habits, history, paging, people
from .context import Context
from .wire import Answer, problem, reject, reply

_LONGEST_TEXT = 4096
# The inbox shows this as the sender of a message that came by the API; the trailing space is WATI's.
API_SENDER = "API Token sandbox "

Row = dict[str, Any]


def get_messages(ctx: Context) -> Answer:
    page = paging.asked(ctx)
    number = people.number_of(ctx.tx, ctx.account, ctx.target)
    if number is None or people.find(ctx.tx, ctx.account, number) is None:
        reject({"result": False})
    if channels.elsewhere(ctx.tx, ctx.account, ctx.line, number):
        reject({"result": False})
    lag, unzoned, unordered = map(ctx.changing.get, ("lag", "unzoned", "unordered"))
    order = unordered["order"] if unordered else ""
    found = history.rows(
        ctx.tx,
        ctx.line,
        number,
        until=ctx.tx.now - lag["seconds"] if lag else None,
        oldest_first=order == "oldest",
        limit=page.size + 1,
        offset=page.offset,
    )
    items = found[: page.size]
    if unzoned:
        items = [changes.unzoned(row, unzoned["seconds"]) for row in items]
    if order == "none":
        items = changes.in_no_order(items)
    # A published capture has total 2 for seven rows: it counts something else. Here: the customer's messages.
    inbound = "SELECT COUNT(*) FROM messages WHERE account = ? AND number = ? AND inbound"
    total = ctx.tx.count(inbound, ctx.line, number)
    messages = {
        "items": items,
        "pageNumber": page.number,
        "pageSize": page.size,
        "convCount": 0,
        "total": total,
        **{"grandTotal": 0, "orderBy": None, "lastId": None, "sortBy": 0},
        **dict.fromkeys(("filters", "allowFilters", "search")),
    }
    link = paging.link(ctx, page, total, more=len(found) > page.size)
    return reply({"result": "success", "messages": messages, "link": link})


def open_contact(ctx: Context, target: str, closed: dict[str, Any]) -> str:
    """The number of a contact whose 24-hour window is open; rejects the call with `closed` otherwise."""
    number = people.number_of(ctx.tx, ctx.account, target)
    if number is None or not history.window_open(ctx.tx, ctx.line, number):
        reject(closed)
    return number


# Word for word from a published live probe (July 2026); here `message` is a text, on success an object.
EXPIRED = {"result": False, "message": "Ticket has been expired.", "ticketStatus": "CLOSED"}


def send_text(ctx: Context) -> Answer:
    text = bodies.bound(ctx.call, "messageText")
    if not text.strip():
        reject({"result": False, "info": "message text can not be empty"})
    if len(text) > _LONGEST_TEXT:
        problem("messageText", "The field messageText must be a string with a maximum length of 4096.")
    number = open_contact(ctx, ctx.target, EXPIRED)
    local_id = ctx.call.query.get("localmessageid") or ctx.tx.new_uuid()
    quoted = _quoted(ctx, number, ctx.call.query.get("replycontextid", ""))
    shown = {"text": text, "localMessageId": local_id, "replySourceMessage": quoted}
    message = say(ctx, "text", number, shown, {"text": text, "quotes": quoted and quoted["id"]})
    sent = {**message, "whatsappMessageId": f"wamid.sandbox.{message['id']}"}
    return reply({"ok": True, "result": "success", "message": sent})


def _quoted(ctx: Context, number: str, wanted: str) -> Row | None:
    """The message that a reply quotes, by WhatsApp's id or by the row's; None if there is none."""
    own = wanted.removeprefix("wamid.sandbox.")
    found = (row for row in history.rows(ctx.tx, ctx.line, number) if own and row["id"] == own)
    row = next(found, None)
    return row and {"id": row["id"], "text": row.get("text"), "type": row.get("type")}


def say(
    ctx: Context, kind: str, number: str, shown: Row, logged: Row, failed_detail: str | None = None
) -> Row:
    """Deliver one message of ours inside the window: the log's row and the conversation's."""
    channel = ctx.call.query.get("channelphonenumber") or None
    shown = {**shown, "text": ctx.altered(shown["text"])}
    if "text" in logged:
        logged = {**logged, "text": shown["text"]}
    facts = {
        "whatsappNumber": number,
        "channel": channel,
        **logged,
        "localMessageId": shown["localMessageId"],
    }
    failed_detail = failed_detail or habits.failure(ctx, number, habits.SESSION)
    final = "FAILED" if failed_detail else "DELIVERED"
    delivery = deliveries.record(ctx, kind, facts, (final, failed_detail))
    shown = {"owner": True, "operatorName": API_SENDER, **shown}
    row = history.append(ctx.tx, ctx.line, number, "message", shown, delivery=delivery)
    habits.expect(ctx, ctx.line, number, delivery)
    return row


def assign(ctx: Context) -> Answer:
    if not ctx.receiver:
        problem("whatsappNumber", "Either whatsappNumber or target is required.")
    email = ctx.call.query.get("email", "").strip().lower()
    known = ctx.tx.row("SELECT 1 FROM operators WHERE account = ? AND email = ?", ctx.account, email)
    if email and known is None:
        reject({"result": False, "info": "Operator not found"})
    contact = people.find(ctx.tx, ctx.account, ctx.receiver)
    if contact is None:
        reject({"result": False, "info": "Contact not found"})
    assignee = email or "Bot"
    facts = {"whatsappNumber": contact["wAid"], "operator": assignee}
    deliveries.record(ctx, "operator_assigned", facts)
    description = (
        f"Chat is now assigned to {email}. Automation will not work unless it's assigned back to Bot"
        if email
        else "The ticket has been assigned to Bot by Bot"
    )
    event = {"eventDescription": description, "type": 1, "actor": API_SENDER, "assignee": assignee}
    history.append(ctx.tx, ctx.line, contact["wAid"], "ticket", event)
    return reply({"result": True})
