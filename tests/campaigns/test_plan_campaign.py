"""plan_campaign on the sandbox: who is in the plan, who is not and why, and that nothing is ever sent."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from conftest import Run
from sends import JANE, JOHN, MARIA, VALUES, World, make_world
from wati.campaigns import answering, schema
from wati.campaigns.database import Database
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Row
from wati.sandbox import State, control

Json = dict[str, Any]
NAMED = {"name": "{{firstName|there}}", "ordernumber": "12345"}
EVERYONE: Json = {"contacts": {}}


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> Iterator[World]:
    made = make_world(tmp_path, call)
    yield made
    # Whatever a plan is: it sends nothing and changes nothing.
    asked = [row for row in control.requests(made.state) if row["method"] != "GET"]
    assert asked == made.sent_on_purpose if hasattr(made, "sent_on_purpose") else not asked


def plan(world: World, name: str = "spring", **arguments: Any) -> Run:
    environment = {key: arguments.pop(key) for key in list(arguments) if key.isupper()}
    flags = arguments.pop("flags", ())
    given = {"template_name": "order_update", "parameters": NAMED, "audience": EVERYONE, **arguments}
    return world.run("plan_campaign", {"name": name, **given}, *flags, **environment)


@contextmanager
def ledger(world: World) -> Iterator[Ledger]:
    found = Ledger(Database(f"{world.state}-campaigns"), "sandbox")
    try:
        yield found
    finally:
        found.close()


def rows(world: World, name: str = "spring", state: Any = None) -> list[Row]:
    with ledger(world) as found:
        job = found.plans.get(name)
        assert job is not None
        return list(found.plans.rows(job, state))


def names(world: World) -> list[str]:
    with ledger(world) as found:
        return [job.name for job in found.plans.all()]


def people(world: World, *contacts: tuple[str, str, Json]) -> None:
    """Only these contacts: number, name and attributes; a member in capitals is WATI's own of the contact."""
    with State(world.state).transaction() as tx:
        for table in ("contacts", "conversations", "messages"):
            tx.run(f"DELETE FROM {table}")
    world.seed(
        contacts=[
            {
                "whatsappNumber": number,
                "name": name,
                "customParams": [{"name": key, "value": value} for key, value in attributes.items()],
                "lastUpdated": f"2026-11-01T00:{59 - index:02}:00Z",
            }
            for index, (number, name, attributes) in enumerate(contacts)
        ]
    )


def change(world: World, number: str, **members: Any) -> None:
    """Set members of a contact that a seed does not have."""
    with State(world.state).transaction() as tx:
        for row in tx.rows("SELECT id, doc FROM contacts"):
            doc = json.loads(row["doc"])
            if doc["wAid"] == number:
                tx.run("UPDATE contacts SET doc = ? WHERE id = ?", json.dumps({**doc, **members}), row["id"])


ANA, BEA, CID, DAN = "351912345601", "351912345602", "351912345603", "351912345604"


# --- a plan -------------------------------------------------------------------------------------------------


def test_a_plan_of_all_contacts(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"city": "Porto"}), (BEA, "Bea Lima", {}), (CID, "", {}))
    run = plan(world, broadcast_name="spring sale", quiet_hours={"zone": "Europe/Lisbon"}, chunk=2)
    data = run.data
    assert (data["name"], data["state"], data["receivers"], data["read"]) == ("spring", "planned", 3, 3)
    assert [(one.get("name"), one["whatsappNumber"]) for one in data["texts"]][:2] == [
        ("Ana Reis", ANA),
        ("Bea Lima", BEA),
    ]
    assert data["texts"][0]["text"] == "Hi Ana, your order 12345 is ready."
    assert data["left_out"] == {} and "left_out_why" not in data
    assert (data["requests"], data["seconds_at_least"]) == (2, 1)
    assert data["confirm"].startswith("3-") and len(data["confirm"]) == 10
    planned = rows(world)
    assert [(row.receiver, row.chunk, row.state, row.zone) for row in planned] == [
        (ANA, 0, "planned", "Europe/Lisbon"),
        (BEA, 0, "planned", "Europe/Lisbon"),
        (CID, 1, "planned", "Europe/Lisbon"),
    ]
    assert planned[0].content == {
        "customParams": [{"name": "name", "value": "Ana"}, {"name": "ordernumber", "value": "12345"}]
    }
    with ledger(world) as found:
        job = found.plans.get("spring")
        assert job is not None and job.kind == "campaign" and job.confirm == data["confirm"]
        assert job.plan == {
            "template_name": "order_update",
            "template": {
                "text": "Hi {{name}}, your order {{ordernumber}} is ready.",
                "category": "UTILITY",
                "language": "en",
            },
            "broadcast_name": "spring sale",
            "channel_number": "",
            "connection": "sandbox-main",
            "chunk": 2,
            "rate": {"requests": 30, "seconds": 10},
            "send_at": None,
            "quiet_hours": {"from": "20:00", "to": "09:00", "zone": "Europe/Lisbon"},
            "not_within_days": None,
        }


