"""Loops of ordinary calls against the far side's limits: slow, never refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from sends import JOHN, Clock, World
from wati.sandbox import control


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    made = World(str(tmp_path / "state" / "sandbox.sqlite"), tmp_path, call)
    control.reset(made.state)
    return made


@pytest.mark.parametrize(
    ("script", "count", "arguments"),
    [
        ("find_contact", 12, lambda _: {"name": "John"}),
        ("get_messages", 54, lambda _: {"whatsappNumber": JOHN}),
        ("get_contacts", 25, lambda _: {}),
        ("conversation", 25, lambda _: {"whatsappNumber": JOHN}),
        ("add_contact", 25, lambda n: {"whatsappNumber": f"1415555{2000 + n}", "name": "New"}),
        ("list_connections", 25, lambda _: {}),
    ],
)
@pytest.mark.parametrize("says_when", [True, False], ids=["Retry-After", "429 alone"])
def test_a_loop_is_slow_and_never_refused(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    count: int,
    arguments: Callable[[int], dict[str, Any]],
    says_when: bool,
) -> None:
    if not says_when:
        monkeypatch.setattr("wati.sandbox.limits.retry_after", lambda seconds: {})
    Clock(monkeypatch)
    runs = [world.run(script, arguments(n)) for n in range(count)]
    assert [run.exit for run in runs] == [0] * count
