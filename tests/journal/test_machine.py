"""The journal as a state machine: processes enter, wait, leave, die, are stopped and go on; clocks jump,
answers are lost, and someone looks. Whatever the order is, nobody gets the same message twice.

The store, the rules, the search and what check_send concludes are the real ones. Time, the processes and the
far side are the model's own.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule, run_state_machine_as_test

import check_send
from conftest import Unsynced
from stores import Database
from wati.contract.messages import LAG_SECONDS, UNRESOLVED, Message, repeat_seconds
from wati.journal import search
from wati.journal.entries import Send
from wati.journal.store import Journal
from wati.journal.uptime import Uptime
from wati.reads.rows import iso

DAY = 86400.0
DEADLINE = 30.0  # seconds of a call
EXAMPLES = 6  # in a database, where each step costs ten times as much
PEOPLE = ("14155550001", "14155550002")
LISTS = some.lists(some.sampled_from(PEOPLE), min_size=1, max_size=2, unique=True)
KINDS = some.sampled_from(["text", "template"])
AGAIN = some.sampled_from([False, False, False, True])
LATE = some.sampled_from([0.0, LAG_SECONDS - 1])  # seconds until the far side shows it
CLOCKS = (0.0, 0.0, 3600.0, -3600.0, 40 * DAY, -40 * DAY)  # by how much this machine's is wrong


@dataclass
class Process:
    """A process that has entered a send. `states`: what the journal has to know of each receiver."""

    send: int
    kind: str
    again: bool
    at: float
    wrong: float  # this machine's clock at that time
    until: float
    jumps: int
    states: dict[str, str]
    words: str = "x"
    left: float | None = None
    stopped: bool = False
    in_door: bool = False  # it was let out, and has not left yet
    ended: bool = False


@dataclass
class Delivery:
    process: Process
    at: float
    shown: float  # when the far side's list has it


@dataclass
class World:
    time: float = 1_800_000_000.0  # the true one, by which the far side and the monotonic clock go
    wrong: float = 0.0
    jumps: int = 0  # how often this machine's clock was set
    sends: dict[int, Process] = field(default_factory=dict)
    delivered: list[Delivery] = field(default_factory=list)

    def clock(self) -> float:
        return self.time + self.wrong

    def ticks(self) -> float:
        return self.time


class Inbox:
    """What the far side shows: each message that was delivered, as a row of its kind (captures)."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.gateway = SimpleNamespace(clock=-world.wrong)

    def template(self, name: str) -> dict[str, Any]:
        return {"elementName": name, "bodyOriginal": "Hi {{text}}"}

    def conversation(self, number: str) -> Any:
        world = self._world
        shown = [
            self._row(each)
            for each in sorted(world.delivered, key=lambda each: each.at, reverse=True)
            if number in each.process.states and each.shown <= world.time
        ]
        return Rows(shown, [-world.wrong])

    @staticmethod
    def _row(each: Delivery) -> dict[str, Any]:
        if each.process.kind == "template":
            text = "Hi x"
            event = 'Broadcast message with using "t" template was received'
            kind = {"eventType": "broadcastMessage", "eventDescription": event, "finalText": text}
        else:
            kind = {"eventType": "message", "owner": True, "operatorName": "API Token", "type": "text"}
            kind["text"] = each.process.words
        return {**kind, "id": str(id(each)), "statusString": "SENT", "created": iso(each.at)}


class Rows(list[dict[str, Any]]):
    left, whole = 1, True

    def __init__(self, rows: list[dict[str, Any]], clocks: list[float]) -> None:
        super().__init__(rows)
        self.clocks = clocks


