"""What became of each accepted message, as far as the report has looked: kept in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sql

from wati.campaigns.schema import rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wati.campaigns.database import Database
    from wati.campaigns.records import Job

# A status that is one of these says the one before, too (assumed for REPLIED).
DELIVERED = ("DELIVERED", "READ", "REPLIED")
READ = ("READ", "REPLIED")
FAILED, SENT, NOT_FOUND = "FAILED", "SENT", "not_found"
REPLY_SECONDS = 7 * 86400.0  # after which an answer is no answer to this message (our choice)
# For so long, nobody is looked at again: what was delivered changes slowly, what is on its way does not.
FRESH_SECONDS, ON_ITS_WAY_SECONDS = 600.0, 30.0
_AT_ONCE = 100
_HOUR = 3600


class Due(NamedTuple):
    """An accepted message to look at."""

    position: int
    receiver: str
    answered: str
    message_id: str
    settled_at: float


class Look(NamedTuple):
    """What a look has shown. `status`: WATI's, or not_found. `reply`: the first answer; "" without one."""

    position: int
    status: str
    code: str = ""
    detail: str = ""
    reply: str = ""
    replied_at: float | None = None


class Sums(NamedTuple):
    """How many messages are how far. `looked_at`: at least once. `due`: what is known may still change."""

    accepted: int
    looked_at: int
    delivered: int
    read: int
    replied: int
    failed: int
    not_found: int
    due: int


class Deliveries:
    """The looks at one job."""

    def __init__(self, database: Database, job: Job) -> None:
        self._database = database
        self._accepted = (rows.c.job == job.id, rows.c.state == "accepted")

    def due(self) -> list[Due]:
        """The next ones to look at: those never looked at, then those whose look is the oldest."""
        with self._database.reading() as db:
            now = self._database.now(db)
            is_on_its_way = rows.c.delivery.in_((SENT, NOT_FOUND))
            is_old = sql.or_(
                rows.c.looked_at.is_(None),
                rows.c.looked_at < now - FRESH_SECONDS,
                sql.and_(is_on_its_way, rows.c.looked_at < now - ON_ITS_WAY_SECONDS),
            )
            columns = [rows.c[name] for name in Due._fields]
            query = sql.select(*columns).where(*self._accepted, _is_open(now), is_old)
            # Not all databases sort NULL alike.
            order = (rows.c.looked_at.isnot(None), rows.c.looked_at, rows.c.position)
            return [Due(*each) for each in db.execute(query.order_by(*order).limit(_AT_ONCE))]

    def keep(self, looks: Iterable[Look]) -> None:
        with self._database.writing() as db:
            now = self._database.now(db)
            for one in looks:
                members: dict[str, Any] = {
                    "delivery": one.status,
                    "delivery_code": one.code,
                    "detail": one.detail,
                }
                members |= {"reply": one.reply, "replied_at": one.replied_at, "looked_at": now}
                where = (*self._accepted, rows.c.position == one.position)
                db.execute(sql.update(rows).where(*where).values(**members))

    def sums(self) -> Sums:
        def count(condition: sql.ColumnElement[bool]) -> sql.ColumnElement[int]:
            return sql.func.coalesce(sql.func.sum(sql.case((condition, 1), else_=0)), 0)

        replied = rows.c.replied_at.isnot(None)
        with self._database.reading() as db:
            now = self._database.now(db)
            query = sql.select(
                sql.func.count(),
                count(rows.c.looked_at.isnot(None)),
                count(sql.or_(rows.c.delivery.in_(DELIVERED), replied)),
                count(sql.or_(rows.c.delivery.in_(READ), replied)),
                count(sql.or_(rows.c.delivery == "REPLIED", replied)),
                count(rows.c.delivery == FAILED),
                count(rows.c.delivery == NOT_FOUND),
                count(_is_open(now)),
            )
            return Sums(*map(int, db.execute(query.where(*self._accepted)).one()))

    def failures(self) -> list[tuple[str, str, int]]:
        """Of those that failed: the code, one of WATI's texts for it, and how many; most first."""
        number = sql.func.count()
        # Without a code, each text is a reason of its own.
        reason = sql.case((rows.c.delivery_code != "", ""), else_=rows.c.detail)
        query = (
            sql.select(rows.c.delivery_code, sql.func.min(rows.c.detail), number)
            .where(*self._accepted, rows.c.delivery == FAILED)
            .group_by(rows.c.delivery_code, reason)
            .order_by(number.desc(), rows.c.delivery_code)
        )
        with self._database.reading() as db:
            return [(code, detail, count) for code, detail, count in db.execute(query)]

    def replies(self, most: int) -> list[tuple[str, str, str, float]]:
        """The newest answers: number, name, text, and when."""
        columns = (rows.c.receiver, rows.c.name, rows.c.reply, rows.c.replied_at)
        query = sql.select(*columns).where(*self._accepted, rows.c.replied_at.isnot(None))
        with self._database.reading() as db:
            found = db.execute(query.order_by(rows.c.replied_at.desc(), rows.c.position).limit(most))
            return [(receiver, name, text, at) for receiver, name, text, at in found]

    def by_hour(self, column: str) -> dict[int, int]:
        """How many in each hour (since 1970), by `settled_at` or `replied_at`."""
        hour = sql.cast(sql.func.floor(rows.c[column] / _HOUR), sql.Integer)
        query = sql.select(hour, sql.func.count()).where(*self._accepted, rows.c[column].isnot(None))
        with self._database.reading() as db:
            return {number: count for number, count in db.execute(query.group_by(hour).order_by(hour))}


def everybody(database: Database, job: Job) -> Iterator[dict[str, Any]]:
    """Each row of a job in its order, as a report names its members; a few at a time are in memory."""
    after = -1
    while True:
        query = (
            sql.select(rows)
            .where(rows.c.job == job.id, rows.c.position > after)
            .order_by(rows.c.position)
            .limit(1000)
        )
        with database.reading() as db:
            found = db.execute(query).mappings().all()
        for row in found:
            yield dict(row)
        if not found:
            return
        after = found[-1]["position"]


def troubles_first(database: Database, job: Job, most: int) -> list[dict[str, Any]]:
    """The first rows of a job: who did not get it, or may not have it, and then everyone else.

    Those left out come after those in the plan, because there can be far more of them.
    """
    order = sql.case(
        (rows.c.state.in_(("rejected", "in_doubt")), 0),
        (sql.and_(rows.c.delivery.in_((FAILED, NOT_FOUND)), rows.c.replied_at.is_(None)), 0),
        (rows.c.state == "left_out", 1),
        (rows.c.state != "accepted", 2),
        else_=3,
    )
    query = sql.select(rows).where(rows.c.job == job.id).order_by(order, rows.c.position).limit(most)
    with database.reading() as db:
        return [dict(row) for row in db.execute(query).mappings()]


def _is_open(now: float) -> sql.ColumnElement[bool]:
    """Whether what is known of a message may still change."""
    return sql.and_(
        rows.c.delivery != FAILED,
        rows.c.replied_at.is_(None),
        sql.or_(rows.c.looked_at.is_(None), rows.c.looked_at < rows.c.settled_at + REPLY_SECONDS),
        sql.or_(rows.c.looked_at.is_(None), now < rows.c.settled_at + REPLY_SECONDS + 86400.0),
    )
