"""What a host gets from scripts/tools.py: run as a program, since that is how a host runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from tools import FORMS
from wati.mcp import definitions
from wati.mcp.instructions import INSTRUCTIONS

TOOLS = ROOT / "scripts" / "tools.py"
CATALOGUE = definitions.offered(definitions.catalogue())
READS = [tool["name"] for tool in CATALOGUE if tool["effect"] == "read"]


def run(*arguments: str, script: Path = TOOLS, **environ: str) -> subprocess.CompletedProcess[str]:
    """The program, from a folder that is not its own and with Python's safe path, as an agent may run it."""
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=script.anchor,
        env={**os.environ, "PYTHONSAFEPATH": "1", **environ},
        timeout=60,
        check=False,
    )


def printed(*arguments: str) -> Any:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def failure(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The error of a failed run, whose stdout must be exactly one envelope."""
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert set(document) == {"ok", "error"}
    assert set(document["error"]) == {"code", "message", "hint"}
    assert all(document["error"].values())
    assert done.stderr == ""
    error: dict[str, str] = document["error"]
    return error


def keywords(schema: dict[str, Any]) -> Iterator[str]:
    """Every keyword used on any level; property names are not keywords."""
    for keyword, value in schema.items():
        yield keyword
        if keyword in ("properties", "$defs", "patternProperties"):
            for member in value.values():
                yield from keywords(member)
        elif isinstance(value, dict):
            yield from keywords(value)
        elif isinstance(value, list) and keyword in ("allOf", "anyOf", "oneOf", "prefixItems"):
            for member in value:
                yield from keywords(member)


def subschemas(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema, and that of every member and item in it."""
    yield schema
    for member in [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]:
        yield from subschemas(member)


def flat(form: str, *arguments: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, description, schema) of each definition; the members are checked to be the host's, no others."""
    document = printed("--format", form, *arguments)
    schema = {"mcp": "inputSchema", "anthropic": "input_schema", "gemini": "parametersJsonSchema"}
    more = {"mcp": {"title", "annotations"}, "openai-responses": {"type", "strict"}}.get(form, set())
    if form == "mcp":
        assert set(document) == {"tools"}
        document = document["tools"]
    if form == "openai":
        assert all(set(tool) == {"type", "function"} for tool in document)
    assert all(tool["type"] == "function" for tool in document if form.startswith("openai"))
    # Unless it says so, the Responses API makes optional members required. Chat completions do not.
    assert all(tool["strict"] is False for tool in document if form == "openai-responses")
    tools = [tool["function"] if form == "openai" else tool for tool in document]
    name = schema.get(form, "parameters")
    assert tools and all(set(tool) == {"name", "description", name, *more} for tool in tools)
    return [(tool["name"], tool["description"], tool[name]) for tool in tools]


def test_the_forms_are_these() -> None:
    assert FORMS == ("mcp", "openai", "openai-responses", "anthropic", "gemini")


@pytest.mark.parametrize("form", FORMS)
def test_every_form_has_the_definitions_of_the_server(form: str) -> None:
    own = definitions.definitions(CATALOGUE)
    assert flat(form) == [(tool["name"], tool["description"], tool["inputSchema"]) for tool in own]


@pytest.mark.parametrize("form", FORMS)
def test_only_read_leaves_out_whatever_changes_something(form: str) -> None:
    names = [name for name, _, _ in flat(form, "--only", "read")]
    assert names == READS
    assert "get_contacts" in names
    assert not {"send_session_message", "add_contact", "assign_operator", "delete_connection"} & set(names)


def test_groups_choose_tools() -> None:
    names = [name for name, _, _ in flat("openai", "--tools", "media,contacts", "--only", "read")]
    assert names == ["get_contacts", "get_media"]


def test_names_and_descriptions_fit_the_hosts() -> None:
    for name, description, _ in flat("openai"):
        # OpenAI's class of characters, and Gemini's first one. OpenAI takes 64 of them, and Claude Code
        # needs 11 for "mcp__wati__". A description has at most 1024 (OpenAI).
        assert re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_-]{0,52}", name)
        assert 20 <= len(description) <= 1024
        assert "\n" not in description


