"""Bad input: refused with exit 2 before anything leaves, every problem named at its place."""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, Run
from looping import looped
from nulls import ABSENT_IF_NULL
from recording import FarSide

Steps = tuple[str | int, ...]
Json = dict[str, Any]

SCHEMAS = {
    name: json.loads(Path(endpoint.schema_file).read_text(encoding="utf-8"))
    for name, endpoint in ENDPOINTS.items()
}
# A good value for each member whose schema has a pattern.
GOOD = {
    "whatsappNumber": "14155551234",
    "channelPhoneNumber": "14155550190",
    "channel_number": "14155550190",
    "connection_id": "sandbox-main",
    "createdDate": "2026-01-31",
    "email": "agent@example.com",
    "fileName": "data/images/a.jpg",
    "url": "https://example.com/a.jpg",
    "localMessageId": "order-12345",
}
# The only members that may hold line breaks; everywhere else one would be lost, or fail the message later.
MULTILINE = {
    ("add_contact", "customParams[].value"),
    ("update_contact_attributes", "customParams[].value"),
    ("send_session_message", "messageText"),
    ("send_session_file", "caption"),
    ("send_interactive_buttons_message", "body"),
    ("send_interactive_list_message", "body"),
}
MAY_BE_EMPTY = {("update_contact_attributes", "customParams[].value")}


# --- one property, all that can be wrong with it -----------------------------------------------------------


def good(schema: Json, name: str = "") -> Any:
    """A value that the schema takes, with every member."""
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "object":
        return {member: good(inner, member) for member, inner in schema["properties"].items()}
    if schema["type"] == "array":
        return [good(schema["items"])]
    return schema["minimum"] if schema["type"] == "integer" else GOOD.get(name, "text")


def base_for(name: str, steps: Steps) -> Json:
    """Arguments of the endpoint with every member that goes together with the one at the place."""
    base: Json = good(SCHEMAS[name])
    if isinstance(base.get("header"), dict):
        media = {"type": "Document", "media": base["header"]["media"]}
        base["header"] = media if steps[:2] == ("header", "media") else {"type": "Text", "text": "text"}
    return base


def places(schema: Json, steps: Steps = ()) -> Iterator[tuple[Steps, Json]]:
    """Every property below an object, those of a list's first item included."""
    for name, inner in schema.get("properties", {}).items():
        yield (*steps, name), inner
        item = inner.get("items")
        if item is not None:
            yield (*steps, name, 0), item
        yield from places(item or inner, (*steps, name, 0) if item else (*steps, name))


def json_path(steps: Steps) -> str:
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)


def put(value: Any, steps: Steps, new: Any) -> Any:
    """A copy of `value` with `new` at the place."""
    changed = copy.deepcopy(value)
    inner = changed
    for step in steps[:-1]:
        inner = inner[step]
    inner[steps[-1]] = new
    return changed


WRONG_TYPES: dict[str, list[Any]] = {
    "string": [None, True, 5, 1.5, [], {}, ["text"]],
    "integer": [None, True, "1", 1.0, 1.5, [], {}],
    "array": [None, False, "[]", 1, {}],
    "object": [None, False, "{}", 1, []],
}
# Invisible, broken or steering: never right, wherever they stand.
POISON = ["\x00", "\x1b[31m", "\x07", "\x7f", "\x85", "\ud800", "\udfff"]
BLANK = [" ", "\u00a0", "\u2003 ", "\u200b", "\u2060\u200d", "\u3164", "\u2800", "\ufeff"]


def wrong_values(schema: Json, name: str, member: tuple[str, str]) -> Iterator[Any]:
    yield from WRONG_TYPES[schema["type"]]
    if "enum" in schema:
        yield from ("NOPE", "", schema["enum"][0] + " ", schema["enum"][0] + "\n")
    elif schema["type"] == "string":
        sample = GOOD.get(name, "text")
        yield from (sample + poison for poison in POISON)
        yield from (poison + sample for poison in POISON)
        if "maxLength" in schema:
            yield "x" * (schema["maxLength"] + 1)
        if member not in MAY_BE_EMPTY:
            yield ""
        yield from BLANK
        if member not in MULTILINE:
            yield from (sample + "\n", sample + "\r\n", "\n" + sample, f"{sample}\t", f"{sample}\nX: y")
    if "pattern" in schema:
        yield from (f" {sample}", f"{sample} ", f"\u202e{sample}", "\uff11" * 10)
        if name != "fileName":  # a customer's document keeps the name that they gave it
            yield f"{sample}\u00e9"
        if name not in ("email", "url"):
            yield from (f"../{sample}", f"{sample}/..", f"%2e%2e%2f{sample}", f"{sample}?x=1", f"{sample}#x")
    if schema["type"] == "integer":
        yield from (0, -1, schema["minimum"] - 1, schema["maximum"] + 1, 10**30)
    if schema["type"] == "array":
        yield from ([[]] if schema.get("minItems") else [])
        yield from ([[good(schema["items"])] * (schema["maxItems"] + 1)] if "maxItems" in schema else [])


