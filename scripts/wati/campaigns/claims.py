"""Who sends what, and what became of it: the states of the rows, and who may move them (records.py).

A row is claimed before its request leaves. What is planned can be claimed, and nothing else can: so nobody is
sent to twice, whatever the engine repeats.
"""

from __future__ import annotations

import hashlib
import json
import threading
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, get_args

import sqlalchemy as sql

from wati.campaigns.records import ALREADY_SENT, BY_LOOK, BY_SENDER, NOT_SEEN, TAKEN, Row, RowState, Settled
from wati.campaigns.schema import ROW, jobs, rows, workers
from wati.contract.failures import MOST_PROBLEMS, Failure
from wati.contract.messages import normalized

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from wati.campaigns.database import Database
    from wati.campaigns.records import Job, Worker

_AT_ONCE = 500  # values in one statement
_DOUBTFUL = sql.or_(
    rows.c.state == "in_doubt", sql.and_(rows.c.state == "rejected", rows.c.reason == NOT_SEEN)
)


_TAKEN = {
    "accepted": "another campaign has sent this message",
    "in_doubt": "another campaign may have sent this message: it is in doubt there",
}


def message_of(place: str, person: str, template: str, parameters: Iterable[Mapping[str, str]]) -> str:
    """What a person gets, from any job, as a digest: the same to a customer is the same here."""
    values = sorted((each["name"].casefold(), normalized(each["value"])) for each in parameters)
    text = json.dumps([place, person, template.lower(), values], ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


class Claims:
    """The claims in a ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._late: list[tuple[Job, Worker, list[Settled]]] = []
        self._catching_up = threading.Lock()

    def claim(
        self,
        job: Job,
        chunk: int,
        worker: Worker,
        is_open: Callable[[str], bool] = lambda zone: True,
        most: int | None = None,
    ) -> list[Row]:
        """Claim what is planned of a chunk, unless the job was stopped; committed when this returns.

        `is_open`: whether it is no quiet hour in a zone. Whose message another job has sent, or may have, is
        rejected here; while another one is sending it, nobody knows, and the row waits. Rows that are sent
        once more are claimed alone, after the others. `most`: how many of them; None = all.
        """
        with self._database.writing() as db:
            now = self._database.now(db)
            if not self._may_claim(db, job, worker, now):
                return []
            planned = (rows.c.job == job.id, rows.c.chunk == chunk, rows.c.state == "planned")
            zones = db.scalars(sql.select(rows.c.zone).where(*planned).distinct()).all()
            mine = (*planned, rows.c.zone.in_([zone for zone in zones if is_open(zone)]))
            rejected = {"state": "rejected", "reason": ALREADY_SENT, "settled_at": now}
            for state, why in _TAKEN.items():
                taken = (*mine, _elsewhere(state))
                db.execute(sql.update(rows).where(*taken).values({**rejected, "detail": why}))
            free = sql.select(*ROW).where(*mine, ~_elsewhere("claimed"))
            # Sorted here: asked for the order, SQLite would go through the whole job in it.
            found = sorted((Row(*each) for each in db.execute(free)), key=lambda row: row.position)
            found = ([row for row in found if not row.again] or found)[:most]
            for some in _batches(row.position for row in found):
                claimed = {
                    "state": "claimed",
                    "worker": worker.id,
                    "claimed_at": now,
                    "claim": rows.c.claim + 1,
                    **_NOTHING_KNOWN,
                }
                db.execute(sql.update(rows).where(*_at(job, some)).values(claimed))
        return [row._replace(state="claimed", claim=row.claim + 1, claimed_at=now) for row in found]

    def settle(self, job: Job, worker: Worker, outcomes: Iterable[Settled]) -> None:
        """Keep what the worker knows of rows that it has claimed. "planned": nothing left, so give it back.

        If the ledger cannot be reached, it is kept for `catch_up`: what an answer has said is not lost.
        """
        known = list(outcomes)
        try:
            self._settle(job, worker, known)
        except Failure as failure:
            if failure.code != "ledger_unavailable":
                raise
            self._late.append((job, worker, known))

    def catch_up(self) -> None:
        """Settle what could not be settled before. Raises Failure if the ledger still cannot be reached."""
        with self._catching_up:
            while self._late:
                self._settle(*self._late[0])
                del self._late[0]

    @property
    def is_behind(self) -> bool:
        return bool(self._late)

    def looked(self, job: Job, outcomes: Iterable[Settled]) -> None:
        """Keep what a look has shown of rows in doubt."""
        with self._database.writing() as db:
            _move(db, job, outcomes, BY_LOOK, self._database.now(db))

    def to_look_at(self, job: Job, began: float, limit: int) -> list[Row]:
        """The next rows in doubt that no look since `began` has passed, those never looked at first."""
        doubt = (rows.c.job == job.id, rows.c.state == "in_doubt")
        not_passed = sql.or_(rows.c.looked_at.is_(None), rows.c.looked_at < began)
        order = (rows.c.looked_at.is_not(None), rows.c.looked_at, rows.c.position)
        query = sql.select(*ROW).where(*doubt, not_passed).order_by(*order).limit(limit)
        with self._database.reading() as db:
            return [Row(*each) for each in db.execute(query)]

    def passed(self, job: Job, position: int, began: float) -> None:
        """A look that began then has passed this row. A clock that is set back meanwhile changes nothing."""
        with self._database.writing() as db:
            at = max(began, self._database.now(db))
            db.execute(sql.update(rows).where(*_at(job, [position])).values(looked_at=at))

    def again(self, job: Job, receivers: Collection[str]) -> int:
        """Plan those in doubt, or not seen, once more: a person has confirmed their count. How many they are.

        Raises `invalid_arguments` if one of them is not, and changes nothing then.
        """
        wanted = dict.fromkeys(receivers)
        with self._database.writing() as db:
            doubtful: dict[str, int] = {}
            for some in _batches(wanted):
                named = (rows.c.job == job.id, rows.c.receiver.in_(some), _DOUBTFUL)
                found = db.execute(sql.select(rows.c.receiver, rows.c.position).where(*named))
                doubtful.update((receiver, position) for receiver, position in found)
            if others := [receiver for receiver in wanted if receiver not in doubtful]:
                raise _not_doubtful(job, others, list(wanted))
            for some in _batches(doubtful.values()):
                planned = {"state": "planned", "again": True, "reason": "", "detail": "", "settled_at": None}
                db.execute(sql.update(rows).where(*_at(job, some)).values(planned))
        return len(doubtful)

    def is_running(self, job: Job) -> bool:
        with self._database.reading() as db:
            return _is_running(db, job)

    def stop(self, job: Job, problem: str) -> None:
        """Stop a job that must not go on, and say why."""
        with self._database.writing() as db:
            running = (jobs.c.id == job.id, jobs.c.state == "running")
            db.execute(sql.update(jobs).where(*running).values(state="stopped", problem=problem))

    def counts(self, job: Job) -> dict[RowState, int]:
        """How many rows are in each state."""
        query = sql.select(rows.c.state, sql.func.count()).where(rows.c.job == job.id).group_by(rows.c.state)
        with self._database.reading() as db:
            found = {state: count for state, count in db.execute(query)}
        return {state: found.get(state, 0) for state in get_args(RowState)}

    def chunks_left(self, job: Job) -> list[int]:
        """The chunks of which something is planned."""
        planned = (rows.c.job == job.id, rows.c.state == "planned")
        query = sql.select(rows.c.chunk).where(*planned).distinct().order_by(rows.c.chunk)
        with self._database.reading() as db:
            return list(db.scalars(query))

    def in_doubt(self, job: Job, after: int = -1, limit: int = _AT_ONCE) -> list[Row]:
        """The next rows in doubt behind a position."""
        doubt = (rows.c.job == job.id, rows.c.state == "in_doubt", rows.c.position > after)
        query = sql.select(*ROW).where(*doubt).order_by(rows.c.position).limit(limit)
        with self._database.reading() as db:
            return [Row(*each) for each in db.execute(query)]

    def taken(self, messages: Iterable[str]) -> set[str]:
        """Which of these messages someone has, or may have, from any job."""
        found: set[str] = set()
        with self._database.reading() as db:
            for some in _batches(messages):
                taken = (rows.c.message.in_(some), rows.c.state.in_(TAKEN))
                found.update(db.scalars(sql.select(rows.c.message).where(*taken)))
        return found

    def _settle(self, job: Job, worker: Worker, outcomes: Iterable[Settled]) -> None:
        with self._database.writing() as db:
            _move(db, job, outcomes, BY_SENDER, self._database.now(db), worker)

    @staticmethod
    def _may_claim(db: sql.Connection, job: Job, worker: Worker, now: float) -> bool:
        """Whether the job runs. A claim is a sign of life: whoever was given up is back."""
        alive = {"beats": workers.c.beats + 1, "seen_at": now, "state": "working"}
        is_known = (workers.c.id == worker.id, workers.c.state != "ended")
        if db.execute(sql.update(workers).where(*is_known).values(alive)).rowcount != 1:
            raise RuntimeError(f"the worker {worker.name} has ended")
        return _is_running(db, job)


_OTHER = rows.alias()  # making one takes longer than the claim of a chunk


def _elsewhere(state: str) -> sql.ColumnElement[bool]:
    """Whether the message of a row is in this state in another job."""
    same = (_OTHER.c.message == rows.c.message, rows.c.message != "", _OTHER.c.job != rows.c.job)
    return sql.exists().where(*same, _OTHER.c.state == state)


def _is_running(db: sql.Connection, job: Job) -> bool:
    return db.scalar(sql.select(jobs.c.state).where(jobs.c.id == job.id)) == "running"


def give_up(db: sql.Connection, worker: int, now: float) -> None:
    """Whatever a worker had claimed is in doubt: it has ended, or does not answer."""
    claimed = (rows.c.worker == worker, rows.c.state == "claimed")
    db.execute(sql.update(rows).where(*claimed).values(state="in_doubt", again=False, settled_at=now))


_NOTHING_KNOWN = {"send": None, "looked_at": None}  # of this claim yet
_GIVEN_BACK = {"worker": None, "claimed_at": None, **_NOTHING_KNOWN}


def _move(
    db: sql.Connection,
    job: Job,
    outcomes: Iterable[Settled],
    moves: Mapping[str, tuple[RowState, ...]],
    now: float,
    worker: Worker | None = None,
) -> None:
    """Move rows to their new states, from those that the rules allow. `worker`: of its own claims only."""

    def kind(one: Settled) -> tuple[str, bool]:
        return one.state, one.claim is None

    for (state, is_last), group in groupby(sorted(outcomes, key=kind), key=kind):
        where = [rows.c.job == job.id, rows.c.position == sql.bindparam("at")]
        where.append(sql.or_(*(rows.c.state == before for before in moves[state])))
        if worker is not None:
            where.append(rows.c.worker == worker.id)
        if not is_last:
            where.append(rows.c.claim == sql.bindparam("of_claim"))
        known: dict[str, Any] = {"state": state, "again": False, "settled_at": now}
        told: tuple[str, ...] = ("reason", "detail", "answered", "message_id", "send")
        if state == "planned":
            known, told = {"state": state, **_GIVEN_BACK}, ()
        known |= {name: sql.bindparam(f"new_{name}") for name in told}
        values = [
            {
                "at": one.position,
                **({} if is_last else {"of_claim": one.claim}),
                **{f"new_{name}": getattr(one, name) for name in told},
            }
            for one in group
        ]
        db.execute(sql.update(rows).where(*where).values(known), values)


def _at(job: Job, positions: list[int]) -> tuple[sql.ColumnElement[bool], ...]:
    return rows.c.job == job.id, rows.c.position.in_(positions)


def _not_doubtful(job: Job, others: list[str], given: list[str]) -> Failure:
    places = {receiver: index for index, receiver in enumerate(given)}
    problems = [
        {"at": f"$.again[{places[each]}]", "problem": f"{each} is not in doubt in the campaign {job.name}"}
        for each in others[:MOST_PROBLEMS]
    ]
    hint = "campaign_status.py lists those in doubt. Nobody else is sent to again."
    message = f"{len(others)} of {len(given)} receivers are not in doubt; nothing was changed."
    failure = Failure("invalid_arguments", message, hint=hint, problems=problems)
    failure.more_problems = len(others) - len(problems)
    return failure


def _batches(values: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(values)
    while some := list(islice(left, _AT_ONCE)):
        yield some
