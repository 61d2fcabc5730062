"""Who works on jobs, and who has ended without a word: then its rows are in doubt, and others go on.

No wall clock decides it: a worker counts its beats, and whoever watches measures with its own monotonic clock
for how long they have not moved. On one machine, a lock shows it at once (journal/owners.py).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sql
from sqlalchemy.exc import IntegrityError

from wati.campaigns.claims import give_up
from wati.campaigns.records import BEAT_SECONDS, GONE_SECONDS, Worker
from wati.campaigns.schema import workers
from wati.contract.failures import Failure
from wati.journal.owners import Owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wati.campaigns.database import Database

_WORKER = tuple(workers.c[name] for name in Worker._fields)


class Workers:
    """The workers at one place. `clock`: monotonic seconds."""

    def __init__(self, database: Database, place: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._place = place
        self._owners = Owners(database.path) if database.path else None
        self._watch = _Watch(clock)

    def enlist(self, name: str) -> Worker:
        """Enter a worker; `name` is its own. Its lock is held before anyone can see it."""
        number = 0
        try:
            with self._database.writing() as db:
                now = self._database.now(db)
                entry = {"place": self._place, "name": name, "beats": 0, "seen_at": now, "state": "working"}
                try:
                    key = db.execute(workers.insert().values(entry)).inserted_primary_key
                except IntegrityError:
                    raise Failure("bad_setup", f"There was a worker with the name {name} before.") from None
                assert key is not None
                number = int(key[0])
                if self._owners is not None and self._owners.claim(number):
                    db.execute(sql.update(workers).where(workers.c.id == number).values(locked=True))
        except BaseException:
            if number:
                self._release(number)
            raise
        return Worker(number, name, 0, now, "working")

    def beat(self, worker: Worker) -> None:
        """The worker lives. If others had given it up, it is back."""
        with self._database.writing() as db:
            alive = {"beats": workers.c.beats + 1, "seen_at": self._database.now(db), "state": "working"}
            known = (workers.c.id == worker.id, workers.c.state != "ended")
            db.execute(sql.update(workers).where(*known).values(alive))

    def retire(self, worker: Worker) -> None:
        """The worker has ended. What it has claimed and not settled is in doubt."""
        with self._database.writing() as db:
            self._end(db, worker.id, "ended")
        self._release(worker.id)

    def bury(self) -> list[Worker]:
        """Put in doubt what workers had claimed who have gone. Call it every few seconds."""
        with self._database.reading() as db:
            here = (workers.c.place == self._place, workers.c.state == "working")
            found = list(db.execute(sql.select(workers.c.locked, *_WORKER).where(*here)))
        living = [_Seen(Worker(*members), is_locked) for is_locked, *members in found]
        silent = self._watch.silent(one.worker for one in living)
        gone = [one.worker for one in living if one.worker.id in silent or self._is_free(one)]
        return [worker._replace(state="gone") for worker in gone if self._bury(worker)]

    def give_up(self, name: str) -> Worker | None:
        """Bury a worker that will not come back, without waiting for it; None if none works by this name."""
        worker = next((one for one in self.all() if one.name == name and one.state == "working"), None)
        if worker is None:
            return None
        with self._database.writing() as db:
            self._end(db, worker.id, "gone")
        return worker._replace(state="gone")

    def all(self) -> list[Worker]:
        """Everyone who ever worked here, the newest first."""
        query = sql.select(*_WORKER).where(workers.c.place == self._place).order_by(workers.c.id.desc())
        with self._database.reading() as db:
            return [Worker(*each) for each in db.execute(query)]

    def _bury(self, worker: Worker) -> bool:
        """Whether it is gone: a beat in the last moment keeps it."""
        with self._database.writing() as db:
            same = (workers.c.id == worker.id, workers.c.beats == worker.beats, workers.c.state == "working")
            if db.scalar(sql.select(workers.c.id).where(*same)) is None:
                return False
            self._end(db, worker.id, "gone")
        return True

    def _end(self, db: sql.Connection, number: int, state: str) -> None:
        db.execute(sql.update(workers).where(workers.c.id == number).values(state=state))
        give_up(db, number, self._database.now(db))

    def _is_free(self, one: _Seen) -> bool:
        """Whether its lock shows that its process has ended."""
        return one.is_locked and self._owners is not None and self._owners.has(one.worker.id) is False

    def _release(self, number: int) -> None:
        if self._owners is not None:
            self._owners.release(number)


class _Seen(NamedTuple):
    worker: Worker
    is_locked: bool


class _Watch:
    """For how long the beats of each worker have not moved, while this process was looking."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[int, tuple[int, float]] = {}
        self._looked = clock()

    def silent(self, living: Iterable[Worker]) -> set[int]:
        """Those without a beat for GONE_SECONDS."""
        now = self._clock()
        if now - self._looked > 2 * BEAT_SECONDS:
            # This process slept, or the database was away: then nobody could beat.
            self._since.clear()
        self._looked = now
        before, self._since = self._since, {}
        for worker in living:
            beats, since = before.get(worker.id, (worker.beats, now))
            self._since[worker.id] = (worker.beats, since if beats == worker.beats else now)
        return {number for number, (_, since) in self._since.items() if now - since >= GONE_SECONDS}
