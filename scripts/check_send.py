#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Find out what became of a send whose outcome is unknown, by looking for it in the conversation."""

import math
import os
import sys
from itertools import chain, repeat

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper
from wati.contract.messages import DELIVERING, LAG_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal.search import Sighting
    from wati.journal.store import Entry, Journal, Send

PAUSES = (2.0, 4.0, 8.0, 15.0)  # seconds between two searches; WATI allows ten reads in ten seconds
SAMPLE = 5  # receivers of a bulk send whose conversations are read

VERDICTS = {  # by the state of an entry
    **dict.fromkeys(DELIVERING, "sent"),
    **dict.fromkeys(("not_seen", "rejected", "not_sent"), "not_seen"),
}
NEXT = {
    "sent": "It went out: do not send it again. `looked_at` or get_messages.py shows how far it got.",
    "not_seen": "It did not appear, although it had enough time. Ask the user before you send it again.",
    "mixed": "Some messages went out, others did not appear. Ask the user before you send those again.",
}
SETTLED = "This send was settled before, so it was not looked for again."


def perform(context: "Context") -> "Result":
    import sqlite3

    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal.once import reason

    journal = context.session.journal
    if journal is None:
        raise Failure("bad_setup", "WATI_JOURNAL is off, so there is no record of what was sent.")
    number = context.call.arguments.get("id")
    try:
        if number is None:
            return Result({"unresolved": [summary(send) for send in journal.unresolved()]})
        send = journal.send(number)
        if send is None:
            problem = {"at": "$.id", "problem": f"the journal has no send {number}"}
            hint = "check_send.py without an id lists the unresolved sends."
            raise Failure("invalid_arguments", "There is no such send.", hint=hint, problems=[problem])
        return check(context, journal, send)
    except (sqlite3.Error, OSError) as error:
        raise Failure("bad_setup", f"The send journal cannot be used ({reason(error)}).") from None


def summary(send: "Send") -> "dict[str, Any]":
    """A send in the list: which one, when, and how many of its receivers are unresolved."""
    from wati.reads.rows import iso

    return {
        "id": send.id,
        "script": send.script,
        "connection": send.connection,
        "sent_at": iso(send.at),
        "receivers": len(send.entries),
        "unresolved": len(send.unresolved),
        "first_unresolved": [entry.receiver for entry in send.unresolved[:SAMPLE]],
    }


def check(context: "Context", journal: "Journal", send: "Send") -> "Result":
    """Search until each message of the sample is seen, or has had enough time to appear."""
    from wati.contract.failures import Failure
    from wati.journal.search import Search

    context.use_connection(send.connection)
    search = Search(context.inbox, journal, send)
    sample = sample_of(send.unresolved)
    found: dict[str, Sighting] = {}
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        try:
            for entry in sample:
                if entry.receiver not in found or found[entry.receiver].early > 0:
                    found[entry.receiver] = search.find(entry)
        except Failure as failure:
            raise search_failed(send, failure) from None
        early = seconds_left(found.values())
        # A sample has several conversations to read within WATI's limit.
        if early <= 0 or not context.gateway.pause(min(max(pause, 1.5 * len(sample)), early)):
            break
    return conclusion(journal, send, list(found.values()))


def sample_of(entries: "list[Entry]") -> "list[Entry]":
    """At most SAMPLE of them, spread from the first to the last."""
    if len(entries) <= SAMPLE:
        return entries
    return [entries[index * (len(entries) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]


def seconds_left(found: "Iterable[Sighting]") -> float:
    """Seconds until every message has had enough time to appear; 0 if all have."""
    return max((one.early for one in found), default=0.0)


def search_failed(send: "Send", failure: "Failure") -> "Failure":
    """A failed search says nothing about the send, and its hint must not sound as if it did."""
    failure.message = f"Send {send.id} could not be checked and stays unresolved. {failure.message}"
    again = "Wait, then run check_send.py again." if failure.code == "rate_limited" else failure.hint
    failure.hint = f"Do not send it again. {again}"
    return failure


def conclusion(journal: "Journal", send: "Send", found: "list[Sighting]") -> "Result":
    """Record in the journal what is clear, and report it. Raises `outcome_unknown` if anything is not."""
    from wati.contract.call import Result

    settle(journal, send, found)
    sample = f"{len(found)} of {len(send.unresolved)} receivers were looked at"
    after = journal.send(send.id) or send
    if after.unresolved:
        raise still_unknown(send, found, sample)
    verdicts = {VERDICTS[entry.state] for entry in after.entries}
    verdict = verdicts.pop() if len(verdicts) == 1 else "mixed"
    data = {**summary(after), "verdict": verdict, "next": NEXT[verdict]}
    if not found:
        data["next"] = f"{SETTLED} {data['next']}"
    del data["unresolved"], data["first_unresolved"]
    data["looked_at"] = [one.document() for one in found]
    if len(found) < len(send.unresolved):
        data["sample"] = sample
    return Result(data)


def settle(journal: "Journal", send: "Send", found: "list[Sighting]") -> None:
    verdicts = {"unknown" if one.early > 0 else one.verdict for one in found}
    if len(verdicts) == 1 and verdicts < {"sent", "not_seen"}:
        # A bulk send is one request, so a sample that agrees speaks for all of it.
        journal.resolve(send.id, [entry.receiver for entry in send.unresolved], *verdicts)
        return
    for one in found:
        if one.early <= 0 and one.verdict != "unknown":
            journal.resolve(send.id, [one.receiver], one.verdict)


def still_unknown(send: "Send", found: "list[Sighting]", sample: str) -> "Failure":
    from wati.contract.failures import Failure

    problems = [{"at": one.receiver, "problem": explanation(one)} for one in found]
    message = f"The outcome of send {send.id} is still unknown: {sample}."
    hint = (
        "Do not send it again. Ask the user to look for it in the inbox at WATI. Send it with --again only "
        "if the user has looked and wants it sent."
    )
    wait = max(0, math.ceil(seconds_left(found)))
    if wait:
        hint = f"It is too early to say: run this again in {wait} seconds. Do not send it again."
    return Failure("outcome_unknown", message, hint=hint, problems=problems, retry_after=wait or None)


def explanation(one: "Sighting") -> str:
    verdict = "not seen yet" if one.early > 0 and one.verdict == "not_seen" else one.verdict
    return ": ".join(filter(None, [verdict, one.why]))


HELPER = Helper(
    name="check_send",
    perform=perform,
    lacks=("dry-run", "raw", "connection"),
    lone="id",
    default_timeout=LAG_SECONDS + 30,
)

if __name__ == "__main__":
    main(HELPER)
