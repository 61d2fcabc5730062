"""Who the receivers of a send are, for its dry run: their names, and whether they want such messages.

None of these reads decides whether a send is accepted, so one that fails is only a warning.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wati.contract.failures import Failure
from wati.contract.numbers import common_end, person
from wati.output.rendering import enumerate_some
from wati.reads.inbox import is_absent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.types import Receivers

MOST_NAMED = 20  # receivers whose names are shown
# That are read for a bulk send, each under up to two spellings: WATI allows 10 such reads in 10 seconds
# (documented).
MOST_CONVERSATIONS = 5
_LONGEST_NAME = 100


def receivers(context: Context, found: Findings) -> None:
    """The names of the receivers. For templates, also who allows no broadcasts or has asked to stop."""
    if not found.can_ask:
        return
    call = context.call
    listed = call.receivers
    if not listed and (number := found.valid(call, "whatsappNumber")):
        listed = [("$.whatsappNumber", number)]
    if not listed:
        return
    first = [number for _, number in listed[:MOST_CONVERSATIONS]]
    is_bulk = call.endpoint.confirms != "none"
    contacts: dict[str, dict[str, Any]] = {}
    are_read, others_unread = True, False
    try:
        contacts, others_unread = _contacts(context, [] if is_bulk else first)
    except Failure as failure:
        found.warnings.append(f"The contacts could not be read, so names are not shown ({failure.code}).")
        are_read = False
    rows = {number: row for _, number in listed if (row := contacts.get(person(number)))} if contacts else {}
    names = {number: _shown(context, name) for number, row in rows.items() if (name := name_of(row))}
    if names:
        # One receiver is named anyway; of many, each name stands beside its number.
        some = dict(list(names.items())[:MOST_NAMED])
        found.facts |= {"names": some} if is_bulk else {"receiver": next(iter(names.values()))}
    if "template" not in found.facts:
        return _stops(context, found, {first[0]: found.newest}, names)
    if are_read:
        _strangers(found, listed, rows, others_unread=others_unread)
    refusing = [number for number, row in rows.items() if row.get("allowBroadcast") is False]
    if refusing:
        who = enumerate_some([_who(number, names) for number in refusing], MOST_NAMED)
        problem = "allowBroadcast is false, so the customer may not want a template, and WATI may not send it"
        found.warnings.append(f"{who}: {problem}.")
    newest = dict(_newest_of_each(context, found, first))
    _stops(context, found, newest, names)
    if len(listed) > MOST_CONVERSATIONS:
        found.warnings.append(
            f"The conversations of {MOST_CONVERSATIONS} of {len(listed)} receivers were read for requests "
            "to stop, such as STOP. Of the others it is not known."
        )


def _strangers(
    found: Findings, listed: Receivers, rows: dict[str, dict[str, Any]], *, others_unread: bool
) -> None:
    """Warnings about who is no contact yet, and whom WATI calls invalid: that is known before a send.

    `rows`: the contacts among those who are listed.
    """
    invalid = [number for number, row in rows.items() if row.get("contactStatus") not in (None, "", "VALID")]
    if invalid:
        who = enumerate_some(invalid, MOST_NAMED)
        found.warnings.append(f"{who}: contactStatus is not VALID, so the number may not be on WhatsApp.")
    unknown = sum(number not in rows for _, number in listed)
    if not unknown:
        return
    shows = "shows only when the message is sent"
    if others_unread:
        problem = (
            "are not among the contacts that were read, so it is not known whether they allow broadcasts"
        )
        found.warnings.append(
            f"{unknown} of {len(listed)} receivers {problem}; whether they are on WhatsApp {shows}."
        )
    else:
        who = enumerate_some((number for _, number in listed if number not in rows), MOST_NAMED)
        found.warnings.append(f"WATI has no contact {who}: whether it is on WhatsApp {shows}.")


def _contacts(context: Context, numbers: list[str]) -> tuple[dict[str, dict[str, Any]], bool]:
    """Contacts by person, so under every spelling and by id: those with these numbers, or one page of all.

    And whether others may be on a later page.
    """
    query = {}
    if numbers:
        condition = {"name": "phone", "operator": "contain", "value": common_end(numbers[0])}
        query = {"attribute": json.dumps([condition])}
    found: dict[str, dict[str, Any]] = {}
    page = context.inbox.contacts(query, 1)
    for row in page:
        for member in ("wAid", "phone", "id"):
            if isinstance(row.get(member), str):
                found.setdefault(person(row[member]), row)
    return found, not numbers and not page.is_last


def _newest_of_each(context: Context, found: Findings, numbers: list[str]) -> Iterator[tuple[str, Any]]:
    """The newest message of each customer, as far as one page of their conversation shows it."""
    for number in numbers:
        try:
            rows, _ = context.inbox.either_conversation(number)
            yield number, next(newest_by_customer(rows, one_page=True), None)
        except Failure as failure:
            # Whom WATI does not know yet has said nothing.
            if not is_absent(failure):
                unread = "could not be read, so it is not known whether the customer has asked to stop"
                found.warnings.append(f"The conversation with {number} {unread} ({failure.code}).")
                return


def is_by_customer(row: dict[str, Any]) -> bool:
    return row.get("eventType") == "message" and row.get("owner") is False


def newest_by_customer(rows: Iterable[dict[str, Any]], *, one_page: bool = False) -> Iterator[dict[str, Any]]:
    """The customer's messages, newest first."""
    for row in rows:
        if is_by_customer(row):
            yield row
        if one_page and not getattr(rows, "left", 0):
            return


