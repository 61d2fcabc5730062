"""All questions, in the order in which they are asked."""

from __future__ import annotations

from wati.probe.changing import CHANGING, UNDOING
from wati.probe.reading import LIMITS, MATON, WATI
from wati.probe.sending import SESSION, TEMPLATE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.types import Arguments
    from wati.probe.question import Question

ALL: tuple[Question, ...] = (*MATON, *WATI, *CHANGING, *SESSION, *TEMPLATE, *UNDOING, *LIMITS)


def chosen(arguments: Arguments) -> list[Question]:
    """Those that a call asks: without a number of one's own, only those that read."""
    is_own = bool(arguments.get("own_number"))
    return [each for each in ALL if is_own or (each.kind == "read" and each.id != "own_messages")]
