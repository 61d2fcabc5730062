"""What every published form of answer means, as data: script and answer to exit, code, outcome, receivers."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from conftest import RUNNABLE
from looping import looped
from recording import Answer, FarSide, default, reply
from wati.arguments import reading
from wati.arguments.validation import load_schema, validate
from wati.contract import receiver_verdicts, verdicts
from wati.contract.answer import Answer as Parsed
from wati.contract.endpoint import Endpoint

Caller = Callable[..., Any]
Meaning = tuple[int, str, str]  # exit, code, outcome

ACCEPTED: Meaning = (0, "", "accepted")
UNKNOWN: Meaning = (7, "outcome_unknown", "unknown")
PARTIAL: Meaning = (8, "partial", "partial")
REJECTED: Meaning = (4, "rejected", "rejected")
SESSION_CLOSED: Meaning = (4, "session_closed", "rejected")
TEMPLATE: Meaning = (4, "template_rejected", "rejected")
RECIPIENT: Meaning = (4, "invalid_recipient", "rejected")
NOT_FOUND: Meaning = (4, "not_found", "rejected")
CONNECTION_MISSING: Meaning = (3, "connection_missing", "rejected")
BAD: Meaning = (6, "bad_answer", "unknown")


def meaning(run: Any, effect: str) -> Meaning:
    """What the document says; a read has no outcome, so the one that goes with its exit code is put in."""
    if run.document["ok"]:
        return (run.exit, "", run.document.get("outcome", "accepted"))
    error = run.error
    implied = {3: "rejected", 4: "rejected", 6: "unknown"}
    return (run.exit, error["code"], error["outcome"] if effect != "read" else implied[run.exit])


def answers(far_side: FarSide, endpoint: Endpoint, answer: Answer) -> None:
    """Let the endpoint's own path answer so, and leave the look-up before it alone."""
    far_side.always(answer, to=endpoint.path.partition("{")[0])


# --- answers that mean the same for every endpoint ---------------------------------------------------------


@dataclass(frozen=True)
class Every:
    """One answer for all endpoints, with its meaning where repeating does no harm, and where it might."""

    name: str
    answer: Answer
    harmless: Meaning
    harmful: Meaning
    exceptions: dict[str, Meaning] = field(default_factory=dict)

    def expected(self, endpoint: Endpoint) -> Meaning:
        usual = self.harmless if endpoint.effect in ("read", "write") else self.harmful
        return self.exceptions.get(endpoint.name, usual)


def text(body: str, status: int = 200, content_type: str = "text/plain") -> Answer:
    return Answer(status, body.encode(), content_type=content_type)


def refusal(name: str, answer: Answer, says: Meaning) -> Every:
    return Every(name, answer, says, says)


def trouble(name: str, answer: Answer) -> Every:
    return Every(name, answer, (6, "upstream_error", "unknown"), UNKNOWN)


def formless(name: str, answer: Answer, media: Meaning = BAD) -> Every:
    """A 2xx whose body says nothing: enough for a delete; what is neither JSON nor a page may be a file."""
    return Every(name, answer, BAD, UNKNOWN, {"delete_connection": ACCEPTED, "get_media": media})


UNAUTHORIZED: Meaning = (3, "unauthorized", "rejected")
FORBIDDEN: Meaning = (3, "forbidden", "rejected")
HTML = "<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
MATON_401 = {"error": {"message": "Invalid API key", "type": "authentication_error", "code": 401}}
FASTAPI_422 = {"detail": [{"loc": ["query", "pageSize"], "msg": "value is not a valid integer"}]}

EVERY = [
    refusal("401 as plain text", text("Unauthorized", 401), UNAUTHORIZED),
    refusal("401 in Maton's nested form", reply(MATON_401, 401), UNAUTHORIZED),
    refusal("401 without a body", Answer(401), UNAUTHORIZED),
    refusal("401 by WATI", reply({"result": False, "info": "Unauthorized"}, 401), UNAUTHORIZED),
    refusal("403 in Maton's nested form", reply({"error": {"message": "no", "code": 403}}, 403), FORBIDDEN),
    refusal("403 as a web page", text(HTML, 403, "text/html"), FORBIDDEN),
    refusal("404 in FastAPI's form", reply({"detail": "Not Found"}, 404), NOT_FOUND),
    refusal("404 as plain text", text("Not Found", 404), NOT_FOUND),
    refusal("400 in Maton's flat form", reply({"message": "invalid app name"}, 400), REJECTED),
    refusal("400 without a body", Answer(400), REJECTED),
    refusal("405", text("", 405), REJECTED),
    refusal("409", reply({}, 409), REJECTED),
    refusal("413 as a web page", text(HTML, 413, "text/html"), REJECTED),
    refusal("415", reply({"title": "Unsupported Media Type", "status": 415}, 415), REJECTED),
    refusal("418", text("I'm a teapot", 418), REJECTED),
    refusal("422 in FastAPI's form", reply(FASTAPI_422, 422), REJECTED),
    trouble("400 though the body says success", reply({"result": True, "ok": True}, 400)),
    trouble("408", reply({"message": "Request Timeout"}, 408)),
    trouble("304", Answer(304)),
    trouble("300", reply({"result": True}, 300)),
    trouble("500 that is not the JSON that it says", text("Internal Server Error", 500, "application/json")),
    trouble("500 with a success in its body", reply({"result": True, "ok": True}, 500)),
    trouble("500 with a refusal in its body", reply({"result": False, "info": "no"}, 500)),
    trouble("502 as a web page", text(HTML, 502, "text/html")),
    trouble("503 in Maton's nested form", reply({"error": {"message": "busy", "code": 503}}, 503)),
    trouble("504 without a body", Answer(504)),
    trouble("599", Answer(599)),
    formless("no body", Answer()),
    formless("204", Answer(204)),
    formless("blank", text(" \r\n", content_type="application/json")),
    formless("plain text", text("OK"), media=ACCEPTED),
    Every("a web page", text(HTML, content_type="text/html"), BAD, UNKNOWN),
    formless("truncated JSON", text('{"result": true, "ok": tr', content_type="application/json")),
    formless("two documents", text('{"result": true}{"ok": true}', content_type="application/json")),
    formless("a list", reply([{"result": True}])),
    formless("a text", reply("success")),
    formless("null", reply(None)),
    formless("true", reply(True)),
    formless("a number", reply(200)),
    formless("an empty object", reply({})),
    formless("an unknown form", reply({"status": "queued", "result": {"ok": True}})),
    formless("NaN", text('{"result": true, "ok": true, "x": NaN}', content_type="application/json")),
    formless(
        "10,000 levels", text('{"result":true,"ok":true,"x":' + "[" * 10_000, content_type="application/json")
    ),
    formless(
        "500 levels",
        text('{"result":true,"ok":true,"x":' + "[" * 500 + "]" * 500 + "}", content_type="application/json"),
    ),
    formless(
        "Latin-1",
        Answer(
            body='{"result":true,"ok":true,"x":"é"}'.encode("latin-1"),
            content_type="application/json; charset=utf-8",
        ),
    ),
    refusal("result: false", reply({"result": False, "info": "It is not possible."}), REJECTED),
    refusal("result: false, in 201", reply({"result": False, "message": "no"}, 201), REJECTED),
    refusal("ok: false", reply({"ok": False, "result": "It is not possible."}), REJECTED),
    refusal(
        "result: false as text/json",
        text('{"result": false, "info": "no"}', content_type="text/json; charset=utf-8"),
        REJECTED,
    ),
]


