"""A quick check for arguments that clearly fit their schema. jsonschema judges all others.

Importing jsonschema takes about as long as the call itself (references/speed.md), and most arguments fit.
`fits` is True only if it knows every keyword and each one holds. A test with generated arguments compares it
with jsonschema.
"""

from __future__ import annotations

import re
from typing import Any

_ANNOTATIONS = {"$schema", "title", "description", "examples", "default"}
_TYPES: dict[str, type] = {"object": dict, "array": list, "string": str, "integer": int}


def fits(schema: Any, value: Any) -> bool:
    """Whether `value` certainly fits. False means that jsonschema has to decide."""
    kind = _TYPES.get(str(schema.get("type")))
    if kind is None or type(value) is not kind:
        return False
    return all(
        keyword in _ANNOTATIONS or (keyword in _KEYWORDS and _KEYWORDS[keyword](limit, value, schema))
        for keyword, limit in schema.items()
    )


# keyword: whether it holds (the value of the keyword, the instance, the schema that has the keyword)
_KEYWORDS: dict[str, Any] = {
    "type": lambda limit, value, _: True,  # `fits` checks it
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
