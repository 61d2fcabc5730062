"""The send journal in one SQLite file: who was sent what, over which connection, and what became of it.

It keeps keyed hashes of messages, never their text. The check for a repeat and the new entry are one
transaction, so of two processes with the same message only one may send it.

A receiver is a *person*: all spellings of a number are one (contract/numbers.py), and an id is the number
that an answer or the contacts gave for it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from wati.contract.messages import MENTION_SECONDS, UNRESOLVED, Message
from wati.contract.numbers import person
from wati.contract.options import LONGEST_TIMEOUT
from wati.journal import candidates, hashes, repeats, rules, schema, uptime
from wati.journal.entries import PATIENCE, USUAL_SECONDS, Busy, Entry, Repeat, Repeats, Send
from wati.journal.owners import Owners
from wati.journal.waiting import Wait

_SETTLE_SECONDS = 60.0  # the message is out, so its entry is worth a longer wait
_MOST_FORGOTTEN = 10_000  # messages at once, so that nobody waits for it

_UNRESOLVED = f"state IN {UNRESOLVED}"
# The messages of a call, before anything is locked. SQLite puts them on the disk if they are many.
_STAGED = """
CREATE TEMP TABLE staged (position INTEGER PRIMARY KEY, at TEXT, receiver TEXT, kind TEXT, name TEXT,
    parts TEXT, digest TEXT, person TEXT)
