"""The values of flags: from texts on the command line, and from the member `run` of the JSON object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from wati.arguments import nulls, pairs
from wati.arguments.validation import described, load_schema, quoted, refuse_key, suggestion, validate
from wati.contract.failures import Failure
from wati.contract.options import FLAGS, NARROWING, Options, problems_of, run_schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Arguments, Path

_NONE = Options()
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}(\.[A-Za-z_][A-Za-z0-9_]{0,79})*")


def paths(text: str) -> list[Path]:
    """The paths in the value of `--fields`. Raises `usage`."""
    fields = [field.strip() for field in text.split(",")]
    if not all(map(_FIELD.fullmatch, fields)):
        example = "a dot leads to a nested member: id,messages.text."
        raise Failure("usage", f"--fields takes names separated by commas; {example}")
    return [tuple(field.split(".")) for field in fields]


def _seconds(text: str) -> float:
    """0 for what is not a number: no limit lets that pass."""
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text, re.ASCII) else 0.0


def _count(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,7}", text, re.ASCII) else 0


# By the name of the flag's value: how it is read from a text, which other JSON it may be, what is expected.
_KINDS: dict[str, tuple[Callable[[str], Any], tuple[type, ...], str]] = {
    "": (lambda text: True, (bool,), "true or false"),
    "SECONDS": (_seconds, (int, float), "a number of seconds"),
    "N": (_count, (int,), "a whole number"),
    "PATHS": (paths, (list,), 'a list such as ["id", "messages.text"]'),
    "VALUE": (str, (int,), "a string"),
    "ID": (str, (), "a string"),
    "FILE": (str, (), "a string"),
}


def read(flag: str, text: str) -> Any:
    """The value of a flag on the command line. Raises `usage`."""
    return _KINDS[FLAGS[flag][0]][0](text)


def take_run(
    endpoint: Endpoint, given: Arguments, options: Options, key: str = ""
) -> tuple[Arguments, Options]:
    """The arguments without `run`, and the options with its members.

    Raises `usage` with every problem of the flags, and with those of the arguments in its `problems`; if the
    API key is among them, `invalid_arguments` without any.
    """
    run = given.get("run")
    arguments = {name: value for name, value in given.items() if name != "run"}
    of_run = list(run.values()) if isinstance(run, dict) else [run]
    if all(value is None for value in [*arguments.values(), *of_run]):
        return {}, options
    values, problems = _values(endpoint, {} if run is None else run)
    own = vars(options)
    problems += [
        f"--{name.replace('_', '-')} and run.{name} have different values."
        for name, value in values.items()
        if own[name] not in (getattr(Options, name), value)
    ]
    merged = Options(**{**own, **{name: value for name, value in values.items() if value is not False}})
    of_all = problems_of(endpoint, merged)
    problems += of_all if run is None else [_about_run(problem, options) for problem in of_all]
    schema = load_schema(endpoint)
    arguments = nulls.without_nulls(endpoint, schema, arguments)
    if not problems:
        return arguments, merged
    refuse_key(given, key)
    others = validate(endpoint, schema, pairs.as_lists(schema, arguments))
    others = [{**problem, "at": pairs.place(arguments, problem["at"])} for problem in others]
    hint = f"Members of run: {', '.join(run_schema(endpoint)['properties'])}. They are the flags of --help."
    raise Failure("usage", " ".join(problems), hint=hint, problems=others)


def _about_run(problem: str, given: Options = _NONE) -> str:
    """A problem of flags, in which those that were not given as such have their names in `run`."""

    def name(found: re.Match[str]) -> str:
        member = found[1].replace("-", "_")
        return f"run.{member}" if getattr(given, member) == getattr(Options, member) else found[0]

    return re.sub(f"--({'|'.join(vars(given))})".replace("_", "-"), name, problem)


def _values(endpoint: Endpoint, run: Any) -> tuple[dict[str, Any], list[str]]:
    """The options in `run`, and what is wrong with it."""
    if not isinstance(run, dict):
        example = '{"timeout": 60}; on the command line, flags such as --timeout 60 say the same'
        return {}, [f"run is {described(run)}; expected an object such as {example}."]
    values: dict[str, Any] = {}
    problems = []
    known = list(run_schema(endpoint)["properties"])
    for name, value in run.items():
        if name not in known:
            near = suggestion(name.replace("-", "_"), known)
            problems.append(f"run has no member {quoted(name)} in {endpoint.name}{near}.")
            continue
        flag = name.replace("_", "-")
        try:
            if value is not None:
                values[name] = _from_json(flag, value)
            elif flag in NARROWING:
                problems.append(f"run.{name} {nulls.WIDENS}.")
        except Failure as failure:
            problems.append(failure.message)
    return values, problems


def _from_json(flag: str, value: Any) -> Any:
    """The value of a member of `run`: a text as on the command line, or its JSON. Raises `usage`."""
    kind = FLAGS[flag][0]
    of_text, types, expected = _KINDS[kind]
    if isinstance(value, list) and list in types and value and all(isinstance(each, str) for each in value):
        value = ",".join(value)
    if isinstance(value, str) and kind and value:
        try:
            return of_text(value)
        except Failure as failure:
            failure.message = _about_run(failure.message)
            raise
    if type(value) not in types or isinstance(value, list):
        found = "empty" if value in ("", []) else described(value)
        raise Failure("usage", f"run.{flag.replace('-', '_')} is {found}; expected {expected}.")
    return str(value) if kind == "VALUE" else value