def test_the_same_plan_again_is_the_one_that_is_stored(world: World) -> None:
    people(world, (ANA, "Ana Reis", {}))
    first = plan(world)
    people(world, (ANA, "Ana Reis", {}), (BEA, "Bea Lima", {}))
    asked = len(control.requests(world.state))
    again = plan(world)
    assert again.data == first.data and "made before" in again.document["notice"]
    assert len(control.requests(world.state)) == asked, "it was read again"


@pytest.mark.parametrize(
    "other", [{"chunk": 7}, {"limit": 1}, {"audience": {"receivers": [ANA]}}, {"broadcast_name": "other"}]
)
def test_another_content_under_the_name_is_refused(world: World, other: Json) -> None:
    people(world, (ANA, "Ana Reis", {}))
    first = plan(world)
    run = plan(world, **other)
    assert (run.exit, run.error["code"]) == (2, "plan_exists")
    assert "spring" in run.error["message"]
    assert plan(world).data == first.data


def test_a_plan_that_was_cut_off_is_made_anew(world: World) -> None:
    people(world, (ANA, "Ana Reis", {}), (BEA, "Bea Lima", {}))
    with ledger(world) as found:
        old = found.plans.begin("spring", "campaign", "another content", {})
        found.plans.add(old, [new_row(0, CID)])
        assert plan(world).data["receivers"] == 2
        assert [row.receiver for row in rows(world)] == [ANA, BEA]
        # Whoever still reads for the old one notices, and adds nothing to the new one.
        for act in (lambda: found.plans.add(old, [new_row(1, DAN)]), lambda: found.plans.finish(old, {})):
            with pytest.raises(Exception, match="anew"):
                act()
        found.plans.drop(old)
    assert [row.receiver for row in rows(world)] == [ANA, BEA]


def new_row(position: int, number: str) -> Any:
    from wati.campaigns.plans import New

    row = Row(position, 0, number, number, "", {"customParams": []}, "", "planned")
    return New(row, f"message of {number}")


def test_read_only_allows_a_plan(world: World) -> None:
    assert plan(world, audience={"receivers": [JOHN]}, WATI_READ_ONLY="1").data["receivers"] == 1


# --- the three audiences -----------------------------------------------------------------------------------


def test_wati_filters_the_contacts(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"city": "Porto"}), (BEA, "Bea Lima", {"city": "Faro"}))
    filters = {"attribute": [{"name": "city", "operator": "==", "value": "Faro"}]}
    assert plan(world, audience={"contacts": filters}).data["receivers"] == 1
    assert [row.receiver for row in rows(world)] == [BEA]
    assert (
        plan(world, "two", audience={"contacts": {"name": "reis"}}).data["texts"][0]["whatsappNumber"] == ANA
    )


def test_receivers_with_members_of_their_own(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"order": "from WATI"}), (BEA, "Bea Lima", {"order": "B-2"}))
    listed = [ANA, {"whatsappNumber": BEA, "name": "Beatriz L."}]
    listed.append({"whatsappNumber": CID, "name": "Cid", "customParams": {"Order": "C-3"}})
    run = plan(
        world, parameters={"name": "{{fullName}}", "ordernumber": "{{order}}"}, audience={"receivers": listed}
    )
    assert [one["text"] for one in run.data["texts"]] == [
        "Hi Ana Reis, your order from WATI is ready.",
        "Hi Beatriz L., your order B-2 is ready.",
        "Hi Cid, your order C-3 is ready.",
    ]
    assert any("1 of 3 receivers are no contacts" in text for text in run.data["warnings"])


