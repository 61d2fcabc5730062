"""`null` in the arguments: what it means for an optional member.

Some hosts make a model name every member, and null is then its only way to leave one out. A program may also
write null by mistake, when it has no value: a search without its filter finds everyone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wati.contract.endpoint import Endpoint

WIDENS = "is null, which could widen the call; give a value, or leave it out"


def without_nulls(endpoint: Endpoint, schema: dict[str, Any], value: Any, path: str = "") -> Any:
    """The arguments without optional members that are null. Those that narrow the call stay: no schema of
    ours allows null, so they are reported.
    """
    if isinstance(value, list) and "items" in schema:
        return [without_nulls(endpoint, schema["items"], item, f"{path}[]") for item in value]
    if not isinstance(value, dict) or "properties" not in schema:
        return value
    kept = {}
    for name, member in value.items():
        inner = f"{path}.{name}".lstrip(".")
        known = schema["properties"].get(name, {})
        if member is not None or not known or name in schema.get("required", []) or inner in endpoint.narrows:
            kept[name] = without_nulls(endpoint, known, member, inner)
    return kept
