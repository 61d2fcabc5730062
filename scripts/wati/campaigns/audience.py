"""Who a plan is for: contacts of WATI, the records of a CSV file, or a list. One after the other."""

from __future__ import annotations

import json
import re
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wati.campaigns.filling import key
from wati.contract.bodies import is_number
from wati.contract.failures import Failure
from wati.contract.numbers import common_end, person, same_person
from wati.reads import contacts
from wati.reads.inbox import Inbox
from wati.reads.pages import OnDisk
from wati.wire.gateway import Gateway

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wati.files.people_csv import People

    Row = dict[str, Any]

EACH = 30.0  # seconds for one page, its waits for the limits not counted
_PACE: dict[str, Any] = {"first_wait": 2.5, "spare": 1, "queue": 60.0}
MOST_PAGES = 20_000  # two million contacts
IDLE_PAGES = 2  # without anyone new, after which a list that moves is over
# Below this, one search for each is not slower than the whole list of a small account.
FEW = 20
_NO = ("false", "no", "n", "0", "off")  # in a column AllowBroadcast
_NUMBER = re.compile(r"[+()\d\s./-]*")
BUILT_IN = ("fullname", "firstname", "name")  # members that do not depend on the account


class Person(NamedTuple):
    """One of an audience. `receiver`: number or id, "" = none. `own`: what the audience itself says of them.

    `contact`: their contact at WATI; None if there is none, or if it is not known.
    """

    receiver: str
    given_name: str
    own: Mapping[str, str]
    contact: Row | None

    @property
    def names(self) -> list[str]:
        """Everything that they are called as a receiver."""
        row = self.contact or {}
        found = [self.receiver, *(row.get(name) for name in ("wAid", "phone", "id"))]
        return list(dict.fromkeys(name for name in found if isinstance(name, str) and name))

    @property
    def number(self) -> str:
        """Their number, or their id if it has none that is known."""
        return next((name for name in self.names if is_number(name)), self.receiver)

    @property
    def person(self) -> str:
        return person(self.number)

    @property
    def name(self) -> str:
        return self.given_name or next(filter(_is_name, contacts.names_of(self.contact or {})), "")

    @property
    def members(self) -> dict[str, str]:
        """What a parameter can name, by filling.key: what the audience says counts more than the contact."""
        row = self.contact or {}
        name = self.name
        first = row.get("firstName")
        is_known = isinstance(first, str) and _is_name(first) and not self.given_name
        found = {"fullname": name, "firstname": str(first) if is_known else name.partition(" ")[0]}
        for attribute, value in contacts.attributes(row):
            found.setdefault(key(attribute), value)
        return {**found, "name": name, **self.own}

    def all(self, name: str) -> Iterator[str]:
        """Every value that they have under a name (by filling.key)."""
        if name in BUILT_IN:
            yield self.members[name]
        if name in self.own:
            yield self.own[name]
        for attribute, value in contacts.attributes(self.contact or {}):
            if key(attribute) == name:
                yield value

    @property
    def allows_broadcast(self) -> bool:
        column = self.own.get("allowbroadcast", "").strip().casefold()
        return column not in _NO and (self.contact or {}).get("allowBroadcast") is not False


def _is_name(text: str) -> bool:
    """WATI shows the number in place of a name that it does not know."""
    return not _NUMBER.fullmatch(text)


class Finds(Protocol):
    def find(self, receiver: str) -> Row | None:
        """The contact of a number or id."""


# --- the three kinds ---------------------------------------------------------------------------------------


def of_contacts(rows: Iterable[Row]) -> Iterator[Person]:
    for row in rows:
        numbers = (row.get(name) for name in ("wAid", "phone"))
        number = next((each for each in numbers if isinstance(each, str) and is_number(each)), "")
        yield Person(number, "", {}, row)


def of_file(people: People, known: Finds) -> Iterator[Person]:
    for _, number, cells in people:
        own = {key(column): cell for column, cell in cells.items() if cell.strip()}
        given = own.get("name") or own.get("fullname") or ""
        yield Person(number, given.strip(), own, known.find(number) if number else None)


