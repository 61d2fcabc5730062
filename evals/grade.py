"""Run an agent on the evals in the sandbox, and mark what it did.

usage: python evals/grade.py --agent "COMMAND" [--through mcp] [--task ID]... [--json] [--jobs N]
                             [--timeout SECONDS] [--keep FOLDER]

The agent is a command that reads a user's request from standard input and prints its final answer. See
evals/README.md. The exit code is 0 for a complete grading, whatever the score, and 2 if there was none.
"""

from __future__ import annotations

import argparse
import compileall
import importlib.util
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == "__main__":
    for folder in ("scripts", "dev", "evals"):
        sys.path.insert(0, str(Path(__file__).resolve().parent.parent / folder))

import jsonschema

import begun
import child
import package
from judge import Json, Outcome, Verdict, judge, score
from wati.sandbox import State, StateError, control, people

ROOT = Path(__file__).resolve().parent.parent
EVALS = ROOT / "evals" / "evals.json"
SCHEMA = ROOT / "evals" / "evals.schema.json"
ACCOUNT = "sandbox-main"
_MARKER = "eval"


class UsageError(Exception):
    """No grading can take place; the message says why."""


def load() -> list[Json]:
    """Every eval of evals.json. Raises jsonschema.ValidationError if it does not fit its schema."""
    schema, document = (json.loads(path.read_text(encoding="utf-8")) for path in (SCHEMA, EVALS))
    jsonschema.Draft202012Validator(schema).validate(document)
    evals: list[Json] = document["evals"]
    return evals


def chosen(evals: list[Json], wanted: Sequence[str]) -> list[Json]:
    """The evals with these ids or names; all of them if `wanted` is empty."""
    known = {key: one for one in evals for key in (str(one["id"]), one["name"])}
    if unknown := [key for key in wanted if key not in known]:
        raise UsageError(f"there is no eval {', '.join(unknown)}")
    return [known[key] for key in dict.fromkeys(wanted)] or evals


def copy_skill(target: Path) -> None:
    """The skill as it is published, so without the evals."""
    for name in package.published(ROOT):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(package.read(ROOT, name))
    compileall.compile_dir(target / "scripts", quiet=1)  # once, not again in each eval


def make_world(state: Path, task: Json) -> None:
    """A fresh sandbox for one eval: the same contacts, messages and ids each time.

    It uses the machine's clock, because an agent compares the times of messages with its own.
    """
    control.reset(state, ids=task["id"])
    world = task.get("world", {})
    if "seed" in world:
        control.seed(state, world["seed"])
    if "faults" in world:
        control.fault(state, world["faults"])
    if "campaign" in world:
        begun.begin(state, world["campaign"])
    with State(state).transaction() as tx:
        tx.set(_MARKER, task["name"])


def observe(state: Path, task: Json, folder: Path, answer: str) -> Outcome:
    """What the agent left behind."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    try:
        with State(state).transaction() as tx:
            if tx.get(_MARKER) != task["name"]:
                return Outcome(spoilt="the agent replaced the sandbox's world")
            numbers = [check["contact"]["wAid"] for check in task["checks"] if "contact" in check]
            contacts = {number: people.find(tx, ACCOUNT, number) for number in numbers}
            rows = tx.rows("SELECT file_name, content FROM media WHERE account = ?", ACCOUNT)
            media = {row["file_name"]: bytes(row["content"]) for row in rows}
        found = {number: contact for number, contact in contacts.items() if contact is not None}
        return Outcome(control.log(state), found, files, media, answer)
    except StateError as error:
        return Outcome(spoilt=str(error))


def route(through: str, folder: Path, own: dict[str, str]) -> dict[str, str]:
    """The variables by which the agent reaches the skill. `own`: those of the sandbox.

    With MCP, only the server has the sandbox and the skill, so nothing goes past it.
    """
    if through == "scripts":
        return {**own, "WATI_SKILL": str(folder / "wati")}
    server = {
        "command": sys.executable,
        "args": [str(folder / "wati" / "scripts" / "mcp_server.py")],
        "env": own,
        "cwd": str(folder / "work"),
    }
    config = folder / "mcp.json"
    config.write_text(json.dumps({"mcpServers": {"wati": server}}), encoding="utf-8")
    return {"EVAL_MCP_CONFIG": str(config)}


def grade(
    task: Json, command: list[str], skill: Path, folder: Path, timeout: float, through: str = "scripts"
) -> Json:
    """Run the agent on one eval, in its own folder. Returns the report."""
    work, state, prompt = folder / "work", folder / "sandbox.sqlite", folder / "prompt.txt"
    work.mkdir(parents=True)
    shutil.copytree(skill, folder / "wati")
    for name in task["files"]:
        shutil.copy2(ROOT / name, work)
    prompt.write_text(task["prompt"] + "\n", encoding="utf-8")
    make_world(state, task)
    own = {"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(state)}
    environ = child.environment(**route(through, folder, own), EVAL_PROMPT_FILE=str(prompt))
    run = child.run(command, work, prompt, environ, timeout)
    outcome = observe(state, task, work, run.answer)
    return report(task, judge(task, outcome), outcome, run)


def report(task: Json, verdicts: Sequence[Verdict], outcome: Outcome, run: child.Run) -> Json:
    """The result of one eval. assertion_results and summary are in the form of Agent Skills' grading.json."""
    passed = sum(verdict.passed for verdict in verdicts)
    return {
        "eval_id": task["id"],
        "eval_name": task["name"],
        "marks": score(verdicts),
        "of": sum(verdict.marks for verdict in verdicts),
        "seconds": round(run.seconds, 1),
        "timed_out": run.timed_out,
        "assertion_results": [
            {"text": verdict.text, "passed": verdict.passed, "evidence": verdict.evidence}
            for verdict in verdicts
        ],
        "summary": {
            "passed": passed,
            "failed": len(verdicts) - passed,
            "total": len(verdicts),
            "pass_rate": round(passed / len(verdicts), 2),
        },
        "answer": run.answer,
        "log": list(outcome.log),
    }


