"""The sandbox's answers against what published captures show: members and kinds, and the services' words.

A file of captures/ has the shape of one capture as it is quoted, in the words of wati/probe/shapes.py. What a
quotation leaves out is "not quoted". `of`: only this part of the body was published.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wati.contract.bodies import member
from wati.probe import comparing, shapes

CAPTURES = {
    file.stem: json.loads(file.read_text(encoding="utf-8"))
    for file in sorted((Path(__file__).parent / "captures").glob("*.json"))
}


def ask(world, request):
    given = {"json": request.get("json"), "data": request.get("form")}
    return world.api.request(request["method"], request["path"], **given)


def shape(capture: dict[str, Any], body: Any) -> dict[str, str]:
    """The part of an answer that was published."""
    return {path: kind for path, kind in shapes.of(body).items() if path.startswith(capture.get("of", ""))}


def differences(capture: dict[str, Any], observed: dict[str, str]) -> list[str]:
    """How a shape differs from the published one, both ways."""
    quoted = {
        path: observed.get(path, "null") if kind == "not quoted" else kind
        for path, kind in capture["body"].items()
    }
    return comparing.compare(("body",), {"body": quoted}, {"body": observed}).differences


def test_there_are_captures():
    assert len(CAPTURES) >= 9
    assert all(capture["source"] and capture["body"] for capture in CAPTURES.values())


@pytest.mark.parametrize("capture", CAPTURES.values(), ids=CAPTURES)
def test_an_answer_has_the_members_of_the_published_one(capture, world):
    answer = ask(world, capture["request"])
    assert answer.status_code == capture["status"]
    assert differences(capture, shape(capture, answer.json())) == []
    for path, value in capture.get("values", {}).items():
        assert member(answer.json(), path) == value, path


@pytest.mark.parametrize("capture", CAPTURES.values(), ids=CAPTURES)
def test_a_member_more_or_less_is_found(capture, world):
    observed = shape(capture, ask(world, capture["request"]).json())
    assert differences(capture, {**observed, f"{capture.get('of', '')}surprise": "text"}) != []
    for missing in capture["body"]:
        assert differences(capture, {path: kind for path, kind in observed.items() if path != missing}) != []


def test_what_a_capture_shows_of_a_failure_shows_here_too(world):
    capture = CAPTURES["four_spaces"]
    assert member(ask(world, capture["request"]).json(), "result") is True
    world.advance(2)
    row = world.get(capture["then"]["path"]).json()["messages"]["items"][0]
    assert row["eventType"] == "broadcastMessage"
    assert {name: row[name] for name in capture["then"]["values"]} == capture["then"]["values"]


def test_the_rows_of_all_three_kinds_are_compared(world):
    found = shapes.of(ask(world, CAPTURES["messages"]["request"]).json())
    for kind in ("message", "broadcastMessage", "ticket"):
        assert f"messages.items[{kind}].id" in found
