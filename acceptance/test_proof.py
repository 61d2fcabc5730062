"""Campaigns with the real engine and a real PostgreSQL: a tenth of `make proof`. The sandbox's log judges."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / folder) for folder in ("scripts", "dev")]
proof = importlib.import_module("campaign_proof")

# The others wait for minutes at any size; `make proof` plays them.
STORIES = (proof.killed, proof.two_plans, proof.an_import, proof.four_workers)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_nobody_gets_it_twice_and_nobody_is_lost(story: object) -> None:
    (name,) = (name for name, each in proof.STORIES.items() if each is story)
    try:
        told = proof.play(name, seed=5, size=0.1)
    except proof.NotRun as reason:
        pytest.skip(f"NOT RUN: {reason}")
    assert told.receivers and told.violations == []
