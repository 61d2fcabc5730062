"""What is checked right before every send, dry run or not: mistakes that WATI accepts, and fails later.

Each endpoint names its checks (`Endpoint.always`). Only what is certain stops a send. What could not be read
stops nothing, and is said in `notice`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.context import Context

SECONDS = 5.0  # for the reads, at most, and at most a third of the time that is left: the rest is the send's

# Checks that need no read: they are made before anything leaves the machine.
LOCAL = ("file",)
# What WATI does with a value too many is not documented, so it stops a dry run only.
DOUBTFUL = ("parameter_unknown",)
NOT_CHECKED = "The template and its parameters were not checked before sending"


def files(context: Context) -> None:
    """Raises `preflight_failed` if WhatsApp would not take a file."""
    _look(context, tuple(name for name in context.call.endpoint.always if name in LOCAL))


def receivers(context: Context) -> None:
    """Raises `preflight_failed` if the template or a parameter of a receiver is certainly wrong.

    Reads one page of templates, over the connection of the call.
    """
    names = tuple(name for name in context.call.endpoint.always if name not in LOCAL)
    if not names:
        return
    gateway = context.gateway
    context.gateway = gateway.part(SECONDS)
    try:
        _look(context, names)
    finally:
        gateway.clock = gateway.clock if context.gateway.clock is None else context.gateway.clock
        context.gateway = gateway


def _look(context: Context, names: tuple[str, ...]) -> None:
    if not names:
        return
    from wati.calls import preflight
    from wati.output.redaction import redact

    found = preflight.run_checks(context, only=names, is_last_look=True)
    if all(problem["code"] in DOUBTFUL for problem in found.problems):
        found.problems.clear()
    for failed in found.failed_reads:
        why = redact(failed.message, context.session.settings.key)
        context.remarks.append(f"{NOT_CHECKED} ({failed.code}: {why})")
    found.failed_reads.clear()
    if (failure := preflight.failure_of(found, None)) is not None:
        raise failure
