#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Create a WATI connection; the answer has the link that a person opens to authorize it."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati.contract import verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.answer import Answer
    from wati.contract.call import Result
    from wati.contract.types import Receivers


def connection_id(body: Any) -> str:
    """The new id, in whichever form Maton answers: its SDK accepts all four, since surfaces differ."""
    from wati.contract.settings import is_connection_id

    nested = verdicts.member(body, "connection")
    for holder in (nested, body):
        for name in ("connection_id", "connection_Id", "id"):
            found = verdicts.member(holder, name)
            if isinstance(found, str) and is_connection_id(found):
                return found
    return ""


def created(answer: Answer, _: Receivers) -> verdicts.Verdict:
    if connection_id(answer.json):
        return verdicts.ACCEPTED
    return verdicts.rejection(answer) or verdicts.unknown(answer)


def perform(context: Context) -> Result:
    """Create, then read back: the answer to the creation need not carry status and link."""
    from wati.calls.perform import send
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.reads import connections

    new = connection_id(send(context).json)
    try:
        return connections.result(context.inbox.read(f"/connections/{new}", verdicts.connection).json)
    except Failure as failure:
        notice = f"It was created; reading it back failed ({failure.code}): use get_connection.py."
        return Result({"connection": {"connection_id": new}}, notice=notice)


def another(context: Context, found: Findings) -> None:
    """A second connection makes every call that names none ambiguous."""

    if not found.can_ask:
        return
    rows = [row for row in context.inbox.connections() if row["status"] in ("ACTIVE", "PENDING")]
    if rows:
        there = ", ".join(f"{row['connection_id']} is {row['status']}" for row in rows[:10])
        found.warnings.append(f"There is a wati connection already: {there}. Is another one meant?")


ENDPOINT = Endpoint(
    name="create_connection",
    method="POST",
    path="/connections",
    json=("app", "method"),
    defaults={"app": "wati"},
    effect="create",
    verdict=created,
    perform=perform,
    preflight=(another,),
    look_with="list_connections",
)

if __name__ == "__main__":
    from wati.cli.command import main

    main(ENDPOINT)