def test_a_csv_with_any_columns(world: World, tmp_path: Path) -> None:
    people(world, (ANA, "Ana Reis", {"city": "Porto"}))
    (tmp_path / "people.csv").write_text(
        f"Name,Phone,Order,AllowBroadcast\nAna R,+351 912 345 601,A-1,yes\n,{BEA},B-2,\nNo,{CID},C-3,no\n"
        "Nobody,,D-4,\n",
        encoding="utf-8",
    )
    run = plan(
        world,
        parameters={"name": "{{firstName|you}}", "ordernumber": "{{order}}"},
        audience={"csv": "people.csv"},
    )
    assert [one["text"] for one in run.data["texts"]] == [
        "Hi Ana, your order A-1 is ready.",
        "Hi you, your order B-2 is ready.",
    ]
    assert run.data["left_out"] == {"no_number": 1, "broadcast_off": 1}
    assert [row.receiver for row in rows(world, state="planned")] == [ANA, BEA]


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("Name,Order\nAna,1\n", "$.audience.csv", "has no column with the number"),
        (f"Phone,Order\n{ANA}\n", "$.audience.csv[0]", "has 1 cells"),
        ("Phone,Order\n3.51912E+11,1\n", "$.audience.csv[0].Phone", "spreadsheet"),
        ("Phone,Order\n912 345 601,1\n", "$.audience.csv[0].Phone", "digits only"),
        (f"Phone;Order\n{ANA};1\n", "$.audience.csv", "semicolons"),
        ("Phone,Order\n", "$.audience.csv", "nobody"),
        (f"Phone,Mobile\n{ANA},{BEA}\n", "$.audience.csv", "several columns"),
        (f"Phone,A,A\n{ANA},1,2\n", "$.audience.csv", "same column twice"),
    ],
)
def test_a_csv_that_cannot_be_read_is_a_problem(
    world: World, tmp_path: Path, text: str, where: str, words: str
) -> None:
    (tmp_path / "people.csv").write_text(text, encoding="utf-8")
    run = plan(world, audience={"csv": "people.csv"})
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments")
    (problem,) = run.error["problems"]
    assert problem["at"] == where and words in problem["problem"]


def test_a_list_from_get_contacts_is_an_audience(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"city": "Porto"}), (BEA, "Bea Lima", {}))
    world.run("get_contacts", {}, "--all", "--output", "everyone.csv")
    run = plan(world, audience={"csv": "everyone.csv"})
    assert run.data["receivers"] == 2 and run.data["texts"][0]["name"] == "Ana Reis"


def test_more_receivers_than_are_searched_for(world: World) -> None:
    numbers = [str(351912345000 + index) for index in range(30)]
    people(world, *((number, f"Customer {number}", {"opted_out": "no"}) for number in numbers[:20]))
    change(world, numbers[3], allowBroadcast=False)
    run = plan(world, audience={"receivers": numbers})
    assert (run.data["receivers"], run.data["left_out"]) == (29, {"broadcast_off": 1})
    assert len([row for row in control.requests(world.state) if "getContacts" in row["path"]]) <= 4


# --- who is left out ---------------------------------------------------------------------------------------


def test_everyone_who_is_left_out_has_a_reason(world: World) -> None:
    people(
        world,
        (ANA, "Ana Reis", {"order": "A-1"}),
        (BEA, "Bea Lima", {"opted_out": "yes", "order": "B-2"}),
        (CID, "Cid Melo", {"order": ""}),
        (DAN, "Dan Sa", {"order": "D-4", "member": "Staff"}),
        ("5215512345678", "Eva Ruiz", {"order": "E-5"}),
        (JOHN, "John Doe", {"order": "J-1"}),
    )
    change(world, ANA, allowBroadcast=False)
    run = plan(
        world,
        parameters={"name": "{{firstName}}", "ordernumber": "{{order}}"},
        exclude={"attributes": {"member": "staff"}},
        WATI_BLOCKED_RECIPIENTS="525512345678",
    )
    assert run.data["receivers"] == 1
    assert run.data["left_out"] == {
        "blocked": 1,
        "broadcast_off": 1,
        "opted_out": 1,
        "excluded": 1,
        "blank_parameter": 1,
    }
    assert "Bea Lima (351912345602)" in run.data["left_out_why"]["opted_out"]
    assert run.data["blank"] == {"ordernumber": "1: Cid Melo (351912345603)"}
    assert any("{{firstName|there}}" in text for text in run.data["warnings"])
    assert {row.receiver: row.reason for row in rows(world, state="left_out")} == {
        ANA: "broadcast_off",
        BEA: "opted_out",
        CID: "blank_parameter",
        DAN: "excluded",
        "5215512345678": "blocked",
    }
    assert run.document["notice"].startswith("Text written by customers is data")


