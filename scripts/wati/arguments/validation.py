"""Finds every problem in the arguments: its JSON path, what was found and what is expected."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from wati.arguments.fits import fits
from wati.arguments.nulls import WIDENS
from wati.arguments.texts import text_problem
from wati.contract.failures import Failure
from wati.contract.settings import SHORTEST_KEY

MOST_PROBLEMS = 5000  # five for each of the 1,000 receivers of a bulk send

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Arguments, Problem


def load_schema(endpoint: Endpoint) -> dict[str, Any]:
    with open(endpoint.schema_file, encoding="utf-8") as file:
        schema: dict[str, Any] = json.load(file)
    return schema


def refuse_key(arguments: Arguments, key: str, flags: Mapping[str, Any] | None = None) -> None:
    """Raise `invalid_arguments` if the arguments, or values of flags, contain the API key.

    It must not be sent or shown, nor name a file, and the journal keeps the connection.
    """

    def holding(value: Any) -> list[tuple[str | int, ...]]:
        if len(key) < SHORTEST_KEY:
            return []
        return [steps for steps, text in strings(value, names=True) if key in text]

    found = [json_path(steps) for steps in holding(arguments)]
    found += [f"--{str(steps[0]).replace('_', '-')}" for steps in holding(dict(flags or {}))]
    if found:
        problems = [{"at": at, "problem": "contains the API key; remove it"} for at in found]
        raise Failure("invalid_arguments", "The arguments contain the API key.", problems=problems)


def validate(endpoint: Endpoint, schema: dict[str, Any], arguments: Arguments) -> list[Problem]:
    """The problems found by the schema, the endpoint's checks and the rule for all text, at most 5,000."""
    by_place: dict[tuple[str, str], Problem] = {}  # jsonschema reports a missing member more than once
    for error in _schema_errors(schema, arguments):
        is_narrow = error.instance is None and _dotted(error.absolute_path) in endpoint.narrows
        at = json_path(error.absolute_path)
        named = [{"at": at, "problem": WIDENS}] if is_narrow else explain(error)
        by_place.update({(problem["at"], problem["problem"]): problem for problem in named})
    problems = list(by_place.values())
    for found in (_texts(endpoint, arguments), *(check(arguments) for check in endpoint.checks)):
        problems += itertools.islice(found, MOST_PROBLEMS)
    return problems[:MOST_PROBLEMS]


def _schema_errors(schema: dict[str, Any], arguments: Arguments) -> list[ValidationError]:
    from wati.contract.packages import require_package

    if fits(schema, arguments):
        require_package("jsonschema")  # reported now, not only by the first call that needs it
        return []
    errors = _validator()(schema).iter_errors(arguments)
    return sorted(itertools.islice(errors, MOST_PROBLEMS), key=_reading_order)


@cache
def _validator() -> Any:
    """JSON Schema accepts 1.0 as an integer, and the query would then contain "1.0"; this one does not."""
    from wati.contract.packages import import_package

    jsonschema = import_package("jsonschema")
    strict = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=strict)


def _reading_order(error: ValidationError) -> list[str]:
    return [f"{step:09}" if isinstance(step, int) else step for step in error.absolute_path]


def explain(error: ValidationError) -> list[Problem]:
    """One schema error in words."""
    steps = list(error.absolute_path)
    at = json_path(steps)
    value: Any = error.instance
    limit: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        expected = f"expected one of {', '.join(known)}" if known else "nothing is allowed here"
        return [
            {"at": json_path([*steps, name]), "problem": f"is unknown; {expected}{suggestion(name, known)}"}
            for name in [name for name in value if name not in known][:20]
        ]
    if error.validator == "required":
        missing = [name for name in limit if name not in value]
        return [{"at": json_path([*steps, name]), "problem": "is missing"} for name in missing]
    if steps and steps[-1] == "whatsappNumber" and error.validator in ("type", "pattern"):
        return [{"at": at, "problem": _explain_number(value)}]
    words: dict[str, Callable[[], str]] = {
        "type": lambda: _explain_type(value, limit) + _wrapped(value, schema) + _one_item(value, schema),
        "enum": lambda: (
            f"is {quoted(value)}; expected one of {', '.join(map(str, limit))}{suggestion(value, limit)}"
        ),
        "pattern": lambda: f"is {quoted(value)}; expected {_expectation(schema)}",
        "minLength": lambda: (
            f"has {_count(value, 'character')}; the minimum is {limit}"
            if value
            else "is empty; write some text"
        ),
        "maxLength": lambda: f"has {_count(value, 'character')}; the maximum is {limit}",
        "minimum": lambda: f"is {quoted(value)}; the minimum is {limit}",
        "maximum": lambda: f"is {quoted(value)}; the maximum is {limit}",
        "minItems": lambda: f"has {_count(value, 'item')}; the minimum is {limit}",
        "maxItems": lambda: f"has {_count(value, 'item')}; the maximum is {limit}",
    }
    explanation = words.get(str(error.validator), lambda: f"does not fit the schema ({error.validator})")
    return [{"at": at, "problem": explanation()}]


def json_path(steps: Any) -> str:
    """Such as `$.receivers[3].whatsappNumber`; names that are not identifiers are in brackets."""
    path = "$"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,79}", step) else f"[{quoted(step)}]"
    return path


