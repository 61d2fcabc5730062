"""From a verdict to the failure that the document reports."""

from __future__ import annotations

from wati.contract import verdicts
from wati.contract.failures import SAFE_TO_REPEAT, Failure

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
    silent_refusal: str = "",
    doubted: bool = False,
) -> Failure:
    """A verdict that is not *accepted*, in the words of the table of failures, with the answer behind it.

    `look`: the hint that finds out what became of a call with an unknown outcome. `silent_refusal`: what a
    rejection without a reason can mean. `doubted`: whether an earlier attempt may have been done.
    """
    code, outcome, message, hint = verdict.code, str(verdict.outcome), verdict.message, ""
    source = _source(answer, code, through_wati=through_wati)
    if outcome == "unknown" and effect in ("create", "send", "delete"):
        code, hint = "outcome_unknown", look
        message = f"{message} Whether it happened is not known."
    elif outcome == "unknown" and effect == "write":
        hint = SAFE_TO_REPEAT
    elif code == "rate_limited":
        outcome = "not_sent"
    elif code == "rejected" and not verdicts.said(answer):
        hint = silent_refusal
    elif code == "unauthorized" and source == "wati":
        hint = "WATI refused the token of this connection: authorize it again with create_connection.py."
    if doubted and outcome in ("rejected", "not_sent"):
        # The last attempt was refused; the one before it may have been done.
        code, outcome, hint = "upstream_error", "unknown", SAFE_TO_REPEAT
        message = f"An attempt was left unanswered, and the next was refused. {message}"
        source = _source(answer, code, through_wati=through_wati)
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


def _source(answer: Answer, code: str, *, through_wati: bool) -> str:
    """Who answered; an error page under a 5xx can come from anyone on the way."""
    if not through_wati or code == "connection_missing":
        return "maton"
    if answer.from_maton and code not in verdicts.WATIS_OWN:
        return "maton"
    return "wati" if answer.json is not None or answer.status < 500 else "network"
