#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Download a file of a conversation; --output names the file to write."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati import checks, verdicts
from wati.endpoint import Endpoint, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.answers import Answer
    from wati.call import Call, Result
    from wati.endpoint import Receivers
    from wati.preflight import Findings


def media(answer: Answer, _: Receivers) -> verdicts.Verdict:
    """A body that is not JSON, and not a part of one (206)."""
    return (
        verdicts.ACCEPTED
        if answer.saved and answer.status != 206
        else verdicts.refused(answer) or verdicts.unknown(answer)
    )


def target(call: Call) -> str:
    return call.output or os.path.basename(call.arguments["fileName"])


def perform(call: Call) -> Result:
    """Stream the file to the disk: it appears under its name only when it is whole."""
    from wati.call import Result

    path = target(call)
    with call.files.download(path, force=call.force) as download:
        answer = call.send(download.handle)
        size = download.handle.tell()
        # A web page in place of a picture is the error page of somebody on the way.
        is_error_page = answer.media_type == "text/html" and not path.lower().endswith((".html", ".htm"))
        if size == 0 or is_error_page:
            flaw = "A web page came in place of the file." if size else "The file came empty."
            raise call.failure(verdicts.Verdict("unknown", "bad_answer", flaw), answer, "read")
        download.commit()
    return Result({"file": path, "bytes": size, "content_type": answer.media_type})


def name_is_free(call: Call, found: Findings) -> None:
    """Whether the file may be written. Needs no key; an --output is looked at with the arguments."""
    from wati.failures import Failure

    if call.output or not found.valid(call, "fileName"):
        return
    try:
        call.files.download(target(call), force=call.force)
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
    checks=(checks.plain_path("fileName"),),
    flags=("output", "force"),
    customer_text=True,
    preflight=("connection", name_is_free),
)

if __name__ == "__main__":
    run(ENDPOINT)
