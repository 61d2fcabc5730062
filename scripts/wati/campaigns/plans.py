"""Plans in the ledger: each is made once, in batches of any number, and never changes after that."""

from __future__ import annotations

import hashlib
import json
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sql

from wati.campaigns.records import Job, Row
from wati.campaigns.schema import ROW, jobs, rows
from wati.contract.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wati.campaigns.database import Database
    from wati.campaigns.records import JobState, Kind, RowState

BATCH = 1000  # rows that are read or written at once

_JOB = [jobs.c[name] for name in Job._fields]


class New(NamedTuple):
    """A row to add. `message`: the digest of what the person gets, from any job (claims.message_of)."""

    row: Row
    message: str


class Plans:
    """The jobs of one far side. `place`: which."""

    def __init__(self, database: Database, place: str) -> None:
        self._database = database
        self._place = place

    def get(self, name: str) -> Job | None:
        with self._database.reading() as connection:
            return self._get(connection, name)

    def all(self) -> list[Job]:
        """Every job, the newest first."""
        with self._database.reading() as connection:
            where = jobs.c.place == self._place
            found = connection.execute(sql.select(*_JOB).where(where).order_by(jobs.c.id.desc()))
            return [Job(*each) for each in found]

    def begin(self, name: str, kind: Kind, content: str, plan: Mapping[str, Any]) -> Job:
        """A new plan, without rows. One of which the reading was cut off is made anew.

        Raises `plan_exists` if the name is taken.
        """
        with self._database.writing() as connection:
            now = self._database.now(connection)
            old = self._get(connection, name)
            members = {"kind": kind, "content": content, "plan": dict(plan), "summary": {}, "planned_at": now}
            if old is None:
                values = {"place": self._place, "name": name, "state": "planning", **members}
                connection.execute(jobs.insert().values(**values))
            elif old.state != "planning":
                raise exists(old)
            else:
                # The time is the mark by which whoever still reads for the old one notices.
                members["planned_at"] = max(now, old.planned_at + 0.001)
                connection.execute(rows.delete().where(rows.c.job == old.id))
                connection.execute(jobs.update().where(jobs.c.id == old.id).values(**members))
            made = self._get(connection, name)
        assert made is not None
        return made

    def add(self, job: Job, new: Iterable[New]) -> None:
        """Add rows to a plan that is being made, in batches. Raises `plan_exists` if others make it anew."""
        rest = iter(new)
        while batch := list(islice(rest, BATCH)):
            values = [{"job": job.id, "message": each.message, **each.row._asdict()} for each in batch]
            with self._database.writing() as connection:
                self._still_mine(connection, job)
                connection.execute(rows.insert(), values)

    def finish(self, job: Job, summary: Mapping[str, Any]) -> Job:
        """Nothing of the plan changes any more. `summary`: what a person is shown, but for `confirm`."""
        digest, head_count = self._digest(job)
        values = {"state": "planned", "digest": digest, "head_count": head_count}
        finished = job._replace(digest=digest, head_count=head_count)
        values["summary"] = {**summary, "confirm": finished.confirm}
        with self._database.writing() as connection:
            self._still_mine(connection, job)
            connection.execute(jobs.update().where(jobs.c.id == job.id).values(**values))
            made = self._get(connection, job.name)
        assert made is not None
        return made

    def drop(self, job: Job) -> None:
        """Forget a plan that was not finished. What others have made of it meanwhile stays."""
        with self._database.writing() as connection:
            mine = sql.select(jobs.c.id).where(*_mine(job))
            connection.execute(rows.delete().where(rows.c.job.in_(mine)))
            connection.execute(jobs.delete().where(*_mine(job)))

    def rows(
        self, job: Job, state: RowState | Sequence[RowState] | None = None, after: int = -1
    ) -> Iterator[Row]:
        """The rows of a job in the order of its audience, those of some states, after a position."""
        chosen = sql.select(*ROW).where(rows.c.job == job.id).order_by(rows.c.position).limit(BATCH)
        if state is not None:
            chosen = chosen.where(rows.c.state.in_([state] if isinstance(state, str) else state))
        while True:
            with self._database.reading() as connection:
                found = connection.execute(chosen.where(rows.c.position > after)).all()
            if not found:
                return
            yield from (Row(*each) for each in found)
            after = found[-1].position

    def _digest(self, job: Job) -> tuple[str, int]:
        """The digest of all that will be sent, and to how many."""
        digest = hashlib.sha256(_canonical(job.plan))
        count = 0
        for row in self.rows(job, "planned"):
            count += 1
            digest.update(_canonical([row.receiver, row.person, row.zone, row.content]))
        return digest.hexdigest(), count

    def _get(self, connection: sql.Connection, name: str) -> Job | None:
        where = (jobs.c.place == self._place, jobs.c.name == name)
        found = connection.execute(sql.select(*_JOB).where(*where)).first()
        return None if found is None else Job(*found)

    @staticmethod
    def _still_mine(connection: sql.Connection, job: Job) -> None:
        if connection.execute(sql.select(jobs.c.id).where(*_mine(job))).first() is None:
            message = f"Another process makes the plan {job.name} anew."
            raise Failure("plan_exists", message, hint="Wait until it is there: the same command shows it.")


def _mine(job: Job) -> tuple[sql.ColumnElement[bool], ...]:
    state: JobState = "planning"
    return jobs.c.id == job.id, jobs.c.state == state, jobs.c.planned_at == job.planned_at


def exists(job: Job) -> Failure:
    """The failure of a plan whose name another one has."""
    message = f"There is a plan {job.name} already, with another content, and a plan never changes."
    return Failure("plan_exists", message, source="arguments")


def digest_of(value: Any) -> str:
    return hashlib.sha256(_canonical(value)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )
