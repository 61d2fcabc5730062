#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Control the sandbox: serve it with its page, write as a customer, read its log, make it fail.

The sandbox stands in for Maton and WATI on this machine. It needs no account and no network, and no message
leaves. Every command prints one JSON document, and uses the same state file as MATON_API_KEY=sandbox. On a
terminal, log prints a table. See references/sandbox.md.
"""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

import base64
import json
import re
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any

from wati.cli.streams import is_terminal, write, write_line
from wati.cli.subcommands import Command, Line, Program, help_text, parse
from wati.contract.failures import Failure
from wati.contract.unexpected import unexpected

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_OF = {"connection": ("ID", "of another account than sandbox-main")}
_ON = {**_OF, "channel": ("NUMBER", "the number of the account, if it has several")}

PROGRAM = Program(
    name="sandbox.py",
    about=(__doc__ or "").strip(),
    common={"state": ("FILE", "the state file (default: WATI_SANDBOX_STATE)")},
    default="serve",
    commands={
        "serve": Command(
            "serve on 127.0.0.1 until interrupted, with the page for a browser (the default command)",
            flags={
                "port": ("N", "default: a free one"),
                "no-limits": ("", "serve without rate limits"),
                "no-page": ("", "serve no page: for agents that must not steer the sandbox"),
                "quiet": ("", "do not print a line for each request on stderr"),
            },
        ),
        "log": Command(
            "print what was delivered and changed",
            flags={
                "requests": ("", "print the requests that were seen instead"),
                "follow": ("", "go on with what comes, until interrupted"),
            },
        ),
        "watch": Command("print the messages of both sides as they come, until interrupted"),
        "reply": Command(
            "write as a customer: a text, a tap or a file",
            words=("NUMBER", "[TEXT]"),
            flags={
                "tap": ("TITLE", "tap the button or row with this title"),
                "file": ("PATH", "send this file; TEXT is its caption"),
                "name": ("NAME", "of a customer who is not a contact yet"),
                **_ON,
            },
        ),
        "read": Command("let a customer read what arrived", words=("NUMBER",), flags=_ON),
        "block": Command(
            "let a customer block the account",
            words=("NUMBER",),
            flags={"undo": ("", "let the customer unblock it"), **_OF},
        ),
        "template": Command(
            "decide about a template: APPROVED, REJECTED, PAUSED and so on",
            words=("TEMPLATE", "STATUS"),
            flags={"language": ("CODE", "only in this language"), **_OF},
        ),
        "advance": Command("move the world's clock forward: 90 (seconds), 30m, 25h, 2d", words=("DURATION",)),
        "limits": Command("switch the rate limits on or off", words=("ON|OFF",)),
        "fault": Command(
            "make something go wrong; without JSON, list the waiting faults",
            words=("[JSON]",),
            flags={"clear": ("", "drop all waiting faults first")},
        ),
        "authorize": Command(
            "finish a PENDING connection, as its owner would in a browser",
            words=("CONNECTION_ID",),
            flags={"failed": ("", "make the authorization fail")},
        ),
        "seed": Command("add connections, contacts, messages, templates, operators, media", words=("JSON",)),
        "reset": Command(
            "start a fresh world",
            flags={
                "now": ("ISO", "stop the world's clock at this time"),
                "ids": ("N", "repeat the ids: the same N gives the same ids"),
                "no-limits": ("", "make a world without rate limits"),
                "world": ("NAME", "default, or busy: 1,000 contacts"),
            },
        ),
    },
    epilog="""examples:
  python scripts/sandbox.py                          serve on a free port; open the address in a browser
  python scripts/sandbox.py reply 14155555678 "I am back"
  python scripts/sandbox.py log --follow             what is really delivered
  python scripts/sandbox.py fault '{"fault": "lost_answer"}'
  python scripts/sandbox.py advance 25h              close the 24-hour windows
  python scripts/sandbox.py reset --now 2026-01-05T12:00:00Z --ids 1

JSON is given as an argument, as @FILE, or as - for standard input.

