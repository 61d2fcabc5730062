"""The search for a message of the journal in the receiver's conversation."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.contract.failures import Failure
from wati.contract.messages import DELIVERING, LAG_SECONDS, UNRESOLVED
from wati.contract.numbers import spellings
from wati.journal import sightings
from wati.reads.inbox import is_absent
from wati.reads.rows import iso, moment, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.journal.entries import Entry, Send, Store
    from wati.reads.inbox import Inbox, Rows

    Row = dict[str, Any]
    Enough = Callable[[dict[str, list[Row]]], bool]

# WATI queues what exceeds a plan's rate (documented); the smallest plan takes 30 in 10 seconds.
SECONDS_PER_RECEIVER = 1 / 3
# How inexact the known difference between the two clocks may be: `Date` has whole seconds, and the answer
# that had it may be as old as a slow call.
CLOCK_SECONDS = 30.0
# A malicious far side could make the comparison endless. One template of the greatest length takes about a
# thousand digests.
MOST_DIGESTS = 200_000
_LONGEST_SHOWN = 500
_NO_CONVERSATION = "WATI shows no conversation with this receiver, who may not be on WhatsApp"


_SHOWN = ("id", "localMessageId", "created", "statusString", "failedDetail")


class Sighting(NamedTuple):
    """What one search says about one message."""

    receiver: str
    verdict: str  # sent, not_seen or unknown
    why: str
    row: Row | None  # the message, if it was found
    early: float  # seconds until WATI has certainly had the time to show it
    searched: Row  # how many rows were compared, and from what time

    def document(self) -> dict[str, Any]:
        found = {"receiver": self.receiver, "verdict": self.verdict, "why": self.why}
        return {**found, **({"searched": self.searched} if self.row is None else _shown(self.row))}


def _shown(row: Row) -> dict[str, Any]:
    texts = {name: text for name in _SHOWN if isinstance(text := row.get(name), str)}
    return {"message": {name: text for name, text in texts.items() if len(text) <= _LONGEST_SHOWN}}


class Fate(NamedTuple):
    """What became of one message that WATI accepted."""

    receiver: str
    status: str  # one of STATUSES, not_found or unclear
    why: str
    row: Row | None

    def document(self) -> dict[str, Any]:
        found = {"receiver": self.receiver, "status": self.status, "why": self.why}
        return {**found, **({} if self.row is None else _shown(self.row))}


# WATI's words for how far a message of ours got (observed).
STATUSES = ("sent", "delivered", "read", "replied", "failed")


class _Compared(NamedTuple):
    """The rows of a conversation since a send: by how much they resemble its message."""

    kinds: dict[str, list[Row]]
    why: str  # why the rows may not be all of them; "" if they are
    now: float  # by the far side's clock


def _agree(one: Entry, other: Entry, parts: list[str]) -> bool:
    """Whether two messages have the same of all that a row shows."""
    return all(one.parts.get(part) == other.parts.get(part) for part in parts)


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

    def find(self, entry: Entry) -> Sighting:
        """Read the conversation back to when the message was sent, and count its rows."""
        kinds, why, now = self._compared(entry)
        late = self._shown_by - now
        verdict, why = self._verdict(entry, kinds, self._form_of(entry), why, now - self._since)
        message = kinds["same"][0] if verdict == "sent" else None
        early = late + 1.0 if verdict != "sent" and late > 0 else 0.0  # `Date` has whole seconds
        searched = {"rows": sum(map(len, kinds.values())), "from": iso(self._since - CLOCK_SECONDS)}
        if len(numbers := self.numbers(entry)) > 1:
            searched["under"] = numbers
        return Sighting(entry.receiver, verdict, why, message, early, {**searched, "until": iso(now)})

    def fate(self, entry: Entry) -> Fate:
        """How far a message got that WATI accepted, by its row.

        It is known to be accepted, so a row of its time that only resembles it counts, too: a template that
        lacks a value shows another text than the one that was sent.
        """
        since, until = self._since - CLOCK_SECONDS, self._shown_by + CLOCK_SECONDS
        others = [
            other
            for at, other in self._journal.others(self._send, entry, self._send.at - 2 * CLOCK_SECONDS)
            if at <= self._send.at + (until - since) and other.state in (*DELIVERING, *UNRESOLVED)
        ]

        def timely(rows: list[Row]) -> list[Row]:
            return [row for row in rows if since <= (moment(row) or 0.0) <= until]

        def enough(kinds: dict[str, list[Row]]) -> bool:
            return len(timely(kinds["same"])) > len(others)

        kinds, why, now = self._compared(entry, enough)
        if found := timely(kinds["same"]):
            parts = sightings.visible_parts(entry, self._form_of(entry))
            others = [each for each in others if _agree(each, entry, parts)]
        else:
            found = timely(kinds["alike"])
        if not found:
            if not why and now < self._shown_by:
                why = "WATI may not show it yet"
            known = "unclear" if why else "not_found"
            return Fate(entry.receiver, known, why or "no row of that time is this message", None)
        endings = {(text_of(row, "statusString"), text_of(row, "failedDetail")) for row in found}
        if len(endings) > 1 or len(found) <= len(others):
            why = "several messages that look the same were sent at that time"
            return Fate(entry.receiver, "unclear", why, None)
        ((status, detail),) = endings
        known = str(status).lower()
        if known not in STATUSES:
            return Fate(entry.receiver, "unclear", "its row has no status that is known", found[0])
        reason = (detail or "WATI gives no reason")[:_LONGEST_SHOWN] if known == "failed" else ""
        return Fate(entry.receiver, known, reason, found[0])

    def _compared(self, entry: Entry, enough: Enough = lambda _: False) -> _Compared:
        """Read back to when the message was sent, or up to the end of the page by which it is `enough`.

        WATI may have it under the number that was asked for, the one that was answered, or another spelling.
        """
        kinds: dict[str, list[Row]] = {"same": [], "alike": [], "other": []}
        seen: set[str] = set()  # rows that WATI shows under two numbers
        whys, missing, nows = [], 0, []
        numbers = self.numbers(entry)
        for number in numbers:
            rows = self._inbox.conversation(number)
            try:
                whys.append(self._count(rows, entry, kinds, seen, enough))
            except _TooMuch:
                whys.append("there is too much to compare")
            except Failure as failure:
                if failure.exit != 4:
                    raise
                missing += is_absent(failure)
                whys.append("" if is_absent(failure) else _NO_CONVERSATION)
            nows.append(rows.now)
            if enough(kinds):
                break
        why = _NO_CONVERSATION if missing == len(numbers) else next(filter(None, whys), "")
        known = [each for each in nows if each]
        now = min(known) if known else time.time() + (self._inbox.gateway.clock or 0.0)
        return _Compared(kinds, why, now)

    @staticmethod
    def numbers(entry: Entry) -> list[str]:
        """Every number or id that WATI may have the conversation under."""
        numbers = [name for name in (entry.answered, entry.person) if name.isdigit()]
        return list(dict.fromkeys(each for name in (entry.receiver, *numbers) for each in spellings(name)))

    def _count(
        self, rows: Rows, entry: Entry, kinds: dict[str, list[Row]], seen: set[str], enough: Enough
    ) -> str:
        """Sort the rows by their likeness. Returns why not all of that time were read; "" if they were."""
        form = self._form_of(entry)
        for row in rows:
            at = moment(row)
            if at is not None and at < self._since - CLOCK_SECONDS:
                if rows.left == 0:
                    return ""  # rows come newest first (observed), but not strictly: finish the page
                continue
            name = row.get("id")
            if isinstance(name, str) and name in seen:
                continue
            likeness = sightings.likeness(row, entry, self._digest, form, self._content)
            kinds["alike" if likeness == "same" and at is None else likeness].append(row)
            if isinstance(name, str):
                seen.add(name)
            if rows.left == 0 and enough(kinds):
                break
        return "" if rows.whole else "the conversation is longer than the part that is read"

    def _verdict(
        self, entry: Entry, kinds: dict[str, list[Row]], form: sightings.Form | None, why: str, passed: float
    ) -> tuple[str, str]:
        """The verdict on one message: its rows are counted, less those that other sends account for.

        Other sends count if their rows look the same: a text with other buttons, a template with another
        link. The row of a send that is close in time may be outside the search, or may not show yet; so both
        cases are considered. `passed`: seconds since the send.
        """
        since, parts = self._send.at - 2 * CLOCK_SECONDS, sightings.visible_parts(entry, form)
        others = [
            (at - self._send.at, other.state)
            for at, other in self._journal.others(self._send, entry, since)
            if _agree(other, entry, parts)
        ]
        known = [after for after, state in others if state in DELIVERING]
        most_taken = len(known)
        least_taken = sum(0 <= after <= passed - LAG_SECONDS for after in known)
        claimed = 1 + sum(state in UNRESOLVED for _, state in others)
        seen = len(kinds["same"])
        if seen - most_taken >= claimed:
            return "sent", ""
        if why:
            return "unknown", why
        if seen - least_taken > 0:
            why = "several messages that look the same were sent at that time, and not all of them were found"
            return "unknown", why
        if kinds["alike"]:
            return "unknown", "a similar message was found, and that may be it"
        if entry.state == "unpaired":
            return "unknown", "WATI's answer named someone else, and this receiver may be that one"
        return "not_seen", ""

    @property
    def _since(self) -> float:
        """When it was sent, by the far side's clock. The difference then is used, or else the one now."""
        ahead = self._inbox.gateway.clock if self._send.clock is None else self._send.clock
        return self._send.at + (ahead or 0.0)

    @property
    def _shown_by(self) -> float:
        """When WATI's lists show all of the send."""
        return self._since + LAG_SECONDS + (len(self._send.entries) - 1) * SECONDS_PER_RECEIVER

    def _digest(self, text: str) -> str:
        self._digests += 1
        if self._digests > MOST_DIGESTS:
            raise _TooMuch
        return self._keyed(text)

    def _form_of(self, entry: Entry) -> sightings.Form | None:
        return self._form(entry.name) if entry.kind == "template" else None

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