"""
# What the answer says of each receiver.
_OUTCOMES = "CREATE TEMP TABLE outcomes (receiver TEXT PRIMARY KEY, state TEXT) WITHOUT ROWID"


class Journal:
    """The journal at `path`; implements `Store`. `place`: its far side; sends to another one are not seen."""

    def __init__(self, path: str, place: str, clock: Callable[[], float] | None = None) -> None:
        self.path = path
        self._place = place
        self._clock = clock or time.time
        self._ticks = clock or time.monotonic
        self._uptime = uptime.now if clock is None else uptime.unknown
        self._owners = Owners(path)

    def enter(
        self,
        script: str,
        connection: str,
        messages: Iterable[Message],
        clock: float | None,
        *,
        again: bool,
        channel: str = "",
        until: float | None = None,
        wait: float = PATIENCE,
    ) -> int | Repeats:
        patience = Wait(wait)
        send = 0
        with schema.opened(self.path, patience) as db:
            count = self._stage(db, connection, messages, patience)
            try:
                with schema.writing(db, patience):
                    now = self._clock()
                    _see(db, now)
                    self._know(db, connection)
                    found = () if again else self._repeats(db, channel, rules.LONGEST_STOP, patience)
                    refused = Repeats(repeat for repeat in found if repeat.refused)
                    if refused.count:
                        return refused
                    latest = now + USUAL_SECONDS if until is None else until
                    named = (self._place, connection, script, channel)
                    members = (now, clock, *named, latest, self._ticks(), *self._uptime())
                    send = self._insert(db, members, count)
            except BaseException:
                if send:
                    self._owners.release(send)
                raise
        return send

    def _insert(self, db: sqlite3.Connection, members: tuple[object, ...], count: int) -> int:
        """The entry of what is staged. It is claimed before anyone can see it."""
        send = db.execute(
            "INSERT INTO sends (at, clock, place, connection, script, channel, until, ticks, boot, up) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            members,
        ).lastrowid
        assert send is not None
        block = candidates.block(send, count)
        owned = self._owners.claim(send)
        db.execute("UPDATE sends SET owned = ?, block = ? WHERE id = ?", (owned, block, send))
        db.execute(
            "INSERT INTO messages SELECT ?, receiver, kind, name, parts, digest, 'open', person, '', ? "
            "FROM temp.staged ORDER BY position",
            (send, block),
        )
        return send

    def repeats(
        self,
        connection: str,
        messages: Iterable[Message],
        channel: str = "",
        *,
        wait: float = PATIENCE,
        within: float = MENTION_SECONDS,
    ) -> Iterator[Repeat]:
        if not os.path.exists(self.path):
            return
        patience = Wait(wait)
        with schema.opened(self.path, patience) as db:
            self._stage(db, connection, messages, patience)
            with schema.reading(db, patience):
                self._know(db, connection)
                yield from self._repeats(db, channel, within, patience)

    def _repeats(self, db: sqlite3.Connection, channel: str, seconds: float, wait: Wait) -> Iterator[Repeat]:
        now, up = self._clock(), self._uptime()
        before = candidates.before(db, channel, now, up, seconds)
        return repeats.found(candidates.twice(db), wait.heeded(before), now, up, seconds)

    def _stage(self, db: sqlite3.Connection, connection: str, messages: Iterable[Message], wait: Wait) -> int:
        """Hash the messages, and put them beside the journal. Returns how many they are."""
        with schema.reading(db, wait):
            digest = schema.keyed(db)
        db.execute(_STAGED)
        db.execute("BEGIN")
        rows = hashes.hashed(digest, self._place, connection, wait.heeded(messages))
        count = db.executemany("INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows).rowcount
        db.execute("CREATE INDEX temp.staged_persons ON staged (person, digest)")
        db.execute("COMMIT")
        return count

    def _know(self, db: sqlite3.Connection, connection: str) -> None:
        """Who the staged receivers are, by what the answers and the contacts have said."""
        where = "place = ? AND connection = ?"
        mine = (self._place, connection)
        if db.execute(f"SELECT 1 FROM aliases WHERE {where} LIMIT 1", mine).fetchone():
            known = f"SELECT aliases.person FROM aliases WHERE {where} AND alias = staged.person"
            db.execute(f"UPDATE staged SET person = ({known}) WHERE EXISTS ({known})", mine * 2)

    def settle(
        self,
        send: int,
        state: str,
        by_receiver: Mapping[str, str] | None = None,
        answered: Mapping[str, str] | None = None,
    ) -> None:
        wait = Wait(_SETTLE_SECONDS, deaf=True)
        own = by_receiver or {}
        try:
            with schema.opened(self.path, wait) as db:
                _note_outcomes(db, own.items())
                with schema.writing(db, wait):
                    for other in set(own.values()):
                        _move(db, send, other, rules.BY_SENDER, only=True)
                    _move(db, send, state, rules.BY_SENDER)
                    # This is the latest moment at which it can have left, by the clock that nobody sets. If
                    # the process was stopped in the door, it is later than the one that was allowed.
                    until = "UPDATE sends SET until = at + ? - ticks WHERE id = ? AND ticks <= ?"
                    db.execute(until, (ticks := self._ticks(), send, ticks))
                    self._answered(db, send, answered or {})
                at_once = Wait(0.0, deaf=True)  # if it cannot be now, then next time
                with suppress(Busy, sqlite3.Error), schema.writing(db, at_once):
                    _forget(db, self._clock(), self._uptime())
        finally:
            self._owners.release(send)

    def _answered(self, db: sqlite3.Connection, send: int, numbers: Mapping[str, str]) -> None:
        if numbers:
            db.execute("CREATE TEMP TABLE answered (receiver TEXT PRIMARY KEY, number TEXT) WITHOUT ROWID")
            db.executemany("INSERT OR REPLACE INTO answered VALUES (?, ?)", numbers.items())
            number = "SELECT number FROM answered WHERE answered.receiver = messages.receiver"
            db.execute(
                f"UPDATE messages SET answered = ({number}) WHERE send = ? AND EXISTS ({number})", (send,)
            )
        sent = db.execute("SELECT connection FROM sends WHERE id = ?", (send,)).fetchone()
        if sent:
            _learn(db, self._place, sent[0], numbers)

    def resolve(self, send: int, receivers: Collection[str], state: str) -> None:
        wait = Wait(PATIENCE)
        with schema.opened(self.path, wait) as db:
            _note_outcomes(db, ((receiver, state) for receiver in receivers))
            with schema.writing(db, wait):
                _move(db, send, state, rules.BY_LOOK, only=True)

    def learn(self, connection: str, numbers: Mapping[str, str]) -> None:
        with self._writing() as db:
            _learn(db, self._place, connection, numbers)

    def number_of(self, receiver: str) -> str:
        if not os.path.exists(self.path):
            return ""
        with self._reading() as db:
            known = "SELECT person FROM aliases WHERE place = ? AND alias = ? ORDER BY rowid DESC"
            row = db.execute(known, (self._place, person(receiver))).fetchone()
            return str(row[0]) if row else ""

    def send(self, number: int) -> Send | None:
        with self._reading() as db:
            rows = db.execute("SELECT * FROM sends WHERE id = ? AND place = ?", (number, self._place))
            return next((self._send(db, row) for row in rows), None)

    def unresolved(self) -> list[Send]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT * FROM sends WHERE place = ? AND id IN "
                f"(SELECT send FROM messages WHERE {_UNRESOLVED}) ORDER BY id DESC",
                (self._place,),
            ).fetchall()
            return [self._send(db, row) for row in rows]

    def recent(self, most: int) -> list[Send]:
        with self._reading() as db:
            query = "SELECT * FROM sends WHERE place = ? ORDER BY id DESC LIMIT ?"
            return [self._send(db, row) for row in db.execute(query, (self._place, most)).fetchall()]

    def others(self, send: Send, entry: Entry, since: float) -> list[tuple[float, float, Entry]]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, until, messages.* FROM messages JOIN sends ON send = id "
                "WHERE at >= :oldest AND until >= :since AND id != :send AND place = :place "
                "AND connection = :connection AND person = :person "
                f"AND kind = :kind AND lower(name) = lower(:name) AND {candidates.SAME_CHANNEL}",
                {
                    "since": since,
                    "oldest": since - LONGEST_TIMEOUT,  # there is an index by `at`
                    "send": send.id,
                    "place": self._place,
                    "connection": send.connection,
                    "channel": send.channel,
                    "person": entry.person,
                    "kind": entry.kind,
                    "name": entry.name,
                },
            )
            return [(row["at"], row["until"], _entry(row)) for row in rows]

    def digest(self) -> Callable[[str], str]:
        with self._reading() as db:
            return schema.keyed(db)

    def _send(self, db: sqlite3.Connection, row: sqlite3.Row) -> Send:
        entries = db.execute("SELECT * FROM messages WHERE send = ? ORDER BY rowid", (row["id"],))
        members = (row["id"], row["at"], row["clock"], row["connection"], row["script"], row["channel"])
        found = [_entry(each) for each in entries]
        alive = any(entry.state == "open" for entry in found)  # who has settled a send has done with it
        if alive:
            owned = self._owners.has(row["id"]) if row["owned"] else None
            alive = rules.is_alive(owned, row["until"], self._clock())
        return Send(*members, found, row["until"], alive, row["ticks"])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        wait = Wait(PATIENCE)
        with schema.opened(self.path, wait) as db, schema.reading(db, wait):
            yield db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        wait = Wait(PATIENCE)
        with schema.opened(self.path, wait) as db, schema.writing(db, wait):
            yield db


def _note_outcomes(db: sqlite3.Connection, outcomes: Iterable[tuple[str, str]]) -> None:
    db.execute(_OUTCOMES)
    db.execute("BEGIN")
    db.executemany("INSERT OR REPLACE INTO outcomes VALUES (?, ?)", outcomes)
    db.execute("COMMIT")


def _move(
    db: sqlite3.Connection, send: int, state: str, moves: Mapping[str, tuple[str, ...]], *, only: bool = False
) -> None:
    """Move messages of a send to a state, from those that the rules allow. `only`: of whom it was noted."""
    move = f"UPDATE messages SET state = ? WHERE send = ? AND state IN ({_listed(moves[state])})"
    noted = "EXISTS (SELECT 1 FROM outcomes AS own WHERE own.receiver = messages.receiver AND own.state = ?)"
    db.execute(f"{move} AND {noted}" if only else move, (state, send, *([state] if only else [])))


def _listed(states: Iterable[str]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _see(db: sqlite3.Connection, now: float) -> None:
    """Note when a date was first seen to be in the future."""
    db.execute("UPDATE sends SET seen = ? WHERE at > ? AND (seen IS NULL OR seen > ?)", (now, now, now))


def _forget(db: sqlite3.Connection, now: float, up: uptime.Uptime) -> None:
    """Delete some of what is old and settled. What is unresolved stays until someone has looked."""
    newest = "SELECT coalesce(max(at), 0) FROM sends WHERE at <= ?"
    (latest,) = db.execute(newest, (now,)).fetchone()
    (witness,) = db.execute(newest, (latest - rules.WITNESSED_SECONDS,)).fetchone()
    unresolved = f"SELECT 1 FROM messages WHERE send = sends.id AND {_UNRESOLVED}"
    is_new = "boot = ? AND boot != '' AND up > ?"  # whatever its date says
    old = f"SELECT id FROM sends WHERE at < ? AND NOT ({is_new}) AND NOT EXISTS ({unresolved})"
    values = (rules.forgettable(witness), up.boot, up.seconds - MENTION_SECONDS)
    left = _MOST_FORGOTTEN
    for (send,) in db.execute(old, values).fetchall():
        some = "SELECT rowid FROM messages WHERE send = ? LIMIT ?"
        left -= db.execute(f"DELETE FROM messages WHERE rowid IN ({some})", (send, left)).rowcount
        if not left:
            return
        db.execute("DELETE FROM sends WHERE id = ?", (send,))


def _learn(db: sqlite3.Connection, place: str, connection: str, numbers: Mapping[str, str]) -> None:
    """From now on, each id is the person with its number, also in what was sent before."""
    where = "place = ? AND connection = ?"
    mine = (place, connection)

    def known(alias: str) -> str:
        row = db.execute(f"SELECT person FROM aliases WHERE {where} AND alias = ?", (*mine, alias)).fetchone()
        return row[0] if row else alias

    for alias, who in rules.identities(numbers, known):
        db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)", (*mine, alias, who))
        db.execute(f"UPDATE aliases SET person = ? WHERE person = ? AND {where}", (who, alias, *mine))
        sends = f"SELECT id FROM sends WHERE {where}"
        db.execute(
            f"UPDATE messages SET person = ? WHERE person = ? AND send IN ({sends})", (who, alias, *mine)
        )


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(*(row[member] for member in Entry._fields))
