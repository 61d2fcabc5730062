"""The reads of one call: over its connection, within its time.

A read sends nothing, so every failure here has the outcome `not_sent`.
"""

from __future__ import annotations

import time
from itertools import chain, islice
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wati.contract import bodies, outcomes, verdicts
from wati.contract.failures import NO_CONVERSATION, Failure
from wati.contract.numbers import spellings
from wati.contract.settings import is_connection_id
from wati.reads.pages import InMemory, Walk
from wati.wire.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wati.contract.answer import Answer
    from wati.reads.pages import OnDisk
    from wati.wire.gateway import Gateway

    Seen = InMemory | OnDisk

PAGE_SIZE = 100
LONGEST_NAME = 512  # of a template, as in the schemas
# Bounds for a list that never ends. The caller learns that more was left unread (`Rows.whole`).
MOST_PAGES_OF_TEMPLATES = 50
MOST_PAGES_OF_CONTACTS = 1000
MOST_PAGES_OF_MESSAGES = 10  # WATI allows 10 of these reads in 10 seconds (documented)
MOST_ROWS_OF_A_PAGE = 1000  # more than were asked for, in case WATI ignores the page size


class Inbox:
    """The reads of one call. `connection`: the one to read over; "" = Maton chooses.

    `channel`: the account's own WhatsApp number whose conversations and templates are read; "" = its default.
    """

    def __init__(self, gateway: Gateway, connection: str = "", channel: str = "") -> None:
        self.gateway = gateway
        self.connection = connection
        self.channel = channel

    def read(self, target: str, verdict: verdicts.Judge, silent_rejection: str = "") -> Answer:
        """One read. Raises Failure unless it was accepted."""
        through_wati = target.startswith("/wati/")
        connection = self.connection if through_wati else ""
        try:
            answer = self.gateway.exchange(Request("GET", target), "read", connection)
            judged = verdicts.judge(answer, verdict, [], through_wati=through_wati)
            if judged.outcome != "accepted":
                raise outcomes.failure(
                    judged, answer, "read", through_wati=through_wati, silent_rejection=silent_rejection
                )
        except Failure as failure:
            failure.outcome = "not_sent"
            raise
        return answer

    def connections(self, status: str = "") -> list[dict[str, Any]]:
        """The account's wati connections, of one status or of all. Never show a whole row: it has a link."""
        target = "/connections?app=wati" + (f"&status={status}" if status else "")
        rows = self.read(target, verdicts.connections).json["connections"]
        # Maton may ignore the filters in the query. A message over the wrong connection cannot be taken back.
        ours = [row for row in rows if isinstance(row, dict) and row.get("app", "wati") == "wati"]
        found = []
        for row in ours:
            named, its_status = row.get("connection_id"), row.get("status")
            if status and its_status != status:
                continue
            if isinstance(named, str) and is_connection_id(named) and isinstance(its_status, str):
                found.append(row)
            elif its_status == "ACTIVE":
                message = "The list of connections has an ACTIVE one without a valid id."
                raise Failure("bad_answer", message, source="maton", outcome="not_sent")
        return found

    def connection_row(self, connection_id: str) -> dict[str, Any] | None:
        """One connection by its id; None if Maton has no such connection."""
        try:
            answer = self.read(f"/connections/{quote(connection_id, safe='')}", verdicts.connection)
        except Failure as failure:
            if failure.code == "not_found":
                return None
            raise
        row: dict[str, Any] = answer.json["connection"]
        return row

    def templates(self, most_pages: int = MOST_PAGES_OF_TEMPLATES) -> Rows:
        """Every template of the account, with any status, in any language."""
        path = "/wati/api/v1/getMessageTemplates"
        return Rows(self, self._on_channel(path), "messageTemplates", most_pages)

    def template(self, name: str) -> dict[str, Any] | None:
        """The template with that name, an APPROVED one if there are several; None if there is none.

        Raises Failure if the list is too long to read to its end, because the template may be in the rest.
        """
        rows, whole = self.templates_named(name)
        if not rows and not whole:
            raise unread_templates()
        return next((row for row in rows if row.get("status") == "APPROVED"), rows[0] if rows else None)

    def templates_named(
        self, name: str, others: dict[str, None] | None = None, *, most_pages: int = MOST_PAGES_OF_TEMPLATES
    ) -> tuple[list[dict[str, Any]], bool]:
        """The templates with that name, one for each language, and whether the list was read to its end.

        `others`: collects the names of the other APPROVED templates that were read.
        """
        found: list[dict[str, Any]] = []
        rows = self.templates(most_pages)
        for row in rows:
            if row.get("elementName") == name:
                found.append(row)
            elif others is not None and (other := approved_name(row)):
                others[other] = None
            # Its other languages may be on the same page or, if that is full, on a later one.
            if not rows.left and rows.is_short and any(row.get("status") == "APPROVED" for row in found):
                break
        return found, rows.whole or (most_pages == 1 and rows.is_last)

    def conversation(self, number: str, most_pages: int = MOST_PAGES_OF_MESSAGES) -> Rows:
        """The rows of one conversation, newest first. A rejection means that WATI finds no such contact."""
        path = f"/wati/api/v1/getMessages/{quote(number, safe='')}"
        return Rows(self, self._on_channel(path), "messages.items", most_pages, NO_CONVERSATION)

    def _on_channel(self, path: str) -> str:
        return f"{path}?channelPhoneNumber={quote(self.channel, safe='')}" if self.channel else path

    def either_conversation(self, number: str, most_pages: int = MOST_PAGES_OF_MESSAGES) -> tuple[Rows, str]:
        """The conversation under a number or, if it has none, under its other spelling; and which it is."""
        found: tuple[Rows, str] | None = None
        absent: Failure | None = None
        for name in spellings(number):
            rows = self.conversation(name, most_pages)
            try:
                if not rows.is_empty():
                    return rows, name
                found = found or (rows, name)
            except Failure as failure:
                if not is_absent(failure):
                    raise
                absent = absent or failure
        if found is None and absent is not None:
            raise absent
        return found or (self.conversation(number), number)

    def contacts(
        self, query: dict[str, str], most_pages: int, first: int = 1, seen: Seen | None = None, idle: int = 1
    ) -> Rows:
        """The contacts that WATI's own filters find, last changed first; without a filter, all of them.

        `first`: the page to begin with. `seen`, `idle`: as a Walk has them.
        """
        path = "/wati/api/v1/getContacts"
        filters = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        path = f"{path}?{filters}" if filters else path
        return Rows(self, path, "contact_list", most_pages, first=first, seen=seen, idle=idle)


