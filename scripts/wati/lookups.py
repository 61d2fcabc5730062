"""What the far side knows: further reads of one call, over its connection and within its time.

A read sends nothing, so whatever goes wrong here is told as `not_sent`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wati import verdicts
from wati.failures import Failure
from wati.pages import InMemory, Walk
from wati.request import Request
from wati.settings import is_connection_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wati.answers import Answer
    from wati.call import Call
    from wati.endpoint import Receivers

PAGE_SIZE = 100
LONGEST_NAME = 512  # of a template, as in the schemas
# Bounds for a list that never ends: what lies beyond is not read, and whoever asked is told (`Rows.whole`).
MOST_PAGES_OF_TEMPLATES = 50
MOST_PAGES_OF_CONTACTS = 1000
MOST_PAGES_OF_MESSAGES = 10  # WATI allows 10 of these reads in 10 seconds (documented)
MOST_ROWS_OF_A_PAGE = 1000  # more than were asked for, in case WATI does not heed that


def read(call: Call, target: str, verdict: Callable[[Answer, Receivers], verdicts.Verdict]) -> Answer:
    """One further read. Raises Failure unless it was accepted."""
    through_wati = target.startswith("/wati/")
    try:
        answer = call.gateway.exchange(
            Request("GET", target), "read", call.connection if through_wati else ""
        )
        judged = verdicts.judge(answer, verdict, [], through_wati=through_wati)
        if judged.outcome != "accepted":
            raise call.failure(judged, answer, "read")
    except Failure as failure:
        failure.outcome = "not_sent"
        raise
    return answer


def connections(call: Call, status: str = "") -> list[dict[str, Any]]:
    """The account's wati connections, of all statuses or of one. A row holds a link: never show it whole."""
    target = "/connections?app=wati" + (f"&status={status}" if status else "")
    rows = read(call, target, verdicts.connections).json["connections"]
    # The filters in the query are Maton's to honour; a message over the wrong one cannot be taken back.
    ours = [row for row in rows if isinstance(row, dict) and row.get("app", "wati") == "wati"]
    found = []
    for row in ours:
        connection_id, its_status = row.get("connection_id"), row.get("status")
        if status and its_status != status:
            continue
        if isinstance(connection_id, str) and is_connection_id(connection_id) and isinstance(its_status, str):
            found.append(row)
        elif its_status == "ACTIVE":
            message = "The list of connections holds an id that is none."
            raise Failure("bad_answer", message, source="maton", outcome="not_sent")
    return found


def connection(call: Call, connection_id: str) -> dict[str, Any] | None:
    """One connection by its id; None where Maton knows none of that id."""
    try:
        answer = read(call, f"/connections/{quote(connection_id, safe='')}", verdicts.connection)
    except Failure as failure:
        if failure.code == "not_found":
            return None
        raise
    row: dict[str, Any] = answer.json["connection"]
    return row


class Rows:
    """The rows of a list at WATI, each page read when it is needed, each row given once.

    `now`: the server's time at the last answer (epoch seconds), None where it does not tell. `whole`: whether
    the list was read to its end. `left`: how many rows of the page at hand are still to come.
    """

    def __init__(self, call: Call, path: str, items: str, most_pages: int) -> None:
        self.now: float | None = None
        self.whole = False
        self.left = 0
        self._rows = self._pages(call, path, items, most_pages)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._rows

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)

    def _pages(self, call: Call, path: str, items: str, most_pages: int) -> Iterator[dict[str, Any]]:
        is_cut = False

        def page(number: int) -> list[dict[str, Any]]:
            nonlocal is_cut
            target = f"{path}{'&' if '?' in path else '?'}pageSize={PAGE_SIZE}&pageNumber={number}"
            answer = read(call, target, verdicts.listing(items))
            self.now = answer.date
            rows = verdicts.member(answer.json, items)
            is_cut = is_cut or len(rows) > MOST_ROWS_OF_A_PAGE
            return [row for row in rows[:MOST_ROWS_OF_A_PAGE] if isinstance(row, dict)]

        walk = Walk(page, InMemory(), last=most_pages)
        for _, new in walk:
            for self.left, row in zip(reversed(range(len(new))), new, strict=True):
                yield row
        self.whole = walk.whole and not is_cut


def templates(call: Call) -> Rows:
    """Every template of the account, of all statuses and languages."""
    path = "/wati/api/v1/getMessageTemplates"
    return Rows(call, path, "messageTemplates", MOST_PAGES_OF_TEMPLATES)


def template(call: Call, name: str, approved: dict[str, None] | None = None) -> dict[str, Any] | None:
    """The template of that name, the APPROVED one where several have it; None where the list has none.

    `approved`: takes the names of the APPROVED ones that were read on the way. Raises Failure where the list
    is too long to be read whole, since then nothing is known to be missing.
    """
    found = None
    rows = templates(call)
    for row in rows:
        if row.get("elementName") == name:
            if row.get("status") == "APPROVED":
                return row
            found = found or row
        elif approved is not None and (other := approved_name(row)):
            approved[other] = None
    if found is None and not rows.whole:
        message = f"The list of templates is longer than what is read of it, {MOST_PAGES_OF_TEMPLATES} pages."
        raise Failure("bad_answer", message, source="wati", outcome="not_sent")
    return found


def approved_name(row: dict[str, Any]) -> str:
    """The name of a template that can be sent; "" where it is none."""
    name = row.get("elementName")
    is_name = isinstance(name, str) and len(name) <= LONGEST_NAME
    return str(name) if is_name and row.get("status") == "APPROVED" else ""


def conversation(call: Call, number: str) -> Rows:
    """The rows of one conversation, newest first; a refusal means that WATI finds no such contact."""
    return Rows(
        call, f"/wati/api/v1/getMessages/{quote(number, safe='')}", "messages.items", MOST_PAGES_OF_MESSAGES
    )


def iso(at: float) -> str:
    """Epoch seconds as a text; not by fromtimestamp, since Windows knows no times before 1970."""
    from datetime import datetime, timedelta

    return (datetime(1970, 1, 1) + timedelta(seconds=int(at))).isoformat() + "Z"


def contacts(call: Call, query: dict[str, str], most_pages: int) -> Rows:
    """The contacts that WATI's own filters find, the last changed first; all of them without a filter."""
    path = "/wati/api/v1/getContacts"
    filters = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return Rows(call, f"{path}?{filters}" if filters else path, "contact_list", most_pages)


def moment(row: dict[str, Any]) -> float | None:
    """When a row of a conversation came to be, in epoch seconds; None where it does not tell."""
    from datetime import datetime, timezone

    created, timestamp = row.get("created"), row.get("timestamp")
    if isinstance(created, str):
        # Python 3.10 reads neither the Z nor fractions of any length.
        text = re.sub(r"\.([0-9]{1,6})[0-9]*", lambda found: "." + found[1].ljust(6, "0"), created)
        try:
            parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=timezone.utc)).timestamp()
        except (ValueError, OverflowError):
            pass
    is_epoch = isinstance(timestamp, str) and re.fullmatch(r"[0-9]{1,11}", timestamp, re.ASCII)
    return float(str(timestamp)) if is_epoch else None
