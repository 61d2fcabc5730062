#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "mcp>=2.3,<3", "pyyaml>=6.0.2,<7"]
# ///
"""Serve the endpoints and lookups as MCP tools over standard input and output.

usage: mcp_server.py [--read-only] [--tools GROUP,...] [--ask sends]

  --read-only  only the tools that change nothing and message nobody
  --tools      only these groups: inbox, templates, contacts, media, connections
  --ask sends  ask a person before every send; by default before bulk sends, deletions and repeated sends
  --help       this text

A client that can ask its user (elicitation) does so. To any other, a bulk send or deletion needs run.confirm
with the value that its dry run shows. Standard output holds nothing but the protocol. It serves until its
input is closed. A failure to start is {"ok": false, "error": {...}} on standard error, with exit 2 for wrong
usage and 3 for a missing package, file or setting.
"""

import json
import os
import sys
from collections.abc import Sequence

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.parser import Parser
from wati.cli.streams import diagnose
from wati.contract import machine
from wati.contract.failures import Failure
from wati.contract.packages import import_package
from wati.contract.unexpected import unexpected
from wati.mcp import definitions


def main(arguments: Sequence[str]) -> int:
    """Serve, and return the exit status."""
    parser = Parser("mcp_server.py", __doc__ or "")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--tools", default="")
    parser.add_argument("--ask", choices=["sends"])
    try:
        machine.check_memory()
        options = parser.parse_args(arguments)
        tools = definitions.chosen(options.tools, read_only=options.read_only)
        import_package("mcp")
        from wati.mcp.server import serve

        serve(tools, os.environ, ask_every_send=options.ask == "sends")
    except Exception as error:
        failure = error if isinstance(error, Failure) else unexpected(error)
        diagnose(json.dumps({"ok": False, "error": failure.document()}, ensure_ascii=False))
        return failure.exit
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    # No clean-up: a thread that still waits for its call or for standard input would keep the process.
    os._exit(status)
