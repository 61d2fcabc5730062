"""What customers do, and what the business sees of it."""

from __future__ import annotations

import base64

import pytest

from wati.sandbox import control

V1 = "/wati/api/v1"
JOHN, JANE = "14155551234", "14155555678"
TEXT = {"messageText": "hello"}


def statuses(world):
    return [row["status"] for row in world.log()]


def test_a_reply_opens_the_window(world):
    assert world.post(f"{V1}/sendSessionMessage/{JANE}", data=TEXT).json()["result"] is False
    done = control.reply(world.path, JANE, text="I am back")
    newest = world.messages(JANE)[0]
    assert (newest["id"], newest["text"], newest["owner"], newest["type"]) == (
        done["id"],
        "I am back",
        False,
        "text",
    )
    assert world.post(f"{V1}/sendSessionMessage/{JANE}", data=TEXT).json()["ok"] is True


def test_a_tap_is_a_text_with_the_title(world):
    buttons = {"body": "Which?", "buttons": [{"text": "Track"}, {"text": "Help"}]}
    world.post(f"{V1}/sendInteractiveButtonsMessage?whatsappNumber={JOHN}", json=buttons)
    control.reply(world.path, JOHN, tap="Help")
    newest = world.messages(JOHN)[0]
    assert (newest["text"], newest["type"], newest["owner"]) == ("Help", "text", False)
    with pytest.raises(control.InvalidInput, match="'Track', 'Help'"):
        control.reply(world.path, JOHN, tap="help")


def test_what_failed_cannot_be_tapped(world):
    world.seed(
        templates=[
            {
                "elementName": "t",
                "status": "APPROVED",
                "body": "{{a}}",
                "buttons": [{"type": "quick_reply", "text": "Yes"}],
            }
        ]
    )
    named = {"template_name": "t", "broadcast_name": "b", "parameters": [{"name": "a", "value": "x    y"}]}
    world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JANE}", json=named)
    world.advance(2)
    with pytest.raises(control.InvalidInput, match="none"):
        control.reply(world.path, JANE, tap="Yes")


def test_a_photo_can_be_fetched_by_the_business(world):
    photo = {"fileName": "a.png", "base64": base64.b64encode(b"picture").decode()}
    control.reply(world.path, JOHN, file=photo, text="look")
    newest = world.messages(JOHN)[0]
    assert (newest["type"], newest["text"]) == ("image", "look")
    answer = world.get(f"{V1}/getMedia", params={"fileName": newest["data"]})
    assert (answer.content, answer.headers["content-type"]) == (b"picture", "image/png")


def test_who_is_unknown_becomes_a_contact_as_whatsapp_spells_the_number(world):
    control.reply(world.path, "525550001111", text="hola", name="Ana")
    found = world.get(f"{V1}/getContacts", params={"name": "ana"}).json()["contact_list"]
    assert "5215550001111" in [contact["wAid"] for contact in found]
    assert world.messages("5215550001111")[0]["text"] == "hola"


def test_read_is_for_what_was_delivered(world):
    world.post(f"{V1}/sendSessionMessage/{JOHN}", data=TEXT)
    assert control.read(world.path, JOHN) == {"read": 2}  # and the template of the first world
    assert statuses(world) == ["READ"]
    assert control.read(world.path, JOHN) == {"read": 0}
    assert {row["statusString"] for row in world.messages(JOHN) if row.get("owner")} == {"READ"}


def test_what_a_customer_has_blocked_never_arrives(world):
    control.block(world.path, JOHN)
    assert world.post(f"{V1}/sendSessionMessage/{JOHN}", data=TEXT).json()["ok"] is True
    named = {"template_name": "welcome", "broadcast_name": "b", "parameters": []}
    assert world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JOHN}", json=named).json()["result"] is True
    world.advance(3600)
    assert statuses(world) == ["SENT", "SENT"]
    control.read(world.path, JOHN)
    assert statuses(world) == ["SENT", "SENT"]
    with pytest.raises(control.InvalidInput, match="unblock"):
        control.reply(world.path, JOHN, text="x")
    control.block(world.path, JOHN, undo=True)
    world.post(f"{V1}/sendSessionMessage/{JOHN}", data=TEXT)
    world.advance(2)
    assert statuses(world) == ["SENT", "SENT", "DELIVERED"]


def test_a_paused_template_is_rejected_until_it_is_approved_again(world):
    named = {"template_name": "welcome", "broadcast_name": "b", "parameters": []}

    def send():
        return world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JANE}", json=named).json()["result"]

    assert control.template(world.path, "welcome", "paused")["status"] == "PAUSED"
    assert send() is False
    listed = world.get(f"{V1}/getMessageTemplates").json()["messageTemplates"]
    assert [one["status"] for one in listed if one["elementName"] == "welcome"] == ["PAUSED"]
    control.template(world.path, "welcome", "APPROVED")
    assert send() is True


def test_limits_are_switched_for_who_is_served(serve, state_file, connect):
    with connect(serve(state_file)) as api:
        control.limits(state_file, True)
        assert {api.get("/connections").status_code for _ in range(20)} == {200, 429}
        control.limits(state_file, False)
        assert {api.get("/connections").status_code for _ in range(20)} == {200}
