"""The documents against the package: what they claim is looked up in the code or run on the sandbox.

That SKILL.md declares the catalogue's variables and that the endpoint tables are up to date is tested beside
the catalogue, in test_catalogue.py.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import re
import runpy
import shlex
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

import static_rules
from conftest import ROOT, RUNNABLE
from sends import Clock
from wati.calls import explain, findings
from wati.cli.command import execute
from wati.contract import failures, messages
from wati.wire import gateway

sys.path.insert(0, str(ROOT / "dev"))
demo = importlib.import_module("demo")
package = importlib.import_module("package")

REFERENCES = sorted((ROOT / "references").glob("*.md"))
AT_THE_TOP = ("SKILL.md", "README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md")
DOCUMENTS = [*(ROOT / name for name in AT_THE_TOP), *REFERENCES, ROOT / "evals" / "README.md"]

# The others speak of other commands and flags than those of the endpoints.
OF_OTHER_COMMANDS = ("sandbox.md", "speed.md", "CONTRIBUTING.md", "CHANGELOG.md")
OF_ENDPOINTS = [path for path in DOCUMENTS[:-1] if path.name not in OF_OTHER_COMMANDS]

SKILL = (ROOT / "SKILL.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
ERRORS = (ROOT / "references" / "errors.md").read_text(encoding="utf-8")
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SETUP = (ROOT / "references" / "setup.md").read_text(encoding="utf-8")
FRONT, BODY = SKILL.removeprefix("---\n").split("\n---\n", 1)
CATALOGUE = yaml.safe_load((ROOT / "skill.yaml").read_text(encoding="utf-8"))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def table(text: str, first: str) -> list[list[str]]:
    """The rows of the one Markdown table whose first column is called `first`, as stripped cells."""
    found: list[list[list[str]]] = []
    is_inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            is_inside = False
        elif is_inside:
            found[-1].append(cells)
        elif cells[0] == first:
            is_inside = True
            found.append([])
    assert len(found) == 1, f"{len(found)} tables with a first column {first!r}"
    rows = found[0][1:]
    assert rows
    return rows


# --- what an agent loads ------------------------------------------------------------------------------------


def tokens(text: str) -> int:
    with warnings.catch_warnings():
        # Up to 0.1.4 it opens its vocabulary by a function that Python 3.11 and 3.12 call deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        bpe_openai = importlib.import_module("bpe_openai")
        return len(bpe_openai.get_encoding("o200k_base").encode(text))


def test_skill_md_is_short() -> None:
    assert tokens("twenty-two hundred tokens") in range(3, 12)
    assert len(SKILL.splitlines()) <= 200
    assert tokens(SKILL) <= 2600


def test_the_front_matter_is_block_yaml_with_the_keys_that_every_validator_takes() -> None:
    # A flow mapping fails the Agent Skills reference validator; other top-level keys fail others.
    assert not set("{}[]") & set(FRONT)
    front = yaml.safe_load(FRONT)
    assert sorted(front) == ["description", "license", "metadata", "name"]
    assert (front["name"], front["license"]) == ("wati", "MIT-0")
    assert sorted(front["metadata"]) == ["openclaw", "version"]
    assert isinstance(front["metadata"]["version"], str)


def test_the_description_says_what_and_when_in_one_line() -> None:
    description = yaml.safe_load(FRONT)["description"]
    assert len(description) <= 300
    assert "Use when" in description
    assert not set("<>\n") & set(description)
    assert "template" not in description.lower()  # a scanner takes the word for a description left unfinished


def test_openclaw_is_told_what_the_skill_needs() -> None:
    openclaw = yaml.safe_load(FRONT)["metadata"]["openclaw"]
    assert openclaw["primaryEnv"] == "MATON_API_KEY"
    assert openclaw["requires"] == {"env": ["MATON_API_KEY"], "anyBins": ["uv", "python3", "python"]}
    packages = [{"type": "pip", **package} for package in CATALOGUE["runtime"]["packages"]]
    assert openclaw["dependencies"] == packages
    assert [entry["name"] for entry in openclaw["envVars"] if entry["required"]] == ["MATON_API_KEY"]
    assert all(entry["description"] for entry in openclaw["envVars"])


def test_the_body_passes_clawhub_s_quality_gate() -> None:
    assert len(BODY.split()) >= 80
    assert len(re.findall(r"(?m)^## ", BODY)) >= 2
    assert len(re.findall(r"(?m)^(- |\d+\. )", BODY)) >= 3


def test_skill_md_names_the_only_host_and_no_id() -> None:
    hosts = set(re.findall(r"https?://([^/\s`\"')]+)", BODY))
    assert hosts == set(CATALOGUE["network"]["hosts"])
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", SKILL)


# --- tables that repeat the code ----------------------------------------------------------------------------


def test_every_error_code_is_explained_with_its_exit() -> None:
    explained = {row[0].strip("`"): int(row[1]) for row in table(ERRORS, "code")}
    assert explained == {code: exit_code for code, (exit_code, _) in failures.FAILURES.items()}
    assert all(len(row) == 4 and all(row) for row in table(ERRORS, "code"))


def test_every_code_of_a_problem_is_explained_word_for_word() -> None:
    rows = table(ERRORS, "code of a problem")
    assert [(row[0].strip("`"), row[1]) for row in rows] == list(findings.CODES.items())


def test_the_seconds_of_an_explanation_are_the_code_s() -> None:
    assert f"at most {explain.SECONDS:g} seconds of the time allowed" in ERRORS
    assert f"At most {failures.MOST_PROBLEMS} such problems are listed" in ERRORS


def test_codes_that_nothing_raises_are_called_reserved() -> None:
    reserved = {row[0].strip("`") for row in table(ERRORS, "code") if "reserved" in row[3]}
    assert reserved == set(failures.FAILURES) - named_in_code()


def named_in_code() -> set[str]:
    """Every string constant of the client's code, except in the table of failures itself."""
    scripts = ROOT / "scripts"
    files = [
        path
        for path in scripts.rglob("*.py")
        if path.name != "failures.py" and "sandbox" not in path.relative_to(scripts).as_posix()
    ]
    assert len(files) > 20
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_exit_codes_are_explained_word_for_word() -> None:
    assert {int(row[0]): row[1] for row in table(ERRORS, "exit")} == failures.EXITS


