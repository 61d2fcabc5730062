"""The section Install of README.md: every command runs as written, with its placeholders filled."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from registry import Registry
from users import Done, User

README = Path(__file__).resolve().parent.parent / "README.md"
VENV = "/path/to/.venv/bin"


def commands() -> list[list[str]]:
    """The words of every command in the section's code fences."""
    section = README.read_text(encoding="utf-8").split("\n## Install\n")[1].split("\n## ")[0]
    fences: list[str] = re.findall(r"```bash\n(.*?)```", section, re.S)
    return [shlex.split(line) for fence in fences for line in fence.splitlines() if line.strip()]


def tool(user: User, words: list[str]) -> Done:
    """Run the command with the pinned tool. npx would only fetch the same."""
    if words[0] == "openclaw":
        return user.openclaw(*words[1:])
    assert words[:2] == ["npx", "skills"]
    return user.skills(*words[2:])


def ready(user: User) -> bool:
    return bool(user.openclaw("skills", "info", "wati", "--json").json["eligible"])


INSTALLS = [words for words in commands() if words[:3] == ["openclaw", "skills", "install"]]
OTHERS = [words for words in commands() if words not in INSTALLS]


def test_there_are_three_ways_and_four_further_commands() -> None:
    assert (len(INSTALLS), len(OTHERS)) == (3, 4)


@pytest.fixture
def reader(
    new_user: Callable[..., User], registry: Registry, bundle: dict[str, bytes], version: str, committed: Path
) -> User:
    """A user with a registry that has the skill, and with a fresh clone in the current folder."""
    registry.versions[version] = dict(bundle)
    user = new_user(OPENCLAW_CLAWHUB_URL=registry.url)
    shutil.copytree(committed, user.home / "wati")
    return user


@pytest.mark.parametrize("words", INSTALLS, ids=lambda words: words[-1])
def test_it_installs(reader: User, repository: Path, words: list[str]) -> None:
    filled = [word.replace("git:OWNER/REPOSITORY", f"git:{repository.as_uri()}") for word in words]
    tool(reader, filled).succeeded()
    assert (reader.installed / "SKILL.md").is_file()
    assert not ready(reader)


def test_what_follows_makes_it_ready(reader: User) -> None:
    tool(reader, INSTALLS[1]).succeeded()
    for words in OTHERS:
        tool(reader, [word.replace("YOUR_KEY", "sandbox") for word in words]).succeeded()
    assert ready(reader)
    config = json.loads((reader.home / ".openclaw" / "openclaw.json").read_text(encoding="utf-8"))
    assert config["skills"]["entries"]["wati"]["apiKey"] == "sandbox"
    assert config["tools"]["exec"]["pathPrepend"] == [VENV]
    for folder in (".claude", ".agents"):
        assert (reader.home / folder / "skills" / "wati" / "SKILL.md").is_file()
