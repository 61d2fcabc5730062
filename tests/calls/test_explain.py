"""A refusal explains itself by reading; only a refusal does, and it stays one whatever the reading brings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, ROOT, SANDBOX, Run
from recording import Answer, FarSide, reply
from wati.calls import explain, preconditions
from wati.contract.endpoint import Endpoint
from wati.reads.inbox import Inbox
from wati.sandbox import control

Json = dict[str, Any]
JOHN, JANE = "14155551234", "14155555678"
TEMPLATES = "/wati/api/v1/getMessageTemplates"
MESSAGES = "/wati/api/v1/getMessages"
SEND = "/wati/api/v1/sendTemplateMessage"
BLANK = reply({"result": False, "info": "Check your template, it cannot have typos or blank text."}, 400)
EXPIRED = reply({"result": False, "message": "Ticket has been expired.", "ticketStatus": "CLOSED"})


@pytest.fixture
def refused(call: Callable[..., Run], state: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """`refused(name, arguments, *flags)`: a send that the sandbox refuses; it delivered nothing."""
    # As if the list of templates could not be read then: what it finds does not leave.
    monkeypatch.setattr("wati.calls.last_look.receivers", lambda _: None)

    def run(name: str, arguments: Any, *flags: str) -> Run:
        done = call(name, arguments, *flags, **SANDBOX)
        assert done.error["outcome"] == "rejected"
        assert control.log(state) == []
        assert [request["method"] for request in control.requests(state)].count("POST") == 1
        return done

    return run


def single(template: str = "order_update", **values: str) -> Json:
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    named = {"whatsappNumber": JANE, "template_name": template, "broadcast_name": "b"}
    return {**named, "parameters": parameters}


def hello(number: str = JANE) -> Json:
    return {"whatsappNumber": number, "messageText": "Hello"}


def found(run: Run) -> list[tuple[str, str | None]]:
    return [(problem["at"], problem.get("code")) for problem in run.error["problems"]]


# --- what it says ------------------------------------------------------------------------------------------


def test_check_your_template_says_which_parameter(refused: Callable[..., Run]) -> None:
    run = refused("send_template_message", single(name="Jane", ordernumbr="1"))
    assert (run.exit, run.error["code"]) == (4, "template_rejected")
    assert "cannot have typos" in run.error["message"], "WATI's own words stay"
    assert found(run) == [
        ("$.parameters[1].name", "parameter_unknown"),
        ("$.parameters", "parameter_missing"),
    ]
    assert "did you mean ordernumber?" in run.error["problems"][0]["problem"]


@pytest.mark.parametrize(
    ("template", "code", "said"),
    [
        ("welcom", "template_missing", "did you mean welcome?"),
        ("old_draft", "template_not_approved", "DRAFT"),
    ],
)
@pytest.mark.parametrize("name", ["send_template_message", "send_template_message_v2"])
def test_a_wrong_template_is_named(
    name: str, template: str, code: str, said: str, refused: Callable[..., Run]
) -> None:
    run = refused(name, single(template, name="x"))
    assert run.error["code"] == "template_rejected"
    assert found(run)[0] == ("$.template_name", code)
    assert said in run.error["problems"][0]["problem"]


def test_no_valid_receivers_says_what_each_of_them_lacks(refused: Callable[..., Run]) -> None:
    receivers = [
        {"whatsappNumber": number, "customParams": [{"name": "name", "value": "x"}]}
        for number in (JOHN, JANE)
    ]
    arguments = {"template_name": "order_update", "broadcast_name": "b", "receivers": receivers}
    run = refused("send_template_messages", arguments, "--confirm", "2")
    assert (run.exit, run.error["code"]) == (4, "invalid_recipient")
    assert found(run) == [(f"$.receivers[{n}].customParams", "parameter_missing") for n in (0, 1)]


def test_a_csv_without_a_column_is_told_which(refused: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"Phone,name\n14155551234,John\n")
    arguments = {"template_name": "order_update", "broadcast_name": "b", "whatsapp_numbers_csv": "list.csv"}
    run = refused("send_template_message_csv", arguments, "--confirm", "1")
    assert run.exit == 4
    assert found(run) == [("$.whatsapp_numbers_csv", "parameter_missing")]


SESSIONS: dict[str, Json] = {
    "send_session_message": {"messageText": "Hello"},
    "send_session_file": {"file": "a.txt"},
    "send_interactive_buttons_message": {"body": "b", "buttons": [{"text": "x"}]},
    "send_interactive_list_message": {
        "body": "b",
        "buttonText": "x",
        "sections": [{"title": "t", "rows": [{"title": "r"}]}],
    },
}


@pytest.mark.parametrize("name", SESSIONS)
def test_a_closed_window_names_the_templates_that_could_be_sent(
    name: str, refused: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_bytes(b"x")
    run = refused(name, {"whatsappNumber": JANE, **SESSIONS[name]})
    assert (run.exit, run.error["code"]) == (4, "session_closed")
    assert found(run) == [("$.whatsappNumber", "window_closed")]
    assert "2 days ago" in run.error["problems"][0]["problem"]
    for approved in (
        "order_update (name, ordernumber)",
        "welcome (no parameters)",
        "payment_link (name, invoice)",
    ):
        assert approved in run.error["hint"]
    for other in ("spring_sale", "account_alert", "old_draft"):
        assert other not in run.error["hint"]
    assert run.error["hint"].startswith("The 24-hour window is closed"), "the table's hint stays"


def test_at_most_ten_templates_are_named(refused: Callable[..., Run], state: str) -> None:
    more = [{"elementName": f"extra_{n}", "status": "APPROVED", "body": "x"} for n in range(20)]
    control.seed(state, {"templates": more})
    hint = refused("send_session_message", hello()).error["hint"]
    assert (
        hint.count("(no parameters)") + hint.count("(name") + hint.count("(1, 2)") == preconditions.MOST_NAMED
    )
    assert "15 more" in hint


@pytest.mark.parametrize(
    ("named", "code", "said"),
    [
        ("nowhere", "connection_missing", "no connection nowhere"),
        ("sandbox-pending", "connection_not_active", "PENDING"),
    ],
)
def test_a_wrong_connection_lists_the_right_ones(
    named: str, code: str, said: str, refused: Callable[..., Run]
) -> None:
    run = refused("send_session_message", hello(), "--connection", named)
    assert (run.exit, run.error["code"]) == (3, "connection_missing")
    assert found(run) == [("--connection", code)]
    assert said in run.error["problems"][0]["problem"]
    assert "ACTIVE: sandbox-main" in run.error["problems"][0]["problem"]
    assert "session_token" not in run.text


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("update_contact_attributes", {"customParams": [{"name": "a", "value": "b"}]}),
        ("assign_operator", {"email": "agent@example.com"}),
    ],
)
def test_a_change_to_nobody_says_so(name: str, arguments: Json, refused: Callable[..., Run]) -> None:
    run = refused(name, {"whatsappNumber": "14155559999", **arguments})
    assert (run.exit, run.error["code"]) == (4, "rejected")
    assert found(run) == [("$.whatsappNumber", "conversation_missing")]


def test_a_read_over_a_wrong_connection_lists_the_right_ones(call: Callable[..., Run], state: str) -> None:
    run = call("get_contacts", {}, "--connection", "nowhere", **SANDBOX)
    assert (run.exit, run.error["code"]) == (3, "connection_missing")
    assert "ACTIVE: sandbox-main" in run.error["problems"][0]["problem"]


def test_a_refusal_that_the_reading_does_not_explain_stays_as_it_was(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.will(BLANK, to=SEND)
    run = call("send_template_message", single(name="Jane", ordernumber="1"))
    assert (run.exit, run.error["code"]) == (4, "template_rejected")
    assert "problems" not in run.error


# --- only then ---------------------------------------------------------------------------------------------


def test_what_is_accepted_costs_no_request_more(
    each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    over = ["--connection", "conn-1"] if each_endpoint.through_wati else []
    assert call_example(each_endpoint, *over).exit == 0
    read_back = each_endpoint.name == "create_connection"
    assert len(far_side.requests) == 1 + read_back


@pytest.mark.parametrize("status", [401, 403, 429, 500, 502])
def test_what_is_no_refusal_of_the_send_s_content_is_not_looked_into(
    status: int, call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    far_side.always(Answer(status), to=SEND)
    run = call("send_template_message", single(), "--connection", "conn-1")
    assert run.exit in (3, 5, 7)
    assert {request.method for request in far_side.requests} == {"POST"}


# --- a refusal stays a refusal -----------------------------------------------------------------------------

READINGS = {
    "refused": reply({"result": False, "info": "no"}),
    "unauthorized": Answer(401, b"{}"),
    "limited": Answer(429, headers={"Retry-After": "1"}),
    "broken": Answer(500),
    "HTML": Answer(body=b"<html>", content_type="text/html"),
    "truncated": Answer(body=b'{"result": "success", "messageTemplates": [', cut=20),
    "another form": reply({"result": "success", "messageTemplates": "x", "messages": 7}),
    "strange rows": reply(
        {"result": "success", "messageTemplates": [None, 7, {}], "messages": {"items": [7]}}
    ),
    "hung up": Answer(hang_up="close"),
    "reset": Answer(hang_up="reset"),
    "redirect": Answer(302, headers={"Location": "/x"}),
    "too deep": Answer(body=b'{"result":' + b"[" * 20000),
    "gone": Answer(hang_up="close", last=True),
}
REFUSALS = {
    "template_rejected": ("send_template_message", single(), BLANK, SEND),
    "session_closed": ("send_session_message", hello(), EXPIRED, "/wati/api/v1/sendSession"),
    "connection_missing": (
        "send_session_message",
        hello(),
        reply({"error": {"message": "Connection not found", "code": 400}}, 400),
        "/wati/api/v1/sendSession",
    ),
}
# What is told with a reading that failed; the rest of the error is compared whole.
KEPT = ("code", "message", "source", "outcome", "http_status", "answer")


def plain(call: Callable[..., Run], case: str, monkeypatch: pytest.MonkeyPatch, far_side: FarSide) -> Run:
    """The refusal without any look behind it."""
    name, arguments, answer, path = REFUSALS[case]
    with monkeypatch.context() as patched:
        patched.setattr(explain, "CHECKS", {})
        far_side.will(answer, to=path)
        return call(name, arguments, "--connection", "conn-1")


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("reading", READINGS)
def test_a_reading_that_fails_changes_nothing(
    case: str,
    reading: str,
    call: Callable[..., Run],
    far_side: FarSide,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = plain(call, case, monkeypatch, far_side)
    name, arguments, answer, path = REFUSALS[case]
    far_side.will(answer, to=path)
    for read in ("/connections", TEMPLATES, MESSAGES):
        far_side.always(READINGS[reading], to=read)
    run = call(name, arguments, "--connection", "conn-1")
    assert run.exit == bare.exit
    assert {member: run.error.get(member) for member in KEPT} == {
        member: bare.error.get(member) for member in KEPT
    }
    assert run.error["hint"].startswith(bare.error["hint"])
    assert pauses == [], "nobody waits for an explanation"
    assert [request.method for request in far_side.requests].count("POST") == 2
    assert any(request.method == "GET" for request in far_side.requests), "it was tried"


@pytest.mark.parametrize("case", REFUSALS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, RecursionError, MemoryError, KeyError])
def test_whatever_happens_while_it_looks_the_refusal_is_told(
    case: str,
    error: type[BaseException],
    call: Callable[..., Run],
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = plain(call, case, monkeypatch, far_side)

    def breaks(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Inbox, "read", breaks)
    name, arguments, answer, path = REFUSALS[case]
    far_side.will(answer, to=path)
    run = call(name, arguments, "--connection", "conn-1")
    assert (run.exit, run.text) == (bare.exit, bare.text)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("flags", "told"),
    [([], (4, "template_rejected", "rejected")), (["--dry-run"], (6, "timeout", "not_sent"))],
    ids=["refused", "dry run"],
)
def test_a_signal_while_it_looks_takes_no_answer_back(
    stop: signal.Signals, flags: list[str], told: tuple[int, str, str], far_side: FarSide, tmp_path: Path
) -> None:
    far_side.will(BLANK, to=SEND)
    far_side.always(Answer(delay=60), to=TEMPLATES)
    own = {"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url, "WATI_JOURNAL": str(tmp_path / "journal")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
    # A job in a shell's background starts with SIGINT ignored, and would hand that on.
    before = signal.signal(stop, signal.default_int_handler)
    try:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts/send_template_message.py"), json.dumps(single()), *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**clean, **own},
        )
    finally:
        signal.signal(stop, before)
    with process:
        looking = far_side.wait_for(2 if flags else 3)
        process.send_signal(stop)
        stdout, stderr = process.communicate(timeout=30)
    assert looking and stderr == b"", (stdout, stderr)
    error = json.loads(stdout)["error"]
    assert (process.returncode, error["code"], error["outcome"]) == told, stdout


def test_an_explanation_takes_at_most_a_few_seconds(
    call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain, "SECONDS", 0.3)
    far_side.will(BLANK, to=SEND)
    far_side.always(Answer(delay=60), to=TEMPLATES)
    began = time.monotonic()
    run = call("send_template_message", single())
    assert (run.exit, run.error["code"]) == (4, "template_rejected")
    assert time.monotonic() - began < 10


def test_an_explanation_ends_within_the_time_allowed(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.will(BLANK, to=SEND)
    far_side.always(Answer(delay=60), to=TEMPLATES)
    began = time.monotonic()
    run = call("send_template_message", single(), "--timeout", "1")
    assert (run.exit, run.error["code"]) == (4, "template_rejected")
    assert time.monotonic() - began < explain.SECONDS


def test_the_key_stays_hidden_in_what_was_read(call: Callable[..., Run], far_side: FarSide) -> None:
    """`call` asserts that the key is in neither stream."""
    row = {"elementName": KEY, "status": "APPROVED", "bodyOriginal": f"{{{{{KEY}}}}}"}
    far_side.always(reply({"result": "success", "messageTemplates": [row]}), to=TEMPLATES)
    far_side.will(BLANK, to=SEND)
    run = call("send_template_message", single("x"), "--verbose")
    assert found(run) == [("$.template_name", "template_missing")]


# --- a customer who never wrote ----------------------------------------------------------------------------


def test_whoever_never_wrote_gets_the_templates_named(refused: Callable[..., Run]) -> None:
    run = refused("send_session_message", hello("14155550100"))
    assert run.error["code"] == "session_closed"
    assert (
        "APPROVED templates" in run.error["hint"] and "order_update (name, ordernumber)" in run.error["hint"]
    )


def test_a_dry_run_names_them_too_and_finds_no_problem(call: Callable[..., Run]) -> None:
    run = call("send_session_message", hello("14155550100"), "--dry-run", **SANDBOX)
    assert run.exit == 0
    (warning,) = run.data["warnings"]
    assert "No message from the customer" in warning and "order_update (name, ordernumber)" in warning