exit codes: 0 done, 1 a bug, 2 wrong arguments, 3 wrong setup""",
)


def document(text: str) -> Any:
    """The JSON of an argument, of an @file, or of standard input."""
    try:
        if text == "-":
            text = sys.stdin.buffer.read().decode("utf-8-sig")
        elif text.startswith("@"):
            with open(text[1:], encoding="utf-8-sig") as file:
                text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("file_unreadable", f"The JSON cannot be read: {error}") from error
    try:
        value = json.loads(text)
        # Refuse what cannot be stored: a lone surrogate, a number that JSON does not have.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
        return value
    except (ValueError, RecursionError) as error:
        hint = "Give a JSON object, @file, or - for standard input."
        raise Failure("invalid_json", f"This is not JSON: {error}", hint=hint) from error


def seconds(text: str) -> float:
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([smhd]?)", text)
    if found is None:
        raise Failure("usage", f"{text!r} is not a duration", hint="Give seconds, or 30m, 25h, 2d.")
    return float(found[1]) * _UNITS[found[2]]


def number(text: str) -> int:
    if re.fullmatch("-?[0-9]{1,18}", text, re.ASCII) is None:
        raise Failure("usage", f"{text!r} is not a whole number")
    return int(text)


def port(text: str) -> int:
    if re.fullmatch("[0-9]{1,5}", text, re.ASCII) is None or int(text) > 65535:
        raise Failure("usage", f"{text!r} is not a port", hint="Give a number from 0 to 65535.")
    return int(text)


def switch(text: str) -> bool:
    if text.lower() not in ("on", "off"):
        raise Failure("usage", f"{text!r} is neither on nor off")
    return text.lower() == "on"


def attached(path: str) -> dict[str, str]:
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise Failure("file_unreadable", f"The file cannot be read: {error}") from error
    return {"fileName": os.path.basename(path), "base64": base64.b64encode(content).decode()}


# Words and flags whose names or values are others than those of the action.
_NAMES = {
    "CONNECTION_ID": "connection_id",
    "connection": "connection_id",
    "DURATION": "seconds",
    "ON|OFF": "on",
    "no-limits": "limits",
}
_VALUES: dict[str, Callable[[str], Any]] = {
    "DURATION": seconds,
    "ON|OFF": switch,
    "JSON": document,
    "ids": number,
    "file": attached,
    "no-limits": lambda _: False,
    **dict.fromkeys(("undo", "failed"), lambda _: True),
}


def arguments(line: Line) -> dict[str, Any]:
    """Those of the action that a command line means."""
    json_is = {"seed": "world", "fault": "fault"}.get(line.command, "")
    return {
        json_is if name == "JSON" else _NAMES.get(name, name.lower()): _VALUES.get(name, str)(value)
        for name, value in line.values.items()
        if name not in ("state", "clear")
    }


def perform(line: Line) -> Any:
    """Run a command that prints one document. Returns its data."""
    from wati.sandbox import actions, control

    state = line.values.get("state")
    if line.command == "log":
        return control.requests(state) if "requests" in line.values else control.log(state)
    given = arguments(line)
    if "clear" in line.values:
        control.clear_faults(state)
    if line.command == "fault" and not given:
        return control.waiting_faults(state)
    return actions.perform(state, line.command, given)


# --- what goes on until it is interrupted -------------------------------------------------------------------


def interruption() -> threading.Event:
    stop = threading.Event()
    for name in {"SIGINT", "SIGTERM", "SIGBREAK"} & set(dir(signal)):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    return stop


def follow(line: Line, shown: bool) -> None:
    """Print rows as they come: lines for a person if `shown`, otherwise one JSON object a line."""
    from wati.sandbox import following, telling

    stop = interruption()
    what = (
        "messages" if line.command == "watch" else "requests" if "requests" in line.values else "deliveries"
    )
    state = line.values.get("state")
    after = following.newest(state, what) if line.command == "watch" else 0
    for rows in following.follow(state, what, stop.wait, after):
        for row in rows:
            text = telling.told(what, row) if shown else json.dumps(row, ensure_ascii=False)
            if not write_line(text):
                return


def serve(line: Line) -> None:
    from wati.sandbox import State, following, telling
    from wati.sandbox.app import Sandbox
    from wati.sandbox.server import Server

    wanted = port(line.values.get("port", "0"))
    state = State(line.values.get("state"))
    stop = interruption()
    has_page = "no-page" not in line.values
    try:
        server = Server(Sandbox(state, limited="no-limits" not in line.values), wanted, page=has_page)
    except OSError as error:
        hint = "Without --port, the sandbox uses a free one."
        raise Failure("bad_setup", f"Port {wanted} cannot be used: {error}", hint=hint) from error

    after = following.newest(state.path, "requests")

    def tell() -> None:
        for rows in following.follow(state.path, "requests", stop.wait, after):
            for row in rows:
                # Not by sys.stderr: a pipe that nobody reads would hold its lock when the process ends.
                os.write(2, f"{telling.told('requests', row)}\n".encode("utf-8", "backslashreplace"))

    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        teller = threading.Thread(target=tell, daemon=True)
        if "quiet" not in line.values:
            teller.start()
        say(
            0,
            data={"url": server.url, "state": state.path, **({"page": f"{server.url}/"} if has_page else {})},
        )
        # Many short waits, because on Windows an endless one cannot be interrupted.
        while not stop.wait(0.2):
            pass
        server.shutdown()
        if teller.is_alive():
            teller.join(1.0)  # unless nobody reads what it tells


# --- the document -------------------------------------------------------------------------------------------


def say(exit_code: int, **members: Any) -> int:
    document = {"ok": exit_code == 0, **members, "sandbox": True}
    return write(json.dumps(document, ensure_ascii=False), exit_code)


def show(what: str, rows: list[Any]) -> int:
    """A log as a table, for a person."""
    from wati.sandbox import telling

    return write(telling.shown(what, rows) or "Nothing yet.")


def main(argv: Sequence[str]) -> int:
    try:
        line = parse(PROGRAM, argv)
        if line.wants_help:
            return write(help_text(PROGRAM, line.command))
        shown = is_terminal()
        if line.command == "serve":
            serve(line)
            return 0
        if line.command == "watch" or "follow" in line.values:
            follow(line, shown)
            return 0
        data = perform(line)
        if line.command == "log" and shown:
            return show("requests" if "requests" in line.values else "deliveries", data)
        return say(0, data=data)
    except Exception as error:
        failure = explained(error)
    members = {name: getattr(failure, name) for name in ("code", "message", "hint", "problems")}
    return say(failure.exit, error={name: value for name, value in members.items() if value})


def explained(error: Exception) -> Failure:
    from wati.sandbox import StateError
    from wati.sandbox.control import InvalidInput

    if isinstance(error, Failure):
        return error
    if isinstance(error, InvalidInput):
        hint = "See references/sandbox.md"
        return Failure("invalid_arguments", str(error), hint=hint, problems=error.problems)
    if isinstance(error, StateError):
        return Failure(
            "bad_setup", str(error), hint="Do what the message says, or name another file with --state."
        )
    if isinstance(error, ModuleNotFoundError):
        hint = "Install the packages of requirements.txt."
        return Failure("missing_dependency", f"The package {error.name} is missing.", hint=hint)
    return unexpected(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
