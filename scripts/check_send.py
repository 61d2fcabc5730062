#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Find out what became of a send: whether one of unknown outcome went out, and how far a message got."""

import math
import os
import sys
from itertools import chain, repeat

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper
from wati.contract.messages import DELIVERING, LAG_SECONDS, UNRESOLVED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal.entries import Entry, Send, Store
    from wati.journal.search import Fate, Search, Sighting
    from wati.reads.inbox import Inbox

PAUSES = (2.0, 4.0, 8.0, 15.0)  # seconds between two searches; WATI allows ten reads in ten seconds
SAMPLE = 5  # receivers of a bulk send whose conversations are read

RECENT = 10  # sends that are listed with `look`
IN_SHORT = ("id", "receivers", "verdict", "reasons", "not_looked_at", "next")  # of the newest send
MOST_AT_ONCE = 9  # receivers of the newest: as many conversations as the limits let through without a wait
MOST_SHOWN = 20  # receivers whose rows are shown; the groups have all of them
MOST_NAMED = 10  # receivers in one sentence
FOR_A_PERSON = ("unclear", "unpaired")  # the states of which another search would hardly say more

# By the state of an entry: what is said of it.
VERDICTS = {
    **{state: state for state in ("accepted", "sent", "presumed", "not_seen", "rejected", "not_sent")},
    **dict.fromkeys(UNRESOLVED, "unknown"),
}
NEXT = {
    "accepted": (
        "WATI accepted it: do not send it again. What became of it was not looked at: with `look` true, "
        "check_send shows whether it was delivered."
    ),
    "sent": "It went out: do not send it again. With `look` true, check_send shows how far it got.",
    "presumed": (
        "It went out to those under sent. Those under presumed are of the same request, and were not looked "
        "at; with `look` true, check_send looks at them. Do not send it again."
    ),
    "not_seen": "It did not appear, although it had enough time. Ask the user before you send it again.",
    "rejected": "It was rejected, and nothing was delivered. Fix the cause before another try.",
    "not_sent": "It never left this machine.",
}
MIXED = (
    "Never send the whole list again: those under accepted or sent have the message. `receivers` names the "
    "others. Ask the user before you send it to them."
)
# By what a look showed. `delivered` may stay so for good: whoever has read receipts off is never READ.
LOOKED = {
    "sent": "WATI sent it, and WhatsApp has not reported it as delivered yet. Look again later.",
    "delivered": "It is on the customer's phone. Whether it was read is not known: read receipts can be off.",
    "read": "The customer has read it.",
    "replied": "The customer has replied; conversation.py shows what.",
    "failed": "It was not delivered: `reasons` says why. Fix the cause before another try.",
    "not_found": "No row of that time is this message. Ask the user to look in the inbox at WATI.",
    "unclear": "It could not be told what became of it: `reasons` says why. Do not send it again.",
}
LOOKED_MIXED = (
    "`receivers` has everyone by what became of the message; `reasons` says why it failed or is not known. "
    "Never send the whole list again."
)


def perform(context: "Context") -> "Result":
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal import once
    from wati.journal.entries import Busy, Unusable

    journal = context.session.journal
    if journal is None:
        raise Failure("bad_setup", "WATI_JOURNAL is off, so there is no record of what was sent.")
    number, look = context.call.arguments.get("id"), context.call.arguments.get("look", False)
    try:
        if number is None:
            unresolved = {"unresolved": [summary(send) for send in journal.unresolved()]}
            return Result({**unresolved, **(newest(context, journal) if look else {})})
        send = journal.send(number)
        if send is None:
            problem = {"at": "$.id", "problem": f"the journal has no send {number}"}
            hint = "check_send.py without an id lists the unresolved sends."
            raise Failure("invalid_arguments", "There is no such send.", hint=hint, problems=[problem])
        return (look_at if look and not send.unresolved else check)(context, journal, send)
    except (Busy, Unusable) as error:
        raise once.failure(error) from None


def newest(context: "Context", journal: "Store") -> "dict[str, Any]":
    """The newest sends, and how far the very last one got, if that takes no longer than the list may."""
    from wati.contract.failures import Failure

    sends = journal.recent(RECENT)
    found: dict[str, Any] = {"recent": [told(send) for send in sends]}
    if sends and not sends[0].unresolved and len(sends[0].entries) <= MOST_AT_ONCE:
        try:
            looked = look_at(context, journal, sends[0]).data
            found["newest"] = {name: looked[name] for name in IN_SHORT if name in looked}
        except Failure as failure:
            found["newest"] = {"id": sends[0].id, "not_looked_at": failure.code}
    return found


