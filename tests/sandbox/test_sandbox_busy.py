"""The busy world: large, always the same, and with all that the day's work has to tell apart."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from wati.sandbox import State, control
from wati.sandbox.control import InvalidInput

NOW = "2026-01-05T12:00:00Z"


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float, dict[str, object]]]:
    path = str(tmp_path_factory.mktemp("busy") / "state.sqlite")
    control.reset(path, now=NOW, ids=1, world="busy")
    with State(path).transaction() as tx:
        assert tx.count("SELECT COUNT(*) FROM contacts") == 1000
        assert tx.count("SELECT COUNT(*) FROM operators") == 4
        sql = "SELECT number, at, doc FROM messages ORDER BY at, seq"
        return [(row["number"], tx.now - row["at"], json.loads(row["doc"])) for row in tx.rows(sql)]


def test_all_kinds_of_rows_are_in_it(rows: list[tuple[str, float, dict[str, object]]]) -> None:
    kinds = Counter(row["eventType"] for *_, row in rows)
    assert kinds["broadcastMessage"] > 300 and kinds["ticket"] > 100 and kinds["message"] > 1000
    senders = Counter(str(row["operatorName"]).strip() for *_, row in rows if row.get("owner"))
    assert len(senders) == 6 and senders["Bot"] > 50 and min(senders.values()) > 20
    failed = sum(row.get("statusString") == "FAILED" for *_, row in rows)
    assert failed > 30 and any(row.get("text") == "STOP" for *_, row in rows)


def test_conversations_go_over_days(rows: list[tuple[str, float, dict[str, object]]]) -> None:
    ages = [age for number, age, _ in rows if number.startswith("141556")]
    assert min(ages) >= 60 and max(ages) <= 7 * 86400
    days = Counter(int(age // 86400) for age in ages)
    assert set(days) == set(range(7)) and min(days.values()) > 50


def test_it_is_the_same_every_time(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        path = str(tmp_path / name)
        control.reset(path, now=NOW, ids=1, world="busy")
        with State(path).transaction() as tx:
            made.append([tuple(row) for row in tx.rows("SELECT number, at, doc FROM messages")])
    assert made[0] == made[1] and len(made[0]) > 2000


def test_an_unknown_world_is_a_mistake_and_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="default, busy"):
        control.reset(str(tmp_path / "state"), world="quiet")
    assert not (tmp_path / "state").exists()
