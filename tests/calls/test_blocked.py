"""WATI_BLOCKED_RECIPIENTS: nobody on it is messaged, by whatever name; it beats the allow list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, Run
from looping import looped
from recording import FarSide
from sends import JANE, JOHN, VALUES, World, make_world
from wati.contract.endpoint import Endpoint

ID = "64a8f0c2e4b0a1b2c3d4e5f6"
SPELLED = ("525512345678", "5215512345678")

BLOCKED = [  # (the list, a receiver, whether the message leaves)
    (JOHN, JOHN, False),
    (JOHN, JANE, True),
    (f" {JANE} , {JOHN} ", JOHN, False),
    ("1415*", JOHN, False),
    ("1416*", JOHN, True),
    ("*", JOHN, False),
    ("*", ID, False),
    ("1*", ID, True),
    (ID, ID, False),
    (ID.upper(), ID, False),
    ("US.123", "US.123", False),
    ("US.123", "US.1234", True),
    (SPELLED[0], SPELLED[1], False),
    (SPELLED[1], SPELLED[0], False),
    ("5215*", SPELLED[0], False),
    ("551123456789", "5511923456789", True),
    ("", JOHN, True),
    (" , ", JOHN, True),
]


@pytest.mark.parametrize("allowed", [None, "*,US.123,US.1234," + ID])
@looped(("listed", "receiver", "leaves"), BLOCKED)
def test_the_block_list(
    listed: str, receiver: str, leaves: bool, allowed: str | None, call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"whatsappNumber": receiver, "messageText": "Hello"}
    variables = {"WATI_BLOCKED_RECIPIENTS": listed, "WATI_ALLOWED_RECIPIENTS": allowed}
    run = call("send_session_message", arguments, **variables)
    assert run.exit == (0 if leaves else 2), run.text
    if not leaves:
        assert run.error["code"] == "recipient_not_allowed"
        assert "WATI_BLOCKED_RECIPIENTS" in run.error["message"] and "ALLOWED" not in run.text
        assert run.error["problems"][0]["at"] == "$.whatsappNumber"
        assert receiver in run.error["problems"][0]["problem"]
        assert call("send_session_message", arguments, "--dry-run", **variables).exit == 2
        assert call("send_session_message", arguments, "--again", **variables).exit == 2
        assert far_side.requests == []


def test_it_holds_for_every_send_and_nothing_else(
    each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    run = call_example(each_endpoint, WATI_BLOCKED_RECIPIENTS=f"{JOHN},{JANE},US.123")
    assert run.exit == (2 if ENDPOINTS[each_endpoint.name].effect == "send" else 0), run.text


def test_everyone_to_leave_out_is_named(call: Callable[..., Run], far_side: FarSide) -> None:
    receivers = [
        {"whatsappNumber": each, "customParams": []} for each in (JOHN, SPELLED[0], JANE, "49151234567")
    ]
    arguments = {"template_name": "t", "broadcast_name": "b", "receivers": receivers}
    lists = {"WATI_BLOCKED_RECIPIENTS": f"{SPELLED[1]},{JANE}", "WATI_ALLOWED_RECIPIENTS": "1*,52*"}
    run = call("send_template_messages_v2", arguments, "--confirm", "4", **lists)
    named = {problem["at"]: problem["problem"] for problem in run.error["problems"]}
    assert sorted(named) == [f"$.receivers[{n}].whatsappNumber" for n in (1, 2, 3)]
    assert "ALLOWED" in named["$.receivers[3].whatsappNumber"]
    assert "2 of 4" in run.error["message"] and far_side.requests == []


def test_a_file(call: Callable[..., Run], far_side: FarSide, tmp_path: Path) -> None:
    (tmp_path / "blocked.txt").write_text(
        f"\ufeff# asked us to stop\n{JANE}\r\n\n{JOHN}, {ID}\n", encoding="utf-8"
    )
    for receiver in (JOHN, JANE, ID):
        run = call(
            "send_session_message",
            {"whatsappNumber": receiver, "messageText": "Hello"},
            WATI_BLOCKED_RECIPIENTS=f"@{tmp_path / 'blocked.txt'}",
        )
        assert run.exit == 2 and run.error["code"] == "recipient_not_allowed", run.text
    assert far_side.requests == []


UNUSABLE = {
    "no such file": "@missing.txt",
    "a folder": "@.",
    "no name": "@",
    "UTF-16": "@utf16.txt",
    "a wrong line": "@wrong.txt",
    "a plus": "+14155551234",
    "words": "John",
    "a star within": "1*5",
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_list_that_cannot_be_used_stops_everything(
    case: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "utf16.txt").write_bytes(JOHN.encode("utf-16"))
    (tmp_path / "wrong.txt").write_text(f"{JANE}\n+1 415\n", encoding="utf-8")
    arguments = {"whatsappNumber": JOHN, "messageText": "Hello"}
    run = call("send_session_message", arguments, WATI_BLOCKED_RECIPIENTS=UNUSABLE[case])
    assert run.exit == 3 and run.error["code"] == "bad_setup", run.text
    assert {problem["at"] for problem in run.error["problems"]} == {"WATI_BLOCKED_RECIPIENTS"}
    assert far_side.requests == []


def test_an_id_whose_number_an_answer_told_is_blocked_with_it(
    call: Callable[..., Run], tmp_path: Path
) -> None:
    world: World = make_world(tmp_path, call)
    contact: dict[str, Any] = world.run("find_contact", {"whatsappNumber": JOHN}).data["contacts"][0]
    one = {"template_name": "order_update", "broadcast_name": "b", "parameters": VALUES}
    by_id = {**one, "whatsappNumber": contact["id"]}
    assert world.run("send_template_message_v2", by_id).exit == 0
    run = world.run("send_template_message_v2", by_id, "--again", WATI_BLOCKED_RECIPIENTS=JOHN)
    assert run.error["code"] == "recipient_not_allowed" and JOHN in run.error["problems"][0]["problem"]
    by_number = {**one, "whatsappNumber": JOHN}
    blocked = {"WATI_BLOCKED_RECIPIENTS": f"{'f' * 24},{contact['id'].upper()}"}
    for flags in (["--again"], ["--dry-run"]):
        run = world.run("send_template_message_v2", by_number, *flags, **blocked)
        (problem,) = run.error["problems"]
        assert run.error["code"] == "recipient_not_allowed" and contact["id"].upper() in problem["problem"]
    assert world.count == {JOHN: 1}


@pytest.mark.parametrize(
    ("allowed", "receiver"),
    [(SPELLED[0], SPELLED[1]), (SPELLED[1], SPELLED[0]), ("521*", SPELLED[0]), ("52*", SPELLED[1])],
)
def test_the_list_of_the_allowed_knows_all_spellings(
    allowed: str, receiver: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"whatsappNumber": receiver, "messageText": "Hello"}
    assert call("send_session_message", arguments, WATI_ALLOWED_RECIPIENTS=allowed).exit == 0
    arguments["whatsappNumber"] = "551123456789"
    assert call("send_session_message", arguments, WATI_ALLOWED_RECIPIENTS="5511923456789").exit == 2


def test_doctor_shows_it(call: Callable[..., Run], tmp_path: Path) -> None:
    world = make_world(tmp_path, call)
    few = world.run("doctor", WATI_BLOCKED_RECIPIENTS=f"{JOHN}, {JANE}")
    assert few.data["guards"]["blocked_recipients"] == [JOHN, JANE]
    many = world.run("doctor", WATI_BLOCKED_RECIPIENTS=",".join(str(14155551234 + n) for n in range(30)))
    assert many.data["guards"]["blocked_recipients"] == 30
