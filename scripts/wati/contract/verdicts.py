"""What an answer means: accepted, rejected, partial or unknown. Pure functions, one for each form of answer.

WATI rejects under HTTP 200, spells success in five ways, and hides failed receivers under `result: true`.
Each endpoint declares which function judges its answers; each function says where its rule comes from.
"""

from __future__ import annotations

from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any

    from wati.contract.answer import Answer
    from wati.contract.types import Outcome, Problem, Receivers

    Judge = Callable[[Answer, Receivers], "Verdict"]


@record
class Verdict:
    """An outcome. `code` and `message`: why it is not accepted. `receivers`: each one's outcome, if known.

    `answered`: the number that the answer gives for a receiver, or for a contact's id. `unpaired`: receivers
    that the answer does not name, if it names others, whom nobody asked for: one may be the other.
    """

    outcome: Outcome
    code: str = ""
    message: str = ""
    receivers: dict[str, list[str]] | None = None
    problems: Sequence[Problem] = ()
    answered: Mapping[str, str] = {}
    unpaired: Collection[str] = ()

    def replace(self, **changes: Any) -> Verdict:
        """A copy of the verdict with some members changed."""
        return Verdict(**{**vars(self), **changes})


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
    if status == 429 and not says_yes(answer):
        return Verdict("rejected", "rate_limited", TOO_MANY_REQUESTS)
    if 400 <= status < 500 and status not in (408, 429):
        return _rejected_by_status(answer, through_wati=through_wati)
    but = "" if status >= 500 or not says_yes(answer) else ", but its body says success"
    return Verdict("unknown", "upstream_error", f"The answer was HTTP {status}{but}" + _quoted(answer))


def _rejected_by_status(answer: Answer, *, through_wati: bool) -> Verdict:
    by_status = {401: "unauthorized", 403: "forbidden", 404: "not_found"}
    code = by_status.get(answer.status) or _code_of(answer)
    # Three published clients recognize Maton's missing connection by this word alone. Maton's own SDK also
    # names 412 for it.
    about_connection = answer.from_maton and "connection" in said(answer).lower()
    if through_wati and about_connection and answer.status in (400, 404, 412):
        code = "connection_missing"
    who = _NAMES[source(answer, code, through_wati=through_wati)]
    return Verdict("rejected", code, f"{who} rejected the call with HTTP {answer.status}" + _quoted(answer))


_NAMES = {"maton": "Maton", "wati": "WATI", "network": "A server on the way"}


def source(answer: Answer, code: str, *, through_wati: bool) -> str:
    """Who answered: maton, wati or network. A web page comes from a server on the way, as can any 5xx."""
    if answer.is_page:
        return "network"
    by_maton = answer.from_maton and code not in _WATIS_OWN
    if by_maton or code == "connection_missing" or not through_wati:
        return "maton"
    return "wati" if answer.json is not None or answer.status < 500 else "network"


def rejection(answer: Answer) -> Verdict | None:
    """A rejection under a 2xx status: `result: false` or `ok: false`."""
    if _member_is(answer, "result", False) or _member_is(answer, "ok", False):
        return Verdict("rejected", _code_of(answer), "WATI rejected the call" + _quoted(answer))
    return None


def accepted_if(is_success: bool, answer: Answer, *, is_read: bool = False) -> Verdict:
    """Accepted, unless the answer also says no, or anything beside its yes contradicts it."""
    if no := rejection(answer):
        return no
    if not is_success:
        return unknown(answer)
    against = contradiction(answer, is_read=is_read)
    return Verdict("unknown", "bad_answer", against) if against else ACCEPTED


def unknown(answer: Answer) -> Verdict:
    """The verdict on an answer that is neither a success nor a rejection."""
    if answer.is_page:
        return Verdict("unknown", "bad_answer", f"A server on the way answered{_quoted(answer)}")
    return Verdict("unknown", "bad_answer", answer.flaw or "The answer has no known form for this endpoint.")


def _code_of(answer: Answer) -> str:
    if member(answer.json, "ticketStatus") == "CLOSED":
        return "session_closed"
    words = said(answer).lower()
    return next((code for phrase, code in _PHRASES if phrase in words), "rejected")


