"""`--dry-run`: reads everything that decides whether a call would be accepted, and sends nothing.

Each endpoint's script names its own preconditions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.calls import guards
from wati.calls.findings import Findings
from wati.calls.preconditions import CHECKS
from wati.calls.template_checks import MOST_NAMED
from wati.contract.call import Result
from wati.contract.failures import MOST_PROBLEMS, Failure
from wati.contract.numbers import LISTED_TWICE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wati.calls.context import Context
    from wati.contract.call import Call
    from wati.contract.types import Problem

# WATI documents 30, 60 or 100 template sends in 10 seconds, by plan.
FASTEST, SLOWEST, SPAN = 100, 30, 10
NOT_LOOKED_UP = "MATON_API_KEY is not set: only arguments and files were checked, and nothing was looked up."


def dry_run(context: Context, refused: Failure | None) -> Result:
    """What would be sent. Raises Failure with every problem that was found."""
    found = run_checks(context, refused.problems if refused is not None else ())
    if (problem := failure_of(found, refused)) is not None:
        raise problem
    return _preview(context, found)


def run_checks(
    context: Context,
    invalid: Sequence[Problem] = (),
    *,
    only: tuple[str, ...] = (),
    is_last_look: bool = False,
) -> Findings:
    """Run the endpoint's checks, or `only` those with these names, as far as the arguments allow.

    `invalid`: the problems of the arguments themselves. `is_last_look`: right before the send.
    """
    can_ask = bool(context.session.settings.key)
    found = Findings(can_ask=can_ask, invalid=invalid, is_last_look=is_last_look)
    for check in context.call.endpoint.preflight:
        make = CHECKS[check] if isinstance(check, str) else check
        if only and make.__name__ not in only:
            continue
        try:
            make(context, found)
        except Failure as failure:
            found.failed_reads.append(failure)
            found.can_ask = found.can_ask and check != "connection"
    if not only and not invalid:
        repeats(context, found)
    if context.call.endpoint.is_bulk and not invalid and (size := bulk(len(context.call.receivers))):
        found.facts["bulk"] = size
    return found


def failure_of(found: Findings, refused: Failure | None) -> Failure | None:
    """All findings as one failure; None if the call is expected to be accepted.

    `refused`: the failure of the arguments or files. It keeps its code, and the findings are added.
    """
    if refused is None and not found.problems:
        if not found.failed_reads:
            return None
        first = found.failed_reads[0]
        first.warnings = found.warnings
        return first
    for failed in found.failed_reads:
        problem = f"a read failed, so something could not be checked ({failed.code}: {failed.message})"
        found.add("--dry-run", "look_up_failed", problem)
    count = len(found.problems) + found.unlisted
    if refused is None:
        who = "The check before sending" if found.is_last_look else "The dry run"
        message = f"{who} found " + ("1 problem" if count == 1 else f"{count} problems")
        refused = Failure("preflight_failed", f"{message}; nothing was sent.", source="package")
        if all(problem.get("code") == "repeated_send" for problem in found.problems):
            # There is nothing to fix: a different text would only hide the repeat.
            if found.is_last_look:  # which does not ask the journal, only the list
                refused = Failure("repeated_send", LISTED_TWICE, source="package")
            refused.hint = ""
    elif count:
        refused.message += f" The dry run found {count} more."
    refused.warnings = found.warnings
    return enrich(refused, found)


def enrich(failure: Failure, found: Findings) -> Failure:
    """The failure with the findings added, up to MOST_PROBLEMS of them."""
    failure.problems = [*failure.problems, *found.problems[:MOST_PROBLEMS]]
    failure.more_problems = max(0, len(found.problems) - MOST_PROBLEMS) + found.unlisted
    failure.hint = f"{failure.hint} {found.hint}".strip()
    return failure


def repeats(context: Context, found: Findings) -> None:
    """Whether the journal would refuse the send. A journal that cannot be read refuses nothing."""
    from wati.journal import once
    from wati.journal.entries import Busy, Repeats, Unusable

    call, journal = context.call, context.session.journal
    is_required = context.session.settings.journal_required
    if journal is None or call.endpoint.messages is None or not call.connection:
        return
    try:
        messages = call.endpoint.messages(call)
        refused, allowed = Repeats(), Repeats()
        for repeat in journal.repeats(call.connection, messages, call.channel, wait=context.gateway.left):
            (refused if repeat.refused and not call.options.again else allowed).add(repeat)
    except Busy:
        found.warnings.append("The send journal is busy, so it is not known whether this is a repeated send.")
        return
    except Unusable as error:
        found.warnings.append(once.unusable(error, call, is_required=is_required))
        return
    # These would be sent, but the user should know who already has the message.
    named = once.describe(allowed.listed[:MOST_NAMED])
    found.warnings += [f"{each['at']}: {each['problem']}." for each in named]
    if allowed.count > MOST_NAMED:
        found.warnings.append(f"The same is true of {allowed.count - MOST_NAMED} more receivers.")
    if refused.count:
        # The contacts may just have shown the same.
        places = {repeat.at for repeat in refused.listed}
        found.problems = [
            problem
            for problem in found.problems
            if problem.get("code") != "repeated_send" or problem["at"] not in places
        ]
        found.problems += [{**problem, "code": "repeated_send"} for problem in once.describe(refused.listed)]
        found.unlisted += refused.count - len(refused.listed)
        found.hint = once.advice(refused, len(call.receivers))


def bulk(receivers: int) -> dict[str, Any]:
    """How long a bulk send takes, if WATI's rate makes it wait: it queues what exceeds it (documented)."""
    seconds = [(max(receivers, 1) - 1) // rate * SPAN for rate in (FASTEST, SLOWEST)]
    return {"receivers": receivers, "seconds_at_limits": seconds} if any(seconds) else {}


def _preview(context: Context, found: Findings) -> Result:
    """What a person has to see before the yes, and the findings.

    The request repeats the arguments, so it is shown only if it was asked for, or if there is nothing else to
    show.
    """
    call, settings = context.call, context.session.settings
    data: dict[str, Any] = {}
    if call.endpoint.path and (call.options.raw or call.options.verbose or not settings.key):
        data["request"] = request_of(call, settings.base_url)
    if needed := guards.needed_confirmation(context):
        data["confirm"] = needed
    findings = {"preflight": found.facts, "warnings": found.warnings}
    data |= {name: value for name, value in findings.items() if value}
    result = Result(data, notice="" if settings.key else NOT_LOOKED_UP)
    if context.left_out is not None:
        result.added = context.counts(send_to=len(call.receivers))
        result.notices = context.notices
    return result


def request_of(call: Call, base_url: str) -> dict[str, Any]:
    """The request as it would leave."""
    from wati.wire import request
    from wati.wire.gateway import USER_AGENT

    endpoint, outgoing = call.endpoint, request.build(call)
    headers = {"Authorization": "Bearer [hidden]", "User-Agent": USER_AGENT}
    if call.connection:
        headers["Maton-Connection"] = call.connection
    elif endpoint.through_wati and endpoint.effect != "read":
        headers["Maton-Connection"] = "(the only ACTIVE wati connection, looked up before sending)"
    content_type = "multipart/form-data" if outgoing.parts else outgoing.body()[1]
    if content_type:
        headers["Content-Type"] = content_type
    head = {"method": outgoing.method, "url": base_url + outgoing.target, "headers": headers}
    return {**head, **outgoing.preview()}
