#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List the WATI connections of the Maton account."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="list_connections",
    method="GET",
    path="/connections",
    query=("app", "status", "method", "limit"),
    defaults={"app": "wati"},
    narrows=("status", "method", "limit"),
    effect="read",
    verdict=verdicts.connections,
)

if __name__ == "__main__":
    main(ENDPOINT)
