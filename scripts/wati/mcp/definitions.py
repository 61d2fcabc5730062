"""The tools as MCP shows them to a model: short, because every conversation pays for them.

The schemas keep what constrains a value. A description says its thing in a sentence, and where it comes again
in its first words.
"""

from __future__ import annotations

import importlib
import json
import os
import re
from typing import Any

from wati.contract.endpoint import SKILL_FOLDER, Endpoint
from wati.contract.failures import Failure
from wati.contract.options import run_schema
from wati.contract.packages import import_package

Json = dict[str, Any]

# What each effect means for the caller.
EFFECTS = {
    "read": "",
    "write": "Changes data.",
    "create": "A repeat may create a second one.",
    "delete": "Cannot be undone: ask the user first.",
    "send": "Messages real customers: ask the user first.",
}
CONFIRMS = {
    "none": "",
    "receivers": "run.confirm: the number of receivers, from a dry run.",
    "records": "run.confirm: the number of records, from a dry run.",
    "connection_id": "run.confirm: the connection id.",
    "whatsappNumber": "run.confirm: the number, to take it back.",
    "plan": "run.confirm: the plan's value, from a dry run.",
}
# MCP's hints: readOnly, destructive, idempotent. A send destroys nothing, but it cannot be taken back, and
# hosts ask their user before a destructive call. A delete is not idempotent here, because one with an unknown
# outcome is never repeated.
_HINTS = {
    "read": (True, False, True),
    "write": (False, True, True),
    "create": (False, False, False),
    "delete": (False, True, False),
    "send": (False, True, False),
}
# The arguments of a whole job, in words: their schemas as they are would cost three times as much, and a
# mistake is answered with every problem.
_IN_WORDS = {
    "plan_campaign": {
        "parameters": "such as {{firstName|there}}",
        "audience": "contacts (filters), csv or receivers",
        "exclude": "opt_out, not_within_days, us_numbers, attributes",
        "limit": "the first few",
        "send_at": "ISO with offset",
        "quiet_hours": "from, to, zone",
    }
}
_FOR_PEOPLE = ("$schema", "title", "description", "examples", "default")


def catalogue() -> Json:
    """skill.yaml. Raises `missing_dependency` without PyYAML, and `bad_setup` without the file."""
    read: Json = import_package("yaml").safe_load(text_of("skill.yaml"))
    return read


def text_of(name: str) -> str:
    """A file of the skill. Raises `bad_setup` without it."""
    try:
        with open(os.path.join(SKILL_FOLDER, name), encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}."
        raise Failure("bad_setup", message, hint="Reinstall the whole package.") from error


def schema_of(tool: Json) -> Json:
    """The schema of a tool's arguments. Raises `bad_setup` without its file."""
    schema: Json = json.loads(text_of(tool["schema"]))
    return schema


def offered(read: Json, groups: frozenset[str] = frozenset(), *, read_only: bool = False) -> list[Json]:
    """The endpoints, and the helpers that are in a group, in the order of the catalogue.

    `groups`: only these; none means all.
    """
    helpers = [helper for helper in read["helpers"] if "group" in helper]
    tools = [*read["tools"], *({"effect": "read", "confirm": "none", **helper} for helper in helpers)]
    return [
        tool
        for tool in tools
        if (not groups or tool["group"] in groups) and (not read_only or tool["effect"] == "read")
    ]


def chosen(groups: str, *, read_only: bool = False) -> list[Json]:
    """The tools of groups, named with commas between them. Raises `usage` if one is unknown."""
    read = catalogue()
    known = list(dict.fromkeys(tool["group"] for tool in offered(read)))
    wanted = frozenset(filter(None, (name.strip() for name in groups.split(","))))
    if unknown := sorted(wanted - set(known)):
        message = f"--tools has no group {', '.join(unknown)}; the groups are {', '.join(known)}."
        raise Failure("usage", message)
    return offered(read, wanted, read_only=read_only)


def endpoint_of(tool: Json) -> Endpoint:
    """What the tool's script declares."""
    module = importlib.import_module(tool["name"])
    endpoint: Endpoint = getattr(module, "ENDPOINT", None) or module.HELPER
    return endpoint


def definitions(tools: list[Json]) -> list[Json]:
    """The result of tools/list."""
    said: set[str] = set()
    return [_definition(tool, said) for tool in tools]


def _definition(tool: Json, said: set[str]) -> Json:
    endpoint = endpoint_of(tool)
    schema = schema_of(tool)
    shown = _shown(schema, said)
    if (words := _IN_WORDS.get(tool["name"])) is not None:
        shown["properties"] = {
            name: _plain(member, words.get(name)) for name, member in shown["properties"].items()
        }
    run = run_schema(endpoint)["properties"]
    run.pop("verbose", None)  # nobody sees what it prints
    shown["properties"] = {**shown["properties"], "run": {"type": "object", "properties": run}}
    read_only, destructive, idempotent = _HINTS[tool["effect"]]
    notes = (tool["summary"], EFFECTS[tool["effect"]], CONFIRMS[tool["confirm"]])
    return {
        "name": tool["name"],
        "title": schema["title"],
        "description": " ".join(filter(None, notes)),
        "inputSchema": shown,
        "annotations": {
            "readOnlyHint": read_only and not endpoint.writes_file,
            "destructiveHint": destructive,
            "idempotentHint": idempotent,
            "openWorldHint": True,
        },
    }


def _plain(member: Json, words: str | None) -> Json:
    """The type of a member, and what is inside it in words."""
    bare: Json = {name: member[name] for name in ("type", "enum") if name in member}
    if "items" in member:
        bare["items"] = {"type": member["items"]["type"]}
    return {**bare, "description": words} if words else bare


def _shown(schema: Json, said: set[str]) -> Json:
    """A copy of a schema without what is for people, its members described in short."""
    copy = {name: value for name, value in schema.items() if name not in _FOR_PEOPLE and value != []}
    for name, member in schema.get("properties", {}).items():
        whole = re.split(r"\. |; ", member.get("description", ""))[0].rstrip(".")
        text = re.split("[,:;.] | from ", whole)[0] if whole in said else whole
        said.add(whole)
        described = {"description": text} if text else {}  # inner members may say it by their names alone
        copy["properties"] = {**copy["properties"], name: {**_shown(member, said), **described}}
    if "items" in copy:
        copy["items"] = _shown(copy["items"], said)
    return copy
