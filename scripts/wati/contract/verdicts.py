"""What an answer means: accepted, rejected, partial or unknown. Pure, and decided per endpoint from the body.

WATI refuses under HTTP 200, spells success in five ways and hides receivers' failures under `result: true`;
each rule below names where it was seen. An endpoint's script says which of these functions reads its answers.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wati.contract.answer import Answer
    from wati.contract.types import Outcome, Problem, Receivers


class Verdict:
    """`code` and `message` say why it is not accepted; `receivers` who was, where the answer tells."""

    def __init__(
        self,
        outcome: Outcome,
        code: str = "",
        message: str = "",
        *,
        receivers: dict[str, list[str]] | None = None,
        problems: list[Problem] | None = None,
    ) -> None:
        self.outcome = outcome
        self.code = code
        self.message = message
        self.receivers = receivers
        self.problems = problems


ACCEPTED = Verdict("accepted")

# WATI's own words for a refusal: the first two from published answers, the next two reported by clients. The
# last is a guess that can do no harm: it only picks the code of an answer that is a refusal already.
_REFUSALS = (
    ("ticket has been expired", "session_closed"),
    ("no valid receivers", "invalid_recipient"),
    ("whatsapp number should not be null", "invalid_recipient"),
    ("check your template", "template_rejected"),
    ("template", "template_rejected"),
)
# Maton knows nothing of these, so whoever says so is WATI, in whatever envelope.
WATIS_OWN = frozenset(code for _, code in _REFUSALS)


def judge(
    answer: Answer,
    verdict: Callable[[Answer, Receivers], Verdict],
    receivers: Receivers,
    *,
    through_wati: bool,
) -> Verdict:
    """Status and body together, never the status alone; `verdict` reads the answers with a 2xx status."""
    status = answer.status
    if 200 <= status < 300:
        return verdict(answer, receivers)
    if status == 429:
        return Verdict("rejected", "rate_limited", "Too many requests, and no time was left to wait.")
    if 400 <= status < 500 and status != 408:
        return _refused_by_status(answer, through_wati=through_wati)
    return Verdict("unknown", "upstream_error", f"The answer was HTTP {status}" + _quoted(answer))


def _refused_by_status(answer: Answer, *, through_wati: bool) -> Verdict:
    by_status = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
    code = by_status.get(answer.status) or _code_of(answer)
    # Three published clients tell Maton's missing connection from a refusal of WATI's by this word alone;
    # Maton's own SDK names 412 for it as well.
    about_connection = answer.from_maton and "connection" in said(answer).lower()
    if through_wati and about_connection and answer.status in (400, 404, 412):
        code = "connection_missing"
    by_maton = answer.from_maton and code not in WATIS_OWN
    who = "Maton" if by_maton or code == "connection_missing" or not through_wati else "WATI"
    return Verdict("rejected", code, f"{who} refused with HTTP {answer.status}" + _quoted(answer))


def refused(answer: Answer) -> Verdict | None:
    """A refusal under a 2xx status: `result: false` or `ok: false`."""
    body = answer.json
    if isinstance(body, dict) and (body.get("result") is False or body.get("ok") is False):
        return Verdict("rejected", _code_of(answer), "WATI refused" + _quoted(answer))
    return None


def unknown(answer: Answer) -> Verdict:
    flaw = answer.flaw or "The answer has no form that is known for this endpoint."
    return Verdict("unknown", "bad_answer", flaw)


def _code_of(answer: Answer) -> str:
    body = answer.json
    if isinstance(body, dict) and body.get("ticketStatus") == "CLOSED":
        return "session_closed"
    words = said(answer).lower()
    return next((code for phrase, code in _REFUSALS if phrase in words), "rejected")


def said(answer: Answer) -> str:
    """The words of the far side, wherever it put them: each endpoint has another member for them."""
    body = answer.json
    if not isinstance(body, dict):
        return answer.text
    error = body.get("error")
    errors = body.get("errors")
    candidates = [
        body.get("message"),
        body.get("info"),
        error.get("message") if isinstance(error, dict) else error,
        errors.get("error") if isinstance(errors, dict) else errors,
        body.get("result"),
        body.get("detail"),
        _model_errors(body),
    ]
    texts = (
        "; ".join(map(_validation_message, found)) if isinstance(found, list) else found
        for found in candidates
    )
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


def _model_errors(body: dict[str, Any]) -> str:
    """ASP.NET's problem details: a title, and texts for each field that does not fit."""
    title, errors = body.get("title"), body.get("errors")
    if not isinstance(title, str) or not isinstance(errors, dict):
        return ""
    return "; ".join(f"{field}: {' '.join(_texts(texts))}" for field, texts in errors.items()) or title


def _validation_message(item: object) -> str:
    """One entry of a list of errors: plain text, or FastAPI's `{"loc": […], "msg": …}`."""
    if isinstance(item, dict):
        where = item.get("loc")
        return ".".join(map(str, where if isinstance(where, list) else [])) + " " + str(item.get("msg", ""))
    return str(item)


