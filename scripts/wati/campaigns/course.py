"""The course of a job: it starts, stops, goes on and ends; and what is left to give to an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sql

from wati.campaigns.records import Job
from wati.campaigns.schema import jobs, rows

if TYPE_CHECKING:
    from wati.campaigns.database import Database

_JOB = [jobs.c[name] for name in Job._fields]


class Course:
    """The jobs of one far side. `place`: which."""

    def __init__(self, database: Database, place: str) -> None:
        self._database = database
        self._place = place

    def start(self, job: Job) -> None:
        """It runs from now on, unless its plan is not finished."""
        with self._database.writing() as db:
            started = sql.func.coalesce(jobs.c.started_at, self._database.now(db))
            values = {"state": "running", "started_at": started, "ended_at": None, "problem": ""}
            known = (jobs.c.id == job.id, jobs.c.state.in_(["planned", "stopped", "done"]))
            db.execute(sql.update(jobs).where(*known).values(values))

    def stop(self, job: Job) -> None:
        """Nothing is claimed from now on."""
        with self._database.writing() as db:
            running = (jobs.c.id == job.id, jobs.c.state == "running")
            db.execute(sql.update(jobs).where(*running).values(state="stopped"))

    def end(self, job: Job) -> bool:
        """It is done, if nothing is left that could be sent."""
        left = sql.exists().where(rows.c.job == jobs.c.id, rows.c.state.in_(["planned", "claimed"]))
        with self._database.writing() as db:
            values = {"state": "done", "ended_at": self._database.now(db)}
            over = (jobs.c.id == job.id, jobs.c.state == "running", ~left)
            return db.execute(sql.update(jobs).where(*over).values(values)).rowcount == 1

    def running(self) -> list[Job]:
        with self._database.reading() as db:
            here = (jobs.c.place == self._place, jobs.c.state == "running")
            return [Job(*each) for each in db.execute(sql.select(*_JOB).where(*here).order_by(jobs.c.id))]

    def zones_left(self, job: Job) -> list[str]:
        """The zones of those to whom something is planned."""
        planned = (rows.c.job == job.id, rows.c.state == "planned")
        with self._database.reading() as db:
            return list(db.scalars(sql.select(rows.c.zone).where(*planned).distinct()))

    def opens(self, job: Job, now: float) -> float | None:
        """From when on something of it may leave: at its time, and out of quiet hours; None = never."""
        from wati.campaigns import hours

        at = max(now, job.plan.get("send_at") or now)
        quiet = job.plan.get("quiet_hours")
        opening = (hours.opens(quiet, zone, at) for zone in self.zones_left(job))
        return min((moment for moment in opening if moment is not None), default=None)

    def round(self, job: Job) -> int:
        """How often its chunks were given to an engine."""
        with self._database.reading() as db:
            return int(db.scalars(sql.select(jobs.c.round).where(jobs.c.id == job.id)).one())

    def next_round(self, job: Job, round: int) -> bool:
        """Whether this process is the one to give the round after this one."""
        with self._database.writing() as db:
            known = (jobs.c.id == job.id, jobs.c.round == round)
            return db.execute(sql.update(jobs).where(*known).values(round=round + 1)).rowcount == 1

    def now(self) -> float:
        """The time by the database's clock."""
        with self._database.reading() as db:
            return self._database.now(db)
