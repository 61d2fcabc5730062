"""What a capture says about the rows of the table: as assumed, different and how, or not settled. Pure."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from wati.contract.records import record
from wati.probe.comparing import compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from wati.probe.ask import Observed
    from wati.probe.question import Question

AS_ASSUMED, DIFFERENT, NOT_SETTLED = "as assumed", "different", "not settled"
_SAYS_NOTHING = "this account has nothing that could show it"


@record
class Row:
    """One row of the table. `how`: by question, what is different, or why it settles nothing."""

    row: str
    verdict: str
    how: Mapping[str, list[str]]
    whole: bool  # every part of the row was asked about, and every answer settles its part


def assumed() -> dict[str, Observed]:
    """What the sandbox answers, by question; `dev/captures.py --write` makes the file."""
    with open(os.path.join(os.path.dirname(__file__), "assumed.json"), encoding="utf-8") as file:
        read: dict[str, Observed] = json.load(file)
    return read


def rows(
    questions: Iterable[Question], observed: Mapping[str, Observed], assumed: Mapping[str, Observed]
) -> list[Row]:
    """The rows that the questions are about, in their order. `assumed`: what the sandbox answers."""
    by_row: dict[str, list[Question]] = {}
    for question in questions:
        if question.row:
            by_row.setdefault(question.row, []).append(question)
    return [_row(row, asked, observed, assumed) for row, asked in by_row.items()]


def _row(
    row: str, questions: list[Question], observed: Mapping[str, Observed], assumed: Mapping[str, Observed]
) -> Row:
    different: dict[str, list[str]] = {}
    unsettled: dict[str, list[str]] = {}
    for each in questions:
        answer = observed.get(each.id, {})
        if "status" not in answer:
            unsettled[each.id] = [_why(answer)]
            continue
        compared = compare(each.compares, assumed[each.id], answer)
        if compared.differences:
            different[each.id] = compared.differences
        elif not compared.is_decided:
            unsettled[each.id] = [_SAYS_NOTHING]
    if different:
        return Row(row, DIFFERENT, different, False)
    if len(unsettled) == len(questions):
        return Row(row, NOT_SETTLED, unsettled, False)
    return Row(row, AS_ASSUMED, unsettled, not unsettled and all(each.whole for each in questions))


def _why(observed: Observed) -> str:
    return str(observed.get("not_asked") or f"no answer: {observed.get('no_answer', 'not in the capture')}")
