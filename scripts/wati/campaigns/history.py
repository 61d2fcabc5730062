"""What people got before, from any campaign of this ledger."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import sqlalchemy as sql

from wati.campaigns.records import TAKEN
from wati.campaigns.schema import jobs, rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wati.campaigns.database import Database

DAY = 86400.0
# Meta: whoever failed with it is not to be tried again for a day (documented).
MARKETING_LIMIT = "131049"
_AT_ONCE = 500  # SQLite takes no more than 999 values in old versions


class History:
    """`place`: the far side whose jobs are looked at."""

    def __init__(self, database: Database, place: str) -> None:
        self._database = database
        self._place = place

    def reached(self, persons: Iterable[str], seconds: float) -> set[str]:
        """Those whom a campaign has sent anything within so many seconds, or may have."""
        return self._within(persons, seconds, rows.c.state.in_(TAKEN))

    def limited(self, persons: Iterable[str]) -> set[str]:
        """Those to whom a message failed within a day, because they had got too much marketing."""
        codes = (rows.c.reason, rows.c.delivery_code)
        return self._within(persons, DAY, sql.or_(*(code == MARKETING_LIMIT for code in codes)))

    def _within(self, persons: Iterable[str], seconds: float, what: sql.ColumnElement[bool]) -> set[str]:
        found: set[str] = set()
        at = sql.func.coalesce(rows.c.settled_at, rows.c.claimed_at)
        rest = iter(persons)
        while some := list(islice(rest, _AT_ONCE)):
            with self._database.reading() as connection:
                since = self._database.now(connection) - seconds
                chosen = (
                    sql.select(rows.c.person)
                    .join(jobs, jobs.c.id == rows.c.job)
                    .where(jobs.c.place == self._place, jobs.c.kind == "campaign")
                    .where(rows.c.person.in_(some), what, at > since)
                )
                found.update(connection.execute(chosen).scalars())
        return found
