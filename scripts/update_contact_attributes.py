#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Set attributes of an existing contact."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, omissions, verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="update_contact_attributes",
    method="POST",
    path="/wati/api/v1/updateContactAttributes/{whatsappNumber}",
    json=("customParams",),
    effect="write",
    verdict=verdicts.result_yes,
    omits=omissions.omit("result"),
    checks=(checks.unique("customParams", "name"),),
    multiline=("customParams[].value",),
    silent_rejection="There may be no contact with this number: see get_contacts.py, or use add_contact.py.",
    preflight=("connection", "contact", "attributes"),
)

if __name__ == "__main__":
    main(ENDPOINT)
