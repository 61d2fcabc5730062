#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Assign a conversation to an operator."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import omissions, verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Result

# Reported; and the script cannot undo it, because a call without an email would hide the change.
AUTOMATION = "Automation stops in this conversation until someone assigns it back to Bot in WATI's inbox."


def operator(_: "Context", found: "Findings") -> None:
    if found.can_ask:
        found.warnings.append(AUTOMATION)
        found.warnings.append(
            "Whether an operator has this email cannot be checked: no endpoint lists operators."
        )


def perform(context: "Context") -> "Result":
    """WATI's answer says only yes."""
    from wati.calls.perform import send
    from wati.contract.call import Result

    given = context.call.arguments
    added = {"whatsappNumber": given["whatsappNumber"], "assigned": given["email"]}
    return Result(send(context).json, notice=AUTOMATION, added=added)


ENDPOINT = Endpoint(
    name="assign_operator",
    method="POST",
    path="/wati/api/v1/assignOperator",
    query=("email", "whatsappNumber", "channelPhoneNumber"),
    narrows=("channelPhoneNumber",),
    effect="write",
    verdict=verdicts.result_yes,
    perform=perform,
    omits=omissions.omit("result"),
    silent_rejection="There may be no operator with this email, or no conversation with this number.",
    preflight=("connection", "contact", operator),
)

if __name__ == "__main__":
    main(ENDPOINT)
