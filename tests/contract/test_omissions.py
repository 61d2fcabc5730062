"""What an answer leaves out says nothing: what is not as usual, and what nobody knows, is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from conftest import ENDPOINTS, Run
from recording import CONNECTION, FarSide, reply
from wati.contract import omissions


def answer(name: str, items: list[Any]) -> dict[str, Any]:
    """A success of a list endpoint."""
    body: Any = items
    for step in reversed(ENDPOINTS[name].items.split(".")):
        body = {step: body}
    return {"result": "success", **body}


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
    return omissions.without(answer("get_contacts", [contact]), ENDPOINTS["get_contacts"].omits)[
        "contact_list"
    ][0]


def test_a_contact_without_what_says_nothing() -> None:
    assert shown(CONTACT) == {
        "id": "d6b5915c46057bcb005f46f6",
        "wAid": "14155551234",
        "fullName": "John Doe",
        "created": "Sep-21-2026",
        "customParams": [{"name": "city", "value": "Lisboa"}],
        "lastUpdated": "2026-11-20T09:00:00.000Z",
        "newMember": False,
    }


@pytest.mark.parametrize(
    "other",
    [
        {"contactStatus": "INVALID"},
        {"isDeleted": True},
        {"optedIn": True},
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
    hides = ENDPOINTS["get_messages"].omits
    assert omissions.without(answer("get_messages", [message]), hides) == {"messages": {"items": [message]}}


def test_fields_may_name_what_is_hidden_and_what_only_documents_know(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.always(reply(answer("get_contacts", [CONTACT])))
    run = call("get_contacts", {}, "--fields", "phone,isDeleted,photo,lastFlowId")
    assert run.data == {"contact_list": [{"phone": "14155551234", "isDeleted": False}]}
    assert call("get_contacts", {}, "--fields", "photoo").error["code"] == "usage"


def test_no_field_brings_a_secret_link_to_light(call: Callable[..., Run], far_side: FarSide) -> None:
    secret = {**CONNECTION, "url": "https://example.com/elsewhere/token-that-must-not-leak"}
    far_side.always(reply({"connections": [secret]}), to="/connections")
    for fields in ("url", "connections.url"):
        assert "token-that" not in call("list_connections", {}, "--fields", fields).text


def test_raw_hides_nothing(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(reply(answer("get_contacts", [CONTACT])))
    assert call("get_contacts", {}, "--raw").data == answer("get_contacts", [CONTACT])
    arguments = {
        "whatsappNumber": "14155551234",
        "template_name": "t",
        "broadcast_name": "b",
        "parameters": [],
    }
    run = call("send_template_message", arguments, "--dry-run", "--raw", MATON_API_KEY=None)
    assert run.data["request"]["json"]["template_name"] == "t"


SENT = {
    "whatsappMessageId": "wamid.1",
    "id": "1",
    "localMessageId": "2",
    "owner": True,
    "eventType": "message",
    "statusString": "SENT",
    "text": "Hi",
    "operatorName": "Bot",
}


def test_a_message_just_sent_keeps_one_id_and_what_is_not_as_usual(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"whatsappNumber": "14155551234", "messageText": "Hi"}
    for without, shown in (
        ({}, {"whatsappMessageId": "wamid.1", "statusString": "SENT"}),
        ({"whatsappMessageId": None}, {"id": "1", "localMessageId": "2", "statusString": "SENT"}),
        ({"owner": False}, {"whatsappMessageId": "wamid.1", "owner": False, "statusString": "SENT"}),
    ):
        far_side.always(reply({"ok": True, "result": "success", "message": {**SENT, **without}}), to="/wati/")
        run = call("send_session_message", arguments, "--again")
        assert (run.exit, run.data) == (0, {"message": shown}), run.text


def test_hiding_changes_no_outcome_and_no_rule_hides_a_list_of_items() -> None:
    hiding = {name: endpoint for name, endpoint in ENDPOINTS.items() if endpoint.omits}
    assert len(hiding) >= 12
    for endpoint in hiding.values():
        kept = {
            "id",
            "wAid",
            "localMessageId",
            "waId",
            "elementName",
            "status",
            "statusString",
            "failedDetail",
        }
        for path, rule in endpoint.omits.items():
            assert path != endpoint.items and not endpoint.items.startswith(f"{path}."), path
            name = path.rpartition(".")[2]
            # No call takes a template's id; of a message that was just sent, WhatsApp's own id stays.
            whole = (endpoint.name, path) != ("get_message_templates", "messageTemplates.id")
            assert name not in kept or not whole or rule.when == "there is `whatsappMessageId`", path
            assert rule.when == "" or isinstance(rule.when, str)
