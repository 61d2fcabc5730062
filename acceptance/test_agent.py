"""The real agent with a scripted model: it is offered the skill, reads SKILL.md, runs scripts, sees JSON."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from model import FINISHED, ScriptedModel, Step
from turns import ask, document
from users import User

EXEC = {
    # OpenClaw puts the login shell's PATH before its own, so the system's Python comes before a virtual
    # environment. This setting puts the environment first.
    "pathPrepend": [str(Path(sys.executable).parent)],
    # By default, a command goes to the background after 10 s. On a busy machine, a script can take longer.
    "backgroundMs": 60_000,
}
JANE = "14155555678"
TEMPLATE = {
    "whatsappNumber": JANE,
    "template_name": "order_update",
    "broadcast_name": "order_update",
    "parameters": [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": "67890"}],
}


def script(name: str, arguments: dict[str, Any]) -> Step:
    """A command in the form that SKILL.md teaches."""
    return Step("exec", {"command": f"python3 {{skill}}/scripts/{name}.py '{json.dumps(arguments)}'"})


MESSAGE = "Tell Jane that her order 67890 is ready."
STEPS = [
    Step("read", {"path": "{skill}/SKILL.md"}),
    script("get_contacts", {"name": "Jane"}),
    script("send_template_message", TEMPLATE),
    script("send_session_message", {"whatsappNumber": JANE, "messageText": "Any questions?"}),
]


def test_the_agent_reads_the_skill_runs_scripts_and_sees_their_documents(
    user: User, model: ScriptedModel, unpacked: Path
) -> None:
    shutil.copytree(unpacked, user.installed)
    state = str(user.home / "world.sqlite")
    model.steps = STEPS
    entry = {"apiKey": "sandbox", "env": {"WATI_SANDBOX_STATE": state}}
    done = ask(user, model, MESSAGE, skills={"entries": {"wati": entry}}, tools={"exec": EXEC})

    assert FINISHED in done.stdout, done
    assert "wati" in model.catalogue
    skill, contacts, template, rejected = model.shown
    assert (unpacked / "SKILL.md").read_text(encoding="utf-8").strip() in skill
    assert "python3 {baseDir}/scripts/" in skill

    found = document(contacts)
    assert [contact["wAid"] for contact in found["data"]["contact_list"]] == [JANE]
    assert found["ok"] is found["sandbox"] is True
    assert document(template)["outcome"] == "accepted"
    error = document(rejected)["error"]
    assert (error["code"], error["outcome"]) == ("session_closed", "rejected")
    assert "code 4" in rejected  # OpenClaw adds the exit code

    # What counts is what the far side delivered: the one template, and not the text that it rejected.
    log = user.script(user.installed, "sandbox", "log", "--state", state).json["data"]
    assert [(entry["kind"], entry["whatsappNumber"], entry["template"]) for entry in log] == [
        ("template", JANE, "order_update")
    ]
    assert log[0]["parameters"] == TEMPLATE["parameters"]


def test_without_a_key_the_model_is_not_offered_the_skill(
    user: User, model: ScriptedModel, committed: Path
) -> None:
    shutil.copytree(committed, user.installed)
    ask(user, model, MESSAGE)
    assert model.catalogue
    assert "wati" not in model.catalogue
