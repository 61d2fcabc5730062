"""For how long a send locks a journal in PostgreSQL in which 100,000 messages are already.

usage: bench_team.py [MESSAGES]      (default 100000)

As bench_journal.py, on a server of its own on this machine that writes to the disk. While a send has its
turn, nobody else sends over the same connection, on any machine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("scripts", "tests", "dev")]

# ruff: noqa: E402
import postgres as servers
from bench_journal import CUSTOMERS, ROUNDS, messages
from wati.journal import database, postgres

HELD: list[float] = []  # seconds


def watch() -> None:
    began = [0.0]
    turn, writing = database.turn, database.writing

    def timed_turn(db: database.Connection, *what: str) -> None:
        turn(db, *what)
        began[0] = time.perf_counter()

    @contextmanager
    def timed_writing(db: database.Connection) -> Iterator[None]:
        with writing(db):
            yield
        HELD.append(time.perf_counter() - began[0])

    database.turn, postgres.writing = timed_turn, timed_writing  # type: ignore[assignment]


def main() -> None:
    before = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if reason := servers.missing():
        print(f"NOT RUN: the journal in PostgreSQL: {reason}")
        return
    with servers.template() as template:
        server = servers.Server(template, fsync="on", full_page_writes="on", autovacuum="on")
        try:
            measure(before, server.database())
        finally:
            server.close()


def measure(before: int, address: str) -> None:
    now = [time.time() - 20 * 86400]
    journal = postgres.Journal(address, "bench", clock=lambda: now[0])
    size = min(before, CUSTOMERS)
    for number in range(max(1, before // CUSTOMERS)):
        send = journal.enter("s", "c", messages(size, str(number)), None, again=True, wait=600.0)
        assert isinstance(send, int)
        journal.settle(send, "accepted")
        now[0] += 86400
    watch()
    print(f"{before:,} messages in the journal in PostgreSQL; the lock is held by a send to")
    for receivers in (1, 1_000):
        held, whole = [], []
        for each in range(2 * ROUNDS):
            now[0] += 3600
            began = time.perf_counter()
            crowd = messages(receivers, f"{receivers}-{each}")
            send = journal.enter("s", "c", crowd, None, again=False)
            whole.append(time.perf_counter() - began)
            assert isinstance(send, int)
            held.append(HELD[-1])
            journal.settle(send, "accepted")
        everything = f"with hashing and all {median(whole) * 1000:,.0f} ms"
        print(f"{receivers:>9,} receivers: {median(held) * 1000:,.1f} ms; {everything}", flush=True)


if __name__ == "__main__":
    main()
