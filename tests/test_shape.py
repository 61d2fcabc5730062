"""What of an answer is shown: nothing that matters is lost, nothing is too long, and a cut list can go on."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import ENDPOINTS, Run
from recording import CONNECTION, FarSide, reply
from wati import shape
from wati.output import render

Caller = Callable[..., Run]
LISTS = {name: endpoint for name, endpoint in ENDPOINTS.items() if endpoint.items}


def answer(name: str, items: list[Any], **members: Any) -> dict[str, Any]:
    """A success of a list endpoint."""
    body: Any = items
    for step in reversed(ENDPOINTS[name].items.split(".")):
        body = {step: body}
    return {"result": "success", **body, **members}


# --- what says nothing -------------------------------------------------------------------------------------

CONTACT = {
    "id": "d6b5915c46057bcb005f46f6",
    "wAid": "14155551234",
    "firstName": "John",
    "fullName": "John Doe",
    "phone": "14155551234",
    "contactStatus": "VALID",
    "created": "Sep-21-2026",
    "customParams": [{"name": "name", "value": "John Doe"}, {"name": "city", "value": "Lisboa"}],
    "optedIn": False,
    "isDeleted": False,
    "allowBroadcast": True,
    "teamIds": [],
    "lastUpdated": "2026-11-20T09:00:00.000Z",
    "newMember": False,
}


def shown(contact: dict[str, Any]) -> Any:
    return shape.without(answer("get_contacts", [contact]), ENDPOINTS["get_contacts"].hides)["contact_list"][
        0
    ]


def test_a_contact_without_what_says_nothing() -> None:
    assert shown(CONTACT) == {
        "id": "d6b5915c46057bcb005f46f6",
        "wAid": "14155551234",
        "fullName": "John Doe",
        "created": "Sep-21-2026",
        "customParams": [{"name": "city", "value": "Lisboa"}],
        "optedIn": False,
        "lastUpdated": "2026-11-20T09:00:00.000Z",
        "newMember": False,
    }


@pytest.mark.parametrize(
    "other",
    [
        {"contactStatus": "INVALID"},
        {"isDeleted": True},
        {"allowBroadcast": False},
        {"isDeleted": 0},
        {"teamIds": ["t1"]},
        {"phone": "14155559999"},
        {"firstName": "Jo"},
        {"firstName": "Johnny"},
        {"firstName": "Doe"},
        {"customParams": [{"name": "name", "value": "Johnny"}]},
        {"customParams": [{"name": "phone", "value": "14155559999"}]},
        {"customParams": [{"name": "name", "value": "John Doe", "more": 1}]},
        {"customParams": []},
        {"customParams": "name"},
    ],
    ids=json.dumps,
)
def test_what_is_not_as_usual_stays(other: dict[str, Any]) -> None:
    found = shown({**CONTACT, **other})
    assert {name: found.get(name) for name in other} == other


def test_a_member_without_the_one_that_it_repeats_stays() -> None:
    alone = {"firstName": "John", "phone": "1", "customParams": [{"name": "phone", "value": "1"}]}
    assert shown(alone) == alone
    message = {"timestamp": "1795165200"}
    hides = ENDPOINTS["get_messages"].hides
    assert shape.without(answer("get_messages", [message]), hides) == {"messages": {"items": [message]}}


# --- what was asked for ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", ",", "a,", ",a", "a,,b", ".a", "a.", "a..b", " a", "a, b", "a. b", "a\n"]
)
def test_what_is_no_list_of_paths(text: str, call: Caller, far_side: FarSide) -> None:
    with pytest.raises(ValueError, match="names between commas"):
        shape.fields(text)
    run = call(
        "send_session_message", {"whatsappNumber": "14155551234", "messageText": "x"}, f"--fields={text}"
    )
    assert run.exit == 2 and run.error["code"] == "usage"
    assert far_side.requests == []


def test_fields_and_raw_do_not_go_together(call: Caller, far_side: FarSide) -> None:
    run = call("get_contacts", {}, "--fields", "id", "--raw")
    assert run.exit == 2 and run.error["code"] == "usage" and far_side.requests == []


@pytest.mark.parametrize(
    ("paths", "picked"),
    [
        ("wAid", {"wAid": "14155551234"}),
        ("phone,isDeleted", {"phone": "14155551234", "isDeleted": False}),
        ("customParams.value", {"customParams": [{"value": "John Doe"}, {"value": "Lisboa"}]}),
        ("customParams,customParams.value", {"customParams": CONTACT["customParams"]}),
        ("customParams.value,customParams", {"customParams": CONTACT["customParams"]}),
        ("newMember", {"newMember": False}),
        ("photo", {}),
    ],
)
def test_fields_choose_of_each_item(paths: str, picked: Any, call: Caller, far_side: FarSide) -> None:
    far_side.always(reply(answer("get_contacts", [CONTACT, {}, CONTACT], link={"total": 3})))
    run = call("get_contacts", {}, "--fields", paths)
    assert run.data == {"contact_list": [picked, {}, picked]}
    assert run.document["page"]["next"] == 2


def test_an_unknown_field_of_a_list_is_told_the_near_one(call: Caller, far_side: FarSide) -> None:
    far_side.always(reply(answer("get_contacts", [CONTACT])))
    run = call("get_contacts", {}, "--fields", "wAid,newMembr,contact_list.id")
    assert run.exit == 2 and run.error["code"] == "usage"
    assert "no newMembr (did you mean newMember?)" in run.error["message"]
    assert "contact_list.id" in run.error["message"] and "wAid" not in run.error["message"]


def test_an_empty_page_refuses_no_field(call: Caller, far_side: FarSide) -> None:
    far_side.always(reply(answer("get_contacts", [])))
    assert call("get_contacts", {}, "--fields", "whatever.newer").data == {"contact_list": []}


def test_an_accepted_send_stays_accepted_whatever_the_fields(call: Caller, far_side: FarSide) -> None:
    arguments = {"whatsappNumber": "14155551234", "messageText": "x"}
    run = call("send_session_message", arguments, "--fields", "mesage.id")
    assert run.exit == 0 and run.document["outcome"] == "accepted" and run.data == {}
    assert "no mesage.id" in run.document["notice"]
    assert len(far_side.to("/wati/")) == 1


def test_no_field_brings_a_secret_link_to_light(call: Caller, far_side: FarSide) -> None:
    hidden = {**CONNECTION, "url": "https://example.com/elsewhere/token-that-must-not-leak"}
    far_side.always(reply({"connections": [hidden]}), to="/connections")
    run = call("list_connections", {}, "--fields", "connections.url")
    assert "token-that" not in run.text


# --- what fits ---------------------------------------------------------------------------------------------


def sizes() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 4_000) | st.sampled_from([0, 29_000, 40_000]), min_size=1, max_size=100)


@settings(max_examples=60, deadline=None)
@given(sizes(), st.integers(1, 100), st.sampled_from(sorted(LISTS)))
def test_going_on_as_told_brings_every_item_once(lengths: list[int], size: int, name: str) -> None:
    items = [{"id": n, "text": "x" * length} for n, length in enumerate(lengths)]
    brought: list[int] = []
    asked = {"pageSize": size, "pageNumber": 1}
    while True:
        start = (asked["pageNumber"] - 1) * asked["pageSize"]
        rows = items[start : start + asked["pageSize"]]
        if not rows:
            break
        page = {"number": asked["pageNumber"], "size": asked["pageSize"], "next": asked["pageNumber"] + 1}
        document = {"ok": True, "data": answer(name, rows), "page": page}
        shape.fit(document, LISTS[name].items, can_ask_again=True, render=render)
        text = render(document)
        assert len(text) <= shape.LONGEST
        document = json.loads(text)
        brought += [row["id"] for row in shape.listed(document["data"], LISTS[name].items) or []]
        cut = document["page"].get("cut")
        assert ("next" in document["page"]) is (cut is None)
        asked = cut["next"] if cut else {**asked, "pageNumber": document["page"]["next"]}
    assert brought == list(range(len(items)))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=50)
    | st.integers(1, 50_000).map("y".__mul__),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=9), inner, max_size=30),
    max_leaves=60,
)


@settings(max_examples=100, deadline=None)
@given(JSON, st.sampled_from([None, 2]))
def test_any_answer_fits(value: Any, indent: int | None) -> None:
    document = {"ok": True, "data": value}
    whole = render(document, indent=indent)
    shape.fit(document, "", can_ask_again=True, render=lambda given_: render(given_, indent=indent))
    text = render(document, indent=indent)
    assert len(text) <= shape.LONGEST
    assert json.loads(text)["ok"] is True
    assert text == whole or "Cut" in document["notice"]


def test_a_send_s_receivers_are_never_cut() -> None:
    rows = [{"localMessageId": "x" * 36, "waId": str(n)} for n in range(1000)]
    document = {"ok": True, "data": {"receivers": rows}, "outcome": "accepted"}
    shape.fit(document, "", can_ask_again=False, render=render)
    assert document == {"ok": True, "data": {"receivers": rows}, "outcome": "accepted"}
    groups = {"accepted": [str(n) for n in range(5000)], "rejected": ["1"], "unknown": []}
    error = {
        "code": "partial",
        "receivers": groups,
        "answer": {"text": "x" * 40_000},
        "problems": [{"at": "$"}],
    }
    failed = {"ok": False, "error": dict(error)}
    shape.fit(failed, "", can_ask_again=False, render=render)
    assert failed["error"]["receivers"] == groups and failed["error"]["code"] == "partial"
    assert len(render(failed["error"]["answer"])) < 200