def grade_all(
    evals: Sequence[Json],
    agent: str,
    base: Path,
    *,
    jobs: int = 1,
    timeout: float = 600.0,
    through: str = "scripts",
) -> Json:
    """The report of every eval, and the total. Raises UsageError if the agent cannot be started."""
    try:
        command = child.words(agent)
    except ValueError as error:
        raise UsageError(f"--agent: {error}") from None
    if through == "mcp" and importlib.util.find_spec("mcp") is None:
        raise UsageError("--through mcp needs the packages of requirements-mcp.txt")
    if taken := [task["name"] for task in evals if (base / task["name"]).exists()]:
        raise UsageError(f"{base} already has results: {', '.join(taken)}")
    with tempfile.TemporaryDirectory() as clean:
        skill = Path(clean, "wati")
        copy_skill(skill)

        def one(task: Json) -> Json:
            result = grade(task, command, skill, base / task["name"], timeout, through)
            print(f"{task['name']}: {result['marks']}/{result['of']}", file=sys.stderr, flush=True)
            return result

        with ThreadPoolExecutor(jobs) as pool:
            results = list(pool.map(one, evals))
    marks, most = (sum(result[member] for result in results) for member in ("marks", "of"))
    total = {"marks": marks, "of": most, "rate": round(marks / most, 3)}
    return {"skill_name": "wati", "agent": agent, "through": through, "total": total, "evals": results}


def table(graded: Json) -> str:
    """The report for people: the score of each eval, and the assertions that failed."""
    lines = []
    for one in graded["evals"]:
        late = ["          ran out of time"] if one["timed_out"] else []
        missed = [found for found in one["assertion_results"] if not found["passed"]]
        why = [f"          failed: {found['text']}\n            ({found['evidence']})" for found in missed]
        lines += [f"{one['marks']:>3}/{one['of']:<3}  {one['eval_id']:>2} {one['eval_name']}", *late, *why]
    total = graded["total"]
    return "\n".join([*lines, f"{total['marks']}/{total['of']}  in total, {total['rate']:.1%}"])


def options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("--agent", metavar="COMMAND", required=True, help="the command that runs the agent")
    parser.add_argument(
        "--through",
        choices=["scripts", "mcp"],
        default="scripts",
        help="how the agent reaches the skill (default scripts)",
    )
    parser.add_argument(
        "--task", metavar="ID", action="append", default=[], help="id or name of an eval; can be repeated"
    )
    parser.add_argument("--json", action="store_true", help="print everything as one JSON document")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="agents at a time (default 1)")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=600.0, help="per eval (default 600)"
    )
    parser.add_argument(
        "--keep", metavar="FOLDER", type=Path, help="run in this folder, and keep what agents wrote"
    )
    found = parser.parse_args(arguments)
    if found.jobs < 1 or not 0 < found.timeout < float("inf"):
        parser.error("--jobs and --timeout take numbers above 0")
    return found


def main(arguments: Sequence[str]) -> int:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # the code page of a Windows console lacks characters
            reconfigure(encoding="utf-8", errors="backslashreplace")
    wanted = options(arguments)
    try:
        evals = chosen(load(), wanted.task)
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            base = Path(scratch) if wanted.keep is None else wanted.keep.resolve()
            graded = grade_all(
                evals,
                wanted.agent,
                base,
                jobs=wanted.jobs,
                timeout=wanted.timeout,
                through=wanted.through,
            )
    except (UsageError, package.PackageError) as error:
        print(f"grade.py: {error}", file=sys.stderr)
        return 2
    print(json.dumps(graded, ensure_ascii=False, indent=2) if wanted.json else table(graded))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
