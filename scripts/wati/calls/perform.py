"""How a call is made, step by step, from its arguments to its result."""

from __future__ import annotations

import traceback
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from wati.arguments import pairs
from wati.calls import guards, last_look
from wati.calls.context import Context
from wati.calls.prepare import prepare
from wati.contract import verdicts
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.contract.unexpected import unexpected
from wati.journal import once
from wati.wire import interrupts, request
from wati.wire.door import INTERRUPTED

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.answer import Answer
    from wati.contract.call import Call


def perform(session: Session, call: Call) -> Result:
    """Make one call: check it, send it, judge the answer. Raises Failure, and only that, unless accepted."""
    if session.client.closed:
        raise RuntimeError("the session is closed")
    # The caller may change its own objects meanwhile: what was checked is what is sent.
    return carry_out(Context(session, call.copied()))


def carry_out(context: Context) -> Result:
    """Make the call of a context, which shows afterwards what became of it. Raises as `perform` does."""
    session, call = context.session, context.call
    try:
        # Only these steps can be interrupted: what comes after them knows what became of the call.
        result = interrupts.allow(partial(_steps, context))
    except Failure as failure:
        raise _safe(context, failure) from None
    except KeyboardInterrupt:
        aborted = _aborted(context, _interrupted())
        context.entered.settle(aborted.outcome)
        if not interrupts.ends_the_call():
            raise
        raise _safe(context, aborted) from None
    except Exception as error:
        if session.trace is not None and call.options.verbose:
            session.trace(traceback.format_exc(), None)
        # An interruption in the wrong place can become any error.
        cause = _interrupted() if interrupts.is_marked() else unexpected(error)
        aborted = _aborted(context, cause)
        context.entered.settle(aborted.outcome)
        raise _safe(context, aborted) from None
    finally:
        for part in context.call.parts:
            part.content.close()
    result.notices = context.notices
    return result


def _steps(context: Context) -> Result:
    """The steps, in their order: the checks, then the request, or what the endpoint needs instead of one."""
    session, options = context.session, context.call.options
    guards.effect(session.settings, context.call.endpoint)
    refused = prepare(context)
    if refused is None:
        guards.files(context.call)
        guards.receivers(session, context.call)
        if options.skip_sent:
            from wati.calls import resume

            if (nobody_left := resume.skip_sent(context)) is not None:
                return nobody_left
    if options.dry_run:
        from wati.calls import preflight

        return preflight.dry_run(context, refused)
    if refused is not None:
        raise refused
    guards.confirmation(context)
    last_look.files(context)
    guards.key(session.settings)
    result = _act(context)
    if context.call.endpoint.is_bulk:
        result.added = context.counts(accepted=len(context.call.receivers))
    elif context.call.endpoint.effect == "read" and context.call.channel:
        # What was read is only of this number of the account.
        result.added = {"channel": context.call.channel}
    return result


def _act(context: Context) -> Result:
    """What a call does after the checks: one request, or what its endpoint needs."""
    if context.call.options.all:
        from wati.calls import lists

        return lists.read(context, send)
    if context.call.endpoint.perform is not None:
        result: Result = context.call.endpoint.perform(context)
        return result
    return Result(send(context).json or {})


def send(context: Context, sink: BinaryIO | None = None) -> Answer:
    """Choose the connection, look once more, enter the send, make the request, judge the answer, explain.

    `sink`: gets the body of an answer that is a file. Raises Failure unless the call was accepted.
    """
    endpoint = context.call.endpoint
    if endpoint.through_wati and endpoint.effect != "read" and not context.call.connection:
        from wati.reads import connections

        context.use_connection(connections.only_active(context.inbox))
    last_look.receivers(context)
    if endpoint.effect != "read":
        context.gateway.look()
    try:
        # A signal waits until the entry is known here, because then it can be settled.
        interrupts.defer(partial(_enter, context))
        answer = _judged(context, sink)
    except Failure as failure:
        context.entered.settle(failure.outcome, failure.receivers)
        from wati.calls import explain

        raise explain.rejection(context, failure) from None
    context.entered.settle("accepted")
    return answer


def _enter(context: Context) -> None:
    if context.call.endpoint.messages is not None:
        session, gateway = context.session, context.gateway
        context.entered = once.enter(
            session.journal,
            context.call,
            gateway.clock,
            until=gateway.door.until,
            wait=gateway.left,
            is_required=session.settings.journal_required,
        )


def _judged(context: Context, sink: BinaryIO | None) -> Answer:
    call, gateway = context.call, context.gateway
    endpoint = call.endpoint
    try:
        answer = gateway.exchange(request.build(call), endpoint.effect, call.connection, sink)
    except Failure as failure:
        if failure.code == "outcome_unknown":
            failure.hint = context.hint_if_unknown()
        raise
    verdict = verdicts.judge(answer, endpoint.verdict, call.receivers, through_wati=endpoint.through_wati)
    context.entered.note(verdict)
    if verdict.outcome != "accepted":
        raise failed(context, verdict, answer)
    return answer


def failed(context: Context, verdict: verdicts.Verdict, answer: Answer) -> Failure:
    """The failure of a call whose answer has this verdict."""
    from wati.contract import outcomes

    endpoint = context.call.endpoint
    is_unknown = verdict.outcome == "unknown" and endpoint.effect in ("create", "send", "delete")
    return outcomes.failure(
        verdict,
        answer,
        endpoint.effect,
        through_wati=endpoint.through_wati,
        look=context.hint_if_unknown() if is_unknown else "",
        silent_rejection=endpoint.silent_rejection,
        uncertain=context.gateway.uncertain,
    )


def _interrupted() -> Failure:
    return Failure("timeout", INTERRUPTED, source="package", outcome="not_sent")


def _aborted(context: Context, cause: Failure) -> Failure:
    """The failure of a call that ended in the middle, with or without its request having left."""
    if not context.gateway.cancel():
        return cause
    if context.call.endpoint.effect == "write":
        # The exit code of a wrong setup says that nothing was sent.
        code = "bad_answer" if cause.code == "bad_setup" else cause.code
        return Failure(code, cause.message, source=cause.source, outcome="unknown")
    left = f"{cause.message} The request had already left."
    return Failure("outcome_unknown", left, hint=context.hint_if_unknown(), source="package")


def _safe(context: Context, failure: Failure) -> Failure:
    """The failure as anyone may print it: without secrets, and with what there is to say besides."""
    from wati.output.redaction import redact

    key = context.session.settings.key
    failure.problems = [
        {**problem, "at": pairs.place(context.given, problem["at"])} for problem in failure.problems
    ]
    for name in ("message", "hint", "problems", "warnings", "answer", "items", "receivers"):
        setattr(failure, name, redact(getattr(failure, name), key))
    failure.args = (failure.message,)
    failure.notices = context.notices
    return failure
