"""The package against itself: scripts, schemas, catalogue, documents, variables and help say the same."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from conftest import ENDPOINTS, ROOT, RUNNABLE, Run
from sends import JOHN, SENDS, make_world
from wati.cli import help as help_module
from wati.cli.command import execute
from wati.contract.endpoint import Endpoint
from wati.contract.failures import EXITS, FAILURES
from wati.contract.options import FLAGS, flags_of
from wati.sandbox import routes

SCRIPTS = ROOT / "scripts"
SCHEMAS = {
    file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "schemas").glob("*.json")
}
CATALOGUE = yaml.safe_load((ROOT / "skill.yaml").read_text(encoding="utf-8"))
SKILL = (ROOT / "SKILL.md").read_text(encoding="utf-8")
HELPERS = {SCRIPTS / f"{helper['name']}.py" for helper in CATALOGUE["helpers"]}
ALL_CODE = sorted(SCRIPTS.rglob("*.py"))
CLIENT_CODE = [path for path in ALL_CODE if path not in HELPERS and "sandbox" not in path.parts]
VARIABLE = re.compile(r"(MATON|WATI)_[A-Z_]+")

# The contract with whoever runs a script: an agent decides by these numbers, so they never change.
EXIT_OF = {
    1: {"internal"},
    2: {
        "invalid_json",
        "invalid_arguments",
        "usage",
        "file_unreadable",
        "file_not_allowed",
        "confirmation_required",
        "recipient_not_allowed",
        "read_only",
        "plan_exists",
        "repeated_send",
        "preflight_failed",
    },
    3: {
        "missing_key",
        "missing_dependency",
        "bad_setup",
        "unauthorized",
        "forbidden",
        "connection_missing",
        "connection_ambiguous",
    },
    4: {"rejected", "session_closed", "template_rejected", "invalid_recipient", "not_found"},
    5: {"rate_limited"},
    6: {"unreachable", "timeout", "upstream_error", "bad_answer", "journal_busy", "ledger_unavailable"},
    7: {"outcome_unknown"},
    8: {"partial"},
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def constants(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


# --- the twenty endpoints, wherever they are named ---------------------------------------------------------


def table_rows(document: str) -> set[str]:
    """The first cells of the generated table, without links."""
    region = document.split("endpoints:begin")[1].split("endpoints:end", maxsplit=1)[0]
    rows = [line for line in region.splitlines() if line.startswith("|")][2:]
    return {re.sub(r"\[(\w+)\]\(.*\)", r"\1", row.split("|")[1].strip()).strip("`") for row in rows}


NAMED_IN: dict[str, Callable[[], set[str]]] = {
    "schemas": lambda: set(SCHEMAS),
    "skill.yaml": lambda: {tool["name"] for tool in CATALOGUE["tools"]},
    "SKILL.md": lambda: table_rows(SKILL),
    "README.md": lambda: table_rows((ROOT / "README.md").read_text(encoding="utf-8")),
    "the sandbox": lambda: {route.endpoint for route in routes.ROUTES},
}


@pytest.mark.parametrize("place", NAMED_IN)
def test_the_same_twenty_are_named(place: str) -> None:
    assert len(ENDPOINTS) == 20
    assert NAMED_IN[place]() == set(ENDPOINTS)


def test_a_script_is_an_endpoint_or_a_listed_helper() -> None:
    declaring = {path for path in SCRIPTS.glob("*.py") if "ENDPOINT" in {n.id for n in names(tree(path))}}
    assert {path.stem for path in declaring} == set(ENDPOINTS)
    assert set(SCRIPTS.glob("*.py")) - declaring == HELPERS


def names(node: ast.AST) -> Iterator[ast.Name]:
    return (n for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def test_the_sandbox_emulates_what_the_script_sends(each_endpoint: Endpoint) -> None:
    (route,) = [route for route in routes.ROUTES if route.endpoint == each_endpoint.name]
    assert (route.method, route.path) == (each_endpoint.method, each_endpoint.path)


class PartAsked(Exception):
    """Carries the name of the part that an endpoint wants to open."""


class AskedFiles:
    def part(self, name: str, path: str, at: str) -> None:
        raise PartAsked(name)


def parts_of(endpoint: Endpoint) -> list[str]:
    if endpoint.parts is None:
        return []
    with pytest.raises(PartAsked) as asked:
        endpoint.parts(dict.fromkeys(SCHEMAS[endpoint.name]["properties"], "x"), AskedFiles())  # type: ignore[arg-type]
    return [str(asked.value)]


def test_each_argument_travels_in_one_place(each_endpoint: Endpoint) -> None:
    in_path = re.findall(r"{(\w+)}", each_endpoint.path)
    travelling = [*in_path, *each_endpoint.query, *(each_endpoint.form or ()), *(each_endpoint.json or ())]
    travelling += parts_of(each_endpoint)
    declared = set(SCHEMAS[each_endpoint.name]["properties"])
    fixed = set(each_endpoint.defaults) - declared  # such as app=wati: sent, and not the caller's to choose
    assert sorted(travelling) == sorted(declared | fixed)
    bodies = [each_endpoint.form is not None, each_endpoint.json is not None, each_endpoint.parts is not None]
    assert sum(bodies) <= 1


def test_the_defaults_that_the_schema_tells_are_those_that_are_sent(each_endpoint: Endpoint) -> None:
    properties = SCHEMAS[each_endpoint.name]["properties"]
    told = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    assert told == {name: value for name, value in each_endpoint.defaults.items() if name in properties}


# --- variables ---------------------------------------------------------------------------------------------


def variables_in_code() -> set[str]:
    """Every variable that the code names, the help's own list of them left out."""
    files = [path for path in ALL_CODE if path != SCRIPTS / "wati" / "help.py"]
    return {text for path in files for text in constants(tree(path)) if VARIABLE.fullmatch(text)}