def said(answer: Answer) -> str:
    """The far side's words. Endpoints put them into different members."""
    body = answer.json
    if answer.is_page:
        return f'it is a web page with the title "{answer.title}"' if answer.title else "it is a web page"
    if not isinstance(body, dict):
        return answer.text
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


# --- what a yes is, for every endpoint ---------------------------------------------------------------------

# WATI documents one spelling for each endpoint. Clients and their tests have seen the other one, too.
_YES = ("success", True)


def says_yes(answer: Answer) -> bool:
    """Whether `result`, or `ok` without it, says yes, and `ok` does not say no."""
    if member(answer.json, "result") in (None, ""):
        return _member_is(answer, "ok", True)
    return _member_is(answer, "result", *_YES) and not _member_is(answer, "ok", False)


def contradiction(answer: Answer, *, is_read: bool = False, beside: str = "") -> str:
    """What in the answer contradicts its yes, as a sentence; "" if nothing does.

    `is_read`: a list that is empty may say so in words. `beside`: a member that the caller judges itself.
    """
    for names, denies, for_reads in _CONTRADICTIONS:
        for name in names:
            if name != beside and (for_reads or not is_read) and denies(found := member(answer.json, name)):
                words = "; ".join(_leaves(found)) or str(found).lower()
                return f"The answer says yes, but its `{name}` is: {words.rstrip('.')}."
    return ""


def _is_not_a_yes(value: Any) -> bool:
    """Whether it is an answer, and another one: `false`, 0, "queued". An object has no known meaning."""
    if isinstance(value, str):
        return value.lower() not in ("", "success", "true", "ok")
    return isinstance(value, (bool, int)) and not value


def _is_failure(value: Any) -> bool:
    return (type(value) is int and value >= 400) or _denies(value)


def _denies(value: Any) -> bool:
    """Whether a text says that something failed, or that nothing came of it: "0 of 7 records accepted"."""
    import re

    if not isinstance(value, str):
        return False
    rest = re.sub(_NO_FAILURES, " ", value, flags=re.IGNORECASE)
    return re.search(f"{_FAILURE}|{_NONE}", rest, re.IGNORECASE) is not None


# The words are not documented. These are read in members that hold the far side's own words only.
_BAD = r"(?:fail(?:ed|s|ures?)?|errors?|invalid|rejected|refused|denied|skipped|duplicates?|expired)"
_GOOD = r"(?:accepted|sent|imported|added|queued|delivered|processed|valid|success(?:ful(?:ly)?)?)"
_THINGS = r"(?:receivers?|recipients?|records?|contacts?|messages?|rows?|numbers?)"
_ZERO = r"(?:0|zero|no|none|without)"
_NO_FAILURES = (
    rf"\b{_ZERO}(?: (?:of|out of) (?:[0-9]+|the))?(?: {_THINGS})?(?: (?:was|were|have|has|are))? {_BAD}\b"
    rf"|\b{_BAD}(?: {_THINGS})? ?[:=] ?0\b"
)
_FAILURE = (
    r"\b(?:fail(?:ed|s|ures?)?|errors?|invalid|rejected|refused|denied|expired|unable|cannot)\b"
    rf"|(?:\bnot|n't) (?:be |been )?(?:{_GOOD}|found|allowed|registered|exist|send|import|add|be)\b"
)
_NONE = (
    r"\b(?:0|zero|none) ?(?:of|out of|/) ?(?:[0-9]+|the|them)\b"
    rf"|\bnothing (?:(?:was|is|has been) )?{_GOOD}\b"
    rf"|\b(?:0|zero|no) (?:{_GOOD} )?(?:{_THINGS}|{_GOOD})\b"
    rf"|\b{_GOOD}(?: {_THINGS})? ?[:=] ?0\b"
)
# (members, whether a value there contradicts a yes, whether this holds for reads, too)
_CONTRADICTIONS: tuple[tuple[tuple[str, ...], Callable[[Any], bool], bool], ...] = (
    (("error", "errors"), lambda value: bool(_leaves(value)), True),
    (("ok", "result", "success"), _is_not_a_yes, True),
    (("status", "statusCode", "code"), _is_failure, True),
    (("message.statusString", "message.status"), lambda value: value == "FAILED", False),
    (("message.failedDetail",), lambda value: bool(_leaves(value)), False),
    (("ticketStatus",), lambda value: value == "CLOSED", False),
    (("message", "info", "detail", "title"), _denies, False),
)

