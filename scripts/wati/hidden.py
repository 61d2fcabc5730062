"""What of an answer says nothing, and so is not shown: each rule is data of the endpoint that it belongs to.

A member is left out only by such a rule, never for being unknown: newer accounts
have more than is documented.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Hidden:
    """When a member is left out. `where`: in words, "" = always; `rest`: what stays of it, GONE = nothing."""

    def __init__(self, where: str, rest: Callable[[Any, dict[str, Any]], Any]) -> None:
        self.where = where
        self.rest = rest


GONE = object()
ALWAYS = Hidden("", lambda value, beside: GONE)


def where_it_is(default: Any) -> Hidden:
    """Left out where it has the value that nearly every one has."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return GONE if type(value) is type(default) and value == default else value

    # In JSON's words; importing json is more than the declaration of an endpoint may cost.
    told = str(default).lower() if isinstance(default, bool) else repr(default).replace("'", '"')
    return Hidden(f"it is `{told}`", rest)


def where_same_as(other: str) -> Hidden:
    """Left out where it stands there under another name, too."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return GONE if value == beside.get(other, GONE) else value

    return Hidden(f"it is the same as `{other}`", rest)


def where_it_opens(other: str) -> Hidden:
    """Left out where another text begins with it, word for word."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return GONE if isinstance(value, str) and f"{beside.get(other)} ".startswith(f"{value} ") else value

    return Hidden(f"`{other}` begins with it", rest)


def where_there_is(other: str) -> Hidden:
    return Hidden(f"there is `{other}`", lambda value, beside: GONE if other in beside else value)


def repeating(**others: str) -> Hidden:
    """A list of `{"name", "value"}`: without the entries that only repeat a member beside the list."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        if not isinstance(value, list):
            return value
        kept = [entry for entry in value if not _repeats(entry, beside, others)]
        return kept if kept or not value else GONE

    pairs = " or ".join(f"the entry `{name}` repeats `{other}`" for name, other in others.items())
    return Hidden(pairs, rest)


def _repeats(entry: Any, beside: dict[str, Any], others: Mapping[str, str]) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"name", "value"} or entry["name"] not in others:
        return False
    return bool(entry["value"] == beside.get(others[entry["name"]], GONE))


def inside(path: str, hides: Mapping[str, Hidden]) -> dict[str, Hidden]:
    """The same members, seen from further out."""
    return {f"{path}.{name}": hidden for name, hidden in hides.items()}


def all_of(names: str, hidden: Hidden = ALWAYS) -> dict[str, Hidden]:
    return dict.fromkeys(names.split(), hidden)


def without(data: Any, hides: Mapping[str, Hidden], path: str = "") -> Any:
    """`data` without the members that say nothing; a dotted path goes through lists."""
    if isinstance(data, list):
        return [without(item, hides, path) for item in data]
    if not isinstance(data, dict):
        return data
    shown = {}
    for name, value in data.items():
        here = f"{path}{name}"
        rest = hides[here].rest(value, data) if here in hides else value
        if rest is not GONE:
            shown[name] = without(rest, hides, f"{here}.")
    return shown