def frontmatter() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(SKILL.split("\n---\n")[0].removeprefix("---\n"))
    return document


VARIABLES_IN: dict[str, Callable[[], set[str]]] = {
    "SKILL.md": lambda: {variable["name"] for variable in frontmatter()["metadata"]["openclaw"]["envVars"]},
    "skill.yaml": lambda: {variable["name"] for variable in CATALOGUE["env"]},
    "--help": lambda: set(help_module.ENVIRONMENT),
}


@pytest.mark.parametrize("place", VARIABLES_IN)
def test_every_variable_that_the_code_reads_is_declared(place: str) -> None:
    assert {"MATON_API_KEY", "WATI_READ_ONLY"} < variables_in_code()
    assert VARIABLES_IN[place]() == variables_in_code()


def reads_by_name(node: ast.AST) -> Iterator[str]:
    """`….get("NAME")`, `getenv("NAME")` and `…["NAME"]` of a name that only variables have."""
    for inner in ast.walk(node):
        key: ast.AST | None = None
        if isinstance(inner, ast.Subscript):
            key = inner.slice
        elif isinstance(inner, ast.Call) and inner.args:
            called = getattr(inner.func, "attr", getattr(inner.func, "id", ""))
            key = inner.args[0] if called in ("get", "getenv", "pop", "setdefault") else None
        if isinstance(key, ast.Constant) and re.fullmatch(r"[A-Z]{2,}(_[A-Z]+)+", str(key.value)):
            yield str(key.value)


def test_only_settings_reads_variables_by_name() -> None:
    readers = {path.name: set(reads_by_name(tree(path))) for path in CLIENT_CODE}
    assert readers.pop("settings.py") > {"MATON_API_KEY", "WATI_READ_ONLY"}
    assert {name: read for name, read in readers.items() if read} == {}


def test_only_main_takes_the_process_s_environment() -> None:
    holders = {
        path.name
        for path in CLIENT_CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        if isinstance(node.value, ast.Name) and node.value.id == "os"
    }
    assert holders == {"command.py"}


