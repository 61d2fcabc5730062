"""What a kill storm must never show: rules over what was said, what the journal says, and what was delivered.

Pure: `dev/storm.py` plays the storm and fills in the records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

GONE = ("accepted", "sent")  # states of the journal that say that a message went out
MESSAGES = ("text", "file", "buttons", "list", "template")  # kinds of the log's rows
DENIED = ("not_sent", "rejected")  # outcomes that say that it did not


@dataclass
class Spoken:
    """One process: what it printed, if it lived long enough. `mark`: what tells its message in the log.

    `is_struck`: a signal may have ended it before it could say anything.
    """

    mark: str
    is_struck: bool
    exit: int
    stdout: str
    document: Json | None

    @property
    def outcome(self) -> str:
        document = self.document or {}
        return str((document if document.get("ok") else document.get("error", {})).get("outcome", ""))

    @property
    def denies(self) -> bool:
        return self.document is not None and (self.outcome in DENIED or self.exit in (2, 3, 4, 5))


@dataclass
class Round:
    """One message that several processes tried to send, while something was done to them."""

    kind: str
    deed: str
    where: str  # the seed and the step that play it again
    receivers: Sequence[str]
    spoken: list[Spoken] = field(default_factory=list)
    too_slow: bool = False  # longer than the journal blocks a repeat


def delivered(rounds: Iterable[Round], log: Iterable[Json]) -> dict[str, list[str]]:
    """The marks of the messages that each receiver got. Not every kind has marks; "" stands for none."""
    marks = {spoken.mark for each in rounds for spoken in each.spoken}
    found: dict[str, list[str]] = {to: [] for each in rounds for to in each.receivers}
    for row in log:
        if row.get("whatsappNumber") in found and row["kind"] in MESSAGES:
            own = marks & {row.get("broadcast_name"), row.get("localMessageId")}
            found[row["whatsappNumber"]].append(own.pop() if own else "")
    return found


def violations(
    one: Round, got: Mapping[str, Sequence[str]], journal: Mapping[str, Sequence[str]]
) -> list[str]:
    """Every rule that a round breaks. `got`: see `delivered`. `journal`: the states of each one's entries."""
    found = list(_of_processes(one))
    if not one.too_slow:
        found += _of_receivers(one, got)
    found += _of_documents(one, got)
    for to in one.receivers:
        found += _of_journal(to, len(got[to]), journal.get(to, ()))
    said = ", ".join(f"{spoken.exit} {spoken.outcome}".strip() for spoken in one.spoken)
    return [f"{one.where}, {one.kind}, {one.deed}: {problem} (exits: {said})" for problem in found]


def _of_processes(one: Round) -> Iterator[str]:
    for spoken in one.spoken:
        if spoken.document is None and (spoken.stdout or not spoken.is_struck):
            yield f"exit {spoken.exit} without one whole document: {spoken.stdout[:200]!r}"
        elif spoken.document is not None and spoken.document.get("error", {}).get("code") == "internal":
            yield f"what was done to a process is called a bug: {spoken.stdout}"


def _of_receivers(one: Round, got: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for to in one.receivers:
        if len(got[to]) > 1:
            yield f"{to} got the message {len(got[to])} times"


def _of_documents(one: Round, got: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """By marks: those of one mark are told from the others in the log."""
    by_mark: dict[str, list[Spoken]] = defaultdict(list)
    for spoken in one.spoken:
        by_mark[spoken.mark].append(spoken)
    for mark, group in by_mark.items():
        times = [list(got[to]).count(mark) for to in one.receivers]
        said = [spoken.outcome or f"exit {spoken.exit}" for spoken in group]
        if any(times) and all(spoken.denies for spoken in group):
            yield f"delivered, and every document denies it: {said}"
        if "accepted" in said and not all(times):
            yield f"a document says accepted, and it did not reach all: {times}"


def _of_journal(to: str, times: int, states: Sequence[str]) -> Iterator[str]:
    if times and not set(states) & {*GONE, "unknown"}:
        yield f"{to} got it, and check_send says {list(states) or 'nothing'}"
    if sum(state in GONE for state in states) > times:
        yield f"{to} got it {times} times, and check_send says {list(states)}"


def cells(rounds: Sequence[Round], got: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], str]:
    """By deed and kind: in how many rounds the message was delivered, of how many."""
    every = Counter((each.deed, each.kind) for each in rounds)
    reached = Counter((each.deed, each.kind) for each in rounds if all(got[to] for to in each.receivers))
    return {key: f"{reached[key]} of {count}" for key, count in every.items()}