# What JSONSchema and Schema of google-genai 3.6.1 both have: no host takes less. The forms were validated
# once with the types of google-genai 3.6.1, openai 3.57.0 and anthropic 2.14.0.
TAKEN_BY_ALL = {
    *("type", "description", "enum", "properties", "required", "additionalProperties", "items"),
    *("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "pattern"),
}


def test_no_schema_has_a_keyword_that_a_host_refuses() -> None:
    used = {keyword for _, _, schema in flat("gemini") for keyword in keywords(schema)}
    assert {"pattern", "required", "additionalProperties"} <= used <= TAKEN_BY_ALL


def test_every_member_has_one_type() -> None:
    """Gemini takes no list of types, no enum of anything but strings, and no array without its items."""
    seen = 0
    for _, _, schema in flat("gemini"):
        for member in subschemas(schema):
            seen += 1
            assert isinstance(member["type"], str)
            assert ("items" in member) is (member["type"] == "array")
            assert "enum" not in member or member["type"] == "string"
    assert seen > 200


def test_every_pattern_is_one_for_any_engine() -> None:
    """JavaScript, Python, RE2 or Rust: no look-around, no \\u, no raw control character."""
    patterns = {
        part["pattern"] for _, _, schema in flat("mcp") for part in subschemas(schema) if "pattern" in part
    }
    assert len(patterns) > 5
    for pattern in patterns:
        assert re.fullmatch(r"\^[ -~]+\$", pattern)
        assert not re.search(r"\(\?|\\[^\\x]", pattern.replace("\\\\", ""))


def test_the_instructions_are_those_of_the_server() -> None:
    done = run("--instructions")
    assert (done.returncode, done.stdout, done.stderr) == (0, INSTRUCTIONS + "\n", "")
    # Every flag that a definition offers is explained there.
    flags = {flag for _, _, schema in flat("mcp") for flag in schema["properties"]["run"]["properties"]}
    assert len(flags) > 10
    assert {flag for flag in flags if not re.search(rf"\b{flag}\b", INSTRUCTIONS)} == set()


def test_mcp_is_the_default() -> None:
    assert printed() == printed("--format", "mcp")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "yaml"],
        ["--format"],
        ["--only", "send"],
        ["--tools", "nonsense"],
        ["--instructions", "--tools", "nonsense"],
        ["--form", "mcp"],
        ["--unknown"],
        ["{}"],
        ["--only=read", "é\udc80"] if os.name == "posix" else ["--only=read", "é"],
    ],
)
def test_wrong_usage_is_a_json_error(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert failure(done)["code"] == "usage"


def shadow(folder: Path, module: str) -> str:
    """A folder for PYTHONPATH in which `module` is as good as not installed."""
    broken = f"raise ModuleNotFoundError({module!r}, name={module!r})\n"
    (folder / f"{module}.py").write_text(broken, encoding="utf-8")
    return str(folder)


def test_a_missing_package_is_a_json_error_that_says_what_to_do(tmp_path: Path) -> None:
    done = run(PYTHONPATH=shadow(tmp_path, "yaml"))
    assert done.returncode == 3
    error = failure(done)
    assert error["code"] == "missing_dependency"
    assert "requirements.txt" in error["hint"]


def test_help_needs_no_package_and_is_text(tmp_path: Path) -> None:
    for module in ("yaml", "jsonschema", "httpx"):
        shadow(tmp_path, module)
    done = run("--help", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    for flag in ("--format", "--tools", "--only", "--instructions", "--help"):
        assert flag in done.stdout
    for form in FORMS:
        assert form in done.stdout


def copied(folder: Path) -> Path:
    """The package's own files in a folder with a space and a letter beyond ASCII in its name."""
    copy = folder / "a sköll"
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("scripts", "schemas"):
        shutil.copytree(ROOT / part, copy / part, ignore=ignore)
    shutil.copy(ROOT / "skill.yaml", copy)
    return copy


def test_it_reads_the_package_it_lies_in(tmp_path: Path) -> None:
    copy = copied(tmp_path)
    script = copy / "scripts" / "tools.py"
    schema = copy / "schemas" / "get_contacts.json"
    schema.write_text(schema.read_text(encoding="utf-8").replace("contacts", "cöntacts"), encoding="utf-8")
    done = run("--only", "read", script=script, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "cöntacts" in json.dumps(json.loads(done.stdout), ensure_ascii=False)

    schema.unlink()
    done = run(script=script)
    assert done.returncode == 3
    assert failure(done)["code"] == "bad_setup"
    assert "get_contacts.json" in failure(done)["message"]

    (copy / "skill.yaml").write_text("tools: [", encoding="utf-8")
    done = run(script=script)
    assert done.returncode == 1
    assert failure(done)["code"] == "internal"
