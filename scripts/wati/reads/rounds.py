"""A round through the inbox: the list of contacts is read, and the conversation of each one looked at.

Both have rate limits of their own, so pages and conversations take turns. A run does as much as its time
allows, and the next one goes on.
"""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING, Any

from wati.contract.failures import Failure
from wati.reads import contacts, transcript, waiting
from wati.reads.everyone import Paced
from wati.reads.inbox import MOST_PAGES_OF_CONTACTS
from wati.reads.opt_out import asks_to_stop, is_marked
from wati.reads.rows import CUSTOMER, moment, speaker
from wati.reads.waiting import Known, Standing

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from wati.reads.inbox import Inbox, Rows
    from wati.reads.looks import Looks
    from wati.reads.tally import Tally

    Row = dict[str, Any]

AT_ONCE = 9  # pages, then conversations: what the pace lets through without a wait
_SETUP = 3  # the exit code of what would fail for every other contact, too
_PLACES = 1000  # of a page, at most
PACE = 10.0  # seconds after which the limits let the next ones through


class Round:
    """One run. `looks`: all that is known; without a round in it, this run begins one. `tally`: counts rows.

    `names`: of the contacts that were listed in this run, by number. `seen`: what was read of those who wait.
    `looked_at`: how many conversations were read. `stopped`: the code of the failure that ended it early.
    `ahead`: by how many seconds the far side's clock is ahead of this machine's.
    """

    def __init__(
        self,
        inbox: Inbox,
        looks: Looks,
        seconds: float,
        *,
        hours: float,
        include_bots: bool = False,
        tally: Tally | None = None,
    ) -> None:
        self.names: dict[str, str] = {}
        self.seen: dict[str, Standing] = {}
        self.looked_at = 0
        self.stopped = ""
        self.ahead = inbox.gateway.clock or 0.0
        self.began = time.time()
        if looks.is_done or not looks.began:
            looks.begin(self.began)
        self.looks = looks
        self._inbox = inbox
        self._pace = Paced(inbox, seconds)
        self._seconds = seconds
        self._horizon = self.now - hours * 3600
        self._include_bots = include_bots
        self._tally = tally
        self._changed: dict[str, Known] = {}
        self._tried = False

    @property
    def now(self) -> float:
        """Epoch seconds, by the far side's clock. Looks are dated by this machine's, which is finer."""
        return time.time() + self.ahead

    def run(self) -> None:
        """Look until everyone was looked at, or the time is over. Raises Failure if nobody could be."""
        pages: Iterator[int] | None = self._pages()
        try:
            while True:
                for _ in range(AT_ONCE if pages else 0):
                    pages = self._list_next(pages)
                self._save()
                turn = self._turn()
                if not turn and not pages:
                    return
                for one in turn:
                    self._look(one)
        except Failure as failure:
            if not self._tried:
                raise
            # With little time left, the pace alone can be the reason.
            is_over = failure.code in ("timeout", "rate_limited") and self._pace.left < PACE
            self.stopped = self.stopped or ("" if is_over else failure.code)
        finally:
            self._save()

    def _save(self) -> None:
        changed, self._changed = self._changed, {}
        self.looks.save(changed.values())

    def _turn(self) -> list[Known]:
        used = 1 - self._pace.left / self._seconds
        known = self.looks.known.values()
        return waiting.turn(known, self.looks.began, self.began, self.now, used=used)[:AT_ONCE]

    def _keep(self, one: Known) -> None:
        self.looks.known[one.number] = self._changed[one.number] = one

    # --- the list -------------------------------------------------------------------------------------------

    def _list_next(self, pages: Iterator[int] | None) -> Iterator[int] | None:
        """List one more page. Returns None after the last one.

        Also if the list fails, because those who are known can still be looked at.
        """
        if pages is None:
            return None
        try:
            return None if next(pages, None) is None else pages
        except Failure as failure:
            if self._is_of_the_account(failure) or not self.looks.known:
                raise
            self.stopped = failure.code
            return None

    def _pages(self) -> Generator[int, None, None]:
        """List the contacts, page by page, until all of this round are known.

        The list moves: whoever changes goes to its top. So the top is read first, as far as it has news, and
        once more at the end.
        """
        number = yield from self._walk(1, only_news=True)
        if not self.looks.is_listed:
            yield from self._walk(max(number + 1, self.looks.page), only_news=False)
        if number > 1 or not self.looks.is_listed:
            yield from self._walk(1, only_news=True)

    def _walk(self, first: int, *, only_news: bool) -> Generator[int, None, int]:
        """List the pages from `first` on. Returns the number of the last one.

        `only_news`: only until a page has nobody new of this round.
        """
        rows = self._inbox.contacts({}, MOST_PAGES_OF_CONTACTS, first)
        number = first - 1
        while True:
            self._pace.begin()
            page = rows.page()
            if not page:
                self.looks.page = 0 if rows.whole else self.looks.page
                return number
            number += 1
            is_new = [self._list(row, number * _PLACES + index) for index, row in enumerate(page)]
            if not self.looks.is_listed:
                self.looks.page = max(self.looks.page, number)
            yield number
            if only_news and not any(is_new):
                return number

    def _list(self, row: Row, place: int) -> bool:
        """Note a contact. Returns whether it is new in this round."""
        number = contacts.number_of(row)
        self.names[number] = next(iter(contacts.names_of(row)), "")
        known = self.looks.known.get(number)
        marked = is_marked(row)
        if known is not None and known.listed >= self.looks.began:
            if known.marked != marked:
                self._keep(known._replace(marked=marked))
            return False
        new = known or Known(number, place, time.time())
        new = new._replace(marked=marked, created=contacts.created(row))
        if not number:  # there is nothing to look under
            new = new._replace(looked=time.time(), code="bad_answer")
        self._keep(new._replace(place=place, listed=time.time()))
        return True

    # --- the conversations ----------------------------------------------------------------------------------

    def _look(self, one: Known) -> None:
        self._pace.begin()
        try:
            seen = self._read(one)
        except Failure as failure:
            if self._is_of_the_account(failure):
                raise
            seen = one._replace(code=failure.code, waits=False)
        self._tried = True
        self._keep(seen._replace(looked=time.time()))

    def _is_of_the_account(self, failure: Failure) -> bool:
        """Whether it is not about one contact or page alone, but about what comes after it, too."""
        is_over = failure.code == "timeout" and self._pace.left < 1
        return is_over or failure.exit == _SETUP or failure.code in ("rate_limited", "unreachable")

    def _read(self, one: Known) -> Known:
        rows = self._inbox.conversation(one.number)
        page, in_order = waiting.newest_first(rows.page())
        if not in_order:  # so the newest may be on any page
            page, _ = waiting.newest_first([*page, *self._following(rows)])
            if not (rows.whole or rows.is_last):
                raise Failure("bad_answer", "The rows of this conversation are in no order.", source="wati")
        read: list[Row] = []
        each = _noting(chain(page, self._following(rows)), read)
        found = waiting.standing(each, self._horizon, include_bots=self._include_bots)
        if found.unclear:
            raise Failure("bad_answer", "It is not known who wrote in this conversation.", source="wati")
        if self._tally is not None:
            is_enough = any(map(self._tally.is_older, chain(read[-1:], each)))
            self._tally.add(read, is_cut=not (is_enough or rows.whole or rows.is_last))
        self.looked_at += 1
        if found.unanswered:
            self.seen[one.number] = found
        assigned = transcript.assigned(page)
        is_whole = rows.whole or rows.is_last
        newest = next((row for row in page if speaker(row) == CUSTOMER), None)
        said = [*found.unanswered, *([newest] if newest else [])]
        return one._replace(
            wrote=moment(newest) if newest else None,
            stops=any(asks_to_stop(row.get("text")) for row in said),
            waits=bool(found.unanswered),
            since=found.since,
            exact=found.whole or is_whole,
            assigned=assigned if assigned or is_whole else None,
            code="",
        )

    def _following(self, rows: Rows) -> Iterator[Row]:
        """The rows of the pages after the current one."""
        while not rows.is_last:
            self._pace.begin()
            page = rows.page()
            if not page:
                return
            yield from page


def _noting(rows: Iterable[Row], read: list[Row]) -> Iterator[Row]:
    """The rows, each of which is added to those that were read."""
    for row in rows:
        read.append(row)
        yield row
