"""Names and values as one object: what is sent, and what is said of a wrong one, is as with WATI's list."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import RUNNABLE, Run
from recording import TEMPLATES, FarSide, reply
from wati.arguments.pairs import as_lists, as_objects

Json = dict[str, Any]
TAKING = [
    *("add_contact", "update_contact_attributes", "send_template_message", "send_template_messages"),
    *("send_template_message_v2", "send_template_messages_v2"),
]


def schema_of(name: str) -> Json:
    found: Json = json.loads(Path(RUNNABLE[name].schema_file).read_text(encoding="utf-8"))
    return found


def test_these_scripts_take_names_and_values() -> None:
    found = [name for name in RUNNABLE if '"customParams"' in (text := json.dumps(schema_of(name))) or
             '"parameters"' in text]  # fmt: skip
    # Those of find_template are names without values; plan_campaign sends nothing.
    assert sorted(found) == sorted([*TAKING, "find_template", "plan_campaign"])


@pytest.mark.parametrize("name", TAKING)
def test_both_forms_send_the_same(name: str, call: Callable[..., Run], far_side: FarSide) -> None:
    sendable = {"elementName": "order_update", "status": "APPROVED", "body": "Hi {{name}} {{ordernumber}}"}
    far_side.always(reply({"messageTemplates": [sendable]}), to=TEMPLATES)
    schema = schema_of(name)
    example = next(each for each in schema["examples"] if each != as_objects(schema, each))
    confirm = ["--confirm", str(len(example["receivers"]))] if "receivers" in example else []
    again = ["--again"] if RUNNABLE[name].effect == "send" else []
    for arguments in (example, as_objects(schema, example)):
        call(name, arguments, *confirm, *again)
    one, other = far_side.writes
    assert (one.target, one.body) == (other.target, other.body) and one.json


@pytest.mark.parametrize("values", [{"city": "Lisbon", "note": "a=b"}, {"city": {"a": 1}}, {"": None}])
def test_an_object_is_the_list_whatever_is_in_it(values: Json) -> None:
    schema = schema_of("add_contact")
    listed = [{"name": name, "value": value} for name, value in values.items()]
    given = {"customParams": values, "name": values, "unknown": values}
    assert as_lists(schema, given) == {"customParams": listed, "name": values, "unknown": values}
    assert as_lists(schema, {"customParams": listed}) == {"customParams": listed}


ONE_ITEM = {"name": "city", "value": "Lisbon"}


@pytest.mark.parametrize("name", TAKING)
@pytest.mark.parametrize("item", [ONE_ITEM, {"value": "Lisbon", "name": "city"}])
def test_an_item_without_its_list_is_not_taken_for_two_values(
    name: str, item: Json, call: Callable[..., Run], far_side: FarSide
) -> None:
    schema = schema_of(name)
    example = next(each for each in schema["examples"] if each != as_objects(schema, each))
    member = "parameters" if "parameters" in example else "customParams"
    for holder in (example, *example.get("receivers", [])):
        if member in holder:
            holder[member] = item
    run = call(name, example, *(["--confirm", "1"] if "receivers" in example else []))
    assert run.exit == 2 and far_side.writes == []
    problems = run.error["problems"]
    assert problems and all(problem["at"].endswith(member) for problem in problems)
    assert all('[{"name": …, "value": …}]' in problem["problem"] for problem in problems)


def test_words_say_which_name_is_whose(call: Callable[..., Run], far_side: FarSide) -> None:
    words = ["whatsappNumber=14155551234", "customParams.name=Jo", "customParams.value=high"]
    assert call("update_contact_attributes", None, *words).exit == 0
    assert far_side.writes[0].json == {
        "customParams": [{"name": "name", "value": "Jo"}, {"name": "value", "value": "high"}]
    }


def test_an_example_never_shows_what_would_be_refused() -> None:
    schema = schema_of("add_contact")
    both = {"customParams": [{"name": "name", "value": "Jo"}, {"name": "value", "value": "high"}]}
    assert as_objects(schema, both) == both


def test_a_wrong_value_in_an_object_is_named_and_nothing_is_sent(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    order = {"whatsappNumber": "14155551234", "template_name": "t", "broadcast_name": "b"}
    run = call("send_template_message", {**order, "parameters": {"name": "Jane", "ordernumber": 67890}})
    assert run.error["problems"] == [
        {"at": "$.parameters.ordernumber", "problem": 'is a number; expected a string: "67890"'}
    ]
    rest = {"template_name": "t", "broadcast_name": "b"}
    receivers = [
        {"whatsappNumber": "14155551234", "customParams": {"a b": ""}},
        {"whatsappNumber": "14155555678", "customParams": [{"name": "n", "value": ""}]},
    ]
    run = call("send_template_messages_v2", {**rest, "receivers": receivers})
    assert [problem["at"] for problem in run.error["problems"]] == [
        '$.receivers[0].customParams["a b"]',
        "$.receivers[1].customParams[0].value",
    ]
    for wrong in ("Jane", {}):
        run = call("send_template_message", {**order, "parameters": wrong})
        assert [problem["at"] for problem in run.error["problems"]] == ["$.parameters"]
    assert far_side.writes == []


def test_the_same_name_twice_is_refused(call: Callable[..., Run], far_side: FarSide) -> None:
    text = '{"whatsappNumber": "14155551234", "customParams": {"city": "Rome", "city": "Lima"}}'
    assert call("add_contact", text).error["code"] == "invalid_json"
    assert far_side.writes == []


def test_a_text_in_a_list_is_the_object_that_needs_only_it() -> None:
    schema = schema_of("plan_campaign")
    given = {"audience": {"receivers": ["351912345601", {"whatsappNumber": "1"}, 7]}}
    assert as_lists(schema, given) == {
        "audience": {"receivers": [{"whatsappNumber": "351912345601"}, {"whatsappNumber": "1"}, 7]}
    }
    # Where more is needed, a text is none of it.
    bulk = schema_of("send_template_messages_v2")
    assert as_lists(bulk, {"receivers": ["351912345601"]}) == {"receivers": ["351912345601"]}
