"""A quick yes for arguments that plainly fit their schema; everything else is jsonschema's to judge.

Importing jsonschema costs about as much as the call itself (references/speed.md), and most arguments are
fine. `fits` is True only where it understands every keyword and each of them holds; a test with generated
arguments holds it to jsonschema: it is never True where jsonschema finds an error.
"""

from __future__ import annotations

import re
from typing import Any

_ANNOTATIONS = {"$schema", "title", "description", "examples", "default"}
_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int}


def fits(schema: Any, value: Any) -> bool:
    """Whether `value` surely fits; False means only that jsonschema has to look."""
    kind = _TYPES.get(str(schema.get("type")))
    if kind is None or type(value) is not kind:
        return False
    return all(
        keyword in _ANNOTATIONS or (keyword in _KEYWORDS and _KEYWORDS[keyword](limit, value, schema))
        for keyword, limit in schema.items()
    )


# keyword: whether it holds, from its own value, the instance and the schema around it
_KEYWORDS: dict[str, Any] = {
    "type": lambda limit, value, _: True,  # by `fits` itself
    "enum": lambda limit, value, _: value in limit,
    "pattern": lambda limit, value, _: re.search(limit, value) is not None,
    "minLength": lambda limit, value, _: len(value) >= limit,
    "maxLength": lambda limit, value, _: len(value) <= limit,
    "minimum": lambda limit, value, _: value >= limit,
    "maximum": lambda limit, value, _: value <= limit,
    "minItems": lambda limit, value, _: len(value) >= limit,
    "maxItems": lambda limit, value, _: len(value) <= limit,
    "items": lambda limit, value, _: all(fits(limit, item) for item in value),
    "required": lambda limit, value, _: all(name in value for name in limit),
    "properties": lambda limit, value, _: all(
        fits(limit[name], value[name]) for name in value if name in limit
    ),
    "additionalProperties": lambda limit, value, schema: (
        limit is False and value.keys() <= schema["properties"].keys()
    ),
}
