"""Interactive messages, session files, media."""

from __future__ import annotations

import hashlib

import pytest

V1 = "/wati/api/v1"
JOHN, JANE = "14155551234", "14155555678"
BUTTONS = {
    "header": {"type": "text", "text": "Order Status"},
    "body": "Your order is ready.",
    "footer": "Reply within 24 hours",
    "buttons": [{"text": "Track Order"}, {"text": "Contact Support"}],
}
LIST = {
    "header": "Choose an option",
    "body": "Please select",
    "footer": "Powered by WATI",
    "buttonText": "View Options",
    "sections": [{"title": "Products", "rows": [{"title": "A", "description": "d"}, {"title": "B"}]}],
}
WHERE = {
    "buttons": f"{V1}/sendInteractiveButtonsMessage",
    "list": f"{V1}/sendInteractiveListMessage",
}
EXPIRED = {"ok": False, "result": "Ticket has been expired."}


def send(world, kind, body, to=JOHN):
    return world.post(WHERE[kind], params={"whatsappNumber": to} if to else {}, json=body)


@pytest.mark.parametrize(("kind", "body"), [("buttons", BUTTONS), ("list", LIST)])
def test_interactive_messages_go_out_inside_the_window_only(world, kind, body):
    answer = send(world, kind, body).json()
    assert (answer["ok"], answer["errors"], "result" in answer) == (True, [], False)
    assert answer["message"]["interactiveData"]["body"] == body["body"]
    (row,) = world.log()
    assert (row["kind"], row["endpoint"]) == (kind, f"send_interactive_{kind}_message")
    assert (row["text"], row["whatsappNumber"]) == (body["body"], JOHN)
    assert world.messages(JOHN)[0]["id"] == answer["message"]["id"]
    closed = send(world, kind, body, to=JANE)
    assert (closed.status_code, closed.json()) == (200, EXPIRED)
    nobody = send(world, kind, {**body, "whatsappNumber": JOHN}, to=None)
    assert (nobody.status_code, nobody.json()["ok"]) == (400, False)
    assert len(world.log()) == 1


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("buttons", {"body": "x" * 1025}),
        ("buttons", {"body": None}),
        ("buttons", {"footer": "x" * 61}),
        ("buttons", {"header": "a text"}),
        ("buttons", {"header": {"type": "Text", "text": "x" * 61}}),
        ("buttons", {"header": {"type": "Hologram"}}),
        ("buttons", {"header": {"type": "Image"}}),
        ("buttons", {"header": {"type": "Image", "media": {}}}),
        ("buttons", {"buttons": []}),
        ("buttons", {"buttons": [{"text": text} for text in "abcd"]}),
        ("buttons", {"buttons": [{"text": "No"}, {"text": "No"}]}),
        ("list", {"sections": [{"title": "S", "rows": [{"title": "A"}, {"title": "B"}, {"title": "A"}]}]}),
        ("buttons", {"buttons": [{"text": "x" * 21}]}),
        ("buttons", {"buttons": ["a"]}),
        ("list", {"header": {"type": "text", "text": "an object"}}),
        ("list", {"header": "x" * 61}),
        ("list", {"buttonText": ""}),
        ("list", {"buttonText": "x" * 21}),
        ("list", {"sections": []}),
        ("list", {"sections": [{"title": "x" * 25, "rows": [{"title": "A"}]}]}),
        ("list", {"sections": [{"title": "A", "rows": [{"title": "x" * 25}]}]}),
        ("list", {"sections": [{"title": "A", "rows": [{"title": "A", "description": "x" * 73}]}]}),
        ("list", {"sections": [{"title": "A", "rows": [{"title": text} for text in "abcdef"]}] * 2}),
        ("list", {"sections": [{"title": "A", "rows": []}]}),
    ],
)
def test_whatsapps_limits(world, kind, change):
    answer = send(world, kind, {**{"buttons": BUTTONS, "list": LIST}[kind], **change})
    assert answer.status_code == 400, answer.text
    assert world.log() == []


