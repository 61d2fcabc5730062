"""Null for an optional argument is its absence, except where the call would then do or find more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import RUNNABLE, Run
from nulls import ABSENT_IF_NULL
from recording import FarSide

Json = dict[str, Any]
HELLO = {"whatsappNumber": "14155551234", "messageText": "Hello"}


def optional(schema: Json, path: str = "") -> Iterator[str]:
    """The paths of all optional members of a schema."""
    for name, member in schema.get("properties", {}).items():
        inner = f"{path}.{name}".lstrip(".")
        if name not in schema.get("required", []):
            yield inner
        yield from optional(member, inner)
    if "items" in schema:
        yield from optional(schema["items"], f"{path}[]")


@pytest.mark.parametrize("name", list(RUNNABLE))
def test_every_optional_argument_is_classified(name: str) -> None:
    schema = json.loads(Path(RUNNABLE[name].schema_file).read_text(encoding="utf-8"))
    classified = [*RUNNABLE[name].narrows, *ABSENT_IF_NULL.get(name, ())]
    assert sorted(classified) == sorted(optional(schema))
    assert "run" not in schema["properties"], "it would hide the flags"


def test_something_is_classified() -> None:
    assert sum(len(each.narrows) for each in RUNNABLE.values()) > 10 and len(ABSENT_IF_NULL) > 10


def test_null_of_a_harmless_member_is_not_sent(call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("send_session_message", {**HELLO, "replyContextId": None}).exit == 0
    (request,) = far_side.writes
    assert request.form == [("messageText", "Hello")]
    assert request.pairs == []


def test_nested_nulls_are_not_sent(call: Callable[..., Run], far_side: FarSide) -> None:
    receivers = [
        {"whatsappNumber": "14155551234", "customParams": [], "localMessageId": None},
        {"whatsappNumber": "14155555678", "customParams": [], "localMessageId": "two"},
    ]
    arguments = {"template_name": "hi", "broadcast_name": "hi", "receivers": receivers}
    assert call("send_template_messages_v2", arguments, "--confirm", "2").exit == 0
    (request,) = far_side.writes
    assert b"null" not in request.body and request.json["receivers"][1]["localMessageId"] == "two"


@pytest.mark.parametrize(
    ("name", "arguments", "at"),
    [
        ("get_contacts", {"name": None, "pageSize": 5}, "$.name"),
        ("get_contacts", {"attribute": None, "pageSize": 5}, "$.attribute"),
        (
            "get_contacts",
            {"attribute": [{"name": "city", "operator": "exist", "value": None}]},
            "$.attribute[0].value",
        ),
        ("find_contact", {"name": "Ann", "limit": None}, "$.limit"),
        ("find_contact", {"name": "Ann", "whatsappNumber": None}, "$.whatsappNumber"),
        ("check_send", {"id": None, "look": True}, "$.id"),
        ("send_session_message", {**HELLO, "channelPhoneNumber": None}, "$.channelPhoneNumber"),
    ],
)
def test_null_that_would_widen_the_call_is_refused_by_name(
    name: str, arguments: Json, at: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call(name, arguments)
    assert run.exit == 2 and run.error["code"] == "invalid_arguments"
    (problem,) = run.error["problems"]
    assert problem["at"] == at and "null" in problem["problem"] and "leave it out" in problem["problem"]
    assert far_side.requests == []


def test_null_of_a_required_member_is_reported_by_the_schema(call: Callable[..., Run]) -> None:
    run = call("send_session_message", {"whatsappNumber": "14155551234", "messageText": None})
    (problem,) = run.error["problems"]
    assert problem == {"at": "$.messageText", "problem": "is null; expected a string"}


@pytest.mark.parametrize(
    "run_member", [{}, {"run": None}, {"run": {"all": None, "max_items": None}}], ids=str
)
def test_a_call_whose_members_are_all_null_has_no_arguments(
    run_member: Json, call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"pageSize": None, "pageNumber": None, "name": None, "attribute": None, "createdDate": None}
    assert call("get_contacts", {**arguments, **run_member}).exit == 0
    (request,) = far_side.requests
    assert request.pairs == [("pageSize", "20"), ("pageNumber", "1")]
    missing = call("send_session_message", {"whatsappNumber": None, "messageText": None, "run": None})
    assert {problem["problem"] for problem in missing.error["problems"]} == {"is missing"}


def test_nulls_and_other_problems_are_named_at_once(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("get_contacts", {"name": None, "pageSize": 0, "nam": 1})
    assert {problem["at"] for problem in run.error["problems"]} == {"$.name", "$.pageSize", "$.nam"}
    assert far_side.requests == []
