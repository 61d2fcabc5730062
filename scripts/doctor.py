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

from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.types import Problem
    from wati.journal.store import Send

MOST_TEMPLATES = 20  # that are named
MOST_SENDS = 5  # unresolved ones that are named
OTHER_STATUSES = ("PENDING", "REJECTED", "DRAFT", "PAUSED", "DISABLED", "DELETED")


class Report:
    """What was found: facts by check, and warnings."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.warnings: list[str] = []


def perform(context: Context) -> Result:
    """Every check, each as far as the ones before it allow. Raises what stopped them, with all warnings."""
    from wati.contract.call import Result
    from wati.contract.failures import Failure

    report = Report()
    guards(context, report)
    unresolved = journal(context, report)
    for check in (connection, inbox, templates):
        try:
            check(context, report)
        except Failure as failure:
            failure.problems = failure.problems or [{"at": check.__name__, "problem": failure.message}]
            failure.warnings = report.warnings
            raise
    report.facts["next"] = next_step(context, report, unresolved)
    return Result({**report.facts, **({"warnings": report.warnings} if report.warnings else {})})


def connection(context: Context, report: Report) -> None:
    """Whether exactly one connection is the one to use; the key is checked by asking at all."""
    from wati.calls import preconditions
    from wati.calls.findings import Findings
    from wati.contract.failures import Failure

    found = Findings(can_ask=True)
    try:
        preconditions.connection(context, found)
    except Failure as failure:
        if failure.code == "unauthorized":
            failure.hint = (
                "Maton does not take this MATON_API_KEY: ask the user for the key of their account."
            )
        raise
    if found.problems:
        message = "There is no connection to use."
        raise Failure("connection_missing", message, hint=way_to_one(found.problems), problems=found.problems)
    if "connection" not in found.facts:
        raise Failure("connection_ambiguous", " ".join(found.warnings))
    report.facts["connection"] = found.facts["connection"]
    context.use_connection(found.facts["connection"])


def way_to_one(problems: list[Problem]) -> str:
    """What to do where the connection that is wanted cannot be used."""
    said = " ".join(problem["problem"] for problem in problems)
    if "ACTIVE:" in said:
        return (
            "Name an ACTIVE one by --connection or MATON_CONNECTION_ID; ask the user which account is meant."
        )
    if "PENDING" in said:
        return "The user has to open the link of the PENDING one: get_connection.py shows it."
    return "Make one with create_connection.py: it gives a link for the user to open."


def inbox(context: Context, report: Report) -> None:
    """Whether WATI answers over the connection: its token may have expired while Maton calls it ACTIVE."""
    from wati.contract import verdicts
    from wati.contract.failures import Failure

    try:
        context.inbox.read(
            "/wati/api/v1/getContacts?pageSize=1&pageNumber=1", verdicts.listing("contact_list")
        )
    except Failure as failure:
        if failure.code in ("upstream_error", "bad_answer"):
            # Documented by Maton for the 500.
            failure.hint = (
                "Run this again in a minute. If it stays so, the authorization at WATI has most likely "
                "expired: make a new connection with create_connection.py, and delete the old one once the "
                "new one is ACTIVE."
            )
        elif failure.code == "unauthorized":
            failure.hint = (
                "Maton took the key a moment ago, so it is this connection's WATI token that is refused: "
                "authorize it anew with create_connection.py."
            )
        raise
    report.facts["inbox"] = "WATI answers"


def templates(context: Context, report: Report) -> None:
    """Which templates can be sent; without one, nobody can be messaged whose window is closed."""

    from wati.reads.inbox import approved_name

    others: dict[str, int] = {}
    approved: list[str] = []
    for row in context.inbox.templates():
        name, status = approved_name(row), row.get("status")
        if name:
            approved.append(name)
        else:
            kind = status if status in OTHER_STATUSES else "other"
            others[kind] = others.get(kind, 0) + 1
    report.facts["templates"] = {"APPROVED": approved[:MOST_TEMPLATES], **others}
    if len(approved) > MOST_TEMPLATES:
        report.warnings.append(f"{len(approved)} templates are APPROVED; {MOST_TEMPLATES} are named.")
    if not approved:
        report.warnings.append(
            "No template is APPROVED: only in an open 24-hour window can anybody be messaged. Templates are "
            "made and submitted at WATI."
        )


def guards(context: Context, report: Report) -> None:
    """What the environment forbids: an agent that meets a guard should not be surprised."""
    settings = context.session.settings
    allowed = settings.allowed_recipients
    report.facts["guards"] = {
        "read_only": settings.read_only,
        "allowed_recipients": "everybody" if allowed is None else allowed or "nobody",
        "file_roots": settings.file_roots,
    }


def journal(context: Context, report: Report) -> list[Send]:
    """Whether repeated sends would be noticed, and which sends wait to be looked for."""
    import sqlite3

    from wati.journal.once import check_command, reason

    book = context.session.journal
    if book is None:
        report.facts["journal"] = "off"
        report.warnings.append("WATI_JOURNAL is off: a repeated send is not noticed.")
        return []
    try:
        unresolved = book.unresolved()
    except (sqlite3.Error, OSError) as error:
        report.facts["journal"] = "cannot be used"
        report.warnings.append(
            f"The send journal cannot be used ({reason(error)}): a repeated send is not noticed. Let "
            "WATI_JOURNAL name a file that can be written."
        )
        return []
    report.facts["journal"] = "on"
    if not os.path.isabs(book.path):
        report.warnings.append("WATI_JOURNAL is no absolute path: every folder has a journal of its own.")
    report.warnings += [
        f"What became of send {send.id} is not known. Find out: {check_command(send.id)}"
        for send in unresolved[:MOST_SENDS]
    ]
    if len(unresolved) > MOST_SENDS:
        report.warnings.append(f"{len(unresolved)} sends are unresolved: check_send.py lists them.")
    return unresolved


def next_step(context: Context, report: Report, unresolved: list[Send]) -> str:
    settings = context.session.settings
    if unresolved:
        return "Find out what became of the unresolved sends, as `warnings` says, before sending anything."
    if settings.read_only:
        return "Everything can be read; WATI_READ_ONLY keeps anything from being sent or changed."
    if settings.allowed_recipients == []:
        return "Everything can be read; WATI_ALLOWED_RECIPIENTS is empty, so nobody may be messaged."
    if settings.sandbox:
        return "The sandbox is ready: try what you like, nothing leaves this machine."
    if not report.facts["templates"]["APPROVED"]:
        return (
            "Ready to read and to answer in open 24-hour windows; anything else needs an APPROVED template."
        )
    return "Ready. Before the first message to a customer: --dry-run, and the user's yes."


HELPER = Helper(name="doctor", perform=perform, connected=True)

if __name__ == "__main__":
    from wati.cli.command import main

    main(HELPER)
