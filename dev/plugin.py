"""The plugin: the skill and its MCP server in one package, by the Agent Plugins Specification 1.0.0.

Its files lie around the skill, never in it, because ClawHub publishes no folder that looks like a plugin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

SCHEMAS = "https://agent-plugins.org/schemas/1.0.0"
SKILL = "skills/wati"
DESCRIPTION = (
    "Read and send WhatsApp messages, and manage contacts, templates and operators, in a WATI team inbox "
    "through the Maton gateway."
)
# A plugin cannot ask for a key, and a host may start a server without its own environment (sections 7.2.1 and
# 9.1). So uv reads the variables from a file in the folder that the host keeps for this plugin over updates.
# It is also the current folder, where files are saved: an update replaces PLUGIN_ROOT.
VARIABLES = "${PLUGIN_DATA}/wati.env"
SERVER = {
    "type": "stdio",
    "command": "uv",
    "args": ["run", "-q", "--env-file", VARIABLES, f"${{PLUGIN_ROOT}}/{SKILL}/scripts/mcp_server.py"],
    "cwd": "${PLUGIN_DATA}",
}


def around(
    skill: Mapping[str, bytes], modes: Mapping[str, int], version: str
) -> tuple[dict[str, bytes], dict[str, int]]:
    """The plugin's files around those of the skill, and their permissions."""
    manifest = {
        "$schema": f"{SCHEMAS}/plugin.schema.json",
        "name": "wati",
        "version": version,
        "description": DESCRIPTION,
        "license": "MIT-0",
    }
    servers = {"$schema": f"{SCHEMAS}/mcp.schema.json", "mcpServers": {"wati": SERVER}}
    own = {"LICENSE": skill["LICENSE"], "mcp.json": _written(servers), "plugin.json": _written(manifest)}
    contents = own | {f"{SKILL}/{path}": content for path, content in skill.items()}
    return contents, dict.fromkeys(own, 0o644) | {f"{SKILL}/{path}": mode for path, mode in modes.items()}


def _written(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8")
