"""What leaves the machine, byte for byte, for every endpoint: asserted on what the far side received."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from looping import looped
from recording import HEADS, TEMPLATES, Answer, FarSide, Received, reply
from wati import __version__
from wati.contract.endpoint import Endpoint

Caller = Callable[..., Any]

KEY = "test-key-that-must-not-leak"
ID = "6708f1c2a9b3d4e5f6071829"  # a contact id: 24 hexadecimal digits

# Everything that has a meaning of its own in a path, a query, a form or a header.
HARD = "a&b#c+d%e/f?g=h;i \\\"'<>{}|^`~[]@:,$!*()"
HARD_QUOTED = quote(HARD, safe="")
SCRIPTS = "Zoë 李雷 שלום مرحبا 👩‍👩‍👧 𝄞 é"

LOOK_UP = "GET /connections?app=wati&status=ACTIVE"


@dataclass(frozen=True)
class Wire:
    """One call and the request that it must become; `json`: compared as JSON."""

    name: str
    arguments: dict[str, Any]
    request: str
    json: Any = None
    form: dict[str, str] | None = None
    flags: tuple[str, ...] = ()


BUTTONS = {"body": "Ready?\nYes or no.", "buttons": [{"text": "Ja"}, {"text": "いいえ"}]}
LIST = {
    "header": "Choose",
    "body": "Below",
    "footer": "WATI",
    "buttonText": "Open",
    "sections": [{"title": "P", "rows": [{"title": "A", "description": "First"}, {"title": "B"}]}],
}
TEMPLATE: dict[str, Any] = {
    "template_name": "order_update",
    "broadcast_name": "order_update",
    "parameters": [{"name": "name", "value": SCRIPTS}, {"name": "ordernumber", "value": "12345"}],
}
BULK: dict[str, Any] = {
    "template_name": "order_update",
    "broadcast_name": "märz & april",
    "receivers": [
        {"whatsappNumber": "14155551234", "customParams": [{"name": "name", "value": SCRIPTS}]},
        {"whatsappNumber": "US.abc9", "customParams": []},
    ],
}
FILTER = [{"name": "città", "operator": "==", "value": "a&b +c"}, {"name": "x", "operator": "exist"}]
PARAMS = [{"name": "member", "value": "VIP"}, {"name": "note", "value": "two\nlines"}]

WIRES = [
    Wire("list_connections", {}, "GET /connections?app=wati"),
    Wire(
        "list_connections",
        {"limit": 5, "method": "API_KEY", "status": "PENDING"},
        "GET /connections?app=wati&status=PENDING&method=API_KEY&limit=5",
    ),
    Wire("create_connection", {}, "POST /connections", json={"app": "wati"}),
    Wire(
        "create_connection",
        {"method": "API_KEY"},
        "POST /connections",
        json={"app": "wati", "method": "API_KEY"},
    ),
    Wire("get_connection", {"connection_id": "A-b_9"}, "GET /connections/A-b_9"),
    Wire(
        "delete_connection",
        {"connection_id": "A-b_9"},
        "DELETE /connections/A-b_9",
        flags=("--confirm", "A-b_9"),
    ),
    Wire("get_contacts", {}, "GET /wati/api/v1/getContacts?pageSize=20&pageNumber=1"),
    Wire(
        "get_contacts",
        {"pageNumber": 3, "pageSize": 100, "name": HARD, "attribute": FILTER, "createdDate": "2026-01-31"},
        "GET /wati/api/v1/getContacts?pageSize=100&pageNumber=3"
        f"&name={HARD_QUOTED}&attribute={quote(json.dumps(FILTER, ensure_ascii=False), safe='')}"
        "&createdDate=2026-01-31",
    ),
    Wire(
        "get_contacts",
        {"name": SCRIPTS},
        f"GET /wati/api/v1/getContacts?pageSize=20&pageNumber=1&name={quote(SCRIPTS)}",
    ),
    Wire(
        "add_contact", {"whatsappNumber": "14155552671"}, "POST /wati/api/v1/addContact/14155552671", json={}
    ),
    Wire(
        "add_contact",
        {"whatsappNumber": "14155552671", "name": SCRIPTS, "customParams": PARAMS},
        "POST /wati/api/v1/addContact/14155552671",
        json={"name": SCRIPTS, "customParams": PARAMS},
    ),
    Wire(
        "update_contact_attributes",
        {"whatsappNumber": ID, "customParams": PARAMS},
        f"POST /wati/api/v1/updateContactAttributes/{ID}",
        json={"customParams": PARAMS},
    ),
    Wire(
        "get_messages",
        {"whatsappNumber": "US.abc9"},
        "GET /wati/api/v1/getMessages/US.abc9?pageSize=20&pageNumber=1",
    ),
    Wire(
        "get_messages",
        {"whatsappNumber": "14155551234", "pageSize": 1, "pageNumber": 2},
        "GET /wati/api/v1/getMessages/14155551234?pageSize=1&pageNumber=2",
    ),
    Wire(
        "send_session_message",
        {"whatsappNumber": "US.abc9", "messageText": HARD},
        "POST /wati/api/v1/sendSessionMessage/US.abc9",
        form={"messageText": HARD},
    ),
    Wire(
        "send_session_message",
        {"whatsappNumber": ID, "messageText": f"one\ntwo\r\n\tthree {SCRIPTS}"},
        f"POST /wati/api/v1/sendSessionMessage/{ID}",
        form={"messageText": f"one\ntwo\r\n\tthree {SCRIPTS}"},
    ),
    Wire(
        "get_message_templates",
        {"pageSize": 50},
        "GET /wati/api/v1/getMessageTemplates?pageSize=50&pageNumber=1",
    ),
    Wire(
        "send_template_message",
        {"whatsappNumber": "14155551234", **TEMPLATE},
        "POST /wati/api/v1/sendTemplateMessage?whatsappNumber=14155551234",
        json=TEMPLATE,
    ),
    Wire(
        "send_template_message",
        {"whatsappNumber": "US.abc9", **TEMPLATE, "parameters": []},
        "POST /wati/api/v1/sendTemplateMessage?whatsappNumber=US.abc9",
        json={**TEMPLATE, "parameters": []},
    ),
    Wire(
        "send_template_messages",
        BULK,
        "POST /wati/api/v1/sendTemplateMessages",
        json=BULK,
        flags=("--confirm", "2"),
    ),
    Wire(
        "send_template_message_v2",
        {"whatsappNumber": "14155551234", **TEMPLATE},
        "POST /wati/api/v2/sendTemplateMessage?whatsappNumber=14155551234",
        json=TEMPLATE,
    ),
    Wire(
        "send_template_messages_v2",
        BULK,
        "POST /wati/api/v2/sendTemplateMessages",
        json=BULK,
        flags=("--confirm", "2"),
    ),
    Wire(
        "send_interactive_buttons_message",
        {"whatsappNumber": "14155551234", **BUTTONS},
        "POST /wati/api/v1/sendInteractiveButtonsMessage?whatsappNumber=14155551234",
        json=BUTTONS,
    ),
    Wire(
        "send_interactive_buttons_message",
        {"whatsappNumber": "14155551234", "header": {"type": "text", "text": "H"}, "footer": "F", **BUTTONS},
        "POST /wati/api/v1/sendInteractiveButtonsMessage?whatsappNumber=14155551234",
        json={"header": {"type": "text", "text": "H"}, "footer": "F", **BUTTONS},
    ),
    Wire(
        "send_interactive_list_message",
        {"whatsappNumber": ID, **LIST},
        f"POST /wati/api/v1/sendInteractiveListMessage?whatsappNumber={ID}",
        json=LIST,
    ),
    Wire(
        "assign_operator",
        {"whatsappNumber": "14155551234", "email": "first.last+wati@example.com"},
        "POST /wati/api/v1/assignOperator?email=first.last%2Bwati%40example.com&whatsappNumber=14155551234",
    ),
    Wire(
        "get_media",
        {"fileName": "data/documents/Price list-2.pdf"},
        "GET /wati/api/v1/getMedia?fileName=data%2Fdocuments%2FPrice%20list-2.pdf",
    ),
]
UPLOADS = {"send_session_file", "send_template_message_csv"}


def canonical(value: Any) -> str:
    """JSON that tells true from 1, and takes members in any order."""
    return json.dumps(value, sort_keys=True)


def expected_requests(endpoint: Endpoint, own: str) -> list[str]:
    """All that one call may send: the look-up before a change, and create_connection's reading back."""
    looks_up = endpoint.through_wati and endpoint.effect != "read"
    reads_back = endpoint.name == "create_connection"
    return [LOOK_UP] * looks_up + [own] + ["GET /connections/conn-1"] * reads_back


