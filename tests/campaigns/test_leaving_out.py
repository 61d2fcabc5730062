"""Who is left out for what: each reason alone, and which counts if several hold."""

from __future__ import annotations

from typing import Any

import pytest

from wati.campaigns.audience import Person, of_contacts
from wati.campaigns.leaving_out import (
    BY_RECORDS,
    REASONS,
    REJECTED,
    Rules,
    is_us_number,
    reason,
    sentence,
)
from wati.reads.opt_out import is_opted_out
from wati.reads.undelivered import CAUSES

RULES = Rules(blocked=lambda _: "", opt_out="opted_out", excluded={}, no_us_numbers=True)
ID = "6f1e8b6c8d5e4f3a2b1c0d9e"


def contact(*attributes: tuple[str, Any], **members: Any) -> Person:
    params = [{"name": name, "value": value} for name, value in attributes]
    (person,) = of_contacts([{"id": ID, "wAid": "351912345678", "customParams": params, **members}])
    return person


@pytest.mark.parametrize(
    ("person", "rules", "code"),
    [
        (contact(), RULES, ""),
        (contact(wAid="", phone=""), RULES, "no_number"),
        (contact(wAid=None), RULES, "no_number"),
        (contact(wAid="instagram-7", phone="351912345678"), RULES, ""),
        (contact(wAid="12345"), RULES, "no_number"),
        (contact(), RULES._replace(blocked=lambda name: name), "blocked"),
        (contact(), RULES._replace(blocked=lambda name: name if name == ID else ""), "blocked"),
        (contact(allowBroadcast=False), RULES, "broadcast_off"),
        (contact(allowBroadcast=True), RULES, ""),
        (contact(allowBroadcast="false"), RULES, ""),  # of a type that WATI does not have: not certain
        (contact(("opted_out", "true")), RULES, "opted_out"),
        (contact((" Opted_Out ", "Yes")), RULES, "opted_out"),
        (contact(("opted_out", "NO")), RULES, ""),
        (contact(("opted_out", "no"), ("opted_out", "yes")), RULES, "opted_out"),
        (contact(("stop", "1")), RULES, ""),
        (contact(("stop", "1")), RULES._replace(opt_out="stop"), "opted_out"),
        (contact(("member", " vip")), RULES._replace(excluded={"member": {"vip"}}), "excluded"),
        (contact(("member", "viper")), RULES._replace(excluded={"member": {"vip"}}), ""),
        (contact(wAid="14155551234"), RULES, "us_number"),
        (contact(wAid="14155551234"), RULES._replace(no_us_numbers=False), ""),
        (contact(wAid="14165551234"), RULES, ""),  # Toronto
        (contact(("opted_out", "1"), allowBroadcast=False), RULES, "broadcast_off"),
        (Person("351912345678", "", {"opted_out": "x"}, None), RULES, "opted_out"),
        (Person("351912345678", "", {"allowbroadcast": "No"}, None), RULES, "broadcast_off"),
        (
            Person("351912345678", "", {"allowbroadcast": "yes"}, {"allowBroadcast": False}),
            RULES,
            "broadcast_off",
        ),
        (Person(ID, "", {}, {"wAid": "14155551234"}), RULES, "us_number"),
    ],
)
def test_the_first_reason_counts(person: Person, rules: Rules, code: str) -> None:
    assert reason(person, rules) == code


@pytest.mark.parametrize(
    ("value", "opted"),
    [*((value, False) for value in (None, "", " ", "false", "FALSE", "no", "No ", "0", 0, False))]
    + [(value, True) for value in ("true", "yes", "1", "x", "2026-01-31", 1, True)],
)
def test_who_has_opted_out(value: object, opted: bool) -> None:
    assert is_opted_out(value) is opted


@pytest.mark.parametrize(
    ("number", "is_us"),
    [
        ("12125550100", True),
        ("19075550100", True),  # Alaska
        ("18085550100", True),  # Hawaii
        ("16045550100", False),  # Vancouver
        ("17875550100", False),  # Puerto Rico
        ("18765550100", False),  # Jamaica
        ("19995550100", False),  # nobody's
        ("4915155501000", False),
        ("1", False),
        ("US.123", False),
        (ID, False),
    ],
)
def test_us_numbers_by_their_area_code(number: str, is_us: bool) -> None:
    assert is_us_number(number) is is_us


def test_every_reason_has_a_sentence() -> None:
    assert set(BY_RECORDS) < set(REASONS) and all(text[0].islower() for text in REASONS.values())


@pytest.mark.parametrize("code", [*REASONS, *REJECTED])
def test_the_sentence_is_of_one_or_of_many(code: str) -> None:
    verbs = [sentence(code, count).split()[0] for count in (1, 2)]
    pairs = [["has", "have"], ["is", "are"], ["was", "were"], ["allows", "allow"]]
    assert verbs in pairs or verbs[0] == verbs[1] in ("would", "failed", "got")


def test_a_code_of_whatsapp_has_its_sentence_and_an_unknown_one_none() -> None:
    assert sentence("131026", 2) == CAUSES["131026"].what and sentence("999999", 2) == ""


# --- members ----------------------------------------------------------------------------------------------


def test_members_of_a_contact() -> None:
    members = contact(
        ("City", "Porto"), ("name", "J. Doe"), ("firstname", "wrong"), fullName="Jane Doe", firstName="Jane"
    ).members
    assert members == {"fullname": "Jane Doe", "firstname": "Jane", "name": "Jane Doe", "city": "Porto"}
    assert contact(fullName="Ana Maria Reis").members["firstname"] == "Ana"
    assert contact().members["firstname"] == ""


def test_what_the_audience_says_counts_more() -> None:
    row = {"fullName": "Jane Doe", "firstName": "Jane", "customParams": [{"name": "city", "value": "Porto"}]}
    members = Person("351912345678", "Joana Reis", {"city": "Faro"}, row).members
    assert members == {"fullname": "Joana Reis", "firstname": "Joana", "name": "Joana Reis", "city": "Faro"}
