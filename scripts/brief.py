#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""The day in one document: who waits, what came and went, what failed, and what needs attention."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.reads.rounds import Round
    from wati.reads.tally import Tally

    Row = dict[str, Any]

HOURS, SECONDS = 24, 60.0
FEW = 5  # customers that are shown of each kind
MOST_NAMED, LONGEST_NAME = 10, 100
PAGES_OF_TEMPLATES = 10
ATTENTION = ("PENDING", "REJECTED", "PAUSED", "DISABLED", "FAILED")  # of a connection or a template


def perform(context: "Context") -> "Result":
    """Look at connections and templates, then go on with the round of needs_reply, and count its rows."""
    import needs_reply
    from wati.contract.call import Result
    from wati.reads.rounds import Round
    from wati.reads.tally import Tally

    arguments = context.call.arguments
    rows = context.inbox.connections()
    active = [row["connection_id"] for row in rows if row["status"] == "ACTIVE"]
    attention = {**connections(rows), **templates(context)}
    looks = needs_reply.looks_of(context, needs_reply.HOURS, active)
    looks.load()
    hours = arguments.get("hours", HOURS)
    tally = Tally(far_side_s_now(context), hours * 3600)
    run = Round(context.inbox, looks, context.gateway.left, hours=needs_reply.HOURS, tally=tally)
    run.run()
    data: dict[str, Any] = {"hours": hours, "waiting": waiting(context, run)}
    data |= {"closing_soon": closing(context, run), **needs_reply.asked_to_stop(context, run, FEW)}
    data |= {"new_contacts": new_contacts(run), "messages": messages(run, tally), **failures(context, tally)}
    data |= {**campaigns(context), **attention, **needs_reply.how_far(context, run)}
    if not looks.is_done:
        data["next"] = dict(arguments)
    return Result(data)


def far_side_s_now(context: "Context") -> float:
    import time

    return time.time() + (context.gateway.clock or 0.0)


def connections(rows: "Iterable[Row]") -> "dict[str, Any]":
    found = by_status((row["status"], row["connection_id"]) for row in rows)
    return {"connections": found} if found else {}


def templates(context: "Context") -> "dict[str, Any]":
    """Those that need attention. They are not what the day is about, so a failure ends nothing."""
    from wati.contract.failures import Failure

    rows = context.inbox.templates(PAGES_OF_TEMPLATES)
    key = context.session.settings.key
    try:
        found = by_status((row.get("status"), short(row.get("elementName"), key)) for row in rows)
    except Failure as failure:
        return {"templates": {"not_read": failure.code}}
    if not (rows.whole or rows.is_last):
        found["not_all_read"] = True
    return {"templates": found} if found else {}


def by_status(named: "Iterable[tuple[Any, str]]") -> "dict[str, Any]":
    """The names by status, of the statuses that need attention."""
    every: dict[str, list[str]] = {}
    for status, name in named:
        if status in ATTENTION:
            every.setdefault(status, []).append(name)
    found: dict[str, Any] = {status: names[:MOST_NAMED] for status, names in every.items()}
    more = sum(max(0, len(names) - MOST_NAMED) for names in every.values())
    return {**found, "more": more} if more else found


def campaigns(context: "Context") -> "dict[str, Any]":
    """Those that run, and how the latest did; nothing if there is no ledger."""
    from contextlib import closing

    from wati.campaigns.ledger import Ledger, address_of
    from wati.contract.failures import Failure

    address = address_of(context.session.settings)
    if "://" not in address and not os.path.exists(os.path.expanduser(address)):
        return {}
    try:
        with closing(Ledger.of(context.session)) as ledger:
            from wati.campaigns.status import in_brief

            return {"campaigns": in_brief(ledger)}
    except Failure as failure:
        return {"campaigns": {"not_read": failure.code}}


def waiting(context: "Context", run: "Round") -> "dict[str, Any]":
    """How many wait, and the longest. Of what they wrote, the newest message says enough."""
    import needs_reply
    from wati.reads.waiting import opted_out

    waits = needs_reply.who_waits(run, needs_reply.HOURS)
    marked = opted_out(run.looks.known.values())
    longest = [needs_reply.item(context, run, one, marked) for one in waits[:FEW]]
    for one in longest:
        if "messages" in one:
            one["messages"] = one["messages"][-1:]
    return {"count": len(waits), "longest": longest}


def closing(context: "Context", run: "Round") -> "dict[str, Any]":
    """Whose window closes within the next hours, the first one first, and whether they wait."""
    import needs_reply
    from wati.reads.rows import iso
    from wati.reads.window import SECONDS as WINDOW

    now, soon = run.now, context.call.arguments.get("closing", needs_reply.CLOSING) * 3600
    known = run.looks.known.values()
    until = sorted(
        (one.wrote + WINDOW, one)
        for one in known
        if one.wrote is not None and now < one.wrote + WINDOW <= now + soon
    )
    first = [
        {**needs_reply.who(context, run, one), "until": iso(at), **({"waits": True} if one.waits else {})}
        for at, one in until[:FEW]
    ]
    return {"count": len(until), "first": first}


def new_contacts(run: "Round") -> "dict[str, Any]":
    """How many were made on this day and on the day before, by WATI's dates. WATI gives no time."""
    from wati.reads.rows import iso

    days = [one.created for one in run.looks.known.values()]
    today, yesterday = iso(run.now)[:10], iso(run.now - 86400)[:10]
    found: dict[str, Any] = {"today": days.count(today), "yesterday": days.count(yesterday)}
    if days.count(""):
        found["undated"] = days.count("")
    return found if run.looks.is_listed else {**found, "at_least": True}


def messages(run: "Round", tally: "Tally") -> "dict[str, Any]":
    """What came and went, as far as this run read it: an earlier one did not see what came since."""
    from wati.reads.tally import KINDS

    counts = {name: tally.latest[name] for name in KINDS}
    found: dict[str, Any] = {**counts, "before": {name: tally.before[name] for name in KINDS}}
    for name in ("cut", "undated"):
        if getattr(tally, name):
            found[name] = getattr(tally, name)
    is_all = run.looks.is_listed and tally.conversations == len(run.looks.known)
    return {**found, "conversations": tally.conversations, "complete": is_all and not tally.cut}


def failures(context: "Context", tally: "Tally") -> "dict[str, Any]":
    """The reasons of the messages that failed, the most frequent first."""
    key = context.session.settings.key
    found = {short(reason, key): count for reason, count in tally.reasons.most_common(MOST_NAMED)}
    more = sum(tally.reasons.values()) - sum(found.values())
    return {"failures": {**found, **({"others": more} if more else {})}} if found else {}


def short(text: "Any", key: str) -> str:
    from wati.output.redaction import excerpt

    return excerpt(text, key, LONGEST_NAME) if isinstance(text, str) else ""


HELPER = Helper(
    name="brief",
    perform=perform,
    customer_text=("waiting.longest", "closing_soon.first", "asked_to_stop"),
    narrows=("hours", "channelPhoneNumber"),
    keeps=(
        *("looked_at", "contacts", "complete", "oldest_look", "never_looked_at"),
        *("never_looked_at_at_least", "not_read", "more_not_read", "next", "stopped"),
    ),
    default_timeout=SECONDS,
)

if __name__ == "__main__":
    main(HELPER)
