"""Claims: who may claim what, and who may settle it, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from campaigns.conftest import Open
from ledgers import VALUES, add_job, numbers, problem_of, row_of, set_state, states
from wati.campaigns.claims import message_of
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Row, RowState, Settled
from wati.contract.failures import Failure

ANN, BOB, CLEO, DAN, EVE, FAY = numbers(6)


def become(rows: Iterable[Row], state: RowState, **about: str) -> list[Settled]:
    return [Settled(row.position, state, claim=row.claim, **about) for row in rows]  # type: ignore[arg-type]


def test_a_row_is_claimed_once_and_settled_by_its_answer(ledger: Ledger, opened: Open) -> None:
    job = add_job(ledger, [ANN, BOB, CLEO, DAN])
    first, second = ledger.workers.enlist("first"), opened().workers.enlist("second")
    rows = ledger.claims.claim(job, 0, first)
    assert [(row.receiver, row.state, row.claim) for row in rows] == [
        (number, "claimed", 1) for number in (ANN, BOB, CLEO)
    ]
    assert rows[0].content == {"customParams": VALUES}
    assert opened().claims.claim(job, 0, second) == []
    known = [Settled(0, "accepted", answered="1415", message_id="m1", send=7, claim=1)]
    known += [Settled(1, "rejected", "131026", "Not on WhatsApp", claim=1), Settled(2, "in_doubt", claim=1)]
    ledger.claims.settle(job, first, known)
    assert ledger.claims.counts(job) == {
        **{"left_out": 0, "planned": 1, "claimed": 0, "accepted": 1, "rejected": 1, "in_doubt": 1}
    }
    ann, bob = row_of(ledger, job, ANN), row_of(ledger, job, BOB)
    assert (ann.answered, ann.message_id, ann.send) == ("1415", "m1", 7) and ann.settled_at > 1e9
    assert (bob.reason, bob.detail) == ("131026", "Not on WhatsApp")
    assert ledger.claims.chunks_left(job) == [1]
    assert [row.receiver for row in ledger.claims.in_doubt(job)] == [CLEO]
    assert ledger.claims.in_doubt(job, after=2) == [] and ledger.claims.in_doubt(job, limit=0) == []


def test_a_chunk_of_which_many_want_the_rows_is_claimed_by_one(opened: Open) -> None:
    ledgers = [opened() for _ in range(6)]
    job = add_job(ledgers[0], numbers(40), chunk=10)
    workers = [ledger.workers.enlist(f"w{index}") for index, ledger in enumerate(ledgers)]

    def take(index: int) -> list[str]:
        claims = ledgers[index].claims
        return [row.receiver for chunk in range(4) for row in claims.claim(job, chunk, workers[index])]

    with ThreadPoolExecutor(6) as pool:
        taken = [receiver for some in pool.map(take, range(6)) for receiver in some]
    assert sorted(taken) == numbers(40)


@pytest.mark.parametrize("state", ["planning", "planned", "stopped", "done"])
def test_nothing_is_claimed_of_a_job_that_does_not_run(ledger: Ledger, state: str) -> None:
    job = add_job(ledger, [ANN])
    worker = ledger.workers.enlist("first")
    set_state(ledger, job, state)
    assert ledger.claims.claim(job, 0, worker) == [] and states(ledger, job) == {ANN: "planned"}
    assert not ledger.claims.is_running(job)


def test_a_job_that_stops_by_itself_says_why(ledger: Ledger) -> None:
    job, done = add_job(ledger, [ANN]), add_job(ledger, [ANN], "old", state="done")
    for each in (job, done):
        ledger.claims.stop(each, "The template is gone.")
    assert problem_of(ledger, job) == ("stopped", "The template is gone.")
    assert problem_of(ledger, done) == ("done", "")


def test_a_zone_in_its_quiet_hours_waits(ledger: Ledger) -> None:
    job = add_job(ledger, [ANN, BOB, CLEO], zones={ANN: "Europe/Lisbon", BOB: "Asia/Tokyo"})
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker, lambda zone: zone != "Asia/Tokyo")
    assert [row.receiver for row in rows] == [ANN, CLEO] and ledger.claims.chunks_left(job) == [0]


def test_a_message_of_another_job_is_not_sent_again(ledger: Ledger) -> None:
    first = add_job(ledger, [ANN, BOB, CLEO, DAN], "first", chunk=4, message="hello")
    second = add_job(ledger, [ANN, BOB, CLEO, DAN, EVE], "second", chunk=5, message="hello")
    other = add_job(ledger, [ANN], "other", message="bye")
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(first, 0, worker)
    mine = [*become(rows[:1], "accepted"), *become(rows[1:2], "in_doubt"), *become(rows[2:3], "rejected")]
    ledger.claims.settle(first, worker, mine)  # Dan is still claimed
    taken = ledger.claims.claim(second, 0, worker)
    assert [row.receiver for row in taken] == [CLEO, EVE]
    assert list(states(ledger, second).values()) == ["rejected", "rejected", "claimed", "planned", "claimed"]
    ann, bob = row_of(ledger, second, ANN), row_of(ledger, second, BOB)
    assert ann.reason == bob.reason == "already_sent" and "in doubt there" in bob.detail
    assert len(ledger.claims.claim(other, 0, worker)) == 1
    hello = {number: message_of("sandbox", number, "HELLO", reversed(VALUES)) for number in numbers(6)}
    assert ledger.claims.taken(hello.values()) == {hello[each] for each in (ANN, BOB, CLEO, DAN, EVE)}
    # Nothing was sent to Dan after all.
    ledger.claims.settle(first, worker, become(rows[3:], "rejected"))
    assert [row.receiver for row in ledger.claims.claim(second, 0, worker)] == [DAN]


def test_the_same_message_is_the_same_in_another_spelling() -> None:
    def made(person: str = ANN, template: str = "hello", name: str = "Name", value: str = "a b") -> str:
        return message_of("here", person, template, [{"name": name, "value": value}])

    assert made() == made(template="Hello") == made(name="name") == made(value=" a\u00a0b\u200b")
    assert len({made(), made(BOB), made(template="bye"), made(name="x"), made(value="c")}) == 5
    assert message_of("there", ANN, "hello", []) != message_of("here", ANN, "hello", [])


def test_what_has_not_left_is_given_back(ledger: Ledger) -> None:
    job = add_job(ledger, [ANN, BOB])
    first, second = ledger.workers.enlist("first"), ledger.workers.enlist("second")
    rows = ledger.claims.claim(job, 0, first)
    ledger.claims.settle(job, first, become(rows[:1], "planned"))
    again = ledger.claims.claim(job, 0, second)
    assert [(row.receiver, row.claim) for row in again] == [(ANN, 2)]
    # The first one's word on it counts no more.
    ledger.claims.settle(job, first, become(rows[:1], "rejected"))
    assert states(ledger, job) == {ANN: "claimed", BOB: "claimed"}


def test_whoever_sends_is_believed_even_if_others_gave_up_on_it(ledger: Ledger, opened: Open) -> None:
    job = add_job(ledger, [ANN, BOB, CLEO, DAN], chunk=4)
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker)
    assert opened().workers.give_up("first") is not None
    assert set(states(ledger, job).values()) == {"in_doubt"}
    ledger.claims.looked(job, [Settled(1, "rejected", "not_seen"), Settled(2, "accepted")])
    assert ledger.claims.again(job, [DAN]) == 1
    late = [*become(rows[:1], "rejected"), *become(rows[1:2], "accepted"), *become(rows[2:3], "rejected")]
    ledger.claims.settle(job, worker, [*late, *become(rows[3:], "accepted")])
    # Bob was not seen, and has it all the same. Cleo was seen. Dan would have got it again.
    assert list(states(ledger, job).values()) == ["rejected", "accepted", "accepted", "accepted"]
    assert row_of(ledger, job, BOB).reason == "" and not row_of(ledger, job, DAN).again


def test_whoever_knows_that_nothing_left_gives_it_back_even_then(ledger: Ledger, opened: Open) -> None:
    job = add_job(ledger, [ANN, BOB])
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker)
    opened().workers.give_up("first")
    ledger.claims.settle(job, worker, become(rows[:1], "planned"))
    assert states(ledger, job) == {ANN: "planned", BOB: "in_doubt"}


def test_a_late_word_on_an_earlier_claim_is_not_about_the_next_one(ledger: Ledger) -> None:
    job = add_job(ledger, [ANN])
    worker = ledger.workers.enlist("first")
    before = ledger.claims.claim(job, 0, worker)
    ledger.workers.give_up("first")
    ledger.claims.again(job, [ANN])
    assert [row.claim for row in ledger.claims.claim(job, 0, worker)] == [2]
    ledger.claims.settle(job, worker, become(before, "rejected"))
    assert states(ledger, job) == {ANN: "claimed"}


def test_only_those_in_doubt_are_sent_again_and_go_alone(ledger: Ledger) -> None:
    job = add_job(ledger, numbers(6), chunk=6)
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker)
    ledger.claims.settle(job, worker, [*become(rows[:2], "in_doubt"), *become(rows[2:3], "accepted")])
    ledger.claims.settle(job, worker, [*become(rows[3:4], "rejected"), *become(rows[4:], "planned")])
    ledger.claims.looked(job, [Settled(1, "rejected", "not_seen"), Settled(2, "rejected", "not_seen")])
    with pytest.raises(Failure) as refused:
        ledger.claims.again(job, [ANN, CLEO, "nobody", DAN])
    assert refused.value.code == "invalid_arguments" and len(refused.value.problems) == 3
    assert refused.value.problems[1] == {
        "at": "$.again[2]",
        "problem": "nobody is not in doubt in the campaign spring",
    }
    assert states(ledger, job)[ANN] == "in_doubt"
    assert ledger.claims.again(job, [ANN, BOB, ANN]) == 2
    assert [row.receiver for row in ledger.claims.claim(job, 0, worker)] == [EVE, FAY]
    again = ledger.claims.claim(job, 0, worker)
    assert [(row.receiver, row.again, row.claim) for row in again] == [(ANN, True, 2), (BOB, True, 2)]
    ledger.claims.settle(job, worker, [*become(again[:1], "planned"), *become(again[1:], "accepted")])
    assert row_of(ledger, job, ANN).again and not row_of(ledger, job, BOB).again


def test_a_look_settles_only_those_in_doubt(ledger: Ledger) -> None:
    job = add_job(ledger, [ANN, BOB, CLEO])
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker)
    ledger.claims.settle(job, worker, [*become(rows[:1], "in_doubt"), *become(rows[1:2], "rejected")])
    ledger.claims.looked(job, [Settled(position, "accepted", message_id="m") for position in range(3)])
    assert list(states(ledger, job).values()) == ["accepted", "rejected", "claimed"]


def test_many_thousand_values_fit_into_the_statements(ledger: Ledger) -> None:
    job = add_job(ledger, numbers(1200), chunk=1000)
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker)
    assert len(rows) == 1000
    ledger.claims.settle(job, worker, become(rows, "in_doubt"))
    assert ledger.claims.again(job, numbers(1000)) == 1000
    assert len(ledger.claims.taken(f"{number:064}" for number in range(2000))) == 0


def test_an_answer_is_kept_while_the_ledger_is_away(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    job = add_job(ledger, [ANN, BOB])
    worker = ledger.workers.enlist("first")
    rows = ledger.claims.claim(job, 0, worker)
    with monkeypatch.context() as away:
        gone = Failure("ledger_unavailable", "It is away.", outcome="not_sent")
        away.setattr(ledger.database, "writing", lambda: (_ for _ in ()).throw(gone))
        ledger.claims.settle(job, worker, become(rows[:1], "accepted"))
        ledger.claims.settle(job, worker, become(rows[1:], "rejected"))
        with pytest.raises(Failure):
            ledger.claims.catch_up()
    assert ledger.claims.is_behind and set(states(ledger, job).values()) == {"claimed"}
    ledger.claims.catch_up()
    assert not ledger.claims.is_behind and list(states(ledger, job).values()) == ["accepted", "rejected"]


def test_a_worker_that_has_ended_claims_nothing(ledger: Ledger) -> None:
    job = add_job(ledger, [ANN])
    worker = ledger.workers.enlist("first")
    ledger.workers.retire(worker)
    with pytest.raises(RuntimeError, match="has ended"):
        ledger.claims.claim(job, 0, worker)
    assert states(ledger, job) == {ANN: "planned"}
