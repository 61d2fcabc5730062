"""find_template: which templates fit, in which order, and what an agent learns of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conftest import SANDBOX, Run
from recording import TEMPLATES, FarSide, reply
from wati.sandbox import control

Json = dict[str, Any]


def names(run: Run) -> list[str | None]:
    return [template.get("name") for template in run.data["templates"]]


def row(name: str, body: str, **members: Any) -> Json:
    return {"elementName": name, "status": "APPROVED", "bodyOriginal": body, **members}


def listed(far_side: FarSide, *rows: Any) -> None:
    page = {"result": "success", "messageTemplates": list(rows), "link": None}
    far_side.will(reply(page), to=TEMPLATES)
    far_side.always(reply({**page, "messageTemplates": []}), to=TEMPLATES)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"text": "READY order"}, ["order_update"]),
        ({"text": "invoi"}, ["payment_link"]),
        ({"text": "ready welcome"}, []),
        ({"name": "Order"}, ["order_update", "order_update_v2"]),
        ({"name": "order_update"}, ["order_update", "order_update_v2"]),
        ({"name": "update order v2"}, ["order_update_v2"]),
        ({"name": "order", "text": "on its way"}, ["order_update_v2"]),
        ({"parameters": ["Invoice"]}, ["payment_link"]),
        ({"parameters": ["name", "ordernumber"]}, ["order_update", "order_update_v2"]),
        ({"parameters": ["1"]}, ["appointment_reminder"]),
        ({"status": "pending"}, ["spring_sale"]),
        ({"category": "marketing"}, ["spring_sale"]),
        ({"status": "APPROVED", "category": "MARKETING"}, []),
        ({"language": "EN", "text": "draft idea first"}, []),
        ({"language": "EN", "status": "DRAFT"}, ["old_draft"]),
        ({"language": "e"}, []),
    ],
    ids=str,
)
def test_which_of_the_default_templates_fit(
    arguments: Json, expected: list[str], call: Callable[..., Run]
) -> None:
    run = call("find_template", arguments, **SANDBOX)
    assert names(run) == expected
    assert run.data["matches"] == len(expected) and run.data["read"] == 8 and "guess" not in run.data


def test_all_of_them_with_the_approved_ones_first(call: Callable[..., Run], state: str) -> None:
    control.seed(state, {"templates": [{"elementName": "late", "status": "APPROVED", "body": "Late"}]})
    run = call("find_template", **SANDBOX)
    assert run.data["matches"] == 9
    statuses = [template["status"] == "APPROVED" for template in run.data["templates"]]
    assert statuses == sorted(statuses, reverse=True) and statuses.count(True) == 6
    few = call("find_template", {"limit": 2}, **SANDBOX)
    assert len(few.data["templates"]) == 2 and few.data["matches"] == 9 and few.data["more"] is True


def test_a_name_that_is_nearly_right_is_a_guess(call: Callable[..., Run]) -> None:
    run = call("find_template", {"name": "wellcome"}, **SANDBOX)
    assert names(run) == ["welcome"] and "ask the user" in run.data["guess"]
    assert names(call("find_template", {"name": "goodbye"}, **SANDBOX)) == []
    narrowed = call("find_template", {"name": "wellcome", "status": "PENDING"}, **SANDBOX)
    assert names(narrowed) == []


def test_a_right_name_needs_no_guess(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, row("wellcome", "Hi"), row("welcome", "Hi"))
    run = call("find_template", {"name": "welcome"})
    assert names(run) == ["welcome"] and "guess" not in run.data


def test_what_is_said_of_each(call: Callable[..., Run]) -> None:
    (link,) = call("find_template", {"name": "payment"}, **SANDBOX).data["templates"]
    assert link == {
        "name": "payment_link",
        "status": "APPROVED",
        "category": "UTILITY",
        "language": "en",
        "asks": "name, invoice",
        "text": "Hi {{name}}, here is your invoice.",
        "buttons": ["Open"],
        "links": ["https://pay.example.com/{{invoice}}"],
    }
    (welcome,) = call("find_template", {"name": "welcome"}, **SANDBOX).data["templates"]
    assert "asks" not in welcome


def test_each_language_is_one(call: Callable[..., Run], far_side: FarSide) -> None:
    german = {"key": "German", "value": "de", "text": "German"}
    rows = [
        row("hello", "Hello"),
        row("hello", "Hallo", language=german),
        row("hello", "Hi", language="en_US"),
    ]
    listed(far_side, *rows)
    run = call("find_template", {"name": "hello", "language": "en"})
    assert [template["text"] for template in run.data["templates"]] == ["Hi"]
    listed(far_side, *rows)
    assert len(call("find_template", {"text": "hallo"}).data["templates"]) == 1


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"elementName": None, "status": 7, "bodyOriginal": ["x"], "language": 3, "category": {}},
        {"elementName": "x", "buttons": "none", "customParams": [None, 1], "header": "bold"},
    ],
    ids=str,
)
def test_rows_of_any_form(odd: Json, call: Callable[..., Run], far_side: FarSide) -> None:
    every = {"name": "x", "text": "x", "parameters": ["x"], "status": "x", "language": "x", "category": "x"}
    for arguments in ({}, *({name: value} for name, value in every.items())):
        listed(far_side, odd, "no object", row("good", "Good"))
        run = call("find_template", arguments)
        assert run.data["read"] == 2
    listed(far_side, odd, row("good", "Good"))
    assert "good" in names(call("find_template"))


def test_a_list_that_is_too_long_is_not_all(
    call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    from wati.reads.inbox import Inbox

    whole = Inbox.templates
    monkeypatch.setattr(Inbox, "templates", lambda self: whole(self, 1))
    far_side.always(
        reply({"result": "success", "messageTemplates": [row("good", "Good")], "link": None}), to=TEMPLATES
    )
    run = call("find_template", {"name": "other"})
    assert run.data["matches"] == 0 and run.data["not_all_read"] is True


def test_a_long_text_is_cut(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, row("long", "word " * 200))
    (only,) = call("find_template").data["templates"]
    assert len(only["text"]) <= 300 and only["text"].endswith("…")
