"""Which connection a call goes over, and when the link that authorizes one may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.contract import verdicts
from wati.contract.call import Result
from wati.contract.failures import Failure

if TYPE_CHECKING:
    from wati.reads.inbox import Inbox


def only_active(inbox: Inbox) -> str:
    """The id of the one ACTIVE wati connection: which one Maton would choose by itself is not documented."""
    try:
        ids: list[str] = [row["connection_id"] for row in inbox.connections("ACTIVE")]
    except Failure as failure:
        failure.message = f"The lookup of the connections, before sending, failed. {failure.message}"
        raise
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise Failure("connection_missing", "There is no ACTIVE wati connection.", source="maton")
    problems = [{"at": "--connection", "problem": f"{connection} is ACTIVE"} for connection in ids]
    message = f"There are {len(ids)} ACTIVE wati connections: {', '.join(ids)}."
    raise Failure("connection_ambiguous", message, source="maton", problems=problems)


def result(body: Any) -> Result:
    """A connection as a result; its link only while it is PENDING, when the user needs it."""
    pending = verdicts.member(body, "connection.status") == "PENDING"
    return Result(body, shown_url=str(verdicts.member(body, "connection.url") or "") if pending else "")