@looped("every", EVERY, ids=lambda every: every.name)
def test_an_answer_that_means_the_same_everywhere(
    call_example: Caller, far_side: FarSide, pauses: list[float], each_endpoint: Endpoint, every: Every
) -> None:
    answers(far_side, each_endpoint, every.answer)
    run = call_example(each_endpoint)
    assert meaning(run, each_endpoint.effect) == every.expected(each_endpoint), run.text
    if not run.document["ok"]:
        assert run.error["http_status"] == every.answer.status


@looped("status", [200, 201, 202])
def test_success_stays_success_with_members_that_are_unknown(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint, status: int
) -> None:
    assert call_example(each_endpoint).exit == 0
    looks_up = each_endpoint.through_wati and each_endpoint.effect != "read"
    request = far_side.requests[int(looks_up)]
    answer = default(request)
    if answer.content_type == "application/json":
        assert isinstance(answer.body, bytes)
        grown = {**json.loads(answer.body), "wholly": {"new": [0, False, "x"]}}
        answer = replace(reply(grown), content_type="text/json; charset=utf-8")
    if each_endpoint.name == "create_connection":  # what it shows is what it read back
        far_side.will(replace(answer, status=status), to="/connections")
    else:
        answers(far_side, each_endpoint, replace(answer, status=status))
    run = call_example(each_endpoint, "--force" if each_endpoint.name == "get_media" else "--verbose")
    assert run.exit == 0, run.text
    if each_endpoint.name not in ("create_connection", "get_media"):
        assert run.data["wholly"] == {"new": [0, False, "x"]}


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/json; charset=utf-8", "Application/JSON, text/html", "x/json"]
)
def test_json_under_any_type_is_no_file(
    call_example: Caller,
    far_side: FarSide,
    endpoints: dict[str, Endpoint],
    pauses: list[float],
    tmp_path: Path,
    content_type: str,
) -> None:
    far_side.always(text('{"result": true}', content_type=content_type), to=endpoints["get_media"].path)
    run = call_example(endpoints["get_media"], "--output", "file.bin")
    assert (run.exit, run.error["code"]) == (6, "bad_answer")
    assert not (tmp_path / "file.bin").exists()


# --- answers of single endpoints ---------------------------------------------------------------------------

A, B, C = "14155551234", "14155555678", "14155550000"
USER_ID = "US.abc9"
SHORT, LONG = "525512345678", "5215512345678"  # one person in Mexico
OTHER_SHORT, OTHER_LONG = "541123456789", "5491123456789"  # another one, in Argentina


@dataclass(frozen=True)
class Case:
    """`body`: a text is sent as it is, anything else as JSON. `receivers`: accepted, rejected, unknown."""

    script: str
    body: Any
    meaning: Meaning
    receivers: tuple[list[str], list[str], list[str]] | None = None
    status: int = 200
    arguments: dict[str, Any] | None = None
    confirm: str = ""
    source: str = ""

    @property
    def answer(self) -> Answer:
        return text(self.body, self.status) if isinstance(self.body, str) else reply(self.body, self.status)


LINK = {"prevPage": None, "nextPage": None, "pageNumber": 1, "pageSize": 100, "total": 2}
CONTACT = {"id": "6708f1c2a9b3d4e5f6071829", "wAid": A, "fullName": f"+{A}", "optedIn": False, "photo": None}

LISTS = [
    Case("get_contacts", {"result": "success", "contact_list": [CONTACT], "link": LINK}, ACCEPTED),
    Case("get_contacts", {"result": "success", "contact_list": []}, ACCEPTED),
    Case("get_contacts", {"result": "success"}, BAD),
    Case("get_contacts", {"result": "success", "contact_list": {}}, BAD),
    Case("get_contacts", {"result": True, "contact_list": []}, ACCEPTED),
    Case("get_contacts", {"result": "success", "ok": False, "contact_list": []}, REJECTED),
    Case("get_contacts", {"result": "success", "contact_list": [], "error": "Database is down"}, BAD),
    Case("get_contacts", {"result": "success", "contact_list": [], "message": "No contacts found"}, ACCEPTED),
    Case("get_contacts", {"result": "Success", "contact_list": []}, BAD),
    Case("get_contacts", {"result": "error", "contact_list": []}, BAD),
    Case("get_contacts", {"result": False, "contact_list": []}, REJECTED),
    # `total` says two and seven came: it decides nothing
    Case(
        "get_messages",
        {"result": "success", "messages": {"items": [{"id": str(n)} for n in range(7)], "total": 2}},
        ACCEPTED,
    ),
    Case("get_messages", {"result": "success", "messages": {"items": []}, "link": None}, ACCEPTED),
    Case("get_messages", {"result": "success", "messages": []}, BAD),
    Case("get_messages", {"result": False}, REJECTED, source="wati"),  # a contact of another number
    Case("get_message_templates", {"result": "success", "messageTemplates": []}, ACCEPTED),
    Case("get_message_templates", {"result": "success", "contact_list": []}, BAD),
    Case("list_connections", {"connections": []}, ACCEPTED),
    Case("list_connections", {"connections": [], "message": "No records found"}, ACCEPTED),
    Case("list_connections", {"connections": None}, BAD),
    Case("list_connections", {"connections": [], "error": {"message": "half of them"}}, BAD),
    Case("list_connections", {"connection": {}}, BAD),
    Case("get_connection", {"connection": {"connection_id": "c", "status": "EXPIRED"}}, ACCEPTED),
    Case(
        "get_connection",
        {"connection": {"connection_id": "c", "status": "FAILED"}, "message": "No messages sent"},
        ACCEPTED,
    ),
    Case("get_connection", {"connection": {}}, BAD),
    Case("get_connection", {"connection": None}, BAD),
    Case("get_connection", {"connection": {"connection_id": "c"}}, BAD),
    Case("get_connection", {"connection": {"status": "ACTIVE"}}, BAD),
    Case(
        "get_connection", {"detail": "Connection not found"}, NOT_FOUND, status=404, source="maton"
    ),  # the id, not the setup
    Case("delete_connection", {"detail": "Connection not found"}, NOT_FOUND, status=404, source="maton"),
    Case("delete_connection", {"message": "deleted"}, ACCEPTED),
    Case("delete_connection", "deleted", ACCEPTED),
    Case("delete_connection", "<html><title>Sign in</title></html>", UNKNOWN),
    Case("delete_connection", {"message": "Connection could not be found"}, UNKNOWN),
    Case("delete_connection", {"success": False}, UNKNOWN),
    Case("create_connection", {"connection_id": "conn-2", "error": "quota"}, UNKNOWN),
]

