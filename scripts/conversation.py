#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Show one customer's recent conversation as a short transcript, and whether the 24-hour window is open."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.files.beside import Beside
    from wati.reads.window import Window

    Row = dict[str, Any]

LIMIT = 20
MOST_PAGES = 1000  # of a conversation that is written to a file
ENDINGS = (".txt", ".md", ".html")
MOST_FILES, MOST_BYTES = 200, 256 * 1024 * 1024  # of --media; the last one may go beyond
MOST_MISSING = 20  # that are named
ELSEWHERE = "not at WATI"  # requests go to Maton only
TOO_MUCH = f"more than {MOST_FILES} files or {MOST_BYTES >> 20} MiB"


def perform(context: "Context") -> "Result":
    """The newest rows, oldest first. Older pages are read only as far as the window needs them."""
    from itertools import chain, islice

    from wati.contract.call import Result
    from wati.output.redaction import excerpt, redact
    from wati.reads import connections, transcript, window

    if context.call.options.output:
        return to_file(context)
    key = context.session.settings.key
    ids = context.call.arguments.get("ids", False)
    limit = context.call.arguments.get("limit", LIMIT)
    asked = context.call.arguments["whatsappNumber"]
    rows, number = context.inbox.either_conversation(asked)
    read = list(islice(rows, limit + 1))
    newest, has_more = read[:limit], len(read) > limit
    read += islice(rows, rows.left)  # the rest of the page costs nothing
    data: dict[str, Any] = {} if number == asked else {"whatsappNumber": number}
    data["window"] = window_member(window.judge(rows, chain(read, rows)))
    operator = transcript.assigned(read)
    if operator:
        data["assigned"] = excerpt(operator, key, 100)
    data["zone"] = transcript.ZONE
    data["days"] = transcript.by_day(reversed(newest), lambda text: str(redact(text, key)), ids=ids)
    if has_more:
        data["more"] = True
    context.remarks += connections.several(context.inbox)
    is_cut = any("cut" in more for day in data["days"].values() for _, _, _, *rest in day for more in rest)
    whole = f"get_messages.py with pageSize {limit} shows it whole"
    notice = f"A row with `cut` is shortened; it has that many characters. {whole}." if is_cut else ""
    return Result(data, notice=notice)


def to_file(context: "Context") -> "Result":
    """The whole conversation, or the newest `limit` rows of it, as a page for people."""
    from functools import partial
    from itertools import islice

    from wati.contract.call import Result
    from wati.contract.failures import Failure
    from wati.output.redaction import redact
    from wati.reads import chats, connections, transcript
    from wati.wire import interrupts

    call, key = context.call, context.session.settings.key
    path = call.options.output
    limit = call.arguments.get("limit")
    beside = context.session.files.beside(path, force=call.options.force) if call.options.media else None
    with context.session.files.download(path, force=call.options.force) as download:
        rows, number = context.inbox.either_conversation(call.arguments["whatsappNumber"], MOST_PAGES)
        read = list(islice(rows, limit))
        if limit is None and not rows.whole:
            message = f"The conversation has more than {MOST_PAGES} pages, so it was not written."
            raise Failure("bad_answer", message, source="wati", outcome="not_sent")
        days = transcript.by_day(
            reversed(read),
            lambda text: str(redact(text, key)),
            ids=call.arguments.get("ids", False),
            longest=chats.LONGEST,
            local=True,
        )
        name = name_of(context, number)
        title = f"{name} ({number})" if name else number
        part = f"The newest {len(read)} rows" if limit is not None and len(read) == limit else "All rows"
        note = f"{part} that WATI has, in the local time of each day."
        data: dict[str, Any] = {"file": path, "rows": len(read)}
        media = Media(context, beside)
        if beside is not None:
            shown = [row for day in days.values() for row in day]
            media.fetch(chats.file_of(row) for row in shown)
            others = filter(None, (chats.file_of(row, "url") for row in shown))
            media.missing |= dict.fromkeys(others, ELSEWHERE)
            data["media"] = media.summary()
            note += f" {len(media.missing)} of its files could not be fetched." if media.missing else ""
        text = chats.page(path, chats.Chat(title, name or number, note, days, media.files))
        download.handle.write(text.encode("utf-8", "replace"))
        interrupts.defer(partial(download.commit))
    context.remarks += connections.several(context.inbox)
    return Result(data)


