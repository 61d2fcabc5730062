#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send an approved template to one customer. The answer has an id to track it."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, messages, objects, receiver_verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="send_template_message_v2",
    method="POST",
    path="/wati/api/v2/sendTemplateMessage",
    query=("whatsappNumber",),
    json=("channel_number", "template_name", "broadcast_name", "parameters"),
    effect="send",
    verdict=receiver_verdicts.v2,
    omits=objects.SEND_V2,
    narrows=("channel_number",),
    checks=(checks.unique("parameters", "name"), checks.sendable("parameters[].value")),
    messages=messages.template,
    look_with="get_messages",
    preflight=("connection", "template", "receivers"),
    always=("template",),
)

if __name__ == "__main__":
    main(ENDPOINT)
