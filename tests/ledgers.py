"""Ledgers for tests, in a file and on a real PostgreSQL, and jobs in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wati.campaigns.claims import message_of
from wati.campaigns.database import Database
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Job
from wati.campaigns.schema import jobs, rows

PLACE = "sandbox"
VALUES = [{"name": "name", "value": "Ann"}, {"name": "ordernumber", "value": "7"}]
PLAN = {
    "template_name": "order_update",
    "broadcast_name": "spring",
    "rate": {"requests": 1000, "seconds": 1.0},
}


def numbers(count: int, first: int = 0) -> list[str]:
    return [f"1415555{number:04}" for number in range(first, first + count)]


def open_ledger(address: str, place: str = PLACE) -> Ledger:
    return Ledger(Database(address), place)


def add_job(
    ledger: Ledger,
    receivers: list[str],
    name: str = "spring",
    chunk: int = 3,
    state: str = "running",
    zones: Mapping[str, str] | None = None,
    message: str = "",
    **plan: Any,
) -> Job:
    """A job with one planned row for each receiver. `message`: what all of them get, instead of their own."""
    members = {"place": ledger.place, "name": name, "kind": "campaign", "state": state, "content": "c"}
    members |= {"plan": {**PLAN, **plan}, "head_count": len(receivers), "digest": "d" * 64, "planned_at": 1.0}
    new = [
        {
            **{"position": position, "chunk": position // chunk, "receiver": receiver, "person": receiver},
            **{"name": "Ann", "content": {"customParams": VALUES}, "state": "planned"},
            "zone": (zones or {}).get(receiver, ""),
            "message": message_of(ledger.place, receiver, message or "order_update", VALUES),
        }
        for position, receiver in enumerate(receivers)
    ]
    with ledger.database.writing() as db:
        key = db.execute(jobs.insert().values(members)).inserted_primary_key
        assert key is not None
        if new:
            db.execute(rows.insert(), [{"job": key[0], **row} for row in new])
    return find_job(ledger, name)


def find_job(ledger: Ledger, name: str) -> Job:
    with ledger.database.reading() as db:
        where = (jobs.c.place == ledger.place, jobs.c.name == name)
        found = db.execute(jobs.select().where(*where)).one()._mapping
    return Job(**{field: found[field] for field in Job._fields})


def set_state(ledger: Ledger, job: Job, state: str) -> None:
    with ledger.database.writing() as db:
        db.execute(jobs.update().where(jobs.c.id == job.id).values(state=state))


def problem_of(ledger: Ledger, job: Job) -> tuple[str, str]:
    """The state of a job, and why it stopped by itself."""
    with ledger.database.reading() as db:
        found = db.execute(jobs.select().where(jobs.c.id == job.id)).one()
    return found.state, found.problem


def states(ledger: Ledger, job: Job) -> dict[str, str]:
    """The state of each receiver."""
    with ledger.database.reading() as db:
        found = db.execute(rows.select().where(rows.c.job == job.id).order_by(rows.c.position))
        return {row.receiver: row.state for row in found}


def row_of(ledger: Ledger, job: Job, receiver: str) -> Any:
    with ledger.database.reading() as db:
        where = (rows.c.job == job.id, rows.c.receiver == receiver)
        return db.execute(rows.select().where(*where)).one()
