"""Not twice: a send is entered in the journal before it leaves, and settled when its outcome is known.

A journal that cannot be used does not stop a send: whoever reads the document is told, in its notice.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from wati import interrupts
from wati.failures import Failure
from wati.messages import UNRESOLVED
from wati.shell import command_line, python, script

if TYPE_CHECKING:
    from wati.call import Call
    from wati.endpoint import Problem
    from wati.journal import Journal, Repetition
    from wati.messages import Message
    from wati.settings import Settings

_WITHOUT = "The send journal cannot be used ({}), so that a repeated send would not be noticed."
_UNSETTLED = "The send journal could not be completed ({}): it holds this send as unknown."


def open_journal(settings: Settings) -> Journal | None:
    """The journal of these settings; None where it is switched off."""
    from wati.journal import Journal

    path = settings.journal_path
    return Journal(path, "sandbox" if settings.sandbox else settings.base_url) if path else None


def enter(call: Call) -> None:
    """Enter the call before it leaves. Raises `repeated_send` where it would message somebody again."""
    if call.endpoint.messages is None:
        return
    journal, messages = open_journal(call.settings), call.endpoint.messages(call)
    if journal is not None:
        interrupts.held(partial(_enter, call, journal, messages))


def _enter(call: Call, journal: Journal, messages: list[Message]) -> None:
    import sqlite3

    try:
        entered = journal.enter(
            call.endpoint.name, call.connection, messages, call.gateway.clock, again=call.again
        )
    except (sqlite3.Error, OSError) as error:
        call.notices.append(_WITHOUT.format(reason(error)))
        return
    if isinstance(entered, list):
        raise _repeated(entered, len(messages))
    call.journal, call.entered = journal, entered


def settle(call: Call, outcome: str, receivers: dict[str, list[str]] | None = None) -> None:
    """Complete the call's entry, once: with what the answer said, or with what is known without one."""
    if call.journal is None or call.entered is None or call.settled:
        return
    import sqlite3

    call.settled = True
    groups = receivers or {}
    by_receiver = {receiver: group for group, members in groups.items() for receiver in members}
    state = "unknown" if outcome == "partial" else outcome
    try:
        interrupts.held(partial(call.journal.settle, call.entered, state, by_receiver))
    except (sqlite3.Error, OSError) as error:
        call.notices.append(_UNSETTLED.format(reason(error)))


def check(send: int) -> str:
    """The command that finds out what became of a send."""
    return command_line([python(), script("check_send"), f'{{"id": {send}}}'])


def told(found: list[Repetition]) -> list[Problem]:
    """What a send would repeat, in words."""
    return [
        {
            "at": one.message.at,
            "problem": f"{_SAID[one.state]} {_span(one.seconds)} ago (send {one.send})",
        }
        for one in found
    ]


def _span(seconds: float) -> str:
    return next(f"{seconds / unit:.0f} {name}" for unit, name in _UNITS if seconds >= 2 * unit or unit == 1)


_UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))


def advice(found: list[Repetition], receivers: int) -> str:
    """What to do in place of a repetition: look first where it is not known whether the message went out."""
    others = " To send to the others, leave out the receivers listed." if len(found) < receivers else ""
    doubtful = next((one.send for one in found if one.state in UNRESOLVED), None)
    if doubtful is not None:
        return f"Find out whether it went out, and tell the user: {check(doubtful)}{others}"
    return (
        "It was accepted: do not send it again; get_messages.py shows what became of it. Only if the "
        f"user, told of this, wants the customer to get it a second time: run it with --again.{others}"
    )


def _repeated(found: list[Repetition], receivers: int) -> Failure:
    """The failure of a send that the journal stops."""
    from wati.preflight import MOST_PROBLEMS

    who = "this message" if receivers == 1 else f"this message for {len(found)} of {receivers} receivers"
    hint, problems = advice(found, receivers), told(found)
    if len(found) == receivers:
        problems = problems[:MOST_PROBLEMS]  # it is all of them
    message = f"The journal has {who} already."
    failure = Failure("repeated_send", message, hint=hint, source="package", problems=problems)
    failure.more_problems = len(found) - len(problems)
    return failure


_SAID = {
    "accepted": "the same message was accepted",
    "sent": "the same message was sent, a look showed,",
    "unknown": "the same message was sent with an unknown outcome",
    "open": "the same message was being sent, or that was broken off,",
}


def reason(error: Exception) -> str:
    """Why, without a path: the message may end up anywhere."""
    return (error.strerror if isinstance(error, OSError) else str(error)) or type(error).__name__
