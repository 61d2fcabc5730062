"""The command line: nothing guessed or ignored; a dry run sends nothing; a confirmation is exact."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, Run
from looping import looped
from recording import FarSide
from wati import __version__
from wati.contract.endpoint import Endpoint
from wati.contract.options import FLAGS

CONFIRMING = {
    "send_template_messages",
    "send_template_messages_v2",
    "send_template_message_csv",
    "delete_connection",
}
HELLO = {"whatsappNumber": "14155551234", "messageText": "Hello"}


def flags_for(endpoint: Endpoint) -> set[str]:
    """The flags that the contract gives to a script."""
    everywhere = {"help", "schema", "dry-run", "timeout", "fields", "raw", "verbose"}
    special = {
        "connection": endpoint.path.startswith("/wati/"),
        "confirm": endpoint.name in CONFIRMING,
        "all": endpoint.items != "",
        "max-items": endpoint.items != "",
        "output": endpoint.items != "" or endpoint.name == "get_media",
        "force": endpoint.items != "" or endpoint.name == "get_media",
        "again": endpoint.effect == "send",
        "skip-sent": endpoint.confirms in ("receivers", "records"),
    }
    return everywhere | {flag for flag, has in special.items() if has}


def given(flag: str) -> list[str]:
    return [f"--{flag}", "1"] if FLAGS[flag][0] else [f"--{flag}"]


# --- flags -------------------------------------------------------------------------------------------------


def test_flags_of_other_scripts_are_refused(
    each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    foreign = set(FLAGS) - flags_for(each_endpoint)
    assert foreign
    for flag in sorted(foreign):
        run = call_example(each_endpoint, *given(flag))
        assert run.exit == 2 and run.error["code"] == "usage", flag
        assert f"--{flag}" in run.error["message"]
        assert all(f"--{own}" in run.error["hint"] for own in flags_for(each_endpoint))
    assert far_side.requests == []


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("--dryrun", "dry-run"),
        ("--dry_run", "dry-run"),
        ("--DRY-RUN", "dry-run"),
        ("--verbos", "verbose"),
        ("--conection=x", "connection"),
        ("--time-out", "timeout"),
    ],
)
def test_an_unknown_flag_is_told_the_near_one(
    wrong: str, meant: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("send_session_message", HELLO, wrong)
    assert run.exit == 2 and run.error["code"] == "usage"
    assert f"did you mean {meant}?" in run.error["message"]
    assert far_side.requests == []


def test_no_flag_may_be_abbreviated(call: Callable[..., Run], far_side: FarSide) -> None:
    short = [flag[:length] for flag in flags_for(ENDPOINTS["get_media"]) for length in range(1, len(flag))]
    assert len(short) > 30
    for flag in short:
        run = call("get_media", {"fileName": "data/images/a.jpg"}, f"--{flag}")
        assert run.exit == 2 and run.error["code"] == "usage", flag
    assert far_side.requests == []


@pytest.mark.parametrize(
    "flags",
    [
        ["-v"],
        ["-n", "5"],
        ["-dry-run"],
        ["---dry-run"],
        ["--=x"],
        ["--ünknown"],
        ["--\u202e"],
        ["--raw=1"],
        ["--dry-run="],
        ["--dry-run=false"],
        ["--timeout"],
        ["--connection"],
        ["--timeout", "5", "--timeout", "6"],
        ["--connection=a", "--connection=b"],
        ["{}"],
        ["--", "{}"],
        ["--", "--dry-run"],
        ["whatsappNumber=14155551234"],
    ],
    ids=" ".join,
)
def test_what_is_no_command_line_is_refused(
    flags: list[str], call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("send_session_message", HELLO, *flags)
    assert run.exit == 2 and run.error["code"] == "usage"
    assert far_side.requests == []


def test_a_split_json_object_is_explained(call: Callable[..., Run]) -> None:
    run = call("send_session_message", '{"whatsappNumber":', '"14155551234"}')
    assert run.exit == 2 and run.error["code"] == "usage"
    assert "quotes" in run.error["hint"]


@pytest.mark.parametrize("variable", [None, "POSIXLY_CORRECT"])
def test_flags_may_stand_before_and_after_the_json(
    variable: str | None, call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    if variable:  # Python's getopt obeys it; the contract has no such variable
        monkeypatch.setenv(variable, "1")
    text = json.dumps(HELLO)
    for words in (
        ["--dry-run", text],
        [text, "--dry-run"],
        ["--timeout", "5", text, "--dry-run"],
        ["--dry-run", "--", text],
    ):
        assert call("send_session_message", None, *words).exit == 0
    assert {request.method for request in far_side.requests} == {"GET"}


def test_the_same_flag_twice_with_the_same_value_is_no_riddle(call: Callable[..., Run]) -> None:
    assert call("get_contacts", None, "--dry-run", "--dry-run", "--timeout=5", "--timeout", "5").exit == 0


@pytest.mark.parametrize("other", [[], ["--dry-run"], ["--timeout", "5"], ["--schema"]], ids=" ".join)
@pytest.mark.parametrize("flag", ["--schema", "--help", "-h"])
def test_help_and_schema_never_make_the_call(
    flag: str, other: list[str], call_example: Callable[..., Run], far_side: FarSide
) -> None:
    run = call_example(ENDPOINTS["send_session_message"], *other, flag)
    assert far_side.requests == []
    if run.exit == 0:
        assert "messageText" in run.text and "not_sent" not in run.text
    else:
        assert run.exit == 2 and run.error["code"] == "usage"


TIMEOUTS = ["0", "0.0", "-1", "-0.5", "+5", "nan", "inf", "-inf", "Infinity", "1e3", "1_0", "0x10", "5s"]
TIMEOUTS += [" 5", "5 ", "5\n", "", ".", "5.", ".5", "5,5", "3600.1", "3601", "99999999999", "5" * 400]
TIMEOUTS += ["\uff15", "\u0665", "\u00b2", "5\x00", "0.0000001"]


@looped("value", TIMEOUTS, ids=ascii)
def test_a_timeout_is_seconds(value: str, call: Callable[..., Run], far_side: FarSide) -> None:
    for form in (["--timeout", value], [f"--timeout={value}"]):
        run = call("get_contacts", {}, *form)
        assert run.exit == 2 and run.error["code"] == "usage"
    assert far_side.requests == []


@pytest.mark.parametrize("value", ["5", "0.5", "29.999", "3600", "3600.0"])
def test_a_good_timeout_is_taken(value: str, call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("get_contacts", {}, "--timeout", value).exit == 0
    assert len(far_side.requests) == 1


@pytest.mark.parametrize(
    "value",
    ["", " ", "a b", "a/b", "../a", "a\nb", "a\x00", "x" * 201, "é", "a:b", "a,b", "conn-1\n"],
    ids=ascii,
)
def test_a_connection_is_an_id(value: str, call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("get_contacts", {}, "--connection", value)
    assert run.exit == 2 and run.error["code"] == "usage"
    assert far_side.requests == []


@pytest.mark.parametrize("flag", ["--confirm", "--timeout", "--connection", "--output"])
def test_a_flag_with_a_value_has_one(flag: str, call: Callable[..., Run], far_side: FarSide) -> None:
    name = "get_media" if flag == "--output" else "send_template_messages"
    for form in ([flag], [flag, ""], [f"{flag}="]):
        run = call(name, None, *form)
        assert run.exit == 2 and run.error["code"] == "usage"
        assert flag in run.error["message"]
    assert far_side.requests == []


def test_wrong_flags_come_before_everything_else(call: Callable[..., Run]) -> None:
    run = call("send_session_message", "no JSON", "--nope", MATON_BASE_URL="https://example.com")
    assert run.error["code"] == "usage"


# --- dry runs ----------------------------------------------------------------------------------------------


@looped("key", [KEY, None, "", " "], ids=repr)
def test_a_dry_run_sends_and_changes_nothing(
    key: str | None,
    each_endpoint: Endpoint,
    call_example: Callable[..., Run],
    far_side: FarSide,
    tmp_path: Path,
) -> None:
    call_example(each_endpoint, "--dry-run", MATON_API_KEY=None)  # makes the example's files
    before = sorted(tmp_path.rglob("*"))
    run = call_example(each_endpoint, "--dry-run", MATON_API_KEY=key)
    assert run.exit == 0, run.text
    assert run.document.get("outcome") == (None if each_endpoint.effect == "read" else "not_sent")
    assert "page" not in run.document
    assert ("nothing was looked up" in run.document.get("notice", "")) is (key != KEY)
    assert sorted(tmp_path.rglob("*")) == before
    asked = [] if key != KEY or each_endpoint.name == "list_connections" else ["GET"]
    assert sorted({request.method for request in far_side.requests}) == asked


def test_a_dry_run_shows_what_is_then_sent_if_it_is_asked_for(
    each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    over = ["--connection", "conn-7"] if each_endpoint.path.startswith("/wati/") else []
    assert "request" not in call_example(each_endpoint, *over, "--dry-run").data
    shown = call_example(each_endpoint, *over, "--dry-run", "--verbose").data["request"]
    if "raw" not in each_endpoint.lacks:
        raw = call_example(each_endpoint, *over, "--dry-run", "--raw").data["request"]
        assert raw == shown
    asked = len(far_side.requests)
    assert call_example(each_endpoint, *over).exit == 0
    sent = far_side.requests[asked]
    assert (shown["method"], shown["url"]) == (sent.method, far_side.url + sent.target)
    headers = dict(shown["headers"])
    assert KEY not in headers.pop("Authorization")
    assert headers["User-Agent"] == f"wati-skill/{__version__}"
    assert headers.get("Maton-Connection") == (over[1] if over else None)
    if headers.get("Content-Type") == "multipart/form-data":  # the boundary is chosen when it is sent
        assert str(sent.header("content-type")).startswith(headers.pop("Content-Type") + "; boundary=")
    assert headers == {name: sent.header(name) for name in headers}
    body = {name: shown[name] for name in ("form", "json", "parts") if name in shown}
    assert len(body) == (1 if sent.body else 0)
    if "form" in body:
        assert list(body["form"].items()) == sent.form
    if "json" in body:
        assert body["json"] == sent.json
    if "parts" in body:
        ((part,), (real,)) = (body["parts"], sent.parts)
        assert real.headers["content-disposition"] == (
            f'form-data; name="{part["name"]}"; filename="{part["filename"]}"'
        )
        assert (part["content_type"], part["bytes"]) == (real.headers["content-type"], len(real.content))


def test_a_dry_run_needs_no_confirmation_and_tells_it(
    each_endpoint: Endpoint, call: Callable[..., Run], call_example: Callable[..., Run], far_side: FarSide
) -> None:
    data = call_example(each_endpoint, "--dry-run").data
    assert {request.method for request in far_side.requests} <= {"GET"}
    example = json.loads(Path(each_endpoint.schema_file).read_text(encoding="utf-8"))["examples"][0]
    told = call(each_endpoint.name, example, "--dry-run").data.get("confirm")
    assert told == data.get("confirm")
    assert (told is not None) is (each_endpoint.name in CONFIRMING)
    assert {request.method for request in far_side.requests} <= {"GET"}


def test_a_dry_run_shows_the_connection_that_a_send_would_take(call: Callable[..., Run]) -> None:
    headers = call("send_session_message", HELLO, "--dry-run", "--raw").data["request"]["headers"]
    assert headers["Maton-Connection"] == "conn-1"
    unasked = call("send_session_message", HELLO, "--dry-run", "--raw", MATON_API_KEY=None).data["request"]
    assert "ACTIVE" in unasked["headers"]["Maton-Connection"]
    assert "Maton-Connection" not in call("get_contacts", {}, "--dry-run", "--raw").data["request"]["headers"]
    chosen = call("send_session_message", HELLO, "--dry-run", "--raw", MATON_CONNECTION_ID="conn-9")
    assert chosen.data["request"]["headers"]["Maton-Connection"] == "conn-9"


def test_a_dry_run_refuses_what_the_run_would_refuse(call: Callable[..., Run], far_side: FarSide) -> None:
    for arguments, environment in (
        ({**HELLO, "whatsappNumber": "+14155551234"}, {}),
        (HELLO, {"WATI_READ_ONLY": "1"}),
        (HELLO, {"WATI_ALLOWED_RECIPIENTS": ""}),
        (HELLO, {"MATON_BASE_URL": "https://example.com"}),
    ):
        real = call("send_session_message", arguments, **environment)
        dry = call("send_session_message", arguments, "--dry-run", **environment)
        assert real.exit == dry.exit != 0
        assert real.error == dry.error
    assert {request.method for request in far_side.requests} == {"GET"}


# --- confirmations -----------------------------------------------------------------------------------------


def bulk(count: int) -> dict[str, Any]:
    receivers = [{"whatsappNumber": f"1415555{n:04}", "customParams": []} for n in range(count)]
    return {"template_name": "welcome", "broadcast_name": "b", "receivers": receivers}


@looped("name", ["send_template_messages", "send_template_messages_v2"])
@looped("confirm", [None, "0", "1", "3", "2 ", " 2", "02", "+2", "2.0", "2\n", "\uff12", "two", "yes", "22"])
def test_a_bulk_send_is_confirmed_with_the_exact_count(
    name: str, confirm: str | None, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call(name, bulk(2), *([] if confirm is None else ["--confirm", confirm]))
    assert run.exit == 2 and run.error["code"] == "confirmation_required"
    assert "--dry-run" in run.error["hint"] and "2" not in run.error["hint"], "the value is not given away"
    assert far_side.requests == []


@pytest.mark.parametrize("name", ["send_template_messages", "send_template_messages_v2"])
@pytest.mark.parametrize("count", [1, 2, 1000])
def test_a_confirmed_bulk_send_goes_out_once(
    name: str, count: int, call: Callable[..., Run], far_side: FarSide
) -> None:
    assert call(name, bulk(count)).error["code"] == "confirmation_required"
    assert far_side.requests == []
    run = call(name, bulk(count), "--confirm", str(count))
    assert run.exit == 0, run.text
    (sent,) = far_side.to("/wati/")
    assert len(sent.json["receivers"]) == count


@pytest.mark.parametrize("confirm", [None, "1", "3", "4", "2 "])
def test_a_csv_send_is_confirmed_with_the_count_of_records(
    confirm: str | None, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(b"Phone\r\n14155551234\r\n\r\n14155555678\r\n")
    arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": "a.csv"}
    run = call("send_template_message_csv", arguments, *([] if confirm is None else ["--confirm", confirm]))
    assert run.exit == 2 and run.error["code"] == "confirmation_required"
    assert "--dry-run" in run.error["hint"] and "2" not in run.error["hint"], "the value is not given away"
    assert far_side.requests == []
    assert call("send_template_message_csv", arguments, "--confirm", "2").exit == 0
    assert len(far_side.to("/wati/")) == 1


@pytest.mark.parametrize("confirm", [None, "1", "yes", "CONN-1", "conn-", "conn-1 ", "conn-11"])
def test_a_deletion_is_confirmed_with_the_id(
    confirm: str | None, call: Callable[..., Run], far_side: FarSide
) -> None:
    flags = [] if confirm is None else ["--confirm", confirm]
    run = call("delete_connection", {"connection_id": "conn-1"}, *flags)
    assert run.exit == 2 and run.error["code"] == "confirmation_required"
    assert "--dry-run" in run.error["hint"] and "conn-1" not in run.error["hint"]
    assert far_side.requests == []
    assert call("delete_connection", {"connection_id": "conn-1"}, "--confirm", "conn-1").exit == 0
    assert [(r.method, r.target) for r in far_side.requests] == [("DELETE", "/connections/conn-1")]


def test_nothing_else_asks_for_a_confirmation(
    each_endpoint: Endpoint, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\n")
    (tmp_path / "contacts.csv").write_bytes(b"Phone\n14155551234\n")
    example = json.loads(Path(each_endpoint.schema_file).read_text(encoding="utf-8"))["examples"][0]
    run = call(each_endpoint.name, example)
    asked = not run.document["ok"] and run.error["code"] == "confirmation_required"
    assert asked is (each_endpoint.name in CONFIRMING)
    assert asked or run.exit == 0, run.text


def test_a_wrong_confirmation_comes_after_wrong_arguments(call: Callable[..., Run]) -> None:
    run = call("send_template_messages", {**bulk(2), "x": 1}, "--confirm", "5")
    assert run.error["code"] == "invalid_arguments"
