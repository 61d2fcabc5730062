"""How one answer differs from another, in shapes, words and notes. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wati.contract.records import record
from wati.probe.notes import CANNOT_SAY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from wati.probe.ask import Observed
    from wati.probe.shapes import Shape

# Kinds that say nothing about what else could be there.
_SILENT = frozenset(("null", "empty text", "empty list", "empty object", "object", "list"))
_LAST_STEP = re.compile(r"(\.[^.\[\]]+|\[[^\]]*\]|^[^.\[\]]+)$")
MOST_SHOWN = 12


@record
class Comparison:
    """`differences`: in words. `is_decided`: everything could be compared that the other side has."""

    differences: list[str]
    is_decided: bool


def compare(parts: Collection[str], assumed: Observed, observed: Observed) -> Comparison:
    """Compare the named parts of two answers."""
    differences: dict[str, None] = {}
    is_decided = True
    for part in parts:
        one, other = assumed.get(part), observed.get(part)
        if part == "body":
            found = list(_bodies(one or {}, other or {}))
        elif part in ("notes", "headers"):
            found = list(_members(one or {}, other or {}))
        else:
            found = [] if one == other else [f"{part}: {other}, not {one}"]
        is_decided = is_decided and "" not in found
        differences.update(dict.fromkeys(filter(None, found)))
    return Comparison([*differences][:MOST_SHOWN], is_decided)


# Each yields a difference in words, or "" for what nobody can say.


def _members(assumed: Mapping[str, str], observed: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*assumed, *observed}):
        one, other = assumed.get(name, "absent"), observed.get(name, "absent")
        if CANNOT_SAY in (one, other):
            yield ""
        elif one != other:
            yield f"{name.replace('_', ' ')}: {other}, not {one}"


def _bodies(assumed: Shape, observed: Shape) -> Iterator[str]:
    if ("" in assumed) != ("" in observed):
        yield f"body: {observed.get('', 'an object')}, not {assumed.get('', 'an object')}"
        return
    for path in sorted({*assumed, *observed}):
        one, other = assumed.get(path), observed.get(path)
        if one is not None and other is not None:
            if not _fits(one, other):
                yield f"{path}: {other}, not {one}"
        elif one is not None:
            yield _only_in_one(
                path, one, observed, "{path}: absent, not {kind}", "{path}: another type than {kind}"
            )
        elif other is not None:
            new, type_ = (
                "{path}: {kind}, which the sandbox does not have",
                "{path}: {kind}, not an object or list",
            )
            # What the sandbox's example does not show is no doubt about what was observed.
            if said := _only_in_one(path, other, assumed, new, type_):
                yield said


def _only_in_one(path: str, kind: str, lacking: Shape, absent: str, another: str) -> str:
    if any(each.startswith((f"{path}.", f"{path}[")) for each in lacking):
        return "" if {*kind.split(" | ")} <= _SILENT else another.format(path=path, kind=kind)
    highest = _absent(path, lacking)
    return (
        "" if highest is None else absent.format(path=highest, kind=kind if highest == path else "an object")
    )


def _absent(path: str, shape: Shape) -> str | None:
    """The highest part of a path that a shape lacks; None if it does not say, because a holder is empty."""
    holder = _LAST_STEP.sub("", path)
    if not holder:
        return path
    step = path[len(holder) :]
    if any(each.startswith(f"{holder}{step[0]}") for each in shape):
        return None if step[0] == "[" else path
    return None if holder in shape else _absent(holder, shape)


def _fits(one: str, other: str) -> bool:
    kinds = [{*each.split(" | ")} - _SILENT for each in (one, other)]
    return not kinds[0] or not kinds[1] or kinds[0] <= kinds[1] or kinds[1] <= kinds[0]
