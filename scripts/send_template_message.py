#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send an approved template to one customer, at any time."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, messages, omissions, verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="send_template_message",
    method="POST",
    path="/wati/api/v1/sendTemplateMessage",
    query=("whatsappNumber",),  # WATI ignores it in the body
    json=("channel_number", "template_name", "broadcast_name", "parameters"),
    effect="send",
    verdict=verdicts.template_message,
    # `outcome` says what `result` says. The rest repeats the arguments, or is the whole contact.
    omits=omissions.omit("result validWhatsAppNumber template_name parameteres parameters contact model"),
    narrows=("channel_number",),
    checks=(checks.unique("parameters", "name"), checks.sendable("parameters[].value")),
    customer_text=True,
    messages=messages.template,
    look_with="get_messages",
    preflight=("connection", "template", "receivers"),
)

if __name__ == "__main__":
    main(ENDPOINT)
