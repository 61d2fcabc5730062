"""One chunk of a campaign, sent to the sandbox: its log is the judge of who got what."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ledgers import add_job, numbers, problem_of, row_of, set_state, states
from wati.calls.session import Session
from wati.campaigns import pace, sending
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Job, Worker
from wati.contract.failures import Failure
from wati.sandbox import control

MAIN, SENDS, TEMPLATES = (
    "sandbox-main",
    "/wati/api/v2/sendTemplateMessages",
    "/wati/api/v1/getMessageTemplates",
)
ANN, BOB, CLEO, DAN = numbers(4, 11)
NO_WHATSAPP = "14155550000"


class World:
    """A sandbox in this process, the ledger beside its state, and one worker."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.state = str(folder / "sandbox.sqlite")
        control.reset(self.state, limits=False)
        self.environment = {"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": self.state}
        self.session, self.ledger, self.worker = self.another("first", **environment)

    def another(self, name: str, **environment: str) -> tuple[Session, Ledger, Worker]:
        session = Session({**self.environment, **environment})
        ledger = Ledger.of(session)
        return session, ledger, ledger.workers.enlist(name)

    def job(self, *receivers: str, **members: Any) -> Job:
        members = {"connection": MAIN, "chunk": 10, **members}
        return add_job(self.ledger, list(receivers), **members)

    def send(self, job: Job, chunk: int = 0) -> dict[str, str]:
        sending.handle(self.session, self.ledger, self.worker, job, chunk)
        return states(self.ledger, job)

    def fault(self, kind: str, path: str = SENDS, **members: Any) -> None:
        control.fault(self.state, {"fault": kind, "match": {"path": path}, **members})

    @property
    def delivered(self) -> Counter[str]:
        return Counter(row["whatsappNumber"] for row in control.log(self.state))

    def asked(self, path: str) -> int:
        return sum(request["path"] == path for request in control.requests(self.state))

    def close(self) -> None:
        self.ledger.close()
        self.session.close()


@pytest.fixture
def worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., World]]:
    monkeypatch.setattr(sending, "NAP_SECONDS", 0.0)
    monkeypatch.setattr(pace, "PAUSE_SECONDS", 0.0)
    made: list[World] = []

    def make(**environment: str) -> World:
        made.append(World(tmp_path, **environment))
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(worlds: Callable[..., World]) -> World:
    return worlds()


def journal(world: World) -> list[tuple[str, str, int]]:
    """The receiver, the state and the send of each message that the journal knows."""
    assert world.session.journal is not None
    sends = reversed(world.session.journal.recent(100))
    return [(entry.receiver, entry.state, send.id) for send in sends for entry in send.entries]


# --- what an answer says ------------------------------------------------------------------------------------


def test_a_chunk_is_one_request_and_each_receiver_has_a_verdict(world: World) -> None:
    job = world.job(ANN, NO_WHATSAPP, BOB, DAN, chunk=3)
    assert world.send(job) == {ANN: "accepted", NO_WHATSAPP: "rejected", BOB: "accepted", DAN: "planned"}
    assert world.delivered == {ANN: 1, BOB: 1} and world.asked(SENDS) == 1
    ann, gone = row_of(world.ledger, job, ANN), row_of(world.ledger, job, NO_WHATSAPP)
    (log,) = (row for row in control.log(world.state) if row["whatsappNumber"] == ANN)
    assert (ann.answered, ann.send) == (ANN, 1) and ann.message_id == log["localMessageId"]
    assert (gone.reason, gone.detail) == ("invalid_recipient", "The phone number is not on WhatsApp")
    assert journal(world) == [(ANN, "accepted", 1), (NO_WHATSAPP, "rejected", 1), (BOB, "accepted", 1)]
    # Again, and with another engine that knows of nothing: nothing more leaves.
    world.send(job)
    assert world.delivered == {ANN: 1, BOB: 1} and world.asked(SENDS) == 1
    assert world.send(job, 1)[DAN] == "accepted"


def test_the_number_that_whatsapp_knows_is_kept(world: World) -> None:
    mexican = "525512345678"
    job = world.job(mexican, ANN)
    assert set(world.send(job).values()) == {"accepted"}
    assert row_of(world.ledger, job, mexican).answered == "5215512345678"


