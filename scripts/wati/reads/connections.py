"""Which connection a call uses, and when the link that authorizes one may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.contract import bodies
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.output.rendering import enumerate_some

if TYPE_CHECKING:
    from wati.reads.inbox import Inbox

SECONDS = 3.0  # for a look at the connections beside a read
MOST_NAMED = 10


def only_active(inbox: Inbox) -> str:
    """The id of the only ACTIVE wati connection: how Maton chooses between several is not documented."""
    try:
        ids: list[str] = [row["connection_id"] for row in inbox.connections("ACTIVE")]
    except Failure as failure:
        failure.message = f"The connections could not be looked up before sending. {failure.message}"
        raise
    if len(ids) == 1:
        return ids[0]
    if not ids:
        raise Failure("connection_missing", "There is no ACTIVE wati connection.", source="maton")
    problems = [{"at": "--connection", "problem": f"{connection} is ACTIVE"} for connection in ids]
    message = f"There are {len(ids)} ACTIVE wati connections: {', '.join(ids)}."
    raise Failure("connection_ambiguous", message, source="maton", problems=problems)


def several(inbox: Inbox) -> list[str]:
    """A remark if Maton chose between several ACTIVE connections. One request, so single reads do without.

    A failure is no remark: whether there are others decides nothing about what was read.
    """
    if inbox.connection:
        return []
    side = type(inbox)(inbox.gateway.part(SECONDS))
    try:
        ids = [row["connection_id"] for row in side.connections("ACTIVE")]
    except Failure:
        return []
    return choice(ids)


def choice(ids: list[str]) -> list[str]:
    """The remark if these connections are ACTIVE and none was named; none if there was no choice."""
    if len(ids) < 2:
        return []
    which = f"{len(ids)} wati connections are ACTIVE ({enumerate_some(ids, MOST_NAMED)}), and none was named"
    return [f"{which}: Maton chose whose data this is. To choose yourself, use --connection ID."]


def result(body: Any) -> Result:
    """A connection as a result. Its link is shown only while it is PENDING: then the user needs it."""
    pending = bodies.member(body, "connection.status") == "PENDING"
    return Result(body, shown_url=str(bodies.member(body, "connection.url") or "") if pending else "")
