"""Whatever comes in, from the caller, the environment or the far side: one document of the contract.

The fixture `call` asserts of each run that stdout holds one JSON document of the contract's form with an exit
code of the table, and that the key is in neither stream.
"""

from __future__ import annotations

import copy
import gzip
import json
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conftest import ENDPOINTS, KEY, ROOT, Run, parse
from looping import looped
from nulls import meant
from recording import Answer, FarSide, reply
from strategies import HARD, SCHEMAS, fixed, valid
from wati.cli.command import execute
from wati.cli.help import ENVIRONMENT
from wati.contract.endpoint import Endpoint
from wati.contract.options import FLAGS
from wati.sandbox import control
from wati.wire.decoding import STEP, Undecodable, decoded

Caller = Callable[..., Run]
Endpoints = dict[str, Endpoint]

# What would steer a terminal, end a line, or turn around what a reader sees.
STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
NASTY = "\x1b[31mred\x07\x9b2J\u202egnp\u2066x\u2028\u2029\x85\ufeff\x00\x7f\r\n\t"
ONCE = ("create", "send", "delete")


def harmless(run: Run) -> Run:
    """What holds for every run, besides what `call` asserts."""
    assert run.exit != 1, run.text
    assert "Traceback" not in run.stderr
    assert not STEERING.search(run.text) and "\n" not in run.text and "\t" not in run.text
    assert not STEERING.search(run.stderr)
    assert all(line.startswith(("> ", "< ", "  ")) for line in run.stderr.splitlines()), run.stderr
    return run


# --- arguments ---------------------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text()
    | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Zl"]), max_size=5)
    | st.sampled_from([*HARD, NASTY])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
BROKEN = [
    b"",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf\xef\xbb\xbf{}",
    b"{\x00}\x00",  # UTF-16 without its mark; with it, such a file is read
    b"\xff\xfe{\x00}",
    b"{\xff}",
    b'{"name": "\xed\xa0\x80"}',
    b'{"name": "\xc0\x80"}',
    b'{"name": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"pageSize": NaN}',
    b'{"pageSize": -Infinity}',
    b'{"pageSize": 1e999}',
    b'{"pageSize": 1' + b"0" * 5000 + b"}",
    b'{"name": "a", "name": "b"}',
    b'{"whatsappNumber": "14155551234", "whatsappNumber": "14155550000", "messageText": "x"}',
    b'{"a": {"b": 1, "b": 1}}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"name": "' + b"x" * 1_000_000 + b'"}',
    b"{} {}",
    b"{}\x00",
    b"\x00",
    b"'{}'",
    b"{'name': 'x'}",
    b"{name: 1}",
    b"// {}",
    b'{"name": "\x01"}',
    b'{"name": "a\nb"}',
]


@st.composite
def nearly_valid(draw: st.DrawFn, name: str) -> Any:
    """Valid arguments with one place changed, dropped or added: gets further than anything arbitrary."""
    value = copy.deepcopy(draw(valid(name)))
    places = [(holder, step) for holder in containers(value) for step in steps_of(holder)]
    if not places or draw(st.integers(0, 9)) == 0:
        return draw(JSON)
    holder, step = draw(st.sampled_from(places))
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "remove":
        del holder[step]
    elif how == "add" and isinstance(holder, dict):
        holder[draw(st.text(max_size=8))] = draw(JSON)
    else:
        holder[step] = draw(JSON)
    return value


def containers(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)


def steps_of(holder: Any) -> list[Any]:
    return list(holder) if isinstance(holder, dict) else list(range(len(holder)))


def refused_unless_valid(run: Run, far_side: FarSide, text: bytes, name: str) -> None:
    """Nothing leaves the machine for arguments that their schema does not take."""
    try:
        wide = text.startswith((b"\xff\xfe", b"\xfe\xff"))
        value = meant(name, json.loads(text.decode("utf-16" if wide else "utf-8-sig")))
        is_valid = isinstance(value, dict) and Draft202012Validator(SCHEMAS[name]).is_valid(value)
    except (ValueError, RecursionError):
        is_valid = False
    if not is_valid:
        assert run.exit in (2, 3), run.text
    if run.exit in (2, 3):
        assert far_side.requests == []


