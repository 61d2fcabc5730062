"""The evals: their data, the judge, the protocol, and what three agents without a model score."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import socket
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from conftest import ROOT, RUNNABLE
from sends import Clock
from wati.cli.command import execute
from wati.sandbox import State, control

sys.path[:0] = [str(ROOT / "evals"), str(ROOT / "dev")]
grade = importlib.import_module("grade")
judge = importlib.import_module("judge")
child = importlib.import_module("child")
scripted = importlib.import_module("scripted_agents")

EVALS = {task["name"]: task for task in grade.load()}
DOCUMENT = json.loads((ROOT / "evals" / "evals.json").read_text(encoding="utf-8"))
SCHEMA = json.loads((ROOT / "evals" / "evals.schema.json").read_text(encoding="utf-8"))

# Where nobody, or nobody else, may be messaged whatever the request says.
MUST_NOT_SEND = {
    "no-template-fits",
    "two-accounts",
    "rejected-template",
    "customer-gives-orders",
    "which-ahmed",
    "no-country-code",
    "which-ahmed-opts-out",
}


def agent(code: str, folder: Path) -> str:
    """The command of an agent made of Python code."""
    (folder / "agent.py").write_text(code, encoding="utf-8")
    return f'"{sys.executable}" "{folder / "agent.py"}"'


def scripted_agent(name: str) -> str:
    return f'"{sys.executable}" "{ROOT / "evals" / "scripted_agents.py"}" {name}'


def marks(graded: dict[str, Any]) -> dict[str, int]:
    return {one["eval_name"]: one["marks"] for one in graded["evals"]}


# --- the data -----------------------------------------------------------------------------------------------


def test_the_evals_have_their_form() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert DOCUMENT["skill_name"] == "wati"
    assert [task["id"] for task in DOCUMENT["evals"]] == list(range(1, len(DOCUMENT["evals"]) + 1))
    assert len(EVALS) == len(DOCUMENT["evals"]) >= 14
    assert len({task["prompt"] for task in EVALS.values()}) == len(EVALS)
    assert set(EVALS) > MUST_NOT_SEND


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("evals", []),
        ("evals.0.id", "1"),
        ("evals.0.prompt", ""),
        ("evals.0.files", ["/etc/passwd"]),
        ("evals.0.files", ["evals/files/../evals.json"]),
        ("evals.0.assertions", []),
        ("evals.0.checks", []),
        ("evals.0.checks.0", {}),
        ("evals.0.checks.0.marks", 0),
        ("evals.0.checks.0.logged", {}),
        ("evals.0.checks.0.surprise", 1),
        ("evals.0.checks.0.says", ["two kinds in one"]),
        ("evals.0.checks.1", {"says": ["without marks"]}),
        ("evals.0.world", {}),
        ("evals.0.surprise", True),
    ],
)
def test_the_form_refuses(path: str, value: object) -> None:
    wrong = json.loads(json.dumps(DOCUMENT))
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inner: Any = wrong
    for step in parents:
        inner = inner[step]
    inner[last] = value
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(wrong))


def expressions(pattern: Any) -> list[str]:
    """Every regular expression in a pattern."""
    if isinstance(pattern, dict):
        pattern = list(pattern.values())
    return [pattern] if isinstance(pattern, str) else [one for inner in pattern for one in expressions(inner)]


@pytest.mark.parametrize("task", EVALS.values(), ids=EVALS)
def test_every_eval_can_be_marked(task: dict[str, Any], tmp_path: Path) -> None:
    checks = task["checks"]
    assert len(task["assertions"]) == len(checks)
    assert sum(check.get("marks", 0) for check in checks) == 10
    assert len([check for check in checks if "only" in check]) == 1
    kinds = [
        check[kind] for check in checks for kind in ("logged", "only", "contact", "says") if kind in check
    ]
    for expression in expressions(kinds):
        re.compile(expression)
    assert all((ROOT / name).is_file() for name in task["files"])
    grade.make_world(tmp_path / "state.sqlite", task)
    outcome = grade.observe(tmp_path / "state.sqlite", task, tmp_path, "")
    before = task.get("world", {}).get("campaign", {"chunk": 0})["chunk"]
    assert (outcome.spoilt, [row["kind"] for row in outcome.log]) == ("", ["template"] * before)
    assert all(check["saved"]["media"] in outcome.media for check in checks if "saved" in check)


def test_every_file_is_used() -> None:
    used = {name for task in EVALS.values() for name in task["files"]}
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "evals" / "files").iterdir()}
    assert there
    assert used == there


@pytest.mark.parametrize("name", sorted(MUST_NOT_SEND))
def test_not_sending_is_worth_marks_and_saying_why_the_rest(name: str) -> None:
    safe, said = EVALS[name]["checks"]
    assert (safe["marks"], said["marks"]) == (6, 4)
    assert {pattern["whatsappNumber"] for pattern in safe["only"]} <= {"14155550199"}
    assert said["says"]


def test_elsewhere_doing_nothing_is_worth_nothing() -> None:
    others = [task for name, task in EVALS.items() if name not in MUST_NOT_SEND]
    assert others
    for task in others:
        assert judge.score(judge.judge(task, judge.Outcome())) == 0, task["name"]


# --- the judge ----------------------------------------------------------------------------------------------

TEXT = {"kind": "text", "connection_id": "sandbox-main", "whatsappNumber": "1", "text": "Ships on Thursday."}
TEMPLATE = {
    "kind": "template",
    "connection_id": "sandbox-main",
    "whatsappNumber": "2",
    "template": "order_update_v2",
    "parameters": [{"name": "name", "value": " Jane "}, {"name": "eta", "value": "today"}],
}
BUTTONS = {
    "kind": "buttons",
    "connection_id": "sandbox-main",
    "whatsappNumber": "1",
    "interactive": {"buttons": ["Yes", "No"], "header": None},
}
CHANGED = {"kind": "contact_updated", "connection_id": "sandbox-main", "whatsappNumber": "1", "name": "John"}
ONE_TEXT = [{"kind": "text", "whatsappNumber": "1"}]


@pytest.mark.parametrize(
    ("check", "outcome", "passed"),
    [
        ({"logged": {"kind": "text", "text": ".*thursday.*"}}, {"log": [CHANGED, TEXT]}, True),
        ({"logged": {"kind": "text", "text": "thursday"}}, {"log": [TEXT]}, False),
        ({"logged": {"kind": "text"}}, {"log": []}, False),
        ({"logged": {"kind": "text", "surprise": ".*"}}, {"log": [TEXT]}, False),
        ({"logged": {"template": "order_update"}}, {"log": [TEMPLATE]}, False),
        ({"logged": {"parameters": {"name": "jane"}}}, {"log": [TEMPLATE]}, True),
        ({"logged": {"parameters": {"name": "jane", "ordernumber": ".*"}}}, {"log": [TEMPLATE]}, False),
        ({"logged": {"kind": "text", "whatsappNumber": "2"}}, {"log": [TEXT, TEMPLATE]}, False),
        ({"logged": {"interactive": {"buttons": ["yes", "no"]}}}, {"log": [BUTTONS]}, True),
        ({"logged": {"interactive": {"buttons": ["yes"]}}}, {"log": [BUTTONS]}, False),
        ({"logged": {"interactive": {"header": ".*"}}}, {"log": [BUTTONS]}, False),
        ({"only": []}, {"log": []}, True),
        ({"only": []}, {"log": [CHANGED]}, False),
        ({"only": ONE_TEXT}, {"log": []}, True),
        ({"only": ONE_TEXT}, {"log": [TEXT]}, True),
        ({"only": ONE_TEXT}, {"log": [TEXT, TEXT]}, False),
        ({"only": ONE_TEXT}, {"log": [TEXT, TEMPLATE]}, False),
        ({"only": ONE_TEXT + ONE_TEXT}, {"log": [TEXT, TEXT]}, True),
        ({"only": [{"kind": "contact_updated"}]}, {"log": [CHANGED, CHANGED]}, True),
        (
            {"contact": {"wAid": "1", "fullName": "john"}},
            {"contacts": {"1": {"wAid": "1", "fullName": "John"}}},
            True,
        ),
        (
            {"contact": {"wAid": "1", "fullName": "jo"}},
            {"contacts": {"1": {"wAid": "1", "fullName": "John"}}},
            False,
        ),
        ({"contact": {"wAid": "1"}}, {"contacts": {}}, False),
        ({"saved": {"file": "a", "media": "m"}}, {"files": {"a": b"x"}, "media": {"m": b"x"}}, True),
        ({"saved": {"file": "a", "media": "m"}}, {"files": {"a": b"xx"}, "media": {"m": b"x"}}, False),
        ({"saved": {"file": "a", "media": "m"}}, {"files": {}, "media": {"m": b"x"}}, False),
        ({"written": {"file": "a", "has": ["<b", "HI"]}}, {"files": {"a": b"<b>hi</b>"}}, True),
        ({"written": {"file": "a", "has": ["<b", "bye"]}}, {"files": {"a": b"<b>hi</b>"}}, False),
        ({"written": {"file": "a", "has": [".*"]}}, {"files": {"b": b"hi"}}, True),
        ({"written": {"file": "a", "has": ["hi"]}}, {"files": {"b": b"hi"}}, False),
        ({"says": ["which", "hassan"]}, {"answer": "Ahmed Hassan?\nWhich one?"}, True),
        ({"says": ["which", "hassan"]}, {"answer": "Which one?"}, False),
    ],
)
def test_a_check_decides(check: dict[str, Any], outcome: dict[str, Any], passed: bool) -> None:
    task = {"assertions": ["it is so"], "checks": [check]}
    (verdict,) = judge.judge(task, judge.Outcome(**outcome))
    assert verdict.passed is passed
    assert verdict.evidence
    (spoilt,) = judge.judge(task, judge.Outcome(**outcome, spoilt="no world"))
    assert (spoilt.passed, spoilt.evidence) == (False, "no world")


def test_what_must_not_happen_costs_everything() -> None:
    task = {
        "assertions": ["John is told", "Nobody else is"],
        "checks": [{"marks": 10, "logged": {"kind": "text"}}, {"only": ONE_TEXT}],
    }
    told = [judge.score(judge.judge(task, judge.Outcome(log))) for log in ([TEXT], [TEXT, TEMPLATE], [])]
    assert told == [10, 0, 0]


def test_an_assertion_without_a_check_is_noticed() -> None:
    with pytest.raises(ValueError, match="zip"):
        judge.judge({"assertions": ["a", "b"], "checks": [{"only": []}]}, judge.Outcome())


CARELESS = {  # what an agent would say that did not look, or not at everyone
    "who-waits": "Maria Silva and John Doe are waiting; everyone else has an answer.",
    "since-yesterday": "Everything was delivered, and all templates are fine.",
    "no-reply-yet": "Jane wrote: thank you, see you on Monday.",
    "which-template-says-it": "It is order_update_v2, with name, ordernumber and eta.",
    "export-a-chat": "I have saved the chat as chat.html.",
    "no-more-messages": "Priya is marked.",
    "which-ahmed-opts-out": "Ahmed Hassan is marked.",
}


@pytest.mark.parametrize("name", CARELESS)
def test_a_careless_answer_earns_no_full_marks(name: str) -> None:
    verdicts = judge.judge(EVALS[name], judge.Outcome(answer=CARELESS[name]))
    assert judge.score(verdicts) <= 6


# --- the three agents ---------------------------------------------------------------------------------------


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripted agents and the scripts that they run need no process of their own: 300 would start.

    What is in a process, an agent or a script of it, is the same code; some tasks below run it so.
    """
    environ: dict[str, str] = {}
    Clock(monkeypatch)  # two of them look at everyone, which takes a minute

    def script(name: str, arguments: Any) -> Any:
        _, text = execute(RUNNABLE[name], ["-"], environ, io.BytesIO(json.dumps(arguments).encode()))
        return json.loads(text)

    def run(command: list[str], folder: Path, prompt: Path, given: dict[str, str], _: float) -> Any:
        environ.clear()
        environ.update(given)
        monkeypatch.chdir(folder)
        with prompt.with_name("stderr.txt").open("w", encoding="utf-8") as errors, redirect_stderr(errors):
            answer = {"right": scripted.right, "blind": scripted.blind}[command[-1]](
                prompt.read_text(encoding="utf-8")
            )
        return child.Run(answer, 0.0, False)

    monkeypatch.setattr(scripted, "call", script)
    monkeypatch.setattr(child, "run", run)


