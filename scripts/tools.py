#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Print the endpoints and lookups as tool definitions, for those who write a host.

usage: tools.py [--format FORM] [--tools GROUP,...] [--only read] | --instructions

  --format   mcp (the default): {"tools": [...]}, the result of tools/list; the same as mcp_server.py serves
             openai: a list of {"type": "function", "function": {...}}, for chat completions
             openai-responses: a list of {"type": "function", "strict": false, "name", ...}
             anthropic: a list of {"name", "description", "input_schema"}
             gemini: a list of {"name", "description", "parametersJsonSchema"}, the functionDeclarations
  --tools    only these groups: inbox, templates, contacts, media, connections
  --only     read: leave out every tool that changes something or messages someone
  --instructions   print what a model has to know beside the tools, for its system message
  --help     this text

Only the definitions or the text are printed, ready to paste. Run a tool call as `NAME.py -`, with the JSON
object of the call, its member `run` included, on standard input. A failure is {"ok": false, "error":
{"code", "message", "hint"}}, with exit 2 for wrong usage, 3 for a missing package or file, and 1 for a bug in
this package.
"""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.parser import Parser
from wati.cli.streams import write
from wati.contract.failures import Failure
from wati.contract.unexpected import unexpected
from wati.mcp import definitions
from wati.mcp.instructions import INSTRUCTIONS

Json = dict[str, Any]

# Each host's name for the schema of the arguments.
SCHEMA = {
    "openai": "parameters",
    "openai-responses": "parameters",
    "anthropic": "input_schema",
    "gemini": "parametersJsonSchema",
}
FORMS = ("mcp", *SCHEMA)

# Unless it is false, the Responses API makes every optional member required (OpenAI, "Function calling",
# 2026), and the model fills in filters and flags that nobody wants.
RESPONSES = {"type": "function", "strict": False}


def formed(form: str, tools: list[Json]) -> Any:
    """The definitions of tools as a host takes them."""
    if form == "mcp":
        return {"tools": tools}
    plain = [
        {"name": tool["name"], "description": tool["description"], SCHEMA[form]: tool["inputSchema"]}
        for tool in tools
    ]
    if form == "openai":
        return [{"type": "function", "function": tool} for tool in plain]
    return [{**RESPONSES, **tool} for tool in plain] if form == "openai-responses" else plain


def main(arguments: Sequence[str]) -> int:
    """Print one document and return the exit status."""
    parser = Parser("tools.py", __doc__ or "")
    parser.add_argument("--format", choices=FORMS, default="mcp")
    parser.add_argument("--tools", default="")
    parser.add_argument("--only", choices=["read"])
    parser.add_argument("--instructions", action="store_true")
    document: Any
    try:
        options = parser.parse_args(arguments)
        tools = definitions.chosen(options.tools, read_only=options.only == "read")
        if options.instructions:
            return write(INSTRUCTIONS)
        document, status = formed(options.format, definitions.definitions(tools)), 0
    except Exception as error:
        failure = error if isinstance(error, Failure) else unexpected(error)
        answer = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        document, status = {"ok": False, "error": answer}, failure.exit
    return write(json.dumps(document, indent=2, ensure_ascii=False), status)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