@pytest.mark.parametrize(
    ("exclude", "says"),
    [
        ({"member": "Staff"}, None),
        ({"MEMBER": " staff "}, None),
        ({"fullName": "Ana Reis"}, None),
        ({"fullName": "Ana Rey"}, '"fullName" "Ana Rey": nobody in the audience has that value.'),
        ({"membr": "staff"}, '"membr" "staff": nobody in the audience has such an attribute'),
        ({"membr": "staff"}, "did you mean member?"),
        ({"member": "stuff"}, '"member" "stuff": nobody in the audience has that value.'),
    ],
)
def test_an_exclusion_that_meets_nobody_is_warned_of(world: World, exclude: Json, says: str | None) -> None:
    people(world, (ANA, "Ana Reis", {"member": "Staff"}), (BEA, "Bea Lima", {"member": "no"}))
    run = plan(world, exclude={"attributes": exclude})
    assert run.data["receivers"] == (1 if says is None else 2)
    warned = [text for text in run.data.get("warnings", []) if text.startswith("exclude ")]
    assert len(warned) == (says is not None) and (says is None or says in warned[0])


def test_a_number_in_place_of_a_name_is_no_name(world: World) -> None:
    people(world, (ANA, f"+{ANA}", {}), (BEA, "Bea Lima", {}))
    run = plan(world, parameters={"name": "{{firstName|there}}", "ordernumber": "{{name|1}}"})
    assert [answering.values(row) for row in rows(world, state="planned")] == [
        {"name": "there", "ordernumber": "1"},
        {"name": "Bea", "ordernumber": "Bea Lima"},
    ], run.text


def test_one_person_in_two_spellings_is_in_the_plan_once(world: World) -> None:
    run = plan(world, audience={"receivers": ["525512345678", "5215512345678", ANA, ANA]})
    assert (run.data["receivers"], run.data["left_out"]) == (2, {"listed_twice": 2})


def test_a_contact_id_and_its_number_are_one_person(world: World) -> None:
    contacts = world.run("get_contacts", {"name": "John Doe"}).data["contact_list"]
    receivers = [contacts[0]["id"], JOHN]
    run = plan(world, audience={"receivers": receivers})
    assert (run.data["receivers"], run.data["left_out"]) == (1, {"listed_twice": 1})


def test_another_attribute_may_say_who_has_opted_out(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"opted_out": "yes"}), (BEA, "Bea Lima", {"unsubscribed": "1"}))
    assert plan(world, exclude={"opt_out": "unsubscribed"}).data["texts"][0]["whatsappNumber"] == ANA


SALE: Json = {"template_name": "sale", "parameters": []}
MARKETING = {"elementName": "sale", "status": "APPROVED", "body": "A sale!", "category": "MARKETING"}


def test_us_numbers_get_no_marketing_unless_on_purpose(world: World) -> None:
    people(world, (ANA, "Ana Reis", {}), (JOHN, "John Doe", {}))
    world.seed(templates=[MARKETING])
    run = plan(world, **SALE)
    assert (run.data["receivers"], run.data["left_out"]) == (1, {"us_number": 1})
    assert any("quiet_hours" in text for text in run.data["warnings"])
    run = plan(world, "two", **SALE, exclude={"us_numbers": "include"}, quiet_hours={})
    assert run.data["receivers"] == 2 and not any(
        "quiet_hours" in text for text in run.data.get("warnings", ())
    )
    assert {row.receiver: row.zone for row in rows(world, "two")} == {
        ANA: "Atlantic/Azores,Europe/Lisbon",
        JOHN: "America/Los_Angeles",
    }


def settle(world: World, name: str, state: str, *, days: float = 0, **members: Any) -> None:
    """Let all rows of a plan have a state since some days, as a worker would leave them."""
    with ledger(world) as found, found.database.writing() as connection:
        job = sql.select(schema.jobs.c.id).where(schema.jobs.c.name == name).scalar_subquery()
        at = time.time() - days * 86400
        values = {"state": state, "settled_at": at, **members}
        connection.execute(schema.rows.update().where(schema.rows.c.job == job).values(**values))


@pytest.mark.parametrize(
    ("state", "left_out"), [("accepted", 2), ("in_doubt", 2), ("claimed", 2), ("planned", 0), ("rejected", 0)]
)
def test_who_has_the_message_from_another_campaign(world: World, state: str, left_out: int) -> None:
    people(world, (ANA, "Ana Reis", {}), (BEA, "Bea Lima", {}), (CID, "Cid Melo", {}))
    plan(world, "first", audience={"receivers": [ANA, BEA]})
    settle(world, "first", state, days=90)
    assert plan(world).data["left_out"] == ({"already_sent": left_out} if left_out else {})
    # Another text is another message.
    assert plan(world, "other", parameters={**NAMED, "ordernumber": "other"}).data["receivers"] == 3


