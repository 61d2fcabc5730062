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
from wati.journal import rules, schema
from wati.journal.entries import PATIENCE, Busy, Entry, Repeat, Send
from wati.journal.owners import Owners

_SETTLE_SECONDS = 60.0  # the message is out, so its entry is worth a longer wait
_MOST_FORGOTTEN = 10_000  # messages at once, so that nobody waits for it

_UNRESOLVED = f"state IN {UNRESOLVED}"
_STOPPING = f"({_UNRESOLVED} OR (state IN {DELIVERING} AND max(sends.at, coalesce(seen, 0)) > :since))"
# A customer sees which of the account's numbers writes, so the same words from another one are another
# message. Which number is the default is not known, so a send that names none may be from any of them.
_SAME_CHANNEL = "(channel = '' OR :channel = '' OR channel = :channel)"
# The messages of a call, before anything is locked. SQLite puts them on the disk if they are many.
_STAGED = """
CREATE TEMP TABLE staged (position INTEGER PRIMARY KEY, at TEXT, receiver TEXT, kind TEXT, name TEXT,
    parts TEXT, digest TEXT, person TEXT)
"""


class Journal:
    """The journal at `path`; implements `Store`. `place`: its far side; sends to another one are not seen."""

    def __init__(self, path: str, place: str, clock: Callable[[], float] | None = None) -> None:
        self.path = path
        self._place = place
        self._clock = clock or time.time
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
            self._stage(db, connection, messages, deadline)
            try:
                with schema.writing(db, deadline):
                    now = self._clock()
                    _see(db, now)
                    self._know(db, connection)
                    found = [] if again else _repeats(db, channel, now, rules.LONGEST_STOP)
                    if refused := [repeat for repeat in found if repeat.refused]:
                        return refused
                    latest = now + schema.USUAL_SECONDS if until is None else until
                    members = (now, clock, self._place, connection, script, channel, latest)
                    send = self._insert(db, members)
            except BaseException:
                if send:
                    self._owners.release(send)
                raise
        return send

    def _insert(self, db: sqlite3.Connection, members: tuple[object, ...]) -> int:
        """The entry of what is staged. It is claimed before anyone can see it."""
        send = db.execute(
            "INSERT INTO sends (at, clock, place, connection, script, channel, until) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
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
            self._stage(db, connection, messages, deadline)
            with schema.reading(db, deadline):
                self._know(db, connection)
                return _repeats(db, channel, self._clock(), MENTION_SECONDS)

    def _stage(
        self, db: sqlite3.Connection, connection: str, messages: Iterable[Message], deadline: float
    ) -> None:
        """Hash the messages, and put them beside the journal."""
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
        db.executemany("INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        # In the order in which the journal's own index has them.
        db.execute("CREATE INDEX temp.staged_persons ON staged (person, digest)")
        db.execute("COMMIT")

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
        own = (by_receiver or {}).items()
        try:
            with schema.opened(self.path, deadline) as db:
                with schema.writing(db, deadline):
                    for other in {other for _, other in own}:
                        named = (receiver for receiver, its in own if its == other)
                        _move(db, send, other, rules.BY_SENDER, named)
                    _move(db, send, state, rules.BY_SENDER)
                    self._answered(db, send, answered or {})
                with suppress(Busy, sqlite3.Error), schema.writing(db, 0.0):  # if not now, then next time
                    _forget(db, self._clock())
        finally:
            self._owners.release(send)

    def _answered(self, db: sqlite3.Connection, send: int, numbers: Mapping[str, str]) -> None:
        db.executemany(
            "UPDATE messages SET answered = ? WHERE send = ? AND receiver = ?",
            [(number, send, receiver) for receiver, number in numbers.items()],
        )
        sent = db.execute("SELECT connection FROM sends WHERE id = ?", (send,)).fetchone()
        if sent:
            _learn(db, self._place, sent[0], numbers)

    def resolve(self, send: int, receivers: Collection[str], state: str) -> None:
        with self._writing() as db:
            _move(db, send, state, rules.BY_LOOK, receivers)

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

    def others(self, send: Send, entry: Entry, since: float) -> list[tuple[float, Entry]]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT at, messages.* FROM messages JOIN sends ON send = id WHERE at >= :since "
                "AND id != :send AND place = :place AND connection = :connection AND person = :person "
                f"AND kind = :kind AND lower(name) = lower(:name) AND {_SAME_CHANNEL}",
                {
                    "since": since,
                    "send": send.id,
                    "place": self._place,
                    "connection": send.connection,
                    "channel": send.channel,
                    "person": entry.person,
                    "kind": entry.kind,
                    "name": entry.name,
                },
            )
            return [(row["at"], _entry(row)) for row in rows]

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
        return Send(*members, found, row["until"], alive)

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


def _move(
    db: sqlite3.Connection,
    send: int,
    state: str,
    moves: Mapping[str, tuple[str, ...]],
    receivers: Iterable[str] | None = None,
) -> None:
    """Move messages of a send to a state, from those that the rules allow. `receivers`: None for all."""
    move = f"UPDATE messages SET state = ? WHERE send = ? AND state IN ({_listed(moves[state])})"
    if receivers is None:
        db.execute(move, (state, send))
    else:
        db.executemany(f"{move} AND receiver = ?", ((state, send, receiver) for receiver in receivers))


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


def _repeats(db: sqlite3.Connection, channel: str, now: float, seconds: float) -> list[Repeat]:
    """What is listed twice, and what was sent before, in the order of the list.

    `seconds`: how far back to look for what is known to have been delivered.
    """
    found = {**dict(_before(db, channel, now, seconds)), **dict(_twice(db))}
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


def _before(db: sqlite3.Connection, channel: str, now: float, seconds: float) -> Iterator[tuple[int, Repeat]]:
    """Of each staged message, the newest send that stops it, else the newest that is mentioned."""
    rows = db.execute(
        "SELECT position, staged.at, staged.receiver, staged.kind, staged.parts, sends.id, "
        "sends.at AS sent, seen, state, messages.receiver AS known, messages.parts AS others "
        "FROM staged INDEXED BY staged_persons CROSS JOIN messages USING (digest, person) "
        f"CROSS JOIN sends ON sends.id = send WHERE {_STOPPING} AND {_SAME_CHANNEL}",
        {"since": now - seconds, "channel": channel},
    )
    by_position = sorted(rows, key=lambda row: (row["position"], -row["id"]))
    for position, candidates in groupby(by_position, key=lambda row: int(row["position"])):
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
