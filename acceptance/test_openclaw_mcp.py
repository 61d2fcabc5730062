"""OpenClaw with the MCP server: it is added and checked, and an agent reads and sends through it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from model import FINISHED, ScriptedModel, Step
from turns import ask, document
from users import User

JANE = "14155555678"
TEMPLATE = {
    "whatsappNumber": JANE,
    "template_name": "order_update",
    "broadcast_name": "order_update",
    "parameters": [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "67890"}],
}


@pytest.fixture
def connected(user: User, unpacked: Path) -> User:
    """A user who has added the server. OpenClaw starts it once before it saves it."""
    server = ["--command", sys.executable, "--arg", str(unpacked / "scripts" / "mcp_server.py")]
    settings = ["--env", "MATON_API_KEY=sandbox", "--env", f"WATI_SANDBOX_STATE={user.home / 'world.sqlite'}"]
    done = user.openclaw("mcp", "add", "wati", *server, *settings).succeeded()
    assert 'Saved MCP server "wati"' in done.stdout, done
    return user


def through(name: str, arguments: dict[str, Any]) -> Step:
    """A call of a tool that OpenClaw's tool search has found."""
    return Step("tool_call", {"id": f"wati__{name}", "args": arguments})


def answered(shown: str) -> Any:
    """The document of ours in what a model sees of a call."""
    (content,) = document(shown)["result"]["content"]
    return json.loads(content["text"])


def test_the_doctor_and_the_probe_find_it_well(connected: User) -> None:
    (server,) = connected.openclaw("mcp", "doctor", "wati", "--probe", "--json").json["servers"]
    # The sandbox's key is no secret; a real one belongs into the environment, as the doctor says.
    assert server["ok"] is True and [issue["level"] for issue in server["issues"]] == ["warning"], server
    assert "env.MATON_API_KEY contains a literal" in server["issues"][0]["message"]
    probed = connected.openclaw("mcp", "probe", "wati", "--json").json
    assert probed["diagnostics"] == []
    assert probed["servers"]["wati"]["tools"] == 36 and probed["servers"]["wati"]["resources"] is True
    assert {"wati__find_contact", "wati__send_template_message"} < set(probed["tools"])


def test_a_server_that_does_not_start_is_not_saved(user: User, unpacked: Path) -> None:
    server = ["--command", sys.executable, "--arg", str(unpacked / "scripts" / "mcp_server.py")]
    user.openclaw("mcp", "add", "wati", *server, "--arg", "--tools", "--arg", "nonsense").failed()
    user.openclaw("mcp", "show", "wati").failed()


def test_an_agent_finds_the_tools_reads_and_sends(
    connected: User, model: ScriptedModel, unpacked: Path
) -> None:
    text = {"whatsappNumber": JANE, "messageText": "Any questions?"}
    model.steps = [
        Step("tool_search", {"query": "find a customer's WhatsApp number by name"}),
        Step("tool_search", {"query": "send a WhatsApp template message"}),
        Step("tool_describe", {"id": "wati__send_template_message"}),
        through("find_contact", {"name": "Jane"}),
        through("send_template_message", {**TEMPLATE, "run": {"dry_run": True}}),
        through("send_template_message", TEMPLATE),
        through("send_template_message", TEMPLATE),
        through("send_session_message", text),
    ]
    done = ask(connected, model, "Tell Jane that her order 67890 is ready.")
    assert FINISHED in done.stdout, done
    people, templates, described, found, dry, sent, again, closed = model.shown
    assert "wati__find_contact" in people and "wati__send_template_message" in templates
    assert "ask the user first" in templates and "broadcast_name" in described

    assert answered(found)["data"]["contacts"][0]["whatsappNumber"] == JANE
    assert "Hi Jane, your order 67890 is ready." in dry
    assert answered(sent)["outcome"] == "accepted"
    for shown, code in ((again, "repeated_send"), (closed, "session_closed")):
        assert answered(shown)["error"]["code"] == code
        assert document(shown)["result"]["details"]["status"] == "error"

    # What counts is what the far side delivered: the one template, once.
    log = connected.script(unpacked, "sandbox", "log", "--state", str(connected.home / "world.sqlite"))
    assert [(entry["kind"], entry["whatsappNumber"], entry["template"]) for entry in log.json["data"]] == [
        ("template", JANE, "order_update")
    ]
    assert log.json["data"][0]["parameters"] == TEMPLATE["parameters"]
