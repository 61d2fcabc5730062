"""What is checked right before a send: only what is certain stops it. The far side says what left."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, SANDBOX, Run
from recording import Answer, FarSide, reply
from wati.sandbox import control

Json = dict[str, Any]
TEMPLATES = "/wati/api/v1/getMessageTemplates"
JOHN, JANE = "14155551234", "14155555678"
ORDER = {"name": "Jane", "ordernumber": "67890"}
CHECKED = (
    "send_template_message_v2",
    "send_template_messages",
    "send_template_messages_v2",
    "send_template_message_csv",
)


@pytest.fixture
def send(call: Callable[..., Run], tmp_path: Path) -> Callable[..., Run]:
    """`send(script, values of two receivers, …)`: a real send, of a template to one or two receivers."""

    def run(name: str, *values: Json, template: str = "order_update", **environment: Any) -> Run:
        names = {"template_name": template, "broadcast_name": "b"}
        pairs = [[{"name": key, "value": value} for key, value in each.items()] for each in values]
        if name == "send_template_message_v2":
            return call(name, {"whatsappNumber": JANE, **names, "parameters": pairs[-1]}, **environment)
        if name == "send_template_message_csv":
            columns = list(values[-1])
            lines = [
                ",".join([number, *[each.get(column, "-") for column in columns]])
                for number, each in zip((JOHN, JANE), values, strict=False)
            ]
            text = "\n".join([",".join(["Phone", *columns]), *lines])
            (tmp_path / "list.csv").write_text(text, encoding="utf-8")
            arguments = {**names, "whatsapp_numbers_csv": "list.csv"}
            return call(name, arguments, "--confirm", str(len(values)), **environment)
        receivers = [
            {"whatsappNumber": number, "customParams": own}
            for number, own in zip((JOHN, JANE), pairs, strict=False)
        ]
        return call(name, {**names, "receivers": receivers}, "--confirm", str(len(values)), **environment)

    return run


@pytest.mark.parametrize("name", CHECKED)
def test_a_missing_parameter_of_one_receiver_stops_the_send(
    name: str, send: Callable[..., Run], state: str
) -> None:
    run = send(name, ORDER, {"name": "Jane"}, **SANDBOX)
    assert (run.exit, run.error["code"], run.error["outcome"]) == (2, "preflight_failed", "not_sent")
    assert [problem["code"] for problem in run.error["problems"]] == ["parameter_missing"]
    assert control.log(state) == []
    # Nothing is in the journal: the right message is no repeat.
    assert send(name, ORDER, ORDER, **SANDBOX).exit == 0
    assert control.log(state) != []


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize(
    ("template", "code"), [("account_alert", "template_not_approved"), ("order_updat", "template_missing")]
)
def test_a_template_that_cannot_be_sent_stops_the_send(
    name: str, template: str, code: str, send: Callable[..., Run], state: str
) -> None:
    run = send(name, ORDER, ORDER, template=template, **SANDBOX)
    assert run.error["code"] == "preflight_failed", run.text
    assert run.error["problems"][0]["code"] == code
    assert control.log(state) == []


@pytest.mark.parametrize("name", CHECKED)
def test_a_value_too_many_stops_nothing(name: str, send: Callable[..., Run], state: str) -> None:
    more = {**ORDER, "eta": "today"}
    assert send(name, more, more, **SANDBOX).exit == 0
    assert control.log(state) != []


def test_an_entry_is_only_made_after_the_look(send: Callable[..., Run], state: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    send("send_template_message_v2", {}, **SANDBOX, WATI_JOURNAL=str(path))
    if path.exists():
        with sqlite3.connect(path) as db:
            assert not db.execute("SELECT name FROM sqlite_master WHERE name = 'sends'").fetchall() or (
                db.execute("SELECT COUNT(*) FROM sends").fetchone() == (0,)
            )


UNREAD = {
    "500": Answer(500),
    "401": Answer(401, b"{}"),
    "429": Answer(429, headers={"Retry-After": "99"}),
    "HTML": Answer(body=b"<html>", content_type="text/html"),
    "another form": reply({"result": "success"}),
    "hang up": Answer(hang_up="close"),
}


@pytest.mark.parametrize("name", CHECKED)
@pytest.mark.parametrize("case", UNREAD)
def test_a_read_that_fails_stops_nothing_and_is_said(
    name: str, case: str, send: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    far_side.always(UNREAD[case], to=TEMPLATES)
    run = send(name, {"name": "Jane"}, {"name": "Jane"})
    assert run.exit == 0, run.text
    assert "were not checked before sending" in run.document["notice"]
    assert len(far_side.writes) == 1


def test_what_was_not_checked_is_said_beside_the_journal_and_of_a_failure(
    send: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    far_side.always(reply({"message": f"bad key {KEY}"}, status=401), to=TEMPLATES)
    (tmp_path / "diary").write_bytes(b"Dear diary, " * 100)
    broken = {"WATI_JOURNAL": str(tmp_path / "diary")}
    for answer in (None, Answer(400, b"{}")):
        if answer is not None:
            far_side.will(answer, to="/wati/api/v2/")
        run = send("send_template_message_v2", ORDER, **broken)
        assert (run.exit == 0) is (answer is None), run.text
        assert "not checked before sending" in run.document["notice"]
        assert "journal" in run.document["notice"]
        assert KEY not in run.text


def test_a_read_that_hangs_leaves_time_for_the_send(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(Answer(delay=60), to=TEMPLATES)
    arguments = {"whatsappNumber": JANE, "template_name": "t", "broadcast_name": "b", "parameters": []}
    run = call("send_template_message_v2", arguments, "--timeout", "3")
    assert run.exit == 0 and "not checked" in run.document["notice"], run.text
    assert len(far_side.writes) == 1


def rows(*names: str) -> list[Json]:
    return [{"elementName": name, "status": "APPROVED", "body": "Hi"} for name in names]


@pytest.mark.parametrize(
    ("listed", "link", "leaves"),
    [
        (rows("a"), {"nextPage": None}, False),
        (rows("a"), {"nextPage": "https://x.example"}, True),
        (rows("a"), None, True),
        (rows(*[f"t{n}" for n in range(100)]), {"nextPage": None}, True),
        ([], None, False),
    ],
)
def test_one_that_is_not_found_is_a_problem_only_at_the_end_of_the_list(
    listed: list[Json], link: Any, leaves: bool, send: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.always(reply({"result": "success", "messageTemplates": listed, "link": link}), to=TEMPLATES)
    run = send("send_template_messages_v2", {}, template="wanted")
    assert (run.exit == 0) is leaves, run.text
    assert len(far_side.writes) == leaves and len(far_side.looks) == 1
    assert "not checked" in run.text or not leaves


def test_the_look_is_over_the_connection_of_the_send(send: Callable[..., Run], far_side: FarSide) -> None:
    send("send_template_message_v2", {}, template="welcome")
    (look,) = far_side.looks
    assert look.header("Maton-Connection") == far_side.writes[0].header("Maton-Connection") == "conn-1"
    assert dict(look.pairs) == {"pageSize": "100", "pageNumber": "1"}


def test_a_send_with_a_wrong_file_never_leaves(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    files = {
        "voice.wav": b"RIFF\x04\0\0\0WAVE",
        "a.pdf": b"just text",
        "a.jpg": b"\xff\xd8\xff" + b"x" * 6 * 2**20,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        run = call("send_session_file", {"whatsappNumber": JOHN, "file": name})
        assert (run.exit, run.error["code"], run.error["outcome"]) == (2, "preflight_failed", "not_sent")
        assert run.error["problems"][0]["code"] in ("file_type", "file_too_large")
    assert far_side.requests == []
    (tmp_path / "a.xyz").write_bytes(b"x")
    assert call("send_session_file", {"whatsappNumber": JOHN, "file": "a.xyz"}).exit == 0
    assert len(far_side.writes) == 1
