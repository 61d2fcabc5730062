#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Wait until the customer writes, or until a message was read or failed, or the time is over."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.types import Arguments, Problem

    Row = dict[str, Any]

SECONDS = 60.0
# Between two looks: an answer that comes is mostly quick. WATI allows ten such reads in ten seconds, for all.
PAUSES = (3.0, 3.0, 5.0, 5.0, 10.0)
LAST_LOOK = 3.0  # seconds that are kept for it
LONGEST_TEXT = 1000
WHILE_WAITING = (5, 6)  # exit codes of failures that may be over at the next look


def check_after(arguments: "Arguments") -> "Iterator[Problem]":
    from wati.arguments.validation import quoted
    from wati.reads.rows import moment, unzoned

    text = arguments.get("after")
    row = {"created": text}
    if isinstance(text, str) and (moment(row) is None or unzoned(row) is not None):
        problem = f"is {quoted(text)}, not a time with its zone, such as 2026-11-29T12:00:00Z"
        yield {"at": "$.after", "problem": problem}


def check_message(arguments: "Arguments") -> "Iterator[Problem]":
    if "localMessageId" in arguments and arguments.get("until", "reply") == "reply":
        yield {"at": "$.localMessageId", "problem": "needs until, read or failed: a reply names no message"}


def perform(context: "Context") -> "Result":
    """Look again and again, at a polite pace, until it has happened or the time is over."""
    import time
    from itertools import chain, repeat

    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.reads import replies
    from wati.reads.rows import moment

    arguments, gateway = context.call.arguments, context.gateway
    began = time.monotonic()
    rows, number = context.inbox.either_conversation(arguments["whatsappNumber"])
    page = rows.page()
    after = moment({"created": arguments["after"]}) if "after" in arguments else None
    is_new = replies.since(after, page)
    wait = Wait(arguments, page)
    failure: Failure | None = None
    for pause in chain(PAUSES, repeat(PAUSES[-1])):
        new = [row for row in page if is_new(row)]
        if new or wait.is_over(page):
            break
        left = gateway.left - LAST_LOOK
        if left <= 0 or not gateway.pause(min(pause, left)):
            break
        if context.session.progress is not None:
            context.session.progress(f"waiting, {time.monotonic() - began:.0f} s")
        try:
            page, failure = context.inbox.conversation(number).page(), None
        except Failure as caught:
            if caught.exit not in WHILE_WAITING:
                raise
            failure = caught
    if failure is not None:
        # Whether something came is not known, and must not read as if nothing had.
        raise failure
    waited = round(time.monotonic() - began, 1)
    named = {} if number == arguments["whatsappNumber"] else {"whatsappNumber": number}
    return Result({**named, **wait.document(context, page, new), "waited": waited})


class Wait:
    """What is waited for. `local_id`: of our message; "" = none, or one without an id."""

    def __init__(self, arguments: "Arguments", first: "list[Row]") -> None:
        from wati.contract.failures import Failure
        from wati.reads import replies
        from wati.reads.pages import key

        self.until = arguments.get("until", "reply")
        self._local_id = arguments.get("localMessageId", "")
        self._key = b""
        if self.until == "reply" or self._local_id:
            return
        row = replies.ours(first, "")
        if row is None:
            problem = {"at": "$.until", "problem": "the conversation has no message of ours to wait for"}
            raise Failure("invalid_arguments", "There is nothing to wait for.", problems=[problem])
        self._key = key({"id": row.get("id")})

    def message(self, page: "list[Row]") -> "Row | None":
        """Our message, as it is now."""
        from wati.reads import replies
        from wati.reads.pages import key

        if self._local_id:
            return replies.ours(page, self._local_id)
        return next((row for row in page if self._key == key({"id": row.get("id")})), None)

    def is_over(self, page: "list[Row]") -> bool:
        from wati.reads import replies

        row = self.message(page) if self.until != "reply" else None
        return row is not None and replies.status_of(row) in replies.DECIDED[self.until]

    def document(self, context: "Context", page: "list[Row]", new: "list[Row]") -> "dict[str, Any]":
        from wati.output.redaction import excerpt
        from wati.reads import replies
        from wati.reads.rows import iso, moment
        from wati.reads.transcript import in_short

        key = context.session.settings.key
        found: dict[str, Any] = {"messages": []}
        for row in sorted(new, key=lambda row: moment(row) or 0.0):
            at = moment(row)
            found["messages"].append(
                ["" if at is None else iso(at), excerpt(in_short(row), key, LONGEST_TEXT)]
            )
        newest = replies.newest_message(page)
        if newest is not None:
            found["after"] = iso(newest, exact=True)
        if self.until == "reply":
            return found
        ours = self.message(page)
        if ours is None:
            return {**found, "message": "not in the conversation yet"}
        facts = {"status": replies.status_of(ours), "failedDetail": ours.get("failedDetail")}
        shown = {
            name: excerpt(text, key, 300) for name, text in facts.items() if isinstance(text, str) and text
        }
        return {**found, **shown, "message": excerpt(in_short(ours), key, 100)}


HELPER = Helper(
    name="wait_for_reply",
    perform=perform,
    customer_text=("messages",),
    narrows=("after", "localMessageId", "channelPhoneNumber"),
    checks=(check_after, check_message),
    keeps=("whatsappNumber", "after", "status", "waited"),
    default_timeout=SECONDS,
)

if __name__ == "__main__":
    main(HELPER)
