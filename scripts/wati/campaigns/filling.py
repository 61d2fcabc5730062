"""The values of a template's parameters for each person: a text, and members of the contact in it. Pure.

`{{city}}` is the member `city` of the contact; `{{firstName|there}}` is `there` for whoever has no first
name. Names are compared without their letter case.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wati.arguments.texts import text_problem
from wati.arguments.validation import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wati.contract.types import Problem

LONGEST_VALUE = 1024  # characters, as in the schemas of the sends
_MEMBER = re.compile(r"\{\{([^{}|]*)(?:\|([^{}|]*))?\}\}")


class Member(NamedTuple):
    """A place for a member of the contact. `fallback`: for whoever does not have it; None = nothing is."""

    name: str
    fallback: str | None = None

    @property
    def key(self) -> str:
        return key(self.name)


def key(name: str) -> str:
    """What all spellings of a member's name have in common."""
    return name.strip().casefold()


def on_one_line(value: str) -> str:
    """A member's value as it is sent: WhatsApp fails line breaks and four spaces in a row (observed)."""
    return " ".join(value.split())


def problems(values: Sequence[Mapping[str, str]], at: str) -> Iterator[Problem]:
    """What is wrong with the places in the values. `at`: the JSON path of their list."""
    for index, item in enumerate(values):
        value = item["value"]
        rest = _MEMBER.sub("", value)
        wrong = "{{" in rest or "}}" in rest
        if wrong or any(not member.key for _, member in _pieces(value) if member):
            problem = (
                f"is {quoted(value)}; a member of the contact is written {{{{firstName}}}}, or "
                "{{firstName|there}} with what is sent without it"
            )
            yield {"at": f"{at}[{index}].value", "problem": problem}


class Filled(NamedTuple):
    """One person's parameters. `blank`, `unsendable`, `too_long`: the names of those that cannot be sent."""

    values: list[dict[str, str]]
    blank: list[str]
    unsendable: list[str]
    too_long: list[str]


class Filling:
    """The parameters of a plan. `members`: every place in them. `in_links`: the parameters of links."""

    def __init__(self, values: Sequence[Mapping[str, str]], in_links: Sequence[str] = ()) -> None:
        self._parameters = [(item["name"], list(_pieces(item["value"]))) for item in values]
        self._in_links = in_links
        self.members = [member for _, pieces in self._parameters for _, member in pieces if member]

    def sample(self) -> list[tuple[str, str]]:
        """Names and values with something in every place, for what can be checked without a contact."""
        return [
            (name, "".join(text + ("x" if member else "") for text, member in pieces))
            for name, pieces in self._parameters
        ]

    def fill(self, members: Mapping[str, str]) -> Filled:
        """The parameters of one person. `members`: by `key`. One without value and fallback is blank."""
        found = Filled([], [], [], [])
        for name, pieces in self._parameters:
            texts: list[str] = []
            lacks = False
            for text, member in pieces:
                texts.append(text)
                if member is not None:
                    value = on_one_line(members.get(member.key, "")) or member.fallback
                    lacks = lacks or value is None
                    texts.append(value or "")
            value = "".join(texts)
            found.values.append({"name": name, "value": value})
            if lacks or not value.strip():
                found.blank.append(name)
            elif text_problem(value, multiline=False) or (name in self._in_links and " " in value):
                found.unsendable.append(name)
            elif len(value) > LONGEST_VALUE:
                found.too_long.append(name)
        return found


def _pieces(value: str) -> Iterator[tuple[str, Member | None]]:
    """The texts of a value, each with the member that comes after it."""
    end = 0
    for match in _MEMBER.finditer(value):
        yield value[end : match.start()], Member(match[1].strip(), match[2])
        end = match.end()
    yield value[end:], None
