"""plan_campaign: reads the audience into the ledger, and says what would be sent to whom, and to whom not."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.calls import guards, preconditions, template_checks
from wati.calls.findings import Findings
from wati.campaigns import answering, audience, filling, requested
from wati.campaigns.history import DAY, History
from wati.campaigns.leaving_out import REASONS, Rules
from wati.campaigns.ledger import Ledger
from wati.campaigns.plans import digest_of, exists
from wati.campaigns.selecting import Selection, Wanted
from wati.contract.bodies import member
from wati.contract.call import Result
from wati.contract.failures import MOST_PROBLEMS, Failure
from wati.contract.messages import Message
from wati.files.copies import digest
from wati.journal import rules as journal_rules
from wati.reads import connections

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wati.calls.context import Context
    from wati.campaigns.audience import Finds, Person
    from wati.campaigns.records import Job
    from wati.campaigns.selecting import Chosen
    from wati.reads.templates import Template

KEPT = "This plan was made before, and is shown as it is in the ledger: what changed since then is not in it."
FIX = (
    "Fix every problem listed, then plan it again. Tell the user what only they can fix, such as a template."
)
OFF = "WATI_JOURNAL is off, so it is not known who got this message outside of campaigns."


def plan(context: Context) -> Result:
    """The plan of these arguments: made now, or the one that was made of them before."""
    ledger = Ledger.of(context.session)
    try:
        content = content_of(context)
        if (old := ledger.plans.get(context.call.arguments["name"])) and old.state != "planning":
            if old.content != content:
                raise exists(old)
            return Result(answering.data(old), notice=KEPT)
        return Result(answering.data(_Planning(context, ledger, content).made()))
    finally:
        ledger.close()


def content_of(context: Context) -> str:
    """The digest of what a plan is made of: arguments, files, and the connection if one is named."""
    call = context.call
    named = call.options.connection or context.session.settings.connection
    return digest_of([call.arguments, digest(call.parts), named])


class _Sending(NamedTuple):
    """The template that a plan sends: all that have the name, and the one that fits best."""

    variants: list[Template]
    best: Template

    @property
    def category(self) -> str:
        return str(member(self.best.row, "category") or "").upper()


class _Planning:
    """One plan in the making."""

    def __init__(self, context: Context, ledger: Ledger, content: str) -> None:
        self._context = context
        self._arguments: dict[str, Any] = {"parameters": [], **context.call.arguments}
        self._ledger = ledger
        self._content = content
        self._found = Findings(can_ask=True)
        self._reads = audience.Reads(context.inbox, context.gateway.left, context.session.progress)

    def made(self) -> Job:
        """Read everything, and keep it in the ledger. Raises Failure, and keeps nothing, if it cannot be."""
        self._moment()
        self._connection()
        sending = self._template()
        if sending is None or self._found.problems:
            raise self._failure()
        plan = self._plan(sending)
        job = self._ledger.plans.begin(self._arguments["name"], "campaign", self._content, plan)
        try:
            selection = self._select(job, sending)
            self._judge(selection)
            if self._found.problems:
                raise self._failure()
            facts = self._shown(job, sending)
            summary = answering.summary(job, selection, facts, self._found.warnings)
            return self._ledger.plans.finish(job, summary)
        except Failure:
            self._ledger.plans.drop(job)
            raise

    # --- before anybody is read -----------------------------------------------------------------------------

    def _moment(self) -> None:
        at = requested.send_at(self._arguments)
        if at is not None and at < time.time():
            problem = {"at": "$.send_at", "problem": f"{self._arguments['send_at']} is in the past"}
            raise Failure("invalid_arguments", "1 problem in the arguments.", problems=[problem])

    def _connection(self) -> None:
        """The connection that will be used: of several, one has to be named, as for a send."""
        if self._context.call.connection:
            preconditions.connection(self._context, self._found)
        else:
            self._context.use_connection(connections.only_active(self._context.inbox))
        self._reads.use_connection(self._context.call.connection)

    def _template(self) -> _Sending | None:
        context, found = self._context, self._found
        variants = template_checks.named(context, found)
        if not variants:
            return None
        pairs = filling.Filling(self._arguments["parameters"]).sample()
        best = template_checks.fitting(variants, lambda one: one.problems(pairs, "$.parameters"), found)
        found.problems += best.problems(pairs, "$.parameters")
        return _Sending(variants, best)

    def _plan(self, sending: _Sending) -> dict[str, Any]:
        """What the senders need. It never changes."""
        arguments = self._arguments
        quiet = requested.quiet_hours(arguments)
        if sending.category == "MARKETING" and quiet is None:
            self._found.warnings.append(
                "The template is MARKETING, and the plan has no quiet_hours: it may arrive at night. "
                '"quiet_hours": {} are the usual ones, from 20:00 to 09:00 where the receiver is.'
            )
        best = sending.best
        template = {"text": best.text({}), "category": sending.category, "language": best.language}
        return {
            "template_name": arguments["template_name"],
            "template": template,
            "broadcast_name": arguments.get("broadcast_name", arguments["name"]),
            "channel_number": arguments.get("channel_number", ""),
            "connection": self._context.call.connection,
            "chunk": arguments.get("chunk", requested.CHUNK),
            "rate": requested.rate(arguments),
            "send_at": requested.send_at(arguments),
            "quiet_hours": quiet,
            "not_within_days": arguments.get("exclude", {}).get("not_within_days"),
        }

    # --- the audience ---------------------------------------------------------------------------------------

    def _select(self, job: Job, sending: _Sending) -> Selection:
        arguments, session = self._arguments, self._context.session
        excludes_us = arguments.get("exclude", {}).get("us_numbers") != "include"
        selection = Selection(
            Wanted(
                place=self._ledger.place,
                template=arguments["template_name"],
                filling=filling.Filling(arguments["parameters"], sending.best.in_links),
                rules=Rules(
                    blocked=guards.blocking(session),
                    opt_out=requested.opt_out(arguments),
                    excluded=requested.excluded(arguments),
                    no_us_numbers=excludes_us and sending.category == "MARKETING",
                ),
                quiet=job.plan["quiet_hours"],
                known=self._known,
                may_message=session.settings.may_message,
                chunk=job.plan["chunk"],
                limit=arguments.get("limit"),
            )
        )
        with ExitStack() as stack:
            self._ledger.plans.add(job, selection.rows(self._people(stack)))
        return selection

    def _people(self, stack: ExitStack) -> Iterator[Person]:
        chosen = self._arguments["audience"]
        if "contacts" in chosen:
            return audience.of_contacts(self._reads.contacts(chosen["contacts"]))
        if "csv" in chosen:
            part: Any = self._context.call.parts[0]
            numbers = (each.number for each in part.people)
            return audience.of_file(part.people, self._finds(stack, numbers, part.people.count))
        listed = chosen["receivers"]
        numbers = (each["whatsappNumber"] for each in listed)
        return audience.of_list(listed, self._finds(stack, numbers, len(listed)))

    def _finds(self, stack: ExitStack, numbers: Iterator[str], count: int) -> Finds:
        """Where the contacts of these numbers are found: opt-outs and names are only there."""
        if audience.few(filter(None, numbers), min(count, self._arguments.get("limit", count))):
            return audience.Searched(self._reads)
        on_file = audience.OnFile(self._reads.contacts({}))
        stack.callback(on_file.close)
        return on_file

    def _known(self, chosen: Sequence[Chosen]) -> dict[int, str]:
        """Why the ledger or the journal leave some of these people out, by position."""
        history = History(self._ledger.database, self._ledger.place)
        taken = self._ledger.claims.taken(one.message for one in chosen)
        persons = [one.person.person for one in chosen]
        limited = history.limited(persons)
        days = self._arguments.get("exclude", {}).get("not_within_days")
        reached = history.reached(persons, days * DAY) if days else set()
        by_journal = self._by_journal(chosen)
        found: dict[int, str] = {}
        for index, one in enumerate(chosen):
            if one.message in taken or by_journal.get(index) == "already_sent":
                found[index] = "already_sent"
            elif index in by_journal:
                found[index] = by_journal[index]
            elif persons[index] in limited:
                found[index] = "marketing_limit"
            elif persons[index] in reached:
                found[index] = "recent"
        return found

    def _by_journal(self, chosen: Sequence[Chosen]) -> dict[int, str]:
        from wati.journal.entries import Busy, Unusable

        journal, call = self._context.session.journal, self._context.call
        if journal is None:
            self._warn(OFF)
            return {}
        name = self._arguments["template_name"]
        messages = (
            Message(
                str(index),
                one.person.receiver,
                "template",
                {each["name"]: each["value"] for each in one.filled.values},
                name=name,
            )
            for index, one in enumerate(chosen)
        )
        try:
            known = journal.repeats(
                call.connection, messages, call.channel, within=journal_rules.KEPT_SECONDS
            )
            return {
                each.position: "listed_twice" if each.state == "twice" else "already_sent" for each in known
            }
        except (Busy, Unusable) as error:
            why = str(error) or "it is busy"
            self._warn(f"The send journal cannot be read ({why}), so it is not known who got this before.")
            return {}

    def _warn(self, text: str) -> None:
        if text not in self._found.warnings:
            self._found.warnings.append(text)

    # --- afterwards -----------------------------------------------------------------------------------------

    def _judge(self, selection: Selection) -> None:
        """What only the whole audience can say."""
        found = self._found
        for problem in answering.unknown_members(self._arguments["parameters"], selection):
            if selection.whole:
                found.problems.append(problem)
            else:
                found.warnings.append(f"{problem['at']} {problem['problem']}.")
        if selection.not_allowed.count:
            raise self._not_allowed(selection)
        if not selection.head_count:
            left_out = answering.counted(selection.left_out, REASONS)
            why = f": all in it {left_out}" if left_out else ": nobody is in it"
            found.add("$.audience", "audience_empty", f"leaves nobody to send to{why}")
        exclusions = self._arguments.get("exclude", {}).get("attributes", [])
        found.warnings += answering.idle_exclusions(exclusions, selection)
        found.warnings += answering.warnings(selection)

    def _not_allowed(self, selection: Selection) -> Failure:
        who = selection.not_allowed
        message = f"{who.count} of {selection.head_count} receivers may not be messaged; nothing was planned."
        failure = Failure("recipient_not_allowed", message, problems=who.listed[:MOST_PROBLEMS])
        failure.more_problems = who.count - len(failure.problems)
        return failure

    def _shown(self, job: Job, sending: _Sending) -> dict[str, Any]:
        """The first texts, and warnings about the length of each: of the rows as they are in the ledger."""
        plans = self._ledger.plans
        rows = ((row.receiver, answering.values(row)) for row in plans.rows(job, "planned"))
        template_checks.describe(self._context, self._found, sending.variants, sending.best, rows)
        first = answering.first(plans.rows(job, "planned"))
        key = self._context.session.settings.key
        return answering.texts(sending.best, first, key) | answering.languages(self._found.facts)

    def _failure(self) -> Failure:
        problems = self._found.problems
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = f"{count}; nothing was planned."
        failure = Failure("preflight_failed", message, hint=FIX, source="package")
        failure.problems = problems[:MOST_PROBLEMS]
        failure.more_problems = len(problems) - len(failure.problems)
        failure.warnings = self._found.warnings
        return failure
