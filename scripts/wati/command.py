"""The command line of every endpoint script: from `argv` to one document and an exit code."""

from __future__ import annotations

import os
import sys

from wati import help
from wati.failures import Failure
from wati.options import Options, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import IO, Any

    from wati.call import Call, Result
    from wati.endpoint import Arguments, Endpoint, Problem, Receivers
    from wati.files import Part
    from wati.preflight import Findings
    from wati.settings import Settings

UNASKED = "MATON_API_KEY is not set: only arguments and files were checked, and nothing was asked of WATI."


def main(endpoint: Endpoint) -> None:
    """Run the script as a program: print the document, end the process with its exit code."""
    from wati.streams import diagnose, write

    if help.is_wanted(sys.argv[1:]):
        write(help.help_text(endpoint))
        os._exit(0)

    import signal

    from wati import interrupts

    signals = [name for name in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(name) != signal.SIG_IGN]
    for name in signals:
        signal.signal(name, interrupts.handle)
    diagnostics: list[str] = []
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    exit_code, text = execute(endpoint, sys.argv[1:], os.environ, pretty=is_terminal, say=diagnostics.append)
    for name in signals:
        signal.signal(name, signal.SIG_IGN)  # what became of the call is settled
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
) -> tuple[int, str]:
    """One whole run without the process around it: the exit code, and what belongs on stdout.

    `say` takes the diagnostics of `--verbose`, redacted; by default they go to stderr.
    """
    if help.is_wanted(argv):
        return 0, help.help_text(endpoint)

    from wati import document, interrupts
    from wati.output import terminal_safe
    from wati.settings import api_key
    from wati.streams import diagnose

    run = _Run(endpoint, environ, stdin)
    key = api_key(environ)
    shown_url = ""
    failure: Failure | None = None
    try:
        run.options = parse(endpoint, argv)
        if run.options.has("schema"):
            return 0, help.schema_text(endpoint)
        result = interrupts.welcome(run.result)  # the only stretch of a run that a signal may break off
        shown_url = result.shown_url
        told = document.accepted(endpoint, run.options, run.arguments, result, key, run.notices)
    except Failure as caught:
        failure = caught
    except KeyboardInterrupt:
        failure = run.interrupted("The call was interrupted.")
    except Exception as error:
        failure = run.interrupted(_place(error), internal=True)
        run.diagnostics.append(_traceback())
    finally:
        run.close()
    if failure is not None:
        told = document.failed(endpoint, failure, run.notices)
    if "--verbose" in argv:
        for line in run.diagnostics:
            (say or diagnose)(terminal_safe(line, key))
    text = document.finished(endpoint, run.options, told, key, shown_url, pretty=pretty)
    return 0 if failure is None else failure.exit, text


def _place(error: Exception) -> str:
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, line {place.lineno}."


def _traceback() -> str:
    import traceback

    return traceback.format_exc()


class _Run:
    """The steps of one run, each needing the one before."""

    def __init__(self, endpoint: Endpoint, environ: Mapping[str, str], stdin: IO[bytes] | None) -> None:
        self.endpoint = endpoint
        self.environ = environ
        self.stdin = stdin
        self.options = Options()
        self.arguments: Arguments = {}
        self.parts: list[Part] = []
        self.call: Call | None = None
        self.diagnostics: list[str] = []

    def result(self) -> Result:
        from wati.settings import Settings

        settings = Settings(self.environ)
        if settings.read_only and self.endpoint.effect != "read":
            raise Failure(
                "read_only", f"{self.endpoint.name} changes something (effect: {self.endpoint.effect})."
            )
        call, refused = self._prepare(settings)
        self.call = call
        receivers: Receivers = []
        if refused is None:
            receivers = call.receivers if self.endpoint.effect == "send" else []
            _allow(settings, receivers)
        if self.options.has("dry-run"):
            return self._looked_at(call, refused, receivers)
        if refused is not None:
            raise refused
        needed = self._needed_confirmation(receivers)
        _confirm(self.endpoint, self.options.value("confirm"), needed)
        if not settings.key:
            raise Failure("missing_key", "MATON_API_KEY is not set.")
        return call.perform()

    def _looked_at(self, call: Call, refused: Failure | None, receivers: Receivers) -> Result:
        """The end of a dry run: what is wrong with the arguments and with what they meet, all at once."""
        from wati import preflight

        found = preflight.look(call, refused.problems if refused is not None else None)
        failure = preflight.failure(found, refused)
        if failure is not None:
            raise failure
        return _preview(call, self._needed_confirmation(receivers), receivers, found)

    def _prepare(self, settings: Settings) -> tuple[Call, Failure | None]:
        """Read and validate everything that the call needs; the failure has all problems of it at once."""
        from wati import arguments, gateway, validation
        from wati.call import Call
        from wati.files import Files

        endpoint, options = self.endpoint, self.options
        self.arguments = arguments.read(options.source, self.stdin)
        validation.refuse_key(self.arguments, settings.key)
        schema = validation.load_schema(endpoint)
        problems = validation.validate(endpoint, schema, self.arguments)
        code, hint = "invalid_arguments" if problems else "", ""
        most, patience, first_wait = None, endpoint.patience, gateway.FIRST_WAIT
        if options.has("all"):
            from wati import every

            most, patience, first_wait = options.max_items, every.PATIENCE, every.FIRST_WAIT
            self.arguments = every.arguments(self.arguments, most)
        has_file = endpoint.parts or options.has("output") or (endpoint.flags and not endpoint.items)
        files = Files(settings.file_roots if has_file else [])
        try:
            if endpoint.parts is not None:
                self.parts = endpoint.parts(self.arguments, files)
            if options.has("output"):
                files.download(options.value("output"), force=options.has("force"))
                if options.has("all"):
                    every.check_output(files, options.value("output"), force=options.has("force"))
        except Failure as failure:
            problems += failure.problems
            code, hint = code or failure.code, failure.hint
        refused = None
        if problems:
            # Where only files are at fault, what is said of them helps more than an example.
            hint = _example(endpoint, schema, problems) if code == "invalid_arguments" else hint
            refused = Failure(code, _count(problems), hint=hint, problems=problems)
        conversation = gateway.Gateway(
            settings, options.timeout or patience, verbose=options.has("verbose"), first_wait=first_wait
        )
        self.diagnostics = conversation.diagnostics
        call = Call(
            endpoint,
            self.arguments,
            self.parts,
            settings,
            conversation,
            files,
            connection=(options.value("connection") or settings.connection) if endpoint.through_wati else "",
            output=options.value("output"),
            force=options.has("force"),
            again=options.has("again"),
            every=options.has("all"),
            most=most,
            fields=options.fields,
        )
        try:
            _ = refused or call.request
        except Failure as failure:
            refused = failure
        return call, refused

    @property
    def notices(self) -> list[str]:
        return [] if self.call is None else self.call.notices

    def _needed_confirmation(self, receivers: Receivers) -> str:
        if self.endpoint.confirms == "none":
            return ""
        by_id = self.endpoint.confirms == "connection_id"
        return str(self.arguments["connection_id"]) if by_id else str(len(receivers))

    def interrupted(self, message: str, *, internal: bool = False) -> Failure:
        """The failure of a run that ended in the middle, honest about what may have left the machine."""
        from wati import once

        failure = self._interruption(message, internal=internal)
        if self.call is not None:
            once.settle(self.call, failure.outcome)
        return failure

    def _interruption(self, message: str, *, internal: bool) -> Failure:
        if self.call is not None and self.call.gateway.call_off():
            if self.endpoint.effect == "write":
                return Failure("internal" if internal else "timeout", message, outcome="unknown")
            hint = self.call.look()
            return Failure("outcome_unknown", f"{message} The request had left.", hint=hint, source="package")
        return Failure("internal" if internal else "timeout", message, outcome="not_sent", source="package")

    def close(self) -> None:
        for part in self.parts:
            part.handle.close()
        if self.call is not None:
            self.call.gateway.close()


