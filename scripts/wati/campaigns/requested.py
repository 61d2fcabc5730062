"""What the arguments of a plan ask for: what JSON Schema cannot check of them, and what follows from them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from wati.arguments.validation import quoted
from wati.campaigns import filling, hours
from wati.contract import checks
from wati.reads.opt_out import ATTRIBUTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from wati.contract.types import Arguments, Problem

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
AUDIENCES = ("contacts", "csv", "receivers")
CHUNK = 50
# WATI documents these numbers of template sends in 10 seconds, by plan; more is queued.
RATES = {"growth": 30, "pro": 60, "business": 100}
SPAN = 10
# Campaigns leave room for people: Maton allows 10 requests a second (documented).
MOST_A_SECOND = 8
# Unique users in 24 hours, for each business portfolio (Meta, "Messaging limits", documented).
TIERS = (250, 2_000, 10_000, 100_000)


def problems(arguments: Arguments) -> Iterator[Problem]:
    """The arguments may not fit the schema, which says so itself."""
    audience = _object(arguments, "audience")
    chosen = [name for name in AUDIENCES if name in audience]
    if "audience" in arguments and len(chosen) != 1:
        found = f"has {' and '.join(chosen)}" if chosen else "names nobody"
        expected = "expected exactly one of contacts, csv and receivers"
        yield {"at": "$.audience", "problem": f"{found}; {expected}"}
    contacts = _object(audience, "contacts")
    for problem in checks.operators_have_values(contacts):
        yield {**problem, "at": problem["at"].replace("$", "$.audience.contacts", 1)}
    created = contacts.get("createdDate")
    if isinstance(created, str) and not (_DATE.fullmatch(created) and hours.moment(f"{created}T00:00Z")):
        said = f"is {quoted(created)}; expected a date such as 2026-01-31"
        yield {"at": "$.audience.contacts.createdDate", "problem": said}
    yield from checks.unique("parameters", "name")(arguments)
    yield from checks.unique("audience.receivers[].customParams", "name", ignore_case=True)(arguments)
    parameters: Any = arguments.get("parameters")
    if _are_pairs(parameters):
        yield from filling.problems(parameters, "$.parameters")
    quiet = arguments.get("quiet_hours")
    if isinstance(quiet, dict) and all(isinstance(value, str) for value in quiet.values()):
        yield from hours.problems(quiet, "$.quiet_hours")
    at = arguments.get("send_at")
    if isinstance(at, str) and hours.moment(at) is None:
        said = f"is {quoted(at)}; expected a date and time with its offset: 2026-12-24T09:00:00+01:00"
        yield {"at": "$.send_at", "problem": said}


def _are_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, dict) and all(isinstance(item.get(name), str) for name in ("name", "value"))
        for item in value
    )


def _object(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name)
    return found if isinstance(found, dict) else {}


def quiet_hours(arguments: Arguments) -> dict[str, str] | None:
    """The quiet hours of a plan; None = it has none."""
    return hours.complete(arguments["quiet_hours"]) if "quiet_hours" in arguments else None


def send_at(arguments: Arguments) -> float | None:
    """Before when nothing may leave, in epoch seconds; None = it may at once."""
    return hours.moment(arguments["send_at"]) if "send_at" in arguments else None


def opt_out(arguments: Arguments) -> str:
    name: str = arguments.get("exclude", {}).get("opt_out", ATTRIBUTE)
    return filling.key(name)


def excluded(arguments: Arguments) -> dict[str, set[str]]:
    """The values of attributes that exclude a contact, both by filling.key."""
    found: dict[str, set[str]] = {}
    for item in arguments.get("exclude", {}).get("attributes", []):
        found.setdefault(filling.key(item["name"]), set()).add(filling.key(item["value"]))
    return found


def rate(arguments: Arguments) -> dict[str, int]:
    """How many requests may leave in how many seconds, over all workers."""
    return {
        "requests": min(RATES[arguments.get("wati_plan", "growth")], MOST_A_SECOND * SPAN),
        "seconds": SPAN,
    }


def seconds(requests: int, rate: Mapping[str, int]) -> int:
    """The shortest time between the first request and the last one."""
    spans, more = divmod(max(0, requests - 1), rate["requests"])
    return math.ceil(spans * rate["seconds"] + more / MOST_A_SECOND)


def tier_warning(count: int) -> str:
    """What the business has to be allowed to reach so many in a day; "" if every business is."""
    if count <= TIERS[0]:
        return ""
    needed = next((f"{tier:,} a day" for tier in TIERS if count <= tier), "unlimited")
    return (
        f"{count:,} receivers need the messaging limit {needed}. Meta begins with 250 customers in 24 hours, "
        "then 2,000, 10,000, 100,000 and unlimited, for all numbers of the business together; what is beyond "
        "it fails. WhatsApp Manager shows the limit: ask the user."
    )
