#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send a file to a customer whose 24-hour window is open."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import omissions, verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.contract.call import Call, Part, Result
    from wati.contract.messages import Message
    from wati.contract.types import Arguments
    from wati.files.uploads import Files


def parts(arguments: "Arguments", files: "Files") -> "list[Part]":
    path = arguments.get("file")
    return [files.part("file", path, "$.file")] if isinstance(path, str) and path else []


def messages(call: "Call") -> "list[Message]":
    """A file is identified by its bytes: under another name it is the same message."""
    import hashlib

    from wati.contract.messages import Message

    digest = hashlib.sha256(call.parts[0].content()).hexdigest()
    content = {"file": digest, "text": call.arguments.get("caption", "")}
    return [Message(*call.receivers[0], "file", content)]


def perform(context: "Context") -> "Result":
    """WATI's answer does not say what was sent, so the document does."""
    from wati.calls.perform import send
    from wati.contract.call import Result

    part = context.call.parts[0]
    sent = {"fileName": part.filename, "contentType": part.content_type, "bytes": part.size}
    return Result(send(context).json, added=sent)


ENDPOINT = Endpoint(
    name="send_session_file",
    method="POST",
    path="/wati/api/v1/sendSessionFile/{whatsappNumber}",
    query=("caption", "channelPhoneNumber"),
    parts=parts,
    effect="send",
    verdict=verdicts.result_yes,
    omits=omissions.omit("result"),
    narrows=("channelPhoneNumber",),
    multiline=("caption",),
    customer_text=True,
    perform=perform,
    messages=messages,
    look_with="get_messages",
    preflight=("connection", "window", "file", "receivers"),
    always=("file",),
)

if __name__ == "__main__":
    main(ENDPOINT)
