"""Every problem in the arguments at once, each with its JSON path and what was expected."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from wati.arguments.fits import fits
from wati.arguments.texts import text_problem
from wati.contract.failures import Failure
from wati.contract.settings import SHORTEST_KEY

MOST_PROBLEMS = 5000  # five for each of the 1,000 receivers of a bulk send; nobody reads more

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Arguments, Problem


def load_schema(endpoint: Endpoint) -> dict[str, Any]:
    with open(endpoint.schema_file, encoding="utf-8") as file:
        schema: dict[str, Any] = json.load(file)
    return schema


def refuse_key(arguments: Arguments, key: str) -> None:
    """Raise `invalid_arguments` where the API key stands in the arguments: it may not be sent or shown."""
    found = [steps for steps, text in strings(arguments) if len(key) >= SHORTEST_KEY and key in text]
    if found:
        problems = [{"at": json_path(steps), "problem": "holds the API key; remove it"} for steps in found]
        raise Failure("invalid_arguments", "The arguments hold the API key.", problems=problems)


def validate(endpoint: Endpoint, schema: dict[str, Any], arguments: Arguments) -> list[Problem]:
    """Every problem that the schema, the endpoint's checks and the rules for all text find, 5,000 at most."""
    by_place: dict[tuple[str, str], Problem] = {}  # the schema reports each missing member on its own
    for error in _schema_errors(schema, arguments):
        by_place.update({(problem["at"], problem["problem"]): problem for problem in explain(error)})
    problems = list(by_place.values())
    for check in (_texts(endpoint), *endpoint.checks):
        problems += itertools.islice(check(arguments), MOST_PROBLEMS)
    return problems[:MOST_PROBLEMS]


def _schema_errors(schema: dict[str, Any], arguments: Arguments) -> list[ValidationError]:
    from wati.contract.packages import import_package, require_package

    if fits(schema, arguments):
        require_package("jsonschema")  # missing is missing, whether this call needs it or not
        return []
    jsonschema = import_package("jsonschema")
    # JSON Schema calls 1.0 an integer; WATI's query would get the text "1.0".
    strict = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=strict)(schema)
    return sorted(itertools.islice(validator.iter_errors(arguments), MOST_PROBLEMS), key=_reading_order)


def _reading_order(error: ValidationError) -> list[str]:
    return [f"{step:09}" if isinstance(step, int) else step for step in error.absolute_path]


def explain(error: ValidationError) -> list[Problem]:
    """One schema error in words: where, what was found, what was expected."""
    steps = list(error.absolute_path)
    at = json_path(steps)
    value: Any = error.instance
    limit: Any = error.validator_value
    schema: Any = error.schema
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = [name for name in value if name not in known][:20]
        members = f"; known are {', '.join(known)}" if known else "; this object has no members"
        return [
            {"at": json_path([*steps, n]), "problem": f"is unknown{near(n, known)}{members}"} for n in unknown
        ]
    if error.validator == "required":
        return [
            {"at": json_path([*steps, name]), "problem": "is missing"} for name in limit if name not in value
        ]
    if steps and steps[-1] == "whatsappNumber" and error.validator in ("type", "pattern"):
        return [{"at": at, "problem": _explain_number(value)}]
    words: dict[str, Callable[[], str]] = {
        "type": lambda: f"is {kind_of(value)}; expected {_kind_named(limit)}",
        "enum": lambda: (
            f"is {shown(value)}; expected one of " + ", ".join(map(str, limit)) + near(value, limit)
        ),
        "pattern": lambda: f"is {shown(value)}; expected {_expectation(schema)}",
        "minLength": lambda: (
            "is empty" if not value else f"has {len(value)} characters; at least {limit} are needed"
        ),
        "maxLength": lambda: f"has {len(value)} characters; at most {limit} are allowed",
        "minimum": lambda: f"is {shown(value)}; at least {limit} is needed",
        "maximum": lambda: f"is {shown(value)}; at most {limit} is allowed",
        "minItems": lambda: f"has {len(value)} items; at least {limit} needed",
        "maxItems": lambda: f"has {len(value)} items; at most {limit} allowed",
    }
    explanation = words.get(str(error.validator), lambda: f"does not fit the schema's {error.validator}")
    return [{"at": at, "problem": explanation()}]


def json_path(steps: Any) -> str:
    """`$.receivers[3].whatsappNumber`; names that are no identifiers in brackets."""
    path = "$"
    for step in steps:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,79}", step) else f"[{shown(step)}]"
    return path


def near(value: object, known: list[Any]) -> str:
    """` (did you mean …?)` where one of the known names is close, else nothing."""
    from difflib import get_close_matches

    by_lower = {str(name).lower(): name for name in known}
    matches = get_close_matches(str(value).lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[matches[0]]}?)" if matches else ""


def _explain_number(value: object) -> str:
    if isinstance(value, int) and 10**6 <= value < 10**15:
        return f'is a number; expected a string of digits: "{value}"'
    if not isinstance(value, str):
        return f"is {kind_of(value)}; expected a string such as 14155551234"
    expected = "country code and digits, no plus and nothing between, such as 14155551234"
    digits = re.sub(r"[ ().\-/\u00a0\u2010-\u2015]", "", value)
    # Only a number with its plus is surely whole: "(415) 555-1234" lacks the country code, and its digits
    # alone are somebody else's number.
    corrected = digits[1:] if re.fullmatch(r"\+[1-9][0-9]{6,14}", digits) else ""
    advice = f": use {corrected}" if corrected else ""
    if re.fullmatch(r"0[0-9]*|[0-9]{1,6}", digits):
        advice = "; the country code is missing: ask for it, do not guess"
    return f"is {shown(value)}; expected {expected}{advice}"


def _expectation(schema: dict[str, Any]) -> str:
    return f"{schema.get('description', '').split('. ')[0].rstrip('.')} (pattern {schema['pattern']})"


def shown(value: object) -> str:
    """A value as it can stand in a message: short, quoted, with nothing invisible in it."""
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else value
    visible = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:60])
    text = visible + ("…" if len(text) > 60 else "")
    return f'"{text}"' if isinstance(value, str) else text


_KINDS = {
    "object": "an object",
    "array": "a list",
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


def _kind_named(name: object) -> str:
    return _KINDS.get(str(name), str(name))


def kind_of(value: object) -> str:
    kinds: list[tuple[type, str]] = [
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number with a fraction or exponent"),
        (str, f"the string {shown(value) if isinstance(value, str) else ''}"),
        (list, "a list"),
        (dict, "an object"),
    ]
    return next((words for kind, words in kinds if isinstance(value, kind)), "null")


# --- rules for all text ------------------------------------------------------------------------------------


def _texts(endpoint: Endpoint) -> Any:
    """Nothing invisible in any text: such characters get lost, cut the text, or fail the message later."""

    def check(arguments: Arguments) -> Iterator[Problem]:
        for steps, text in strings(arguments):
            names = ".".join("[]" if isinstance(step, int) else str(step) for step in steps)
            pattern = names.replace(".[]", "[]")
            problem = text_problem(text, multiline=pattern in endpoint.multiline)
            if problem:
                yield {"at": json_path(steps), "problem": problem}

    return check


def strings(value: Any, steps: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every string in a JSON value with the steps that lead to it; deep nesting is left to the schema."""
    if isinstance(value, str):
        yield steps, value
    elif isinstance(value, (dict, list)) and len(steps) < 20:
        for step, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from strings(child, (*steps, step))
