"""`--skip-sent`: a bulk send without the receivers who already have the message, by the journal.

So a send that was partly done can be run again as it is.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from wati.calls import guards
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.journal import once
from wati.journal.left_out import LeftOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wati.calls.context import Context
    from wati.contract.call import Call


def skip_sent(context: Context) -> Result | None:
    """Take those who have the message out of the call. If nobody is left, the result of the call."""
    guards.key(context.session.settings)
    context.left_out = _leave_out(context)
    if context.call.receivers:
        return None
    none = {"send_to": 0} if context.call.options.dry_run else {"accepted": 0}
    return Result({}, notices=context.notices, outcome="not_sent", added=context.counts(**none))


def _leave_out(context: Context) -> LeftOut:
    """Take those who have the message out of the call. Raises Failure if the journal cannot say who has."""
    from wati.journal.entries import Busy, Unusable
    from wati.reads import connections

    journal, call = context.session.journal, context.call
    if journal is None or call.endpoint.messages is None:
        raise Failure("bad_setup", "--skip-sent needs the send journal, and WATI_JOURNAL is off.")
    if not call.connection:
        context.use_connection(connections.only_active(context.inbox))
    try:
        messages = call.endpoint.messages(call)
        repeats = journal.repeats(context.call.connection, messages, call.channel, wait=context.gateway.left)
        left_out = LeftOut(repeats, len(call.receivers))
    except (Busy, Unusable) as error:
        raise once.failure(error) from None
    if not all(left_out.kept):
        context.call = _only(context.call, left_out.kept)
    return left_out


def _only(call: Call, kept: Sequence[int]) -> Call:
    """The call to the receivers whose place in `kept` is not 0. Each keeps its place in the whole list."""
    endpoint = call.endpoint
    if endpoint.only is not None and endpoint.receivers is not None:
        call = call.replace(parts=endpoint.only(call.parts, kept))
        return call.replace(receivers=endpoint.receivers(call.arguments, call.parts))
    listed = list(compress(call.arguments["receivers"], kept))
    call = call.replace(arguments={**call.arguments, "receivers": listed})
    return call.replace(receivers=list(compress(call.receivers, kept)))
