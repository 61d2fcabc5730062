#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List message templates with their status and parameters."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati import verdicts
from wati.endpoint import LISTING, PAGE, Endpoint, run

ENDPOINT = Endpoint(
    name="get_message_templates",
    method="GET",
    path="/wati/api/v1/getMessageTemplates",
    query=("pageSize", "pageNumber"),
    defaults=PAGE,
    effect="read",
    verdict=verdicts.listing("messageTemplates"),
    items="messageTemplates",
    columns=(
        "id",
        "elementName",
        "status",
        "category",
        "type",
        "bodyOriginal",
        "footer",
        "lastModified",
    ),
    flags=LISTING,
    preflight=("connection",),
)

if __name__ == "__main__":
    run(ENDPOINT)
