"""getMessageTemplates and the five ways to send a template."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import bodies, channels, deliveries, habits, history, paging, people, templates
from .context import Context
from .wire import Answer, Problems, checking, reject, reply

_MOST_RECEIVERS = 1000
NO_RECEIVERS = "There are no valid Receivers"  # observed in a published capture
# Reported by third parties for a wrong, missing or blank parameter, under HTTP 400.
BLANK = "Check your template, it cannot have typos or blank text."
NO_NUMBER = "Whatsapp number should not be null or empty"
NOT_A_NUMBER = "Invalid WhatsApp number"
NOT_ON_WHATSAPP = "The phone number is not on WhatsApp"

Template = dict[str, Any]


@dataclass(frozen=True)
class Receiver:
    target: str
    values: dict[str, str]
    local_id: str = ""
    name: str = ""
    channel: str = ""  # the account's number that sends it


def get_templates(ctx: Context) -> Answer:
    page = paging.asked(ctx)
    found, total = templates.listed(ctx.tx, ctx.account, page.size, page.offset)
    link = paging.link(ctx, page, total, more=page.end < total)
    return reply({"result": "success", "messageTemplates": found, "link": link})


# --- what a request says ----------------------------------------------------------------------------------


def _names(body: dict[str, Any], problems: Problems) -> tuple[str, str]:
    return problems.text(body, "template_name"), problems.text(body, "broadcast_name")


def _values(body: dict[str, Any], key: str, problems: Problems, at: str = "") -> dict[str, str]:
    """Parameters by name. An empty or null name or value is kept as empty: what it means is decided later."""
    values = {}
    for path, item in problems.objects(body, key, at=at):
        name = problems.text(item, "name", at=path, needed=False)
        values[name] = problems.text(item, "value", at=path, needed=False)
    return values


def _channel(ctx: Context, body: dict[str, Any]) -> str:
    """The number that sends, from the body; rejects the call, before anything is sent, if it is unknown."""
    named = body.get("channel_number")
    number = named.strip() if isinstance(named, str) else ""
    channels.line(ctx.tx, ctx.account, number)
    return number


def _single(ctx: Context) -> tuple[str, str, Receiver]:
    """Template, broadcast and the one receiver, whose number must be in the query."""
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        template, broadcast = _names(body, problems)
        values = _values(body, "parameters", problems)
    if not ctx.receiver:
        reject(_info(NO_NUMBER), 400)
    return template, broadcast, Receiver(ctx.receiver, values, channel=_channel(ctx, body))


def _several(ctx: Context) -> tuple[str, str, list[Receiver]]:
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        template, broadcast = _names(body, problems)
        receivers = [
            Receiver(
                problems.text(item, "whatsappNumber", at=at, needed=False).strip(),
                _values(item, "customParams", problems, at),
                problems.text(item, "localMessageId", at=at, needed=False),
                channel=_channel(ctx, body),
            )
            for at, item in problems.objects(body, "receivers")
        ]
        if len(receivers) > _MOST_RECEIVERS:
            problems.add("receivers", f"At most {_MOST_RECEIVERS} receivers can be sent to in one call.")
    return template, broadcast, receivers


# --- the effect -------------------------------------------------------------------------------------------


def _info(why: str) -> dict[str, Any]:
    return {"result": False, "info": why}


def _approved(ctx: Context, name: str, answer: Callable[[str], Any]) -> Template:
    """The template to send; rejects the call, by `answer`, if it is unknown or not approved."""
    template = templates.find(ctx.tx, ctx.account, name)
    if template is None:
        reject(answer("Template not found"))
    if template["status"] != "APPROVED":
        reject(answer(f"Template is not approved, its status is {template['status']}"))
    return template


def _reach(ctx: Context, receiver: Receiver) -> tuple[str, str | None]:
    """The receiver's number as WhatsApp spells it, or the target; and why it cannot be reached, if so."""
    number = people.number_of(ctx.tx, ctx.account, receiver.target)
    if number is None:
        return receiver.target, NOT_A_NUMBER
    number = people.known_as(number)
    return number, None if people.on_whatsapp(ctx.tx, number) else NOT_ON_WHATSAPP


def _deliver(
    ctx: Context, template: Template, broadcast: str, receiver: Receiver, number: str
) -> dict[str, Any]:
    """One template message to one number on WhatsApp; an unknown number becomes a contact."""
    known = people.find(ctx.tx, ctx.account, number)
    contact = known or people.add(ctx.tx, ctx.account, number, receiver.name)
    local_id = receiver.local_id or ctx.tx.new_uuid()
    name, text = template["elementName"], ctx.altered(templates.render(template, receiver.values))
    facts = {
        "whatsappNumber": number,
        "channel": receiver.channel or None,
        "template": name,
        "parameters": _pairs(receiver.values),
        "text": text,
        "broadcast_name": broadcast,
        "localMessageId": local_id,
        "contact_created": None if known else True,
    }
    final = templates.final_status(template, receiver.values)
    sort = habits.MARKETING if template["category"] == "MARKETING" else habits.UTILITY
    if final[0] == "DELIVERED" and (why := habits.failure(ctx, number, sort)):
        final = "FAILED", why
    delivery = deliveries.record(ctx, "template", facts, final)
    label = history.broadcast_label(ctx.tx.now, name)
    link = templates.header_link(template, receiver.values)
    row = {"eventDescription": label, "finalText": text, "mediaHeaderLink": link, "localMessageId": local_id}
    line = channels.line(ctx.tx, ctx.account, receiver.channel)
    history.append(ctx.tx, line, number, "broadcastMessage", row, delivery=delivery)
    habits.expect(ctx, line, number, delivery)
    return {"contact": contact, "localMessageId": local_id}


