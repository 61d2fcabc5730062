"""getMessageTemplates and the five ways to send a template."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from . import bodies, deliveries, history, paging, people, templates
from .context import Context
from .wire import Answer, Problems, checking, refuse, reply

_MOST_RECEIVERS = 1000
NO_RECEIVERS = "There are no valid Receivers"  # observed in a published capture
# Reported by third parties for a wrong, missing or blank parameter, under HTTP 400.
BLANK = "Check your template, it cannot have typos or blank text."
NO_NUMBER = "Whatsapp number should not be null or empty"
NOT_A_NUMBER = "Invalid WhatsApp number"
NOT_ON_WHATSAPP = "The phone number is not on WhatsApp"

Template = dict[str, Any]


@dataclass(frozen=True)
class Send:
    """The part of a template send that all its receivers share."""

    template: Template
    broadcast: str


@dataclass(frozen=True)
class Receiver:
    target: str
    values: dict[str, str]
    local_id: str = ""
    name: str = ""


def get_templates(ctx: Context) -> Answer:
    page = paging.asked(ctx)
    found, total = templates.listed(ctx.tx, ctx.account, page.size, page.offset)
    more = bool(found) and page.offset + len(found) < total
    link = paging.link(ctx, page, total, more=more)
    return reply({"result": "success", "messageTemplates": found, "link": link})


# --- what a request says ----------------------------------------------------------------------------------


def _names(body: dict[str, Any], problems: Problems) -> tuple[str, str]:
    return problems.text(body, "template_name"), problems.text(body, "broadcast_name")


def _values(body: dict[str, Any], key: str, problems: Problems, at: str = "") -> dict[str, str]:
    """Parameters by name. An empty or null name or value is kept as empty: what it means is decided later."""
    return {
        problems.text(item, "name", at=path, needed=False): problems.text(
            item, "value", at=path, needed=False
        )
        for path, item in problems.objects(body, key, at=at)
    }


def _single(ctx: Context) -> tuple[str, str, Receiver]:
    """Template, broadcast and the one receiver, whose number counts in the query only."""
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        template, broadcast = _names(body, problems)
        values = _values(body, "parameters", problems)
    target = (ctx.call.query.get("whatsappnumber") or ctx.call.query.get("target") or "").strip()
    if not target:
        refuse({"result": False, "info": NO_NUMBER}, 400)
    return template, broadcast, Receiver(target, values)


def _several(ctx: Context) -> tuple[str, str, list[Receiver]]:
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        template, broadcast = _names(body, problems)
        receivers = [
            Receiver(
                problems.text(item, "whatsappNumber", at=at, needed=False).strip(),
                _values(item, "customParams", problems, at),
                problems.text(item, "localMessageId", at=at, needed=False),
            )
            for at, item in problems.objects(body, "receivers")
        ]
        if len(receivers) > _MOST_RECEIVERS:
            problems.add("receivers", f"At most {_MOST_RECEIVERS} receivers can be sent to in one call.")
    return template, broadcast, receivers


# --- the effect -------------------------------------------------------------------------------------------


def _reach(ctx: Context, receiver: Receiver) -> tuple[str | None, str | None]:
    """The receiver's number, and why it cannot be reached (None where it can)."""
    number = people.number_of(ctx.tx, ctx.account, receiver.target)
    if number is None:
        return None, NOT_A_NUMBER
    return number, None if people.on_whatsapp(ctx.tx, number) else NOT_ON_WHATSAPP


def _deliver(ctx: Context, send: Send, receiver: Receiver, number: str) -> dict[str, Any]:
    """One template message to one number on WhatsApp; an unknown number becomes a contact."""
    contact = people.find(ctx.tx, ctx.account, number)
    created = contact is None
    if contact is None:
        contact = people.add(ctx.tx, ctx.account, number, receiver.name)
    local_id = receiver.local_id or ctx.tx.new_uuid()
    final, detail = templates.fate(send.template, receiver.values)
    name = send.template["elementName"]
    facts = {
        "connection_id": ctx.account,
        "whatsappNumber": number,
        "template": name,
        "parameters": _pairs(receiver.values),
        "text": templates.render(send.template, receiver.values),
        "broadcast_name": send.broadcast,
        "localMessageId": local_id,
        "contact_created": True if created else None,
    }
    delivery = deliveries.record(
        ctx.tx, "template", ctx.endpoint, facts, final=final, failed_detail=detail, delay=ctx.queued
    )
    row = {
        "eventDescription": history.broadcast_label(ctx.tx.now, name),
        "finalText": facts["text"],
        "localMessageId": local_id,
    }
    event = history.append(ctx.tx, ctx.account, number, "broadcastMessage", row, delivery=delivery)
    return {"contact": contact, "localMessageId": local_id, "id": event["id"]}


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _blank(template: Template, values: dict[str, str]) -> list[str]:
    """Parameters that v1 does not let through: those missing, and any that are blank, known or not."""
    return templates.missing(template, values) + [
        name for name, value in values.items() if not (name.strip() and value.strip())
    ]


# --- version 1 --------------------------------------------------------------------------------------------


def send_one(ctx: Context) -> Answer:
    name, broadcast, receiver = _single(ctx)
    template = templates.find(ctx.tx, ctx.account, name)
    wrong = templates.refusal(template)
    if template is None or wrong:
        refuse({"result": False, "info": wrong})
    if _blank(template, receiver.values):
        refuse({"result": False, "info": BLANK}, 400)
    number, unreached = _reach(ctx, receiver)
    answer = {
        "result": True,
        "phone_number": number or receiver.target,
        "template_name": name,
        "parameteres": _pairs(receiver.values),  # WATI's spelling, observed in a published capture
        "contact": None,
        "model": None,
        "validWhatsAppNumber": False,
    }
    if number is None:
        refuse({**answer, "result": False, "info": unreached})
    if unreached:
        return reply(answer)
    done = _deliver(ctx, Send(template, broadcast), receiver, number)
    # Published captures have ids here and nobody says of what, so these are ids of nothing.
    model = {"ids": [ctx.tx.new_id()]}
    return reply({**answer, "contact": done["contact"], "model": model, "validWhatsAppNumber": True})


