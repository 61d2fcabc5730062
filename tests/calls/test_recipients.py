"""Every way around WATI_ALLOWED_RECIPIENTS: another spelling, another member, a file that hides a row."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, Run
from looping import looped
from recording import FarSide
from wati.contract.endpoint import Endpoint

SENDING = sorted(name for name, endpoint in ENDPOINTS.items() if endpoint.effect == "send")
BY_NUMBER = [name for name in SENDING if name != "send_template_message_csv"]
OTHER = "4915155551234"  # somebody who may not be messaged


# --- the number, written otherwise -------------------------------------------------------------------------

OTHERWISE_WRITTEN = {  # what somebody else may read as the number that is allowed, or as another one
    "a plus": "+14155551234",
    "zeros": "0014155551234",
    "a zero": "014155551234",
    "spaces": "1 415 555 1234",
    "a space before": " 14155551234",
    "a space after": "14155551234 ",
    "a line break after": "14155551234\n",
    "a tab after": "14155551234\t",
    "a NUL after": "14155551234\x00",
    "Arabic-Indic digits": "".join(chr(0x0660 + int(digit)) for digit in "14155551234"),
    "fullwidth digits": "".join(chr(0xFF10 + int(digit)) for digit in "14155551234"),
    "one Devanagari digit": "1415555123\u096a",
    "a superscript": "1415555123\u2074",
    "zero width within": "1415\u200b5551234",
    "a BOM before": "\ufeff14155551234",
    "right to left": "\u202e14155551234",
    "a soft hyphen": "1415\u00ad5551234",
    "two numbers": f"14155551234,{OTHER}",
    "a path": f"14155551234/../{OTHER}",
    "a query": f"14155551234?x={OTHER}",
    "a further argument": f"14155551234&whatsappNumber={OTHER}",
    "percent": f"14155551234%2C{OTHER}",
    "a fragment": f"{OTHER}#14155551234",
    "nobody": "",
    "everybody": "*",
    "a pattern": "1415*",
    "a user id in small letters": "us.123",
    "a user id with a line break": "US.123\n",
    "no string": 14155551234,
    "a float": 1.4155551234e10,
    "a list": ["14155551234"],
    "null": None,
}


@pytest.mark.parametrize("name", BY_NUMBER)
@looped("case", OTHERWISE_WRITTEN)
def test_a_receiver_is_written_in_one_way_only(
    name: str,
    case: str,
    example: Callable[[Endpoint], list[str]],
    call: Callable[..., Run],
    far_side: FarSide,
) -> None:
    text, *flags = example(ENDPOINTS[name])
    for place in range(len(json.loads(text).get("receivers", [None]))):
        arguments = json.loads(text)
        receiver = arguments["receivers"][place] if "receivers" in arguments else arguments
        receiver["whatsappNumber"] = OTHERWISE_WRITTEN[case]
        for allowed in ("14155551234,14155555678,US.123", "*"):
            asked = len(far_side.requests)
            run = call(name, arguments, *flags, WATI_ALLOWED_RECIPIENTS=allowed)
            assert run.exit == 2 and run.error["code"] == "invalid_arguments", run.text
            assert len(far_side.requests) == asked
            run = call(name, arguments, "--dry-run", WATI_ALLOWED_RECIPIENTS=allowed)
            assert run.exit == 2 and run.error["code"] == "invalid_arguments", run.text
    assert far_side.writes == []


def test_the_last_of_two_receivers_in_one_object_does_not_win(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    text = f'{{"whatsappNumber": "14155551234", "whatsappNumber": "{OTHER}", "messageText": "x"}}'
    for allowed in ("1*", "49*", "*"):
        run = call("send_session_message", text, WATI_ALLOWED_RECIPIENTS=allowed)
        assert run.exit == 2 and run.error["code"] == "invalid_json"
    assert far_side.requests == []


# --- another member ----------------------------------------------------------------------------------------

# Every member of every send but the receivers: none of them addresses anybody. A new one has to be looked at,
# and `Call.receivers` has to know it if it does, before it may stand here.
ADDRESS_NOBODY = {
    *("messageText", "file", "caption", "template_name", "broadcast_name", "whatsapp_numbers_csv"),
    *("parameters[].name", "parameters[].value", "receivers[].customParams[].name"),
    *("receivers[].customParams[].value", "receivers[].localMessageId"),
    *("header", "header.type", "header.text", "header.media.url", "header.media.fileName"),
    *("channelPhoneNumber", "channel_number", "replyContextId", "localMessageId"),
    *("body", "footer", "buttons[].text", "buttonText", "sections[].title"),
    *("sections[].rows[].title", "sections[].rows[].description"),
}


def leaves(schema: dict[str, Any], path: str = "") -> set[str]:
    """The paths of all members that are no objects; asserts that no object takes unknown ones."""
    if schema["type"] == "array":
        return leaves(schema["items"], f"{path}[]")
    if schema["type"] != "object":
        return {path}
    assert schema["additionalProperties"] is False, path
    found = (leaves(child, f"{path}.{name}".lstrip(".")) for name, child in schema["properties"].items())
    return set().union(*found)


def test_nobody_is_addressed_but_by_whatsapp_number() -> None:
    addressing = {"whatsappNumber", "receivers[].whatsappNumber"}
    members: set[str] = set()
    for name in SENDING:
        found = leaves(json.loads(Path(ENDPOINTS[name].schema_file).read_text(encoding="utf-8")))
        assert len(found & {*addressing, "whatsapp_numbers_csv"}) == 1, name
        members |= found
    assert members - addressing == ADDRESS_NOBODY


@pytest.mark.parametrize("name", SENDING)
@looped("member", ["phone", "to", "recipients", "receivers[]", "whatsAppNumber", "target", "channelNumber"])
def test_no_send_takes_a_receiver_under_another_name(
    name: str,
    member: str,
    example: Callable[[Endpoint], list[str]],
    call: Callable[..., Run],
    far_side: FarSide,
) -> None:
    text, *flags = example(ENDPOINTS[name])
    arguments = json.loads(text)
    changed = [{**arguments, member: OTHER}]
    if "receivers" in arguments:
        first, *rest = arguments["receivers"]
        changed.append({**arguments, "receivers": [{**first, member: OTHER}, *rest]})
    for further in changed:
        run = call(name, further, *flags, WATI_ALLOWED_RECIPIENTS="1*")
        assert run.exit == 2 and run.error["code"] == "invalid_arguments"
    assert far_side.requests == []


@pytest.mark.parametrize("name", SENDING)
def test_whom_the_far_side_is_told_is_whom_the_list_allows(
    name: str, example: Callable[[Endpoint], list[str]], call: Callable[..., Run], far_side: FarSide
) -> None:
    """Take each number that arrived off the list in its turn: without it nothing more leaves."""
    argv = example(ENDPOINTS[name])
    assert call(name, *argv, WATI_ALLOWED_RECIPIENTS="1*").exit == 0
    (request,) = far_side.to("/wati/")
    raw = f"{request.target}\n{request.body.decode()}".replace("1,4155551234", "14155551234")
    told = [number for number in ("14155551234", "14155555678") if number in raw]
    assert told
    far_side.requests.clear()
    assert call(name, *argv, WATI_ALLOWED_RECIPIENTS=",".join(told)).exit == 0
    far_side.requests.clear()
    for number in told:
        without = ",".join({*told} - {number})
        run = call(name, *argv, WATI_ALLOWED_RECIPIENTS=without)
        assert run.exit == 2 and run.error["code"] == "recipient_not_allowed"
        assert number in run.error["problems"][0]["problem"]
    assert far_side.requests == []


# --- a row of a CSV file -----------------------------------------------------------------------------------

HIDDEN_ROWS = {
    "LF": b"Phone\n14155551234\n4915155551234\n",
    "CR only": b"Phone\r14155551234\r4915155551234\r",
    "CR among LF": b"Phone\n14155551234\r4915155551234\n",
    "CRLF and a BOM": b"\xef\xbb\xbfPhone\r\n14155551234\r\n4915155551234\r\n",
    "no end of line": b"Phone\n14155551234\n4915155551234",
    "quoted": b'Phone,Name\n"14155551234","A"\n"4915155551234","B, C"\n',
    "quoted header": b'"Name","Phone"\n"A","14155551234"\n"B","4915155551234"\n',
    "split": b"CountryCode,Phone\n1,4155551234\n49,15155551234\n",
    "split with a plus and spaces": b"CountryCode,Phone\n+1,4155551234\n +49 , 15155551234 \n",
    "split at another place": b"CountryCode,Phone\n1,4155551234\n4,915155551234\n",
    "whole beside split": b"CountryCode,Phone\n1,4155551234\n,4915155551234\n",
    "columns in another order": b"Phone,a,CountryCode\n4155551234,x,1\n15155551234,1,49\n",
    "after blank lines": b"Phone\n14155551234\n\n  \n\n4915155551234\n",
    "after lines of commas": b"Name,Phone\nA,14155551234\n,\n , \nB,4915155551234\n",
}


@pytest.mark.parametrize("case", HIDDEN_ROWS)
def test_no_row_of_a_csv_file_hides_a_receiver(
    case: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(HIDDEN_ROWS[case])
    arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": "a.csv"}
    for flags in (["--confirm", "2"], ["--confirm", "1"], ["--dry-run"], []):
        run = call("send_template_message_csv", arguments, *flags, WATI_ALLOWED_RECIPIENTS="1*")
        assert run.exit == 2 and run.error["code"] == "recipient_not_allowed", run.text
        (problem,) = run.error["problems"]
        assert problem["at"] == "$.whatsapp_numbers_csv[1].Phone"
        assert problem["problem"].startswith(f"{OTHER} ")
    assert far_side.requests == []
    both = {"WATI_ALLOWED_RECIPIENTS": f"14155551234,{OTHER}"}
    assert call("send_template_message_csv", arguments, "--confirm", "2", **both).exit == 0
