"""doctor: whatever is wrong with a setup, it says what to do next, and only reads."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from recording import CONNECTION, WATI, Answer, FarSide, reply
from sends import HELLO, World, make_world
from wati.sandbox import control


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


@pytest.fixture
def doctor(call: Callable[..., Run], far_side: FarSide) -> Callable[..., Run]:
    """One run; it only ever reads."""

    def run(*flags: str, **environment: str | None) -> Run:
        found = call("doctor", None, *flags, **environment)
        assert far_side.writes == []
        return found

    return run


def connections(*statuses: str) -> Answer:
    return reply(
        {
            "connections": [
                {**CONNECTION, "connection_id": f"conn-{n}", "status": status}
                for n, status in enumerate(statuses, 1)
            ]
        }
    )


def test_the_sandbox_is_ready(world: World) -> None:
    run = world.run("doctor")
    assert "ready" in run.data["next"] and run.document["sandbox"] is True
    assert run.data["connection"] == "sandbox-main" and run.data["journal"] == "on"
    assert "order_update" in run.data["templates"]["APPROVED"] and run.data["templates"]["PENDING"] == 1
    assert "warnings" not in run.data
    assert world.delivered == []
    asked = control.requests(world.state)
    assert len(asked) >= 3 and {row["method"] for row in asked} == {"GET"}


def test_a_real_setup_is_ready(doctor: Callable[..., Run], far_side: FarSide) -> None:
    run = doctor()
    assert run.exit == 0 and "--dry-run" in run.data["next"]
    assert run.data["guards"] == {"read_only": False, "allowed_recipients": "everyone", "file_roots": ["."]}
    through_wati = far_side.to("/wati/")
    assert through_wati and {request.header("maton-connection") for request in through_wati} == {"conn-1"}
    assert "session_token" not in run.text and "John" not in run.text


def test_no_key(doctor: Callable[..., Run], far_side: FarSide) -> None:
    for blank in (None, "", " "):
        run = doctor(MATON_API_KEY=blank)
        assert run.exit == 3 and run.error["code"] == "missing_key" and "sandbox" in run.error["hint"]
    assert far_side.requests == []


def test_a_wrong_key(doctor: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(reply({"error": {"message": "Invalid API key"}}, 401))
    run = doctor()
    assert run.exit == 3 and run.error["code"] == "unauthorized" and run.error["source"] == "maton"
    assert "ask the user for the key" in run.error["hint"]
    assert [problem["at"] for problem in run.error["problems"]] == ["connection"]
    assert len(far_side.requests) == 1


CONNECTIONS: list[tuple[list[str], dict[str, str], str, str]] = [
    ([], {}, "connection_missing", "create_connection.py"),
    (["FAILED"], {}, "connection_missing", "create_connection.py"),
    (["PENDING", "FAILED"], {}, "connection_missing", "get_connection.py shows it"),
    (["ACTIVE", "ACTIVE"], {}, "connection_ambiguous", "Ask the user which account"),
    (["ACTIVE", "PENDING"], {"MATON_CONNECTION_ID": "conn-2"}, "connection_missing", "Name an ACTIVE one"),
    (["ACTIVE"], {"MATON_CONNECTION_ID": "conn-9"}, "connection_missing", "Name an ACTIVE one"),
    (["PENDING"], {"MATON_CONNECTION_ID": "conn-1"}, "connection_missing", "get_connection.py shows it"),
    (["FAILED"], {"MATON_CONNECTION_ID": "conn-1"}, "connection_missing", "create_connection.py"),
]


@pytest.mark.parametrize(("statuses", "environment", "code", "hint"), CONNECTIONS)
def test_a_connection_that_is_none(
    statuses: list[str],
    environment: dict[str, str],
    code: str,
    hint: str,
    doctor: Callable[..., Run],
    far_side: FarSide,
) -> None:
    far_side.always(connections(*statuses), to="/connections?")
    far_side.always(reply({"detail": "not found"}, 404), to="/connections/")
    run = doctor(**environment)
    assert run.exit == 3 and run.error["code"] == code, run.text
    assert hint in run.error["hint"], run.error["hint"]
    named = json.dumps([run.error["message"], run.error["problems"]])
    assert all(
        f"conn-{number}" in named
        for number in range(1, len(statuses) + 1)
        if "conn-2" not in environment.values()
    )
    assert far_side.to("/wati/") == []


def test_one_of_several_is_named(doctor: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(connections("ACTIVE", "ACTIVE"), to="/connections?")
    assert doctor("--connection", "conn-2").data["connection"] == "conn-2"
    assert doctor(MATON_CONNECTION_ID="conn-1").data["connection"] == "conn-1"
    used = [request.header("maton-connection") for request in far_side.to("/wati/")]
    assert set(used) == {"conn-1", "conn-2"}


EXPIRED: list[tuple[Answer, int, str]] = [
    (reply({"message": "no"}, 401), 3, "make a new connection with create_connection.py"),
    (Answer(500), 6, "make a new connection with create_connection.py"),
    (Answer(502, b"<html>", content_type="text/html"), 6, "make a new connection with create_connection.py"),
]


@pytest.mark.parametrize(("answer", "exit_code", "hint"), EXPIRED)
def test_a_token_that_has_expired(
    answer: Answer,
    exit_code: int,
    hint: str,
    doctor: Callable[..., Run],
    far_side: FarSide,
    pauses: list[float],
) -> None:
    far_side.always(answer, to="/wati/")
    run = doctor()
    assert run.exit == exit_code and hint in run.error["hint"], run.text
    assert [problem["at"] for problem in run.error["problems"]] == ["inbox"]
    assert len(pauses) == (3 if exit_code == 6 else 0)


def test_nobody_is_there(doctor: Callable[..., Run], far_side: FarSide, pauses: list[float]) -> None:
    far_side.stop_listening()
    run = doctor()
    assert run.exit == 6 and run.error["code"] == "unreachable" and "sandbox.py serve" in run.error["hint"]
    assert len(pauses) == 3


def templates(*rows: Any) -> Answer:
    return Answer(
        body=json.dumps({**WATI["GET /wati/api/v1/getMessageTemplates"], "messageTemplates": rows}).encode()
    )


def test_no_template_is_approved(doctor: Callable[..., Run], far_side: FarSide) -> None:
    pending = {"elementName": "a", "status": "PENDING"}
    odd = [{"elementName": "x" * 999, "status": "APPROVED"}, {"elementName": "b", "status": ["x" * 999]}, 7]
    far_side.will(templates(pending, *odd), templates(), to="/wati/api/v1/getMessageTemplates")
    run = doctor()
    assert run.data["templates"] == {"APPROVED": [], "PENDING": 1, "other": 2}
    assert "No template is APPROVED" in run.data["warnings"][0] and "APPROVED template" in run.data["next"]


def test_many_templates_are_told_in_few_words(doctor: Callable[..., Run], far_side: FarSide) -> None:
    many = [{"elementName": f"t{number}", "status": "APPROVED"} for number in range(90)]
    far_side.will(templates(*many), templates(), to="/wati/api/v1/getMessageTemplates")
    run = doctor()
    assert len(run.data["templates"]["APPROVED"]) == 20 and "90 templates" in run.data["warnings"][0]


def test_the_journal_is_off_or_cannot_be_used(doctor: Callable[..., Run], tmp_path: Path) -> None:
    run = doctor(WATI_JOURNAL="off")
    assert run.data["journal"] == "off" and "not noticed" in run.data["warnings"][0]
    (tmp_path / "diary").write_bytes(b"Dear diary, " * 100)
    run = doctor(WATI_JOURNAL=str(tmp_path / "diary"))
    assert run.data["journal"] == "cannot be used" and "can be written" in run.data["warnings"][0]
    assert str(tmp_path) not in run.text
    run = doctor(WATI_JOURNAL="sends.sqlite")
    assert run.data["journal"] == "on" and "absolute" in run.data["warnings"][0]


def test_a_warning_comes_with_a_failure_too(doctor: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(connections(), to="/connections?")
    assert "WATI_JOURNAL is off" in doctor(WATI_JOURNAL="off").error["warnings"][0]


def test_sends_that_nobody_knows_of_come_first(world: World) -> None:
    for number in range(7):
        world.lose()
        assert world.run("send_session_message", {**HELLO, "messageText": f"No. {number}"}).exit == 7
    run = world.run("doctor")
    named = [warning for warning in run.data["warnings"] if re.search(r"check_send\.py [0-9]", warning)]
    assert len(named) == 5 and "check_send.py 7" in named[0]
    assert "7 sends" in run.data["warnings"][-1] and "before sending" in run.data["next"]
    assert "No. " not in run.text.replace("is not known. ", "")
    assert len(world.delivered) == 7


@pytest.mark.parametrize(
    ("environment", "guard", "value", "next_step"),
    [
        ({"WATI_READ_ONLY": "1"}, "read_only", True, "WATI_READ_ONLY"),
        ({"WATI_ALLOWED_RECIPIENTS": ""}, "allowed_recipients", "no one", "no one may be messaged"),
        (
            {"WATI_ALLOWED_RECIPIENTS": "1415*, 4915112345678"},
            "allowed_recipients",
            ["1415*", "4915112345678"],
            "Ready",
        ),
        ({"WATI_FILE_ROOTS": os.curdir}, "file_roots", [os.curdir], "Ready"),
    ],
)
def test_guards_are_shown(
    environment: dict[str, str], guard: str, value: Any, next_step: str, doctor: Callable[..., Run]
) -> None:
    run = doctor(**environment)
    assert run.data["guards"][guard] == value and next_step in run.data["next"]


def test_a_broken_environment_is_told_at_once(doctor: Callable[..., Run], far_side: FarSide) -> None:
    run = doctor(WATI_ALLOWED_RECIPIENTS="+1415", MATON_CONNECTION_ID="a b")
    assert run.exit == 3 and run.error["code"] == "bad_setup" and len(run.error["problems"]) == 2
    assert far_side.requests == []


def test_it_knows_no_flag_of_a_request(doctor: Callable[..., Run]) -> None:
    for flag in ("--dry-run", "--raw", "--again", "--confirm"):
        assert doctor(flag).error["code"] == "usage"