def _pairs(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


def _blank(template: Template, values: dict[str, str]) -> list[str]:
    """Parameters that v1 does not let through: those missing, and any that are blank, known or not."""
    blank = [name for name, value in values.items() if not (name.strip() and value.strip())]
    return templates.missing(template, values) + blank


# --- version 1 --------------------------------------------------------------------------------------------


def send_one(ctx: Context) -> Answer:
    name, broadcast, receiver = _single(ctx)
    template = _approved(ctx, name, _info)
    if _blank(template, receiver.values):
        reject(_info(BLANK), 400)
    number, unreached = _reach(ctx, receiver)
    answer = {
        "result": True,
        "phone_number": number,
        "template_name": name,
        "parameteres": _pairs(receiver.values),  # WATI's spelling, observed in a published capture
        "contact": None,
        "model": None,
        "validWhatsAppNumber": False,
    }
    if unreached == NOT_A_NUMBER:
        reject({**answer, **_info(unreached)})
    if unreached:
        return reply(answer)
    done = _deliver(ctx, template, broadcast, receiver, number)
    # Published captures have ids here, but no source says of what, so these are ids of nothing.
    model = {"ids": [ctx.tx.new_id()]}
    return reply({**answer, "contact": done["contact"], "model": model, "validWhatsAppNumber": True})


def send_many(ctx: Context) -> Answer:
    name, broadcast, receivers = _several(ctx)
    template = _approved(ctx, name, _bulk_answer)
    unreachable: list[str] = []
    faulty: list[dict[str, str]] = []
    good: list[tuple[Receiver, str]] = []
    for receiver in receivers:
        number, unreached = _reach(ctx, receiver)
        blank = _blank(template, receiver.values)
        faulty += [{"whatsappNumber": receiver.target, "name": each} for each in dict.fromkeys(blank)]
        if unreached:
            unreachable.append(receiver.target)
        elif not blank:
            good.append((receiver, number))
    if not good:
        reject(_bulk_answer(NO_RECEIVERS, unreachable, faulty))
    for receiver, number in good:
        _deliver(ctx, template, broadcast, receiver, number)
    return reply({**_bulk_answer("", unreachable, faulty), "result": True})


def _bulk_answer(
    error: str, unreachable: Sequence[str] = (), faulty: Sequence[dict[str, str]] = ()
) -> dict[str, Any]:
    errors = {"error": error, "invalidWhatsappNumbers": unreachable, "invalidCustomParameters": faulty}
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
    def answer(error: str | None, entries: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
        return {"result": error is None, "error": error, "templateName": name, "receivers": entries}

    template = _approved(ctx, name, answer)
    if not receivers:
        reject(answer(NO_RECEIVERS))
    entries = []
    for receiver in receivers:
        number, unreached = _reach(ctx, receiver)
        done = {} if unreached else _deliver(ctx, template, broadcast, receiver, number)
        entry = {"localMessageId": done.get("localMessageId") or receiver.local_id or None, "waId": number}
        errors = [unreached] if unreached else []
        entries.append({**entry, "isValidWhatsAppNumber": not unreached, "errors": errors})
    return answer(None, entries)


# --- CSV --------------------------------------------------------------------------------------------------


def send_csv(ctx: Context) -> Answer:
    part = bodies.uploaded(ctx.call, "whatsapp_numbers_csv")
    query = {name: value.strip() for name, value in ctx.call.query.items()}
    with checking() as problems:
        name, broadcast = _names(query, problems)
    template = _approved(ctx, name, _info)
    parameters = templates.names(template)
    records = list(_records(part.content))
    if not records:
        reject(_info(NO_RECEIVERS))
    absent = [parameter for parameter in parameters if _column(records[0], parameter) is None]
    if absent:
        reject(_info(f"The file has no column for: {', '.join(absent)}"))
    sent = 0
    for record in records:
        values = {parameter: _column(record, parameter) or "" for parameter in parameters}
        receiver = Receiver(_phone(record), values, name=_column(record, "Name") or "")
        number, unreached = _reach(ctx, receiver)
        if not unreached:
            _deliver(ctx, template, broadcast, receiver, number)
            sent += 1
    if not sent:
        reject(_info(NO_RECEIVERS))
    return reply({"result": True, "info": f"{sent} of {len(records)} records accepted"})


def _records(content: bytes) -> Iterator[dict[str, str]]:
    """The rows after the header, by column; blank rows are left out."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(map(str.strip, row))]
    except csv.Error:
        reject(_info("The file is not valid CSV"))
    header, *records = rows or [[]]
    columns = [column.strip() for column in header]
    if not {"phone", "whatsappnumber"} & set(map(str.lower, columns)):
        reject(_info("The file has no column for: Phone"))
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
