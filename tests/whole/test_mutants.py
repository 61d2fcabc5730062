"""The mutants of dev/mutants.py: which changes are made, and that code that is loaded already takes them."""

from __future__ import annotations

import _thread
import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from conftest import ROOT
from wati.wire.threads import Worker

sys.path.insert(0, str(ROOT / "dev"))
mutants, mutations = importlib.import_module("mutants"), importlib.import_module("mutations")

RULES = """
LIMITS = {"text": 60, "file": 600}
LONGEST = max(LIMITS.values())


class Message:
    def __init__(self, age: int = 700) -> None:
        self.age = age

    @property
    def is_old(self) -> bool:
        return self.age > LONGEST


def is_known(name: str) -> bool:
    return name.lower() in LIMITS
"""
USER = "from rules import LIMITS, LONGEST, Message, is_known\n"
CHANGES = [
    ('{"text": 60, "file": 600}', "{'file': 600}", "is_known('text')", False),
    ("600", "601", "LONGEST", 601),
    ("max(", "min(", "LONGEST", 60),
    ("self.age > LONGEST", "(self.age >= LONGEST)", "Message(600).is_old", True),
    ("700", "701", "Message().age", 701),
    ("name.lower()", "name", "is_known('Text')", False),
]


@pytest.mark.parametrize(("before", "after", "expression", "value"), CHANGES)
def test_a_mutant_is_one_change_of_code_that_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, before: str, after: str, expression: str, value: object
) -> None:
    (tmp_path / "rules.py").write_text(RULES, encoding="utf-8")
    (tmp_path / "user.py").write_text(USER, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("rules", "user"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))  # so that they are forgotten afterwards
        del sys.modules[name]
    user = importlib.import_module("user")
    assert eval(expression, vars(user)) != value
    (mutant,) = (each for each in mutations.mutants(RULES) if each.text == RULES.replace(before, after, 1))
    mutations.put_in(mutant, tmp_path / "rules.py")
    assert eval(expression, vars(user)) == value


def test_every_mutant_can_be_read_as_code() -> None:
    texts = [mutant.text for mutant in mutations.mutants(RULES)]
    assert len(set(texts)) == len(texts) > len(CHANGES)
    for text in texts:
        compile(text, "rules.py", "exec")


def test_what_a_worker_runs_is_what_its_test_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread of a Worker is none of threading's, so threading.settrace does not see it."""
    trial = mutants.Trial([Path(__file__)], 0, 0, again=False)
    trial.test = "the test"

    def act() -> int:
        return sys._getframe().f_lineno

    line = act()
    monkeypatch.setattr(_thread, "start_new_thread", trial.traced(_thread.start_new_thread))
    assert Worker(act).ended(30)
    assert trial.ran[__file__, line] == {"the test"}
