"""The PostgreSQL database of a team's journal: how it is reached, its tables, and how writers take turns.

Nothing hangs here: whoever waits looks at the time, and for a signal, many times a second. And nothing shows
the address, which may hold a password.
"""

from __future__ import annotations

import hashlib
import math
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from selectors import DefaultSelector
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.waiting import Ready

from wati.contract import databases
from wati.contract.messages import UNRESOLVED
from wati.journal import stored
from wati.journal.entries import Busy, Unusable

if TYPE_CHECKING:
    from types import TracebackType

    from psycopg.abc import RV, PQGen

    from wati.journal.waiting import Wait

Row = dict[str, Any]

ANSWER_SECONDS = 10.0  # a database that answers nothing by then is not there
_LOOK_SECONDS = 0.1  # after which whoever waits looks at the time
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.05  # before the next try to get a turn
_MANY = 1000  # rows, up to which they are read at once
_LONGEST_REASON = 300

# All that is in it is the journal's. An administrator may have made it, for a user who may not.
_SCHEMA = "wati_journal"
# Times are by the database's clock. `ticks` and `up` count on the machine `boot`, which entered the send.
_FIRST = f"""
CREATE TABLE journal (version integer NOT NULL, salt bytea NOT NULL);
CREATE TABLE sends (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at float8 NOT NULL, clock float8,
    place text NOT NULL, connection text NOT NULL, script text NOT NULL, channel text NOT NULL,
    until float8 NOT NULL, seen float8, ticks float8 NOT NULL, boot text NOT NULL, up float8 NOT NULL);
CREATE INDEX sends_at ON sends (at);
CREATE TABLE messages (send bigint NOT NULL, position integer NOT NULL, receiver text NOT NULL,
    kind text NOT NULL, name text NOT NULL, parts text NOT NULL, digest text NOT NULL, state text NOT NULL,
    person text NOT NULL, answered text NOT NULL, PRIMARY KEY (send, position));
CREATE INDEX messages_same ON messages (person, digest);
CREATE INDEX messages_unresolved ON messages (send) WHERE state IN {UNRESOLVED};
CREATE TABLE aliases (place text NOT NULL, connection text NOT NULL, alias text NOT NULL,
    person text NOT NULL, learned bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (place, connection, alias));
"""
_STEPS = (_FIRST,)  # each from the version before

# An entry is on the server's disk before its send leaves, even if that is not the server's default. A machine
# that is gone is noticed within a minute. A process that is stopped in its turn loses it after ten seconds.
_HELLO = """
SELECT set_config('search_path', %s, false), set_config('client_encoding', 'UTF8', false),
    set_config('synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), false),
    set_config('statement_timeout', %s, false),
    set_config('idle_in_transaction_session_timeout', '10s', false),
    set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false),
    set_config('tcp_keepalives_count', '3', false)
"""


class Unreachable(Unusable):
    """The database cannot be used."""

    remedy = (
        "The journal is in the database that WATI_JOURNAL names. Check that it runs, that this machine "
        "reaches it, and that its user may use it."
    )


class Lost(Unreachable):
    """It cannot be used now, but perhaps later."""


class Connection(psycopg.Connection[Row]):
    """A connection whose waits end when `patience` is over: psycopg's own end only with an answer.

    Leaving its context closes it. What was not committed then, the server undoes.
    """

    patience: Wait
    address: str
    salt: bytes  # b"" if there are no tables yet

    def wait(self, gen: PQGen[RV], interval: float = 0.0, timeout: float | None = None) -> RV:
        try:
            needed = next(gen)
            while True:
                with DefaultSelector() as selector:
                    selector.register(self.pgconn.socket, needed)
                    while not (found := selector.select(_LOOK_SECONDS)):
                        self.patience.heed()
                        if self.patience.is_over:
                            raise psycopg.OperationalError("it does not answer")
                needed = gen.send(Ready(found[0][1]))
        except StopIteration as end:
            result: RV = end.value
            return result

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if isinstance(error, psycopg.Error):
            raise _unusable(error, self.address) from None

    def __del__(self, *_: object) -> None:
        """No warning: who drops a journal with a send under way has given it up, as in a crash."""


def connect(address: str, patience: Wait, *, create: bool = True) -> Connection:
    """A connection to the journal, with its tables up to date. Raises Unusable or Busy."""
    quick = patience.at_most(ANSWER_SECONDS)
    seconds = max(2, math.ceil(quick.left))  # libpq's least
    try:
        db = Connection.connect(
            address,
            autocommit=True,
            prepare_threshold=None,
            row_factory=_checked,
            connect_timeout=seconds,
            fallback_application_name="wati",
        )
    except psycopg.Error as error:
        raise _unusable(error, address) from None
    db.patience, db.address = quick, address
    with ExitStack() as stack:
        stack.enter_context(db)
        db.execute(_HELLO, (_SCHEMA, f"{math.ceil(max(1.0, patience.left))}s"))
        made = _version(db)
        db.patience = patience
        if made != len(_STEPS) and (made or create):
            with writing(db):
                turn(db, "tables")
                _make(db)
        stack.pop_all()
    return db


