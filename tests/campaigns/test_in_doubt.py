"""Those in doubt, looked at in the sandbox: ledger and journal say the same afterwards, and it is true."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from campaigns.test_sending import World, journal
from ledgers import numbers, row_of, states
from sends import Clock
from wati.calls.context import Context
from wati.campaigns import looking, pace, sending
from wati.campaigns.records import Job
from wati.contract.call import Call
from wati.contract.endpoint import Helper
from wati.contract.failures import Failure
from wati.contract.options import Options
from wati.sandbox import control

ANN, BOB, CLEO, DAN = numbers(4, 11)
LISTS = "/wati/api/v1/getMessages/*"
HELPER = Helper(name="campaign_status", default_timeout=60.0)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(sending, "NAP_SECONDS", 0.0)
    monkeypatch.setattr(pace, "PAUSE_SECONDS", 0.0)
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def later(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes it late enough for WATI to have shown everything, for both sides."""

    def pass_by() -> None:
        clock = Clock(monkeypatch)
        clock.ahead += 200

    return pass_by


def look(world: World, job: Job, timeout: float | None = None) -> dict[str, Any]:
    call = Call(HELPER, {"name": job.name}, Options(timeout=timeout))
    found: dict[str, Any] = looking.look(Context(world.session, call), world.ledger, job)["looked"]
    return found


def doubtful(world: World, *receivers: str, **fault: Any) -> Job:
    """A job of which all are in doubt: whether they have it depends on the fault."""
    job = world.job(*receivers)
    world.fault(**{"kind": "lost_answer", "times": 1, **fault})
    assert set(world.send(job).values()) == {"in_doubt"}
    return job


def test_whoever_has_it_is_found(world: World, later: Callable[[], None]) -> None:
    job = doubtful(world, ANN, BOB)
    later()
    assert look(world, job) == {"counts": {"accepted": 2, "not_seen": 0, "unclear": 0}}
    assert set(states(world.ledger, job).values()) == {"accepted"}
    assert [state for _, state, _ in journal(world)] == ["sent", "sent"]
    ids = {row["localMessageId"] for row in control.log(world.state)}
    assert {row_of(world.ledger, job, each).message_id for each in (ANN, BOB)} == ids
    assert look(world, job)["counts"] == {"accepted": 0, "not_seen": 0, "unclear": 0}


def test_whoever_has_it_not_is_not_seen_and_can_get_it_again(world: World, later: Callable[[], None]) -> None:
    control.seed(world.state, {"contacts": [{"whatsappNumber": ANN}, {"whatsappNumber": BOB}]})
    job = doubtful(world, ANN, BOB, kind="status", status=503)
    found = look(world, job)
    assert found["counts"] == {"accepted": 0, "not_seen": 0, "unclear": 2} and found["retry_after"] > 60
    assert [each["why"] for each in found["unclear"]] == ["not seen yet", "not seen yet"]
    later()
    assert look(world, job)["counts"] == {"accepted": 0, "not_seen": 2, "unclear": 0}
    assert row_of(world.ledger, job, ANN).reason == "not_seen"
    assert [state for _, state, _ in journal(world)] == ["not_seen", "not_seen"]
    assert world.ledger.claims.again(job, [ANN]) == 1
    assert world.send(job) == {ANN: "accepted", BOB: "rejected"} and world.delivered == {ANN: 1}


def test_what_check_send_has_found_is_taken_over(world: World) -> None:
    job = doubtful(world, ANN, BOB, CLEO)
    store = world.session.journal
    assert store is not None
    store.resolve(1, [ANN], "presumed")
    store.resolve(1, [BOB], "not_seen")
    looking.take_over(world.session, world.ledger, job)
    assert states(world.ledger, job) == {ANN: "accepted", BOB: "rejected", CLEO: "in_doubt"}
    assert world.asked(LISTS) == 0


