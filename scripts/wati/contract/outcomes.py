"""From a verdict to the failure that the document shows."""

from __future__ import annotations

from wati.contract import verdicts
from wati.contract.failures import OUTCOME_UNKNOWN, SAFE_TO_REPEAT, SERVER_ON_THE_WAY, Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.answer import Answer
    from wati.contract.types import Effect


def failure(
    verdict: verdicts.Verdict,
    answer: Answer,
    effect: Effect,
    *,
    through_wati: bool,
    look: str = "",
    silent_rejection: str = "",
    uncertain: bool = False,
) -> Failure:
    """The failure for a verdict that is not *accepted*.

    `look`: the hint for an unknown outcome: how to find out what happened.
    `silent_rejection`: the hint for a rejection without a reason.
    `uncertain`: whether an earlier attempt may have taken effect.
    """
    code, outcome, message, hint = verdict.code, str(verdict.outcome), verdict.message, ""
    source = verdicts.source(answer, code, through_wati=through_wati)
    if outcome == "unknown" and effect in ("create", "send", "delete"):
        code, hint = "outcome_unknown", look
        message = f"{message} {OUTCOME_UNKNOWN}"
    elif outcome == "unknown" and effect == "write":
        hint = SAFE_TO_REPEAT
    elif code == "rate_limited":
        outcome = "not_sent"
    elif answer.is_page and outcome == "rejected":
        hint = SERVER_ON_THE_WAY
    elif code == "rejected" and not verdicts.said(answer):
        hint = silent_rejection
    elif code == "unauthorized" and source == "wati":
        hint = (
            "WATI rejects the token of this connection. Authorize it again with create_connection.py; the "
            "user has to open its link."
        )
    if uncertain and outcome in ("rejected", "not_sent"):
        # The last attempt was rejected; an earlier one may have taken effect.
        code, outcome, hint = "upstream_error", "unknown", SAFE_TO_REPEAT
        message = f"One attempt got no clear answer, and the next was rejected. {message}"
        source = verdicts.source(answer, code, through_wati=through_wati)
    return Failure(
        code,
        message,
        hint=hint,
        source=source,
        outcome=outcome,
        http_status=answer.status,
        problems=verdict.problems,
        receivers=verdict.receivers,
        answer=answer.json if answer.json is not None else answer.text or None,
        retry_after=answer.retry_after,
    )
