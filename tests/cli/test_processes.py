"""Real processes: from any folder, in any environment, one document on stdout and an honest exit code."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, ROOT, assert_contract, bound_by_modes
from recording import FarSide, reply
from wati.contract.failures import EXITS
from wati.sandbox import control

POSIX = os.name == "posix"
HELLO = {"whatsappNumber": "14155551234", "messageText": "Zoë says 你好 🙂"}
CONTENT = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture
def environ(far_side: FarSide) -> dict[str, str]:
    """The machine's environment with our variables for the recording server, and none of Python's."""
    ours = ("MATON_", "WATI_", "PYTHON", "LC_", "UV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours) and name != "LANG"}
    return {**kept, "MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url, "WATI_JOURNAL": "off"}


def run(
    name: str, *argv: str | bytes, environ: dict[str, str], package: Path = ROOT, **options: Any
) -> subprocess.CompletedProcess[bytes]:
    """`python scripts/NAME.py …` with its streams captured; `interpreter`: the command before the script."""
    interpreter = options.pop("interpreter", [sys.executable])
    command = [*interpreter, str(package / "scripts" / f"{name}.py"), *argv]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(command, env=environ, timeout=60, check=False, **streams)


def document(done: subprocess.CompletedProcess[bytes], name: str = "send_session_message") -> dict[str, Any]:
    """The one document of a run that printed nothing else and kept the key to itself."""
    assert done.stderr == b"", done.stderr.decode()
    assert KEY.encode() not in done.stdout
    assert done.stdout.endswith(b"\n") and done.stdout.count(b"\n") == 1
    read: dict[str, Any] = json.loads(done.stdout.decode("utf-8"))
    assert_contract(ENDPOINTS[name], done.returncode, read)
    return read


def texts(far_side: FarSide) -> list[str]:
    return [dict(request.form)["messageText"] for request in far_side.to("/wati/")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package under a path that is hard on quoting."""
    package = tmp_path / "my skills" / "wâti 好 'x' %20"
    for folder in ("scripts", "schemas"):
        shutil.copytree(ROOT / folder, package / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return package


# --- places ------------------------------------------------------------------------------------------------


def test_from_any_folder_and_with_any_path(
    copy: Path, tmp_path: Path, environ: dict[str, str], far_side: FarSide
) -> None:
    # The folder holds what a script would import by mistake if it trusted the current folder.
    for trap in ("wati.py", "httpx.py", "json.py"):
        (tmp_path / trap).write_text("raise SystemExit('the wrong module')", encoding="utf-8")
    (tmp_path / "offre d'été.pdf").write_bytes(CONTENT)
    upload = {"whatsappNumber": "14155551234", "file": "offre d'été.pdf"}
    done = run("send_session_file", json.dumps(upload), environ=environ, package=copy, cwd=tmp_path)
    assert document(done)["outcome"] == "accepted"
    assert far_side.to("/wati/")[0].parts[0].content == CONTENT


def test_through_a_link_and_by_a_relative_path(
    copy: Path, tmp_path: Path, environ: dict[str, str], far_side: FarSide
) -> None:
    relative = Path(os.path.relpath(copy, tmp_path))
    done = run("get_contacts", environ=environ, package=relative, cwd=tmp_path)
    assert document(done, "get_contacts")["ok"]
    if POSIX:
        (tmp_path / "link.py").symlink_to(copy / "scripts" / "get_contacts.py")
        done = subprocess.run(
            [sys.executable, "link.py"], env=environ, capture_output=True, check=False, cwd=tmp_path
        )
        assert document(done, "get_contacts")["ok"]
    assert len(far_side.requests) == (2 if POSIX else 1)


@pytest.mark.skipif(not POSIX, reason="Windows keeps a current folder from being removed")
def test_from_a_folder_that_is_gone(tmp_path: Path, environ: dict[str, str], far_side: FarSide) -> None:
    leave = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"'
    gone = ["/bin/sh", "-c", leave, str(tmp_path / "gone"), sys.executable]
    assert document(run("send_session_message", json.dumps(HELLO), environ=environ, interpreter=gone))["ok"]
    far_side.requests.clear()
    with_files = {
        "send_session_file": {"whatsappNumber": "14155551234", "file": "a.pdf"},
        "get_media": {"fileName": "data/images/a.jpg"},
    }
    for name, arguments in with_files.items():
        done = run(name, json.dumps(arguments), environ=environ, interpreter=gone)
        assert done.returncode in (2, 3), done.stdout
        document(done, name)
    assert far_side.requests == []


@pytest.mark.skipif(not POSIX, reason="modes are POSIX's")
def test_without_permission_to_read_or_write(
    tmp_path: Path, environ: dict[str, str], far_side: FarSide
) -> None:
    closed, unreadable = tmp_path / "closed", tmp_path / "secret.pdf"
    closed.mkdir(0o555)
    unreadable.write_bytes(CONTENT)
    unreadable.chmod(0)
    options: dict[str, Any] = {"environ": environ, "interpreter": [*bound_by_modes(), sys.executable]}
    done = run("get_contacts", cwd=closed, **options)
    assert document(done, "get_contacts")["ok"]
    done = run("get_media", json.dumps({"fileName": "data/images/a.jpg"}), cwd=closed, **options)
    assert document(done, "get_media")["error"]["code"] == "file_not_allowed"
    assert b"permission denied" in done.stdout
    upload = json.dumps({"whatsappNumber": "14155551234", "file": "secret.pdf"})
    done = run("send_session_file", upload, cwd=tmp_path, **options)
    assert document(done)["error"]["code"] == "file_unreadable"
    assert b"permission denied" in done.stdout
    assert [request.path for request in far_side.requests] == ["/wati/api/v1/getContacts"]
    assert list(closed.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder that is passed has to be readable")
def test_a_folder_that_may_be_passed_but_not_listed_is_no_obstacle(
    tmp_path: Path, environ: dict[str, str], far_side: FarSide
) -> None:
    inner = tmp_path / "passed" / "inner"
    inner.mkdir(parents=True)
    (inner / "a.pdf").write_bytes(CONTENT)
    (tmp_path / "passed").chmod(0o311)
    options: dict[str, Any] = {"environ": environ, "interpreter": [*bound_by_modes(), sys.executable]}
    try:
        upload = json.dumps({"whatsappNumber": "14155551234", "file": "a.pdf"})
        assert document(run("send_session_file", upload, cwd=inner, **options))["ok"]
        media = json.dumps({"fileName": "data/images/a.jpg"})
        assert document(run("get_media", media, cwd=inner, **options), "get_media")["ok"]
    finally:
        (tmp_path / "passed").chmod(0o755)
    assert far_side.to("/wati/")[0].parts[0].content == CONTENT
    assert sorted(path.name for path in inner.iterdir()) == ["a.jpg", "a.pdf"]


@pytest.mark.parametrize("name", ["get_contacts", "doctor", "sandbox", "tools"])
@pytest.mark.parametrize("is_installed", [True, False])
def test_python_adds_no_bytecode_to_a_skill_that_openclaw_installed(
    name: str, is_installed: bool, copy: Path, environ: dict[str, str]
) -> None:
    if is_installed:
        (copy / ".clawhub").mkdir()
    assert run(name, "--help", environ=environ, package=copy).returncode == 0
    assert bool(list(copy.rglob("__pycache__"))) is not is_installed


# --- Python's own variables, and locales -------------------------------------------------------------------

LOCALES = [
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"LC_ALL": "C", "PYTHONUTF8": "1"},
    {"PYTHONIOENCODING": "ascii:strict", "LC_ALL": "C"},
    {"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    {"PYTHONOPTIMIZE": "2"},
    {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1"},
]


@pytest.mark.parametrize("variables", LOCALES, ids=str)
def test_the_customer_gets_the_right_characters_whatever_the_locale(
    variables: dict[str, str], environ: dict[str, str], far_side: FarSide, tmp_path: Path
) -> None:
    text = json.dumps(HELLO, ensure_ascii=False)
    (tmp_path / "hello.json").write_bytes(text.encode())
    options: dict[str, Any] = {"environ": {**environ, **variables}, "cwd": tmp_path}
    assert document(run("send_session_message", text.encode() if POSIX else text, **options))["ok"]
    assert document(run("send_session_message", "-", input=text.encode(), **options))["ok"]
    assert document(run("send_session_message", "@hello.json", **options))["ok"]
    assert texts(far_side) == [HELLO["messageText"]] * 3


def test_answers_are_utf_8_whatever_the_locale(environ: dict[str, str], far_side: FarSide) -> None:
    contact = {"fullName": "Zoë 你好 🙂 שלום"}
    far_side.always(reply({"result": "success", "contact_list": [contact]}))
    for variables in LOCALES:
        done = run("get_contacts", environ={**environ, **variables})
        assert document(done, "get_contacts")["data"]["contact_list"] == [contact]
        assert contact["fullName"].encode() in done.stdout


# --- streams -----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not POSIX, reason="file descriptors are closed through a POSIX shell")
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "2>&-", "2>/dev/full", ">&- 2>&-", "<&-"])
def test_a_call_is_made_and_told_whatever_its_streams_are(
    redirection: str, environ: dict[str, str], far_side: FarSide
) -> None:
    if "/dev/full" in redirection and not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full here")
    script = ROOT / "scripts" / "send_session_message.py"
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'exec "$@" {redirection}',
            "sh",
            sys.executable,
            script,
            json.dumps(HELLO),
            "--verbose",
        ],
        env=environ,
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert texts(far_side) == [HELLO["messageText"]]
    assert b"Traceback" not in done.stderr
    if done.stdout:
        assert json.loads(done.stdout)["outcome"] == "accepted"
    assert bool(done.stdout) is not redirection.startswith(">")
    assert done.returncode == 0
    if "2>" not in redirection:
        said = b"It happened, so do not run it again." in done.stderr
        assert said is redirection.startswith(">"), done.stderr


