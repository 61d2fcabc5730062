"""One call in, one document out: what a script prints, for callers in code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.calls.perform import perform
from wati.contract.failures import Failure, bug, place_of
from wati.output import document

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.call import Call


def run(session: Session, call: Call) -> tuple[int, dict[str, Any]]:
    """The exit code of a call and its document. Never raises for what goes wrong with the call."""
    key = session.settings.key
    try:
        result = perform(session, call)
        try:
            return 0, document.accepted(call, result, key)
        except Failure:
            raise
        except Exception as error:
            raise _unshown(call, error) from error
    except Failure as failure:
        return failure.exit, document.failed(call.endpoint, failure, key)


def _unshown(call: Call, error: Exception) -> Failure:
    """The failure of a call that was accepted, if a bug keeps its answer from being shown."""
    if call.endpoint.effect == "read" or call.options.dry_run:
        return bug(error)
    message = f"The call was accepted, and its answer cannot be shown: {place_of(error)}"
    return Failure("outcome_unknown", message, source="package")
