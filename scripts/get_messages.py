#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Read one conversation, newest first: messages, broadcasts and ticket events."""

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
    name="get_messages",
    method="GET",
    path="/wati/api/v1/getMessages/{whatsappNumber}",
    query=("pageSize", "pageNumber"),
    defaults=PAGE,
    effect="read",
    verdict=verdicts.listing("messages.items"),
    items="messages.items",
    columns=(
        "id",
        "created",
        "eventType",
        "type",
        "owner",
        "operatorName",
        "statusString",
        "text",
        "finalText",
        "eventDescription",
        "data",
        "failedDetail",
    ),
    flags=LISTING,
    customer_text=True,
    # Support told so of accounts with several WhatsApp numbers: only the primary one's contacts are found.
    silent_refusal="There may be no contact with this number, or it is of another number of the account.",
    preflight=("connection",),
)

if __name__ == "__main__":
    run(ENDPOINT)
