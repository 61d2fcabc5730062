"""Whom `--skip-sent` leaves out of a bulk send. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.contract.failures import MOST_PROBLEMS
from wati.contract.messages import DELIVERING, UNRESOLVED
from wati.journal import once

if TYPE_CHECKING:
    from wati.contract.types import Receivers
    from wati.journal.entries import Repeat


class LeftOut:
    """Who is left out: receivers who have the message, and those of whom nobody knows whether they do.

    `positions`: the places in the whole list of those that are left.
    """

    def __init__(self, repeats: list[Repeat], receivers: Receivers) -> None:
        refused = [repeat for repeat in repeats if repeat.refused]
        self._unknown = [repeat for repeat in refused if repeat.state in UNRESOLVED]
        out = {repeat.at for repeat in refused if repeat.state in DELIVERING + UNRESOLVED}
        self.positions = [index for index, (at, _) in enumerate(receivers) if at not in out]
        self.counts = {
            "left_out": len(out) - len(self._unknown),
            "left_out_unknown": len(self._unknown),
        }

    @property
    def facts(self) -> dict[str, Any]:
        """Those of unknown outcome, by the send that check_send asks for."""
        by_send: dict[str, list[str]] = {}
        for repeat in self._unknown[:MOST_PROBLEMS]:
            by_send.setdefault(str(repeat.send), []).append(repeat.receiver)
        return {"left_out_unknown": by_send} if by_send else {}

    def original(self, at: str) -> str:
        """A place in the call that is left, as a place in the whole list."""
        return re.sub(r"\[([0-9]+)\]", lambda found: f"[{self.positions[int(found[1])]}]", at, count=1)

    @property
    def notice(self) -> str:
        have, unknown = self.counts.values()
        text = f"{have} {'receiver has' if have == 1 else 'receivers have'} this message and"
        text = f"Of the list, {text} {'was' if have == 1 else 'were'} left out."
        if unknown:
            command = once.check_command(self._unknown[0].send)
            text += f" {unknown} of unknown outcome left out, too; find out about them: {command}"
        return text
