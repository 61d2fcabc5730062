"""Not twice: a send is entered in the journal before it leaves, and settled when its outcome is known.

A journal that cannot be used does not stop a send: whoever reads the document is told, in its notice.
"""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from wati.contract.commands import command_line, python, script
from wati.contract.failures import MOST_PROBLEMS, Failure
from wati.contract.messages import UNRESOLVED
from wati.wire import interrupts

if TYPE_CHECKING:
    from wati.contract.call import Call
    from wati.contract.settings import Settings
    from wati.contract.types import Problem
    from wati.journal.store import Journal, Repetition

_WITHOUT = "The send journal cannot be used ({}), so that a repeated send would not be noticed."
_UNSETTLED = "The send journal could not be completed ({}): it holds this send as unknown."


def open_journal(settings: Settings) -> Journal | None:
    """The journal of these settings, None if it is switched off. The sandbox's lies beside its state."""
    from wati.journal.store import Journal

    if not settings.journal:
        return None
    if settings.sandbox:
        from wati.wire import mount

        return Journal(mount.state_path(settings) + "-sends", "sandbox")
    return Journal(os.path.expanduser(settings.journal), settings.base_url)


class Entered:
    """A send that was entered in the journal before it left. `id`: its number there.

    `notices`: what the document has to say about the journal.
    """

    def __init__(self, journal: Journal | None = None, number: int | None = None, notice: str = "") -> None:
        self.id = number
        self.notices = [notice] if notice else []
        self._journal = journal

    def settle(self, outcome: str, receivers: dict[str, list[str]] | None = None) -> None:
        """Complete the entry with what the answer said, or with what is known without one."""
        if self._journal is None or self.id is None:
            return
        import sqlite3

        groups = receivers or {}
        by_receiver = {receiver: group for group, members in groups.items() for receiver in members}
        state = "unknown" if outcome == "partial" else outcome
        try:
            interrupts.defer(partial(self._journal.settle, self.id, state, by_receiver))
        except (sqlite3.Error, OSError) as error:
            self.notices.append(_UNSETTLED.format(reason(error)))


def enter(journal: Journal | None, call: Call, clock: float | None) -> Entered:
    """Enter the call before it leaves. Raises `repeated_send` if it would message someone again.

    `clock`: seconds by which the far side's clock is ahead of this machine's; None if unknown.
    """
    if journal is None or call.endpoint.messages is None:
        return Entered()
    import sqlite3

    messages = call.endpoint.messages(call)
    try:
        entered = journal.enter(
            call.endpoint.name, call.connection, messages, clock, again=call.options.again
        )
    except (sqlite3.Error, OSError) as error:
        return Entered(notice=_WITHOUT.format(reason(error)))
    if isinstance(entered, list):
        raise _repeated(entered, len(messages))
    return Entered(journal, entered)


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
