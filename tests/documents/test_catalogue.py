"""The catalogue against everything it repeats: scripts, schemas, headers, pins and documents."""

from __future__ import annotations

import importlib
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import wati
from conftest import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "dev")]
docs = importlib.import_module("docs")

CATALOGUE = yaml.safe_load((ROOT / "skill.yaml").read_text(encoding="utf-8"))
FORM = json.loads((ROOT / "dev" / "skill.schema.json").read_text(encoding="utf-8"))
TOOLS = {tool["name"]: tool for tool in CATALOGUE["tools"]}
HELPERS = {helper["name"]: helper for helper in CATALOGUE["helpers"]}
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
# By script; those of a group need the same.
EXTRAS_OF = {
    "mcp_server": "mcp",
    **{name: "campaigns" for name, helper in HELPERS.items() if helper.get("group") == "campaigns"},
}
EXTRAS = {extra["name"]: extra["packages"] for extra in CATALOGUE["runtime"]["extras"]}
PYTHONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]


# The manifest's own form


def problems(catalogue: dict[str, Any]) -> list[str]:
    return [error.json_path for error in jsonschema.Draft202012Validator(FORM).iter_errors(catalogue)]


def test_the_manifest_has_its_form() -> None:
    jsonschema.Draft202012Validator.check_schema(FORM)
    assert problems(CATALOGUE) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", "1.0"),
        ("version", 1.0),
        ("license", "MIT"),
        ("surprise", True),
        ("homepage", "http://docs.wati.io"),
        ("network.hosts.0", "10.0.0.1"),
        ("env.0.required", "yes"),
        ("env.0.default", "x"),
        ("tools.1.effect", "maybe"),
        ("tools.0.effect", "send"),
        ("tools.0.confirm", "receivers"),
        ("tools.3.confirm", "none"),
        ("tools.0.summary", "No full stop"),
        ("tools.0.summary", "x" * 90 + "."),
        ("tools.0.script", "../evil.py"),
        ("tools.0.path", "connections"),
        ("tools.0.extra", 1),
        ("helpers.0.effect", "maybe"),
        ("tools", []),
    ],
)
def test_the_form_refuses(path: str, value: object) -> None:
    wrong = json.loads(json.dumps(CATALOGUE))
    *parents, last = [int(name) if name.isdigit() else name for name in path.split(".")]
    inner: Any = wrong
    for name in parents:
        inner = inner[name]
    inner[last] = value
    assert len(problems(wrong)) >= 1


@pytest.mark.parametrize("member", FORM["required"])
def test_the_form_misses(member: str) -> None:
    assert problems({name: value for name, value in CATALOGUE.items() if name != member}) == ["$"]


def test_names_are_unique() -> None:
    assert len(TOOLS) == len(CATALOGUE["tools"])
    assert len(HELPERS) == len(CATALOGUE["helpers"])
    assert not set(TOOLS) & set(HELPERS)
    variables = [variable["name"] for variable in CATALOGUE["env"]]
    assert len(variables) == len(set(variables))


def test_no_address_is_a_bare_number() -> None:
    # ClawHub's static check refuses such a URL in YAML and JSON.
    for name in ("skill.yaml", "dev/skill.schema.json"):
        assert not re.search(r"://\[?[0-9]", (ROOT / name).read_text(encoding="utf-8"))


# Scripts, schemas and tools are the same twenty


def test_tools_schemas_and_scripts_are_the_same_twenty() -> None:
    schemas = {file.stem for file in (ROOT / "schemas").glob("*.json")}
    scripts = {file.stem for file in SCRIPTS}
    assert len(TOOLS) == 20
    assert set(TOOLS) == schemas
    assert set(TOOLS) == scripts - set(HELPERS)
    assert set(HELPERS) <= scripts


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_points_at_its_own_script_and_schema(name: str) -> None:
    assert TOOLS[name]["script"] == f"scripts/{name}.py"
    assert TOOLS[name]["schema"] == f"schemas/{name}.json"
    assert (ROOT / TOOLS[name]["script"]).is_file()
    assert (ROOT / TOOLS[name]["schema"]).is_file()


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_points_at_its_own_script(name: str) -> None:
    assert HELPERS[name]["script"] == f"scripts/{name}.py"
    assert (ROOT / HELPERS[name]["script"]).is_file()


@pytest.mark.parametrize("name", TOOLS)
def test_the_catalogue_says_what_the_script_declares(name: str) -> None:
    endpoint = importlib.import_module(name).ENDPOINT
    tool = TOOLS[name]
    assert (tool["name"], tool["method"], tool["path"], tool["effect"], tool["confirm"]) == (
        endpoint.name,
        endpoint.method,
        endpoint.path,
        endpoint.effect,
        endpoint.confirms,
    )


