"""Which of the staged messages the journal has already, or has twice: the queries behind a refusal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from itertools import groupby

from wati.contract.messages import DELIVERING, UNRESOLVED
from wati.journal import rules, stored
from wati.journal.entries import Repeat
from wati.journal.uptime import Uptime

# A customer sees which of the account's numbers writes, so the same words from another one are another
# message. Which number is the default is not known, so a send that names none may be from any of them.
SAME_CHANNEL = "(channel = '' OR :channel = '' OR channel = :channel)"


def found(
    db: sqlite3.Connection, count: int, channel: str, now: float, up: Uptime, seconds: float
) -> list[Repeat]:
    """What is listed twice, and what was sent before, in the order of the list.

    `count`: how many are staged. `seconds`: how far back to look for what is known to have been accepted.
    """
    by_position = {**dict(_before(db, count, channel, now, up, seconds)), **dict(_twice(db))}
    return [repeat for _, repeat in sorted(by_position.items())]


def _twice(db: sqlite3.Connection) -> Iterator[tuple[int, Repeat]]:
    firsts = "SELECT person, min(position) AS first FROM staged GROUP BY person HAVING count(*) > 1"
    rows = db.execute(
        "SELECT staged.position, staged.at AS listed, staged.receiver, named.receiver AS known, "
        f"named.at AS known_at FROM ({firsts}) CROSS JOIN staged USING (person) "
        "JOIN staged AS named ON named.position = first WHERE staged.position != first"
    )
    for row in rows:
        repeat = Repeat(row["listed"], row["receiver"], 0, 0.0, "twice", True, row["known"], row["known_at"])
        yield row["position"], repeat


# The messages that may be those that are staged: the unresolved ones, then those of recent sends. Of a
# smaller send, each message is looked up among the staged ones; of a larger one, it is the other way round.
_FOUND = (
    "SELECT position, staged.at AS listed, staged.receiver, staged.kind, staged.parts, sends.id, "
    "sends.at AS sent, seen, state, messages.receiver AS known, messages.parts AS others, "
    "CASE WHEN boot = :boot AND boot != '' AND up <= :up THEN :up - up END AS ran FROM"
)
_SAME = f"messages.person = staged.person AND messages.digest = staged.digest AND {SAME_CHANNEL}"
# By either clock: a date may be by one that was wrong.
_SENDS = (
    "(SELECT * FROM sends WHERE at > :since "
    "UNION SELECT * FROM sends WHERE boot = :boot AND boot != '' AND up > :up - :within) AS sends"
)
_RECENT = f"send = sends.id AND state IN {DELIVERING} AND {_SAME}"
_CANDIDATES = (
    f"{_FOUND} staged CROSS JOIN messages INDEXED BY messages_unresolved CROSS JOIN sends ON sends.id = send "
    f"WHERE state IN {UNRESOLVED} AND {_SAME}",
    f"{_FOUND} {_SENDS} CROSS JOIN messages CROSS JOIN staged WHERE size <= :count AND {_RECENT}",
    f"{_FOUND} {_SENDS} CROSS JOIN staged CROSS JOIN messages WHERE size > :count AND {_RECENT}",
)


def _before(
    db: sqlite3.Connection, count: int, channel: str, now: float, up: Uptime, seconds: float
) -> Iterator[tuple[int, Repeat]]:
    """Of each staged message, the newest send that stops it, else the newest that is mentioned."""
    values = {"since": now - seconds, "boot": up.boot, "up": up.seconds, "within": seconds}
    values |= {"channel": channel, "count": count}
    rows = [row for query in _CANDIDATES for row in db.execute(query, values)]
    rows.sort(key=lambda row: (row["position"], -row["id"]))
    for position, candidates in groupby(rows, key=lambda row: int(row["position"])):
        same = [repeat for row in candidates if (repeat := _repeat(row, now, seconds)) is not None]
        if same:
            yield position, next((repeat for repeat in same if repeat.refused), same[0])


def _repeat(row: sqlite3.Row, now: float, seconds: float) -> Repeat | None:
    """The earlier message as a repeat; None if it is another message, or too old to matter."""
    ago = rules.age(row["sent"], row["seen"], now, row["ran"])
    stops = rules.stops(row["state"], row["kind"], ago)
    if not stops and not rules.is_mentioned(row["state"], ago, seconds):
        return None
    ours, theirs = (stored.parts(row[name], row["kind"]) for name in ("parts", "others"))
    if row["kind"] == "template" and not rules.agree(ours, theirs):
        return None
    ahead = max(0.0, row["sent"] - now)
    members = (row["listed"], row["receiver"], row["id"], ago, row["state"], stops, row["known"])
    return Repeat(*members, ahead=ahead)
