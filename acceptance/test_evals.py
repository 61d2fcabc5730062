"""The evals through MCP: an agent that has nothing but tool calls can earn every mark."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from users import User

EVERY = range(1, 33)


@pytest.mark.parametrize("remainder", [0, 1, 2], ids=["a third", "another", "the rest"])
def test_the_right_agent_scores_full_marks_through_mcp(user: User, repository: Path, remainder: int) -> None:
    ids = [str(number) for number in EVERY if number % 3 == remainder]
    agent = f'"{sys.executable}" "{repository / "evals" / "scripted_agents.py"}" right'
    grader = [sys.executable, str(repository / "evals" / "grade.py"), "--agent", agent, "--through", "mcp"]
    graded = user.run(
        [*grader, "--json", "--jobs", "2", *(word for one in ids for word in ("--task", one))]
    ).json
    assert {str(one["eval_id"]): one["marks"] for one in graded["evals"]} == dict.fromkeys(ids, 10)


def test_those_are_all(user: User, repository: Path) -> None:
    beyond = str(len(EVERY) + 1)
    grader = [sys.executable, str(repository / "evals" / "grade.py"), "--agent", sys.executable]
    assert f"there is no eval {beyond}" in user.run([*grader, "--task", beyond]).failed().stderr
