"""Values of parameters with members of the contact in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wati.campaigns.filling import Filling, key, problems

JANE = {"firstname": "Jane", "city": "Lisbon", "empty": "", "long": "x" * 1025, "lines": "a\nb\t c     d"}


def fill(value: str, *links: str) -> tuple[str, list[str], list[str], list[str]]:
    found = Filling([{"name": "p", "value": value}], links).fill(JANE)
    return found.values[0]["value"], found.blank, found.unsendable, found.too_long


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Hello", "Hello"),
        ("{{firstName}}", "Jane"),
        ("Hi {{ FIRSTNAME }} in {{city}}!", "Hi Jane in Lisbon!"),
        ("{{nick|there}}", "there"),
        ("{{empty|there}}", "there"),
        ("{{city|there}}", "Lisbon"),
        ("{{nick|}}x", "x"),
        ("{{nick| dear customer }}", " dear customer "),
        ("{one} brace", "{one} brace"),
        ("{{lines}}", "a b c d"),  # WhatsApp fails line breaks, tabs and four spaces
    ],
)
def test_a_value_is_filled(value: str, text: str) -> None:
    assert fill(value) == (text, [], [], [])


@pytest.mark.parametrize(
    "value", ["{{nick}}", "Hi {{nick}}!", "{{empty}}", "{{city}} {{empty}}", "{{nick|}}"]
)
def test_whoever_lacks_a_member_without_a_fallback_is_blank(value: str) -> None:
    assert fill(value)[1:] == (["p"], [], [])


def test_what_cannot_be_sent_is_named() -> None:
    assert fill("{{city}} now", "p")[2] == ["p"]  # a space in the link of a button
    assert fill("{{city}}", "p")[2] == []
    assert fill("{{long}}")[3] == ["p"]
    assert Filling([{"name": "p", "value": "{{a}}"}]).fill({"a": "x\ud800"}).unsendable == ["p"]


@pytest.mark.parametrize("value", ["{{", "a }}", "{{}}", "{{|there}}", "{{ }}", "{{a|b|c}}", "{{a{b}}"])
def test_a_place_that_is_not_one_is_a_problem(value: str) -> None:
    (problem,) = problems([{"name": "a", "value": "fine {{city}}"}, {"name": "p", "value": value}], "$.x")
    assert problem["at"] == "$.x[1].value" and "{{firstName}}" in problem["problem"]


def test_the_sample_has_something_in_every_place() -> None:
    filling = Filling([{"name": "p", "value": "a {{x}} b {{y|z}}"}, {"name": "q", "value": "c"}])
    assert filling.sample() == [("p", "a x b x"), ("q", "c")]
    assert [(member.name, member.fallback) for member in filling.members] == [("x", None), ("y", "z")]


TEXT = st.text(st.characters(exclude_characters="{}|", exclude_categories=["Cs"]), max_size=20)


@given(st.dictionaries(TEXT.filter(key).map(key), TEXT), TEXT, TEXT.filter(key), TEXT)
def test_any_text_is_filled_with_any_member(
    members: dict[str, str], before: str, name: str, after: str
) -> None:
    parameters = [{"name": "p", "value": f"{before}{{{{{name}}}}}{after}"}]
    assert not list(problems(parameters, "$"))
    found = Filling(parameters).fill(members)
    value = " ".join(members.get(key(name), "").split())
    assert found.values == [{"name": "p", "value": before + value + after}]
    assert (found.blank == ["p"]) is (not value or not (before + value + after).strip())