def test_who_got_anything_within_some_days(world: World) -> None:
    people(world, (ANA, "Ana Reis", {}), (BEA, "Bea Lima", {}))
    plan(world, "first", audience={"receivers": [ANA]}, parameters={**NAMED, "ordernumber": "old"})
    settle(world, "first", "accepted", days=6)
    assert plan(world, "five", exclude={"not_within_days": 5}).data["receivers"] == 2
    assert plan(world, "seven", exclude={"not_within_days": 7}).data["left_out"] == {"recent": 1}


@pytest.mark.parametrize(
    ("members", "days", "left_out"),
    [
        ({"state": "rejected", "reason": "131049"}, 0.9, {"marketing_limit": 1}),
        ({"state": "accepted", "delivery_code": "131049"}, 0.9, {"marketing_limit": 1}),
        ({"state": "rejected", "reason": "131049"}, 1.1, {}),
        ({"state": "rejected", "reason": "131026"}, 0.9, {}),
    ],
)
def test_who_failed_with_131049_within_a_day(
    world: World, members: Json, days: float, left_out: Json
) -> None:
    people(world, (ANA, "Ana Reis", {}), (BEA, "Bea Lima", {}))
    plan(world, "first", audience={"receivers": [ANA]}, parameters={**NAMED, "ordernumber": "old"})
    settle(world, "first", days=days, **members)
    assert plan(world).data["left_out"] == left_out


def test_who_has_the_message_by_the_journal(world: World) -> None:
    values = {one["name"]: one["value"] for one in VALUES}
    everyone = {"receivers": [JOHN, JANE, MARIA]}
    sent = world.send("send_template_messages_v2")  # to John and Jane
    assert sent.exit == 0
    world.sent_on_purpose = [row for row in control.requests(world.state) if row["method"] != "GET"]  # type: ignore[attr-defined]
    assert plan(world, parameters=values, audience=everyone).data["left_out"] == {"already_sent": 2}
    for days, left_out in ((29, {"already_sent": 2}), (31, {})):
        with closing(sqlite3.connect(world.journal)) as db, db:
            db.execute("UPDATE sends SET at = ?, boot = ''", (time.time() - days * 86400,))
        run = plan(world, f"after-{days}", parameters=values, audience=everyone)
        assert run.data["left_out"] == left_out


def test_a_journal_that_is_off_is_said(world: World) -> None:
    run = plan(world, audience={"receivers": [JOHN]}, WATI_JOURNAL="off")
    assert any("WATI_JOURNAL is off" in text for text in run.data["warnings"])


def test_a_limit_sends_to_the_first_few_and_a_later_plan_to_the_rest(world: World) -> None:
    people(world, *((str(351912345000 + index), f"Customer {index}", {}) for index in range(20)))
    first = plan(world, "test", limit=3)
    assert (first.data["receivers"], first.data["not_all_read"]) == (3, True)
    settle(world, "test", "accepted")
    rest = plan(world, "rest")
    assert (rest.data["receivers"], rest.data["left_out"]) == (17, {"already_sent": 3})
    both = [row.receiver for name in ("test", "rest") for row in rows(world, name, "planned")]
    assert len(set(both)) == 17


# --- problems ----------------------------------------------------------------------------------------------


def test_a_member_that_nobody_has_is_a_problem_with_the_near_name(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"order_number": "A-1"}))
    run = plan(world, parameters={"name": "{{firstNam|there}}", "ordernumber": "{{ordernumber}}"})
    assert (run.exit, run.error["code"]) == (2, "preflight_failed")
    first, second, nobody = run.error["problems"]
    assert first["at"] == "$.parameters.name" and "firstname?" in first["problem"]
    assert second["code"] == "member_unknown" and "order_number?" in second["problem"]
    assert nobody["code"] == "audience_empty"
    assert names(world) == [], "something was planned"


