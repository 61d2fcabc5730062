"""A machine that cannot do its part: one document with a true code, and never a bug of this package."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, ROOT, RUNNABLE, Run, assert_contract
from recording import CONNECTION, FarSide, reply
from sends import CSV, CSV_TEXT, HELLO, PDF
from wati.contract import machine
from wati.contract.endpoint import Endpoint
from wati.contract.failures import Failure
from wati.contract.machine import OUT_OF
from wati.contract.packages import import_package
from wati.contract.unexpected import unexpected
from wati.output.document import failed
from wati.sandbox import control
from wati.wire import answers

POSIX = os.name == "posix"
PROGRAM = """
import importlib, sys
sys.path.insert(0, {scripts!r})
name, *sys.argv[1:] = sys.argv[1:]
script = importlib.import_module(name)
from wati.cli.command import main
{before}
main(getattr(script, "ENDPOINT", None) or script.HELPER)
"""


def run(
    name: str, *argv: str, far_side: FarSide, folder: Path, before: str = "", **options: Any
) -> tuple[dict[str, Any], str]:
    """The document of a script in a process that was changed before the call; and its stderr."""
    environ = {
        **{variable: value for variable, value in os.environ.items() if "PROXY" not in variable.upper()},
        **{
            "MATON_API_KEY": KEY,
            "MATON_BASE_URL": far_side.url,
            "WATI_JOURNAL": str(folder / "sends.sqlite"),
        },
        **options.pop("environ", {}),
    }
    program = PROGRAM.format(scripts=str(ROOT / "scripts"), before=before)
    done = subprocess.run(
        [sys.executable, "-c", program, name, *argv],
        env=environ,
        capture_output=True,
        check=False,
        timeout=60,
        **{"cwd": folder, **options},
    )
    assert done.stdout.count(b"\n") == 1, done.stderr.decode()
    document: dict[str, Any] = json.loads(done.stdout)
    assert_contract(RUNNABLE[name], done.returncode, document)
    assert document["ok"] or document["error"]["code"] != "internal", done.stdout
    return document, done.stderr.decode()


CALLS: dict[str, list[str]] = {
    "get_contacts": ["--timeout", "5"],
    "send_session_message": [json.dumps(HELLO), "--timeout", "5"],
    "send_session_file": [json.dumps({"whatsappNumber": "14155551234", "file": "a.pdf"}), "--timeout", "5"],
    "send_template_message_csv": [json.dumps(CSV), "--confirm", "2", "--timeout", "5"],
    "get_media": [json.dumps({"fileName": "data/images/a.jpg"}), "--timeout", "5"],
    "assign_operator": [
        json.dumps({"whatsappNumber": "14155551234", "email": "a@example.com"}),
        "--timeout",
        "5",
    ],
    "doctor": [],
    "check_send": [],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.pdf").write_bytes(PDF)
    (tmp_path / "list.csv").write_text(CSV_TEXT, encoding="utf-8")
    return tmp_path


NO_THREAD = """
import _thread
start, left = _thread.start_new_thread, [{left}]
def refuse(*given):
    left[0] -= 1
    if left[0] < 0:
        raise RuntimeError("can't start new thread")
    return start(*given)
