"""What an answer says beside its shape: how many, in which order, and whether it is another one's."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from wati.contract.bodies import member
from wati.contract.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wati.contract.answer import Answer

CANNOT_SAY = "cannot say"
_LISTS = ("contact_list", "messages.items", "messageTemplates", "connections")


@record
class Asked:
    """One answer, with the request that it is to and the answers before it."""

    answer: Answer
    target: str
    known: Mapping[str, Any]
    before: Mapping[str, Answer]

    @property
    def items(self) -> list[Any] | None:
        return _items(self.answer)

    @property
    def size(self) -> int | None:
        """How many items were asked for."""
        sizes = parse_qs(self.target.partition("?")[2].lower()).get("pagesize", [])
        return int(sizes[0]) if sizes and sizes[0].isdigit() else None


def count(asked: Asked, usual: str) -> str:
    """How many items came, by how many were asked for. `usual`: if none were."""
    items, size = asked.items, asked.size or int(usual or 0)
    if items is None:
        return "no list"
    if not items:
        return "none"
    return "as many as asked" if len(items) == size else "fewer" if len(items) < size else "more"


def at_most(asked: Asked, most: str) -> str:
    """Whether a page is larger than `most`, or could have been."""
    items = asked.items
    if items is None:
        return "no list"
    return CANNOT_SAY if len(items) < int(most) else most if len(items) == int(most) else f"more than {most}"


def order(asked: Asked, name: str) -> str:
    """How the items are sorted by a member that is a time."""
    from wati.reads.rows import moment

    moments = [moment({"created": member(item, name)}) for item in asked.items or []]
    known = [each for each in moments if each is not None]
    if len(set(known)) < 2:
        return CANNOT_SAY
    if known == sorted(known, reverse=True):
        return "newest first"
    return "oldest first" if known == sorted(known) else "neither"


def next_page(asked: Asked, _: str) -> str:
    value = member(asked.answer.json, "link.nextPage")
    if isinstance(value, str):
        return "an address" if re.match("https?://", value) else "empty" if not value else "another text"
    return "null" if value is None else "a number" if isinstance(value, int) else "another type"


def page_size(asked: Asked, _: str) -> str:
    value = member(asked.answer.json, "link.pageSize")
    return CANNOT_SAY if value is None else "as asked" if value == asked.size else "another"


def total(asked: Asked, usual: str) -> str:
    """What `total` could count. Only a list with fewer items than were asked for is whole."""
    from wati.reads.rows import owner

    items, value = asked.items, member(asked.answer.json, "link.total")
    if not items or not isinstance(value, int):
        return CANNOT_SAY
    is_whole = len(items) < (asked.size or int(usual or 0))
    if is_whole and value == len(items):
        return "all"
    if is_whole and value == sum(1 for item in items if isinstance(item, dict) and owner(item) is False):
        return "the customer's"
    return "fewer than came" if value < len(items) else "more than there are" if is_whole else CANNOT_SAY


def same(asked: Asked, other: str) -> str:
    """Whether the items are those of another question's answer."""
    items, others = asked.items, _items(asked.before[other]) if other in asked.before else None
    if not others:
        return CANNOT_SAY
    if items is None:
        return "no list"
    return "the same" if [_id(each) for each in items] == [_id(each) for each in others] else "others"


def same_contact(asked: Asked, other: str) -> str:
    """Whether a contact is that of another question's answer."""
    before = asked.before.get(other)
    ids = [member(each.json, "contact.id") for each in (asked.answer, before) if each is not None]
    return CANNOT_SAY if len(ids) < 2 or None in ids else "the same" if ids[0] == ids[1] else "another"


def number(asked: Asked, path: str) -> str:
    """Whether an answer spells one's own number as it was asked."""
    value = member(asked.answer.json, path)
    own = asked.known["own"]
    return CANNOT_SAY if not isinstance(value, str) else "as asked" if value == own else "spelled otherwise"


def clock(asked: Asked, _: str) -> str:
    """How far the far side's clock is from this machine's."""
    if asked.answer.date is None:
        return "no Date"
    return "right" if abs(asked.answer.date - time.time()) < 60 else "off by more than a minute"


NOTES: dict[str, Callable[[Asked, str], str]] = {
    each.__name__: each
    for each in (count, at_most, order, next_page, page_size, total, same, same_contact, number, clock)
}


def of(notes: tuple[str, ...], asked: Asked) -> dict[str, str]:
    found = {}
    for each in notes:
        name, _, argument = each.partition(" ")
        found[name] = NOTES[name](asked, argument)
    return found


def _items(answer: Answer) -> list[Any] | None:
    lists = (member(answer.json, path) for path in _LISTS)
    return next((found for found in lists if isinstance(found, list)), None)


def _id(item: Any) -> Any:
    return member(item, "id") or member(item, "connection_id")
