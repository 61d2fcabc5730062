#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Check the whole setup in one call, from the key to the templates, and say what to do next."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Result
    from wati.contract.types import Problem
    from wati.journal.entries import Send

MOST_TEMPLATES = 20  # listed by name
MOST_SENDS = 5  # unresolved ones, each with a warning of its own
MOST_BLOCKED = 20  # shown
OTHER_STATUSES = ("PENDING", "REJECTED", "DRAFT", "PAUSED", "DISABLED", "DELETED")


def perform(context: "Context") -> "Result":
    """Run the checks until one fails. Its Failure has the warnings of all checks before it."""
    from wati.calls.findings import Findings
    from wati.contract.call import Result
    from wati.contract.failures import Failure

    report = Findings(can_ask=True)
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


def connection(context: "Context", report: "Findings") -> None:
    """Whether it is clear which connection to use. The request checks the key, too."""
    from wati.calls import preconditions
    from wati.calls.findings import Findings
    from wati.contract.failures import Failure

    found = Findings(can_ask=True)
    try:
        preconditions.connection(context, found)
    except Failure as failure:
        if failure.code == "unauthorized":
            failure.hint = "Maton rejects this MATON_API_KEY: ask the user for the key of their account."
        raise
    if found.problems:
        message = "There is no connection to use."
        raise Failure("connection_missing", message, hint=remedy(found.problems), problems=found.problems)
    if "connection" not in found.facts:
        raise Failure("connection_ambiguous", " ".join(found.warnings))
    report.facts["connection"] = found.facts["connection"]
    context.use_connection(found.facts["connection"])


def remedy(problems: "list[Problem]") -> str:
    """What to do if no connection, or not the named one, can be used."""
    text = " ".join(problem["problem"] for problem in problems)
    if "ACTIVE:" in text:
        return (
            "Name an ACTIVE one with --connection or MATON_CONNECTION_ID. Ask the user which account to use."
        )
    if "PENDING" in text:
        return "The user has to open the link of the PENDING one: get_connection.py shows it."
    return "Make one with create_connection.py: it gives a link for the user to open."


def inbox(context: "Context", report: "Findings") -> None:
    """Whether WATI answers. Its token can expire while Maton still calls the connection ACTIVE."""
    from wati.contract import verdicts
    from wati.contract.failures import Failure

    one_contact = "/wati/api/v1/getContacts?pageSize=1&pageNumber=1"
    try:
        context.inbox.read(one_contact, verdicts.listing("contact_list"))
    except Failure as failure:
        if failure.code in ("upstream_error", "bad_answer"):
            # Documented by Maton for status 500.
            failure.hint = (
                "Run this again in a minute. If it fails again, the authorization at WATI has probably "
                "expired: make a new connection with create_connection.py. Delete the old one once the new "
                "one is ACTIVE."
            )
        elif failure.code == "unauthorized":
            failure.hint = (
                "Maton has just accepted the key, so WATI rejects the token of this connection: make a new "
                "connection with create_connection.py."
            )
        raise
    report.facts["inbox"] = "WATI answers"


def templates(context: "Context", report: "Findings") -> None:
    """Which templates can be sent. Without one, only customers whose window is open can be messaged."""
    from wati.reads.inbox import approved_name

    others: dict[str, int] = {}
    approved: list[str] = []
    rows = context.inbox.templates()
    for row in rows:
        name, status = approved_name(row), row.get("status")
        if name:
            approved.append(name)
        else:
            group = status if status in OTHER_STATUSES else "other"
            others[group] = others.get(group, 0) + 1
    report.facts["templates"] = {"APPROVED": approved[:MOST_TEMPLATES], **others}
    if not rows.whole:
        report.warnings.append("Not all templates were read, so there can be more of each kind.")
    if len(approved) > MOST_TEMPLATES:
        report.warnings.append(
            f"{len(approved)} templates are APPROVED; the first {MOST_TEMPLATES} are listed."
        )
    if not approved:
        report.warnings.append(
            "No template is APPROVED, so customers can be messaged only while their 24-hour window is open. "
            "Templates are created and submitted at WATI."
        )


def guards(context: "Context", report: "Findings") -> None:
    """What the environment does not allow, so that a refusal later is no surprise."""
    settings = context.session.settings
    allowed = settings.allowed_recipients
    report.facts["guards"] = {
        "read_only": settings.read_only,
        "allowed_recipients": "everyone" if allowed is None else allowed or "no one",
        "file_roots": settings.file_roots,
    }
    blocked = settings.blocked_recipients.entries  # there can be thousands
    if blocked:
        report.facts["guards"]["blocked_recipients"] = (
            blocked if len(blocked) <= MOST_BLOCKED else len(blocked)
        )


def journal(context: "Context", report: "Findings") -> "list[Send]":
    """Whether repeated sends would be noticed. Returns the sends whose outcome is unknown."""
    from wati.journal.entries import Busy, Unusable
    from wati.journal.once import check_command

    sends = context.session.journal
    if sends is None:
        report.facts["journal"] = "off"
        report.warnings.append("WATI_JOURNAL is off: a repeated send is not noticed.")
        return []
    try:
        unresolved = sends.unresolved()
    except Busy:
        report.facts["journal"] = "busy"
        report.warnings.append("The send journal is busy: another process is writing it. Run this again.")
        return []
    except Unusable as error:
        report.facts["journal"] = "cannot be used"
        report.warnings.append(
            f"The send journal cannot be used ({error}): a repeated send is not noticed, and bulk sends are "
            f"refused. {error.remedy}"
        )
        return []
    report.facts["journal"] = "on" if sends.path else "on, shared in a database"
    if sends.path and not os.path.isabs(sends.path):
        report.warnings.append("WATI_JOURNAL is not an absolute path: each folder gets its own journal.")
    report.warnings += [
        f"The outcome of send {send.id} is not known. Find out: {check_command(send.id)}"
        for send in unresolved[:MOST_SENDS]
    ]
    if len(unresolved) > MOST_SENDS:
        report.warnings.append(f"{len(unresolved)} sends are unresolved: check_send.py lists them.")
    return unresolved


def next_step(context: "Context", report: "Findings", unresolved: "list[Send]") -> str:
    settings = context.session.settings
    if unresolved:
        return "Find out what became of the unresolved sends (see `warnings`) before sending anything."
    if settings.read_only:
        return "Ready to read. WATI_READ_ONLY is set, so nothing can be sent or changed."
    if settings.allowed_recipients == []:
        return "Ready to read. WATI_ALLOWED_RECIPIENTS is empty, so no one may be messaged."
    if settings.sandbox:
        return "The sandbox is ready: try what you like, nothing leaves this machine."
    if not report.facts["templates"]["APPROVED"]:
        return "Ready to read, and to answer in open 24-hour windows. All else needs an APPROVED template."
    return "Ready. Before the first message to a customer: --dry-run, and the user's yes."


HELPER = Helper(name="doctor", perform=perform)

if __name__ == "__main__":
    main(HELPER)
