"""The command line of every endpoint script: from `argv` to one document and an exit code."""

from __future__ import annotations

import os
import sys

from wati.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import IO, Any

    from wati.call import Call, Result
    from wati.endpoint import Arguments, Endpoint, Problem, Receivers
    from wati.files import Part
    from wati.settings import Settings

# flag: (what its value is called, or "" for none; what it does)
FLAGS = {
    "help": ("", "print this text"),
    "schema": ("", "print the JSON Schema of the arguments"),
    "dry-run": ("", "validate and show the request; send nothing"),
    "connection": ("ID", "the Maton connection to use, where there are several"),
    "timeout": ("SECONDS", "for the whole call, its waits included (default 30, waits at most 6)"),
    "raw": ("", "show WATI's answer untouched"),
    "verbose": ("", "show requests and answers on stderr, secrets hidden"),
    "confirm": ("VALUE", "repeat the number of receivers, or the id to delete; --dry-run tells which"),
    "output": ("FILE", "the file to write, below WATI_FILE_ROOTS"),
    "force": ("", "overwrite the file"),
}
_LONGEST_TIMEOUT = 3600.0
_MAY_QUOTE_CUSTOMERS = (6, 7, 8)  # a refusal is in WATI's own words; the answer behind these can be anything


class Options:
    """The parsed command line; `source` is the positional argument."""

    def __init__(self) -> None:
        self.source = "{}"
        self.values: dict[str, str] = {}

    def has(self, flag: str) -> bool:
        return flag in self.values

    def value(self, flag: str) -> str:
        return self.values.get(flag, "")

    @property
    def timeout(self) -> float | None:
        return float(self.values["timeout"]) if "timeout" in self.values else None


def main(endpoint: Endpoint) -> int:
    """Run the script as a program: print the document, return the exit code."""
    import signal

    from wati.output import write

    if hasattr(signal, "SIGTERM"):  # a shell that gives up on us still gets the one document
        signal.signal(signal.SIGTERM, _interrupt)
    exit_code, text = execute(
        endpoint, sys.argv[1:], os.environ, pretty=sys.stdout is not None and sys.stdout.isatty()
    )
    write(text)
    return exit_code


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def execute(
    endpoint: Endpoint,
    argv: list[str],
    environ: Mapping[str, str],
    stdin: IO[bytes] | None = None,
    *,
    pretty: bool = False,
) -> tuple[int, str]:
    """One whole run without the process around it: the exit code, and what belongs on stdout."""
    if "--help" in argv or "-h" in argv:
        from wati.help import help_text

        return 0, help_text(endpoint)
    if "--schema" in argv:
        with open(endpoint.schema_file, encoding="utf-8") as file:
            return 0, file.read().rstrip("\n")

    from wati.output import NOTICE, clean, diagnose, redact, render
    from wati.settings import SANDBOX_KEY, api_key

    key = api_key(environ)
    run = _Run(endpoint, environ, stdin)
    document: dict[str, Any]
    exit_code, shown_url, notice = 0, "", ""
    try:
        result = run.result(argv)
        document = {"ok": True, "data": result.data if run.options.has("raw") else clean(result.data)}
        if endpoint.effect != "read":
            document["outcome"] = "not_sent" if run.options.has("dry-run") else "accepted"
        elif endpoint.items and not run.options.has("dry-run"):
            document["page"] = _page(endpoint, run.arguments, result.data)
        shown_url, notice = result.shown_url, result.notice
        if endpoint.customer_text and not run.options.has("dry-run"):
            notice = f"{NOTICE} {notice}".strip()
    except Failure as failure:
        exit_code, document = _failed(endpoint, failure)
        if endpoint.customer_text and failure.exit in _MAY_QUOTE_CUSTOMERS:
            notice = NOTICE
    except KeyboardInterrupt:
        exit_code, document = _failed(endpoint, run.interrupted("The call was interrupted."))
    except Exception as error:
        import traceback

        place = traceback.extract_tb(error.__traceback__)[-1]
        exit_code, document = _failed(
            endpoint,
            run.interrupted(f"{type(error).__name__} in {place.name}, line {place.lineno}.", internal=True),
        )
        if "--verbose" in argv:
            diagnose(traceback.format_exc(), key)
    finally:
        run.close()
    if key == SANDBOX_KEY:
        document["sandbox"] = True
    if notice:
        document["notice"] = notice
    document = {name: redact(value, key, shown_url) for name, value in document.items()}
    return exit_code, render(document, indent=2 if pretty else None)