def test_skill_md_says_for_every_exit_code_what_to_do() -> None:
    rows = table(SKILL, "exit")
    assert [int(row[0]) for row in rows] == sorted(failures.EXITS)
    assert all(len(row) == 3 and all(row) for row in rows)


def test_the_setup_explains_every_variable() -> None:
    assert [row[0].strip("`") for row in table(SETUP, "variable")] == [v["name"] for v in CATALOGUE["env"]]


@pytest.mark.parametrize("row", table(SECURITY, "claim"), ids=lambda row: row[0][:60])
def test_every_claim_of_security_names_tests_that_exist(row: list[str]) -> None:
    claim, how, proven = row
    named = [one.strip().partition("::") for one in proven.split(",")]
    assert claim and how and named
    for file, _, name in named:
        [found] = (ROOT / "tests").rglob(file)
        code = found.read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", code, re.MULTILINE), f"{file} has no {name}"


def test_every_target_of_make_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = {name for names in re.findall(r"(?m)^\.PHONY: (.+)$", makefile) for name in names.split()}
    assert {row[0].strip("`").split()[1] for row in table(CONTRIBUTING, "command")} == targets


def test_every_room_of_the_code_is_explained() -> None:
    rooms = {file.parent.name for file in (ROOT / "scripts" / "wati").glob("*/__init__.py")}
    assert {row[0].strip("`") for row in table(CONTRIBUTING, "room")} == rooms


def test_the_numbers_of_repeating_are_the_code_s() -> None:
    sentence = (
        f"At most {gateway.ATTEMPTS} attempts. The waits add up to at most {gateway.ALL_WAITS:g} seconds "
        f"and a call to at most {gateway.WHOLE_CALL:g};"
    )
    assert sentence in ERRORS


