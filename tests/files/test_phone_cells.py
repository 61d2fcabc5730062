"""What is said of the number in a row of a CSV: a wrong suggestion would be a message to a stranger."""

from __future__ import annotations

import pytest

from wati.files.phone_cells import problem

RIGHT = [
    ("", "1415555"),  # 7 digits
    ("", "141555512345678"),  # 15
    ("1", "4155551234"),
    (" +1 ", " 4155551234 "),
]
# The cells, what is said, and the cell to write instead; "" if it is not certain.
WRONG = [
    ("", " ", "is empty", ""),
    ("", "141555", "it has 6 digits; a number has 7 to 15", ""),
    ("", "1415555123456789", "it has 16 digits", ""),
    ("1", "41555", "it has 6 digits, with the CountryCode 1", ""),
    ("1", "04155551234", "starts with a zero", ""),
    ("US", "4155551234", 'with the CountryCode "US"', ""),
    ("\u0661", "4155551234", "with the CountryCode", ""),
    ("1", "4.155551234E+9", "scientific notation", "4155551234"),
    ("", "1.4155551234e10", "scientific notation", "14155551234"),
    ("", "1.41555512E+10", "rounded", ""),
    ("", "9E+11", "rounded", ""),
    ("", "14155551234.0", "with decimals", "14155551234"),
    ("1", "4155551234.00", "with decimals", "4155551234"),
    ("", "14155551234.5", "digits only", ""),
    ("", "'14155551234", "apostrophe", "14155551234"),
    ("1", "'4155551234", "apostrophe", "4155551234"),
    ("", "'014155551234", "apostrophe", ""),
    ("", "+14155551234", "without a plus", "14155551234"),
    ("91", "+919876543210", "without a plus", "9876543210"),
    ("1", "+44 20 7946 0958", "without a plus", ""),  # another country's
    ("44", "0044 20 7946 0958", "without 00", "2079460958"),
    ("39", "+39 06 1234 5678", "without a plus", ""),  # the cell would start with a zero
    ("", "415-555-0101", "it is not certain that it has one", ""),
    ("1", "(415) 555-0101", "a number has digits only", "4155550101"),
    ("44", "(0)20 7946 0958", "a number has digits only", "2079460958"),
    ("", "4155551O09", "it is not a number of digits only", ""),
]


@pytest.mark.parametrize(("country", "phone"), RIGHT)
def test_a_whole_number_is_right(country: str, phone: str) -> None:
    assert problem(country, phone) == ""


@pytest.mark.parametrize(("country", "phone", "said", "instead"), WRONG)
def test_only_what_is_certain_is_suggested(country: str, phone: str, said: str, instead: str) -> None:
    found = problem(country, phone)
    assert said in found
    assert found.partition("; use ")[2] == instead
