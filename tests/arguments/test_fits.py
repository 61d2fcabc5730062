"""The quick yes is held to jsonschema: never a yes where jsonschema finds a problem."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from strategies import SCHEMAS, fixed, from_pattern, valid
from wati.arguments.fits import fits

WRONG: list[Any] = [None, True, 0, -1, 1.0, float("nan"), "", "x", "x\n", [], {}, [None]]


def places(
    schema: dict[str, Any], value: Any, steps: tuple[Any, ...] = ()
) -> list[tuple[tuple[Any, ...], Any]]:
    """Every place in a value that its schema describes, with that part of the schema."""
    found = [(steps, schema)]
    if isinstance(value, dict):
        for name, member in value.items():
            found += places(schema["properties"][name], member, (*steps, name))
    if isinstance(value, list):
        for index, item in enumerate(value):
            found += places(schema["items"], item, (*steps, index))
    return found


def edges(schema: dict[str, Any]) -> list[Any]:
    """Values at and just beyond every limit that this part of a schema sets."""
    longest, most, greatest = (schema.get(name) for name in ("maxLength", "maxItems", "maximum"))
    least = schema.get("minimum")
    item = {
        "whatsappNumber": "14155551234",
        "customParams": [],
        "name": "a",
        "value": "b",
        "title": "c",
        "rows": [],
    }
    known = schema.get("items", {}).get("properties", {})
    one = {name: item[name] for name in known if name in item}
    return [
        *([] if longest is None else ["é" * longest, "é" * (longest + 1)]),
        *([] if greatest is None else [greatest, greatest + 1]),
        *([] if least is None else [least, least - 1]),
        *([] if most is None else [[one] * most, [one] * (most + 1)]),
        *schema.get("enum", []),
    ]


def made(strategy: Any, count: int) -> list[Any]:
    """So many values of a strategy: to choose one of them again is a hundred times as quick."""
    values: list[Any] = []

    @fixed(count)
    @given(strategy)
    def collect(value: Any) -> None:
        values.append(value)

    collect()
    assert values
    return values


@cache
def of_pattern(pattern: str, longest: int) -> list[str]:
    """Texts of the pattern, also with the line's end that a careless `$` lets through."""
    texts = made(from_pattern(pattern, longest), 50)
    return [*texts, *(f"{text}\n" for text in texts)]


@st.composite
def mutations(draw: st.DrawFn, schema: dict[str, Any], bases: list[Any]) -> Any:
    """Valid arguments with one place changed, dropped or added."""
    value = copy.deepcopy(draw(st.sampled_from(bases)))
    steps, part = draw(st.sampled_from(places(schema, value)))
    replacements = st.sampled_from([*edges(part), *WRONG])
    if "pattern" in part:
        replacements |= st.sampled_from(of_pattern(part["pattern"], part.get("maxLength", 1024)))
    replacement = draw(replacements)
    if not steps:
        return replacement
    holder = value
    for step in steps[:-1]:
        holder = holder[step]
    if draw(st.booleans()):
        holder[steps[-1]] = replacement
    elif isinstance(holder, dict) and draw(st.booleans()):
        holder["unknown"] = replacement
    else:
        del holder[steps[-1]]
    return value


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_quick_yes_is_a_yes_of_jsonschema(name: str) -> None:
    schema = SCHEMAS[name]
    judge = Draft202012Validator(schema)
    answers = set()

    @fixed(200)
    @given(mutations(schema, [*schema["examples"], *made(valid(name), 50)]))
    def check(value: Any) -> None:
        answers.add(quick := fits(schema, value))
        if quick:
            assert judge.is_valid(value)

    check()
    assert answers == {True, False}


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_example_is_recognized_at_once(name: str) -> None:
    assert SCHEMAS[name]["examples"]
    assert all(fits(SCHEMAS[name], example) for example in SCHEMAS[name]["examples"])


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "email"},
        {"type": ["string", "null"]},
        {"type": "number"},
        {"enum": ["x"]},
        {"type": "string", "not": {}},
        {"type": "string", "x-unknown": True},
    ],
)
def test_what_it_does_not_understand_is_left_to_jsonschema(schema: dict[str, Any]) -> None:
    assert not fits(schema, "x")


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@fixed(25)
@given(data=st.data())
def test_what_the_strategy_calls_valid_is_recognized_at_once(name: str, data: st.DataObject) -> None:
    """Or the generated arguments of all property tests would prove less than they say."""
    value = data.draw(valid(name))
    assert fits(SCHEMAS[name], value) and Draft202012Validator(SCHEMAS[name]).is_valid(value)
