#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Send an approved template to the customers listed in a CSV file, with a column per parameter."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from wati import verdicts
from wati.endpoint import Endpoint, run
from wati.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.call import Call
    from wati.endpoint import Arguments, Problem, Receivers
    from wati.files import Files, Part

AT = "$.whatsapp_numbers_csv"

# The columns of WATI's contact import, which callers of this endpoint use; every other one is a parameter.
CONTACT_COLUMNS = ("Name", "CountryCode", "Phone", "AllowBroadcast", "AllowSMS")


def read(data: bytes) -> tuple[list[str], list[list[str]]]:
    """Header and records, wholly blank ones left out. Raises ValueError where it is no CSV in UTF-8."""
    import csv
    import io

    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            "is not UTF-8" if isinstance(error, UnicodeDecodeError) else f"is no CSV: {error}"
        ) from None
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    return (filled[0], filled[1:]) if filled else ([], [])


def number(header: list[str], record: list[str]) -> str:
    """Whom a record is for: `Phone`, after `CountryCode` where there is such a column."""
    cells = dict(zip(header, record, strict=False))
    return cells.get("CountryCode", "").strip().removeprefix("+") + cells.get("Phone", "").strip()


def problems(data: bytes) -> list[Problem]:
    """Everything that would be lost, doubled or failed later, with the record's index and column."""
    try:
        header, records = read(data)
    except ValueError as error:
        return [{"at": AT, "problem": str(error)}]
    if "Phone" not in header:
        return [
            {"at": AT, "problem": "has no column Phone in its first line (columns are separated by commas)"}
        ]
    if len(set(header)) < len(header):
        return [{"at": AT, "problem": "has the same column twice"}]
    if not records:
        return [{"at": AT, "problem": "lists no receiver below its header"}]
    from wati.validation import text_problem

    found = []
    first_at: dict[str, int] = {}
    for index, record in enumerate(records):
        at = f"{AT}[{index}]"
        if len(record) != len(header):
            found.append({"at": at, "problem": f"has {len(record)} cells; the header has {len(header)}"})
            continue
        receiver = number(header, record)
        if not (
            receiver.isascii() and receiver.isdigit() and 7 <= len(receiver) <= 15 and receiver[0] != "0"
        ):
            found.append(
                {"at": f"{at}.Phone", "problem": "CountryCode and Phone together are no number in digits"}
            )
        elif receiver in first_at:
            found.append(
                {"at": f"{at}.Phone", "problem": f"stands twice: already in record {first_at[receiver]}"}
            )
        first_at.setdefault(receiver, index)
        for column, cell in zip(header, record, strict=True):
            problem = text_problem(cell, multiline=False)
            if column not in CONTACT_COLUMNS and not problem:
                problem = "is blank" if not cell else "holds four spaces in a row" if "    " in cell else ""
            if problem:
                found.append({"at": f"{at}.{column}", "problem": problem})
    return found


def parts(arguments: Arguments, files: Files) -> list[Part]:
    """The file, read once: the bytes that were checked and counted are the bytes that are sent."""
    import io

    path = arguments.get("whatsapp_numbers_csv")
    if not isinstance(path, str) or not path:
        return []
    part = files.part("whatsapp_numbers_csv", path, AT)
    with part.handle as file:
        data = file.read()
    found = problems(data)
    if found:
        raise Failure("invalid_arguments", "The CSV file cannot be sent as it is.", problems=found)
    part.handle = io.BytesIO(data)
    return [part]


def receivers(call: Call) -> Receivers:
    file = call.request.parts[0].handle
    header, records = read(file.read())
    file.seek(0)
    return [(f"{AT}[{index}].Phone", number(header, record)) for index, record in enumerate(records)]


ENDPOINT = Endpoint(
    name="send_template_message_csv",
    method="POST",
    path="/wati/api/v1/sendTemplateMessageCSV",
    query=("template_name", "broadcast_name"),
    parts=parts,
    effect="send",
    verdict=verdicts.bulk,
    receivers=receivers,
    confirms="records",
    look_with="get_messages",
)

if __name__ == "__main__":
    run(ENDPOINT)
