"""Arguments as plain words: `name="Doe, John" pageSize=5`, so that no shell has JSON to change.

The schema of a member says what its value is. A text is taken as it stands and never parsed. A list of names
and values takes a word for each: `customParams.city=Lisbon`. So does an object: `attribute.name=city`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.arguments import diagnosis, pairs
from wati.arguments.validation import ITEM, are_pairs, load_schema, quoted
from wati.contract.failures import Failure
from wati.wire import strict_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wati.contract.endpoint import Endpoint

_NAMED = re.compile(r"[A-Za-z_][\w.\[\]-]*=")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def are_words(endpoint: Endpoint, given: Sequence[str]) -> bool:
    """Whether these are words, not one piece of JSON, `@FILE` or `-`."""
    if len(given) != 1:
        return bool(given)
    return _NAMED.match(given[0]) is not None or _is_lone(endpoint, given[0])


def _is_lone(endpoint: Endpoint, word: str) -> bool:
    """Whether a word is the endpoint's lone argument. JSON such as `null` never is, except for a number."""
    if not endpoint.lone or "=" in word or re.match(r"[\s{\[\"'@]|$|-$", word):
        return False
    try:
        value = strict_json.loads(word)
    except ValueError:
        return True
    kind = load_schema(endpoint)["properties"][endpoint.lone]["type"]
    return kind == "integer" and type(value) is int


def read(endpoint: Endpoint, schema: dict[str, Any], given: Sequence[str]) -> dict[str, Any]:
    """The arguments. Raises `usage` or `invalid_json` for the whole call if a word is not clear."""
    members = schema["properties"]
    if len(given) == 1 and not _NAMED.match(given[0]):
        given = [f"{endpoint.lone}={given[0]}"]
    arguments: dict[str, Any] = {}
    named: set[str] = set()  # those that took a word for each name
    for word in given:
        if not _NAMED.match(word):
            raise _unclear(endpoint, schema, word, given)
        name, _, text = word.partition("=")
        into, within, member = _place(members, arguments, name)
        if not isinstance(into, dict) or within in into:
            raise Failure("usage", f"{name} is given twice.", hint="Give each argument once.")
        into[within] = _value(endpoint, schema, name, member.get("type", "string"), text)
        whole = name.partition(".")[0]
        named |= {whole} if into is not arguments and are_pairs(members[whole]) else set()
    # With a word for each, it is clear which name is whose; as one object it might not be.
    return {
        name: pairs.listed(value) if name in named and value.keys() == ITEM else value
        for name, value in arguments.items()
    }


def _place(members: dict[str, Any], into: Any, name: str) -> tuple[Any, str, dict[str, Any]]:
    """Where a name leads: the object that gets the value, the name in it, and the value's schema."""
    whole, _, inner = name.partition(".")
    member: dict[str, Any] = members.get(whole, {})
    if inner and isinstance(into, dict):
        if are_pairs(member):
            return into.setdefault(whole, {}), inner, {}
        if member.get("type") == "object":
            return _place(member["properties"], into.setdefault(whole, {}), inner)
    return into, name, members.get(name, {})


def _value(endpoint: Endpoint, schema: dict[str, Any], name: str, kind: Any, text: str) -> Any:
    """A text, a number, a boolean or JSON. A number that is none stays a text, and the schema reports it."""
    if "string" in kind:
        return text
    if "integer" in kind:
        return int(text) if _WHOLE.fullmatch(text) else text
    if "boolean" in kind:
        return {"true": True, "false": False}.get(text, text)
    try:
        return strict_json.loads(text)
    except (ValueError, RecursionError) as error:
        if kind == "number":
            return text
        why = diagnosis.what_happened(text) or error
        message = f"The value of {name} is {quoted(text)}, which is not JSON ({why})."
        raise Failure("invalid_json", message, hint=diagnosis.hint(endpoint, schema, text)) from None


def _unclear(endpoint: Endpoint, schema: dict[str, Any], word: str, given: Sequence[str]) -> Failure:
    if any(each.lstrip()[:1] in ("{", "[", "@") or each == "-" for each in given):
        hint = diagnosis.hint(endpoint, schema, "".join(given))
        if len(given) > 1 and given[0].lstrip().startswith("{"):
            hint = f"Put the whole JSON object in single quotes (in bash), or in a file. {hint}"
        message = (
            f"There are {len(given)} arguments; a script takes one JSON object, or only name=value words."
        )
        return Failure("usage", message, hint=hint)
    example = diagnosis.in_words(endpoint, schema)
    hint = 'A value with spaces needs quotation marks around it: name="two words".'
    hint += f" Example: {example}" if example else ""
    return Failure("usage", f"{quoted(word)} is not of the form name=value.", hint=hint)
