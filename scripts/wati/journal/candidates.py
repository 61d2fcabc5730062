"""Which messages in the file may be those that are staged, or come twice among them: the queries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from wati.contract.messages import DELIVERING, UNRESOLVED
from wati.journal.uptime import Uptime

# Of a block, one person's messages are together. So a look for what was sent lately looks into few places,
# and a new send changes few: a large one has a block of its own.
SENDS_IN_A_BLOCK = 256
LARGE = 1000


def block(send: int, count: int) -> int:
    """The block of the messages of a send, of which there are `count`."""
    return send // SENDS_IN_A_BLOCK + 1 if count < LARGE else -send


# A customer sees which of the account's numbers writes, so the same words from another one are another
# message. Which number is the default is not known, so a send that names none may be from any of them.
SAME_CHANNEL = "(channel = '' OR :channel = '' OR channel = :channel)"

_FIRSTS = "SELECT person, min(position) AS first FROM staged GROUP BY person HAVING count(*) > 1"
_TWICE = (
    "SELECT staged.position, staged.at AS listed, staged.receiver, named.receiver AS known, "
    f"named.at AS known_at FROM ({_FIRSTS}) CROSS JOIN staged USING (person) "
    "JOIN staged AS named ON named.position = first WHERE staged.position != first ORDER BY staged.position"
)


def twice(db: sqlite3.Connection) -> Iterator[sqlite3.Row]:
    return db.execute(_TWICE)


# The messages that may be those that are staged: the unresolved ones, then those of recent sends.
_FOUND = (
    "SELECT position, staged.at AS listed, staged.receiver, staged.kind, staged.parts, sends.id, "
    "sends.at AS sent, seen, boot, up, state, messages.receiver AS known, messages.parts AS others FROM"
)
_SAME = f"messages.person = staged.person AND messages.digest = staged.digest AND {SAME_CHANNEL}"
# By either clock: a date may be by one that was wrong.
_BY_DATE = "sends.at > :since"
_BY_UPTIME = "boot = :boot AND boot != '' AND up > :up - :within"
_BLOCKS = (
    f"(SELECT block FROM sends WHERE {_BY_DATE} UNION SELECT block FROM sends WHERE {_BY_UPTIME}) AS recent"
)
_BEFORE = (
    f"{_FOUND} staged CROSS JOIN messages INDEXED BY messages_unresolved CROSS JOIN sends ON sends.id = send "
    f"WHERE state IN {UNRESOLVED} AND {_SAME} "
    f"UNION ALL {_FOUND} {_BLOCKS} CROSS JOIN staged "
    "CROSS JOIN messages INDEXED BY messages_lately ON messages.block = recent.block "
    "CROSS JOIN sends ON sends.id = send "
    f"WHERE state IN {DELIVERING} AND {_SAME} AND ({_BY_DATE} OR {_BY_UPTIME}) "
    "ORDER BY position, sends.id DESC"
)


def before(
    db: sqlite3.Connection, channel: str, now: float, up: Uptime, seconds: float
) -> Iterator[sqlite3.Row]:
    """`seconds`: how far back to look for what is known to be delivered."""
    values = {"since": now - seconds, "boot": up.boot, "up": up.seconds, "within": seconds}
    return db.execute(_BEFORE, {**values, "channel": channel})
