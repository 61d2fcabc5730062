"""Rate limits: sliding windows on the machine's monotonic time, never on the world's clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .state import Tx


@dataclass(frozen=True)
class Limit:
    """At most `calls` in any `seconds`. Beyond it a call is refused or, if it `queues`, has to wait."""

    calls: int
    seconds: float
    queues: bool = False


# Maton docs: 10 requests per second per account.
GATEWAY = Limit(10, 1.0)
# WATI docs, errors page: these on all plans; the sends at their smallest plan's rate, "more is queued".
ENDPOINTS = {
    "get_contacts": Limit(10, 10.0),
    "add_contact": Limit(10, 10.0),
    "get_messages": Limit(10, 10.0),
    "send_template_message": Limit(30, 10.0, queues=True),
    "send_template_messages": Limit(30, 10.0, queues=True),
}


def wait(tx: Tx, bucket: str, limit: Limit) -> float:
    """Count a call; the seconds until it would fit, 0 where it fits now. A refused call does not count."""
    now = time.monotonic()
    # A time in the future is from before the machine's last start.
    tx.run(
        "DELETE FROM hits WHERE bucket = ? AND (at <= ? OR at > ?)", bucket, now - limit.seconds, now + 0.001
    )
    full = tx.rows("SELECT at FROM hits WHERE bucket = ? ORDER BY at DESC LIMIT ?", bucket, limit.calls)
    if len(full) < limit.calls or limit.queues:
        tx.run("INSERT INTO hits VALUES (?, ?)", bucket, now)
    return full[-1]["at"] + limit.seconds - now if len(full) == limit.calls else 0.0


def whole_seconds(wait_seconds: float) -> str:
    """A Retry-After header: whole seconds, never too few."""
    return str(max(1, math.ceil(wait_seconds)))