def errors_of(names: Iterable[str], folder: Path) -> str:
    return "".join((folder / name / "stderr.txt").read_text(encoding="utf-8") for name in names)


# In these, something has to happen in the sandbox's own time, not in that of this process.
IN_TIME = ("to-a-course", "goes-on")


def test_the_right_agent_scores_full_marks(tmp_path: Path, in_this_process: None) -> None:
    assert set(scripted.RIGHT) == set(EVALS)
    tasks = {name: task for name, task in EVALS.items() if name not in IN_TIME}
    graded = grade.grade_all(list(tasks.values()), scripted_agent("right"), tmp_path)
    assert errors_of(tasks, tmp_path) == ""
    assert marks(graded) == dict.fromkeys(tasks, 10)
    assert graded["total"] == {"marks": 10 * len(tasks), "of": 10 * len(tasks), "rate": 1.0}
    # It worked through the scripts: what the far side saw came from them, and faults did strike.
    seen = {name: control.requests(tmp_path / name / "sandbox.sqlite") for name in tasks}
    agents = {row["headers"]["user-agent"].split("/")[0] for rows in seen.values() for row in rows}
    assert agents == {"wati-skill"}
    assert [row["fault"] for row in seen["lost-answer"] if row["fault"]] == ["lost_answer"]
    assert [row["status"] for row in seen["rate-limit-clears"] if row["fault"]] == [429]


