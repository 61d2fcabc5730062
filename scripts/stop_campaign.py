#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = [
#   "dbos>=3.4,<4", "httpx>=0.28,<1", "jsonschema>=4.23,<5", "phonenumbers>=9", "psycopg[binary]>=3.2,<4",
#   "pyyaml>=6.0.2,<7", "rich>=14", "sqlalchemy>=2.0.40,<3", "tzdata>=2025.2",
# ]
# ///
"""Stop a campaign on all machines: nothing more leaves after what is on its way."""

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


def perform(context: "Context") -> "Result":
    from wati.campaigns import running

    return running.stop(context)


HELPER = Helper(name="stop_campaign", path="", effect="write", perform=perform, lone="name")

if __name__ == "__main__":
    main(HELPER)
