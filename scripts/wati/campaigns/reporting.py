"""campaign_report: look at what became of the accepted messages, and sum up what is known of the campaign."""

from __future__ import annotations

import os
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from wati.campaigns import deliveries
from wati.campaigns.deliveries import NOT_FOUND, Deliveries, Due, Look
from wati.campaigns.ledger import Ledger
from wati.campaigns.status import find, reasons
from wati.contract.call import Result
from wati.contract.failures import Failure
from wati.output.redaction import excerpt, redact
from wati.reads import replies, undelivered
from wati.reads.everyone import Paced
from wati.reads.inbox import Inbox, is_absent
from wati.reads.rows import CUSTOMER, iso, moment, speaker, text_of
from wati.reads.transcript import in_short
from wati.wire import interrupts

if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.campaigns.records import Job

    Row = dict[str, Any]

COLUMNS = (
    *("receiver", "name", "state", "reason", "delivery", "delivery_code", "detail"),
    *("sent_at", "replied_at", "reply", "looked_at", "message_id"),
)
REPLIES, LONGEST_REPLY, LONGEST_NAME, LONGEST_DETAIL = 20, 200, 100, 300
MOST_PEOPLE = 500  # who are named on the page
_SETUP = 3  # the exit code of what would fail for every other message, too
SECONDS_EACH = 1.1  # WATI allows ten of these reads in ten seconds, and one place is left to others
_SLACK = 86400.0  # clocks of WATI and of the ledger may differ


def report(context: Context) -> Result:
    """Look as far as the time allows, then say what is known. Raises `invalid_arguments` for no campaign."""
    arguments, path = context.call.arguments, context.call.options.output
    with closing(Ledger.of(context.session)) as ledger:
        job = find(ledger, arguments["name"])
        known = Deliveries(ledger.database, job)
        stopped = _look(context, job, known)
        data = summary(context, ledger, job, known)
        if stopped:
            data["stopped"] = stopped
        if path:
            _write(context, ledger, job, known, data)
            data = {"file": path, **data}
    return Result(data)


# --- looking ------------------------------------------------------------------------------------------------


def _look(context: Context, job: Job, known: Deliveries) -> str:
    """Look at one message after the other, until all are looked at or the time is over.

    Returns the code of the failure that ended it early; "" if none did.
    """
    if not known.sums().due:
        return ""
    context.use_connection(job.plan["connection"])
    inbox = Inbox(context.gateway, job.plan["connection"], job.plan.get("channel_number", ""))
    pace = Paced(inbox, context.gateway.left)
    seen: list[Look] = []
    looked_at = 0
    try:
        while due := known.due():
            for one in due:
                pace.begin()
                seen.append(_looked(inbox, one))
                looked_at += 1
            known.keep(seen)
            seen.clear()
    except Failure as failure:
        if not looked_at and failure.code != "timeout":
            raise
        is_over = failure.code in ("timeout", "rate_limited") and pace.left < 1
        return "" if is_over else failure.code
    finally:
        known.keep(seen)
    return ""


def _looked(inbox: Inbox, one: Due) -> Look:
    """The message in its conversation, and the first answer to it."""
    try:
        rows, _ = inbox.either_conversation(one.answered or one.receiver)
        return judged(one, rows)
    except Failure as failure:
        if is_absent(failure):
            return Look(one.position, NOT_FOUND)
        if failure.exit == _SETUP or failure.code in ("rate_limited", "unreachable", "timeout"):
            raise
        return Look(one.position, NOT_FOUND, detail=failure.code)


def judged(one: Due, rows: Any) -> Look:
    """What the rows of a conversation, newest first, say about a message."""
    after: list[Row] = []
    for row in rows:
        if replies.ours([row], one.message_id) is not None and one.message_id:
            return _found(one, row, after)
        at = moment(row)
        if at is not None and at < one.settled_at - _SLACK:
            break
        after.append(row)
    return Look(one.position, NOT_FOUND)


