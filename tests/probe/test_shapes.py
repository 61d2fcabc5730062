"""Whatever an answer says, only listed words of it are shown."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wati.contract.answer import Answer
from wati.probe import shapes, words
from wati.wire import answers

TEXTS = st.text(max_size=60) | st.from_regex(r"[A-Za-z0-9 ,.@'+()-]{0,60}", fullmatch=True)
NAMES = st.sampled_from(["message", "info", "error", "errors", "title", "detail", "result", "text"]) | TEXTS
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
KINDS = {
    *(kind for kind, _ in shapes._KINDS),
    *("null", "number", "text", "true", "false", "true or false"),
    *("list", "object", "empty list", "empty object"),
}
FEW = settings(max_examples=50, deadline=None)


def test_the_list_has_only_small_plain_words() -> None:
    assert len(words.KNOWN) > 300
    assert all(re.fullmatch("[a-z_][a-z0-9_.-]*", each) for each in words.KNOWN)


@FEW
@given(TEXTS)
def test_every_word_that_is_shown_is_listed(text: str) -> None:
    shown = words.plain(text)
    assert len(shown) <= words.LONGEST
    for each in re.findall(r"[A-Za-z_][A-Za-z0-9_]*(?:[-.@][A-Za-z0-9_]+)*", shown):
        assert each.lower() in words.KNOWN
    assert re.findall(r"[^\x00-\x7f]", shown.replace(words.HIDDEN, "")) == []
    assert max(map(len, re.findall("[0-9]+", shown)), default=0) <= 6


@FEW
@given(JSON)
def test_a_shape_says_only_kinds_and_listed_words(value: Any) -> None:
    for kinds in shapes.of(value).values():
        for kind in kinds.split(" | "):
            if kind.startswith("says "):
                assert words.plain(kind[5:]) == kind[5:]
            else:
                assert kind in KINDS or re.fullmatch("[1-5][0-9]{2}", kind), kind


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ticket has been expired.", "Ticket has been expired."),
        ("(#131050) The user has stopped", "(#131050) The user has …"),
        ("Contact John Doe (+1 415 555 1234) not found", "Contact … (+#) not found"),
        ("The connection sandbox-main is not active", "The connection … is not active"),
        ("4 receivers, 2 valid", "4 receivers, 2 valid"),
        ("at Birchwood Lane 77", "at … #"),
        ("user zoe.valid@example.com", "user …"),
    ],
)
def test_what_is_shown_of_a_text(text: str, shown: str) -> None:
    assert words.plain(text) == shown


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><title>John</title>", "a web page"),
        (b"", "nothing"),
        (b"Unauthorized, John", "says Unauthorized, …"),
        (b"\xff\xd8\xff", "a file"),
    ],
)
def test_a_body_that_is_not_json(body: bytes, kind: str) -> None:
    media_type = "image/jpeg" if kind == "a file" else "text/plain"
    answer: Answer = answers.parse(200, {"content-type": media_type}, body)
    assert shapes.of_answer(answer) == {"": kind}


def test_the_members_are_named_and_values_used_as_names_are_not() -> None:
    found = shapes.of({"contact": {"wAid": "14155551234", "John Doe": 1, "14155551234": 2, "$.name": "a"}})
    assert found == {"contact.$.name": "text", "contact.<another>": "number", "contact.wAid": "digits"}
    assert shapes.of({"errors": {"receivers[12].whatsappNumber": ["The field is required."]}}) == {
        "errors.receivers[0].whatsappNumber[]": "says The field is required."
    }


def test_the_rows_of_a_conversation_are_told_apart_by_their_kind() -> None:
    rows = [{"eventType": "message", "text": "x"}, {"eventType": "John", "id": 1}]
    assert set(shapes.of({"items": rows})) == {
        "items[message].eventType",
        "items[message].text",
        "items[].eventType",
        "items[].id",
    }
