#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Download a file from a conversation. --output names the file to write."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.answer import Answer
    from wati.contract.call import Call, Result
    from wati.contract.types import Receivers


def media(answer: "Answer", _: "Receivers") -> verdicts.Verdict:
    """Accepts a body that was saved as a file, unless it is only a part (206)."""
    if answer.saved and answer.status != 206:
        return verdicts.ACCEPTED
    return verdicts.rejection(answer) or verdicts.unknown(answer)


def target(call: "Call") -> str:
    return call.options.output or os.path.basename(call.arguments["fileName"])


def perform(context: "Context") -> "Result":
    """Write the file as it comes. It gets its name only when it is complete."""
    from wati.contract.call import Result

    path, force = target(context.call), context.call.options.force
    with context.session.files.download(path, force=force) as download:
        found = fetch(context, download.handle)
        download.commit()
    return Result({"file": path, **found})


def fetch(context: "Context", handle: "BinaryIO") -> "dict[str, Any]":
    """Write the file to an open one; its size and content type. Raises Failure if the answer is no file."""
    from wati.calls.perform import failed, send

    answer = send(context, handle)
    size = handle.tell()
    # A web page in place of a picture is a proxy's error page.
    is_page = answer.media_type == "text/html"
    if size == 0 or (is_page and not target(context.call).lower().endswith((".html", ".htm"))):
        reason = "The answer is a web page, not the file." if size else "The answer is an empty file."
        raise failed(context, verdicts.Verdict("unknown", "bad_answer", reason), answer)
    return {"bytes": size, "content_type": answer.media_type}


def name_is_free(context: "Context", found: "Findings") -> None:
    """Whether the file may be written. This needs no key. `--output` is checked with the arguments."""
    from wati.contract.failures import Failure

    call = context.call
    if call.options.output or not found.valid(call, "fileName"):
        return
    try:
        context.session.files.download(target(call), force=call.options.force)
    except Failure as failure:
        for problem in failure.problems:
            found.add(problem["at"], "file_not_allowed", f"{target(call)} {problem['problem']}")


ENDPOINT = Endpoint(
    name="get_media",
    method="GET",
    path="/wati/api/v1/getMedia",
    query=("fileName",),
    effect="read",
    verdict=media,
    perform=perform,
    customer_text=("bytes",),  # customers send the files
    checks=(checks.plain_path("fileName"),),
    flags=("output", "force"),
    writes_file=True,
    preflight=("connection", name_is_free),
)

if __name__ == "__main__":
    main(ENDPOINT)
