"""How a call is made, step by step, from its arguments to its result."""

from __future__ import annotations

import traceback
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from wati.calls import guards
from wati.calls.context import Context
from wati.calls.prepare import prepare
from wati.contract import verdicts
from wati.contract.call import Result
from wati.contract.failures import Failure, place_of
from wati.journal import once
from wati.wire import interrupts, request

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.answer import Answer
    from wati.contract.call import Call


def perform(session: Session, call: Call) -> Result:
    """Make one call: check it, send it, judge the answer. Raises Failure, and only that, unless accepted."""
    context = Context(session, call)
    try:
        guards.effect(session.settings, call.endpoint)
        refused = prepare(context)
        if refused is None:
            guards.receivers(session.settings, context.call)
        if call.options.dry_run:
            from wati.calls import preflight

            result = preflight.dry_run(context, refused)
            result.notices = context.notices
            return result
        if refused is not None:
            raise refused
        guards.confirmation(context.call)
        guards.key(session.settings)
        return _act(context)
    except Failure as failure:
        failure.notices = context.notices
        raise
    except KeyboardInterrupt:
        raise _aborted(context, "The call was interrupted.") from None
    except Exception as error:
        if session.trace is not None:
            session.trace(traceback.format_exc(), None)
        raise _aborted(context, place_of(error), is_bug=True) from error
    finally:
        for part in context.call.parts:
            part.handle.close()


def _act(context: Context) -> Result:
    """What a call does after the checks: one request, or what its endpoint needs."""
    if context.call.options.all:
        from wati.calls import lists

        result = lists.read(context, send)
    elif context.call.endpoint.perform is not None:
        result = context.call.endpoint.perform(context)
    else:
        result = Result(send(context).json or {})
    result.notices = context.notices
    return result


def send(context: Context, sink: BinaryIO | None = None) -> Answer:
    """Choose the connection, enter the send, make the request, judge the answer, settle, explain.

    `sink`: gets the body of an answer that is a file. Raises Failure unless the call was accepted.
    """
    endpoint = context.call.endpoint
    if endpoint.through_wati and endpoint.effect != "read" and not context.call.connection:
        from wati.reads import connections

        context.use_connection(connections.only_active(context.inbox))
    try:
        # A signal waits until the entry is known here, because then it can be settled.
        interrupts.defer(partial(_enter, context))
        answer = _judged(context, sink)
    except Failure as failure:
        context.entered.settle(failure.outcome, failure.receivers)
        from wati.calls import explain

        raise explain.rejection(context, failure) from None
    except BaseException:
        context.entered.settle("unknown" if context.gateway.cancel() else "not_sent")
        raise
    context.entered.settle("accepted")
    return answer


def _enter(context: Context) -> None:
    if context.call.endpoint.messages is not None:
        context.entered = once.enter(context.session.journal, context.call, context.gateway.clock)


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


def _aborted(context: Context, message: str, *, is_bug: bool = False) -> Failure:
    """The failure of a call that ended in the middle, with or without its request having left."""
    code, effect = "internal" if is_bug else "timeout", context.call.endpoint.effect
    if not context.gateway.cancel():
        failure = Failure(code, message, outcome="not_sent", source="package")
    elif effect == "write":
        failure = Failure(code, message, outcome="unknown")
    else:
        hint = context.hint_if_unknown()
        failure = Failure(
            "outcome_unknown", f"{message} The request had already left.", hint=hint, source="package"
        )
    failure.notices = context.notices
    return failure
