"""What takes a yes back, member by member: a list may be empty in words, a send may not."""

from __future__ import annotations

from typing import Any

import pytest

from wati.contract.answer import Answer
from wati.contract.verdicts import contradiction, says_yes

# (the answer, whether it contradicts the yes of a read, too)
AGAINST: list[tuple[dict[str, Any], bool]] = [
    ({"error": "words"}, True),
    ({"errors": ["words"]}, True),
    ({"errors": {"number": [7]}}, True),
    ({"ok": False}, True),
    ({"result": "queued"}, True),
    ({"success": 0}, True),
    ({"status": "failed"}, True),
    ({"statusCode": 400}, True),
    ({"code": 500}, True),
    ({"message": {"statusString": "FAILED"}}, False),
    ({"message": {"status": "FAILED"}}, False),
    ({"message": {"failedDetail": "words"}}, False),
    ({"ticketStatus": "CLOSED"}, False),
    *(({name: "Nothing imported"}, False) for name in ("message", "info", "detail", "title")),
]
NOT_AGAINST: list[dict[str, Any]] = [
    {"error": "", "errors": []},
    {"error": False, "errors": {"number": [], "text": None}},
    {"ok": True, "result": "success", "success": 1},
    {"ok": "OK", "result": "", "success": None},
    {"ok": "True", "success": "Success"},
    {"status": 200, "statusCode": 399, "code": True},
    {"message": {"statusString": "SENT", "failedDetail": None}, "ticketStatus": "OPEN"},
    {"message": "No errors", "info": "7 imported", "title": ""},
]


@pytest.mark.parametrize(("body", "for_reads"), AGAINST)
def test_what_contradicts_a_yes_is_named(body: dict[str, Any], for_reads: bool) -> None:
    answer = Answer(200, {}, json={"result": True, **body})
    (name,) = body
    assert f"its `{name}" in contradiction(answer)
    assert bool(contradiction(answer, is_read=True)) is for_reads


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"errors": {"number": [7], "text": "is short."}}, "`errors` is: 7; is short."),
        ({"ok": False}, "`ok` is: false."),
        ({"code": 500}, "`code` is: 500."),
        ({"message": {"failedDetail": "131047"}}, "`message.failedDetail` is: 131047."),
    ],
)
def test_what_contradicts_a_yes_is_quoted(body: dict[str, Any], words: str) -> None:
    assert contradiction(Answer(200, {}, json=body)) == f"The answer says yes, but its {words}"


@pytest.mark.parametrize("body", NOT_AGAINST)
def test_what_says_nothing_contradicts_nothing(body: dict[str, Any]) -> None:
    assert contradiction(Answer(200, {}, json=body)) == ""


def test_a_member_that_is_judged_elsewhere_is_left_out() -> None:
    answer = Answer(200, {}, json={"errors": ["words"]})
    assert contradiction(answer) and not contradiction(answer, beside="errors")


@pytest.mark.parametrize(
    ("body", "is_yes"),
    [
        ({"result": True}, True),
        ({"result": "success"}, True),
        ({"ok": True}, True),
        ({"ok": True, "result": ""}, True),
        ({"ok": False, "result": True}, False),
        ({"ok": True, "result": "queued"}, False),
        ({"ok": True, "result": False}, False),
        ({}, False),
    ],
)
def test_a_yes_is_said_by_result_or_by_ok_without_it(body: dict[str, Any], is_yes: bool) -> None:
    assert says_yes(Answer(200, {}, json=body)) is is_yes