def of_list(receivers: Iterable[Mapping[str, Any]], known: Finds) -> Iterator[Person]:
    for item in receivers:
        own = {key(each["name"]): each["value"] for each in item.get("customParams", [])}
        yield Person(item["whatsappNumber"], item.get("name", ""), own, known.find(item["whatsappNumber"]))


# --- contacts of WATI --------------------------------------------------------------------------------------


class Reads:
    """Reads at the pace of lists, each with a time of its own, until that of the call is over.

    `say`: gets a line now and then.
    """

    def __init__(self, inbox: Inbox, seconds: float, say: Callable[[str], None] | None = None) -> None:
        gateway = inbox.gateway
        self._gateway = Gateway(gateway.client, EACH, trace=gateway.trace, **_PACE)
        self._inbox = Inbox(self._gateway, inbox.connection, inbox.channel)
        self._ends = time.monotonic() + seconds
        self._say = say or (lambda _: None)

    def use_connection(self, connection: str) -> None:
        self._inbox.connection = connection

    def contacts(self, filters: Mapping[str, Any]) -> Iterator[Row]:
        """Every contact that WATI's filters find, once, in flat memory. Raises Failure."""
        query = {
            name: value if isinstance(value, str) else json.dumps(value) for name, value in filters.items()
        }
        count = 0
        with closing(OnDisk()) as seen:
            # Whoever changed meanwhile has moved to the top of the list, which is read once more.
            for _ in range(2):
                rows = self._inbox.contacts(query, MOST_PAGES, seen=seen, idle=IDLE_PAGES)
                while page := self._next(rows.page):
                    count += len(page)
                    self._say(f"{count:,} contacts read")
                    yield from page
                if not rows.whole:
                    raise Failure("bad_answer", "The list of contacts has no end.", source="wati")

    def contact(self, number: str) -> Row | None:
        """The contact with a number, in any spelling, by WATI's own search."""
        condition = {"name": "phone", "operator": "contain", "value": common_end(number)}
        rows = self._inbox.contacts({"attribute": json.dumps([condition])}, 1)
        return next((row for row in self._next(rows.page) if same_person(number, str(row.get("wAid")))), None)

    def _next(self, read: Callable[[], list[Row]]) -> list[Row]:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Failure("timeout", "The time of this call is over.", source="package")
        self._gateway.timeout = min(EACH, left)
        self._gateway.restart()
        return read()


class Searched:
    """Finds each contact by a search of its own."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def find(self, receiver: str) -> Row | None:
        return self._reads.contact(receiver)


class OnFile:
    """Finds contacts among all of them, which are read once, into a file that vanishes with the process."""

    def __init__(self, rows: Iterable[Row]) -> None:
        import sqlite3

        self._db: sqlite3.Connection = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -1024"):
            self._db.execute(f"PRAGMA {setting}")
        self._db.execute("CREATE TABLE contacts (name TEXT PRIMARY KEY, doc TEXT) WITHOUT ROWID")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR IGNORE INTO contacts VALUES (?, ?)", self._named(rows))
        self._db.execute("COMMIT")

    def find(self, receiver: str) -> Row | None:
        row = self._db.execute("SELECT doc FROM contacts WHERE name = ?", (person(receiver),)).fetchone()
        return json.loads(row[0]) if row else None

    def close(self) -> None:
        self._db.close()

    @staticmethod
    def _named(rows: Iterable[Row]) -> Iterator[tuple[str, str]]:
        for row in rows:
            text = json.dumps(row)
            names = {person(name) for name in Person("", "", {}, row).names}
            yield from ((name, text) for name in names)


def few(receivers: Iterable[str], count: int) -> bool:
    """Whether so few are wanted that each is searched for. WATI's search finds numbers, not ids."""
    return count <= FEW and all(map(is_number, receivers))