LOST = [
    # script, command line, what it ends with if its document is lost
    ("get_contacts", [], 3),
    ("doctor", [], 3),
    ("get_contacts", ["--help"], 3),
    ("get_contacts", ["--schema"], 3),
    ("tools", [], 3),
    ("send_session_message", ["--dry-run", json.dumps(HELLO)], 3),
    ("send_session_message", [json.dumps(HELLO)], 0),
    ("send_session_message", ["{}"], 2),
    ("create_connection", [], 0),
]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full here")
@pytest.mark.parametrize(("name", "argv", "code"), LOST, ids=str)
@pytest.mark.parametrize("where", ["a full disk", "a stream that is read only"])
def test_a_document_that_is_lost_is_missed(
    where: str, name: str, argv: list[str], code: int, environ: dict[str, str], far_side: FarSide
) -> None:
    path, mode = ("/dev/full", os.O_WRONLY) if where == "a full disk" else ("/dev/null", os.O_RDONLY)
    lost = os.open(path, mode)
    try:
        done = run(name, *argv, environ=environ, stdout=lost)
    finally:
        os.close(lost)
    assert done.returncode == code, done.stderr
    why = os.strerror(errno.ENOSPC if where == "a full disk" else errno.EBADF)
    assert done.stderr.decode().startswith(f"Standard output cannot be written ({why}), so the document is")
    assert f"Exit code {code}: {EXITS[code]}." in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert len(far_side.writes) == (name in ("send_session_message", "create_connection") and code == 0)


