"""The journal as a state machine: processes enter, wait, leave, die, are stopped and go on; clocks jump,
answers are lost, and someone looks. Whatever the order is, nobody gets the same message twice.

The store and the rules are the real ones. Time, the processes and the far side are the model's own.
"""

from __future__ import annotations

import sqlite3
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import Bundle, RuleBasedStateMachine, multiple, rule, run_state_machine_as_test

from conftest import Unsynced
from wati.contract.messages import LAG_SECONDS, UNRESOLVED, Message, repeat_seconds
from wati.journal.store import Journal

DAY = 86400.0
DEADLINE = 30.0  # seconds of a call
PEOPLE = ("14155550001", "14155550002")
LISTS = some.lists(some.sampled_from(PEOPLE), min_size=1, max_size=2, unique=True)
KINDS = some.sampled_from(["text", "template"])
AGAIN = some.sampled_from([False, False, False, True])
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
    left: float | None = None
    stopped: bool = False
    ended: bool = False


@dataclass
class Delivery:
    process: Process
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


class Machine(RuleBasedStateMachine):
    processes: Bundle[Process] = Bundle("processes")
    has_locks = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World()
        self.journal = Journal(str(Path(self.folder.name) / "sends"), "x", clock=self.world.clock)
        # All processes of the model are this one, so their locks are the model's, too.
        self.journal._owners = SimpleNamespace(  # type: ignore[assignment]
            claim=lambda _: self.has_locks,
            release=lambda _: None,
            has=lambda send: not self.world.sends[send].ended if self.has_locks else None,
        )

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
        messages = (Message(f"[{each}]", each, kind, {"text": "x"}) for each in people)
        until = world.clock() + DEADLINE
        due = {person for person in people if self.is_stopped(person, kind)}
        found = self.journal.enter("s", "c", messages, -world.wrong, again=again, until=until)
        if isinstance(found, list):
            assert not again and due <= {repeat.receiver for repeat in found}
            for repeat in found:
                self.is_still_a_reason(world.sends[repeat.send], repeat.receiver)
            return multiple()
        assert again or not due, "entered again, although it may be there"
        states = dict.fromkeys(people, "open")
        process = Process(found, kind, again, world.time, world.wrong, until, world.jumps, states)
        world.sends[found] = process
        return process

    @rule(process=processes, lag=some.sampled_from([0.0, LAG_SECONDS - 1]))
    def leave(self, process: Process, lag: float) -> None:
        """The door looks at both clocks."""
        is_open = self.world.time < process.at + DEADLINE and self.world.clock() < process.until
        if process.left is None and is_open and not process.stopped and not process.ended:
            process.left = self.world.time
            self.world.delivered.append(Delivery(process, process.left + lag))
            assert not {"not_seen", "not_sent"} & set(process.states.values()), "it was said not to have left"

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
            process.states[person] = outcome if state == "open" or outcome != "unknown" else state
            process.states[person] = state if state == "sent" else process.states[person]

    @rule(process=processes)
    def die(self, process: Process) -> None:
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

    # --- looks ---

    @rule()
    def look(self) -> None:
        """As check_send does: *not seen* if the sender is gone, and both clocks say that it had its time."""
        for send in self.journal.unresolved():
            process = self.world.sends[send.id]
            shown = [each for each in self.world.delivered if each.process is process]
            assert send.clock is not None
            passed = min(self.world.clock() - send.until, self.world.time - (send.until + send.clock))
            for entry in send.unresolved:
                if any(each.shown <= self.world.time for each in shown):
                    verdict = "sent"
                elif not send.alive and passed > LAG_SECONDS:
                    assert not shown, "not seen, and it has left"
                    verdict = "not_seen"
                else:
                    continue
                self.journal.resolve(send.id, [entry.receiver], verdict)
                process.states[entry.receiver] = verdict

    # --- what has to hold ---

    def is_stopped(self, person: str, kind: str) -> bool:
        """Whether the message may be there, as the model knows it."""
        world = self.world
        for process in world.sends.values():
            state = process.states.get(person) if process.kind == kind else None
            if state in UNRESOLVED:
                return True
            # The clock is as it was when it was entered, whatever it was in between.
            same_clock = process.wrong == world.wrong
            if (
                state in ("accepted", "sent")
                and same_clock
                and world.time - process.at < repeat_seconds(kind)
            ):
                return True
        return False

    def is_still_a_reason(self, process: Process, person: str) -> None:
        """Nothing is stopped for longer than it should be."""
        state = process.states[person]
        assert state in (*UNRESOLVED, "accepted", "sent")
        if state not in UNRESOLVED and self.world.jumps == process.jumps:
            assert self.world.time - process.at < repeat_seconds(process.kind)


class WithoutLocks(Machine):
    """On a file system that has none, a process lives as long as its send may leave."""

    has_locks = False


@pytest.mark.parametrize("machine", [Machine, WithoutLocks])
def test_nobody_gets_it_twice_whatever_happens(
    machine: type[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Unsynced))
    bounds = settings(max_examples=60, stateful_step_count=30, deadline=None, print_blob=True)
    run_state_machine_as_test(machine, settings=bounds)