def test_a_code_of_meta_is_the_reason(world: World) -> None:
    rows = [{"waId": ANN, "isValidWhatsAppNumber": True, "errors": ["(#131026) Message undeliverable"]}]
    world.fault("status", status=200, body={"result": True, "receivers": rows})
    job = world.job(ANN, BOB)
    assert world.send(job) == {ANN: "rejected", BOB: "in_doubt"}
    assert row_of(world.ledger, job, ANN).reason == "131026"


def test_what_got_no_clear_answer_is_in_doubt_under_its_send(world: World) -> None:
    world.fault("lost_answer")
    job = world.job(ANN, BOB)
    assert set(world.send(job).values()) == {"in_doubt"}
    assert row_of(world.ledger, job, BOB).send == 1 and journal(world)[1] == (BOB, "unknown", 1)
    assert world.delivered == {ANN: 1, BOB: 1}
    world.send(job)
    assert world.delivered == {ANN: 1, BOB: 1}


def test_three_requests_without_a_clear_answer_stop_the_job(world: World) -> None:
    world.fault("status", status=503, times=2)
    job = world.job(*numbers(8, 11), chunk=1)
    for chunk in range(3):  # the third is clear
        world.send(job, chunk)
    assert problem_of(world.ledger, job) == ("running", "")
    world.fault("status", status=503, times=9)
    for chunk in (3, 4, 5, 6):
        found = world.send(job, chunk)
    assert problem_of(world.ledger, job) == ("stopped", sending.UNCLEAR)
    assert list(found.values())[3:] == ["in_doubt", "in_doubt", "in_doubt", "planned", "planned"]


# --- what has not left --------------------------------------------------------------------------------------


def test_too_many_requests_slow_everybody_down(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.fault("status", status=429, times=1, retry_after=7)
    job = world.job(ANN, BOB)
    assert set(world.send(job).values()) == {"planned"} and world.asked(SENDS) == 1
    assert [state for _, state, _ in journal(world)] == ["not_sent", "not_sent"]
    slept: list[float] = []
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + sum(slept))
    monkeypatch.setattr("wati.wire.interrupts.sleep", lambda seconds, _: slept.append(seconds))
    _, other, _ = world.another("second")
    assert other.pace.turn(30, 10.0) and 6 < sum(slept) < 7.1
    other.close()
    assert set(world.send(job).values()) == {"accepted"} and world.delivered == {ANN: 1, BOB: 1}


def test_what_never_left_is_planned_again(world: World) -> None:
    world.fault("refuse", times=1)
    job = world.job(ANN)
    assert world.send(job) == {ANN: "planned"} and world.delivered == {}
    assert world.send(job) == {ANN: "accepted"} and world.delivered == {ANN: 1}


def test_a_busy_journal_sends_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from wati.journal.entries import Busy
    from wati.journal.store import Journal

    def busy(*_: Any, **__: Any) -> None:
        raise Busy

    job = world.job(ANN)
    with monkeypatch.context() as held:
        held.setattr(Journal, "enter", busy)
        assert world.send(job) == {ANN: "planned"}
    assert world.asked(SENDS) == 0 and world.send(job) == {ANN: "accepted"}
    again = world.job(ANN, BOB, name="again", message="again")
    with monkeypatch.context() as held:
        held.setattr(Journal, "repeats", busy)  # when it is asked whom it has stopped
        assert world.send(again) == {ANN: "planned", BOB: "planned"}
    assert world.send(again) == {ANN: "rejected", BOB: "accepted"}


def test_a_bug_after_the_claim_loses_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.job(ANN)
    with monkeypatch.context() as broken:
        broken.setattr("wati.wire.request.build", lambda _: 1 / 0)
        with pytest.raises(Failure) as found:
            world.send(job)
    assert found.value.code == "internal" and states(world.ledger, job) == {ANN: "planned"}
    assert world.send(job) == {ANN: "accepted"}


def test_an_interruption_after_the_request_left_leaves_it_in_doubt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wati.wire.gateway import Gateway

    exchange = Gateway.exchange

    def interrupted(self: Gateway, request: Any, effect: Any, *rest: Any) -> Any:
        answer = exchange(self, request, effect, *rest)
        if effect == "send":
            raise KeyboardInterrupt
        return answer

    monkeypatch.setattr(Gateway, "exchange", interrupted)
    job = world.job(ANN)
    with pytest.raises(KeyboardInterrupt):
        world.send(job)
    assert states(world.ledger, job) == {ANN: "in_doubt"} and row_of(world.ledger, job, ANN).send == 1


# --- the guards, at the moment of sending -------------------------------------------------------------------


