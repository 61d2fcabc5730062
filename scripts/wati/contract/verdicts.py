"""What an answer means: accepted, rejected, partial or unknown. Pure functions, one for each form of answer.

WATI rejects under HTTP 200, spells success in five ways, and hides failed receivers under `result: true`.
Each endpoint declares which function judges its answers; each function says where its rule comes from.
"""

from __future__ import annotations

from wati.contract.bodies import connection_id, digits, leaves, member, member_is, numbers_of, texts
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

# WATI's words for a rejection. The first two are from published answers. The third was reported by clients,
# and so was one form of the last: that the others mean the same is assumed. It can do no harm, because this
# only picks the code of an answer that is a rejection.
_PHRASES = (
    ("ticket has been expired", "session_closed"),
    ("no valid receivers", "invalid_recipient"),
    ("whatsapp number should not be null", "invalid_recipient"),
    ("template", "template_rejected"),
)
# Maton knows nothing about these, so such an answer comes from WATI, even in the form of Maton's errors.
_WATIS_OWN = frozenset(code for _, code in _PHRASES)


def judge(answer: Answer, verdict: Judge, receivers: Receivers, *, through_wati: bool) -> Verdict:
    """The verdict from status and body together. `verdict` judges an answer with a 2xx status.

    A 4xx is a rejection, whichever it is, unless its body says that something was done: whoever wrote that
    has acted, and a server on the way may have chosen the status.
    """
    status = answer.status
    if 200 <= status < 300:
        return verdict(answer, receivers)
    if 400 <= status < 500 and status != 408 and not says_done(answer):
        if status == 429:
            return Verdict("rejected", "rate_limited", TOO_MANY_REQUESTS)
        return _rejected_by_status(answer, through_wati=through_wati)
    words = ", but its body says success." if says_done(answer) else _quoted(answer)
    return Verdict("unknown", "upstream_error", f"The answer was HTTP {status}{words}")


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
    if by_maton or not through_wati:
        return "maton"
    return "wati" if answer.json is not None or answer.status < 500 else "network"


def rejection(answer: Answer) -> Verdict | None:
    """A rejection under a 2xx status: `result: false` or `ok: false`."""
    if member_is(answer, "result", False) or member_is(answer, "ok", False):
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
    words = ("; ".join(map(_entry, each)) if isinstance(each, list) else each for each in candidates)
    return next((text.strip() for text in words if isinstance(text, str) and text.strip()), "")


def _model_errors(body: dict[str, Any]) -> str:
    """ASP.NET's problem details: a title, and texts for each wrong field."""
    title, errors = body.get("title"), body.get("errors")
    if not isinstance(title, str) or not isinstance(errors, dict):
        return ""
    return "; ".join(f"{field}: {' '.join(texts(own))}" for field, own in errors.items()) or title


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
YES = ("success", True)


def says_yes(answer: Answer) -> bool:
    """Whether `result`, or `ok` without it, says yes, and `ok` does not say no."""
    if member(answer.json, "result") in (None, ""):
        return member_is(answer, "ok", True)
    return member_is(answer, "result", *YES) and not member_is(answer, "ok", False)


def accepts(row: Any) -> bool:
    """Whether a row of v2 says yes to whomever it names."""
    return member(row, "isValidWhatsAppNumber") is True and not member(row, "errors")


def says_done(answer: Answer) -> bool:
    """Whether a body says, in the form of any endpoint, that something was done.

    An error may name the connection that it is about, so an id counts only without any words.
    """
    rows = member(answer.json, "receivers")
    if says_yes(answer) or (isinstance(rows, list) and any(map(accepts, rows))):
        return True
    return connection_id(answer.json) != "" and not said(answer)


def contradiction(answer: Answer, *, is_read: bool = False, beside: str = "") -> str:
    """What in the answer contradicts its yes, as a sentence; "" if nothing does.

    `is_read`: a list that is empty may say so in words. `beside`: a member that the caller judges itself.
    """
    for names, denies, for_reads in _CONTRADICTIONS:
        for name in names:
            if name != beside and (for_reads or not is_read) and denies(found := member(answer.json, name)):
                words = "; ".join(leaves(found)) or str(found).lower()
                return f"The answer says yes, but its `{name}` is: {words.rstrip('.')}."
    return ""


def _is_not_a_yes(value: Any) -> bool:
    """Whether it is an answer, and another one: `false`, 0, "queued". An object has no known meaning."""
    if isinstance(value, str):
        return value.lower() not in ("", "success", "true", "ok")
    return isinstance(value, int) and not value  # a bool is one, too


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
    (("error", "errors"), lambda value: bool(leaves(value)), True),
    (("ok", "result", "success"), _is_not_a_yes, True),
    (("status", "statusCode", "code"), _is_failure, True),
    (("message.statusString", "message.status"), lambda value: value == "FAILED", False),
    (("message.failedDetail",), lambda value: bool(leaves(value)), False),
    (("ticketStatus",), lambda value: value == "CLOSED", False),
    (("message", "info", "detail", "title"), _denies, False),
)

# --- how each endpoint spells success ----------------------------------------------------------------------


def listing(items: str) -> Judge:
    """`result` says yes, and the list is there (observed and reported)."""

    def verdict(answer: Answer, _: Receivers) -> Verdict:
        is_list = isinstance(member(answer.json, items), list)
        return accepted_if(member_is(answer, "result", *YES) and is_list, answer, is_read=True)

    return verdict


def result_yes(answer: Answer, _: Receivers) -> Verdict:
    """`result` is true (documented); "success" was seen, too."""
    return accepted_if(member_is(answer, "result", *YES), answer)


def interactive(answer: Answer, _: Receivers) -> Verdict:
    """`ok: true`, with no `errors`; `result` is then absent, or says yes, too."""
    return accepted_if(says_yes(answer), answer)


def template_message(answer: Answer, receivers: Receivers) -> Verdict:
    """`result: true` (some tenants answer nothing more), unless the number has no WhatsApp account.

    The answer has the contact, and so its number and its id (observed).
    """
    if member_is(answer, "validWhatsAppNumber", False):
        return Verdict("rejected", "invalid_recipient", "This number has no WhatsApp account.")
    number = digits(str(member(answer.json, "contact.wAid") or member(answer.json, "phone_number")))
    names = (receivers[0][1], member(answer.json, "contact.id")) if receivers else ()
    answered = {str(name): number for name in names if name}
    return result_yes(answer, receivers).replace(answered=numbers_of(answered))


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