def test_arguments_of_any_form(
    call: Caller, far_side: FarSide, tmp_path: Path, each_endpoint: Endpoint
) -> None:
    confirm = ["--confirm", "1"] if each_endpoint.confirms != "none" else []
    name = each_endpoint.name

    @fixed(40)
    @given(nearly_valid(name), st.sampled_from(["argument", "-", "@"]))
    def check(value: Any, way: str) -> None:
        far_side.requests.clear()
        text = json.dumps(value)
        run = given_by(way, text.encode(), name, confirm)
        refused_unless_valid(harmless(run), far_side, text.encode(), name)

    def given_by(way: str, data: bytes, name: str, flags: list[str]) -> Run:
        if way == "@":
            (tmp_path / "arguments.json").write_bytes(data)
        source = {"argument": os.fsdecode(data), "-": "-", "@": "@arguments.json"}[way]
        return call(name, source, *flags, stdin=data)

    check()
    for data in BROKEN:
        for way in ("argument", "-", "@") if name in ("get_contacts", "send_session_message") else ("-",):
            if way == "argument" and data[:1] == b"-":
                continue
            far_side.requests.clear()
            run = harmless(given_by(way, data, name, confirm))
            assert run.exit == 2 and far_side.requests == [], (data[:40], run.text)


def test_bytes_of_any_form_on_standard_input(call: Caller, far_side: FarSide) -> None:
    @fixed(150)
    @given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
    def check(data: bytes) -> None:
        far_side.requests.clear()
        for name in ("get_contacts", "send_session_message"):
            run = harmless(call(name, "-", stdin=data))
            refused_unless_valid(run, far_side, data, name)

    check()


def test_command_lines_of_any_form(call: Caller, far_side: FarSide) -> None:
    words = st.sampled_from(
        [*(f"--{flag}" for flag in FLAGS if flag not in ("help", "schema")), "--", "-", "@"]
    )
    values = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
    surrogates = st.text(
        st.characters(categories=["Cs"], max_codepoint=0xDCFF, min_codepoint=0xDC80), max_size=3
    )
    numbers = st.sampled_from(
        ["0", "-1", "1e9", "1e999", "nan", "inf", "1_0", "٣", "0x10", "9" * 400, " 5 ", "5 "]
    )
    word = words | values | surrogates | numbers | st.builds("{}={}".format, words, values | numbers)

    @fixed(200)
    @given(st.lists(word, max_size=5), st.sampled_from(["get_contacts", "send_session_message", "get_media"]))
    def check(argv: list[str], name: str) -> None:
        if {"--help", "-h"} & set(argv):
            return
        far_side.requests.clear()
        run = harmless(call(name, None, *argv))
        if run.exit in (2, 3):
            assert far_side.requests == [] or ("--dry-run" in argv and far_side.writes == [])
        if name != "get_contacts":  # the others need arguments, which nothing here spells by chance
            assert run.exit == 2

    check()


def test_csv_files_of_any_form(call: Caller, far_side: FarSide, tmp_path: Path) -> None:
    cell = st.text(max_size=8) | st.sampled_from(
        ["14155551234", "1", '"', '""', ",", "\n", "\r", "\x00", "=1+1"]
    )
    rows = st.lists(st.lists(cell, max_size=4).map(",".join), max_size=4).map("\n".join)
    headed = rows.map(lambda text: "Phone,name\n" + text)
    contents = st.binary() | (rows | headed).map(lambda text: text.encode("utf-8", "surrogatepass"))
    arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": "a.csv"}

    @fixed(150)
    @given(contents)
    def check(data: bytes) -> None:
        far_side.requests.clear()
        (tmp_path / "a.csv").write_bytes(data)
        run = harmless(call("send_template_message_csv", arguments, "--confirm", "1"))
        assert run.exit in (0, 2)
        sent = far_side.to("/wati/api/v1/sendTemplateMessageCSV")
        assert len(sent) == (run.exit == 0)
        assert all(request.parts[0].content == data for request in sent)

    check()


# --- the environment ---------------------------------------------------------------------------------------

