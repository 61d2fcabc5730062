"""Does what an import has planned: one request a row, claimed before it leaves.

What has an unknown outcome is looked up. A contact that has what it should is done; the others are in doubt
until the next run, which looks again before it repeats anything.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wati.calls.perform import perform
from wati.campaigns import audience
from wati.campaigns.audience import Reads
from wati.campaigns.filling import key
from wati.campaigns.records import Settled
from wati.contract.call import Call
from wati.contract.failures import Failure
from wati.contract.messages import LAG_SECONDS
from wati.contract.options import Options
from wati.reads import contacts
from wati.reads.inbox import Inbox
from wati.wire.gateway import Gateway

if TYPE_CHECKING:
    from wati.calls.context import Context
    from wati.calls.session import Session
    from wati.campaigns.ledger import Ledger
    from wati.campaigns.records import Job, Row, Worker

    Contact = dict[str, Any]

NUMBER, NAME = "whatsappNumber", "name"  # what a column can be besides an attribute
# WATI allows ten addContact in ten seconds on all plans (documented); of updates it names no limit, and Maton
# allows ten requests a second. One place of each is left to others.
RATES = {"add": (9, 10.0), "update": (8, 1.0)}
ACTIONS = tuple(RATES)  # a chunk has rows of one: its number says of which
LOOK_SECONDS = 3600.0
LEAVES = 20.0  # seconds for a request, which is less than the ledger waits before it gives up on a worker
LONGEST_DETAIL = 300


def chunk_of(action: str, position: int, size: int) -> int:
    """The chunk of a row, by its position among those of its action."""
    return position // size * len(ACTIONS) + ACTIONS.index(action)


def look(context: Context, ledger: Ledger, job: Job) -> None:
    """Settle who is in doubt: done if the contact has its values. The others are planned once more.

    A contact that is not there may only lag behind, so that waits a little.
    """
    reads = Reads(Inbox(context.gateway, job.plan["connection"]), LOOK_SECONDS, context.session.progress)
    after, again = -1, list[str]()
    while some := ledger.claims.in_doubt(job, after):
        for row in some:
            if _is_done(row, reads.contact(row.receiver)):
                ledger.claims.looked(job, [Settled(row.position, "accepted", claim=row.claim)])
            elif time.time() - (row.settled_at or 0.0) > LAG_SECONDS:
                again.append(row.receiver)
        after = some[-1].position
    if again:
        ledger.claims.again(job, again)
        ledger.course.start(job)


def _is_done(row: Row, contact: Contact | None) -> bool:
    """Whether a contact has all that its row says. WATI shows the number for whoever has no name."""
    if contact is None:
        return False
    has = {key(name): value for name, value in contacts.attributes(contact)}
    wanted = row.content["customParams"]
    return all(has.get(key(each["name"])) == each["value"] for each in wanted)


def handle(session: Session, ledger: Ledger, worker: Worker, job: Job, chunk: int) -> None:
    """Do what is planned of a chunk, one row after the other. What becomes of it is in the ledger.

    Raises Failure if this worker can change nothing, or if the ledger cannot be reached.
    """
    rate = RATES[ACTIONS[chunk % len(ACTIONS)]]
    while ledger.pace.turn(*rate, lambda: ledger.claims.is_running(job)):
        rows = ledger.claims.claim(job, chunk, worker, most=1)
        if not rows:
            return
        (row,) = rows
        settled, failure = _done(session, job, row)
        ledger.claims.settle(job, worker, [settled])
        if failure is None:
            continue
        if failure.exit in (1, 3) or failure.code == "read_only":
            raise failure  # it is this worker's own setup
        if failure.code == "rate_limited" or failure.outcome == "unknown":
            ledger.pace.slow_down(failure.retry_after)
        if settled.state == "planned":
            return  # the chunk comes again


def _done(session: Session, job: Job, row: Row) -> tuple[Settled, Failure | None]:
    """What became of the request of a row, and why it failed."""
    from add_contact import ENDPOINT as ADD
    from update_contact_attributes import ENDPOINT as UPDATE

    gateway = Gateway(session.client, audience.EACH, spare=1, queue=60.0)
    reads = Reads(Inbox(gateway, job.plan["connection"]), audience.EACH)
    arguments: dict[str, Any] = {NUMBER: row.receiver, "customParams": row.content["customParams"]}
    endpoint = UPDATE
    if row.content["action"] == "add" and not (row.again and reads.contact(row.receiver)):
        endpoint = ADD
        arguments |= {NAME: row.content["name"]} if row.content["name"] else {}
    try:
        options = Options(timeout=LEAVES)
        perform(session, Call(endpoint, arguments, options, job.plan["connection"]))
    except Failure as failure:
        return _judged(row, failure, reads), failure
    return Settled(row.position, "accepted", claim=row.claim), None


def _judged(row: Row, failure: Failure, reads: Reads) -> Settled:
    if failure.outcome == "rejected" or failure.code == "invalid_arguments":
        return Settled(
            row.position, "rejected", failure.code, failure.message[:LONGEST_DETAIL], claim=row.claim
        )
    if failure.outcome == "not_sent":
        return Settled(row.position, "planned", claim=row.claim)
    is_done = False
    with suppress(Failure):
        is_done = _is_done(row, reads.contact(row.receiver))
    return Settled(row.position, "accepted" if is_done else "in_doubt", claim=row.claim)
