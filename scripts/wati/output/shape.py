"""The part of an answer that is shown: the chosen members, and no more than an agent's shell passes on.

Many harnesses cut tool output at 10,000 to 30,000 characters, wherever that falls (agentskills.io, "Using
scripts in skills"). Here it is cut between items, and the document says how to go on. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from wati.contract.bodies import member
from wati.output.rendering import shorten

LONGEST = 30_000  # characters of one document
LONGEST_ANSWER = 10_000  # of the far side's answer to a call that failed
_TEXTS = (4000, 1000, 250, 60)  # lengths to cut texts to, one after the other, until the value fits

Path = tuple[str, ...]


def unknown_fields(
    data: Any, items: str, wanted: Sequence[Path], documented: tuple[str, ...] = ()
) -> list[str]:
    """The fields that are unknown, each with similar ones. If the data has no item, none is."""
    from wati.arguments.validation import quoted, suggestion

    known = {".".join(path) for item in _items(data, items) for path in _occurring(item)}
    if not known:
        return []
    known |= set(documented)
    names = sorted(known)
    fields = [".".join(path) for path in wanted]
    return [f"{quoted(field)}{suggestion(field, names)}" for field in fields if field not in known]


def selected(data: Any, items: str, wanted: Sequence[Path]) -> Any:
    """The data with only these fields. `items`: the path of the list that they apply to, "" = none."""
    if not items:
        return _selected(data, wanted)
    return wrapped(items, [_selected(item, wanted) for item in _items(data, items)])


def _selected(value: Any, wanted: Sequence[Path]) -> Any:
    if isinstance(value, list):
        return [_selected(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    deeper: dict[str, list[Path]] = {}
    for path in wanted:
        deeper.setdefault(path[0], []).append(path[1:])
    return {
        name: value[name] if () in rest else _selected(value[name], [path for path in rest if path])
        for name, rest in deeper.items()
        if name in value
    }


def _occurring(value: Any) -> Iterator[Path]:
    """Every path in a value. An item of a list has the path of the list."""
    if isinstance(value, list):
        for item in value:
            yield from _occurring(item)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield (name,)
            yield from ((name, *path) for path in _occurring(member))


def _items(data: Any, items: str) -> list[Any]:
    found = member(data, items) if items else [data]
    return found if isinstance(found, list) else []


def wrapped(items: str, value: Any) -> Any:
    """The value at the path `items`, in new objects."""
    for name in reversed(items.split(".")):
        value = {name: value}
    return value


def fit_document(document: dict[str, Any], items: str, whole: str = "") -> dict[str, Any]:
    """A document of at most LONGEST characters. A list is cut between items, and `page` is adjusted.

    `items`: the path of the list in the data; "" = none, then texts and lists are cut, and marked. `whole`:
    the flags of the script that show what was cut.
    """
    length = len(_text(document))
    if length <= LONGEST:
        return document
    if not items or "page" not in document:
        room = LONGEST - _NOTICE - (length - len(_text(document["data"])))
        advice = "Long texts and lists in `data` were cut" + (f"; {whole} shows them." if whole else ".")
        notice = _with_notice(document, advice)
        return {**document, "data": truncated(document["data"], room), "notice": notice}
    listed = _items(document["data"], items)
    room = LONGEST - _NOTICE - (length - len(_text(listed)))
    asked = document["page"]
    before = fewest_before(asked["number"], asked["size"], len(listed))
    fits = count_that_fits(listed, room)
    size = aligned_size(before, max(1, fits))
    shown = listed[:size] if fits else [truncated(listed[0], room)]
    number = before // size + 1
    page = {"number": number, "size": size, "next": number + 1, "cut": {"shown": size, "of": len(listed)}}
    page |= {"complete": False} if "complete" in asked else {}
    advice = f"Only {size} of {len(listed)} items fit. Go on with pageSize {size} and pageNumber {number + 1}"
    notice = _with_notice(document, f"{advice}, or choose members with --fields.")
    return {**document, "data": _replaced(document["data"], items, shown), "page": page, "notice": notice}


def with_exceptions(data: dict[str, Any], asked: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The answer to an accepted bulk send, with only the receivers of whom it says more than was asked for.

    The others are those that were asked for, with nothing but their ids, and are counted. `asked`: where the
    arguments name a receiver, and whom.
    """
    rows = _items(data, "receivers")
    numbers = {str(number) for _, number in asked}
    telling = [
        row
        for row in rows
        if not isinstance(row, dict) or row.keys() - _IDS or str(row.get("waId")) not in numbers
    ]
    rest = {name: value for name, value in data.items() if name != "receivers" or not rows}
    return {"receivers": telling, **rest} if telling else rest


_IDS = {"waId", "localMessageId"}


def fit_error(error: dict[str, Any]) -> dict[str, Any]:
    """An error with as many problems as fit; the others are counted."""
    problems = error.get("problems", [])
    room = LONGEST - _NOTICE - len(_text({**error, "problems": []}))
    kept = max(1, count_that_fits(problems, room))
    if kept >= len(problems):
        return error
    more = error.get("more_problems", 0) + len(problems) - kept
    return {**error, "problems": problems[:kept], "more_problems": more}


_NOTICE = 400  # characters kept free for the notice and the page of a cut


def _with_notice(document: dict[str, Any], text: str) -> str:
    return " ".join(filter(None, [document.get("notice", ""), text]))


def fewest_before(number: int, size: int, received: int) -> int:
    """The fewest items that can be before page `number`, which was asked for with `size` and had `received`.

    The largest page that WATI grants is unknown, so the earlier pages may have been as short as this one. If
    this one is short because it is the last, they were longer: then some items are shown again, and none is
    missed.
    """
    return (number - 1) * min(size, received)


def aligned_size(before: int, fits: int) -> int:
    """The largest page size that fits and divides `before`, so one of its pages begins right after those."""
    return next(size for size in range(fits, 0, -1) if before % size == 0)


def _replaced(data: Any, items: str, value: Any) -> Any:
    """The data with another value at the path `items`."""
    name, _, rest = items.partition(".")
    return {**data, name: _replaced(data[name], rest, value) if rest else value}


def count_that_fits(items: list[Any], room: int) -> int:
    """How many of the first items fit into `room` characters."""
    used = 0
    for index, item in enumerate(items):
        used += len(_text(item)) + 1
        if used > room:
            return index
    return len(items)


def truncated(value: Any, room: int) -> Any:
    """The value, its texts and lists cut shorter and shorter until it fits into `room` characters."""
    for longest in _TEXTS:
        if len(_text(value)) <= room:
            return value
        value = _cut(value, longest)
    return value if len(_text(value)) <= room else shorten(_text(value), room // 2)


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return shorten(value, longest)
    if isinstance(value, dict):
        return {name: _cut(member, longest) for name, member in value.items()}
    if isinstance(value, list):
        most = max(3, longest // 20)
        kept = [_cut(item, longest) for item in value[:most]]
        return [*kept, f"… and {len(value) - most} more"] if len(value) > most else kept
    return value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
