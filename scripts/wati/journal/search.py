"""The search for a message of the journal in the receiver's conversation. It reads; looking.py decides."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.contract.failures import Failure
from wati.contract.messages import LAG_SECONDS
from wati.contract.numbers import spellings
from wati.journal import looking, sightings
from wati.journal.looking import LONGEST_SHOWN, Clocks, Other, Read
from wati.reads.inbox import is_absent
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wati.journal.entries import Entry, Send, Store
    from wati.reads.inbox import Inbox

    Row = dict[str, Any]

# WATI queues what exceeds a plan's rate (documented); the smallest plan takes 30 in 10 seconds.
SECONDS_PER_RECEIVER = 1 / 3
# A malicious far side could make the comparison endless. One template of the greatest length takes about a
# thousand digests.
MOST_DIGESTS = 200_000
_NO_CONVERSATION = "WATI shows no conversation with this receiver, who may not be on WhatsApp"
_SHOWN = ("id", "localMessageId", "created", "statusString", "failedDetail")


class Sighting(NamedTuple):
    """What one search says about one message."""

    receiver: str
    verdict: str  # sent, not_seen or unknown
    why: str
    row: Row | None  # the message, if it was found
    early: float  # seconds after which another look may say more; 0 if none would
    searched: Row  # how many rows were compared, and from what time

    def document(self) -> dict[str, Any]:
        found = {"receiver": self.receiver, "verdict": self.verdict, "why": self.why}
        return {**found, **({"searched": self.searched} if self.row is None else _shown(self.row))}


class Fate(NamedTuple):
    """What became of one message that WATI accepted."""

    receiver: str
    status: str  # one of looking.STATUSES, not_found or unclear
    why: str
    row: Row | None

    def document(self) -> dict[str, Any]:
        found = {"receiver": self.receiver, "status": self.status, "why": self.why}
        return {**found, **({} if self.row is None else _shown(self.row))}


def _shown(row: Row) -> dict[str, Any]:
    texts = {name: text for name in _SHOWN if isinstance(text := row.get(name), str)}
    return {"message": {name: text for name, text in texts.items() if len(text) <= LONGEST_SHOWN}}


def ran(send: Send) -> float | None:
    """For how long the machine has surely run since a send could last leave; None if that is not known.

    Nobody can set this clock. It counts from the start of the machine, and a process from before it is dead.
    """
    if send.ticks is None:
        return None
    ticks = time.monotonic()
    since_entered = ticks - send.ticks if ticks >= send.ticks else ticks
    return since_entered - (send.until - send.at)


def resolve(journal: Store, send: Send, one: Sighting) -> None:
    """Store in the journal what a search said about one message of a send."""
    if one.verdict != "unknown":
        journal.resolve(send.id, [one.receiver], one.verdict)
    elif one.early <= 0:
        journal.resolve(send.id, [one.receiver], "unclear")


class _TooMuch(Exception):
    """MOST_DIGESTS are used up."""


class Search:
    """The search for the messages of one send, over the connection that it used."""

    def __init__(self, inbox: Inbox, journal: Store, send: Send) -> None:
        self._inbox = inbox
        self._journal = journal
        self._send = send
        self._keyed = journal.digest()
        self._digests = 0
        self._forms: dict[str, sightings.Form | None] = {}
        self._contents: dict[str, str | None] = {}
        self._dates: list[float] = []  # of the look at one receiver

    def find(self, entry: Entry) -> Sighting:
        """Read the conversation back to when the message was sent, and judge its rows."""
        self._dates = []
        alive, reads = self._send.alive, []
        if not alive:
            *_, reads = self._reads(entry)
        clocks = self._clocks()
        means = looking.Means(self._digest, None, self._content) if alive else self._means(entry)
        try:
            found = looking.judge(entry, reads, self._others(entry, clocks), clocks, means, alive=alive)
        except _TooMuch:
            found = looking.Judged("unknown", looking.TOO_MUCH, None, 0.0)
        now = clocks.now + min(clocks.seen)
        searched = {"rows": len(looking.distinct(reads)), "from": iso(clocks.begins), "until": iso(now)}
        if len(numbers := self.numbers(entry)) > 1:
            searched["under"] = numbers
        return Sighting(entry.receiver, found.verdict, found.why, found.row, found.early, searched)

    def fate(self, entry: Entry) -> Fate:
        """How far a message got that WATI accepted."""
        self._dates = []
        means, reads = self._means(entry), []
        try:
            for reads in self._reads(entry):
                clocks = self._clocks()
                others = self._others(entry, clocks)
                if looking.is_enough(entry, reads, others, clocks, means):
                    break
            found = looking.fate(entry, reads, others, clocks, means)
        except _TooMuch:
            found = looking.Fate("unclear", looking.TOO_MUCH, None)
        return Fate(entry.receiver, found.status, found.why, found.row)

    def _reads(self, entry: Entry) -> Iterator[list[Read]]:
        """What is read of the conversation, after each page, back to when the message was sent.

        WATI may have it under the number that was asked for, the one that was answered, or another spelling.
        """
        done: list[Read] = []
        numbers, absent = self.numbers(entry), 0
        for number in numbers:
            rows, before = self._inbox.conversation(number), self._dates
            read: list[Row] = []
            whole, failed = True, ""
            try:
                for row in rows:
                    read.append(row)
                    if rows.left == 0:
                        self._dates = [*before, *rows.clocks]
                        yield [*done, Read(read, whole=False)]
                        if looking.reaches(read, self._clocks().begins):
                            break
                whole = rows.whole
            except Failure as failure:
                if failure.exit != 4:
                    raise
                is_none = is_absent(failure) and not read
                absent += is_none
                failed = "" if is_none else _NO_CONVERSATION
            self._dates = [*before, *rows.clocks]
            done.append(Read(read, whole, failed))
        yield [Read([], failed=_NO_CONVERSATION)] if absent == len(numbers) else done

    @staticmethod
    def numbers(entry: Entry) -> list[str]:
        """Every number or id that WATI may have the conversation under."""
        numbers = [name for name in (entry.answered, entry.person) if name.isdigit()]
        return list(dict.fromkeys(each for name in (entry.receiver, *numbers) for each in spellings(name)))

    def _clocks(self) -> Clocks:
        """The times of the send and the look. Without a `Date`, the difference that was last known counts."""
        send, dates, known = self._send, tuple(self._dates), self._inbox.gateway.clock
        if not dates and send.clock is None and known is not None:
            dates = (known,)
        lag = LAG_SECONDS + (len(send.entries) - 1) * SECONDS_PER_RECEIVER
        return Clocks(send.at, send.until, lag, time.time(), ran(send), send.clock, dates)

    def _others(self, entry: Entry, clocks: Clocks) -> list[Other]:
        """The other messages that rows since the send may be; a list can have one person twice."""
        since = clocks.begins - max(clocks.possible) - looking.SLACK  # by this machine's clock
        others = self._journal.others(self._send, entry, since)
        twins = (each for each in self._send.entries if each.person == entry.person)
        own = (each for each in twins if each.receiver != entry.receiver)
        return [*map(Other._make, others), *(Other(clocks.at, clocks.until, each) for each in own)]

    def _means(self, entry: Entry) -> looking.Means:
        form = self._form(entry.name) if entry.kind == "template" else None
        return looking.Means(self._digest, form, self._content)

    def _digest(self, text: str) -> str:
        self._digests += 1
        if self._digests > MOST_DIGESTS:
            raise _TooMuch
        return self._keyed(text)

    def _form(self, name: str) -> sightings.Form | None:
        """The template as it is now, read once; None if it is gone."""
        if name not in self._forms:
            row = self._inbox.template(name)
            self._forms[name] = None if row is None else sightings.Form(row)
        return self._forms[name]

    def _content(self, name: str) -> str | None:
        """The digest of a file at WATI, fetched once; None if it cannot be fetched."""
        if name not in self._contents:
            self._contents[name] = self._fetched(name)
        return self._contents[name]

    def _fetched(self, name: str) -> str | None:
        import hashlib
        import tempfile
        from urllib.parse import quote

        from wati.wire.request import Request

        request = Request("GET", f"/wati/api/v1/getMedia?fileName={quote(name, safe='', errors='replace')}")
        sha256 = hashlib.sha256()
        with tempfile.TemporaryFile() as sink:
            answer = self._inbox.gateway.exchange(request, "read", self._inbox.connection, sink)
            sink.seek(0)
            while chunk := sink.read(1 << 20):
                sha256.update(chunk)
        return self._keyed(sha256.hexdigest()) if answer.saved else None
