"""What of an answer is shown: the fields that were asked for, and no more than an agent's shell passes on.

Many harnesses cut tool output beyond 10,000 to 30,000 characters (agentskills.io, "Using scripts in skills"),
wherever that falls; what is cut here is cut at an item, and says how to go on. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from wati.contract.failures import Failure
from wati.output.rendering import shorten

LONGEST = 30_000  # characters of one document
LONGEST_ANSWER = 10_000  # of what the far side said to a call that failed; the verdict on it is told apart
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}(\.[A-Za-z_][A-Za-z0-9_]{0,79})*")
_TEXTS = (4000, 1000, 250, 60)  # how long texts may be, ever shorter until all of it fits

Path = tuple[str, ...]


# --- the fields that were asked for ------------------------------------------------------------------------


def paths(text: str) -> list[Path]:
    """The value of `--fields`. Raises `usage` where it is none."""
    fields = [field.strip() for field in text.split(",")]
    if not all(_FIELD.fullmatch(field) for field in fields):
        message = (
            "--fields takes names separated by commas, with dots for what lies deeper: id,messages.text."
        )
        raise Failure("usage", message)
    return [tuple(field.split(".")) for field in fields]


def unknown(data: Any, items: str, wanted: list[Path], documented: tuple[str, ...] = ()) -> list[str]:
    """Which of the fields nobody knows, each with the near ones; none where the data holds no item."""
    from wati.arguments.validation import quoted, suggestion

    places = _places(data, items)
    known = {".".join(path) for item in places for path in _occurring(item)}
    if not known:
        return []
    known |= set(documented)
    names = sorted(known)
    fields = [".".join(path) for path in wanted]
    return [f"{quoted(field)}{suggestion(field, names)}" for field in fields if field not in known]


def picked(data: Any, items: str, wanted: list[Path]) -> Any:
    """The data with nothing but these fields; of a list, of each of its items."""
    if not items:
        return _picked(data, wanted)
    return _wrapped(items, [_picked(item, wanted) for item in _places(data, items)])


def _picked(value: Any, wanted: list[Path]) -> Any:
    if isinstance(value, list):
        return [_picked(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    deeper: dict[str, list[Path]] = {}
    for path in wanted:
        deeper.setdefault(path[0], []).append(path[1:])
    return {
        name: value[name] if () in rest else _picked(value[name], [path for path in rest if path])
        for name, rest in deeper.items()
        if name in value
    }


def _occurring(value: Any) -> Iterator[Path]:
    """Every path in a value; a list is passed through."""
    if isinstance(value, list):
        for item in value:
            yield from _occurring(item)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield (name,)
            yield from ((name, *path) for path in _occurring(member))


def _places(data: Any, items: str) -> list[Any]:
    from wati.contract.verdicts import member

    found = member(data, items) if items else [data]
    return found if isinstance(found, list) else []


def _wrapped(items: str, value: Any) -> Any:
    for name in reversed(items.split(".")):
        value = {name: value}
    return value


# --- no more than can be read ------------------------------------------------------------------------------


def document_that_fits(document: dict[str, Any], items: str, *, is_done: bool = False) -> dict[str, Any]:
    """A document of at most LONGEST characters, cut at an item; `page` then is the page that is shown.

    `items`: where in the data the list is, "" where it is none: then texts and lists are cut, and marked.
    `is_done`: the call changed something, and nobody can ask for its answer again: it stays whole.
    """
    length = len(_text(document))
    if length <= LONGEST or is_done:
        return document
    if not items or "page" not in document:
        room = LONGEST - _NOTICE - (length - len(_text(document["data"])))
        notice = _noticed(document, "Long texts and lists in `data` were cut; --fields or --raw shows them.")
        return {**document, "data": bounded(document["data"], room), "notice": notice}
    listed = _places(document["data"], items)
    room = LONGEST - _NOTICE - (length - len(_text(listed)))
    asked = document["page"]
    before = least_before(asked["number"], asked["size"], len(listed))
    size = even_size(before, max(1, fitting(listed, room)))
    shown = listed[:size] if fitting(listed, room) else [bounded(listed[0], room)]
    number = before // size + 1
    page = {"number": number, "size": size, "next": number + 1, "cut": {"shown": size, "of": len(listed)}}
    page |= {"complete": False} if "complete" in asked else {}
    advice = f"Only {size} of {len(listed)} items fit: go on with pageSize {size} and pageNumber {number + 1}"
    notice = _noticed(document, f"{advice}, or choose members with --fields.")
    return {**document, "data": _replaced(document["data"], items, shown), "page": page, "notice": notice}


def error_that_fits(error: dict[str, Any]) -> dict[str, Any]:
    """An error whose problems fit beside what else it tells; the rest of them are counted, never dropped."""
    problems = error.get("problems", [])
    room = LONGEST - _NOTICE - len(_text({**error, "problems": []}))
    kept = max(1, fitting(problems, room))
    if kept >= len(problems):
        return error
    return {
        **error,
        "problems": problems[:kept],
        "more_problems": error.get("more_problems", 0) + len(problems) - kept,
    }


_NOTICE = 400  # characters kept free for what is told of the cut


def _noticed(document: dict[str, Any], text: str) -> str:
    return " ".join(filter(None, [document.get("notice", ""), text]))


def least_before(number: int, size: int, came: int) -> int:
    """How many items at least lie before a page of which `came` came; it was asked for with `size`.

    The largest page that WATI grants is unknown, so those before may have been as short. Where this one is
    short because it is the last, they were longer, and going on from here shows some again and misses none.
    """
    return (number - 1) * min(size, came)


def even_size(before: int, fits: int) -> int:
    """The largest page size that fits, and with which a page begins where the one that was asked for began:
    so no item lies on two pages or on none."""
    return next(size for size in range(fits, 0, -1) if before % size == 0)


def _replaced(data: Any, items: str, value: Any) -> Any:
    """The data with another list in the place of its items."""
    name, _, rest = items.partition(".")
    return {**data, name: _replaced(data[name], rest, value) if rest else value}


def fitting(items: list[Any], room: int) -> int:
    """How many of the first items take no more characters than there is room for."""
    used = 0
    for index, item in enumerate(items):
        used += len(_text(item)) + 1
        if used > room:
            return index
    return len(items)


def bounded(value: Any, room: int) -> Any:
    """The value, with texts and lists cut ever shorter until it takes no more characters than `room`."""
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
