"""What may be done: the guards in the environment, and the confirmation by a person."""

from __future__ import annotations

from wati.contract.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.call import Call
    from wati.contract.endpoint import Endpoint
    from wati.contract.settings import Settings


def effect(settings: Settings, endpoint: Endpoint) -> None:
    """Raises `read_only` if WATI_READ_ONLY is set and the endpoint changes something."""
    if settings.read_only and endpoint.effect != "read":
        raise Failure("read_only", f"{endpoint.name} changes something (effect: {endpoint.effect}).")


def receivers(settings: Settings, call: Call) -> None:
    """Raises `recipient_not_allowed` if WATI_ALLOWED_RECIPIENTS does not list every receiver of a send."""
    if call.endpoint.effect != "send":
        return
    problems = [
        {"at": at, "problem": f"{number} is not in WATI_ALLOWED_RECIPIENTS"}
        for at, number in call.receivers
        if not settings.may_message(number)
    ]
    if problems:
        message = f"{len(problems)} of {len(call.receivers)} receivers may not be messaged."
        raise Failure("recipient_not_allowed", message, problems=problems)


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