HOSTILE_VALUES = [
    "",
    " ",
    "\n",
    "e",
    "message",
    "sandbox ",
    "\udcff\udcfe",
    "é" * 50,
    "x" * 5000,
    "../" * 50,
    "/dev/null",
    "/dev/null/folder/file",
    "~no such user/x",
    "off",
    "0",
    "*",
    "**",
    ",",
    ":",
    "1" * 400,
    "٣٣٣٣٣٣٣٣",
    "http://127.0.0.1:99999",
    "http://127.0.0.1:0",
    "http://127.0.0.1:٣",
    "http://127.0.0.1@evil.example",
    "http://localhost.evil.example",
    "http://[::1",
    "https://api.maton.ai",
    "javascript:alert(1)",
    NASTY.replace("\x00", ""),  # which no variable can hold
    *HARD,
]


@pytest.mark.parametrize("variable", ENVIRONMENT)
@pytest.mark.parametrize("key", [KEY, "sandbox"])
def test_variables_of_any_value(
    call: Caller, far_side: FarSide, tmp_path: Path, variable: str, key: str
) -> None:
    """Called with a read, a send and a download: a wrong value is told, never a bug."""
    (tmp_path / "a.pdf").write_bytes(b"%PDF-")
    number = {"whatsappNumber": "14155551234"}
    control.reset(tmp_path / "sandbox.sqlite", limits=False)
    usual: dict[str, str | None] = {"MATON_API_KEY": key}
    if key == "sandbox" and variable != "MATON_API_KEY":  # another key than the sandbox's would go to Maton
        usual["MATON_BASE_URL"] = None
    for value in HOSTILE_VALUES:
        for name, arguments in (
            ("get_contacts", {"pageSize": 1}),
            ("send_session_message", {**number, "messageText": f"to be sent {variable} {hash(value)}"}),
            ("send_session_file", {**number, "file": "a.pdf", "caption": str(hash(value))}),
        ):
            if variable == "MATON_API_KEY" and value.strip() in (
                "e",
                "message",
                "0",
                "*",
                "**",
                ",",
                ":",
                "off",
            ):
                run = too_short(name, arguments, {**usual, variable: value, "MATON_BASE_URL": far_side.url})
                assert run == (3, "bad_setup"), value
                continue
            if variable == "MATON_BASE_URL" and not value.strip() and key != "sandbox":
                continue  # the usual address: no test goes there
            far_side.requests.clear()
            run = harmless(call(name, arguments, **{**usual, variable: value}))
            assert run.exit in (0, 2, 3, 4, 5, 6), (value, run.text)
            if run.exit in (2, 3):
                assert not far_side.to("/wati/")


def too_short(name: str, arguments: Any, environ: dict[str, str | None]) -> tuple[int, str]:
    """A run whose key is a word that every document holds."""
    given_ = {variable: value for variable, value in environ.items() if value is not None}
    exit_code, text = execute(ENDPOINTS[name], [json.dumps(arguments)], given_)
    return exit_code, parse(text)["error"]["code"]


def test_whole_processes_survive_bytes_that_are_no_text(far_side: FarSide, tmp_path: Path) -> None:
    """As the shell passes them: argv, standard input and variables that are not UTF-8."""
    if os.name != "posix":
        pytest.skip("command lines are text on this system")
    script = os.fsencode(ROOT / "scripts" / "send_session_message.py")
    usual = {
        **os.environb,
        b"MATON_API_KEY": KEY.encode(),
        b"MATON_BASE_URL": far_side.url.encode(),
        b"WATI_JOURNAL": b"off",
    }
    number = b'{"whatsappNumber": "14155551234", "messageText": "%s"}'
    for argv, stdin, environ in [
        ([number % b"\xff\xfe"], b"", {}),
        ([b"--\xff"], b"", {}),
        ([b"@\xff\xfe"], b"", {}),
        ([b"-"], b"\xff\xfe\x00", {}),
        ([number % b"x", b"--connection", b"\xff"], b"", {}),
        ([number % b"x"], b"", {b"MATON_API_KEY": b"\xff" * 20}),
        ([number % b"x"], b"", {b"MATON_CONNECTION_ID": b"\xff"}),
        ([number % b"x"], b"", {b"WATI_ALLOWED_RECIPIENTS": b"\xff\xfe,1*"}),
        ([number % b"\xed\xa0\x80"], b"", {b"LC_ALL": b"C", b"PYTHONIOENCODING": b"ascii"}),
    ]:
        done = subprocess.run(
            [os.fsencode(sys.executable), script, *argv],
            input=stdin,
            env={**usual, **environ},
            cwd=tmp_path,
            capture_output=True,
            check=False,
            timeout=60,
        )
        document = parse(done.stdout.decode("utf-8"))
        assert done.returncode in (2, 3) and document["ok"] is False, document
        assert done.stderr == b"" and done.stdout.count(b"\n") == 1
        assert KEY.encode() not in done.stdout
    assert far_side.requests == []


