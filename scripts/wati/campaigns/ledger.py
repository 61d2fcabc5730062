"""The ledger of one far side: its jobs, their rows, who works on them, and at which pace."""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from wati.campaigns.records import BEAT_SECONDS
from wati.contract.failures import Failure
from wati.contract.packages import require_package
from wati.wire import threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wati.calls.session import Session
    from wati.campaigns.database import Database
    from wati.campaigns.records import Worker
    from wati.contract.settings import Settings

_LAST_SECONDS = 60.0  # for which a worker that ends tries to settle what it knows


def address_of(settings: Settings) -> str:
    """The file or the postgresql:// address of the ledger."""
    if settings.campaigns:
        return settings.campaigns
    from wati.wire import mount

    return mount.state_path(settings) + "-campaigns"


class Ledger:
    """The ledger in a database. `place`: the far side; jobs of another one are not seen.

    `unclear`: how many requests of a job got no clear answer in a row, as far as this process knows.
    """

    def __init__(self, database: Database, place: str) -> None:
        from wati.campaigns.claims import Claims
        from wati.campaigns.course import Course
        from wati.campaigns.pace import Pace
        from wati.campaigns.plans import Plans
        from wati.campaigns.workers import Workers

        self.database = database
        self.place = place
        self.plans = Plans(database, place)
        self.course = Course(database, place)
        self.claims = Claims(database)
        self.workers = Workers(database, place)
        self.pace = Pace(database, place)
        self.unclear: Counter[int] = Counter()

    @classmethod
    def of(cls, session: Session) -> Ledger:
        """The ledger that the settings name. The sandbox's is beside its state, unless one is named.

        Raises Failure: `missing_dependency` or `bad_setup`.
        """
        settings = session.settings
        address = address_of(settings)
        for package in ("sqlalchemy", *(["psycopg"] if "://" in address else [])):
            require_package(package)
        from wati.campaigns.database import Database

        return cls(Database(address), "sandbox" if settings.sandbox else settings.base_url)

    @contextmanager
    def present(self, name: str) -> Iterator[Worker]:
        """A worker that is at work while this lasts: it beats, and looks whether others have gone."""
        worker, stop = self.workers.enlist(name), threading.Event()
        beats = threads.Worker(partial(self._beat, worker, stop))
        try:
            yield worker
        finally:
            stop.set()
            beats.ended(_LAST_SECONDS)
            self._retire(worker)

    def close(self) -> None:
        self.database.close()

    def _beat(self, worker: Worker, stop: threading.Event) -> None:
        while not stop.wait(BEAT_SECONDS):
            with suppress(Failure):  # the database is away: next time
                self.workers.beat(worker)
                self.claims.catch_up()
                self.workers.bury()

    def _retire(self, worker: Worker) -> None:
        """What cannot be settled now stays claimed, until someone sees that this worker has ended."""
        until = time.monotonic() + (_LAST_SECONDS if self.claims.is_behind else 0.0)
        while True:
            try:
                self.claims.catch_up()
                return self.workers.retire(worker)
            except Failure:
                if time.monotonic() >= until:
                    return
            time.sleep(1.0)
