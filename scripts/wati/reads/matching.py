"""Whether a contact is the one that someone means: names and numbers as people write them. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from wati.contract import numbers

# Marks that people leave out: Latin, Greek and Cyrillic accents, Hebrew points, Arabic vowels. Not the marks
# of scripts in which they are letters (राहुल).
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670]")
# Letters that Unicode does not decompose, and how they are written on a keyboard without them.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "\u0131": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
_APOSTROPHES = re.compile("['`\u00b4\u02bc\u2018\u2019]")
LONGEST = 512  # characters of a name or value that are compared

EXACT, WORDS, PART, NEAR = range(4)  # how well something matches, best first; what is only near is a guess
_NEAR_WORDS = (
    0.75  # difflib's ratio from which two words are nearly the same: Jon and John, not Jane and John
)

_CONTACT_ID = re.compile(r"[0-9a-fA-F]{24}")
FEWEST_DIGITS = 6  # of a number, or of the end of one
_LONGEST_NUMBER = 15


def folded(text: str) -> str:
    """Text without case, accents, width and apostrophes."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text[:LONGEST].casefold()))
    return _APOSTROPHES.sub("", unicodedata.normalize("NFKC", bare).translate(_PLAIN))


def words(text: str) -> list[str]:
    """The folded words of a name, without the characters between them and without invisible ones."""
    categories = ((c, unicodedata.category(c)) for c in folded(text))
    spaced = (" " if kind[0] in "ZP" or kind == "Cc" else c for c, kind in categories if kind != "Cf")
    return "".join(spaced).split()


def rank(wanted: str, text: str) -> int | None:
    """How well a text matches: the same words in any order, all wanted words, or all as parts of words."""
    asked, there = words(wanted), words(text)
    if not asked:
        return EXACT if folded(wanted).strip() == folded(text).strip() else None
    if sorted(asked) == sorted(there):
        return EXACT
    if set(asked) <= set(there):
        return WORDS
    return PART if all(any(word in own for own in there) for word in asked) else None


def near(wanted: str, text: str) -> float | None:
    """NEAR, and more the less alike they are, if each wanted word is nearly a word of the text."""
    from difflib import SequenceMatcher, get_close_matches

    asked, there = words(wanted), words(text)
    ratios = []
    for word in asked:
        closest = get_close_matches(word, there, n=1, cutoff=_NEAR_WORDS)
        if not closest:
            return None
        ratios.append(SequenceMatcher(None, closest[0], word).ratio())
    return NEAR + 1 - sum(ratios) / len(ratios) if ratios else None


class Number:
    """A number in any notation, or a contact id. `has_country_code`: it certainly has one."""

    def __init__(self, written: str) -> None:
        text = written.strip()
        self.contact_id = text.lower() if _CONTACT_ID.fullmatch(text) else ""
        self._rounded = numbers.rounded(text)
        digits = re.sub(r"[^0-9]", "", numbers.without_trunk_zero(text))
        self.has_country_code = text.startswith(("+", "00"))
        self.digits = digits.removeprefix("00") if text.startswith("00") else digits

    @property
    def problem(self) -> str:
        """Why it cannot be searched for; "" if it can."""
        if self._rounded:
            return "is a number that a spreadsheet rounded: its last digits are lost"
        if self.contact_id or FEWEST_DIGITS <= len(self.digits) <= _LONGEST_NUMBER:
            return ""
        return f"is neither a number of {FEWEST_DIGITS} to {_LONGEST_NUMBER} digits nor a contact id"

    @property
    def ends(self) -> list[str]:
        """What a contact's number may end in, the likeliest first: the number, or its other spelling."""
        return list(dict.fromkeys(each.lstrip("0") for each in numbers.spellings(self.digits)))

    @property
    def suffix(self) -> str:
        """What the number ends in once it has a country code: the leading zero is then not dialed."""
        return self.digits.lstrip("0")

    def rank(self, contact: dict[str, Any]) -> int | None:
        """EXACT, WORDS if it is another spelling, or PART if only the end is the same, without a code."""
        if self.contact_id:
            return EXACT if str(contact.get("id")).lower() == self.contact_id else None
        own = {re.sub(r"[^0-9]", "", str(contact.get(name) or "")) for name in ("wAid", "phone")}
        if self.digits in own:
            return EXACT
        if any(numbers.same_person(self.digits, each) for each in own):
            return WORDS
        ends_alike = len(self.suffix) >= FEWEST_DIGITS and any(each.endswith(self.suffix) for each in own)
        return PART if ends_alike and not self.has_country_code else None
