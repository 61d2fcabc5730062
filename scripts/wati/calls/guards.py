"""What may be done: the guards in the environment, and the confirmation by a person."""

from __future__ import annotations

from wati.contract.failures import FAILURES, Failure
from wati.contract.listed import Some
from wati.contract.numbers import person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.calls.context import Context
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
    settings = session.settings
    if call.endpoint.effect != "send":
        return
    listed = settings.blocked_recipients
    if settings.allowed_recipients is None and not listed.entries:
        return
    blocked, others = Some(), Some()
    why_blocked = blocking(session)
    for at, number in call.receivers:
        if why := why_blocked(number):
            blocked.add(at, why)
        elif not settings.may_message(number):
            others.add(at, f"{number} is not in WATI_ALLOWED_RECIPIENTS")
    if not blocked.count and not others.count:
        return
    message, hint = f"{others.count} of {len(call.receivers)} receivers may not be messaged.", ""
    if blocked.count:
        message = f"{blocked.count} of {len(call.receivers)} receivers are in WATI_BLOCKED_RECIPIENTS."
        hint = BLOCKED + (f" {FAILURES['recipient_not_allowed'][1]}" if others.count else "")
    failure = Failure("recipient_not_allowed", message, hint=hint)
    failure.problems = blocked.listed + others.listed
    failure.more_problems = blocked.count + others.count - len(failure.problems)
    raise failure


def blocking(session: Session) -> Callable[[str], str]:
    """A function of a receiver: why they must not be messaged, by the list as it is now; "" if they may."""
    listed = session.settings.blocked_recipients
    ids = {person(number): each for each in listed.ids if (number := _number_of(session, each))}

    def why(receiver: str) -> str:
        if not listed.entries:
            return ""
        number = receiver if receiver.isdigit() else _number_of(session, receiver)
        for name in (receiver, number, ids.get(person(number), "")):
            if name and name in listed:
                who = receiver if name == receiver else f"{receiver} is {name}, who"
                return f"{who} is in WATI_BLOCKED_RECIPIENTS"
        return ""

    return why


def _number_of(session: Session, receiver: str) -> str:
    """The number that an earlier answer gave for an id; "" if none did."""
    from wati.journal.entries import Busy, Unusable

    try:
        return session.journal.number_of(receiver) if session.journal else ""
    except (Busy, Unusable):
        return ""  # the journal says itself that it cannot be used


def needed_confirmation(context: Context) -> str:
    """The value that `--confirm` has to repeat; "" if the call needs none."""
    call = context.call
    if call.endpoint.confirms == "none":
        return ""
    if call.endpoint.confirmation is not None:
        return call.endpoint.confirmation(context)
    by_name = call.endpoint.confirms not in ("receivers", "records")
    return str(call.arguments[call.endpoint.confirms] if by_name else len(call.receivers))


def files(call: Call) -> None:
    """Raises `confirmation_required` if a person said yes to other files than those that were just read."""
    from wati.files import copies

    if call.seen and call.seen != copies.digest(call.parts):
        message = "A file has changed since a person was asked about it. Nothing was sent."
        raise Failure("confirmation_required", message, hint="Call the tool again to ask again.")


_CONFIRMED = {
    "connection_id": "the connection's id",
    "whatsappNumber": "the customer's number",
    "own_number": "your own number",
    "plan": "the value that the plan shows",
}


def confirmation(context: Context) -> None:
    """Raises `confirmation_required` unless `--confirm` repeats what the endpoint asks for."""
    given, needed = context.call.options.confirm, needed_confirmation(context)
    if not needed or given == needed:
        return
    what = _CONFIRMED.get(context.call.endpoint.confirms, "the number of receivers")
    # Not the value: whoever copies it from here has seen no text, and no problem of the send.
    message = f"--confirm must repeat {what}" + (f", not {given!r}." if given else ".")
    raise Failure("confirmation_required", message)


def key(settings: Settings) -> None:
    if not settings.key:
        raise Failure("missing_key", "MATON_API_KEY is not set.")
