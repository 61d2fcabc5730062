"""The one document: cleaned, without secrets, and safe to print; what stderr shows is so too."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conftest import ENDPOINTS, KEY, Run
from looping import looped
from recording import CONNECTION, Answer, FarSide, reply
from sends import TEMPLATE
from wati.cli.command import execute
from wati.cli.streams import write
from wati.contract.endpoint import Endpoint
from wati.output import redaction, rendering
from wati.output.redaction import redact, terminal_safe
from wati.output.rendering import clean, render

# What would steer a terminal, end a line, or turn what a reader sees around.
STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
NASTY = "\x1b[31mred\x07 \x9b2J \u202egnp.exe \u2066x\u2069 \u2028 \ufeff \x00 \x7f"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(st.characters())
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=10,
)


# --- pure --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ({"a": None, "b": "", "c": 1}, {"c": 1}),
        ({"a": False, "b": 0, "c": [], "d": {}}, {"a": False, "b": 0, "c": [], "d": {}}),
        ({"a": 0.0, "b": " "}, {"a": 0.0, "b": " "}),
        ({"a": {"b": None, "c": [{"d": ""}, {"e": 1}]}}, {"a": {"c": [{}, {"e": 1}]}}),
        ([None, "", {"a": None}], [None, "", {}]),
        (None, None),
        ("", ""),
    ],
)
def test_clean_drops_members_that_say_nothing(given_: Any, kept: Any) -> None:
    assert clean(given_) == kept


@given(JSON)
def test_render_is_one_line_of_the_same_json(value: Any) -> None:
    text = render(value)
    assert json.loads(text) == value
    assert not STEERING.search(text) and "\n" not in text
    indented = render(value, for_people=True)
    assert json.loads(indented) == value
    assert not STEERING.search(indented)


def test_render_keeps_every_script_readable() -> None:
    text = "Zoë 你好 שלום مرحبا 🙂 नमस्ते"
    assert text in render({"a": text})


@given(st.text(), st.from_regex(r"[a-z0-9-]{8,40}", fullmatch=True))
def test_diagnostics_are_safe_whatever_they_show(text: str, key: str) -> None:
    shown = terminal_safe(f"{text}{NASTY}{key}\n\t", key)
    assert not STEERING.search(shown.replace("\t", ""))
    assert key not in shown


def test_the_key_is_redacted_wherever_it_stands() -> None:
    value = {f"x{KEY}": [KEY, f"Bearer {KEY}.", {"deep": [f"{KEY}{KEY}"]}, 5, None, True]}
    redacted = redact(value, KEY)
    assert KEY not in json.dumps(redacted)
    assert redacted["x[MATON_API_KEY]"][1:] == [
        "Bearer [MATON_API_KEY].",
        {"deep": ["[MATON_API_KEY][MATON_API_KEY]"]},
        5,
        None,
        True,
    ]
    assert redact({"a": "the sandbox"}, "sandbox") == {"a": "the sandbox"}
    assert redact({"a": "b"}, "") == {"a": "b"}


LINK = CONNECTION["url"]
TOKEN = str(LINK).partition("=")[2]


@pytest.mark.parametrize(
    "value",
    [
        {"connection": CONNECTION},
        {"connections": [CONNECTION, CONNECTION]},
        CONNECTION,
        {"url": LINK},
        {"connection_Id": "x", "url": "https://example.com/elsewhere/token-that-must-not-leak"},
        {"connection_id": "x", "url": {"href": LINK}},
        {"connection_id": "x", "url": [LINK]},
        {"info": f"open {LINK} in a browser"},
        {"info": f"{LINK}&x=1"},
        {"info": f"session_token={TOKEN}"},
        {LINK: 1},
        [[LINK]],
        str(LINK),
    ],
)
def test_a_connection_s_link_is_hidden_in_every_form(value: Any) -> None:
    assert TOKEN not in json.dumps(redact(value, KEY))


LIVE = "live-token-0123456789"


@pytest.mark.parametrize(
    "text",
    [
        f"https://connect.maton.ai/?x=1&session_token={LIVE}&y=2",
        f"https%3A%2F%2Fconnect.maton.ai%2F%3Fsession_token%3D{LIVE}",
        f"https%253A%252F%252Fx%253Fsession%255Ftoken%253D{LIVE}",
        f"SESSION_TOKEN={LIVE}",
        f"sessionToken: {LIVE}",
        f"session-token = '{LIVE}'",
        f'{{"session_token":"{LIVE}"}}',
        f'{{\\"session_token\\": \\"{LIVE}\\"}}',
        f'{{\\\\\\"session_token\\\\\\":\\\\\\"{LIVE}\\\\\\"}}',
        f"session_token\\u003d{LIVE}",
        f"session_token&#61;{LIVE}",
        f"%22session_token%22%3A%22{LIVE}%22",
    ],
)
def test_a_token_is_hidden_however_it_is_written(text: str) -> None:
    for value in (text, [text], {text: 1}, {"info": text}):
        assert LIVE not in json.dumps(redact(value, KEY))
    assert LIVE not in terminal_safe(text, KEY)


@pytest.mark.parametrize("name", ["session_token", "sessionToken", "SESSION_TOKEN", "SessionToken"])
def test_a_member_that_is_a_token_goes(name: str) -> None:
    assert redact({"a": {name: LIVE, "b": 1}}, KEY) == {"a": {"b": 1}}


SHARP = "Key/with+sharp=Marks%&~0123"


@pytest.mark.parametrize(
    "echo",
    [
        SHARP,
        SHARP.lower(),
        SHARP.upper(),
        quote(SHARP, safe=""),
        quote(SHARP, safe="").lower(),
        quote(quote(SHARP, safe=""), safe=""),
        "".join(f"%{ord(c):02X}" for c in SHARP),
        "".join(f"\\u{ord(c):04x}" for c in SHARP),
        "".join(f"&#{ord(c)};" for c in SHARP),
        "".join(f"&#x{ord(c):X};" for c in SHARP),
    ],
)
def test_the_key_is_hidden_however_it_is_echoed(echo: str) -> None:
    for value in (f"Bearer {echo}!", [echo], {echo: {echo: echo}}):
        hidden = json.dumps(redact(value, SHARP))
        assert "[MATON_API_KEY]" in hidden and json.dumps(echo)[1:-1] not in hidden
    assert echo not in terminal_safe(f"x{echo}y", SHARP)


PLAIN = "k3y_1234-abcdEFGH5678ijkl9012MNOPqrst-uvwx"  # as long as a real one, without a character to escape


def encoded(key: str) -> dict[str, str]:
    """The key as some server may echo it, beside other text."""
    data = key.encode()
    found = {f"base64 after {n}": base64.b64encode(b"u" * n + data).decode() for n in range(4)}
    pairs = {n: b"u" * n + b":" + data + b"!" * n for n in range(4)}
    found |= {f"base64 of user:key {n}": base64.b64encode(pair).decode() for n, pair in pairs.items()}
    found |= {"base64url": base64.urlsafe_b64encode(b"??>" + data).decode().rstrip("=")}
    whole = found["base64 after 1"]
    found |= {
        "base64 in lines": "\r\n".join(whole[at : at + 7] for at in range(0, len(whole), 7)),
        "base64 in escaped lines": "\\n".join(whole[at : at + 9] for at in range(0, len(whole), 9)),
        "base64, percent-encoded": quote(whole, safe=""),
        "base64, all percent-encoded": "".join(f"%{ord(c):02x}" for c in whole),
        "base64 for JSON": "".join(f"\\u{ord(c):04x}" for c in whole),
        "hex": data.hex(),
        "HEX": data.hex().upper(),
        **{f"hex with {mark!r}": data.hex(mark) for mark in ":- "},
        "bytes of a program": "".join(f"\\x{byte:02x}" for byte in data),
        "bytes of a program, in JSON": "".join(f"\\\\x{byte:02X}" for byte in data),
        "percent-encoded JSON": quote("".join(f"\\u{byte:04x}" for byte in data)),
        "HTML in a URL": quote("".join(f"&#x{byte:x};" for byte in data)),
        "HTML with zeros": "".join(f"&#0{byte};" for byte in data),
        "named HTML": html.escape(key),
        "in lines": f"{key[:9]}\n{key[9:18]}=\r\n{key[18:]}",
        "in quoted-printable lines": "=\n".join(key[at : at + 8] for at in range(0, len(key), 8)),
    }
    return found


def traces(key: str, text: str, least: int = 6) -> list[str]:
    """The parts of the key, of at least so many characters, that can be read from a text in some way."""
    seen = {text, unquote(text), unquote(unquote(text)), html.unescape(text), html.unescape(unquote(text))}
    seen |= {each.replace("\r", "").replace("\n", "").replace("\\n", "") for each in seen}
    seen |= {re.sub(r"\\+(?:u00|x)(..)", lambda m: chr(int(m[1], 16)), each) for each in seen}
    for each in list(seen):
        for word in re.findall(r"[A-Za-z0-9+/_-]{8,}", each):
            for cut in range(4):
                letters = word[cut:].replace("-", "+").replace("_", "/")
                seen.add(base64.b64decode(letters[: len(letters) // 4 * 4] or "").decode("latin-1"))
        digits = re.sub("[ :-]", "", each)
        for word in re.findall(r"[0-9A-Fa-f]{8,}", digits):
            seen |= {
                bytes.fromhex(word[cut:][: len(word[cut:]) // 2 * 2]).decode("latin-1") for cut in (0, 1)
            }
    folded = [each.lower() for each in seen]
    parts = {key[at : at + least] for at in range(len(key) - least + 1)}
    return sorted(part for part in parts if any(part.lower() in each for each in folded))


@pytest.mark.parametrize("key", [PLAIN, KEY, SHARP, "8letters", "&<>'\"quoted"])
def test_the_key_is_hidden_however_it_is_encoded(key: str) -> None:
    for name, echo in encoded(key).items():
        assert traces(key, echo), f"{name}: this test could not read it"
        for value in (f"Basic {echo}!", [echo], {echo: {"a": echo}}):
            hidden = json.dumps(redact(value, key), ensure_ascii=False)
            assert "[MATON_API_KEY]" in hidden, name
            assert not traces(key, hidden), name
        assert not traces(key, terminal_safe(f"x {echo} y", key)), name


@pytest.mark.parametrize("name", ["base64 after 0", "base64 after 1", "base64 after 2", "hex", "HEX"])
def test_longer_pieces_of_an_encoded_key_are_hidden(name: str) -> None:
    echo = encoded(PLAIN)[name]
    for start in range(0, len(echo) - 27):
        for end in range(start + 27, len(echo)):
            hidden = redact(f"<{echo[start:end]}>", PLAIN)
            assert "[MATON_API_KEY]" in hidden and not traces(PLAIN, hidden, 9), echo[start:end]


def test_what_only_resembles_an_encoded_key_is_shown() -> None:
    texts = [
        "12:34:56 12-34-56",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg",
        "100%25 \\u0041 &#65;",
        "a\nb",
    ]
    assert redact(texts, PLAIN) == texts


FRAGMENTS = [
    *("plain", "\n", '"', "\\", "\x01", "url", "connection_id", "50% off", "&#x41;"),
    *(KEY, KEY.upper(), KEY[3:18], SHARP, quote(SHARP, safe=""), "".join(f"&#{ord(c)};" for c in KEY)),
    *(
        str(LINK),
        "connect.maton.ai/live-0123456789",
        f"session_token={LIVE}",
        "sessionToken",
        "".join(f"\\u{ord(c):04x}" for c in KEY),
    ),
    *encoded(KEY).values(),
]
SPOKEN = st.lists(st.sampled_from(FRAGMENTS), max_size=3).map("".join)
TELLING = st.recursive(
    SPOKEN | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SPOKEN, inner, max_size=3),
    max_leaves=8,
)
KEYS = [KEY, SHARP, 'key"with\\quotes', "sandbox", "short-key", ""]


@given(TELLING, st.sampled_from(KEYS))
@example({"connection_id": "1", "url": "https://example.com"}, KEY)
@example({"connection_Id": "1", "url": "https://example.com"}, KEY)
@example({"text": 'key"with\\quotes'}, 'key"with\\quotes')
@example({"text": "short-key"}, "short-key")
@example({"session_to-ken": "live"}, KEY)
@example({"text": "a key with\na line break"}, "key with\na line")
def test_what_is_passed_over_at_a_glance_holds_no_secret(value: Any, key: str) -> None:
    assert redact(value, key) == redaction._redacted(value, key)


@pytest.mark.parametrize("text", FRAGMENTS)
def test_every_secret_alone_is_seen_at_a_glance(text: str) -> None:
    for value in (text, [text], {text: 1}, {"a": {"b": text}}):
        for key in KEYS:
            assert redact(value, key) == redaction._redacted(value, key)


def test_most_answers_are_passed_over_at_a_glance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(redaction, "_redacted")
    row = {"id": "1", "url": "https://example.com/a?b=1", "text": 'two\nlines and "quotes" for Zoë'}
    assert redact([row], KEY) == [row]


def test_the_key_does_not_ride_on_the_link_that_is_shown(call: Callable[..., Run], far_side: FarSide) -> None:
    link = f"https://connect.maton.ai/?session_token={KEY}&k={KEY}"
    far_side.always(reply({"connection": {**CONNECTION, "status": "PENDING", "url": link}}))
    run = call("get_connection", {"connection_id": "conn-1"}, "--verbose")  # which fails where it is shown
    assert run.data["connection"]["url"] == link.replace(KEY, "[MATON_API_KEY]")


@pytest.mark.parametrize(
    "text",
    [
        "sessiontoken" + "\\" * 200_000,
        "sessiontoken" + "\\\\u0022" * 50_000,
        "session_token%22" * 50_000,
        "sessiontoken" + " " * 200_000,
        "sessiontoken" * 50_000,
        "%25" * 200_000,
        quote(KEY[:-1]).replace("-", "%2d") * 10_000,
        "\\" * 200_000,
        "ab:" * 100_000,
        "=\r\n" * 100_000,
        "&#0000000" * 50_000,
        base64.b64encode(KEY.encode()).decode()[:15] * 20_000,
        KEY[:12] * 20_000,
    ],
    ids=range(13),
)
def test_no_text_makes_the_search_for_secrets_take_long(text: str) -> None:
    """Customers write texts, and a search that tries every way would never end."""
    began = time.process_time()
    redact({"text": text}, KEY)
    terminal_safe(text, KEY)
    assert time.process_time() - began < 2


def test_only_the_one_link_is_shown() -> None:
    other = {**CONNECTION, "url": f"{LINK}-of-another"}
    shown = redact({"connections": [CONNECTION, other]}, KEY, shown_url=str(LINK))
    assert shown["connections"][0]["url"] == LINK
    assert "url" not in shown["connections"][1]
    assert "of-another" not in json.dumps(shown)


def test_a_contact_s_own_url_is_no_secret() -> None:
    assert redact({"url": "https://example.com/shop"}, KEY) == {"url": "https://example.com/shop"}


# --- writing -----------------------------------------------------------------------------------------------


def test_write_is_utf_8_and_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for encoding in ("ascii", "cp1252", "utf-16", "utf-8"):
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding, newline="\r\n")
        monkeypatch.setattr(sys, "stdout", stream)
        write('{"a":"Zoë 🙂"}')
        assert raw.getvalue() == '{"a":"Zoë 🙂"}\n'.encode()
        monkeypatch.undo()
        stream.detach()


def test_write_takes_a_stream_of_text_and_none_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    write("{}")
    monkeypatch.setattr(sys, "stdout", None)
    write("{}")
    assert stream.getvalue() == "{}\n"


# --- whole runs --------------------------------------------------------------------------------------------

LOUD = {
    "a body": reply({"result": False, "info": f"{KEY} {NASTY}", KEY: {"x": [KEY]}}),
    "an error": reply({"error": {"message": f"Bearer {KEY} {NASTY}"}}, 400),
    "a page": Answer(500, f"<h1>{KEY}</h1>{NASTY}".encode(), content_type="text/html"),
    "plain text": Answer(401, f"Unauthorized: {KEY}".encode(), content_type="text/plain"),
    "headers": reply(
        {"result": "success", "contact_list": []}, X_Echo=f"Bearer {KEY}", Set_Cookie=f"k={KEY}"
    ),
    "a redirect": Answer(302, b"", {"Location": f"https://example.com/?session_token={TOKEN}&k={KEY}"}),
    "a type": Answer(200, b"{}", content_type=f"text/{KEY}"),
}


@looped("case", LOUD)
@looped("flags", [[], ["--verbose"], ["--raw"], ["--verbose", "--raw"]], ids=" ".join)
def test_a_far_side_that_echoes_the_key_does_not_give_it_away(
    case: str, flags: list[str], call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    far_side.always(LOUD[case])
    for name, arguments in (
        ("get_contacts", {"name": "Jane"}),
        ("assign_operator", {"whatsappNumber": "14155551234", "email": "agent@example.com"}),
    ):
        run = call(name, arguments, *flags)  # which fails where the key is in either stream
        assert far_side.requests
        assert TOKEN not in run.text + run.stderr
        assert not STEERING.search(run.text)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", run.stderr)
        assert bool(run.stderr) is ("--verbose" in flags)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_contacts", {"name": KEY}),
        ("send_session_message", {"whatsappNumber": "14155551234", "messageText": f"the key: {KEY}."}),
        ("get_connection", {"connection_id": f"{KEY}-and-so-on" * 3}),
        ("update_contact_attributes", {"whatsappNumber": "14155551234", "customParams": {KEY: "x"}}),
        (
            "send_template_message",
            {**TEMPLATE, "whatsappNumber": "14155551234", "parameters": {f"a{KEY}": "x", "b": "y"}},
        ),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--dry-run"], ["--verbose"]], ids=" ".join)
def test_a_key_among_the_arguments_is_neither_sent_nor_shown(
    name: str, arguments: dict[str, Any], flags: list[str], call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call(name, arguments, *flags)
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments")
    assert KEY[:12] not in run.text + run.stderr
    assert not far_side.requests


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("send_session_message", {"connection": KEY}),
        ("send_session_message", {"connection": f"x-{KEY}", "dry_run": True}),
        ("get_media", {"output": f"{KEY}.png"}),
        ("get_contacts", {"all": True, "output": f"{KEY}.csv"}),
        ("delete_connection", {"confirm": KEY}),
    ],
    ids=lambda each: each if isinstance(each, str) else "-".join(each),
)
@pytest.mark.parametrize("in_run", [False, True], ids=["flags", "run"])
def test_a_key_among_the_flags_goes_nowhere(
    name: str,
    flags: dict[str, Any],
    in_run: bool,
    call: Callable[..., Run],
    example: Callable[[Endpoint], list[str]],
    far_side: FarSide,
    tmp_path: Path,
) -> None:
    arguments = json.loads(example(ENDPOINTS[name])[0])
    before = sorted(tmp_path.iterdir())
    words: list[str] = []
    for flag, value in () if in_run else flags.items():
        words += [f"--{flag.replace('_', '-')}", *([] if value is True else [value])]
    own = {"WATI_JOURNAL": str(tmp_path / "journal.sqlite")}
    run = call(name, {**arguments, **({"run": flags} if in_run else {})}, *words, **own)
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments"), run.text
    assert far_side.requests == [] and sorted(tmp_path.iterdir()) == before


def test_what_customers_write_arrives_whole_and_harmless(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(reply({"result": "success", "contact_list": [{"fullName": NASTY}]}))
    for flags in ([], ["--raw"]):
        run = call("get_contacts", {}, *flags)
        assert run.data["contact_list"] == [{"fullName": NASTY}]
        assert not STEERING.search(run.text)
        assert "never instructions" in run.document["notice"]


def test_verbose_adds_to_stderr_and_changes_nothing_else(call: Callable[..., Run], far_side: FarSide) -> None:
    arguments = {"whatsappNumber": "14155551234", "messageText": "Hello"}
    quiet, loud = (
        call("send_session_message", arguments),
        call("send_session_message", arguments, "--verbose"),
    )
    assert (quiet.exit, quiet.text, quiet.stderr) == (loud.exit, loud.text, "")
    for shown in ("POST", "/wati/api/v1/sendSessionMessage/14155551234", "HTTP 200", "Hello", "[hidden]"):
        assert shown in loud.stderr
    assert "GET" in loud.stderr, "the look-up is shown as well"


def test_a_terminal_gets_the_same_document_with_lines(far_side: FarSide) -> None:
    environ = {"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url}
    endpoint = ENDPOINTS["get_contacts"]
    exit_code, text = execute(endpoint, [], environ)
    pretty_exit, pretty = execute(endpoint, [], environ, pretty=True)
    assert exit_code == pretty_exit == 0
    assert json.loads(text) == json.loads(pretty)
    assert "\n" not in text and pretty.startswith('{\n  "ok": true,\n')


def empty_members(value: Any, at: str = "$") -> list[str]:
    """The places of members that say nothing."""
    if isinstance(value, list):
        return [place for index, item in enumerate(value) for place in empty_members(item, f"{at}[{index}]")]
    if not isinstance(value, dict):
        return []
    nothing = [f"{at}.{name}" for name, member in value.items() if member is None or member in ("", {})]
    return nothing + [
        place for name, member in value.items() for place in empty_members(member, f"{at}.{name}")
    ]


FAILING: dict[str, tuple[str, Any, dict[str, str | None]]] = {
    "usage": ("get_contacts", "{} {}", {}),
    "arguments": ("send_session_message", {"x": 1}, {}),
    "setup": ("send_session_message", {}, {"MATON_BASE_URL": "x"}),
    "no key": ("get_contacts", {}, {"MATON_API_KEY": None}),
    "refused": ("get_messages", {"whatsappNumber": "14155551234"}, {}),
}


@pytest.mark.parametrize("case", FAILING)
def test_keys_that_say_nothing_are_left_out(
    case: str, call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    far_side.always(reply({"result": False, "info": "", "errors": None, "detail": "no"}, 400))
    name, arguments, environment = FAILING[case]
    run = call(name, arguments, **environment)
    assert run.exit != 0
    assert empty_members(run.document) == []
    assert list(run.document)[:2] == ["ok", "error"]
    assert list(run.error)[:3] == ["code", "message", "hint"]


# --- bugs --------------------------------------------------------------------------------------------------


class Accident(Exception):
    """Stands for a bug; its text may hold anything, the key included."""


@pytest.mark.parametrize("flags", [[], ["--verbose"]], ids=["quiet", "--verbose"])
def test_a_bug_before_anything_left_is_told_as_one(
    flags: list[str], call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Accident(KEY)

    monkeypatch.setattr("wati.wire.request.build", fail)
    for name in ("get_contacts", "assign_operator"):
        run = call(
            name,
            {} if name == "get_contacts" else {"whatsappNumber": "14155551234", "email": "a@b.co"},
            *flags,
        )
        assert run.exit == 1 and run.error["code"] == "internal"
        assert "Accident" in run.error["message"]
        assert run.error.get("outcome") in (None, "not_sent")
        assert ("Traceback" in run.stderr) is bool(flags)
    assert far_side.requests == []


def test_a_bug_after_a_send_left_is_an_unknown_outcome(
    call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise Accident(KEY)

    monkeypatch.setattr("wati.contract.verdicts.result_yes", fail)
    monkeypatch.setattr(ENDPOINTS["send_session_message"], "verdict", fail)
    run = call("send_session_message", {"whatsappNumber": "14155551234", "messageText": "Hello"})
    assert run.exit == 7 and run.error["code"] == "outcome_unknown"
    assert run.error["outcome"] == "unknown"
    assert "check_send.py" in run.error["hint"]
    assert len(far_side.to("/wati/")) == 1


@pytest.mark.parametrize(
    "name", ["Set-Cookie", "X-Auth-Token", "Proxy-Authorization", "X-Api-Key", "X-Session"]
)
def test_a_secret_of_a_server_on_the_way_is_not_shown(
    name: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    secret = "a-secret-of-the-server-on-the-way"
    empty = {"result": "success", "contact_list": []}
    far_side.always(reply(empty, **{name.replace("-", "_"): f"sid={secret}", "X_Trace": "shown"}))
    run = call("get_contacts", {}, "--verbose")
    assert secret not in run.stderr + run.text
    assert name.lower() in run.stderr.lower() and "shown" in run.stderr


PAIRS = [{"name": "city", "value": "Lima"}, {"name": "note", "value": ""}]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (PAIRS, {"city": "Lima", "note": ""}),
        ([{"paramName": "1", "paramValue": "x"}, {"paramName": "2"}], {"1": "x", "2": ""}),
        ([{"name": "n", "value": {"a": [1]}}], {"n": {"a": [1]}}),
        # Whatever an object could not say stays a list.
        ([*PAIRS, {"name": "city", "value": "Rome"}], None),
        ([{"name": "city", "value": "Lima", "type": "text"}], None),
        ([{"name": "city"}, {"paramName": "town"}], None),
        ([{"name": 5, "value": "x"}], None),
        ([{"value": "x"}], None),
        (["city"], None),
        ([], None),
        ("city", None),
    ],
    ids=str,
)
def test_names_and_values_are_shown_as_one_object_if_it_says_the_same(given: Any, shown: Any) -> None:
    document = {"contact": {"customParams": given, "others": given}}
    expected = given if shown is None else shown
    assert rendering.paired([document]) == [{"contact": {"customParams": expected, "others": given}}]


def test_a_terminal_gets_each_row_of_a_conversation_in_one_line() -> None:
    row = ["23:04", "api", "It leaves today.", {"status": "DELIVERED"}]
    long = ["23:05", "customer", "x" * 120]
    text = render({"data": {"days": {"2026-11-29": [row, long]}}}, for_people=True)
    assert '        ["23:04", "api", "It leaves today.", {"status": "DELIVERED"}],\n' in text
    assert json.loads(text) == {"data": {"days": {"2026-11-29": [row, long]}}}
    assert text.startswith('{\n  "data": {\n') and text.endswith("  }\n}")
    assert all(len(line) <= 110 for line in text.splitlines() if "xxx" not in line)
    assert render({}, for_people=True) == "{}" and render([], for_people=True) == "[]"
