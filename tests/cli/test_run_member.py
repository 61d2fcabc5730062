"""`run`: the flags as members of the JSON object, for hosts that have nothing but tool calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from conftest import ENDPOINTS, KEY, RUNNABLE, Run
from recording import FarSide, reply
from wati.arguments.flags import take_run
from wati.contract.options import FLAGS, NARROWING, NOT_IN_RUN, TYPES, Options, flags_of, run_schema

HELLO = {"whatsappNumber": "14155551234", "messageText": "Hello"}
BULK = {
    "template_name": "hi",
    "broadcast_name": "hi",
    "receivers": [
        {"whatsappNumber": number, "customParams": []} for number in ("14155551234", "14155555678")
    ],
}
# A good value for each member, and the command line that says the same.
GOOD: dict[str, tuple[Any, list[str]]] = {
    "dry_run": (True, ["--dry-run"]),
    "connection": ("conn-1", ["--connection", "conn-1"]),
    "timeout": (2.5, ["--timeout", "2.5"]),
    "fields": ("id,messages.text", ["--fields", "id,messages.text"]),
    "raw": (True, ["--raw"]),
    "verbose": (True, ["--verbose"]),
    "confirm": ("3", ["--confirm", "3"]),
    "again": (True, ["--again"]),
    "skip_sent": (True, ["--skip-sent"]),
    "all": (True, ["--all"]),
    "max_items": (7, ["--max-items", "7"]),
    "output": ("list.csv", ["--output", "list.csv"]),
    "media": (True, ["--media"]),
    "force": (True, ["--force"]),
    "detach": (True, ["--detach"]),
    "until_idle": (True, ["--until-idle"]),
}
NEEDS = {"max_items": {"all": True}, "output": {"all": True}, "force": {"all": True, "output": "x.csv"}}
OTHER_FORMS = {"timeout": ["2.5"], "fields": [["id", "messages.text"]], "confirm": [3], "max_items": ["7"]}
WRONG: dict[str, list[Any]] = {
    "dry_run": ["true", 1, 0, "", [], {}, "zzz", "-x"],
    "connection": [1, "", "a b", True, ["a"]],
    "timeout": [0, -1, "abc", "1e3", True, [], 3601, 10**400],
    "fields": [[], "", "a,,b", [1], ["a", None], [["a"]], {}, 5, True],
    "confirm": [True, 3.0, "", [], ["3"], {}],
    "max_items": [0, -1, 1.5, "many", True, 2_000_001],
    "output": ["", 5, True, []],
}


def members(name: str) -> dict[str, Any]:
    found: dict[str, Any] = run_schema(RUNNABLE[name])["properties"]
    return found


# --- the schema --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(RUNNABLE))
def test_the_members_are_the_script_s_flags(name: str) -> None:
    own = [flag.replace("-", "_") for flag in flags_of(RUNNABLE[name]) if flag not in NOT_IN_RUN]
    assert list(members(name)) == own and own
    schema = run_schema(RUNNABLE[name])
    Draft202012Validator.check_schema(schema)
    for member in own:
        Draft202012Validator(schema).validate({member: GOOD[member][0]})
    assert not Draft202012Validator(schema).is_valid({"nonsense": True})


def test_every_flag_is_tried_and_has_a_type() -> None:
    tried = {name.replace("_", "-") for name in GOOD} | set(NOT_IN_RUN)
    assert tried == set(FLAGS)
    assert {value for value, _ in FLAGS.values()} == set(TYPES)
    assert set(NARROWING) <= set(FLAGS)


# --- what it means -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(RUNNABLE))
def test_a_member_means_what_its_flag_means(name: str) -> None:
    from wati.cli.flags import parse

    for member in members(name):
        needed = NEEDS.get(member, {}) if RUNNABLE[name].items else {}
        needed |= {"output": "x.csv"} if member in ("force", "media") and "output" in members(name) else {}
        of_flags = [word for each in needed for word in GOOD[each][1]]
        needed = {each: GOOD[each][0] for each in needed}
        expected = parse(RUNNABLE[name], GOOD[member][1] + of_flags).options
        for value in [GOOD[member][0], *OTHER_FORMS.get(member, [])]:
            given = {"run": {member: value, **needed}, "x": 1}
            assert take_run(RUNNABLE[name], given, Options()) == ({"x": 1}, take_same(expected))


class take_same:
    """Equal to options with the same values."""

    def __init__(self, expected: Options) -> None:
        self.expected = expected

    def __eq__(self, other: object) -> bool:
        return vars(other) == vars(self.expected)

    def __hash__(self) -> int:
        return 0


def test_a_dry_run_in_the_json_sends_nothing(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("send_session_message", {**HELLO, "run": {"dry_run": True}})
    assert run.exit == 0 and run.document["outcome"] == "not_sent"
    assert far_side.writes == []


def test_a_bulk_send_is_confirmed_in_the_json(call: Callable[..., Run], far_side: FarSide) -> None:
    refused = call("send_template_messages", {**BULK, "run": {"confirm": "3"}})
    assert refused.error["code"] == "confirmation_required" and far_side.writes == []
    assert call("send_template_messages", {**BULK, "run": {"confirm": "2"}}).exit == 0
    (request,) = far_side.writes
    assert "run" not in request.json and len(request.json["receivers"]) == 2


def test_the_connection_goes_to_maton(call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("get_contacts", {"run": {"connection": "conn-7"}}).exit == 0
    (request,) = far_side.requests
    assert request.header("Maton-Connection") == "conn-7"


def test_verbose_in_the_json_shows_the_requests(call: Callable[..., Run]) -> None:
    run = call("get_contacts", {"run": {"verbose": True}})
    assert "GET /wati/api/v1/getContacts" in run.stderr and KEY not in run.stderr
    assert call("get_contacts", {}).stderr == ""


def test_it_comes_from_a_file_and_from_standard_input(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    text = json.dumps({**HELLO, "run": {"dry_run": True}})
    (tmp_path / "call.json").write_text(text, encoding="utf-8")
    for run in (
        call("send_session_message", "@call.json"),
        call("send_session_message", "-", stdin=text.encode()),
    ):
        assert run.document["outcome"] == "not_sent"
    assert far_side.writes == []


def test_flags_and_members_complete_each_other(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(reply({"result": "success", "contact_list": [{"id": "1"}, {"id": "2"}]}))
    run = call("get_contacts", {"run": {"all": True}}, "--max-items", "1")
    assert [contact["id"] for contact in run.data["contact_list"]] == ["1"]


def test_the_same_value_twice_is_no_riddle(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call(
        "send_session_message",
        {**HELLO, "run": {"dry_run": True, "timeout": 5}},
        "--dry-run",
        "--timeout",
        "5.0",
    )
    assert run.exit == 0 and run.document["outcome"] == "not_sent" and far_side.writes == []


@pytest.mark.parametrize("empty", [None, {}, {"dry_run": False, "again": False}], ids=str)
def test_an_empty_run_changes_nothing(empty: Any, call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("send_session_message", {**HELLO, "run": empty}).exit == 0
    assert len(far_side.writes) == 1


# --- what is refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(ENDPOINTS))
def test_members_of_other_scripts_are_refused(name: str, call: Callable[..., Run], far_side: FarSide) -> None:
    foreign = [member for member in GOOD if member not in members(name)]
    for member in [*foreign, "help", "schema", "dry-run", "Dry_run", "nonsense"]:
        run = call(name, {"run": {member: GOOD.get(member, (True,))[0]}})
        assert run.exit == 2 and run.error["code"] == "usage", member
        assert f'"{member}"' in run.error["message"]
        assert all(own in run.error["hint"] for own in members(name))
    assert far_side.requests == []


def test_a_near_name_is_suggested(call: Callable[..., Run]) -> None:
    for near in ("dryrun", "dry-run", "Dry_Run"):
        run = call("send_session_message", {**HELLO, "run": {near: True}})
        assert "did you mean dry_run?" in run.error["message"]


@pytest.mark.parametrize("member", WRONG)
def test_a_wrong_value_is_refused_by_name(member: str, call: Callable[..., Run], far_side: FarSide) -> None:
    (name, others) = {
        "confirm": ("send_template_messages", BULK),
        "max_items": ("get_contacts", {}),
        "output": ("get_contacts", {}),
    }.get(member, ("send_session_message", HELLO))
    for value in WRONG[member]:
        extra = {"all": True} if member in ("max_items", "output") else {}
        run = call(name, {**others, "run": {member: value, **extra}})
        assert run.exit == 2 and run.error["code"] == "usage", value
        assert f"run.{member}" in run.error["message"] and "--" not in run.error["message"], value
    assert far_side.requests == []


@pytest.mark.parametrize("value", ["dry_run", [], ["dry_run"], 1, True, ""], ids=repr)
def test_run_is_an_object(value: Any, call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("send_session_message", {**HELLO, "run": value})
    assert run.error["code"] == "usage" and "run is" in run.error["message"]
    assert far_side.requests == []


def test_words_take_flags_instead(call: Callable[..., Run], far_side: FarSide) -> None:
    for word in ("run=dry_run", 'run={"dry_run": true}', "run.dry_run=true"):
        run = call("send_session_message", "whatsappNumber=14155551234", "messageText=Hi", word)
        assert run.exit == 2
    assert far_side.requests == []


def test_null_is_refused_where_more_would_be_done(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call(
        "send_template_messages", {**BULK, "run": {flag.replace("-", "_"): None for flag in NARROWING[:3]}}
    )
    assert run.error["code"] == "usage"
    assert all(f"run.{name}" in run.error["message"] for name in ("dry_run", "connection", "skip_sent"))
    assert far_side.requests == []
    harmless = {"confirm": "2", "timeout": None, "again": None, "raw": None, "fields": None, "verbose": None}
    assert call("send_template_messages", {**BULK, "run": harmless}).exit == 0


@pytest.mark.parametrize(
    ("run", "flags"),
    [
        ({"timeout": 5}, ["--timeout", "6"]),
        ({"dry_run": False}, ["--dry-run"]),
        ({"connection": "a"}, ["--connection=b"]),
        ({"fields": ["id"]}, ["--fields", "text"]),
    ],
    ids=str,
)
def test_different_values_in_both_places_are_refused(
    run: dict[str, Any], flags: list[str], call: Callable[..., Run], far_side: FarSide
) -> None:
    result = call("send_session_message", {**HELLO, "run": run}, *flags)
    assert result.error["code"] == "usage" and "different values" in result.error["message"]
    assert far_side.requests == []


def test_names_and_values_are_no_problem_beside_one_of_run(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    one = {"whatsappNumber": "14155551234", "template_name": "hi", "broadcast_name": "hi"}
    run = call("send_template_message", {**one, "parameters": {"a": "1"}, "run": {"rwa": True}})
    assert run.error["code"] == "usage" and "problems" not in run.error
    run = call("send_template_message", {**one, "parameters": {"a": 1, "b": "2"}, "run": {"rwa": True}})
    assert [problem["at"] for problem in run.error["problems"]] == ["$.parameters.a"]
    assert far_side.requests == []


def test_every_problem_comes_at_once(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call(
        "get_contacts",
        {"pageSize": 0, "run": {"timeout": 0, "max_items": 5, "raw": 1, "nonsense": 1, "fields": ["a b"]}},
    )
    assert run.error["code"] == "usage"
    for named in ("run.timeout", "run.max_items needs run.all", "run.raw", '"nonsense"', "run.fields"):
        assert named in run.error["message"]
    assert [problem["at"] for problem in run.error["problems"]] == ["$.pageSize"]
    assert far_side.requests == []


def test_the_key_in_the_arguments_is_not_shown_in_part(call: Callable[..., Run]) -> None:
    long_key = "k" * 80
    run = call("get_contacts", {"name": long_key, "pageSize": "x", "run": {"raw": 1}}, MATON_API_KEY=long_key)
    assert run.error["code"] == "invalid_arguments" and "kkkk" not in run.text


def test_guards_hold(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("send_session_message", {**HELLO, "run": {"again": True}}, WATI_READ_ONLY="1")
    assert run.error["code"] == "read_only" and far_side.requests == []
