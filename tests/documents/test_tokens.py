"""The table of references/tokens.md is what a run gives, and its tasks are what they say."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from conftest import ROOT
from wati.sandbox import control

NAMES = [
    "find Jane",
    "read the last 10 messages with John",
    "which templates are there",
    "send a template, its parameters looked up",
    "answer in the open window",
    "what became of the last message",
    "list 50 contacts",
    "a template to three customers",
    "add a contact",
    "a message is rejected: why, and what can be sent",
]


@pytest.fixture(scope="module")
def dev() -> Any:
    sys.path.insert(0, str(ROOT / "dev"))
    try:
        yield importlib.import_module("tokens")
    finally:
        sys.path.remove(str(ROOT / "dev"))


def test_the_table_is_up_to_date(dev: ModuleType) -> None:
    assert dev.main(["--check"]) == 0, "run `make bench`"


def test_the_whole_costs_less_than_a_third_of_the_page_and_no_task_more(dev: ModuleType) -> None:
    found = dev.measured()
    assert list(found) == NAMES
    instructions = dev.PAGE, dev.tokens((ROOT / "SKILL.md").read_text(encoding="utf-8"))
    pages, ours = zip(instructions, *found.values(), strict=True)
    assert sum(ours) <= 0.30 * sum(pages)
    assert [name for name, (page, own) in found.items() if own >= page] == []


def test_an_everyday_question_costs_a_tenth_of_the_page_and_one_command() -> None:
    """By the table, which the first test holds up to date."""
    text = (ROOT / "references" / "tokens.md").read_text(encoding="utf-8")
    rows = text.split("day:begin")[1].split("<!-- day:end")[0].strip().splitlines()[3:]
    cells = [[cell.replace(",", "") for cell in row.strip("|").split("|")] for row in rows]
    assert len(cells) == 6
    for name, _, page, _, commands, ours, _, ratio in cells:
        assert commands == "1" and int(ours) <= 0.1 * int(page), name
        assert float(ratio) == pytest.approx(int(ours) / int(page), abs=0.001)


def test_both_ways_answer_the_question(dev: ModuleType) -> None:
    """What an agent would look for is in what it reads, on either side."""
    day = importlib.import_module("day_tokens")
    expected = {
        "who is waiting": ["Maria Silva", "Great, when will the missing part come?"],
        "what happened since yesterday": ["Maria Silva", "account_alert"],
        "did they get it": ["DELIVERED"],
        "wait for Jane": ["Yes!"],
        "which template says that it is ready": ["order_update"],
    }
    for name, words in expected.items():
        with day.world(day.QUESTIONS[name]) as (_, state):
            page = day.Page(state)
            day.QUESTIONS[name].page(page)
        with day.world(day.QUESTIONS[name]) as (_, state):
            ours = dev.by_us(day.QUESTIONS[name].ours, state)
        for text in (page.text, ours):
            assert [word for word in words if word.lower() not in text.lower()] == [], name
        assert '"complete":false' not in ours


@pytest.mark.parametrize("name", NAMES)
def test_both_ways_reach_the_same_end(dev: ModuleType, name: str, tmp_path: Path) -> None:
    """What is delivered is the same, and only the task of a rejection ends with one."""
    page, ours = dev.TASKS[name]
    delivered = []
    for calls, way in ((page, dev.by_the_page), (ours, dev.by_us)):
        state = tmp_path / "state.sqlite"
        control.reset(state, now=dev.NOW, ids=1, limits=False)
        texts = [way(call, state) for call in calls]
        delivered.append([(entry["kind"], entry["whatsappNumber"]) for entry in control.log(str(state))])
    assert delivered[0] == delivered[1]
    printed = [json.loads(text.splitlines()[-1])["ok"] for text in texts]
    assert printed == ["rejected" not in name] * len(ours)
