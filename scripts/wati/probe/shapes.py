"""The shape of an answer: which members it has and of what kind, and what the service says in its own words.

{path: kinds}. An item of a list is `[]`, or `[KIND]` if it has an `eventType`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.probe import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wati.contract.answer import Answer

Shape = dict[str, str]

# Members in which a service speaks for itself: shown in the words that may be shown.
_SAYS = frozenset(
    (
        *("message", "info", "error", "detail", "title", "msg", "result", "reason", "type", "eventType"),
        *("status", "statusString", "ticketStatus", "failedDetail"),
    )
)
_ABOUT_ERRORS = frozenset(("error", "errors", "detail"))  # with everything in them
# Members whose yes or no is the answer's. Of others it is a customer's.
_DECIDES = frozenset(("result", "ok", "success", "validWhatsAppNumber", "isValidWhatsAppNumber"))
_KINDS = (
    ("empty text", ""),
    ("24 hex digits", "[0-9a-f]{24}"),
    ("UUID", "[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"),
    ("digits", "[0-9]+"),
    ("time with zone", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    ("time without zone", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?"),
    ("MMM-DD-YYYY", r"[A-Z][a-z]{2}-\d\d-\d{4}"),
    ("address", "https?://.*"),
)
_MEMBER = re.compile(r"[a-z_$][A-Za-z_$]{0,39}[0-9]{0,2}")
_PLACE = re.compile(r"[\w$.\[\]]{1,80}", re.ASCII)
DEEPEST = 12
MOST_MEMBERS = 400

# Headers that matter, and what is shown of each.
_HEADERS: dict[str, Callable[[str], str]] = {
    "date": lambda _: "there",
    "retry-after": lambda text: "seconds" if re.fullmatch("[0-9.]+", text) else "another form",
    "x-request-id": lambda _: "there",
    "location": lambda _: "there",
    "allow": lambda _: "there",
    "cf-ray": lambda _: "there",
    "www-authenticate": lambda _: "there",
}


def of(value: Any) -> Shape:
    """The shape of a JSON value."""
    found: dict[str, set[str]] = {}
    for path, kind in _walk(value, "", "", DEEPEST, says=False):
        if path in found or len(found) < MOST_MEMBERS:
            found.setdefault(path, set()).add(kind)
    return {path: " | ".join(sorted(kinds)) for path, kinds in sorted(found.items())}


def of_answer(answer: Answer) -> Shape:
    """The shape of a body, also of one that is not JSON."""
    if answer.json is not None or answer.content.strip() == b"null":
        return of(answer.json)
    if answer.is_page:
        return {"": "a web page"}
    if not answer.content:
        return {"": "nothing"}
    is_text = answer.media_type.startswith("text/") or answer.media_type.endswith("json")
    return {"": f"says {words.plain(answer.text)}" if is_text else "a file"}


def headers(answer: Answer) -> dict[str, str]:
    present = {name: answer.headers.get(name) for name in _HEADERS}
    return {name: _HEADERS[name](str(text)) for name, text in present.items() if text is not None}


def _walk(value: Any, path: str, name: str, left: int, *, says: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value and left:
        for key, member in value.items():
            shown = _key(key)
            own = f"{path}.{shown}" if path else shown
            yield from _walk(member, own, shown, left - 1, says=says or shown in _ABOUT_ERRORS)
    elif isinstance(value, list) and value and left:
        for item in value:
            yield from _walk(item, f"{path}[{_event(item)}]", name, left - 1, says=says)
    else:
        yield path, _kind(value, name, says=says or name in _SAYS)


def _key(key: str) -> str:
    """A member's name; not what could be a value that is used as one."""
    if _MEMBER.fullmatch(key):
        return key
    # The places of an argument in ASP.NET's errors: "$", "receivers[0].whatsappNumber".
    names = [each for each in re.split(r"[.\[\]]+", key) if each and not each.isdigit()]
    fits = bool(names) and all(each == "$" or words.is_plain(each) for each in names)
    return re.sub("[0-9]+", "0", key) if _PLACE.fullmatch(key) and fits else "<another>"


def _event(item: Any) -> str:
    kind = item.get("eventType") if isinstance(item, dict) else None
    return kind if isinstance(kind, str) and words.is_plain(kind) else ""


def _kind(value: Any, name: str, *, says: bool) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower() if name in _DECIDES else "true or false"
    if isinstance(value, (int, float)):
        return str(value) if name in ("code", "status") and 100 <= value < 600 else "number"
    if isinstance(value, dict):
        return "empty object" if not value else "object"
    if isinstance(value, list):
        return "empty list" if not value else "list"
    kind = next((kind for kind, pattern in _KINDS if re.fullmatch(pattern, value, re.DOTALL)), "text")
    return f"says {words.plain(value)}" if kind == "text" and says else kind
