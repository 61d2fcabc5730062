#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbos>=3.4,<4", "httpx>=0.28,<1", "jsonschema>=4.23,<5", "phonenumbers>=9", "psycopg[binary]>=3.2,<4",
#   "pyyaml>=6.0.2,<7", "rich>=14", "sqlalchemy>=2.0.40,<3", "tzdata>=2025.2",
# ]
# ///
"""Say what became of a campaign: delivered, read, replied, failed and why; as a document, page or table."""

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
    from wati.contract.call import Result

SECONDS = 60.0


def perform(context: "Context") -> "Result":
    from wati.contract.packages import require_package

    require_package("sqlalchemy")
    from wati.campaigns import reporting

    return reporting.report(context)


HELPER = Helper(
    name="campaign_report",
    perform=perform,
    lone="name",
    customer_text=("replies",),
    flags=("output", "force"),
    endings=(".html", ".csv", ".jsonl"),
    keeps=("name", "state", "looked_at", "complete", "not_looked_at", "next", "stopped"),
    lacks=("dry-run", "raw", "connection"),
    default_timeout=SECONDS,
)

if __name__ == "__main__":
    main(HELPER)