def _allow(settings: Settings, receivers: Receivers) -> None:
    problems = [
        {"at": at, "problem": f"{number} is not in WATI_ALLOWED_RECIPIENTS"}
        for at, number in receivers
        if not settings.may_message(number)
    ]
    if problems:
        raise Failure(
            "recipient_not_allowed",
            f"Not allowed: {len(problems)} of {len(receivers)} receivers.",
            problems=problems,
        )


def _confirm(endpoint: Endpoint, given: str, needed: str) -> None:
    if given == needed:
        return
    what = "the connection's id" if endpoint.confirms == "connection_id" else "the number of receivers"
    message = f"--confirm must repeat {what}" + (f", and {given!r} is not it." if given else ".")
    hint = f"Tell the user what will happen; once they agree, run it again with --confirm {needed}"
    raise Failure("confirmation_required", message, hint=hint)


def _preview(call: Call, needed_confirmation: str, receivers: Receivers, found: Findings) -> Result:
    """The request as it would leave, what a person has to see before saying yes, and what was found."""
    from wati.call import Result
    from wati.gateway import USER_AGENT

    request, endpoint = call.request, call.endpoint
    headers = {"Authorization": "Bearer [hidden]", "User-Agent": USER_AGENT}
    if call.connection:
        headers["Maton-Connection"] = call.connection
    elif endpoint.through_wati and endpoint.effect != "read":
        headers["Maton-Connection"] = "(the only ACTIVE wati connection, looked up before sending)"
    content_type = "multipart/form-data" if request.parts else request.body()[1]
    if content_type:
        headers["Content-Type"] = content_type
    shown = {"method": request.method, "url": call.settings.base_url + request.target, "headers": headers}
    data: dict[str, Any] = {"request": {**shown, **request.preview()}}
    if needed_confirmation:
        data["confirm"] = needed_confirmation
    if endpoint.receivers is not None:
        # They stand in the file, not in the request.
        data["first_receivers"] = [number for _, number in receivers[:5]]
    seen = {"preflight": found.facts, "warnings": found.warnings}
    data |= {name: value for name, value in seen.items() if value}
    return Result(data, notice="" if call.settings.key else UNASKED)


def _count(problems: list[Problem]) -> str:
    from wati.validation import MOST_PROBLEMS

    many = "At least " if len(problems) >= MOST_PROBLEMS else ""
    return f"{many}{len(problems)} problem{'s' if len(problems) > 1 else ''} in the arguments."


def _example(endpoint: Endpoint, schema: dict[str, Any], problems: list[Problem]) -> str:
    from wati.output import render

    # The shortest of those that show most of the members at fault.
    at_fault = {problem["at"].partition("$.")[2].partition(".")[0].partition("[")[0] for problem in problems}
    example = min(
        schema["examples"], key=lambda example: (-len(at_fault & example.keys()), len(str(example)))
    )
    return f"Mend every problem listed. An example: {endpoint.name}.py '{render(example)}'"
