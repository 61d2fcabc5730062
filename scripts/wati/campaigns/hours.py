"""When a campaign may send: quiet hours in named time zones, and moments with an offset. Pure.

A row's zone is a text: the names of all zones that have to be out of their quiet hours, with commas between
them; "" = no quiet hours. A number whose country has several zones gets all of them, so the strictest counts.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING

from wati.arguments.validation import quoted, suggestion
from wati.contract.packages import import_package

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from zoneinfo import ZoneInfo

    from wati.contract.types import Problem

    Quiet = Mapping[str, str]  # {"from": "20:00", "to": "09:00", "zone": a name, or RECEIVER}

RECEIVER = "receiver"  # as a zone: that of each number
USUAL: Quiet = {"from": "20:00", "to": "09:00", "zone": RECEIVER}
_UNKNOWN = "Etc/Unknown"  # what phonenumbers says of a number without a zone
_CLOCK = re.compile("([01][0-9]|2[0-3]):[0-5][0-9]")
_DAYS = 3  # after which every wall clock has been everywhere, whatever a change of its offset did
_QUARTER = 900  # seconds; offsets change only at a whole one


def complete(given: Mapping[str, str]) -> dict[str, str]:
    """The quiet hours with what is usual for the members that were not given."""
    return {**USUAL, **given}


def problems(given: Mapping[str, str], at: str) -> Iterator[Problem]:
    quiet = complete(given)
    wrong = [name for name in ("from", "to") if not _CLOCK.fullmatch(quiet[name])]
    for name in wrong:
        yield {"at": f"{at}.{name}", "problem": f"is {quoted(quiet[name])}; expected a time such as 20:00"}
    if not wrong and quiet["from"] == quiet["to"]:
        problem = f"from and to are both {quiet['from']}, so it is not known whether nothing or all is quiet"
        yield {"at": at, "problem": problem}
    zone = quiet["zone"]
    if zone != RECEIVER and _zone(zone) is None:
        from zoneinfo import available_timezones

        guess = suggestion(zone, sorted(available_timezones()))
        yield {
            "at": f"{at}.zone",
            "problem": f"is {quoted(zone)}; expected a time zone such as Europe/Lisbon, or receiver{guess}",
        }


def zone_of(quiet: Quiet | None, number: str) -> str:
    """The zone of a row. Raises `missing_dependency`."""
    if quiet is None or quiet["zone"] != RECEIVER:
        return quiet["zone"] if quiet else ""
    import_package("phonenumbers")
    from phonenumbers import NumberParseException, parse
    from phonenumbers.timezone import time_zones_for_number

    try:
        return ",".join(time_zones_for_number(parse(f"+{number}")))
    except NumberParseException:
        return _UNKNOWN


def is_open(quiet: Quiet | None, zone: str, at: float) -> bool:
    """Whether it is the quiet hours of no zone at this moment (epoch seconds)."""
    return not quiet or not zone or all(_wait(quiet, name, at) == 0 for name in zone.split(","))


def opens(quiet: Quiet | None, zone: str, at: float) -> float | None:
    """The first moment from `at` on that is out of the quiet hours of all zones; None if there is none."""
    if not quiet or not zone:
        return at
    names = zone.split(",")
    now = at
    while now < at + _DAYS * 86400:
        wait = max(_wait(quiet, name, now) for name in names)
        if wait == 0:
            return now
        now += min(wait, _QUARTER - now % _QUARTER)
    return None


def ever_opens(quiet: Quiet | None, zone: str) -> bool:
    """Whether there is such a moment at all: the hours of a country with many zones may leave none."""
    return not quiet or _ever_opens(quiet["from"], quiet["to"], zone)


@lru_cache(maxsize=1024)
def _ever_opens(start: str, end: str, zone: str) -> bool:
    # In winter and in summer: some zones of a country change their clocks, and others do not.
    quiet = {"from": start, "to": end}
    moments = (datetime(2026, month, 1, tzinfo=timezone.utc).timestamp() for month in (1, 7))
    return all(opens(quiet, zone, moment) is not None for moment in moments)


def _wait(quiet: Quiet, name: str, at: float) -> float:
    """Seconds until the quiet hours of a zone are over by its wall clock; 0 if they are not now.

    A zone that is not known counts as the one that is quiet longest: nothing leaves.
    """
    zone = _zone(name)
    if zone is None:
        return _QUARTER
    clock = datetime.fromtimestamp(at, timezone.utc).astimezone(zone)
    now = clock.hour * 3600 + clock.minute * 60 + clock.second + clock.microsecond / 1e6
    start, end = (_seconds(quiet[name]) for name in ("from", "to"))
    is_quiet = start <= now < end if start < end else now >= start or now < end
    return (end - now) % 86400 if is_quiet else 0.0


def _seconds(text: str) -> int:
    hour, minute = text.split(":")
    return int(hour) * 3600 + int(minute) * 60


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo | None:
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # a ZoneInfoNotFoundError is a KeyError
        return None


_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})")


def moment(text: str) -> float | None:
    """A moment in ISO form with an offset, in epoch seconds; None if it is none."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None


def in_zone(at: float, zone: str) -> str:
    """A moment for a person, by the clock of a zone; by UTC if there is none or several."""
    shown = datetime.fromtimestamp(at, timezone.utc).replace(microsecond=0)
    known = _zone(zone)
    return (shown.astimezone(known) if known else shown).isoformat()
