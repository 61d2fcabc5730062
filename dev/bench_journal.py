"""For how long a send locks the journal, in which a million messages are already.

usage: bench_journal.py [MESSAGES]      (default 1000000)

The same customers got the same template with other values before, which is the most work to compare. The
time runs from the moment at which the lock is there until it is free again.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from wati.contract.messages import Message
from wati.journal import schema
from wati.journal.store import Journal

CUSTOMERS = 100_000
ROUNDS = 5


class Watch:
    """How long each lock was held, in seconds: by the clock, and of this thread's work."""

    def __init__(self) -> None:
        self.held: list[tuple[float, float]] = []
        self._patiently = schema.patiently
        schema.patiently = self._timed

    def _timed(self, db: object, statement: str, wait: object) -> None:
        if statement == "COMMIT":
            self._patiently(db, statement, wait)  # type: ignore[arg-type]
            clock, work = self._began
            self.held.append((time.perf_counter() - clock, time.thread_time() - work))
        else:
            self._patiently(db, statement, wait)  # type: ignore[arg-type]
            self._began = time.perf_counter(), time.thread_time()


def messages(receivers: int, order: str) -> Iterator[Message]:
    for number in range(receivers):
        customer = number * 7919 % CUSTOMERS  # as in a list that nobody has sorted
        values = {"name": f"Customer {customer}", "ordernumber": f"{order}-{customer}"}
        yield Message(f"[{number}]", str(14_150_000_000 + customer), "template", values, name="order_update")


def main() -> None:
    before = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        now = [time.time() - 20 * 86400]
        journal = Journal(str(Path(folder) / "sends"), "bench", clock=lambda: now[0])
        for number in range(max(1, before // CUSTOMERS)):
            send = journal.enter("s", "c", messages(min(before, CUSTOMERS), str(number)), None, again=False)
            assert isinstance(send, int)
            journal.settle(send, "accepted")
            now[0] += 86400
        watch = Watch()
        print(f"{before:,} messages in the journal; the lock is held by a send to")
        for receivers in (1, 1_000, 100_000):
            held: list[tuple[float, float]] = []
            whole = []
            for each in range(ROUNDS):
                now[0] += 3600
                began = time.perf_counter()
                crowd = messages(receivers, f"{receivers}-{each}")
                send = journal.enter("s", "c", crowd, None, again=False)
                whole.append(time.perf_counter() - began)
                assert isinstance(send, int)
                held.append(watch.held[-1])
                journal.settle(send, "accepted")
            clock, work = (median(each) * 1000 for each in zip(*held, strict=True))
            everything = f"with hashing and all {median(whole) * 1000:,.0f} ms"
            print(
                f"{receivers:>9,} receivers: {clock:,.1f} ms, of which work {work:,.1f}; {everything}",
                flush=True,
            )


if __name__ == "__main__":
    main()
