"""What lies behind a refusal: the checks of the dry run, made once WATI has said no.

Only then, so that a call that is accepted costs no request more. The refusal itself stays what it is, come of
the reading what may: its code, exit and outcome are never touched.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.call import Call
    from wati.failures import Failure

SECONDS = 5.0  # at most, of what the call has left: the refusal is known, and somebody waits for it

# A refusal's code: the checks whose findings can explain it.
CHECKS = {
    "template_rejected": ("template",),
    "invalid_recipient": ("template",),  # what bulk answers where no receiver's parameters fit (assumed)
    "rejected": ("template", "window", "contact"),
    "session_closed": ("window",),
    "connection_missing": ("connection",),
    "connection_ambiguous": ("connection",),
}


def refusal(call: Call, failure: Failure) -> Failure:
    """The same failure, with the problems that further reads find."""
    if failure.code not in CHECKS:
        return failure
    try:
        from wati import preflight

        call.gateway.hurry(SECONDS)
        return preflight.enrich(failure, preflight.look(call, only=CHECKS[failure.code]))
    except (Exception, KeyboardInterrupt):
        return failure
