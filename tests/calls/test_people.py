"""Who the receivers are: their names, who wants no messages, and attributes that nearly exist."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import SANDBOX, Run
from recording import Answer, FarSide, reply
from wati.reads.opt_out import asks_to_stop
from wati.sandbox import control

Json = dict[str, Any]
JOHN, JANE = "14155551234", "14155555678"
VALUES = [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "1"}]
NAMES = {"template_name": "order_update", "broadcast_name": "b"}
ONE = {"whatsappNumber": JANE, **NAMES, "parameters": VALUES}
BULK = {**NAMES, "receivers": [{"whatsappNumber": n, "customParams": VALUES} for n in (JOHN, JANE)]}
TEMPLATE_SENDS = [
    ("send_template_message", ONE),
    ("send_template_message_v2", ONE),
    ("send_template_messages", BULK),
    ("send_template_messages_v2", BULK),
    ("send_template_message_csv", {**NAMES, "whatsapp_numbers_csv": "list.csv"}),
]


@pytest.fixture(autouse=True)
def listed(tmp_path: Path) -> None:
    text = f"Phone,name,ordernumber,AllowBroadcast\n{JOHN},John,1,TRUE\n{JANE},Jane,2,FALSE\n"
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")


def warned(run: Run, *said: str) -> bool:
    return any(all(part in warning for part in said) for warning in run.data.get("warnings", []))


@pytest.mark.parametrize(("name", "arguments"), TEMPLATE_SENDS)
def test_a_dry_run_names_the_receivers(
    name: str, arguments: Json, call: Callable[..., Run], state: str
) -> None:
    run = call(name, arguments, "--dry-run", **SANDBOX)
    assert run.exit == 0, run.text
    found = run.data["preflight"]
    if "receivers" in arguments or "whatsapp_numbers_csv" in arguments:
        assert found["names"] == {JOHN: "John Doe", JANE: "Jane Smith"}
    else:
        assert found["receiver"] == "Jane Smith"
    asked = [request["path"] for request in control.requests(state)]
    assert asked.count("/wati/api/v1/getContacts") == 1, "one further read"


@pytest.mark.parametrize("name", ["send_session_message", "send_interactive_buttons_message"])
def test_a_session_message_names_its_receiver(name: str, call: Callable[..., Run], state: str) -> None:
    texts = {"send_session_message": {"messageText": "Hi"}}
    arguments = texts.get(name, {"body": "b", "buttons": [{"text": "x"}]})
    run = call(name, {"whatsappNumber": JOHN, **arguments}, "--dry-run", **SANDBOX)
    assert run.data["preflight"]["receiver"] == "John Doe"


@pytest.mark.parametrize(("name", "arguments"), TEMPLATE_SENDS)
def test_who_wrote_stop_is_a_warning(
    name: str, arguments: Json, call: Callable[..., Run], state: str
) -> None:
    assert not warned(call(name, arguments, "--dry-run", **SANDBOX), "no more messages")
    control.seed(state, {"messages": [{"whatsappNumber": JANE, "text": "Stop!", "owner": False, "age": 5}]})
    run = call(name, arguments, "--dry-run", **SANDBOX)
    assert run.exit == 0 and warned(run, JANE, "Jane Smith", '"Stop!"', "no more messages"), run.text
    control.seed(
        state, {"messages": [{"whatsappNumber": JANE, "text": "Please go on", "owner": False, "age": 1}]}
    )
    assert not warned(call(name, arguments, "--dry-run", **SANDBOX), "no more messages")


@pytest.mark.parametrize(("name", "arguments"), TEMPLATE_SENDS)
def test_who_allows_no_broadcasts_is_a_warning(
    name: str, arguments: Json, call: Callable[..., Run], far_side: FarSide
) -> None:
    rows = [
        {"id": "1", "wAid": JANE, "fullName": "Jane Smith", "allowBroadcast": False},
        {"id": "2", "wAid": JOHN, "fullName": "John Doe", "allowBroadcast": True},
    ]
    body = {"result": "success", "contact_list": rows, "link": None}
    far_side.always(reply(body), to="/wati/api/v1/getContacts")
    run = call(name, arguments, "--dry-run")
    assert run.exit == 0 and warned(run, JANE, "allowBroadcast is false"), run.text
    assert not warned(run, JOHN, "allowBroadcast")


def test_who_was_not_looked_up_is_counted(call: Callable[..., Run], far_side: FarSide) -> None:
    """One page of contacts and five conversations are read of any list: the rest is said to be unknown."""
    receivers = [{"whatsappNumber": str(14155560000 + index), "customParams": []} for index in range(20)]
    rows = [{"id": str(index), "wAid": str(14155560000 + index)} for index in range(8)]
    send = {"template_name": "welcome", "broadcast_name": "b", "receivers": receivers}
    for link, is_said in (({"nextPage": "2"}, True), ({"nextPage": None}, False)):
        body = {"result": "success", "contact_list": rows, "link": link}
        far_side.always(reply(body), to="/wati/api/v1/getContacts")
        run = call("send_template_messages_v2", send, "--dry-run")
        assert warned(run, "12 of 20 receivers", "broadcasts") is is_said, run.text
        assert warned(run, "5 of 20 receivers", "STOP")


def test_rows_of_a_csv_that_allow_no_broadcasts_are_named(call: Callable[..., Run], state: str) -> None:
    run = call("send_template_message_csv", TEMPLATE_SENDS[-1][1], "--dry-run", **SANDBOX)
    assert run.exit == 0 and warned(run, JANE, "[1]", "AllowBroadcast says no"), run.text
    assert not warned(run, JOHN)


@pytest.mark.parametrize("where", ["/wati/api/v1/getContacts", "/wati/api/v1/getMessages"])
def test_a_read_about_people_that_fails_is_only_a_warning(
    where: str, call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    far_side.always(Answer(500), to=where)
    run = call("send_template_message", ONE, "--dry-run")
    assert run.exit == 0 and warned(run, "could not be read", "upstream_error"), run.text


ASKING = (
    *("STOP", "stop", "Stop.", " stop ", "UNSUBSCRIBE", "Opt-out", "BAJA", "baja!", "SAIR", "parar", "STOPP"),
    *("Arrêt", "ARRET", "berhenti", "توقف", "إيقاف", "стоп", "Отписаться", "रोकें", "退订", "uitschrijven"),
    *("basta", "iptal", "הסר", "acha", "Abmelden", "cancelar"),
)
NOT_ASKING = ("don't stop", "Stop by tomorrow", "the bus stop", "", "ok", "stop " * 20, None, 7, "non-stop")


@pytest.mark.parametrize("text", ASKING)
def test_the_whole_message_asks_to_stop(text: str) -> None:
    assert asks_to_stop(text)


@pytest.mark.parametrize("text", NOT_ASKING)
def test_other_messages_do_not(text: object) -> None:
    assert not asks_to_stop(text)


SPELLINGS = [("525512345678", "5215512345678"), ("5511987654321", "551187654321")]


@pytest.mark.parametrize(("written", "known"), SPELLINGS)
@pytest.mark.parametrize("script", ["send_template_message", "send_template_messages_v2"])
def test_a_person_is_found_under_the_other_spelling(
    script: str, written: str, known: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    row = {"id": "1", "wAid": known, "phone": known, "fullName": "Ana Cruz", "allowBroadcast": False}
    far_side.always(
        reply({"result": "success", "contact_list": [row], "link": None}), to="/wati/api/v1/getContacts"
    )
    said = {
        "id": "m",
        "eventType": "message",
        "owner": False,
        "text": "BAJA",
        "created": "2026-01-05T12:00:00Z",
    }
    found = reply({"result": "success", "messages": {"items": [said]}})
    nothing = reply({"result": "success", "messages": {"items": []}})
    far_side.always(nothing, to=f"/wati/api/v1/getMessages/{written}")
    far_side.always(found, to=f"/wati/api/v1/getMessages/{known}")
    many = {**NAMES, "receivers": [{"whatsappNumber": written, "customParams": VALUES}]}
    arguments = many if script.endswith("messages_v2") else {**ONE, "whatsappNumber": written}
    run = call(script, arguments, "--dry-run")
    assert run.exit == 0 and "Ana Cruz" in str(run.data["preflight"]), run.text
    assert warned(run, f"Ana Cruz ({written})", "BAJA") and warned(run, written, "allowBroadcast is false")


@pytest.mark.parametrize(("written", "known"), SPELLINGS)
def test_one_search_finds_both_spellings(
    written: str, known: str, call: Callable[..., Run], state: str
) -> None:
    control.seed(state, {"contacts": [{"whatsappNumber": known, "name": "Ana Cruz"}]})
    run = call("send_template_message", {**ONE, "whatsappNumber": written}, "--dry-run", **SANDBOX)
    assert run.data["preflight"]["receiver"] == "Ana Cruz", run.text
    asked = [request["path"] for request in control.requests(state)]
    assert asked.count("/wati/api/v1/getContacts") == 1


@pytest.mark.parametrize("name", ["add_contact", "update_contact_attributes"])
def test_a_near_attribute_is_asked_about(name: str, call: Callable[..., Run], state: str) -> None:
    params = [{"name": "member", "value": "VIP"}]
    contacts = [{"whatsappNumber": "14155550001", "name": "A", "customParams": params}]
    control.seed(state, {"contacts": contacts})
    for given, near in (("memebr", True), ("Member", True), ("member", False), ("birthday", False)):
        arguments = {"whatsappNumber": JOHN, "customParams": [{"name": given, "value": "x"}]}
        run = call(name, arguments, "--dry-run", **SANDBOX)
        assert run.exit == 0, run.text
        assert warned(run, json.dumps(given), '"member"', "new attribute") is near, (given, run.text)
