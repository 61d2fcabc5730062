"""How far a job is, as people and agents read it."""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING, Any

import sqlalchemy as sql

from wati.campaigns.deliveries import Deliveries
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import COUNTED
from wati.campaigns.schema import rows
from wati.contract.call import Result
from wati.contract.commands import command_line, python, script
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wati.calls.context import Context
    from wati.campaigns.records import Job, Row, Worker

LIMIT = 20  # of those in doubt that are shown
LATELY = 60.0  # seconds by which the rate is measured
LOOK_SECONDS = 1.0  # for each of those in doubt, at the pace of lists: ten reads in ten seconds
MOST_WORKERS = 10
SHOWN_AS: Mapping[str, str] = {"claimed": "in_flight"}

RUNS: Mapping[str, str] = {"campaign": "run_campaign.py", "import": "import_contacts.py"}
STOPPED = "{} goes on with those who are planned."
NOBODY = "Nobody works on it: {} goes on, or campaign_worker.py works on all that run."
DOUBT = (
    "Those in doubt may have the message, and are never sent to again by themselves. campaign_status.py with "
    "look=true looks in their conversations."
)
REPORT = "Accepted is not delivered: campaign_report.py says what became of it."


def show(context: Context) -> Result:
    """`data` of campaign_status.py."""
    arguments = context.call.arguments
    with closing(Ledger.of(context.session)) as ledger:
        if "name" not in arguments:
            return Result({"campaigns": [in_short(ledger, job) for job in ledger.plans.all()]})
        job = find(ledger, arguments["name"])
        looked: dict[str, Any] = {}
        if job.kind == "campaign":
            from wati.campaigns import looking

            if arguments.get("look"):
                looked = looking.look(context, ledger, job)
            else:
                looking.take_over(context.session, ledger, job)
        data = {**facts(ledger, job), **looked}
        found = ledger.claims.in_doubt(job, limit=arguments.get("limit", LIMIT))
        if found:
            data["in_doubt"] = in_doubt(job, found, data["counts"]["in_doubt"])
    return Result(data)


def find(ledger: Ledger, name: str) -> Job:
    """The job of this name. Raises `invalid_arguments`."""
    from wati.arguments.validation import quoted, suggestion
    from wati.contract.failures import Failure

    job = ledger.plans.get(name)
    if job is not None and job.state != "planning":
        return job
    known = [each.name for each in ledger.plans.all() if each.state != "planning"]
    problem = f"there is no campaign {quoted(name)}{suggestion(name, known)}"
    if job is not None:
        problem = f"the plan {quoted(name)} is not finished: run plan_campaign.py again"
    hint = "campaign_status.py lists the campaigns; plan_campaign.py makes one."
    problems = [{"at": "$.name", "problem": problem}]
    raise Failure("invalid_arguments", "There is no such campaign.", hint=hint, problems=problems)


def in_short(ledger: Ledger, job: Job) -> dict[str, Any]:
    """A job in the list of all."""
    data: dict[str, Any] = {"name": job.name, "kind": job.kind, "state": job.state}
    data |= {"receivers": job.head_count, "counts": counts(ledger, job)}
    return data | ({"problem": job.problem} if job.problem else {})


def in_brief(ledger: Ledger) -> dict[str, Any]:
    """The campaigns that run, and the latest one; of its messages, as far as the report looked."""
    campaigns = [job for job in ledger.plans.all() if job.kind == "campaign" and job.started_at is not None]
    running = [in_short(ledger, job) for job in campaigns if job.state == "running"][:MOST_WORKERS]
    data: dict[str, Any] = {"running": running}
    if campaigns:
        sums = Deliveries(ledger.database, campaigns[0]).sums()
        seen = {name: getattr(sums, name) for name in ("looked_at", "delivered", "read", "replied", "failed")}
        data["latest"] = {**in_short(ledger, campaigns[0]), **seen}
    return data


