"""What a template asks for and what its receiver will read, from one row of getMessageTemplates. Pure.

The places in its texts decide. `customParams` can miss some (reported), and can list names without a place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wati.arguments.validation import quoted, suggestion
from wati.contract.bodies import member
from wati.output.rendering import enumerate_some, shorten
from wati.reads import places

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wati.contract.types import Problem

    Pairs = list[tuple[str, str]]  # name and value of each parameter, in the order of the arguments

# A text of 1,024 characters has room for about 200 places.
MOST_PARAMETERS = 250
LONGEST_PARAMETER = 256  # as in the schemas
_MOST_NAMED = 20  # parameters in one message
LONGEST_OFFERED = 160  # characters of its text in a list of choices
# Meta's limits, for texts that are filled in.
LONGEST_BODY, LONGEST_HEADER, LONGEST_CODE = 1024, 60, 15


class Asked(NamedTuple):
    """One way to name the parameters: all of `names`, and `least` of `some`."""

    names: list[str]
    some: list[str]
    least: int = 0

    def missing(self, given: Sequence[str]) -> list[str]:
        lacking = [name for name in self.some if name not in given]
        more = max(0, self.least - (len(self.some) - len(lacking)))
        return [name for name in self.names if name not in given] + lacking[:more]


class Template:
    """One template. `names`: every parameter, in reading order. `unread`: what was not understood of it."""

    def __init__(self, row: Any) -> None:
        self.row = row
        self.texts = list(places.texts(row))
        at = [names for text in self.texts for names in text.names]
        listed = _texts(member(item, "paramName") for item in places.items(member(row, "customParams")))
        first, last = _bounded(names[0] for names in at), _bounded(names[-1] for names in at)
        self.names = _bounded([*first, *listed])
        # A number without a name beside it: one of the listed names that stand nowhere may be its name.
        numbers = _bounded(names[0] for names in at if len(names) == 1 and places.is_number(names[0]))
        taken = {name for names in at for name in names}
        unplaced = [name for name in _bounded(listed) if name not in taken and not places.is_number(name)]
        self.ways = [Asked(first, [])]
        if last != first:
            self.ways.append(Asked(last, []))
        if numbers and unplaced:
            others = [name for name in first if name not in numbers]
            self.ways.append(Asked(others, unplaced, min(len(numbers), len(unplaced))))
        self._alone = {numbers[0]: unplaced[0]} if len(numbers) == len(unplaced) == 1 else {}
        known = taken | set(listed)
        self.unread = list(places.unread(row, known))
        self._known = known | {name for at in self.unread for name in _names_at(row, at)}
        self.in_links = _bounded(
            name for text in self.texts if text.is_link for n in text.names for name in n
        )

    @property
    def language(self) -> str:
        found = member(self.row, "language")
        return next(iter(_texts([found, *(member(found, name) for name in ("value", "text", "key"))])), "")

    @property
    def asks(self) -> str:
        """The parameters in words, in every way that they can be named."""
        ways = [enumerate_some([*way.names, *way.some], _MOST_NAMED) for way in self.ways]
        return " or ".join(way for way in dict.fromkeys(ways) if way)

    def missing(self, given: Sequence[str]) -> list[str]:
        """What is missing in the best of the ways; nothing if one of them is complete."""
        return min((way.missing(given) for way in self.ways), key=len)

    def mismatches(self, given: Sequence[str]) -> Iterator[tuple[int | None, str, str]]:
        """Each difference: its index in `given` (None: missing there), a problem's code and text."""
        missing = self.missing(given)
        extra = [(index, name) for index, name in enumerate(given) if name not in self._known]
        if missing and extra and _is_positional(given) is not _is_positional(self.names):
            kinds = "positional, not named" if _is_positional(self.names) else "named, not positional"
            needs = f"the template's parameters are {kinds}: {self.asks}"
            yield None, "parameter_unknown", f"has {enumerate_some(list(given), _MOST_NAMED)}; {needs}"
            return
        for index, name in extra:
            known = f"; its parameters are {self.asks}" if self.asks else "; it has none"
            guess = suggestion(name, missing)
            problem = f"{quoted(name)} is not a parameter of the template{guess}{known}"
            yield index, "parameter_unknown", problem
        for name in missing:
            yield None, "parameter_missing", f'lacks the template\'s parameter "{name}"'

    def problems(self, pairs: Pairs, at: str) -> list[Problem]:
        """What WATI would reject or fail later in the parameters of one receiver. `at`: their JSON path."""
        found: list[Problem] = []
        for index, code, problem in self.mismatches([name for name, _ in pairs]):
            where = at if index is None else f"{at}[{index}].name"
            found.append({"at": where, "problem": problem, "code": code})
        for index, (name, value) in enumerate(pairs):
            if name in self.in_links and (problem := unsendable(value)):
                code = "parameter_unsendable"
                found.append({"at": f"{at}[{index}].value", "problem": problem, "code": code})
        return found

    def doubts(self, given: Sequence[str]) -> Iterator[str]:
        """What the account's data do not say: how the parameters are called, and parts of the template."""
        if len(self.ways) > 1 and (self.ways[-1].some or self.ways[0].missing(given)):
            yield (
                f"The account's data do not say whether the template's parameters are called {self.asks}. "
                "If WATI rejects one set, use the other."
            )
        if self.unread:
            parts = enumerate_some(self.unread, 5)
            yield f"Not all of the template was understood ({parts}): look at it in WATI."

    def too_long(self, values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """The texts that WhatsApp may reject when they are filled in: which, and why."""
        values = self._with_guess(values)
        limits = ((places.body(self.row), LONGEST_BODY), (places.header(self.row)[0], LONGEST_HEADER))
        for text, limit in limits:
            if (length := len(text.filled(values))) > limit:
                problem = f"the {text.where} has {length:,} characters when filled in, more than {limit:,}"
                yield text.where, problem
        if str(member(self.row, "category")).upper() == "AUTHENTICATION":
            for name, value in values.items():
                if name in self._known and len(value) > LONGEST_CODE:
                    code = f"the code {quoted(name)} has {len(value)} characters"
                    yield name, f"{code}, more than {LONGEST_CODE}"

    def text(self, values: Mapping[str, str]) -> str:
        """The body as the receiver reads it. A place without a value stays as it is."""
        return places.body(self.row).filled(self._with_guess(values))

    def preview(self, values: Mapping[str, str]) -> dict[str, Any]:
        """All that the receiver sees: the body as `text`, and header, footer, buttons and their links."""
        return _preview(self.row, self._with_guess(values))

    def _with_guess(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """The values, also under the number of a single place that has a single name."""
        own = {number: values[name] for number, name in self._alone.items() if name in values}
        return {**own, **values}


def _preview(row: Any, values: Mapping[str, str]) -> dict[str, Any]:
    header = [text.filled(values) for text in places.header(row)]
    kind = places.header_kind(row)
    link = header[1] if len(header) > 1 else ""
    media = {name: text for name, text in (("type", kind), ("link", link)) if text}
    filled = [text.filled(values) for text in places.texts(row) if text.where.startswith("button")]
    visible = {
        "header": header[0] or media,
        "text": places.body(row).filled(values),
        "footer": places.footer(row),
        "buttons": _texts(member(button, "text") for button in places.buttons(row)),
        "links": [text for text in filled if text],
        "cards": [_preview(card, values) for card in places.cards(row)],
    }
    return {name: value for name, value in visible.items() if value}


def parameters(row: Any) -> list[str]:
    return Template(row).names


def body(row: Any) -> str:
    """The text with its places, as it was written."""
    return places.body(row).text


def render(row: Any, values: Mapping[str, str]) -> str:
    return Template(row).text(values)


def preview(row: Any, values: Mapping[str, str]) -> dict[str, Any]:
    return Template(row).preview(values)


def unsendable(value: str) -> str:
    """Why WhatsApp would fail a value in a button's URL although WATI accepts it (observed), or ""."""
    problem = "has a space, but goes into a button's URL: WATI accepts it, but WhatsApp fails the message"
    return problem if " " in value else ""


def listed(row: Any) -> str:
    """A template in a list of choices: its name, its parameters and its text."""
    name = f"{member(row, 'elementName')} ({Template(row).asks or 'no parameters'})"
    text = shorten(" ".join(body(row).split()), LONGEST_OFFERED)
    return f'{name}: "{text}"' if text else name


def _is_positional(names: Iterable[str]) -> bool:
    """Whether the parameters are named 1, 2 and so on."""
    return all(map(places.is_number, names))


def _names_at(row: Any, path: str) -> list[str]:
    for step in path.split("."):
        row = row[int(step)] if isinstance(row, list) and step.isdigit() else member(row, step)
    return places.pieces(row)[1::2] if isinstance(row, str) else []


def _bounded(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if len(name) <= LONGEST_PARAMETER][:MOST_PARAMETERS]


def _texts(values: Iterable[Any]) -> list[str]:
    return [value for value in values if isinstance(value, str) and value]
