"""Rows as they come, and what they are in words."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import unicodedata
from pathlib import Path

import pytest

from wati.sandbox import control, following, telling

SCRIPT = Path(control.__file__).parents[2] / "sandbox.py"
V1 = "/wati/api/v1"
JOHN, JANE = "14155551234", "14155555678"


def say(world, text="hello", number=JOHN):
    return world.post(f"{V1}/sendSessionMessage/{number}", data={"messageText": text})


class Turns:
    """Takes the place of the wait between two looks: does the next thing, and at the end says to stop."""

    def __init__(self, *things):
        self._things = list(things)

    def __call__(self, seconds):
        if not self._things:
            return True
        self._things.pop(0)()
        return False


def test_what_comes_follows_what_is_there(world):
    say(world, "before")
    told = following.follow(
        world.path, "deliveries", Turns(lambda: say(world, "one"), lambda: say(world, "two"))
    )
    assert [[row["text"] for row in rows] for rows in told] == [["before"], ["one"], ["two"]]


def test_only_what_comes_if_so_asked(world):
    say(world, "before")
    newest = following.newest(world.path, "deliveries")
    told = following.follow(world.path, "deliveries", Turns(lambda: say(world, "one")), newest)
    assert [[row["text"] for row in rows] for rows in told] == [["one"]]


def test_the_last_change_before_the_end_is_told(world):
    def stop(seconds):
        say(world, "at the last moment")
        return True

    told = following.follow(world.path, "deliveries", stop)
    assert [row["text"] for rows in told for row in rows] == ["at the last moment"]


def test_after_a_reset_the_new_world_follows(world):
    for number in range(3):
        say(world, str(number))
    newest = following.newest(world.path, "deliveries")
    again = Turns(lambda: control.reset(world.path, limits=False), lambda: say(world, "new"))
    told = following.follow(world.path, "deliveries", again, newest)
    assert [row["text"] for rows in told for row in rows] == ["new"]


def test_a_request_comes_when_it_is_answered(serve, state_file, connect):
    """A slow one does not keep those after it waiting."""
    release = threading.Event()
    world = serve(state_file)
    control.fault(state_file, {"fault": "delay", "seconds": 0.5, "match": {"path": f"{V1}/sendSession*"}})
    told = []

    def slow():
        with connect(world) as api:
            api.post(f"{V1}/sendSessionMessage/{JOHN}", data={"messageText": "late"})
        release.set()

    def quick():
        thread = threading.Thread(target=slow)
        thread.start()
        while not control.requests(state_file):
            pass
        with connect(world) as api:
            api.get("/connections")

    turns = Turns(quick, lambda: release.wait(5))
    for rows in following.follow(state_file, "requests", turns):
        told += [(row["path"].rpartition("/")[2], row["status"], telling.did(row)) for row in rows]
    assert told == [("connections", 200, "read"), (JOHN, 200, f"text to {JOHN}: late")]


def test_messages_of_both_sides_follow(world):
    newest = following.newest(world.path, "messages")
    photo = {"fileName": "a.png", "base64": "eA=="}
    turns = Turns(
        lambda: control.reply(world.path, JANE, text="I am back"),
        lambda: say(world, "Welcome back", JANE),
        lambda: control.reply(world.path, "15550001111", file=photo, text="look"),
    )
    rows = [row for rows in following.follow(world.path, "messages", turns, newest) for row in rows]
    lines = [telling.message(row) for row in rows]
    assert [line["who"] for line in lines] == [
        f"Jane Smith ({JANE})",
        f"to Jane Smith ({JANE})",
        "+15550001111",
    ]
    assert [line["what"] for line in lines[:2]] == ["I am back", "Welcome back"]
    assert re.fullmatch(r"\[image [0-9a-f-]{36}\.png\] look", lines[2]["what"])


# --- in words -----------------------------------------------------------------------------------------------

HOSTILE = "a\x1b[2Jb\u202ec\u200bd\u2028e\nf\x00\x07g"


def test_no_text_controls_the_terminal():
    row = {
        "at": "2026-01-05T12:00:00Z",
        "kind": "text",
        "whatsappNumber": JOHN,
        "text": HOSTILE,
        "connection_id": "x",
    }
    for shown in (telling.told("deliveries", row), telling.shown("deliveries", [row])):
        assert shown.splitlines()[-1].endswith(r"a\u001b[2Jb\u202ec\u200bd\u2028e f\u0000\u0007g")
        controls = [each for each in shown if unicodedata.category(each)[0] == "C" and each != "\n"]
        assert controls == []


def test_columns_are_in_line_whatever_the_script():
    rows = [{"a": "日本", "b": "x"}, {"a": "abcd", "b": "y"}, {"a": "é", "b": "z"}]
    assert telling.table(rows).splitlines() == ["a     b", "日本  x", "abcd  y", "é     z"]
    assert telling.table([]) == ""


def test_long_texts_are_cut():
    assert telling.plain("x" * 121) == "x" * 120 + "…"
    assert telling.plain("x" * 120) == "x" * 120


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ('{"result":false,"info":"no"}', 200, "rejected: no"),
        ('{"ok":false,"errors":["a","b"]}', 200, "rejected: a"),
        ('{"result":false}', 200, "rejected"),
        ('{"error":{"message":"m","type":"t"}}', 401, "rejected: m"),
        ('{"title":"t","errors":{"x":["is wrong"]}}', 400, "rejected: is wrong"),
        ("<html>", 502, "rejected"),
        ("[1]", 500, "rejected"),
        ('{"result":"success"}', 200, "read"),
        ('{"result":"succ', 200, "read"),
        (None, None, "nothing"),
    ],
)
def test_why_a_request_did_nothing(answer, status, said):
    row = {"method": "GET", "status": status, "fault": None, "answer": answer, "effects": []}
    assert telling.did(row) == said


# --- the commands -------------------------------------------------------------------------------------------


def on_a_terminal(*arguments):
    """Run a command whose output is a terminal. Its exit code, and what it printed."""
    import pty  # which Windows does not have

    reader, writer = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments], stdout=writer, stdin=subprocess.DEVNULL
    )
    os.close(writer)
    shown = b""
    try:
        while piece := os.read(reader, 65536):
            shown += piece
    except OSError:  # how Linux ends a terminal
        pass
    os.close(reader)
    return process.wait(20), shown.decode().replace("\r\n", "\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals")
def test_the_log_is_a_table_on_a_terminal(world, state_file):
    assert on_a_terminal("log", "--state", state_file) == (0, "Nothing yet.\n")
    say(world)
    code, shown = on_a_terminal("log", "--state", state_file)
    assert (code, shown.splitlines()) == (
        0,
        ["at        kind  to           status  what", f"12:00:00  text  {JOHN}  SENT    hello"],
    )
    code, shown = on_a_terminal("log", "--requests", "--state", state_file)
    assert re.search(rf"POST v1 sendSessionMessage/{JOHN} +200 +text to {JOHN}: hello", shown)
    code, shown = on_a_terminal("fault", "--state", state_file)
    assert json.loads(shown)["ok"] is True  # everything else is the document


@pytest.mark.parametrize(
    ("command", "member", "expected"),
    [
        (["log"], "text", "hello"),
        (["log", "--requests"], "path", f"{V1}/sendSessionMessage/{JOHN}"),
        (["watch"], "text", "hello"),
    ],
)
def test_rows_are_json_lines_where_no_one_looks(world, state_file, command, member, expected):
    flags = [] if command == ["watch"] else ["--follow"]
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *command, *flags, "--state", state_file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stdout is not None
    stop = threading.Event()

    def keep_saying():
        # Until one is heard: `watch` shows only what comes after it has begun.
        while not stop.wait(0.1):
            say(world)

    sayer = threading.Thread(target=keep_saying)
    sayer.start()
    try:
        row = json.loads(process.stdout.readline())
    finally:
        stop.set()
        sayer.join()
        process.send_signal(signal.SIGTERM)
    assert row[member] == expected
    _, told = process.communicate(timeout=10)
    assert (process.returncode, told) == (0, "")


def test_it_ends_when_its_reader_goes_away(world, state_file):
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), "log", "--follow", "--state", state_file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    say(world)
    process.stdout.readline()
    process.stdout.close()
    while process.poll() is None:
        say(world)
    assert (process.returncode, process.stderr.read()) == (0, b"")
    process.stderr.close()
