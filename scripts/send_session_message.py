#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send a text to a customer whose 24-hour window is open."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati import hidden, messages, objects, verdicts
from wati.endpoint import Endpoint, run

ENDPOINT = Endpoint(
    name="send_session_message",
    method="POST",
    path="/wati/api/v1/sendSessionMessage/{whatsappNumber}",
    form=("messageText",),  # a JSON body is ignored: WATI then finds the text empty
    effect="send",
    verdict=verdicts.session_message,
    hides={
        **hidden.all_of("ok result"),
        **hidden.inside(
            "message", {**objects.MESSAGE, **hidden.all_of("text")}
        ),  # the text is the arguments'
    },
    multiline=("messageText",),
    customer_text=True,
    messages=messages.text,
    look_with="get_messages",
    preflight=("connection", "window"),
)

if __name__ == "__main__":
    run(ENDPOINT)
