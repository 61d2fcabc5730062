"""No wait is without a bound, whatever becomes of the thread that is waited for."""

from __future__ import annotations

import _thread
import ast
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, Run
from recording import FarSide
from sends import HELLO
from wati.cli.streams import diagnose
from wati.contract.settings import Settings
from wati.wire import client
from wati.wire.client import Client
from wati.wire.departure import Departure, run_until
from wati.wire.threads import Worker


@pytest.fixture
def stillborn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new thread ends before it does anything, as one does that is refused memory."""
    start = _thread.start_new_thread

    def start_and_end(*_: Any) -> int:
        return start(lambda: None, ())

    monkeypatch.setattr(_thread, "start_new_thread", start_and_end)
    # The names under which `threading` keeps it: up to Python 3.12, and from 3.13 on.
    for name in {"_start_new_thread", "_start_joinable_thread"} & set(vars(threading)):
        monkeypatch.setattr(threading, name, lambda *_, **__: start(lambda: None, ()))


def test_a_thread_that_dies_at_its_start_is_given_up_at_the_deadline(stillborn: None) -> None:
    began = time.monotonic()
    assert run_until(began + 0.2, Departure(), lambda: 7) is None
    assert time.monotonic() - began >= 0.2


def test_a_call_ends_without_its_thread(call: Callable[..., Run], far_side: FarSide, stillborn: None) -> None:
    run = call("send_session_message", HELLO, "--timeout", "0.3", "--verbose")
    assert (run.error["code"], run.error["outcome"]) == ("timeout", "not_sent")
    assert far_side.requests == []


def test_what_is_said_on_stderr_is_given_up(stillborn: None, capsys: pytest.CaptureFixture[str]) -> None:
    diagnose("lost")
    assert capsys.readouterr().err == ""


def test_a_worker_that_fails_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise MemoryError

    heard = threading.Event()  # the interpreter reports it after the thread has said that it ended
    monkeypatch.setattr("sys.unraisablehook", lambda _: heard.set())
    worker = Worker(fail)
    assert worker.ended(10) and worker.ended(10)
    assert heard.wait(10)


def test_closing_does_not_wait_for_a_pool_that_is_being_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Certificates on a drive that hangs, say. The thread that loads them was left behind."""
    opening, go_on, opened = threading.Event(), threading.Event(), []

    def slow(_: Settings) -> Any:
        opening.set()
        go_on.wait(10)
        opened.append(open_pool(settings))
        return opened[0]

    settings = Settings({"MATON_API_KEY": "k" * 20, "MATON_BASE_URL": "http://127.0.0.1:9"})
    open_pool = client._open
    monkeypatch.setattr(client, "_open", slow)
    mine = Client(settings)
    heard: list[str] = []

    def use() -> None:
        try:
            mine.pool.get("/")
        except Exception as error:
            heard.append(str(error))

    worker = Worker(use)
    assert opening.wait(10)
    closed = Worker(mine.close)
    assert closed.ended(10)
    go_on.set()
    assert worker.ended(10)
    assert heard == ["The session was closed."] and opened[0].is_closed


# --- the code itself ---------------------------------------------------------------------------------------

# Ours is the waiting side: the sandbox stands in for the far side.
CODE = sorted(path for path in (ROOT / "scripts" / "wati").rglob("*.py") if "sandbox" not in path.parts)
WAITS = ("wait", "join", "acquire", "result")


def unbounded(path: Path) -> list[str]:
    """The calls that can wait for another thread without a bound; `str.join` has an argument."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            waits = node.func.attr in WAITS and not (node.args or node.keywords)
            if waits or node.func.attr == "Thread":
                found.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    return found


def test_no_code_of_ours_waits_without_a_bound() -> None:
    found = [each for path in CODE for each in unbounded(path)]
    assert len(CODE) > 80
    # A lock that was made on the line before.
    assert [each.partition(":")[0] for each in found] == ["threads.py"]
