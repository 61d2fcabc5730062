"""Maton's connection API."""

from __future__ import annotations

import sqlite3
from typing import Any, NoReturn

from . import deliveries
from .bodies import parse_json
from .context import Context
from .formats import iso
from .wire import Answer, reject, reply

STATUSES = ("ACTIVE", "PENDING", "FAILED")
# Maton docs list the first five; its command line and Python package add JWT.
METHODS = ("API_KEY", "BASIC", "OAUTH1", "OAUTH2", "MCP", "JWT")


def _invalid(place: str, name: str, message: str) -> NoReturn:
    """FastAPI's form for a request that does not validate."""
    reject({"detail": [{"type": "value_error", "loc": [place, name], "msg": message}]}, 422)


def _one_of(place: str, name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        _invalid(place, name, f"Input should be one of {', '.join(allowed)}")


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "connection_id": row["connection_id"],
        "status": row["status"],
        "creation_time": iso(row["created"], "microseconds"),
        "last_updated_time": iso(row["updated"], "microseconds"),
        "url": f"https://connect.maton.ai/?session_token=sandbox-{row['connection_id']}",
        "app": "wati",
        "method": row["method"],
        "metadata": {},
    }


def list_all(ctx: Context) -> Answer:
    query = dict(reversed(ctx.call.query_pairs))
    _one_of("query", "status", query.get("status"), STATUSES)
    _one_of("query", "method", query.get("method"), METHODS)
    limit = query.get("limit")
    if limit is not None and (not limit.isascii() or not limit.isdigit() or int(limit) < 1):
        _invalid("query", "limit", "Input should be a positive integer")
    found = [_shown(row) for row in ctx.tx.rows("SELECT * FROM connections ORDER BY created DESC, seq DESC")]
    for member in ("app", "status", "method"):
        found = [one for one in found if query.get(member, one[member]) == one[member]]
    return reply({"connections": found[: int(limit) if limit else None]})


def create(ctx: Context) -> Answer:
    try:
        body = parse_json(ctx.call.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        _invalid("body", "app", "A JSON object is required")
    if not isinstance(body.get("app"), str):
        _invalid("body", "app", "Field required")
    if body["app"] != "wati":
        reject({"message": f"Invalid app name: {body['app']} (the sandbox knows wati only)"}, 400)
    method = body.get("method") or "API_KEY"
    _one_of("body", "method", method, METHODS)
    connection_id = ctx.tx.new_uuid()
    row = {"connection_id": connection_id, "status": "PENDING", "method": method}
    ctx.tx.put("connections", **row, created=ctx.tx.now, updated=ctx.tx.now)
    deliveries.record(ctx, "connection_created", {"connection_id": connection_id})
    return reply({"connection": _shown(_row(ctx, connection_id))})


def get(ctx: Context) -> Answer:
    shown = _shown(_row(ctx, ctx.target))
    del shown["method"]  # absent from Maton's documented answer, unlike the list's
    return reply({"connection": shown})


def delete(ctx: Context) -> Answer:
    _row(ctx, ctx.target)
    ctx.tx.run("DELETE FROM connections WHERE connection_id = ?", ctx.target)
    deliveries.record(ctx, "connection_deleted", {"connection_id": ctx.target})
    return reply({})


def _row(ctx: Context, connection_id: str) -> sqlite3.Row:
    row = ctx.tx.row("SELECT * FROM connections WHERE connection_id = ?", connection_id)
    if row is None:
        reject({"message": f"Connection not found: {connection_id}"}, 404)
    return row
