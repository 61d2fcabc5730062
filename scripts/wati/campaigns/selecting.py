"""From an audience to the rows of a plan: who gets it with which values, and who is left out for what."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from wati.campaigns import filling, hours, leaving_out
from wati.campaigns.claims import message_of
from wati.campaigns.plans import New
from wati.campaigns.records import Row
from wati.contract.listed import Some
from wati.reads.pages import OnDisk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from wati.campaigns.audience import Person
    from wati.campaigns.leaving_out import Rules

BATCH = 5000  # people who are looked up in ledger and journal at once
LEAST = 100
MOST_MEMBERS = 1000  # whose names are kept, to suggest one
MOST_NAMED = 3  # people who are named for each reason


class Chosen(NamedTuple):
    """A person who gets it, unless the records speak against it."""

    person: Person
    filled: filling.Filled
    message: str
    zone: str


class Wanted(NamedTuple):
    """What a plan is made of. `known`: of some people, why the records leave each out, by position."""

    place: str
    template: str
    filling: filling.Filling
    rules: Rules
    quiet: hours.Quiet | None
    known: Callable[[Sequence[Chosen]], dict[int, str]]
    may_message: Callable[[str], bool]
    chunk: int
    limit: int | None


class Selection:
    """The rows, and what there is to say of them.

    `read`: how many people of the audience were looked at, and `whole`: whether those are all. `head_count`:
    how many get it. `left_out`: how many do not, by reason, and `who`: the first of them. `blank`: the same,
    by parameter. `strangers`: of those who get it, without a contact. `invalid`: whose contactStatus is not
    VALID. `members`: the names of all members that someone has. `excluding`: the exclusions that hold for
    someone. `not_allowed`: whom WATI_ALLOWED_RECIPIENTS keeps out.
    """

    def __init__(self, wanted: Wanted) -> None:
        self.read = self.head_count = self.strangers = self.invalid = 0
        self.whole = False
        self.left_out: Counter[str] = Counter()
        self.who: dict[str, list[str]] = {}
        self.blank: Counter[str] = Counter()
        self.who_blank: dict[str, list[str]] = {}
        self.members: set[str] = set()
        self.excluding: set[tuple[str, str]] = set()
        self.not_allowed = Some()
        self._wanted = wanted

    def rows(self, people: Iterable[Person]) -> Iterator[New]:
        """The rows of everyone in the audience, or as far as the limit goes."""
        limit = self._wanted.limit
        size = BATCH if limit is None else max(LEAST, min(BATCH, 2 * limit))
        rest = iter(people)
        with closing(OnDisk()) as seen:
            while batch := list(islice(rest, size)):
                for new in self._judged(batch, seen):
                    yield new
                    if self.head_count == limit:
                        return
            self.whole = True

    def _judged(self, batch: list[Person], seen: OnDisk) -> Iterator[New]:
        alone = [self._alone(person, seen) for person in batch]
        chosen = [one for one in alone if isinstance(one, Chosen)]
        reasons = self._wanted.known(chosen)
        by_records = iter([reasons.get(index, "") for index in range(len(chosen))])
        for person, one in zip(batch, alone, strict=True):
            self.read += 1
            code = one if isinstance(one, str) else next(by_records)
            if code or isinstance(one, str):
                yield self._out(person, code)
            else:
                yield self._in(one)

    def _alone(self, person: Person, seen: OnDisk) -> Chosen | str:
        """A person with their values; or why they are left out, by what is known of them alone."""
        wanted = self._wanted
        found = leaving_out.reason(person, wanted.rules)
        self.excluding.update(leaving_out.exclusions(person, wanted.rules))
        # Also of whoever is left out: what a later line says is not to be preferred.
        is_new = not person.receiver or seen.add(_key(person.person))
        members = person.members
        if len(self.members) < MOST_MEMBERS:
            self.members.update(name for name, value in members.items() if value.strip())
        if found or not is_new:
            return found or "listed_twice"
        filled = wanted.filling.fill(members)
        if filled.blank:
            for name in filled.blank:
                self.blank[name] += 1
                _keep(self.who_blank, name, person)
        for code, names in (
            ("blank_parameter", filled.blank),
            ("unsendable_parameter", filled.unsendable),
            ("long_parameter", filled.too_long),
        ):
            if names:
                return code
        zone = hours.zone_of(wanted.quiet, person.number)
        if not hours.ever_opens(wanted.quiet, zone):
            return "no_open_hour"
        message = message_of(wanted.place, person.person, wanted.template, filled.values)
        return Chosen(person, filled, message, zone)

    def _out(self, person: Person, code: str) -> New:
        self.left_out[code] += 1
        _keep(self.who, code, person)
        key = person.person if person.receiver else ""
        return New(Row(self.read - 1, -1, person.receiver, key, person.name, {}, "", "left_out", code), "")

    def _in(self, one: Chosen) -> New:
        person, chunk = one.person, self.head_count // self._wanted.chunk
        self.head_count += 1
        self.strangers += person.contact is None
        self.invalid += (person.contact or {}).get("contactStatus") not in (None, "", "VALID")
        if not self._wanted.may_message(person.receiver):
            problem = f"{person.receiver} is not in WATI_ALLOWED_RECIPIENTS"
            self.not_allowed.add("$.audience", problem)
        content = {"customParams": one.filled.values}
        who = (person.receiver, person.person, person.name)
        return New(Row(self.read - 1, chunk, *who, content, one.zone, "planned"), one.message)


def _keep(some: dict[str, list[str]], name: str, person: Person) -> None:
    named = some.setdefault(name, [])
    if len(named) < MOST_NAMED:
        shown = person.receiver or "no number"
        named.append(f"{person.name} ({shown})" if person.name else shown)


def _key(person: str) -> bytes:
    return blake2b(person.encode("utf-8", "surrogatepass"), digest_size=16).digest()
