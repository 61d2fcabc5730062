"""One call in, one document out: what a script prints, and what other programs get."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.calls.perform import perform
from wati.contract.failures import Failure
from wati.contract.unexpected import unexpected
from wati.output import document

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.call import Call


def run(session: Session, call: Call) -> tuple[int, dict[str, Any]]:
    """The exit code of a call, and its document. Never raises Failure."""
    endpoint, key = call.endpoint, session.settings.key
    try:
        result = perform(session, call)
        try:
            return 0, document.accepted(call, result, key)
        except Failure:
            raise
        except Exception as error:
            raise _not_shown(call, error) from None
    except Failure as failure:
        try:
            return failure.exit, document.failed(endpoint, failure, key)
        except Exception as error:
            message = f"What happened cannot be shown whole: {unexpected(error).message}"
            bare = Failure(failure.code, message, failure.hint, failure.source, failure.outcome)
            return bare.exit, document.failed(endpoint, bare, key)


def _not_shown(call: Call, error: Exception) -> Failure:
    """The failure of an accepted call whose answer a bug keeps from being shown."""
    if call.endpoint.effect == "read" or call.options.dry_run:
        return unexpected(error)
    message = f"The call was accepted, but its answer cannot be shown: {unexpected(error).message}"
    return Failure("outcome_unknown", message, source="package")
