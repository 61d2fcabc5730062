#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbos>=3.4,<4", "httpx>=0.28,<1", "jsonschema>=4.23,<5", "phonenumbers>=9", "psycopg[binary]>=3.2,<4",
#   "pyyaml>=6.0.2,<7", "rich>=14", "sqlalchemy>=2.0.40,<3", "tzdata>=2025.2",
# ]
# ///
"""Start a planned campaign, or go on where it was: once to each, whatever happens meanwhile."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Result


def perform(context: "Context") -> "Result":
    from wati.campaigns import running

    return running.run(context)


def confirmation(context: "Context") -> str:
    from wati.campaigns import running

    return running.confirmation(context)


def what_starts(context: "Context", found: "Findings") -> None:
    from wati.campaigns import running

    running.preview(context, found)


HELPER = Helper(
    name="run_campaign",
    path="",
    effect="send",
    perform=perform,
    confirms="plan",
    confirmation=confirmation,
    preflight=(what_starts,),
    flags=("detach",),
    lacks=("raw", "again"),
    lone="name",
    narrows=("again",),
    meanings={
        "timeout": "seconds to work; then it ends, and the next run goes on (default: until it is done)"
    },
)

if __name__ == "__main__":
    main(HELPER)