def _failed(endpoint: Endpoint, failure: Failure) -> tuple[int, dict[str, Any]]:
    from wati.output import clean

    error = failure.document()
    if endpoint.effect == "read":
        del error["outcome"]
    if "answer" in error:
        error["answer"] = clean(error["answer"])
    return failure.exit, {"ok": False, "error": error}


def _page(endpoint: Endpoint, arguments: Arguments, data: Any) -> dict[str, int]:
    """The page that was read; `next` only where it held something, since WATI's `total` lies (observed)."""
    from wati.verdicts import member

    asked = {**endpoint.defaults, **arguments}
    page = {"number": asked["pageNumber"], "size": asked["pageSize"]}
    return {**page, "next": page["number"] + 1} if member(data, endpoint.items) else page


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

    def result(self, argv: list[str]) -> Result:
        from wati.settings import Settings

        self.options = parse(self.endpoint, argv)
        settings = Settings(self.environ)
        if settings.read_only and self.endpoint.effect != "read":
            raise Failure(
                "read_only", f"{self.endpoint.name} changes something (effect: {self.endpoint.effect})."
            )
        self.call = call = self._prepare(settings)
        receivers = call.receivers if self.endpoint.effect == "send" else []
        _allow(settings, receivers)
        needed = self._needed_confirmation(receivers)
        if self.options.has("dry-run"):
            return _preview(call, needed)
        _confirm(self.endpoint, self.options.value("confirm"), needed)
        if not settings.key:
            raise Failure("missing_key", "MATON_API_KEY is not set.")
        return call.perform()

    def _prepare(self, settings: Settings) -> Call:
        """Read and validate everything that the call needs, and report all problems at once."""
        from wati import arguments, gateway, request, validation
        from wati.call import Call
        from wati.files import Files

        endpoint, options = self.endpoint, self.options
        self.arguments = arguments.read(options.source, self.stdin)
        schema = validation.load_schema(endpoint)
        problems = validation.validate(endpoint, schema, self.arguments)
        code = "invalid_arguments" if problems else ""
        files = Files(settings.file_roots if endpoint.parts or "output" in endpoint.flags else [])
        try:
            if endpoint.parts is not None:
                self.parts = endpoint.parts(self.arguments, files)
            if options.has("output"):
                files.download(options.value("output"), force=options.has("force"))
        except Failure as failure:
            problems += failure.problems
            code = code or failure.code
        if problems:
            raise Failure(code, _count(problems), hint=_example(endpoint, schema), problems=problems)
        return Call(
            endpoint,
            self.arguments,
            request.build(endpoint, self.arguments, self.parts),
            settings,
            gateway.Gateway(settings, options.timeout, options.has("verbose")),
            files,
            connection=(options.value("connection") or settings.connection) if endpoint.through_wati else "",
            output=options.value("output"),
            force=options.has("force"),
        )

    def _needed_confirmation(self, receivers: Receivers) -> str:
        if self.endpoint.confirms == "none":
            return ""
        by_id = self.endpoint.confirms == "connection_id"
        return str(self.arguments["connection_id"]) if by_id else str(len(receivers))

    def interrupted(self, message: str, *, internal: bool = False) -> Failure:
        """The failure of a run that ended in the middle, honest about what may have left the machine."""
        if self.call is not None and self.call.gateway.may_have_happened:
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


