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

from wati.contract.listed import Listed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.types import Problem, Receivers

# Between the digits of a number as people write it.
_SEPARATORS = "[ ().\\-/\u00a0\u2010-\u2015]"
_ROUNDED = r"[+']?[0-9]+([.,][0-9]+)?[eE][+]?[0-9]+"
# Countries whose numbers keep their zero behind the country code (national numbering plans at the ITU). In
# all others, it is dialed only inside the country.
_KEEPS_ZERO = ("39", "378", "225", "241", "242")
# The most digits of a whole number, of countries in which they differ from the usual 12.
_LONGEST = {
    **dict.fromkeys(("45", "47", "65"), 10),
    **dict.fromkeys(("1", "7", "27", "31", "32", "33", "34", "41", "48", "61", "852"), 11),
    **dict.fromkeys(("39", "43", "49", "52", "54", "55", "86", "234"), 13),
    "62": 14,
}

LISTED_TWICE = "The list has the same person twice."
TWICE = (
    "Ask the user which of the two to keep, and leave out the other. Use --again only if the user wants that "
    "person to get both messages."
)

# By the first two digits: a pattern, and what the long spelling has in its second group. As text, because
# most calls need none of them.
_RULES = {
    "52": (r"(52)(1?)([0-9]{10})", "1"),
    "54": (r"(54)(9?)([0-9]{10})", "9"),
    "55": (r"(55[1-9][0-9])(9?)([6-9][0-9]{7})", "9"),
}


def spellings(number: str) -> tuple[str, ...]:
    """The number as given, then its other spelling, if it has one; an id has only itself."""
    rule = _RULES.get(number[:2])
    if rule and (match := re.fullmatch(rule[0], number)):
        return (number, match[1] + ("" if match[2] else rule[1]) + match[3])
    return (number,)


def common_end(number: str) -> str:
    """The digits that all its spellings end in: what a search for them has to contain."""
    rule = _RULES.get(number[:2])
    match = rule and re.fullmatch(rule[0], number)
    return match[3] if match else number


def same_person(one: str, other: str) -> bool:
    """Whether both are surely one person's, by spelling alone."""
    return person(one) == person(other)


def rounded(text: str) -> bool:
    """Whether it is a number as a spreadsheet shows it if it is too long for the cell: 9.19877E+11."""
    return re.fullmatch(_ROUNDED, text.strip()) is not None


def complete(text: str) -> str:
    """The digits of a number that is surely whole: with its plus or 00, and no zero that may not belong."""
    digits = re.sub(_SEPARATORS, "", without_trunk_zero(text))
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    is_whole = re.fullmatch(r"\+[1-9][0-9]{6,14}", digits) and not has_trunk_zero(text)
    return digits[1:] if is_whole else ""


def without_trunk_zero(text: str) -> str:
    """The text without the "(0)" of "+44 (0)20 …": it is dialed only without the country code."""
    is_international = text.strip().startswith(("+", "00"))
    return text.replace("(0)", " ", 1) if is_international and not _keeps_zero(text) else text


def has_trunk_zero(text: str) -> bool:
    """Whether a zero behind the country code may be one that is dialed only inside the country."""
    if _keeps_zero(text):
        return "(0)" in text  # here it belongs to the number, but whoever wrote it so may not know that
    return re.match(r"\s*(\+|00)[1-9][0-9]{0,2}[^0-9]+0", without_trunk_zero(text)) is not None


def _keeps_zero(text: str) -> bool:
    code = re.match(r"\s*(?:\+|00)\s*([1-9][0-9]{0,3})", text)
    return code is not None and code[1].startswith(_KEEPS_ZERO)


def code_twice(code: str, phone: str) -> bool:
    """Whether a number behind its country code seems to begin with that code again: 91 and 919876543210."""
    too_long = len(code + phone) > _LONGEST.get(code, 12)
    return bool(code) and phone.startswith(code) and too_long


def twins(receivers: Receivers) -> list[Problem]:
    """Those who are in a list before, in another spelling."""
    if isinstance(receivers, Listed):
        return receivers.twins
    first: dict[str, tuple[str, str]] = {}
    problems = []
    for at, number in receivers:
        first_at, other = first.setdefault(person(number), (at, number))
        if other.lower() != number.lower():  # the checks of the arguments report the same digits
            problems.append(twin(at, number, first_at, other))
    return problems


def twin(at: str, number: str, first_at: str, other: str) -> Problem:
    problem = f"{number} and {other} ({first_at}) are the same person, whom WhatsApp knows by one of them"
    return {"at": at, "problem": problem}


def person(receiver: str) -> str:
    """What all spellings of a receiver have in common: the longest of them; an id in small letters."""
    return max(spellings(receiver), key=len).lower()