# --- answers: what they say ---------------------------------------------------------------------------------


def accepts(name: str, answer: Answer) -> bool:
    """Whether an answer has the form of its endpoint's success, read by rules of the test's own.

    facts: list endpoints say "success" and hold a list, v1 says `result: true`, interactive `ok: true`; a
    file is what is not JSON; Maton names a connection, and a deletion needs no words.
    """
    if not 200 <= answer.status < 300:
        return False
    body = answer.body if isinstance(answer.body, bytes) else b""
    if name == "get_media":
        return bool(body) and "json" not in answer.content_type
    if name == "delete_connection":
        return True
    try:
        text = json.loads(body, object_pairs_hook=first_and_last)
    except (ValueError, RecursionError):
        return False
    if not isinstance(text, dict):
        return False
    lists = {"get_contacts": "contact_list", "get_message_templates": "messageTemplates"}
    if name in lists:
        return text.get("result") == "success" and isinstance(text.get(lists[name]), list)
    if name == "get_messages":
        messages = text.get("messages")
        return (
            text.get("result") == "success"
            and isinstance(messages, dict)
            and isinstance(messages.get("items"), list)
        )
    if name == "list_connections":
        return isinstance(text.get("connections"), list)
    if name == "create_connection":
        return bool(re.search(r'"(connection_id|connection_Id|id)": "', json.dumps(text)))
    if name == "get_connection":
        return isinstance(text.get("connection"), dict)
    if name.startswith("send_interactive"):
        return text.get("ok") is True
    if name == "send_session_message":
        return text.get("result") in ("success", True)
    return text.get("result") is True


def first_and_last(pairs: list[tuple[str, Any]]) -> Any:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a member stands twice")
    return dict(pairs)