def test_the_limits_of_messages_are_the_schemas() -> None:
    def member(schema: str, *steps: str) -> Any:
        found = json.loads((ROOT / "schemas" / f"{schema}.json").read_text(encoding="utf-8"))
        for step in steps:
            found = found["items" if step == "[]" else "properties"][step] if step != "[]" else found["items"]
        return found

    limits = {row[0]: row[1] for row in table(sending(), "what")}
    buttons, listed = "send_interactive_buttons_message", "send_interactive_list_message"
    expected = {
        "`messageText`": [member("send_session_message", "messageText")["maxLength"]],
        "template value": [member("send_template_message", "parameters", "[]", "value")["maxLength"]],
        "`caption`": [member("send_session_file", "caption")["maxLength"]],
        "buttons message": [
            member(buttons, "body")["maxLength"],
            member(buttons, "footer")["maxLength"],
            member(buttons, "buttons")["minItems"],
            member(buttons, "buttons")["maxItems"],
            member(buttons, "buttons", "[]", "text")["maxLength"],
        ],
        "list message": [
            member(listed, "body")["maxLength"],
            member(listed, "footer")["maxLength"],
            member(listed, "buttonText")["maxLength"],
            member(listed, "sections")["maxItems"],
            member(listed, "sections", "[]", "title")["maxLength"],
            member(listed, "sections", "[]", "rows", "[]", "description")["maxLength"],
            member(listed, "sections", "[]", "rows")["maxItems"],
        ],
        "receivers in one call": [member("send_template_messages", "receivers")["maxItems"]],
    }
    for what, numbers in expected.items():
        assert [int(number) for number in re.findall(r"[0-9]+", limits[what])] == numbers, what


def sending() -> str:
    return (ROOT / "references" / "sending.md").read_text(encoding="utf-8")


def test_every_flag_that_is_named_exists() -> None:
    named = {
        (name_of(path), flag)
        for path in OF_ENDPOINTS
        # The flags of other tools are not ours.
        for line in path.read_text(encoding="utf-8").splitlines()
        if not line.startswith(("npx ", "openclaw ", "claude ", "codex "))
        for flag in re.findall(r"(?<![\w-])--([a-z][a-z-]+)", line)
    }
    assert len(named) > 10
    helps = [importlib.import_module(name).__doc__ or "" for name in ("tools", "mcp_server")]
    helps += [execute(endpoint, ["--help"], {})[1] for endpoint in RUNNABLE.values()]
    known = {flag for text in helps for flag in re.findall(r"(?m)^  --([a-z-]+)", text)}
    sandbox = runpy.run_path(str(ROOT / "scripts" / "sandbox.py"))["PROGRAM"]
    known |= {flag for command in sandbox.commands.values() for flag in command.flags}
    assert not [(name, flag) for name, flag in sorted(named) if flag not in known]


# --- links --------------------------------------------------------------------------------------------------


def links(path: Path) -> list[tuple[str, str]]:
    """The relative links of a document: file ("" = itself) and fragment."""
    found = re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", path.read_text(encoding="utf-8"))
    return [(target, fragment) for target, fragment in found if "://" not in target]