# --- what prints -------------------------------------------------------------------------------------------


def prints(path: Path) -> bool:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            return True
        if isinstance(node, ast.Attribute) and node.attr in ("stdout", "__stdout__"):
            return True
    return False


def test_only_the_streams_and_the_command_line_know_stdout() -> None:
    printing = {path.name for path in CLIENT_CODE if prints(path)}
    assert printing == {"streams.py", "command.py", "too_old.py"}


# --- schemas -----------------------------------------------------------------------------------------------

# Whatever a tool-calling host takes; `format`, `$ref`, combinators and extension members are none of it.
KEYWORDS = {
    *("$schema", "title", "description", "examples", "default"),
    *("type", "properties", "required", "additionalProperties", "items", "enum", "pattern"),
    *("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
}


def subschemas(schema: dict[str, Any], at: str = "$") -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema and all below it, each with its place; an item's place ends in `[]`."""
    yield at, schema
    for name, member in schema.get("properties", {}).items():
        yield from subschemas(member, f"{at}.{name}")
    if "items" in schema:
        yield from subschemas(schema["items"], f"{at}[]")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_plain_json_schema(name: str) -> None:
    schema = SCHEMAS[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for at, inner in subschemas(schema):
        assert set(inner) <= KEYWORDS, at
        if inner["type"] == "object":
            assert inner["additionalProperties"] is False, at
            assert set(inner["required"]) <= set(inner["properties"]), at
        if not at.endswith("[]"):
            assert inner["description"].strip(), at


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_text_and_number_is_bounded(name: str) -> None:
    for at, inner in subschemas(SCHEMAS[name]):
        if inner["type"] == "integer":
            assert {"minimum", "maximum"} <= set(inner), at
        if inner["type"] == "string":
            closed_pattern = "pattern" in inner and not re.search(r"[+*]", inner["pattern"])
            assert "maxLength" in inner or "enum" in inner or closed_pattern, at


def test_patterns_mean_the_same_in_python_and_ecmascript() -> None:
    patterns = {
        inner["pattern"]
        for schema in SCHEMAS.values()
        for _, inner in subschemas(schema)
        if "pattern" in inner
    }
    assert len(patterns) >= 5
    for pattern in patterns:
        re.compile(pattern)
        assert pattern.startswith("^") and pattern.endswith("$"), pattern
        assert not re.search(r"\\[a-zA-Z0-9]|\(\?", pattern), pattern


EXAMPLES = [
    pytest.param(name, index, id=f"{name}-{index}")
    for name, schema in sorted(SCHEMAS.items())
    for index in range(len(schema["examples"]))
]


def test_every_schema_has_an_example() -> None:
    assert {parameter.values[0] for parameter in EXAMPLES} == set(ENDPOINTS)


@pytest.mark.parametrize(("name", "index"), EXAMPLES)
def test_an_example_fits_and_works_in_the_sandbox(
    name: str, index: int, call: Callable[..., Run], tmp_path: Path
) -> None:
    example = SCHEMAS[name]["examples"][index]
    Draft202012Validator(SCHEMAS[name]).validate(example)
    (tmp_path / "document.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    (tmp_path / "contacts.csv").write_bytes(
        b"Name,CountryCode,Phone,AllowBroadcast,AllowSMS,name,ordernumber\r\n"
        b"John Doe,1,4155551234,TRUE,TRUE,John,12345\r\nJane Smith,+1,4155555678,TRUE,TRUE,Jane,67890\r\n"
    )
    sandbox = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None}
    dry = call(name, example, "--dry-run", **sandbox)
    assert dry.exit == 0, dry.text
    confirm = ["--confirm", dry.data["confirm"]] if "confirm" in dry.data else []
    assert bool(confirm) is (ENDPOINTS[name].confirms != "none")
    run = call(name, example, *confirm, **sandbox)
    assert run.exit == 0, run.text
    assert run.document["sandbox"] is True


# --- help and schema ---------------------------------------------------------------------------------------


def test_help_names_arguments_flags_and_variables(each_endpoint: Endpoint) -> None:
    exit_code, text = execute(each_endpoint, ["--help"], {})
    assert exit_code == 0
    assert execute(each_endpoint, ["-h"], {}) == (0, text)
    words = set(re.findall(r"[\w-]+", text))
    members = {at.rpartition(".")[2].removesuffix("[]") for at, _ in subschemas(SCHEMAS[each_endpoint.name])}
    assert members - {"$"} <= words
    flags = set(re.findall(r"(?m)^  --([a-z-]+)", text))
    assert flags == set(flags_of(each_endpoint))
    assert {"help", "schema", "dry-run", "timeout", "raw", "verbose"} <= flags <= set(FLAGS)
    assert set(help_module.ENVIRONMENT) <= words
    assert each_endpoint.path in text


def test_the_exit_codes_of_the_help_are_the_table(each_endpoint: Endpoint) -> None:
    _, text = execute(each_endpoint, ["--help"], {})
    line = text.split("exit codes (references/errors.md):")[1].split("\n\n")[0]
    absent = {"read": {7, 8}, "write": {7, 8}}.get(
        each_endpoint.effect, set() if each_endpoint.is_bulk else {8}
    )
    assert [int(code) for code in re.findall(r"(?:^|, )\s*([0-9]) ", line)] == sorted(set(EXITS) - absent)
    assert EXITS[0] in line and EXITS[6] in line


def test_the_flags_of_the_help_are_about_this_script(each_endpoint: Endpoint) -> None:
    _, text = execute(each_endpoint, ["--help"], {})
    flags = text.split("flags:")[1].split("\n\n")[0]
    assert "{" not in flags
    assert ("--all" in flags) == ("with --all" in flags)
    if each_endpoint.items and "--output" in flags:
        assert ".jsonl or .csv" in flags
    words = {
        "receivers": "number of receivers",
        "records": "number of records",
        "connection_id": "connection id",
    }
    for name, what in words.items():
        assert (what in flags) == (each_endpoint.confirms == name)


def test_few_scripts_have_no_fields() -> None:
    assert [name for name in RUNNABLE if "fields" not in flags_of(RUNNABLE[name])] == ["opt_out"]


@pytest.mark.parametrize("name", [name for name in RUNNABLE if "fields" in flags_of(RUNNABLE[name])])
def test_the_example_of_fields_names_members_of_this_script(
    name: str, call: Callable[..., Run], tmp_path: Path
) -> None:
    _, text = execute(RUNNABLE[name], ["--help"], {})
    found = re.search(r"--fields PATHS.*such as (\S+)", text)
    assert found
    schema = json.loads(Path(RUNNABLE[name].schema_file).read_text(encoding="utf-8"))
    given = SENDS[name][0] if name in SENDS else schema["examples"][0]
    flags = SENDS[name][1] if name in SENDS else []
    if name == "delete_connection":
        flags = ["--confirm", given["connection_id"]]
    if name in ("brief", "needs_reply", "wait_for_reply"):
        flags = ["--timeout", "3"]  # they take all the time they get
    world = make_world(tmp_path, call)
    if name == "import_contacts":
        (tmp_path / given["csv"]).write_text(f"Phone,Full name,City\n{JOHN},John,Faro\n", encoding="utf-8")
        flags = ["--confirm", world.run(name, given, "--dry-run").data["confirm"], "--detach"]
    if name in ("campaign_report", "campaign_status", "campaign_worker", "run_campaign", "stop_campaign"):
        given = {"name": "spring"}
        to = {"receivers": [{"whatsappNumber": JOHN}]}
        plan = {**given, "template_name": "welcome", "audience": to}
        confirm = world.run("plan_campaign", plan).data["confirm"]
        world.run("run_campaign", given, "--confirm", confirm, "--detach")
        flags = ["--confirm", confirm] if name == "run_campaign" else []
    if name == "campaign_worker":
        given, flags = {}, ["--until-idle"]
    run = world.run(name, given, "--fields", found[1], *flags)
    assert run.exit == 0, run.text
    assert "names members" not in run.document.get("notice", ""), run.text


def test_the_table_of_failures_is_the_closed_one() -> None:
    by_exit: dict[int, set[str]] = {}
    for code, (exit_code, hint) in FAILURES.items():
        by_exit.setdefault(exit_code, set()).add(code)
        assert hint.endswith(".") or "`" in hint, code
    assert by_exit == EXIT_OF
    assert set(EXITS) == {0, *EXIT_OF}


def test_every_failure_that_the_code_raises_is_in_the_table() -> None:
    raised = {
        node.args[0].value
        for path in CLIENT_CODE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failure"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert {"usage", "bad_setup", "confirmation_required"} < raised
    assert raised <= set(FAILURES)


def test_schema_prints_the_file(each_endpoint: Endpoint) -> None:
    exit_code, text = execute(each_endpoint, ["--schema"], {})
    assert exit_code == 0
    assert text + "\n" == Path(each_endpoint.schema_file).read_text(encoding="utf-8")
    assert json.loads(text) == SCHEMAS[each_endpoint.name]


# --- importing costs nothing and does nothing --------------------------------------------------------------

HEAVY = {"httpx", "jsonschema", "yaml", "argparse"}
HELP_TEXTS = sorted(path.stem for path in (SCRIPTS.parent / "schemas" / "help").glob("*.txt"))
# Each takes a fifth of the time of starting Python or more; `json`, `re` and `typing` half and more.
DEAR_FOR_HELP = {"json", "re", "enum", "typing", "functools", "signal", "threading", "dataclasses"}
IMPORT_ALL = """
import importlib, os, sys
folder, *names = sys.argv[1:]
sys.path.insert(0, folder)
path, environ = list(sys.path), dict(os.environ)
for name in names:
    importlib.import_module(name)
assert sys.path == path and dict(os.environ) == environ
print(sorted(module for module in sys.modules if "." not in module))
"""


def test_importing_a_script_does_nothing_and_loads_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(SCRIPTS), *ENDPOINTS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    loaded = set(ast.literal_eval(done.stdout))  # so nothing else was printed
    assert set(ENDPOINTS) < loaded
    assert loaded & HEAVY == set()


def imports(*command: str) -> set[str]:
    """The modules that a run of Python imports, its own ones at the start included."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command], capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr[-1000:]
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}


@pytest.mark.parametrize("flag", ["--help", "--schema"])
def test_help_and_schema_load_nothing_heavy(each_endpoint: Endpoint, flag: str) -> None:
    imported = imports(str(SCRIPTS / f"{each_endpoint.name}.py"), flag)
    assert "wati.cli.help" in imported
    assert imported & HEAVY == set()


@pytest.mark.parametrize("name", HELP_TEXTS)
def test_help_takes_little_longer_than_to_start_python(name: str) -> None:
    # -S: what a .pth file of this environment imports is not the script's.
    imported = imports("-S", str(SCRIPTS / f"{name}.py"), "--help")
    assert "wati.cli.help" in imported
    assert imported & DEAR_FOR_HELP == set()


def test_a_call_loads_httpx_without_its_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("click", "rich", "pygments"):  # or there would be nothing to leave out
        assert importlib.util.find_spec(name)
    monkeypatch.setenv("MATON_API_KEY", "sandbox")
    monkeypatch.setenv("WATI_SANDBOX_STATE", str(tmp_path / "state"))
    imported = imports(str(SCRIPTS / "get_contacts.py"))
    assert "httpx._client" in imported
    assert imported & {"click", "rich", "pygments"} == set()


def test_the_page_of_errors_repeats_the_hints() -> None:
    page = (ROOT / "references" / "errors.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| `(\w+)` \| ([1-8]) \| .*? \| (.*) \|$", page)
    assert {code: (int(exit_code), hint) for code, exit_code, hint in rows} == FAILURES