def _stops(context: Context, found: Findings, newest: dict[str, Any], names: dict[str, str]) -> None:
    from wati.reads.opt_out import asks_to_stop

    for number, row in newest.items():
        text = row.get("text") if row else None
        if asks_to_stop(text):
            said = json.dumps(_shown(context, str(text)), ensure_ascii=False)
            found.warnings.append(
                f"{_who(number, names)} last wrote {said}, which asks for no more messages. Ask the user."
            )


def _who(number: str, names: dict[str, str]) -> str:
    return f"{names[number]} ({number})" if number in names else number


def name_of(row: dict[str, Any]) -> str:
    names = (row.get(member) for member in ("fullName", "firstName", "displayName"))
    return next((name for name in names if isinstance(name, str) and name), "")


def _shown(context: Context, text: str) -> str:
    """What a customer may have written, to be quoted: the document then says so."""
    from wati.output.document import NOTICE
    from wati.output.redaction import excerpt

    if NOTICE not in context.remarks:
        context.remarks.append(NOTICE)
    return excerpt(text, context.session.settings.key, _LONGEST_NAME)


def attributes(context: Context, found: Findings) -> None:
    """A warning for each attribute that no contact has, if one has a name that is nearly the same."""
    from difflib import get_close_matches

    from wati.contract.checks import select
    from wati.reads.matching import folded

    sent = {**context.call.endpoint.defaults, **context.call.arguments}
    given = [name for _, name in select(sent, "customParams[].name") if isinstance(name, str)]
    if not found.can_ask or not given:
        return
    known: dict[str, str] = {}
    try:
        for row in context.inbox.contacts({}, 1):
            names = [name for _, name in select(row, "customParams[].name") if isinstance(name, str)]
            known |= {folded(name): name for name in names[:100]}
    except Failure as failure:
        found.warnings.append(f"The attributes of other contacts could not be read ({failure.code}).")
        return
    for name in given:
        near = get_close_matches(folded(name), list(known)[:1000], n=1, cutoff=0.75)
        if name not in known.values() and near:
            new, old = (
                json.dumps(_shown(context, each), ensure_ascii=False) for each in (name, known[near[0]])
            )
            found.warnings.append(
                f"{new} would be a new attribute; contacts have {old}. Ask which one is meant."
            )
