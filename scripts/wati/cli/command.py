"""The command line of every script: from `argv` to one document and an exit code."""

from __future__ import annotations

import os
import sys

from wati.cli import help

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO, Any

    from wati.cli.flags import CommandLine
    from wati.contract.endpoint import Endpoint


def main(endpoint: Endpoint) -> None:
    """Run the script as a program: print the document, end the process with its exit code."""
    from wati.cli.streams import Counter, diagnose, write

    if help.is_wanted(sys.argv[1:]):
        write(help.help_text(endpoint))
        os._exit(0)

    import signal

    from wati.wire import interrupts

    signals = [name for name in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(name) != signal.SIG_IGN]
    for name in signals:
        signal.signal(name, interrupts.handle)
    diagnostics: list[str] = []
    counter = Counter()
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    exit_code, text = execute(
        endpoint,
        sys.argv[1:],
        os.environ,
        pretty=is_terminal,
        say=diagnostics.append,
        progress=counter.show,
    )
    for name in signals:
        signal.signal(name, signal.SIG_IGN)  # what became of the call is settled
    counter.close()
    write(text)
    diagnose("\n".join(diagnostics))
    # No clean-up: a signal then, or a thread left behind, would change the exit code of a call that is over.
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
    """One whole run without the process around it: the exit code, and what belongs on stdout.

    `say` takes the diagnostics of `--verbose`, redacted; by default they go to stderr. `progress` takes a
    line of text now and then while a call takes long.
    """
    if help.is_wanted(argv):
        return 0, help.help_text(endpoint)

    from wati.cli import flags
    from wati.cli.streams import diagnose
    from wati.contract.failures import Failure, bug
    from wati.contract.settings import api_key
    from wati.output import document
    from wati.output.redaction import terminal_safe
    from wati.output.rendering import render
    from wati.wire import interrupts

    key = api_key(environ)
    trace: list[tuple[str, object]] = []
    failure: Failure | None = None
    exit_code = 0
    try:
        command_line = flags.parse(endpoint, argv)
        if command_line.schema:
            return 0, help.schema_text(endpoint)
        # The only stretch of a run that a signal may break off.
        exit_code, shown = interrupts.allow(
            lambda: _call(endpoint, command_line, environ, stdin, trace, progress)
        )
    except Failure as caught:
        failure = caught
    except KeyboardInterrupt:
        failure = Failure("timeout", "The call was interrupted.", outcome="not_sent", source="package")
    except Exception as error:
        failure = bug(error)
        trace.append((_traceback(), None))
    if failure is not None:
        exit_code, shown = failure.exit, document.failed(endpoint, failure, key)
    if "--verbose" in argv:
        for title, body in trace:
            (say or diagnose)(terminal_safe(_line(title, body, key), key))
    return exit_code, render(shown, indent=2 if pretty else None)


def _call(
    endpoint: Endpoint,
    command_line: CommandLine,
    environ: Mapping[str, str],
    stdin: IO[bytes] | None,
    trace: list[tuple[str, object]],
    progress: Callable[[str], None] | None,
) -> tuple[int, dict[str, Any]]:
    """The one call of a command line, in a session of its own."""
    from wati.arguments import reading
    from wati.calls import guards
    from wati.calls.run import run
    from wati.calls.session import Session
    from wati.contract.call import Call

    def record(title: str, body: object) -> None:
        trace.append((title, body))

    with Session(environ, trace=record, progress=progress) as session:
        guards.effect(session.settings, endpoint)  # before anything is read from a file or standard input
        arguments = reading.read(command_line.source, stdin)
        return run(session, Call(endpoint, arguments, command_line.options))


def _line(title: str, body: object, key: str) -> str:
    """A request or an answer on two lines, which nothing inside it can end."""
    import json

    from wati.output.redaction import redact

    if body is None:
        return title
    shown = redact(body, key)
    text = " ".join(shown.split()) if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)
    return f"{redact(title, key)}\n  {text[:2000]}"


def _traceback() -> str:
    import traceback

    return traceback.format_exc()