_thread.start_new_thread = refuse
"""


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("left", [0, 2])
def test_without_threads(name: str, left: int, folder: Path, far_side: FarSide) -> None:
    document, stderr = run(
        name, *CALLS[name], "--verbose", far_side=far_side, folder=folder, before=NO_THREAD.format(left=left)
    )
    if name != "check_send" and not left:
        assert document["error"]["code"] == "bad_setup" and OUT_OF in document["error"]["message"]
        assert "threads" in document["error"]["message"] and far_side.requests == []
        assert stderr, "what --verbose asks for is shown without a thread, too"
    if name == "send_session_message":
        sent = document.get("outcome") == "accepted"
        assert len(far_side.writes) == sent and sent is (left == 2)


# What a process may have, beyond the memory that it has already.
LIMIT = """
import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = {limit} + (used if {what!r} == "AS" else 0)
resource.setrlimit(resource.RLIMIT_{what}, (limit, limit))
"""
LIMITS = {"NOFILE": [4, 6], "AS": [machine.MEMORY + (1 << 20)], "FSIZE": [100]}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="the limits of a process are Linux's")


@LINUX
@pytest.mark.parametrize("what", LIMITS)
@pytest.mark.parametrize("name", CALLS)
def test_without_enough_of_it(name: str, what: str, folder: Path, far_side: FarSide) -> None:
    for limit in LIMITS[what]:
        far_side.requests.clear()
        before = LIMIT.format(what=what, limit=limit)
        again = ["--again"] if name.startswith("send") else []
        document, stderr = run(name, *CALLS[name], *again, far_side=far_side, folder=folder, before=before)
        assert "Traceback" not in stderr
        if RUNNABLE[name].effect == "send":
            outcome = document.get("outcome") or document["error"]["outcome"]
            assert len(far_side.writes) == (outcome in ("accepted", "unknown")), document
        for made in (*folder.glob("*.sqlite*"), *folder.glob("*.jpg")):
            made.unlink()


@LINUX
@pytest.mark.parametrize(("what", "limit"), [("AS", 0), ("AS", 32 << 20), ("AS", 60 << 20), ("NOFILE", 3)])
def test_a_call_that_cannot_begin_says_so(what: str, limit: int, folder: Path, far_side: FarSide) -> None:
    """Where memory is short, an import may never end: nothing is imported or begun there."""
    before = LIMIT.format(what=what, limit=limit)
    for name in ("get_contacts", "send_session_message"):
        document, stderr = run(name, *CALLS[name], far_side=far_side, folder=folder, before=before)
        assert document["error"]["code"] == "bad_setup" and OUT_OF in document["error"]["message"]
        assert (machine.NO_MEMORY in document["error"]["message"]) is (what == "AS")
        assert (stderr, far_side.requests) == ("", [])


@pytest.mark.parametrize("error", [MemoryError(), OSError(), ModuleNotFoundError()], ids=repr)
def test_the_written_out_document_is_the_usual_one(error: Exception, each_endpoint: Endpoint) -> None:
    written = json.loads(machine.cannot_begin(error, each_endpoint.effect))
    usual = failed(each_endpoint, unexpected(MemoryError()), KEY)
    assert list(written["error"]) == list(usual["error"])
    assert written == usual or type(error).__name__ in written["error"].pop("message")
    assert_contract(each_endpoint, 3, json.loads(machine.cannot_begin(error, each_endpoint.effect)))


@pytest.mark.parametrize(
    "error",
    [
        ImportError("/usr/lib/a.so: failed to map segment from shared object"),
        ImportError("a.so: cannot open shared object file: Too many open files"),
        RuntimeError("can't allocate read lock"),
        RuntimeError("can't start new thread"),
    ],
    ids=str,
)
def test_what_python_lacks_is_no_missing_package(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise error

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(type(error)) as raised:
        import_package("httpx")
    assert unexpected(raised.value).code == "bad_setup"


def test_a_package_that_is_broken_stays_a_missing_dependency(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise ImportError("a.so: invalid ELF header")

    monkeypatch.setattr("importlib.import_module", fail)
    with pytest.raises(Failure, match="cannot be loaded"):
        import_package("httpx")


SANDBOX = {"WATI_SANDBOX_STATE": "a", "MATON_API_KEY": "sandbox", "MATON_BASE_URL": ""}
RELATIVE: dict[str, tuple[str, list[str], dict[str, str]]] = {
    "a journal": ("send_session_message", CALLS["send_session_message"], {"WATI_JOURNAL": "a"}),
    "a list": ("send_session_message", CALLS["send_session_message"], {"WATI_BLOCKED_RECIPIENTS": "@a"}),
    "a state": ("send_session_message", CALLS["send_session_message"], SANDBOX),
    "a folder": ("send_session_file", CALLS["send_session_file"], {"WATI_FILE_ROOTS": "a"}),
    "a file of JSON": ("send_session_message", ["@a.json"], {}),
    "a CSV": ("send_template_message_csv", CALLS["send_template_message_csv"], {}),
    "an output": ("get_contacts", ["--all", "--output", "a.csv"], {}),
    "a journal of check_send": ("check_send", [], {"WATI_JOURNAL": "a"}),
    "nothing": ("doctor", [], {}),
}


@pytest.mark.skipif(not POSIX, reason="Windows keeps a current folder from being removed")
@pytest.mark.parametrize("what", RELATIVE)
def test_without_a_current_folder(what: str, folder: Path, far_side: FarSide) -> None:
    gone = str(folder / "gone")
    before = f"import os\nos.mkdir({gone!r})\nos.chdir({gone!r})\nos.rmdir({gone!r})"
    name, argv, environ = RELATIVE[what]
    document, _ = run(name, *argv, far_side=far_side, folder=folder, before=before, environ=environ)
    if not document["ok"]:
        assert document["error"].get("outcome", "not_sent") == "not_sent" and not far_side.writes


LEFT = {
    "send_session_message": ("outcome_unknown", "unknown"),
    "create_connection": ("outcome_unknown", "unknown"),
    "assign_operator": ("bad_answer", "unknown"),
    "get_contacts": ("bad_setup", None),
}


@pytest.mark.parametrize("name", LEFT)
@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")], ids=repr)
def test_once_the_request_has_left(
    error: Exception, name: str, call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What may have happened stays so, whatever this machine lacks when the answer comes."""
    far_side.will(reply({"connections": [CONNECTION]}), to="/connections?")
    parse = answers.parse

    def fail(status: int, headers: Any, content: bytes) -> Any:
        if b"connections" in content:
            return parse(status, headers, content)
        raise error

    monkeypatch.setattr(answers, "parse", fail)
    run = call(name, *CALLS.get(name, ["{}"])[:1] if name != "get_contacts" else [])
    assert (run.error["code"], run.error.get("outcome")) == LEFT[name]
    assert OUT_OF in run.error["message"]
    assert far_side.to("/wati/") or far_side.writes


@pytest.mark.skipif(not POSIX, reason="a stream that is open for writing only is POSIX's")
def test_standard_input_that_cannot_be_read(folder: Path, far_side: FarSide) -> None:
    with open(os.devnull, "wb") as closed:
        document, _ = run("send_session_message", "-", far_side=far_side, folder=folder, stdin=closed)
    assert document["error"]["code"] == "usage" and "cannot be read" in document["error"]["message"]
    assert far_side.requests == []


@pytest.mark.parametrize("now", [-2208988800.0, 253402300700.0, 1e12], ids=["1900", "9999", "33658"])
def test_under_any_clock(now: float, folder: Path, far_side: FarSide) -> None:
    before = f"import time\nreal, began = time.time, time.time()\ntime.time = lambda: real() - began + {now}"
    environ = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": "", "WATI_SANDBOX_STATE": str(folder / "state")}
    options: Any = {"far_side": far_side, "folder": folder, "before": before, "environ": environ}
    control.fault(str(folder / "state"), {"fault": "lost_answer", "match": {"method": "POST"}})
    sent, _ = run("send_session_message", *CALLS["send_session_message"], **options)
    assert sent["error"]["outcome"] == "unknown"
    for name, argv in {
        "check_send": [],
        "conversation": ["whatsappNumber=14155551234"],
        "doctor": [],
    }.items():
        assert run(name, *argv, **options)[0]["ok"]
    run("check_send", "1", **options)