def test_a_worker_that_only_reads_claims_nothing_and_says_why(worlds: Callable[..., World]) -> None:
    world = worlds(WATI_READ_ONLY="1")
    job = world.job(ANN)
    with pytest.raises(Failure) as found:
        world.send(job)
    assert found.value.code == "read_only" and states(world.ledger, job) == {ANN: "planned"}
    assert problem_of(world.ledger, job) == ("running", "")


def test_whoever_may_not_be_messaged_is_rejected_and_the_others_are_sent_to(
    worlds: Callable[..., World], tmp_path: Path
) -> None:
    blocked = tmp_path / "blocked.txt"
    blocked.write_text("", encoding="utf-8")
    allowed = f"{ANN},{BOB},{CLEO}"
    world = worlds(WATI_BLOCKED_RECIPIENTS=f"@{blocked}", WATI_ALLOWED_RECIPIENTS=allowed)
    job = world.job(ANN, BOB, CLEO, DAN, chunk=4)
    blocked.write_text(BOB, encoding="utf-8")  # since the plan was made
    assert world.send(job) == {ANN: "accepted", BOB: "rejected", CLEO: "accepted", DAN: "rejected"}
    assert [row_of(world.ledger, job, each).reason for each in (BOB, DAN)] == ["blocked", "not_allowed"]
    assert world.delivered == {ANN: 1, CLEO: 1}
    blocked.unlink()
    other = world.job(ANN, name="other", message="other")
    with pytest.raises(Failure, match="cannot be used"):
        world.send(other)
    assert states(world.ledger, other) == {ANN: "planned"}


@pytest.mark.parametrize("status", ["PENDING", "FAILED"])
def test_a_connection_that_is_not_active_stops_the_job(world: World, status: str) -> None:
    control.seed(world.state, {"connections": [{"connection_id": "late", "status": status}]})
    job = world.job(ANN, connection="late")
    assert world.send(job) == {ANN: "planned"} and world.asked(SENDS) == 0
    state, problem = problem_of(world.ledger, job)
    assert state == "stopped" and "connection" in problem.lower()


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        ({"template_name": "gone"}, "The template gone is not in the account, so it cannot be sent."),
        ({"template_name": "winter_sale"}, "The template winter_sale is PAUSED, so it cannot be sent."),
        (
            {"template": {"text": "Other words"}},
            "The template order_update has changed since the plan was made",
        ),
        ({"template": {"category": "MARKETING"}}, "The template order_update has changed"),
    ],
)
def test_a_template_that_is_not_as_it_was_stops_the_job(world: World, plan: dict[str, Any], why: str) -> None:
    paused = {"elementName": "winter_sale", "status": "PAUSED", "body": "Hi {{name}}"}
    control.seed(world.state, {"templates": [paused]})
    job = world.job(ANN, **plan)
    assert world.send(job) == {ANN: "planned"} and world.asked(SENDS) == 0
    assert problem_of(world.ledger, job)[0] == "stopped" and problem_of(world.ledger, job)[1].startswith(why)


def test_the_template_is_read_once_a_minute_and_not_for_each_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = world.job(*numbers(5, 11), chunk=1)
    for chunk in range(3):
        world.send(job, chunk)
    assert (world.asked(SENDS), world.asked(TEMPLATES)) == (3, 1)
    ahead = sending.LATELY
    real = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead)
    world.send(job, 3)
    assert (world.asked(SENDS), world.asked(TEMPLATES)) == (4, 2)


def test_a_template_that_cannot_be_read_lets_nothing_leave_until_it_can(world: World) -> None:
    world.fault("status", TEMPLATES, status=503, times=1)
    job = world.job(ANN)
    assert world.send(job) == {ANN: "planned"} and world.asked(SENDS) == 0
    assert problem_of(world.ledger, job) == ("running", "") and world.send(job) == {ANN: "accepted"}


def test_a_rejection_of_the_request_stops_the_job_and_blames_nobody(world: World) -> None:
    world.fault("status", status=400, body={"result": False, "info": "Check your template"}, times=1)
    job = world.job(ANN, BOB)
    assert set(world.send(job).values()) == {"planned"}
    state, problem = problem_of(world.ledger, job)
    assert state == "stopped" and "Check your template" in problem
    set_state(world.ledger, job, "running")
    assert set(world.send(job).values()) == {"accepted"}


