#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send a text to a customer whose 24-hour window is open."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import messages, objects, omissions, verdicts
from wati.contract.endpoint import Endpoint

ENDPOINT = Endpoint(
    name="send_session_message",
    method="POST",
    path="/wati/api/v1/sendSessionMessage/{whatsappNumber}",
    query=("replyContextId", "channelPhoneNumber", "localMessageId"),
    form=("messageText",),  # WATI ignores a JSON body and finds the text empty
    effect="send",
    verdict=verdicts.result_yes,
    omits={
        **omissions.omit("ok result"),
        **omissions.inside("message", objects.SENT),
    },
    narrows=("channelPhoneNumber",),
    multiline=("messageText",),
    customer_text=True,
    messages=messages.text,
    look_with="get_messages",
    preflight=("connection", "window", "receivers"),
)

if __name__ == "__main__":
    main(ENDPOINT)