CHANGES = [
    Case("add_contact", {"result": True, "info": ""}, ACCEPTED),
    Case("add_contact", {"result": True, "info": "", "contact": CONTACT}, ACCEPTED),
    Case("add_contact", {"result": False, "info": "Contact already exists"}, REJECTED, source="wati"),
    Case("add_contact", {"result": "success"}, ACCEPTED),
    Case("add_contact", {"ok": True, "result": "success"}, ACCEPTED),
    Case("add_contact", {"ok": False, "result": "success"}, REJECTED),
    Case("add_contact", {"result": "success", "error": "Contact not saved"}, UNKNOWN),
    Case("add_contact", {"result": "true"}, UNKNOWN),
    Case("add_contact", {"result": 1}, UNKNOWN),
    Case("add_contact", {"result": None}, UNKNOWN),
    Case("add_contact", {"contact": CONTACT}, UNKNOWN),
    Case("update_contact_attributes", {"result": True}, ACCEPTED),
    Case("update_contact_attributes", {"result": False}, REJECTED),  # no such contact, under HTTP 200
    Case("update_contact_attributes", {"result": "success"}, ACCEPTED),
    Case("update_contact_attributes", {"result": True, "errors": ["x"]}, BAD),
    Case("assign_operator", {"result": True}, ACCEPTED),
    Case("assign_operator", {"result": False, "info": "Operator not found"}, REJECTED),
    Case("assign_operator", {"result": 1}, BAD),
    Case("assign_operator", {"result": "success"}, ACCEPTED),
    Case("assign_operator", {"result": True, "info": "Operator not found"}, BAD),
]

EXPIRED = {"result": False, "message": "Ticket has been expired.", "ticketStatus": "CLOSED"}
SESSION = [
    Case(
        "send_session_message",
        {"ok": True, "result": "success", "message": {"id": "m", "whatsappMessageId": None}},
        ACCEPTED,
    ),
    Case("send_session_message", {"ok": True, "result": "success"}, ACCEPTED),
    Case("send_session_message", {"result": True, "message": {"id": "m"}}, ACCEPTED),
    Case("send_session_message", EXPIRED, SESSION_CLOSED, source="wati"),
    Case("send_session_message", {"result": False, "ticketStatus": "CLOSED"}, SESSION_CLOSED),
    Case("send_session_message", {"result": False, "message": "Ticket has been expired."}, SESSION_CLOSED),
    Case("send_session_message", {"result": False, "info": "message text can not be empty"}, REJECTED),
    Case("send_session_message", {"result": False}, REJECTED),
    Case("send_session_message", {"ok": True, "result": False}, REJECTED),
    Case("send_session_message", {"ok": False, "result": "success"}, REJECTED),
    Case("send_session_message", {"ok": True}, UNKNOWN),
    Case("send_session_message", {"ok": True, "result": "queued"}, UNKNOWN),
    Case("send_session_message", {"ok": True, "message": {"id": "m"}}, UNKNOWN),
    Case("send_session_file", {"result": True, "message": "", "ticketStatus": "OPEN"}, ACCEPTED),
    Case("send_session_file", {"result": True}, ACCEPTED),
    Case("send_session_file", EXPIRED, SESSION_CLOSED),
    Case("send_session_file", {"result": False, "message": "file is required"}, REJECTED),
    Case("send_session_file", {"result": "success"}, ACCEPTED),
    Case("send_session_file", {"ok": True, "result": "success"}, ACCEPTED),
    Case("send_session_file", {"ok": False, "result": "success"}, REJECTED),
    Case("send_session_file", {"result": True, "ticketStatus": "CLOSED"}, UNKNOWN),
    Case("send_session_file", {"result": True, "message": "Ticket has been expired."}, UNKNOWN),
    *(
        Case("send_session_message", {"ok": True, "result": "success", **beside}, UNKNOWN)
        for beside in (
            {"error": "Something"},
            {"errors": {"a": ["b"]}},
            {"success": False},
            {"status": 500},
            {"status": "failed"},
            {"message": {"id": "m", "statusString": "FAILED"}},
            {"message": {"id": "m", "failedDetail": "131047"}},
        )
    ),
    # What customers or the sender wrote is in `message.text`, and says nothing about the send.
    Case(
        "send_session_message",
        {"ok": True, "result": "success", "error": None, "errors": [], "message": {"text": "Payment failed"}},
        ACCEPTED,
    ),
]

INTERACTIVE = [
    case
    for script in ("send_interactive_buttons_message", "send_interactive_list_message")
    for case in [
        Case(script, {"ok": True, "errors": [], "message": {"id": "m", "statusString": "SENT"}}, ACCEPTED),
        Case(script, {"ok": True}, ACCEPTED),
        Case(script, {"ok": True, "errors": None}, ACCEPTED),
        Case(script, {"ok": False, "result": "Ticket has been expired."}, SESSION_CLOSED),
        Case(script, {"ok": False, "result": "Body is too long"}, REJECTED),
        Case(script, {"ok": False, "errors": ["Body is too long"]}, REJECTED),
        Case(script, {"ok": False}, REJECTED),
        Case(script, {"ok": True, "errors": ["Header media could not be read"]}, UNKNOWN),
        Case(script, {"result": True}, ACCEPTED),
        Case(script, {"ok": "true"}, UNKNOWN),
        Case(script, {"ok": "false", "result": True}, UNKNOWN),
        Case(script, {"ok": True, "result": "success"}, ACCEPTED),
        Case(script, {"ok": True, "result": "queued for review"}, UNKNOWN),
        Case(script, {"ok": True, "error": "x"}, UNKNOWN),
    ]
]

TYPOS = "Check your template, it cannot have typos or blank text."
TEMPLATES = [
    Case(
        "send_template_message",
        {
            "result": True,
            "phone_number": A,
            "template_name": "order_update",
            "parameteres": [{"name": "name", "value": "John"}],
            "contact": CONTACT,
            "model": {"ids": ["m"]},
            "validWhatsAppNumber": True,
        },
        ACCEPTED,
    ),
    Case("send_template_message", {"result": True}, ACCEPTED),
    Case("send_template_message", {"result": True, "validWhatsAppNumber": None}, ACCEPTED),
    Case("send_template_message", {"result": True, "validWhatsAppNumber": False}, RECIPIENT),
    Case("send_template_message", {"result": False, "validWhatsAppNumber": False}, RECIPIENT),
    Case("send_template_message", TYPOS, TEMPLATE, status=400),
    Case("send_template_message", {"result": False, "info": TYPOS}, TEMPLATE, status=400, source="wati"),
    Case("send_template_message", {"result": False, "info": TYPOS}, TEMPLATE),
    Case("send_template_message", {"result": False, "info": "Template not found"}, TEMPLATE),
    Case(
        "send_template_message",
        {"result": False, "info": "Whatsapp number should not be null or empty"},
        RECIPIENT,
    ),
    Case("send_template_message", {"result": False}, REJECTED),
    Case("send_template_message", {"result": "success"}, ACCEPTED),
    Case("send_template_message", {"result": "success", "validWhatsAppNumber": False}, RECIPIENT),
    Case("send_template_message", {"result": True, "errors": ["paused"]}, UNKNOWN),
]


def bulk(script: str, *numbers: str) -> dict[str, Any]:
    receivers = [{"whatsappNumber": number, "customParams": []} for number in numbers]
    arguments = {"template_name": "welcome", "broadcast_name": "welcome", "receivers": receivers}
    return {"script": script, "arguments": arguments, "confirm": str(len(numbers))}


def errors(
    error: str = "", numbers: tuple[str, ...] = (), parameters: tuple[str, ...] = ()
) -> dict[str, Any]:
    return {
        "error": error,
        "invalidWhatsappNumbers": list(numbers),
        "invalidCustomParameters": list(parameters),
    }


