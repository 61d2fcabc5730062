#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send a text with a list of up to ten choices while the 24-hour window is open."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, messages, objects, verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="send_interactive_list_message",
    method="POST",
    path="/wati/api/v1/sendInteractiveListMessage",
    query=("whatsappNumber",),
    json=("header", "body", "footer", "buttonText", "sections"),
    effect="send",
    verdict=verdicts.interactive,
    omits=objects.SEND_INTERACTIVE,
    checks=(checks.at_most_ten_rows, checks.different("sections[].rows", "title")),
    multiline=("body",),
    messages=messages.interactive,
    look_with="get_messages",
    preflight=("connection", "window", "receivers", "menu"),
)

if __name__ == "__main__":
    main(ENDPOINT)
