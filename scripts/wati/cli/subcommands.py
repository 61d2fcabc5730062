"""Parses a command line of commands with words and flags. Nothing is guessed, abbreviated or ignored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from wati.contract.failures import Failure


class Command(NamedTuple):
    """`words`: names of what follows the command, in brackets if it can be left out.

    `flags`: by name, what its value is called ("" if it takes none) and what it does.
    """

    does: str
    words: tuple[str, ...] = ()
    flags: Mapping[str, tuple[str, str]] = {}


class Program(NamedTuple):
    """`common`: flags of every command. `default`: the command if none is named."""

    name: str
    about: str
    commands: Mapping[str, Command]
    common: Mapping[str, tuple[str, str]]
    default: str
    epilog: str


class Line(NamedTuple):
    """What was given. `values`: by the name of the word or flag; "" for a flag without a value."""

    command: str
    values: dict[str, str]
    wants_help: bool = False


def parse(program: Program, argv: Sequence[str]) -> Line:
    """Raises `usage` with every problem."""
    flags = {
        **program.common,
        **{name: flag for one in program.commands.values() for name, flag in one.flags.items()},
    }
    words, given, problems = _split(argv, flags)
    named = words[0] if words else program.default
    wants_help = given.pop("help", None) is not None
    command = program.commands.get(named)
    if command is None:
        if wants_help:
            return Line("", {}, True)
        known = ", ".join(program.commands)
        raise _usage(
            program, "", [f"there is no command {named!r}{_near(named, program.commands)}; known are {known}"]
        )
    if wants_help:
        return Line(named if words else "", {}, True)
    own = {**program.common, **command.flags}
    problems += [_unknown(program, named, name, own) for name in given if name not in own]
    values = {name: value for name, value in given.items() if name in own}
    needed = [word for word in command.words if not word.startswith("[")]
    rest = words[1:]
    problems += [f"{word} is missing" for word in needed[len(rest) :]]
    problems += [f"{word!r} is one word too many" for word in rest[len(command.words) :]]
    if problems:
        raise _usage(program, named, problems)
    values |= {word.strip("[]"): value for word, value in zip(command.words, rest, strict=False)}
    return Line(named, values)


def _split(
    argv: Sequence[str], flags: Mapping[str, tuple[str, str]]
) -> tuple[list[str], dict[str, str], list[str]]:
    words: list[str] = []
    given: dict[str, str] = {}
    problems: list[str] = []
    items = iter(argv)
    for item in items:
        if item == "--":
            words += items
        elif item in ("-", "") or not item.startswith("-") or " " in item.partition("=")[0]:
            words.append(item)
        else:
            name, value = _flag(item, items, flags, problems)
            if given.setdefault(name, value) != value:
                problems.append(f"--{name} is given twice, with different values")
    return words, given, problems


def _flag(
    item: str, items: Iterator[str], flags: Mapping[str, tuple[str, str]], problems: list[str]
) -> tuple[str, str]:
    if item in ("-h", "--help"):
        return "help", ""
    name, equals, value = item.removeprefix("--").partition("=")
    if not item.startswith("--"):
        name = item
    takes = flags.get(name, ("", ""))[0]
    if takes:
        value = value if equals else next(items, "")
        if not value or (not equals and value.startswith("--")):
            problems.append(f"--{name} needs a value: --{name} {takes}")
    elif equals and name in flags:
        problems.append(f"--{name} takes no value")
    return name, value


def _unknown(program: Program, command: str, name: str, own: Mapping[str, tuple[str, str]]) -> str:
    shown = name if name.startswith("-") else f"--{name}"
    elsewhere = [each for each, other in program.commands.items() if name in other.flags]
    where = f"; {elsewhere[0]} has it" if elsewhere else _near(name.lstrip("-"), own)
    return f"{command} has no flag {shown!r}{where}"


def _near(name: str, known: Mapping[str, object]) -> str:
    from wati.arguments.validation import suggestion

    return suggestion(name, list(known))


def _usage(program: Program, command: str, problems: list[str]) -> Failure:
    usage = _usage_of(program, command) if command else f"{program.name} --help"
    return Failure("usage", f"{'; '.join(problems)}.", hint=f"Usage: {usage}")


def _usage_of(program: Program, name: str) -> str:
    command = program.commands[name]
    flags = {**command.flags, **program.common}
    shown = [f"[--{flag}{' ' + takes if takes else ''}]" for flag, (takes, _) in flags.items()]
    return " ".join([program.name, name, *command.words, *shown])


def help_text(program: Program, name: str) -> str:
    """The help of a command; of the whole program for ""."""
    if name:
        command = program.commands[name]
        flags = {**command.flags, **program.common}
        lines = [(f"--{flag}{' ' + takes if takes else ''}", does) for flag, (takes, does) in flags.items()]
        about = command.does[:1].upper() + command.does[1:] + "."
        return f"usage: {_usage_of(program, name)}\n\n{about}\n\nflags:\n{_columns(lines)}"
    lines = [(name, command.does) for name, command in program.commands.items()]
    usage = f"usage: {program.name} [COMMAND] [--state FILE]"
    more = f"{program.name} COMMAND --help explains a command."
    return f"{usage}\n\n{program.about}\n\ncommands:\n{_columns(lines)}\n\n{more}\n\n{program.epilog}"


def _columns(lines: Sequence[tuple[str, str]]) -> str:
    width = max(len(left) for left, _ in lines)
    return "\n".join(f"  {left:{width}}  {right}" for left, right in lines)
