"""The command line of every script: from `argv` to one document and an exit code."""

from __future__ import annotations

import os
import sys

from wati.cli import help
from wati.cli.streams import Counter, diagnose, write
from wati.contract import machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO, Any

    from wati.calls.session import Session
    from wati.cli.flags import CommandLine
    from wati.contract.endpoint import Endpoint

    Trace = list[tuple[str, object]]


def main(endpoint: Endpoint) -> None:
    """Run the script as a program: print the document and exit with its code."""
    if help.is_wanted(sys.argv[1:]):
        os._exit(write(help.help_text(endpoint)))
    try:
        machine.check_memory()
        import signal

        from wati.wire import interrupts
    except (MemoryError, ImportError, OSError) as error:
        os._exit(write(machine.cannot_begin(error, endpoint.effect), 3))

    # Where click and rich are installed, httpx would load its own command line, a third of the CPU time of a
    # call. It does without if that cannot be imported.
    sys.modules["httpx._main"] = None  # type: ignore[assignment]

    # Before all that takes time: until then, a signal ends the process without a document.
    signals = [name for name in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(name) != signal.SIG_IGN]
    for name in signals:
        signal.signal(name, interrupts.handle)

    diagnostics: list[str] = []
    counter = Counter()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    exit_code, text = execute(
        endpoint, sys.argv[1:], os.environ, pretty=is_terminal, say=diagnostics.append, progress=counter.show
    )
    for name in signals:
        signal.signal(name, signal.SIG_IGN)  # the outcome is settled
    counter.close()
    exit_code = write(text, exit_code)
    diagnose("\n".join(diagnostics))
    # No clean-up: a late signal, or a thread that is left, would change the exit code of a finished call.
    os._exit(exit_code)


def execute(
    endpoint: Endpoint,
    argv: list[str],
    environ: Mapping[str, str],
    stdin: IO[bytes] | None = None,
    *,
    pretty: bool = False,
    say: Callable[[str], None] | None = None,
    progress: Callable[[str], None] | None = None,
) -> tuple[int, str]:
    """One whole run without the process around it: the exit code, and the text for stdout.

    `say`: gets the diagnostics of `--verbose`, redacted; by default they go to stderr. `progress`: gets a
    line of text now and then during a long call.
    """
    if help.is_wanted(argv):
        return 0, help.help_text(endpoint)

    from functools import partial

    from wati.calls.session import Session
    from wati.cli import flags
    from wati.contract.failures import Failure
    from wati.contract.settings import api_key
    from wati.contract.unexpected import unexpected
    from wati.output import document
    from wati.output.redaction import terminal_safe
    from wati.output.rendering import render
    from wati.wire import interrupts

    key = api_key(environ)
    trace: list[str] = []

    def record(title: str, body: object) -> None:
        trace.append(_line(title, body, key))

    failure: Failure | None = None
    exit_code = 0
    try:
        command_line = flags.parse(endpoint, argv)
        if command_line.schema:
            return 0, help.schema_text(endpoint)
        with Session(environ, trace=record, progress=progress) as session:
            exit_code, result = interrupts.one_call(partial(_call, session, endpoint, command_line, stdin))
    except Failure as caught:
        failure = caught
    except KeyboardInterrupt:  # only before the call began
        failure = Failure("timeout", "The call was interrupted.", outcome="not_sent", source="package")
    except Exception as error:
        import traceback

        failure = unexpected(error)
        if "--verbose" in argv:
            record(traceback.format_exc(), None)
    if failure is not None:
        exit_code, result = failure.exit, document.failed(endpoint, failure, key)
    for line in trace:
        (say or diagnose)(terminal_safe(line, key))
    return exit_code, render(result, for_people=pretty)


def _call(
    session: Session, endpoint: Endpoint, command_line: CommandLine, stdin: IO[bytes] | None
) -> tuple[int, dict[str, Any]]:
    """The call of a command line."""
    from functools import partial

    from wati.arguments import flags, reading
    from wati.calls import guards
    from wati.calls.run import run
    from wati.contract.call import Call
    from wati.wire import interrupts

    if endpoint.by_arguments is None:  # before anything is read from a file or standard input
        guards.effect(session.settings, endpoint)
    given = interrupts.allow(partial(reading.read, endpoint, command_line.words, stdin))
    arguments, options = flags.take_run(endpoint, given, command_line.options, session.settings.key)
    return run(session, Call(endpoint, arguments, options))


def _line(title: str, body: object, key: str) -> str:
    """A request or an answer on two lines. Nothing inside it can begin a new line."""
    import json

    from wati.output.redaction import redact

    if body is None:
        return title
    redacted = redact(body, key)
    is_text = isinstance(redacted, str)
    text = " ".join(redacted.split()) if is_text else json.dumps(redacted, ensure_ascii=False)
    return f"{redact(title, key)}\n  {text[:2000]}"