@pytest.fixture(scope="session")
def real_answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The sandbox's own answers to each endpoint's examples, and those that the recording side gives."""
    state = tmp_path_factory.mktemp("answers") / "sandbox.sqlite"
    control.reset(state, limits=False)
    environ = {"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(state), "WATI_JOURNAL": "off"}
    found: dict[str, list[Any]] = {}
    for name, endpoint in ENDPOINTS.items():
        found[name] = []
        if name == "get_media":
            continue  # its answer is a file
        for example in SCHEMAS[name]["examples"]:
            confirm = {"receivers": str(len(example.get("receivers", []))), "none": ""}.get(
                endpoint.confirms, str(example.get("connection_id", "1"))
            )
            flags = ["--raw", *(["--confirm", confirm] if confirm else [])]
            _, text = execute(endpoint, [json.dumps(example), *flags], environ)
            document = json.loads(text)
            answer = document.get("data") or document.get("error", {}).get("answer")
            if isinstance(answer, dict):
                found[name].append(answer)
    return found


def encoded(value: Any) -> st.SearchStrategy[bytes]:
    """A JSON value as bytes, as it should be or not."""
    text = json.dumps(value, ensure_ascii=False)
    whole = text.encode("utf-8", "surrogatepass")
    twice = re.sub(r'"(result|ok|connection|status|contact_list)":', r'"\1": false, "\1":', text)
    return st.one_of(
        st.just(whole),
        st.just(whole),
        st.sampled_from(["utf-16", "utf-16-be", "utf-32", "utf-8-sig", "utf-7"]).map(
            lambda encoding: text.encode(encoding, "replace")
        ),
        st.just(text.encode("latin-1", "replace") + b"\xe9"),
        st.just(json.dumps({"x": "\xe9", "y": value}, ensure_ascii=False).encode("latin-1", "replace")),
        st.integers(0, max(0, len(whole) - 1)).map(lambda cut: whole[:cut]),
        st.just(twice.encode("utf-8", "surrogatepass")),
        st.sampled_from([b"NaN", b"Infinity", b"-Infinity", b"1e999", b"1" * 5000, b"01", b"'x'"]).map(
            lambda odd: whole[:-1] + b', "odd": ' + odd + b"}"
        ),
        st.just(whole + b"\n" + whole),
        st.just(b")]}',\n" + whole),
        st.just(whole.replace(b'"', b'"\x1b[2J', 1)),
    )


TYPES = st.sampled_from(
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json; charset=utf-16",
        'application/json; charset="\x1b[31m"',
        "text/html",
        "text/plain; charset=latin-1",
        "image/jpeg",
        "",
        ";;;",
        "application/json, text/html",
        "x" * 3000 + "/json",
        "text/" + NASTY.translate({ord(c): None for c in "\r\n\x00"}).encode().decode("latin-1"),
    ]
)
STATUSES = st.sampled_from(
    [200] * 8 + [201, 202, 204, 206, 299, 300, 302, 304, 400, 401, 404, 408, 409, 500, 502, 599]
)


@st.composite
def answers(draw: st.DrawFn, real: list[Any]) -> Answer:
    """An answer that is nearly right, or right, or nothing of the kind."""
    value = copy.deepcopy(draw(st.sampled_from(real))) if real else {"result": True}
    for _ in range(draw(st.integers(0, 2))):
        places = [(holder, step) for holder in containers(value) for step in steps_of(holder)]
        if places:
            holder, step = draw(st.sampled_from(places[:40]))
            if draw(st.booleans()):
                holder[step] = draw(JSON)
            else:
                del holder[step]
    if isinstance(value, dict) and draw(st.booleans()):
        value[draw(st.sampled_from(["message", "info", "error", "errors", "detail", "contact", "x"]))] = draw(
            JSON
        )
    body = draw(encoded(value) | st.binary(max_size=200) | st.just(json.dumps(draw(JSON)).encode()))
    return Answer(draw(STATUSES), body, content_type=draw(TYPES))


def truthful(run: Run, endpoint: Endpoint, answer: Answer) -> None:
    """Accepted only with the endpoint's own success, and a 2xx that cannot be read is no refusal."""
    name, effect = endpoint.name, endpoint.effect
    if run.exit == 0:
        assert accepts(name, answer), (answer, run.text)
    if run.exit == 4 and 200 <= answer.status < 300:
        body = answer.body if isinstance(answer.body, bytes) else b""
        said = json.loads(body, object_pairs_hook=first_and_last)  # which must be possible: it can be read
        assert isinstance(said, dict)
    if run.exit == 6:
        assert effect not in ONCE
    if run.exit == 7:
        assert effect in ONCE and run.error["outcome"] == "unknown"


def test_answers_of_any_form(
    call: Caller,
    far_side: FarSide,
    pauses: list[float],
    example: Callable[[Endpoint], list[str]],
    each_endpoint: Endpoint,
    real_answers: dict[str, list[Any]],
) -> None:
    exits: set[int] = set()
    command_line = example(each_endpoint)

    @fixed(50)
    @given(answers(real_answers[each_endpoint.name]), st.sampled_from([[], ["--verbose"], ["--raw"]]))
    def check(answer: Answer, flags: list[str]) -> None:
        far_side.requests.clear()
        if each_endpoint.through_wati:
            far_side.always(answer, to="/wati/")
        else:
            far_side.always(answer)
        output_file = ["--output", "file.bin", "--force"] if each_endpoint.name == "get_media" else []
        run = harmless(call(each_endpoint.name, *command_line, *flags, *output_file))
        truthful(run, each_endpoint, answer)
        own = [
            r
            for r in far_side.requests
            if r.method == each_endpoint.method and "status=ACTIVE" not in r.target
        ]
        assert len(own) == 1 or each_endpoint.effect in ("read", "write")
        exits.add(run.exit)

    check()
    assert 0 in exits and len(exits) >= 2, "the answers were all alike"


