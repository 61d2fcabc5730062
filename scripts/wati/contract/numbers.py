"""Which spellings of a number reach one person: WhatsApp knows some numbers by another spelling than its
owner.

Mexico: 52 or 521 before ten digits. Argentina: 54 or 549 before ten digits. (WhatsApp Help Center, "About
international phone number format": Mexican numbers take a 1 after 52, Argentine ones a 9 after 54; operators
have dropped the Mexican 1 since 2019.) Brazil: with or without a 9 before the eight digits of a mobile, which
begin with 6 to 9 (Meta, WhatsApp Business Platform, "Phone numbers": the `wa_id` of a Brazilian or Mexican
number may differ from the number that was sent to). A landline's eight digits begin with 2 to 5, and a 9
before them makes another person's mobile.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.types import Problem, Receivers

LISTED_TWICE = "The list has the same person twice."
TWICE = (
    "Ask the user which of the two to keep, and leave out the other. Use --again only if the user wants that "
    "person to get both messages."
)

# (short spelling, what the long one has in between), both as patterns with two groups around it
_RULES = (
    (re.compile(r"(52)(1?)([0-9]{10})"), "1"),
    (re.compile(r"(54)(9?)([0-9]{10})"), "9"),
    (re.compile(r"(55[1-9][0-9])(9?)([6-9][0-9]{7})"), "9"),
)


def spellings(number: str) -> tuple[str, ...]:
    """The number as given, then its other spelling, if it has one; an id has only itself."""
    for pattern, digit in _RULES:
        if match := pattern.fullmatch(number):
            return (number, match[1] + ("" if match[2] else digit) + match[3])
    return (number,)


def same_person(one: str, other: str) -> bool:
    """Whether both are surely one person's, by spelling alone."""
    return person(one) == person(other)


def twins(receivers: Receivers) -> list[Problem]:
    """Those who are in a list before, in another spelling."""
    first: dict[str, tuple[str, str]] = {}
    problems = []
    for at, number in receivers:
        first_at, other = first.setdefault(person(number), (at, number))
        if other.lower() != number.lower():  # the checks of the arguments report the same digits
            problem = (
                f"{number} and {other} ({first_at}) are the same person, whom WhatsApp knows by one of them"
            )
            problems.append({"at": at, "problem": problem})
    return problems


def person(receiver: str) -> str:
    """What all spellings of a receiver have in common: the longest of them; an id in small letters."""
    return max(spellings(receiver), key=len).lower()
