"""Names and values as one object, in place of WATI's list of them.

`{"name": "Jane"}` is `[{"name": "name", "value": "Jane"}]`, in every list of a schema whose items are just
that. What is sent is the list. An empty object stays one, and is refused: `[]` says that there are none.
So does `{"name": "city", "value": "Lisbon"}`, which may be one item without its list or two values.

Where each object of a list is a person of whom only the number is needed, a text is that number. Pure.
"""

from __future__ import annotations

import re
from typing import Any

from wati.arguments.validation import ITEM, are_pairs, json_path

_NUMBER = "whatsappNumber"
_STEP = re.compile(r"[.]([A-Za-z_]\w*)|\[([0-9]+)\]")


def as_lists(schema: Any, value: Any) -> Any:
    """The value with each object of names and values as the list that the schema has in its place."""
    if isinstance(value, dict) and value:
        if are_pairs(schema):
            return value if value.keys() == ITEM else listed(value)
        members = schema.get("properties")
        if not members:
            return value
        return {name: as_lists(members.get(name, {}), each) for name, each in value.items()}
    if isinstance(value, list) and schema.get("items", {}).get("properties"):
        return [as_lists(schema["items"], _as_object(schema["items"], item)) for item in value]
    return value


def _as_object(schema: dict[str, Any], item: Any) -> Any:
    """A number in a list of people, as the object with it."""
    is_person = schema.get("required") == [_NUMBER]
    return {_NUMBER: item} if isinstance(item, str) and is_person else item


def listed(values: dict[str, Any]) -> list[dict[str, Any]]:
    """WATI's list of these names and values."""
    return [{"name": name, "value": value} for name, value in values.items()]


def as_objects(schema: Any, value: Any) -> Any:
    """The value with each list of names and values as one object, for an example that is short."""
    if isinstance(value, list) and value:
        if are_pairs(schema):
            found = {entry["name"]: entry["value"] for entry in value}
            return value if found.keys() == ITEM else found
        return [as_objects(schema.get("items", {}), item) for item in value]
    if isinstance(value, dict):
        members = schema.get("properties", {})
        return {name: as_objects(members.get(name, {}), each) for name, each in value.items()}
    return value


def place(given: Any, at: str) -> str:
    """Where a problem is in the arguments as they were given: an object has names, the list has positions."""
    steps: list[str | int] = []
    for name, index in _STEP.findall(at):
        if index and isinstance(given, dict):
            return json_path([*steps, *list(given)[int(index) : int(index) + 1]])
        steps.append(name or int(index))
        try:
            given = given[steps[-1]]
        except (KeyError, IndexError, TypeError):
            return at
    return at
