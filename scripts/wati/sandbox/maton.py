"""Maton's own part: the key, its rate limit, and which connection a call goes through."""

from __future__ import annotations

import hmac
from typing import NoReturn

from . import limits
from .store import Tx
from .wire import Call, reject

KEY = "sandbox"


def error(message: str, kind: str, status: int, **headers: str) -> NoReturn:
    """Reject with the nested form that Maton's own middleware uses."""
    reject({"error": {"message": message, "type": kind, "code": status}}, status, **headers)


def authenticate(call: Call) -> None:
    scheme, _, key = (call.header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(key.strip().encode(), KEY.encode()):
        error("Invalid API key", "authentication_error", 401)


def limit(tx: Tx) -> None:
    wait = limits.wait(tx, "gateway", limits.GATEWAY)
    if wait:
        message = "Rate limit exceeded: 10 requests per second per account"
        error(message, "rate_limit_error", 429, **limits.retry_after(wait))


def selected(tx: Tx, call: Call) -> str | None:
    """The connection that a call means: the header's, else the oldest ACTIVE one."""
    named = call.header("maton-connection")
    if named is not None:
        return named.strip()
    sql = "SELECT connection_id FROM connections WHERE status = 'ACTIVE' ORDER BY created, seq LIMIT 1"
    row = tx.row(sql)
    return None if row is None else str(row["connection_id"])


def connection(tx: Tx, call: Call) -> str:
    """The ACTIVE connection that a call goes through; rejects the call if there is none."""
    chosen = selected(tx, call)
    if chosen is None:
        error("No active connection found for app: wati", "invalid_request_error", 400)
    row = tx.row("SELECT status FROM connections WHERE connection_id = ?", chosen)
    if row is None:
        error(f"Connection not found: {chosen}", "invalid_request_error", 400)
    if row["status"] != "ACTIVE":
        error(f"The connection {chosen} is not active, it is {row['status']}", "invalid_request_error", 400)
    return chosen