# --- how each endpoint spells success ----------------------------------------------------------------------


def listing(items: str) -> Judge:
    """`result` says yes, and the list is there (observed and reported)."""

    def verdict(answer: Answer, _: Receivers) -> Verdict:
        is_list = isinstance(member(answer.json, items), list)
        return accepted_if(_member_is(answer, "result", *_YES) and is_list, answer, is_read=True)

    return verdict


def result_yes(answer: Answer, _: Receivers) -> Verdict:
    """`result` is true (documented); "success" was seen, too."""
    return accepted_if(_member_is(answer, "result", *_YES), answer)


def interactive(answer: Answer, _: Receivers) -> Verdict:
    """`ok: true`, with no `errors`; `result` is then absent, or says yes, too."""
    return accepted_if(says_yes(answer), answer)


def template_message(answer: Answer, receivers: Receivers) -> Verdict:
    """`result: true` (some tenants answer nothing more), unless the number has no WhatsApp account.

    The answer has the contact, and so its number and its id (observed).
    """
    if _member_is(answer, "validWhatsAppNumber", False):
        return Verdict("rejected", "invalid_recipient", "This number has no WhatsApp account.")
    number = _digits(str(member(answer.json, "contact.wAid") or member(answer.json, "phone_number")))
    whose = [receivers[0][1], str(member(answer.json, "contact.id"))] if receivers else []
    return result_yes(answer, receivers).replace(answered=_numbers(dict.fromkeys(whose, number)))


def connection(answer: Answer, _: Receivers) -> Verdict:
    """`{"connection": {…}}`, with an id and a status."""
    found = member(answer.json, "connection")
    known = isinstance(member(found, "connection_id"), str) and isinstance(member(found, "status"), str)
    return accepted_if(known, answer, is_read=True)


def connections(answer: Answer, _: Receivers) -> Verdict:
    """`{"connections": […]}`."""
    return accepted_if(isinstance(member(answer.json, "connections"), list), answer, is_read=True)


def any_2xx(answer: Answer, _: Receivers) -> Verdict:
    """Maton documents no body for DELETE, so a 2xx is a success unless the body says otherwise.

    A web page comes from a server on the way, which may not have forwarded the request.
    """
    return accepted_if(not (answer.ambiguous or answer.is_page), answer)