def parse(endpoint: Endpoint, argv: list[str]) -> Options:
    """The command line, or `usage`: nothing is guessed, abbreviated or ignored."""
    known = flags_of(endpoint)
    options = Options()
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
            if FLAGS[name][0] and not equals:
                value = next(items, "")
                if not value or value.startswith("--"):
                    raise Failure("usage", f"--{name} needs its value: --{name} {FLAGS[name][0]}.")
            if equals and not FLAGS[name][0]:
                raise Failure("usage", f"--{name} takes no value.")
            if options.values.setdefault(name, value) != value:
                raise Failure("usage", f"--{name} is given twice, with different values.")
    if len(positionals) > 1:
        message = f"There are {len(positionals)} arguments; one JSON object is taken."
        hint = "Put the whole JSON object in single quotes, or in a file given as @path."
        raise Failure("usage", message, hint=hint)
    options.source = positionals[0] if positionals else "{}"
    _check_values(options)
    return options


def _unknown_flag(endpoint: Endpoint, item: str, known: list[str]) -> Failure:
    from wati.validation import near, shown

    flag = item.partition("=")[0]
    message = f"{endpoint.name}.py has no flag {shown(flag)}{near(flag.lstrip('-'), known)}."
    flags = " ".join(f"--{name}" for name in known)
    return Failure("usage", message, hint=f"Flags of this script: {flags}. What to send goes into the JSON.")


def flags_of(endpoint: Endpoint) -> list[str]:
    """The flags that this endpoint's script knows, in the table's order."""
    left_out = {"output", "force"} - set(endpoint.flags)
    if not endpoint.through_wati:
        left_out.add("connection")
    if endpoint.confirms == "none":
        left_out.add("confirm")
    return [name for name in FLAGS if name not in left_out]


def _check_values(options: Options) -> None:
    import re

    from wati.settings import is_connection_id

    timeout = options.values.get("timeout")
    if timeout is not None and not (
        re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", timeout, re.ASCII)
        and 0 < float(timeout) <= _LONGEST_TIMEOUT
    ):
        raise Failure("usage", f"--timeout takes seconds, more than 0 and at most {_LONGEST_TIMEOUT:g}.")
    connection = options.values.get("connection")
    if connection is not None and not is_connection_id(connection):
        raise Failure("usage", "--connection takes a connection id: letters, digits, _ and - only.")


def _allow(settings: Settings, receivers: Receivers) -> None:
    problems = [
        {"at": at, "problem": f"{number} is not in WATI_ALLOWED_RECIPIENTS"}
        for at, number in receivers
        if not settings.may_message(number)
    ]
    if problems:
        raise Failure(
            "recipient_not_allowed",
            f"{len(problems)} of {len(receivers)} receivers are not allowed.",
            problems=problems,
        )


def _confirm(endpoint: Endpoint, given: str, needed: str) -> None:
    if given == needed:
        return
    what = (
        "the id of the connection to delete"
        if endpoint.confirms == "connection_id"
        else "the number of receivers"
    )
    message = f"--confirm must repeat {what}" + (f", and {given!r} is not it." if given else ".")
    hint = f"Tell the user what will happen; once they agree, run it again with --confirm {needed}"
    raise Failure("confirmation_required", message, hint=hint)


def _preview(call: Call, needed_confirmation: str) -> Result:
    from wati.call import Result
    from wati.gateway import USER_AGENT

    request, endpoint = call.request, call.endpoint
    headers = {"Authorization": "Bearer [hidden]", "User-Agent": USER_AGENT}
    if call.connection:
        headers["Maton-Connection"] = call.connection
    elif endpoint.through_wati and endpoint.effect != "read":
        headers["Maton-Connection"] = "(the only ACTIVE wati connection, looked up before sending)"
    content_type = request.body()[1]
    if content_type:
        headers["Content-Type"] = content_type
    shown = {"method": request.method, "url": call.settings.base_url + request.target, "headers": headers}
    data: dict[str, Any] = {"request": {**shown, **request.preview()}}
    if needed_confirmation:
        data["confirm"] = needed_confirmation
    return Result(data, notice="Only the arguments were checked: nothing was asked of Maton or WATI.")


def _count(problems: list[Problem]) -> str:
    return (
        "1 problem in the arguments." if len(problems) == 1 else f"{len(problems)} problems in the arguments."
    )


def _example(endpoint: Endpoint, schema: dict[str, Any]) -> str:
    from wati.output import render

    example = min(map(render, schema["examples"]), key=len)
    return f"Mend every problem listed. An example: {endpoint.name}.py '{example}'"
