"""Who of an audience is left out of a plan, and why. Pure, but for the tables of phonenumbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wati.campaigns.filling import key
from wati.contract.bodies import is_number
from wati.contract.packages import import_package
from wati.reads.opt_out import is_opted_out
from wati.reads.undelivered import cause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from wati.campaigns.audience import Person

# By the code of a reason: a sentence about whoever it holds for. The order is that in which they are looked
# for; the first one counts.
REASONS = {
    "no_number": "have no WhatsApp number",
    "blocked": "are in WATI_BLOCKED_RECIPIENTS",
    "broadcast_off": "allow no broadcasts (allowBroadcast is false)",
    "opted_out": "have opted out, by the attribute or column that says so",
    "excluded": "have an attribute that this plan excludes",
    "listed_twice": "are in the audience before, in this or another spelling of the number",
    "us_number": "have a US number, and Meta delivers no MARKETING templates to those",
    "no_open_hour": "have a number in time zones that together leave no hour out of the quiet hours",
    "blank_parameter": "would get a blank parameter, which WATI rejects",
    "unsendable_parameter": "would get a parameter that WhatsApp fails, such as a space in a link",
    "long_parameter": "would get a parameter that is too long",
    "already_sent": "have this message already, or may have it",
    "marketing_limit": "failed with 131049 within a day: WhatsApp limits marketing messages to each person",
    "recent": "got a campaign within not_within_days",
}
# Those that the ledger and the journal know.
BY_RECORDS = ("already_sent", "marketing_limit", "recent")
# Whoever a send rejects has one of the reasons above, one of these, or one of WhatsApp's codes.
REJECTED = {
    "not_allowed": "are not in WATI_ALLOWED_RECIPIENTS",
    "not_seen": "have not got it: the message is not in the conversation",
    "invalid_recipient": "have a number that is not on WhatsApp, as WATI says",
    "rejected": "were rejected by WATI, without one of WhatsApp's codes",
    "unknown": "were rejected, and the reason is not known",
}
_OF_ONE = {"have": "has", "are": "is", "were": "was", "allow": "allows"}


class Rules(NamedTuple):
    """What a plan asks for. `blocked`: why a receiver is never messaged, "" = they may be."""

    blocked: Callable[[str], str]
    opt_out: str  # the attribute that says so, by filling.key
    excluded: Mapping[str, set[str]]  # values of attributes, both by filling.key
    no_us_numbers: bool


def reason(person: Person, rules: Rules) -> str:
    """Why a person is left out, by what is known of them alone; "" if nothing speaks against it."""
    return next((code for code, holds in _CHECKS.items() if holds(person, rules)), "")


def exclusions(person: Person, rules: Rules) -> Iterator[tuple[str, str]]:
    """Which of the plan's exclusions hold for a person: attribute and value, by filling.key."""
    for name, values in rules.excluded.items():
        for value in map(key, person.all(name)):
            if value in values:
                yield name, value


def sentence(code: str, count: int) -> str:
    """Why so many were left out or rejected; "" for a reason that is not known."""
    verb, _, rest = {**REJECTED, **REASONS}.get(code, cause(code).what).partition(" ")
    return f"{_OF_ONE.get(verb, verb) if count == 1 else verb} {rest}".strip()


def _is_excluded(person: Person, rules: Rules) -> bool:
    return any(exclusions(person, rules))


def is_us_number(receiver: str) -> bool:
    """Whether a number is of the US, by its area code: Canada and others share the country code 1.

    The table of area codes is that of libphonenumber (the package phonenumbers), which has it from the North
    American Numbering Plan Administrator. That Meta delivers no marketing templates to them: Meta, WhatsApp
    Business Platform, "Per-user marketing template message limits" (documented).
    """
    if not receiver.startswith("1") or not is_number(receiver):
        return False
    import_package("phonenumbers")
    from phonenumbers import NumberParseException, parse, region_code_for_number

    try:
        return region_code_for_number(parse(f"+{receiver}")) == "US"
    except NumberParseException:
        return False


_CHECKS: Mapping[str, Callable[[Person, Rules], bool]] = {
    "no_number": lambda person, _: not person.receiver,
    "blocked": lambda person, rules: any(rules.blocked(name) for name in person.names),
    "broadcast_off": lambda person, _: not person.allows_broadcast,
    "opted_out": lambda person, rules: any(map(is_opted_out, person.all(rules.opt_out))),
    "excluded": _is_excluded,
    "us_number": lambda person, rules: rules.no_us_numbers and is_us_number(person.number),
}
