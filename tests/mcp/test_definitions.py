"""What a model sees of the tools: the same arguments as the scripts take, in few tokens."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import jsonschema
import pytest

from conftest import OFFERED, ROOT
from wati.contract.options import run_schema
from wati.mcp import definitions

sys.path[:0] = [str(ROOT / "dev")]
tokens = importlib.import_module("tokens").tokens

READ = definitions.catalogue()
TOOLS = definitions.offered(READ)
DEFINED = {tool["name"]: tool for tool in definitions.definitions(TOOLS)}
GROUPS = ["inbox", "day", "campaigns", "templates", "contacts", "media", "connections"]
MOST = {"": 12000, "inbox": 2500}  # tokens of all tools, and of a group


def size(tools: list[dict[str, Any]]) -> int:
    return int(tokens(json.dumps(tools, ensure_ascii=False, separators=(",", ":"))))


@pytest.mark.parametrize("group", MOST)
def test_the_tools_cost_few_tokens(group: str) -> None:
    own = definitions.definitions(definitions.chosen(group))
    assert own and size(own) <= MOST[group]


@pytest.mark.parametrize("group", ["day", "campaigns"])
def test_each_tool_of_a_job_costs_little(group: str) -> None:
    own = definitions.definitions(definitions.chosen(group))
    most = {"plan_campaign": 960, "import_contacts": 290}
    sizes = {tool["name"]: size([tool]) for tool in own}
    assert own and {name: tokens for name, tokens in sizes.items() if tokens > most.get(name, 280)} == {}


def test_the_groups_are_these_and_hold_every_tool() -> None:
    names = [tool["name"] for group in GROUPS for tool in definitions.chosen(group)]
    assert sorted(names) == sorted(DEFINED) == sorted(OFFERED)
    assert all(definitions.chosen(group) for group in GROUPS)
    both = [tool["name"] for tool in definitions.chosen("media, inbox")]
    assert both == [tool["name"] for tool in TOOLS if tool["group"] in ("inbox", "media")]


def test_read_only_leaves_out_whatever_changes_something() -> None:
    read = {tool["name"] for tool in definitions.chosen("", read_only=True)}
    assert read == {name for name, endpoint in OFFERED.items() if endpoint.effect == "read"}
    assert len(read) < len(OFFERED)


@pytest.mark.parametrize("name", list(OFFERED))
def test_a_schema_allows_what_the_script_takes(name: str) -> None:
    shown, own = (
        DEFINED[name]["inputSchema"],
        definitions.schema_of(next(t for t in TOOLS if t["name"] == name)),
    )
    jsonschema.Draft202012Validator.check_schema(shown)
    accepts = jsonschema.Draft202012Validator(shown).is_valid
    for example in own["examples"]:
        assert accepts(example) and accepts({**example, "run": {"timeout": 5}})
        assert not accepts({**example, "no_such_argument": 1})
    assert set(shown["properties"]) == {*own["properties"], "run"}
    assert set(shown["properties"]["run"]["properties"]) == {*run_schema(OFFERED[name])["properties"]} - {
        "verbose"
    }


CONSTRAINTS = {
    *("type", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems"),
    *("required", "additionalProperties"),
}


def constraints(schema: dict[str, Any], at: str = "$") -> dict[str, Any]:
    found = {f"{at} {name}": value for name, value in schema.items() if name in CONSTRAINTS and value != []}
    for name, member in schema.get("properties", {}).items():
        found |= constraints(member, f"{at}.{name}")
    return found | (constraints(schema["items"], f"{at}[]") if "items" in schema else {})


@pytest.mark.parametrize("name", list(OFFERED))
def test_a_schema_keeps_all_that_constrains(name: str) -> None:
    own = definitions.schema_of(next(tool for tool in TOOLS if tool["name"] == name))
    shown = constraints(DEFINED[name]["inputSchema"])
    kept = constraints(own)
    if name in definitions._IN_WORDS:  # its members by type and in words; the server checks them all the same
        outer = {f"$.{member}" for member in own["properties"]}
        kept = {
            at: value
            for at, value in kept.items()
            if at.split()[0] == "$"
            or (at.split()[0].removesuffix("[]") in outer and at.split()[1] in ("type", "enum"))
        }
    assert {at: value for at, value in shown.items() if not at.startswith("$.run")} == kept


@pytest.mark.parametrize("name", list(definitions._IN_WORDS))
def test_what_is_told_in_words_has_no_members_that_nobody_names(name: str) -> None:
    shown, own = (
        DEFINED[name]["inputSchema"]["properties"],
        definitions.schema_of(next(tool for tool in TOOLS if tool["name"] == name)),
    )
    inner = {member: each.get("properties", {}) for member, each in own["properties"].items()}
    assert any(inner.values())
    for member, names in inner.items():
        assert [each for each in names if each not in shown[member].get("description", "")] == []


def test_every_member_is_described_whatever_is_chosen() -> None:
    for group in ["", *GROUPS]:
        for tool in definitions.definitions(definitions.chosen(group)):
            members = {**tool["inputSchema"]["properties"]}
            del members["run"]
            bare = [name for name, member in members.items() if len(member.get("description", "")) <= 3]
            assert not bare or tool["name"] in definitions._IN_WORDS, (tool["name"], bare)


@pytest.mark.parametrize("name", list(OFFERED))
def test_hints_title_and_description(name: str) -> None:
    tool, endpoint = DEFINED[name], OFFERED[name]
    assert tool["title"] and len(tool["description"]) <= 300
    read_only, destructive, idempotent = {
        "read": (True, False, True),
        "write": (False, True, True),
        "create": (False, False, False),
        "delete": (False, True, False),
        "send": (False, True, False),
    }[endpoint.effect]
    assert tool["annotations"] == {
        "readOnlyHint": read_only and name != "get_media",  # it writes a file
        "destructiveHint": destructive,
        "idempotentHint": idempotent,
        "openWorldHint": True,
    }
    assert ("ask the user first" in tool["description"]) == (endpoint.effect in ("send", "delete"))
    assert ("run.confirm" in tool["description"]) == (endpoint.confirms != "none")


def test_every_effect_and_confirmation_is_explained() -> None:
    assert {tool["effect"] for tool in TOOLS} == set(definitions.EFFECTS)
    assert {tool["confirm"] for tool in TOOLS} == set(definitions.CONFIRMS)


def test_what_is_said_once_is_not_said_again() -> None:
    texts = [
        member["description"]
        for tool in DEFINED.values()
        for name, member in tool["inputSchema"]["properties"].items()
        if name == "channelPhoneNumber"
    ]
    assert len(texts) > 3 and len(set(texts[1:])) == 1 and len(texts[1]) < len(texts[0])
