"""opt_out: what WATI and the block list get, and what the document says if only one of them got it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from sends import JANE, JOHN, MARIA, World, make_world
from wati.files import block_list
from wati.reads import opt_out
from wati.sandbox import control

Json = dict[str, Any]
UPDATE = "/wati/api/v1/updateContactAttributes/*"
SHORT, LONG = "525512345678", "5215512345678"
ME = {"whatsappNumber": JOHN}
BACK = {**ME, "take_back": True}


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


@pytest.fixture
def blocked(world: World) -> Path:
    """The file of the block list, which `run` uses."""
    path = world.folder / "blocked.txt"
    path.write_text("# asked us\n14155550199\n", encoding="utf-8")
    return path


def run(world: World, arguments: Any, *flags: str, **environment: str | None) -> Run:
    listed = world.folder / "blocked.txt"
    return world.run("opt_out", arguments, *flags, **{"WATI_BLOCKED_RECIPIENTS": f"@{listed}", **environment})


def marks(world: World) -> list[tuple[str, Any]]:
    """What WATI was told, in order."""
    rows = [row for row in control.log(world.state) if row["kind"] == "contact_updated"]
    return [(row["whatsappNumber"], row["customParams"]) for row in rows]


def mark(value: str, name: str = "opted_out") -> list[Json]:
    return [{"name": name, "value": value}]


def test_a_customer_is_marked_and_blocked(world: World, blocked: Path) -> None:
    done = run(world, ME)
    assert done.data == {
        "whatsappNumber": JOHN,
        "opted_out": True,
        "attribute": "opted_out",
        "block_list": "added",
    }
    assert done.document["outcome"] == "accepted" and "notice" not in done.document
    assert marks(world) == [(JOHN, mark("true"))]
    assert blocked.read_text() == f"# asked us\n14155550199\n{JOHN}\n"
    send = world.send("send_session_message", WATI_BLOCKED_RECIPIENTS=f"@{blocked}")
    assert send.error["code"] == "recipient_not_allowed" and world.delivered == []
    assert run(world, ME).data["block_list"] == "listed already"
    assert blocked.read_text().count(JOHN) == 1


def test_it_is_taken_back_only_with_the_number(world: World, blocked: Path) -> None:
    run(world, ME)
    before = blocked.read_text()
    for flags in ([], ["--confirm", JANE], ["--confirm", "1"]):
        refused = run(world, BACK, *flags)
        assert refused.error["code"] == "confirmation_required" and JOHN not in refused.error["message"]
    assert len(marks(world)) == 1 and blocked.read_text() == before
    assert run(world, BACK, "--dry-run").data["confirm"] == JOHN
    done = run(world, BACK, "--confirm", JOHN)
    assert done.data["opted_out"] is False and done.data["block_list"] == "removed"
    assert marks(world)[1:] == [(JOHN, mark("false"))]
    assert blocked.read_text() == "# asked us\n14155550199\n"
    assert world.send("send_session_message", WATI_BLOCKED_RECIPIENTS=f"@{blocked}").exit == 0
    assert world.run("opt_out").data["count"] == 0


def test_what_still_blocks_is_said(world: World, blocked: Path) -> None:
    blocked.write_text(f"1415*\n{JOHN}\n")
    done = run(world, BACK, "--confirm", JOHN)
    assert done.data["block_list"] == "removed" and "still blocks" in done.document["notice"]
    assert blocked.read_text() == "1415*\n"


@pytest.mark.parametrize("listed", [None, JANE])
def test_without_a_file_only_the_contact_is_marked(world: World, listed: str | None) -> None:
    done = run(world, ME, WATI_BLOCKED_RECIPIENTS=listed)
    assert "block_list" not in done.data and "names no file" in done.document["notice"]
    assert marks(world) == [(JOHN, mark("true"))]
    assert "notice" not in run(world, ME, WATI_BLOCKED_RECIPIENTS=JOHN).document


def test_a_name_of_the_attribute(world: World, blocked: Path) -> None:
    assert run(world, {**ME, "attribute": "no_ads"}).data["attribute"] == "no_ads"
    assert marks(world) == [(JOHN, mark("true", "no_ads"))]
    assert run(world, {}).data["count"] == 0
    assert run(world, {"attribute": "No_Ads"}).data["count"] == 1


def test_a_dry_run_shows_both_and_changes_neither(world: World, blocked: Path) -> None:
    before = blocked.read_bytes()
    for arguments, value, what in ((ME, "true", "added"), (BACK, "false", "not listed")):
        facts = run(world, arguments, "--dry-run").data["preflight"]
        assert facts["request"]["json"] == {"customParams": mark(value)}
        assert facts["request"]["url"].endswith(f"/updateContactAttributes/{JOHN}")
        assert facts["block_list"] == f"{blocked}: {what}"
    assert blocked.read_bytes() == before and marks(world) == []


def test_a_dry_run_warns_of_an_attribute_with_nearly_the_same_name(world: World) -> None:
    world.seed(contacts=[{"whatsappNumber": "14155550777", "customParams": mark("yes", "opt_out")}])
    warnings = world.run("opt_out", ME, "--dry-run").data["warnings"]
    assert any('"opted_out" would be a new attribute; contacts have "opt_out"' in one for one in warnings)


@pytest.mark.parametrize(("known", "asked"), [(SHORT, LONG), (LONG, SHORT)])
def test_one_person_with_two_spellings(world: World, blocked: Path, known: str, asked: str) -> None:
    """The sandbox has a contact under the number that WhatsApp knows; the list may have either."""
    world.seed(contacts=[{"whatsappNumber": known}], messages=[{"whatsappNumber": known, "text": "STOP"}])
    blocked.write_text(f"{known}\n")
    shown = run(world, {"whatsappNumber": asked}, "--dry-run").data["preflight"]["request"]["url"]
    assert shown.endswith(known)
    done = run(world, {"whatsappNumber": asked})
    assert done.data["whatsappNumber"] == known and done.data["block_list"] == "listed already"
    assert [number for number, _ in marks(world)] == [known] and blocked.read_text() == f"{known}\n"
    back = run(world, {"whatsappNumber": asked, "take_back": True}, "--confirm", asked)
    assert back.data["block_list"] == "removed" and blocked.read_text() == ""


# --- guards -------------------------------------------------------------------------------------------------


def test_read_only_lets_the_list_through_and_nothing_else(world: World, blocked: Path) -> None:
    for arguments, flags in ((ME, []), (BACK, ["--confirm", JOHN]), (ME, ["--dry-run"])):
        refused = run(world, arguments, *flags, WATI_READ_ONLY="1")
        assert refused.error["code"] == "read_only"
    assert marks(world) == [] and JOHN not in blocked.read_text()
    assert run(world, {"list": True}, WATI_READ_ONLY="1").data["complete"] is True
    assert run(world, None, WATI_READ_ONLY="1").exit == 0


@pytest.mark.parametrize(
    "arguments",
    [
        {"take_back": True},
        {"list": True, **ME},
        {"list": True, "take_back": True},
        {"list": False},
        {"whatsappNumber": "+1 415"},
        {**ME, "take_back": None},
        {"attribute": ""},
        {**ME, "limit": 0},
    ],
    ids=str,
)
def test_what_is_not_clear_changes_nothing(world: World, blocked: Path, arguments: Json) -> None:
    refused = run(world, arguments, "--confirm", JOHN)
    assert refused.error["code"] == "invalid_arguments" and refused.error["problems"], refused.text
    assert marks(world) == [] and JOHN not in blocked.read_text()


def test_several_accounts_are_asked_about(world: World, blocked: Path) -> None:
    world.seed(connections=[{"connection_id": "second", "status": "ACTIVE"}])
    assert run(world, ME).error["code"] == "connection_ambiguous"
    assert run(world, ME, "--connection", "sandbox-main").exit == 0
    assert "none was named" in run(world, {}).document["notice"]


# --- one of the two fails -----------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Json, str, str]] = {  # fault, code, outcome
    "refused": ({"fault": "refuse", "times": 0}, "unreachable", "not_sent"),
    "lost": ({"fault": "lost_answer", "times": 0}, "upstream_error", "unknown"),
    "rejected": ({"fault": "status", "status": 200, "body": {"result": False}}, "rejected", "rejected"),
    "forbidden": ({"fault": "status", "status": 403}, "forbidden", "rejected"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_mark_that_fails_says_that_the_number_is_blocked(world: World, blocked: Path, name: str) -> None:
    fault, code, outcome = FAULTS[name]
    control.fault(world.state, {**fault, "match": {"path": UPDATE}})
    failed = run(world, ME)
    assert (failed.error["code"], failed.error["outcome"]) == (code, outcome), failed.text
    assert f"{JOHN} is added" in failed.document["notice"] and JOHN in blocked.read_text()
    assert len(marks(world)) in ((1, 2, 3, 4) if name == "lost" else (0,))
    control.clear_faults(world.state)
    assert run(world, ME).data["block_list"] == "listed already"


@pytest.mark.parametrize("name", FAULTS)
def test_a_mark_that_cannot_be_taken_back_stays_blocked(world: World, blocked: Path, name: str) -> None:
    run(world, ME)
    control.fault(world.state, {**FAULTS[name][0], "match": {"path": UPDATE}})
    failed = run(world, BACK, "--confirm", JOHN)
    assert failed.error["code"] == FAULTS[name][1] and JOHN in blocked.read_text()


def unwritable(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(block_list, "change", denied)


@pytest.mark.parametrize("arguments", [ME, BACK], ids=["mark", "take back"])
def test_a_file_that_cannot_be_written_is_said_and_the_contact_is_changed(
    world: World, blocked: Path, monkeypatch: pytest.MonkeyPatch, arguments: Json
) -> None:
    unwritable(monkeypatch)
    failed = run(world, arguments, "--confirm", JOHN)
    assert (failed.error["code"], failed.error["outcome"], failed.exit) == ("bad_setup", "accepted", 3)
    assert "contact was changed" in failed.error["message"]
    assert failed.error["problems"] == [
        {"at": "WATI_BLOCKED_RECIPIENTS", "problem": "cannot be written: permission denied"}
    ]
    assert len(marks(world)) == 1


def test_both_fail(world: World, blocked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unwritable(monkeypatch)
    control.fault(world.state, {"fault": "status", "status": 403, "match": {"path": UPDATE}})
    failed = run(world, ME)
    assert failed.error["code"] == "forbidden" and "cannot be written" in failed.document["notice"]
    assert marks(world) == []


@pytest.mark.skipif(os.name == "nt", reason="file modes do not bind there")
def test_a_dry_run_sees_that_the_file_cannot_be_written(
    world: World, blocked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused = run(world, ME, "--dry-run")
    (problem,) = refused.error["problems"]
    assert problem["code"] == "file_not_allowed" and "permission denied" in problem["problem"]


# --- the list -----------------------------------------------------------------------------------------------

VALUES = [
    *((value, True) for value in ("true", "True", "yes", "1", "2026-11-30", "x", "on", "n")),
    *((value, False) for value in ("", " ", "false", "False", "FALSE ", "no", "NO", "0", " 0")),
]


@pytest.mark.parametrize(("value", "is_marked"), VALUES)
def test_the_rule(world: World, value: str, is_marked: bool) -> None:
    world.seed(contacts=[{"whatsappNumber": "14155550777", "customParams": mark(value)}])
    found = world.run("opt_out", {"list": True}).data
    assert [one["whatsappNumber"] for one in found["opted_out"]] == ["14155550777"] * is_marked
    assert found["count"] == is_marked and found["complete"] is True


@pytest.mark.parametrize(
    ("params", "is_marked"),
    [
        (None, False),
        ("opted_out", False),
        ([None, {}, {"name": None, "value": "true"}], False),
        (mark("no") + mark("yes"), True),
        ([{"name": "Opted_Out ", "value": True}], True),
        ([{"name": "opted_out", "value": False}], False),
        ([{"name": "opted_out", "value": 0}], False),
        ([{"name": "opted_out", "value": 1}], True),
        ([{"name": "opted_out", "value": None}, {"name": "opted_out_of_ads", "value": "yes"}], False),
        ([{"name": "opted_out"}], False),
    ],
    ids=str,
)
def test_the_rule_for_any_form(params: Any, is_marked: bool) -> None:
    assert opt_out.is_marked({"customParams": params}) is is_marked


def test_the_name_of_the_attribute_is_compared_without_case_and_spaces() -> None:
    assert opt_out.is_marked({"customParams": mark("yes")}, " Opted_OUT ")
    assert not opt_out.is_marked({"customParams": mark("yes")}, "opted out")


def test_the_list_says_who_is_only_on_one_side(world: World, blocked: Path) -> None:
    world.seed(contacts=[{"whatsappNumber": SHORT, "customParams": mark("true")}])
    world.seed(contacts=[{"whatsappNumber": "14155550777", "customParams": mark("true")}])
    blocked.write_text(f"{LONG},1499*\n{MARIA}\n")
    found = run(world, {}).data
    assert found["only_blocked"] == [MARIA] and found["count"] == 2
    assert {one["whatsappNumber"]: one.get("not_blocked") for one in found["opted_out"]} == {
        next(one["whatsappNumber"] for one in found["opted_out"] if one["whatsappNumber"][:2] == "52"): None,
        "14155550777": True,
    }
    assert run(world, {"limit": 1}).data["more"] is True


def many(world: World, count: int) -> None:
    contacts = [{"whatsappNumber": str(14155560000 + n), "customParams": mark("yes")} for n in range(count)]
    world.seed(contacts=contacts)


def test_a_list_that_ends_early_is_not_complete(world: World, pauses: list[float]) -> None:
    many(world, 150)
    match = {"path": "/wati/api/v1/getContacts"}
    control.fault(world.state, {"fault": "status", "status": 403, "match": match, "after": 1, "times": 0})
    found = world.run("opt_out", {"limit": 1000})
    assert found.data["complete"] is False and found.data["stopped"] == "forbidden"
    assert found.data["read"] == 100 and 0 < found.data["count"] <= 100
    assert "Not all contacts" in found.document["notice"]
    control.clear_faults(world.state)
    whole = world.run("opt_out", {"limit": 1000}).data
    assert whole["complete"] is True and whole["count"] == 150 and whole["read"] > 200
    control.fault(world.state, {"fault": "status", "status": 403, "match": match, "times": 0})
    assert world.run("opt_out").error["code"] == "forbidden"


def test_whoever_is_marked_while_the_list_is_read_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(world, 150)
    reads: list[int] = []
    from wati.reads.inbox import Rows

    page = Rows.page

    def marking(rows: Rows) -> Any:
        reads.append(1)
        if len(reads) == 2:  # the last one has moved to the top by the time that his page is read
            control.seed(world.state, {"contacts": [{"whatsappNumber": JANE, "customParams": mark("true")}]})
        return page(rows)

    monkeypatch.setattr(Rows, "page", marking)
    found = world.run("opt_out", {"limit": 1000}).data
    assert found["complete"] is True and found["count"] == 151
    assert [one["whatsappNumber"] for one in found["opted_out"]].count(JANE) == 1