NO_RECEIVERS = "There are no valid Receivers"
ONE, THREE = bulk("send_template_messages", A), bulk("send_template_messages", A, B, C)
SPELLED = bulk("send_template_messages", A, SHORT)
BULK = [
    # An invalid number may be listed in WhatsApp's spelling.
    Case(
        **SPELLED,
        body={"result": True, "errors": errors(numbers=(LONG,))},
        meaning=PARTIAL,
        receivers=([A], [SHORT], []),
    ),
    Case(**THREE, body={"result": True, "errors": errors()}, meaning=ACCEPTED),
    Case(**THREE, body={"result": True, "errors": None}, meaning=ACCEPTED),
    # Words elsewhere than in `errors` are no reason for a refusal of many.
    Case(**THREE, body={"result": False, "errors": errors(), "message": "Failed"}, meaning=UNKNOWN),
    Case(**THREE, body={"result": True}, meaning=ACCEPTED),
    # Somebody is invalid, and it is none whom the call names in that form: nobody can say who.
    Case(**THREE, body={"result": True, "errors": errors(numbers=("19998887777",))}, meaning=UNKNOWN),
    Case(
        **THREE,
        body={"result": True, "errors": errors(numbers=(C,))},
        meaning=PARTIAL,
        receivers=([A, B], [C], []),
    ),
    Case(
        **THREE,
        body={"result": True, "errors": errors(numbers=(f"+{C}", "+1 415-555-5678"))},
        meaning=PARTIAL,
        receivers=([A], [B, C], []),
    ),
    Case(**THREE, body={"result": True, "errors": errors(numbers=(C, B, A))}, meaning=RECIPIENT),
    Case(**ONE, body={"result": True, "errors": errors(numbers=(A,))}, meaning=RECIPIENT),
    Case(
        **THREE, body={"result": False, "errors": errors("There are no valid Receivers")}, meaning=RECIPIENT
    ),
    Case(**THREE, body={"result": False, "errors": errors("Template not found")}, meaning=TEMPLATE),
    Case(**THREE, body={"result": False, "errors": errors("Something")}, meaning=REJECTED),
    Case(**THREE, body={"result": False, "errors": errors(numbers=(A, B, C))}, meaning=RECIPIENT),
    Case(**THREE, body={"result": False, "errors": errors(parameters=("name",))}, meaning=TEMPLATE),
    # the reverse trap: seen though the messages had gone out
    Case(**THREE, body={"result": False, "errors": errors()}, meaning=UNKNOWN),
    Case(**THREE, body={"result": False, "errors": None}, meaning=UNKNOWN),
    Case(**THREE, body={"result": False}, meaning=UNKNOWN),
    Case(**ONE, body={"result": False, "errors": errors()}, meaning=UNKNOWN),
    Case(
        **THREE,
        body={"result": False, "errors": errors(numbers=(C,))},
        meaning=UNKNOWN,
        receivers=([], [C], [A, B]),
    ),
    Case(**THREE, body={"result": "success"}, meaning=ACCEPTED),
    Case(**THREE, body={"ok": False, "result": "success"}, meaning=REJECTED),
    Case(**THREE, body={"result": True, "error": "Something"}, meaning=UNKNOWN),
    Case(
        **THREE,
        body={"result": True, "errors": errors(numbers=(C,)), "info": "Import failed"},
        meaning=UNKNOWN,
        receivers=([], [C], [A, B]),
    ),
    Case(
        **THREE,
        body={"result": True, "errors": errors(parameters=(C,))},
        meaning=PARTIAL,
        receivers=([A, B], [C], []),
    ),
    Case(
        **THREE,
        body={"result": True, "errors": {"invalidWhatsappNumbers": C}},
        meaning=PARTIAL,
        receivers=([A, B], [C], []),
    ),
    # One who is named explains nobody else.
    *(
        Case(
            **THREE,
            body={"result": True, "errors": errors(numbers=listed)},
            meaning=UNKNOWN,
            receivers=([], [C], [A, B]),
        )
        for listed in (("19998887777", C), (C, "19998887777"))
    ),
    # Without a yes or a no, its errors are neither.
    Case(**THREE, body={"errors": errors(numbers=(A, B, C))}, meaning=UNKNOWN),
    Case(**THREE, body={"errors": errors("Something")}, meaning=UNKNOWN),
    # Errors in a form that nobody has seen: somebody was struck, and nothing says who.
    *(
        Case(**THREE, body={"result": True, "errors": strange}, meaning=UNKNOWN)
        for strange in (["x"], "x", {"other": ["x"]}, {**errors(), "failed": [{"n": 1}]}, {"error": ["x"]})
    ),
    *(
        Case(**THREE, body={"result": True, "errors": empty}, meaning=ACCEPTED)
        for empty in ([], "", {}, {**errors(), "other": []}, {"error": None})
    ),
]

CSV = [
    Case("send_template_message_csv", {"result": True, "info": ""}, ACCEPTED),
    Case("send_template_message_csv", {"result": True}, ACCEPTED),
    Case("send_template_message_csv", {"result": False, "info": "Phone column is missing"}, REJECTED),
    Case(
        "send_template_message_csv",
        {"result": False, "errors": errors(NO_RECEIVERS)},
        RECIPIENT,
    ),
    Case("send_template_message_csv", {"result": False, "info": ""}, UNKNOWN),
    Case("send_template_message_csv", {"result": False, "errors": errors()}, UNKNOWN),
    Case("send_template_message_csv", {"result": False}, UNKNOWN),
    Case("send_template_message_csv", {"result": "success"}, ACCEPTED),
    *(
        Case("send_template_message_csv", {"result": True, "info": words}, UNKNOWN)
        for words in (
            "0 of 7 records accepted",
            "0/7 records accepted",
            "0 out of 7",
            "0 records imported",
            "Accepted: 0, rejected: 7",
            "No valid receivers",
            "There are no valid Receivers",
            "No messages sent",
            "None of the numbers is valid",
            "Nothing imported",
            "Import failed",
            "5 imported, 2 failed",
            "Some numbers are invalid",
            "The file could not be imported",
            "The file couldn't be found",
        )
    ),
    *(
        Case("send_template_message_csv", {"result": True, "info": words}, ACCEPTED)
        for words in (
            "7 of 7 records accepted",
            "10 records imported, 0 failed",
            "Accepted: 7, rejected: 0",
            "Done without errors.",
            "No errors, no duplicates.",
            "0 of 7 records failed",
            "100 messages queued",
        )
    ),
]


def row(number: str, valid: bool | None = True, *wrong: str) -> dict[str, Any]:
    return {"localMessageId": "l", "waId": number, "isValidWhatsAppNumber": valid, "errors": list(wrong)}


def v2(*rows: Any, result: Any = True, error: str | None = None) -> dict[str, Any]:
    return {"result": result, "error": error, "templateName": "welcome", "receivers": list(rows)}


def to_one(number: str) -> dict[str, Any]:
    arguments = {"template_name": "welcome", "broadcast_name": "welcome", "parameters": []}
    return {"script": "send_template_message_v2", "arguments": {"whatsappNumber": number, **arguments}}