class Rows:
    """The rows of a list at WATI. Each page is read when it is needed, and each row is given once.

    `now`: the server's time in the last answer that had one (epoch seconds), None if none had. `clocks`: by
    how many seconds it was ahead, by each of them. `whole`: whether the list was read to its end. `left`: how
    many rows of the current page are still to come. `is_short`: the current page has fewer rows than were
    asked for. `is_last`: and the list's own link says that it is the last.
    """

    def __init__(
        self,
        inbox: Inbox,
        path: str,
        items: str,
        most_pages: int,
        silent_rejection: str = "",
        *,
        first: int = 1,
        seen: Seen | None = None,
        idle: int = 1,
    ) -> None:
        self.now: float | None = None
        self.clocks: list[float] = []
        self.whole = False
        self.left = 0
        self.is_short = self.is_last = False
        self._is_cut = False
        verdict, query = verdicts.listing(items), f"{path}{'&' if '?' in path else '?'}pageSize={PAGE_SIZE}"

        def read(number: int) -> list[dict[str, Any]]:
            answer = inbox.read(f"{query}&pageNumber={number}", verdict, silent_rejection)
            if answer.date is not None:
                self.now = answer.date
                self.clocks.append(answer.date - time.time())
            rows = bodies.member(answer.json, items)
            self._is_cut |= len(rows) > MOST_ROWS_OF_A_PAGE
            self.is_short = len(rows) < PAGE_SIZE
            link = bodies.member(answer.json, "link")
            says_last = isinstance(link, dict) and "nextPage" in link and not link["nextPage"]
            self.is_last = self.is_short and says_last
            return [row for row in rows[:MOST_ROWS_OF_A_PAGE] if isinstance(row, dict)]

        walk = Walk(read, seen or InMemory(), last=first + most_pages - 1, first=first, idle=idle)
        self._rows: Iterator[dict[str, Any]] = self._new(walk)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._rows

    def page(self) -> list[dict[str, Any]]:
        """The new rows of the next page; none at the end of the list."""
        first = list(islice(self._rows, 1))
        return [*first, *islice(self._rows, self.left if first else 0)]

    def is_empty(self) -> bool:
        """Whether the list has no row. Reads the first page, and loses nothing of it."""
        first = list(islice(self._rows, 1))
        self._rows = chain(first, self._rows)
        return not first

    def _new(self, walk: Walk) -> Iterator[dict[str, Any]]:
        for _, new in walk:
            for self.left, row in zip(reversed(range(len(new))), new, strict=True):
                yield row
        self.whole = walk.whole and not self._is_cut


def is_absent(failure: Failure) -> bool:
    """Whether a failed read of a conversation says that WATI has no such contact.

    It rejects one under HTTP 200, without a reason (reported).
    """
    rejected = failure.code == "rejected" and 200 <= (failure.http_status or 0) < 300
    return rejected or failure.code == "not_found"


def unread_templates() -> Failure:
    message = f"The account has more templates than the {MOST_PAGES_OF_TEMPLATES} pages that are read."
    return Failure("bad_answer", message, source="wati", outcome="not_sent")


def approved_name(row: dict[str, Any]) -> str:
    """The name of an APPROVED template; "" for every other row."""
    name = row.get("elementName")
    is_name = isinstance(name, str) and len(name) <= LONGEST_NAME
    return str(name) if is_name and row.get("status") == "APPROVED" else ""


def status_of(row: dict[str, Any]) -> str:
    status = row.get("status")
    return status if isinstance(status, str) and len(status) <= 40 else "in an unknown state"
