"""The MCP server over HTTP, on this machine, for the conformance suite: it cannot start a server itself.

usage: python acceptance/conformance_server.py SCRIPTS     (prints its address, serves until it is killed)

SCRIPTS is the folder of the skill's scripts. Only the transport differs from scripts/mcp_server.py.
"""

from __future__ import annotations

import os
import socket
import sys

import uvicorn


def main(scripts: str) -> None:
    sys.path.insert(0, scripts)
    from wati.mcp.definitions import chosen
    from wati.mcp.server import Tools, protocol

    own = Tools(chosen(""), os.environ)
    with own.session, socket.create_server(("127.0.0.1", 0)) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/mcp", flush=True)
        application = protocol(own).streamable_http_app()
        uvicorn.Server(uvicorn.Config(application, log_level="warning")).run([listening])


if __name__ == "__main__":
    main(sys.argv[1])
