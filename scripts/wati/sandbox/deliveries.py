"""The log of what really happened in the world, and how a message's status moves."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from . import blocks
from .context import Context
from .formats import dumps, iso
from .store import Tx

# A message leaves SENT this long after it was accepted, on the world's clock: our choice, no source says.
SETTLE_SECONDS = 2.0


# The last status and the reason of a failure; DELIVERED, FAILED, READ or, for who has blocked the account,
# SENT; none for what is no message.
Final = tuple[str | None, str | None]


def record(ctx: Context, kind: str, facts: dict[str, Any], final: Final = (None, None)) -> int:
    """One row per effect, in the effect's own transaction."""
    now, (last, detail) = ctx.tx.now, final
    if last == "DELIVERED" and blocks.has_blocked(ctx.tx, ctx.account, facts["whatsappNumber"]):
        last = "SENT"
    about = {"endpoint": ctx.endpoint, "connection_id": ctx.account, "request": ctx.request}
    doc = dumps({**about, **facts})
    row = {"at": now, "kind": kind, "final": last, "failed_detail": detail, "doc": doc}
    return ctx.tx.put("deliveries", **row, settles=now + SETTLE_SECONDS + ctx.queued)


def status(row: sqlite3.Row, now: float) -> Final:
    """The status at `now` and the reason of a failure, from a row with final, settles and failed_detail."""
    if row["final"] is None:
        return None, None
    if now < row["settles"]:
        return "SENT", None
    return row["final"], row["failed_detail"]


def fail_templates(tx: Tx, account: str, template: str, detail: str) -> None:
    """Let what was accepted of a template and has not arrived yet fail."""
    sql = (
        "UPDATE deliveries SET final = 'FAILED', failed_detail = ? WHERE settles > ? AND final = 'DELIVERED' "
        "AND json_extract(doc, '$.connection_id') = ? AND json_extract(doc, '$.template') = ?"
    )
    tx.run(sql, detail, tx.now, account, template)


def next_to_settle(tx: Tx) -> float | None:
    """When the next message leaves SENT; None if no one will."""
    sql = "SELECT MIN(settles) FROM deliveries WHERE settles > ? AND final NOT IN ('SENT')"
    (settles,) = tx.row(sql, tx.now) or (None,)
    return None if settles is None else float(settles)


def log(tx: Tx, after: int = 0, request: int = 0) -> list[dict[str, Any]]:
    """Every delivery in order, without the members that say nothing.

    Only those with a higher number than `after`, and by requests from the number `request` on.
    """
    found = []
    by_request = "IFNULL(json_extract(doc, '$.request'), 0) >= ?"
    sql = f"SELECT * FROM deliveries WHERE seq > ? AND {by_request} ORDER BY seq"
    for row in tx.rows(sql, after, request):
        now_status, detail = status(row, tx.now)
        entry = {"seq": row["seq"], "at": iso(row["at"]), "kind": row["kind"], **json.loads(row["doc"])}
        entry |= {"status": now_status, "failedDetail": detail}
        found.append({key: value for key, value in entry.items() if value is not None})
    return found
