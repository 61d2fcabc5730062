"""One person under two spellings of a number, or under an id: one message, one record, one decision."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from recording import FarSide, reply
from sends import JOHN, VALUES, Clock, World, first_version, make_world, states
from wati.contract.numbers import spellings
from wati.sandbox import control

# (as someone writes it, as WhatsApp knows it)
PAIRS = [
    ("525512345678", "5215512345678"),
    ("541123456789", "5491123456789"),
    ("551187654321", "5511987654321"),
    ("5531987654321", "553187654321"),
]
EACH = pytest.mark.parametrize(("written", "known"), PAIRS)
TEMPLATE = {"template_name": "order_update", "broadcast_name": "b"}


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def one(number: str) -> dict[str, Any]:
    return {**TEMPLATE, "whatsappNumber": number, "parameters": VALUES}


def many(*numbers: str) -> dict[str, Any]:
    return {**TEMPLATE, "receivers": [{"whatsappNumber": each, "customParams": VALUES} for each in numbers]}


# --- what went out -----------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("script", ["send_template_message_v2", "send_template_message"])
def test_a_person_whom_whatsapp_spells_otherwise_gets_one_message(
    script: str, written: str, known: str, world: World
) -> None:
    assert world.run(script, one(written)).exit == 0
    for number in (written, known):
        for name in ("send_template_message_v2", "send_template_message"):
            run = world.run(name, one(number))
            assert run.error["code"] == "repeated_send", run.text
        dry = world.run(script, one(number), "--dry-run")
        assert dry.error["problems"][0]["code"] == "repeated_send"
    assert written in run.error["problems"][0]["problem"] and known in run.error["problems"][0]["problem"]
    assert world.count == {known: 1}
    assert world.run(script, one(known), "--again").exit == 0
    assert world.count == {known: 2}


@EACH
def test_a_lost_answer_is_found_under_the_other_spelling(
    written: str, known: str, world: World, clock: Clock
) -> None:
    world.lose("lost_answer")
    assert world.run("send_template_message_v2", one(written)).exit == 7
    assert world.run("send_template_message_v2", one(known)).error["code"] == "repeated_send"
    found = world.check(1)
    assert found.exit == 0 and found.data["verdict"] == "sent", found.text
    assert world.count == {known: 1}


@EACH
def test_what_never_arrived_is_not_seen_once_both_were_looked_at(
    written: str, known: str, world: World, clock: Clock
) -> None:
    world.seed(contacts=[{"whatsappNumber": known, "name": "Ana"}])
    world.lose("reset")
    assert world.run("send_template_message_v2", one(written)).exit == 7
    run = world.check(1)
    assert run.data["verdict"] == "not_seen", run.text
    assert set(run.data["looked_at"][0]["searched"]["under"]) == {written, known}
    assert world.run("send_template_message_v2", one(known)).exit == 0
    assert world.count == {known: 1}


@EACH
def test_a_look_finds_what_is_under_the_other_spelling(
    written: str, known: str, world: World, clock: Clock
) -> None:
    assert world.run("send_template_message_v2", one(written)).exit == 0
    clock.ahead += 300
    run = world.run("check_send", {"id": 1, "look": True})
    assert run.data["receivers"] == {"delivered": [written]}, run.text
    assert world.count == {known: 1}


def test_in_bulk_the_last_two_left_over_are_one_person(world: World) -> None:
    written, known = PAIRS[0]
    assert world.run("send_template_messages_v2", many(JOHN, written), "--confirm", "2").exit == 0
    assert states(world) == ["accepted", "accepted"]
    run = world.run("send_template_messages_v2", many(JOHN, known), "--confirm", "2")
    assert [problem["at"] for problem in run.error["problems"]] == [
        f"$.receivers[{n}].whatsappNumber" for n in (0, 1)
    ]
    assert world.count == {JOHN: 1, known: 1}


def test_while_strangers_are_named_nobody_is_not_seen(world: World, clock: Clock) -> None:
    """Two spellings at once: which row is whose, no one can say."""
    first, second = PAIRS[0][0], PAIRS[1][0]
    run = world.run("send_template_messages_v2", many(JOHN, first, second), "--confirm", "3")
    assert run.exit == 8 and run.error["receivers"]["unknown"] == [first, second]
    assert PAIRS[0][1] in run.error["message"]
    assert states(world) == ["accepted", "unpaired", "unpaired"]
    assert world.check(1).data["verdict"] == "sent"


def answered(*numbers: str) -> dict[str, Any]:
    rows = [{"waId": each, "isValidWhatsAppNumber": True, "errors": []} for each in numbers]
    return {"result": True, "error": None, "templateName": "t", "receivers": rows}


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"result": "success", "messages": {"items": list(items)}}


def test_only_again_frees_whom_a_stranger_may_be(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path, clock: Clock
) -> None:
    journal = {"WATI_JOURNAL": str(tmp_path / "sends")}
    unpaired = "14155550000"
    far_side.will(reply(answered(JOHN, "19998887777")), to="/wati/api/v2/")
    run = call("send_template_messages_v2", many(JOHN, unpaired), "--confirm", "2", **journal)
    assert run.exit == 8 and "19998887777" in run.error["message"]
    clock.ahead += 3600
    far_side.will(*[reply(listed())] * 3, to="/wati/api/v1/getMessages")
    checked = call("check_send", {"id": 1}, **journal)
    assert checked.exit == 7 and "someone else" in checked.error["problems"][0]["problem"], checked.text
    assert "Ask the user to look" in checked.error["hint"] and "Run this again" not in checked.error["hint"]
    far_side.will(reply(listed()), to="/wati/api/v1/getMessages")
    checked = call("check_send", {"id": 1}, **journal)
    assert checked.exit == 7 and "someone else" in checked.error["problems"][0]["problem"], checked.text
    again = call("send_template_message_v2", one(unpaired), **journal)
    assert again.error["code"] == "repeated_send"
    assert call("send_template_message_v2", one(unpaired), "--again", **journal).exit == 0


def test_both_spellings_are_looked_under_when_wati_shows_an_empty_list(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path, clock: Clock
) -> None:
    """The report: one message, and the conversation is under the number that was answered."""
    journal = {"WATI_JOURNAL": str(tmp_path / "sends")}
    written, known = PAIRS[0]
    far_side.will(reply(answered(known)), to="/wati/api/v2/")
    assert call("send_template_message_v2", one(written), **journal).exit == 0
    for number in (written, known):
        run = call("send_template_message_v2", one(number), **journal)
        assert run.error["code"] == "repeated_send", run.text
    assert len(far_side.writes) == 1


# --- ids ---------------------------------------------------------------------------------------------------


@pytest.fixture
def contact_id(world: World) -> str:
    run = world.run("find_contact", {"whatsappNumber": JOHN})
    return str(run.data["contacts"][0]["id"])


@pytest.mark.parametrize("script", ["send_template_message_v2", "send_template_message"])
def test_an_id_is_the_number_that_an_answer_gave_for_it(script: str, contact_id: str, world: World) -> None:
    assert world.run(script, one(contact_id)).exit == 0
    run = world.run(script, one(JOHN))
    assert run.error["code"] == "repeated_send", run.text
    assert contact_id in run.error["problems"][0]["problem"] and JOHN in run.error["problems"][0]["problem"]
    assert world.count == {JOHN: 1}
    twice = world.run("send_template_messages_v2", many("14155555678", JOHN, contact_id), "--confirm", "3")
    assert twice.error["code"] == "repeated_send", twice.text
    (problem,) = [each for each in twice.error["problems"] if each["at"] == "$.receivers[2].whatsappNumber"]
    assert JOHN in problem["problem"] and "$.receivers[1].whatsappNumber" in problem["problem"]
    assert world.count == {JOHN: 1}


def test_a_send_by_number_tells_the_contacts_id(contact_id: str, world: World) -> None:
    assert world.run("send_template_message", one(JOHN)).exit == 0
    assert world.run("send_template_message", one(contact_id)).error["code"] == "repeated_send"


def test_a_number_and_its_id_in_one_list_are_named(contact_id: str, world: World, clock: Clock) -> None:
    assert world.run("send_template_message_v2", one(contact_id)).exit == 0
    clock.ahead += 90000
    run = world.run("send_template_messages_v2", many(JOHN, contact_id), "--confirm", "2")
    assert run.error["code"] == "repeated_send" and "twice" in run.error["message"], run.text
    assert "--again" in run.error["hint"]
    dry = world.run("send_template_messages_v2", many(JOHN, contact_id), "--dry-run")
    assert dry.exit == 2 and contact_id in dry.text and JOHN in dry.text
    assert world.count == {JOHN: 1}


@pytest.mark.parametrize("script", ["send_template_messages", "send_template_messages_v2"])
def test_a_number_and_its_id_in_one_list_are_one_person_though_nothing_was_ever_sent(
    script: str, contact_id: str, world: World
) -> None:
    run = world.run(script, many(contact_id, "14155555678", JOHN), "--confirm", "3")
    assert run.error["code"] == "repeated_send" and "twice" in run.error["message"], run.text
    (problem,) = run.error["problems"]
    assert problem["at"] == "$.receivers[0].whatsappNumber" and JOHN in problem["problem"]
    assert world.count == {} and "--again" in run.error["hint"]
    again = world.run(script, many(contact_id, "14155555678", JOHN), "--confirm", "3", "--again")
    assert sum(world.count.values()) == 3, again.text


def test_ids_that_cannot_be_looked_up_are_said(contact_id: str, world: World) -> None:
    control.fault(
        world.state,
        {"fault": "status", "status": 500, "match": {"path": "/wati/api/v1/getContacts*"}, "times": 0},
    )
    run = world.run("send_template_messages_v2", many(contact_id, "14155555678"), "--confirm", "2")
    assert "ids of contacts that were not read" in run.document["notice"], run.text
    assert sum(world.count.values()) == 2


# --- an older journal --------------------------------------------------------------------------------------


def test_a_journal_of_the_first_version_goes_on_working(world: World, clock: Clock) -> None:
    written, known = PAIRS[0]
    assert world.run("send_template_message_v2", one(written)).exit == 0
    world.lose("lost_answer")
    assert world.run("send_template_message_v2", one(JOHN)).exit == 7
    first_version(world.journal)
    for number in (JOHN, written, known):
        run = world.run("send_template_message_v2", one(number))
        assert run.error["code"] == "repeated_send" and "notice" not in run.document, run.text
    assert world.check(2).data["verdict"] == "sent"
    assert world.run("send_template_message_v2", one("14155555678")).exit == 0
    assert world.count == {known: 1, JOHN: 1, "14155555678": 1}
    with closing(sqlite3.connect(world.journal)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (5,)


def test_the_sandbox_spells_as_the_client_expects() -> None:
    from wati.sandbox.people import known_as

    for written, known in PAIRS:
        assert known_as(written) == known_as(known) == known
        assert set(spellings(written)) == {written, known}
    assert known_as(JOHN) == JOHN


# --- one list ----------------------------------------------------------------------------------------------

BULK = ["send_template_messages", "send_template_messages_v2"]


@EACH
@pytest.mark.parametrize("script", BULK)
def test_one_person_in_two_spellings_in_a_list_is_named(
    script: str, written: str, known: str, world: World
) -> None:
    for flags in (["--confirm", "3"], ["--dry-run"]):
        run = world.run(script, many(written, JOHN, known), *flags)
        assert run.exit == 2 and run.error["code"] == "repeated_send", run.text
        (problem,) = run.error["problems"]
        assert problem["at"] == "$.receivers[2].whatsappNumber"
        assert all(part in problem["problem"] for part in (written, known, "$.receivers[0].whatsappNumber"))
        assert "--again" in run.error["hint"]
    assert world.delivered == []
    run = world.run(script, many(written, JOHN, known), "--confirm", "3", "--again")
    assert world.count == {known: 2, JOHN: 1}, run.text


def test_spellings_are_named_beside_other_problems(world: World) -> None:
    arguments = many(*PAIRS[0], "1415")
    run = world.run("send_template_messages_v2", arguments, "--confirm", "3")
    assert run.error["code"] == "invalid_arguments"
    assert {problem["at"][:14] for problem in run.error["problems"]} == {"$.receivers[1]", "$.receivers[2]"}


@pytest.mark.parametrize(
    "rows",
    [
        "Phone,name,ordernumber\n{0},A,1\n{1},A,1\n",
        "CountryCode,Phone,name,ordernumber\n,{0},A,1\n,{1},A,1\n",
    ],
)
def test_one_person_in_two_spellings_in_a_csv_is_named(rows: str, world: World) -> None:
    written, known = PAIRS[2]
    (world.folder / "two.csv").write_text(rows.format(written, known), encoding="utf-8")
    arguments = {**TEMPLATE, "whatsapp_numbers_csv": "two.csv"}
    run = world.run("send_template_message_csv", arguments, "--confirm", "2")
    assert run.error["code"] == "repeated_send", run.text
    (problem,) = run.error["problems"]
    assert problem["at"] == "$.whatsapp_numbers_csv[1].Phone"
    assert all(part in problem["problem"] for part in (written, known, "[0].Phone"))
    assert world.delivered == []
    assert world.run("send_template_message_csv", arguments, "--confirm", "2", "--again").exit == 0
    assert world.count == {known: 2}


@pytest.mark.parametrize("numbers", [("551123456789", "5511923456789"), ("14155551234", "114155551234")])
def test_strangers_who_look_alike_are_two_people(numbers: tuple[str, str], world: World) -> None:
    run = world.run("send_template_messages", many(*numbers), "--confirm", "2")
    assert run.exit == 0, run.text
    assert world.count == dict.fromkeys(numbers, 1)


# --- lookups -----------------------------------------------------------------------------------------------


@EACH
def test_a_contact_under_another_spelling_is_a_guess(written: str, known: str, world: World) -> None:
    world.seed(contacts=[{"whatsappNumber": known, "name": "Ana"}])
    for asked in (written, f"+{written}", f"00{written}"):
        run = world.run("find_contact", {"whatsappNumber": asked})
        assert [each["whatsappNumber"] for each in run.data["contacts"]] == [known], run.text
        assert "spelling" in run.data["guess"]
    assert "guess" not in world.run("find_contact", {"whatsappNumber": known}).data


def test_a_stranger_who_looks_alike_is_not_found(world: World) -> None:
    world.seed(contacts=[{"whatsappNumber": "5511923456789", "name": "Ana"}])
    assert world.run("find_contact", {"whatsappNumber": "551123456789"}).data["contacts"] == []


@pytest.mark.parametrize("text", ["9.19877E+11", "1.41555E+10"])
def test_a_rounded_number_is_not_searched_for(text: str, world: World) -> None:
    run = world.run("find_contact", {"whatsappNumber": text})
    assert run.exit == 2 and "rounded" in run.error["problems"][0]["problem"]


@EACH
def test_a_conversation_is_found_under_the_other_spelling(written: str, known: str, world: World) -> None:
    assert world.run("send_template_message", one(written)).exit == 0
    run = world.run("conversation", {"whatsappNumber": written})
    assert run.data["whatsappNumber"] == known and "order 12345" in run.text, run.text
    assert "whatsappNumber" not in world.run("conversation", {"whatsappNumber": known}).data


def test_an_empty_list_under_one_spelling_is_not_the_conversation(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    row = {
        "id": "m",
        "eventType": "message",
        "owner": False,
        "text": "Hola",
        "created": "2026-01-05T12:00:00Z",
    }
    far_side.will(reply(listed()), reply(listed(row)), to="/wati/api/v1/getMessages")
    run = call("conversation", {"whatsappNumber": PAIRS[0][0]})
    assert run.data["whatsappNumber"] == PAIRS[0][1] and "Hola" in run.text


@EACH
def test_adding_someone_who_is_there_under_another_spelling_is_warned_of(
    written: str, known: str, world: World
) -> None:
    new = {"whatsappNumber": written, "name": "Ana"}
    assert not any(
        "already" in text for text in world.run("add_contact", new, "--dry-run").data.get("warnings", [])
    )
    assert world.run("add_contact", new).exit == 0
    for number in (written, known):
        dry = world.run("add_contact", {**new, "whatsappNumber": number}, "--dry-run")
        (warning,) = [text for text in dry.data["warnings"] if "already" in text]
        assert (known in warning) == (number == written)


def test_a_country_code_that_is_there_twice_is_warned_of(world: World) -> None:
    (world.folder / "codes.csv").write_text(
        "CountryCode,Phone,name,ordernumber\n91,919876543210,John,1\n91,9187654321,Ann,2\n", encoding="utf-8"
    )
    arguments = {**TEMPLATE, "whatsapp_numbers_csv": "codes.csv"}
    run = world.run("send_template_message_csv", arguments, "--dry-run")
    (warning,) = [text for text in run.data["warnings"] if "country code" in text]
    assert "91919876543210" in warning and "919187654321" not in warning


@pytest.mark.parametrize("script", BULK)
def test_a_dry_run_finds_the_number_behind_an_id_of_the_list(
    script: str, contact_id: str, world: World
) -> None:
    run = world.run(script, many(JOHN, "14155555678", contact_id.upper()), "--dry-run")
    (problem,) = run.error["problems"]
    assert (problem["at"], problem["code"]) == ("$.receivers[2].whatsappNumber", "repeated_send")
    assert JOHN in problem["problem"] and "$.receivers[0].whatsappNumber" in problem["problem"]
    assert world.run(script, many("14155555678", contact_id), "--dry-run").exit == 0
    assert world.run(script, many(JOHN, contact_id), "--dry-run", "--again").exit == 0
    unknown = world.run(script, many(JOHN, "f" * 24), "--dry-run")
    assert not any("ids of contacts" in text for text in unknown.data.get("warnings", []))