def send_many(ctx: Context) -> Answer:
    name, broadcast, receivers = _several(ctx)
    template = templates.find(ctx.tx, ctx.account, name)
    wrong = templates.refusal(template)
    if template is None or wrong:
        refuse(_bulk_answer(wrong or "", [], []))
    lost: list[str] = []
    faulty: list[dict[str, str]] = []
    good: list[tuple[Receiver, str]] = []
    for receiver in receivers:
        number, unreached = _reach(ctx, receiver)
        blank = _blank(template, receiver.values)
        faulty += [{"whatsappNumber": receiver.target, "name": name} for name in dict.fromkeys(blank)]
        if number is None or unreached:
            lost.append(receiver.target)
        elif not blank:
            good.append((receiver, number))
    if not good:
        refuse(_bulk_answer(NO_RECEIVERS, lost, faulty))
    for receiver, number in good:
        _deliver(ctx, Send(template, broadcast), receiver, number)
    return reply({**_bulk_answer("", lost, faulty), "result": True})


def _bulk_answer(error: str, lost: list[str], faulty: list[dict[str, str]]) -> dict[str, Any]:
    errors = {"error": error, "invalidWhatsappNumbers": lost, "invalidCustomParameters": faulty}
    return {"result": False, "errors": errors}


# --- version 2 --------------------------------------------------------------------------------------------


def send_one_v2(ctx: Context) -> Answer:
    name, broadcast, receiver = _single(ctx)
    answer = _send_v2(ctx, name, broadcast, [receiver])
    return reply({**answer, "parameters": _pairs(receiver.values)})


def send_many_v2(ctx: Context) -> Answer:
    name, broadcast, receivers = _several(ctx)
    return reply(_send_v2(ctx, name, broadcast, receivers))


def _send_v2(ctx: Context, name: str, broadcast: str, receivers: list[Receiver]) -> dict[str, Any]:
    template = templates.find(ctx.tx, ctx.account, name)
    wrong = templates.refusal(template) or (None if receivers else NO_RECEIVERS)
    if template is None or wrong:
        refuse({"result": False, "error": wrong, "templateName": name, "receivers": []})
    told = []
    for receiver in receivers:
        number, unreached = _reach(ctx, receiver)
        sent = number is not None and not unreached
        done = _deliver(ctx, Send(template, broadcast), receiver, number) if sent and number else {}
        told.append(
            {
                "localMessageId": done.get("localMessageId") or receiver.local_id or None,
                "waId": number or receiver.target,
                "isValidWhatsAppNumber": sent,
                "errors": [unreached] if unreached else [],
            }
        )
    return {"result": True, "error": None, "templateName": name, "receivers": told}


# --- CSV --------------------------------------------------------------------------------------------------


def send_csv(ctx: Context) -> Answer:
    part = bodies.uploaded(ctx.call, "whatsapp_numbers_csv")
    query = ctx.call.query
    name, broadcast = query.get("template_name", "").strip(), query.get("broadcast_name", "").strip()
    with checking() as problems:
        for at, value in (("template_name", name), ("broadcast_name", broadcast)):
            if not value:
                problems.add(at, f"The {at} field is required.")
    template = templates.find(ctx.tx, ctx.account, name)
    wrong = templates.refusal(template)
    if template is None or wrong:
        refuse({"result": False, "info": wrong})
    records = list(_records(part.content))
    if not records:
        refuse({"result": False, "info": NO_RECEIVERS})
    absent = [one for one in templates.names(template) if _column(records[0], one) is None]
    if absent:
        refuse({"result": False, "info": f"The file has no column for: {', '.join(absent)}"})
    sent = 0
    for record in records:
        values = {one: _column(record, one) or "" for one in templates.names(template)}
        receiver = Receiver(_phone(record), values, name=_column(record, "Name") or "")
        number, unreached = _reach(ctx, receiver)
        if number is not None and not unreached:
            _deliver(ctx, Send(template, broadcast), receiver, number)
            sent += 1
    if not sent:
        refuse({"result": False, "info": NO_RECEIVERS})
    return reply({"result": True, "info": f"{sent} of {len(records)} records accepted"})


def _records(content: bytes) -> Iterator[dict[str, str]]:
    """The rows after the header by column, wholly blank ones left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(map(str.strip, row))]
    except csv.Error:
        refuse({"result": False, "info": "The file is not valid CSV"})
    header, *records = rows or [[]]
    columns = [column.strip() for column in header]
    if _column(dict.fromkeys(columns, ""), "Phone") is None and _column(
        dict.fromkeys(columns, ""), "whatsappNumber"
    ) is None:  # fmt: skip
        refuse({"result": False, "info": "The file has no column for: Phone"})
    for record in records:
        yield dict(zip(columns, [*record, *[""] * len(columns)], strict=False))


def _column(record: dict[str, str], name: str) -> str | None:
    """A value by its column's exact name, else by the name without regard to case."""
    if name in record:
        return record[name].strip()
    return next((value.strip() for key, value in record.items() if key.lower() == name.lower()), None)


def _phone(record: dict[str, str]) -> str:
    """Country code and national number together; without a code column the number is taken as whole."""
    phone = _column(record, "Phone") or _column(record, "whatsappNumber") or ""
    return re.sub(r"[\s()+.-]", "", (_column(record, "CountryCode") or "") + phone)