PLACES = [
    pytest.param(name, steps, schema, id=f"{name}-{json_path(steps)}")
    for name, whole in SCHEMAS.items()
    for steps, schema in places(whole)
]


def test_every_endpoint_s_arguments_are_tried() -> None:
    tried = {parameter.values[0] for parameter in PLACES}
    assert tried == {name for name, schema in SCHEMAS.items() if schema["properties"]} == set(ENDPOINTS)


@looped(("name", "steps", "schema"), PLACES)
def test_a_wrong_value_is_named_at_its_place(
    name: str, steps: Steps, schema: Json, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "text").write_bytes(b"Phone\n14155551234\n")  # for the arguments that are paths
    base = base_for(name, steps)
    at = json_path(steps)
    before = call(name, base, "--dry-run", MATON_API_KEY=None).document.get("error", {}).get("problems", [])
    assert at not in [problem["at"] for problem in before], "the value that is changed was good"
    member = (name, at.removeprefix("$.").replace("[0]", "[]"))
    values = list(wrong_values(schema, str(steps[-1]), member))
    assert len(values) >= 5
    if member[1] in ABSENT_IF_NULL.get(name, ()):
        values.remove(None)
    let_through = []
    for value in values:
        run = call(name, json.dumps(put(base, steps, value)))
        named = [problem["at"] for problem in run.error.get("problems", [])] if run.exit == 2 else []
        if not any(place == at or place.startswith(f"{at}[") for place in named):
            let_through.append((value if len(str(value)) < 80 else str(value)[:80], run.exit, named))
    assert let_through == []
    assert far_side.requests == []


