"""dev/captures.py: what a capture proves about the table."""

from __future__ import annotations

import importlib
import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conftest import ROOT, Unsynced
from wati.probe import questions, report, verdicts

sys.path.insert(0, str(ROOT / "dev"))
captures = importlib.import_module("captures")
ASSUMED = verdicts.assumed()
TABLE = (ROOT / captures.TABLE).read_text(encoding="utf-8")
DAY = "2027-03-04"
MISSING = "get_media: a missing file is 404"


@pytest.fixture
def lay(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """`lay(capture, *flags)`: exit, what was printed, and the table of a copy of the documents."""
    (tmp_path / "references").mkdir()
    table = tmp_path / captures.TABLE
    table.write_text(TABLE, encoding="utf-8")
    monkeypatch.setattr(captures, "kept", lambda: ASSUMED)

    def run(capture: Any, *flags: str) -> tuple[int, str, str]:
        file = tmp_path / "capture.json"
        file.write_text(json.dumps(capture), encoding="utf-8")
        code = captures.main([*flags, str(file)], tmp_path)
        return code, capsys.readouterr().out, table.read_text(encoding="utf-8")

    return run


def capture(of: str = report.LIVE, **answers: Any) -> dict[str, Any]:
    found = {name: {"status": 200, **one} for name, one in ASSUMED.items()}
    return {"capture": 1, "at": DAY, "of": of, "answers": {**found, **answers}}


def changed(table: str) -> list[tuple[str, str]]:
    pairs = zip(TABLE.splitlines(), table.splitlines(), strict=True)
    return [(old, new) for old, new in pairs if old != new]


def test_rows_that_agree_in_every_part_are_observed_with_the_date(lay: Callable[..., Any]) -> None:
    code, said, table = lay(capture())
    assert code == 0 and "different" not in said
    rows = changed(table)
    assert len(rows) >= 20 and said.count("observed: ") == len(rows)
    for old, new in rows:
        assert new == f"|{old.split('|')[1]}| observed | published live probe, {DAY} |"
        assert " assumed " in old or " documented " in old
    marked = [captures.plain(old.split("|")[1].strip()) for old, _ in rows]
    whole = {each.row for each in questions.ALL if each.row} - {
        each.row for each in questions.ALL if not each.whole
    }
    assert all(any(row.startswith(each) for each in whole) for row in marked)
    assert any(row.startswith(MISSING) for row in marked)


def test_what_is_different_is_listed_and_stays_assumed(lay: Callable[..., Any]) -> None:
    code, said, table = lay(capture(media_missing={"status": 400, "body": {"": "nothing"}}))
    assert code == 1
    assert f"different: {MISSING}\n  media_missing: status: 400, not 404\n" in said
    assert not [old for old, _ in changed(table) if "a missing file" in old]


@pytest.mark.parametrize(
    "answer", [{"not_asked": "needs a file"}, {"no_answer": "timeout"}, {"status": 404, "body": {"": ""}}]
)
def test_a_row_of_which_a_part_was_not_seen_is_not_observed(answer: Any, lay: Callable[..., Any]) -> None:
    _, _, table = lay(capture(over_failed=answer))
    assert not [old for old, _ in changed(table) if "PENDING or FAILED" in old]
    assert changed(table)


def test_an_answer_that_cannot_show_it_proves_nothing(lay: Callable[..., Any]) -> None:
    """Fewer contacts than fit on a page do not show how many fit."""
    few = {"status": 200, "notes": {"at_most": "cannot say"}}
    code, _, table = lay(capture(contacts_no_page=few))
    assert code == 0
    assert not [old for old, _ in changed(table) if "100 to a page" in old]


@pytest.mark.parametrize("of", [report.SANDBOX, report.LOCAL, "anything"])
def test_a_capture_of_a_sandbox_marks_nothing(of: str, lay: Callable[..., Any]) -> None:
    code, said, table = lay(capture(of))
    assert code == 0 and table == TABLE and "no row is marked" in said


def test_with_check_nothing_is_written(lay: Callable[..., Any]) -> None:
    _, said, table = lay(capture(), "--check")
    assert table == TABLE and "observed: " in said


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"at": "x", "answers": {}, "of": ""}', '{"at": 1}'])
def test_what_is_not_a_capture_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "c.json").write_text(text, encoding="utf-8")
    assert captures.main([str(tmp_path / "c.json")], tmp_path) == 2
    assert "not a capture" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--what"], ["a", "b"]])
def test_wrong_arguments_show_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert captures.main(arguments) == 2
    assert "usage:" in capsys.readouterr().err


def test_a_marked_table_still_has_its_form(lay: Callable[..., Any]) -> None:
    _, _, table = lay(capture())
    assert date.fromisoformat(DAY)
    again = captures.marked(
        table, verdicts.rows(questions.ALL, capture()["answers"], ASSUMED), date(2028, 1, 1)
    )
    assert again == (table, [])


def test_what_the_sandbox_answers_is_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python dev/captures.py --write` brings it up to date."""
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Unsynced))
    assert captures.kept() == ASSUMED
