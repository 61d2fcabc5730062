"""The send journal: who was sent what, over which connection, and what became of it. One SQLite file.

It keeps keyed hashes of messages, never their text. The check for a repeat and the new entry are one
transaction, so of two processes with the same message only one may send it. Raises sqlite3.Error or OSError
if the file cannot be used.

A receiver is a *person*: all spellings of a number are one (contract/numbers.py), and an id is the number
that an answer gave for it.
"""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple

from wati.contract import messages as kinds
from wati.contract.messages import DELIVERING, UNRESOLVED, Message
from wati.contract.numbers import person
from wati.journal.owners import Owners

_VERSION = 3
_BUSY_SECONDS = 5.0
_KEPT_SECONDS = 30 * 86400  # settled entries stop repeats for minutes; after that they are for people

_UNRESOLVED = f"state IN {UNRESOLVED}"
# A customer sees which of the account's numbers writes, so the same words from another one are another
# message. Which number is the default is not known, so a send that names none may be from any of them.
_SAME_CHANNEL = "(channel = '' OR ? = '' OR channel = ?)"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS secret (salt BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS sends (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, clock REAL,
    place TEXT NOT NULL, connection TEXT NOT NULL, script TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS messages (send INTEGER NOT NULL, receiver TEXT NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, parts TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS messages_of ON messages (send, receiver);
"""
# The second version: who a receiver is, what the answer said about it, and from which number it was sent.
_SECOND = """
ALTER TABLE sends ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN person TEXT NOT NULL DEFAULT '';
ALTER TABLE messages ADD COLUMN answered TEXT NOT NULL DEFAULT '';
CREATE TABLE aliases (place TEXT NOT NULL, connection TEXT NOT NULL, alias TEXT NOT NULL,
    person TEXT NOT NULL, PRIMARY KEY (place, connection, alias));
DROP INDEX IF EXISTS messages_alike;
CREATE INDEX messages_alike ON messages (digest, person);
"""
# The third version: until when a send may leave, and whether its owner holds a lock. Before it, a call took
# 30 seconds unless it was told otherwise.
_THIRD = """
ALTER TABLE sends ADD COLUMN until REAL NOT NULL DEFAULT 0;
ALTER TABLE sends ADD COLUMN owned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sends ADD COLUMN ticks REAL;
UPDATE sends SET until = at + 30;
"""
_USUAL_SECONDS = 30.0


class Entry(NamedTuple):
    """One message of a send."""

    receiver: str
    kind: str
    name: str
    parts: dict[str, str]  # the digest of each part, by its name
    state: str
    person: str = ""
    answered: str = ""  # the number that the answer gave; "" if it gave none


class Send(NamedTuple):
    """One call that sent something, with its entries."""

    id: int
    at: float  # epoch seconds by this machine's clock
    clock: float | None  # by how many seconds the far side's clock was ahead then, if an answer had shown it
    connection: str
    script: str
    channel: str  # the account's own number that it named; "" = WATI's default
    entries: list[Entry]
    until: float  # the latest moment at which it may leave, by this machine's clock
    # Whether the process that entered it still lives and has not settled it. Where that cannot be known, a
    # send counts as alive until `until`.
    alive: bool
    ticks: float | None  # the monotonic clock at `at`: it counts from the start of the machine

    @property
    def unresolved(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.state in UNRESOLVED]


class Repeat(NamedTuple):
    """A message that was already sent, or whose receiver is in the same list by another name (`twice`)."""

    message: Message
    send: int
    seconds: float  # ago
    state: str
    refused: bool  # whether it must not be sent again; if not, the repeat is only worth a warning
    receiver: str  # as it was called then
    at: str = ""  # its place in the same list


class Journal:
    """The journal at `path`. `place`: its far side; sends to another one are not seen."""

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
        messages: list[Message],
        clock: float | None,
        *,
        again: bool,
        channel: str = "",
        until: float | None = None,
    ) -> int | list[Repeat]:
        """Enter a send that is about to leave, until `until` at the latest, and return its id.

        If repeats forbid it, return them instead. `again` allows repeats.
        """
        now = self._clock()
        with self._transaction() as db:
            parts, digests = self._digests(db, connection, messages)
            persons = self._persons(db, connection, messages)
            found = [] if again else _repeats(db, messages, digests, persons, now, channel)
            refused = [repeat for repeat in found if repeat.refused]
            if refused:
                return refused
            _forget(db, now)
            latest = now + _USUAL_SECONDS if until is None else until
            send = db.execute(
                "INSERT INTO sends (at, clock, place, connection, script, channel, until, ticks) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (now, clock, self._place, connection, script, channel, latest, self._ticks()),
            ).lastrowid
            assert send is not None
            db.executemany(
                "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, 'open', ?, '')",
                (
                    (send, message.receiver, message.kind, message.name, json.dumps(own), hashed, who)
                    for message, own, hashed, who in zip(messages, parts, digests, persons, strict=True)
                ),
            )
            # Before anyone can see the entry.
            claimed = self._owners.claim(send)
            db.execute("UPDATE sends SET owned = ? WHERE id = ?", (claimed, send))
        return send

    def repeats(self, connection: str, messages: list[Message], channel: str = "") -> list[Repeat]:
        """What a send would repeat. Enters nothing, and does not create the journal."""
        if not os.path.exists(self.path):
            return []
        with self._transaction() as db:
            digests = self._digests(db, connection, messages)[1]
            persons = self._persons(db, connection, messages)
            return _repeats(db, messages, digests, persons, self._clock(), channel)

    def _digests(
        self, db: sqlite3.Connection, connection: str, messages: list[Message]
    ) -> tuple[list[dict[str, str]], list[str]]:
        """The digests of each message's parts, and of what each receiver gets over this connection."""
        digest = _keyed(db)
        parts = [{name: digest(text) for name, text in message.parts.items()} for message in messages]
        pairs = zip(messages, parts, strict=True)
        contents = (_content(self._place, connection, each.kind, each.name, own) for each, own in pairs)
        return parts, list(map(digest, contents))

    def _persons(self, db: sqlite3.Connection, connection: str, messages: list[Message]) -> list[str]:
        return [_person(db, self._place, connection, message.receiver) for message in messages]

    def settle(
        self,
        send: int,
        state: str,
        by_receiver: Mapping[str, str] | None = None,
        answered: Mapping[str, str] | None = None,
    ) -> None:
        """Store what became of a send: `state` for all its messages, except for those in `by_receiver`.

        `answered`: the number that the answer gave for a receiver, or for an id.
        """
        try:
            self._settle(send, state, by_receiver or {}, answered or {})
        finally:
            self._owners.release(send)

    def _settle(
        self, send: int, state: str, by_receiver: Mapping[str, str], numbers: Mapping[str, str]
    ) -> None:
        with self._transaction() as db:
            # Nothing leaves after this. By the clock that nobody sets; it is the one of the same process.
            earlier = "UPDATE sends SET until = MIN(until, at + ? - ticks) WHERE id = ? AND ticks <= ?"
            db.execute(earlier, (ticks := self._ticks(), send, ticks))
            db.execute("UPDATE messages SET state = ? WHERE send = ?", (state, send))
            db.executemany(
                "UPDATE messages SET state = ? WHERE send = ? AND receiver = ?",
                [(other, send, receiver) for receiver, other in by_receiver.items()],
            )
            db.executemany(
                "UPDATE messages SET answered = ? WHERE send = ? AND receiver = ?",
                [(number, send, receiver) for receiver, number in numbers.items()],
            )
            other = [(who, whose) for who, whose in numbers.items() if person(who) != person(whose)]
            sent = db.execute("SELECT connection FROM sends WHERE id = ?", (send,)) if other else ()
            for (connection,) in list(sent):
                for receiver, number in other:
                    _join(db, self._place, connection, person(receiver), person(number))

    def resolve(self, send: int, receivers: Collection[str], state: str) -> None:
        """Store what became of those messages of a send that are still unresolved."""
        with self._transaction() as db:
            db.executemany(
                "UPDATE messages SET state = ? WHERE send = ? AND receiver = ? AND " + _UNRESOLVED,
                [(state, send, receiver) for receiver in receivers],
            )

    def send(self, number: int) -> Send | None:
        with self._transaction() as db:
            rows = db.execute("SELECT * FROM sends WHERE id = ? AND place = ?", (number, self._place))
            return next((self._send(db, row) for row in rows), None)

    def unresolved(self) -> list[Send]:
        """Every send with an unresolved message, newest first."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT * FROM sends WHERE place = ? AND id IN "
                f"(SELECT send FROM messages WHERE {_UNRESOLVED}) ORDER BY id DESC",
                (self._place,),
            ).fetchall()
            return [self._send(db, row) for row in rows]

    def recent(self, most: int) -> list[Send]:
        """The newest sends, whatever became of them."""
        with self._transaction() as db:
            query = "SELECT * FROM sends WHERE place = ? ORDER BY id DESC LIMIT ?"
            return [self._send(db, row) for row in db.execute(query, (self._place, most)).fetchall()]

    def others(self, send: Send, entry: Entry, since: float) -> list[tuple[float, float, Entry]]:
        """The receiver's other messages of this kind and template over this connection that may be later.

        Each has its time and its latest departure. Their rows may look like the row of `entry`.
        """
        with self._transaction() as db:
            rows = db.execute(
                "SELECT at, until, messages.* FROM messages JOIN sends ON send = id "
                "WHERE until >= ? AND id != ? AND place = ? AND connection = ? AND person = ? AND kind = ? "
                "AND name = ? AND " + _SAME_CHANNEL,
                (
                    *(since, send.id, self._place, send.connection, entry.person, entry.kind, entry.name),
                    *(send.channel, send.channel),
                ),
            )
            return [(row["at"], row["until"], _entry(row)) for row in rows]

    def number_of(self, receiver: str) -> str:
        """The number that an answer gave for an id, over any connection; "" if none did."""
        if not os.path.exists(self.path):
            return ""
        with self._transaction() as db:
            known = "SELECT person FROM aliases WHERE place = ? AND alias = ? ORDER BY rowid DESC"
            row = db.execute(known, (self._place, person(receiver))).fetchone()
            return str(row[0]) if row else ""

    def _send(self, db: sqlite3.Connection, row: sqlite3.Row) -> Send:
        entries = db.execute("SELECT * FROM messages WHERE send = ? ORDER BY rowid", (row["id"],))
        members = (row["id"], row["at"], row["clock"], row["connection"], row["script"], row["channel"])
        found = [_entry(each) for each in entries]
        alive = any(entry.state == "open" for entry in found)  # who has settled a send has done with it
        if alive:
            owned = self._owners.has(row["id"]) if row["owned"] else None
            alive = self._clock() <= row["until"] if owned is None else owned
        return Send(*members, found, row["until"], alive, row["ticks"])

    def digest(self) -> Callable[[str], str]:
        """The hash function for the parts of messages."""
        with self._transaction() as db:
            return _keyed(db)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        _prepare(self.path)
        with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")
            try:
                _create(db)
                yield db
            except BaseException:
                if db.in_transaction:  # after some errors, SQLite has already ended it
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def _prepare(path: str) -> None:
    """Create the file for its owner only: it says who was messaged when."""
    if path.startswith("~"):
        raise OSError(errno.ENOENT, "this user has no home folder")
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    elif not os.path.isfile(path):
        raise OSError(errno.EINVAL, "it is not a file")


def _create(db: sqlite3.Connection) -> None:
    """Create the tables, or bring those of the first version up to date."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version == _VERSION:
        return
    if version not in (0, 1, 2) or (not version and db.execute("SELECT 1 FROM sqlite_master").fetchone()):
        raise sqlite3.DatabaseError("it is not a journal of this version")
    if version == 0:
        _run(db, _SCHEMA)
        db.execute("INSERT INTO secret VALUES (?)", (secrets.token_bytes(32),))
    if version < 2:
        _run(db, _SECOND)
        _identify(db)
    _run(db, _THIRD)
    db.execute(f"PRAGMA user_version = {_VERSION}")


def _run(db: sqlite3.Connection, statements: str) -> None:
    for statement in statements.split(";"):  # executescript would end the transaction
        db.execute(statement)


def _identify(db: sqlite3.Connection) -> None:
    """The first version had the receiver in the digest, in one spelling."""
    digest = _keyed(db)
    rows = db.execute("SELECT messages.rowid, * FROM messages JOIN sends ON send = id").fetchall()
    db.executemany(
        "UPDATE messages SET digest = ?, person = ? WHERE rowid = ?",
        (
            (
                digest(
                    _content(
                        row["place"], row["connection"], row["kind"], row["name"], json.loads(row["parts"])
                    )
                ),
                person(row["receiver"]),
                row["rowid"],
            )
            for row in rows
        ),
    )


def _content(place: str, connection: str, kind: str, name: str, parts: Mapping[str, str]) -> str:
    """What is the same of two messages that are the same, but for their receiver."""
    return json.dumps([place, connection, kind, name, sorted(parts.items())])


def _person(db: sqlite3.Connection, place: str, connection: str, receiver: str) -> str:
    """Who a receiver is, by its spelling and by what earlier answers said."""
    known = "SELECT person FROM aliases WHERE place = ? AND connection = ? AND alias = ?"
    row = db.execute(known, (place, connection, person(receiver))).fetchone()
    return row[0] if row else person(receiver)


def _join(db: sqlite3.Connection, place: str, connection: str, alias: str, number: str) -> None:
    """From now on, `alias` is the person with this number, also in what was sent before."""
    who = _person(db, place, connection, number)
    if who == alias:
        return
    db.execute("INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)", (place, connection, alias, who))
    mine = (who, alias, place, connection)
    db.execute("UPDATE aliases SET person = ? WHERE person = ? AND place = ? AND connection = ?", mine)
    sends = "SELECT id FROM sends WHERE place = ? AND connection = ?"
    db.execute(f"UPDATE messages SET person = ? WHERE person = ? AND send IN ({sends})", mine)


def _keyed(db: sqlite3.Connection) -> Callable[[str], str]:
    """A hash that is useless without the journal's own key."""
    row = db.execute("SELECT salt FROM secret").fetchone()
    salt = row[0] if row else None
    if not isinstance(salt, bytes):
        raise sqlite3.DatabaseError("its key is missing")

    def digest(text: str) -> str:
        same = kinds.normalized(text).encode("utf-8", "surrogatepass")
        return hmac.new(salt, same, hashlib.sha256).hexdigest()[:32]

    return digest


def _repeats(
    db: sqlite3.Connection,
    messages: list[Message],
    digests: list[str],
    persons: list[str],
    now: float,
    channel: str,
) -> list[Repeat]:
    found = []
    first: dict[str, Message] = {}
    for message, digest, who in zip(messages, digests, persons, strict=True):
        other = first.setdefault(who, message)
        if other is not message:
            found.append(Repeat(message, 0, 0.0, "twice", True, other.receiver, other.at))
        elif repeat := _repeat(db, message, digest, who, now, channel):
            found.append(repeat)
    return found


def _repeat(
    db: sqlite3.Connection, message: Message, digest: str, who: str, now: float, channel: str
) -> Repeat | None:
    """The newest send of the same message that forbids another one, else the newest within a day.

    An unresolved message forbids it until it is resolved. An accepted one does so for the time of its kind.
    """
    earlier = None
    query = (
        "SELECT id, at, state, receiver FROM messages JOIN sends ON send = id "
        f"WHERE digest = ? AND person = ? AND {_SAME_CHANNEL} ORDER BY id DESC"
    )
    for send, at, state, receiver in db.execute(query, (digest, who, channel, channel)):
        ago = max(0.0, now - at)
        if state in UNRESOLVED or (state in DELIVERING and ago < kinds.repeat_seconds(message.kind)):
            return Repeat(message, send, ago, state, True, receiver)
        if state in DELIVERING and ago < kinds.MENTION_SECONDS and earlier is None:
            earlier = Repeat(message, send, ago, state, False, receiver)
    return earlier


def _forget(db: sqlite3.Connection, now: float) -> None:
    """Delete what is old and settled. What is unresolved stays until someone has looked."""
    oldest = now - _KEPT_SECONDS
    unresolved = f"SELECT 1 FROM messages WHERE send = sends.id AND {_UNRESOLVED}"
    old = f"SELECT id FROM sends WHERE at < ? AND NOT EXISTS ({unresolved})"
    db.execute(f"DELETE FROM messages WHERE send IN ({old})", (oldest,))
    emptied = "NOT EXISTS (SELECT 1 FROM messages WHERE send = sends.id)"
    db.execute(f"DELETE FROM sends WHERE at < ? AND {emptied}", (oldest,))


def _entry(row: sqlite3.Row) -> Entry:
    members = (row["receiver"], row["kind"], row["name"], json.loads(row["parts"]), row["state"])
    return Entry(*members, row["person"], row["answered"])
