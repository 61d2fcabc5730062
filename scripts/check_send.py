#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Find out what became of a send whose outcome is unknown: look for it in the conversation, never guess."""

from __future__ import annotations

import math
import os
import sys
from itertools import chain, repeat

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati.contract.endpoint import Helper
from wati.contract.messages import DELIVERING, LAG_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal.search import Sighting
    from wati.journal.store import Entry, Journal, Send

PAUSES = (2.0, 4.0, 8.0, 15.0)  # between looks; WATI allows ten in ten seconds
SAMPLE = 5  # receivers that one look at a bulk send reads


def perform(context: Context) -> Result:
    import sqlite3

    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal.once import reason

    journal = context.session.journal
    if journal is None:
        raise Failure("bad_setup", "WATI_JOURNAL is off: nothing is remembered that could be looked for.")
    number = context.call.arguments.get("id")
    try:
        if number is None:
            return Result({"unresolved": [summary(send) for send in journal.unresolved()]})
        send = journal.send(number)
        if send is None:
            problem = {"at": "$.id", "problem": f"the journal has no send {number}"}
            hint = "check_send.py without an id lists the sends that are unresolved."
            raise Failure("invalid_arguments", "There is no such send.", hint=hint, problems=[problem])
        return check(context, journal, send)
    except (sqlite3.Error, OSError) as error:
        raise Failure("bad_setup", f"The send journal cannot be used ({reason(error)}).") from None


def summary(send: Send) -> dict[str, Any]:
    """A send as it is listed: which, when, and to how many of how many receivers it may have gone."""
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


def check(context: Context, journal: Journal, send: Send) -> Result:
    """Look until each message of the sample is seen, or has had the time to appear."""
    from wati.contract.failures import Failure
    from wati.journal.search import Search

    context.go_over(send.connection)
    search = Search(context.inbox, journal, send)
    sample = sampled(send.unresolved)
    found: dict[str, Sighting] = {}
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        try:
            for entry in sample:
                if entry.receiver not in found or found[entry.receiver].early > 0:
                    found[entry.receiver] = search.look(entry)
        except Failure as failure:
            raise unread(send, failure) from None
        early = max((one.early for one in found.values()), default=0.0)
        # A sample has several conversations to read within WATI's limit.
        if early <= 0 or not context.gateway.pause(min(max(pause, 1.5 * len(sample)), early)):
            break
    return conclusion(journal, send, list(found.values()))


def unread(send: Send, failure: Failure) -> Failure:
    """A look that failed says nothing of the send, and its hint must not sound as if it did."""
    failure.message = f"Send {send.id} could not be looked for and stays unresolved. {failure.message}"
    again = "Wait, then run check_send.py again." if failure.code == "rate_limited" else failure.hint
    failure.hint = f"Do not send it again. {again}"
    return failure


def sampled(entries: list[Entry]) -> list[Entry]:
    """At most SAMPLE of them, from the first to the last."""
    if len(entries) <= SAMPLE:
        return entries
    return [entries[index * (len(entries) - 1) // (SAMPLE - 1)] for index in range(SAMPLE)]


def conclusion(journal: Journal, send: Send, found: list[Sighting]) -> Result:
    """What the looks say of the whole send, for the journal, too. Raises `outcome_unknown` if not clear."""
    from wati.contract.call import Result
    from wati.contract.failures import Failure

    early = max((one.early for one in found), default=0.0)
    verdicts = {"unknown" if one.early > 0 else one.verdict for one in found}
    is_clear = len(verdicts) == 1 and verdicts < {"sent", "not_seen"}
    sample = f"{len(found)} of {len(send.unresolved)} receivers were looked at"
    if is_clear:
        # A bulk send is one request, so that a sample that agrees speaks for all of it.
        journal.resolve(send.id, [entry.receiver for entry in send.unresolved], *verdicts)
    else:
        for one in found:
            if one.early <= 0 and one.verdict != "unknown":
                journal.resolve(send.id, [one.receiver], one.verdict)
    after = journal.send(send.id) or send
    if after.unresolved:
        problems = [{"at": one.receiver, "problem": told(one)} for one in found]
        message = f"What became of send {send.id} is not clear: {sample}."
        if early > 0:
            wait = math.ceil(early)
            hint = f"Its time has not passed yet: run this again in {wait} seconds. Do not send it again."
            raise Failure("outcome_unknown", message, hint=hint, problems=problems, retry_after=wait)
        hint = (
            "Do not send it again. Somebody has to look into the inbox at WATI: tell the user. "
            "Only if the user, having looked, wants it sent: with --again."
        )
        raise Failure("outcome_unknown", message, hint=hint, problems=problems)
    states = {GROUPS[entry.state] for entry in after.entries}
    verdict = states.pop() if len(states) == 1 else "mixed"
    data = {**summary(after), "verdict": verdict, "next": NEXT[verdict]}
    if not found:
        data["next"] = f"{SETTLED} {data['next']}"
    del data["unresolved"], data["first_unresolved"]
    data["looked_at"] = [one.document() for one in found]
    if len(found) < len(send.unresolved):
        data["sample"] = sample
    return Result(data)


def told(one: Sighting) -> str:
    verdict = "not seen yet" if one.early > 0 and one.verdict == "not_seen" else one.verdict
    return ": ".join(filter(None, [verdict, one.why]))


GROUPS = {
    **dict.fromkeys(DELIVERING, "sent"),
    **dict.fromkeys(("not_seen", "rejected", "not_sent"), "not_seen"),
}
NEXT = {
    "sent": "It went out: do not send it again. How far it got, `message` here or get_messages.py tells.",
    "not_seen": "There was no trace of it when it should have shown. Ask the user before it is sent again.",
    "mixed": "Some went out, of some there was no trace. Ask the user before those are sent again.",
}
SETTLED = "This was settled before, and not looked at again."

HELPER = Helper(name="check_send", perform=perform, default_timeout=LAG_SECONDS + 30)

if __name__ == "__main__":
    from wati.cli.command import main

    main(HELPER)
