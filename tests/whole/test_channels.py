"""An account with several WhatsApp numbers, and the optional arguments that go with a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from recording import FarSide
from sends import HELLO, JANE, JOHN, MANY, ONE, SENDS, World, first_version, make_world
from wati.journal.store import Journal
from wati.sandbox import control

FIRST, SECOND = "14155550190", "14155550191"
IN_QUERY = ("get_messages", "send_session_message", "send_session_file", "assign_operator")
IN_BODY = [name for name in SENDS if "template" in name and "csv" not in name]


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    """John wrote to both numbers, Jane only to the second one."""
    made = make_world(tmp_path, call)
    made.seed(
        channels=[{"number": FIRST}, {"number": SECOND}],
        messages=[
            {"whatsappNumber": JOHN, "text": "Hello, second number", "channel": SECOND},
            {"whatsappNumber": "14155559870", "text": "I am new", "channel": SECOND},
        ],
    )
    return made


def example(name: str) -> tuple[dict[str, Any], list[str]]:
    to_john = {"whatsappNumber": JOHN}
    others = {"get_messages": to_john, "assign_operator": {**to_john, "email": "agent@example.com"}}
    return (others[name], []) if name in others else SENDS[name]


@pytest.mark.parametrize("name", [*IN_QUERY, "get_message_templates"])
def test_the_number_goes_into_the_query(
    name: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    arguments, flags = example(name) if name in IN_QUERY else ({}, [])
    call(name, {**arguments, "channelPhoneNumber": SECOND}, *flags, "--connection", "c")
    (request,) = far_side.to("/wati/")
    assert f"channelPhoneNumber={SECOND}" in request.target


@pytest.mark.parametrize("name", IN_BODY)
def test_the_number_goes_into_the_body_of_a_template(
    name: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments, flags = SENDS[name]
    call(name, {**arguments, "channel_number": SECOND}, *flags, "--connection", "c")
    (request,) = far_side.writes
    assert json.loads(request.body)["channel_number"] == SECOND and SECOND not in request.target


def test_ids_and_the_source_go_into_the_query(call: Callable[..., Run], far_side: FarSide) -> None:
    more = {"replyContextId": "wamid.HBg/1+2=", "localMessageId": "my-1"}
    call("send_session_message", {**HELLO, **more}, "--connection", "c")
    call("add_contact", {"whatsappNumber": JOHN, "sourceType": "Web shop"}, "--connection", "c")
    message, contact = far_side.writes
    assert "replyContextId=wamid.HBg%2F1%2B2%3D" in message.target
    assert "localMessageId=my-1" in message.target and b"replyContextId" not in message.body
    assert contact.target.endswith("?sourceType=Web%20shop") and b"sourceType" not in contact.body


def test_a_conversation_is_that_of_one_number(world: World) -> None:
    run = world.run("conversation", {"whatsappNumber": JOHN, "channelPhoneNumber": SECOND})
    assert [row[2] for day in run.data["days"].values() for row in day] == ["Hello, second number"]
    assert run.data["channel"] == SECOND
    default = world.run("conversation", {"whatsappNumber": JOHN})
    assert "second number" not in default.text and "channel" not in default.data
    named = world.run("conversation", {"whatsappNumber": JOHN, "channelPhoneNumber": FIRST})
    assert named.data["days"] == default.data["days"]


def test_whoever_wrote_to_another_number_is_found_there_only(world: World) -> None:
    run = world.run("conversation", {"whatsappNumber": "14155559870"})
    assert run.exit == 4 and "channelPhoneNumber" in run.error["hint"]
    both = {"whatsappNumber": "14155559870", "channelPhoneNumber": SECOND}
    assert world.run("conversation", both).data["window"]["open"] is True


def test_the_window_is_that_of_the_number(world: World) -> None:
    stranger = {**HELLO, "whatsappNumber": "14155559870"}
    assert world.run("send_session_message", stranger).error["code"] == "session_closed"
    dry = world.run("send_session_message", {**stranger, "channelPhoneNumber": SECOND}, "--dry-run")
    assert dry.data["preflight"]["window"]["open"] is True
    assert world.run("send_session_message", {**stranger, "channelPhoneNumber": SECOND}).exit == 0
    assert [row["channel"] for row in world.delivered] == [SECOND]


@pytest.mark.parametrize("arguments", [{**MANY, "channel_number": "14155550192"}, MANY])
def test_a_list_over_an_unknown_number_reaches_nobody(arguments: Any, world: World) -> None:
    known = "channel_number" not in arguments
    run = world.run("send_template_messages_v2", arguments, "--confirm", "2")
    assert (run.exit == 0) is known and len(world.delivered) == (2 if known else 0)


@pytest.mark.parametrize(
    ("first", "second", "is_repeat"),
    [
        (FIRST, SECOND, False),
        (FIRST, FIRST, True),
        ("", SECOND, True),
        (SECOND, "", True),
        ("", "", True),
    ],
)
def test_another_number_makes_another_message_only_if_both_are_known(
    first: str, second: str, is_repeat: bool, world: World
) -> None:
    """The customer sees who writes. But which number is the default is not known here."""
    runs = [
        world.run("send_template_message", {**ONE, **({"channel_number": one} if one else {})})
        for one in (first, second)
    ]
    assert runs[0].exit == 0 and (runs[1].exit == 2) is is_repeat, runs[1].text
    assert len(world.delivered) == (1 if is_repeat else 2)


def test_a_send_is_looked_for_where_it_went(world: World) -> None:
    world.lose()
    assert world.run("send_session_message", {**HELLO, "channelPhoneNumber": SECOND}).exit == 7
    run = world.check(1)
    assert run.data["verdict"] == "sent" and run.data["channel"] == SECOND
    reads = [one for one in control.requests(world.state) if "getMessages" in one["path"]]
    assert all(f"channelPhoneNumber={SECOND}" in one["query"] for one in reads) and reads


def test_both_spellings_are_looked_under_over_the_number_that_sent(world: World) -> None:
    written, known = "525512345678", "5215512345678"
    template = {**ONE, "channel_number": SECOND}
    world.lose()
    assert world.run("send_template_message_v2", {**template, "whatsappNumber": written}).exit == 7
    repeat = world.run("send_template_message_v2", {**template, "whatsappNumber": known})
    assert repeat.error["code"] == "repeated_send", repeat.text
    assert world.check(1).data["verdict"] == "sent"
    other = {**template, "whatsappNumber": known, "channel_number": FIRST}
    assert world.run("send_template_message_v2", other).exit == 0
    assert [row["channel"] for row in world.delivered] == [SECOND, FIRST]


def test_a_message_can_be_quoted_by_the_id_that_the_transcript_shows(world: World) -> None:
    shown = world.run("conversation", {"whatsappNumber": JOHN, "limit": 1, "ids": True})
    ((row,),) = shown.data["days"].values()
    assert world.run("send_session_message", {**HELLO, "replyContextId": row[3]["id"]}).exit == 0
    assert world.delivered[0]["quotes"] == row[3]["id"]
    after = world.run("conversation", {"whatsappNumber": JOHN, "limit": 1, "ids": True})
    ((ours,),) = after.data["days"].values()
    assert ours[3]["quotes"] == row[2] and ours[3]["localMessageId"] == world.delivered[0]["localMessageId"]


def test_a_journal_of_the_version_before_goes_on(tmp_path: Path) -> None:
    from wati.contract.messages import Message

    path = str(tmp_path / "journal")
    message = Message("$", JANE, "text", {"text": "Hello"})
    Journal(path, "x").enter("s", "c", [message], None, again=False)
    first_version(Path(path))
    (repeat,) = Journal(path, "x").repeats("c", [message], SECOND)
    assert repeat.refused