def _found(one: Due, row: Row, after: list[Row]) -> Look:
    status = replies.status_of(row) or NOT_FOUND
    detail = text_of(row, "failedDetail") or ""
    sent = moment(row)
    answers = [each for each in after if speaker(each) == CUSTOMER]
    first = answers[-1] if answers else None
    at = moment(first) if first else None
    if first is None or at is None or (sent is not None and at - sent > deliveries.REPLY_SECONDS):
        return Look(one.position, status, undelivered.code_of(detail), detail)
    return Look(one.position, status, undelivered.code_of(detail), detail, in_short(first), at)


# --- the document -------------------------------------------------------------------------------------------


def summary(context: Context, ledger: Ledger, job: Job, known: Deliveries) -> dict[str, Any]:
    """What is known of a campaign."""
    key = context.session.settings.key
    sums, counts = known.sums(), ledger.claims.counts(job)
    data: dict[str, Any] = {
        "name": job.name,
        "state": job.state,
        "receivers": job.head_count,
        **{name: counts[name] for name in ("accepted", "rejected", "in_doubt")},
        "not_sent": counts["planned"] + counts["claimed"],
        **reasons(ledger, job),
        **{name: getattr(sums, name) for name in ("delivered", "read", "replied", "failed", "not_found")},
        "failures": [_failure(key, *each) for each in known.failures()],
        "replies": [_reply(key, *each) for each in known.replies(REPLIES)],
    }
    if sums.replied > REPLIES:
        data["more_replies"] = sums.replied - REPLIES
    data["looked_at"] = sums.looked_at
    data["complete"] = sums.looked_at == sums.accepted
    if not data["complete"]:
        left = sums.accepted - sums.looked_at
        data["not_looked_at"] = left
        data["next"] = (
            f"Run it again: it goes on with the other {left}. That takes at least "
            f"{int(left * SECONDS_EACH) + 1} seconds; a longer --timeout looks at more at once."
        )
    return data


def _failure(key: str, code: str, detail: str, count: int) -> dict[str, Any]:
    cause = undelivered.cause(code)
    members = {"code": code, "count": count, "what": cause.what, "do": cause.do}
    return {
        **{name: value for name, value in members.items() if value},
        "detail": excerpt(detail, key, LONGEST_DETAIL),
    }


def _reply(key: str, receiver: str, name: str, text: str, at: float) -> dict[str, Any]:
    who = {"whatsappNumber": receiver, **({"name": excerpt(name, key, LONGEST_NAME)} if name else {})}
    return {**who, "at": iso(at), "text": excerpt(text, key, LONGEST_REPLY)}


# --- the file -----------------------------------------------------------------------------------------------


def _write(context: Context, ledger: Ledger, job: Job, known: Deliveries, data: dict[str, Any]) -> None:
    """The report as a page for people, or every receiver as a row."""
    from wati.campaigns import report_page
    from wati.output import tables

    options, key = context.call.options, context.session.settings.key
    with context.session.files.download(options.output, force=options.force) as download:
        if os.path.splitext(options.output)[1].lower() == ".html":
            hours = {name: known.by_hour(column) for name, column in report_page.COURSES.items()}
            found = deliveries.troubles_first(ledger.database, job, MOST_PEOPLE)
            more = sum(ledger.claims.counts(job).values()) - len(found)
            text = report_page.page(data, job.plan, hours, [_short(key, row) for row in found], more)
            download.handle.write(str(redact(text, key)).encode("utf-8", "replace"))
        else:
            with closing(tables.form(options.output, download.handle, COLUMNS, "")) as table:
                for row in deliveries.everybody(ledger.database, job):
                    table.add(redact(_record(row), key))
                table.finish()
        interrupts.defer(partial(download.commit))


def _short(key: str, row: Row) -> Row:
    cut = {"name": LONGEST_NAME, "detail": LONGEST_DETAIL}
    return {**row, **{name: excerpt(row[name], key, longest) for name, longest in cut.items()}}


def _record(row: Row) -> Row:
    """One receiver: a member for each column."""
    named = {**row, "sent_at": row["settled_at"] if row["state"] == "accepted" else None}
    times = {
        name: "" if named[name] is None else iso(named[name])
        for name in ("sent_at", "replied_at", "looked_at")
    }
    return {name: {**named, **times}[name] for name in COLUMNS}
