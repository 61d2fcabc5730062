#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Control the sandbox: serve it, read its log, reset it, seed it, make it fail, move its clock.

The sandbox stands in for Maton and WATI on this machine. It needs no account and no network, and no message
leaves. Every command prints one JSON document, and uses the same state file as MATON_API_KEY=sandbox. See
references/sandbox.md.
"""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

import argparse
import json
import re
import signal
import threading
from collections.abc import Sequence
from typing import Any, NoReturn

from wati.cli.streams import write
from wati.contract.failures import Failure
from wati.contract.unexpected import unexpected

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_EPILOG = """examples:
  python scripts/sandbox.py                          serve on a free port; the address is printed as JSON
  python scripts/sandbox.py log                      what was really delivered
  python scripts/sandbox.py fault '{"fault": "lost_answer", "match": {"path": "/wati/api/v1/sendSession*"}}'
  python scripts/sandbox.py advance 25h              close the 24-hour windows
  python scripts/sandbox.py reset --now 2026-01-05T12:00:00Z --ids 1

exit codes: 0 done, 1 a bug, 2 wrong arguments, 3 wrong setup"""


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Failure("usage", message, hint="See scripts/sandbox.py --help")


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    common = Parser(add_help=False, allow_abbrev=False)
    common.add_argument("--state", metavar="FILE", help="the state file (default: WATI_SANDBOX_STATE)")
    parser = Parser(
        prog="sandbox.py",
        description=(__doc__ or "").strip(),
        epilog=_EPILOG,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)

    def command(name: str, does: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=does, description=does, parents=[common], allow_abbrev=False)

    serve = command("serve", "serve on 127.0.0.1 until interrupted (the default command)")
    serve.add_argument("--port", type=int, default=0, help="default: a free one")
    serve.add_argument("--no-limits", action="store_true", help="serve without rate limits")
    log = command("log", "print what was delivered and changed")
    log.add_argument("--requests", action="store_true", help="print the requests that were seen instead")
    reset = command("reset", "start a fresh world")
    reset.add_argument("--now", metavar="ISO", help="stop the world's clock at this time")
    reset.add_argument("--ids", type=int, metavar="N", help="repeat the ids: the same N gives the same ids")
    reset.add_argument("--no-limits", action="store_true", help="make a world without rate limits")
    reset.add_argument("--world", metavar="NAME", default="default", help="default, or busy: 1,000 contacts")
    seed = command("seed", "add connections, contacts, messages, templates, operators, media")
    seed.add_argument("document", metavar="JSON", help="a JSON object, @file, or - for standard input")
    fault = command("fault", "make something go wrong; without JSON, list the waiting faults")
    fault.add_argument("document", metavar="JSON", nargs="?", help="a fault or a list of them, @file or -")
    fault.add_argument("--clear", action="store_true", help="drop all waiting faults first")
    advance = command("advance", "move the world's clock forward")
    advance.add_argument("duration", metavar="DURATION", help="seconds, or 30m, 25h, 2d")
    authorize = command("authorize", "finish a PENDING connection, as its owner would in a browser")
    authorize.add_argument("connection_id", metavar="CONNECTION_ID")
    authorize.add_argument("--failed", action="store_true", help="make the authorization fail")

    if argv[:1] == ["--state"] and len(argv) > 2 and argv[2] in commands.choices:
        argv = [argv[2], *argv[:2], *argv[3:]]  # the flag may come before the command, too
    serves = not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help"))
    return parser.parse_args(["serve", *argv] if serves else argv)


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


def perform(args: argparse.Namespace) -> Any:
    """Run a command, except serve. Returns its data."""
    from wati.sandbox import control

    if args.command == "log":
        return control.requests(args.state) if args.requests else control.log(args.state)
    if args.command == "reset":
        limits = not args.no_limits
        return control.reset(args.state, now=args.now, ids=args.ids, limits=limits, world=args.world)
    if args.command == "seed":
        return control.seed(args.state, document(args.document))
    if args.command == "advance":
        return control.advance(args.state, seconds(args.duration))
    if args.command == "authorize":
        return control.authorize(args.state, args.connection_id, failed=args.failed)
    wanted = None if args.document is None else document(args.document)
    if args.clear:
        control.clear_faults(args.state)
    return control.waiting_faults(args.state) if wanted is None else control.fault(args.state, wanted)


def serve(args: argparse.Namespace) -> None:
    from wati.sandbox import State
    from wati.sandbox.app import Sandbox
    from wati.sandbox.server import Server

    if not 0 <= args.port <= 65535:
        raise Failure("usage", f"{args.port} is not a port", hint="Give a number from 0 to 65535.")
    state = State(args.state)
    stop = threading.Event()
    for name in {"SIGINT", "SIGTERM", "SIGBREAK"} & set(dir(signal)):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    try:
        server = Server(Sandbox(state, limited=not args.no_limits), args.port)
    except OSError as error:
        hint = "Without --port, the sandbox uses a free one."
        raise Failure("bad_setup", f"Port {args.port} cannot be used: {error}", hint=hint) from error
    with server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        say(0, data={"url": server.url, "state": state.path})
        # Many short waits, because on Windows an endless one cannot be interrupted.
        while not stop.wait(0.2):
            pass
        server.shutdown()


def say(exit_code: int, **members: Any) -> int:
    document = {"ok": exit_code == 0, **members, "sandbox": True}
    return write(json.dumps(document, ensure_ascii=False), exit_code)


def main(argv: Sequence[str]) -> int:
    try:
        args = arguments(argv)
        if args.command == "serve":
            serve(args)
            return 0
        return say(0, data=perform(args))
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
