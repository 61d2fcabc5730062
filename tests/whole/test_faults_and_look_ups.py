"""A fault of the sandbox without `match` strikes the call of a script, not its look-ups before that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import ENDPOINTS, Run
from sends import SENDS, make_world
from wati.sandbox import control


@pytest.mark.parametrize("name", SENDS)
def test_a_fault_strikes_the_send(name: str, call: Callable[..., Run], tmp_path: Path) -> None:
    world = make_world(tmp_path, call)
    arguments, flags = SENDS[name]
    control.fault(world.state, {"fault": "lost_answer"})
    run = world.run(name, arguments, *flags)
    assert run.error["code"] == "outcome_unknown", run.text
    struck = [(row["method"], row["path"]) for row in control.requests(world.state) if row["fault"]]
    assert len(struck) == 1
    method, path = struck[0]
    assert (method, path.startswith(ENDPOINTS[name].path.partition("{")[0])) == ("POST", True)