ONE_V2, USER_V2 = to_one(A), to_one(USER_ID)
THREE_V2 = bulk("send_template_messages_v2", A, B, C)
SPELLED_V2 = bulk("send_template_messages_v2", A, SHORT)
BOTH_V2 = bulk("send_template_messages_v2", OTHER_SHORT, SHORT)
ID_V2 = bulk("send_template_messages_v2", A, USER_ID)
V2 = [
    Case(**ONE_V2, body=v2(row(A)), meaning=ACCEPTED),
    Case(**ONE_V2, body=v2(row(f"+{A}")), meaning=ACCEPTED),
    Case(**ONE_V2, body=v2(row(A), row(A, False)), meaning=ACCEPTED),
    Case(**ONE_V2, body=v2(row(A, False)), meaning=RECIPIENT),
    Case(**ONE_V2, body=v2(row(A, True, "blocked")), meaning=RECIPIENT),
    # One answer to a request for one receiver is about that receiver, whatever number stands in it.
    Case(**ONE_V2, body=v2(row(B)), meaning=ACCEPTED),
    Case(**ONE_V2, body=v2(row(B, False)), meaning=RECIPIENT),
    Case(**ONE_V2, body=v2(row(B), row(C)), meaning=UNKNOWN),
    Case(**to_one(SHORT), body=v2(row(LONG)), meaning=ACCEPTED),
    Case(**to_one(SHORT), body=v2(row(LONG), row(LONG)), meaning=ACCEPTED),
    Case(**to_one(SHORT), body=v2(row(B), row(LONG)), meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(row(A, None)), meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(), meaning=UNKNOWN),
    Case(**ONE_V2, body={"result": True}, meaning=UNKNOWN),
    Case(**ONE_V2, body={"result": True, "receivers": {}}, meaning=UNKNOWN),
    Case(**ONE_V2, body={"result": True, "receivers": [None, "x", [A]]}, meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(row(A), result="true"), meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(row(A), result="success"), meaning=ACCEPTED),
    Case(**ONE_V2, body={**v2(row(A)), "errors": ["x"]}, meaning=UNKNOWN),
    # A no beside a receiver who was taken: neither can be trusted.
    Case(**ONE_V2, body={**v2(row(A)), "ok": False}, meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(row(A), result=False, error="Something"), meaning=UNKNOWN),
    Case(**ONE_V2, body={**v2(row(A, False)), "ok": False}, meaning=REJECTED),
    Case(**ONE_V2, body=v2(result=False, error="Template not found"), meaning=TEMPLATE),
    Case(**ONE_V2, body=v2(result=False, error="Something"), meaning=REJECTED),
    Case(**ONE_V2, body=v2(result=False), meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(row(A), result=False), meaning=UNKNOWN),
    Case(**ONE_V2, body=v2(row(A, False), result=False), meaning=RECIPIENT),
    # A good and a bad row for one receiver: nobody can say which holds, least of all under a no.
    Case(**ONE_V2, body=v2(row(A), row(A, False), result=False), meaning=UNKNOWN),
    Case(
        **THREE_V2,
        body=v2(row(A), row(A, False), row(B), row(C, False), error="Something failed"),
        meaning=UNKNOWN,
        receivers=([], [C], [A, B]),
    ),
    # What is said of somebody else changes nothing.
    Case(**ONE_V2, body=v2(row(A, False), row(B, True, "opted out"), result=False), meaning=RECIPIENT),
    Case(
        **THREE_V2,
        body={**v2(row(A), row(B, False)), "ok": False},
        meaning=UNKNOWN,
        receivers=([], [B], [A, C]),
    ),
    # WATI names the number that it found behind a contact's or a user's id
    Case(**USER_V2, body=v2(row(A)), meaning=ACCEPTED),
    Case(**USER_V2, body=v2(row(A, False)), meaning=RECIPIENT),
    Case(**USER_V2, body=v2(row(A), row(B)), meaning=UNKNOWN),
    Case(**THREE_V2, body=v2(row(A), row(B), row(C)), meaning=ACCEPTED),
    Case(**THREE_V2, body=v2(row(C), row(f"+{A}"), row("+1 (415) 555-5678")), meaning=ACCEPTED),
    Case(
        **THREE_V2,
        body=v2(row(A), row(B, True, "opted out"), row(C, False)),
        meaning=PARTIAL,
        receivers=([A], [B, C], []),
    ),
    Case(**THREE_V2, body=v2(row(A), row(C)), meaning=PARTIAL, receivers=([A, C], [], [B])),
    Case(
        **THREE_V2, body=v2(row(A), row(B, None), row(C, False)), meaning=PARTIAL, receivers=([A], [C], [B])
    ),
    Case(**THREE_V2, body=v2(row(B, False)), meaning=PARTIAL, receivers=([], [B], [A, C])),
    Case(
        **THREE_V2,
        body=v2(row(A, False), row(A), row(B), row(C, False)),
        meaning=PARTIAL,
        receivers=([A, B], [C], []),
    ),
    Case(**THREE_V2, body=v2(row(A, False), row(B, False), row(C, False)), meaning=RECIPIENT),
    # The only two that are left over belong together if they are spellings of one number.
    Case(**SPELLED_V2, body=v2(row(LONG), row(A)), meaning=ACCEPTED),
    Case(**SPELLED_V2, body=v2(row(LONG, False), row(A)), meaning=PARTIAL, receivers=([A], [SHORT], [])),
    Case(**SPELLED_V2, body=v2(row(OTHER_LONG), row(A)), meaning=PARTIAL, receivers=([A], [], [SHORT])),
    Case(**SPELLED_V2, body=v2(row(LONG), row(B)), meaning=UNKNOWN),
    Case(
        **SPELLED_V2,
        body=v2(row(LONG), row(A), row(B)),
        meaning=PARTIAL,
        receivers=([A], [], [SHORT]),
    ),
    Case(**BOTH_V2, body=v2(row(OTHER_LONG), row(LONG)), meaning=UNKNOWN),
    Case(**ID_V2, body=v2(row(A), row(B)), meaning=PARTIAL, receivers=([A], [], [USER_ID])),
    Case(
        **bulk("send_template_messages_v2", USER_ID, "US.def7"),
        body=v2(row("US.DEF7"), row(USER_ID.upper())),
        meaning=ACCEPTED,
    ),
    Case(**THREE_V2, body=v2(), meaning=UNKNOWN),
    # An error beside `result: true` that names no receiver: somebody was struck, and nobody can say who.
    Case(**THREE_V2, body=v2(row(A), row(B), row(C), error="Something failed"), meaning=UNKNOWN),
    Case(**THREE_V2, body=v2(row("19998887777")), meaning=UNKNOWN),
    # What says nothing, or says it in no known form, is neither a yes nor a no.
    *(
        Case(**THREE_V2, body=v2(*({**row(n), "errors": odd} for n in (A, B, C))), meaning=UNKNOWN)
        for odd in ([""], [None], {"error": ""}, {"x": ["y"]}, "x", True)
    ),
    Case(**THREE_V2, body=v2(result=False, error="Template not found"), meaning=TEMPLATE),
    Case(**THREE_V2, body=v2(row(A), row(B), row(C), result=False), meaning=UNKNOWN),
    Case(
        **THREE_V2,
        body=v2(row(A), row(B, False), result=False, error="Some receivers failed"),
        meaning=UNKNOWN,
        receivers=([], [B], [A, C]),
    ),
    Case(
        **THREE_V2,
        body=v2(row(A), row(B), row(C, False), result=False),
        meaning=UNKNOWN,
        receivers=([], [C], [A, B]),
    ),
    Case(
        **THREE_V2,
        body=v2(row(A, False), row(B, False), row(C, False), result=False),
        meaning=RECIPIENT,
    ),
]


