#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Read one customer's recent conversation as a short transcript, and whether the 24-hour window is open."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.reads.window import Window

LIMIT = 20


def perform(context: Context) -> Result:
    """The newest rows, oldest of them first; further ones are read only where the window asks for them."""
    from itertools import chain, islice

    from wati.contract.call import Result
    from wati.output.redaction import redact
    from wati.output.rendering import shorten
    from wati.reads import transcript, window

    def hide(text: str) -> str:
        return str(redact(text, context.session.settings.key))

    limit = context.call.arguments.get("limit", LIMIT)
    rows = context.inbox.conversation(context.call.arguments["whatsappNumber"])
    read = list(islice(rows, limit + 1))
    newest, has_more = read[:limit], len(read) > limit
    read += islice(rows, rows.left)  # the rest of the page costs nothing
    data: dict[str, Any] = {"window": told(window.judge(rows, chain(read, rows)))}
    if operator := transcript.assigned(read):
        data["assigned"] = shorten(hide(operator), 100)
    data["days"] = transcript.by_day(reversed(newest), hide)
    if has_more:
        data["more"] = True
    cut = f"A row with `cut` had so many characters: get_messages.py with pageSize {limit} has it whole."
    is_cut = any("cut" in more for day in data["days"].values() for _, _, _, *rest in day for more in rest)
    return Result(data, notice=cut if is_cut else "")


def told(window: Window) -> dict[str, Any]:
    from wati.reads.rows import iso

    if window.open is None or window.until is None:
        return {"unknown": window.why}
    # Of what is closed without a message of the customer in sight, nobody knows since when.
    return {"open": window.open, **({"until": iso(window.until)} if window.by_customer else {})}


HELPER = Helper(
    name="conversation",
    perform=perform,
    connected=True,
    customer_text=True,
    keeps=("more",),
)

if __name__ == "__main__":
    from wati.cli.command import main

    main(HELPER)
