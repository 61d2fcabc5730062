"""What run_campaign.py, stop_campaign.py and campaign_worker.py do."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from wati.campaigns import bar, status
from wati.campaigns.engine import Busy
from wati.campaigns.ledger import Ledger
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.reads.rows import iso

if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.campaigns.engine import Engine
    from wati.campaigns.records import Job
    from wati.campaigns.shift import Shift

SHOW_SECONDS = 1.0
WAITED = "It waits until {}."
STOPPED = "The campaign stopped by itself: {}"
BUSY = (
    "Another call of this server works on whatever runs, as long as it lasts. Run this one again then, or "
    "let campaign_worker.py do the work."
)


def confirmation(context: Context) -> str:
    """What --confirm must repeat: the plan's value, or the number of those who get it again."""
    arguments = context.call.arguments
    if "again" in arguments:
        return str(len(set(arguments["again"])))
    with closing(Ledger.of(context.session)) as ledger:
        job = status.find(ledger, arguments["name"])
    return "" if job.state == "done" else job.confirm


def preview(context: Context, found: Findings) -> None:
    """The dry run of run_campaign.py: what would be sent, and to how many."""
    if not found.valid(context.call, "name"):
        return
    again = context.call.arguments.get("again")
    with closing(Ledger.of(context.session)) as ledger:
        job = status.find(ledger, context.call.arguments["name"])
        counts = status.counts(ledger, job)
    found.facts["campaigns"] = [_wanted(job, len(set(again)) if again else counts["planned"])]
    found.facts |= {"state": job.state, "counts": counts}
    shown = ("texts", "template", "left_out", "send_at", "quiet_hours", "seconds_at_least")
    found.facts |= {name: job.summary[name] for name in shown if name in job.summary}
    found.warnings += job.summary.get("warnings", [])


def preview_all(context: Context, found: Findings) -> None:
    """The dry run of campaign_worker.py: what it would work on."""
    with closing(Ledger.of(context.session)) as ledger:
        running = ledger.course.running()
        found.facts["campaigns"] = [_wanted(job, status.counts(ledger, job)["planned"]) for job in running]


def _wanted(job: Job, receivers: int) -> dict[str, Any]:
    template = {"template_name": job.plan["template_name"]} if job.kind == "campaign" else {}
    return {"name": job.name, **template, "receivers": receivers}


def run(context: Context) -> Result:
    """Start a job or go on with it, and work until it is done or stopped, or leave that to the workers."""
    again = context.call.arguments.get("again")
    with closing(Ledger.of(context.session)) as ledger:
        job = status.find(ledger, context.call.arguments["name"])
        if again:
            ledger.claims.again(job, again)
        # Of one that was stopped, a person has said yes to these alone.
        if job.state in ("done", "running") if again else job.state != "done":
            ledger.course.start(job)
            if not context.call.options.detach:
                _work(context, ledger, job.name)
        return _result(ledger, job.name)


def stop(context: Context) -> Result:
    with closing(Ledger.of(context.session)) as ledger:
        job = status.find(ledger, context.call.arguments["name"])
        ledger.course.stop(job)
        notice = "" if job.state == "running" else f"It was {job.state}, so there was nothing to stop."
        return Result(status.facts(ledger, status.find(ledger, job.name)), notice=notice)


def work(context: Context) -> Result:
    """Work on whatever runs; or give up on a worker that will not come back."""
    with closing(Ledger.of(context.session)) as ledger:
        if gone := context.call.arguments.get("recover"):
            return _recover(context, ledger, gone)
        seen = _work(context, ledger, "")
        data = [status.in_short(ledger, status.find(ledger, name)) for name in sorted(seen)]
    return Result({"campaigns": data}, outcome=_outcome([each["counts"] for each in data]))


def _recover(context: Context, ledger: Ledger, name: str) -> Result:
    worker = ledger.workers.give_up(name)
    known = sorted(one.name for one in ledger.workers.all())
    if worker is None and name not in known:
        from wati.arguments.validation import quoted, suggestion

        problem = {
            "at": "$.recover",
            "problem": f"there is no worker {quoted(name)}{suggestion(name, known)}",
        }
        hint = "campaign_status.py with the name of a campaign lists its workers."
        raise Failure("invalid_arguments", "There is no such worker.", hint=hint, problems=[problem])
    with closing(_engine(ledger, "")) as engine:
        return Result({"worker": name, "chunks": engine.recover(name)}, outcome="not_sent")


def _work(context: Context, ledger: Ledger, only: str) -> set[str]:
    """Work on all jobs that run; the names of those. `only`: until this one does not, "" = as a worker."""
    from wati.campaigns.shift import Shift, worker_name

    options = context.call.options
    until = time.monotonic() + options.timeout if options.timeout else None
    seen: set[str] = set()
    name = worker_name()
    engine = _engine(ledger, name)
    with closing(engine), bar.shown(only or name, context.session.progress) as show:
        shift = Shift(context.session, ledger, engine, name, _Teller(ledger, only, show))

        def is_over() -> bool:
            running = {job.name for job in shift.running}
            seen.update(running)
            if until is not None and time.monotonic() >= until:
                return True
            return only not in running if only else options.until_idle and not running

        try:
            shift.work(is_over)
        except Busy:
            context.remarks.append(BUSY)
    return seen


class _Teller:
    """Shows how far the jobs are, about once a second."""

    def __init__(self, ledger: Ledger, only: str, show: bar.Show) -> None:
        self._ledger = ledger
        self._only = only
        self._show = show
        self._at = 0.0

    def __call__(self, shift: Shift) -> None:
        if time.monotonic() - self._at < SHOW_SECONDS:
            return
        self._at = time.monotonic()
        jobs = [job for job in shift.running if self._only in ("", job.name)]
        counts = [status.counts(self._ledger, job) for job in jobs]
        left = sum(each["planned"] + each["in_flight"] for each in counts)
        of = sum(job.head_count for job in jobs)
        doubt = sum(each["in_doubt"] for each in counts)
        text = f"{doubt} in doubt. " if doubt else ""
        waiting = [at for job in jobs if (at := shift.opens.get(job.name)) is not None]
        if waiting and len(waiting) == len(jobs):
            text += WAITED.format(iso(min(waiting)))
        self._show(of - left, of, text.strip())


def _engine(ledger: Ledger, worker: str) -> Engine:
    from wati.contract.packages import require_package

    require_package("dbos")
    from wati.campaigns.durable import Durable

    return Durable(ledger.database, ledger.place, worker)


def _result(ledger: Ledger, name: str) -> Result:
    job = status.find(ledger, name)
    data = status.facts(ledger, job)
    notice = STOPPED.format(job.problem) if job.state == "stopped" and job.problem else ""
    return Result(data, notice=notice, outcome=_outcome([data["counts"]]))


def _outcome(all_counts: list[dict[str, int]]) -> str:
    """What became of all of it, so far."""
    some = {name for counts in all_counts for name, count in counts.items() if count}
    if some <= {"planned"}:
        return "not_sent"
    if some == {"accepted"}:
        return "accepted"
    if some == {"rejected"}:
        return "rejected"
    return "partial" if "accepted" in some or "rejected" in some else "unknown"
