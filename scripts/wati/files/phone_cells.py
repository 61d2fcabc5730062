"""What is wrong with the number in a row of a CSV file, and the right one if it is certain. Pure."""

from __future__ import annotations

import re

from wati.arguments.validation import quoted
from wati.contract import numbers

_LENGTHS = range(7, 16)  # digits of a number with its country code
_FLOAT = re.compile(r"([0-9])[.,]?([0-9]*)[eE]\+?([0-9]{1,2})")
_FILLERS = re.compile(r"[ ().\-/\u00a0\u2010-\u2015]")


def number(country: str, phone: str) -> str:
    """`Phone`, after `CountryCode` if there is such a column."""
    return country.strip().removeprefix("+") + phone.strip()


def problem(country: str, phone: str) -> str:
    """Why the two cells are not a number, with the cell to write instead; "" if they are one."""
    receiver = number(country, phone)
    if phone.strip() and not phone.strip().startswith("0") and _is_number(receiver):
        return ""
    if not phone.strip():
        return "is empty: there is no number"
    what, right = _explained(phone.strip(), country.strip().removeprefix("+"))
    return f"is {quoted(phone)}: {what}" + (f"; use {right}" if right else "")


def read(country: str, phone: str) -> tuple[str, str]:
    """The number of the two cells, also if it is only certain how to write it; else what is wrong."""
    if not problem(country, phone):
        return number(country, phone), ""
    country = country.strip().removeprefix("+")
    right = _explained(phone.strip(), country)[1]
    return (country + right, "") if right else ("", problem(country, phone))


def _explained(phone: str, country: str) -> tuple[str, str]:
    """What the cell is, and what to write instead if that is certain."""
    if float_ := _FLOAT.fullmatch(phone):
        digits = float_[1] + float_[2]
        if len(digits) == int(float_[3]) + 1:
            return "a spreadsheet wrote the number in scientific notation", _certain(digits, country)
        return (
            "a spreadsheet rounded the number, and its last digits are lost; format the column as text, "
            "and enter the number again"
        ), ""
    if country and not (country.isascii() and country.isdigit()):
        return f"with the CountryCode {quoted(country)}, it is not a number of digits", ""
    if phone.startswith("'"):
        return "spreadsheets mark text with the apostrophe, which is no part of the number", _certain(
            phone[1:], country
        )
    if re.fullmatch(r"[0-9]+\.0+", phone):
        return "a program wrote the number with decimals", _certain(phone.partition(".")[0], country)
    if phone.startswith(("+", "00")):
        what = "a number has digits only, without " + ("a plus" if phone[0] == "+" else "00")
        return what, _certain("+" + phone.lstrip("+") if phone[0] == "+" else "+" + phone[2:], country)
    if phone.startswith("0"):
        return "it starts with a zero; no international number does", ""
    digits = _FILLERS.sub("", phone)
    if not (digits.isascii() and digits.isdigit()):
        return "it is not a number of digits only", ""
    if digits != phone:
        return "a number has digits only" + ("" if country else _COMPLETE), _certain(phone, country)
    count = len(country + digits)
    together = f", with the CountryCode {country}" if country else ""
    return f"it has {count} digits{together}; a number has 7 to 15, with the country code", ""


_COMPLETE = ", with the country code; without a plus, it is not certain that it has one: ask for it"


def _certain(text: str, country: str) -> str:
    """The cell without what is no digit, if the whole number is certain then; else ""."""
    if text.startswith("+"):
        whole = numbers.complete(text)
    else:
        whole = numbers.complete(f"+{country} {text}") if country else text
    cell = whole.removeprefix(country) if whole.startswith(country) else ""
    return cell if not cell.startswith("0") and _is_number(country + cell) else ""


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) in _LENGTHS and text[0] != "0"
