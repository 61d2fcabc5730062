"""What the questions need to know of the account, taken from the answers to earlier ones. Never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.contract.bodies import connection_id, member
from wati.contract.numbers import spellings
from wati.probe.question import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wati.contract.answer import Answer
    from wati.contract.types import Arguments

    Known = dict[str, Any]

DAY = 86400.0
VALUE = "wati probe"  # of each parameter of a template


def at_first(arguments: Arguments, connection: str) -> Known:
    """What the call itself says."""
    known: Known = {"connection": connection}
    own, template = arguments.get("own_number"), arguments.get("template_name")
    if own:
        known["own"] = own
        known[
            "a_number_with_whatsapp" if arguments.get("has_whatsapp", True) else "a_number_without_whatsapp"
        ] = True
        if len(spellings(own)) > 1:
            known["a_number_with_several_spellings"] = True
    if own and template:
        known["template"] = template
    if arguments.get("limits"):
        known["limits_true"] = True
    return known


def connections(answer: Answer, known: Known) -> Known:
    """Other connections than the one that is probed, by their status."""
    rows = [row for row in _rows(answer, "connections") if row.get("app", "wati") == "wati"]
    others = {str(row.get("status")): row.get("connection_id") for row in reversed(rows)}
    others |= {
        "ACTIVE": next(
            (
                row.get("connection_id")
                for row in rows
                if row.get("status") == "ACTIVE" and row.get("connection_id") != known["connection"]
            ),
            None,
        )
    }
    named = {
        "ACTIVE": "another_connection",
        "PENDING": "a_pending_connection",
        "FAILED": "a_failed_connection",
    }
    return {name: others.get(status) for status, name in named.items()}


def contact(answer: Answer, known: Known) -> Known:
    """The contact who was changed last, and a part of the name in another case."""
    row = next(_rows(answer, "contact_list"), {})
    name = str(row.get("fullName") or "")
    part = name[1:4].strip().swapcase() if len(name) > 4 else ""
    return {"contact": row.get("wAid"), "contact_id": row.get("id"), "part_of_a_name": part}


def conversation(answer: Answer, known: Known) -> Known:
    """A file in it, if there is one."""
    files = (row.get("data") for row in _rows(answer, "messages.items"))
    return {"file": next((name for name in files if isinstance(name, str) and "/" in name), None)}


def own_conversation(answer: Answer, known: Known) -> Known:
    """Whether the window of one's own number is open, by the far side's clock. Neither, if nobody can say."""
    from wati.reads.rows import moment, owner

    rows = list(_rows(answer, "messages.items"))
    inbound = [row for row in rows if row.get("eventType") == "message" and owner(row) is False]
    newest = moment(inbound[0]) if inbound else None
    if newest is None or answer.date is None:
        return {}
    return {"an_open_window" if answer.date - newest < DAY else "a_closed_window": True}


def templates(answer: Answer, known: Known) -> Known:
    """One that cannot be sent, and what the one that may be sent asks for."""
    from wati.reads.templates import Template

    rows = list(_rows(answer, "messageTemplates"))
    unsendable = (row.get("elementName") for row in rows if row.get("status") in ("PENDING", "REJECTED"))
    found: Known = {"a_template_that_is_not_approved": next(unsendable, None)}
    row = next((row for row in rows if row.get("elementName") == known.get("template")), None)
    if row is None or row.get("status") != "APPROVED":
        return {**found, "template": None}
    values = [{"name": name, "value": VALUE} for name in Template(row).names]
    found["parameters"] = values
    found["one_parameter_more"] = [*values, {"name": NOTHING.replace("-", "_"), "value": VALUE}]
    if values:
        found["one_parameter_less"] = values[1:]
        found["a_blank_parameter"] = [{**values[0], "value": " "}, *values[1:]]
    return found


def created(answer: Answer, known: Known) -> Known:
    """The connection that was just made: only this one is deleted again."""
    return {"created": connection_id(answer.json) or None}


LEARNERS: dict[str, Callable[[Answer, Known], Known]] = {
    each.__name__: each for each in (connections, contact, conversation, own_conversation, templates, created)
}


def learn(name: str, answer: Answer, known: Known) -> None:
    """Add what an answer shows. What it does not show stays unknown."""
    if name:
        found = LEARNERS[name](answer, known)
        known.update((each, value) for each, value in found.items() if value)
        for each in (each for each, value in found.items() if value is None):
            known.pop(each, None)


def _rows(answer: Answer, path: str) -> Iterator[dict[str, Any]]:
    found = member(answer.json, path)
    return (row for row in (found if isinstance(found, list) else []) if isinstance(row, dict))