@pytest.mark.parametrize("body", ['{"%s": false, "%s": true}', '{"%s": true, "%s": false, "result": true}'])
@looped("member", ["result", "ok"])
def test_an_answer_that_says_yes_and_no_is_no_answer(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    each_endpoint: Endpoint,
    member: str,
    body: str,
) -> None:
    """Of two members of one name some readers take the first and some the last."""
    text = (body % (member, member)).encode()
    far_side.always(Answer(body=text), to="/wati/" if each_endpoint.through_wati else "/")
    run = call_example(each_endpoint)
    assert run.exit == (7 if each_endpoint.effect in ONCE else 6), run.text
    assert "twice" in run.error["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"result": true, "ok": true, "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[[],{}," * 50_000,
        b'{"result": true, "ok": true, "x": [' + b"[]," * 300_000 + b"[]]}",
        b'{"result": true, "ok": true, "x": [' + b'{"":"\\\\"},' * 300_000 + b"0]}",
        ('{"result": true, "ok": true, "x": [' + "[]," * 300_000 + "0]}").encode("utf-16"),
    ],
    ids=["open", "lists", "objects", "broken", "many lists", "many objects", "many in UTF-16"],
)
def test_an_answer_too_deep_or_too_rich_is_no_answer(
    call: Caller, far_side: FarSide, pauses: list[float], body: bytes
) -> None:
    far_side.always(Answer(body=body), to="/wati/")
    run = harmless(call("send_session_message", {"whatsappNumber": "14155551234", "messageText": "x"}))
    assert (run.exit, run.error["code"]) == (7, "outcome_unknown")
    assert harmless(call("get_contacts", {})).exit == 6


def test_text_full_of_marks_is_no_rich_answer(call: Caller, far_side: FarSide) -> None:
    """A customer cannot make a page unreadable by what they write."""
    text = ',[{"\\' * 400 + "," * 2096
    rows = [{"text": text, "\\": "\\\\"} for _ in range(100)]
    far_side.always(reply({"result": "success", "contact_list": rows}), to="/wati/")
    assert call("get_contacts", {}, "--raw").data["contact_list"][99]["text"] == text


# --- answers: how they come ---------------------------------------------------------------------------------

GOOD = b'{"ok":true,"result":"success","contact_list":[]}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def http(
    body: bytes = GOOD, *headers: bytes, status: bytes = b"HTTP/1.1 200 OK", length: bool = True
) -> bytes:
    lines = [status, b"Content-Type: application/json", *headers]
    lines += [b"Content-Length: %d" % len(body)] if length else []
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def compressed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


WHOLE = {
    "to the end of the connection": http(length=False),
    "no reason": http(status=b"HTTP/1.1 200"),
    "an unknown version": http(status=b"HTTP/9.9 200 OK"),
    "HTTP/1.0": http(status=b"HTTP/1.0 200 OK"),
    "interim answers first": b"HTTP/1.1 103 Early\r\n\r\n" * 50 + http(),
    "too much after the length": http() + b'{"ok": false}',
    "the same length twice": http(GOOD, b"Content-Length: %d" % len(GOOD)),
    "cookies": http(
        GOOD, b"Set-Cookie: a=b; Domain=.evil", b"Set-Cookie: \x80\xff=;;;", b"Set-Cookie: x=y; Max-Age=1e9"
    ),
    "odd dates": http(GOOD, b"Date: Mon, 01 Jan 0001 00:00:00 -0000", b"Retry-After: nan"),
    "dates far off": http(GOOD, b"Date: Fri, 31 Dec 9999 23:59:59 -9999", b"Retry-After: 1e308"),
    "a link to go to": http(GOOD, b"Location: http://[::1", b"Refresh: 0; url=http://evil.example"),
    "no known text": http(GOOD, b"X: \xff\xfe\x80", b"Y: \xc3\xa9"),
    "many headers": http(GOOD, *[b"X-%d: %s" % (n, b"y" * 80) for n in range(500)]),
    "gzip": http(compressed(GOOD), b"Content-Encoding: gzip"),
    "GZIP": http(compressed(GOOD), b"Content-Encoding:  GZip "),
    "zlib": http(zlib.compress(GOOD), b"Content-Encoding: deflate"),
    "identity": http(GOOD, b"Content-Encoding: identity"),
}
NOTHING = {
    "nothing": b"",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "half a head": HEAD,
    "no such status": http(status=b"HTTP/1.1 999999 OK"),
    "status 000": http(status=b"HTTP/1.1 000 OK"),
    "a negative status": http(status=b"HTTP/1.1 -200 OK"),
    "too short": HEAD + b"Content-Length: 1000\r\n\r\n" + GOOD,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n" + GOOD,
    "a length that is none": HEAD + b"Content-Length: 0x30\r\n\r\n" + GOOD,
    "a huge length": HEAD + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n" + GOOD,
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 48\r\n\r\n" + GOOD,
    "broken chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD,
    "a chunk cut off": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + GOOD,
    "a coding unknown": HEAD + b"Transfer-Encoding: xyz\r\n\r\n" + GOOD,
    "a name with a space": http(GOOD, b"X Y: z"),
    "a head without an end": HEAD + b"X: " + b"y" * 300_000,
    "headers without an end": HEAD + b"X: y\r\n" * 50_000,
    "a null in a header": http(GOOD, b"X: a\x00b"),
    "gzip that is none": http(GOOD, b"Content-Encoding: gzip"),
    "gzip cut off": http(compressed(GOOD)[:-12], b"Content-Encoding: gzip"),
    "gzip with a wrong sum": http(compressed(GOOD)[:-8] + b"12345678", b"Content-Encoding: gzip"),
    "gzip and more": http(compressed(GOOD) + b"more", b"Content-Encoding: gzip"),
    "gzip twice": http(compressed(compressed(GOOD)), b"Content-Encoding: gzip, gzip"),
    "br": http(GOOD, b"Content-Encoding: br"),
    "zstd": http(GOOD, b"Content-Encoding: zstd"),
    "an encoding that is none": http(GOOD, b"Content-Encoding: \x80\xff"),
    "switched": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + GOOD,
}


