"""What an answer means: accepted, rejected, partial or unknown. Pure functions, one for each form of answer.

WATI rejects under HTTP 200, spells success in five ways, and hides failed receivers under `result: true`.
Each endpoint declares which function judges its answers; each function says where its rule comes from.
"""

from __future__ import annotations

from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from wati.contract.answer import Answer
    from wati.contract.types import Outcome, Problem, Receivers

    Judge = Callable[[Answer, Receivers], "Verdict"]


@record
class Verdict:
    """An outcome. `code` and `message`: why it is not accepted. `receivers`: each one's outcome, if known."""

    outcome: Outcome
    code: str = ""
    message: str = ""
    receivers: dict[str, list[str]] | None = None
    problems: Sequence[Problem] = ()


ACCEPTED = Verdict("accepted")
TOO_MANY_REQUESTS = "Too many requests, and the time allowed for waiting ran out."

# WATI's words for a rejection. The first two are from published answers, the next two reported by clients.
# The last is assumed. It can do no harm, because it only picks the code of an answer that is a rejection.
_PHRASES = (
    ("ticket has been expired", "session_closed"),
    ("no valid receivers", "invalid_recipient"),
    ("whatsapp number should not be null", "invalid_recipient"),
    ("check your template", "template_rejected"),
    ("template", "template_rejected"),
)
# Maton knows nothing about these, so such an answer comes from WATI, even in the form of Maton's errors.
_WATIS_OWN = frozenset(code for _, code in _PHRASES)


def judge(answer: Answer, verdict: Judge, receivers: Receivers, *, through_wati: bool) -> Verdict:
    """The verdict from status and body together. `verdict` judges an answer with a 2xx status."""
    status = answer.status
    if 200 <= status < 300:
        return verdict(answer, receivers)
    if status == 429:
        return Verdict("rejected", "rate_limited", TOO_MANY_REQUESTS)
    if 400 <= status < 500 and status != 408:
        return _rejected_by_status(answer, through_wati=through_wati)
    return Verdict("unknown", "upstream_error", f"The answer was HTTP {status}" + _quoted(answer))


def _rejected_by_status(answer: Answer, *, through_wati: bool) -> Verdict:
    by_status = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
    code = by_status.get(answer.status) or _code_of(answer)
    # Three published clients recognize Maton's missing connection by this word alone. Maton's own SDK also
    # names 412 for it.
    about_connection = answer.from_maton and "connection" in said(answer).lower()
    if through_wati and about_connection and answer.status in (400, 404, 412):
        code = "connection_missing"
    who = "Maton" if source(answer, code, through_wati=through_wati) == "maton" else "WATI"
    return Verdict("rejected", code, f"{who} rejected the call with HTTP {answer.status}" + _quoted(answer))


def source(answer: Answer, code: str, *, through_wati: bool) -> str:
    """Who answered: maton, wati or network. Any server on the way can send a page with a 5xx status."""
    by_maton = answer.from_maton and code not in _WATIS_OWN
    if by_maton or code == "connection_missing" or not through_wati:
        return "maton"
    return "wati" if answer.json is not None or answer.status < 500 else "network"


def rejection(answer: Answer) -> Verdict | None:
    """A rejection under a 2xx status: `result: false` or `ok: false`."""
    if _member_is(answer, "result", False) or _member_is(answer, "ok", False):
        return Verdict("rejected", _code_of(answer), "WATI rejected the call" + _quoted(answer))
    return None


def _accepted_if(accepted: bool, answer: Answer) -> Verdict:
    return rejection(answer) or (ACCEPTED if accepted else unknown(answer))


def unknown(answer: Answer) -> Verdict:
    """The verdict on an answer that is neither a success nor a rejection."""
    return Verdict("unknown", "bad_answer", answer.flaw or "The answer has no known form for this endpoint.")


def _code_of(answer: Answer) -> str:
    if member(answer.json, "ticketStatus") == "CLOSED":
        return "session_closed"
    words = said(answer).lower()
    return next((code for phrase, code in _PHRASES if phrase in words), "rejected")


