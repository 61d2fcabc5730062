"""Call the MCP server, one call after the other, with the least client that can.

usage: mcp_calls.py CALLS      (of get_contacts; exit 1 if one fails)

The server waits for no rate limits, which can be computed without a measurement.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
UNPACED = f"""
import os, sys
sys.path.insert(0, {str(SCRIPTS)!r})
from wati.wire.pace import Pacer
Pacer.wait = lambda *_, **__: True
import mcp_server
os._exit(mcp_server.main([]))
"""
PROTOCOL = "2025-11-25"


class Server:
    """A process of the server, which ends with its block. `environ`: its environment; None means ours."""

    def __init__(self, environ: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-c", UNPACED]
        self.process = subprocess.Popen(
            command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )
        self._asked = 0
        client = {"name": "bench", "version": "1"}
        self._ask("initialize", protocolVersion=PROTOCOL, capabilities={}, clientInfo=client)
        self._write({"method": "notifications/initialized"})

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.process:  # closes the pipes, and waits
            pass

    def call(self, tool: str, arguments: dict[str, Any]) -> Any:
        """The document of a call."""
        return json.loads(self._ask("tools/call", name=tool, arguments=arguments)["content"][0]["text"])

    def _ask(self, method: str, **params: Any) -> Any:
        self._asked += 1
        self._write({"id": self._asked, "method": method, "params": params})
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())["result"]

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()


def main(calls: int) -> None:
    with Server() as server:
        for _ in range(calls):
            document = server.call("get_contacts", {"pageSize": 10, "pageNumber": 1})
            assert document["ok"], document
            print(document)


if __name__ == "__main__":
    main(int(sys.argv[1]))
