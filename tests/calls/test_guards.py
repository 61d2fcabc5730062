"""What the environment forbids does not leave: where the key goes, who is messaged, what may change."""

from __future__ import annotations

import json
import os
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, Run
from looping import looped
from recording import FarSide
from wati.contract.endpoint import Endpoint
from wati.contract.settings import Settings

SENDING = {
    *("send_session_message", "send_session_file"),
    *("send_template_message", "send_template_messages", "send_template_message_csv"),
    *("send_template_message_v2", "send_template_messages_v2"),
    *("send_interactive_buttons_message", "send_interactive_list_message"),
}
READING = {
    *("list_connections", "get_connection", "get_contacts", "get_messages"),
    *("get_message_templates", "get_media"),
}


def test_effects_are_those_of_the_contract() -> None:
    assert {name for name, endpoint in ENDPOINTS.items() if endpoint.effect == "send"} == SENDING
    assert {name for name, endpoint in ENDPOINTS.items() if endpoint.effect == "read"} == READING


def bad_setup(run: Run, *variables: str) -> None:
    assert run.exit == 3 and run.error["code"] == "bad_setup", run.text
    assert [problem["at"] for problem in run.error["problems"]] == list(variables)


# --- the key, and where it goes ----------------------------------------------------------------------------


@looped("key", [None, "", " ", "\n", "\t \r\n"], ids=repr)
def test_without_a_key_nothing_is_tried(
    key: str | None, each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    run = call_example(each_endpoint, MATON_API_KEY=key)
    assert run.exit == 3 and run.error["code"] == "missing_key"
    assert "MATON_API_KEY=sandbox" in run.error["hint"]
    assert far_side.requests == []


@pytest.mark.parametrize(
    "key",
    ["two words", "line\nbreak", "k\r\nX-Evil: 1", "nul\x00", "kéy", "Bearer key", "k\u200b"],
    ids=ascii,
)
def test_a_key_that_is_no_key_is_refused_and_not_quoted(
    key: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    bad_setup(call("get_contacts", {}, MATON_API_KEY=key), "MATON_API_KEY")
    assert far_side.requests == []


MISREAD = {  # the key as a shell, an env file or a person leaves it: a word of what is said
    '"sandbox"': "quotation marks",
    "'sandbox'": "quotation marks",
    "\u201csandbox\u201d": "quotation marks",
    'sandbox"': "quotation marks",
    '"mk_live_0123456789"': "quotation marks",
    "'mk_live_0123456789": "quotation marks",
    "Sandbox": "small letters",
    "SANDBOX": "small letters",
    "sandbox;": "small letters",
    "[sandbox]": "small letters",
    "sandbox,,": "small letters",
    "${MATON_API_KEY}": "placeholder",
    "$MATON_API_KEY": "placeholder",
    "$env:MATON_API_KEY": "placeholder",
    "%MATON_API_KEY%": "placeholder",
    "{{ MATON_API_KEY }}": "placeholder",
    "${MATON_API_KEY:-}": "placeholder",
    "MATON_API_KEY=sandbox": "placeholder",
    "${SOME_KEY}": "placeholder",
    "YOUR_KEY": "placeholder",
    "your-api-key": "placeholder",
    "<your key>": "placeholder",
}


@pytest.mark.parametrize("key", MISREAD, ids=ascii)
@pytest.mark.parametrize("script", ["get_contacts", "send_session_message"])
def test_a_key_that_nothing_filled_in_reaches_nobody(
    script: str, key: str, call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {} if script == "get_contacts" else {"whatsappNumber": "14155551234", "messageText": "x"}
    run = call(script, arguments, MATON_API_KEY=key)
    bad_setup(run, "MATON_API_KEY")
    assert MISREAD[key] in run.error["problems"][0]["problem"]
    assert far_side.requests == []


@looped(
    "variable",
    [
        *("MATON_CONNECTION_ID", "MATON_BASE_URL", "WATI_FILE_ROOTS", "WATI_JOURNAL", "WATI_SANDBOX_STATE"),
        *("WATI_ALLOWED_RECIPIENTS", "WATI_BLOCKED_RECIPIENTS"),
    ],
)
@looped("form", ['"{}"', "'{}'", "${{{}}}", "%{}%", "${}"])
def test_no_variable_is_used_with_its_quotes_or_unfilled(
    form: str, variable: str, call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    run = call("get_contacts", {}, **{variable: form.format("HOME")})
    bad_setup(run, variable)
    problem = run.error["problems"][0]["problem"]
    assert ("quotation marks" if form[0] in "\"'" else "placeholder") in problem
    assert far_side.requests == [] and list(tmp_path.iterdir()) == []


def test_white_space_around_the_key_is_not_part_of_it(call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("get_contacts", {}, MATON_API_KEY=f"  {KEY}\n").exit == 0
    assert far_side.requests[0].header("authorization") == f"Bearer {KEY}"


ELSEWHERE = [
    "https://api.maton.ai",
    "https://api.maton.ai.example.com",
    "http://api.maton.ai",
    "https://example.com",
    "https://127.0.0.1:{port}",
    "http://user:password@127.0.0.1:{port}",
    "http://127.0.0.1:{port}@example.com",
    "http://127.0.0.1:{port}\\@example.com",
    "http://127.0.0.1:{port}#@example.com",
    "http://127.0.0.1.example.com:{port}",
    "http://localhost.example.com:{port}",
    "http://localhost.:{port}",
    "http://localhost:{port}.example.com",
    "http://127.1:{port}",
    "http://127.0.0.2:{port}",
    "http://2130706433:{port}",
    "http://0x7f.0.0.1:{port}",
    "http://0.0.0.0:{port}",
    "http://[::]:{port}",
    "http://[::ffff:127.0.0.1]:{port}",
    "http://[::1%25eth0]:{port}",
    "http://\uff11\uff12\uff17.0.0.1:{port}",
    "http://127\u30020.0.1:{port}",
    "http://127.0.0.1:{port}/api",
    "http://127.0.0.1:{port}/../x",
    "http://127.0.0.1:{port}//",
    "http://127.0.0.1:{port}?x=1",
    "http://127.0.0.1:{port}\n.example.com",
    "http://127.0.0.1 :{port}",
    "http:// 127.0.0.1:{port}",
    "http:127.0.0.1:{port}",
    "http:/127.0.0.1:{port}",
    "//127.0.0.1:{port}",
    "127.0.0.1:{port}",
    "ftp://127.0.0.1:{port}",
    "file:///etc/passwd",
    "http://127.0.0.1:0",
    "http://127.0.0.1:65536",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:" + "9" * 5000,
    "http://127.0.0.1:-1",
    "http://127.0.0.1:",
    "http://127.0.0.1:\u0661\u0662",
    "sandbox",
]


@looped("url", ELSEWHERE, ids=lambda url: ascii(url)[:60])
@looped("key", [KEY, "sandbox"], ids=["key", "sandbox"])
def test_the_key_goes_to_this_machine_or_to_maton(
    key: str, url: str, call: Callable[..., Run], far_side: FarSide, looked_up: list[str]
) -> None:
    url = url.replace("{port}", far_side.url.rpartition(":")[2])
    run = call("get_contacts", {}, MATON_BASE_URL=url, MATON_API_KEY=key)
    bad_setup(run, "MATON_BASE_URL")
    assert "password" not in run.text
    assert far_side.requests == [] and looked_up == []


def test_this_machine_has_three_names(call: Callable[..., Run], far_side: FarSide) -> None:
    port = far_side.url.rpartition(":")[2]
    for url in (far_side.url, f"{far_side.url}/", f" {far_side.url}\n", f"http://localhost:{port}"):
        assert call("get_contacts", {}, MATON_BASE_URL=url).exit == 0, url
    assert len(far_side.requests) == 4
    for url in ("http://[::1]:8080", "http://[::1]", "http://127.0.0.1:65535/", "http://localhost"):
        assert Settings({"MATON_BASE_URL": url}).base_url == url.rstrip("/")


def test_without_a_base_url_only_maton_is_called(
    call: Callable[..., Run], far_side: FarSide, looked_up: list[str], pauses: list[float]
) -> None:
    for url in (None, "", " "):
        run = call("get_contacts", {}, MATON_BASE_URL=url)
        assert run.exit == 6 and run.error["code"] == "unreachable"
    assert set(looked_up) == {"api.maton.ai"}
    assert far_side.requests == []


def test_a_proxy_sees_a_tunnel_to_maton_and_never_the_key(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (
        "NO_PROXY",
        "no_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "https_proxy",
    ):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", far_side.url)
    run = call("get_contacts", {}, MATON_BASE_URL=None)
    assert run.exit == 6 and run.error["code"] == "unreachable"
    assert {(r.method, r.target) for r in far_side.requests} == {("CONNECT", "api.maton.ai:443")}
    assert all(request.header("authorization") is None for request in far_side.requests)


def test_the_certificates_are_loaded_once_whatever_the_proxies(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, far_side.url)
    loaded: list[ssl.SSLContext] = []
    really_make = ssl.create_default_context

    def make(*arguments: Any, **options: Any) -> ssl.SSLContext:
        loaded.append(really_make(*arguments, **options))
        return loaded[-1]

    monkeypatch.setattr(ssl, "create_default_context", make)
    assert call("get_contacts", {}, MATON_BASE_URL=None).error["code"] == "unreachable"
    assert len(far_side.requests) == 4 and {r.method for r in far_side.requests} == {"CONNECT"}
    assert len(loaded) == 1 and loaded[0].verify_mode == ssl.CERT_REQUIRED


def test_this_machine_is_reached_without_a_proxy(
    call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://proxy.example.com:8080")
    assert call("get_contacts", {}).exit == 0
    assert len(far_side.requests) == 1 and looked_up == []


def test_the_sandbox_s_key_reaches_nothing_but_a_sandbox(
    each_endpoint: Endpoint,
    call_example: Callable[..., Run],
    far_side: FarSide,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the sandbox's key was about to leave")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    run = call_example(each_endpoint, MATON_API_KEY=" sandbox ", MATON_BASE_URL=None)
    assert run.exit == 0, run.text
    assert run.document["sandbox"] is True
    assert far_side.requests == []


def test_the_served_sandbox_is_marked_as_such(call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("get_contacts", {}, MATON_API_KEY="sandbox").document["sandbox"] is True
    assert far_side.requests[0].header("authorization") == "Bearer sandbox"
    for arguments, variables in (({"x": 1}, {}), ({}, {"MATON_BASE_URL": "https://example.com"})):
        run = call("get_contacts", arguments, MATON_API_KEY="sandbox", **variables)
        assert run.exit in (2, 3) and run.document["sandbox"] is True
    assert "sandbox" not in call("get_contacts", {}).document


@pytest.mark.parametrize("path", [".", "missing/deep.sqlite/x", "text.txt"])
def test_a_sandbox_state_that_cannot_be_used_is_a_wrong_setup(
    path: str, call: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_bytes(b"no database, but somebody's notes\n" * 100)
    (tmp_path / "missing").write_bytes(b"a file where a folder is needed")
    sandbox = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None, "WATI_SANDBOX_STATE": str(tmp_path / path)}
    for name, arguments in (
        ("get_contacts", {}),
        ("send_session_message", {"whatsappNumber": "14155551234", "messageText": "x"}),
    ):
        run = call(name, arguments, **sandbox)
        assert run.exit == 3 and run.error["code"] == "bad_setup", run.text
        assert run.error.get("outcome") in (None, "not_sent")
    assert (tmp_path / "text.txt").read_bytes().startswith(b"no database")


# --- the connection ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["a b", "a/b", "a\nb", "a\r\nX: 1", "é", "x" * 201, "a,b"], ids=ascii)
def test_a_connection_of_the_environment_is_an_id(
    value: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    for name in ("get_contacts", "list_connections"):
        bad_setup(call(name, {}, MATON_CONNECTION_ID=value), "MATON_CONNECTION_ID")
    for value in (KEY, f"conn-{KEY}"):  # the journal keeps the connection of each send
        bad_setup(call(name, {}, MATON_CONNECTION_ID=value), "MATON_CONNECTION_ID")
    assert far_side.requests == []


def test_the_flag_wins_over_the_environment(call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("get_contacts", {}, "--connection", "conn-2", MATON_CONNECTION_ID="conn-1").exit == 0
    assert call("get_contacts", {}, MATON_CONNECTION_ID=" conn-1\n").exit == 0
    assert call("get_contacts", {}, MATON_CONNECTION_ID=" ").exit == 0
    assert [r.header("maton-connection") for r in far_side.requests] == ["conn-2", "conn-1", None]


def test_every_wrong_variable_is_named_at_once(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call(
        "get_contacts",
        {},
        MATON_API_KEY="not a key",
        MATON_CONNECTION_ID="a b",
        MATON_BASE_URL="https://example.com",
        WATI_ALLOWED_RECIPIENTS="14155551234,+1,abc",
    )
    bad_setup(run, "MATON_API_KEY", "MATON_CONNECTION_ID", "MATON_BASE_URL", *["WATI_ALLOWED_RECIPIENTS"] * 2)
    assert far_side.requests == []


# --- read only ---------------------------------------------------------------------------------------------


@looped(
    "value",
    ["FALSE", "False", " 0", " ", "1", "true", "yes", "on", "no", "off", "2", "00", "null", "-", "\u0660"],
)
@looped("flags", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_read_only_lets_nothing_but_reads_through(
    flags: list[str],
    value: str,
    each_endpoint: Endpoint,
    call_example: Callable[..., Run],
    far_side: FarSide,
) -> None:
    run = call_example(each_endpoint, *flags, WATI_READ_ONLY=value)
    if each_endpoint.name in READING:
        assert run.exit == 0, run.text
        assert {request.method for request in far_side.requests} <= {"GET"}
        assert flags or far_side.requests
    else:
        assert run.exit == 2 and run.error["code"] == "read_only"
        assert far_side.requests == []


def test_read_only_comes_before_all_that_could_look_or_ask(
    each_endpoint: Endpoint, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call(each_endpoint.name, {"x": 1}, WATI_READ_ONLY="1", MATON_API_KEY=None)
    assert run.error["code"] == ("invalid_arguments" if each_endpoint.name in READING else "read_only")
    assert far_side.requests == []


@looped("value", [None, "", "0", "false"], ids=repr)
def test_without_read_only_everything_runs(
    value: str | None, each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    assert call_example(each_endpoint, WATI_READ_ONLY=value).exit == 0
    assert far_side.requests


# --- who may be messaged -----------------------------------------------------------------------------------

ID = "5f9b2c1d4e6a7b8c9d0e1f2a"
DIGITS_ONLY_ID = "141555512345678901234567"
ALLOWED = [  # the variable, a receiver, whether it may be messaged
    ("14155551234", "14155551234", True),
    ("14155551234", "14155551235", False),
    ("14155551234", "141555512345", False),
    ("1415555123", "14155551234", False),
    ("1415*", "14155551234", True),
    ("1415*", "4915155551234", False),
    ("14155551234*", "14155551234", True),
    ("*", "14155551234", True),
    ("*", ID, False),
    ("*", "US.123", False),
    ("1*", DIGITS_ONLY_ID, False),
    ("*", DIGITS_ONLY_ID, False),
    (DIGITS_ONLY_ID, DIGITS_ONLY_ID, True),
    (ID, ID, True),
    ("US.123", "US.123", True),
    ("US.123", "US.1234", False),
    ("US.123", "US.12", False),
    ("US.abc", "US.ABC", False),
    (ID, ID.upper(), False),
    (ID.upper(), ID, False),
    ("14155551234", ID, False),
    ("14155551234*", "1415555123", False),
    ("1*,14155551234", "4915155551234", False),
    (",,", "14155551234", False),
    ("\t\n", "14155551234", False),
    (" 14155555678 , 14155551234 ", "14155551234", True),
    ("14155555678,,14155551234,", "14155551234", True),
    ("4*,1415555*", "14155551234", True),
    ("", "14155551234", False),
    (" ", "14155551234", False),
    (",", "14155551234", False),
]


@looped(("allowed", "receiver", "may"), ALLOWED)
def test_the_allow_list(
    allowed: str, receiver: str, may: bool, call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"whatsappNumber": receiver, "messageText": "Hello"}
    run = call("send_session_message", arguments, WATI_ALLOWED_RECIPIENTS=allowed)
    if may:
        assert run.exit == 0, run.text
        assert len(far_side.to("/wati/")) == 1
    else:
        assert run.exit == 2 and run.error["code"] == "recipient_not_allowed"
        assert run.error["problems"][0]["at"] == "$.whatsappNumber"
        assert receiver in run.error["problems"][0]["problem"]
        assert far_side.requests == []


MALFORMED = ["+14155551234", "1415-555-1234", "1415 555", "**", "*1", "1*5", "abc", f"{ID}*", "US.1*", "us.1"]
MALFORMED += [
    "1415555123456789",
    "\uff11\uff14*",
    "1415?",
    "1415%",
    "all",
    "*.*",
    "01415*x",
    "\n1\n4",
    "US.*",
    *("01415*", "0*", "00", "014155551234", "1415\u200b*", "\u200b14155551234", "\u202a14155551234"),
    *("\u0661\u0664\u0661\u0665*", "\uff114155551234", "\u00b2*", "14155551234#", "1415 *"),
    *("14155551234;14155555678", "14155551234 14155555678", "14155551234\n14155555678"),
]


@looped("entry", MALFORMED, ids=ascii)
def test_an_entry_that_means_nothing_is_never_passed_over(
    entry: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"whatsappNumber": "14155551234", "messageText": "Hello"}
    run = call("send_session_message", arguments, WATI_ALLOWED_RECIPIENTS=f"14155551234,{entry}")
    bad_setup(run, "WATI_ALLOWED_RECIPIENTS")
    assert far_side.requests == []


def test_the_allow_list_holds_for_every_send_and_nothing_else(
    each_endpoint: Endpoint, call_example: Callable[..., Run], far_side: FarSide
) -> None:
    run = call_example(each_endpoint, WATI_ALLOWED_RECIPIENTS="")
    if each_endpoint.name in SENDING:
        assert run.exit == 2 and run.error["code"] == "recipient_not_allowed"
        assert far_side.requests == []
        assert call_example(each_endpoint, WATI_ALLOWED_RECIPIENTS="1*").exit == 0
    else:
        assert run.exit == 0, run.text


@pytest.mark.parametrize("name", ["send_template_messages", "send_template_messages_v2"])
def test_one_forbidden_receiver_stops_the_whole_bulk(
    name: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    numbers = ["14155551234", "4915155551234", "14155555678", "US.123"]
    receivers = [{"whatsappNumber": number, "customParams": []} for number in numbers]
    arguments = {"template_name": "t", "broadcast_name": "b", "receivers": receivers}
    for flags in (["--confirm", "4"], ["--dry-run"], []):
        run = call(name, arguments, *flags, WATI_ALLOWED_RECIPIENTS="1415*")
        assert run.exit == 2 and run.error["code"] == "recipient_not_allowed"
        places = [problem["at"] for problem in run.error["problems"]]
        assert places == ["$.receivers[1].whatsappNumber", "$.receivers[3].whatsappNumber"]
    assert far_side.requests == []


CSV = b"Name,CountryCode,Phone\r\nA,1,4155551234\r\nB,+1,4155555678\r\nC,,14155550101\r\n"


@pytest.mark.parametrize(
    ("allowed", "forbidden"),
    [
        ("14155551234,14155555678,14155550101", []),
        ("1415*", []),
        ("14155551234,14155555678", [2]),
        ("4155551234,4155555678,14155550101", [0, 1]),
        ("4155*", [0, 1, 2]),
        ("", [0, 1, 2]),
    ],
)
def test_the_allow_list_sees_the_whole_numbers_of_a_csv_file(
    allowed: str, forbidden: list[int], call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_bytes(CSV)
    arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": "a.csv"}
    run = call("send_template_message_csv", arguments, "--confirm", "3", WATI_ALLOWED_RECIPIENTS=allowed)
    if not forbidden:
        assert run.exit == 0, run.text
        assert len(far_side.to("/wati/")) == 1
        return
    assert run.exit == 2 and run.error["code"] == "recipient_not_allowed"
    places = [problem["at"] for problem in run.error["problems"]]
    assert places == [f"$.whatsapp_numbers_csv[{index}].Phone" for index in forbidden]
    assert far_side.requests == []


# --- the real environment ----------------------------------------------------------------------------------


def test_help_and_schema_need_no_environment(each_endpoint: Endpoint, call: Callable[..., Run]) -> None:
    broken = {"MATON_API_KEY": "not a key", "MATON_BASE_URL": "nonsense", "WATI_READ_ONLY": "1"}
    for flag in ("--help", "--schema"):
        assert call(each_endpoint.name, None, flag, **broken).exit == 0


def test_the_run_is_decided_by_the_environment_it_is_given(
    call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in {
        "MATON_API_KEY": "another",
        "MATON_CONNECTION_ID": "another",
        "MATON_BASE_URL": "https://example.com",
        "WATI_READ_ONLY": "1",
        "WATI_ALLOWED_RECIPIENTS": "",
        "WATI_FILE_ROOTS": "/missing",
    }.items():
        monkeypatch.setitem(os.environ, variable, value)
    assert call("send_session_message", {"whatsappNumber": "14155551234", "messageText": "x"}).exit == 0
    sent = far_side.to("/wati/")[0]
    assert sent.header("authorization") == f"Bearer {KEY}"
    assert "another" not in json.dumps(sent.headers)
