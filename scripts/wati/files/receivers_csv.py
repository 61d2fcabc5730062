"""A CSV file of receivers: reads it, and finds everything that would go wrong in it. Pure."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from typing import TYPE_CHECKING

from wati.arguments import encodings
from wati.arguments.texts import text_problem
from wati.arguments.validation import quoted
from wati.files import phone_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Found = Iterator[tuple[str, str]]  # where in the file, such as "[0].Phone", and what is wrong there

# The columns of WATI's contact import. Every other column is a parameter of the template.
CONTACT_COLUMNS = ("Name", "CountryCode", "Phone", "AllowBroadcast", "AllowSMS")

# A parameter may well be called `name` beside the contact's `Name`.
_BY_BARE_NAME = {column.lower(): column for column in CONTACT_COLUMNS if column != "Name"}

# Columns that could be read as the number, or as a part of it. WATI documents no names, so all are rivals.
_RIVALS = re.compile(
    "(contact|customer|recipient|receiver|user|full)?(whatsapp|wa|phone|mobile|cell|tele?|telephone|msisdn)+"
    "(number|num|no|nr|id)?s?[0-9]*|(contact|recipient|receiver)?numbers?"
    "|(country|dial|dialling|dialing|calling|phone|isd|area)+code|cc"
)


def rows(data: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Each receiver's number, and its cells by column. Only for a file without problems."""
    records = _records(data)
    _, header = next(records)
    for _, record in records:
        cells = dict(zip(header, record, strict=True))
        yield phone_cells.number(cells.get("CountryCode", ""), cells["Phone"]), cells


def only(data: bytes, positions: set[int]) -> bytes:
    """The file with only the records at these positions, byte for byte. Only for one without problems."""
    lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="").readlines()
    read_to, position, kept = 0, -1, []  # the header is before the first record
    reader = csv.reader(lines, strict=True)
    for record in reader:
        own, read_to = lines[read_to : reader.line_num], reader.line_num
        if any(map(str.strip, record)):
            kept += own if position < 0 or position in positions else []
            position += 1
    return "".join(kept).encode()


def problems(data: bytes) -> list[tuple[str, str]]:
    """Everything that would be lost, sent twice or fail later: where, and what is wrong."""
    try:
        records = _records(data)
        _, header = next(records, (0, []))
        found = list(_header_problems(header))
        intended = [_BY_BARE_NAME.get(_bare(column), column) for column in header]
        if not list(_header_problems(intended)):
            return found + list(_record_problems(intended, records))
        for _ in records:
            pass  # a file that cannot be read to its end has that problem first
        return found
    except ValueError as error:
        return [("", str(error))]


def as_utf8(data: bytes) -> bytes:
    """The file in UTF-8, which is what WATI is sent; a file that is no text stays as it is."""
    try:
        text, is_utf8 = encodings.decoded(data)
    except encodings.NotText:
        return data  # `problems` says so
    return data if is_utf8 else text.encode()


def _records(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """The header, then each record that is not blank, with its line. Raises ValueError if it is not CSV.

    One at a time: a hundred thousand records in memory take ten times the room of the file.
    """
    text, _ = encodings.decoded(data)
    if problem := _foreign(text):
        raise ValueError(problem)
    try:
        lines = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="")
        reader, read_to = csv.reader(lines, strict=True), 0
        for record in reader:
            line, read_to = read_to + 1, reader.line_num
            if any(map(str.strip, record)):
                yield line, record
    except csv.Error as error:
        raise ValueError(f"is not CSV: {error}") from None
    # Programs disagree about any other quotation mark, and so about where a record ends and who is in it.
    if '"' in text and '"' in re.sub(r'(?<![^,\r\n])"(?:[^"\\]|""|\\(?!"))*"(?![^,\r\n])', "", text):
        problem = "has a quotation mark in a cell without quotes, or after a backslash"
        how = "double it in a quoted cell"
        raise ValueError(f"is not CSV that every program reads the same way: it {problem} ({how})")


def _header_problems(header: list[str]) -> Found:
    """A column that WATI could read in another way: then it would message others than are counted here."""
    if not any(_bare(column) == "phone" for column in header):
        yield "", _no_phone(header)
        return
    header, unnamed = _without_unnamed_end(header)
    if unnamed:
        columns = "a column" if unnamed == 1 else f"{unnamed} columns"
        yield "", f"has {columns} without a name at the end: remove the commas there, in every line"
    for column in header:
        if problem := _column_problem(column):
            yield "", f"column {quoted(column)} {problem}"
    if rivals := [column for column in header if _is_rival(column)]:
        problem = (
            f"has several columns that could be the number: {', '.join(map(quoted, ['Phone', *rivals]))}"
        )
        advice = "Remove or rename all but Phone (for a parameter with such a name, use"
        yield "", f"{problem}. {advice} send_template_messages_v2)"
    if len(set(header)) < len(header):
        yield "", "has the same column twice"


