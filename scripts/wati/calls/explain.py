"""Why WATI rejected a call: the checks of the dry run, made after the rejection.

They are made only then, so an accepted call costs no further request. The code, exit and outcome of the
rejection never change, whatever happens to these reads.
"""

from __future__ import annotations

from wati.wire import interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.contract.failures import Failure

SECONDS = 5.0  # at most, of the time that is left: the rejection is known, and someone is waiting for it

# The code of a rejection: the checks that can explain it.
CHECKS = {
    "template_rejected": ("template",),
    "invalid_recipient": ("template",),  # what bulk answers if no receiver's parameters fit (assumed)
    "rejected": ("template", "window", "contact"),
    "session_closed": ("window",),
    "connection_missing": ("connection",),
    "connection_ambiguous": ("connection",),
}


def rejection(context: Context, failure: Failure) -> Failure:
    """The same failure, with the problems that the checks find."""
    if failure.code not in CHECKS:
        return failure
    try:
        from wati.calls import preflight

        context.gateway.shorten(SECONDS)
        return preflight.enrich(failure, preflight.run_checks(context, only=CHECKS[failure.code]))
    except Exception:
        return failure
    except KeyboardInterrupt:
        if not interrupts.ends_the_call():
            raise
        return failure