@pytest.mark.skipif(not POSIX, reason="pipes that do not wait are POSIX's")
def test_a_pipe_that_does_not_wait_gets_the_whole_document(
    environ: dict[str, str], far_side: FarSide
) -> None:
    contact = {"fullName": "x" * 1_000_000}
    far_side.always(reply({"result": "success", "contact_list": [contact]}))
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    script = ROOT / "scripts" / "get_contacts.py"
    with subprocess.Popen([sys.executable, script, "--raw"], env=environ, stdout=writing) as process:
        os.close(writing)
        with open(reading, "rb") as pipe:
            assert json.loads(pipe.read())["data"]["contact_list"] == [contact]
        assert process.wait(60) == 0


@pytest.mark.skipif(not POSIX, reason="a pipe that nobody reads is POSIX's")
def test_a_reader_that_went_away_changes_nothing(environ: dict[str, str], far_side: FarSide) -> None:
    for flags in ([], ["--help"], ["--schema"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = run("send_session_message", json.dumps(HELLO), *flags, environ=environ, stdout=writing)
        os.close(writing)
        assert (done.returncode, done.stderr) == (0, b"")
    assert texts(far_side) == [HELLO["messageText"]]


def test_nothing_on_standard_input_is_no_reason_to_wait(environ: dict[str, str], far_side: FarSide) -> None:
    done = run("send_session_message", "-", environ=environ, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert document(done)["error"]["code"] == "invalid_json"
    assert far_side.requests == []


@pytest.mark.skipif(not POSIX, reason="pseudo-terminals are POSIX's")
def test_a_terminal_is_no_source_of_arguments_and_gets_lines(
    environ: dict[str, str], far_side: FarSide
) -> None:
    person, terminal = os.openpty()
    try:
        done = run("send_session_message", "-", environ=environ, stdin=terminal)
        assert document(done)["error"]["code"] == "usage"
        closed = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable]
        done = run("send_session_message", "-", environ=environ, interpreter=closed)
        assert document(done)["error"]["code"] == "usage"
        assert far_side.requests == []
        done = run("send_session_message", json.dumps(HELLO), environ=environ, stdout=terminal)
        shown = os.read(person, 65536).decode().replace("\r\n", "\n")
    finally:
        os.close(person)
        os.close(terminal)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(shown)["outcome"] == "accepted" and shown.startswith('{\n  "ok": true')


@pytest.mark.skipif(not POSIX, reason="Windows has another limit")
def test_arguments_too_long_for_a_command_line_go_through_a_file(
    environ: dict[str, str], far_side: FarSide
) -> None:
    receivers = [
        {"whatsappNumber": f"1415{n:07}", "customParams": [{"name": "a", "value": "x" * 1000}]}
        for n in range(1000)
    ]
    arguments = {"template_name": "t", "broadcast_name": "b", "receivers": receivers}
    name = "send_template_messages"
    data = json.dumps(arguments).encode()
    assert len(data) > 1_000_000
    far_side.aside = True
    assert document(run(name, "-", "--confirm", "1000", environ=environ, input=data), name)["ok"]
    assert len(far_side.writes[0].json["receivers"]) == 1000


# --- packages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["httpx", "jsonschema"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package: str, environ: dict[str, str], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / f"{package}.py").write_text("raise ImportError('hidden by a test')", encoding="utf-8")
    hidden = {**environ, "PYTHONPATH": str(tmp_path)}
    wrong = json.dumps({**HELLO, "x": 1})
    for arguments in (json.dumps(HELLO), wrong) if package == "jsonschema" else (json.dumps(HELLO),):
        done = run("send_session_message", arguments, environ=hidden)
        if package == "jsonschema" and arguments != wrong and done.returncode == 0:
            continue  # it has nothing to explain
        assert done.returncode == 3
        error = document(done)["error"]
        assert error["code"] == "missing_dependency" and package in error["message"]
        assert error["outcome"] == "not_sent"
        assert "uv run" in error["hint"] and "-m pip install -r" in error["hint"]
        assert str(ROOT / "requirements.txt") in error["hint"] and sys.executable in error["hint"]
    for flag in ("--help", "--schema"):
        assert run("send_session_message", flag, environ=hidden).returncode == 0
    assert package == "jsonschema" or far_side.requests == []


def test_without_any_package(environ: dict[str, str], far_side: FarSide) -> None:
    """An interpreter that sees nothing but the standard library."""
    bare = [sys.executable, "-I", "-S"]
    for name in ENDPOINTS:
        done = run(name, "{}", environ=environ, interpreter=bare)
        assert done.returncode == 3
        assert document(done, name)["error"]["code"] == "missing_dependency"
    for flag in ("--help", "--schema"):
        assert run("get_contacts", flag, environ=environ, interpreter=bare).returncode == 0
    assert far_side.requests == []


def uv() -> Path:
    found = Path(sys.executable).with_name("uv.exe" if os.name == "nt" else "uv")
    if not found.exists():
        pytest.fail(f"{found} is missing: `make test` installs it, or `pip install -r requirements-dev.txt`")
    return found


def test_uv_runs_a_script_with_what_its_header_asks_for(
    environ: dict[str, str], far_side: FarSide, tmp_path: Path
) -> None:
    wheels = Path(sys.prefix) / "wheels"
    if not wheels.is_dir():
        pytest.fail(f"{wheels} is missing: `make test` fills it with the packages of requirements.txt")
    offline = {name: value for name, value in environ.items() if name != "VIRTUAL_ENV"} | {
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(wheels),
        "UV_PYTHON": sys.executable,
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    command = [
        str(uv()),
        "run",
        "--quiet",
        str(ROOT / "scripts" / "send_session_message.py"),
        json.dumps(HELLO),
    ]
    done = subprocess.run(command, env=offline, capture_output=True, check=False, timeout=100, cwd=tmp_path)
    assert document(done)["outcome"] == "accepted"
    assert texts(far_side) == [HELLO["messageText"]]


@pytest.mark.skipif(not POSIX, reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("name", ["send_session_message", "create_connection"])
def test_a_signal_while_the_document_is_made_changes_nothing_of_it(name: str, tmp_path: Path) -> None:
    """What was accepted is said to be: else an agent runs it again."""
    arguments = {"whatsappNumber": "14155551234", "messageText": "Hello"} if name.startswith("send") else {}
    program = f"""
import json, os, signal, sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
import {name}
from wati.cli.command import main
from wati.output import document
accepted = document.accepted
def struck(*given):
    os.kill(os.getpid(), signal.SIGTERM)
    return accepted(*given)
document.accepted = struck
sys.argv = ["x", {json.dumps(arguments)!r}]
main({name}.ENDPOINT)
"""
    state = str(tmp_path / "sandbox.sqlite")
    environment = {**os.environ, "MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": state}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
    assert json.loads(done.stdout)["outcome"] == "accepted"
    assert len(control.log(state)) == 1