class Machine(RuleBasedStateMachine):
    processes: Bundle[Process] = Bundle("processes")
    has_locks = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World()
        self.journal = self.opened()
        self.journal._ticks = self.world.ticks
        # A system that has locks has an uptime here, and the other one has not.
        boot = "this" if self.has_locks else ""
        self.journal._uptime = lambda: Uptime(boot, self.world.time)

    def opened(self) -> Any:
        journal = Journal(str(Path(self.folder.name) / "sends"), "x", clock=self.world.clock)
        # All processes of the model are this one, so their locks are the model's, too.
        journal._owners = SimpleNamespace(  # type: ignore[assignment]
            claim=lambda _: self.has_locks,
            release=lambda _: None,
            has=lambda send: not self.world.sends[send].ended if self.has_locks else None,
        )
        return journal

    def teardown(self) -> None:
        self.folder.cleanup()

    # --- processes ---

    @rule(people=LISTS, kind=KINDS, again=AGAIN)
    def send(self, people: list[str], kind: str, again: bool) -> None:
        """As most sends go."""
        process = self.enter(people, kind, again)
        if isinstance(process, Process):
            self.leave(process, 0.0)
            self.settle(process, "accepted")

    @rule(target=processes, people=LISTS, kind=KINDS, again=AGAIN)
    def enter(self, people: list[str], kind: str, again: bool) -> object:
        world = self.world
        name = "t" if kind == "template" else ""
        messages = (Message(f"[{each}]", each, kind, {"text": "x"}, name=name) for each in people)
        until = world.clock() + DEADLINE
        due = {person for person in people if self.is_stopped(person, kind)}
        found = self.journal.enter("s", "c", messages, -world.wrong, again=again, until=until)
        if not isinstance(found, int):
            assert not again and due <= {repeat.receiver for repeat in found.listed}
            for repeat in found.listed:
                self.is_still_a_reason(world.sends[repeat.send], repeat.receiver)
            return multiple()
        assert again or not due, "entered again, although it may be there"
        states = dict.fromkeys(people, "open")
        process = Process(found, kind, again, world.time, world.wrong, until, world.jumps, states)
        world.sends[found] = process
        return process

    @rule(people=LISTS, kind=KINDS, late=LATE, dies=some.booleans())
    def send_and_hear_nothing(self, people: list[str], kind: str, late: float, dies: bool) -> None:
        process = self.enter(people, kind, False)
        if isinstance(process, Process):
            self.leave(process, late)
            self.die(process) if dies else self.settle(process, "unknown")

    @rule(target=processes, people=LISTS, kind=KINDS, seconds=some.sampled_from([1.0, 61.0, 601.0]))
    def stop_in_the_door(self, people: list[str], kind: str, seconds: float) -> object:
        process = self.enter(people, kind, False)
        if isinstance(process, Process):
            self.pass_the_door(process)
            process.stopped = True
            self.wait(seconds)
            return process
        return multiple()

    @rule(people=LISTS, kind=KINDS, late=LATE, answer=some.sampled_from(["accepted", "unknown"]))
    def go_on_after_a_look(self, people: list[str], kind: str, late: float, answer: str) -> None:
        """A process that is stopped in the door for minutes."""
        process = self.stop_in_the_door(people, kind, 601.0)
        if isinstance(process, Process):
            self.look()
            self.stop_or_continue(process)
            self.leave(process, late)
            self.settle(process, answer)

    @rule(process=processes)
    def pass_the_door(self, process: Process) -> None:
        """The door looks at both clocks. A process can be stopped between its look and the departure."""
        if self.is_open(process) and process.left is None:
            process.in_door = True

    @rule(process=processes, lag=LATE)
    def leave(self, process: Process, lag: float) -> None:
        if process.left is not None or process.stopped or process.ended:
            return
        is_open = self.is_open(process)
        if is_open or process.in_door:
            process.left = self.world.time
            # Without locks, nobody knows of a departure that is late until it is shown or settled.
            shown = process.left + (lag if is_open or self.has_locks else 0.0)
            self.world.delivered.append(Delivery(process, process.left, shown))
            said = set(process.states.values()) & {"not_seen", "not_sent"}
            assert not said or (said == {"not_seen"} and not self.has_locks), "it was said not to have left"

    def is_open(self, process: Process) -> bool:
        in_time = self.world.time < process.at + DEADLINE and self.world.clock() < process.until
        return in_time and not process.stopped and not process.ended

    @rule(process=processes, outcome=some.sampled_from(["accepted", "rejected", "unknown"]))
    def settle(self, process: Process, outcome: str) -> None:
        """An answer comes, or is lost; or nothing has left."""
        if process.stopped or process.ended:
            return
        outcome = outcome if process.left is not None else "not_sent"
        if outcome == "rejected":  # nothing was delivered after all
            if any(each == "sent" for each in process.states.values()):
                return
            self.world.delivered = [each for each in self.world.delivered if each.process is not process]
        self.journal.settle(process.send, outcome)
        process.ended = True
        for person, state in process.states.items():
            is_certain = outcome != "unknown" or state in ("open", "not_seen")
            process.states[person] = outcome if is_certain else state
            process.states[person] = state if state == "sent" else process.states[person]
        self.is_known(process)

    @rule(process=processes)
    def die(self, process: Process) -> None:
        """Of a departure that is late and settled by nobody, the rows are not late."""
        for each in self.world.delivered:
            if each.process is process and not process.ended and each.at >= process.at + DEADLINE:
                each.shown = each.at
        process.ended = True

    @rule(process=processes)
    def stop_or_continue(self, process: Process) -> None:
        process.stopped = not process.stopped

    # --- time ---

    @rule(seconds=some.sampled_from([1.0, 15.0, 31.0, 61.0, 125.0, 601.0, DAY]))
    def wait(self, seconds: float) -> None:
        self.world.time += seconds

    @rule(wrong=some.sampled_from(CLOCKS))
    def jump(self, wrong: float) -> None:
        if wrong != self.world.wrong:
            self.world.wrong, self.world.jumps = wrong, self.world.jumps + 1

    @rule(wrong=some.sampled_from(CLOCKS), people=LISTS, kind=KINDS)
    def send_with_a_wrong_clock(self, wrong: float, people: list[str], kind: str) -> None:
        """And the clock is right again."""
        before = self.world.wrong
        self.jump(wrong)
        self.send(people, kind, False)
        self.jump(before)

    # --- looks ---

    @rule()
    def look(self) -> None:
        """As check_send does, at every send of unknown outcome."""
        for send in self.journal.unresolved():
            process, looks = self.world.sends[send.id], self.looks_at(send)
            check_send.settle(self.journal, send, looks)
            has_left = any(each.process is process for each in self.world.delivered)
            for one in looks:
                if one.verdict == "not_seen":
                    assert not has_left, "not seen, and it has left"
                    assert self.has_an_end(process), "not seen, and it can still leave"
                elif one.verdict == "sent":
                    assert has_left or self.is_mistaken(process), "sent, and it has not left"
                elif one.early > 0:
                    continue
                else:
                    assert self.is_hard_to_tell(process), one.why
                process.states[one.receiver] = "unclear" if one.verdict == "unknown" else one.verdict
            self.is_known(process)

    def looks_at(self, send: Send) -> list[search.Sighting]:
        inbox: Any = Inbox(self.world)
        with pytest.MonkeyPatch.context() as patch:
            times = SimpleNamespace(time=self.world.clock, monotonic=self.world.ticks)
            patch.setattr(search, "time", times)
            here = search.Search(inbox, self.journal, send)
            return [here.find(entry) for entry in send.unresolved]

    def has_an_end(self, process: Process) -> bool:
        """Where nothing can be locked, nobody knows (references/journal.md)."""
        return process.ended or not self.has_locks

    def is_mistaken(self, process: Process) -> bool:
        """Whether the same message went out under another clock, so its row may be taken for this one's."""
        others = (each for each in self.world.sends.values() if each.kind == process.kind)
        return any(each.wrong != process.wrong for each in others)

    def is_hard_to_tell(self, process: Process) -> bool:
        """Whether a clock was set since, it was late, or another message looks the same."""
        late = process.left is not None and process.left >= process.at + DEADLINE
        alike = [each for each in self.world.sends.values() if each.kind == process.kind]
        return late or self.world.jumps != process.jumps or len(alike) > 1

    # --- what has to hold ---

    def is_known(self, process: Process) -> None:
        """The journal says of everyone what the model says."""
        send = self.journal.send(process.send)
        assert send is None or {each.receiver: each.state for each in send.entries} == process.states

    def is_stopped(self, person: str, kind: str) -> bool:
        """Whether the message may be there, as the model knows it."""
        world = self.world
        for process in world.sends.values():
            state = process.states.get(person) if process.kind == kind else None
            if state in UNRESOLVED:
                return True
            # With an uptime, whatever the clock says; else by a clock that is as it was at the entry.
            same_clock = self.has_locks or process.wrong == world.wrong
            if (
                state in ("accepted", "sent")
                and same_clock
                and (self.has_locks or not self.is_dropped(process))
                and world.time - process.at < repeat_seconds(kind)
            ):
                return True
        return False

    def is_dropped(self, process: Process) -> bool:
        """Whether two dates say that it is old. They may be by clocks that were wrong."""
        date = process.at + process.wrong
        newer = [each.at + each.wrong for each in self.world.sends.values()]
        newer = [each for each in newer if each - date > 30 * DAY]
        return bool(newer) and max(newer) - min(newer) >= DAY

    def is_still_a_reason(self, process: Process, person: str) -> None:
        """Nothing is stopped for longer than it should be."""
        state = process.states[person]
        assert state in (*UNRESOLVED, "accepted", "sent")
        if state not in UNRESOLVED and self.world.jumps == process.jumps:
            assert self.world.time - process.at < repeat_seconds(process.kind)


