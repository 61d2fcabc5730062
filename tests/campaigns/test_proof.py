"""The proof of campaigns (dev/campaign_proof.py): a short story, and that it sees what must not happen."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT
from wati.campaigns.schema import rows as rows_table

sys.path.insert(0, str(ROOT / "dev"))
proof = importlib.import_module("campaign_proof")
shops = importlib.import_module("campaign_shop")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="it needs POSIX signals")

STORIES = {story.__name__: name for name, story in proof.STORIES.items()}


@pytest.mark.long
def test_a_campaign_that_is_killed_reaches_everyone_once() -> None:
    told = proof.play(STORIES["killed"], seed=3, size=0.04)
    assert told.violations == [] and told.receivers == 80
    assert told.facts == ["2 killed"]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Any]:
    with closing(shops.Shop(tmp_path)) as made:
        yield made


def test_the_judge_sees_whatever_must_not_happen(shop: Any) -> None:
    confirm = shop.plan("spring", proof.numbers(3))
    assert shop.ask("run_campaign", "spring", "--confirm", confirm)["data"]["state"] == "done"
    status = shop.ask("campaign_status", "name=spring")
    assert shop.judge("spring", status) == []
    first, second, third = map(str, proof.numbers(3))

    def rows(**states: str) -> list[str]:
        """What is seen if the ledger has these states."""
        with shop.ledger.database.writing() as db:
            for position, state in enumerate(states.values()):
                changed = rows_table.update().where(rows_table.c.position == position)
                db.execute(changed.values(state=state))
        found: list[str] = shop.judge("spring", status)
        return found

    assert f"{first} is planned, and got it" in rows(a="planned")
    assert f"{first} is rejected, and got it" in rows(a="rejected")
    (counts, doubt) = rows(a="in_doubt")
    assert counts.startswith("campaign_status says") and doubt == f"in doubt are ['{first}']; listed are []"
    assert rows(a="accepted") == []
    status["data"]["receivers"] = 4
    assert "head count 4" in " ".join(rows(a="accepted"))
    del status["data"]["receivers"]

    got = shop.got("spring")
    shop.got = lambda *_: got
    got[first], got[second], got[third], got["1"] = 1, 2, 0, 1
    seen = rows(a="accepted")
    assert f"{second} got it 2 times" in seen and f"{third} is accepted, and got nothing" in seen
    assert "['1'] were not in the plan" in seen


def test_the_page_shows_every_story_without_a_violation() -> None:
    shown = proof.PAGE.read_text(encoding="utf-8").split(proof.BEGIN)[1].split(proof.END)[0].strip()
    head, _, *rows = shown.split("\n\n")[0].splitlines()
    assert head.split("|")[1:-1] == ["what was done", "receivers", "in doubt at the end", "seconds", "found"]
    assert [row.split("|")[1] for row in rows] == list(proof.STORIES)
    assert all(re.search(r"\|0 violations[;|]", row) for row in rows), "something was never played"