@pytest.mark.parametrize("raw", WHOLE.values(), ids=WHOLE)
def test_a_right_answer_in_an_odd_dress_is_read(call: Caller, far_side: FarSide, raw: bytes) -> None:
    far_side.always(Answer(raw=raw), to="/wati/")
    number = {"whatsappNumber": "14155551234", "messageText": "x"}
    assert harmless(call("get_contacts", {}, "--verbose")).exit == 0
    assert harmless(call("send_session_message", number, "--verbose")).exit == 0


@looped("raw", NOTHING.values(), ids=NOTHING)
def test_what_is_no_whole_answer_is_none(
    call: Caller, far_side: FarSide, pauses: list[float], raw: bytes
) -> None:
    """However much of a success can be read in it."""
    far_side.always(Answer(raw=raw), to="/wati/")
    began = time.monotonic()
    number = {"whatsappNumber": "14155551234", "messageText": "x"}
    assert harmless(call("get_contacts", {}, "--verbose")).exit == 6
    run = harmless(call("send_session_message", number, "--verbose"))
    assert (run.exit, run.error["outcome"]) == (7, "unknown"), run.text
    assert len(far_side.to("/wati/api/v1/sendSessionMessage")) == 1
    assert time.monotonic() - began < 20


def test_no_cookie_is_taken(call: Caller, far_side: FarSide, pauses: list[float]) -> None:
    """A cookie of the look-up, or of a first attempt, would travel on to WATI with the next request."""
    cookie = {"Set-Cookie": "session=1; Path=/"}
    far_side.will(Answer(body=b'{"connections": []}', headers=cookie), Answer(500, headers=cookie))
    far_side.will(Answer(429, headers=cookie), to="/wati/")
    call("assign_operator", {"whatsappNumber": "14155551234", "email": "a@b.co"}, "--connection", "c")
    call("send_session_message", {"whatsappNumber": "14155551234", "messageText": "x"})
    assert len(far_side.requests) >= 4
    assert not any(request.header("Cookie") for request in far_side.requests)


# --- bounded steps, bounded memory --------------------------------------------------------------------------


