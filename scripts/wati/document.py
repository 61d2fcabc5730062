"""The document that a run ends with: what of an answer or a failure is told, marked, of a readable length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati import hidden, shape
from wati.failures import Failure
from wati.output import NOTICE, clean, redact, render, shorten
from wati.settings import SANDBOX_KEY
from wati.verdicts import member

if TYPE_CHECKING:
    from wati.call import Result
    from wati.endpoint import Arguments, Endpoint
    from wati.options import Options

_MAY_QUOTE_CUSTOMERS = (6, 7, 8)  # the answer behind these can be anything
# A refusal of these members alone is in WATI's or Maton's own words (published answers). Any other member,
# such as `contact`, can hold what a customer wrote, and so can what is nested, but for lists of errors.
_OWN_WORDS = {
    *("ok", "result", "message", "info", "error", "errors", "detail", "title", "status", "type", "code"),
    *("traceId", "ticketStatus", "validWhatsAppNumber"),
}
_OWN_LISTS = ("error", "errors")
# What v2 says of each receiver that it accepted (published answers).
_OF_A_RECEIVER = {"localMessageId", "waId", "isValidWhatsAppNumber", "errors"}


def accepted(
    endpoint: Endpoint, options: Options, arguments: Arguments, result: Result, key: str, notices: list[str]
) -> dict[str, Any]:
    """The document of a call that was accepted, or of a dry run. `notices`: what to tell besides."""
    is_dry = options.has("dry-run")
    data, strange = _shown(endpoint, options, result, key)
    document: dict[str, Any] = {"ok": True, "data": data}
    if endpoint.effect != "read":
        document["outcome"] = "not_sent" if is_dry else "accepted"
    elif endpoint.items and not is_dry:
        page = _page(endpoint, arguments, result.data) if result.page is None else result.page
        document |= {"page": page} if page else {}
    changed = endpoint.through_wati and endpoint.effect != "read"
    by_customers = endpoint.customer_text or (changed and not _as_documented(result.data))
    about_customers = NOTICE if by_customers and not is_dry else ""
    document["notice"] = " ".join(filter(None, [about_customers, result.notice, strange, *notices]))
    return document


def _shown(endpoint: Endpoint, options: Options, result: Result, key: str) -> tuple[Any, str]:
    """What of the answer is shown, and what to tell of members that `--fields` names and that are not there.

    Raises `usage` where a read has no such member. What was sent stays sent, so elsewhere it is only told.
    """
    if options.has("raw"):
        return result.data, ""
    if not options.fields:
        hides = {} if options.has("dry-run") else endpoint.hides
        return hidden.without(clean(result.data), hides), ""
    # Before anything is picked out: what stands beside a connection's link is what tells it from others.
    data = redact(result.data, key, result.shown_url)
    strange = shape.unknown(data, endpoint.items, options.fields, endpoint.members)
    told = f"--fields names what the answer does not have: {', '.join(strange)}." if strange else ""
    if told and endpoint.effect == "read":
        everything = "Leave --fields out" if "raw" in endpoint.lacks else "--raw"
        raise Failure("usage", told, hint=f"To see all members: {everything}.")
    picked = shape.picked(data, endpoint.items, options.fields)
    kept = {name: data[name] for name in endpoint.keeps if name in data}
    return clean(picked | kept if kept else picked), told


def failed(endpoint: Endpoint, failure: Failure, notices: list[str]) -> dict[str, Any]:
    """The document of a failure."""
    error = failure.document()
    if endpoint.effect == "read":
        del error["outcome"]
    if "answer" in error:
        error["answer"] = clean(error["answer"])
    if "items" in error:
        error["items"] = hidden.without(clean(error["items"]), endpoint.hides, f"{endpoint.items}.")
    notice = " ".join([*([NOTICE] if _may_quote_customers(endpoint, failure) else []), *notices])
    return {"ok": False, "error": error, "notice": notice}


def _may_quote_customers(endpoint: Endpoint, failure: Failure) -> bool:
    """Whether the answer behind a failure can hold what customers wrote; one about connections cannot."""
    answer = failure.answer
    if failure.items:
        return endpoint.customer_text
    if answer is None or not endpoint.through_wati:
        return False
    return failure.exit in _MAY_QUOTE_CUSTOMERS or not _in_own_words(answer)


def _in_own_words(answer: Any) -> bool:
    if not isinstance(answer, dict):
        return isinstance(answer, str)
    return answer.keys() <= _OWN_WORDS and not any(
        isinstance(value, (dict, list)) and name not in _OWN_LISTS for name, value in answer.items()
    )


def _as_documented(data: Any) -> bool:
    """Whether the answer to a change holds only what is known of it, and no customer's text."""
    if not isinstance(data, dict):
        return False
    rest = {name: value for name, value in data.items() if name not in ("receivers", "templateName")}
    rows = data.get("receivers") or []
    return (
        _in_own_words(rest)
        and isinstance(rows, list)
        and all(isinstance(row, dict) and row.keys() <= _OF_A_RECEIVER for row in rows)
    )


def finished(
    endpoint: Endpoint, options: Options, document: dict[str, Any], key: str, shown_url: str, *, pretty: bool
) -> str:
    """The text for stdout: marked as the sandbox's, without secrets, of a readable length."""
    notice = document.pop("notice")
    marks = {"sandbox": key == SANDBOX_KEY, "notice": notice}
    document |= {name: value for name, value in marks.items() if value}
    document = {name: redact(value, key, shown_url) for name, value in document.items()}
    if "error" in document:
        members = document["error"]
        members["message"] = shorten(members["message"], 600)
        for problem in members.get("problems", []):
            problem["problem"] = shorten(problem["problem"], 1000)
        if isinstance(members.get("answer"), str):
            members["answer"] = shorten(members["answer"], 300)
        elif "answer" in members:
            members["answer"] = shape.bounded(members["answer"], shape.LONGEST_ANSWER)
        if "items" in members:
            shown = shape.fitting(members["items"], shape.LONGEST - shape.LONGEST_ANSWER)
            members["page"] |= {"shown": shown} if shown < len(members["items"]) else {}
            members["items"] = members["items"][:shown]
        document["error"] = shape.error_that_fits(members)
    elif not options.has("raw"):
        is_done = endpoint.effect != "read" and not options.has("dry-run")
        document = shape.document_that_fits(document, endpoint.items, is_done=is_done)
    return render(document, indent=2 if pretty else None)


def _page(endpoint: Endpoint, arguments: Arguments, data: Any) -> dict[str, int]:
    """The page that was read; `next` only where it held something, since WATI's `total` lies (observed)."""
    asked = {**endpoint.defaults, **arguments}
    page = {"number": asked["pageNumber"], "size": asked["pageSize"]}
    return {**page, "next": page["number"] + 1} if member(data, endpoint.items) else page
