"""The control surface: what a test or a person does to the world from outside, apart from the API.

Each function takes the state file's path (None for the usual one), makes its change in one transaction and
gives plain data back. They work alike beside an in-process mount and a running server.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

from . import deliveries, faults, seeding, state
from .state import State, StateError, epoch, iso

Path = str | os.PathLike[str] | None


class InvalidInput(Exception):
    """The arguments are wrong; `problems` says where and how."""

    def __init__(self, message: str, problems: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


def log(path: Path = None) -> list[dict[str, Any]]:
    """What was really delivered or changed, in order; see references/sandbox.md for the members."""
    with State(path).transaction() as tx:
        return deliveries.log(tx)


def requests(path: Path = None) -> list[dict[str, Any]]:
    """The requests seen, in order, without keys; status is None where no answer was sent."""
    with State(path).transaction() as tx:
        return [
            {"seq": row["seq"], **json.loads(row["doc"]), "status": row["status"], "fault": row["fault"]}
            for row in tx.rows("SELECT * FROM requests ORDER BY seq")
        ]


def reset(
    path: Path = None, *, now: str | float | None = None, ids: int | None = None, limits: bool = True
) -> dict[str, Any]:
    """A fresh world. `now` (ISO or epoch seconds) fixes its clock, `ids` its ids."""
    try:
        fixed = epoch(now) if isinstance(now, str) else now
    except ValueError:
        raise InvalidInput(f"{now!r} is no ISO date or time") from None
    target = state.state_path(path)
    state.recreate(target, now=fixed, ids=ids, limits=limits)
    # What the scripts remember of a world (their journal of sends) ends with it.
    with suppress(OSError):
        os.unlink(f"{target}-sends")
    with State(target).transaction() as tx:
        return {"state": target, "now": iso(tx.now), "limits": limits}


def seed(path: Path, world: dict[str, Any]) -> dict[str, int]:
    """Add things to the world; how many of each kind."""
    wrong = seeding.problems(world)
    if wrong:
        raise InvalidInput("the seed is not valid", wrong)
    with State(path).transaction() as tx:
        try:
            return seeding.plant(tx, world)
        except ValueError as error:
            raise InvalidInput(f"the seed is not valid: {error}") from error


def fault(path: Path, fault: dict[str, Any] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add one fault or several, in order; all that wait now."""
    new = fault if isinstance(fault, list) else [fault]
    wrong = [
        {**one, "at": one["at"].replace("$", f"$[{index}]", 1) if isinstance(fault, list) else one["at"]}
        for index, each in enumerate(new)
        for one in faults.problems(each)
    ]
    if wrong:
        raise InvalidInput("the fault is not valid", wrong)
    with State(path).transaction() as tx:
        for each in new:
            faults.add(tx, each)
        return faults.waiting(tx)


def waiting_faults(path: Path = None) -> list[dict[str, Any]]:
    """The faults that have not struck for the last time."""
    with State(path).transaction() as tx:
        return faults.waiting(tx)


def clear_faults(path: Path = None) -> list[dict[str, Any]]:
    """Forget every fault."""
    with State(path).transaction() as tx:
        faults.clear(tx)
        return faults.waiting(tx)


def advance(path: Path, seconds: float) -> dict[str, str]:
    """Move the world's clock forward; the new time."""
    if not 0 <= seconds <= _LONGEST_ADVANCE:
        raise InvalidInput("the clock moves forward only, by at most 100 years")
    with State(path).transaction() as tx:
        tx.set("offset", repr(float(tx.get("offset", "0")) + seconds))
        return {"now": iso(tx.now)}


_LONGEST_ADVANCE = 100 * 366 * 86400.0


def authorize(path: Path, connection_id: str, *, failed: bool = False) -> dict[str, str]:
    """Finish a PENDING connection as its owner would in a browser: ACTIVE, or FAILED."""
    outcome = "FAILED" if failed else "ACTIVE"
    with State(path).transaction() as tx:
        row = tx.row("SELECT status FROM connections WHERE connection_id = ?", connection_id)
        if row is None:
            raise InvalidInput(f"there is no connection {connection_id}")
        if row["status"] != "PENDING":
            raise InvalidInput(f"the connection {connection_id} is {row['status']}, not PENDING")
        tx.run(
            "UPDATE connections SET status = ?, updated = ? WHERE connection_id = ?",
            outcome,
            tx.now,
            connection_id,
        )
    return {"connection_id": connection_id, "status": outcome}


__all__ = [
    "InvalidInput",
    "StateError",
    "advance",
    "authorize",
    "clear_faults",
    "fault",
    "log",
    "requests",
    "reset",
    "seed",
    "waiting_faults",
]
