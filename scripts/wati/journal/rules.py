"""The rules of the journal, whatever keeps its entries: what is the same, what a state stops and for how
long, who may move a message to which state, and what may be forgotten. Pure; references/journal.md has them
as tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wati.contract.messages import (
    DELIVERING,
    MENTION_SECONDS,
    SESSION_SECONDS,
    TEMPLATE_SECONDS,
    UNRESOLVED,
    repeat_seconds,
)
from wati.contract.numbers import person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# --- who may move a message, and whereto: for each state, those that it may follow -------------------------

# Whoever sends it knows for certain what an answer says, even if someone has looked meanwhile. Only a row
# that was seen says more.
_UNTIL_CERTAIN = ("open", "unclear", "presumed", "not_seen")
BY_SENDER = {
    "accepted": _UNTIL_CERTAIN,
    "rejected": _UNTIL_CERTAIN,
    "not_sent": _UNTIL_CERTAIN,
    "unknown": ("open", "not_seen"),  # it may have left after the look: where nothing can be locked
    "unpaired": ("open", "not_seen"),
}
BY_LOOK = {
    "sent": UNRESOLVED,
    "presumed": ("open", "unknown"),  # whoever differs was looked at
    "not_seen": ("open", "unknown", "unclear"),  # whom the answer may have named otherwise has it, perhaps
    "unclear": ("open", "unknown"),  # from it, another look could go on to not_seen
}
STATES = frozenset(("open", *BY_SENDER, *BY_LOOK))


def is_alive(owned: bool | None, until: float, now: float) -> bool:
    """Whether a send with an open message may still be sent. `owned`: whether its process holds the lock."""
    return now <= until if owned is None else owned


# --- what is the same --------------------------------------------------------------------------------------


def template_name(name: str) -> str:
    """WhatsApp's template names have small letters only, so another spelling is no other template."""
    return name.lower()


def agree(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two sets of parts of one template are one message: no common part has another value.

    A value more or less is no other message: WATI ignores what the template has no place for, and no
    customer gets one template twice because of it. Names are compared without their letter case.
    """
    first, second = _by_name(one.items()), _by_name(other.items())
    return all(first[name] & second[name] for name in first.keys() & second.keys())


def _by_name(parts: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, value in parts:
        found.setdefault(name.casefold(), set()).add(value)
    return found


def identities(numbers: Mapping[str, str], known: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """The aliases that are new, each with its person, by the number that was shown for each receiver.

    `known`: the person of an alias, or the alias itself. It has to know of each pair before the next.
    """
    for receiver, number in numbers.items():
        alias, who = person(receiver), known(person(number))
        if who != known(alias):
            yield alias, who


# --- what stops a repeat, and for how long -----------------------------------------------------------------


def age(at: float, seen: float | None, now: float, ran: float | None = None) -> float:
    """How many seconds ago a send was, by what makes it younger.

    `seen`: when its date was first seen to be in the future, so one of the clocks was wrong. A date that is
    in the future now says nothing. `ran`: for how long the machine has been up since; None if unknown.
    """
    by_dates = min((now - date for date in (at, seen) if date is not None and date <= now), default=0.0)
    return by_dates if ran is None else min(by_dates, ran)


# Nothing stops a repeat for longer, unless it is unresolved.
LONGEST_STOP = max(SESSION_SECONDS, TEMPLATE_SECONDS)


def stops(state: str, kind: str, ago: float) -> bool:
    """Whether a message of this kind and age must not be sent again."""
    return state in UNRESOLVED or (state in DELIVERING and ago < repeat_seconds(kind))


def is_mentioned(ago: float, within: float = MENTION_SECONDS) -> bool:
    """Whether the user should hear of a delivery before it is repeated."""
    return ago < within


# --- what may be forgotten ---------------------------------------------------------------------------------

KEPT_SECONDS = 30 * 86400  # settled entries stop repeats for minutes; after that they are for people
# One wrong clock would make everything look old. So two dates have to agree that are at least a day apart.
WITNESSED_SECONDS = 86400.0


def forgettable(witness: float) -> float:
    """Settled sends from before this moment may be forgotten.

    `witness`: the newest date in the journal that is WITNESSED_SECONDS older than its newest one.
    """
    return witness - KEPT_SECONDS
