#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send an approved template to the customers in a CSV file, with one column for each parameter."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import verdicts
from wati.contract.endpoint import Endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Call, Part, Result
    from wati.contract.messages import Message
    from wati.contract.types import Arguments, Receivers
    from wati.files.csv_records import Table
    from wati.files.uploads import Files

AT = "$.whatsapp_numbers_csv"


def parts(arguments: "Arguments", files: "Files") -> "list[Part]":
    """The file, copied once: the bytes that were checked and counted are the bytes that are sent."""
    from wati.arguments.encodings import NotText
    from wati.contract.failures import Failure
    from wati.contract.numbers import twin
    from wati.files.csv_records import Table, in_utf8
    from wati.files.receivers_csv import Check

    path = arguments.get("whatsapp_numbers_csv")
    if not isinstance(path, str) or not path:
        return []
    part = files.part("whatsapp_numbers_csv", path, AT)
    try:
        part = in_utf8(part)
        check = Check(part.content)
        found = check.problems
    except NotText as error:
        found = [("", str(error))]
    if found:
        part.content.close()
        problems = [{"at": AT + at, "problem": problem} for at, problem in found]
        raise Failure("invalid_arguments", "The CSV file cannot be sent as it is.", problems=problems)
    twins = [twin(AT + at, number, AT + first, other) for at, number, first, other in check.twins]
    return [Table(**vars(part), count=check.count, twins=twins)]


def rows(parts: "Sequence[Part]") -> "Iterator[tuple[str, dict[str, str]]]":
    """Each receiver's number, and its cells by column."""
    from wati.files import csv_records

    return csv_records.rows(parts[0].content)


def numbered(parts: "Sequence[Any]") -> "Iterator[tuple[int, tuple[str, dict[str, str]]]]":
    """The same, each with its place in the file as it was given."""
    return zip(parts[0].places, rows(parts), strict=True) if parts else iter(())


def receivers(_: "Arguments", parts: "Sequence[Table]") -> "Receivers":
    from wati.contract.listed import Listed
    from wati.files import csv_records

    table = parts[0]

    def read() -> "Iterator[tuple[str, str]]":
        for index, number in zip(table.places, csv_records.numbers(table.content), strict=True):
            yield place(index), number

    return Listed(read, table.count, table.twins)


def place(index: int) -> str:
    return f"{AT}[{index}].Phone"


def only(parts: "Sequence[Table]", kept: "Sequence[int]") -> "list[Part]":
    """The file with only the records whose place in `kept` is not 0."""
    from wati.files import csv_records

    chunks = csv_records.only(parts[0].content, kept)
    return [parts[0].replaced(chunks, count=sum(map(bool, kept)), twins=(), kept=kept)]


def messages(call: "Call") -> "Iterator[Message]":
    """One template for each row. Every column that is not the contact's own is a parameter."""
    from wati.contract.messages import Message
    from wati.files import csv_records

    name = call.arguments["template_name"]
    table: Any = call.parts[0]
    for index, (number, values) in zip(table.places, csv_records.parameters(table.content), strict=True):
        yield Message(place(index), number, "template", values, name=name)


def template(context: "Context", found: "Findings") -> None:
    """The template, and a column for each of its parameters."""
    from wati.calls import template_checks
    from wati.files.csv_records import CONTACT_COLUMNS
    from wati.reads import templates

    variants = template_checks.named(context, found)
    if not variants or not context.call.parts:
        return
    header = list(next(rows(context.call.parts))[1])

    def mismatches(variant: templates.Template) -> list[tuple[int | None, str, str]]:
        columns = [column for column in header if column not in CONTACT_COLUMNS or column in variant.names]
        return list(variant.mismatches(columns))

    best = template_checks.fitting(variants, mismatches, found)
    for position, code, problem in mismatches(best):
        if position is None:
            found.add(AT, code, f"{problem}: every parameter needs a column of its name")
        else:
            # WATI's contact import takes attributes in columns, so this one may be intended.
            found.warnings.append(f"The column {problem}.")
    for index, (_, cells) in numbered(context.call.parts) if best.in_links else ():
        for column in best.in_links:
            problem = templates.unsendable(cells.get(column, ""))
            if problem:
                found.add(f"{AT}[{index}].{column}", "parameter_unsendable", problem)
    template_checks.describe(context, found, variants, best, rows(context.call.parts))


def allowed(context: "Context", found: "Findings") -> None:
    """Who is not to be sent broadcasts, by the file's own column. What WATI does with them is not known."""
    from wati.output.rendering import enumerate_some

    no = ("false", "no", "n", "0", "off")
    refusing = enumerate_some(
        (
            f"{number} ({AT}[{index}])"
            for index, (number, cells) in rows_with("AllowBroadcast", context.call)
            if cells["AllowBroadcast"].strip().lower() in no
        ),
        50,
    )
    if refusing:
        problem = "AllowBroadcast says no in the file; whether WATI leaves them out is not known"
        found.warnings.append(f"{refusing}: {problem}. Remove them, or ask the user.")


def rows_with(column: str, call: "Call") -> "Iterator[tuple[int, tuple[str, dict[str, str]]]]":
    """The numbered rows of the file, if it has such a column."""
    from itertools import chain, islice

    listed = numbered(call.parts)
    first = list(islice(listed, 1))
    return chain(first, listed) if any(column in cells for _, (_, cells) in first) else iter(())


def country_codes(context: "Context", found: "Findings") -> None:
    """A warning of rows in which Phone already has the country code."""
    from wati.calls.template_checks import MOST_NAMED
    from wati.contract.numbers import code_twice

    twice, count = [], 0
    for _, (number, cells) in rows_with("CountryCode", context.call):
        code = cells["CountryCode"].strip().removeprefix("+")
        if code_twice(code, number[len(code) :]):
            twice += [number] if count < MOST_NAMED else []
            count += 1
    if count:
        more = f" and {count - MOST_NAMED} more" if count > MOST_NAMED else ""
        found.warnings.append(
            f"In {count} of {len(context.call.receivers)} rows, Phone seems to begin with the country "
            f"code, so it is there twice: {', '.join(twice)}{more}. If so, leave CountryCode empty in "
            "these rows."
        )


def perform(context: "Context") -> "Result":
    """WATI's answer names no receiver, so the document says where to look."""
    from wati.calls.perform import send
    from wati.contract.call import Result

    answer = send(context).json
    number = context.entered.id
    look = "get_messages.py" if number is None else f"check_send.py id={number} look=true"
    return Result(answer, notice=f"The answer names no receiver: {look} shows whom it reached.")


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
    only=only,
    confirms="records",
    messages=messages,
    look_with="get_messages",
    default_timeout=120,
    preflight=("connection", template, country_codes, "receivers", allowed),
    always=("template",),
)

if __name__ == "__main__":
    main(ENDPOINT)