def said(answer: Answer) -> str:
    """The far side's words. Endpoints put them into different members."""
    body = answer.json
    if not isinstance(body, dict):
        return answer.web_page or answer.text
    error, errors = body.get("error"), body.get("errors")
    candidates = [
        *(body.get("message"), body.get("info")),
        error.get("message") if isinstance(error, dict) else error,
        errors.get("error") if isinstance(errors, dict) else errors,
        *(body.get("result"), body.get("detail"), _model_errors(body)),
    ]
    texts = ("; ".join(map(_entry, each)) if isinstance(each, list) else each for each in candidates)
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), "")


def _model_errors(body: dict[str, Any]) -> str:
    """ASP.NET's problem details: a title, and texts for each wrong field."""
    title, errors = body.get("title"), body.get("errors")
    if not isinstance(title, str) or not isinstance(errors, dict):
        return ""
    return "; ".join(f"{field}: {' '.join(_texts(texts))}" for field, texts in errors.items()) or title


def _entry(item: object) -> str:
    """One entry of a list of errors: plain text, or FastAPI's `{"loc": […], "msg": …}`."""
    if isinstance(item, dict):
        where = item.get("loc")
        return ".".join(map(str, where if isinstance(where, list) else [])) + " " + str(item.get("msg", ""))
    return str(item)


def _quoted(answer: Answer) -> str:
    words = said(answer)
    if not words:
        return ", without a reason."
    return f": {words}" + ("" if words.endswith((".", "!", "?")) else ".")


# --- how each endpoint spells success ----------------------------------------------------------------------


def listing(items: str) -> Judge:
    """`result` is the text "success", and the list is there (observed and reported)."""

    def verdict(answer: Answer, _: Receivers) -> Verdict:
        if _member_is(answer, "result", "success") and isinstance(member(answer.json, items), list):
            return ACCEPTED
        return rejection(answer) or unknown(answer)

    return verdict


def result_true(answer: Answer, _: Receivers) -> Verdict:
    """`result` is the value true, not a text."""
    return _accepted_if(_member_is(answer, "result", True), answer)


def session_message(answer: Answer, _: Receivers) -> Verdict:
    """`ok: true` with `result: "success"`; some tenants answer `result: true`."""
    return _accepted_if(_member_is(answer, "result", "success", True), answer)


def interactive(answer: Answer, _: Receivers) -> Verdict:
    """`ok: true`, with no `errors`: otherwise `ok` cannot be trusted."""
    return _accepted_if(_member_is(answer, "ok", True) and not member(answer.json, "errors"), answer)


def template_message(answer: Answer, _: Receivers) -> Verdict:
    """`result: true` (some tenants answer nothing more), unless the number has no WhatsApp account."""
    if _member_is(answer, "validWhatsAppNumber", False):
        return Verdict("rejected", "invalid_recipient", "This number has no WhatsApp account.")
    return result_true(answer, _)


def connection(answer: Answer, _: Receivers) -> Verdict:
    """`{"connection": {…}}`, with an id and a status."""
    found = member(answer.json, "connection")
    known = isinstance(member(found, "connection_id"), str) and isinstance(member(found, "status"), str)
    return ACCEPTED if known else rejection(answer) or unknown(answer)


def connections(answer: Answer, _: Receivers) -> Verdict:
    """`{"connections": […]}`."""
    known = isinstance(member(answer.json, "connections"), list)
    return ACCEPTED if known else rejection(answer) or unknown(answer)


def any_2xx(answer: Answer, _: Receivers) -> Verdict:
    """Maton documents no body for DELETE, so a 2xx is a success unless the body says otherwise.

    A web page comes from a server on the way, which may not have forwarded the request.
    """
    is_doubtful = answer.ambiguous or answer.media_type == "text/html" or member(answer.json, "error")
    return _accepted_if(not is_doubtful, answer)