def _quoted(answer: Answer) -> str:
    words = said(answer)
    if not words:
        return ", without saying why."
    return f": {words}" + ("" if words.endswith((".", "!", "?")) else ".")


# --- how each endpoint spells success ----------------------------------------------------------------------


def listing(items: str) -> Callable[[Answer, Receivers], Verdict]:
    """`result` is the text "success", and the list is there (a published answer, and reports)."""

    def verdict(answer: Answer, _: Receivers) -> Verdict:
        body = answer.json
        is_success = isinstance(body, dict) and body.get("result") == "success"
        if is_success and isinstance(member(body, items), list):
            return ACCEPTED
        return refused(answer) or unknown(answer)

    return verdict


def result_true(answer: Answer, _: Receivers) -> Verdict:
    """`result` is the truth value, not a text."""
    return refused(answer) or (ACCEPTED if _member_is(answer, "result", True) else unknown(answer))


def session_message(answer: Answer, _: Receivers) -> Verdict:
    """`ok: true` with `result: "success"`; some tenants answer `result: true`."""
    accepted = _member_is(answer, "result", "success") or _member_is(answer, "result", True)
    return refused(answer) or (ACCEPTED if accepted else unknown(answer))


def interactive(answer: Answer, _: Receivers) -> Verdict:
    """`ok: true`; its `errors` must be empty, else nobody knows what `ok` was worth."""
    accepted = _member_is(answer, "ok", True) and not member(answer.json, "errors")
    return refused(answer) or (ACCEPTED if accepted else unknown(answer))


def template_message(answer: Answer, _: Receivers) -> Verdict:
    """`result: true` (some tenants answer nothing more), unless the number turns out to have no WhatsApp."""
    if _member_is(answer, "validWhatsAppNumber", False):
        return Verdict("rejected", "invalid_recipient", "This number has no WhatsApp account.")
    return result_true(answer, _)


def connection(answer: Answer, _: Receivers) -> Verdict:
    """`{"connection": {…}}` with its id and status."""
    found = member(answer.json, "connection")
    known = isinstance(member(found, "connection_id"), str) and isinstance(member(found, "status"), str)
    return ACCEPTED if known else refused(answer) or unknown(answer)


def connections(answer: Answer, _: Receivers) -> Verdict:
    """`{"connections": […]}`."""
    known = isinstance(member(answer.json, "connections"), list)
    return ACCEPTED if known else refused(answer) or unknown(answer)


def any_2xx(answer: Answer, _: Receivers) -> Verdict:
    """Maton documents no body for DELETE: every 2xx is a success that does not say otherwise.

    A web page comes from somebody on the way, who may have passed nothing on.
    """
    is_doubtful = answer.ambiguous or answer.media_type == "text/html" or member(answer.json, "error")
    return refused(answer) or (unknown(answer) if is_doubtful else ACCEPTED)


