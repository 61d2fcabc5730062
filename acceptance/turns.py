"""One turn of the real OpenClaw agent with the scripted model."""

from __future__ import annotations

import json
from typing import Any

from model import ScriptedModel
from users import Done, User

SCRIPTED = {
    "id": "scripted",
    "name": "scripted",
    "reasoning": False,
    "input": ["text"],
    "contextWindow": 128000,
    "maxTokens": 4096,
    "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0},
}


def ask(user: User, model: ScriptedModel, message: str, **added: Any) -> Done:
    """Run the agent until it has answered. `added`: more for the user's configuration of OpenClaw."""
    provider = {
        "baseUrl": f"{model.url}/v1",
        "apiKey": "none",
        "api": "openai-completions",
        "models": [SCRIPTED],
    }
    file = user.home / ".openclaw" / "openclaw.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    own = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    config = {
        **own,
        "models": {"mode": "merge", "providers": {"loopback": provider}},
        "agents": {"defaults": {"model": {"primary": "loopback/scripted"}}},
        **added,
    }
    file.write_text(json.dumps(config), encoding="utf-8")
    turn = ["agent", "--local", "--session-key", "agent:main:acceptance", "--message", message, "--json"]
    return user.openclaw(*turn).succeeded()


def document(shown: str) -> Any:
    """The one JSON document in the answer of a tool."""
    return json.loads(shown[shown.index("{") : shown.rindex("}") + 1])
