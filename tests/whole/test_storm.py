"""The kill storm of dev/storm.py: a short one, and that it would see what must not happen."""

from __future__ import annotations

import importlib
import os
import re
import sys
from typing import Any

import pytest

from conftest import ROOT

sys.path.insert(0, str(ROOT / "dev"))
storm = importlib.import_module("storm")
judge = importlib.import_module("storm_judge")

TO = "14155600000"
posix = pytest.mark.skipif(os.name != "posix", reason="it needs POSIX signals")


def counted(text: str) -> dict[str, int]:
    """The numbers of the line about the whole."""
    found = re.search(
        r"Seed (?P<seed>\d+): (?P<messages>\d+) messages by (?P<processes>\d+) processes\. "
        r"(?P<struck>\d+) of these got a signal, (?P<silent>\d+) said nothing, and (?P<faults>\d+) faults "
        r"struck\. Violations: (?P<violations>\d+)\.",
        text,
    )
    assert found, text
    return {name: int(number) for name, number in found.groupdict().items()}


@posix
def test_a_short_storm_doubles_and_denies_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """One wave: each deed of five that take no more than a few seconds."""
    exit_code = storm.main(["--seed", "1", "--wave", "1046"])
    text = capsys.readouterr().out
    assert exit_code == 0, text
    done = {line.split("|")[1] for line in text.splitlines() if re.search(r"\|[01] of 1\|", line)}
    assert done == storm.DEEDS.keys() - {
        *("left alone", "stopped for minutes", "the journal locked", "the answer late")
    }
    seen = counted(text)
    assert seen["messages"] == storm.LANES and seen["processes"] >= 3 * storm.LANES
    assert seen["faults"] >= 1 and seen["struck"] == 2
    assert "|1 of 1|" in text, "nothing was delivered"


@posix
def test_a_storm_sees_a_message_that_goes_out_twice(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storm, "FLAGS", (*storm.FLAGS, "--again"))
    monkeypatch.setattr(storm, "LANES", 1)
    monkeypatch.setattr(storm, "TOGETHER", ["left alone"])
    assert storm.main(["--wave", "2", "--seed", "1"]) == 1
    text = capsys.readouterr().out
    assert counted(text)["violations"] >= 1
    assert re.search(r"seed 1, wave 2, \w+, left alone: \d+ got the message [2-4] times", text)


def test_the_page_shows_a_storm_without_violations() -> None:
    page = storm.PAGE.read_text(encoding="utf-8")
    shown = page.split(storm.BEGIN)[1].split(storm.END)[0].strip()
    head, _, *rows = shown.split("\n\n")[0].splitlines()
    assert head.split("|")[1:-1] == ["what was done", *storm.KINDS]
    assert [row.split("|")[1] for row in rows] == list(storm.DEEDS)
    assert all(re.search(r"\d of [1-9]", row) for row in rows), "something was never done"
    assert counted(shown)["violations"] == 0


# --- the judge ----------------------------------------------------------------------------------------------


def spoken(outcome: str = "", exit_code: int = 0, mark: str = "a", **more: Any) -> Any:
    """A process that ended so. Without an outcome it printed nothing."""
    inner = {"outcome": outcome, "code": more.pop("code", "timeout")}
    document = {"ok": True, **inner} if exit_code == 0 else {"ok": False, "error": inner}
    return judge.Spoken(mark, more.get("is_struck", False), exit_code, "{}", document if outcome else None)


def silent(*, is_struck: bool) -> Any:
    return judge.Spoken("a", is_struck, -9 if is_struck else 1, "", None)


ACCEPTED, UNKNOWN = spoken("accepted"), spoken("unknown", 7)
REPEATED, REJECTED = spoken("not_sent", 2), spoken("rejected", 4)
KILLED = silent(is_struck=True)


@pytest.mark.parametrize(
    ("processes", "got", "states", "says"),
    [
        ([ACCEPTED, REPEATED], ["a"], ["accepted"], ""),
        ([KILLED, REPEATED], ["a"], ["sent"], ""),
        ([KILLED, REPEATED], [], ["not_seen"], ""),
        ([UNKNOWN, REPEATED], ["a"], ["unknown"], ""),
        ([REJECTED, spoken("accepted", mark="b")], ["b"], ["rejected", "accepted"], ""),
        ([KILLED], [], [], ""),
        ([ACCEPTED, ACCEPTED], ["a", "a"], ["accepted", "accepted"], "got the message 2 times"),
        ([KILLED, ACCEPTED], ["a", "a"], ["unknown", "accepted"], "got the message 2 times"),
        ([REPEATED, REJECTED], ["a"], ["accepted"], "every document denies it"),
        ([REJECTED, spoken("unknown", 7, mark="b")], ["a"], ["unknown"], "every document denies it"),
        ([ACCEPTED], [], ["unknown"], "it did not reach all"),
        ([ACCEPTED, spoken("unknown", 7, mark="b")], ["b"], ["sent"], "it did not reach all"),
        ([KILLED], ["a"], ["not_seen"], "check_send says ['not_seen']"),
        ([KILLED], ["a"], ["rejected", "not_sent"], "check_send says ['rejected', 'not_sent']"),
        ([KILLED], ["a"], [], "check_send says nothing"),
        ([KILLED], [], ["sent"], "got it 0 times, and check_send says ['sent']"),
        ([UNKNOWN], ["a"], ["sent", "accepted"], "got it 1 times"),
        ([silent(is_struck=False)], [], [], "without one whole document"),
        ([spoken("unknown", 1, code="internal")], [], [], "called a bug"),
    ],
)
def test_a_round_is_judged(processes: list[Any], got: list[str], states: list[str], says: str) -> None:
    one = judge.Round("text", "killed", "seed 1, wave 1", [TO], processes)
    found = judge.violations(one, {TO: got}, {TO: states})
    assert any(says in problem for problem in found) if says else found == []


def test_a_round_that_took_too_long_is_not_judged_for_repeats_alone() -> None:
    one = judge.Round("text", "killed", "seed 1, wave 1", [TO], [ACCEPTED, REPEATED], too_slow=True)
    both = {TO: ["accepted", "accepted"]}
    assert judge.violations(one, {TO: ["a", "a"]}, both) == []
    assert judge.violations(one, {TO: []}, {}) != []


def test_what_was_delivered_is_read_from_the_log() -> None:
    one = judge.Round("text", "killed", "seed 1, wave 1", [TO, "2"], [spoken("accepted", mark="own")])
    log = [
        {"kind": "text", "whatsappNumber": TO, "localMessageId": "own"},
        {"kind": "template", "whatsappNumber": TO, "broadcast_name": "own", "localMessageId": "theirs"},
        {"kind": "file", "whatsappNumber": TO, "localMessageId": "theirs"},
        {"kind": "contact_added", "whatsappNumber": TO},
        {"kind": "text", "whatsappNumber": "3", "localMessageId": "own"},
    ]
    assert judge.delivered([one], log) == {TO: ["own", "own", ""], "2": []}


def test_cells_count_the_rounds_that_were_delivered() -> None:
    rounds = [judge.Round("text", "killed", "", [to]) for to in ("1", "2", "3")]
    rounds.append(judge.Round("bulk", "killed", "", ["4", "5"]))
    got = {"1": ["a"], "2": [], "3": ["a"], "4": ["a"], "5": []}
    assert judge.cells(rounds, got) == {("killed", "text"): "2 of 3", ("killed", "bulk"): "0 of 1"}
