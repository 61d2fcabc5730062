"""import_contacts on the sandbox: its log says who was added and changed, and how often."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from sends import JANE, JOHN, World, make_world
from wati.campaigns import importing, running, shift
from wati.campaigns.database import Database
from wati.campaigns.engine import Alone
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Row
from wati.campaigns.schema import rows
from wati.sandbox import control

Json = dict[str, Any]
COLUMNS = {"Phone": "whatsappNumber", "Full name": "name", "City": "city"}
ANA, BEA, CID = "351912345601", "351912345602", "351912345603"
LEADS = f"Phone,Full name,City,Note\n{ANA},Ana Reis,Porto,x\n{BEA},Bea Lima,,y\n{JOHN},Johnny,Lagos,\n"


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> World:
    """One in which an import works in this process, without waits."""
    monkeypatch.setattr(running, "_engine", lambda *_: Alone())
    monkeypatch.setattr(shift, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(importing, "RATES", dict.fromkeys(importing.RATES, (1000, 1.0)))
    monkeypatch.setattr("wati.campaigns.pace.MOST_A_SECOND", (1000, 1.0))
    monkeypatch.setattr("wati.campaigns.pace.PAUSE_SECONDS", 0.01)
    (tmp_path / "leads.csv").write_text(LEADS, encoding="utf-8")
    return make_world(tmp_path, call)


def run(world: World, *flags: str, **arguments: Any) -> Run:
    given = {"name": "leads", "csv": "leads.csv", "columns": COLUMNS, **arguments}
    environment = {name: given.pop(name) for name in list(given) if name.isupper()}
    return world.run("import_contacts", given, *flags, **environment)


def plan(world: World, **arguments: Any) -> Json:
    data: Json = run(world, "--dry-run", **arguments).data
    return data


def imported(world: World, **arguments: Any) -> Run:
    return run(world, "--confirm", plan(world, **arguments)["confirm"], **arguments)


@contextmanager
def ledger(world: World) -> Iterator[Ledger]:
    found = Ledger(Database(f"{world.state}-campaigns"), "sandbox")
    try:
        yield found
    finally:
        found.close()


def all_rows(world: World) -> list[Row]:
    with ledger(world) as found:
        job = found.plans.get("leads")
        return list(found.plans.rows(job)) if job else []


def set_rows(world: World, receiver: str, **members: Any) -> None:
    with ledger(world) as found, found.database.writing() as connection:
        connection.execute(rows.update().where(rows.c.receiver == receiver).values(**members))


def changed(world: World) -> Counter[tuple[str, str]]:
    """How often each contact was added and updated."""
    kinds = ("contact_added", "contact_updated")
    return Counter(
        (row["kind"], row["whatsappNumber"]) for row in control.log(world.state) if row["kind"] in kinds
    )


def attribute(world: World, number: str, name: str) -> str:
    where = [{"name": "phone", "operator": "==", "value": number}]
    (contact,) = world.run("get_contacts", {"attribute": where}).data["contact_list"]
    return str(contact["customParams"].get(name, ""))


# --- the plan ----------------------------------------------------------------------------------------------


def test_the_dry_run_is_the_plan_and_changes_nothing(world: World) -> None:
    data = plan(world)
    facts = data["preflight"]
    assert (facts["contacts"], facts["add"], facts["update"], facts["left_out"]) == (3, 2, 1, {})
    assert data["confirm"].startswith("3-")
    assert [(one["whatsappNumber"], one["action"]) for one in facts["first"]] == [
        (ANA, "add"),
        (BEA, "add"),
        (JOHN, "update"),
    ]
    assert facts["first"][0]["customParams"] == {"city": "Porto"}
    warnings = " ".join(data["warnings"])
    assert '"Note"' in warnings and "another name at WATI: 1" in warnings
    assert not changed(world)
    assert plan(world)["confirm"] == data["confirm"], "it is the same plan"
    assert all(row["method"] == "GET" for row in control.requests(world.state))


def test_an_import_adds_and_updates_each_once(world: World) -> None:
    done = imported(world)
    assert done.data["state"] == "done" and done.data["counts"]["accepted"] == 3
    assert done.document["outcome"] == "accepted"
    assert changed(world) == {
        ("contact_added", ANA): 1,
        ("contact_added", BEA): 1,
        ("contact_updated", JOHN): 1,
    }
    assert attribute(world, ANA, "city") == "Porto" and attribute(world, JOHN, "city") == "Lagos"
    before = changed(world)
    again = run(world, "--confirm", plan(world)["confirm"])
    assert again.data["state"] == "done" and changed(world) == before


def test_who_is_left_out(world: World, tmp_path: Path) -> None:
    lines = [ANA, "", "+351 912 345 601", JOHN, JANE]
    text = "".join(
        f"{number},Someone,{city}\n"
        for number, city in zip(lines, ["a", "b", "c", "", "d" * 1025], strict=True)
    )
    (tmp_path / "leads.csv").write_text("Phone,Full name,City\n" + text, encoding="utf-8")
    assert plan(world)["preflight"]["left_out"] == {
        "no_number": 1,
        "listed_twice": 1,
        "unchanged": 1,
        "long_value": 1,
    }
    assert [row.reason for row in all_rows(world)] == [
        "",
        "no_number",
        "listed_twice",
        "unchanged",
        "long_value",
    ]


def test_contacts_that_exist_can_be_skipped(world: World) -> None:
    assert plan(world, existing="skip")["preflight"]["left_out"] == {"exists": 1}
    assert imported(world, existing="skip").data["counts"]["accepted"] == 2
    assert ("contact_updated", JOHN) not in changed(world)


def test_an_import_of_many_reads_the_list_once(world: World, tmp_path: Path) -> None:
    numbers = [str(351912340000 + index) for index in range(30)] + [JOHN, JANE]
    text = "".join(f"{number},,Faro\n" for number in numbers)
    (tmp_path / "leads.csv").write_text("Phone,Full name,City\n" + text, encoding="utf-8")
    facts = plan(world)["preflight"]
    assert (facts["add"], facts["update"]) == (30, 2)
    assert len(control.requests(world.state)) <= 5
    # Additions and updates are in chunks of their own, because their rates differ.
    for row in all_rows(world):
        assert importing.ACTIONS[row.chunk % 2] == row.content["action"]


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        ({"columns": {"Full name": "name"}}, ["$.columns"]),
        ({"columns": {"Phone": "whatsappNumber", "Note": "WhatsAppNumber"}}, ["$.columns"]),
        (
            {"columns": {**COLUMNS, "Note": "City"}},
            ["$.columns.City", "$.columns.Note"],
        ),
        ({"existing": "replace"}, ["$.existing"]),
        ({"csv": "nowhere.csv"}, ["$.csv"]),
        ({"columns": {"Telephone": "whatsappNumber"}}, ["$.csv"]),
        ({"existing": None}, ["$.existing"]),
    ],
)
def test_arguments_that_cannot_be_meant(world: World, arguments: Json, places: list[str]) -> None:
    refused = run(world, "--dry-run", **arguments)
    assert refused.exit == 2
    assert [problem["at"] for problem in refused.error["problems"]] == places
    assert not all_rows(world)


def test_a_column_that_the_file_does_not_have(world: World) -> None:
    refused = run(world, "--dry-run", columns={**COLUMNS, "Citi": "town"})
    (problem,) = refused.error["problems"]
    assert problem["code"] == "column_missing" and "City?" in problem["problem"]


def test_a_new_attribute_with_nearly_a_known_name_is_asked_about(world: World) -> None:
    columns = {**COLUMNS, "City": "citty"}
    refused = run(world, "--dry-run", columns=columns)
    assert refused.error["code"] == "preflight_failed"
    (problem,) = refused.error["problems"]
    assert problem["code"] == "attribute_near" and '"city"' in problem["problem"]
    assert not all_rows(world)
    data = plan(world, columns=columns, new_attributes=["citty"])
    assert data["preflight"]["contacts"] == 3
    data = plan(world, name="other", columns={**COLUMNS, "City": "birthday"})
    assert any('"birthday"' in text for text in data["warnings"])


# --- the yes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("confirm", [[], ["--confirm", "3"], ["--confirm", "3-00000000"]])
def test_without_the_plan_s_value_nothing_happens(world: World, confirm: list[str]) -> None:
    plan(world)
    refused = run(world, *confirm)
    assert (refused.exit, refused.error["code"]) == (2, "confirmation_required")
    assert not changed(world)


def test_without_a_plan_nothing_happens(world: World) -> None:
    refused = run(world, "--confirm", "3-00000000")
    assert refused.error["code"] == "confirmation_required" and "--dry-run" in refused.error["hint"]


def test_a_file_that_changed_is_another_import(world: World, tmp_path: Path) -> None:
    confirm = plan(world)["confirm"]
    (tmp_path / "leads.csv").write_text(LEADS + f"{CID},Cid,Faro,\n", encoding="utf-8")
    for flags in (["--dry-run"], ["--confirm", confirm]):
        assert run(world, *flags).error["code"] == "plan_exists"
    assert not changed(world)


def test_read_only_refuses_even_the_dry_run(world: World) -> None:
    assert run(world, "--dry-run", WATI_READ_ONLY="1").error["code"] == "read_only"


# --- trouble -----------------------------------------------------------------------------------------------


def test_a_lost_answer_is_settled_by_the_contact(world: World) -> None:
    confirm = plan(world)["confirm"]
    world.lose(path=f"/wati/api/v1/addContact/{ANA}*")
    done = run(world, "--confirm", confirm)
    assert done.data["counts"]["accepted"] == 3
    assert changed(world)["contact_added", ANA] == 1


def test_a_rejection_is_of_its_row(world: World, tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_text(LEADS + f"{CID},Cid,Faro,\n", encoding="utf-8")
    confirm = plan(world)["confirm"]
    body = {"result": False, "info": "No such number"}
    where = {"path": f"/wati/api/v1/addContact/{ANA}*"}
    control.fault(world.state, {"fault": "status", "status": 200, "body": body, "match": where, "times": 0})
    done = run(world, "--confirm", confirm)
    assert (done.data["counts"]["accepted"], done.data["counts"]["rejected"]) == (3, 1)
    (row,) = [row for row in all_rows(world) if row.receiver == ANA]
    assert row.state == "rejected" and "No such number" in row.detail


def test_what_was_done_before_is_not_done_again(world: World) -> None:
    confirm = plan(world)["confirm"]
    set_rows(world, ANA, state="accepted")
    assert run(world, "--confirm", confirm).data["counts"]["accepted"] == 3
    assert ("contact_added", ANA) not in changed(world)


def test_who_is_in_doubt_is_looked_up_before_anything_is_repeated(world: World) -> None:
    confirm = plan(world)["confirm"]
    world.seed(
        contacts=[
            {"whatsappNumber": ANA, "name": "Ana", "customParams": [{"name": "city", "value": "Porto"}]}
        ]
    )
    for receiver in (ANA, BEA):
        set_rows(world, receiver, state="in_doubt", settled_at=time.time() - 3600)
    done = run(world, "--confirm", confirm)
    assert done.data["counts"]["accepted"] == 3
    assert changed(world) == {("contact_added", BEA): 1, ("contact_updated", JOHN): 1}


def test_who_came_into_doubt_just_now_waits_for_the_lists(world: World) -> None:
    confirm = plan(world)["confirm"]
    set_rows(world, BEA, state="in_doubt", settled_at=time.time())
    done = run(world, "--confirm", confirm)
    assert done.data["counts"]["in_doubt"] == 1 and ("contact_added", BEA) not in changed(world)
    set_rows(world, BEA, settled_at=time.time() - 3600)
    assert run(world, "--confirm", confirm).data["counts"]["accepted"] == 3
    assert changed(world)["contact_added", BEA] == 1
