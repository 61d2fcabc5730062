#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List who waits for an answer, longest first, and say how far it was looked."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.reads.looks import Looks
    from wati.reads.rounds import Round
    from wati.reads.waiting import Known, Standing

HOURS, CLOSING, LIMIT, SECONDS = 72, 4, 20, 60.0
MOST_TEXTS, LONGEST_TEXT, LONGEST_NAME = 3, 200, 100
MOST_UNREAD = 20  # contacts that are shown, if they could not be looked at
NOBODY = "none"
NO_CONNECTION = "Which connection this is is not known, so what was seen is not kept for the next run."
NO_FILE = "What was seen cannot be kept for the next run ({})."


def perform(context: "Context") -> "Result":
    """Make a round through the inbox, as far as the time allows, and say who waits by all that is known."""
    from wati.contract.call import Result
    from wati.reads.rounds import Round

    arguments = context.call.arguments
    hours = arguments.get("hours", HOURS)
    # The answer has the far side's time, too, by which it is known how long someone waits.
    active = [row["connection_id"] for row in context.inbox.connections("ACTIVE")]
    looks = looks_of(context, hours, active)
    if arguments.get("since") == "last":
        looks.load()
    run = Round(
        context.inbox,
        looks,
        context.gateway.left,
        hours=hours,
        include_bots=arguments.get("include_bots", False),
    )
    run.run()
    return Result(answer(context, run))


def looks_of(context: "Context", hours: float, active: "list[str]") -> "Looks":
    """What is kept of these conversations, read in this way. `active`: the connections to choose from."""
    import json

    from wati.reads import connections
    from wati.reads.looks import Looks

    settings, call = context.session.settings, context.call
    path = settings.looks
    connection = call.connection
    if not connection:
        context.remarks += connections.choice(active)
        connection = active[0] if len(active) == 1 else ""
    if path and settings.sandbox:
        from wati.wire import mount

        path = mount.state_path(settings) + "-looks"
    if not connection:
        context.remarks.append(NO_CONNECTION)
    way = [settings.base_url, connection, call.channel, hours, call.arguments.get("include_bots", False)]
    return Looks(path if connection else "", json.dumps(way))


def answer(context: "Context", run: "Round") -> "dict[str, Any]":
    """The `data` of the document."""
    from wati.reads import waiting

    arguments = context.call.arguments
    waits = who_waits(run, arguments.get("hours", HOURS))
    if arguments.get("assigned"):
        waits = [one for one in waits if is_assigned(one, arguments["assigned"])]
    limit = arguments.get("limit", LIMIT)
    marked = waiting.opted_out(run.looks.known.values())
    data: dict[str, Any] = {
        "waiting": [item(context, run, one, marked) for one in waits[:limit]],
        "count": len(waits),
    }
    if len(waits) > limit:
        data["more"] = True
    data |= asked_to_stop(context, run, limit) | how_far(context, run)
    if not run.looks.is_done:
        data["next"] = {**arguments, "since": "last"}
    return data


def who_waits(run: "Round", hours: float) -> "list[Known]":
    """Who wrote within these hours and got no answer, longest waiting first."""
    from wati.reads import waiting

    oldest = run.now - hours * 3600
    everyone = run.looks.known.values()
    return waiting.longest_first(
        one for one in everyone if one.waits and (one.wrote is None or one.wrote >= oldest)
    )


def how_far(context: "Context", run: "Round") -> "dict[str, Any]":
    """What was looked at, what was not, and how to go on."""
    from wati.reads.rows import iso

    looks = run.looks
    if looks.problem:
        context.remarks.append(NO_FILE.format(looks.problem))
    everyone = list(looks.known.values())
    unread = [{"whatsappNumber": one.number, "code": one.code} for one in everyone if one.code]
    looked = [one.looked for one in everyone if one.looked and not one.code]
    data: dict[str, Any] = {"looked_at": run.looked_at, "contacts": len(everyone)}
    data["complete"] = looks.is_done and not unread
    if looked:
        data["oldest_look"] = iso(min(looked) + run.ahead)
    never = sum(not one.looked for one in everyone)
    if never or not looks.is_listed:
        # The list itself may go on.
        data["never_looked_at" if looks.is_listed else "never_looked_at_at_least"] = never
    data["not_read"] = unread[:MOST_UNREAD]
    if len(unread) > MOST_UNREAD:
        data["more_not_read"] = len(unread) - MOST_UNREAD
    if run.stopped:
        data["stopped"] = run.stopped
    return data


