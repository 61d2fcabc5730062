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
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from wati import checks, verdicts
from wati.endpoint import Endpoint, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.call import Call, Result
    from wati.endpoint import Arguments
    from wati.gateway import Answer


def media(answer: Answer, arguments: Arguments) -> verdicts.Verdict:
    """A body that is not JSON; a web page in place of a file is somebody's error page."""
    wanted_page = str(arguments["fileName"]).lower().endswith((".html", ".htm"))
    if answer.saved and (wanted_page or answer.media_type != "text/html"):
        return verdicts.ACCEPTED
    return verdicts.refused(answer) or verdicts.unknown(answer)


def perform(call: Call) -> Result:
    """Stream the file to the disk: it appears under its name only when it is whole."""
    from wati.call import Result

    path = call.output or os.path.basename(call.arguments["fileName"])
    with call.files.download(path, force=call.force) as download:
        answer = call.send(download.handle)
        size = download.handle.tell()
        if size == 0:
            raise call.failure(
                verdicts.Verdict("unknown", "bad_answer", "The file came empty."), answer, "read"
            )
        download.commit()
    return Result({"file": path, "bytes": size, "content_type": answer.media_type})


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
)

if __name__ == "__main__":
    run(ENDPOINT)
