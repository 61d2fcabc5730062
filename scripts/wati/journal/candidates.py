"""Which messages in the file may be those that are staged, or come twice among them: the queries."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from wati.contract.messages import DELIVERING, UNRESOLVED
from wati.journal.uptime import Uptime

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


# The messages that may be those that are staged: the unresolved ones, then those of recent sends. Of a
# smaller send, each message is looked up among the staged ones; of a larger one, it is the other way round.
_FOUND = (
    "SELECT position, staged.at AS listed, staged.receiver, staged.kind, staged.parts, sends.id, "
    "sends.at AS sent, seen, boot, up, state, messages.receiver AS known, messages.parts AS others FROM"
)
_SAME = f"messages.person = staged.person AND messages.digest = staged.digest AND {SAME_CHANNEL}"
# By either clock: a date may be by one that was wrong.
_SENDS = (
    "(SELECT * FROM sends WHERE at > :since "
    "UNION SELECT * FROM sends WHERE boot = :boot AND boot != '' AND up > :up - :within) AS sends"
)
_RECENT = f"send = sends.id AND state IN {DELIVERING} AND {_SAME}"
_BEFORE = (
    f"{_FOUND} staged CROSS JOIN messages INDEXED BY messages_unresolved CROSS JOIN sends ON sends.id = send "
    f"WHERE state IN {UNRESOLVED} AND {_SAME} "
    f"UNION ALL {_FOUND} {_SENDS} CROSS JOIN messages CROSS JOIN staged WHERE size <= :count AND {_RECENT} "
    f"UNION ALL {_FOUND} {_SENDS} CROSS JOIN staged CROSS JOIN messages WHERE size > :count AND {_RECENT} "
    "ORDER BY position, sends.id DESC"
)


def before(
    db: sqlite3.Connection, count: int, channel: str, now: float, up: Uptime, seconds: float
) -> Iterator[sqlite3.Row]:
    """`count`: how many are staged. `seconds`: how far back to look for what is known to be delivered."""
    values = {"since": now - seconds, "boot": up.boot, "up": up.seconds, "within": seconds}
    return db.execute(_BEFORE, {**values, "channel": channel, "count": count})
