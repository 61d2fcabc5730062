"""What customers do by themselves with what they get: it fails, or they read it, or answer. Told by a seed.

WhatsApp's codes and their titles are Meta's; that WATI shows them in this form is assumed, by analogy with
132000.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .context import Context
from .formats import dumps
from .store import Tx

MARKETING, UTILITY, SESSION = "marketing", "utility", "session"
_ALL, _TEMPLATES = (MARKETING, UTILITY, SESSION), (MARKETING, UTILITY)


@dataclass(frozen=True)
class Code:
    """`strikes`: which messages it can be about."""

    words: str
    strikes: tuple[str, ...] = _ALL


CODES = {
    "130429": Code("Rate limit hit"),
    "131026": Code("Message undeliverable"),
    "131047": Code("Re-engagement message", (SESSION,)),
    "131049": Code("This message was not delivered to maintain healthy ecosystem engagement.", (MARKETING,)),
    "131050": Code("The user has stopped marketing messages from this business.", (MARKETING,)),
    "131056": Code("(Business Account, Consumer Account) pair rate limit hit"),
    "132000": Code("Number of parameters does not match the expected number of params", _TEMPLATES),
    "132015": Code("Template is paused", _TEMPLATES),
}


def add(tx: Tx, account: str, habit: dict[str, Any]) -> None:
    """Keep a habit without problems. Raises ValueError if it says nothing."""
    doc = {name: value for name, value in habit.items() if name not in ("numbers", "connection_id")}
    if not doc or ("after" in doc and "replies" not in doc):
        raise ValueError("a habit has fails, reads or replies; only with replies, after")
    tx.put("habits", account=account, numbers=habit["numbers"], doc=dumps(doc))


def failure(ctx: Context, number: str, sort: str) -> str | None:
    """Why a message of this sort to a number fails after it was accepted; None if it does not."""
    struck = ctx.changing.get("undelivered", {}).get("code")
    for code in (struck, _of(ctx.tx, ctx.account, number).get("fails")):
        if code and sort in CODES[code].strikes:
            return detail(code)
    return None


def detail(code: str) -> str:
    """A code as `failedDetail` shows it."""
    return f"(#{code}) {CODES[code].words}"


def expect(ctx: Context, line: str, number: str, delivery: int) -> None:
    """Note what the customer will do with a message that arrives."""
    tx = ctx.tx
    row = tx.row("SELECT settles FROM deliveries WHERE seq = ? AND final = 'DELIVERED'", delivery)
    habit = _of(tx, ctx.account, number)
    if row is None or "fails" in habit:
        return
    reads = habit.get("reads", habit.get("after", 0.0) if "replies" in habit else None)
    if reads is not None:
        at = row["settles"] + reads
        tx.put("acts", at=at, line=line, number=number, delivery=delivery, text=None)
    if "replies" in habit:
        at = row["settles"] + max(reads or 0.0, habit.get("after", 0.0))
        tx.put("acts", at=at, line=line, number=number, delivery=delivery, text=habit["replies"])


def due(tx: Tx) -> list[Any]:
    """What customers have done since anyone looked, in its order."""
    found = tx.rows("SELECT * FROM acts WHERE at <= ? ORDER BY at, seq", tx.now)
    if found:
        tx.run("DELETE FROM acts WHERE at <= ?", tx.now)
    return found


def _of(tx: Tx, account: str, number: str) -> dict[str, Any]:
    """The first habit whose numbers have this one."""
    for row in tx.rows("SELECT * FROM habits WHERE account = ? ORDER BY seq", account):
        if _has(row["numbers"], number):
            return dict(json.loads(row["doc"]))
    return {}


def _has(numbers: str, number: str) -> bool:
    """`numbers`: one number, all that begin alike (1415*), or a range of equally long ones (1415-1417)."""
    first, _, last = numbers.partition("-")
    if numbers.endswith("*"):
        return number.startswith(numbers[:-1])
    return len(number) == len(first) and first <= number <= (last or first)