class Media:
    """The files of a conversation, each fetched once, in a folder beside the page.

    `files`: where each lies, by WATI's name. `missing`: why the others could not be fetched.
    """

    def __init__(self, context: "Context", beside: "Beside | None") -> None:
        self.files: dict[str, str] = {}
        self.missing: dict[str, str] = {}
        self._context = context
        self._beside = beside
        self._bytes = 0

    def fetch(self, names: "Iterable[str]") -> None:
        """Fetch as many as the bounds and the time of the call allow."""
        from wati.contract.failures import Failure

        for number, name in enumerate(dict.fromkeys(filter(None, names)), 1):
            if len(self.files) >= MOST_FILES or self._bytes >= MOST_BYTES:
                self.missing[name] = TOO_MUCH
                continue
            try:
                self.files[name] = self._fetch(number, name)
            except Failure as failure:
                self.missing[name] = failure.code

    def _fetch(self, number: int, name: str) -> str:
        """Fetch one, as get_media does. Returns where it lies, from the page's own folder."""
        import get_media
        from wati.calls.context import Context
        from wati.calls.prepare import prepare
        from wati.contract.call import Call
        from wati.contract.failures import Failure
        from wati.contract.options import Options
        from wati.files.beside import safe_name

        assert self._beside is not None
        left = self._context.gateway.left
        if left <= 0:
            raise Failure("timeout", "The time of the call is over.", source="package")
        self._beside.make()
        own = safe_name(number, name)
        given, force = self._context.call, self._context.call.options.force
        options = Options(output=os.path.join(self._beside.path, own), force=force, timeout=left)
        call = Call(get_media.ENDPOINT, {"fileName": name}, options, given.connection)
        inner = Context(self._context.session, call)
        refused = prepare(inner)
        if refused is not None:
            raise refused
        self._bytes += get_media.perform(inner).data["bytes"]
        return f"{self._beside.name}/{own}"

    def summary(self) -> "dict[str, Any]":
        from wati.output.redaction import excerpt

        assert self._beside is not None
        key = self._context.session.settings.key
        found: dict[str, Any] = {"fetched": len(self.files), "bytes": self._bytes}
        if self.files:
            found["folder"] = self._beside.path
        if self.missing:
            some = list(self.missing.items())[:MOST_MISSING]
            found["not_fetched"] = [{"fileName": excerpt(name, key, 300), "why": why} for name, why in some]
        if len(self.missing) > MOST_MISSING:
            found["more_not_fetched"] = len(self.missing) - MOST_MISSING
        return found


def name_of(context: "Context", number: str) -> str:
    """The contact's name; "" if it cannot be found: the page then shows the number."""
    import json

    from wati.contract.failures import Failure
    from wati.output.redaction import excerpt
    from wati.reads.contacts import names_of
    from wati.reads.matching import Number

    wanted = Number(number)
    condition = {"name": "phone", "operator": "contain", "value": number}
    query = {} if wanted.contact_id else {"attribute": json.dumps([condition])}
    try:
        found = (row for row in context.inbox.contacts(query, 1) if wanted.rank(row) in (0, 1))
        name = next(iter(names_of(next(found, {}))), "")
    except Failure:
        return ""
    return excerpt(name, context.session.settings.key, 100)


def window_member(window: "Window") -> "dict[str, Any]":
    from wati.reads.rows import iso

    if window.open is None or window.until is None:
        return {"unknown": window.why}
    # If no message of the customer was seen, it is not known when the window closed.
    until = {"until": iso(window.until)} if window.by_customer else {}
    return {"open": window.open, **until, **({"seconds_left": int(window.left)} if window.open else {})}


HELPER = Helper(
    name="conversation",
    narrows=("limit", "channelPhoneNumber"),
    perform=perform,
    customer_text=("days", "media.not_fetched"),
    flags=("output", "media", "force"),
    endings=ENDINGS,
    keeps=("whatsappNumber", "more"),
)

if __name__ == "__main__":
    main(HELPER)
