"""The log of what really happened in the world, and how a message's status moves."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .context import Context
from .formats import dumps, iso
from .store import Tx

# A message leaves SENT this long after it was accepted, on the world's clock: our choice, no source says.
SETTLE_SECONDS = 2.0


# The last status and the reason of a failure; DELIVERED or FAILED for messages, otherwise none.
Final = tuple[str | None, str | None]


def record(ctx: Context, kind: str, facts: dict[str, Any], final: Final = (None, None)) -> int:
    """One row per effect, in the effect's own transaction."""
    now, (last, detail) = ctx.tx.now, final
    doc = dumps({"endpoint": ctx.endpoint, "connection_id": ctx.account, **facts})
    row = {"at": now, "kind": kind, "final": last, "failed_detail": detail, "doc": doc}
    return ctx.tx.put("deliveries", **row, settles=now + SETTLE_SECONDS + ctx.queued)


def status(row: sqlite3.Row, now: float) -> Final:
    """The status at `now` and the reason of a failure, from a row with final, settles and failed_detail."""
    if row["final"] is None:
        return None, None
    if now < row["settles"]:
        return "SENT", None
    return row["final"], row["failed_detail"]


def log(tx: Tx) -> list[dict[str, Any]]:
    """Every delivery in order, without the members that say nothing."""
    found = []
    for row in tx.rows("SELECT * FROM deliveries ORDER BY seq"):
        now_status, detail = status(row, tx.now)
        entry = {"seq": row["seq"], "at": iso(row["at"]), "kind": row["kind"], **json.loads(row["doc"])}
        entry |= {"status": now_status, "failedDetail": detail}
        found.append({key: value for key, value in entry.items() if value is not None})
    return found
