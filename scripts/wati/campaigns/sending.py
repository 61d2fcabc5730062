"""Sends one chunk of a campaign: looks once more, takes a turn, claims, sends, and settles.

Whatever stops it before the request leaves gives the rows back. Whatever stops it afterwards leaves them in
doubt.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from wati.calls import guards, template_checks
from wati.calls.context import Context
from wati.calls.perform import carry_out
from wati.campaigns import hours, judging
from wati.campaigns.records import ALREADY_SENT, LEAVES_SECONDS, Settled
from wati.contract import messages
from wati.contract.bodies import member
from wati.contract.call import Call
from wati.contract.failures import Failure
from wati.contract.messages import DELIVERING
from wati.contract.options import Options
from wati.journal import once
from wati.journal.rules import KEPT_SECONDS
from wati.reads.inbox import MOST_PAGES_OF_TEMPLATES, status_of
from wati.wire import interrupts
from wati.wire.door import Door
from wati.wire.gateway import WHOLE_CALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wati.calls.session import Session
    from wati.campaigns.ledger import Ledger
    from wati.campaigns.records import Job, Row, Worker
    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Receivers

LATELY = 60.0  # seconds for which a template is not read again
NAP_SECONDS = 5.0  # of this worker, after trouble on its way to the far side
_SLICE = 0.25  # after which a nap looks whether a signal has come
# Answers in a row that leave a whole chunk in doubt; then a person has to look before more follow.
MOST_UNCLEAR = 3
UNCLEAR = (
    f"{MOST_UNCLEAR} requests in a row got no clear answer, so their receivers are in doubt. Find out what "
    "became of them before you go on."
)
CHANGED = "the template {} has changed since the plan was made; make a new plan"

# Codes of failures that come from this worker's own setup: it ends, and says why.
_OWN = (
    "missing_key",
    "missing_dependency",
    "bad_setup",
    "unauthorized",
    "forbidden",
    "read_only",
    "internal",
)
# Those that pass, if nothing has left: the rows are planned again.
_PASSING = (
    "rate_limited",
    "unreachable",
    "timeout",
    "upstream_error",
    "journal_busy",
    # Someone has changed a list, or the journal has learned who someone is, since the rows were looked at.
    "recipient_not_allowed",
    "repeated_send",
)


def handle(session: Session, ledger: Ledger, worker: Worker, job: Job, chunk: int) -> None:
    """Send what is planned of a chunk, if it may leave now. What becomes of it is in the ledger.

    Raises Failure if this worker can send nothing, or if the ledger cannot be reached.
    """
    from send_template_messages_v2 import ENDPOINT

    guards.effect(session.settings, ENDPOINT)
    guards.key(session.settings)
    _Sending(session, ledger, worker, job, ENDPOINT).send(chunk)


class _Sending:
    def __init__(
        self, session: Session, ledger: Ledger, worker: Worker, job: Job, endpoint: Endpoint
    ) -> None:
        self._session = session
        self._ledger = ledger
        self._claims = ledger.claims
        self._worker = worker
        self._job = job
        self._plan = job.plan
        self._endpoint = endpoint
        self._open: list[Row] = []  # what was claimed and is not settled

    def send(self, chunk: int) -> None:
        self._blocking = guards.blocking(self._session)
        try:
            problem = self._unfit()
        except Failure as failure:
            return self._react(failure)
        if problem:
            return self._claims.stop(self._job, f"{problem[:1].upper()}{problem[1:]}.")
        rate = self._plan["rate"]
        if not self._ledger.pace.turn(rate["requests"], rate["seconds"], self._goes_on):
            return
        # It begins before the claim: once others have given this worker up, nothing leaves any more.
        door = Door(LEAVES_SECONDS)
        with self._ledger.database.reading() as db:
            now = self._ledger.database.now(db)
        if now < (self._plan.get("send_at") or now):
            return
        quiet = self._plan.get("quiet_hours")
        self._open = self._claims.claim(
            self._job, chunk, self._worker, lambda zone: hours.is_open(quiet, zone, now)
        )
        try:
            self._send(list(self._open), door)
        except BaseException as error:
            self._settle(judging.back(self._open))  # nothing of these has left
            if not isinstance(error, Failure):
                raise
            self._react(error)

    def _send(self, rows: list[Row], door: Door) -> None:
        """Send to these rows, but for those who may not get it. Raises Failure if nothing has left."""
        rows = self._new(self._allowed(rows))
        while rows:
            try:
                return self._post(rows, door)
            except Failure as failure:
                new = self._new(rows) if failure.code == "repeated_send" else rows
                if len(new) == len(rows):
                    raise
            rows = new

    # --- before the claim -----------------------------------------------------------------------------------

    def _unfit(self) -> str:
        """Why the template cannot be sent as it was planned; "" if it can. Raises Failure if it is unread."""
        from wati.reads.templates import Template

        name, planned = self._plan["template_name"], self._plan.get("template") or {}
        context = self._context(())
        context.gateway.shorten(WHOLE_CALL)
        rows, whole, _ = template_checks.read(context, name, MOST_PAGES_OF_TEMPLATES, LATELY)
        approved = [Template(row) for row in rows if row.get("status") == "APPROVED"]
        if not approved:
            state = status_of(rows[0]) if rows else "not in the account" if whole else ""
            return f"the template {name} is {state}, so it cannot be sent" if state else ""

        def shown(one: Template) -> dict[str, Any]:
            category = str(member(one.row, "category") or "").upper()
            return {"text": one.text({}), "category": category, "language": one.language}

        same = (all(shown(one).get(key) == planned[key] for key in planned) for one in approved)
        return "" if any(same) else CHANGED.format(name)

    def _goes_on(self) -> bool:
        return not interrupts.is_marked() and self._claims.is_running(self._job)

    # --- between the claim and the request ------------------------------------------------------------------

    def _allowed(self, rows: Sequence[Row]) -> list[Row]:
        """Those who may be messaged by this worker's environment. The others are rejected."""
        may = self._session.settings.may_message
        why = {row.position: self._blocking(row.receiver) for row in rows}
        rejected = [_rejected(row, "blocked", why[row.position]) for row in rows if why[row.position]]
        rejected += [
            _rejected(row, "not_allowed", f"{row.receiver} is not in WATI_ALLOWED_RECIPIENTS")
            for row in rows
            if not why[row.position] and not may(row.receiver)
        ]
        return self._without(rows, rejected)

    def _new(self, rows: Sequence[Row]) -> list[Row]:
        """Those to whom the journal knows no such message. Raises Failure if it cannot say.

        An agent may have sent it since the plan was made, and the journal stops repeats for minutes only.
        """
        from wati.journal.entries import Busy, Unusable

        journal = self._session.journal
        if journal is None:
            return list(rows)
        call = self._context(rows).call
        known: list[Settled] = []
        try:
            all_of_them = messages.templates(call)
            for repeat in journal.repeats(call.connection, all_of_them, call.channel, within=KEPT_SECONDS):
                row = rows[repeat.position]
                if repeat.state in DELIVERING and row.again and repeat.send == row.send:
                    # Someone has looked since, or its sender has come back.
                    known.append(Settled(row.position, "accepted", send=repeat.send, claim=row.claim))
                elif repeat.state in DELIVERING or repeat.state == "twice":
                    (problem,) = once.describe([repeat])
                    known.append(_rejected(row, ALREADY_SENT, problem["problem"]))
                elif not row.again:
                    known.append(Settled(row.position, "in_doubt", send=repeat.send, claim=row.claim))
        except (Busy, Unusable) as error:
            raise once.failure(error) from None
        return self._without(rows, known)

    def _without(self, rows: Sequence[Row], known: list[Settled]) -> list[Row]:
        self._settle(known)
        settled = {one.position for one in known}
        return [row for row in rows if row.position not in settled]

    # --- the request ----------------------------------------------------------------------------------------

    def _post(self, rows: list[Row], door: Door) -> None:
        context = self._context(rows)
        context.lately = LATELY
        # A 429 is for all workers: each of them waits, not this call.
        context.gateway.shorten(WHOLE_CALL)
        context.gateway.door = door
        try:
            body = carry_out(context).data
        except Failure as failure:
            if failure.outcome == "not_sent":
                raise
            receivers = context.call.receivers or _receivers(rows)
            found = judging.outcomes(rows, receivers, failure.answer, failure, context.entered.id)
            self._settle(found)
            is_about_each = failure.outcome in ("partial", "rejected")
            if is_about_each and not judging.is_about_all(failure, receivers):
                self._ledger.unclear.pop(self._job.id, None)
            else:
                self._react(failure)
        except BaseException:
            left = context.gateway.cancel()
            doubt = [
                Settled(row.position, "in_doubt", send=context.entered.id, claim=row.claim) for row in rows
            ]
            self._settle(doubt if left else judging.back(rows))
            raise
        else:
            self._settle(judging.outcomes(rows, context.call.receivers, body, None, context.entered.id))
            self._ledger.unclear.pop(self._job.id, None)

    def _context(self, rows: Sequence[Row]) -> Context:
        plan = self._plan
        arguments = {
            "template_name": plan["template_name"],
            "broadcast_name": plan["broadcast_name"],
            "receivers": [
                {"whatsappNumber": row.receiver, "customParams": row.content["customParams"]} for row in rows
            ],
        }
        if channel := plan.get("channel_number"):
            arguments["channel_number"] = channel
        options = Options(confirm=str(len(rows)), again=bool(rows) and rows[0].again)
        connection = plan.get("connection", "")
        return Context(
            self._session, Call(self._endpoint, arguments, options, connection, receivers=_receivers(rows))
        )

    # --- afterwards -----------------------------------------------------------------------------------------

    def _settle(self, outcomes: list[Settled]) -> None:
        settled = {one.position for one in outcomes}
        self._open = [row for row in self._open if row.position not in settled]
        if outcomes:
            self._claims.settle(self._job, self._worker, outcomes)

    def _react(self, failure: Failure) -> None:
        """What a failure means for those who come after. Raises it if this worker cannot go on."""
        if failure.outcome == "unknown":
            self._ledger.pace.slow_down(failure.retry_after)
            self._ledger.unclear[self._job.id] += 1
            if self._ledger.unclear[self._job.id] >= MOST_UNCLEAR:
                self._claims.stop(self._job, UNCLEAR)
        elif failure.code == "rate_limited":
            self._ledger.pace.slow_down(failure.retry_after)
        elif failure.code in _OWN and failure.source != "wati":
            raise failure
        elif failure.code in _PASSING and failure.outcome == "not_sent":
            _nap()
        else:
            problems = "; ".join(each["problem"] for each in failure.problems[:3])
            self._claims.stop(self._job, f"{failure.message} {problems}".strip())


def _rejected(row: Row, reason: str, detail: str) -> Settled:
    return Settled(row.position, "rejected", reason=reason, detail=detail, claim=row.claim)


def _receivers(rows: Sequence[Row]) -> Receivers:
    return [(f"$.receivers[{index}].whatsappNumber", row.receiver) for index, row in enumerate(rows)]


def _nap() -> None:
    until = time.monotonic() + NAP_SECONDS
    while time.monotonic() < until and not interrupts.is_marked():
        interrupts.sleep(_SLICE, time.sleep)
