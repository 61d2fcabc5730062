#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send an approved template to the customers listed in a CSV file, with a column per parameter."""

from __future__ import annotations

import os
import sys
from itertools import chain, islice

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati.arguments.texts import text_problem
from wati.contract import verdicts
from wati.contract.endpoint import Endpoint
from wati.contract.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Call, Part, Result
    from wati.contract.messages import Message
    from wati.contract.types import Arguments, Problem, Receivers
    from wati.files.uploads import Files

AT = "$.whatsapp_numbers_csv"

# The columns of WATI's contact import, which callers of this endpoint use; every other one is a parameter.
CONTACT_COLUMNS = ("Name", "CountryCode", "Phone", "AllowBroadcast", "AllowSMS")

# A parameter may well be called `name` beside the contact's `Name`.
BY_LOWER = {column.lower(): column for column in CONTACT_COLUMNS if column != "Name"}

# Columns that could be read as the number, or as a part of it. WATI documents no names, so all are rivals.
RIVALS = (
    "(contact|customer|recipient|receiver|user|full)?(whatsapp|wa|phone|mobile|cell|tele?|telephone|msisdn)+"
    "(number|num|no|nr|id)?s?[0-9]*|(contact|recipient|receiver)?numbers?"
    "|(country|dial|dialling|dialing|calling|phone|isd|area)+code|cc"
)


