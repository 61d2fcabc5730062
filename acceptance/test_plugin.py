"""The real OpenClaw with the plugin: one folder brings the skill and the server."""

from __future__ import annotations

from pathlib import Path

import pytest
from model import FINISHED, ScriptedModel, Step
from test_openclaw_mcp import JANE, TEMPLATE, answered, through
from toolbox import NotRun, server_packages
from turns import ask
from users import User


@pytest.fixture(scope="session")
def packages(committed: Path) -> Path:
    """uv's cache, with the packages that the plugin's server would download at its first start."""
    try:
        return server_packages(committed / "scripts" / "mcp_server.py")
    except NotRun as reason:
        pytest.skip(f"NOT RUN: the plugin's server: {reason}")


@pytest.fixture
def plugin(publishable: Path, version: str) -> Path:
    """The folder that `make package` writes."""
    return publishable.parent.parent / f"wati-{version}-plugin"


@pytest.fixture
def installed(user: User, plugin: Path, packages: Path) -> User:
    """A user who has installed the plugin and given it the key."""
    settings = user.home / ".config" / "uv" / "uv.toml"
    settings.parent.mkdir(parents=True)
    # Offline, because the certificates and the proxy of whoever runs the tests are not this user's.
    settings.write_text(f"cache-dir = '{packages}'\noffline = true\n", encoding="utf-8")
    user.openclaw("plugins", "install", str(plugin), "--force", "--accept-capabilities").succeeded()
    data = user.home / ".openclaw" / "plugin-data" / "wati"
    data.mkdir(parents=True, exist_ok=True)
    variables = f"MATON_API_KEY=sandbox\nWATI_SANDBOX_STATE={user.home / 'world.sqlite'}\n"
    (data / "wati.env").write_text(variables, encoding="utf-8")
    user.openclaw("config", "set", "skills.entries.wati.apiKey", "sandbox").succeeded()
    return user


def test_without_the_flags_nothing_is_installed(user: User, plugin: Path) -> None:
    user.openclaw("plugins", "install", str(plugin)).failed()
    assert "not found" in user.openclaw("skills", "info", "wati", "--json").failed().stdout


def test_an_agent_has_the_skill_and_sends_through_the_server(
    installed: User, model: ScriptedModel, plugin: Path
) -> None:
    model.steps = [
        Step("read", {"path": "{skill}/SKILL.md"}),
        Step("tool_search", {"query": "send a WhatsApp template message"}),
        through("find_contact", {"name": "Jane"}),
        through("send_template_message", TEMPLATE),
    ]
    done = ask(installed, model, "Tell Jane that her order 67890 is ready.")
    assert FINISHED in done.stdout, done
    assert "wati" in model.catalogue
    skill, templates, found, sent = model.shown
    assert "wati__send_template_message" in templates, done.stderr  # why, if the server did not start
    text = (plugin / "skills" / "wati" / "SKILL.md").read_text(encoding="utf-8")
    assert text.strip() in skill
    assert answered(found)["data"]["contacts"][0]["whatsappNumber"] == JANE
    assert answered(sent)["outcome"] == "accepted"
    log = installed.script(
        plugin / "skills" / "wati", "sandbox", "log", "--state", str(installed.home / "world.sqlite")
    )
    assert [(entry["kind"], entry["whatsappNumber"], entry["template"]) for entry in log.json["data"]] == [
        ("template", JANE, "order_update")
    ]
