"""What may be done: the guards in the environment, and the confirmation by a person."""

from __future__ import annotations

from wati.contract.failures import FAILURES, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.call import Call
    from wati.contract.endpoint import Endpoint
    from wati.contract.settings import Settings

BLOCKED = (
    "WATI_BLOCKED_RECIPIENTS lists who must never be messaged, such as people who asked for that. Leave them "
    "out, and tell the user; do not work around it."
)


def effect(settings: Settings, endpoint: Endpoint) -> None:
    """Raises `read_only` if WATI_READ_ONLY is set and the endpoint changes something."""
    if settings.read_only and endpoint.effect != "read":
        raise Failure("read_only", f"{endpoint.name} changes something (effect: {endpoint.effect}).")


def receivers(session: Session, call: Call) -> None:
    """Raises `recipient_not_allowed` unless every receiver of a send may be messaged.

    WATI_BLOCKED_RECIPIENTS beats WATI_ALLOWED_RECIPIENTS.
    """
    if call.endpoint.effect != "send":
        return
    settings, blocked, others = session.settings, _blocked(session, call), []
    for at, number in call.receivers:
        if at not in blocked and not settings.may_message(number):
            others.append({"at": at, "problem": f"{number} is not in WATI_ALLOWED_RECIPIENTS"})
    problems = [{"at": at, "problem": problem} for at, problem in blocked.items()]
    if blocked:
        message = f"{len(blocked)} of {len(call.receivers)} receivers are in WATI_BLOCKED_RECIPIENTS."
        hint = BLOCKED + (f" {FAILURES['recipient_not_allowed'][1]}" if others else "")
        raise Failure("recipient_not_allowed", message, hint=hint, problems=problems + others)
    if others:
        message = f"{len(others)} of {len(call.receivers)} receivers may not be messaged."
        raise Failure("recipient_not_allowed", message, problems=others)


def _blocked(session: Session, call: Call) -> dict[str, str]:
    """Where a receiver is who must not be messaged, and why."""
    listed = session.settings.blocked_recipients
    if not listed.entries:
        return {}
    found = {
        at: f"{number} is in WATI_BLOCKED_RECIPIENTS" for at, number in call.receivers if number in listed
    }
    for at, number in call.receivers:
        if at not in found and not number.isdigit() and (known := _number_of(session, number)) in listed:
            found[at] = f"{number} is {known}, who is in WATI_BLOCKED_RECIPIENTS"
    return found


def _number_of(session: Session, receiver: str) -> str:
    """The number that an earlier answer gave for an id; "" if none did."""
    from wati.journal.entries import Busy, Unusable

    try:
        return session.journal.number_of(receiver) if session.journal else ""
    except (Busy, Unusable):
        return ""  # the journal says itself that it cannot be used


def needed_confirmation(call: Call) -> str:
    """The value that `--confirm` has to repeat; "" if the call needs none."""
    if call.endpoint.confirms == "none":
        return ""
    by_id = call.endpoint.confirms == "connection_id"
    return str(call.arguments["connection_id"]) if by_id else str(len(call.receivers))


def confirmation(call: Call) -> None:
    """Raises `confirmation_required` unless `--confirm` repeats what the endpoint asks for."""
    given, needed = call.options.confirm, needed_confirmation(call)
    if given == needed:
        return
    what = "the connection's id" if call.endpoint.confirms == "connection_id" else "the number of receivers"
    # Not the value: whoever copies it from here has seen no text, and no problem of the send.
    message = f"--confirm must repeat {what}" + (f", not {given!r}." if given else ".")
    raise Failure("confirmation_required", message)


def key(settings: Settings) -> None:
    if not settings.key:
        raise Failure("missing_key", "MATON_API_KEY is not set.")
