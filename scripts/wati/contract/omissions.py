"""Members of an answer that say nothing and so are not shown: each rule is data of the endpoint it belongs
to.

A member is left out only by such a rule, never because it is unknown: newer accounts have more than is
documented.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


class Omission:
    """When a member is left out. `when`: in words, "" = always; `rest`: what remains of it, OMITTED =
    nothing.
    """

    def __init__(self, when: str, rest: Callable[[Any, dict[str, Any]], Any]) -> None:
        self.when = when
        self.rest = rest


OMITTED = object()
ALWAYS = Omission("", lambda value, beside: OMITTED)


def equal(default: Any) -> Omission:
    """Left out if it has the value that nearly every item has."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return OMITTED if type(value) is type(default) and value == default else value

    # Not json.dumps: importing json is more than the declaration of an endpoint may cost.
    text = str(default).lower() if isinstance(default, bool) else repr(default).replace("'", '"')
    return Omission(f"it is `{text}`", rest)


def same_as(other: str) -> Omission:
    """Left out if another member has the same value."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return OMITTED if value == beside.get(other, OMITTED) else value

    return Omission(f"it is the same as `{other}`", rest)


def prefix_of(other: str) -> Omission:
    """Left out if the text of another member begins with it, word for word."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        is_prefix = isinstance(value, str) and f"{beside.get(other)} ".startswith(f"{value} ")
        return OMITTED if is_prefix else value

    return Omission(f"`{other}` begins with it", rest)


def beside(other: str) -> Omission:
    """Left out if another member is there."""
    return Omission(f"there is `{other}`", lambda value, beside: OMITTED if other in beside else value)


def repeating(**others: str) -> Omission:
    """Of a list of `{"name", "value"}`: the entries that only repeat a member beside the list."""

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
    """The same members, seen from further out."""
    return {f"{path}.{name}": omission for name, omission in omits.items()}


def omit(names: str, omission: Omission = ALWAYS) -> dict[str, Omission]:
    """One rule for several members: `names` are separated by spaces."""
    return dict.fromkeys(names.split(), omission)


def without(data: Any, omits: Mapping[str, Omission], path: str = "") -> Any:
    """`data` without the members that say nothing; a dotted path goes through lists."""
    if isinstance(data, list):
        return [without(item, omits, path) for item in data]
    if not isinstance(data, dict):
        return data
    shown = {}
    for name, value in data.items():
        here = f"{path}{name}"
        rest = omits[here].rest(value, data) if here in omits else value
        if rest is not OMITTED:
            shown[name] = without(rest, omits, f"{here}.")
    return shown
