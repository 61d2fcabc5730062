#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbos>=3.4,<4", "httpx>=0.28,<1", "jsonschema>=4.23,<5", "phonenumbers>=9", "psycopg[binary]>=3.2,<4",
#   "pyyaml>=6.0.2,<7", "rich>=14", "sqlalchemy>=2.0.40,<3", "tzdata>=2025.2",
# ]
# ///
"""Add or update many contacts from a CSV file: the dry run plans it, and --confirm starts it or goes on."""

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

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Part, Result
    from wati.contract.types import Arguments, Problem
    from wati.files.uploads import Files


def asked(arguments: "Arguments") -> "Iterator[Problem]":
    from wati.campaigns import import_plan

    yield from import_plan.problems(arguments)


def parts(arguments: "Arguments", files: "Files") -> "list[Part]":
    """The file, copied once: it is read twice."""
    from wati.campaigns import import_plan
    from wati.files import people_csv

    path, number = arguments.get("csv"), import_plan.number_column(arguments)
    return [people_csv.part(files, path, "$.csv", number)] if isinstance(path, str) and path else []


def plan(context: "Context", found: "Findings") -> None:
    from wati.campaigns import import_plan

    import_plan.preview(context, found)


def confirmation(context: "Context") -> str:
    from wati.campaigns import import_plan

    return import_plan.confirmation(context)


def perform(context: "Context") -> "Result":
    from wati.campaigns import import_plan

    return import_plan.run(context)


HELPER = Helper(
    name="import_contacts",
    method="POST",
    path="/wati/api/v1/addContact",
    effect="write",
    parts=parts,
    checks=(asked,),
    preflight=("connection", plan),
    confirms="plan",
    confirmation=confirmation,
    perform=perform,
    flags=("detach",),
    lacks=("raw",),
    narrows=("existing", "new_attributes"),
    meanings={
        "timeout": "seconds to work; then it ends, and the next run goes on (default: until it is done)"
    },
)

if __name__ == "__main__":
    main(HELPER)
