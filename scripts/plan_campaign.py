#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbos>=3.4,<4", "httpx>=0.28,<1", "jsonschema>=4.23,<5", "phonenumbers>=9", "psycopg[binary]>=3.2,<4",
#   "pyyaml>=6.0.2,<7", "rich>=14", "sqlalchemy>=2.0.40,<3", "tzdata>=2025.2",
# ]
# ///
"""Plan a campaign: who gets which text, who is left out and why, and what a person has to say yes to."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from wati.calls.context import Context
    from wati.contract.call import Part, Result
    from wati.contract.types import Arguments, Problem
    from wati.files.uploads import Files

SECONDS = 3600.0  # in which 300,000 contacts can be read


def asked(arguments: "Arguments") -> "Iterator[Problem]":
    from wati.campaigns import requested

    yield from requested.problems(arguments)


def parts(arguments: "Arguments", files: "Files") -> "list[Part]":
    """The CSV file of the audience, copied once: it is read twice."""
    from wati.files import people_csv

    audience = arguments.get("audience")
    path = audience.get("csv") if isinstance(audience, dict) else None
    return [people_csv.part(files, path, "$.audience.csv")] if isinstance(path, str) and path else []


def perform(context: "Context") -> "Result":
    from wati.campaigns import planning

    return planning.plan(context)


HELPER = Helper(
    name="plan_campaign",
    perform=perform,
    parts=parts,
    checks=(asked, checks.sendable("parameters[].value")),
    narrows=(
        *(
            "exclude",
            "exclude.opt_out",
            "exclude.attributes",
            "exclude.not_within_days",
            "exclude.us_numbers",
        ),
        *("audience.contacts.name", "audience.contacts.attribute", "audience.contacts.createdDate"),
        *("audience.contacts.attribute[].value", "limit", "send_at", "quiet_hours", "quiet_hours.zone"),
        *("quiet_hours.from", "quiet_hours.to", "chunk", "wati_plan", "channel_number"),
    ),
    customer_text=("texts", "left_out_why", "blank"),
    keeps=("warnings", "confirm"),
    default_timeout=SECONDS,
)

if __name__ == "__main__":
    main(HELPER)
