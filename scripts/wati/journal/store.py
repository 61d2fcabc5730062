"""The send journal in one SQLite file: who was sent what, over which connection, and what became of it.

It keeps keyed hashes of messages, never their text. The check for a repeat and the new entry are one
transaction, so of two processes with the same message only one may send it.

A receiver is a *person*: all spellings of a number are one (contract/numbers.py), and an id is the number
that an answer or the contacts gave for it.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import groupby

from wati.contract.messages import DELIVERING, MENTION_SECONDS, UNRESOLVED, Message
from wati.contract.numbers import person
from wati.contract.options import LONGEST_TIMEOUT
from wati.journal import rules, schema
from wati.journal.entries import PATIENCE, Busy, Entry, Repeat, Send
from wati.journal.owners import Owners

_SETTLE_SECONDS = 60.0  # the message is out, so its entry is worth a longer wait
_MOST_FORGOTTEN = 10_000  # messages at once, so that nobody waits for it

_UNRESOLVED = f"state IN {UNRESOLVED}"
# A customer sees which of the account's numbers writes, so the same words from another one are another
# message. Which number is the default is not known, so a send that names none may be from any of them.
_SAME_CHANNEL = "(channel = '' OR :channel = '' OR channel = :channel)"
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
    ) -> int | list[Repeat]:
        deadline = time.monotonic() + wait
        send = 0
        with schema.opened(self.path, deadline) as db:
            count = self._stage(db, connection, messages, deadline)
            try:
                with schema.writing(db, deadline):
                    now = self._clock()
                    _see(db, now)
                    self._know(db, connection)
                    found = [] if again else _repeats(db, count, channel, now, rules.LONGEST_STOP)
                    if refused := [repeat for repeat in found if repeat.refused]:
                        return refused
                    latest = now + schema.USUAL_SECONDS if until is None else until
                    named = (self._place, connection, script, channel)
                    members = (now, clock, *named, latest, self._ticks(), count)
                    send = self._insert(db, members)
            except BaseException:
                if send:
                    self._owners.release(send)
                raise
        return send

    def _insert(self, db: sqlite3.Connection, members: tuple[object, ...]) -> int:
        """The entry of what is staged. It is claimed before anyone can see it."""
        send = db.execute(
            "INSERT INTO sends (at, clock, place, connection, script, channel, until, ticks, size) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            members,
        ).lastrowid
        assert send is not None
        db.execute("UPDATE sends SET owned = ? WHERE id = ?", (self._owners.claim(send), send))
        db.execute(
            "INSERT INTO messages SELECT ?, receiver, kind, name, parts, digest, 'open', person, '' "
            "FROM temp.staged ORDER BY position",
            (send,),
        )
        return send

    def repeats(
        self, connection: str, messages: Iterable[Message], channel: str = "", *, wait: float = PATIENCE
    ) -> list[Repeat]:
        if not os.path.exists(self.path):
            return []
        deadline = time.monotonic() + wait
        with schema.opened(self.path, deadline) as db:
            count = self._stage(db, connection, messages, deadline)
            with schema.reading(db, deadline):
                self._know(db, connection)
                return _repeats(db, count, channel, self._clock(), MENTION_SECONDS)

    def _stage(
        self, db: sqlite3.Connection, connection: str, messages: Iterable[Message], deadline: float
    ) -> int:
        """Hash the messages, and put them beside the journal. Returns how many they are."""
        with schema.reading(db, deadline):
            digest = schema.keyed(db)
        templates: dict[str, str] = {}  # all messages of one template have the same digest

        def row(position: int, message: Message) -> tuple[object, ...]:
            kind, name = message.kind, message.name
            parts = json.dumps({part: digest(text) for part, text in message.parts.items()})
            hashed = templates.get(name) if kind == "template" else None
            if hashed is None:
                hashed = digest(schema.content(self._place, connection, kind, name, parts))
                if kind == "template":
                    templates[name] = hashed
            return position, message.at, message.receiver, kind, name, parts, hashed, person(message.receiver)

        db.execute(_STAGED)
        db.execute("BEGIN")
        rows = (row(position, message) for position, message in enumerate(messages))
        count = db.executemany("INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows).rowcount
        db.execute("CREATE INDEX temp.staged_persons ON staged (person, digest)")
        db.execute("COMMIT")
        return max(0, count)

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
        deadline = time.monotonic() + _SETTLE_SECONDS
        own = by_receiver or {}
        try:
            with schema.opened(self.path, deadline) as db:
                _note_outcomes(db, own.items())
                with schema.writing(db, deadline):
                    for other in set(own.values()):
                        _move(db, send, other, rules.BY_SENDER, only=True)
                    _move(db, send, state, rules.BY_SENDER)
                    # Nothing leaves after this. By the clock that nobody sets: it is the same process.
                    earlier = (
                        "UPDATE sends SET until = min(until, at + ? - ticks) WHERE id = ? AND ticks <= ?"
                    )
                    db.execute(earlier, (ticks := self._ticks(), send, ticks))
                    self._answered(db, send, answered or {})
                with suppress(Busy, sqlite3.Error), schema.writing(db, 0.0):  # if not now, then next time
                    _forget(db, self._clock())
        finally:
            self._owners.release(send)

    def _answered(self, db: sqlite3.Connection, send: int, numbers: Mapping[str, str]) -> None:
        answered = [(number, send, receiver) for receiver, number in numbers.items()]
        if answered:
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
        deadline = time.monotonic() + PATIENCE
        with schema.opened(self.path, deadline) as db:
            _note_outcomes(db, ((receiver, state) for receiver in receivers))
            with schema.writing(db, deadline):
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
                f"AND kind = :kind AND lower(name) = lower(:name) AND {_SAME_CHANNEL}",
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
            alive = self._clock() <= row["until"] if owned is None else owned
        return Send(*members, found, row["until"], alive, row["ticks"])

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + PATIENCE
        with schema.opened(self.path, deadline) as db, schema.reading(db, deadline):
            yield db

    @contextmanager
    def _writing(self, wait: float = PATIENCE) -> Iterator[sqlite3.Connection]:
        deadline = time.monotonic() + wait
        with schema.opened(self.path, deadline) as db, schema.writing(db, deadline):
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


def _forget(db: sqlite3.Connection, now: float) -> None:
    """Delete some of what is old and settled. What is unresolved stays until someone has looked."""
    newest = "SELECT coalesce(max(at), 0) FROM sends WHERE at <= ?"
    (latest,) = db.execute(newest, (now,)).fetchone()
    (witness,) = db.execute(newest, (latest - rules.WITNESSED_SECONDS,)).fetchone()
    unresolved = f"SELECT 1 FROM messages WHERE send = sends.id AND {_UNRESOLVED}"
    old = f"SELECT id FROM sends WHERE at < ? AND NOT EXISTS ({unresolved})"
    left = _MOST_FORGOTTEN
    for (send,) in db.execute(old, (rules.forgettable(now, witness),)).fetchall():
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

    for receiver, number in numbers.items():
        alias, who = person(receiver), known(person(number))
        if who in (alias, known(alias)):
            continue
        db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)", (*mine, alias, who))
        db.execute(f"UPDATE aliases SET person = ? WHERE person = ? AND {where}", (who, alias, *mine))
        sends = f"SELECT id FROM sends WHERE {where}"
        db.execute(
            f"UPDATE messages SET person = ? WHERE person = ? AND send IN ({sends})", (who, alias, *mine)
        )


def _repeats(db: sqlite3.Connection, count: int, channel: str, now: float, seconds: float) -> list[Repeat]:
    """What is listed twice, and what was sent before, in the order of the list.

    `count`: how many are staged. `seconds`: how far back to look for what is known to have been delivered.
    """
    found = {**dict(_before(db, count, channel, now, seconds)), **dict(_twice(db))}
    return [repeat for _, repeat in sorted(found.items())]


def _twice(db: sqlite3.Connection) -> Iterator[tuple[int, Repeat]]:
    firsts = "SELECT person, min(position) AS first FROM staged GROUP BY person HAVING count(*) > 1"
    rows = db.execute(
        "SELECT staged.position, staged.at, staged.receiver, named.receiver AS known, named.at AS known_at "
        f"FROM ({firsts}) CROSS JOIN staged USING (person) JOIN staged AS named ON named.position = first "
        "WHERE staged.position != first"
    )
    for row in rows:
        repeat = Repeat(row["at"], row["receiver"], 0, 0.0, "twice", True, row["known"], row["known_at"])
        yield row["position"], repeat


# The messages that may be those that are staged: the unresolved ones, then those of recent sends. Of a
# smaller send, each message is looked up among the staged ones; of a larger one, it is the other way round.
_FOUND = (
    "SELECT position, staged.at, staged.receiver, staged.kind, staged.parts, sends.id, sends.at AS sent, "
    "seen, state, messages.receiver AS known, messages.parts AS others FROM"
)
_SAME = f"messages.person = staged.person AND messages.digest = staged.digest AND {_SAME_CHANNEL}"
_SENDS = "sends INDEXED BY sends_at"
_RECENT = f"sends.at > :since AND send = sends.id AND state IN {DELIVERING} AND {_SAME}"
_CANDIDATES = (
    f"{_FOUND} staged CROSS JOIN messages INDEXED BY messages_unresolved CROSS JOIN sends ON sends.id = send "
    f"WHERE {_UNRESOLVED} AND {_SAME}",
    f"{_FOUND} {_SENDS} CROSS JOIN messages CROSS JOIN staged WHERE size <= :count AND {_RECENT}",
    f"{_FOUND} {_SENDS} CROSS JOIN staged CROSS JOIN messages WHERE size > :count AND {_RECENT}",
)


def _before(
    db: sqlite3.Connection, count: int, channel: str, now: float, seconds: float
) -> Iterator[tuple[int, Repeat]]:
    """Of each staged message, the newest send that stops it, else the newest that is mentioned."""
    values = {"since": now - seconds, "channel": channel, "count": count}
    rows = [row for query in _CANDIDATES for row in db.execute(query, values)]
    rows.sort(key=lambda row: (row["position"], -row["id"]))
    for position, candidates in groupby(rows, key=lambda row: int(row["position"])):
        found = [repeat for row in candidates if (repeat := _repeat(row, now)) is not None]
        if found:
            yield position, next((repeat for repeat in found if repeat.refused), found[0])


def _repeat(row: sqlite3.Row, now: float) -> Repeat | None:
    """The earlier message as a repeat; None if it is another message, or too old to matter."""
    ago = rules.age(row["sent"], row["seen"], now)
    stops = rules.stops(row["state"], row["kind"], ago)
    if not stops and not rules.is_mentioned(row["state"], ago):
        return None
    same_parts = row["kind"] != "template" or rules.agree(json.loads(row["parts"]), json.loads(row["others"]))
    if not same_parts:
        return None
    ahead = max(0.0, row["sent"] - now)
    members = (row["at"], row["receiver"], row["id"], ago, row["state"], stops, row["known"])
    return Repeat(*members, ahead=ahead)


def _entry(row: sqlite3.Row) -> Entry:
    members = (row["receiver"], row["kind"], row["name"], json.loads(row["parts"]), row["state"])
    return Entry(*members, row["person"], row["answered"])
