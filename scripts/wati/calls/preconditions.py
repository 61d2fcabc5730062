"""What decides whether a call would be accepted, one check each.

A check adds to the findings what it sees: problems, warnings for what nobody can know beforehand, and facts.
It raises Failure if a read failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.contract.checks import select
from wati.contract.failures import Failure
from wati.reads.inbox import approved_name
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.calls.context import Context
    from wati.calls.findings import Findings

LONGEST_TEXT = 4096  # of a template with its values filled in; WhatsApp's has at most 1,024 characters
MOST_SHOWN = 20  # receivers of a bulk send whose texts a dry run shows
MOST_NAMED = 10  # templates and connections that one message names

# --- connections -------------------------------------------------------------------------------------------


def connection(context: Context, found: Findings) -> None:
    """The connection that the call would go over; what is asked afterwards goes over it, too."""

    if not found.can_ask:
        return
    rows = context.inbox.connections()
    active = [row["connection_id"] for row in rows if row["status"] == "ACTIVE"]
    if context.call.connection:
        found.can_ask = _named(context, found, rows, active)
    elif len(active) == 1:
        found.facts["connection"] = active[0]
        if context.call.endpoint.effect != "read":
            context.go_over(active[0])
    elif not active:
        found.can_ask = False
        others = [row for row in rows if row["status"] != "ACTIVE"]
        found.add("--connection", "connection_missing", f"no wati connection is ACTIVE{_statuses(others)}")
    elif context.call.endpoint.effect == "read":
        which = f"{len(active)} connections are ACTIVE ({_some(active)}), and Maton chooses one for this read"
        found.warnings.append(f"{which}: name it with --connection ID.")
    else:
        found.can_ask = False
        problem = f"{len(active)} wati connections are ACTIVE, and none is named: {_some(active)}"
        found.add("--connection", "connection_ambiguous", problem)


def _named(context: Context, found: Findings, rows: list[dict[str, Any]], active: list[str]) -> bool:
    """Whether the connection that was named can be used."""

    row = next((row for row in rows if row["connection_id"] == context.call.connection), None)
    # How many connections a list shows is not documented, so one that is not in it is asked for.
    row = row or context.inbox.connection_row(context.call.connection)
    right = f"; ACTIVE: {_some(active)}" if active else "; none is ACTIVE"
    if row is None:
        found.add(
            "--connection", "connection_missing", f"there is no connection {context.call.connection}{right}"
        )
    elif row["status"] != "ACTIVE":
        problem = f"the connection {context.call.connection} is {_status(row)}{right}"
        found.add("--connection", "connection_not_active", problem)
    else:
        found.facts["connection"] = context.call.connection
    return row is not None and row["status"] == "ACTIVE"


def connection_id(context: Context, found: Findings) -> None:
    """Whether the connection that the call is about exists."""

    wanted = found.valid(context.call, "connection_id")
    if not found.can_ask or not wanted:
        return
    row = context.inbox.connection_row(wanted)
    if row is None:
        there = _statuses(context.inbox.connections())
        found.add("$.connection_id", "connection_missing", f"there is no connection {wanted}{there}")
        return
    found.facts["connection"] = wanted
    found.facts["status"] = _status(row)
    if context.call.endpoint.effect == "delete" and row["status"] == "ACTIVE":
        found.warnings.append(
            "The connection is ACTIVE: once it is deleted, no call can use its WATI account."
        )


def _statuses(rows: list[dict[str, Any]]) -> str:
    there = [f"{row['connection_id']} is {_status(row)}" for row in rows]
    return f" ({_some(there)})" if there else ""


def _status(row: dict[str, Any]) -> str:
    status = row.get("status")
    return status if isinstance(status, str) and len(status) <= 40 else "in no known state"


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# --- templates ---------------------------------------------------------------------------------------------


def template(context: Context, found: Findings) -> None:
    """The template, and every receiver's parameters against it."""
    from wati.reads import templates

    row = wanted_template(context, found)
    if row is None:
        return
    arguments = context.call.arguments
    lists = select(arguments, "parameters") + select(arguments, "receivers[].customParams")
    given = [(at, pairs) for at, items in lists if (pairs := _pairs(items)) is not None]
    for at, pairs in given:
        found.problems += templates.problems(row, pairs, at)
    numbers = [str(number) for _, number in select(arguments, "receivers[].whatsappNumber")]
    values = [dict(pairs) for _, pairs in given[:MOST_SHOWN]]
    describe(context, found, row, list(zip(numbers or [""], values or [{}], strict=False)))


