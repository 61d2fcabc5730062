"""Which spellings are one person: a wrong yes joins two people, a wrong no messages one of them twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wati.contract.numbers import person, same_person, spellings

PAIRS = [
    ("525512345678", "5215512345678"),
    ("541123456789", "5491123456789"),
    ("551187654321", "5511987654321"),
    ("551167654321", "5511967654321"),
]
STRANGERS = [
    ("551123456789", "5511923456789"),  # a landline, and someone's mobile
    ("551153456789", "5511953456789"),
    ("52551234567", "521551234567"),  # too short for either
    ("14155551234", "114155551234"),
    ("4915112345678", "49015112345678"),
    ("5411234567890", "54911234567890"),
    ("55118765432", "551198765432"),
]


@pytest.mark.parametrize(("short", "long"), PAIRS)
def test_both_spellings_are_one_person(short: str, long: str) -> None:
    assert spellings(short) == (short, long) and spellings(long) == (long, short)
    assert person(short) == person(long) == long
    assert same_person(short, long) and not same_person(short, long[:-1] + "0")


@pytest.mark.parametrize(("one", "other"), STRANGERS)
def test_what_only_looks_alike_is_two_people(one: str, other: str) -> None:
    assert not same_person(one, other)


def test_ids_have_one_spelling_in_any_letter_case() -> None:
    assert spellings("64A8F0C2E4B0A1B2C3D4E5F6") == ("64A8F0C2E4B0A1B2C3D4E5F6",)
    assert same_person("64A8F0C2E4B0A1B2C3D4E5F6", "64a8f0c2e4b0a1b2c3d4e5f6")
    assert spellings("US.123") == ("US.123",)


@given(st.from_regex(r"(5[245])?[0-9]{6,13}", fullmatch=True))
def test_the_other_spelling_of_the_other_spelling_is_the_first(number: str) -> None:
    for other in spellings(number):
        assert set(spellings(other)) == set(spellings(number)) and person(other) == person(number)