def summary(send: "Send") -> "dict[str, Any]":
    """A send in the list: which one, when, and how many of its receivers are unresolved."""
    from wati.reads.rows import iso

    return {
        "id": send.id,
        "script": send.script,
        "connection": send.connection,
        "channel": send.channel,
        "sent_at": iso(send.at),
        "receivers": len(send.entries),
        "unresolved": len(send.unresolved),
        "first_unresolved": [entry.receiver for entry in send.unresolved[:SAMPLE]],
    }


def groups(send: "Send") -> dict[str, list[str]]:
    """The receivers of a send by what the journal knows of them."""
    found: dict[str, list[str]] = {}
    for entry in send.entries:
        found.setdefault(VERDICTS[entry.state], []).append(entry.receiver)
    return found


def told(send: "Send") -> "dict[str, Any]":
    """A send by what the journal knows of each receiver."""
    by_verdict = groups(send)
    verdict = next(iter(by_verdict)) if len(by_verdict) == 1 else "mixed"
    if len(by_verdict) > 1 and by_verdict.keys() <= set(DELIVERING):  # nobody is left out
        verdict = "presumed" if "presumed" in by_verdict else "sent"
    head = {name: value for name, value in summary(send).items() if "unresolved" not in name}
    return {**head, "verdict": verdict, "receivers": by_verdict}


def check(context: "Context", journal: "Store", send: "Send") -> "Result":
    """Look at one sample after the other, until one speaks for the others, or the time is up."""
    from wati.contract.failures import Failure
    from wati.journal.search import Search

    context.use_connection(send.connection)
    search = Search(inbox_of(context, send), journal, send)
    found: dict[str, Sighting] = {}
    open_before = len(send.unresolved)
    while True:
        sample = sample_of([entry for entry in send.unresolved if entry.receiver not in found])
        try:
            looks = look(context, search, sample, once=send.alive)
        except Failure as failure:
            if not found:
                raise search_failed(send, failure) from None
            break
        found.update((one.receiver, one) for one in looks)
        settle(journal, send, looks)
        send = journal.send(send.id) or send
        if seconds_left(looks) > 0 or all(entry.receiver in found for entry in send.unresolved):
            break
    return conclusion(send, open_before, list(found.values()))


def look(context: "Context", search: "Search", sample: "list[Entry]", *, once: bool) -> "list[Sighting]":
    """Search until each message of the sample is seen, or has had enough time to appear."""
    found: dict[str, Sighting] = {}
    # A sample has several conversations to read within WATI's limit.
    reads = sum(len(search.numbers(entry)) for entry in sample)
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        for entry in sample:
            if entry.receiver not in found or found[entry.receiver].early > 0:
                found[entry.receiver] = search.find(entry)
        early = seconds_left(found.values())
        if early <= 0 or once or not context.gateway.pause(min(max(pause, 1.5 * reads), early)):
            break
    return list(found.values())


def inbox_of(context: "Context", send: "Send") -> "Inbox":
    """The reads over the connection and the number that the send went by."""
    inbox = context.inbox
    inbox.channel = send.channel
    return inbox


def sample_of(entries: "list[Entry]") -> "list[Entry]":
    """At most SAMPLE of them, spread from the first to the last of those who were not looked at in vain."""
    if len(entries) > SAMPLE:
        entries = [entry for entry in entries if entry.state not in FOR_A_PERSON] or entries
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


def settle(journal: "Store", send: "Send", looks: "list[Sighting]") -> None:
    """Record in the journal what a sample showed: of those looked at, and of those it speaks for."""
    from wati.journal.search import resolve

    for one in looks:
        resolve(journal, send, one)
    # A bulk send is one request: if a whole sample has it, so have the others, as long as nobody was seen to
    # differ. If somebody has not, that says nothing of the others: WATI leaves out whom it cannot reach.
    differs = {entry.state for entry in send.entries} & {"not_seen", *FOR_A_PERSON}
    if len(looks) == SAMPLE and all(one.verdict == "sent" for one in looks) and not differs:
        journal.resolve(send.id, [entry.receiver for entry in send.unresolved], "presumed")


def conclusion(send: "Send", open_before: int, found: "list[Sighting]") -> "Result":
    """Report what the journal now knows. Raises `outcome_unknown` if anything is still open."""
    from wati.contract.call import Result

    sample = f"{len(found)} of {open_before} receivers were looked at"
    if send.unresolved:
        raise still_unknown(send, found, sample)
    data = told(send)
    data["next"] = NEXT.get(data["verdict"], MIXED)
    data["looked_at"] = [one.document() for one in found[:MOST_SHOWN]]
    if len(found) < open_before:
        data["sample"] = sample
    return Result(data)