@looped(
    "case",
    [*LISTS, *CHANGES, *SESSION, *INTERACTIVE, *TEMPLATES, *BULK, *CSV, *V2],
    ids=lambda case: f"{case.script} {case.meaning[1] or 'accepted'}",
)
def test_an_answer_of_one_endpoint(
    call: Caller,
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    case: Case,
) -> None:
    endpoint = endpoints[case.script]
    answers(far_side, endpoint, case.answer)
    confirmed = ("--confirm", case.confirm) if case.confirm else ()
    run = call_example(endpoint) if case.arguments is None else call(case.script, case.arguments, *confirmed)
    assert meaning(run, endpoint.effect) == case.meaning, run.text
    if run.document["ok"]:
        return
    assert run.error["http_status"] == case.status, run.text  # it was judged, and is not unknown by a crash
    named = ("accepted", "rejected", "unknown")
    expected = None if case.receivers is None else dict(zip(named, case.receivers, strict=True))
    assert run.error.get("receivers") == expected, run.text
    assert case.source in ("", run.error["source"])


def test_a_refused_receiver_is_named_with_its_place(call: Caller, far_side: FarSide) -> None:
    far_side.will(reply(v2(row(A), row(B, True, "opted out"), row(C, False))), to="/wati/")
    error = call("send_template_messages_v2", THREE_V2["arguments"], "--confirm", "3").error
    assert [problem["at"] for problem in error["problems"]] == [
        "$.receivers[1].whatsappNumber",
        "$.receivers[2].whatsappNumber",
    ]
    assert "opted out" in error["problems"][0]["problem"]


# --- a CSV's receivers are in the file, not in the arguments -----------------------------------------------


@pytest.mark.parametrize(
    ("listed", "expected", "receivers"),
    [
        ((B,), PARTIAL, {"accepted": [A, C], "rejected": [B], "unknown": []}),
        ((f"+{B}", C), PARTIAL, {"accepted": [A], "rejected": [B, C], "unknown": []}),
        ((A, B, C), RECIPIENT, None),
    ],
    ids=["one", "two", "all"],
)
def test_a_csv_is_accepted_for_all_that_are_not_listed_as_invalid(
    call: Caller, far_side: FarSide, tmp_path: Any, listed: tuple[str, ...], expected: Meaning, receivers: Any
) -> None:
    (tmp_path / "contacts.csv").write_text(f"Name,Phone\nA,{A}\nB,{B}\nC,{C}\n", encoding="utf-8")
    far_side.will(reply({"result": True, "errors": errors(numbers=listed)}), to="/wati/")
    arguments = {
        "template_name": "welcome",
        "broadcast_name": "welcome",
        "whatsapp_numbers_csv": "contacts.csv",
    }
    run = call("send_template_message_csv", arguments, "--confirm", "3")
    assert meaning(run, "send") == expected, run.text
    assert run.error.get("receivers") == receivers, run.text


# --- Maton's missing connection ----------------------------------------------------------------------------

MISSING = "No ACTIVE connection found for app wati"


@looped("status", [400, 404, 412])
@looped(
    "body",
    [
        {"message": MISSING},
        {"error": {"message": MISSING, "type": "invalid_request_error", "code": 400}},
        {"detail": MISSING},
        {"detail": [{"loc": ["header", "Maton-Connection"], "msg": "unknown connection"}]},
    ],
    ids=["flat", "nested", "detail", "validation"],
)
def test_matons_word_for_a_missing_connection(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint, status: int, body: Any
) -> None:
    answers(far_side, each_endpoint, reply(body, status))
    run = call_example(each_endpoint)
    if each_endpoint.through_wati:
        assert meaning(run, each_endpoint.effect) == CONNECTION_MISSING, run.text
        assert run.error["source"] == "maton"
    else:
        assert run.exit == 4, run.text
        assert run.error["code"] == ("not_found" if status == 404 else "rejected")


def test_watis_own_word_of_a_connection_is_a_refusal(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint]
) -> None:
    far_side.will(reply({"result": False, "info": "connection to WhatsApp is down"}, 400), to="/wati/")
    run = call_example(endpoints["assign_operator"])
    assert meaning(run, "write") == REJECTED
    assert run.error["source"] == "wati"


# --- what is told of a refusal -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"result": False, "message": "words of message"}, "words of message"),
        ({"result": False, "info": "words of info"}, "words of info"),
        ({"result": False, "errors": {"error": "words of errors.error"}}, "words of errors.error"),
        ({"result": False, "errors": ["words", "of errors"]}, "words; of errors"),
        ({"result": False, "error": "words of error"}, "words of error"),
        ({"ok": False, "result": "words of result"}, "words of result"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_far_sides_words_are_told_wherever_they_stand(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint], body: Any, words: str
) -> None:
    far_side.will(reply(body), to="/wati/")
    error = call_example(endpoints["send_session_message"]).error
    assert words in error["message"]
    assert error["answer"] == body
    assert error["http_status"] == 200


def test_validation_errors_are_told_with_their_place(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint]
) -> None:
    far_side.will(reply(FASTAPI_422, 422), to="/wati/")
    error = call_example(endpoints["get_contacts"]).error
    assert "query.pageSize value is not a valid integer" in error["message"]


def test_the_errors_of_a_model_are_told_with_their_fields(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint]
) -> None:
    """WATI runs on ASP.NET, whose model validation answers with problem details."""
    body = {"title": "One or more validation errors occurred.", "errors": {"Buttons": ["is required"]}}
    far_side.will(reply(body, 400), to="/wati/")
    run = call_example(endpoints["send_interactive_buttons_message"])
    assert meaning(run, "send") == REJECTED
    assert "Buttons: is required" in run.error["message"]


def test_a_refused_key_and_a_refused_token_have_different_hints(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint]
) -> None:
    far_side.will(reply(MATON_401, 401), reply({"result": False, "info": "token"}, 401), to="/wati/")
    by_maton = call_example(endpoints["get_contacts"]).error
    by_wati = call_example(endpoints["get_contacts"]).error
    assert (by_maton["source"], by_wati["source"]) == ("maton", "wati")
    assert "MATON_API_KEY" in by_maton["hint"] and "MATON_API_KEY" not in by_wati["hint"]


# --- what to do about an unknown outcome -------------------------------------------------------------------


def test_an_unknown_outcome_names_a_command_that_runs(
    call: Caller,
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    each_endpoint: Endpoint,
    endpoints: dict[str, Endpoint],
) -> None:
    """The hint ends with a command, ready for a shell: a read, with arguments that are themselves valid."""
    answers(far_side, each_endpoint, Answer(502))
    run = call_example(each_endpoint)
    if each_endpoint.effect in ("read", "write"):
        assert run.exit == 6
        return
    assert run.exit == 7
    assert "Do not run it again" in run.error["hint"]
    found = re.search(r"\w+\.py( .*)?$", run.error["hint"])
    assert found, run.error["hint"]
    # Plain words: no quotes or backslashes, which Git Bash, PowerShell and cmd read in other ways.
    assert not set(found[0]) & set("'\"\\")
    script, *words = shlex.split(found[0])
    if each_endpoint.effect == "send":
        assert (script, words) == ("check_send.py", ["1"])
        return
    looking = RUNNABLE[script.removesuffix(".py")]
    assert looking.effect == "read"
    flags = ["--connection", "conn-1"] if each_endpoint.through_wati else []
    assert words[len(words) - len(flags) :] == flags
    arguments = reading.read(looking, words[: len(words) - len(flags)])
    assert validate(looking, load_schema(looking), arguments) == []