@pytest.mark.parametrize(("name", "at"), sorted(MULTILINE))
def test_text_for_people_may_have_lines(name: str, at: str, call: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\n")
    text = "one\r\ntwo\n\tthree"
    (steps,) = [s for s, _ in places(SCHEMAS[name]) if json_path(s) == "$." + at.replace("[]", "[0]")]
    run = call(name, put(SCHEMAS[name]["examples"][0], steps, text), "--dry-run", MATON_API_KEY=None)
    assert run.exit == 0, run.text


REQUIRED = [pytest.param(n, s["required"], id=n) for n, s in SCHEMAS.items() if s["required"]]


@pytest.mark.parametrize(("name", "required"), REQUIRED)
def test_every_missing_argument_is_named(
    name: str, required: list[str], call: Callable[..., Run], far_side: FarSide
) -> None:
    for argv in ([], ["{}"], ["-"], ["--", "{}"]):
        run = call(name, None, *argv, stdin=b"{}")
        assert run.exit == 2 and run.error["code"] == "invalid_arguments"
        missing = [problem["at"] for problem in run.error["problems"] if problem["problem"] == "is missing"]
        assert sorted(missing) == sorted(f"$.{member}" for member in required)
    assert far_side.requests == []


# --- unknown members ---------------------------------------------------------------------------------------

NEAR = {
    "whatsapp_number": ("get_messages", "whatsappNumber"),
    "WHATSAPPNUMBER": ("send_session_message", "whatsappNumber"),
    "message_text": ("send_session_message", "messageText"),
    "page_size": ("get_contacts", "pageSize"),
    "pagenumber": ("get_contacts", "pageNumber"),
    "templateName": ("send_template_message", "template_name"),
    "broadcastName": ("send_template_messages_v2", "broadcast_name"),
    "params": ("send_template_message_v2", "parameters"),
    "receiver": ("send_template_messages", "receivers"),
    "file_name": ("get_media", "fileName"),
    "connectionId": ("get_connection", "connection_id"),
    "e-mail": ("assign_operator", "email"),
    "sektions": ("send_interactive_list_message", "sections"),
}


@pytest.mark.parametrize("wrong", NEAR)
def test_an_unknown_member_is_told_the_near_one(
    wrong: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    name, meant = NEAR[wrong]
    run = call(name, {**SCHEMAS[name]["examples"][0], wrong: "x"})
    assert run.exit == 2
    (problem,) = [p for p in run.error["problems"] if wrong in p["at"]]
    assert f"did you mean {meant}?" in problem["problem"]
    assert far_side.requests == []


def test_a_member_that_is_near_to_nothing_gets_no_guess(call: Callable[..., Run]) -> None:
    (problem,) = call("get_contacts", {"zzz": 1}).error["problems"]
    assert problem["at"] == "$.zzz"
    assert "did you mean" not in problem["problem"]
    assert all(member in problem["problem"] for member in SCHEMAS["get_contacts"]["properties"])


def test_an_unknown_member_is_refused_on_every_level(each_endpoint: Any, call: Callable[..., Run]) -> None:
    name = each_endpoint.name
    base = good(SCHEMAS[name])
    objects = [(), *(steps for steps, schema in places(SCHEMAS[name]) if schema["type"] == "object")]
    for steps in objects:
        run = call(name, put(base, (*steps, "zzz"), None))
        assert run.exit == 2, steps
        assert json_path((*steps, "zzz")) in [problem["at"] for problem in run.error["problems"]]


@pytest.mark.parametrize(
    ("member", "at"),
    [
        ("two words", '$["two words"]'),
        ("a.b", '$["a.b"]'),
        ("", '$[""]'),
        ("0", '$["0"]'),
        ("__proto__", "$.__proto__"),
        ("\u202eabc", '$["\\u202eabc"]'),
        ("a\nb", '$["a\\u000ab"]'),
    ],
)
def test_a_path_is_readable_whatever_the_member_s_name(
    member: str, at: str, call: Callable[..., Run]
) -> None:
    (problem,) = call("get_contacts", {member: 1}).error["problems"]
    assert problem["at"] == at


# --- all at once, with an example --------------------------------------------------------------------------


def test_all_problems_come_at_once(call: Callable[..., Run], far_side: FarSide) -> None:
    arguments = {
        "template_nam": "x",
        "broadcast_name": " ",
        "receivers": [
            {"whatsappNumber": "+14155551234", "customParams": [{"name": "a", "value": "x    y"}]},
            {"whatsappNumber": "14155555678", "customParams": [{"name": "a"}, {"value": ""}]},
            {"whatsappNumber": "14155555678", "customParams": [{"name": "b", "value": "1"}] * 2},
            {"customParams": [{"name": "a", "value": "line\nbreak"}]},
        ],
    }
    run = call("send_template_messages", arguments)
    assert run.exit == 2 and run.error["code"] == "invalid_arguments"
    assert {problem["at"] for problem in run.error["problems"]} == {
        "$.template_nam",
        "$.template_name",
        "$.broadcast_name",
        "$.receivers[0].whatsappNumber",
        "$.receivers[0].customParams[0].value",
        "$.receivers[1].customParams[0].value",
        "$.receivers[1].customParams[1].name",
        "$.receivers[1].customParams[1].value",
        "$.receivers[2].whatsappNumber",
        "$.receivers[2].customParams[1].name",
        "$.receivers[3].whatsappNumber",
        "$.receivers[3].customParams[0].value",
    }
    assert str(len(run.error["problems"])) in run.error["message"]
    assert far_side.requests == []


def test_a_wrong_file_and_wrong_arguments_come_at_once(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("send_session_file", {"whatsappNumber": "+14155551234", "file": "missing.pdf", "captoin": "x"})
    assert {p["at"] for p in run.error["problems"]} == {"$.whatsappNumber", "$.file", "$.captoin"}
    run = call("get_media", {"fileName": "../etc/passwd", "x": 1}, "--output", "/outside/a.jpg")
    assert {p["at"] for p in run.error["problems"]} == {"$.fileName", "$.x", "--output"}
    assert far_side.requests == []


def test_a_thousand_wrong_receivers_are_named_or_counted_soon(call: Callable[..., Run]) -> None:
    receivers = [{"whatsappNumber": f"+1415{n:07}", "customParams": []} for n in range(1000)]
    run = call(
        "send_template_messages", {"template_name": "a", "broadcast_name": "b", "receivers": receivers}
    )
    named = [problem["at"] for problem in run.error["problems"]]
    assert len(named) > 100 and len(named) + run.error["more_problems"] == 1000
    assert named == [f"$.receivers[{n}].whatsappNumber" for n in range(len(named))], "in reading order"
    assert len(run.text) <= 30_000


# JSON in a document can only be shown escaped, so an example is words if it can be.
IN_WORDS = {
    *("add_contact", "assign_operator", "delete_connection", "get_connection", "get_contacts", "get_media"),
    *("get_messages", "send_session_file", "send_template_message_csv", "send_template_message_v2"),
    "update_contact_attributes",
}


def test_the_hint_holds_an_example_that_works(
    each_endpoint: Any, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\n")
    (tmp_path / "contacts.csv").write_bytes(b"Phone,name,ordernumber\n14155551234,John,1\n")
    hint = call(each_endpoint.name, {"zzz": 1}).error["hint"]
    script, *words = shlex.split(hint.split(" Example: ")[1])
    assert script == f"{each_endpoint.name}.py" and words, hint
    assert call(each_endpoint.name, None, *words, "--dry-run", MATON_API_KEY=None).exit == 0
    assert ("{" not in hint) is (each_endpoint.name in IN_WORDS), hint
    assert far_side.requests == []


# --- numbers -----------------------------------------------------------------------------------------------

TAKES_NUMBERS = [
    pytest.param(name, steps, id=name)
    for name, schema in SCHEMAS.items()
    for steps, _ in places(schema)
    if steps[-1] == "whatsappNumber"
]
NUMBERS: dict[str, str] = {  # wrong: the one corrected form, "" where none is certain
    "+14155551234": "14155551234",
    "+1 (415) 555-1234": "14155551234",
    "+1.415.555.1234": "14155551234",
    "+49 171/5551234": "491715551234",
    "+1\u00a0415\u2011555\u20131234": "14155551234",
    "1 (415) 555-1234": "",
    "1-415-555-1234": "",
    "(415) 555-1234": "",
    "0014155551234": "14155551234",
    "00919876543210": "919876543210",
    "0044 20 7946 0958": "442079460958",
    "+44 (0)20 7946 0958": "442079460958",
    "+49 (0) 170 1234567": "491701234567",
    "+44 020 7946 0958": "",
    "415-555-1234": "",
    "9.19877E+11": "",
    "01715551234": "",
    "+01715551234": "",
    "++14155551234": "",
    "14155551234+": "",
    "+1415555123x": "",
    "١٤١٥٥٥٥١٢٣٤": "",
    "".join(chr(0xFF10 + int(digit)) for digit in "14155551234"): "",  # full-width digits
    "+१४१५५५५१२३४": "",
    "¹4155551234": "",
    "141555": "",
    "1415555123456789": "",
    "14155551234,14155555678": "",
    "14155551234\n": "",
    "+14155551234\n": "",
    "14155551234\x00": "",
    "../14155551234": "",
    "14155551234/../../connections": "",
    "%2e%2e%2f14155551234": "",
    "14155551234%00": "",
    "14155551234?pageSize=1": "",
    "14155551234#": "",
    "us.123": "",
    "US.": "",
    "US.12/3": "",
    "USA.123": "",
    "5f9b2c1d4e6a7b8c9d0e1f2": "",
    "5f9b2c1d4e6a7b8c9d0e1f2g": "",
    "null": "",
    "whatsapp:+14155551234": "",
}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("(415) 555-1234", "the country code is missing"),
        ("415-555-1234", "the country code is missing"),
        ("020 7946 0958", "the country code is missing"),
        ("9.19877E+11", "a spreadsheet rounded it"),
        ("+44 020 7946 0958", "the 0 behind the country code"),
    ],
)
def test_what_is_wrong_with_a_number_is_said(number: str, words: str, call: Callable[..., Run]) -> None:
    run = call("send_session_message", {"whatsappNumber": number, "messageText": "Hello"})
    (problem,) = run.error["problems"]
    assert words in problem["problem"] and number in problem["problem"] and ": use " not in problem["problem"]


@pytest.mark.parametrize(("name", "steps"), TAKES_NUMBERS)
def test_only_a_number_or_an_id_is_a_receiver(
    name: str, steps: Steps, call: Callable[..., Run], far_side: FarSide
) -> None:
    for number, corrected in NUMBERS.items():
        run = call(name, put(good(SCHEMAS[name]), steps, number))
        told = [p["problem"] for p in run.error.get("problems", []) if p["at"] == json_path(steps)]
        assert run.exit == 2 and told, number
        suggestions = {word for text in told for word in re.findall(r": use (\S+)", text)}
        assert suggestions == ({corrected} if corrected else set()), number
    assert far_side.requests == []


@pytest.mark.parametrize(
    "number", [14155551234, 5, 0, -14155551234, 14155551234.0, 10**30, 10**4000, True, None]
)
def test_a_number_that_is_no_text_is_corrected_only_where_it_is_certain(
    number: Any, call: Callable[..., Run], far_side: FarSide
) -> None:
    (problem,) = call("get_messages", {"whatsappNumber": number}).error["problems"]
    suggested = re.findall(r'"(\S+)"', problem["problem"])
    assert suggested == (
        ["14155551234"] if number is not True and number == 14155551234 and isinstance(number, int) else []
    )
    assert far_side.requests == []


@looped("receiver", ["14155551234", "1234567", "123456789012345", "5f9b2c1d4e6a7b8c9d0e1f2A", "US.a1"])
@looped(("name", "steps"), TAKES_NUMBERS)
def test_numbers_contact_ids_and_user_ids_are_taken(
    name: str, steps: Steps, receiver: str, call: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\n")
    run = call(name, put(SCHEMAS[name]["examples"][0], steps, receiver), "--dry-run", MATON_API_KEY=None)
    assert run.exit == 0, run.text
    assert receiver in json.dumps(run.data)


# --- what JSON Schema cannot say ---------------------------------------------------------------------------

NUMBER = {"whatsappNumber": "14155551234"}
TEMPLATE = {"template_name": "order_update", "broadcast_name": "b"}
MEDIA = {"url": "https://example.com/a.jpg"}
SEND, SEND_V2 = "send_template_message", "send_template_message_v2"
BULK, BULK_V2 = "send_template_messages", "send_template_messages_v2"
BUTTONS, LIST = "send_interactive_buttons_message", "send_interactive_list_message"


def params(*pairs: tuple[str, str]) -> list[Json]:
    return [{"name": name, "value": value} for name, value in pairs]


def template(*pairs: tuple[str, str]) -> Json:
    return {**NUMBER, **TEMPLATE, "parameters": params(*pairs)}


def bulk(*numbers: str, to_each: tuple[tuple[str, str], ...] = ()) -> Json:
    receivers = [{"whatsappNumber": number, "customParams": params(*to_each)} for number in numbers]
    return {**TEMPLATE, "receivers": receivers}


def contact(*pairs: tuple[str, str]) -> Json:
    return {**NUMBER, "customParams": params(*pairs)}


def header(kind: str, **members: Any) -> Json:
    return {**NUMBER, "body": "b", "buttons": [{"text": "x"}], "header": {"type": kind, **members}}


def rows(*counts: int) -> Json:
    sections = [{"title": f"s{n}", "rows": [{"title": f"r{i}"} for i in range(n)]} for n in counts]
    return {**NUMBER, "body": "b", "buttonText": "c", "sections": sections}


BEYOND = {
    "same receiver": (
        BULK,
        bulk("14155551234", "14155555678", "14155551234"),
        "$.receivers[2].whatsappNumber",
    ),
    "same receiver v2": (BULK_V2, bulk("14155551234", "14155551234"), "$.receivers[1].whatsappNumber"),
    "same parameter": (SEND, template(("a", "1"), ("b", "1"), ("a", "2")), "$.parameters[2].name"),
    "same parameter v2": (SEND_V2, template(("a", "1"), ("a", "1")), "$.parameters[1].name"),
    "same parameter of one receiver": (
        BULK,
        bulk("14155551234", to_each=(("a", "1"), ("a", "1"))),
        "$.receivers[0].customParams[1].name",
    ),
    "same attribute": ("add_contact", contact(("a", "1"), ("a", "2")), "$.customParams[1].name"),
    "same attribute set": (
        "update_contact_attributes",
        contact(("a", "1"), ("a", "2")),
        "$.customParams[1].name",
    ),
    "eleven rows": (LIST, rows(6, 5), "$.sections"),
    "thirty rows": (LIST, rows(10, 10, 10), "$.sections"),
    "blank value": (SEND, template(("a", " \u00a0")), "$.parameters[0].value"),
    "newline": (SEND, template(("a", "x\ny")), "$.parameters[0].value"),
    "tab": (SEND_V2, template(("a", "x\ty")), "$.parameters[0].value"),
    "four spaces": (SEND, template(("a", "x    y")), "$.parameters[0].value"),
    "four spaces v2": (
        BULK_V2,
        bulk("14155551234", to_each=(("a", "x    y"),)),
        "$.receivers[0].customParams[0].value",
    ),
    "text header without text": (BUTTONS, header("Text"), "$.header"),
    "text header with media": (BUTTONS, header("text", text="x", media=MEDIA), "$.header.media"),
    "image header without media": (BUTTONS, header("image"), "$.header"),
    "image header with text": (BUTTONS, header("Image", text="x", media=MEDIA), "$.header.text"),
    "image header with a file name": (
        BUTTONS,
        header("Image", media={**MEDIA, "fileName": "a.jpg"}),
        "$.header.media.fileName",
    ),
    "no such day": ("get_contacts", {"createdDate": "2026-02-30"}, "$.createdDate"),
    "no such month": ("get_contacts", {"createdDate": "2026-13-01"}, "$.createdDate"),
    "nothing to compare with": (
        "get_contacts",
        {"attribute": [{"name": "a", "operator": "=="}]},
        "$.attribute[0]",
    ),
    "a step up": ("get_media", {"fileName": "data/../../secrets"}, "$.fileName"),
    "a step up, encoded": ("get_media", {"fileName": "data/%2e%2e/secrets"}, "$.fileName"),
    "an absolute path": ("get_media", {"fileName": "/etc/passwd"}, "$.fileName"),
    "an empty step": ("get_media", {"fileName": "data//a.jpg"}, "$.fileName"),
    "backslashes": ("get_media", {"fileName": "data\\..\\a.jpg"}, "$.fileName"),
    "hidden": ("get_media", {"fileName": "data/images/.profile"}, "$.fileName"),
}


@looped("case", BEYOND)
def test_what_the_schema_cannot_say_is_checked_before_sending(
    case: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    name, arguments, at = BEYOND[case]
    confirm = ["--confirm", str(len(arguments["receivers"]))] if "receivers" in arguments else []
    run = call(name, arguments, *confirm)
    assert run.exit == 2 and run.error["code"] == "invalid_arguments"
    assert [problem["at"] for problem in run.error["problems"]][:1] == [at]
    assert far_side.requests == []


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        (LIST, rows(4, 6)),
        (LIST, rows(*[1] * 10)),
        (SEND, template(("a", "x   y"), ("A", "x"))),
        (BULK, bulk("14155551234", "14155555678", to_each=(("a", "1"),))),
        (BUTTONS, header("Document", media={**MEDIA, "fileName": "a.pdf"})),
        ("get_contacts", {"attribute": [{"name": "a", "operator": "exist"}]}),
        ("get_contacts", {"createdDate": "2028-02-29"}),
        ("update_contact_attributes", contact(("a", ""))),
    ],
)
def test_what_lies_just_inside_is_taken(name: str, arguments: Json, call: Callable[..., Run]) -> None:
    run = call(name, arguments, "--dry-run", MATON_API_KEY=None)
    assert run.exit == 0, run.text


# --- the JSON itself ---------------------------------------------------------------------------------------

NOT_AN_OBJECT = {
    "nothing": b"",
    "white space": b" \n",
    "no JSON": b"jane",
    "single quotes": b"{'pageSize': 10}",
    "trailing comma": b'{"pageSize": 10,}',
    "two documents": b'{} {"pageSize": 10}',
    "cut off": b'{"pageSize": 1',
    "comment": b"{} // all of them",
    "list": b'[{"pageSize": 10}]',
    "text": b'"{}"',
    "number": b"10",
    "null": b"null",
    "true": b"true",
    "NaN": b'{"pageSize": NaN}',
    "Infinity": b'{"pageSize": Infinity}',
    "-Infinity": b'{"pageSize": -Infinity}',
    "a member twice": b'{"pageSize": 10, "pageSize": 20}',
    "an inner member twice": b'{"attribute": [{"name": "a", "name": "b", "operator": "exist"}]}',
    "infinity in digits": b'{"pageSize": 1e400}',
    "minus infinity in digits": b'{"pageSize": -1e400}',
    "an integer of 5,000 digits": b'{"pageSize": ' + b"9" * 5000 + b"}",
    "a control character": b'{"name": "a\x01b"}',
    "a raw newline": b'{"name": "a\nb"}',
    "Latin-1": '{"name": "José"}'.encode("latin-1"),
    "UTF-16 without its mark": '{"name": "José"}'.encode("utf-16-le"),
    "half a UTF-16 character": '{"name": "José"}'.encode("utf-16")[:-1],
    "half a character": b'{"name": "\xf0\x9f"}',
    "an encoded surrogate": b'{"name": "\xed\xa0\x80"}',
    "17 MiB": b'{"name": "' + b"x" * (17 << 20) + b'"}',
    "17 MiB of space": b"{}" + b" " * (17 << 20),
}


@pytest.mark.parametrize("way", ["argument", "-", "@"])
@looped("case", NOT_AN_OBJECT)
def test_what_is_no_json_object_is_refused(
    way: str, case: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    data = NOT_AN_OBJECT[case]
    (tmp_path / "arguments.json").write_bytes(data)
    if way == "argument" and b"\x00" in data:
        way = "-"  # no command line holds such a byte
    source = {"argument": data.decode("utf-8", "surrogateescape"), "-": "-", "@": "@arguments.json"}[way]
    run = call("get_contacts", source, stdin=data)
    assert run.exit == 2
    assert run.error["code"] in ("invalid_json", "invalid_arguments")
    assert (run.error["code"] == "invalid_arguments") is bool(run.error.get("problems"))
    assert len(run.text) < 2000
    assert far_side.requests == []


@pytest.mark.parametrize("value", ["1e-400", "1E2", "0.1", "-0", "9" * 4000, "1" + "0" * 30])
def test_numbers_that_json_allows_and_wati_does_not(
    value: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("get_contacts", f'{{"pageSize": {value}}}')
    assert run.exit == 2
    assert {problem["at"] for problem in run.error["problems"]} == {"$.pageSize"}
    assert far_side.requests == []


@looped("levels", [50, 900, 990, 1000, 3000, 10_000, 100_000])
@looped("member", ["name", "pageSize", "attribute", "zzz", ""])
def test_deep_nesting_is_refused(
    member: str, levels: int, call: Callable[..., Run], far_side: FarSide
) -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        nested = opening * levels + "1" + closing * levels
        run = call("get_contacts", f'{{"{member}": {nested}}}' if member else nested)
        assert run.exit == 2
        assert run.error["code"] in ("invalid_json", "invalid_arguments")
    assert far_side.requests == []


def test_the_three_ways_to_give_arguments(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    text = '{"name": "Zoë 🙂"}'
    (tmp_path / "my arguments.json").write_bytes(text.encode())
    (tmp_path / "bom.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert call("get_contacts", text).exit == 0
    assert call("get_contacts", "-", stdin=text.encode()).exit == 0
    assert call("get_contacts", "-", stdin=b"\xef\xbb\xbf" + text.encode()).exit == 0
    assert call("get_contacts", "@my arguments.json").exit == 0
    assert call("get_contacts", "@bom.json").exit == 0
    assert call("get_contacts", f"@{tmp_path / 'bom.json'}").exit == 0
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):  # PowerShell 5 writes the first
        mark = "" if encoding in ("utf-16", "utf-32") else "\ufeff"
        (tmp_path / "wide.json").write_bytes((mark + text + "\r\n").encode(encoding))
        assert call("get_contacts", "@wide.json").exit == 0
        assert call("get_contacts", "-", stdin=(mark + text).encode(encoding)).exit == 0
    assert [dict(request.pairs)["name"] for request in far_side.requests] == ["Zoë 🙂"] * 14


@pytest.mark.parametrize("source", ["@missing.json", "@", "@.", "@" + "x" * 300, "@a\x00b"])
def test_a_file_of_arguments_that_cannot_be_read(
    source: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("get_contacts", source)
    assert run.exit == 2 and run.error["code"] == "file_unreadable"
    assert far_side.requests == []


def test_a_file_of_arguments_is_never_quoted(call: Callable[..., Run], tmp_path: Path) -> None:
    for text in ("secret-word", '{"name": secret-word}', '["secret-word"]', '{"a": 1} secret-word'):
        (tmp_path / "not-for-you").write_text(text, encoding="utf-8")
        run = call("get_contacts", "@not-for-you")
        assert run.exit == 2
        assert "secret-word" not in run.text


def test_what_is_echoed_is_short_and_visible(call: Callable[..., Run]) -> None:
    for text in ("x" * 100_000, "\u202e" * 50, "\x1b[2J" * 20, "\u2028" * 50):
        run = call("list_connections", {"status": text})
        assert run.exit == 2
        assert len(run.text) < 1500
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", run.text)


def test_the_same_id_in_two_cases_is_one_receiver(call: Callable[..., Run], far_side: FarSide) -> None:
    receivers = [
        {"whatsappNumber": "5f9b2c1d4e6a7b8c9d0e1f2a", "customParams": []},
        {"whatsappNumber": "5F9B2C1D4E6A7B8C9D0E1F2A", "customParams": []},
    ]
    arguments = {"template_name": "welcome", "broadcast_name": "welcome", "receivers": receivers}
    for name in ("send_template_messages", "send_template_messages_v2"):
        run = call(name, arguments, "--confirm", "2")
        assert (run.exit, [problem["at"] for problem in run.error["problems"]]) == (
            2,
            ["$.receivers[1].whatsappNumber"],
        )
    assert far_side.requests == []


@pytest.mark.parametrize("number", ["015123456789", "0151 23456789", "555-123"])
def test_a_number_without_its_country_code_is_asked_for_not_guessed(
    number: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("get_messages", {"whatsappNumber": number})
    [problem] = run.error["problems"]
    assert "ask for it, do not guess" in problem["problem"] and ": use" not in problem["problem"]
    assert far_side.requests == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_named_pipe_after_the_at_sign_does_not_hang(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    run = call("get_contacts", f"@{tmp_path / 'pipe'}")
    assert (run.exit, run.error["code"]) == (2, "file_unreadable")
    assert "regular" in run.error["message"]
    assert far_side.requests == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes and devices")
def test_devices_and_folders_after_the_at_sign_are_not_opened(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()

    def refuse(path: str, *_: Any) -> int:
        raise AssertionError(f"{path} was about to be opened")

    monkeypatch.setattr("wati.arguments.reading.os.open", refuse)
    for path in ("/dev/zero", "/dev/null", "/dev/tty", "link", "folder", ".", "/", "/dev/stdin"):
        run = call("get_contacts", f"@{path}")
        assert (run.exit, run.error["code"]) == (2, "file_unreadable"), run.text
    assert far_side.requests == []


def test_a_file_after_the_at_sign_that_never_ends(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "endless.json").write_bytes(b"{")
    os.truncate(tmp_path / "endless.json", 1 << 40)
    run = call("get_contacts", "@endless.json")
    assert (run.exit, run.error["code"]) == (2, "invalid_json") and "larger than" in run.error["message"]

    ended = threading.Event()
    monkeypatch.setattr("wati.arguments.reading.INPUT_SECONDS", 0.1)
    monkeypatch.setattr("wati.arguments.reading._read_regular", lambda path: b"{}" if ended.wait(60) else b"")
    run = call("get_contacts", "@network-drive.json")
    ended.set()
    assert (run.exit, run.error["code"]) == (2, "usage") and "did not end" in run.error["message"]
    assert far_side.requests == []


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="there is no /proc here")
def test_what_stands_after_the_at_sign_is_not_quoted(call: Callable[..., Run], far_side: FarSide) -> None:
    for path in ("/proc/self/environ", "/etc/passwd", "/proc/version", "/proc/kmsg"):
        run = call("get_contacts", f"@{path}")
        assert run.exit == 2 and run.error["code"] in ("invalid_json", "file_unreadable")
        assert "PATH=" not in run.text and "root:" not in run.text and "Linux" not in run.text
    assert far_side.requests == []


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("send_interactive_buttons_message", {"buttons": ["Yes", "No"]}, '{"text": "No"}'),
        (
            "send_interactive_list_message",
            {"sections": [{"title": "A", "rows": ["Early"]}]},
            '{"title": "Early"}',
        ),
    ],
)
def test_a_text_in_place_of_an_object_is_shown_as_one(
    name: str, arguments: dict[str, Any], said: str, call: Callable[..., Run]
) -> None:
    run = call(name, {"whatsappNumber": "14155551234", "body": "b", **arguments})
    assert run.exit == 2 and any(problem["problem"].endswith(said) for problem in run.error["problems"])


@pytest.mark.parametrize("name", ["send_template_message", "send_template_messages_v2", "add_contact"])
def test_a_customers_number_is_never_to_be_guessed(name: str, call: Callable[..., Run]) -> None:
    wrong = {"whatsappNumber": "(415) 555-1234"}
    many = {"receivers": [{**wrong, "customParams": []}]}
    run = call(name, many if name.endswith("messages_v2") else wrong)
    assert run.exit == 2 and "ask the user" in run.error["hint"]


def test_the_hint_about_a_file_has_no_example_of_arguments(call: Callable[..., Run], tmp_path: Path) -> None:
    Path("list.csv").write_text("Phone\n415-555-0101\n", encoding="utf-8")
    given = {"template_name": "welcome", "broadcast_name": "b", "whatsapp_numbers_csv": "list.csv"}
    run = call("send_template_message_csv", given, "--dry-run")
    assert run.exit == 2 and "ask the user" in run.error["hint"] and "Example" not in run.error["hint"]
