"""Campaigns with the real engine and a real PostgreSQL: a tenth of `make proof`. The sandbox's log judges."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "dev"))
proof = importlib.import_module("campaign_proof")

SIZE = 0.1


@pytest.mark.parametrize("story", proof.STORIES)
def test_nobody_gets_it_twice_and_nobody_is_lost(story: str) -> None:
    try:
        told = proof.play(story, seed=5, size=SIZE)
    except proof.NotRun as reason:
        pytest.skip(f"NOT RUN: {reason}")
    assert told.receivers and told.violations == []