def sent(far_side: FarSide) -> list[str]:
    return [f"{request.method} {request.target}" for request in far_side.requests]


def the_request(far_side: FarSide, endpoint: Endpoint) -> Received:
    """The endpoint's own request, and nobody else's."""
    path = endpoint.path.partition("{")[0]
    (request,) = [
        request
        for request in far_side.to(path)
        if request.method == endpoint.method and f"GET {request.target}" != LOOK_UP
    ]
    return request


# Parameters that do not fit the template are not what these tests are about.
UNLISTED = reply({"result": "success", "messageTemplates": [{"elementName": "x"}]})


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_the_request_is_what_the_endpoint_declares(
    call: Caller, far_side: FarSide, endpoints: dict[str, Endpoint], wire: Wire
) -> None:
    far_side.always(UNLISTED, to=f"{TEMPLATES}?pageSize=100&pageNumber=1")
    run = call(wire.name, wire.arguments, *wire.flags)
    assert run.exit == 0, run.text
    assert sent(far_side) == expected_requests(endpoints[wire.name], wire.request)
    request = the_request(far_side, endpoints[wire.name])
    if wire.json is not None:
        assert request.header("Content-Type") == "application/json"
        assert canonical(request.json) == canonical(wire.json)
    elif wire.form is not None:
        assert request.header("Content-Type") == "application/x-www-form-urlencoded"
        assert request.form == list(wire.form.items())
    else:
        assert request.body == b"" and request.header("Content-Type") is None


