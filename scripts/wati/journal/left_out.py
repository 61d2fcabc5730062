"""Whom `--skip-sent` leaves out of a bulk send. Pure."""

from __future__ import annotations

import re
from itertools import compress, count, islice
from typing import TYPE_CHECKING, Any

from wati.contract.failures import MOST_PROBLEMS
from wati.contract.messages import DELIVERING, UNRESOLVED
from wati.journal import once

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wati.journal.entries import Repeat


class LeftOut:
    """Who is left out: receivers who have the message, and those of whom nobody knows whether they do.

    `kept`: for each place in the whole list, 1 if whoever is there is left, else 0.
    """

    def __init__(self, repeats: Iterable[Repeat], receivers: int) -> None:
        self.kept = bytearray(b"\1") * receivers
        self.counts = {"left_out": 0, "left_out_unknown": 0}
        self._unknown: list[Repeat] = []  # the first
        for repeat in repeats:
            if repeat.refused and repeat.state in DELIVERING + UNRESOLVED:
                is_unknown = repeat.state in UNRESOLVED
                self.kept[repeat.position] = 0
                self.counts["left_out_unknown" if is_unknown else "left_out"] += 1
                if is_unknown and len(self._unknown) < MOST_PROBLEMS:
                    self._unknown.append(repeat)

    @property
    def facts(self) -> dict[str, Any]:
        """Those of unknown outcome, by the send that check_send asks for."""
        by_send: dict[str, list[str]] = {}
        for repeat in self._unknown:
            by_send.setdefault(str(repeat.send), []).append(repeat.receiver)
        return {"left_out_unknown": by_send} if by_send else {}

    def original(self, at: str) -> str:
        """A place in the call that is left, as a place in the whole list."""
        return re.sub(r"\[([0-9]+)\]", lambda found: f"[{self._place(int(found[1]))}]", at, count=1)

    def _place(self, number: int) -> int:
        return next(islice(compress(count(), self.kept), number, None))

    @property
    def notice(self) -> str:
        have, unknown = self.counts.values()
        text = f"{have} {'receiver has' if have == 1 else 'receivers have'} this message and"
        text = f"Of the list, {text} {'was' if have == 1 else 'were'} left out."
        if unknown:
            command = once.check_command(self._unknown[0].send)
            text += f" {unknown} of unknown outcome left out, too; find out about them: {command}"
        return text
