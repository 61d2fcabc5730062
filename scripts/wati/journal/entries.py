"""What the journal holds, and what its store can do, whatever the store is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from wati.contract.messages import MENTION_SECONDS, UNRESOLVED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from wati.contract.messages import Message

# Seconds for which a busy journal is waited for, and a send may leave, if the caller names no other time.
PATIENCE = 30.0
USUAL_SECONDS = 30.0


class Unusable(Exception):
    """The journal is missing, unwritable or damaged. The text says why, without a path."""

    remedy = "Set WATI_JOURNAL to a file in a folder that can be written, or move away what is damaged."


class Busy(Exception):
    """Others held the journal for as long as the caller would wait."""


class Entry(NamedTuple):
    """One message of a send."""

    receiver: str
    kind: str
    name: str
    parts: dict[str, str]  # the digest of each part, by its name
    state: str
    person: str = ""
    answered: str = ""  # the number that the answer gave; "" if it gave none


class Send(NamedTuple):
    """One call that sent something, with its entries."""

    id: int
    at: float  # epoch seconds by this machine's clock
    clock: float | None  # by how many seconds the far side's clock was ahead then, if an answer had shown it
    connection: str
    script: str
    channel: str  # the account's own number that it named; "" = WATI's default
    entries: list[Entry]
    until: float  # the latest moment at which it may leave, by this machine's clock
    # Whether the process that entered it still lives and has not settled it. Where that cannot be known, a
    # send counts as alive until `until`.
    alive: bool
    ticks: float | None  # the monotonic clock at `at`: it counts from the start of the machine

    @property
    def unresolved(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.state in UNRESOLVED]


class Repeat(NamedTuple):
    """A message that was already sent, or whose receiver is in the same list by another name (`twice`)."""

    position: int  # in the list of messages
    at: str
    receiver: str
    send: int
    seconds: float  # ago
    state: str
    refused: bool  # whether it must not be sent again; if not, the repeat is only worth a warning
    known: str  # as the receiver was called then
    known_at: str = ""  # its place in the same list
    ahead: float = 0.0  # by how many seconds the date of the first one is in the future


class Repeats:
    """Any number of repeats in little memory: how many, the first of them, and the first of each state."""

    MOST = 1000  # the receivers of a list; a CSV file can have more

    def __init__(self, repeats: Iterable[Repeat] = ()) -> None:
        self.count = 0
        self.listed: list[Repeat] = []
        self.first: dict[str, Repeat] = {}
        for repeat in repeats:
            self.add(repeat)

    def add(self, repeat: Repeat) -> None:
        self.count += 1
        self.first.setdefault(repeat.state, repeat)
        if self.count <= self.MOST:
            self.listed.append(repeat)


class Store(Protocol):
    """Where the entries are kept. Each method is one transaction, and raises Unusable or Busy.

    Of two processes that enter the same message at the same time, only one may get an id.
    """

    path: str  # of its file; "" if it is in a database

    def enter(
        self,
        script: str,
        connection: str,
        messages: Iterable[Message],
        clock: float | None,
        *,
        again: bool,
        channel: str = "",
        until: float | None = None,
        wait: float = PATIENCE,
    ) -> int | Repeats:
        """Enter a send that is about to leave, until `until` at the latest, and return its id.

        If repeats forbid it, return those instead. `again` allows repeats. `messages` are read once, before
        anything is locked. `wait`: seconds to wait if the store is busy.
        """

    def repeats(
        self,
        connection: str,
        messages: Iterable[Message],
        channel: str = "",
        *,
        wait: float = PATIENCE,
        within: float = MENTION_SECONDS,
    ) -> Iterator[Repeat]:
        """What a send would repeat, in the order of the list. Changes nothing.

        `within`: for how many seconds an accepted one is mentioned; one of unknown outcome always is.
        It is read while it is gone through: Unusable and Busy can come at each step.
        """

    def settle(
        self,
        send: int,
        state: str,
        by_receiver: Mapping[str, str] | None = None,
        answered: Mapping[str, str] | None = None,
    ) -> None:
        """Store what its sender knows of a send: `state` for all its messages, except for `by_receiver`.

        `answered`: the number that the answer gave for a receiver, or for an id.
        """

    def resolve(self, send: int, receivers: Collection[str], state: str) -> None:
        """Store what a look showed of those messages of a send that are still unresolved."""

    def learn(self, connection: str, numbers: Mapping[str, str]) -> None:
        """Store whose number each id is."""

    def number_of(self, receiver: str) -> str:
        """The number that is known for an id, over any connection; "" if none is."""

    def send(self, number: int) -> Send | None: ...

    def unresolved(self) -> list[Send]:
        """Every send with an unresolved message, newest first."""

    def recent(self, most: int) -> list[Send]:
        """The newest sends, whatever became of them."""

    def others(self, send: Send, entry: Entry, since: float) -> list[tuple[float, float, Entry]]:
        """The receiver's other messages of this kind and template over this connection that may be later.

        Each has its time and its latest departure. Their rows may look like the row of `entry`.
        """

    def digest(self) -> Callable[[str], str]:
        """The hash function for the parts of messages."""