def bulk(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 lists only failures: `result: true` accepts all receivers except those listed as invalid.

    `result: false` without a reason was observed although the messages went out (a connector's tests, three
    versions). So it is unknown, and so are the receivers that such an answer does not list.
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
        return rejection(answer) or unknown(answer)
    if _member_is(answer, "result", True):
        others = {n: errors[n] for n in errors if n not in _INVALID} if isinstance(errors, dict) else errors
        if unmatched or _leaves(others):
            message = "WATI accepted, but lists errors that name no receiver."
            return _outcome_unknown(receivers, invalid, message)
        return _by_receiver(receivers, set(by_digits.values()) - invalid.keys(), invalid)
    if not _member_is(answer, "result", False):
        return unknown(answer)
    if member(errors, "error") or (errors is None and said(answer)):
        return rejection(answer) or unknown(answer)
    if len(invalid) == len(receivers):
        return _by_receiver(receivers, set(), invalid)
    if member(errors, "invalidCustomParameters"):
        message = "WATI rejected the call: `answer` lists the invalid parameters."
        return Verdict("rejected", "template_rejected", message)
    return _outcome_unknown(receivers, invalid, _NO_REASON)


def counted(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 for a CSV names no receiver: if it counts fewer than the CSV has, every outcome is unknown.

    The wording is not documented. `4 of 5` is the sandbox's form; no other one is recognized.
    """
    import re

    verdict = bulk(answer, receivers)
    count = re.search(r"\b([0-9]{1,7}) of ([0-9]{1,7})\b", said(answer))
    if verdict.outcome == "accepted" and count and int(count[1]) < int(count[2]) == len(receivers):
        return _outcome_unknown(receivers, {}, f"WATI took {count[0]} receivers and does not say which.")
    return verdict


# Both lists are empty in all published answers, so the form of an entry is not known.
_INVALID = {
    "invalidWhatsappNumbers": "WATI lists it as an invalid number",
    "invalidCustomParameters": "WATI lists it with invalid parameters",
}


def v2(answer: Answer, receivers: Receivers) -> Verdict:
    """v2 names every receiver and hides failures under `result: true`. A receiver not named is unknown."""
    rows = member(answer.json, "receivers")
    result = member(answer.json, "result")
    if _member_is(answer, "ok", False) or (result is False and said(answer)):
        return rejection(answer) or unknown(answer)
    if not isinstance(rows, list) or not isinstance(result, bool):
        return unknown(answer)
    by_digits = {_digits(number): number for _, number in receivers}
    accepted: set[str] = set()
    rejected: dict[str, str] = {}
    for row in rows:
        number = by_digits.get(_digits(str(member(row, "waId"))))
        if number is None and len(receivers) == len(rows) == 1 and not receivers[0][1].isdigit():
            # WATI answers with the number, not with the contact id or user id that was sent. With one row and
            # one receiver, they belong together.
            number = receivers[0][1]
        if number is None:
            continue
        errors = member(row, "errors")
        valid = member(row, "isValidWhatsAppNumber")
        if isinstance(errors, list) and _leaves(errors):
            rejected[number] = "; ".join(_leaves(errors))
        elif errors:
            continue  # an unknown form, or empty: neither a yes nor a no
        elif valid is False:
            rejected[number] = "has no WhatsApp account"
        elif valid is True:
            accepted.add(number)
    if result is True and member(answer.json, "error"):
        message = "WATI accepted, but reports an error that names no receiver."
        return _outcome_unknown(receivers, rejected, message)
    if result is False and rejected.keys() != {number for _, number in receivers}:
        return _outcome_unknown(receivers, rejected, _NO_REASON)
    return _by_receiver(receivers, accepted, rejected)


def _by_receiver(receivers: Receivers, accepted: set[str], rejected: dict[str, str]) -> Verdict:
    # A receiver with both a good and a bad row got something, so it is never reported as rejected.
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


_NO_REASON = (
    "WATI answered result: false without a reason; such answers have come for messages that went out."
)


def _outcome_unknown(receivers: Receivers, rejected: dict[str, str], message: str) -> Verdict:
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
    """The member at a dotted path; None if the body has another form."""
    for name in path.split("."):
        body = body.get(name) if isinstance(body, dict) else None
    return body


def _member_is(answer: Answer, name: str, *values: str | bool) -> bool:
    found = member(answer.json, name)
    return any(type(found) is type(value) and found == value for value in values)


def _leaves(value: Any) -> list[str]:
    """Every text and number anywhere in a value, as text: the form of error lists is not documented."""
    if isinstance(value, (dict, list)):
        items = value.values() if isinstance(value, dict) else value
        return [leaf for item in items for leaf in _leaves(item)]
    return [] if value in (None, "", False) else [str(value)]


def _texts(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _digits(text: str) -> str:
    """A number as plain digits, so `+1 415…` in an answer matches `1415…`; an id is left as it is."""
    kept = "".join(character for character in text if character not in "+ ()-.")
    return kept if kept.isdigit() else text