# Between columns in place of commas: their names.
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def _foreign(text: str) -> str:
    """Why the columns are not separated by commas, by the first line; "" if they are."""
    line = next(iter(text[:10_000].strip().splitlines()), "")
    if line.lower().startswith("sep="):
        advice = "remove that line, so that Phone is in the first"
        return f"begins with {quoted(line)}, which only Excel reads: {advice}"
    for separator, name in _SEPARATORS.items():
        columns = [column.strip('"') for column in line.split(separator)]
        if any(_bare(column) == "phone" for column in columns) and separator in line and "," not in line:
            begin = quoted(",".join(columns))
            return f"has {name} between its columns: save it with commas, so that it begins {begin}"
    return ""


def _no_phone(header: list[str]) -> str:
    """Why no column is `Phone`, and what to do."""
    line = ",".join(header)
    problem = f"has no Phone column in its first line (commas separate columns), which is {quoted(line)}"
    if rivals := [column for column in header if _is_rival(column)]:
        return f"{problem}; the column with the number must be called Phone, not {quoted(rivals[0])}"
    if any(re.fullmatch(r"\+?[0-9]{7,15}", cell.strip()) for cell in header):
        return f"{problem}: put a line with the names of the columns before it"
    return problem


def _without_unnamed_end(header: list[str]) -> tuple[list[str], int]:
    """The header without the nameless columns at its end, and how many those are."""
    named = len(header)
    while named and not header[named - 1].strip():
        named -= 1
    return header[:named], len(header) - named


def _record_problems(header: list[str], records: Iterable[tuple[int, list[str]]]) -> Found:
    first_line: dict[str, int] = {}
    index = -1
    for index, (line, record) in enumerate(records):
        at = f"[{index}]"
        if len(record) != len(header):
            counts = f"has {len(record)} cells; the header has {len(header)}"
            yield at, f"{counts}{_surplus(record, header)} (line {line})"
            continue
        cells = dict(zip(header, record, strict=True))
        country, phone = cells.get("CountryCode", ""), cells["Phone"]
        receiver = phone_cells.number(country, phone)
        if receiver in first_line:
            yield f"{at}.Phone", f"is listed twice, already in line {first_line[receiver]} (line {line})"
        first_line.setdefault(receiver, line)
        for column, cell in cells.items():
            problem = _cell_problem(column, cell)
            if column == "Phone" and not problem:
                problem = phone_cells.problem(country, phone)
            if problem:
                yield f"{at}.{column}", f"{problem} (line {line})"
    if index < 0:
        yield "", "lists no receiver below its header"


def _bare(column: str) -> str:
    """A column's name without what readers overlook: case, width, spaces, marks, invisible characters."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", column).casefold()))


def _is_rival(column: str) -> bool:
    return _bare(column) not in _BY_BARE_NAME and _RIVALS.fullmatch(_bare(column)) is not None


def _column_problem(column: str) -> str:
    """Why a column cannot have this name. Some programs detect the separator from the header."""
    known = _BY_BARE_NAME.get(_bare(column), column)
    if known != column:
        return f"must be written {known}"
    if column.startswith("#") or ";" in column or "|" in column:
        return "contains a character that other programs read as a separator or a comment"
    return _line_problem(column) if column else "has no name"


def _line_problem(text: str) -> str:
    """Why a text does not fit on one line, in any program."""
    if "\u2028" in text or "\u2029" in text:
        return "contains a line break (U+2028 or U+2029)"
    return text_problem(text, multiline=False)


def _cell_problem(column: str, cell: str) -> str:
    """What is wrong with a cell. WhatsApp fails a parameter that is blank or has four spaces in a row."""
    problem = _line_problem(cell)
    if column == "CountryCode" and len(cell.strip().removeprefix("+")) > 4:
        problem = problem or f"is {quoted(cell)}, which is not a country code"
    if problem or column in CONTACT_COLUMNS:
        return problem
    return "is blank" if not cell else "has four spaces in a row" if "    " in cell else ""


def _surplus(record: list[str], header: list[str]) -> str:
    if len(record) < len(header):
        return ""
    surplus = record[len(header) :]
    is_empty = not any(map(str.strip, surplus))
    how = "remove the commas at the end" if is_empty else "a cell with a comma in it needs quotation marks"
    return f": {how}"