def anchors(path: Path) -> set[str]:
    """GitHub's anchors of a document's headings."""
    headings = re.findall(r"(?m)^#+ (.+)$", path.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_there_are_links() -> None:
    assert len(links(ROOT / "SKILL.md")) >= 5
    assert len(links(ROOT / "README.md")) >= 25


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target, fragment in links(path):
        file = (path.parent / target).resolve() if target else path
        assert file.is_relative_to(ROOT), target
        assert file.exists(), target
        assert not fragment or fragment in anchors(file), f"{target}#{fragment}"


def test_every_reference_is_one_step_from_skill_md_or_the_readme() -> None:
    assert REFERENCES
    assert sorted((ROOT / "references").rglob("*")) == REFERENCES
    linked = {target for path in ("SKILL.md", "README.md") for target, _ in links(ROOT / path)}
    assert {name_of(path) for path in REFERENCES} <= linked


# --- commands -----------------------------------------------------------------------------------------------

FENCE = re.compile(r"(?ms)^```(?P<language>\w+)(?: (?P<file>[\w.-]+))?\n(?P<text>.*?)^```$")
COMMAND = re.compile(r"python3 (\{baseDir\}/)?scripts/")
WITH_COMMANDS = [
    "SKILL.md",
    "README.md",
    "references/setup.md",
    "references/sending.md",
    "references/files-and-bulk.md",
    "references/journal.md",
    "references/look-ups.md",
    "references/day.md",
    "references/lists.md",
    "references/campaigns.md",
]


class Examples(NamedTuple):
    """The commands of one fence of a document, which a reader runs one after the other.

    `shown`: what the document shows as the output of the last one, in a fence of text right after it.
    """

    document: str
    lines: tuple[str, ...]
    shown: str | None


def examples() -> list[Examples]:
    found = []
    for document in WITH_COMMANDS:
        fences = list(FENCE.finditer((ROOT / document).read_text(encoding="utf-8")))
        groups = [tuple(filter(COMMAND.match, fence["text"].splitlines())) for fence in fences]
        assert any(groups), f"no commands in {document}"
        outputs = [
            fence["text"] if fence["language"] == "text" and not fence["file"] else None for fence in fences
        ]
        following = [*outputs[1:], None]
        found += [
            Examples(document, lines, shown) for lines, shown in zip(groups, following, strict=True) if lines
        ]
    return found


def without_space_and_time(text: str) -> str:
    """`text` as it would be at any moment, however it is laid out."""
    text = re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "DATE", text)
    text = re.sub(r'("seconds_left": ?)[0-9]+', r"\1SECONDS", text)
    return "".join(re.sub(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", "TIME", text).split())


def is_shortened(shown: str, real: str) -> bool:
    """Whether `shown` is `real` with "…" in place of what is left out."""
    pieces = without_space_and_time(shown).split("…")
    pattern = ".*?".join(map(re.escape, pieces))
    return re.fullmatch(pattern, without_space_and_time(real), re.DOTALL) is not None


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ('{"a": 1, "at": "2026-01-02 03:04"}', True),
        ('{"a": 1, …}', True),
        ('{…, "at": …}', True),
        ('{"a": 1}', False),
        ('{"a": 2, …}', False),
        ('{"at": …, "a": …}', False),
    ],
)
def test_an_output_is_compared_with_what_is_shown_of_it(shown: str, expected: bool) -> None:
    assert is_shortened(shown, '{"a":1,"at":"2026-11-29 18:31"}') is expected


def test_the_readme_shows_what_its_commands_print() -> None:
    shown = [given for given in examples() if given.document == "README.md" and given.shown]
    assert len(shown) == 5


@pytest.mark.parametrize("given", examples(), ids=lambda given: f"{given.document}: {given.lines[0][:70]}")
def test_every_command_works_as_it_stands(given: Examples, tmp_path: Path) -> None:
    """Each ends with the exit code that its trailing `# exit N` promises (0 without one)."""
    work_as_they_stand([given], tmp_path, in_a_process)


