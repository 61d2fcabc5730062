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

import jsonschema
import pytest

from conftest import ROOT
from tools import (
    ANNOTATIONS,
    CONFIRM_NOTES,
    DEFINE,
    EFFECT_NOTES,
    describe,
    offered,
    read_catalogue,
    read_schema,
    without,
)

TOOLS = ROOT / "scripts" / "tools.py"
CATALOGUE = offered(read_catalogue())
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


def flat(form: str, *arguments: str) -> list[tuple[str, str, dict[str, Any]]]:
    """(name, description, schema) of each definition; the members are checked to be the host's, no others."""
    document = printed("--format", form, *arguments)
    found = []
    if form == "mcp":
        assert set(document) == {"tools"}
        for tool in document["tools"]:
            assert set(tool) == {"name", "description", "inputSchema", "annotations"}
            found.append((tool["name"], tool["description"], tool["inputSchema"]))
    elif form == "openai":
        for tool in document:
            assert set(tool) == {"type", "function"}
            assert tool["type"] == "function"
            assert set(tool["function"]) == {"name", "description", "parameters"}
            function = tool["function"]
            found.append((function["name"], function["description"], function["parameters"]))
    else:
        for tool in document:
            assert set(tool) == {"name", "description", "input_schema"}
            found.append((tool["name"], tool["description"], tool["input_schema"]))
    return found


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


def test_the_three_forms_are_all_there_are() -> None:
    assert set(DEFINE) == {"mcp", "openai", "anthropic"}


@pytest.mark.parametrize("form", DEFINE)
def test_every_tool_is_defined_in_the_order_of_the_catalogue(form: str) -> None:
    names = [name for name, _, _ in flat(form)]
    assert len(names) == 20 + 4
    assert {"check_send", "doctor", "find_contact", "conversation"} < set(names)
    assert not {"sandbox", "tools"} & set(names), "they keep another contract"
    assert names == [tool["name"] for tool in CATALOGUE]


@pytest.mark.parametrize("form", DEFINE)
def test_only_read_leaves_out_whatever_changes_something(form: str) -> None:
    names = [name for name, _, _ in flat(form, "--only", "read")]
    assert names == READS
    assert "get_contacts" in names
    assert not {"send_session_message", "add_contact", "assign_operator", "delete_connection"} & set(names)


@pytest.mark.parametrize("form", DEFINE)
def test_names_and_descriptions_fit_the_hosts(form: str) -> None:
    for name, description, _ in flat(form):
        # OpenAI's limits, the narrowest of the three: 64 characters of this class, and 1024 characters.
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name)
        assert 20 <= len(description) <= 1024
        assert "\n" not in description


@pytest.mark.parametrize("form", DEFINE)
def test_schemas_allow_the_same_arguments_as_the_scripts(form: str) -> None:
    judged = 0
    for (_, _, schema), tool in zip(flat(form), CATALOGUE, strict=True):
        assert schema["type"] == "object"
        jsonschema.Draft202012Validator.check_schema(schema)
        accepts = jsonschema.Draft202012Validator(schema).is_valid
        for example in read_schema(tool)["examples"]:
            assert accepts(example)
            assert not accepts({**example, "no_such_argument": 1})
            judged += 1
    assert judged >= 20


@pytest.mark.parametrize(
    ("form", "absent"),
    [("mcp", set()), ("openai", {"$schema", "examples"}), ("anthropic", {"$schema"})],
)
def test_keywords_that_a_host_refuses_are_left_out_on_every_level(form: str, absent: set[str]) -> None:
    used = {keyword for _, _, schema in flat(form) for keyword in keywords(schema)}
    assert {"$schema", "examples"} - used == absent
    assert {"description", "required", "pattern", "additionalProperties"} <= used


def test_leaving_out_a_keyword_keeps_properties_of_that_name_and_the_original() -> None:
    schema = {
        "examples": [{}],
        "properties": {
            "examples": {"type": "array", "examples": [1], "items": {"type": "string", "examples": ["a"]}},
            "list": {"items": {"properties": {"deep": {"examples": [2], "default": {"examples": 3}}}}},
        },
    }
    before = json.dumps(schema)
    assert without(frozenset({"examples"}), schema) == {
        "properties": {
            "examples": {"type": "array", "items": {"type": "string"}},
            "list": {"items": {"properties": {"deep": {"default": {"examples": 3}}}}},
        }
    }
    assert json.dumps(schema) == before


def test_descriptions_say_what_a_call_does_to_customers_and_what_must_be_confirmed() -> None:
    said = {name: description for name, description, _ in flat("openai")}
    for tool in CATALOGUE:
        description = said[tool["name"]]
        assert description.startswith(tool["summary"])
        assert read_schema(tool)["description"] in description
        assert ("Messages real customers" in description) == (tool["effect"] == "send")
        assert ("--confirm" in description) == (tool["confirm"] != "none")
    assert "number of receivers" in said["send_template_messages"]
    assert "number of records" in said["send_template_message_csv"]
    assert "connection id" in said["delete_connection"]


def test_every_effect_and_confirmation_of_the_catalogue_is_explained() -> None:
    assert {tool["effect"] for tool in CATALOGUE} == set(EFFECT_NOTES) == set(ANNOTATIONS)
    assert {tool["confirm"] for tool in CATALOGUE} == set(CONFIRM_NOTES)


def test_a_description_ends_without_a_blank_where_nothing_is_to_be_confirmed() -> None:
    tool = {"summary": "Look.", "effect": "read", "confirm": "none"}
    assert describe(tool, {"description": "Looks."}) == "Look. Looks. Changes nothing."


@pytest.mark.parametrize(
    ("name", "read_only", "destructive", "idempotent"),
    [
        ("get_contacts", True, False, True),
        ("get_media", True, False, True),
        ("assign_operator", False, True, True),
        ("add_contact", False, False, False),
        ("delete_connection", False, True, False),
        ("send_session_message", False, True, False),
        ("send_template_messages_v2", False, True, False),
    ],
)
def test_mcp_hints(name: str, read_only: bool, destructive: bool, idempotent: bool) -> None:
    hints = {tool["name"]: tool["annotations"] for tool in printed()["tools"]}
    assert hints[name] == {
        "readOnlyHint": read_only,
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": True,
    }


def test_mcp_is_the_default() -> None:
    assert printed() == printed("--format", "mcp")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "yaml"],
        ["--format"],
        ["--only", "send"],
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
    for flag in ("--format", "--only", "--help"):
        assert flag in done.stdout
    for form in DEFINE:
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
