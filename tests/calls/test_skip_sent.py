"""`--skip-sent`: a bulk send that was partly done is run again as it is. The far side's deliveries decide."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import RUNNABLE, Run
from sends import CSV, JANE, JOHN, MANY, MARIA, STRANGER, TEMPLATE, VALUES, Clock, World, make_world
from wati.contract.options import flags_of
from wati.journal import left_out
from wati.journal.entries import Repeats

BULK = ["send_template_messages", "send_template_messages_v2", "send_template_message_csv"]


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


def arguments(world: World, script: str, *numbers: str) -> dict[str, Any]:
    if script.endswith("csv"):
        rows = "".join(f'{number},John,"12345"\r\n' for number in numbers)
        (world.folder / "list.csv").write_bytes(f"Phone,name,ordernumber\r\n\r\n{rows}".encode())
        return CSV
    return {**MANY, "receivers": [{"whatsappNumber": number, "customParams": VALUES} for number in numbers]}


def first_to_john(world: World) -> None:
    one = {**TEMPLATE, "whatsappNumber": JOHN, "parameters": VALUES}
    assert world.run("send_template_message_v2", one).exit == 0


@pytest.mark.parametrize("script", BULK)
def test_those_who_have_it_are_left_out(world: World, script: str) -> None:
    first_to_john(world)
    given = arguments(world, script, JANE, JOHN, MARIA)
    dry = world.run(script, given, "--skip-sent", "--dry-run")
    assert dry.exit == 0, dry.text
    assert dry.data["confirm"] == "2"
    assert dry.data["counts"] == {"send_to": 2, "left_out": 1, "left_out_unknown": 0}
    refused = world.run(script, given, "--skip-sent", "--confirm", "3")
    assert (refused.exit, refused.error["code"]) == (2, "confirmation_required")
    run = world.run(script, given, "--skip-sent", "--confirm", "2")
    assert run.exit == 0, run.text
    assert run.data["counts"] == {"accepted": 2, "left_out": 1, "left_out_unknown": 0}
    assert "1 receiver has this message" in run.document["notice"]
    assert world.count == {JOHN: 1, JANE: 1, MARIA: 1}


def test_the_rest_of_a_csv_in_utf_16_is_sent_as_utf_8(world: World) -> None:
    first_to_john(world)
    given = arguments(world, BULK[2], JANE, JOHN, MARIA)
    path = world.folder / "list.csv"
    path.write_bytes(("\ufeff" + path.read_text(encoding="utf-8")).encode("utf-16-le"))
    run = world.run(BULK[2], given, "--skip-sent", "--confirm", "2")
    assert run.exit == 0, run.text
    assert "1 receiver has this message" in run.document["notice"]
    assert "gets it as UTF-8" in run.document["notice"]
    assert world.count == {JOHN: 1, JANE: 1, MARIA: 1}


@pytest.mark.parametrize("script", BULK)
def test_nobody_left_is_done_and_nothing_is_sent(world: World, script: str) -> None:
    given = arguments(world, script, JOHN, JANE)
    assert world.run(script, given, "--confirm", "2").exit == 0
    for flags in (["--dry-run"], ["--confirm", "2"], ["--confirm", "0"], []):
        run = world.run(script, given, "--skip-sent", *flags)
        assert (run.exit, run.document["outcome"]) == (0, "not_sent"), run.text
        assert run.data["counts"]["left_out"] == 2
    assert world.count == {JOHN: 1, JANE: 1}


@pytest.mark.parametrize("script", BULK)
def test_those_of_unknown_outcome_are_named_and_left_out(world: World, script: str) -> None:
    world.lose()
    one = {**TEMPLATE, "whatsappNumber": JOHN, "parameters": VALUES}
    assert world.run("send_template_message_v2", one).exit == 7
    given = arguments(world, script, JOHN, JANE)
    run = world.run(script, given, "--skip-sent", "--confirm", "1")
    assert run.exit == 0, run.text
    assert run.data["counts"] == {"accepted": 1, "left_out": 0, "left_out_unknown": 1}
    assert run.data["left_out_unknown"] == {"1": [JOHN]}
    assert "check_send.py" in run.document["notice"]
    assert world.count == {JOHN: 1, JANE: 1}


def test_a_partial_send_is_resumed(world: World) -> None:
    script = "send_template_messages_v2"
    assert world.run(script, arguments(world, script, JOHN, STRANGER), "--confirm", "2").exit == 8
    given = arguments(world, script, JOHN, STRANGER, JANE)
    run = world.run(script, given, "--skip-sent", "--confirm", "2")
    assert run.exit == 8, run.text
    assert run.error["receivers"] == {"accepted": [JANE], "rejected": [STRANGER], "unknown": []}
    assert [each["at"] for each in run.error["problems"]] == ["$.receivers[1].whatsappNumber"]
    assert world.count == {JOHN: 1, JANE: 1}


def test_after_the_time_of_a_repeat_they_count_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    first_to_john(world)
    clock.ahead += 601
    given = arguments(world, "send_template_messages", JOHN)
    assert world.run("send_template_messages", given, "--skip-sent", "--confirm", "1").exit == 0
    assert world.count == {JOHN: 2}


def test_another_text_is_not_left_out(world: World) -> None:
    first_to_john(world)
    other = [{"name": "name", "value": "John"}, {"name": "ordernumber", "value": "999"}]
    given = {**MANY, "receivers": [{"whatsappNumber": JOHN, "customParams": other}]}
    run = world.run("send_template_messages", given, "--skip-sent", "--confirm", "1")
    assert run.data["counts"] == {"accepted": 1, "left_out": 0, "left_out_unknown": 0}
    assert world.count == {JOHN: 2}


def test_without_a_journal_nobody_can_say_who_has_it(world: World) -> None:
    given = arguments(world, "send_template_messages", JOHN)
    run = world.run("send_template_messages", given, "--skip-sent", "--confirm", "1", WATI_JOURNAL="off")
    assert (run.exit, run.error["code"], run.error["outcome"]) == (3, "bad_setup", "not_sent")
    assert world.count == {}


def test_only_bulk_sends_have_the_flag(world: World) -> None:
    have = {name for name, each in RUNNABLE.items() if "skip-sent" in flags_of(each)}
    assert have == set(BULK)
    run = world.run(BULK[0], arguments(world, BULK[0], JOHN), "--skip-sent", "--again", "--confirm", "1")
    assert (run.exit, run.error["code"]) == (2, "usage")


@pytest.mark.parametrize("script", BULK)
def test_a_bulk_success_has_its_count(world: World, script: str) -> None:
    run = world.run(script, arguments(world, script, JOHN, JANE, MARIA), "--confirm", "3")
    assert run.data["counts"] == {"accepted": 3}
    raw = world.run(script, arguments(world, script, JOHN, JANE), "--confirm", "2", "--raw", "--again")
    assert "counts" not in raw.data


@pytest.mark.parametrize("script", ["send_template_messages", "send_template_messages_v2"])
def test_a_problem_is_named_by_its_place_in_the_whole_list(world: World, script: str) -> None:
    first_to_john(world)
    given = arguments(world, script, JOHN, JANE)
    given["receivers"][1]["customParams"] = [{"name": "name", "value": "Jane"}]
    run = world.run(script, given, "--skip-sent", "--dry-run")
    assert run.exit == 2
    assert [each["at"] for each in run.error["problems"]] == ["$.receivers[1].customParams"]


@pytest.mark.parametrize("script", ["send_template_messages", "send_template_messages_v2"])
@pytest.mark.parametrize("flags", [["--dry-run"], ["--confirm", "2"]], ids=["dry", "real"])
def test_one_person_under_two_names_is_found_among_those_who_are_left(
    world: World, script: str, flags: list[str]
) -> None:
    first_to_john(world)
    found = world.run("find_contact", {"whatsappNumber": JANE})
    jane = found.data["contacts"][0]["id"]
    run = world.run(script, arguments(world, script, JOHN, JANE, jane), "--skip-sent", *flags)
    assert run.exit == 2, run.text
    (problem,) = run.error["problems"]
    assert problem["at"] == "$.receivers[2].whatsappNumber"
    assert "$.receivers[1].whatsappNumber" in problem["problem"]
    assert world.count == {JOHN: 1}


def test_a_csv_is_spoken_of_by_its_own_records(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    one = {**TEMPLATE, "whatsappNumber": JANE, "parameters": VALUES}
    assert world.run("send_template_message_v2", one).exit == 0
    clock.ahead += 601
    first_to_john(world)
    text = f"Phone,AllowBroadcast,name,ordernumber\n{JOHN},yes,John,12345\n{JANE},no,John,12345\n"
    (world.folder / "list.csv").write_text(text, encoding="utf-8")
    dry = world.run("send_template_message_csv", CSV, "--skip-sent", "--dry-run")
    assert dry.exit == 0, dry.text
    place = "$.whatsapp_numbers_csv[1]"
    about = [warning for warning in dry.data["warnings"] if "$.whatsapp" in warning]
    assert len(about) == 2 and all(place in warning for warning in about)


def test_a_problem_of_a_csv_is_named_by_its_own_record(world: World) -> None:
    given = {**CSV, "template_name": "payment_link"}
    values = [{"name": "name", "value": "John"}, {"name": "invoice", "value": "1"}]
    one = {**TEMPLATE, "template_name": "payment_link", "whatsappNumber": JOHN, "parameters": values}
    assert world.run("send_template_message_v2", one).exit == 0
    text = f"Phone,name,invoice\n{JOHN},John,1\n{JANE},Jane,a b\n"
    (world.folder / "list.csv").write_text(text, encoding="utf-8")
    run = world.run("send_template_message_csv", given, "--skip-sent", "--dry-run")
    assert [each["at"] for each in run.error["problems"]] == ["$.whatsapp_numbers_csv[1].invoice"]


def test_of_many_repeats_the_first_are_named_and_the_rest_are_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Repeats, "MOST", 2)
    script, three = BULK[1], arguments(world, BULK[1], JOHN, JANE, MARIA)
    assert world.run(script, three, "--confirm", "3").exit == 0
    run = world.run(script, four := arguments(world, script, JOHN, JANE, MARIA, STRANGER), "--confirm", "4")
    assert run.error["message"] == "The journal already has this message for 3 of 4 receivers."
    assert [each["problem"].split()[0] for each in run.error["problems"]] == ["the", "the"]
    assert run.error["more_problems"] == 1 and "use --skip-sent." in run.error["hint"]
    dry = world.run(script, four, "--dry-run").error
    assert dry["message"].startswith("The dry run found 3 problems")
    assert len(dry["problems"]) == 2 and dry["more_problems"] == 1
    skipped = world.run(script, four, "--skip-sent", "--dry-run").data["counts"]
    assert skipped == {"send_to": 1, "left_out": 3, "left_out_unknown": 0}


def test_of_many_of_unknown_outcome_the_first_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(left_out, "MOST_PROBLEMS", 1)
    world.lose()
    assert world.run(BULK[0], arguments(world, BULK[0], JANE, MARIA), "--confirm", "2").exit == 7
    run = world.run(BULK[0], arguments(world, BULK[0], JOHN, MARIA, JANE), "--skip-sent", "--confirm", "1")
    assert run.data["counts"] == {"accepted": 1, "left_out": 0, "left_out_unknown": 2}
    assert run.data["left_out_unknown"] == {"1": [MARIA]}
    assert world.count == {JOHN: 1, JANE: 1, MARIA: 1}
