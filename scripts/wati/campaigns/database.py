"""The database of the ledger: an SQLite file of one machine, or a PostgreSQL that several machines share.

Writers take turns, so what a transaction has read is still true when it writes. A claim has to survive a
crash of the database's machine, too: it is on the disk before its request leaves.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import sqlalchemy as sql
from sqlalchemy import event
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from wati.campaigns import versions
from wati.contract.failures import Failure
from wati.journal import ownership

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PATIENCE = 30.0  # seconds for which a writer waits for the others
APPLICATION_ID = int.from_bytes(b"WaCa", "big")  # in the header of an SQLite file
_LONGEST_REASON = 200

_USE = (
    "Set WATI_CAMPAIGNS to a file in a folder that can be written, or to the postgresql:// address of a "
    "database that this machine reaches."
)
_GO_ON = "Run it again once the database answers: it goes on where it was, and nobody is sent to twice."


class Database:
    """The database at `address`: a path, or postgresql://…, which nothing here ever shows.

    Each use is one transaction. Raises Failure: `bad_setup` if it cannot be opened, `ledger_unavailable` if
    it could be and is gone, or if others have been writing for all of `patience`.
    """

    def __init__(self, address: str, *, patience: float = PATIENCE) -> None:
        self.address = address
        is_file = "://" not in address
        self.path = os.path.abspath(os.path.expanduser(address)) if is_file else ""
        self._store: _Store = _File(self.path, patience) if is_file else _Server(address, patience)
        self._opening = threading.Lock()
        self._is_open = False

    @contextmanager
    def reading(self) -> Iterator[sql.Connection]:
        """Everything inside sees what is committed. Keep it short: in a file, no writer can end meanwhile."""
        with self.failing(), self._opened().connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sql.Connection]:
        """Everything inside is one change, and happens while nobody else changes anything."""
        with self.failing(), self._written(self._opened()) as connection:
            yield connection

    def now(self, connection: sql.Connection) -> float:
        """The time by the clock of the database's machine, in epoch seconds."""
        return self._store.now(connection)

    def close(self) -> None:
        with self._opening:
            self._store.engine.dispose()

    @contextmanager
    def _written(self, engine: sql.Engine) -> Iterator[sql.Connection]:
        with engine.connect() as connection:
            connection.execution_options(is_writing=True)
            with connection.begin():
                self._store.lock(connection)
                yield connection

    def _opened(self) -> sql.Engine:
        """The engine, once the tables are there and of this version."""
        with self._opening:
            if not self._is_open:
                self._store.claim()
                with self._store.engine.connect() as connection:
                    is_current = versions.is_current(connection)
                if not is_current:
                    with self._written(self._store.engine) as connection:
                        versions.update(connection)
                self._store.made()
                self._is_open = True
        return self._store.engine

    @contextmanager
    def failing(self) -> Iterator[None]:
        """Errors of databases inside become a Failure."""
        try:
            yield
        except (OSError, SQLAlchemyError, sqlite3.Error, versions.Unusable) as error:
            why = self._store.reason(error)
            if not self._is_open:
                message = f"The ledger of campaigns cannot be used ({why})."
                raise Failure("bad_setup", message, hint=_USE) from None
            if isinstance(error, SQLAlchemyError) and not isinstance(error, DBAPIError):
                raise  # a bug of ours
            message = f"The ledger of campaigns cannot be reached ({why})."
            raise Failure(
                "ledger_unavailable", message, hint=_GO_ON, source="package", outcome="not_sent"
            ) from None


class _Store(Protocol):
    """What differs between the two."""

    engine: sql.Engine

    def claim(self) -> None:
        """Make sure that it is not another program's."""

    def made(self) -> None:
        """The tables are there."""

    def lock(self, connection: sql.Connection) -> None:
        """Wait until no other transaction writes."""

    def now(self, connection: sql.Connection) -> float: ...

    def reason(self, error: Exception) -> str:
        """Why it cannot be used, without its password."""


class _File:
    """A rollback journal, not WAL, as the journal of sends has it (journal/schema.py): one private file."""

    def __init__(self, path: str, patience: float) -> None:
        self._path = path
        self.engine = sql.create_engine(
            sql.URL.create("sqlite", database=path),
            # SQLAlchemy begins the transactions itself, each in its own way.
            connect_args={"timeout": patience, "isolation_level": None},
            hide_parameters=True,  # they are customers'
        )
        event.listen(self.engine, "connect", self._connected)
        event.listen(self.engine, "begin", self._begin)

    def claim(self) -> None:
        ownership.claim(self._path, (), APPLICATION_ID)

    def made(self) -> None:
        """Nothing: the id is in the header since the tables are there."""

    def lock(self, connection: sql.Connection) -> None:
        """BEGIN IMMEDIATE has waited."""

    def now(self, connection: sql.Connection) -> float:
        return time.time()

    def reason(self, error: Exception) -> str:
        if isinstance(error, OSError):
            return error.strerror or type(error).__name__
        cause = getattr(error, "orig", None) or error
        return _shortened(str(cause) or type(cause).__name__)

    @staticmethod
    def _connected(connection: Any, _: object) -> None:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA cache_size = -512")  # KB; a worker has several connections

    @staticmethod
    def _begin(connection: sql.Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
        if is_writing:
            # In the transaction that makes the tables, the id is written with them.
            known = connection.exec_driver_sql("PRAGMA application_id").scalar()
            if known != APPLICATION_ID:
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


# What libpq waits for, unless the address says otherwise: a server that vanishes is noticed within seconds.
_LIBPQ = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
_LOCK = int.from_bytes(b"WaCaLedg", "big") >> 1  # of the advisory lock; a bigint
# One transaction long. A session that was cut off gives the lock back; a claim is on the server's disk.
_TURN = sql.text(
    "SELECT set_config('lock_timeout', :wait, true), "
    "set_config('idle_in_transaction_session_timeout', '60s', true), "
    "set_config('synchronous_commit', 'on', true), pg_advisory_xact_lock(:lock)"
)


class _Server:
    def __init__(self, address: str, patience: float) -> None:
        try:
            url = sql.make_url(address).set(drivername="postgresql+psycopg")
        except (ArgumentError, ValueError):
            raise Failure(
                "bad_setup", "WATI_CAMPAIGNS is not the address of a database.", hint=_USE
            ) from None
        password = str(url.password or "")
        self._secrets = [each for each in (address, password, quote(password, safe="")) if each]
        self._wait = f"{max(1, round(patience * 1000))}ms"
        options = {name: value for name, value in _LIBPQ.items() if name not in url.query}
        # Before it is used, a connection is tried: the server may have been away.
        self.engine = sql.create_engine(url, connect_args=options, pool_pre_ping=True, hide_parameters=True)

    def claim(self) -> None:
        """Nothing: versions.update looks at the tables."""

    def made(self) -> None:
        """Nothing."""

    def lock(self, connection: sql.Connection) -> None:
        connection.execute(_TURN, {"wait": self._wait, "lock": _LOCK})

    def now(self, connection: sql.Connection) -> float:
        return float(
            connection.execute(sql.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
        )

    def reason(self, error: Exception) -> str:
        text = str(getattr(error, "orig", None) or error)
        for secret in self._secrets:
            text = text.replace(secret, "[hidden]")
        return _shortened(text)


def _shortened(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_REASON].rstrip(".") or "no reason was given"