class WithoutLocks(Machine):
    """On a file system that has none, a process lives as long as its send may leave."""

    has_locks = False


class InDatabase(Machine):
    """Its clock is this machine's. A process that dies loses its connection, and its lock with it."""

    address = ""
    places = count()

    def opened(self) -> Any:
        from wati.journal import postgres

        return postgres.Journal(self.address, f"x{next(self.places)}", clock=self.world.clock)

    @rule(process=Machine.processes)
    def die(self, process: Process) -> None:
        super().die(process)
        self.disconnect(process)

    @rule(process=Machine.processes)
    def disconnect(self, process: Process) -> None:
        """The process may live on. If it is stopped in the door, nobody knows (references/journal.md)."""
        if process.send in self.journal._kept and not process.in_door:
            self.journal._kept[process.send].close()

    def is_connected(self, process: Process) -> bool:
        kept = self.journal._kept.get(process.send)
        return kept is not None and not kept.closed

    @rule(process=Machine.processes)
    def pass_the_door(self, process: Process) -> None:
        if self.is_connected(process):
            super().pass_the_door(process)

    def has_an_end(self, process: Process) -> bool:
        """A process that lost its connection lives, but its door is closed."""
        is_shut = not self.is_open(process) and not process.in_door
        return super().has_an_end(process) or (is_shut and not self.is_connected(process))


