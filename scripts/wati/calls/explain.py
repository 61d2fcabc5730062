"""Why WATI rejected a call: the checks of the dry run, made after the rejection.

Only then, so that an accepted call costs no further request. The rejection's code, exit and outcome never
change, whatever happens to these reads.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.contract.failures import Failure

SECONDS = 5.0  # at most, of the time the call has left: the rejection is known, and someone waits for it

# A rejection's code: the checks whose findings can explain it.
CHECKS = {
    "template_rejected": ("template",),
    "invalid_recipient": ("template",),  # what bulk answers if no receiver's parameters fit (assumed)
    "rejected": ("template", "window", "contact"),
    "session_closed": ("window",),
    "connection_missing": ("connection",),
    "connection_ambiguous": ("connection",),
}


def rejection(context: Context, failure: Failure) -> Failure:
    """The same failure, with the problems that further reads find."""
    if failure.code not in CHECKS:
        return failure
    try:
        from wati.calls import preflight

        context.gateway.shorten(SECONDS)
        return preflight.enrich(failure, preflight.look(context, only=CHECKS[failure.code]))
    except (Exception, KeyboardInterrupt):
        return failure
