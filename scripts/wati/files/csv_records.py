"""The records of a CSV file of receivers, read one at a time: a million of them have no room in memory."""

from __future__ import annotations

import csv
import io
import re
from functools import partial
from itertools import compress, count
from operator import itemgetter
from typing import TYPE_CHECKING

from wati.arguments import encodings
from wati.contract.call import Part
from wati.contract.records import record
from wati.files import phone_cells

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from wati.contract.call import Content
    from wati.contract.types import Problem

# The columns of WATI's contact import. Every other column is a parameter of the template.
CONTACT_COLUMNS = ("Name", "CountryCode", "Phone", "AllowBroadcast", "AllowSMS")

LONGEST_LINE = 1_000_000  # characters; a cell has at most 131,072 (Python's csv)
_MANY = 1000  # records that are written in one piece


@record
class Table(Part):
    """A CSV file without problems. `count`: its receivers. `twins`: those in it under two spellings.

    `kept`: for each record of the file as it was given, 1 if it is left, else 0; () = all are.
    """

    count: int = 0
    twins: Sequence[Problem] = ()
    kept: Sequence[int] = ()

    @property
    def places(self) -> Iterator[int]:
        """Where each record is in the file as it was given."""
        return compress(count(), self.kept) if self.kept else iter(range(self.count))


def in_utf8(part: Part) -> Part:
    """The file in UTF-8, which is what WATI is sent. Raises NotText."""
    with part.content.open() as file:
        encoding = encodings.encoding_of(file.read(encodings.LONGEST_MARK))
    if encoding.startswith("utf-8"):
        return part

    def recoded() -> Iterator[bytes]:
        with io.TextIOWrapper(part.content.open(), encoding=encoding, newline="") as text:
            while characters := text.read(io.DEFAULT_BUFFER_SIZE):
                yield characters.encode()

    remark = "The CSV file is not UTF-8; it was read by its mark, and WATI gets it as UTF-8."
    try:
        found: Part = part.replaced(recoded(), remark=remark)
    except UnicodeError:
        raise encodings.refused(part.content.open(), encoding) from None
    return found


def rows(content: Content) -> Iterator[tuple[str, dict[str, str]]]:
    """Each receiver's number, and its cells by column. Only for a file without problems."""
    records = _records(content)
    header = next(records)
    number = number_of(header)
    for cells in records:
        yield number(cells), dict(zip(header, cells, strict=True))


def numbers(content: Content) -> Iterator[str]:
    """Each receiver's number. Only for a file with a column Phone."""
    records = _records(content)
    return map(number_of(next(records)), records)


def parameters(content: Content) -> Iterator[tuple[str, dict[str, str]]]:
    """Each receiver's number, and its cells that are parameters. Only for a file without problems."""
    records = _records(content)
    header = next(records)
    number, values = number_of(header), values_of(header)
    names = values(header)
    for cells in records:
        yield number(cells), dict(zip(names, values(cells), strict=True))


def only(content: Content, kept: Sequence[int]) -> Iterator[bytes]:
    """The file with only the records whose place in `kept` is not 0, byte for byte."""
    own: list[str] = []

    def lines() -> Iterator[str]:
        for line in text:
            own.append(line)
            yield line

    with io.TextIOWrapper(content.open(), encoding="utf-8", newline="") as text:
        position, written = -1, []  # the header is before the first record
        for cells in csv.reader(lines(), strict=True):
            if any(map(str.strip, cells)):
                written += own if position < 0 or kept[position] else []
                position += 1
            own.clear()
            if len(written) >= _MANY:
                yield "".join(written).encode()
                written.clear()
        yield "".join(written).encode()


def checked(content: Content) -> Iterator[tuple[int, list[str]]]:
    """The header, then each record that is not blank, with its line. Raises ValueError if it is not CSV."""
    with content.open() as file:
        has_quotes = any(b'"' in chunk for chunk in iter(partial(file.read, 1 << 16), b""))
    own: list[str] = []

    def lines(text: io.TextIOWrapper) -> Iterator[str]:
        for line in iter(partial(text.readline, LONGEST_LINE), ""):
            if len(line) == LONGEST_LINE:
                raise ValueError(f"is not CSV: it has a line of more than {LONGEST_LINE:,} characters")
            if has_quotes:
                own.append(line)
            yield line

    try:
        with io.TextIOWrapper(content.open(), encoding="utf-8-sig", newline="") as text:
            reader, read_to = csv.reader(lines(text), strict=True), 0
            for cells in reader:
                line, read_to = read_to + 1, reader.line_num
                if has_quotes:
                    _refuse_odd_quotes("".join(own))
                    own.clear()
                if any(map(str.strip, cells)):
                    yield line, cells
    except csv.Error as error:
        raise ValueError(f"is not CSV: {error}") from None
    except UnicodeDecodeError:
        raise encodings.refused(content.open(), "utf-8") from None


def number_of(header: list[str]) -> Callable[[list[str]], str]:
    """A function of a record: `Phone`, after `CountryCode` if there is one; "" if it is too short."""
    at = header.index("Phone")
    code_at = header.index("CountryCode") if "CountryCode" in header else -1
    least = max(at, code_at)

    def number(cells: list[str]) -> str:
        if len(cells) <= least:
            return ""
        return phone_cells.number(cells[code_at] if code_at >= 0 else "", cells[at])

    return number


def values_of(header: list[str]) -> Callable[[list[str]], Sequence[str]]:
    """A function of a record: its cells in the columns that are parameters of the template."""
    at = [index for index, column in enumerate(header) if column not in CONTACT_COLUMNS]
    if len(at) < 2:
        start = at[0] if at else len(header)
        return itemgetter(slice(start, start + len(at)))  # an itemgetter of one index gives the cell itself
    return itemgetter(*at)


def _records(content: Content) -> Iterator[list[str]]:
    """The header, then each record that is not blank, of a file that was checked."""
    with io.TextIOWrapper(content.open(), encoding="utf-8-sig", newline="") as text:
        for cells in csv.reader(text, strict=True):
            if any(map(str.strip, cells)):
                yield cells


def _refuse_odd_quotes(text: str) -> None:
    """Programs disagree about any other quotation mark, and so about where a record ends and who is in it."""
    if '"' in text and '"' in re.sub(r'(?<![^,\r\n])"(?:[^"\\]|""|\\(?!"))*"(?![^,\r\n])', "", text):
        problem = "has a quotation mark in a cell without quotes, or after a backslash"
        how = "double it in a quoted cell"
        raise ValueError(f"is not CSV that every program reads the same way: it {problem} ({how})")
