#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Check the setup from the key to the templates in one call, and say what to do next."""

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
    from collections.abc import Callable
    from typing import Any

    from wati.call import Call, Result
    from wati.endpoint import Problem

    Check = Callable[[Call, "Report"], None]

MOST_TEMPLATES = 20  # that are named


class Report:
    """What was found: facts by check, problems with what to do about them, and warnings."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.problems: list[Problem] = []
        self.warnings: list[str] = []


def perform(call: Call) -> Result:
    """Every check, each as far as the ones before it allow. Raises the first failure with all problems."""
    from wati.call import Result
    from wati.failures import Failure

    report = Report()
    first: Failure | None = None
    guards(call, report)
    journal(call, report)
    for check in (connection, inbox, templates):
        try:
            check(call, report)
        except Failure as failure:
            first = first or failure
            report.problems += failure.problems or [{"at": check.__name__, "problem": failure.message}]
            break
    if first is not None:
        first.problems, first.warnings = report.problems, report.warnings
        raise first
    report.facts["next"] = next_step(call, report)
    return Result({**report.facts, **({"warnings": report.warnings} if report.warnings else {})})


def connection(call: Call, report: Report) -> None:
    """Whether exactly one connection is the one to use; the key is checked by asking at all."""
    from wati import preflight
    from wati.failures import Failure

    found = preflight.Findings(can_ask=True)
    preflight.connection(call, found)
    if found.problems:
        raise Failure("connection_missing", "No connection can be used.", problems=found.problems)
    if "connection" not in found.facts:
        raise Failure("connection_ambiguous", " ".join(found.warnings))
    call.connection = report.facts["connection"] = found.facts["connection"]


def inbox(call: Call, report: Report) -> None:
    """Whether WATI answers over the connection: its token may have expired while Maton calls it ACTIVE."""
    from wati import lookups, verdicts

    lookups.read(call, "/wati/api/v1/getContacts?pageSize=1&pageNumber=1", verdicts.listing("contact_list"))
    report.facts["inbox"] = "WATI answers"


def templates(call: Call, report: Report) -> None:
    """Which templates can be sent; without one, nobody can be messaged whose window is closed."""
    from wati import lookups

    others: dict[str, int] = {}
    approved: list[str] = []
    for row in lookups.templates(call):
        name = lookups.approved_name(row)
        if name:
            approved.append(name)
        else:
            others[str(row.get("status"))] = others.get(str(row.get("status")), 0) + 1
    report.facts["templates"] = {"APPROVED": approved[:MOST_TEMPLATES], **others}
    if len(approved) > MOST_TEMPLATES:
        report.warnings.append(f"{len(approved)} templates are APPROVED; {MOST_TEMPLATES} are named.")
    if not approved:
        report.warnings.append(
            "No template is APPROVED: only in an open 24-hour window can anybody be messaged."
        )


def guards(call: Call, report: Report) -> None:
    """What the environment forbids: an agent that meets a guard should not be surprised."""
    settings = call.settings
    allowed = settings.allowed_recipients
    report.facts["guards"] = {
        "read_only": settings.read_only,
        "allowed_recipients": "everybody" if allowed is None else allowed,
        "file_roots": settings.file_roots,
    }


def journal(call: Call, report: Report) -> None:
    """Whether repeated sends would be noticed, and whether one waits to be looked for."""
    import sqlite3

    from wati.once import check, open_journal

    book = open_journal(call.settings)
    if book is None:
        report.facts["journal"] = "off"
        report.warnings.append("WATI_JOURNAL is off: a repeated send is not noticed.")
        return
    try:
        unresolved = book.unresolved()
    except (sqlite3.Error, OSError) as error:
        report.facts["journal"] = "cannot be used"
        report.warnings.append(f"The send journal cannot be used ({error}): a repeated send is not noticed.")
        return
    report.facts["journal"] = "on"
    report.warnings += [
        f"What became of send {send.id} is not known: {check(send.id)}" for send in unresolved[:5]
    ]


def next_step(call: Call, report: Report) -> str:
    if call.settings.read_only:
        return "Everything can be read; WATI_READ_ONLY keeps anything from being sent or changed."
    if call.settings.sandbox:
        return "The sandbox is ready: try what you like, nothing leaves this machine."
    return "Ready. Before the first message to a customer: --dry-run, and the user's yes."


HELPER = Helper(name="doctor", perform=perform, connected=True)

if __name__ == "__main__":
    run(HELPER)
