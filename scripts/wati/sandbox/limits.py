"""Rate limits: sliding windows on the machine's monotonic time, never on the world's clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from .store import Tx


@dataclass(frozen=True)
class Limit:
    """At most `calls` in any `seconds`. A call beyond that is rejected or, if it `queues`, has to wait."""

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
    """The seconds until a call would fit, 0 if it fits now. Counts it, unless it is rejected."""
    now = time.monotonic()
    # A time in the future is from before the machine's last start.
    sql = "DELETE FROM hits WHERE bucket = ? AND (at <= ? OR at > ?)"
    tx.run(sql, bucket, now - limit.seconds, now + 0.001)
    full = tx.rows("SELECT at FROM hits WHERE bucket = ? ORDER BY at DESC LIMIT ?", bucket, limit.calls)
    if len(full) < limit.calls or limit.queues:
        tx.put("hits", bucket=bucket, at=now)
    return full[-1]["at"] + limit.seconds - now if len(full) == limit.calls else 0.0


def retry_after(seconds: float) -> dict[str, str]:
    """The header of a 429: whole seconds, never too few."""
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
