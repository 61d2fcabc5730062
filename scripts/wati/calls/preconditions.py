"""What decides whether a call would be accepted: one check for each precondition.

A check adds to the findings: problems, facts, and warnings about what nobody can know beforehand. It raises
Failure if a read fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.calls import people
from wati.calls.template_checks import MOST_NAMED, template
from wati.contract.checks import select
from wati.contract.failures import Failure
from wati.output.rendering import duration, enumerate_some
from wati.reads.inbox import approved_name, is_absent, status_of
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wati.calls.context import Context
    from wati.calls.findings import Findings

ID_LENGTH = 24  # of a contact's id; a number has at most 15 digits
PAGES_OF_CONTACTS = 8  # of 100; WATI allows 10 of these reads in 10 seconds (documented)
_OTHER_SPELLING = "the same person, whom WhatsApp knows by that number. Use it."

# --- connections -------------------------------------------------------------------------------------------


def connection(context: Context, found: Findings) -> None:
    """The connection that the call would use. The checks after this one read over it."""
    if not found.can_ask:
        return
    rows = context.inbox.connections()
    active = [row["connection_id"] for row in rows if row["status"] == "ACTIVE"]
    if context.call.connection:
        found.can_ask = _named(context, found, rows, active)
    elif len(active) == 1:
        found.facts["connection"] = active[0]
        if context.call.endpoint.effect != "read":
            context.use_connection(active[0])
    elif not active:
        found.can_ask = False
        found.add("--connection", "connection_missing", f"no wati connection is ACTIVE{_statuses(rows)}")
    elif context.call.endpoint.effect == "read":
        which = f"{len(active)} connections are ACTIVE ({_some(active)}), and Maton chooses one for this read"
        found.warnings.append(f"{which}. To choose it yourself, use --connection ID.")
    else:
        found.can_ask = False
        problem = f"{len(active)} wati connections are ACTIVE, but none is named: {_some(active)}"
        found.add("--connection", "connection_ambiguous", problem)


def _named(context: Context, found: Findings, rows: list[dict[str, Any]], active: list[str]) -> bool:
    """Whether the named connection can be used."""
    name = context.call.connection
    row = next((row for row in rows if row["connection_id"] == name), None)
    # The length of the list is not documented, so a connection may be missing from it.
    row = row or context.inbox.connection_row(name)
    usable = f"; ACTIVE: {_some(active)}" if active else "; none is ACTIVE"
    if row is None:
        found.add("--connection", "connection_missing", f"there is no connection {name}{usable}")
    elif row["status"] != "ACTIVE":
        problem = f"the connection {name} is {status_of(row)}{usable}"
        found.add("--connection", "connection_not_active", problem)
    else:
        found.facts["connection"] = name
    return "connection" in found.facts


def connection_id(context: Context, found: Findings) -> None:
    """Whether the connection in the arguments exists."""
    wanted = found.valid(context.call, "connection_id")
    if not found.can_ask or not wanted:
        return
    row = context.inbox.connection_row(wanted)
    if row is None:
        there = _statuses(context.inbox.connections())
        found.add("$.connection_id", "connection_missing", f"there is no connection {wanted}{there}")
        return
    found.facts |= {"connection": wanted, "status": status_of(row)}
    if context.call.endpoint.effect == "delete" and row["status"] == "ACTIVE":
        warning = "The connection is ACTIVE. Once it is deleted, no call can use its WATI account."
        found.warnings.append(warning)


def _statuses(rows: list[dict[str, Any]]) -> str:
    there = [f"{row['connection_id']} is {status_of(row)}" for row in rows]
    return f" ({_some(there)})" if there else ""


def _some(names: list[str]) -> str:
    return enumerate_some(names, MOST_NAMED)


# --- templates ---------------------------------------------------------------------------------------------


def offer(context: Context) -> str:
    """The APPROVED templates that could be sent instead of free text, with their parameters."""
    from wati.reads import templates

    # The list can be long, so its rows are not kept.
    offered: dict[str, str] = {}
    for row in context.inbox.templates():
        name = approved_name(row)
        if name and name not in offered:
            offered[name] = templates.listed(row) if len(offered) < MOST_NAMED else ""
    return f"APPROVED templates, with their parameters: {_some(list(offered.values()))}." if offered else ""


# --- conversations -----------------------------------------------------------------------------------------


def window(context: Context, found: Findings) -> None:
    """Whether the 24-hour window is open, by the customer's newest message and the server's clock."""
    from wati.reads import window as windows

    number = found.valid(context.call, "whatsappNumber")
    if not found.can_ask or not number:
        return
    try:
        rows, name = context.inbox.either_conversation(number)
        judged = windows.judge(rows, _noting_newest(rows, found))
    except Failure as failure:
        return _no_conversation(context, found, number, failure)
    if name != number:
        found.warnings.append(f"WATI has the conversation under {name}: {_OTHER_SPELLING}")
    if judged.open is None or judged.until is None:
        found.warnings.append(judged.why)
        if judged.never:
            # Nothing proves that the window is closed, but a template is what can be sent to a stranger.
            _suggest_templates(context, found)
            if context.call.options.dry_run:  # it has no hint unless there is a problem
                found.warnings[-1] = f"{judged.why} {found.hint}".strip()
                found.hint = ""
        return
    until = iso(judged.until)
    if judged.open:
        found.facts["window"] = {"open": True, "until": until, "seconds_left": int(judged.left)}
        return
    since = f"closed at {until}, {duration(-judged.left)} ago" if judged.by_customer else "is closed"
    problem = f"the 24-hour window {since}; only an APPROVED template can be sent"
    found.add("$.whatsappNumber", "window_closed", problem)
    _suggest_templates(context, found)


def _suggest_templates(context: Context, found: Findings) -> None:
    try:
        found.hint = offer(context)
    except Failure:
        return  # the templates are only a suggestion


def _noting_newest(rows: Iterable[dict[str, Any]], found: Findings) -> Iterator[dict[str, Any]]:
    for row in rows:
        if found.newest is None and people.is_by_customer(row):
            found.newest = row
        yield row


def contact(context: Context, found: Findings) -> None:
    """Whether WATI has the contact: a change needs it, and adding it again deserves a warning."""
    number = found.valid(context.call, "whatsappNumber")
    if not found.can_ask or not number:
        return
    try:
        _, name = context.inbox.either_conversation(number)
    except Failure as failure:
        return _no_conversation(context, found, number, failure)
    if context.call.endpoint.effect == "create":
        which = "this number" if name == number else f"another spelling of this number, {name}"
        found.warnings.append(
            f"WATI already has a contact with {which}. What adding it again does is not documented; "
            "update_contact_attributes.py changes it."
        )
    elif name != number:
        found.warnings.append(f"WATI has the contact under {name}: {_OTHER_SPELLING}")


def _no_conversation(context: Context, found: Findings, number: str, failure: Failure) -> None:
    """A problem, unless the contact is about to be created. Raises a failure that means something else."""
    if not is_absent(failure):
        raise failure
    if context.call.endpoint.effect != "create":
        problem = (
            f"WATI shows no conversation with {number}. It may not be a contact yet (get_contacts.py finds "
            "it, add_contact.py adds it), or it belongs to another number of the account. "
        )
        found.add("$.whatsappNumber", "conversation_missing", problem + failure.message)


def persons(context: Context, found: Findings) -> None:
    """Whether a contact id in a list is someone whose number is in the list, too: the contacts say it.

    The journal learns it, so the send itself is refused, too, and a later one by the other name.
    """
    from wati.contract.numbers import TWICE, person
    from wati.journal import once

    by_id = {number.lower(): at for at, number in context.call.receivers if len(number) == ID_LENGTH}
    if not found.can_ask or not by_id or len(context.call.receivers) < 2 or context.call.options.again:
        return
    first = {person(number): (number, at) for at, number in context.call.receivers}
    known: dict[str, str] = {}
    rows = context.inbox.contacts({}, PAGES_OF_CONTACTS)
    doubtful = context.remarks if found.is_last_look else found.warnings
    try:
        for row in rows:
            at, number = by_id.pop(str(row.get("id")).lower(), ""), str(row.get("wAid"))
            if at and number.isdigit():
                known[str(row.get("id"))] = number
            if at and person(number) in first:
                other, other_at = first[person(number)]
                problem = f"is the contact with the number {other}, which is at {other_at}"
                found.add(at, "repeated_send", problem)
                found.hint = TWICE
            elif at:
                first[person(number)] = (number, at)
            if not by_id:
                break
    except Failure as failure:
        if not found.is_last_look:
            raise
        doubtful.append(f"The contacts could not be read ({failure.code}).")
    once.learn(context.session.journal, context.call.connection, known)
    if by_id and not rows.whole:
        doubtful.append(
            f"{len(by_id)} of the receivers are ids of contacts that were not read, so it is not known "
            "whether one of them is in the list by number, too."
        )


# --- files -------------------------------------------------------------------------------------------------


def menu(context: Context, found: Findings) -> None:
    """Buttons or a list as the customer will see them. Needs no key."""
    arguments = context.call.arguments
    header = arguments.get("header")
    if isinstance(header, dict):
        media = header.get("media")
        header = header.get("text") or {
            "type": header.get("type"),
            **(media if isinstance(media, dict) else {}),
        }
    titles = (row for _, row in select(arguments, "sections[].rows[]") if isinstance(row, dict))
    buttons = select(arguments, "buttons[].text") + select(arguments, "buttonText")
    seen = {
        "header": header,
        "text": arguments.get("body"),
        "footer": arguments.get("footer"),
        "buttons": [text for _, text in buttons],
        "choices": [
            f"{row.get('title')}: {row['description']}" if row.get("description") else row.get("title")
            for row in titles
        ],
    }
    found.facts["message"] = {name: value for name, value in seen.items() if value}


def file(context: Context, found: Findings) -> None:
    """Whether WhatsApp accepts the file's type and size. Needs no key."""
    from wati.files import media

    for part in context.call.parts:
        part.handle.seek(0)
        head = part.handle.read(media.HEAD)
        part.handle.seek(0)
        for code, problem in media.problems(part.content_type, part.size, head):
            found.add(f"$.{part.name}", code, problem)
        found.warnings += media.warnings(part.content_type, part.size, head)


_ALL = (
    connection,
    connection_id,
    template,
    window,
    contact,
    persons,
    menu,
    file,
    people.receivers,
    people.attributes,
)
CHECKS: dict[str, Callable[[Context, Findings], None]] = {check.__name__: check for check in _ALL}