@pytest.mark.parametrize("document", WITH_COMMANDS)
def test_a_document_s_commands_work_one_after_the_other(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, where the script allows it: that they run as processes, too, the test above shows.

    The limits of the one before are over: whoever reads a document takes more than a moment.
    """
    clock = Clock(monkeypatch)

    def here(script: Path, words: list[str], folder: Path) -> tuple[int, str]:
        if script.stem not in RUNNABLE:
            return in_a_process(script, words, folder)
        monkeypatch.chdir(folder)
        clock.sleep(10)
        return execute(RUNNABLE[script.stem], words, demo.fresh_environment(str(folder.parent)))

    work_as_they_stand([given for given in examples() if given.document == document], tmp_path, here)


def in_a_process(script: Path, words: list[str], folder: Path) -> tuple[int, str]:
    """How a script ends, and what it prints."""
    done = subprocess.run(
        [sys.executable, str(script), *words],
        cwd=folder,
        env=demo.fresh_environment(str(folder.parent)),
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout.decode("utf-8")


def work_as_they_stand(
    groups: list[Examples], tmp_path: Path, run: Callable[[Path, list[str], Path], tuple[int, str]]
) -> None:
    """Run commands of one document in a fresh world."""
    folder = tmp_path / "work"
    folder.mkdir()
    # A fence with a file name after its language is a file that the commands beside it take.
    for fence in FENCE.finditer((ROOT / groups[0].document).read_text(encoding="utf-8")):
        if fence["file"]:
            (folder / fence["file"]).write_text(fence["text"], encoding="utf-8", newline="\n")
    for given in groups:
        output = ""
        for line in given.lines:
            promised = re.search(r"# exit ([0-9])$", line)
            python, path, *words = shlex.split(line.replace("{baseDir}", ROOT.as_posix()), comments=True)
            assert python == "python3"
            exit_code, output = run(ROOT / path, words, folder)
            assert exit_code == (int(promised[1]) if promised else 0), output
            document = json.loads(output)
            if Path(path).stem != "tools":  # a bare document, for pasting
                assert document["sandbox"] is True
                assert document["ok"] is (exit_code == 0)
        assert given.shown is None or is_shortened(given.shown, output), output


def test_the_example_in_python_works_as_it_stands(tmp_path: Path) -> None:
    """In a process of its own, in the skill's folder."""
    text = (ROOT / "references" / "from-code.md").read_text(encoding="utf-8")
    [code] = [fence["text"] for fence in FENCE.finditer(text) if fence["language"] == "python"]
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=demo.fresh_environment(str(tmp_path)),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split() == [b"14155555678"]


def test_documents_without_commands_have_none() -> None:
    for path in OF_ENDPOINTS:
        if name_of(path) not in WITH_COMMANDS:
            assert not re.search(r"(?m)^" + COMMAND.pattern, path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_no_command_has_a_placeholder_that_a_shell_takes_for_redirection(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = "".join(fence["text"] for fence in FENCE.finditer(text) if fence["language"] == "bash")
    assert re.findall(r"<[\w ]+>?", commands) == []


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 1800


def test_skill_md_shows_the_three_main_jobs() -> None:
    lines = [line for given in examples() if given.document == "SKILL.md" for line in given.lines]
    for needed in (
        "find_contact.py",
        "conversation.py",
        "send_template_message.py",
        "--dry-run",
        "--confirm 2",
    ):
        assert any(needed in line for line in lines), needed


def test_skill_md_names_the_lookups_where_an_agent_chooses_a_script() -> None:
    rows = {row[1].split()[0] for row in table(SKILL, "to")}
    assert rows == {helper["name"] for helper in CATALOGUE["helpers"] if "group" in helper}


def properties(name: str) -> Any:
    folder = "schemas/helpers" if (ROOT / "schemas" / "helpers" / f"{name}.json").exists() else "schemas"
    return json.loads((ROOT / folder / f"{name}.json").read_text(encoding="utf-8"))["properties"]


def test_the_optional_arguments_that_skill_md_names_exist() -> None:
    for name, script in (
        ("caption", "send_session_file"),
        ("replyContextId", "send_session_message"),
        ("channelPhoneNumber", "send_session_message"),
        ("ids", "conversation"),
        ("limit", "conversation"),
        ("look", "check_send"),
    ):
        assert re.search(rf"`{name}\b", SKILL), name
        assert name in properties(script)
    rows = properties("conversation")["limit"]
    assert f"newest {rows['default']} rows (`limit`: up to {rows['maximum']})" in SKILL


def test_the_times_of_a_refused_repeat_are_the_journal_s() -> None:
    minutes, seconds = messages.TEMPLATE_SECONDS / 60, messages.SESSION_SECONDS
    assert f"only for {minutes:g} minutes (templates) or {seconds:g} seconds (everything else)" in SKILL


def test_counting_and_matching_are_as_skill_md_says(tmp_path: Path) -> None:
    """Against the sandbox: how many there are, and which values match."""
    environ = demo.fresh_environment(str(tmp_path))

    def run(name: str, *words: str) -> Any:
        module = importlib.import_module(name)
        endpoint = module.ENDPOINT if hasattr(module, "ENDPOINT") else module.HELPER
        return json.loads(execute(endpoint, list(words), environ)[1])

    def members(value: str) -> Any:
        wanted = json.dumps([{"name": "member", "operator": "==", "value": value}])
        return run("get_contacts", f"attribute={wanted}", "--all", "--fields", "wAid")["page"]

    assert (members("VIP")["items"], members("VIP")["complete"]) == (19, True)
    assert members("VI")["items"] == 0
    part = run("find_contact", 'attribute={"name": "member", "value": "vi"}', "limit=50")
    assert part["data"]["matches"] == 19
    transcript = run("conversation", "whatsappNumber=14155551234")["data"]
    assert transcript["zone"] == "UTC" and "more" not in transcript
    assert run("conversation", "whatsappNumber=14155551234", "limit=1")["data"]["more"] is True


# --- what ClawHub refuses -----------------------------------------------------------------------------------


def test_the_shipped_files_are_the_package() -> None:
    names = set(package.published(ROOT))
    assert {"SKILL.md", "skill.yaml", "requirements.txt", "scripts/get_contacts.py"} <= names
    assert {name.split("/")[0] for name in names if "/" in name} == {"references", "schemas", "scripts"}
    assert {Path(name).suffix for name in names} <= {".md", ".py", ".json", ".yaml", ".txt", ".html", ""}
    assert [name for name in names if name.endswith(".html")] == ["scripts/wati/sandbox/page/page.html"]
    # A file of these names makes the registry take the folder for a plugin, or is kept for its own use.
    assert not names & {"package.json", "openclaw.plugin.json", "skill-card.md"}


def test_the_registry_s_static_rules_find_nothing() -> None:
    published = {name: package.read(ROOT, name) for name in package.published(ROOT)}
    assert published
    assert static_rules.findings(published) == []


@pytest.mark.parametrize("rule", static_rules.RULES, ids=lambda rule: rule.name)
def test_a_static_rule_finds_its_sample(rule: static_rules.Rule) -> None:
    name = "sample" + (rule.suffixes[0] or ".txt")
    assert static_rules.findings({name: rule.sample.encode()}) != []


# --- the demo -----------------------------------------------------------------------------------------------


def test_the_demo_plays_the_main_job() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "dev" / "demo.py")], capture_output=True, timeout=60, check=False
    )
    text = done.stdout.decode("utf-8")
    assert (done.returncode, done.stderr) == (0, b"")
    assert re.findall(r"(?m)^exit ([0-9])", text) == [str(step.expected) for step in demo.STEPS]
    for needed in (
        '"outcome": "accepted"',
        "Hi Jane, your order 67890",
        '"session_closed"',
        "APPROVED template",
    ):
        assert needed in text
    command, picture = itertools.islice(FENCE.finditer(README), 2)
    assert command["text"] == "make demo\n"
    assert is_shortened(f"…{picture['text']}…", text)
    # The far side's own log: one message, and not the one that was refused.
    log = text[text.index("scripts/sandbox.py log") :]
    assert (log.count('"kind"'), log.count("Any questions")) == (1, 0)


def test_the_demo_fails_where_a_step_ends_otherwise(capsys: pytest.CaptureFixture[str]) -> None:
    step = demo.STEPS[0]._replace(expected=4)
    assert demo.main([step, demo.STEPS[1]]) == 1
    captured = capsys.readouterr()
    assert "expected exit 4" in captured.err
    assert demo.STEPS[1].script not in captured.out
