"""The send journal in a PostgreSQL database, for a team: the same as the file (store.py), for many machines.

Clocks of machines differ, so the database's clock counts: what is stored is by it, and what a machine reads
is by its own. The time between a question and its answer makes an entry earlier and its last moment later.

A process keeps the connection over which it has entered a send until it has settled it, and a lock with it.
Whoever finds the lock held knows that the process lives. A lock that is gone says nothing: the connection
may be lost, and the process may go on until the latest moment at which its send may leave.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress

import psycopg

from wati.contract.messages import DELIVERING, MENTION_SECONDS, UNRESOLVED, Message
from wati.contract.numbers import person
from wati.contract.options import LONGEST_TIMEOUT
from wati.journal import database, hashes, repeats, rules, uptime
from wati.journal.database import Connection, Row, value, writing
from wati.journal.entries import PATIENCE, USUAL_SECONDS, Entry, Repeat, Repeats, Send
from wati.journal.times import Times
from wati.journal.waiting import Wait

_SETTLE_SECONDS = 60.0  # the message is out, so its entry is worth a longer wait
_RETRY_SECONDS = 0.5  # before a database that was lost is tried again
_MOST_FORGOTTEN = 10_000  # messages at once, so that nobody waits for it

_UNRESOLVED = f"state IN {UNRESOLVED}"
_SAME_CHANNEL = "(channel = '' OR %(channel)s = '' OR channel = %(channel)s)"
_MINE = "place = %(place)s AND connection = %(connection)s"

# The messages of a call, before anyone has to wait for it.
_STAGED = """
CREATE TEMP TABLE staged (position integer, at text, receiver text, kind text, name text, parts text,
    digest text, person text) ON COMMIT DROP
"""
_TWICE = """
SELECT staged.position, staged.at AS listed, staged.receiver, named.receiver AS known, named.at AS known_at
FROM (SELECT person, min(position) AS first FROM staged GROUP BY person HAVING count(*) > 1) AS firsts
JOIN staged USING (person) JOIN staged AS named ON named.position = first
WHERE staged.position != first ORDER BY staged.position
"""
# By either clock: a date may be by one that was wrong. OFFSET 0: for each staged message, by the index.
_BEFORE = f"""
SELECT position, staged.at AS listed, staged.receiver, staged.kind, staged.parts, sends.id, sends.at AS sent,
    seen, boot, up, state, same.receiver AS known, same.parts AS others
FROM staged CROSS JOIN LATERAL (SELECT send, state, receiver, parts FROM messages
    WHERE messages.person = staged.person AND messages.digest = staged.digest OFFSET 0) AS same
JOIN sends ON sends.id = send
WHERE {_SAME_CHANNEL} AND ({_UNRESOLVED} OR (state IN {DELIVERING}
    AND (sends.at > %(since)s OR (boot = %(boot)s AND boot != '' AND up > %(up)s))))
