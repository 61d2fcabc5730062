#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Add a contact with its attributes."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, objects, omissions, verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="add_contact",
    method="POST",
    path="/wati/api/v1/addContact/{whatsappNumber}",
    query=("sourceType",),
    json=("name", "customParams"),
    effect="create",
    verdict=verdicts.result_yes,
    omits={**omissions.omit("result"), **omissions.inside("contact", objects.CONTACT)},
    checks=(checks.unique("customParams", "name"),),
    multiline=("customParams[].value",),
    look_with="find_contact",
    preflight=("connection", "contact", "attributes"),
)

if __name__ == "__main__":
    main(ENDPOINT)