@pytest.mark.parametrize("kind", ["Text", "Image", "Video", "Document"])
def test_every_header_type_in_either_case(world, kind):
    media = {"url": "https://example.com/a", "fileName": "a"}
    for written in (kind, kind.lower()):
        header = {"type": written, "text": "t"} if kind == "Text" else {"type": written, "media": media}
        assert send(world, "buttons", {**BUTTONS, "header": header}).json()["ok"] is True
    assert len(world.log("buttons")) == 2


# --- files ---


def upload(world, name="document.pdf", content=b"%PDF-1.4 x", kind="application/pdf", to=JOHN, **query):
    return world.post(f"{V1}/sendSessionFile/{to}", params=query, files={"file": (name, content, kind)})


def test_a_file_arrives_byte_for_byte_with_its_caption_from_the_query(world):
    content = bytes(range(256)) * 40 + b"\r\n--not-the-boundary\r\n\r\n\n\r"
    answer = upload(world, "Rechnung Ä.pdf", content, caption="Check this out & more").json()
    assert answer == {"result": True, "message": "", "ticketStatus": "OPEN"}
    (row,) = world.log()
    assert (row["kind"], row["caption"], row["fileName"]) == (
        "file",
        "Check this out & more",
        "Rechnung Ä.pdf",
    )
    assert (row["size"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    shown = world.messages(JOHN)[0]
    assert (shown["type"], shown["text"]) == ("document", "Check this out & more")
    stored = world.get(f"{V1}/getMedia", params={"fileName": shown["data"]})
    assert (stored.content, stored.headers["content-type"]) == (content, "application/pdf")


def test_a_caption_in_the_body_is_lost(world):
    files = {"file": ("a.pdf", b"x", "application/pdf"), "caption": (None, "lost")}
    assert world.post(f"{V1}/sendSessionFile/{JOHN}", files=files).json()["result"] is True
    assert "caption" not in world.log()[0]
    assert world.messages(JOHN)[0]["text"] == "untitled"


@pytest.mark.parametrize(
    ("name", "kind", "content"),
    [
        ("a.wav", "application/octet-stream", b"x"),
        ("a", "audio/wav", b"x"),
        ("a.ogg", "audio/ogg", b"RIFF....WAVEfmt "),
    ],
)
def test_a_wav_is_accepted_and_fails_later(world, name, kind, content):
    assert upload(world, name, content, kind).json()["result"] is True
    world.advance(2)
    (row,) = world.log()
    assert (row["status"], row["failedDetail"]) == ("FAILED", "File is not allowed by WhatsApp")


def test_a_file_too_large_for_whatsapp_fails_later(world):
    for size in (5 * 1024 * 1024, 5 * 1024 * 1024 + 1):
        assert upload(world, "a.jpg", b"x" * size, "image/jpeg").json()["result"] is True
    world.advance(2)
    assert [row["status"] for row in world.log()] == ["DELIVERED", "FAILED"]


def test_files_that_do_not_go(world):
    closed = upload(world, to=JANE)
    assert (closed.status_code, closed.json()["message"]) == (200, "Ticket has been expired.")
    where = f"{V1}/sendSessionFile/{JOHN}"
    assert world.post(where, files={"document": ("a", b"x")}).status_code == 400
    assert world.post(where, json={"file": "x"}).status_code == 415
    headless = {"Content-Type": "multipart/form-data"}  # no boundary, as hand-written headers have it
    assert world.post(where, content=b"--x\r\n\r\nx\r\n--x--", headers=headless).status_code == 400
    assert world.log() == []


@pytest.mark.parametrize(
    ("name", "kind", "start"),
    [
        ("data/images/9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg", "image/jpeg", b"\xff\xd8\xff"),
        ("data/documents/invoice-67890.pdf", "application/pdf", b"%PDF-"),
        ("data/audio/voice-note.ogg", "audio/ogg", b"OggS"),
    ],
)
def test_the_seeded_media(world, name, kind, start):
    answer = world.get(f"{V1}/getMedia", params={"fileName": name})
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.content.startswith(start)


def test_media_that_is_not_there(world):
    for name in ("data/images/none.jpg", "../secret", "/etc/passwd"):
        assert world.get(f"{V1}/getMedia", params={"fileName": name}).status_code == 404
    assert world.get(f"{V1}/getMedia").status_code == 400