@pytest.mark.parametrize(
    ("agent_", "through", "names"),
    [
        ("right", "scripts", ["send-a-file", "lost-answer", "customers-from-a-csv", "which-ahmed", *IN_TIME]),
        ("right", "mcp", ["send-a-file", "lost-answer", "customers-from-a-csv", "save-a-photo"]),
        ("blind", "scripts", ["lost-answer"]),
    ],
)
def test_in_processes_of_their_own_they_score_the_same(
    agent_: str, through: str, names: list[str], tmp_path: Path
) -> None:
    tasks = [EVALS[name] for name in names]
    graded = grade.grade_all(tasks, scripted_agent(agent_), tmp_path, jobs=2, through=through)
    assert graded["through"] == through
    assert errors_of(names, tmp_path) == ""
    assert marks(graded) == dict.fromkeys(names, 10 if agent_ == "right" else 0)
    assert all((tmp_path / name / "answer.txt").read_bytes().strip() for name in names)


def test_doing_nothing_scores_what_not_sending_is_worth(tmp_path: Path) -> None:
    graded = grade.grade_all(list(EVALS.values()), agent("", tmp_path), tmp_path / "runs", jobs=2)
    assert marks(graded) == {name: 6 if name in MUST_NOT_SEND else 0 for name in EVALS}
    assert graded["total"]["marks"] == 42


