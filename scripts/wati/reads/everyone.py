"""Every contact of the account, as far as the time allows, at the pace of WATI's limits."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wati.contract.failures import Failure
from wati.reads.inbox import MOST_PAGES_OF_CONTACTS
from wati.reads.pages import key
from wati.wire.gateway import Gateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.reads.inbox import Inbox

    Row = dict[str, Any]

EACH = 20.0  # seconds for one read, of which ten may pass until the limits allow it


class Paced:
    """Reads one after the other until a time is over, each with a time of its own.

    One place of each limit is left to the other calls of whoever waits for these.
    """

    def __init__(self, inbox: Inbox, seconds: float) -> None:
        inbox.gateway = Gateway(inbox.gateway.client, EACH, spare=1, trace=inbox.gateway.trace)
        self._gateway = inbox.gateway
        self._ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._ends - time.monotonic()

    def begin(self) -> None:
        """Give the next read its time. Raises Failure (`timeout`) if there is none left."""
        if self.left <= 0:
            raise Failure("timeout", "The time of this run is over.", source="package")
        self._gateway.timeout = min(EACH, self.left)
        self._gateway.restart()


class Everyone:
    """Those of all contacts that are to be kept, each as it was read last.

    `read`: how many contacts were looked at. `is_whole`: whether those are all of them. `stopped`: the code
    of the failure that ended it early; "" if the time did. Raises Failure if nothing could be read.
    """

    def __init__(self, inbox: Inbox, seconds: float, keep: Callable[[Row], bool]) -> None:
        self.is_whole = False
        self.stopped = ""
        self._inbox = inbox
        self._pace = Paced(inbox, seconds)
        self._keep = keep
        self._seen: set[bytes] = set()
        self._kept: dict[bytes, Row] = {}
        try:
            if self._walk(only_news=False) > 1:
                # Whoever changed meanwhile has moved to the top of the list.
                self._walk(only_news=True)
            self.is_whole = True
        except Failure as failure:
            if not self._seen:
                raise
            is_over = failure.code in ("timeout", "rate_limited") and self._pace.left < 1
            self.stopped = "" if is_over else failure.code

    @property
    def read(self) -> int:
        return len(self._seen)

    @property
    def rows(self) -> list[Row]:
        return list(self._kept.values())

    def _walk(self, *, only_news: bool) -> int:
        """Read to the end of the list, or until a page has nobody new. Returns the number of pages."""
        rows = self._inbox.contacts({}, MOST_PAGES_OF_CONTACTS)
        pages = 0
        while True:
            self._pace.begin()
            page = rows.page()
            if not page:
                if not rows.whole:
                    raise Failure("bad_answer", "The list of contacts has no end.", source="wati")
                return pages
            pages += 1
            before = self.read
            for row in page:
                name = key(row)
                self._seen.add(name)
                self._kept.pop(name, None)
                if self._keep(row):
                    self._kept[name] = row
            if only_news and self.read == before:
                return pages
