"""What OpenClaw says about the skill: eligible only with the key, and all of its metadata understood."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from users import User


def set_key(user: User) -> None:
    """With the command in SKILL.md and README.md."""
    user.openclaw("config", "set", "skills.entries.wati.apiKey", "sandbox").succeeded()


def set_entry(user: User) -> None:
    config = {"skills": {"entries": {"wati": {"env": {"MATON_API_KEY": "sandbox"}}}}}
    file = user.home / ".openclaw" / "openclaw.json"
    file.write_text(json.dumps(config), encoding="utf-8")


def nothing(_: User) -> None:
    pass


def info(user: User, skill: Path, **variables: str) -> Any:
    """What `skills info` says with `skill` in the workspace."""
    if not user.installed.exists():
        shutil.copytree(skill, user.installed)
    return user.openclaw("skills", "info", "wati", "--json", **variables).json


def dropped(skill: Path, said: Any) -> list[str]:
    """The parts of the metadata that OpenClaw reads in other skills, and did not take from this SKILL.md."""
    front = yaml.safe_load((skill / "SKILL.md").read_text(encoding="utf-8").split("---\n")[1])
    openclaw = front["metadata"]["openclaw"]
    requires = {"bins": [], "anyBins": [], "env": [], "config": [], "os": []} | openclaw["requires"]
    pairs = {
        "description": (front["description"], said.get("description")),
        "emoji": (openclaw["emoji"], said.get("emoji")),
        "primaryEnv": (openclaw["primaryEnv"], said.get("primaryEnv")),
        "requires": (requires, said.get("requirements")),
        # OpenClaw does not show `formula`. It leaves out an entry that it does not understand.
        "install": (
            [
                {name: entry[name] for name in ("id", "kind", "label", "bins")}
                for entry in openclaw["install"]
            ],
            said.get("install"),
        ),
    }
    return [f"{name}: {wanted} became {got}" for name, (wanted, got) in pairs.items() if wanted != got]


@pytest.mark.parametrize(
    ("configure", "variables", "expected"),
    [
        pytest.param(nothing, {}, False, id="no key"),
        pytest.param(nothing, {"MATON_API_KEY": " "}, False, id="blank"),
        pytest.param(nothing, {"MATON_API_KEY": "sandbox"}, True, id="environment"),
        pytest.param(set_key, {}, True, id="config set apiKey"),
        pytest.param(set_entry, {}, True, id="entries.wati.env"),
    ],
)
def test_it_is_eligible_with_the_key_and_only_with_it(
    user: User, committed: Path, configure: Callable[[User], None], variables: dict[str, str], expected: bool
) -> None:
    shutil.copytree(committed, user.installed)
    configure(user)
    said = info(user, committed, **variables)
    assert (said["eligible"], said["modelVisible"]) == (expected, expected), said
    assert said["missing"]["env"] == ([] if expected else ["MATON_API_KEY"])


def test_nothing_of_the_metadata_is_dropped(user: User, committed: Path) -> None:
    assert dropped(committed, info(user, committed)) == []


# Each of the two tests above finds its fault.


def test_a_key_that_is_not_required_is_found(user: User, copy: Path) -> None:
    skill = copy / "SKILL.md"
    text = skill.read_text(encoding="utf-8")
    broken = text.replace("      env:\n        - MATON_API_KEY\n", "", 1)
    assert broken != text
    skill.write_text(broken, encoding="utf-8")
    assert info(user, copy)["eligible"] is True


def test_metadata_that_openclaw_ignores_is_found(user: User, committed: Path, copy: Path) -> None:
    skill = copy / "SKILL.md"
    _, front, body = skill.read_text(encoding="utf-8").split("---\n", 2)
    wanted = yaml.safe_load(front)
    wanted["metadata"]["openclaw"] = json.dumps(wanted["metadata"]["openclaw"])
    skill.write_text(f"---\n{yaml.safe_dump(wanted)}---\n{body}", encoding="utf-8")
    lost = [entry.split(":")[0] for entry in dropped(committed, info(user, copy))]
    assert lost == ["emoji", "primaryEnv", "requires", "install"]