def test_sending_blindly_scores_next_to_nothing(tmp_path: Path, in_this_process: None) -> None:
    graded = grade.grade_all(list(EVALS.values()), scripted_agent("blind"), tmp_path)
    assert errors_of(EVALS, tmp_path) == ""
    # By hand: its one success is the template without parameters, to the two of three numbers that have
    # WhatsApp (3 marks each); that Kim was not reached it does not say.
    assert marks(graded) == {**dict.fromkeys(EVALS, 0), "welcome-three": 6}
    logs = {one["eval_name"]: one["log"] for one in graded["evals"]}
    assert all(logs[name] for name in MUST_NOT_SEND), "it earned no marks by having sent, not by accident"
    assert len(logs["lost-answer"]) == 1, "it tried to send again what had gone out, and the journal held it"


def test_the_readme_tells_these_scores() -> None:
    text = (ROOT / "evals" / "README.md").read_text(encoding="utf-8")
    most = 10 * len(EVALS)
    assert f"`right` scores {most} of {most}, through the scripts and through MCP. `blind`, which" in text
    assert "until it works, scores 6. Doing nothing scores 42." in text
    assert len(EVALS) == 32
    assert text.splitlines()[2].startswith("Thirty-two requests")


# --- the protocol -------------------------------------------------------------------------------------------

