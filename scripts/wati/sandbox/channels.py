"""The WhatsApp numbers of an account. The first one is its default."""

from __future__ import annotations

import json

from .formats import dumps
from .store import Tx
from .wire import reject


def add(tx: Tx, account: str, number: str) -> None:
    tx.set(f"channels {account}", dumps([*numbers(tx, account), number]))


def numbers(tx: Tx, account: str) -> list[str]:
    found: list[str] = json.loads(tx.get(f"channels {account}", "[]"))
    return found


def line(tx: Tx, account: str, number: str) -> str:
    """Under which account the conversations of one of its numbers are kept: each number has its own."""
    known = numbers(tx, account)
    if not number or known[:1] == [number]:
        return account
    if number not in known:
        reject({"result": False, "info": "Channel not found"})
    return f"{account} {number}"


def elsewhere(tx: Tx, account: str, kept: str, number: str) -> bool:
    """Whether a contact has conversations, but only with other numbers of the account."""
    sql = "SELECT account FROM messages WHERE number = ? AND (account = ? OR account LIKE ?)"
    found = {row["account"] for row in tx.rows(sql, number, account, f"{account} %")}
    return bool(found) and kept not in found
