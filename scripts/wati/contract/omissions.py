"""Rules for leaving out members of an answer that say nothing. Each endpoint declares its own.

An unknown member is always shown: newer accounts have more members than are documented.
"""

from __future__ import annotations

from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


@record
class Omission:
    """When a member is left out."""

    when: str  # the rule in words; "" = always
    rest: Callable[[Any, dict[str, Any]], Any]  # (value, its object) -> what remains of it, or OMITTED


OMITTED = object()


def _whole(when: str, is_said: Callable[[Any, dict[str, Any]], bool]) -> Omission:
    """Left out if `is_said` of its value and its object."""
    return Omission(when, lambda value, beside: OMITTED if is_said(value, beside) else value)


ALWAYS = _whole("", lambda value, beside: True)


def equal(default: Any) -> Omission:
    """Left out if it has its usual value."""
    # Not json.dumps: importing json costs more than a declaration may.
    text = str(default).lower() if isinstance(default, bool) else repr(default).replace("'", '"')
    return _whole(f"it is `{text}`", lambda value, _: type(value) is type(default) and value == default)


def same_as(other: str) -> Omission:
    """Left out if another member has the same value."""
    return _whole(f"it is the same as `{other}`", lambda value, beside: value == beside.get(other, OMITTED))


def prefix_of(other: str) -> Omission:
    """Left out if another member's text begins with it, in whole words."""

    def is_prefix(value: Any, beside: dict[str, Any]) -> bool:
        return isinstance(value, str) and f"{beside.get(other)} ".startswith(f"{value} ")

    return _whole(f"`{other}` begins with it", is_prefix)


def beside(other: str) -> Omission:
    """Left out if another member is present."""
    return _whole(f"there is `{other}`", lambda value, beside: other in beside)


def repeating(**others: str) -> Omission:
    """Leaves out the entries of a `{"name", "value"}` list that only repeat a member beside the list."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        if not isinstance(value, list):
            return value
        kept = [entry for entry in value if not _repeats(entry, beside, others)]
        return kept if kept or not value else OMITTED

    pairs = " or ".join(f"the entry `{name}` repeats `{other}`" for name, other in others.items())
    return Omission(pairs, rest)


def _repeats(entry: Any, beside: dict[str, Any], others: Mapping[str, str]) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"name", "value"} or entry["name"] not in others:
        return False
    return bool(entry["value"] == beside.get(others[entry["name"]], OMITTED))


def inside(path: str, omits: Mapping[str, Omission]) -> dict[str, Omission]:
    """The same rules, for members that are below `path`."""
    return {f"{path}.{name}": omission for name, omission in omits.items()}


def omit(names: str, omission: Omission = ALWAYS) -> dict[str, Omission]:
    """One rule for several members; `names` are separated by spaces."""
    return dict.fromkeys(names.split(), omission)


def without(data: Any, omits: Mapping[str, Omission], path: str = "") -> Any:
    """`data` without the members that the rules leave out; a dotted path goes through lists."""
    if isinstance(data, list):
        return [without(item, omits, path) for item in data]
    if not isinstance(data, dict):
        return data
    kept = {}
    for name, value in data.items():
        here = f"{path}{name}"
        rest = omits[here].rest(value, data) if here in omits else value
        if rest is not OMITTED:
            kept[name] = without(rest, omits, f"{here}.")
    return kept