def still_unknown(send: "Send", found: "list[Sighting]", sample: str) -> "Failure":
    """The failure that says of each receiver what is known, and what to do about those who are open."""
    from wati.contract.failures import Failure

    open_ = {entry.receiver for entry in send.unresolved}
    problems = [
        {"at": one.receiver, "problem": ": ".join(filter(None, [one.verdict, one.why]))}
        for one in found
        if one.receiver in open_
    ]
    message = f"The outcome of send {send.id} is still unknown: {sample}."
    wait = max(0, math.ceil(seconds_left(found)))
    hint = hint_for(send, wait)
    by_verdict = groups(send) if len(send.entries) > 1 else None
    shown = problems[:MOST_SHOWN]
    failure = Failure("outcome_unknown", message, hint=hint, source="package", problems=shown)
    failure.more_problems = len(problems) - len(shown)
    failure.receivers, failure.retry_after = by_verdict, wait or None
    return failure


def hint_for(send: "Send", wait: int) -> str:
    from wati.journal.once import ONLY_A_PERSON, only_once_more
    from wati.output.rendering import enumerate_some

    if len(send.entries) == 1:
        only = only_once_more(1)
        which = ""
    else:
        open_ = [entry.receiver for entry in send.unresolved]
        which = f"Still open: {enumerate_some(open_, MOST_NAMED)}. `receivers` has all of them by outcome. "
        only = only_once_more(len(send.entries))
    if wait:
        return f"{which}It is too early to say: run this again in {wait} seconds. Do not send it again."
    if any(entry.state not in FOR_A_PERSON for entry in send.unresolved):
        return f"{which}Run this again: it looks at the next ones. Do not send it again."
    return f"{which}Do not send it again. {ONLY_A_PERSON} {only}"


# --- what became of a settled send --------------------------------------------------------------------------


def look_at(context: "Context", journal: "Store", send: "Send") -> "Result":
    """Look at each receiver who has it, in the order of the send, at WATI's pace and within the time."""
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.journal.search import Search

    context.use_connection(send.connection)
    search = Search(inbox_of(context, send), journal, send)
    fates: list[Fate] = []
    stopped = ""
    wanted = [entry for entry in send.entries if entry.state in DELIVERING]
    after = context.call.arguments.get("after")
    if after is not None:
        wanted = following(wanted, after)
    for entry in wanted:
        try:
            fates.append(search.fate(entry))
        except Failure as failure:
            if not fates:
                raise look_failed(failure) from None
            stopped = failure.message
            break
    by_fate = {name: names for name, names in groups(send).items() if name not in DELIVERING}
    for fate in fates:
        by_fate.setdefault(fate.status, []).append(fate.receiver)
    unread = [entry.receiver for entry in wanted[len(fates) :]]
    data = {**told(send), "receivers": by_fate, "counts": {name: len(each) for name, each in by_fate.items()}}
    # What speaks for some of them does not speak for all.
    is_whole = len(by_fate) == 1 and not unread and after is None
    data["verdict"] = next(iter(by_fate)) if is_whole else "mixed"
    data["next"] = LOOKED.get(data["verdict"], NEXT.get(data["verdict"], LOOKED_MIXED))
    reasons = {fate.receiver: fate.why for fate in fates if fate.why}
    if reasons:
        data["reasons"] = reasons
    data["looked_at"] = [fate.document() for fate in fates[:MOST_SHOWN]]
    if unread:
        data["not_looked_at"] = {"count": len(unread), "receivers": unread, "why": stopped}
        data["next"] += (
            f' To go on, run this again with "after": "{fates[-1].receiver}", or a longer --timeout.'
        )
    return Result(data)


def following(entries: "list[Entry]", receiver: str) -> "list[Entry]":
    """Those after a receiver, where an earlier look stopped."""
    from wati.contract.failures import Failure

    for index, entry in enumerate(entries):
        if entry.receiver == receiver:
            return entries[index + 1 :]
    problem = {"at": "$.after", "problem": f"{receiver} is not a receiver who has this message"}
    raise Failure("invalid_arguments", "There is no such receiver.", problems=[problem])


def look_failed(failure: "Failure") -> "Failure":
    """Nobody was looked at. The send stays what it was: settled."""
    failure.message = f"What became of it could not be looked at. {failure.message}"
    again = "Wait, then run check_send.py again." if failure.code == "rate_limited" else failure.hint
    failure.hint = f"Do not send it again: WATI accepted it. {again}"
    return failure


HELPER = Helper(
    name="check_send",
    narrows=("id", "after"),
    perform=perform,
    lacks=("dry-run", "raw", "connection"),
    lone="id",
    default_timeout=LAG_SECONDS + 30,
)

if __name__ == "__main__":
    main(HELPER)
