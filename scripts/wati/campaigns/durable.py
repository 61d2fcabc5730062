"""The engine on DBOS: a workflow for each chunk, in a SQLite file beside the ledger or in its PostgreSQL.

What was measured stands behind each rule. Two workers with one executor id did eight of eight chunks in
flight twice: so each has its own. Only a worker of the same application version takes over what another has
begun: so there is one version. DBOS gives a dead worker's chunks to nobody else: `recover` does. It forgets
the result of a chunk that ends after its shutdown: so it drains. Its limiter counts by the database's clock,
and would hand out nothing for an hour if that is set back an hour: so the pace is the ledger's (pace.py).

DBOS gets the names of jobs and the numbers of chunks, and nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

from wati.campaigns.engine import DRAIN_SECONDS, THREADS, Busy, Hands
from wati.contract.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from dbos import EnqueueOptions, WorkflowStatus

    from wati.campaigns.database import Database
    from wati.campaigns.engine import Handle

VERSION = "wati-campaigns-1"  # of the workflow below; a new one would leave the chunks of the old one undone
SCHEMA = "wati_engine"  # in PostgreSQL, apart from a DBOS application of the business
POLL_SECONDS = 0.1
LONGEST_WAIT = 30.0  # seconds for the engine's file, which other processes write, too
BATCH = 500  # chunks in one transaction

_WAITING = "ENQUEUED"
_BEGUN = "PENDING"


class _Process:
    """DBOS finds its workflows by name, and a process has one DBOS."""

    hands: Hands | None = None
    working = threading.Lock()


@DBOS.workflow(name="chunk", max_recovery_attempts=None)
def _chunk(job: str, chunk: int) -> None:
    if _Process.hands is not None:
        _Process.hands.take(job, chunk)


class Durable:
    """`database`: the ledger's. `place`: the far side, whose chunks are its own. `worker`: a unique name.

    Raises Failure as the database does.
    """

    def __init__(self, database: Database, place: str, worker: str = "", *, threads: int = THREADS) -> None:
        logging.getLogger("dbos").setLevel(logging.CRITICAL + 1)
        self._database = database
        self._queue = "wati-" + hashlib.sha256(place.encode()).hexdigest()[:16]
        self._worker = worker
        with database.failing():
            url = _url(database.address)
            DBOS.migrate(url, schema=SCHEMA)
            self._engine = _engine(url, threads)
            self._shared: dict[str, Any] = {
                "system_database_engine": self._engine,
                "dbos_system_schema": SCHEMA,
                "serializer": DBOSPortableJSONSerializer(),  # the default unpickles what is in the database
            }
            self._client = DBOSClient(
                **self._shared, application_name=self._queue, retry_connection_errors=False
            )
            self._client.register_queue(
                self._queue, worker_concurrency=threads, polling_interval_sec=POLL_SECONDS
            )

    def enqueue(self, job: str, round: int, chunks: Iterable[int]) -> None:
        wanted = list(chunks)
        for start in range(0, len(wanted), BATCH):
            with self._database.failing(), self._engine.begin() as connection:
                for chunk in wanted[start : start + BATCH]:
                    options: EnqueueOptions = {
                        "queue_name": self._queue,
                        "workflow_name": "chunk",
                        "workflow_id": f"{_prefix(job)}{round}-{chunk}",
                        "app_version": VERSION,
                    }
                    self._client.enqueue_in_transaction(connection, options, job, chunk)

    def unfinished(self, job: str) -> bool:
        return bool(self._ids([_WAITING, _BEGUN], job=job, limit=1))

    def stop(self, job: str) -> None:
        if waiting := self._ids([_WAITING], job=job):
            with self._database.failing():
                self._client.cancel_workflows(waiting)

    def holders(self) -> set[str]:
        return {one.executor_id for one in self._list([_BEGUN]) if one.executor_id}

    def recover(self, worker: str) -> int:
        begun = self._ids([_BEGUN], executor_id=worker)
        if begun:
            with self._database.failing():
                self._client.resume_workflows(begun, queue_name=self._queue)
        return len(begun)

    @contextmanager
    def work(self, handle: Handle) -> Iterator[None]:
        if not _Process.working.acquire(blocking=False):
            raise Busy
        try:
            with self._launched(handle):
                yield
        finally:
            _Process.working.release()

    @contextmanager
    def _launched(self, handle: Handle) -> Iterator[None]:
        hands = _Process.hands = Hands(handle)
        config: Any = {"name": self._queue, "executor_id": self._worker, "application_version": VERSION}
        config |= {**self._shared, "log_level": "CRITICAL"}
        DBOS(config=config)
        try:
            with self._database.failing():
                DBOS.launch()
            yield
        finally:
            # Its own wait looks once a second, so it is spared when nothing is under way.
            DBOS.destroy(workflow_completion_timeout_sec=DRAIN_SECONDS if hands.close() else 0)
            hands.wait(DRAIN_SECONDS)
            _Process.hands = None
            with suppress(Failure):  # the others find what is left
                self.recover(self._worker)

    def close(self) -> None:
        self._client.destroy()
        self._engine.dispose()

    def _ids(self, status: list[str], *, job: str = "", **which: Any) -> list[str]:
        prefix = {"workflow_id_prefix": _prefix(job)} if job else {}
        return [one.workflow_id for one in self._list(status, **prefix, **which)]

    def _list(self, status: list[str], **which: Any) -> list[WorkflowStatus]:
        """The chunks of this place."""
        shown: dict[str, Any] = {"load_input": False, "load_output": False, **which}
        with self._database.failing():
            return self._client.list_workflows(status=status, queue_name=self._queue, **shown)


def _prefix(job: str) -> str:
    """What the ids of a job's workflows begin with: no name of a job is the beginning of another's."""
    return hashlib.sha256(job.encode()).hexdigest()[:24] + "-"


def _use_wal(connection: sqlite3.Connection) -> None:
    """SQLite waits for nobody here, whatever its timeout: two who make the file at once would meet."""
    until = time.monotonic() + LONGEST_WAIT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return


def _url(address: str) -> str:
    """The database of the engine, for a ledger at this address."""
    if "://" in address:
        return address
    path = os.path.abspath(os.path.expanduser(address)) + "-engine"
    # As private as the ledger, although it has no person in it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o600))
    return sa.URL.create("sqlite", database=path).render_as_string()


def _engine(url: str, threads: int) -> sa.Engine:
    if not url.startswith("sqlite"):
        driver = sa.make_url(url).set(drivername="postgresql+psycopg")
        return sa.create_engine(
            driver, pool_size=threads + 4, pool_pre_ping=True, connect_args={"connect_timeout": 10}
        )
    engine = sa.create_engine(url)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        connection.isolation_level = "IMMEDIATE"  # as DBOS has it
        connection.execute(f"PRAGMA busy_timeout = {LONGEST_WAIT * 1000:.0f}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")  # what the last second lost is given again
        connection.execute("PRAGMA cache_size = -256")  # KB; DBOS has several connections

    return engine
