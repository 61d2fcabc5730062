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

from wati.endpoint import Helper, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.call import Call, Result
    from wati.window import Window

LIMIT = 20


def perform(call: Call) -> Result:
    """The newest rows, oldest of them first; further ones are read only where the window asks for them."""
    from itertools import chain, islice

    from wati import lookups, transcript, window
    from wati.call import Result
    from wati.output import redact, shorten

    def hide(text: str) -> str:
        return str(redact(text, call.settings.key))

    limit = call.arguments.get("limit", LIMIT)
    rows = lookups.conversation(call, call.arguments["whatsappNumber"])
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
    from wati.lookups import iso

    if window.open is None or window.until is None:
        return {"unknown": window.why}
    # Of what is closed without a message of the customer in sight, nobody knows since when.
    return {"open": window.open, **({"until": iso(window.until)} if window.is_seen else {})}


HELPER = Helper(
    name="conversation",
    perform=perform,
    connected=True,
    customer_text=True,
    keeps=("more",),
    # Support told so of accounts with several WhatsApp numbers: only the primary one's contacts are found.
    silent_refusal="There may be no contact with this number, or it is of another number of the account.",
)

if __name__ == "__main__":
    run(HELPER)
