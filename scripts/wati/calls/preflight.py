"""`--dry-run`: everything that decides whether a call would be accepted, found out by reading only.

Each endpoint says in its own script which of the preconditions it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.calls import guards
from wati.calls.findings import Findings
from wati.calls.preconditions import CHECKS, MOST_NAMED
from wati.contract.call import Result
from wati.contract.failures import MOST_PROBLEMS, Failure

if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.contract.types import Problem

# WATI documents 30, 60 or 100 template sends in 10 seconds, by plan.
FASTEST, SLOWEST, SPAN = 100, 30, 10
UNASKED = "MATON_API_KEY is not set: only arguments and files were checked, and nothing was asked of WATI."


def dry_run(context: Context, refused: Failure | None) -> Result:
    """What is wrong with the call and with what it meets, all at once; or the request as it would leave."""
    found = look(context, refused.problems if refused is not None else None)
    problem = failure(found, refused)
    if problem is not None:
        raise problem
    return _preview(context, found)


def look(context: Context, invalid: list[Problem] | None = None, *, only: tuple[str, ...] = ()) -> Findings:
    """Run the endpoint's checks (or `only` those so named), each as far as the arguments allow."""
    found = Findings(can_ask=bool(context.session.settings.key), invalid=invalid)
    for check in context.call.endpoint.preflight:
        make = CHECKS[check] if isinstance(check, str) else check
        if only and make.__name__ not in only:
            continue
        try:
            make(context, found)
        except Failure as failure:
            found.unread.append(failure)
            found.can_ask = found.can_ask and check != "connection"
    if not only and not invalid:
        repetition(context, found)
    if context.call.endpoint.confirms in ("receivers", "records") and not invalid:
        found.facts["bulk"] = bulk(len(context.call.receivers))
    return found


def failure(found: Findings, refused: Failure | None = None) -> Failure | None:
    """All of it as one failure; None where the call would be expected to be accepted.

    `refused`: the failure of the arguments or files, which keeps its code and gets the rest added.
    """
    if refused is None and not found.problems:
        if not found.unread:
            return None
        # Nothing is wrong that could be seen, and something could not.
        unread = found.unread[0]
        unread.warnings = found.warnings
        return unread
    found.problems += map(_unread, found.unread)
    count = len(found.problems)
    if refused is None:
        message = "The dry run found " + ("1 problem" if count == 1 else f"{count} problems")
        refused = Failure("preflight_failed", f"{message}; nothing was sent.", source="package")
        if all(problem.get("code") == "repeated_send" for problem in found.problems):
            # There is nothing to mend: another text would only hide that it is the second one.
            refused.hint = ""
    elif count:
        refused.message += f" The dry run found {count} more."
    refused.warnings = found.warnings
    return enrich(refused, found)


def enrich(failure: Failure, found: Findings) -> Failure:
    """The failure with what was found, as far as somebody would read it."""
    failure.problems = failure.problems + found.problems[:MOST_PROBLEMS]
    failure.more_problems = max(0, len(found.problems) - MOST_PROBLEMS)
    failure.hint = f"{failure.hint} {found.hint}".strip()
    return failure


def _unread(failure: Failure) -> Problem:
    problem = f"not everything could be looked at ({failure.code}: {failure.message})"
    return {"at": "--dry-run", "problem": problem, "code": "look_up_failed"}


def repetition(context: Context, found: Findings) -> None:
    """Whether the journal would stop the send; one that cannot be read stops nothing."""
    import sqlite3

    from wati.journal import once

    call, journal = context.call, context.session.journal
    if journal is None or call.endpoint.messages is None or not call.connection:
        return
    try:
        messages = call.endpoint.messages(call)
        alike = journal.repetitions(call.connection, messages)
    except (sqlite3.Error, OSError):
        found.warnings.append("The send journal cannot be read: a repeated send would not be noticed.")
        return
    repeated = [] if call.options.again else [each for each in alike if each.stops]
    # The others go all the same; whoever says yes to them should know who has them already.
    others = [each for each in alike if call.options.again or not each.stops]
    found.warnings += [f"{one['at']}: {one['problem']}." for one in once.told(others[:MOST_NAMED])]
    if len(others) > MOST_NAMED:
        found.warnings.append(f"So it is with {len(others) - MOST_NAMED} more receivers.")
    if repeated:
        found.problems += [{**problem, "code": "repeated_send"} for problem in once.told(repeated)]
        found.hint = once.advice(repeated, len(messages))


def bulk(receivers: int) -> dict[str, Any]:
    """How large a bulk send is: it takes one request, and WATI queues what exceeds its rate (documented)."""
    seconds = [(max(receivers, 1) - 1) // rate * SPAN for rate in (FASTEST, SLOWEST)]
    return {"receivers": receivers, "requests": 1, "seconds_at_limits": seconds}


def _preview(context: Context, found: Findings) -> Result:
    """The request as it would leave, what a person has to see before saying yes, and what was found."""
    from wati.wire import request
    from wati.wire.gateway import USER_AGENT

    call, settings = context.call, context.session.settings
    endpoint, outgoing = call.endpoint, request.build(call)
    headers = {"Authorization": "Bearer [hidden]", "User-Agent": USER_AGENT}
    if call.connection:
        headers["Maton-Connection"] = call.connection
    elif endpoint.through_wati and endpoint.effect != "read":
        headers["Maton-Connection"] = "(the only ACTIVE wati connection, looked up before sending)"
    content_type = "multipart/form-data" if outgoing.parts else outgoing.body()[1]
    if content_type:
        headers["Content-Type"] = content_type
    shown = {"method": outgoing.method, "url": settings.base_url + outgoing.target, "headers": headers}
    data: dict[str, Any] = {"request": {**shown, **outgoing.preview()}}
    if needed := guards.needed_confirmation(call):
        data["confirm"] = needed
    if endpoint.receivers is not None:
        # They are in the file, not in the request.
        data["first_receivers"] = [number for _, number in call.receivers[:5]]
    seen = {"preflight": found.facts, "warnings": found.warnings}
    data |= {name: value for name, value in seen.items() if value}
    return Result(data, notice="" if settings.key else UNASKED)