def test_the_tables_have_every_endpoint(all_endpoints: list[Endpoint]) -> None:
    assert {wire.name for wire in WIRES} | UPLOADS == {endpoint.name for endpoint in all_endpoints}


# --- text that is easily lost ------------------------------------------------------------------------------


def test_a_form_is_percent_encoded_in_full(call: Caller, far_side: FarSide) -> None:
    """Whatever reads the form, browser-like or strict: a plus or a bare space would be read two ways."""
    text = HARD + SCRIPTS + "\n\t"
    assert call("send_session_message", {"whatsappNumber": "14155551234", "messageText": text}).exit == 0
    assert far_side.requests[-1].body == f"messageText={quote(text, safe='')}".encode("ascii")


def test_json_keeps_every_script_as_utf8(call: Caller, far_side: FarSide) -> None:
    arguments = {"whatsappNumber": "14155552671", "name": SCRIPTS}
    assert call("add_contact", arguments).exit == 0
    assert SCRIPTS.encode() in far_side.requests[-1].body


def test_the_contact_filter_is_json_text_in_the_query(call: Caller, far_side: FarSide) -> None:
    assert call("get_contacts", {"attribute": FILTER}).exit == 0
    query = dict(far_side.requests[-1].pairs)
    assert json.loads(query["attribute"]) == FILTER


# --- uploads -----------------------------------------------------------------------------------------------

FILES = [
    ("photo.JPG", "image/jpeg"),
    ("Rechnung März 李雷 👩‍👧.pdf", "application/pdf"),
    ('quo"te & semi;colon.png', "image/png"),
    ("voice.ogg", "audio/ogg"),
    ("movie.mp4", "video/mp4"),
    ("no extension", "application/octet-stream"),
    ("strange.xyz", "application/octet-stream"),
]
BYTES = bytes(range(256)) * 300 + b"\r\n--boundary--\r\n\x00"  # all that breaks a text mode


@pytest.mark.parametrize(("filename", "content_type"), FILES, ids=[name for name, _ in FILES])
def test_a_file_travels_as_one_part_and_its_caption_in_the_query(
    call: Caller, far_side: FarSide, tmp_path: Path, filename: str, content_type: str
) -> None:
    try:
        content = HEADS.get(Path(filename).suffix.lower(), b"") + BYTES
        (tmp_path / filename).write_bytes(content)
    except OSError:
        pytest.skip("this file system has no such names")
    caption = HARD + SCRIPTS
    arguments = {"whatsappNumber": "14155551234", "file": filename, "caption": caption}
    run = call("send_session_file", arguments)
    assert run.exit == 0, run.text
    assert sent(far_side) == [
        LOOK_UP,
        f"POST /wati/api/v1/sendSessionFile/14155551234?caption={quote(caption, safe='')}",
    ]
    (part,) = far_side.requests[-1].parts
    shown = filename.replace('"', "%22")  # the WHATWG form of multipart, which browsers send
    assert part.headers == {
        "content-disposition": f'form-data; name="file"; filename="{shown}"',
        "content-type": content_type,
    }
    assert part.content == content


