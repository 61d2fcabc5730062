"""`--all`: every page of a list in one call, as one document or as a file."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from wati.contract.bodies import member
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.output import shape, tables
from wati.output.redaction import redact
from wati.output.rendering import clean
from wati.reads import connections
from wati.reads.pages import OnDisk, Walk
from wati.wire import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wati.calls.context import Context
    from wati.contract.answer import Answer
    from wati.contract.call import Call
    from wati.contract.options import Options
    from wati.files.uploads import Files

    Send = Callable[[Context], Answer]

LARGEST_PAGE = 100
ROOM = shape.LONGEST - 1500  # characters of a document that its items may have
MOST_PAGES = 20_000  # of a list that always has something new: two million items
# If a list moves by a whole page while it is read, one page has only known items, and the list still goes on.
IDLE_PAGES = 2
PARTIAL = ".partial"


def page_size(wanted: int | None) -> int:
    """The largest page size that divides the number of items wanted, so `next` repeats none of them."""
    if wanted is None or wanted > LARGEST_PAGE:
        sizes = range(LARGEST_PAGE, LARGEST_PAGE // 2, -1)
        return next((size for size in sizes if wanted and wanted % size == 0), LARGEST_PAGE)
    return wanted


def check_output(files: Files, options: Options) -> None:
    """Raises `file_not_allowed` if the ending is unknown, or if an incomplete list could not be written."""
    tables.check(options.output)
    at = f"--output ({PARTIAL}, for an incomplete list)"
    files.download(options.output + PARTIAL, force=options.force, at=at)


def read(context: Context, send: Send) -> Result:
    """Read the list, to its end or up to the limit. `send` requests one page."""
    with closing(OnDisk()) as seen:
        reading = Reading(context, send, seen)
        in_file = context.call.options.output
        result = _into_file(context, reading) if in_file else _into_document(context.call, reading)
    context.remarks += connections.several(context.inbox)
    return result


def _into_document(call: Call, reading: Reading) -> Result:
    rows: list[Any] = []
    measured: list[Any] = []
    fields = call.options.fields

    def take(new: list[Any]) -> int:
        measured.extend(clean(shape.selected(row, "", fields) if fields else row) for row in new)
        count = max(0, shape.count_that_fits(measured, ROOM) - len(rows))
        if not rows and not count:
            # An item that fits into no document is shown with its texts cut. Skipping it would lose it.
            new, count = [shape.truncated(new[0], ROOM)], 1
        rows.extend(new[:count])
        return count

    try:
        reading.into(take)
    except Failure as failure:
        failure.items = rows or None
        raise
    data = shape.wrapped(call.endpoint.items, rows)
    return Result(data, notice=reading.notice, page=reading.summary())


def _into_file(context: Context, reading: Reading) -> Result:
    options, endpoint = context.call.options, context.call.endpoint
    began = time.monotonic()
    with (
        context.session.files.download(options.output, force=options.force) as download,
        closing(tables.form(options.output, download.handle, endpoint.columns, endpoint.attributes)) as table,
    ):

        def take(rows: list[Any]) -> int:
            for row in rows:
                table.add(redact(clean(row), context.session.settings.key))
            return len(rows)

        def commit(suffix: str = "") -> None:
            table.finish()
            download.commit(suffix)

        try:
            reading.into(take)
        except Failure as failure:
            if reading.items and failure.page is not None:
                interrupts.defer(partial(commit, PARTIAL))
                failure.page["file"] = options.output + PARTIAL
            raise
        interrupts.defer(commit)
    seconds = round(time.monotonic() - began, 1)
    data = {"file": options.output, "seconds": seconds, **reading.summary()}
    return Result(data, notice=reading.notice, page={})


class Reading:
    """The reading of one list.

    `items`, `pages`: how many were taken so far. `at`, `size`: number and size of the page to go on with.
    `repeated`: how many items of that page were already given.
    """

    def __init__(self, context: Context, send: Send, seen: OnDisk) -> None:
        call = context.call
        self._context = context
        self._send = send
        self._endpoint = call.endpoint
        self._wanted = call.options.max_items
        self._first = int(call.arguments.get("pageNumber", 1))
        self._seen = seen
        self._is_second_pass = False
        self._received = 0
        self.items = 0
        self.pages = 0
        self.at = self._first
        self.size = int(call.arguments["pageSize"])
        self.repeated = 0
        self.complete = False

    @property
    def notice(self) -> str:
        """How to get the rest, or which items may be missing."""
        if not self.complete:
            repeats = f" ({self.repeated} of these items come again)" if self.repeated else ""
            rest = f"Go on with pageSize {self.size} and pageNumber {self.at}{repeats}"
            return f"This is not the whole list. {rest}, or write all of it to a file with --output."
        is_open = self._first > 1 and self._endpoint.by_change
        return "Contacts that changed since page 1 was read may be missing." if is_open else ""

    def summary(self) -> dict[str, Any]:
        """The `page` of an answer: how much was read, and where to go on if that is not all."""
        page = {"complete": self.complete, "items": self.items, "pages": self.pages}
        page |= {"number": self._first, "size": self.size}
        return page if self.complete else {**page, "next": self.at}

    def into(self, take: Callable[[list[Any]], int]) -> None:
        """Give the rows to `take`, page by page, until it takes fewer than it was given.

        Raises Failure, with `page`, if a page cannot be read.
        """
        try:
            for number, rows in self._new():
                wanted = rows if self._wanted is None else rows[: self._wanted - self.items]
                # A signal waits: a page is taken as a whole, or the next run reads it again.
                taken = interrupts.defer(partial(self._take, take, wanted))
                if taken < len(rows):
                    self._go_on(number, taken)
                    return
                self.at = number + 1
                if self.items == self._wanted:
                    return
            self.complete = True
        except KeyboardInterrupt:
            if not interrupts.ends_the_call():
                raise
            raise self._stopped(Failure("timeout", "The call was interrupted.", source="package")) from None
        except Failure as failure:
            raise self._stopped(failure) from None

    def _take(self, take: Callable[[list[Any]], int], rows: list[Any]) -> int:
        taken = take(rows)
        self.items += taken
        if self._context.session.progress is not None:
            self._context.session.progress(f"{self.items} items, {self.pages} pages")
        return taken

    def _go_on(self, number: int, taken: int) -> None:
        """Choose the page to go on with, after the first `taken` new rows of page `number`.

        No item may be missed, so some may be repeated. The size changes only on the first page read: later,
        the pages before may have been shorter than asked for, and another size would begin elsewhere.
        """
        self.at, self.repeated = number, taken
        if number == self._first and taken:
            before = shape.fewest_before(number, self.size, self._received)
            self.size = shape.aligned_size(before, taken)
            self.at, self.repeated = before // self.size + 2, taken - self.size

    def _new(self) -> Iterator[tuple[int, list[Any]]]:
        first, last = self._first, self._first + MOST_PAGES - 1
        walk = Walk(self._page, self._seen, first=first, last=last, idle=IDLE_PAGES)
        yield from walk
        if not walk.whole:
            raise Failure("bad_answer", f"The list did not end after {MOST_PAGES} pages.", source="wati")
        if self._endpoint.by_change and self._first == 1:
            # What changed in the meantime moved to the top of the list, and was skipped.
            self._is_second_pass = True
            yield from Walk(self._page, self._seen, last=MOST_PAGES, idle=IDLE_PAGES)

    def _page(self, number: int) -> list[Any]:
        self.at = number
        context = self._context
        context.call = context.call.replace(arguments={**context.call.arguments, "pageNumber": number})
        context.gateway.restart()
        rows: list[Any] = member(self._send(context).json, self._endpoint.items)
        self.pages += 1
        self._received = len(rows)
        return rows

    def _stopped(self, failure: Failure) -> Failure:
        failure.page = {"complete": False, "stopped_at": self.at, "items": self.items, "pages": self.pages}
        if self._is_second_pass:
            failure.hint += " Every page was read, but not a second time for contacts that moved meanwhile."
        elif self.items:
            rest = f'"pageNumber": {self.at}, "pageSize": {self._context.call.arguments["pageSize"]}'
            failure.hint += f" For the rest, run the same command with {rest}."
        return failure