def asked_to_stop(context: "Context", run: "Round", limit: int) -> "dict[str, Any]":
    """Who has asked for no more messages and is not marked: waiting or not, and however long ago."""
    from wati.reads import waiting

    everyone = waiting.to_mark(run.looks.known.values())
    found: dict[str, Any] = {"asked_to_stop": [who(context, run, one) for one in everyone[:limit]]}
    if len(everyone) > limit:
        found["more_asked_to_stop"] = len(everyone) - limit
    return found if everyone else {}


def who(context: "Context", run: "Round", one: "Known") -> "dict[str, Any]":
    """A contact. Of those who were listed in an earlier run, the name is not known any more."""
    from wati.output.redaction import excerpt

    name = excerpt(run.names.get(one.number, ""), context.session.settings.key, LONGEST_NAME)
    return {"whatsappNumber": one.number, **({"name": name} if name else {})}


def is_assigned(one: "Known", wanted: str) -> bool:
    """Whether a conversation is this operator's. One of which it is not known may be."""
    from wati.reads import matching
    from wati.reads.rows import BOTS

    if one.assigned is None:
        return True
    if wanted == NOBODY:
        return one.assigned in ("", *BOTS)
    return matching.rank(wanted, one.assigned) is not None


def item(context: "Context", run: "Round", one: "Known", marked: "set[str]") -> "dict[str, Any]":
    """One who waits. Of those who were looked at in an earlier run, the texts are not known any more.

    `marked`: the persons who have opted out.
    """
    from wati.contract.numbers import person
    from wati.output.redaction import excerpt
    from wati.reads.rows import iso
    from wati.reads.window import SECONDS as WINDOW

    key = context.session.settings.key
    found = who(context, run, one)
    if one.since is not None:
        found["since"] = iso(one.since)
    if not one.exact:
        found["since_or_earlier"] = True
    if one.number in run.seen:
        found |= said(run.seen[one.number], key)
    else:
        found["as_of"] = iso(one.looked + run.ahead)
    marks = {"asks_to_stop": one.stops, "opted_out": person(one.number) in marked}
    found |= {name: True for name, is_so in marks.items() if is_so}
    if one.wrote is not None:
        closes = one.wrote + WINDOW
        is_open = closes > run.now
        found["window"] = {"open": is_open, "until": iso(closes)}
        if is_open and closes - run.now <= context.call.arguments.get("closing", CLOSING) * 3600:
            found["window"]["closes_soon"] = True
    if one.assigned:
        found["assigned"] = excerpt(one.assigned, key, LONGEST_NAME)
    return found


def said(seen: "Standing", key: str) -> "dict[str, Any]":
    """What the customer wrote, and what came after it without being an answer."""
    from wati.output.redaction import excerpt
    from wati.reads.rows import iso, moment, template_of
    from wati.reads.transcript import in_short

    newest = reversed(seen.unanswered[:MOST_TEXTS])
    found: dict[str, Any] = {
        "messages": [excerpt(in_short(row), key, LONGEST_TEXT) for row in newest],
        "unanswered": len(seen.unanswered),
    }
    for name, row in (("template_since", seen.template), ("failed_since", seen.failed)):
        if row is None:
            continue
        at = moment(row)
        template = template_of(row)
        more = {
            "at": "" if at is None else iso(at),
            "template": template if isinstance(template, str) else "",
            "status": row.get("statusString"),
            "failedDetail": row.get("failedDetail"),
        }
        found[name] = {
            member: excerpt(text, key, LONGEST_TEXT)
            for member, text in more.items()
            if isinstance(text, str) and text
        }
    return found


HELPER = Helper(
    name="needs_reply",
    perform=perform,
    customer_text=("waiting", "asked_to_stop"),
    narrows=("hours", "since", "assigned", "limit", "channelPhoneNumber"),
    keeps=(
        *("count", "more", "looked_at", "contacts", "complete", "oldest_look", "never_looked_at"),
        *("never_looked_at_at_least", "not_read", "more_not_read", "next", "stopped"),
        *("asked_to_stop", "more_asked_to_stop"),
    ),
    default_timeout=SECONDS,
)

if __name__ == "__main__":
    main(HELPER)