def judged(body: Any, *numbers: str) -> verdicts.Verdict:
    found = receiver_verdicts.v2(
        Parsed(200, {}, json=body), [(f"$[{n}]", number) for n, number in enumerate(numbers)]
    )
    return found


def test_the_number_that_was_answered_is_kept_for_each_receiver() -> None:
    assert judged(v2(row(LONG)), SHORT).answered == {SHORT: LONG}
    assert judged(v2(row(A)), USER_ID).answered == {USER_ID: A}
    assert judged(v2(row(LONG), row(A)), A, SHORT).answered == {A: A, SHORT: LONG}
    assert judged(v2(row("x" * 100)), SHORT).answered == {}


def test_whoever_may_be_one_of_the_strangers_is_named() -> None:
    verdict = judged(v2(row(A), row(B)), A, SHORT, LONG)
    assert set(verdict.unpaired) == {SHORT, LONG} and B in verdict.message
    assert set(judged(v2(row(A)), A, SHORT).unpaired) == set()
    assert set(judged(v2(row(LONG), row(A)), A, SHORT).unpaired) == set()
    assert set(judged(v2(row(LONG), row(OTHER_LONG)), SHORT, OTHER_SHORT).unpaired) == {SHORT, OTHER_SHORT}


def listed_by_v1(numbers: tuple[str, ...], **body: Any) -> Parsed:
    return Parsed(200, {}, json={"result": True, "errors": errors(numbers=numbers), **body})


@pytest.mark.parametrize(
    ("asked", "listed", "rejected"),
    [
        ((A, SHORT), LONG, SHORT),
        ((A, LONG), SHORT, LONG),
        # Both spellings of one person, as `--again` lets them through: the very digits count.
        *(((SHORT, LONG), each, each) for each in (SHORT, LONG)),
        *(((LONG, SHORT), each, each) for each in (SHORT, LONG)),
    ],
)
def test_whom_v1_lists_as_invalid(asked: tuple[str, ...], listed: str, rejected: str) -> None:
    verdict = receiver_verdicts.bulk(listed_by_v1((listed,)), [("$", number) for number in asked])
    assert verdict.receivers is not None and verdict.receivers["rejected"] == [rejected]
    assert verdict.receivers["unknown"] == []


COUNTED = [
    ("4 of 5 records accepted", "unknown", "WATI took 4 of 5 receivers and does not say which."),
    ("4/5", "unknown", "WATI took 4/5 receivers and does not say which."),
    ("4 out of 5 imported", "unknown", "WATI took 4 out of 5 receivers and does not say which."),
    ("5 of 5 records accepted", "accepted", ""),
    ("1 of 2 files", "accepted", ""),  # another count
    ("7 of 5 records accepted", "accepted", ""),
    ("Done", "accepted", ""),
]


@pytest.mark.parametrize(("info", "outcome", "message"), COUNTED)
def test_a_csv_of_which_fewer_were_taken_is_not_accepted(info: str, outcome: str, message: str) -> None:
    receivers = [(f"line {n}", str(14155550000 + n)) for n in range(5)]
    verdict = receiver_verdicts.counted(listed_by_v1((), info=info), receivers)
    assert (verdict.outcome, verdict.message, verdict.receivers) == (outcome, message, None)
    # Where it says who was struck, that counts.
    named = receiver_verdicts.counted(listed_by_v1((C,), info=info), receivers)
    assert named.outcome == "partial" and named.receivers is not None
    assert named.receivers["rejected"] == [C] and named.receivers["unknown"] == []


NAMED = "whom nobody asked for."
TOLD = [
    ([row(A), row(B, False)], (A, B, C), "Of 3 receivers: 1 accepted, 1 rejected, 1 unknown."),
    (
        [row(A, True, "opted out", "blocked"), row(B, False)],
        (A, B),
        "WATI accepted no receiver: has no WhatsApp account; opted out; blocked.",
    ),
    ([], (A, B), "The answer names none of the receivers."),
    ([row(A), row(B)], (A, C), f"Of 2 receivers: 1 accepted, 1 unknown. The answer names {B}, {NAMED}"),
    (
        [row(A), row("x")],
        (A, C),
        f"Of 2 receivers: 1 accepted, 1 unknown. The answer names someone, {NAMED}",
    ),
    (
        [row(A), *(row(str(14155559000 + n)) for n in (*range(7), 0))],
        (A, C),
        "Of 2 receivers: 1 accepted, 1 unknown. The answer names 14155559000, 14155559001, 14155559002, "
        f"14155559003, 14155559004, {NAMED}",
    ),
]


@pytest.mark.parametrize(("rows", "asked", "message"), TOLD)
def test_what_is_told_of_many(rows: list[Any], asked: tuple[str, ...], message: str) -> None:
    assert judged(v2(*rows), *asked).message == message


@pytest.mark.parametrize("no", [{"result": False, "error": "Try later"}, {"ok": False, "error": "Try later"}])
def test_a_no_beside_receivers_who_were_taken_is_quoted(no: dict[str, Any]) -> None:
    verdict = judged({**v2(row(A), row(B, False)), **no}, A, B)
    assert (verdict.outcome, verdict.receivers) == (
        "unknown",
        {"accepted": [], "rejected": [B], "unknown": [A]},
    )
    assert verdict.message == "WATI rejected the call: Try later. But it names receivers as accepted."


def test_of_whom_a_refusal_of_all_tells_what() -> None:
    verdict = judged(v2(row(A, True, "opted out", "blocked"), row(B, False)), A, B)
    assert verdict.outcome == "rejected"
    assert verdict.problems == [
        {"at": "$[0]", "problem": "opted out; blocked"},
        {"at": "$[1]", "problem": "has no WhatsApp account"},
    ]


def test_the_row_of_each_receiver() -> None:
    receivers = [("$", SHORT), ("$", A), ("$", B)]
    rows = [row(A), row(LONG, False), row(C)]
    assert receiver_verdicts.named(v2(*rows), receivers) == {
        A: rows[0]
    }  # two are left over, and two strangers
    assert receiver_verdicts.named(v2(*rows[:2]), receivers[:2]) == {A: rows[0], SHORT: rows[1]}
    for odd in (None, {}, A, 5):
        assert receiver_verdicts.named({"receivers": odd}, receivers) == {}


@pytest.mark.parametrize("judge", [receiver_verdicts.bulk, receiver_verdicts.v2])
def test_a_no_to_nobody_is_no_yes(judge: Callable[..., verdicts.Verdict]) -> None:
    body = {"result": False, "errors": {"invalidWhatsappNumbers": []}, "receivers": []}
    assert judge(Parsed(200, {}, json=body), []).outcome == "unknown"


def test_v1_tells_the_number_and_the_id_of_the_contact() -> None:
    contact = {"id": "6708f1c2a9b3d4e5f6071829", "wAid": LONG}
    body = {"result": True, "phone_number": SHORT, "contact": contact, "validWhatsAppNumber": True}
    verdict = verdicts.template_message(Parsed(200, {}, json=body), [("$", SHORT)])
    assert verdict.outcome == "accepted" and verdict.answered == {SHORT: LONG, contact["id"]: LONG}
    for body, answered in (({"result": True, "phone_number": LONG}, {SHORT: LONG}), ({"result": True}, {})):
        assert verdicts.template_message(Parsed(200, {}, json=body), [("$", SHORT)]).answered == answered


# --- a web page from a server on the way, and a success under 429 ------------------------------------------