def misread(address: str) -> str:
    """Why PostgreSQL does not understand an address; "" if it does."""
    try:
        conninfo_to_dict(address)
    except psycopg.Error as error:
        return _reason(error, address)
    return ""


# --- transactions ------------------------------------------------------------------------------------------


@contextmanager
def writing(db: Connection) -> Iterator[None]:
    """Everything inside is one change."""
    db.execute("BEGIN")
    yield
    db.execute("COMMIT")


def turn(db: Connection, *what: str) -> None:
    """From here to the end of the transaction, nobody else has this turn. Raises Busy."""
    pause = _FIRST_PAUSE
    while not value(db, "SELECT pg_try_advisory_xact_lock(%s)", _lock(db, "turn", *what)):
        db.patience.heed()
        if db.patience.is_over:
            raise Busy
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def own(db: Connection, send: int) -> None:
    """While this connection lasts, a send is known to be this process'."""
    db.execute("SELECT pg_try_advisory_lock(%s)", (_lock(db, "send", str(send)),))


def is_owned(db: Connection, send: int) -> bool:
    """Tries a shared lock, so that two who look at once do not take each other for the owner."""
    return not value(db, "SELECT pg_try_advisory_xact_lock_shared(%s)", _lock(db, "send", str(send)))


def _lock(db: Connection, *what: str) -> int:
    """The number of an advisory lock. Other programs use some, too, and a journal made anew has others."""
    name = "\0".join((_SCHEMA, db.salt.hex(), *what)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(name).digest()[:8], "big", signed=True)


# --- rows --------------------------------------------------------------------------------------------------


def value(db: Connection, query: str, *values: object) -> Any:
    """The one value of a query; None without a row."""
    row = db.execute(query, values).fetchone()
    return next(iter(row.values())) if row else None


def rows(db: Connection, name: str, query: str, values: dict[str, object], count: int) -> Iterator[Row]:
    """The rows of a query. If there may be many, they are read piece by piece by a cursor of this name."""
    if count <= _MANY:
        yield from db.execute(query, values)
    else:
        with db.cursor(name) as cursor:
            cursor.itersize = _MANY
            yield from cursor.execute(query, values)


def _checked(cursor: psycopg.Cursor[Row]) -> Callable[[Sequence[Any]], Row]:
    names = [column.name for column in cursor.description or ()]
    return lambda values: dict(zip(names, stored.checked(names, values), strict=True))


# --- tables ------------------------------------------------------------------------------------------------


def _version(db: Connection) -> int:
    """The version of the tables, 0 if there are none; and their key."""
    db.salt = b""
    found = db.execute(_FOUND, (f"{_SCHEMA}.journal", _SCHEMA)).fetchone()
    if not found or not found["is_made"]:
        if found and found["is_taken"]:
            raise Unreachable(_ANOTHER)
        return 0
    try:
        row = db.execute("SELECT version, salt FROM journal").fetchone()
    except psycopg.errors.UndefinedColumn:
        raise Unreachable(_ANOTHER) from None
    if row is None:
        raise Unreachable("its key is missing")
    db.salt = row["salt"]
    version: int = row["version"]
    return version


# One statement: another process may be making the tables.
_FOUND = (
    "SELECT to_regclass(%s) IS NOT NULL AS is_made, "
    "EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(%s)) AS is_taken"
)
_ANOTHER = f"its schema {_SCHEMA} is another program's"


def _make(db: Connection) -> None:
    """Create the tables, or bring those of an older version up to date."""
    made = _version(db)
    if made > len(_STEPS):
        raise Unreachable("its tables are of a newer version of this package")
    if not made and not value(db, "SELECT to_regnamespace(%s) IS NOT NULL", _SCHEMA):
        db.execute(f"CREATE SCHEMA {_SCHEMA}")
    for step in _STEPS[made:]:
        db.execute(step)
    if made:
        db.execute("UPDATE journal SET version = %s", (len(_STEPS),))
    else:
        db.salt = secrets.token_bytes(32)
        db.execute("INSERT INTO journal VALUES (%s, %s)", (len(_STEPS), db.salt))


# --- what went wrong ---------------------------------------------------------------------------------------


def _unusable(error: psycopg.Error, address: str) -> Unusable:
    kind = Lost if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) else Unreachable
    return kind(_reason(error, address))


def _reason(error: psycopg.Error, address: str) -> str:
    """What PostgreSQL says, without what must not be shown; it quotes an address that it cannot read."""
    text = str(error).partition("\n")[0].removeprefix("connection failed: ")
    for secret in sorted(databases.secrets_of(address), key=len, reverse=True):
        text = text.replace(secret, "[hidden]")
    return text.strip(" .")[:_LONGEST_REASON] or type(error).__name__