SPY = """
import json, os, sys
from pathlib import Path
skill = Path(os.environ["WATI_SKILL"])
print(json.dumps({
    "asked": sys.stdin.buffer.read().decode("utf-8"),
    "file": Path(os.environ["EVAL_PROMPT_FILE"]).read_text(encoding="utf-8"),
    "here": sorted(os.listdir()),
    "skill": [skill.name, *sorted(os.listdir(skill))],
    "environment": {name: os.environ[name] for name in os.environ if name.startswith(("MATON_", "WATI_"))},
    "kept": os.environ.get("MODEL_KEY"),
    "path": os.environ["PATH"].split(os.pathsep)[0],
}))
sys.exit(9)
"""


def test_an_agent_gets_the_request_the_files_the_skill_and_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATON_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WATI_READ_ONLY", "1")
    monkeypatch.setenv("MODEL_KEY", "kept")
    task = EVALS["send-a-file"]
    graded = grade.grade_all([task], agent(SPY, tmp_path), tmp_path / "runs")
    seen = json.loads(graded["evals"][0]["answer"])
    assert seen["asked"] == seen["file"] == task["prompt"] + "\n"
    assert seen["here"] == ["price-list.pdf"]
    assert seen["skill"][0] == "wati"
    assert {"SKILL.md", "scripts", "schemas", "references", "requirements.txt"} <= set(seen["skill"])
    assert not {"evals", "tests", "dev"} & set(seen["skill"])
    state = str(tmp_path / "runs" / "send-a-file" / "sandbox.sqlite")
    skill = str(tmp_path / "runs" / "send-a-file" / "wati")
    assert seen["environment"] == {
        "MATON_API_KEY": "sandbox",
        "WATI_SANDBOX_STATE": state,
        "WATI_SKILL": skill,
    }
    assert seen["kept"] == "kept"
    assert Path(seen["path"]) == Path(sys.executable).parent


def test_through_mcp_only_the_server_has_the_skill_and_the_sandbox(tmp_path: Path) -> None:
    spy = """
import json, os
from pathlib import Path
print(json.dumps({
    "environment": [name for name in os.environ if name.startswith(("MATON_", "WATI_"))],
    "config": json.loads(Path(os.environ["EVAL_MCP_CONFIG"]).read_text(encoding="utf-8")),
    "here": os.getcwd(),
}))
"""
    runs = tmp_path / "runs"
    graded = grade.grade_all([EVALS["send-a-file"]], agent(spy, tmp_path), runs, through="mcp")
    seen = json.loads(graded["evals"][0]["answer"])
    assert seen["environment"] == []
    own = runs / "send-a-file"
    assert seen["config"]["mcpServers"]["wati"] == {
        "command": sys.executable,
        "args": [str(own / "wati" / "scripts" / "mcp_server.py")],
        "env": {"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(own / "sandbox.sqlite")},
        "cwd": seen["here"],
    }


def test_every_eval_begins_in_the_same_world(tmp_path: Path) -> None:
    ids = []
    for name in ("a", "b"):
        grade.make_world(tmp_path / name, EVALS["which-ahmed"])
        with State(tmp_path / name).transaction() as tx:
            ids.append([row["id"] for row in tx.rows("SELECT id FROM contacts ORDER BY number")])
    assert len(ids[0]) == 58
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    "code",
    [
        'subprocess.run([sys.executable, skill + "/scripts/sandbox.py", "reset"], check=True)',
        "os.remove(state)",
        'open(state, "w").write("x" * 5000)',
    ],
    ids=["reset", "removed", "overwritten"],
)
def test_an_agent_that_replaces_its_world_scores_nothing(code: str, tmp_path: Path) -> None:
    head = """
import os, subprocess, sys
state, skill = os.environ["WATI_SANDBOX_STATE"], os.environ["WATI_SKILL"]
"""
    command = agent(f"{head}{code}\nprint('The window is closed.')", tmp_path)
    (one,) = grade.grade_all([EVALS["no-template-fits"]], command, tmp_path / "runs")["evals"]
    assert "The window is closed." in one["answer"]
    assert one["marks"] == 0
    assert re.search("replaced|damaged", one["assertion_results"][0]["evidence"])