def test_a_stopped_job_and_one_whose_time_has_not_come_send_nothing(world: World) -> None:
    later = world.job(ANN, name="later", send_at=time.time() + 3600)
    stopped = world.job(ANN, name="stopped", state="stopped")
    assert world.send(later) == {ANN: "planned"} and world.send(stopped) == {ANN: "planned"}
    quiet = {"from": "00:00", "to": "23:59", "zone": "UTC"}
    night = world.job(ANN, BOB, name="night", zones={ANN: "Etc/UTC"}, quiet_hours=quiet)
    assert world.send(night) == {ANN: "planned", BOB: "accepted"} and world.delivered == {BOB: 1}


# --- what the journal knows ---------------------------------------------------------------------------------


def test_whoever_has_it_by_the_journal_does_not_get_it_again(world: World) -> None:
    first = world.job(ANN, BOB, name="first", message="one")
    world.send(first)
    # The ledger takes it for another message, the journal knows that it is the same.
    second = world.job(ANN, CLEO, name="second", message="two")
    assert world.send(second) == {ANN: "rejected", CLEO: "accepted"}
    ann = row_of(world.ledger, second, ANN)
    assert ann.reason == "already_sent" and "(send 1)" in ann.detail
    assert world.delivered == {ANN: 1, BOB: 1, CLEO: 1}


def test_what_an_agent_has_sent_since_the_plan_is_not_sent_again(world: World) -> None:
    """For as long as the journal keeps it, and not only while it stops a repeat by itself."""
    world.send(world.job(ANN, name="first", message="one"))
    second = world.job(ANN, BOB, name="second", message="two")
    assert world.session.journal is not None
    with closing(sqlite3.connect(world.session.journal.path)) as db, db:
        db.execute("UPDATE sends SET at = at - 86400, up = up - 86400")
    assert world.send(second) == {ANN: "rejected", BOB: "accepted"}
    assert row_of(world.ledger, second, ANN).reason == "already_sent"
    assert world.delivered == {ANN: 1, BOB: 1}


def test_what_is_in_doubt_by_the_journal_is_in_doubt_here(world: World) -> None:
    world.fault("lost_answer", times=1)
    first = world.job(ANN, name="first", message="one")
    world.send(first)
    second = world.job(ANN, BOB, name="second", message="two")
    assert world.send(second) == {ANN: "in_doubt", BOB: "accepted"}
    assert row_of(world.ledger, second, ANN).send == 1 and world.delivered == {ANN: 1, BOB: 1}


def test_a_person_can_have_it_sent_again(world: World) -> None:
    world.fault("status", status=503, times=1)  # without an effect, but nobody knows
    job = world.job(ANN, BOB)
    assert set(world.send(job).values()) == {"in_doubt"}
    assert world.ledger.claims.again(job, [ANN]) == 1
    assert world.send(job) == {ANN: "accepted", BOB: "in_doubt"}
    assert world.delivered == {ANN: 1}
    assert journal(world) == [(ANN, "unknown", 1), (BOB, "unknown", 1), (ANN, "accepted", 2)]


def test_again_is_not_for_whom_the_journal_has_found_meanwhile(world: World) -> None:
    world.fault("lost_answer", times=1)
    job = world.job(ANN)
    world.send(job)
    assert world.session.journal is not None
    world.session.journal.resolve(1, [ANN], "sent")  # check_send has found it
    world.ledger.claims.again(job, [ANN])
    assert world.send(job) == {ANN: "accepted"} and world.delivered == {ANN: 1}


def test_nothing_leaves_once_others_may_have_given_this_worker_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is stopped between its claim and its request, and goes on half a minute later."""
    claim, real = world.ledger.claims.claim, time.monotonic
    ahead = {"seconds": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: real() + ahead["seconds"])

    def stopped(*given: Any) -> Any:
        found = claim(*given)
        ahead["seconds"] = sending.LEAVES_SECONDS
        return found

    job = world.job(ANN)
    monkeypatch.setattr(world.ledger.claims, "claim", stopped)
    assert world.send(job) == {ANN: "planned"} and world.asked(SENDS) == 0


def test_what_the_ledger_could_not_keep_is_kept_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    job = world.job(ANN)
    settle = world.ledger.claims._settle

    def away(*_: Any) -> None:
        raise Failure("ledger_unavailable", "It is away.", outcome="not_sent")

    monkeypatch.setattr(world.ledger.claims, "_settle", away)
    assert world.send(job) == {ANN: "claimed"} and world.delivered == {ANN: 1}
    monkeypatch.setattr(world.ledger.claims, "_settle", settle)
    world.ledger.claims.catch_up()
    assert states(world.ledger, job) == {ANN: "accepted"}
