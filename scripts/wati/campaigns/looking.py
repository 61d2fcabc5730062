"""Finds out about those in doubt: by what the journal knows of them by now, then in their conversations.

What check_send has found is in the journal, and is taken over from there. What is found here is stored in
both.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.campaigns.records import LEAVES_SECONDS, NOT_SEEN, RowState, Settled
from wati.contract.failures import Failure
from wati.contract.messages import DELIVERING, Message
from wati.journal import once, rules
from wati.journal.entries import Busy, Entry, Send, Unusable
from wati.journal.search import Search, resolve

if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.session import Session
    from wati.campaigns.ledger import Ledger
    from wati.campaigns.records import Job, Row
    from wati.journal.entries import Store
    from wati.journal.search import Sighting

BATCH = 100  # rows that the journal is asked about at once
MOST_SHOWN = 20
_SCRIPT = "send_template_messages_v2"
_SLACK = 60.0  # seconds by which the clocks of a claim and of its send may differ
OFF = "WATI_JOURNAL is off, so nobody in doubt can be looked for."
GO_ON = "Run it again: it goes on with the others."
ASK = (
    "Whoever is unclear stays in doubt, and gets nothing more by itself. Ask the user to look in the inbox "
    "at WATI; run_campaign.py with `again` sends it once more to those whom the user names."
)

# By the state of a message in the journal: the state of its row, and why.
_KNOWN: dict[str, tuple[RowState, str]] = {
    **dict.fromkeys(DELIVERING, ("accepted", "")),
    "rejected": ("rejected", "rejected"),
    "not_seen": ("rejected", NOT_SEEN),
}


def take_over(session: Session, ledger: Ledger, job: Job) -> None:
    """Settle whom the journal of this machine knows more about by now. Reads nothing at WATI."""
    journal = session.journal
    if journal is not None:
        with _usable():
            _Journal(journal, ledger, job).take_over()


def look(context: Context, ledger: Ledger, job: Job) -> dict[str, Any]:
    """Look at everyone in doubt, as far as the time allows; another look goes on where this one ends.

    Returns what the document says about it. Raises Failure if nobody could be looked at.
    """
    journal = context.session.journal
    if journal is None:
        raise Failure("bad_setup", OFF)
    context.use_connection(job.plan["connection"])
    with _usable():
        known = _Journal(journal, ledger, job)
        known.take_over()
        looked = _Look(context, ledger, job, known)
        looked.at_all()
    return {"looked": looked.document()}


class _Doubt(NamedTuple):
    """A row in doubt, and its message in the journal. `is_known`: by the journal of this machine."""

    row: Row
    send: Send
    entry: Entry
    is_known: bool


class _Journal:
    """The journal of this machine, asked about the rows of a job."""

    def __init__(self, store: Store, ledger: Ledger, job: Job) -> None:
        self.store = store
        self._ledger = ledger
        self._job = job
        self._plan = job.plan
        self._channel = self._plan.get("channel_number", "")
        self._template = rules.template_name(self._plan["template_name"])
        self._digest = store.digest()

    def take_over(self) -> None:
        began = self._now()
        after = -1
        while rows := self._ledger.claims.in_doubt(self._job, after, BATCH):
            after = rows[-1].position
            self.open(rows, began)

    def open(self, rows: Sequence[Row], now: float) -> list[_Doubt]:
        """Settle those of whom the journal is certain. Returns the others. `now`: by the database's clock."""
        known, others = [], []
        for one in self._doubts(rows, now - time.time()):
            if one.is_known and one.entry.state in _KNOWN:
                state, why = _KNOWN[one.entry.state]
                answered = one.entry.answered
                known.append(Settled(one.row.position, state, why, answered=answered, send=one.send.id))
            else:
                others.append(one)
        if known:
            self._ledger.claims.looked(self._job, known)
        return others

    def _now(self) -> float:
        with self._ledger.database.reading() as db:
            return self._ledger.database.now(db)

    def _doubts(self, rows: Sequence[Row], ahead: float) -> Iterator[_Doubt]:
        """`ahead`: how far the database's clock is ahead of this machine's."""
        unresolved: dict[int, int] = {}
        messages = [self._message(row) for row in rows]
        for repeat in self.store.repeats(self._plan["connection"], messages, self._channel):
            if repeat.state != "twice":
                unresolved[repeat.position] = repeat.send
        sends: dict[int, Send | None] = {}
        for index, row in enumerate(rows):
            at = (row.claimed_at or 0.0) - ahead
            for number in (row.send, unresolved.get(index)):
                if number is not None and number not in sends:
                    sends[number] = self.store.send(number)
                send = None if number is None else sends[number]
                entry = None if send is None else self._mine(send, row, at)
                if send is not None and entry is not None:
                    yield _Doubt(row, send, entry, is_known=True)
                    break
            else:
                yield self._unknown(row, rows, at)

    def _message(self, row: Row) -> Message:
        return Message("", row.receiver, "template", _values(row), name=self._plan["template_name"])

    def _parts(self, row: Row) -> dict[str, str]:
        return {name: self._digest(value) for name, value in _values(row).items()}

    def _mine(self, send: Send, row: Row, at: float) -> Entry | None:
        """The message of a row in a send of the journal. Another machine's journal has other numbers."""
        if (send.script, send.connection) != (_SCRIPT, self._plan["connection"]):
            return None
        if row.send != send.id and not at - _SLACK <= send.at <= at + LEAVES_SECONDS + _SLACK:
            return None
        parts = self._parts(row)
        for entry in send.entries:
            is_same = entry.receiver == row.receiver and rules.template_name(entry.name) == self._template
            if is_same and rules.agree(entry.parts, parts):
                return entry
        return None

    def _unknown(self, row: Row, rows: Sequence[Row], at: float) -> _Doubt:
        """What it would be in the journal. Its worker ended before, or has a journal of its own."""
        name = self._plan["template_name"]
        chunk = [each for each in rows if each.chunk == row.chunk]  # one request
        entries = [
            Entry(each.receiver, "template", name, self._parts(each), "open", each.person) for each in chunk
        ]
        members = (0, at, None, self._plan["connection"], _SCRIPT, self._channel, entries)
        send = Send(*members, until=at + LEAVES_SECONDS, alive=False, ticks=None)
        return _Doubt(row, send, entries[chunk.index(row)], is_known=False)


