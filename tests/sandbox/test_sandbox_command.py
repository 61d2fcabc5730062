"""scripts/sandbox.py: one JSON document for every command, and for every mistake."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from wati.sandbox import control, transport

SCRIPT = Path(control.__file__).parents[2] / "sandbox.py"


def run(*arguments, stdin="", **kwargs):
    command = [sys.executable, str(SCRIPT), *arguments]
    done = subprocess.run(
        command,
        input=stdin,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=20,
        **kwargs,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def command(state_file):
    """Run a command on the test's world; its data."""

    def call(name, *arguments, **kwargs):
        code, out, err = run(name, *arguments, "--state", state_file, **kwargs)
        document = json.loads(out)
        assert (code, err, set(document)) == (0, "", {"ok", "data", "sandbox"}), out + err
        assert document["ok"] is document["sandbox"] is True
        return document["data"]

    return call


@pytest.fixture
def mistake(state_file):
    """Run a command that fails; its exit code and error."""

    def call(*arguments, **kwargs):
        code, out, err = run(*arguments, "--state", state_file, **kwargs)
        document = json.loads(out)
        assert (err, set(document), document["ok"]) == ("", {"ok", "error", "sandbox"}, False)
        assert document["error"]["message"]
        return code, document["error"]

    return call


def test_the_whole_life_of_a_world(command, state_file):
    now = command("reset", "--now", "2026-03-01T00:00:00Z", "--ids", "5", "--no-limits")
    assert now == {"state": state_file, "now": "2026-03-01T00:00:00.000Z", "limits": False}
    assert command("advance", "1.5h") == {"now": "2026-03-01T01:30:00.000Z"}
    assert command("advance", "90") == {"now": "2026-03-01T01:31:30.000Z"}
    assert command("authorize", "sandbox-pending") == {"connection_id": "sandbox-pending", "status": "ACTIVE"}
    assert command("seed", '{"operators": [{"email": "a@example.com"}]}') == {"operators": 1}
    assert command("seed", "-", stdin='{"not_on_whatsapp": ["15550001111"]}') == {"not_on_whatsapp": 1}
    (waiting,) = command("fault", '{"fault": "status", "status": 500}')
    assert (waiting["times"], waiting["after"]) == (1, 0)
    assert command("fault") == [waiting]
    key = {"Authorization": "Bearer sandbox"}
    with httpx.Client(transport=transport(state_file), base_url="https://api.maton.ai", headers=key) as api:
        assert [api.delete("/connections/sandbox-failed").status_code for _ in range(2)] == [500, 200]
    (row,) = command("log")
    assert (row["kind"], row["connection_id"]) == ("connection_deleted", "sandbox-failed")
    assert [seen["status"] for seen in command("log", "--requests")] == [500, 200]
    command("fault", '[{"fault": "reset"}, {"fault": "gzip"}]')
    assert [one["fault"] for one in command("fault", "--clear", '{"fault": "empty"}')] == ["empty"]
    assert command("fault", "--clear") == []


def test_json_from_a_file(command, tmp_path):
    (tmp_path / "fault ä.json").write_text('\ufeff{"fault": "reset"}', encoding="utf-8")
    assert command("fault", f"@{tmp_path / 'fault ä.json'}")[0]["fault"] == "reset"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["nope"], "usage"),
        (["log", "--bogus"], "usage"),
        (["log", "--req"], "usage"),
        (["seed"], "usage"),
        (["advance", "soon"], "usage"),
        (["advance", "-5"], "usage"),
        (["reset", "--ids", "x"], "usage"),
        (["serve", "--port", "99999"], "usage"),
        (["fault", "{"], "invalid_json"),
        (["seed", "[" * 100_000], "invalid_json"),
        (["seed", '{"not_on_whatsapp": ["\\ud800"]}'], "invalid_json"),
        (["fault", '{"fault": "delay", "seconds": NaN}'], "invalid_json"),
        (["fault", "@no such file"], "file_unreadable"),
        (["fault", '{"fault": "nope"}'], "invalid_arguments"),
        (["seed", "[]"], "invalid_arguments"),
        (["reset", "--now", "soon"], "invalid_arguments"),
        (["advance", "9999999999999"], "invalid_arguments"),
        (["authorize", "nobody"], "invalid_arguments"),
    ],
)
def test_mistakes_exit_2_as_json(mistake, arguments, code):
    exit_code, error = mistake(*arguments)
    assert (exit_code, error["code"]) == (2, code)
    assert error.get("hint") or code == "file_unreadable"


def test_wrong_arguments_say_where(mistake):
    _, error = mistake("fault", '[{"fault": "reset"}, {"fault": "delay"}]')
    assert error["problems"][0]["at"].startswith("$[1]")


def test_a_damaged_state_is_bad_setup_and_reset_fixes_it(mistake, command, state_file):
    Path(state_file).write_bytes(b"junk" * 1000)
    exit_code, error = mistake("log")
    assert (exit_code, error["code"], "reset" in error["message"]) == (3, "bad_setup", True)
    command("reset")
    assert command("log") == []


def test_a_port_in_use_is_bad_setup(mistake):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        exit_code, error = mistake("serve", "--port", str(other.getsockname()[1]))
    assert (exit_code, error["code"]) == (3, "bad_setup")


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["fault", "--help"]])
def test_help_is_text(arguments):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert out.startswith("usage: ")


def test_a_missing_package_is_named(state_file):
    # -S leaves the installed packages out.
    for arguments, expected in ((["log"], 0), (["fault", '{"fault": "reset"}'], 3), (["seed", "{}"], 3)):
        command = [sys.executable, "-S", str(SCRIPT), *arguments, "--state", state_file]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, encoding="utf-8", timeout=20
        )
        document = json.loads(done.stdout)
        assert (done.returncode, done.stderr) == (expected, "")
        assert document["ok"] or document["error"]["code"] == "missing_dependency"
        assert document["ok"] or "jsonschema" in document["error"]["message"]


def test_it_runs_from_anywhere_and_in_any_encoding(state_file, tmp_path):
    control.seed(state_file, {"contacts": [{"whatsappNumber": "15550001111", "name": "日本 😀"}]})
    control.fault(state_file, {"fault": "html", "body": "日本 😀"})
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONSAFEPATH": "1"}
    code, out, _ = run("fault", "--state", state_file, cwd=tmp_path, env=environment)
    assert code == 0
    assert json.loads(out)["data"][0]["body"] == "日本 😀"


def test_the_state_may_be_named_before_the_command(tmp_path):
    path = str(tmp_path / "other.sqlite")
    code, out, _ = run("--state", path, "reset")
    assert code == 0 and json.loads(out)["data"]["state"] == path
    code, out, _ = run("--state", path, "log")
    assert code == 0 and json.loads(out)["data"] == []
