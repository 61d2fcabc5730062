"""Reads the arguments from the command line: one JSON object or words, not validated yet."""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from typing import IO, TYPE_CHECKING

from wati.arguments import diagnosis, encodings, words
from wati.arguments.validation import described, load_schema, quoted, tilde_problem
from wati.contract.failures import Failure
from wati.wire import strict_json
from wati.wire.departure import Departure, run_until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Arguments

INPUT_SECONDS = 30.0
LARGEST_INPUT = 16 * 1024 * 1024  # 1,000 receivers with ten long parameters each take about 12 MB


def read(endpoint: Endpoint, given: Sequence[str], stdin: IO[bytes] | None = None) -> Arguments:
    """The arguments from name=value words, from JSON, from `@FILE`, or from `-` for standard input."""
    if words.are_words(endpoint, given):
        texts = [_text(source_bytes(word), f"The argument {quoted(word)}") for word in given]
        return words.read(endpoint, load_schema(endpoint), texts)
    source = given[0] if given else "{}"
    if source == "-":
        where, data = "standard input", _read_stdin(stdin)
    elif source.startswith("@"):
        where, data = "the file after @", _read_file(source[1:])
    else:
        where, data = "the argument", source_bytes(source)
    if len(data) > LARGEST_INPUT:
        raise Failure("invalid_json", f"The JSON in {where} is larger than {LARGEST_INPUT >> 20} MiB.")
    text = _text(data, f"The text in {where}")
    try:
        arguments = strict_json.loads(text)
    except RecursionError:
        raise Failure("invalid_json", f"The JSON in {where} is nested too deeply.") from None
    except strict_json.TooRich as error:
        raise Failure("invalid_json", f"The JSON in {where} contains {error}.") from None
    except ValueError as error:
        # Only what came on the command line is shown: a file may be one that nobody meant to show.
        shown = f" {quoted(source)}" if where == "the argument" else ""
        message = f"The text in {where}{shown} is not JSON ({_reason(error, text)})."
        hint = diagnosis.hint(endpoint, load_schema(endpoint), text)
        raise Failure("invalid_json", message, hint=hint) from None
    if not isinstance(arguments, dict):
        message = f"The JSON in {where} is {described(arguments)}, not an object with the arguments by name."
        raise Failure("invalid_json", message, hint=diagnosis.hint(endpoint, load_schema(endpoint), text))
    return arguments


def _text(data: bytes, what: str) -> str:
    try:
        return encodings.decoded(data, quote=False)
    except encodings.NotText as error:
        raise Failure("invalid_json", f"{what} {error}.", hint="Save it as UTF-8.") from None


def _reason(error: ValueError, text: str) -> str:
    if happened := diagnosis.what_happened(text):
        return happened
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: {error.msg}"
    return str(error)


def source_bytes(source: str) -> bytes:
    """The bytes that the shell passed: JSON is UTF-8, whatever the locale is."""
    data = os.fsencode(source)
    try:
        data.decode("utf-8")
        return data
    except UnicodeDecodeError:
        # The terminal really uses another encoding. What Python could not decode stays as it is.
        undecoded = any("\ud800" <= character <= "\udfff" for character in source)
        return data if undecoded else source.encode("utf-8")


def _read_stdin(stdin: IO[bytes] | None) -> bytes:
    stream = stdin or getattr(sys.stdin, "buffer", None)
    if stream is None or stream.isatty():
        raise Failure("usage", "- reads the JSON from standard input, but nothing is piped into it.")
    try:
        return _in_time("Standard input", lambda: stream.read(LARGEST_INPUT + 1))
    except (OSError, ValueError) as error:  # such as one that is open for writing only
        reason = getattr(error, "strerror", None) or str(error)
        raise Failure("usage", f"- reads standard input, which cannot be read ({reason}).") from None


def _read_file(path: str) -> bytes:
    try:
        return _in_time("The file after @", lambda: _read_regular(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        # With the place where it was looked for: the path may be relative.
        place = (
            f": {os.path.abspath(path)}{tilde_problem(path)}"
            if path.isprintable() and len(path) <= 300
            else ""
        )
        message = f"The file after @ cannot be read ({reason}){place}"
        raise Failure("file_unreadable", message) from None


def _read_regular(path: str) -> bytes | None:
    # Before opening, because opening a device can already have an effect.
    _refuse_special(os.stat(path))
    # O_NONBLOCK: if a named pipe has taken its place, opening it would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        _refuse_special(os.fstat(file.fileno()))
        return file.read(LARGEST_INPUT + 1)


def _refuse_special(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Failure("file_unreadable", "The path after @ is not a regular file; use - for a pipe.")


def _in_time(what: str, read: Callable[[], bytes | None]) -> bytes:
    """The bytes that `read` returns in time. A pipe that is never closed would block the call for ever."""
    # `or b""`: a read that would block returns None, and so does run_until at the deadline.
    data = run_until(time.monotonic() + INPUT_SECONDS, Departure(), lambda: read() or b"")
    if data is None:
        raise Failure("usage", f"{what} did not end within {INPUT_SECONDS:g} seconds.")
    return data
