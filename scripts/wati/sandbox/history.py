"""Conversations as WATI stores them: rows of three kinds, and the 24-hour window.

Seeded conversations float: every twelve hours their rows become twelve hours younger, so an open window stays
open. This ends when someone writes in the conversation. `advance` makes floating rows older, on purpose.
"""

from __future__ import annotations

import json
from typing import Any

from . import deliveries
from .formats import dumps, iso, moment
from .store import Tx

WINDOW_SECONDS = 24 * 3600

# Members of an `eventType: message` row, from a published capture (Oct 2024).
_MESSAGE = (
    "text type data timestamp owner statusString avatarUrl assignedId operatorName localMessageId "
    "failedDetail replySourceMessage messageReferral contacts referenceOrderId messageProducts orderProducts "
    "interactiveData orderDetailsViewModel"
)
_BROADCAST = "eventDescription finalText template mediaHeaderLink statusString failedDetail localMessageId"
_TICKET = "eventDescription type actor assignee topicName"


def _row_of(members: str, **usual: Any) -> dict[str, Any]:
    """A new row: each member null, unless it usually has a value."""
    return dict.fromkeys(members.split()) | usual


_SHAPES = {
    "message": _row_of(_MESSAGE, type="text", owner=False, statusString="SENT"),
    "broadcastMessage": _row_of(_BROADCAST, statusString="SENT"),
    "ticket": _row_of(_TICKET, type=0),
}


def _conversation(tx: Tx, account: str, number: str) -> tuple[str, str]:
    """The ids of the conversation and of its ticket, new ones if it has none yet."""
    row = tx.row("SELECT * FROM conversations WHERE account = ? AND number = ?", account, number)
    if row is not None:
        return row["conversation_id"], row["ticket_id"]
    made, ticket = tx.new_id(), tx.new_id()
    tx.put("conversations", account=account, number=number, conversation_id=made, ticket_id=ticket)
    return made, ticket


def append(
    tx: Tx,
    account: str,
    number: str,
    event: str,
    facts: dict[str, Any],
    *,
    at: float | None = None,
    age: float | None = None,
    delivery: int | None = None,
) -> dict[str, Any]:
    """Add one row, now, at epoch `at`, or floating at `age` seconds ago. Returns it as lists show it."""
    if event != "ticket" and age is None:
        _settle(tx, account, number)
    conversation_id, ticket_id = _conversation(tx, account, number)
    doc = _SHAPES[event] | facts | {
        "id": tx.new_id(),
        "conversationId": conversation_id,
        "ticketId": None if event == "broadcastMessage" else ticket_id,
        "eventType": event,
    }  # fmt: skip
    when = tx.now if at is None else at
    seq = tx.put(
        "messages",
        account=account,
        number=number,
        at=when if age is None else tx.base - tx.still - age,
        floating=age is not None,
        inbound=event == "message" and not doc["owner"],
        delivery=delivery,
        doc=dumps(doc),
    )
    return rows(tx, account, number, only=seq)[0]


def _settle(tx: Tx, account: str, number: str) -> None:
    """Someone writes: from here on the conversation ages like any other."""
    sql = "UPDATE messages SET at = at + ?, floating = 0 WHERE account = ? AND number = ? AND floating"
    tx.run(sql, tx.still, account, number)


def rows(
    tx: Tx,
    account: str,
    number: str,
    *,
    until: float | None = None,
    only: int | None = None,
    oldest_first: bool = False,
    limit: int = -1,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """The conversation's rows, newest first, with the status that they have now.

    `until` (epoch seconds) leaves out newer rows; `only` asks for one row by its sequence number.
    """
    order = "ASC" if oldest_first else "DESC"
    sql = (
        "SELECT m.at + m.floating * ? AS moment, m.doc AS doc, d.final, d.settles, d.failed_detail "
        "FROM messages m LEFT JOIN deliveries d ON d.seq = m.delivery "
        "WHERE m.account = ? AND m.number = ? AND m.seq = IFNULL(?, m.seq) AND moment <= IFNULL(?, moment) "
        f"ORDER BY moment {order}, m.seq {order} LIMIT ? OFFSET ?"
    )
    found = tx.rows(sql, tx.still, account, number, only, until, limit, offset)
    return [_row(row, tx.now) for row in found]


def _row(row: Any, now: float) -> dict[str, Any]:
    doc: dict[str, Any] = json.loads(row["doc"])
    doc["created"] = iso(row["moment"])
    if "timestamp" in doc:
        doc["timestamp"] = str(int(row["moment"]))
    if row["final"] is not None:
        doc["statusString"], doc["failedDetail"] = deliveries.status(row, now)
    return doc


def window_ends(tx: Tx, account: str, number: str) -> float | None:
    """When the window closes or closed, 24 hours after the customer's last message; None without one."""
    sql = "SELECT MAX(at + floating * ?) FROM messages WHERE account = ? AND number = ? AND inbound"
    (newest,) = tx.row(sql, tx.still, account, number) or (None,)
    return None if newest is None else float(newest) + WINDOW_SECONDS


def window_open(tx: Tx, account: str, number: str) -> bool:
    ends = window_ends(tx, account, number)
    return ends is not None and tx.now < ends


def broadcast_label(at: float, template: str) -> str:
    """The event text of a template send, word for word as in a published capture."""
    when = moment(at)
    day = f"{when.day:02d}|{when.month:02d}|{when.year}"
    return f'Broadcast message with using "{template}" template was received {day}'
