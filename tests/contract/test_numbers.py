"""Which spellings are one person: a wrong yes joins two people, a wrong no messages one of them twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wati.contract.numbers import (
    code_twice,
    common_end,
    complete,
    person,
    rounded,
    same_person,
    spellings,
    twins,
    without_trunk_zero,
)

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
        assert other.endswith(common_end(number)) and common_end(other) == common_end(number) != ""


WRITTEN = {  # what someone writes: the digits that are surely meant, "" if they are not sure
    "+44 (0)20 7946 0958": "442079460958",
    "+49 (0) 170 1234567": "491701234567",
    "0044 20 7946 0958": "442079460958",
    "0044 (0)20 7946 0958": "442079460958",
    "00919876543210": "919876543210",
    "+1 (415) 555-1234": "14155551234",
    "+44 020 7946 0958": "",  # nobody writes it so but with a trunk prefix
    "+49 (0170) 1234567": "",
    "+39 06 1234 5678": "390612345678",  # Italy's zero belongs to the number
    "+39 (0)6 1234 5678": "",
    "+225 07 08 09 10 11": "2250708091011",
    "+241 06 12 34 56": "24106123456",
    "+242 06 123 4567": "242061234567",
    "+378 0549 882914": "3780549882914",
    "+243 081 234 5678": "",  # only its neighbors keep it
    "(415) 555-1234": "",
    "1 415 555 1234": "",
    "020 7946 0958": "",
    "000919876543210": "",
    "+": "",
}


@pytest.mark.parametrize("written", WRITTEN)
def test_a_number_is_corrected_only_if_its_digits_are_sure(written: str) -> None:
    assert complete(written) == WRITTEN[written]


@pytest.mark.parametrize("text", ["9.19877E+11", "9,19877E+11", "1.41556e10", " 1.41556E+10 ", "9E+11"])
def test_what_a_spreadsheet_rounded_is_known(text: str) -> None:
    assert rounded(text) and not complete(text)


@pytest.mark.parametrize("text", ["919876543210", "+1 415 555 1234", "US.1E+11", "E+11", ""])
def test_what_it_did_not_round(text: str) -> None:
    assert not rounded(text)


@pytest.mark.parametrize(
    ("code", "phone", "twice"),
    [
        ("91", "919876543210", True),
        ("1", "14155551234", True),
        ("44", "447911123456", True),
        ("65", "6591234567", True),
        ("55", "5511987654321", True),
        ("91", "9198765432", False),  # a right Indian number
        ("7", "7771234567", False),  # a right one of Kazakhstan
        ("55", "55999999999", False),  # the area 55 in Brazil
        ("1", "4155551234", False),
        ("", "14155551234", False),
        ("", "55119876543210", False),
        ("91", "155119876543210", False),  # too long, but it begins otherwise
    ],
)
def test_a_country_code_that_seems_to_be_there_twice(code: str, phone: str, twice: bool) -> None:
    assert code_twice(code, phone) is twice


# The most digits that a number has behind its country code (national numbering plans at the ITU).
NATIONAL = {
    **dict.fromkeys(("45", "47", "65", "852"), 8),
    **dict.fromkeys(("27", "31", "32", "33", "34", "41", "48", "61"), 9),
    **dict.fromkeys(("1", "7", "44", "91", "234"), 10),
    **dict.fromkeys(("39", "43", "49", "52", "54", "55", "86"), 11),
    "62": 12,
}


@pytest.mark.parametrize("code", NATIONAL)
def test_a_number_that_begins_like_its_country_code_has_it_twice_if_it_is_too_long(code: str) -> None:
    longest = code.ljust(NATIONAL[code], "2")
    assert not code_twice(code, longest)
    assert code_twice(code, longest + "2")


@pytest.mark.parametrize(
    ("written", "dialed"),
    [
        ("+44 (0)20 7946 0958", "+44  20 7946 0958"),
        (" 0044 (0)20", " 0044  20"),
        ("+39 (0)6 1234", "+39 (0)6 1234"),
        ("(0)20 7946 0958", "(0)20 7946 0958"),
        ("+44 (0)20 (0)", "+44  20 (0)"),
    ],
)
def test_a_zero_is_left_out_only_behind_a_country_code_that_has_none(written: str, dialed: str) -> None:
    assert without_trunk_zero(written) == dialed


def test_who_is_listed_in_two_spellings_is_a_twin_and_the_same_digits_are_not_reported_here() -> None:
    short, long = PAIRS[0]
    (twin,) = twins([("$[0]", short), ("$[1]", "14155551234"), ("$[2]", short), ("$[3]", long)])
    assert twin["at"] == "$[3]" and all(word in twin["problem"] for word in (short, long, "$[0]"))
    assert (
        twins([("$[0]", "US.A1"), ("$[1]", "us.a1")]) == twins([("$[0]", "us.a1"), ("$[1]", "US.A1")]) == []
    )