def bulk(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 names no successes: `result: true` accepts all except those that it lists as invalid.

    `result: false` with nothing said was seen although the messages went out (a connector's tests, three
    versions): it is unknown, and so are receivers that such an answer does not list.
    """
    errors = member(answer.json, "errors")
    by_digits = {_digits(number): number for _, number in receivers}
    invalid: dict[str, str] = {}
    unmatched = False
    for name, why in _INVALID.items():
        listed = member(errors, name) or []
        for entry in listed if isinstance(listed, list) else [listed]:
            numbers = [by_digits[leaf] for leaf in map(_digits, _leaves(entry)) if leaf in by_digits]
            invalid.update(dict.fromkeys(numbers, why))
            unmatched = unmatched or not numbers
    if _member_is(answer, "ok", False):
        return refused(answer) or unknown(answer)
    if _member_is(answer, "result", True):
        others = {n: errors[n] for n in errors if n not in _INVALID} if isinstance(errors, dict) else errors
        if unmatched or _leaves(others):
            # Something went wrong for somebody, and nothing says for whom.
            return _in_doubt(receivers, invalid, "WATI accepted, and lists errors that name no receiver.")
        return _by_receiver(receivers, set(by_digits.values()) - invalid.keys(), invalid)
    if not _member_is(answer, "result", False):
        return unknown(answer)
    if member(errors, "error") or (errors is None and said(answer)):
        return refused(answer) or unknown(answer)
    if len(invalid) == len(receivers):
        return _by_receiver(receivers, set(), invalid)
    if member(errors, "invalidCustomParameters"):
        return Verdict(
            "rejected", "template_rejected", "WATI refused: `answer` lists the invalid parameters."
        )
    return _in_doubt(receivers, invalid, _UNSAID)


def counted(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 for a CSV names nobody: where its words count fewer than are listed, each one is in doubt.

    What the words are is not published; `4 of 5` is the sandbox's form, and any other is left to the reader.
    """
    import re

    verdict = bulk(answer, receivers)
    count = re.search(r"\b([0-9]{1,7}) of ([0-9]{1,7})\b", said(answer))
    if verdict.outcome == "accepted" and count and int(count[1]) < int(count[2]) == len(receivers):
        return _in_doubt(receivers, {}, f"WATI took {count[0]} receivers, and does not say which.")
    return verdict


# Published answers show both lists only empty; what an entry looks like is not known.
_INVALID = {
    "invalidWhatsappNumbers": "listed by WATI as an invalid number",
    "invalidCustomParameters": "listed by WATI with invalid parameters",
}


def v2(answer: Answer, receivers: Receivers) -> Verdict:
    """v2 names every receiver, and hides failures under `result: true`; one not named is unknown."""
    rows = member(answer.json, "receivers")
    result = member(answer.json, "result")
    if _member_is(answer, "ok", False) or (result is False and said(answer)):
        return refused(answer) or unknown(answer)
    if not isinstance(rows, list) or not isinstance(result, bool):
        return unknown(answer)
    by_digits = {_digits(number): number for _, number in receivers}
    accepted: set[str] = set()
    rejected: dict[str, str] = {}
    for row in rows:
        number = by_digits.get(_digits(str(member(row, "waId"))))
        if number is None and len(receivers) == len(rows) == 1 and not receivers[0][1].isdigit():
            # A contact id or user id is not the number that WATI found for it; one answer to one receiver is.
            number = receivers[0][1]
        if number is None:
            continue
        errors = member(row, "errors")
        valid = member(row, "isValidWhatsAppNumber")
        if isinstance(errors, list) and _leaves(errors):
            rejected[number] = "; ".join(_leaves(errors))
        elif errors:
            continue  # of no known form, or with nothing in it: neither a yes nor a no
        elif valid is False:
            rejected[number] = "has no WhatsApp account"
        elif valid is True:
            accepted.add(number)
    if result is True and member(answer.json, "error"):
        return _in_doubt(receivers, rejected, "WATI accepted, and tells of an error that names no receiver.")
    if result is False and rejected.keys() != {number for _, number in receivers}:
        return _in_doubt(receivers, rejected, _UNSAID)
    return _by_receiver(receivers, accepted, rejected)


def _by_receiver(receivers: Receivers, accepted: set[str], rejected: dict[str, str]) -> Verdict:
    # A receiver with both a good and a bad row did get something: never report it as not sent.
    rejected = {number: why for number, why in rejected.items() if number not in accepted}
    groups = _groups(receivers, accepted, rejected)
    if len(groups["accepted"]) == len(receivers):
        return ACCEPTED
    if len(groups["unknown"]) == len(receivers):
        return Verdict("unknown", "bad_answer", "The answer names none of the receivers.")
    problems = [{"at": at, "problem": rejected[number]} for at, number in receivers if number in rejected]
    if len(groups["rejected"]) == len(receivers):
        message = "WATI accepted no receiver: " + "; ".join(sorted(set(rejected.values()))) + "."
        return Verdict("rejected", "invalid_recipient", message, problems=problems)
    counts = ", ".join(f"{len(numbers)} {outcome}" for outcome, numbers in groups.items() if numbers)
    message = f"Of {len(receivers)} receivers: {counts}."
    return Verdict("partial", "partial", message, receivers=groups, problems=problems)


_UNSAID = "WATI answered result: false without a reason; such answers were seen although messages went out."


def _in_doubt(receivers: Receivers, rejected: dict[str, str], message: str) -> Verdict:
    groups = _groups(receivers, set(), rejected) if rejected else None
    return Verdict("unknown", "outcome_unknown", message, receivers=groups)


def _groups(receivers: Receivers, accepted: set[str], rejected: dict[str, str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {"accepted": [], "rejected": [], "unknown": []}
    for _, number in receivers:
        group = "accepted" if number in accepted else "rejected" if number in rejected else "unknown"
        groups[group].append(number)
    return groups


# --- reading a body that may have any form -----------------------------------------------------------------


def member(body: Any, path: str) -> Any:
    """The member at a dotted path; None where the body has another form."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _member_is(answer: Answer, name: str, value: object) -> bool:
    found = member(answer.json, name)
    return type(found) is type(value) and found == value


def _leaves(value: Any) -> list[str]:
    """Every text and number somewhere in a value, as text: nobody has seen what lists of errors hold."""
    if isinstance(value, (dict, list)):
        items = value.values() if isinstance(value, dict) else value
        return [leaf for item in items for leaf in _leaves(item)]
    return [] if value in (None, "", False) else [str(value)]


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _digits(text: str) -> str:
    """A receiver as digits, so that `+1 415…` in an answer meets `1415…`; ids keep their letters."""
    kept = "".join(character for character in text if character not in "+ ()-.")
    return kept if kept.isdigit() else text
