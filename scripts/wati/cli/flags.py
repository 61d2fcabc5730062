"""Parses the command line: flags, and the words between them. Nothing is guessed, abbreviated or ignored."""

from __future__ import annotations

from typing import NamedTuple

from wati.arguments.flags import read
from wati.contract.failures import Failure
from wati.contract.options import FLAGS, Options, flags_of, problems_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.contract.endpoint import Endpoint


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
    wants_schema = given.pop("schema", None) is not None
    values: dict[str, Any] = {name.replace("-", "_"): read(name, value) for name, value in given.items()}
    options = Options(**values)
    if problems := problems_of(endpoint, options, is_complete=False):
        raise Failure("usage", " ".join(problems))
    return CommandLine(tuple(positionals), options, wants_schema)


def _unknown_flag(endpoint: Endpoint, item: str, known: list[str]) -> Failure:
    from wati.arguments.validation import quoted, suggestion

    flag = item.partition("=")[0]
    message = f"{endpoint.name}.py has no flag {quoted(flag)}{suggestion(flag.lstrip('-'), known)}."
    flags = " ".join(f"--{name}" for name in known)
    hint = f"Flags of this script: {flags}. Everything else goes into the JSON object."
    return Failure("usage", message, hint=hint)