ORDER BY position, sends.id DESC
"""


class Journal:
    """The journal in the database at `address`; implements `Store`. `place`: as that of the file.

    `clock`: for all machines and the database, if it is given.
    """

    path = ""

    def __init__(self, address: str, place: str, clock: Callable[[], float] | None = None) -> None:
        self._address = address
        self._place = place
        self._clock = clock or time.time
        self._ticks = clock or time.monotonic
        self._uptime = uptime.now if clock is None else uptime.unknown
        self._there = clock
        self._kept: dict[int, Connection] = {}  # by the send that is under way

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
        with ExitStack() as stack:
            db = stack.enter_context(database.connect(self._address, Wait(wait)))
            mine = {"place": self._place, "connection": connection, "channel": channel}
            with writing(db):
                count = self._stage(db, connection, messages)
                database.turn(db, self._place, connection)
                times = self._times(db)
                see = f"UPDATE sends SET seen = %(now)s WHERE {_MINE} AND at > %(now)s"
                db.execute(f"{see} AND (seen IS NULL OR seen > %(now)s)", {**mine, "now": times.there})
                found = () if again else self._repeats(db, count, mine, times, rules.LONGEST_STOP)
                refused = Repeats(repeat for repeat in found if repeat.refused)
                if refused.count:
                    return refused
                boot, up = self._uptime()
                send = self._insert(
                    db,
                    mine
                    | {"script": script, "boot": boot, "up": up, "ticks": self._ticks(), "at": times.there}
                    | {"until": times.there + USUAL_SECONDS if until is None else times.stored(until)}
                    | {"clock": None if clock is None else clock + times.ahead},
                )
            stack.pop_all()
        self._kept[send] = db
        return send

    def _insert(self, db: Connection, members: dict[str, object]) -> int:
        """The entry of what is staged. It is claimed before anyone can see it."""
        names, values = ", ".join(members), ", ".join(f"%({name})s" for name in members)
        row = db.execute(f"INSERT INTO sends ({names}) VALUES ({values}) RETURNING id", members).fetchone()
        assert row is not None
        send: int = row["id"]
        database.own(db, send)
        db.execute(
            "INSERT INTO messages SELECT %s, position, receiver, kind, name, parts, digest, 'open', person, "
            "'' FROM staged",
            (send,),
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
        with database.connect(self._address, Wait(wait), create=False) as db:
            if db.salt:
                db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                mine = {"place": self._place, "connection": connection, "channel": channel}
                count = self._stage(db, connection, messages)
                yield from self._repeats(db, count, mine, self._times(db), within)

    def _stage(self, db: Connection, connection: str, messages: Iterable[Message]) -> int:
        """Hash the messages, and put them beside the journal. Returns how many they are."""
        db.execute(_STAGED)
        count = 0
        hashed = hashes.hashed(hashes.keyed(db.salt), self._place, connection, db.patience.heeded(messages))
        with db.cursor() as cursor, cursor.copy("COPY staged FROM STDIN") as copy:
            for row in hashed:
                copy.write_row(row)
                count += 1
        return count

    def _repeats(
        self, db: Connection, count: int, mine: dict[str, str], times: Times, seconds: float
    ) -> Iterator[Repeat]:
        """`seconds`: how far back to look for what is known to be delivered."""
        known = "UPDATE staged SET person = aliases.person FROM aliases"
        db.execute(f"{known} WHERE {_MINE} AND alias = staged.person", mine)
        now, up = times.there, self._uptime()
        values = {**mine, "since": now - seconds, "boot": up.boot, "up": up.seconds - seconds}
        twice = database.rows(db, "twice", _TWICE, {}, count) if count > 1 else ()
        before = db.patience.heeded(database.rows(db, "before", _BEFORE, values, count))
        return repeats.found(twice, before, now, up, seconds)

    def settle(
        self,
        send: int,
        state: str,
        by_receiver: Mapping[str, str] | None = None,
        answered: Mapping[str, str] | None = None,
    ) -> None:
        wait = Wait(_SETTLE_SECONDS, deaf=True)
        kept = self._kept.pop(send, None)
        while True:
            try:
                with kept or database.connect(self._address, wait) as db:
                    db.patience = wait.at_most(database.ANSWER_SECONDS)
                    now = self._times(db).there
                    db.patience = wait
                    self._settle(db, send, now, state, by_receiver or {}, answered or {})
                return
            except database.Lost:
                kept = None
                if wait.left < _RETRY_SECONDS:
                    raise
                time.sleep(_RETRY_SECONDS)

    def _settle(
        self,
        db: Connection,
        send: int,
        now: float,
        state: str,
        own: Mapping[str, str],
        answered: Mapping[str, str],
    ) -> None:
        """Twice is as once: nobody knows whether a transaction was done whose end was not heard of."""
        with writing(db):
            connection = self._turn_of(db, send)
            for other in set(own.values()):
                receivers = [receiver for receiver, each in own.items() if each == other]
                _move(db, send, other, rules.BY_SENDER, receivers)
            _move(db, send, state, rules.BY_SENDER)
            # The latest moment at which it can have left, as in store.py.
            until = "UPDATE sends SET until = at + %s - ticks WHERE id = %s AND ticks <= %s"
            db.execute(until, (ticks := self._ticks(), send, ticks))
            if answered:
                db.execute(
                    "UPDATE messages SET answered = number FROM (SELECT unnest(%s::text[]) AS who, "
                    "unnest(%s::text[]) AS number) AS new WHERE send = %s AND receiver = who",
                    (list(answered), list(answered.values()), send),
                )
                _learn(db, self._place, connection, answered)
        with suppress(psycopg.Error):  # if it cannot be now, then next time
            _forget(db, now, self._uptime())

    def resolve(self, send: int, receivers: Collection[str], state: str) -> None:
        with database.connect(self._address, Wait(PATIENCE)) as db, writing(db):
            self._turn_of(db, send)
            _move(db, send, state, rules.BY_LOOK, receivers)

    def _turn_of(self, db: Connection, send: int) -> str:
        """The connection of a send, and the turn to write what was sent over it."""
        connection = value(db, "SELECT connection FROM sends WHERE id = %s", send) or ""
        database.turn(db, self._place, connection)
        return str(connection)

    def learn(self, connection: str, numbers: Mapping[str, str]) -> None:
        with database.connect(self._address, Wait(PATIENCE)) as db, writing(db):
            database.turn(db, self._place, connection)
            _learn(db, self._place, connection, numbers)

    def number_of(self, receiver: str) -> str:
        with database.connect(self._address, Wait(PATIENCE), create=False) as db:
            known = "SELECT person FROM aliases WHERE place = %s AND alias = %s ORDER BY learned DESC LIMIT 1"
            return value(db, known, self._place, person(receiver)) or "" if db.salt else ""

    def send(self, number: int) -> Send | None:
        found = self._sends("id = %(id)s", {"id": number})
        return found[0] if found else None

    def unresolved(self) -> list[Send]:
        return self._sends(f"id IN (SELECT send FROM messages WHERE {_UNRESOLVED})", {})

    def recent(self, most: int) -> list[Send]:
        return self._sends("true", {"most": most})

    def _sends(self, which: str, values: dict[str, object]) -> list[Send]:
        """Newest first."""
        query = f"SELECT * FROM sends WHERE place = %(place)s AND {which} ORDER BY id DESC LIMIT %(most)s"
        with self._reading() as (db, times):
            rows = db.execute(query, {"place": self._place, "most": None, **values}).fetchall()
            return [self._send(db, row, times) for row in rows]

    def others(self, send: Send, entry: Entry, since: float) -> list[tuple[float, float, Entry]]:
        query = f"""
            SELECT sends.at, until, messages.* FROM messages JOIN sends ON send = id
            WHERE at >= %(oldest)s AND until >= %(since)s AND id != %(send)s AND {_MINE}
            AND person = %(person)s AND kind = %(kind)s AND lower(name) = lower(%(name)s) AND {_SAME_CHANNEL}
        """
        with self._reading() as (db, times):
            earliest = since - times.after + times.there
            found = db.execute(
                query,
                {
                    "since": earliest,
                    "oldest": earliest - LONGEST_TIMEOUT,
                    "send": send.id,
                    "place": self._place,
                    "connection": send.connection,
                    "channel": send.channel,
                    "person": entry.person,
                    "kind": entry.kind,
                    "name": entry.name,
                },
            ).fetchall()
            return [(times.earliest(row["at"]), times.latest(row["until"]), _entry(row)) for row in found]

    def digest(self) -> Callable[[str], str]:
        with database.connect(self._address, Wait(PATIENCE)) as db:
            return hashes.keyed(db.salt)

    def _send(self, db: Connection, row: Row, times: Times) -> Send:
        query = "SELECT * FROM messages WHERE send = %s ORDER BY position"
        entries = [_entry(each) for each in db.execute(query, (row["id"],))]
        alive = any(entry.state == "open" for entry in entries)  # who has settled a send has done with it
        if alive:
            owned = database.is_owned(db, row["id"]) or None
            alive = rules.is_alive(owned, row["until"], times.there)
        boot = self._uptime().boot
        return Send(
            row["id"],
            times.earliest(row["at"]),
            None if row["clock"] is None else row["clock"] - times.ahead,
            row["connection"],
            row["script"],
            row["channel"],
            entries,
            times.latest(row["until"]),
            alive,
            row["ticks"] if row["boot"] == boot else None,
        )

    def _times(self, db: Connection) -> Times:
        before = self._clock()
        there = (
            self._there()
            if self._there
            else value(db, "SELECT extract(epoch FROM clock_timestamp())::float8")
        )
        return Times(there, before, self._clock())

    @contextmanager
    def _reading(self) -> Iterator[tuple[Connection, Times]]:
        """Everything inside sees one state of the journal, and nobody waits for it."""
        with database.connect(self._address, Wait(PATIENCE)) as db:
            times = self._times(db)
            db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            yield db, times


def _move(
    db: Connection,
    send: int,
    state: str,
    moves: Mapping[str, tuple[str, ...]],
    receivers: Collection[str] | None = None,
) -> None:
    """Move messages of a send to a state, from those that the rules allow: all, or those to `receivers`."""
    move = "UPDATE messages SET state = %s WHERE send = %s AND state = ANY(%s)"
    values: tuple[object, ...] = (state, send, list(moves[state]))
    if receivers is not None:
        move, values = f"{move} AND receiver IN (SELECT unnest(%s::text[]))", (*values, list(receivers))
    db.execute(move, values)


def _forget(db: Connection, now: float, up: uptime.Uptime) -> None:
    """Delete some of what is old and settled. What is unresolved stays until someone has looked."""
    newest = "SELECT coalesce(max(at), 0) FROM sends WHERE at <= "
    witness = value(db, f"{newest} (({newest} %s) - %s)", now, rules.WITNESSED_SECONDS)
    unresolved = f"SELECT FROM messages WHERE send = sends.id AND {_UNRESOLVED}"
    is_new = "boot = %s AND boot != '' AND up > %s"  # whatever its date says
    old = f"SELECT id FROM sends WHERE at < %s AND NOT ({is_new}) AND NOT EXISTS ({unresolved})"
    values = (rules.forgettable(witness), up.boot, up.seconds - MENTION_SECONDS)
    left = _MOST_FORGOTTEN
    with writing(db):
        for row in db.execute(
            f"{old} ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED", (*values, left)
        ).fetchall():
            some = "SELECT position FROM messages WHERE send = %s ORDER BY position LIMIT %s"
            delete = f"DELETE FROM messages WHERE send = %s AND position IN ({some})"
            left -= db.execute(delete, (row["id"], row["id"], left)).rowcount
            if not left:
                break
            db.execute("DELETE FROM sends WHERE id = %s", (row["id"],))


def _learn(db: Connection, place: str, connection: str, numbers: Mapping[str, str]) -> None:
    """From now on, each id is the person with its number, also in what was sent before."""
    mine = {"place": place, "connection": connection}
    names = {person(name) for pair in numbers.items() for name in pair}
    query = f"SELECT alias, person FROM aliases WHERE {_MINE} AND alias = ANY(%(names)s)"
    persons = {row["alias"]: row["person"] for row in db.execute(query, {**mine, "names": list(names)})}

    def known(name: str) -> str:
        while persons.get(name, name) != name:
            name = persons[name]
        return name

    new = []
    for alias, who in rules.identities(numbers, known):
        persons[alias] = who
        new.append({**mine, "alias": alias, "who": who})
    if not new:
        return
    sends = f"SELECT id FROM sends WHERE {_MINE}"
    with db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO aliases VALUES (%(place)s, %(connection)s, %(alias)s, %(who)s) ON CONFLICT "
            "(place, connection, alias) DO UPDATE SET person = excluded.person, learned = DEFAULT",
            new,
        )
        cursor.executemany(f"UPDATE aliases SET person = %(who)s WHERE person = %(alias)s AND {_MINE}", new)
        cursor.executemany(
            f"UPDATE messages SET person = %(who)s WHERE person = %(alias)s AND send IN ({sends})", new
        )


def _entry(row: Row) -> Entry:
    return Entry(*(row[member] for member in Entry._fields))