class OnAnotherMachine(InDatabase):
    """The database's clock is right, whatever this machine's is."""

    def opened(self) -> Any:
        journal = super().opened()
        journal._there = self.world.ticks
        return journal


@pytest.mark.parametrize("machine", [Machine, WithoutLocks])
def test_nobody_gets_it_twice_whatever_happens(
    machine: type[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Unsynced))
    bounds = settings(max_examples=40, stateful_step_count=30, deadline=None, print_blob=True)
    run_state_machine_as_test(machine, settings=bounds)


@pytest.mark.parametrize("machine", [InDatabase, OnAnotherMachine])
def test_nobody_gets_it_twice_in_a_database_either(machine: type[InDatabase], database: Database) -> None:
    machine.address = database.where
    bounds = settings(max_examples=EXAMPLES, stateful_step_count=25, deadline=None, print_blob=True)
    run_state_machine_as_test(machine, settings=bounds)


# --- some orders that are rare -----------------------------------------------------------------------------


@pytest.fixture
def machine() -> Iterator[Machine]:
    machine = Machine()
    yield machine
    machine.teardown()


@pytest.mark.parametrize(("words", "verdict"), [("x", "unknown"), ("y", "not_seen")])
@pytest.mark.parametrize("ago", [1.0, 1000.0])
@pytest.mark.parametrize("wrong", [0.0, 3600.0, -3600.0])
def test_another_send_accounts_for_its_own_row_by_any_clock(
    wrong: float, ago: float, words: str, verdict: str, machine: Machine
) -> None:
    """Its words may be others, so that its row may be this message, changed on the way."""
    world, person = machine.world, PEOPLE[0]
    machine.jump(wrong)
    before = [Message("$", person, "text", {"text": words})]
    send = machine.journal.enter("s", "c", before, -wrong, again=False, until=world.clock() + DEADLINE)
    assert isinstance(send, int)
    machine.journal.settle(send, "accepted")
    now = (world.time, wrong, world.clock() + DEADLINE, 0)
    other = Process(send, "text", False, *now, {person: "accepted"}, words=words)
    world.delivered.append(Delivery(other, world.time, world.time))
    machine.wait(ago)
    process = machine.enter([person], "text", True)
    assert isinstance(process, Process)
    machine.die(process)
    machine.wait(601.0)
    (unresolved,) = machine.journal.unresolved()
    is_older = ago > 600 and wrong >= 0
    assert [each.verdict for each in machine.looks_at(unresolved)] == ["not_seen" if is_older else verdict]


@pytest.mark.parametrize(("rows", "verdict"), [(1, "unknown"), (2, "sent")])
def test_one_person_who_is_in_a_list_twice_needs_two_rows(rows: int, verdict: str, machine: Machine) -> None:
    process = machine.enter(["5215512345678", "525512345678"], "text", True)
    assert isinstance(process, Process)
    for second in range(rows):
        at = machine.world.time + second
        machine.world.delivered.append(Delivery(process, at, at))
    machine.die(process)
    machine.wait(601.0)
    (send,) = machine.journal.unresolved()
    assert [each.verdict for each in machine.looks_at(send)] == [verdict] * 2
