"""The official conformance suite: its scenarios that apply pass, and each of the others has a reason."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from users import Done, User

HERE = Path(__file__).resolve().parent
# server-sse-multiple-streams and dns-rebinding-protection test the SDK's HTTP more than what is ours.
APPLY = [
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
]
# Why the others do not apply. What the first group tests is tested in tests/mcp with the tools that exist.
DO_NOT_APPLY = {
    "calls a tool of its own, such as test_simple_text, which the tested server must have": [
        "tools-call-simple-text",
        "tools-call-image",
        "tools-call-audio",
        "tools-call-embedded-resource",
        "tools-call-mixed-content",
        "tools-call-error",
        "tools-call-with-progress",
        "tools-call-elicitation",
        "json-schema-2020-12",
        "elicitation-sep1034-defaults",
        "elicitation-sep1330-enums",
        "server-sse-polling",
    ],
    "reads a resource of its own, such as test://static-text, which the tested server must have": [
        "resources-read-text",
        "resources-read-binary",
        "resources-templates-read",
    ],
    "the server offers no subscriptions, because its resources do not change": [
        "resources-subscribe",
        "resources-unsubscribe",
    ],
    "the server offers no prompts and no completions": [
        "completion-complete",
        "prompts-list",
        "prompts-get-simple",
        "prompts-get-with-args",
        "prompts-get-embedded-resource",
        "prompts-get-with-image",
    ],
    "sampling and logging are deprecated in the protocol since 2026-07-28": [
        "logging-set-level",
        "tools-call-with-logging",
        "tools-call-sampling",
    ],
}


@pytest.fixture
def address(user: User, unpacked: Path) -> Iterator[str]:
    """Where the server listens."""
    command = [sys.executable, str(HERE / "conformance_server.py"), str(unpacked / "scripts")]
    environment = {"HOME": str(user.home), "MATON_API_KEY": "sandbox"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8") as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip()
        finally:
            server.kill()


def scenario(user: User, address: str, name: str) -> Done:
    return user.run([*user.toolbox.conformance, "server", "--url", address, "--scenario", name])


def test_every_scenario_is_run_or_has_a_reason(user: User) -> None:
    said = user.run([*user.toolbox.conformance, "list", "--server"]).succeeded()
    known = re.findall(r"^  - (\S+)", said.stdout, re.MULTILINE)
    listed = [*APPLY, *(name for names in DO_NOT_APPLY.values() for name in names)]
    assert known and sorted(listed) == sorted(known)


@pytest.mark.parametrize("name", APPLY)
def test_it_passes(user: User, address: str, name: str) -> None:
    done = scenario(user, address, name).succeeded()
    passed, of = re.findall(r"Passed: (\d+)/(\d+), 0 failed, 0 warnings", done.stdout)[0]
    assert passed == of != "0", done


def test_a_scenario_that_does_not_apply_fails(user: User, address: str) -> None:
    assert "1 failed" in scenario(user, address, "prompts-list").failed().stdout
