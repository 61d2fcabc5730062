"""The official MCP inspector on the published server and the sandbox, in both eras of the protocol."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from users import Done, User

TOOL_ERROR = 5  # exit code of the inspector
ORDER = {
    "whatsappNumber": "14155555678",
    "template_name": "order_update",
    "broadcast_name": "order_update",
    "parameters": [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "67890"}],
}

Inspect = Callable[..., Done]


@pytest.fixture(params=["legacy", "modern"])
def inspect(request: pytest.FixtureRequest, user: User) -> Inspect:
    """Runs the inspector on the server of a skill."""

    def run(skill: Path, *arguments: str) -> Done:
        server = [sys.executable, str(skill / "scripts" / "mcp_server.py")]
        own = ["-e", "MATON_API_KEY=sandbox", "-e", f"WATI_SANDBOX_STATE={user.home / 'world.sqlite'}"]
        era = ["--protocol-era", request.param, "--format", "json"]
        return user.run([*user.toolbox.inspector, *own, *era, *server, *arguments])

    return run


def call(inspect: Inspect, skill: Path, name: str, arguments: dict[str, Any]) -> tuple[int, Any]:
    """The exit code of the inspector, and the document that the tool answered."""
    given = ["--tool-name", name, "--tool-args-json", json.dumps(arguments)]
    done = inspect(skill, "--method", "tools/call", *given)
    (text,) = json.loads(done.stdout)["result"]["content"]
    return done.exit, json.loads(text["text"])


def test_every_tool_is_portable(inspect: Inspect, unpacked: Path) -> None:
    done = inspect(unpacked, "--method", "tools/list", "--strict").succeeded()
    catalogue = yaml.safe_load((unpacked / "skill.yaml").read_text(encoding="utf-8"))
    names = [tool["name"] for tool in [*catalogue["tools"], *catalogue["helpers"]] if "group" in tool]
    assert [tool["name"] for tool in json.loads(done.stdout)["result"]["tools"]] == names != []
    assert done.stderr == "", done  # it has warnings, too, under which it exits with 0


def test_a_send_is_delivered_once_and_a_rejection_is_an_error(
    inspect: Inspect, unpacked: Path, user: User
) -> None:
    code, found = call(inspect, unpacked, "get_contacts", {"name": "Jane"})
    assert code == 0
    assert [contact["wAid"] for contact in found["data"]["contact_list"]] == [ORDER["whatsappNumber"]]
    code, sent = call(inspect, unpacked, "send_template_message", ORDER)
    assert (code, sent["outcome"]) == (0, "accepted")
    code, again = call(inspect, unpacked, "send_template_message", ORDER)
    assert (code, again["error"]["code"]) == (TOOL_ERROR, "repeated_send")
    text = {"whatsappNumber": ORDER["whatsappNumber"], "messageText": "Any questions?"}
    code, rejected = call(inspect, unpacked, "send_session_message", text)
    assert (code, rejected["error"]["code"]) == (TOOL_ERROR, "session_closed")
    log = user.script(unpacked, "sandbox", "log", "--state", str(user.home / "world.sqlite")).json["data"]
    assert [(entry["kind"], entry["whatsappNumber"], entry["template"]) for entry in log] == [
        ("template", ORDER["whatsappNumber"], "order_update")
    ]


def test_forty_reads_at_once_all_end_well(inspect: Inspect, unpacked: Path) -> None:
    load = ["--load", "--load-requests", "40", "--load-concurrency", "40"]
    done = inspect(unpacked, "--method", "tools/call", "--tool-name", "get_message_templates", *load)
    counted = json.loads(done.succeeded().stdout)["result"]
    assert (counted["ok"], counted["toolErrors"], counted["errors"]) == (40, 0, 0), done


def test_the_skill_s_own_text_is_a_resource(inspect: Inspect, unpacked: Path) -> None:
    done = inspect(unpacked, "--method", "resources/read", "--uri", "wati://SKILL.md").succeeded()
    (content,) = json.loads(done.stdout)["result"]["contents"]
    assert content["text"] == (unpacked / "SKILL.md").read_text(encoding="utf-8")


def test_a_schema_that_is_not_portable_is_found(inspect: Inspect, unpacked: Path, tmp_path: Path) -> None:
    skill = shutil.copytree(unpacked, tmp_path / "copy" / "wati")
    file = skill / "schemas" / "get_contacts.json"
    schema = json.loads(file.read_text(encoding="utf-8"))
    schema["properties"]["name"]["$ref"] = "https://example.com/name.json"
    file.write_text(json.dumps(schema), encoding="utf-8")
    done = inspect(skill, "--method", "tools/list", "--strict")
    assert "get_contacts" in done.stderr and "$ref" in done.stderr, done
