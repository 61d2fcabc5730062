#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Create a WATI connection. The answer has the link that the user opens to authorize it."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import bodies, verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.answer import Answer
    from wati.contract.call import Result
    from wati.contract.types import Receivers


def created(answer: "Answer", _: "Receivers") -> verdicts.Verdict:
    return verdicts.accepted_if(bodies.connection_id(answer.json) != "", answer)


def perform(context: "Context") -> "Result":
    """Create it, then read it: the first answer may lack the status and the link."""
    from wati.calls.perform import send
    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.reads import connections

    new = bodies.connection_id(send(context).json)
    try:
        return connections.result(context.inbox.read(f"/connections/{new}", verdicts.connection).json)
    except Failure as failure:
        notice = f"The connection was created, but reading it failed ({failure.code}): use get_connection.py."
        return Result({"connection": {"connection_id": new}}, notice=notice)


def existing(context: "Context", found: "Findings") -> None:
    """With a second connection, every call that names none is ambiguous."""
    if not found.can_ask:
        return
    rows = [row for row in context.inbox.connections() if row["status"] in ("ACTIVE", "PENDING")]
    if rows:
        listed = ", ".join(f"{row['connection_id']} is {row['status']}" for row in rows[:10])
        found.warnings.append(f"There is a wati connection already: {listed}. Do you need another one?")


ENDPOINT = Endpoint(
    name="create_connection",
    method="POST",
    path="/connections",
    json=("app", "method"),
    defaults={"app": "wati"},
    effect="create",
    verdict=created,
    perform=perform,
    preflight=(existing,),
    look_with="list_connections",
)

if __name__ == "__main__":
    main(ENDPOINT)
