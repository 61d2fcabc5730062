"""No message twice: a send is entered in the journal before it leaves, and settled when its outcome is known.

A journal that cannot be used does not stop a send, but the document's `notice` says so.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from wati.contract import numbers
from wati.contract.commands import command_line, python, script
from wati.contract.failures import MOST_PROBLEMS, Failure
from wati.contract.messages import UNRESOLVED
from wati.output.rendering import duration
from wati.wire import interrupts

if TYPE_CHECKING:
    from wati.contract.call import Call
    from wati.contract.settings import Settings
    from wati.contract.types import Problem
    from wati.contract.verdicts import Verdict
    from wati.journal.store import Journal, Repeat

_UNUSABLE = "The send journal cannot be used ({}): a repeated send would not be noticed."
_UNSETTLED = "The send journal could not be updated ({}): it lists this send as unknown."


def open_journal(settings: Settings) -> Journal | None:
    """The journal, None if it is switched off. The sandbox's journal is beside its state."""
    from wati.journal.store import Journal

    if not settings.journal:
        return None
    if settings.sandbox:
        from wati.wire import mount

        return Journal(mount.state_path(settings) + "-sends", "sandbox")
    return Journal(os.path.expanduser(settings.journal), settings.base_url)


class Entered:
    """A send in the journal. `id`: its number there, None if it was not entered.

    `notices`: what the document has to say about the journal.
    """

    def __init__(self, journal: Journal | None = None, number: int | None = None, notice: str = "") -> None:
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
        import sqlite3

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
        except (sqlite3.Error, OSError) as error:
            self.notices.append(_UNSETTLED.format(reason(error)))


def enter(journal: Journal | None, call: Call, clock: float | None) -> Entered:
    """Enter a call that is about to leave. Raises `repeated_send` if someone already has the message.

    `clock`: by how many seconds the far side's clock is ahead of this machine's; None if unknown.
    """
    if journal is None or call.endpoint.messages is None:
        return Entered()
    import sqlite3

    messages, name, again = call.endpoint.messages(call), call.endpoint.name, call.options.again
    try:
        entered = journal.enter(name, call.connection, messages, clock, again=again, channel=call.channel)
    except (sqlite3.Error, OSError) as error:
        return Entered(notice=_UNUSABLE.format(reason(error)))
    if isinstance(entered, list):
        raise _refused(entered, len(messages))
    return Entered(journal, entered)


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


_STATES = {
    "accepted": "the same message was accepted {} ago",
    "sent": "the same message was sent {} ago, and check_send found it",
    "unknown": "the same message was sent {} ago, with an unknown outcome",
    "unpaired": "the same message was sent {} ago, and the answer named someone else instead",
    "unclear": "the same message was sent {} ago, and check_send could not tell whether it went out",
    "open": "a send of the same message began {} ago, and is still running or was interrupted",
}


def describe(repeats: list[Repeat]) -> list[Problem]:
    """What a send would repeat, as problems."""
    return [{"at": each.message.at, "problem": _described(each)} for each in repeats]


def _described(each: Repeat) -> str:
    receiver, other = each.message.receiver, each.receiver
    if each.state == "twice":
        return f"{receiver} and {other} ({each.at}) are the same person, by an earlier answer of WATI"
    text = f"{_STATES[each.state].format(duration(each.seconds))} (send {each.send})"
    return text if receiver == other else f"{text}; {receiver} and {other} are the same person"


def advice(repeats: list[Repeat], receivers: int) -> str:
    """What to do instead of a repeated send. An unknown outcome comes first: it has to be found out."""
    others = "To send to the others, leave out the receivers listed. " if len(repeats) < receivers else ""
    unclear = any(repeat.state == "unclear" for repeat in repeats)
    to_check = (each.send for each in repeats if each.state in UNRESOLVED and each.state != "unclear")
    if (unresolved := next(to_check, None)) is not None:
        # The command comes last, so that it can be copied.
        return f"{others}Find out whether it went out, and tell the user: {check_command(unresolved)}"
    if unclear:
        return f"{others}{ONLY_A_PERSON} {only_once_more(receivers)}"
    if all(repeat.state == "twice" for repeat in repeats):
        return numbers.TWICE
    look = f"check_send.py id={repeats[0].send} look=true shows what became of it"
    return (
        f"{others}It was accepted, so do not send it again. {look}. "
        "Use --again only if the user knows this and wants the customer to get it a second time."
    )


def _refused(repeats: list[Repeat], receivers: int) -> Failure:
    if all(repeat.state == "twice" for repeat in repeats):
        problems = describe(repeats)
        return Failure(
            "repeated_send", numbers.LISTED_TWICE, hint=numbers.TWICE, source="package", problems=problems
        )
    what = "this message" if receivers == 1 else f"this message for {len(repeats)} of {receivers} receivers"
    hint, problems = advice(repeats, receivers), describe(repeats)
    if len(repeats) == receivers:
        problems = problems[:MOST_PROBLEMS]  # no other receiver is left, so not all need a name
    message = f"The journal already has {what}."
    failure = Failure("repeated_send", message, hint=hint, source="package", problems=problems)
    failure.more_problems = len(repeats) - len(problems)
    return failure


def reason(error: Exception) -> str:
    """Why it failed, without a path: the text may end up anywhere."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