@pytest.mark.parametrize("name", TOOLS)
def test_what_stands_in_the_path_is_a_required_argument(name: str) -> None:
    schema = json.loads((ROOT / TOOLS[name]["schema"]).read_text(encoding="utf-8"))
    assert set(re.findall(r"{(\w+)}", TOOLS[name]["path"])) <= set(schema.get("required", []))


# Versions, ranges and pins


def test_the_version_is_the_package_s() -> None:
    assert CATALOGUE["version"] == wati.__version__


def test_skill_md_declares_the_same_name_version_and_variables() -> None:
    # ClawHub reads the variables there and nowhere else.
    front = yaml.safe_load((ROOT / "SKILL.md").read_text(encoding="utf-8").split("---")[1])
    assert (front["name"], front["metadata"]["version"]) == (CATALOGUE["name"], CATALOGUE["version"])
    declared = {entry["name"]: entry["required"] for entry in front["metadata"]["openclaw"]["envVars"]}
    assert declared == {entry["name"]: entry["required"] for entry in CATALOGUE["env"]}
    assert declared["MATON_API_KEY"] is True


def header(script: Path) -> dict[str, Any]:
    """The PEP 723 header of a script, found by the expression of that specification."""
    text = script.read_text(encoding="utf-8")
    blocks = list(
        re.finditer(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$", text)
    )
    assert [block["type"] for block in blocks] == ["script"]
    lines = blocks[0]["content"].splitlines()
    return tomllib.loads("\n".join(line[2:] if line.startswith("# ") else line[1:] for line in lines))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_script_begins_with_the_same_header(script: Path) -> None:
    runtime = CATALOGUE["runtime"]
    extra = EXTRAS_OF.get(script.stem)
    packages = [*runtime["packages"], *(EXTRAS[extra] if extra else [])]
    assert header(script) == {
        "requires-python": runtime["python"],
        "dependencies": sorted(package["name"] + package["version"] for package in packages),
    }
    first = script.read_text(encoding="utf-8").split('"""')[0]
    if not extra:
        assert first == (ROOT / "scripts" / "tools.py").read_text(encoding="utf-8").split('"""')[0]
    assert first.startswith("#!/usr/bin/env python3\n# /// script\n")


def lines(name: str) -> list[str]:
    """The requirements of a file, without comments and options."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and line.strip()[0] not in "#-"]


def pins(name: str, python: str) -> dict[str, str]:
    """{package: version} that `name` installs on Linux under `python`; anything but one == pin is refused."""
    found: dict[str, str] = {}
    environment = {"python_version": python, "python_full_version": python + ".0", "sys_platform": "linux"}
    for line in lines(name):
        requirement = Requirement(line)
        assert re.fullmatch(r"==[^*,]+", str(requirement.specifier)), line
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert requirement.name not in found, line
            found[requirement.name] = str(requirement.specifier)[2:]
    return found


def test_the_pins_are_made_from_the_declared_ranges() -> None:
    packages = CATALOGUE["runtime"]["packages"]
    assert lines("requirements.in") == [package["name"] + package["version"] for package in packages]
    assert EXTRAS
    for extra, needed in EXTRAS.items():
        assert lines(f"requirements-{extra}.in") == [each["name"] + each["version"] for each in needed]
        for python in PYTHONS:
            pinned = pins(f"requirements-{extra}.txt", python)
            assert needed
            for each in needed:
                assert SpecifierSet(each["version"]).contains(pinned[each["name"].partition("[")[0]])
            assert pins("requirements.txt", python).items() <= pinned.items()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_pins_lie_in_the_declared_ranges(python: str) -> None:
    pinned = pins("requirements.txt", python)
    ranges = {
        package["name"]: SpecifierSet(package["version"]) for package in CATALOGUE["runtime"]["packages"]
    }
    assert set(ranges) == {"httpx", "jsonschema", "pyyaml"}
    assert set(ranges) <= set(pinned)
    for name, allowed in ranges.items():
        assert allowed.contains(pinned[name])


@pytest.mark.parametrize("python", PYTHONS)
def test_development_uses_the_runtime_s_pins(python: str) -> None:
    runtime, development = pins("requirements.txt", python), pins("requirements-dev.txt", python)
    shared = set(runtime) & set(development)
    assert shared
    assert {name: development[name] for name in shared} == {name: runtime[name] for name in shared}
    assert {Requirement(line).name for line in lines("requirements-dev.in")} - {"tomli"} <= set(development)


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-mcp.txt", "requirements-campaigns.txt", "requirements-dev.txt"]
)
def test_pins_name_no_index_and_no_place(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "uv pip compile" in text
    assert "://" not in text
    assert not re.search(r"--(extra-)?index|--find-links|(^|[ =])[/~]|[A-Z]:\\", text, re.MULTILINE)


# The tables in the documents


def document(region: str) -> str:
    return f"before\n{docs.BEGIN}\n{region}\n{docs.END}\nafter\n"


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A folder with both documents, their tables missing."""
    for name in docs.TABLES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(document("old"), encoding="utf-8")
    return tmp_path


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_bytes().decode("utf-8") for name in docs.TABLES}


