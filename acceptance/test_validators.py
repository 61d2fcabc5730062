"""The validators of the Agent Skills format, and the installer for users of other agents."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from toolbox import Toolbox
from users import Done, User


@pytest.fixture
def validator(toolbox: Toolbox) -> list[str]:
    if toolbox.validator is None:
        python = ".".join(map(str, sys.version_info[:2]))
        pytest.skip(f"NOT RUN: agentskills validate: it needs Python 3.11 or newer, this is {python}")
    return [str(toolbox.validator), "validate"]


def edit(skill: Path, old: str, new: str) -> None:
    file = skill / "SKILL.md"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def quick_validate(user: User, skill: Path) -> Done:
    return user.run([*user.toolbox.quick_validate, str(skill)])


def test_the_agent_skills_validator_accepts_it(user: User, validator: list[str], committed: Path) -> None:
    user.run([*validator, str(committed)]).succeeded()


def test_openclaw_s_quick_validate_accepts_it(user: User, committed: Path) -> None:
    quick_validate(user, committed).succeeded()


@pytest.mark.parametrize(
    ("agent", "folder"),
    [("openclaw", "skills/wati"), ("claude-code", ".claude/skills/wati"), ("codex", ".agents/skills/wati")],
)
def test_npx_skills_installs_it_for_other_agents(
    user: User, unpacked: Path, bundle: dict[str, bytes], agent: str, folder: str
) -> None:
    user.skills("add", str(unpacked), "--agent", agent, "--copy", "--yes").succeeded()
    installed = user.home / folder
    paths = [path for path in installed.rglob("*") if path.is_file()]
    assert {path.relative_to(installed).as_posix(): path.read_bytes() for path in paths} == bundle


# Each of the tests above finds its fault.


def test_the_agent_skills_validator_rejects_a_flow_mapping(
    user: User, validator: list[str], copy: Path
) -> None:
    edit(copy, "      anyBins:\n        - uv\n        - python3\n        - python\n", "      anyBins: [uv]\n")
    done = user.run([*validator, str(copy)]).failed()
    assert "flow mapping" in done.stdout + done.stderr, done


def test_openclaw_s_quick_validate_rejects_a_version_at_the_top(user: User, copy: Path) -> None:
    edit(copy, "license: MIT-0\n", 'license: MIT-0\nversion: "1.0.0"\n')
    done = quick_validate(user, copy).failed()
    assert "version" in done.stdout + done.stderr, done
