"""The facts of one row of a conversation. Pure; a row may have any form."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wati.contract.bodies import member

if TYPE_CHECKING:
    Row = dict[str, Any]

LONGEST_TEXT = 10_000  # characters; WhatsApp's longest text has 4,096
_LONGEST_NAME = 1024  # of a file
# By how many seconds a local clock is ahead of UTC at most, and behind it.
_EASTERNMOST, _WESTERNMOST = 14 * 3600, 12 * 3600
# In published captures, only the description of a broadcast row names its template.
_TEMPLATE = re.compile(r'using "([^"]+)" template')


_FIRST, _LAST = -62135596800, 253402300799  # the first and the last second of the years 1 to 9999


def iso(at: float, *, exact: bool = False) -> str:
    """Epoch seconds as text, within the years that Python knows: a clock can be wrong by any time.

    Not with fromtimestamp, which fails on Windows before 1970. `exact`: with the microseconds.
    """
    from datetime import datetime, timedelta

    within = min(max(at, _FIRST), _LAST)
    return (datetime(1970, 1, 1) + timedelta(seconds=within if exact else int(within))).isoformat() + "Z"


def moment(row: Row) -> float | None:
    """When the row was created, in epoch seconds; None if it does not say."""
    exact, bare = _times(row)
    return exact[0] if exact else bare


def span(row: Row) -> tuple[float, float]:
    """Between which two moments the row was created, by everything that it says about it."""
    exact, bare = _times(row)
    if exact:
        return min(exact), max(exact)
    return (-math.inf, math.inf) if bare is None else (bare - _EASTERNMOST, bare + _WESTERNMOST)


def unzoned(row: Row) -> float | None:
    """The time of a row that says it only without a zone, as if it were UTC."""
    exact, bare = _times(row)
    return None if exact else bare


def _times(row: Row) -> tuple[list[float], float | None]:
    """The times in a row that are exact, and `created` without a zone as if it were UTC.

    Captures have a Z behind `created`. Without one it may be any clock's, and `timestamp` counts more.
    """
    from datetime import datetime, timezone

    exact: list[float] = []
    bare: float | None = None
    created, timestamp = row.get("created"), row.get("timestamp")
    if isinstance(created, str):
        # Python 3.10 reads neither the Z nor fractions of every length.
        text = re.sub(r"\.([0-9]{1,6})[0-9]*", lambda found: "." + found[1].ljust(6, "0"), created)
        try:
            parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
            if parsed.tzinfo:
                exact += [at for at in [parsed.timestamp()] if _FIRST <= at <= _LAST]
            else:
                bare = parsed.replace(tzinfo=timezone.utc).timestamp()
        except (ValueError, OverflowError):
            pass
    if isinstance(timestamp, str) and re.fullmatch(r"[0-9]{1,11}", timestamp, re.ASCII):
        exact.append(float(timestamp))
    return exact, bare


def owner(row: Row) -> bool | None:
    """Whether a message is ours (true) or the customer's (false); None if the row does not say."""
    value = row.get("owner")
    if isinstance(value, str):  # reported; the captures have a boolean
        return {"true": True, "false": False}.get(value.strip().lower())
    return value if isinstance(value, bool) else None


# Who is not a person, by `operatorName` without the blanks around it: "Bot " and "API Token <tenant> " are in
# published captures. That every bot is called so, and no person, is assumed.
BOTS = ("Bot",)
_API = "API Token"
CUSTOMER, BOT, BROADCAST, EVENT, UNKNOWN = "customer", "bot", "broadcast", "event", "unknown"


def speaker(row: Row) -> str:
    """One of a closed list, or `operator` and a name: only WATI's own users have one."""
    event = row.get("eventType")
    if event != "message":
        return BROADCAST if event == "broadcastMessage" else EVENT
    if owner(row) is not True:
        return CUSTOMER if owner(row) is False else UNKNOWN
    name = row.get("operatorName")
    name = name.strip() if isinstance(name, str) else ""
    return BOT if name in BOTS else "api" if name.startswith(_API) else f"operator {name}".strip()


# Where a row may name its file: as a text, or as an object's link. Captures have it in `data`; an object, and
# `media`, were reported.
_MEDIA = ("data", "media", "mediaUrl")
_LINKS = ("url", "link", "fileUrl", "fileName")


def media_of(row: Row) -> str:
    """The file that a row names, as get_media takes it. From a URL, the decoded part after fileName=."""
    for value in map(row.get, _MEDIA):
        inner = [value.get(name) for name in _LINKS] if isinstance(value, dict) else [value]
        for data in inner:
            if isinstance(data, str) and data and len(data) <= _LONGEST_NAME:
                before, _, name = data.rpartition("fileName=")
                return unquote(name.partition("&")[0]) if before else data
    return ""


def template_of(row: Row) -> Any:
    """The name of a broadcast row's template; None if it has none. WATI's member may have any type."""
    described = _TEMPLATE.search(text_of(row, "eventDescription") or "")
    return member(row, "template.elementName") or (described[1] if described else None)


def text_of(row: Row, name: str) -> str | None:
    """A text of the row; None if there is none, or if it is longer than any message."""
    text = row.get(name)
    return text if isinstance(text, str) and len(text) <= LONGEST_TEXT else None
