"""What a run over the questions comes to: the list before it, the capture, and what it says of each row."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from wati import __version__
from wati.contract.settings import MATON
from wati.probe import verdicts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from wati.contract.settings import Settings
    from wati.contract.types import Arguments
    from wati.probe.ask import Observed
    from wati.probe.question import Question

LIVE, SANDBOX, LOCAL = "a live account", "the sandbox", "a server on this machine"
SHARE = (
    "Share the capture in an issue: it has shapes, statuses and words of errors, and no numbers, names, "
    "texts or keys. Read it before you do."
)
ANOTHER_RUN = (
    "A run with has_whatsapp=false and a number of yours without WhatsApp, such as a landline, settles more."
)


def listed(questions: Iterable[Question]) -> dict[str, str]:
    """Each question as one line: what it does, its request, its row."""
    return {
        each.id: f"{_does(each)} {request_of(each)}" + (f" ({each.row})" if each.row else "")
        for each in questions
    }


def _does(question: Question) -> str:
    return (
        "undoes"
        if question.undoes
        else {"read": "reads", "change": "changes", "send": "may send"}[question.kind]
    )


def request_of(question: Question) -> str:
    """The request, with the names of what is filled in."""
    return f"{question.method} {question.target}"


def capture(
    questions: Iterable[Question],
    observed: Mapping[str, Observed],
    arguments: Arguments,
    settings: Settings,
) -> dict[str, Any]:
    """What may be shared: nothing in it is from the account but shapes and the words in probe/words.py."""
    of = SANDBOX if settings.sandbox else LIVE if settings.base_url == MATON else LOCAL
    given = {name: value if isinstance(value, bool) else True for name, value in sorted(arguments.items())}
    answers = {each.id: {"request": request_of(each), **observed[each.id]} for each in questions}
    at = datetime.now(timezone.utc).date().isoformat()
    return {"capture": 1, "skill": __version__, "at": at, "of": of, "given": given, "answers": answers}


def summary(
    questions: Sequence[Question], observed: Mapping[str, Observed], assumed: Mapping[str, Observed]
) -> dict[str, Any]:
    """What the capture says of each row of the table."""
    rows = verdicts.rows(questions, observed, assumed)
    different = [row for row in rows if row.verdict == verdicts.DIFFERENT]
    agreeing = [row for row in rows if row.verdict == verdicts.AS_ASSUMED]
    others = [row for row in rows if row.verdict == verdicts.NOT_SETTLED]
    return {
        "questions": len(questions),
        "answered": sum(1 for each in observed.values() if "status" in each),
        "different": [{"row": row.row, "how": row.how} for row in different],
        "as_assumed": [row.row + ("" if row.whole else " (in part)") for row in agreeing],
        "not_settled": {row.row: next(iter(row.how.values()))[0] for row in others},
    }
