#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Ask a live account what the sandbox assumes, and write a capture that can be shared."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Endpoint, Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Result
    from wati.contract.types import Arguments, Problem, Receivers

SECONDS = 300.0
FILE = "wati-capture.json"  # unless --output names another


def check_what(arguments: "Arguments") -> "Iterator[Problem]":
    """JSON Schema can say this only in a form that some hosts reject."""
    for name in ("template_name", "has_whatsapp"):
        if name in arguments and "own_number" not in arguments:
            yield {"at": f"$.{name}", "problem": "needs own_number, the number to which the probe may send"}


def by_arguments(arguments: "Arguments") -> "Endpoint":
    """Without a number of one's own, it only reads."""
    return SENDING if "own_number" in arguments else READING


def receivers(arguments: "Arguments", _: object) -> "Receivers":
    own = arguments.get("own_number")
    return [("$.own_number", own)] if isinstance(own, str) else []


def perform(context: "Context") -> "Result":
    """Ask, write the capture, and compare it with what the sandbox answers."""
    import json
    import time

    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.probe import ask, known, questions, report, verdicts
    from wati.reads import connections

    call = context.call
    arguments, path = call.arguments, call.options.output or FILE
    asked = questions.chosen(arguments)
    asking = None
    try:
        with context.session.files.download(path, force=call.options.force) as download:
            if not call.connection:
                context.use_connection(connections.only_active(context.inbox))
            asking = ask.Asking(
                context.session.client,
                known.at_first(arguments, context.call.connection),
                time.monotonic() + context.gateway.left,
                context.gateway.trace,
            )
            # From here on, nobody can say that nothing was sent.
            context.gateway.changed = call.endpoint.effect != "read"
            asking.ask(asked)
            captured = report.capture(asked, asking.observed, arguments, context.session.settings)
            text = json.dumps(captured, indent=1, ensure_ascii=False) + "\n"
            download.handle.write(text.encode("utf-8"))
            download.commit()
    except Failure as failure:
        if asking is not None and asking.changed:
            failure.message = f"The questions were asked, but the capture was not written. {failure.message}"
            failure.outcome = "accepted"
        raise
    summary = report.summary(asked, asking.observed, verdicts.assumed())
    hints = [report.SHARE] + ([report.ANOTHER_RUN] if arguments.get("has_whatsapp", True) else [])
    return Result({"file": path, **summary}, notice=" ".join(hints))


def list_questions(context: "Context", found: "Findings") -> None:
    """What would be asked, before anything is. This needs no key."""
    from wati.probe import questions, report

    asked = questions.chosen(context.call.arguments)
    found.facts["questions"] = report.listed(asked)
    found.facts["may_send"] = sum(1 for each in asked if each.kind == "send")


class Probe(Helper):
    @property
    def does(self) -> str:
        return "Reads. With own_number and --confirm, also changes your contact and sends to your number."


COMMON: "dict[str, Any]" = {
    "name": "probe",
    "perform": perform,
    "checks": (check_what,),
    "narrows": ("own_number", "template_name", "has_whatsapp"),
    "endings": (".json",),
    "writes_file": True,
    "preflight": ("connection", list_questions),
    "keeps": ("file",),
    "default_timeout": SECONDS,
    "by_arguments": by_arguments,
}
HELPER = Probe(
    **COMMON,
    effect="send",
    confirms="own_number",
    receivers=receivers,
    look_with="get_messages",
    flags=("output", "force"),
    lacks=("raw", "again"),
)
SENDING = Probe(**{**vars(HELPER), "by_arguments": None})
READING = Probe(
    **{**COMMON, "by_arguments": None}, flags=("output", "force", "confirm"), lacks=("raw", "again")
)

if __name__ == "__main__":
    main(HELPER)
