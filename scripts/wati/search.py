"""The search for a message that the journal remembers, in the conversation that it would stand in."""

from __future__ import annotations

import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from wati import lookups, sightings, templates
from wati.failures import Failure
from wati.messages import DELIVERING, LAG_SECONDS, UNRESOLVED

if TYPE_CHECKING:
    from wati.call import Call
    from wati.journal import Entry, Journal, Send

    Row = dict[str, Any]

# WATI sends what exceeds a plan's rate later (documented); its smallest plan takes 30 in 10 seconds.
SECONDS_PER_RECEIVER = 1 / 3
# How far the two clocks may be apart after their difference was taken into account: `Date` has whole seconds,
# and the answer that told it may be as old as a slow call.
CLOCK_SECONDS = 30.0


class Sighting:
    """What one look found of one message. `verdict`: sent, not_seen or unknown; `row`: the one that is it;
    `early`: seconds until WATI surely had the time to show it; `searched`: how many rows of which time.
    """

    def __init__(
        self, receiver: str, verdict: str, *, why: str, row: Row | None, early: float, searched: Row
    ) -> None:
        self.receiver = receiver
        self.verdict = verdict
        self.why = why
        self.row = row
        self.early = early
        self.searched = searched

    def document(self) -> dict[str, Any]:
        found = {"receiver": self.receiver, "verdict": self.verdict, "why": self.why}
        if self.row is None:
            return {**found, "searched": self.searched}
        return {**found, "message": {name: self.row.get(name) for name in _SHOWN}}


_SHOWN = ("id", "created", "statusString", "failedDetail")


class Search:
    """The search for the messages of one send, over the connection that it went by."""

    def __init__(self, call: Call, journal: Journal, send: Send) -> None:
        self._call = call
        self._journal = journal
        self._send = send
        self._digest = journal.digest()

    def look(self, entry: Entry) -> Sighting:
        """Read the conversation back to when the message was sent, and count what is it."""
        rows = lookups.conversation(self._call, entry.receiver)
        kinds: dict[str, list[Row]] = {"same": [], "alike": [], "other": []}
        why = ""
        try:
            for row in rows:
                at = lookups.moment(row)
                if at is not None and at < self._since - CLOCK_SECONDS:
                    break  # newest first (observed)
                kinds[self._likeness(row, entry)].append(row)
            else:
                why = "" if rows.whole else "the conversation is longer than what is read of it"
        except Failure as failure:
            if failure.exit != 4:
                raise
            why = "WATI shows no conversation with this receiver"
        verdict, why = _judged(kinds, self._journal.alike(entry), self._send, why)
        now = rows.now or time.time() + (self._call.gateway.clock or 0.0)
        late = LAG_SECONDS + (len(self._send.entries) - 1) * SECONDS_PER_RECEIVER - (now - self._since)
        return Sighting(
            entry.receiver,
            verdict,
            why=why,
            row=kinds["same"][0] if verdict == "sent" else None,
            early=late + 1.0 if verdict != "sent" and late > 0 else 0.0,  # `Date` has whole seconds
            searched={
                "rows": sum(map(len, kinds.values())),
                "from": iso(self._since - CLOCK_SECONDS),
                "until": iso(now),
            },
        )

    @property
    def _since(self) -> float:
        """When it was sent, by the far side's clock: by the difference then, else by today's."""
        ahead = self._call.gateway.clock if self._send.clock is None else self._send.clock
        return self._send.at + (ahead or 0.0)

    def _likeness(self, row: Row, entry: Entry) -> str:
        body = self._body if entry.kind == "template" else None
        likeness = sightings.likeness(row, entry, self._digest, body)
        is_same_file = entry.kind == "file" and likeness == "alike" and self._has_file(row, entry)
        return "same" if is_same_file else likeness

    @cached_property
    def _body(self) -> str | None:
        """The template's text, to compare what was received with; None where there is none any more."""
        row = lookups.template(self._call, self._send.entries[0].name)
        return None if row is None else templates.body(row)

    def _has_file(self, row: Row, entry: Entry) -> bool:
        """Whether the file of a row has the bytes that were sent; one that cannot be had is not the same."""
        import hashlib
        import tempfile
        from urllib.parse import quote

        from wati.request import Request

        target = f"/wati/api/v1/getMedia?fileName={quote(sightings.media_of(row), safe='')}"
        with tempfile.TemporaryFile() as sink:
            answer = self._call.gateway.exchange(Request("GET", target), "read", self._call.connection, sink)
            sink.seek(0)
            sha256 = hashlib.sha256(sink.read()).hexdigest()
        return answer.saved and self._digest(sha256) == entry.parts["file"]


def _judged(
    kinds: dict[str, list[Row]], alike: list[tuple[Send, Entry]], send: Send, why: str
) -> tuple[str, str]:
    """The verdict on one message: the rows that are it, less those that belong to other sends of the same.

    Where a send lies so near in time that its row may be in the search or not, both are thought through.
    """
    others = [(other, entry) for other, entry in alike if other.id != send.id]
    known = [other.at for other, entry in others if entry.state in DELIVERING]
    most_taken = sum(at >= send.at - 2 * CLOCK_SECONDS for at in known)
    least_taken = sum(at >= send.at for at in known)
    claimed = 1 + sum(
        entry.state in UNRESOLVED and other.at >= send.at - 2 * CLOCK_SECONDS for other, entry in others
    )
    seen = len(kinds["same"])
    if seen - most_taken >= claimed:
        return "sent", ""
    if why:
        return "unknown", why
    if seen - least_taken > 0:
        return "unknown", "the same message was sent more than once, and some of it is there"
    if kinds["alike"]:
        return "unknown", "a message is there that may be it"
    return "not_seen", ""


def iso(at: float) -> str:
    from datetime import datetime, timezone

    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