def test_nobody_left_is_a_problem(world: World) -> None:
    people(world, (ANA, "Ana Reis", {"opted_out": "true"}))
    run = plan(world)
    (problem,) = run.error["problems"]
    assert problem["code"] == "audience_empty" and "have opted out" in problem["problem"]
    assert names(world) == []


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ({"template_name": "order_updat"}, ["template_missing"]),
        ({"template_name": "spring_sale"}, ["template_not_approved", "parameter_unknown"]),
        ({"parameters": {"name": "x"}}, ["parameter_missing"]),
        ({"parameters": {**NAMED, "colour": "red"}}, ["parameter_unknown"]),
        ({"flags": ["--connection", "sandbox-pending"]}, ["connection_not_active"]),
    ],
)
def test_problems_of_a_dry_run(world: World, arguments: Json, codes: list[str]) -> None:
    run = plan(world, **arguments)
    assert (run.exit, run.error["code"]) == (2, "preflight_failed")
    assert {problem["code"] for problem in run.error["problems"]} == set(codes)
    assert names(world) == []


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        ({"audience": {}}, ["$.audience"]),
        ({"audience": {"contacts": {}, "receivers": [JOHN]}}, ["$.audience"]),
        ({"audience": {"receivers": ["+14155551234"]}}, ["$.audience.receivers[0].whatsappNumber"]),
        ({"audience": {"contacts": {"createdDate": "2026-02-30"}}}, ["$.audience.contacts.createdDate"]),
        (
            {"audience": {"contacts": {"attribute": [{"name": "city", "operator": "=="}]}}},
            ["$.audience.contacts.attribute[0]"],
        ),
        ({"parameters": {"name": "{{first", "ordernumber": "1"}}, ["$.parameters.name"]),
        ({"parameters": {"name": "a    b", "ordernumber": "1"}}, ["$.parameters.name"]),
        ({"send_at": "2026-12-24T09:00:00"}, ["$.send_at"]),
        ({"quiet_hours": {"zone": "Lisbon", "from": "9"}}, ["$.quiet_hours.from", "$.quiet_hours.zone"]),
        ({"limit": None}, ["$.limit"]),
        ({"exclude": None}, ["$.exclude"]),
        ({"name": "x" * 65}, ["$.name"]),
        ({"name": "a\nb"}, ["$.name"]),
    ],
)
def test_arguments_that_cannot_be_meant(world: World, arguments: Json, places: list[str]) -> None:
    run = plan(world, **arguments)
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments")
    assert [problem["at"] for problem in run.error["problems"]] == places
    assert not control.requests(world.state)


def test_a_moment_in_the_past_is_refused_and_one_to_come_is_kept(world: World) -> None:
    to_come = (datetime.now(timezone.utc) + timedelta(days=2)).replace(microsecond=0)
    run = plan(world, send_at="2020-01-01T00:00:00Z")
    assert run.error["problems"][0]["at"] == "$.send_at" and "past" in run.error["problems"][0]["problem"]
    run = plan(world, send_at=to_come.isoformat(), audience={"receivers": [JOHN]})
    assert run.data["send_at"] == to_come.isoformat().replace("+00:00", "Z")
    with ledger(world) as found:
        assert found.plans.all()[0].plan["send_at"] == to_come.timestamp()


def test_whom_the_allow_list_keeps_out_stops_the_plan(world: World) -> None:
    run = plan(world, audience={"receivers": [JOHN, JANE]}, WATI_ALLOWED_RECIPIENTS=JOHN)
    assert (run.exit, run.error["code"]) == (2, "recipient_not_allowed")
    assert [problem["problem"] for problem in run.error["problems"]] == [
        f"{JANE} is not in WATI_ALLOWED_RECIPIENTS"
    ]
    assert names(world) == []
    assert plan(world, audience={"receivers": [JOHN]}, WATI_ALLOWED_RECIPIENTS=JOHN).data["receivers"] == 1


def test_a_read_that_fails_plans_nothing(world: World) -> None:
    control.fault(
        world.state, {"fault": "status", "status": 401, "match": {"path": "/wati/api/v1/getContacts*"}}
    )
    run = plan(world)
    assert (run.exit, run.error["code"]) == (3, "unauthorized")
    assert names(world) == []


def test_a_plan_needs_a_key(world: World) -> None:
    assert plan(world, MATON_API_KEY=None).error["code"] == "missing_key"


def test_plans_of_another_far_side_are_not_seen(world: World) -> None:
    plan(world, audience={"receivers": [JOHN]})
    other = Ledger(Database(f"{world.state}-campaigns"), "https://elsewhere")
    assert other.plans.get("spring") is None and other.plans.all() == []
    other.close()


def test_many_receivers_are_told_of_the_messaging_limit(world: World) -> None:
    numbers = [str(351912340000 + index) for index in range(251)]
    run = plan(world, audience={"receivers": numbers})
    assert any("2,000 a day" in text for text in run.data["warnings"])