def bulk(answer: Answer, receivers: Receivers) -> Verdict:
    """v1 lists only failures: `result: true` accepts all receivers except those listed as invalid.

    `result: false` without a reason was observed although the messages went out (a connector's tests, three
    versions). So it is unknown, and so are the receivers that such an answer does not list.
    """
    from wati.contract.numbers import person

    errors = member(answer.json, "errors")
    entries: list[tuple[list[str], str]] = []  # the digits in an entry, and why it is listed
    for name, why in _INVALID.items():
        listed = member(errors, name) or []
        listed = listed if isinstance(listed, list) else [listed]
        entries += [(list(map(_digits, _leaves(entry))), why) for entry in listed]
    # WhatsApp may know the number by another spelling. Digits that were asked for come first.
    named = {key for leaves, _ in entries for leaf in leaves for key in (leaf, person(leaf))}
    by_digits: dict[str, str] = {}
    for key in (person, _digits) if named else ():
        by_digits |= {digits: number for _, number in receivers if (digits := key(number)) in named}
    invalid: dict[str, str] = {}
    unmatched = False
    for leaves, why in entries:
        found = (by_digits.get(leaf) or by_digits.get(person(leaf)) for leaf in leaves)
        numbers = list(filter(None, found))
        invalid.update(dict.fromkeys(numbers, why))
        unmatched = unmatched or not numbers
    if _member_is(answer, "ok", False):
        return rejection(answer) or unknown(answer)
    if _member_is(answer, "result", *_YES):
        others = {n: errors[n] for n in errors if n not in _INVALID} if isinstance(errors, dict) else errors
        if unmatched or _leaves(others):
            message = "WATI accepted, but lists errors that name no receiver."
            return _outcome_unknown(receivers, invalid, message)
        if against := contradiction(answer, beside="errors"):
            return _outcome_unknown(receivers, invalid, against)
        if not invalid:
            return ACCEPTED
        return _by_receiver(receivers, {number for _, number in receivers} - invalid.keys(), invalid)
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

    The wording is not documented. `4 of 5` is the sandbox's form; `4 out of 5` and `4/5` mean the same.
    """
    import re

    verdict = bulk(answer, receivers)
    count = re.search(r"\b([0-9]{1,7}) ?(?:of|out of|/) ?([0-9]{1,7})\b", said(answer))
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
    no = rejection(answer) if _member_is(answer, "ok", False) or said(answer) else None
    if no and not any(map(_accepts, rows if isinstance(rows, list) else [])):
        return no
    if not isinstance(rows, list) or not (no or result is False or says_yes(answer)):
        return unknown(answer)
    whose = _paired([_named(row) for row in rows], receivers)
    accepted: set[str] = set()
    rejected: dict[str, str] = {}
    for row in rows:
        number = whose.get(_named(row))
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
        elif _accepts(row):
            accepted.add(number)
    if no:
        verdict = _outcome_unknown(receivers, rejected, f"{no.message} But it names receivers as accepted.")
    elif result is not False and (against := contradiction(answer)):
        verdict = _outcome_unknown(receivers, rejected, against)
    elif result is False and rejected.keys() != {number for _, number in receivers}:
        verdict = _outcome_unknown(receivers, rejected, _NO_REASON)
    else:
        verdict = _by_receiver(receivers, accepted, rejected)
    strangers = list(dict.fromkeys(name for row in rows if (name := _named(row)) not in whose))
    unpaired = {number for _, number in receivers} - set(whose.values()) if strangers else set()
    if unpaired:
        numbers = ", ".join(name for name in strangers[:_MOST_NAMED] if _is_number(name)) or "someone"
        message = f"{verdict.message} The answer names {numbers}, whom nobody asked for."
        verdict = verdict.replace(message=message, unpaired=unpaired)
    return verdict.replace(answered=_numbers({number: name for name, number in whose.items()}))


def _accepts(row: Any) -> bool:
    """Whether a row of v2 says yes to whomever it names."""
    return member(row, "isValidWhatsAppNumber") is True and not member(row, "errors")


_MOST_NAMED = 5  # strangers in one message


def _named(row: Any) -> str:
    """Whom a row of v2 names: digits, or an id in small letters; "" if nobody."""
    return _digits(str(member(row, "waId") or "")).lower()


def _paired(named: Sequence[str], receivers: Receivers) -> dict[str, str]:
    """Whose row it is, by what the row names.

    Someone may be named by another number than the one that was asked for: WATI answers with the number
    behind an id, and WhatsApp knows some numbers by another spelling. One row for one receiver is about that
    receiver. In bulk, the last two that are left over belong together if they are spellings of one number.
    """
    from wati.contract.numbers import same_person

    if len(receivers) == len(named) == 1:
        return {named[0]: receivers[0][1]}
    asked = {_digits(number).lower(): number for _, number in receivers}
    whose = {name: asked[name] for name in named if name in asked}
    strangers, unanswered = set(named) - whose.keys(), set(asked.values()) - set(whose.values())
    if len(strangers) == len(unanswered) == 1:
        (stranger,), (number,) = strangers, unanswered
        if same_person(stranger, number):
            whose[stranger] = number
    return whose


def _numbers(answered: Mapping[str, str]) -> dict[str, str]:
    """Those that really are numbers: an answer can contain anything."""
    return {receiver: number for receiver, number in answered.items() if _is_number(number)}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 7 <= len(text) <= 15


def _by_receiver(receivers: Receivers, accepted: set[str], rejected: dict[str, str]) -> Verdict:
    # A receiver with both a good and a bad row got something, so it is never reported as rejected.
    rejected = {number: why for number, why in rejected.items() if number not in accepted}
    groups = _groups(receivers, accepted, rejected)
    if len(groups["unknown"]) == len(receivers):
        return Verdict("unknown", "bad_answer", "The answer names none of the receivers.")
    if len(groups["accepted"]) == len(receivers):
        return ACCEPTED
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
