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

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Call, Part, Result
    from wati.contract.messages import Message
    from wati.contract.types import Arguments, Receivers
    from wati.files.uploads import Files

AT = "$.whatsapp_numbers_csv"


def parts(arguments: "Arguments", files: "Files") -> "list[Part]":
    """The file, read once: the bytes that were checked and counted are the bytes that are sent."""
    import io

    from wati.contract.call import Part
    from wati.contract.failures import Failure
    from wati.files import receivers_csv

    path = arguments.get("whatsapp_numbers_csv")
    if not isinstance(path, str) or not path:
        return []
    part = files.part("whatsapp_numbers_csv", path, AT)
    content = part.content()
    data = receivers_csv.as_utf8(content)
    found = [{"at": AT + at, "problem": problem} for at, problem in receivers_csv.problems(data)]
    if found:
        raise Failure("invalid_arguments", "The CSV file cannot be sent as it is.", problems=found)
    if data == content:
        return [part]
    remark = "The CSV file is not UTF-8; it was read by its mark, and WATI gets it as UTF-8."
    return [Part(part.name, part.filename, part.content_type, io.BytesIO(data), len(data), remark)]


def rows(parts: "Sequence[Part]") -> "Iterator[tuple[str, dict[str, str]]]":
    """Each receiver's number, and its cells by column."""
    from wati.files import receivers_csv

    return receivers_csv.rows(parts[0].content())


def receivers(_: "Arguments", parts: "Sequence[Part]") -> "Receivers":
    return [(f"{AT}[{index}].Phone", number) for index, (number, _) in enumerate(rows(parts))]


def only(parts: "Sequence[Part]", positions: set[int]) -> "list[Part]":
    """The file with only the records at these positions."""
    import io

    from wati.contract.call import Part
    from wati.files import receivers_csv

    data = receivers_csv.only(parts[0].content(), positions)
    parts[0].handle.close()
    part = parts[0]
    return [Part(part.name, part.filename, part.content_type, io.BytesIO(data), len(data))]


def messages(call: "Call") -> "list[Message]":
    """One template for each row. Every column that is not the contact's own is a parameter."""
    from wati.contract.messages import Message
    from wati.files.receivers_csv import CONTACT_COLUMNS

    found = []
    for (at, receiver), (_, cells) in zip(call.receivers, rows(call.parts), strict=True):
        values = {column: cell for column, cell in cells.items() if column not in CONTACT_COLUMNS}
        found.append(Message(at, receiver, "template", values, name=call.arguments["template_name"]))
    return found


def template(context: "Context", found: "Findings") -> None:
    """The template, and a column for each of its parameters."""
    from wati.calls import template_checks
    from wati.files.receivers_csv import CONTACT_COLUMNS
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
    for index, (_, cells) in enumerate(rows(context.call.parts)):
        for column in best.in_links:
            problem = templates.unsendable(cells.get(column, ""))
            if problem:
                found.add(f"{AT}[{index}].{column}", "parameter_unsendable", problem)
    template_checks.describe(context, found, variants, best, rows(context.call.parts))


def allowed(context: "Context", found: "Findings") -> None:
    """Who is not to be sent broadcasts, by the file's own column. What WATI does with them is not known."""
    from wati.output.rendering import enumerate_some

    if not context.call.parts:
        return
    no = ("false", "no", "n", "0", "off")
    refusing = [
        f"{number} ({AT}[{index}])"
        for index, (number, cells) in enumerate(rows(context.call.parts))
        if cells.get("AllowBroadcast", "").strip().lower() in no
    ]
    if refusing:
        problem = "AllowBroadcast says no in the file; whether WATI leaves them out is not known"
        found.warnings.append(f"{enumerate_some(refusing, 50)}: {problem}. Remove them, or ask the user.")


def country_codes(context: "Context", found: "Findings") -> None:
    """A warning of rows in which Phone already has the country code."""
    from wati.calls.template_checks import MOST_NAMED
    from wati.contract.numbers import code_twice
    from wati.output.rendering import enumerate_some

    codes = (
        (number, cells.get("CountryCode", "").strip().removeprefix("+"))
        for number, cells in (rows(context.call.parts) if context.call.parts else ())
    )
    twice = [number for number, code in codes if code_twice(code, number[len(code) :])]
    if twice:
        found.warnings.append(
            f"In {len(twice)} of {len(context.call.receivers)} rows, Phone seems to begin with the country "
            "code, so it is there twice: "
            f"{enumerate_some(twice, MOST_NAMED)}. If so, leave CountryCode empty in these rows."
        )


def perform(context: "Context") -> "Result":
    """WATI's answer names no receiver, so the document says where to look."""
    from wati.calls.perform import send
    from wati.contract.call import Result

    notice = "The answer names no receiver: read `info`, and use get_messages.py to see whom it reached."
    return Result(send(context).json, notice=notice)


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
    preflight=("connection", template, country_codes, "receivers", allowed),
    always=("template",),
)

if __name__ == "__main__":
    main(ENDPOINT)
