"""No message twice: a send is entered in the journal before it leaves, and settled when its outcome is known.

A journal that is busy is waited for, and then nothing is sent. One that cannot be used lets a send to one
receiver pass, and the document's `notice` says so.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from wati.contract import databases, numbers, packages
from wati.contract.commands import command_line, python, script
from wati.contract.failures import MOST_PROBLEMS, Failure
from wati.contract.messages import UNRESOLVED
from wati.output.rendering import duration
from wati.wire import interrupts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wati.contract.call import Call
    from wati.contract.settings import Settings
    from wati.contract.types import Problem
    from wati.contract.verdicts import Verdict
    from wati.journal.entries import Busy, Repeat, Repeats, Store, Unusable

_OFF = "WATI_JOURNAL is off: a repeated send is not noticed."
_UNUSABLE = "The send journal cannot be used ({}): a repeated send would not be noticed."
_NO_SEND = "The send journal cannot be used ({}), and {}, so nothing was sent."
_BULK = "no bulk send leaves without it"
_REQUIRED = "WATI_JOURNAL_REQUIRED is set"
_BUSY = "The send journal is busy: another process has been writing it for as long as this call may wait."
_USABLE = "{} Without a journal, only the person who is responsible may decide to send: WATI_JOURNAL=off."
_NO_ADDRESS = "The database of the journal cannot be named like this."
_UNSETTLED = "The send journal could not be updated ({}): it lists this send as unknown."


def open_journal(settings: Settings) -> Store | None:
    """The journal, None if it is switched off. A file of the sandbox's is beside its state.

    Raises Failure: `missing_dependency`, or `bad_setup` for an address that PostgreSQL does not understand.
    """
    if not settings.journal:
        return None
    if databases.is_address(settings.journal):
        return _shared(settings)
    from wati.journal.store import Journal

    if settings.sandbox:
        from wati.wire import mount

        return Journal(mount.state_path(settings) + "-sends", "sandbox")
    return Journal(os.path.expanduser(settings.journal), settings.base_url)


def _shared(settings: Settings) -> Store:
    packages.import_package("psycopg")
    from wati.journal import database
    from wati.journal.postgres import Journal

    if why := database.misread(settings.journal):
        raise Failure("bad_setup", _NO_ADDRESS, problems=[{"at": "WATI_JOURNAL", "problem": why}])
    return Journal(settings.journal, "sandbox" if settings.in_process else settings.base_url)


class Entered:
    """A send in the journal. `id`: its number there, None if it was not entered.

    `notices`: what the document has to say about the journal.
    """

    def __init__(self, journal: Store | None = None, number: int | None = None, notice: str = "") -> None:
        self.id = number
        self.notices = [notice] if notice else []
        self._journal = journal
        self._settled = journal is None or number is None
        self._verdict: Verdict | None = None

    def note(self, verdict: Verdict) -> None:
        """Keep what the answer says about who the receivers are, until the entry is settled."""
        self._verdict = verdict

    def settle(self, outcome: str, receivers: dict[str, list[str]] | None = None) -> None:
        """Add the outcome to the entry, once: of all its messages, except for those in `receivers`."""
        if self._settled or self._journal is None or self.id is None:
            return
        from wati.journal.entries import Busy, Unusable

        self._settled = True
        groups = (receivers or {}).items()
        by_receiver = {receiver: group for group, members in groups for receiver in members}
        state = "unknown" if outcome == "partial" else outcome
        answered = self._verdict.answered if self._verdict else {}
        for receiver in self._verdict.unpaired if self._verdict else ():
            if by_receiver.get(receiver, state) == "unknown":
                by_receiver[receiver] = "unpaired"
        try:
            interrupts.defer(partial(self._journal.settle, self.id, state, by_receiver, answered))
        except Busy:
            self.notices.append(_UNSETTLED.format("it is busy"))
        except Unusable as error:
            self.notices.append(_UNSETTLED.format(error))


def enter(
    journal: Store | None,
    call: Call,
    clock: float | None,
    *,
    until: float,
    wait: float,
    is_required: bool = False,
) -> Entered:
    """Enter a call that is about to leave. Raises `repeated_send` if someone already has the message.

    `clock`: by how many seconds the far side's clock is ahead of this machine's; None if unknown. `until`:
    the latest moment at which it may leave, in epoch seconds. `wait`: for how many seconds it may wait for a
    busy journal. `is_required`: whether nothing may leave without the journal.
    """
    if call.endpoint.messages is None:
        return Entered()
    if journal is None:
        return Entered(notice=_OFF)
    from wati.journal.entries import Busy, Unusable

    try:
        entered = journal.enter(
            call.endpoint.name,
            call.connection,
            call.endpoint.messages(call),
            clock,
            again=call.options.again,
            channel=call.channel,
            until=until,
            wait=wait,
        )
    except Busy as error:
        raise failure(error) from None
    except Unusable as error:
        if why := stops_without(call, is_required=is_required):
            hint = _USABLE.format(error.remedy)
            raise Failure("bad_setup", _NO_SEND.format(error, why), hint=hint) from None
        return Entered(notice=_UNUSABLE.format(error))
    if isinstance(entered, int):
        return Entered(journal, entered)
    raise _refused(entered, len(call.receivers))


def learn(journal: Store | None, connection: str, numbers: Mapping[str, str]) -> None:
    """Keep what a read has shown: whose number each id is. If it cannot be kept, the next read shows it."""
    from wati.journal.entries import Busy, Unusable

    if journal is not None and connection and numbers:
        with suppress(Busy, Unusable):
            journal.learn(connection, numbers)


def stops_without(call: Call, *, is_required: bool) -> str:
    """Why a call must not leave without the journal; "" if it may."""
    return _BULK if call.endpoint.is_bulk else _REQUIRED if is_required else ""


def unusable(error: Unusable, call: Call, *, is_required: bool) -> str:
    """What a dry run says about a journal that cannot be used."""
    why = stops_without(call, is_required=is_required)
    if not why:
        return _UNUSABLE.format(error)
    said = f"The send journal cannot be used ({error}), and {why}: this would be refused."
    return f"{said} {_USABLE.format(error.remedy)}"


def failure(error: Busy | Unusable) -> Failure:
    """The failure of a call that needs the journal, which is busy or cannot be used."""
    from wati.journal.entries import Busy

    if isinstance(error, Busy):
        return Failure("journal_busy", _BUSY, source="package", outcome="not_sent")
    hint = _USABLE.format(error.remedy)
    return Failure("bad_setup", f"The send journal cannot be used ({error}).", hint=hint)


def check_command(send: int) -> str:
    """The command that finds out what became of a send."""
    return command_line([python(), script("check_send"), str(send)])


ONLY_A_PERSON = (
    "check_send has looked, and looking again would not help. Ask the user to look in the inbox at WATI."
)


def only_once_more(receivers: int) -> str:
    """How to send it all the same: never again to those of a list who have it."""
    if receivers == 1:
        return "Send it with --again only if the user has looked and wants it sent."
    return (
        "If the user has looked and wants one of them to get it, make a list with only that receiver, and "
        "send that list with --again."
    )


_CLEARLY = 2.0  # seconds by which a date has to be ahead before it is worth a word
_STATES = {
    "accepted": "the same message was accepted {}",
    "sent": "the same message was sent {}, and check_send found it",
    "presumed": "the same message was sent {} in a list of which check_send found others",
    "unknown": "the same message was sent {}, with an unknown outcome",
    "unpaired": "the same message was sent {}, and the answer named someone else instead",
    "unclear": "the same message was sent {}, and check_send could not tell whether it went out",
    "open": "a send of the same message began {}, and is still running or was interrupted",
}


def describe(repeats: Iterable[Repeat]) -> list[Problem]:
    """What a send would repeat, as problems."""
    return [{"at": each.at, "problem": _described(each)} for each in repeats]


def _described(each: Repeat) -> str:
    receiver, other = each.receiver, each.known
    if each.state == "twice":
        return f"{receiver} and {other} ({each.known_at}) are the same person, as WATI has shown before"
    text = _STATES[each.state].format(f"{duration(each.seconds)} ago")
    if each.ahead >= _CLEARLY:
        future = f"at a time that is {duration(each.ahead)} in the future (a clock was wrong)"
        text = _STATES[each.state].format(future)
    text = f"{text} (send {each.send})"
    return text if receiver == other else f"{text}; {receiver} and {other} are the same person"


def advice(repeats: Repeats, receivers: int) -> str:
    """What to do instead of a repeated send. An unknown outcome comes first: it has to be found out."""
    leave_out = "use --skip-sent" if repeats.count > len(repeats.listed) else "leave out the receivers listed"
    others = f"To send to the others, {leave_out}. " if repeats.count < receivers else ""
    to_check = [each for state, each in repeats.first.items() if state in UNRESOLVED and state != "unclear"]
    if to_check:
        send = min(to_check, key=lambda each: each.position).send
        # The command comes last, so that it can be copied.
        return f"{others}Find out whether it went out, and tell the user: {check_command(send)}"
    if "unclear" in repeats.first:
        return f"{others}{ONLY_A_PERSON} {only_once_more(receivers)}"
    if repeats.first.keys() == {"twice"}:
        return numbers.TWICE
    look = f"check_send.py id={repeats.listed[0].send} look=true shows what became of it"
    return (
        f"{others}It was accepted, so do not send it again. {look}. "
        "Use --again only if the user knows this and wants the customer to get it a second time."
    )


def _refused(repeats: Repeats, receivers: int) -> Failure:
    what = "this message" if receivers == 1 else f"this message for {repeats.count} of {receivers} receivers"
    is_twice = repeats.first.keys() == {"twice"}
    message = numbers.LISTED_TWICE if is_twice else f"The journal already has {what}."
    # If no other receiver is left, not all need a name.
    problems = describe(repeats.listed[: MOST_PROBLEMS if repeats.count == receivers else None])
    hint = advice(repeats, receivers)
    failure = Failure("repeated_send", message, hint=hint, source="package", problems=problems)
    failure.more_problems = repeats.count - len(problems)
    return failure
