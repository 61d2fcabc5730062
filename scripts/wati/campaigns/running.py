"""What run_campaign.py, stop_campaign.py and campaign_worker.py do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wati.campaigns import bar, status
from wati.campaigns.ledger import Ledger
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.campaigns.engine import Engine
    from wati.campaigns.records import Job
    from wati.campaigns.shift import Shift

SHOW_SECONDS = 1.0
WAITED = "It waits until {}."


def confirmation(context: Context) -> str:
    """What --confirm must repeat: the plan's value, or the number of those who get it again."""
    arguments = context.call.arguments
    if "again" in arguments:
        return str(len(set(arguments["again"])))
    job = status.find(Ledger.of(context.session), arguments["name"])
    return "" if job.state == "done" else job.confirm


def preview(context: Context, found: Findings) -> None:
    """The dry run of run_campaign.py: what would be sent, and to how many."""
    if found.valid(context.call, "name"):
        ledger = Ledger.of(context.session)
        job = status.find(ledger, context.call.arguments["name"])
        again = context.call.arguments.get("again")
        found.facts |= _facts(job, len(set(again)) if again else status.counts(ledger, job)["planned"])
        found.facts |= {"state": job.state, **job.summary}


def preview_all(context: Context, found: Findings) -> None:
    """The dry run of campaign_worker.py: what it would work on."""
    ledger = Ledger.of(context.session)
    running = ledger.course.running()
    found.facts["campaigns"] = [
        each for job in running for each in _facts(job, status.counts(ledger, job)["planned"])["campaigns"]
    ]


def _facts(job: Job, receivers: int) -> dict[str, Any]:
    template = job.plan.get("template_name", "")
    return {"campaigns": [{"name": job.name, "template_name": template, "receivers": receivers}]}


def run(context: Context) -> Result:
    """Start a job or go on with it, and work until it is done or stopped, or leave that to the workers."""
    options = context.call.options
    ledger = Ledger.of(context.session)
    job = status.find(ledger, context.call.arguments["name"])
    if again := context.call.arguments.get("again"):
        ledger.claims.again(job, again)
    if job.state != "done" or again:
        ledger.course.start(job)
        if not options.detach:
            _work(context, ledger, job.name)
    return _summary(ledger, job.name)


def stop(context: Context) -> Result:
    ledger = Ledger.of(context.session)
    job = status.find(ledger, context.call.arguments["name"])
    ledger.course.stop(job)
    return Result(status.facts(ledger, status.find(ledger, job.name)))


def work(context: Context) -> Result:
    """Work on whatever runs; or give up on a worker that will not come back."""
    ledger = Ledger.of(context.session)
    gone = context.call.arguments.get("recover")
    if gone:
        return _recover(context, ledger, gone)
    seen = _work(context, ledger, "")
    data = [status.in_short(ledger, status.find(ledger, name)) for name in sorted(seen)]
    return Result({"campaigns": data}, outcome="accepted" if seen else "not_sent")


def _recover(context: Context, ledger: Ledger, name: str) -> Result:
    worker = ledger.workers.give_up(name)
    known = {one.name for one in ledger.workers.all()}
    if worker is None and name not in known:
        from wati.arguments.validation import quoted, suggestion

        problem = {"at": "$.recover", "problem": f"there is no worker {quoted(name)}{suggestion(name, known)}"}
        hint = "campaign_status.py with the name of a campaign lists its workers."
        raise Failure("invalid_arguments", "There is no such worker.", hint=hint, problems=[problem])
    engine = _engine(context, ledger, "")
    try:
        return Result({"worker": name, "chunks": engine.recover(name)}, outcome="not_sent")
    finally:
        engine.close()


def _work(context: Context, ledger: Ledger, only: str) -> set[str]:
    """Work on all jobs that run, until `only` does not or, for a worker, until it may end; the jobs' names."""
    from wati.campaigns.shift import Shift, worker_name

    options = context.call.options
    until = time.monotonic() + options.timeout if options.timeout else None
    seen: set[str] = set()
    name = worker_name()
    engine = _engine(context, ledger, name)
    with bar.shown(only or name, context.session.progress) as show:
        shift = Shift(context.session, ledger, engine, name, _Teller(ledger, only, show))

        def is_over() -> bool:
            running = {job.name for job in shift.running}
            seen.update(running)
            if until is not None and time.monotonic() >= until:
                return True
            return only not in running if only else options.until_idle and not running

        try:
            shift.work(is_over)
        finally:
            engine.close()
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


def _engine(context: Context, ledger: Ledger, worker: str) -> Engine:
    from wati.contract.packages import require_package

    require_package("dbos")
    from wati.campaigns.durable import Durable

    return Durable(ledger.address, ledger.place, worker)


def _summary(ledger: Ledger, name: str) -> Result:
    job = status.find(ledger, name)
    data = status.facts(ledger, job)
    counts = data["counts"]
    if job.problem:
        failure = Failure("rejected", f"The campaign stopped: {job.problem}", source="package")
        failure.answer = data
        raise failure
    return Result(data, outcome=_outcome(counts))


def _outcome(counts: dict[str, int]) -> str:
    """What became of all of it, so far."""
    some = {name for name, count in counts.items() if count}
    if some <= {"planned"}:
        return "not_sent"
    if some == {"accepted"}:
        return "accepted"
    if some == {"rejected"}:
        return "rejected"
    return "partial" if "accepted" in some or "rejected" in some else "unknown"