@given(st.binary(max_size=2000), st.integers(1, 50), st.sampled_from(["gzip", "deflate", "identity", ""]))
@fixed(100)
def test_decoding_gives_the_same_bytes_in_bounded_steps(data: bytes, size: int, encoding: str) -> None:
    data = data * 200  # steps and more
    encode: Callable[[bytes], bytes] = {"gzip": compressed, "deflate": zlib.compress}.get(encoding, bytes)
    wire = encode(data)
    chunks = [wire[start : start + size * 1000] for start in range(0, len(wire), size * 1000)]
    pieces = list(decoded(chunks, encoding))
    assert b"".join(pieces) == data
    assert encoding not in ("gzip", "deflate") or all(len(piece) <= STEP for piece in pieces)


@given(st.binary(max_size=300), st.lists(st.binary(max_size=50), max_size=3))
@fixed(100)
def test_decoding_never_gives_less_than_the_whole(data: bytes, junk: list[bytes]) -> None:
    for broken in ([compressed(data)[:-1]], [compressed(data), b"x"], [b"\x1f\x8b", *junk]):
        with pytest.raises(Undecodable):
            list(decoded(broken, "gzip"))
    assert list(decoded([b""], "gzip")) in ([], [b""])


MIB = 1 << 20
MEASURED = """
import os, sys
sys.path.insert(0, "scripts")
import importlib
from wati.cli.command import execute
endpoint = importlib.import_module(sys.argv[1]).ENDPOINT
exit_code, _ = execute(endpoint, sys.argv[2:], os.environ)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(peak, exit_code)
sys.stdout.flush()
os._exit(0)
"""


def peak_of(name: str, arguments: str, far_side: FarSide, folder: Path) -> tuple[float, int]:
    """The most memory, in MiB, that a process of its own takes for one call, and the call's exit code."""
    environ = {
        **os.environ,
        "MATON_API_KEY": KEY,
        "MATON_BASE_URL": far_side.url,
        "WATI_JOURNAL": "off",
        "WATI_FILE_ROOTS": str(folder),
    }
    output = ["--output", str(folder / "file.bin")] if name == "get_media" else []
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, name, arguments, *output],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == "", done.stderr
    peak, exit_code = done.stdout.split()
    return int(peak) / 1024, int(exit_code)


def bomb(encoding: int, size: int) -> bytes:
    """So many MiB of blanks, compressed to a thousandth: all but its end."""
    packer = zlib.compressobj(9, zlib.DEFLATED, encoding)
    first = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * size


def floods() -> dict[str, tuple[str, Answer]]:
    """Kind: the endpoint that gets it, and what it gets. A send, where it can be one, is not repeated."""
    send, packed = "send_session_message", {"Content-Encoding": "gzip"}
    layers = gzip.compress(bomb(31, 1024), mtime=0)
    lists = b'{"ok":true,"result":"success","x":[' + b"[]," * (5 * MIB) + b"[]]}"
    return {
        "100 MB of JSON": (send, Answer(body=b'{"x":"' + b"y" * 100_000_000 + b'"}')),
        "1 GB of gzip": (send, Answer(body=bomb(31, 1024), headers=packed)),
        "1 GB of deflate": (send, Answer(body=bomb(15, 1024), headers={"Content-Encoding": "deflate"})),
        "1 GB of gzip in gzip": (send, Answer(body=layers, headers={"Content-Encoding": "gzip, gzip"})),
        "5 million lists": (send, Answer(body=lists)),
        "a file of 1 GB in gzip": (
            "get_media",
            Answer(body=bomb(31, 1024), headers=packed, content_type="image/jpeg"),
        ),
    }


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="peak memory is read from /proc")
def test_memory_is_bounded_whatever_is_sent(far_side: FarSide, tmp_path: Path) -> None:
    arguments = {
        "send_session_message": '{"whatsappNumber": "14155551234", "messageText": "x"}',
        "get_media": '{"fileName": "data/a.bin"}',
    }
    usual, exit_code = peak_of("send_session_message", arguments["send_session_message"], far_side, tmp_path)
    assert exit_code == 0
    over = {}
    for kind, (name, answer) in floods().items():
        far_side.always(answer, to="/wati/")
        began = time.monotonic()
        peak, exit_code = peak_of(name, arguments[name], far_side, tmp_path)
        over[kind] = round(peak - usual)
        assert exit_code == (6 if name == "get_media" else 7), kind
        assert time.monotonic() - began < 60
    assert max(over.values()) < 150, over
    assert not (tmp_path / "file.bin").exists()
