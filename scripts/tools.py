#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Print the endpoints and lookups as tool definitions for an MCP, OpenAI or Anthropic host.

usage: tools.py [--format mcp|openai|anthropic] [--only read]

  --format   mcp (the default): {"tools": [...]}, the result of tools/list
             openai: a list of {"type": "function", "function": {...}}
             anthropic: a list of {"name", "description", "input_schema"}
  --only     read: leave out every tool that changes something or messages someone
  --help     this text

Only the definitions are printed, ready to paste. Run a tool call as `NAME.py ARGUMENTS`, where ARGUMENTS is
the JSON object of the call. A failure is {"ok": false, "error": {"code", "message", "hint"}}, with exit 2
for wrong usage, 3 for a missing package or file, and 1 for a bug in this package.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.streams import write
from wati.contract.endpoint import SKILL_FOLDER
from wati.contract.failures import Failure
from wati.contract.packages import import_package

Json = dict[str, Any]

# What each effect means for the caller.
EFFECT_NOTES = {
    "read": "Changes nothing.",
    "write": "Changes data; repeating it changes nothing more.",
    "create": "Creates something; repeating it may create a second one.",
    "delete": "Cannot be undone: ask the user first.",
    "send": "Messages real customers: ask the user first. Repeating it messages them again.",
}
CONFIRM_NOTES = {
    "none": "",
    "receivers": "Needs confirmation: it runs only with --confirm and the number of receivers listed.",
    "records": "Needs confirmation: it runs only with --confirm and the number of records in the CSV file.",
    "connection_id": "Needs confirmation: it runs only with --confirm and the connection id.",
}

# MCP's hints. A send destroys nothing, but it cannot be taken back, and hosts ask their user before a
# destructive call. A delete is not idempotent here, because one with an unknown outcome is never repeated.
ANNOTATIONS = {
    "read": {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True},
    "write": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": True},
    "create": {"readOnlyHint": False, "destructiveHint": False, "idempotentHint": False},
    "delete": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False},
    "send": {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False},
}


def read_catalogue() -> Json:
    """skill.yaml. Raises `missing_dependency` without PyYAML, and `bad_setup` without the file."""
    catalogue: Json = import_package("yaml").safe_load(_read("skill.yaml"))
    return catalogue


def read_schema(tool: Json) -> Json:
    """The argument schema of a tool in the catalogue. Raises `bad_setup` without the file."""
    schema: Json = json.loads(_read(tool["schema"]))
    return schema


def _read(name: str) -> str:
    try:
        with open(os.path.join(SKILL_FOLDER, name), encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        message = f"{name} cannot be read: {error.strerror}."
        raise Failure("bad_setup", message, hint="Reinstall the whole package.") from error


def describe(tool: Json, schema: Json) -> str:
    """What a model reads before it calls the tool: purpose, effect, and whether it must be confirmed."""
    notes = f"{EFFECT_NOTES[tool['effect']]} {CONFIRM_NOTES[tool['confirm']]}"
    return f"{tool['summary']} {schema['description']} {notes}".rstrip()


def without(keywords: frozenset[str], schema: Json) -> Json:
    """A copy of `schema` without `keywords` on any level. Properties with these names stay."""
    copy = {keyword: value for keyword, value in schema.items() if keyword not in keywords}
    if "properties" in copy:
        copy["properties"] = {name: without(keywords, member) for name, member in copy["properties"].items()}
    if "items" in copy:
        copy["items"] = without(keywords, copy["items"])
    return copy


def for_mcp(tool: Json, schema: Json) -> Json:
    """MCP takes any JSON Schema, including `$schema` and `examples` (specification, "Tool")."""
    return {
        "name": tool["name"],
        "description": describe(tool, schema),
        "inputSchema": schema,
        "annotations": {**ANNOTATIONS[tool["effect"]], "openWorldHint": True},
    }


def for_openai(tool: Json, schema: Json) -> Json:
    """Many hosts take this form. Some reject a whole request because of one keyword that they do not know:
    Gemini rejects `examples` and `$schema` (reports in public issue trackers, 2026)."""
    function = {
        "name": tool["name"],
        "description": describe(tool, schema),
        "parameters": without(frozenset({"$schema", "examples"}), schema),
    }
    return {"type": "function", "function": function}


def for_anthropic(tool: Json, schema: Json) -> Json:
    """The API takes annotations such as `examples`. `$schema` would only cost tokens in every request."""
    return {
        "name": tool["name"],
        "description": describe(tool, schema),
        "input_schema": without(frozenset({"$schema"}), schema),
    }


DEFINE = {"mcp": for_mcp, "openai": for_openai, "anthropic": for_anthropic}


def offered(catalogue: Json) -> list[Json]:
    """The endpoints, and the helpers that take arguments. Those helpers only read."""
    helpers = [helper for helper in catalogue["helpers"] if "schema" in helper]
    return [*catalogue["tools"], *({**helper, "effect": "read", "confirm": "none"} for helper in helpers)]


def definitions(form: str, effects: frozenset[str] = frozenset(EFFECT_NOTES)) -> Json | list[Json]:
    """The definitions of every offered tool with one of these effects, in the order of the catalogue."""
    tools = [tool for tool in offered(read_catalogue()) if tool["effect"] in effects]
    defined = [DEFINE[form](tool, read_schema(tool)) for tool in tools]
    return {"tools": defined} if form == "mcp" else defined


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure("usage", message)

    def format_help(self) -> str:
        return (__doc__ or "").lstrip()


def main(arguments: Sequence[str]) -> int:
    """Print one document and return the exit status."""
    parser = Parser(prog="tools.py", allow_abbrev=False)
    parser.add_argument("--format", choices=DEFINE, default="mcp")
    parser.add_argument("--only", choices=["read"])
    try:
        options = parser.parse_args(arguments)
        chosen = frozenset({options.only}) if options.only else frozenset(EFFECT_NOTES)
        document, status = definitions(options.format, chosen), 0
    except Exception as error:
        failure = error if isinstance(error, Failure) else Failure("internal", repr(error))
        answer = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        document, status = {"ok": False, "error": answer}, failure.exit
    return write(json.dumps(document, indent=2, ensure_ascii=False), status)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