def counts(ledger: Ledger, job: Job) -> dict[str, int]:
    """Together, they are the head count."""
    found = ledger.claims.counts(job)
    return {SHOWN_AS.get(state, state): count for state, count in found.items() if state in COUNTED}


def reasons(ledger: Ledger, job: Job) -> dict[str, dict[str, int]]:
    """Why some were rejected, and why the plan left some out: how many by reason, most first."""
    number = sql.func.count()
    found: dict[str, dict[str, int]] = {}
    with ledger.database.reading() as db:
        for name, state in (("reasons", "rejected"), ("left_out", "left_out")):
            where = (rows.c.job == job.id, rows.c.state == state)
            query = sql.select(rows.c.reason, number).where(*where).group_by(rows.c.reason)
            counts = db.execute(query.order_by(number.desc(), rows.c.reason))
            if by_reason := {reason or "unknown": count for reason, count in counts}:
                found[name] = by_reason
    return found


def facts(ledger: Ledger, job: Job) -> dict[str, Any]:
    """What is told of one job."""
    data = in_short(ledger, job)
    with ledger.database.reading() as db:
        now = ledger.database.now(db)
        lately = (rows.c.job == job.id, rows.c.settled_at > now - LATELY, rows.c.state != "planned")
        settled = db.scalar(sql.select(sql.func.count()).where(*lately)) or 0
    data |= reasons(ledger, job)
    if job.started_at is not None:
        data["started_at"] = iso(job.started_at)
    if job.ended_at is not None:
        data["ended_at"] = iso(job.ended_at)
    crew = ledger.workers.all()
    working = [one for one in crew if one.state == "working"]
    if job.state == "running":
        data |= _prospect(ledger, job, data["counts"]["planned"], settled / LATELY, now, bool(working))
    shown = [*working, *(one for one in crew if one.state == "gone")][:MOST_WORKERS]
    if shown:
        data["workers"] = [_worker(one) for one in shown]
    data["next"] = " ".join(_next(job, data["counts"], bool(working)))
    return data


def _prospect(
    ledger: Ledger, job: Job, planned: int, rate: float, now: float, is_worked_on: bool
) -> dict[str, Any]:
    """How fast it goes, and when it will be done if nothing comes between."""
    found: dict[str, Any] = {"rate": {"receivers_a_second": round(rate, 1)}}
    opens = ledger.course.opens(job, now)
    if opens is not None and opens > now:
        found["waits_until"] = iso(opens)
    limit = job.plan.get("rate")
    if not rate and limit:
        rate = job.plan.get("chunk", 1) * limit["requests"] / limit["seconds"]
    if planned and rate and is_worked_on and opens is not None:
        found["done_at"] = iso(opens + planned / rate)
    return found


def _worker(one: Worker) -> dict[str, str]:
    return {"id": one.name, "state": one.state, "seen": iso(one.seen_at)}


def _next(job: Job, counts: dict[str, int], is_worked_on: bool) -> list[str]:
    advice = []
    runs = RUNS[job.kind]
    if job.state == "planned":
        advice.append(f"{runs} with --confirm starts it, after the user's yes.")
    if job.state == "stopped":
        advice.append(STOPPED.format(runs))
    if job.state == "running" and not is_worked_on:
        advice.append(NOBODY.format(runs))
    if counts["in_doubt"]:
        advice.append(DOUBT)
    if counts["accepted"] and job.kind == "campaign":
        advice.append(REPORT)
    return advice


def in_doubt(job: Job, found: list[Row], count: int) -> dict[str, Any]:
    """Whoever may have the message, and how to look."""
    from wati.journal.once import check_command

    listed = []
    for row in found:
        one: dict[str, Any] = {"whatsappNumber": row.receiver, "name": row.name}
        if row.send is not None:
            one["check"] = check_command(row.send)
        listed.append(one)
    look = command_line([python(), script("campaign_status"), f"name={job.name}", "look=true"])
    seconds = math.ceil(count * LOOK_SECONDS)
    return {"count": count, "receivers": listed, "look": look, "seconds": seconds}
