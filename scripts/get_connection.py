#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Show one connection, with the link that authorizes it while it is PENDING."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.contract.call import Result


def perform(context: "Context") -> "Result":
    from wati.calls.perform import send
    from wati.reads import connections

    return connections.result(send(context).json)


ENDPOINT = Endpoint(
    name="get_connection",
    method="GET",
    path="/connections/{connection_id}",
    effect="read",
    verdict=verdicts.connection,
    perform=perform,
    preflight=("connection_id",),
    lone="connection_id",
)

if __name__ == "__main__":
    main(ENDPOINT)