def read(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The header, then each record that is not blank, with its line. Raises ValueError for what is no CSV.

    One at a time: a hundred thousand of them, held at once, take ten times the room of the file.
    """
    import csv
    import io
    import re

    try:
        text = data.decode("utf-8-sig")
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
        reader, read_to = csv.reader(lines, strict=True), 0
        for row in reader:
            line, read_to = read_to + 1, reader.line_num
            if any(map(str.strip, row)):
                yield line, row
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"is no CSV: {error}") from None
    # Readers differ over any other quotation mark, and so over where a record ends and who is in it.
    if '"' in text and '"' in re.sub(r'(?<![^,\r\n])"(?:[^"\\]|""|\\(?!"))*"(?![^,\r\n])', "", text):
        problem = "has a quotation mark in a cell without quotes, or after a backslash"
        raise ValueError(
            f"is no CSV that all programs read alike: it {problem} (in a quoted cell, double it)"
        )


def number(header: list[str], record: list[str]) -> str:
    """Whom a record is for: `Phone`, after `CountryCode` where there is such a column."""
    cells = dict(zip(header, record, strict=False))
    return cells.get("CountryCode", "").strip().removeprefix("+") + cells.get("Phone", "").strip()


def problems(data: bytes) -> list[Problem]:
    """Everything that would be lost, doubled or failed later, with the record's index and column."""
    try:
        records = read(data)
        _, header = next(records, (0, []))
        meant = [BY_LOWER.get(bare(column), column) for column in header]
        found = header_problems(header)
        if not header_problems(meant):
            return found + record_problems(meant, records)
        for _ in records:
            pass  # a file that cannot be read to its end is said to be one, first of all
        return found
    except ValueError as error:
        return [{"at": AT, "problem": str(error)}]


def record_problems(header: list[str], records: Iterable[tuple[int, list[str]]]) -> list[Problem]:
    found: list[Problem] = []
    first_at: dict[str, int] = {}
    index = -1
    for index, (line, record) in enumerate(records):
        at = f"{AT}[{index}]"
        if len(record) != len(header):
            problem = f"has {len(record)} cells; the header has {len(header)} (line {line})"
            found.append({"at": at, "problem": problem})
            continue
        receiver = number(header, record)
        if receiver in first_at:
            twice = f"stands twice: already in line {first_at[receiver]} (line {line})"
            found.append({"at": f"{at}.Phone", "problem": twice})
        first_at.setdefault(receiver, line)
        for column, cell in zip(header, record, strict=True):
            problem = cell_problem(column, cell)
            if column == "Phone" and not problem:
                problem = number_problem(cell, receiver)
            if problem:
                found.append({"at": f"{at}.{column}", "problem": f"{problem} (line {line})"})
    return found if index >= 0 else [{"at": AT, "problem": "lists no receiver below its header"}]


def header_problems(header: list[str]) -> list[Problem]:
    """A column that WATI could read otherwise than we do: then others than we count would be messaged."""
    from wati.arguments.validation import quoted

    if not any(bare(column) == "phone" for column in header):
        return [{"at": AT, "problem": "has no column Phone in its first line (commas separate columns)"}]
    found = [f"column {quoted(column)} {problem}" for column in header if (problem := column_problem(column))]
    rivals = [column for column in header if is_rival(column)]
    if rivals:
        either = ", ".join(map(quoted, ["Phone", *rivals]))
        found.append(
            f"has several columns that could be read as the number: {either}. Remove or rename all but Phone "
            "(a parameter of such a name goes by send_template_messages_v2)"
        )
    if len(set(header)) < len(header):
        found.append("has the same column twice")
    return [{"at": AT, "problem": problem} for problem in found]


def bare(column: str) -> str:
    """A column's name without what readers pass over: case, width, spaces, marks, invisible characters."""
    import unicodedata

    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", column).casefold()))


def is_rival(column: str) -> bool:
    import re

    return bare(column) not in BY_LOWER and re.fullmatch(RIVALS, bare(column)) is not None


def column_problem(column: str) -> str:
    """Why a column's name cannot stand in the header; some programs find the separator out from there."""
    known = BY_LOWER.get(bare(column), column)
    if known != column:
        return f"must be written {known}"
    if column.startswith("#") or ";" in column or "|" in column:
        return "holds a character that other programs take for a separator or a comment"
    return line_problem(column) if column else "has no name"


def line_problem(text: str) -> str:
    """Why a text cannot stand on one line, whoever reads it."""
    if "\u2028" in text or "\u2029" in text:
        return "holds a line break (U+2028 or U+2029)"
    return text_problem(text, multiline=False)


def cell_problem(column: str, cell: str) -> str:
    """Why WhatsApp would fail a value: every column but the contact's own ones is a parameter."""
    problem = line_problem(cell)
    if column == "CountryCode" and len(cell.strip().removeprefix("+")) > 4:
        problem = problem or "is no country code"
    if problem or column in CONTACT_COLUMNS:
        return problem
    return "is blank" if not cell else "holds four spaces in a row" if "    " in cell else ""


def number_problem(phone: str, receiver: str) -> str:
    if not phone.strip():
        return "is empty: there is no number"
    if phone.strip().startswith("0"):
        return "begins with a zero: no international number does"
    if receiver.isascii() and receiver.isdigit() and 7 <= len(receiver) <= 15 and receiver[0] != "0":
        return ""
    return "is no number in digits, together with CountryCode"


def parts(arguments: Arguments, files: Files) -> list[Part]:
    """The file, read once: the bytes that were checked and counted are the bytes that are sent."""
    path = arguments.get("whatsapp_numbers_csv")
    if not isinstance(path, str) or not path:
        return []
    part = files.part("whatsapp_numbers_csv", path, AT)
    found = problems(part.handle.read())
    if found:
        raise Failure("invalid_arguments", "The CSV file cannot be sent as it is.", problems=found)
    part.handle.seek(0)
    return [part]


def perform(context: Context) -> Result:
    """WATI takes the file and names nobody: what became of each receiver stands in no answer."""
    from wati.calls.perform import send
    from wati.contract.call import Result

    notice = "The answer names no receiver: read `info`, and see with get_messages whom it reached."
    return Result(send(context).json, notice=notice)


def contents(parts: Sequence[Part]) -> tuple[list[str], Iterator[list[str]]]:
    """Header and records of the file that is to be sent."""
    file = parts[0].handle
    file.seek(0)
    records = read(file.read())
    file.seek(0)
    return next(records)[1], (record for _, record in records)


def receivers(_: Arguments, parts: Sequence[Part]) -> Receivers:
    header, records = contents(parts)
    return [(f"{AT}[{index}].Phone", number(header, record)) for index, record in enumerate(records)]


def template(context: Context, found: Findings) -> None:
    """The template, and a column for each of its parameters."""
    from wati.calls import preconditions
    from wati.reads import templates

    parts = context.call.parts
    row = preconditions.wanted_template(context, found)
    if row is None or not parts:
        return
    header, records = contents(parts)
    first = next(records)
    needed = templates.parameters(row)
    columns = [column for column in header if column not in CONTACT_COLUMNS or column in needed]
    for index, code, problem in templates.mismatches(needed, columns):
        if index is None:
            found.add(AT, code, f"{problem}: every parameter needs a column of its name")
        else:
            # WATI's contact import takes attributes in columns, so this one may be meant.
            found.warnings.append(f"The column {problem}.")
    in_links = [column for column in templates.url_parameters(row) if column in header]
    for index_of_record, record in enumerate(chain([first], records)):
        for column in in_links:
            problem = templates.unsendable(record[header.index(column)])
            if problem:
                found.add(f"{AT}[{index_of_record}].{column}", "parameter_unsendable", problem)
    shown = [first, *islice(contents(parts)[1], 1, preconditions.MOST_SHOWN)]
    preconditions.describe(
        context, found, row, [(number(header, own), dict(zip(header, own, strict=True))) for own in shown]
    )


def messages(call: Call) -> list[Message]:
    """A template to each record, with the columns that are not the contact's own as its parameters."""
    from wati.contract.messages import Message

    header, records = contents(call.parts)
    name = call.arguments["template_name"]
    columns = [column for column in header if column not in CONTACT_COLUMNS]
    cells = (dict(zip(header, record, strict=True)) for record in records)
    return [
        Message(at, receiver, "template", {column: own[column] for column in columns}, name=name)
        for (at, receiver), own in zip(call.receivers, cells, strict=True)
    ]


ENDPOINT = Endpoint(
    name="send_template_message_csv",
    method="POST",
    path="/wati/api/v1/sendTemplateMessageCSV",
    query=("template_name", "broadcast_name"),
    parts=parts,
    effect="send",
    verdict=verdicts.counted,
    perform=perform,
    receivers=receivers,
    confirms="records",
    messages=messages,
    look_with="get_messages",
    preflight=("connection", template, "on_whatsapp"),
)

if __name__ == "__main__":
    from wati.cli.command import main

    main(ENDPOINT)