def _pairs(items: Any) -> list[tuple[str, str]] | None:
    """Names and values, where all of them are texts; what is not, the arguments' own checks tell of."""
    pairs = [
        (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        for item in (items if isinstance(items, list) else [None])
    ]
    texts = all(isinstance(name, str) and name and isinstance(value, str) for name, value in pairs)
    return [(str(name), str(value)) for name, value in pairs] if texts else None


def wanted_template(context: Context, found: Findings) -> dict[str, Any] | None:
    """The template that the arguments name; what is wrong with it itself is added to the findings."""
    from wati.arguments.validation import quoted, suggestion

    name = found.valid(context.call, "template_name")
    if not found.can_ask or not name:
        return None
    others: dict[str, None] = {}
    row = context.inbox.template(name, others)
    if row is None:
        approved = list(others)[:1000]  # the near one is sought among so many
        advice = suggestion(name, approved) or (f"; APPROVED: {_some(approved)}" if approved else "")
        found.add("$.template_name", "template_missing", f"there is no template {quoted(name)}{advice}")
    elif row.get("status") != "APPROVED":
        problem = f"the template {quoted(name)} is {_status(row)}; only APPROVED ones can be sent"
        found.add("$.template_name", "template_not_approved", problem)
    return row


def describe(
    context: Context, found: Findings, row: dict[str, Any], receivers: list[tuple[str, dict[str, str]]]
) -> None:
    """The template as a fact, filled in as its receivers will read it: each with the values that it gets."""
    from wati.output.redaction import redact
    from wati.output.rendering import shorten
    from wati.reads import templates

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cut(text) for name, text in value.items()}
        if isinstance(value, list):
            return list(map(cut, value))
        # Half a key is a secret, too.
        return shorten(redact(value, context.session.settings.key), LONGEST_TEXT)

    (_, values), *others = receivers
    seen = templates.preview(row, values)
    if others:
        seen["texts"] = {number: templates.render(row, own) for number, own in receivers}
        seen.pop("text", None)
    found.facts["template"] = {
        "name": row["elementName"],
        "status": _status(row),
        **{name: cut(value) for name, value in seen.items()},
    }


def offer(context: Context) -> str:
    """The APPROVED templates that could be sent in place of free text, with what each asks for."""
    from wati.reads import templates

    # Of a list that can be long, the rows themselves are not kept.
    offered: dict[str, str] = {}
    for row in context.inbox.templates():
        name = approved_name(row)
        if name and name not in offered:
            offered[name] = templates.listed(row) if len(offered) < MOST_NAMED else ""
    return f"APPROVED templates, with their parameters: {_some(list(offered.values()))}." if offered else ""


def on_whatsapp(context: Context, found: Findings) -> None:
    """No endpoint tells beforehand whether a number has WhatsApp."""
    if not found.can_ask:
        return
    which = "each number" if context.call.endpoint.confirms in ("receivers", "records") else "the number"
    found.warnings.append(f"Whether {which} is on WhatsApp shows only when sending.")


# --- conversations -----------------------------------------------------------------------------------------


def window(context: Context, found: Findings) -> None:
    """Whether the 24-hour window is open: the customer's newest message, by the server's clock."""
    from wati.reads import window as windows

    number = found.valid(context.call, "whatsappNumber")
    if not found.can_ask or not number:
        return
    try:
        seen = windows.judge(context.inbox.conversation(number))
    except Failure as failure:
        if not _is_nobody(failure):
            raise
        _nobody(found, number, failure)
        return
    if seen.open is None or seen.until is None:
        found.warnings.append(seen.why)
        return
    until = iso(seen.until)
    if seen.open:
        found.facts["window"] = {"open": True, "until": until, "seconds_left": int(seen.left)}
        return
    since = f"closed {until}, {_duration(-seen.left)} ago" if seen.is_seen else "is closed"
    problem = f"the 24-hour window {since}: only an APPROVED template can be sent"
    found.add("$.whatsappNumber", "window_closed", problem)
    try:
        found.hint = offer(context)
    except Failure:
        return  # the answer is known; what could be sent instead is only a help


def contact(context: Context, found: Findings) -> None:
    """Whether WATI knows the contact: needed where it is changed, noteworthy where it is to be added."""

    number = found.valid(context.call, "whatsappNumber")
    if not found.can_ask or not number:
        return
    try:
        next(context.inbox.conversation(number), None)
    except Failure as failure:
        if not _is_nobody(failure):
            raise
        if context.call.endpoint.effect != "create":
            _nobody(found, number, failure)
        return
    if context.call.endpoint.effect == "create":
        again = "what adding it again does is not documented; update_contact_attributes.py changes it"
        found.warnings.append(f"WATI has a contact with this number already: {again}.")


def _is_nobody(failure: Failure) -> bool:
    """getMessages refuses an unknown contact under HTTP 200, without a word (reported)."""
    refused = failure.code == "rejected" and 200 <= (failure.http_status or 0) < 300
    return refused or failure.code == "not_found"


def _nobody(found: Findings, number: str, failure: Failure) -> None:
    problem = f"WATI shows no conversation with {number}: it may be no contact (get_contacts.py looks,"
    problem += f" add_contact.py adds), or one of another number of the account. {failure.message}"
    found.add("$.whatsappNumber", "conversation_missing", problem)


def _duration(seconds: float) -> str:
    """Rounded to the largest unit of which there are two: nobody acts on more."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        count = round(seconds / length)
        if count > 1:
            return f"{count} {unit}"
    return "a moment"


# --- files -------------------------------------------------------------------------------------------------


def file(context: Context, found: Findings) -> None:
    """The upload against WhatsApp's types and sizes. Needs no key."""
    from wati.files import media

    for part in context.call.parts:
        part.handle.seek(0)
        head = part.handle.read(media.HEAD)
        part.handle.seek(0)
        for code, problem in media.problems(part.content_type, part.size, head):
            found.add(f"$.{part.name}", code, problem)
        found.warnings += media.warnings(part.content_type, part.size, head)


CHECKS: dict[str, Callable[[Context, Findings], None]] = {
    "connection": connection,
    "connection_id": connection_id,
    "template": template,
    "on_whatsapp": on_whatsapp,
    "window": window,
    "contact": contact,
    "file": file,
}