def test_a_worker_that_died_after_the_journal_knew_is_settled_by_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between the answer and the ledger: the row does not even know its send."""
    job = world.job(ANN, BOB, CLEO)
    monkeypatch.setattr(world.ledger.claims, "_settle", lambda *_: None)
    world.send(job)
    world.ledger.workers.retire(world.worker)
    assert set(states(world.ledger, job).values()) == {"in_doubt"}
    looking.take_over(world.session, world.ledger, job)
    assert set(states(world.ledger, job).values()) == {"accepted"} and world.asked(LISTS) == 0


@pytest.mark.parametrize("has_left", [True, False])
def test_a_send_that_this_machine_s_journal_does_not_know_is_looked_for_all_the_same(
    world: World, later: Callable[[], None], tmp_path: Path, has_left: bool
) -> None:
    """Its worker was on another machine, or was killed before it could enter it."""
    control.seed(world.state, {"contacts": [{"whatsappNumber": ANN}]})
    job = world.job(ANN)
    if has_left:
        other = {"WATI_JOURNAL": "off"}
        session, ledger, worker = world.another("other", **other)
        world.fault("lost_answer", times=1)
        sending.handle(session, ledger, worker, job, 0)
        ledger.close()
        session.close()
    else:
        world.ledger.claims.claim(job, 0, world.worker)
        world.ledger.workers.retire(world.worker)
    assert states(world.ledger, job) == {ANN: "in_doubt"} and journal(world) == []
    assert look(world, job)["counts"]["unclear"] == (0 if has_left else 1)
    later()
    look(world, job)
    assert states(world.ledger, job) == {ANN: "accepted" if has_left else "rejected"}


def test_an_old_send_of_the_same_message_is_not_taken_for_this_one(
    world: World, later: Callable[[], None]
) -> None:
    control.seed(world.state, {"contacts": [{"whatsappNumber": ANN}]})
    first = doubtful(world, ANN, kind="status", status=503)
    later()
    world.ledger.claims.again(first, [ANN])
    worker = world.ledger.workers.enlist("second")
    world.ledger.claims.claim(first, 0, worker)
    world.ledger.workers.retire(worker)  # killed before its send was in the journal
    look(world, first)
    assert states(world.ledger, first) == {ANN: "in_doubt"}  # too early for this one
    later()
    look(world, first)
    assert states(world.ledger, first) == {ANN: "rejected"}


def test_a_look_goes_on_where_the_last_one_ended(world: World, later: Callable[[], None]) -> None:
    job = doubtful(world, ANN, BOB, CLEO, DAN)
    later()
    world.fault("status", LISTS, status=503, after=2, times=40)
    found = look(world, job)
    some = found["counts"]["accepted"]
    assert 1 <= some <= 3 and list(states(world.ledger, job).values()).count("accepted") == some
    assert found["not_looked_at"]["count"] == 4 - some and "HTTP 503" in found["not_looked_at"]["why"]
    with pytest.raises(Failure) as nobody:
        look(world, job)
    assert nobody.value.message.startswith("Nobody in doubt could be looked at.")
    control.clear_faults(world.state)
    assert look(world, job)["counts"] == {"accepted": 4 - some, "not_seen": 0, "unclear": 0}


def test_those_of_whom_nothing_can_be_said_do_not_keep_others_from_being_looked_at(
    world: World, later: Callable[[], None]
) -> None:
    job = doubtful(world, ANN, BOB, CLEO)
    store = world.session.journal
    assert store is not None
    store.resolve(1, [ANN], "unclear")
    first = look(world, job)
    assert first["counts"] == {"accepted": 2, "not_seen": 0, "unclear": 1}
    assert first["unclear"][0]["whatsappNumber"] == ANN and "Ask the user" in first["unclear"][0]["why"]
    assert look(world, job)["counts"] == {"accepted": 0, "not_seen": 0, "unclear": 1}


def test_without_a_journal_nobody_can_be_looked_at(world: World) -> None:
    job = doubtful(world, ANN)
    world.session.settings.journal = ""
    with pytest.raises(Failure, match="WATI_JOURNAL is off"):
        look(world, job)
    looking.take_over(world.session, world.ledger, job)
    assert states(world.ledger, job) == {ANN: "in_doubt"}