def test_a_file_without_a_caption_sends_no_query(call: Caller, far_side: FarSide, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-")
    assert call("send_session_file", {"whatsappNumber": "US.abc9", "file": "a.pdf"}).exit == 0
    assert far_side.requests[-1].target == "/wati/api/v1/sendSessionFile/US.abc9"


def test_the_csv_travels_as_its_own_bytes(call: Caller, far_side: FarSide, tmp_path: Path) -> None:
    lines = ["\ufeffName,CountryCode,Phone,name", "Zoë,+1,4155551234,李雷", "", "Jane,1,4155555678,Jane", ""]
    data = "\r\n".join(lines).encode()
    (tmp_path / "märz.csv").write_bytes(data)
    arguments = {
        "template_name": "order_update",
        "broadcast_name": "märz & april",
        "whatsapp_numbers_csv": "märz.csv",
    }
    far_side.always(UNLISTED, to=TEMPLATES)
    run = call("send_template_message_csv", arguments, "--confirm", "2")
    assert run.exit == 0, run.text
    assert sent(far_side) == [
        LOOK_UP,
        "POST /wati/api/v1/sendTemplateMessageCSV"
        "?template_name=order_update&broadcast_name=m%C3%A4rz%20%26%20april",
    ]
    (part,) = far_side.requests[-1].parts
    assert part.headers == {
        "content-disposition": 'form-data; name="whatsapp_numbers_csv"; filename="märz.csv"',
        "content-type": "text/csv",
    }
    assert part.content == data


@pytest.mark.parametrize("name", sorted(UPLOADS))
def test_a_repeated_upload_has_all_its_bytes_again(
    call_example: Caller, far_side: FarSide, pauses: list[float], endpoints: dict[str, Endpoint], name: str
) -> None:
    far_side.will(reply({}, 429), reply({}, 429), to="/wati/")
    assert call_example(endpoints[name]).exit == 0
    contents = [request.parts[0].content for request in far_side.to("/wati/")]
    assert len(contents) == 3 and contents[0] == contents[1] == contents[2] and contents[0]


# --- headers -----------------------------------------------------------------------------------------------


def test_every_request_names_the_client_and_carries_the_key_once(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint
) -> None:
    assert call_example(each_endpoint).exit == 0
    assert far_side.requests
    for request in far_side.requests:
        assert request.header("User-Agent") == f"wati-skill/{__version__}"
        assert request.header("Authorization") == f"Bearer {KEY}"
        assert KEY not in request.target and KEY.encode() not in request.body


KNOWN_HEADERS = {
    *("host", "accept", "accept-encoding", "connection", "user-agent", "authorization"),
    *("maton-connection", "content-type", "content-length", "transfer-encoding"),
}


def test_nothing_else_travels_in_the_headers(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint
) -> None:
    """Maton passes every header on to WATI, so nothing that this machine happens to know belongs there."""
    assert call_example(each_endpoint).exit == 0
    assert far_side.requests
    for request in far_side.requests:
        assert set(request.names) <= KNOWN_HEADERS
        assert len(set(request.names)) == len(request.names)


def test_proxy_variables_are_not_for_loopback(
    call_example: Caller, far_side: FarSide, monkeypatch: pytest.MonkeyPatch, each_endpoint: Endpoint
) -> None:
    proxy = FarSide()
    try:
        for variable in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        assert call_example(each_endpoint).exit == 0
        assert far_side.requests and not proxy.requests
    finally:
        proxy.close()


# --- redirects ---------------------------------------------------------------------------------------------


@looped("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint, status: int
) -> None:
    """The key must not go where an answer points, and a send must not happen at two places."""
    looks_up = each_endpoint.through_wati and each_endpoint.effect != "read"
    elsewhere = Answer(status, b"", {"Location": far_side.url + "/elsewhere"})
    if looks_up:
        far_side.will(elsewhere, to="/wati/")
    else:
        far_side.will(elsewhere)
    run = call_example(each_endpoint)
    assert run.exit == (6 if each_endpoint.effect in ("read", "write") else 7), run.text
    assert far_side.to("/elsewhere") == []
    assert len(far_side.requests) == 1 + looks_up


def test_a_redirected_look_up_sends_nothing(
    call_example: Caller, far_side: FarSide, endpoints: dict[str, Endpoint]
) -> None:
    far_side.will(Answer(307, b"", {"Location": "/elsewhere"}), to="/connections")
    run = call_example(endpoints["send_session_message"])
    assert (run.exit, run.error["outcome"]) == (6, "not_sent")
    assert sent(far_side) == [LOOK_UP]