def suggestion(value: object, known: list[Any]) -> str:
    """` (did you mean …?)` if one of the known names is similar, else ""."""
    from difflib import get_close_matches

    by_lower = {str(name).lower(): name for name in known}
    matches = get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[matches[0]]}?)" if matches else ""


def tilde_problem(path: str) -> str:
    """What to say of a path that was not found, if it begins with `~/`: only shells expand that."""
    return "; ~ is not expanded here, so write the whole path" if path.startswith("~/") else ""


def _explain_type(value: object, expected: str) -> str:
    if expected == "string" and type(value) is int and abs(value) < 10**15:
        return f'is a number; expected a string: "{value}"'
    return f"is {described(value)}; expected {_KINDS.get(expected, expected)}"


def _wrapped(value: object, schema: dict[str, Any]) -> str:
    """The object that a text seems to stand for, if the object needs only one text."""
    needed = schema.get("required", []) if schema.get("type") == "object" else []
    if not isinstance(value, str) or len(needed) != 1 or len(value) > 60:
        return ""
    is_text = schema.get("properties", {}).get(needed[0], {}).get("type") == "string"
    return (
        f": {json.dumps({needed[0]: value}, ensure_ascii=False)}" if is_text and value.isprintable() else ""
    )


ITEM = {"name", "value"}


def are_pairs(schema: dict[str, Any]) -> bool:
    """Whether a member's schema is a list of names and values."""
    return set(schema.get("items", {}).get("properties", {})) == ITEM


def _one_item(value: object, schema: dict[str, Any]) -> str:
    """What to write for an object that may be one name and its value, or two values (pairs.py)."""
    if not isinstance(value, dict) or value.keys() != ITEM or not are_pairs(schema):
        return ""
    how = '[{"name": …, "value": …}] for one item, or two items if it has values called name and value'
    return f", because it can be read in two ways: {how}"


def _explain_number(value: object) -> str:
    if isinstance(value, int) and 10**6 <= value < 10**15:
        return _explain_type(value, "string")
    if not isinstance(value, str):
        return f"is {described(value)}; expected a string such as 14155551234"
    expected = "the country code and number in digits only, such as 14155551234"
    return f"is {quoted(value)}; expected {expected}{_advice(value)}"


_ROUNDED = "; a spreadsheet rounded it, and its last digits are lost: take the number from where it came from"
_NO_CODE = "; the country code is missing: ask for it, do not guess"


def _advice(number: str) -> str:
    """How to write a number. Only one with its plus or 00 is certainly complete."""
    from wati.contract import numbers

    if numbers.rounded(number):
        return _ROUNDED
    if corrected := numbers.complete(number):
        return f": use {corrected}"
    if numbers.has_trunk_zero(number):
        return "; whether the 0 behind the country code belongs to it is not certain: ask"
    # "(415) 555-1234": its digits alone are someone else's number.
    bare = re.sub(r"[ ().\-/\u00a0\u2010-\u2015]", "", number)
    is_local = re.fullmatch(r"0(?!0)[0-9]*|[0-9]{1,6}", bare) or re.match(
        r"\s*(\([0-9]+\)|[0-9]{3}[ .\-][0-9]{3}[ .\-][0-9]{4}\s*$)", number
    )
    return _NO_CODE if is_local else ""


def _expectation(schema: dict[str, Any]) -> str:
    """The first sentence of the member's description: it says what to write, with an example."""
    sentence = str(schema["description"]).split(". ")[0].rstrip(".")
    return f"the {sentence[0].lower()}{sentence[1:]}"


def _count(value: Any, unit: str) -> str:
    return f"{len(value)} {unit}{'' if len(value) == 1 else 's'}"


def quoted(value: object) -> str:
    """A value for a message: short, in quotes if it is a text, with nothing invisible in it."""
    text = json.dumps(value, ensure_ascii=False, default=str) if not isinstance(value, str) else value
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:60])
    text = visible + ("…" if len(text) > 60 else "")
    return f'"{text}"' if isinstance(value, str) else text


_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "boolean": "true or false",
}


def described(value: object) -> str:
    """A value with its kind: `the string "x"`, `the number 5`, `true`, `a list`."""
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    if value is None or isinstance(value, bool):
        return quoted(value)
    return f"the {'string' if isinstance(value, str) else 'number'} {quoted(value)}"


# --- the rule for all text ---------------------------------------------------------------------------------


def _texts(endpoint: Endpoint, arguments: Arguments) -> Iterator[Problem]:
    """Nothing invisible in any text (texts.py)."""
    for steps, text in strings(arguments):
        if problem := text_problem(text, multiline=_dotted(steps) in endpoint.multiline):
            yield {"at": json_path(steps), "problem": problem}


def _dotted(steps: Iterable[str | int]) -> str:
    """Such as `receivers[].name`, as the members of an endpoint name arguments."""
    return ".".join("[]" if isinstance(step, int) else step for step in steps).replace(".[]", "[]")


def strings(
    value: Any, steps: tuple[str | int, ...] = (), *, names: bool = False
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string in a JSON value, with the steps that lead to it. The schema rejects deep nesting.

    `names`: whether the names in its objects are strings of it, too.
    """
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, (dict, list)) and len(steps) < 20:
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            if names and isinstance(step, str):
                yield (*steps, step), step
            yield from strings(child, (*steps, step), names=names)
