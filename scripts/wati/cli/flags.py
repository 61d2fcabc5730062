"""Parses the command line: flags, and the words between them. Nothing is guessed, abbreviated or ignored."""

from __future__ import annotations

import re
from typing import NamedTuple

from wati.contract.failures import Failure
from wati.contract.options import FLAGS, Options, flags_of
from wati.contract.settings import is_connection_id
from wati.output.shape import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from wati.contract.endpoint import Endpoint

LONGEST_TIMEOUT = 3600.0
MOST_ITEMS = 2_000_000


class CommandLine(NamedTuple):
    words: tuple[str, ...]  # the arguments that are not flags: JSON, @FILE, - or name=value words
    options: Options
    schema: bool  # whether only the schema is to be printed


def parse(endpoint: Endpoint, argv: list[str]) -> CommandLine:
    """The flags and the other words. Raises `usage`."""
    known = flags_of(endpoint)
    given: dict[str, str] = {}
    positionals: list[str] = []
    items = iter(argv)
    for item in items:
        if item == "--":
            positionals += items
        elif item == "-" or not item.startswith("-"):
            positionals.append(item)
        else:
            name, equals, value = item.removeprefix("--").partition("=")
            if name not in known or not item.startswith("--"):
                raise _unknown_flag(endpoint, item, known)
            if FLAGS[name][0]:
                value = value if equals else next(items, "")
                if not value or (not equals and value.startswith("--")):
                    raise Failure("usage", f"--{name} needs a value: --{name} {FLAGS[name][0]}.")
            elif equals:
                raise Failure("usage", f"--{name} takes no value.")
            if given.setdefault(name, value) != value:
                raise Failure("usage", f"--{name} is given twice, with different values.")
    _check_together(endpoint, given)
    wants_schema = given.pop("schema", None) is not None
    values: dict[str, Any] = {
        name.replace("-", "_"): _READ[name](value) if FLAGS[name][0] else True
        for name, value in given.items()
    }
    return CommandLine(tuple(positionals), Options(**values), wants_schema)


def _unknown_flag(endpoint: Endpoint, item: str, known: list[str]) -> Failure:
    from wati.arguments.validation import quoted, suggestion

    flag = item.partition("=")[0]
    message = f"{endpoint.name}.py has no flag {quoted(flag)}{suggestion(flag.lstrip('-'), known)}."
    flags = " ".join(f"--{name}" for name in known)
    hint = f"Flags of this script: {flags}. Everything else goes into the JSON object."
    return Failure("usage", message, hint=hint)


_INCOMPATIBLE = (
    ("fields", "raw", "--fields cannot be used with --raw."),
    ("fields", "dry-run", "--fields cannot be used with --dry-run."),
    ("all", "raw", "--all cannot be used with --raw, which shows one answer untouched."),
    ("output", "fields", "--fields cannot be used with --output: a file has all members."),
)
_REQUIRED = {"max-items": "all", "output": "all", "force": "output"}


def _check_together(endpoint: Endpoint, given: dict[str, str]) -> None:
    for one, other, message in _INCOMPATIBLE:
        if one in given and other in given:
            raise Failure("usage", message)
    for flag, other in _REQUIRED.items() if endpoint.items else ():
        if flag in given and other not in given:
            raise Failure("usage", f"--{flag} needs --{other}.")


def _timeout(text: str) -> float:
    is_number = re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", text, re.ASCII)
    if not is_number or not 0 < float(text) <= LONGEST_TIMEOUT:
        raise Failure("usage", f"--timeout takes seconds, more than 0 and at most {LONGEST_TIMEOUT:g}.")
    return float(text)


def _connection(text: str) -> str:
    if not is_connection_id(text):
        raise Failure("usage", "--connection takes a connection id: letters, digits, _ and - only.")
    return text


def _max_items(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,7}", text, re.ASCII) or not 0 < int(text) <= MOST_ITEMS:
        raise Failure("usage", f"--max-items takes a whole number from 1 to {MOST_ITEMS}.")
    return int(text)


_READ: dict[str, Callable[[str], Any]] = {
    "timeout": _timeout,
    "connection": _connection,
    "max-items": _max_items,
    "fields": paths,
    "confirm": str,
    "output": str,
}
