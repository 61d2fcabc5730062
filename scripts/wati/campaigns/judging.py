"""What the answer to one request says of each of its rows. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.campaigns.records import Settled
from wati.contract.bodies import digits, is_number, member
from wati.contract.receiver_verdicts import errors, named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wati.campaigns.records import Row, RowState
    from wati.contract.failures import Failure
    from wati.contract.types import Receivers

_CODE = re.compile(r"\b1[0-9]{5}\b")  # Meta's codes, such as 131026
_LONGEST = 300  # characters of WATI's words, or of an id

# By the group of a receiver in a failure, or by the outcome of all.
_STATES: Mapping[str, RowState] = {
    "accepted": "accepted",
    "rejected": "rejected",
    "unknown": "in_doubt",
    "partial": "in_doubt",
    "not_sent": "planned",
}


def is_about_all(failure: Failure, receivers: Receivers) -> bool:
    """Whether a rejection is of the request, and not of its receivers: then none of them is to blame."""
    return failure.outcome == "rejected" and not any(map(errors, _rows(failure.answer, receivers).values()))


def outcomes(
    rows: Sequence[Row], receivers: Receivers, body: Any, failure: Failure | None, send: int | None
) -> list[Settled]:
    """What became of the rows of a request. `body`: of its answer. `send`: its number in the journal."""
    by_receiver: dict[str, str] = {}
    for group, members in ((failure.receivers if failure else None) or {}).items():
        by_receiver.update(dict.fromkeys(members, group))
    outcome = "accepted" if failure is None else failure.outcome
    if failure is not None and is_about_all(failure, receivers):
        outcome = "not_sent"  # nothing was delivered, and the same request can be made later
    about = _rows(body, receivers)
    return [
        _settled(row, _STATES[by_receiver.get(row.receiver, outcome)], about.get(row.receiver), send)
        for row in rows
    ]


def back(rows: Sequence[Row]) -> list[Settled]:
    """Nothing of these rows left this machine."""
    return [Settled(row.position, "planned", claim=row.claim) for row in rows]


def _settled(row: Row, state: RowState, about: Any, send: int | None) -> Settled:
    why = errors(about) if state == "rejected" else ""
    code = _CODE.search(why)
    is_invalid = member(about, "isValidWhatsAppNumber") is False
    reason = code[0] if code else "invalid_recipient" if is_invalid else "rejected"
    answered = digits(str(member(about, "waId") or ""))
    identity = member(about, "localMessageId")
    return Settled(
        row.position,
        state,
        reason=reason if state == "rejected" else "",
        detail=why[:_LONGEST],
        answered=answered if is_number(answered) else "",
        message_id=identity[:_LONGEST] if isinstance(identity, str) else "",
        send=send,
        claim=row.claim,
    )


def _rows(body: Any, receivers: Receivers) -> dict[str, Any]:
    return named(body, receivers) if isinstance(body, dict) else {}
