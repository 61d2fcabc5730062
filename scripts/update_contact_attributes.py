#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Set attributes of a contact that exists."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati.contract import checks, omissions, verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="update_contact_attributes",
    method="POST",
    path="/wati/api/v1/updateContactAttributes/{whatsappNumber}",
    json=("customParams",),
    effect="write",
    verdict=verdicts.result_true,
    omits=omissions.omit("result"),
    checks=(checks.unique("customParams", "name"),),
    multiline=("customParams[].value",),
    customer_text=True,
    silent_rejection="There may be no contact with this number: get_contacts.py looks, add_contact.py adds.",
    preflight=("connection", "contact"),
)

if __name__ == "__main__":
    from wati.cli.command import main

    main(ENDPOINT)