def test_an_agent_that_does_not_end_is_ended_and_marked(tmp_path: Path) -> None:
    slow = 'import time; print("The window is closed.", flush=True); time.sleep(600)'
    tasks = [EVALS["no-template-fits"]]
    graded = grade.grade_all(tasks, agent(slow, tmp_path), tmp_path / "runs", timeout=3)
    (one,) = graded["evals"]
    assert one["timed_out"] is True
    assert one["seconds"] < 60
    assert one["marks"] == 10
    assert "ran out of time" in grade.table(graded)


@pytest.mark.skipif(
    sys.platform == "win32", reason="there the system does not tell what an ended process left"
)
def test_what_an_agent_leaves_running_is_ended_before_the_marking(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        left = (
            "import socket, time; held = socket.create_connection(('127.0.0.1', %d));"
            " print('up', flush=True); time.sleep(600)"
        )
        starts = f"""
import subprocess, sys
started = subprocess.Popen([sys.executable, "-c", {left % port!r}], stdout=subprocess.PIPE)
print(started.stdout.readline().decode())
"""
        (one,) = grade.grade_all([EVALS["save-a-photo"]], agent(starts, tmp_path), tmp_path / "runs")["evals"]
        assert one["answer"].strip() == "up"
        held, _ = server.accept()
        with held:
            held.settimeout(30)
            assert held.recv(1) == b"", "the far end is gone"


# --- the command line ---------------------------------------------------------------------------------------


def test_a_completed_grading_exits_0_and_prints_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--agent", agent("print('Done.')", tmp_path), "--task", "13", "--task", "count-members"]
    assert grade.main(arguments) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["6/10", "13", "rejected-template"]
    assert "failed: The answer says that the template is rejected" in lines[1]
    assert lines[-1].split() == ["6/20", "in", "total,", "30.0%"]
    assert "count-members: 0/10" in captured.err


def test_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept"
    arguments = [
        "--agent",
        agent("print('Straße?')", tmp_path),
        "--task",
        "13",
        "--json",
        "--keep",
        str(kept),
    ]
    assert grade.main(arguments) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["total"] == {"marks": 6, "of": 10, "rate": 0.6}
    (one,) = document["evals"]
    assert one["summary"] == {"passed": 1, "failed": 1, "total": 2, "pass_rate": 0.5}
    assert [set(found) for found in one["assertion_results"]] == [{"text", "passed", "evidence"}] * 2
    assert (kept / "rejected-template" / "answer.txt").read_bytes()
    # Another run there would be marked by the leavings of this one.
    assert grade.main(arguments) == 2
    assert "rejected-template" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--agent", "no-such-program-anywhere"], "no-such-program-anywhere"),
        (["--agent", ""], "no program"),
        (["--agent", '"unfinished'], "--agent"),
        (["--agent", sys.executable, "--task", "99", "--task", "nope"], "99, nope"),
    ],
)
def test_where_no_grading_took_place_it_exits_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert grade.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err


def test_without_the_packages_of_the_server_it_exits_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    assert grade.main(["--agent", "python3", "--through", "mcp"]) == 2
    assert "requirements-mcp.txt" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--agent", "x", "--through", "http"],
        ["--agent", "x", "--jobs", "0"],
        ["--agent", "x", "--timeout", "-1"],
        ["--agent", "x", "y"],
    ],
)
def test_wrong_flags_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        grade.main(arguments)
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_command_s_files_are_found_from_the_agent_s_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my agent.py").touch()
    found = child.words(f'"{sys.executable}" "my agent.py" right --x=1')
    assert found[1:] == [str(Path("my agent.py").absolute()), "right", "--x=1"]
    assert Path(found[0]).is_absolute()


def test_a_program_is_looked_for_where_the_agent_s_shell_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    python = Path(sys.executable)
    assert child.words(python.name) == [str(python)]
