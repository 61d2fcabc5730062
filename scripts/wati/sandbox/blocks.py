"""Which customers have blocked the account: nothing that is sent to them arrives."""

from __future__ import annotations

from .store import Tx


def put(tx: Tx, account: str, number: str, blocked: bool) -> None:
    tx.set(_key(account, number), "yes" if blocked else "")


def has_blocked(tx: Tx, account: str, number: str) -> bool:
    return tx.get(_key(account, number)) != ""


def _key(account: str, number: str) -> str:
    return f"blocked {account} {number}"
