"""What happened to arguments that are not JSON, and how they can be given instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.arguments.validation import are_pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wati.contract.endpoint import Endpoint

_TYPOGRAPHIC = "\u2018\u2019\u201c\u201d\u201e"

# How a text looks that is not JSON: what happened to it.
_SIGNS = (
    (r"'", "it begins with a single quote: cmd takes only double quotation marks"),
    (r"\s*[\[{]?\s*\\\"", "there are backslashes before its quotation marks"),
    (rf"\s*[\[{{]\s*[{_TYPOGRAPHIC}]", "its quotation marks are typographic ones, which JSON does not take"),
    (r"\s*[\[{]+\s*'", "JSON takes double quotation marks, not single ones"),
    (r"\s*<", "it looks like a web page"),
)


def what_happened(text: str) -> str:
    """What has happened to a text that is not JSON; "" if it shows no known sign."""
    if '"' not in text and re.match(r"\s*[\[{]+\s*\w", text):
        return "it has no quotation marks, perhaps because the shell took them"
    return next((said for sign, said in _SIGNS if re.match(sign, text)), "")


def hint(endpoint: Endpoint, schema: dict[str, Any], text: str) -> str:
    """How to give the arguments so that no shell can change them. Its commands run in every shell."""
    example = in_words(endpoint, schema)
    ways = f"Write name=value words: {example}. " if example else ""
    in_a_file = f"put the JSON into a file, and pass its name in quotes: {endpoint.name}.py '@arguments.json'"
    return f"{ways}Or {in_a_file}" if ways else f"P{in_a_file[1:]}"


def in_words(endpoint: Endpoint, schema: dict[str, Any]) -> str:
    """The shortest example of the schema that is plain words in every shell; "" if there is none."""
    found = (words_of(endpoint, schema, example) for example in schema.get("examples", []))
    return min(filter(None, found), key=len, default="")


def words_of(endpoint: Endpoint, schema: dict[str, Any], arguments: dict[str, Any]) -> str:
    """The command with these arguments as plain words; "" if they cannot be."""
    flat = dict(_flat(schema["properties"], arguments))
    words = [f"{name}={_in_quotes(str(value))}" for name, value in flat.items()]
    plain = all(isinstance(value, (str, int)) for value in flat.values()) and " " not in "".join(flat)
    if not (words and plain and re.fullmatch(r"[\w .,:/@?=\"-]*", " ".join(words))):
        return ""
    return " ".join([f"{endpoint.name}.py", *words])


def _flat(members: dict[str, Any], arguments: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The name of each word with its value."""
    for name, value in arguments.items():
        if value and are_pairs(members.get(name, {})):
            yield from ((f"{before}{name}.{entry['name']}", entry["value"]) for entry in value)
        elif isinstance(value, dict):
            yield from _flat(members[name].get("properties", {}), value, f"{before}{name}.")
        else:
            yield before + name, str(value).lower() if isinstance(value, bool) else value


def _in_quotes(text: str) -> str:
    return f'"{text}"' if " " in text or "," in text else text