class _Look:
    """One look. `counts`: how many it found, by what became of them."""

    def __init__(self, context: Context, ledger: Ledger, job: Job, journal: _Journal) -> None:
        self._context = context
        self._claims = ledger.claims
        self._database = ledger.database
        self._job = job
        self._journal = journal
        self._inbox = context.inbox
        self._inbox.channel = job.plan.get("channel_number", "")
        self._counts = {"accepted": 0, "not_seen": 0, "unclear": 0}
        self._unclear: list[dict[str, str]] = []
        self._early = 0.0
        self._stopped = ""

    def at_all(self) -> None:
        with self._database.reading() as db:
            began = self._database.now(db)
        while rows := self._claims.to_look_at(self._job, began, BATCH):
            for one in self._journal.open(rows, began):
                try:
                    self._at(one)
                except Failure as failure:
                    if not any(self._counts.values()):
                        failure.message = f"Nobody in doubt could be looked at. {failure.message}"
                        raise
                    self._stopped = failure.message
                    return
                self._claims.passed(self._job, one.row.position, began)

    def _at(self, one: _Doubt) -> None:
        if one.is_known and one.entry.state == "unclear":
            return self._stays(one.row, once.ONLY_A_PERSON)
        found = Search(self._inbox, self._journal.store, one.send).find(one.entry)
        if one.is_known:
            resolve(self._journal.store, one.send, found)
        if found.verdict == "unknown":
            self._early = max(self._early, found.early)
            return self._stays(one.row, found.why)
        self._claims.looked(self._job, [_settled(one, found)])
        self._counts["accepted" if found.verdict == "sent" else found.verdict] += 1

    def _stays(self, row: Row, why: str) -> None:
        self._counts["unclear"] += 1
        if len(self._unclear) < MOST_SHOWN:
            self._unclear.append({"whatsappNumber": row.receiver, "why": why})

    def document(self) -> dict[str, Any]:
        left = self._claims.counts(self._job)["in_doubt"] - self._counts["unclear"]
        document: dict[str, Any] = {"counts": self._counts}
        if self._unclear:
            document |= {"unclear": self._unclear, "next": ASK}
        if self._early:
            document["retry_after"] = math.ceil(self._early)
        if left > 0 and self._stopped:
            document["not_looked_at"] = {"count": left, "why": self._stopped, "next": GO_ON}
        return document


def _settled(one: _Doubt, found: Sighting) -> Settled:
    send = one.send.id if one.is_known else None
    if found.verdict == "not_seen":
        return Settled(one.row.position, "rejected", NOT_SEEN, answered=one.entry.answered, send=send)
    identity = (found.row or {}).get("localMessageId")
    message_id = identity if isinstance(identity, str) else ""
    return Settled(
        one.row.position, "accepted", answered=one.entry.answered, message_id=message_id, send=send
    )


def _values(row: Row) -> dict[str, str]:
    return {each["name"]: each["value"] for each in row.content["customParams"]}


@contextmanager
def _usable() -> Iterator[None]:
    """Raises Failure if the journal is busy or cannot be used."""
    try:
        yield
    except (Busy, Unusable) as error:
        raise once.failure(error) from None
