"""The control surface: what a test or a person does to the world from outside the API.

Each function takes the state file's path (None for the usual one), makes its change in one transaction and
returns plain data. They work in the same way beside an in-process mount and a running server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from . import customers, deliveries, faults, habits, ownership, seeding, state, templates, views
from .formats import epoch, iso
from .state import State
from .state_file import StatePath
from .store import Settings, Tx

PAUSED = "132015"
_LONGEST_ADVANCE = 100 * 366 * 86400.0


class InvalidInput(Exception):
    """The arguments are wrong; `problems` says where and how."""

    def __init__(self, message: str, problems: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


def log(path: StatePath = None) -> list[dict[str, Any]]:
    """What was really delivered or changed, in order; see references/sandbox.md for the members."""
    with State(path).transaction() as tx:
        return deliveries.log(tx)


def requests(path: StatePath = None) -> list[dict[str, Any]]:
    """The requests seen, in order, without keys, each with its effects; status None: no answer was sent."""
    with State(path).transaction() as tx:
        return views.requests(tx)


def reset(
    path: StatePath = None,
    *,
    now: str | float | None = None,
    ids: int | None = None,
    limits: bool = True,
    world: str = "default",
) -> dict[str, Any]:
    """A fresh world. `now` (ISO or epoch seconds) fixes its clock, `ids` its ids; `world`: one of WORLDS."""
    if world not in state.WORLDS:
        raise InvalidInput(f"there is no world {world!r}; the worlds are {', '.join(state.WORLDS)}")
    try:
        fixed = epoch(now) if isinstance(now, str) else now
    except ValueError:
        raise InvalidInput(f"{now!r} is not an ISO date or time") from None
    fresh = state.reset(path, Settings(fixed, ids, limits), world)
    ownership.forget_sends(fresh.path)
    with suppress(OSError):
        os.unlink(f"{fresh.path}-looks")  # what needs_reply remembers of the world
    with fresh.transaction() as tx:
        return {"state": fresh.path, "now": iso(tx.now), "limits": limits}


def seed(path: StatePath, world: dict[str, Any]) -> dict[str, int]:
    """Add things to the world. Returns how many of each kind."""
    wrong = seeding.problems(world)
    if wrong:
        raise InvalidInput("the seed is not valid", wrong)
    with _changing(path, "the seed is not valid: ") as tx:
        return seeding.add(tx, world)


def fault(path: StatePath, fault: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add one fault or several, in order. Returns all that are waiting now."""
    new = {f"$[{index}]": one for index, one in enumerate(fault)} if isinstance(fault, list) else {"$": fault}
    wrong = [problem for at, one in new.items() for problem in faults.problems(one, at)]
    if wrong:
        raise InvalidInput("the fault is not valid", wrong)
    with State(path).transaction() as tx:
        for one in new.values():
            faults.add(tx, one)
        return faults.waiting(tx)


def waiting_faults(path: StatePath = None) -> list[dict[str, Any]]:
    """The faults that have not struck for the last time."""
    with State(path).transaction() as tx:
        return faults.waiting(tx)


def clear_faults(path: StatePath = None) -> list[dict[str, Any]]:
    """Forget every fault."""
    with State(path).transaction() as tx:
        faults.clear(tx)
        return faults.waiting(tx)


def advance(path: StatePath, seconds: float) -> dict[str, str]:
    """Move the world's clock forward. Returns the new time."""
    if not 0 <= seconds <= _LONGEST_ADVANCE:
        raise InvalidInput("the clock moves only forward, by at most 100 years")
    with State(path).transaction() as tx:
        tx.advance(seconds)
        return {"now": iso(tx.now)}


def authorize(path: StatePath, connection_id: str, *, failed: bool = False) -> dict[str, str]:
    """Finish a PENDING connection as its owner would in a browser: ACTIVE, or FAILED."""
    outcome = "FAILED" if failed else "ACTIVE"
    with State(path).transaction() as tx:
        row = tx.row("SELECT status FROM connections WHERE connection_id = ?", connection_id)
        if row is None:
            raise InvalidInput(f"there is no connection {connection_id}")
        if row["status"] != "PENDING":
            raise InvalidInput(f"the connection {connection_id} is {row['status']}, not PENDING")
        sql = "UPDATE connections SET status = ?, updated = ? WHERE connection_id = ?"
        tx.run(sql, outcome, tx.now, connection_id)
    return {"connection_id": connection_id, "status": outcome}


def reply(
    path: StatePath,
    number: str,
    *,
    text: str = "",
    tap: str = "",
    file: dict[str, str] | None = None,
    name: str = "",
    connection_id: str = seeding.MAIN,
    channel: str = "",
) -> dict[str, str]:
    """Write as a customer: a text, the title of a button or row to tap, or a file with or without a text.

    `name`: of a customer who is not known yet. `channel`: to which number of the account.
    """
    with _changing(path) as tx:
        row = customers.write(
            tx, connection_id, number, channel=channel, text=text, tap=tap, file=file, name=name
        )
        return {"id": row["id"], "created": row["created"], "type": str(row["type"])}


def read(
    path: StatePath, number: str, *, connection_id: str = seeding.MAIN, channel: str = ""
) -> dict[str, int]:
    """Let a customer read what was delivered. Returns how many messages are READ now."""
    with _changing(path) as tx:
        return {"read": customers.read(tx, connection_id, number, channel)}


def block(
    path: StatePath, number: str, *, undo: bool = False, connection_id: str = seeding.MAIN
) -> dict[str, Any]:
    """Let a customer block the account: nothing arrives any more, until that is undone."""
    with _changing(path) as tx:
        customers.block(tx, connection_id, number, not undo)
    return {"number": number, "blocked": not undo}


def see(
    path: StatePath, number: str, *, connection_id: str = seeding.MAIN, channel: str = ""
) -> dict[str, str]:
    """Open a conversation in the inbox: nothing in it is unread. No customer and no request sees this."""
    with _changing(path) as tx:
        customers.see(tx, connection_id, number, channel)
    return {"seen": number}


def template(
    path: StatePath,
    template: str,
    status: str,
    *,
    language: str = "",
    connection_id: str = seeding.MAIN,
) -> dict[str, Any]:
    """Decide about a template as Meta does: APPROVED, REJECTED, PAUSED, or another status."""
    with _changing(path) as tx:
        languages = templates.decide(tx, connection_id, template, status.upper(), language)
        left = templates.find(tx, connection_id, template)
        if status.upper() == "PAUSED" and left and left["status"] != "APPROVED":
            deliveries.fail_templates(tx, connection_id, template, habits.detail(PAUSED))
    return {"template": template, "languages": languages, "status": status.upper()}


def limits(path: StatePath, on: bool) -> dict[str, bool]:
    """Switch the rate limits of the world on or off."""
    with State(path).transaction() as tx:
        tx.set("limits", "on" if on else "off")
    return {"limits": on}


@contextmanager
def _changing(path: StatePath, wrong: str = "") -> Iterator[Tx]:
    """A transaction in which a ValueError means that the arguments are wrong."""
    with State(path).transaction() as tx:
        try:
            yield tx
        except ValueError as error:
            raise InvalidInput(f"{wrong}{error}") from error