PAGE = "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>x</body></html>"


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/json"])
@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_web_page_is_named_as_one(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    status: int,
    content_type: str,
) -> None:
    endpoint = endpoints["send_session_message"]
    answers(far_side, endpoint, text(PAGE, status, content_type))
    error = call_example(endpoint).error
    assert (error["outcome"], error["source"]) == ("rejected" if status == 403 else "unknown", "network")
    assert 'web page with the title "Just a moment..."' in error["message"]


SAID_DONE: list[Any] = [
    {"result": True},
    {"ok": True, "result": "success"},
    {"ok": True},
    {"result": True, "errors": {"error": "no"}},
    {"result": False, "receivers": [{"waId": A, "isValidWhatsAppNumber": True, "errors": []}]},
    {"result": False, "receivers": [row(B, False), row(A)]},
    {"connection_id": "b7c9"},
    {"connection": {"connection_id": "b7c9", "status": "PENDING"}},
]
SAID_NOTHING: list[Any] = [
    {"result": True, "ok": False},
    {"receivers": [{"waId": A, "isValidWhatsAppNumber": True, "errors": ["no"]}]},
    {"receivers": A},
    {"receivers": []},
    {"connection_id": ""},
    {"connection_id": "b7c9", "message": "This connection is not active."},
]


def outcome_of(status: int, body: object) -> str:
    answer = Parsed(status, {}, json=body)
    return verdicts.judge(answer, verdicts.result_yes, [("$", A)], through_wati=True).outcome


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 422, 429, 499])
def test_a_4xx_is_a_rejection_unless_its_body_says_that_it_was_done(status: int) -> None:
    assert {outcome_of(status, body) for body in SAID_DONE} == {"unknown"}
    assert {outcome_of(status, body) for body in SAID_NOTHING} == {"rejected"}


@pytest.mark.parametrize("status", [401, 422, 429])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("send_session_message", SAID_DONE[0]),
        ("send_template_messages_v2", SAID_DONE[4]),
        ("create_connection", SAID_DONE[6]),
    ],
)
def test_a_4xx_that_says_it_was_done_is_not_sent_again(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: dict[str, Endpoint],
    name: str,
    body: Any,
    status: int,
) -> None:
    endpoint = endpoints[name]
    answers(far_side, endpoint, reply(body, status))
    run = call_example(endpoint)
    assert meaning(run, endpoint.effect) == UNKNOWN
    assert len([request for request in far_side.requests if request.method == "POST"]) == 1
    assert str(status) in run.error["message"] and "success" in run.error["message"]


# --- who says no, and in which words -----------------------------------------------------------------------

PROBLEM = {
    "title": "One or more errors.",
    "errors": {"to": ["is required.", "is short."], "text": ["is long."]},
}
NO_CONTACTS = {"result": "success", "contact_list": [], "info": "No contacts found"}
WATI_SAID_400 = "WATI rejected the call with HTTP 400"
WORDS = [
    (401, MATON_401, "unauthorized", "maton", "Maton rejected the call with HTTP 401: Invalid API key."),
    (
        401,
        {"result": False, "info": "No."},
        "unauthorized",
        "wati",
        "WATI rejected the call with HTTP 401: No.",
    ),
    (403, {"detail": "no!"}, "forbidden", "maton", "Maton rejected the call with HTTP 403: no!"),
    # Only where Maton says so: a connection may be named in another refusal, too.
    *(
        (
            status,
            {"message": MISSING},
            code,
            "maton",
            f"Maton rejected the call with HTTP {status}: {MISSING}.",
        )
        for status, code in ((401, "unauthorized"), (403, "forbidden"), (422, "rejected"))
    ),
    (
        404,
        {"message": "Connection not found"},
        "connection_missing",
        "maton",
        "Maton rejected the call with HTTP 404: Connection not found.",
    ),
    (422, {"detail": [{"msg": "no"}]}, "rejected", "maton", "Maton rejected the call with HTTP 422: no."),
    (404, {"ok": False}, "not_found", "wati", "WATI rejected the call with HTTP 404, without a reason."),
    (429, {"result": False}, "rate_limited", "wati", verdicts.TOO_MANY_REQUESTS),
    (400, PROBLEM, "rejected", "wati", f"{WATI_SAID_400}: to: is required. is short.; text: is long."),
    (400, {**PROBLEM, "errors": {}}, "rejected", "wati", f"{WATI_SAID_400}: One or more errors."),
    (
        400,
        {"message": " ", "error": " no! "},
        "rejected",
        "maton",
        "Maton rejected the call with HTTP 400: no!",
    ),
    (
        400,
        {"message": "No valid receivers"},
        "invalid_recipient",
        "wati",
        f"{WATI_SAID_400}: No valid receivers.",
    ),
    (400, {"error": "A wrong template?"}, "template_rejected", "wati", f"{WATI_SAID_400}: A wrong template?"),
    (400, {"message": "no app"}, "rejected", "maton", "Maton rejected the call with HTTP 400: no app."),
    (500, {"result": False, "info": "no"}, "upstream_error", "wati", "The answer was HTTP 500: no."),
    (
        500,
        {"result": True},
        "upstream_error",
        "wati",
        "The answer was HTTP 500, but its body says success.",
    ),
    (500, None, "upstream_error", "network", "The answer was HTTP 500, without a reason."),
    (502, None, "upstream_error", "network", "The answer was HTTP 502, without a reason."),
    (200, {"ok": False, "result": "No."}, "rejected", "wati", "WATI rejected the call: No."),
    (200, {"result": False}, "rejected", "wati", "WATI rejected the call, without a reason."),
    (400, None, "rejected", "wati", f"{WATI_SAID_400}, without a reason."),
]


@pytest.mark.parametrize(("status", "body", "code", "source", "message"), WORDS)
def test_who_says_no_and_in_which_words(status: int, body: Any, code: str, source: str, message: str) -> None:
    answer = Parsed(status, {}, json=body)
    verdict = verdicts.judge(answer, verdicts.result_yes, [("$", A)], through_wati=True)
    assert (verdict.code, verdict.message) == (code, message)
    assert verdicts.source(answer, code, through_wati=True) == source
    assert verdicts.source(answer, code, through_wati=False) == "maton"


def test_why_an_answer_has_no_known_form_is_told() -> None:
    for flaw, message in (
        ("It is not JSON.", "It is not JSON."),
        ("", "The answer has no known form for this endpoint."),
    ):
        verdict = verdicts.result_yes(Parsed(200, {}, flaw=flaw), [])
        assert (verdict.outcome, verdict.message) == ("unknown", message)


def test_a_page_without_a_title_and_a_body_that_can_be_read_twice_are_no_yes() -> None:
    page = verdicts.any_2xx(Parsed(200, {"content-type": "text/html"}, content=b"<html>x"), [])
    assert (page.outcome, page.message) == ("unknown", "A server on the way answered: it is a web page.")
    assert verdicts.any_2xx(Parsed(200, {}, ambiguous=True), []).outcome == "unknown"
    assert verdicts.any_2xx(Parsed(204, {}), []).outcome == "accepted"


def test_only_a_read_may_say_in_words_that_there_is_nothing() -> None:
    answer = Parsed(200, {}, json=NO_CONTACTS)
    assert verdicts.listing("contact_list")(answer, []).outcome == "accepted"
    assert verdicts.result_yes(answer, []).outcome == "unknown"