def test_the_documents_are_up_to_date() -> None:
    assert docs.main(["--check"]) == 0


def hides(name: str) -> bool:
    return bool(importlib.import_module(name).ENDPOINT.omits)


def test_every_help_text_belongs_to_a_script(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of scripts with a schema, and no other; each one is noticed where it is missing or changed."""
    monkeypatch.setattr(docs, "catalogue", cache(docs.catalogue))  # a hundred times the same
    scripts = {name for name, tool in {**TOOLS, **HELPERS}.items() if "schema" in tool}
    assert len(scripts) > len(TOOLS)
    assert {path.name for path in (ROOT / docs.HELP).iterdir()} == {f"{name}.txt" for name in scripts}
    docs.main([], documents)
    for name in scripts:
        file = documents / docs.HELP / f"{name}.txt"
        text = file.read_text(encoding="utf-8")
        assert text == (ROOT / docs.HELP / f"{name}.txt").read_text(encoding="utf-8")
        assert docs.main(["--check"], documents) == 0
        file.write_text("old", encoding="utf-8")
        assert docs.main(["--check"], documents) == 1
        file.unlink()
        assert docs.main(["--check"], documents) == 1
        docs.main([], documents)
        assert file.read_text(encoding="utf-8") == text


def test_tables_are_written_between_the_markers_and_then_stay(documents: Path) -> None:
    assert docs.main(["--check"], documents) == 1
    assert texts(documents) == dict.fromkeys(docs.TABLES, document("old"))
    assert docs.main([], documents) == 0
    written = texts(documents)
    assert list(written) == ["SKILL.md", "README.md", "references/answers.md"]
    for text in written.values():
        assert text.startswith(f"before\n{docs.BEGIN}\n|script|")
        assert text.endswith(f"|\n{docs.END}\nafter\n")
        rows = text.split(docs.BEGIN)[1].split(docs.END)[0].strip().splitlines()
        assert len({row.count("|") for row in rows}) == 1
        if text is written["references/answers.md"]:
            assert {row.split("|")[1] for row in rows[2:]} == {tool for tool in TOOLS if hides(tool)}
            continue
        assert len(rows) == 2 + len(TOOLS)
        for name, row in zip(TOOLS, rows[2:], strict=True):
            assert row.startswith((f"|{name}|", f"|[{name}](scripts/{name}.py)|"))
    assert docs.main(["--check"], documents) == 0
    assert docs.main([], documents) == 0
    assert texts(documents) == written


def test_rows_say_what_a_first_call_needs(documents: Path) -> None:
    docs.main([], documents)
    written = texts(documents)
    bulk = next(
        line for line in written["SKILL.md"].splitlines() if line.startswith("|send_template_messages|")
    )
    assert bulk.endswith("|template_name, broadcast_name, receivers|send, confirm receivers|")
    delete = next(line for line in written["README.md"].splitlines() if "[delete_connection]" in line)
    assert "|`DELETE /connections/{connection_id}`|" in delete
    assert delete.endswith("|delete|connection_id|")


@pytest.mark.parametrize("name", docs.TABLES)
def test_a_changed_row_is_noticed(documents: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    docs.main([], documents)
    text = (documents / name).read_text(encoding="utf-8")
    (documents / name).write_text(
        text.replace("|read|", "|send|", 1).replace("|always|", "|never|", 1), encoding="utf-8"
    )
    capsys.readouterr()
    assert docs.main(["--check"], documents) == 1
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--check"]])
@pytest.mark.parametrize(
    "broken",
    [
        "no markers\n",
        f"{docs.BEGIN}\n",
        f"{docs.END}\n",
        f"{docs.END}\n{docs.BEGIN}\n",
        document("a") + document("b"),
        docs.BEGIN + document("a"),
        document("a") + docs.END,
        None,
    ],
)
def test_missing_markers_are_an_error_and_nothing_is_written(
    documents: Path, arguments: list[str], broken: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = documents / "README.md"
    if broken is None:
        readme.unlink()
    else:
        readme.write_text(broken, encoding="utf-8")
    assert docs.main(arguments, documents) == 2
    assert "README.md" in capsys.readouterr().err
    assert (documents / "SKILL.md").read_text(encoding="utf-8") == document("old")


def test_an_unknown_flag_is_refused(documents: Path) -> None:
    assert docs.main(["--chekc"], documents) == 2
    assert texts(documents) == dict.fromkeys(docs.TABLES, document("old"))


def test_a_bar_in_a_cell_does_not_split_it() -> None:
    assert docs.table(("a", "b"), [("x|y", "z")]) == "|a|b|\n|---|---|\n|x\\|y|z|"
