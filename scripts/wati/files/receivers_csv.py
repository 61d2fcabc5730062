"""Finds everything that would go wrong with a CSV file of receivers."""

from __future__ import annotations

import io
import re
import unicodedata
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from wati.arguments.texts import BLANKS, text_problem
from wati.arguments.validation import MOST_PROBLEMS, quoted
from wati.contract.listed import Repeats
from wati.contract.numbers import person
from wati.files import phone_cells
from wati.files.csv_records import CONTACT_COLUMNS, checked, number_of, values_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from wati.contract.call import Content

    Found = Iterator[tuple[str, str]]  # where in the file, such as "[0].Phone", and what is wrong there

MOST_ROWS = 1_000_000
LONGEST_CODE = 4  # digits of a country code

# A parameter may well be called `name` beside the contact's `Name`.
_BY_BARE_NAME = {column.lower(): column for column in CONTACT_COLUMNS if column != "Name"}

# Columns that could be read as the number, or as a part of it. WATI documents no names, so all are rivals.
_RIVALS = re.compile(
    "(contact|customer|recipient|receiver|user|full)?(whatsapp|wa|phone|mobile|cell|tele?|telephone|msisdn)+"
    "(number|num|no|nr|id)?s?[0-9]*|(contact|recipient|receiver)?numbers?"
    "|(country|dial|dialling|dialing|calling|phone|isd|area)+code|cc"
)


class Check:
    """Everything that would be lost, sent twice or fail later, found in flat memory.

    `problems`: where in the file, such as "[0].Phone", and what is wrong there. `count`: how many receivers
    it has. `twins`: who is in it under two spellings: the places and numbers of both.
    """

    def __init__(self, content: Content) -> None:
        self.problems: list[tuple[str, str]] = []
        self.twins: list[tuple[str, str, str, str]] = []
        self.count = 0
        self._content = content
        self._seen = Repeats()
        try:
            self._check()
        except ValueError as error:
            self.problems = [("", str(error))]

    def _check(self) -> None:
        with io.TextIOWrapper(self._content.open(), encoding="utf-8", errors="replace") as text:
            if problem := _foreign(text.read(10_000)):
                raise ValueError(problem)
        records = checked(self._content)
        _, header = next(records, (0, []))
        self.problems += _header_problems(header)
        intended = [_BY_BARE_NAME.get(bare(column), column) for column in header]
        if list(_header_problems(intended)):
            for _ in records:
                pass  # a file that cannot be read to its end has that problem first
            return
        found = list(islice(self._records(intended, records), MOST_PROBLEMS))
        found = sorted([*self._listed_twice(intended), *found], key=itemgetter(0))
        self.problems += [(at, problem) for _, at, problem in found[:MOST_PROBLEMS]]

    def _records(
        self, header: list[str], records: Iterable[tuple[int, list[str]]]
    ) -> Iterator[tuple[int, str, str]]:
        """The problems of the records, each with the index of its record."""
        is_plain, number_of_ = _plain(header), number_of(header)
        add = self._seen.add
        for index, (line, cells) in enumerate(records):
            if index == MOST_ROWS:
                yield index, "", f"lists more than {MOST_ROWS:,} receivers; split the file"
                return
            self.count = index + 1
            number = number_of_(cells)
            add(person(number))
            if not is_plain(cells, number):
                for at, problem in _record_problems(header, cells, line):
                    yield index, f"[{index}]{at}", problem
        if not self.count:
            yield 0, "", "lists no receiver below its header"

    def _listed_twice(self, header: list[str]) -> list[tuple[int, str, str]]:
        """The problems of numbers that come twice; those in two spellings become `twins`."""
        number_of_ = number_of(header)

        def keys() -> Iterator[str]:
            return (person(number_of_(cells)) for _, cells in islice(checked(self._content), 1, None))

        pairs = list(islice(self._seen.pairs(keys), MOST_PROBLEMS))
        wanted = {index for pair in pairs for index in pair}
        records = enumerate(islice(checked(self._content), 1, None)) if wanted else ()
        known = {index: (line, number_of_(cells)) for index, (line, cells) in records if index in wanted}
        problems = []
        for before, index in pairs:
            (first_line, other), (line, number) = known[before], known[index]
            if number == other:
                problem = f"is listed twice, already in line {first_line} (line {line})"
                problems.append((index, f"[{index}].Phone", problem))
            else:
                self.twins.append((f"[{index}].Phone", number, f"[{before}].Phone", other))
        return problems


def _plain(header: list[str]) -> Callable[[list[str], str], bool]:
    """A function of a record and its number: whether nothing can be wrong with it. The quick way for most."""
    width, phone_at, values = len(header), header.index("Phone"), values_of(header)
    has_filler = re.compile(f"[{BLANKS}]").search

    def is_plain(cells: list[str], number: str) -> bool:
        text = ",".join(cells)
        return (
            len(cells) == width
            and number.isdigit()
            and (text.isascii() or (number.isascii() and not has_filler(text)))
            and cells[phone_at][:1] not in ("", "0", " ")
            and 7 <= len(number) <= 15
            and number[0] != "0"
            and len(number) - len(cells[phone_at]) <= LONGEST_CODE
            and text.isprintable()
            and "    " not in text
            and all(map(str.strip, values(cells)))
        )

    return is_plain


def _header_problems(header: list[str]) -> Found:
    """A column that WATI could read in another way: then it would message others than are counted here."""
    if not any(bare(column) == "phone" for column in header):
        yield "", _no_phone(header)
        return
    header, unnamed = without_unnamed_end(header)
    if unnamed:
        columns = "a column" if unnamed == 1 else f"{unnamed} columns"
        yield "", f"has {columns} without a name at the end: remove the commas there, in every line"
    for column in header:
        if problem := _column_problem(column):
            yield "", f"column {quoted(column)} {problem}"
    if rivals := [column for column in header if is_rival(column)]:
        problem = (
            f"has several columns that could be the number: {', '.join(map(quoted, ['Phone', *rivals]))}"
        )
        advice = "Remove or rename all but Phone (for a parameter with such a name, use"
        yield "", f"{problem}. {advice} send_template_messages_v2)"
    if len(set(header)) < len(header):
        yield "", "has the same column twice"


# Between columns in place of commas: their names.
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


def _foreign(text: str) -> str:
    """Why the columns are not separated by commas, by the first line; "" if they are."""
    line = next(iter(text[:10_000].strip().splitlines()), "")
    if line.lower().startswith("sep="):
        advice = "remove that line, so that Phone is in the first"
        return f"begins with {quoted(line)}, which only Excel reads: {advice}"
    for separator, name in SEPARATORS.items():
        columns = [column.strip('"') for column in line.split(separator)]
        if any(bare(column) == "phone" for column in columns) and separator in line and "," not in line:
            begin = quoted(",".join(columns))
            return f"has {name} between its columns: save it with commas, so that it begins {begin}"
    return ""


def _no_phone(header: list[str]) -> str:
    """Why no column is `Phone`, and what to do."""
    line = ",".join(header)
    problem = f"has no Phone column in its first line (commas separate columns), which is {quoted(line)}"
    if rivals := [column for column in header if is_rival(column)]:
        return f"{problem}; the column with the number must be called Phone, not {quoted(rivals[0])}"
    if any(re.fullmatch(r"\+?[0-9]{7,15}", cell.strip()) for cell in header):
        return f"{problem}: put a line with the names of the columns before it"
    return problem


def without_unnamed_end(header: list[str]) -> tuple[list[str], int]:
    """The header without the nameless columns at its end, and how many those are."""
    named = len(header)
    while named and not header[named - 1].strip():
        named -= 1
    return header[:named], len(header) - named


def _record_problems(header: list[str], cells: list[str], line: int) -> Found:
    if len(cells) != len(header):
        counts = f"has {len(cells)} cells; the header has {len(header)}"
        yield "", f"{counts}{surplus(cells, header)} (line {line})"
        return
    by_column = dict(zip(header, cells, strict=True))
    for column, cell in by_column.items():
        problem = _cell_problem(column, cell)
        if column == "Phone" and not problem:
            problem = phone_cells.problem(by_column.get("CountryCode", ""), cell)
        if problem:
            yield f".{column}", f"{problem} (line {line})"


def bare(column: str) -> str:
    """A column's name without what readers overlook: case, width, spaces, marks, invisible characters."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", column).casefold()))


def is_rival(column: str) -> bool:
    return bare(column) not in _BY_BARE_NAME and _RIVALS.fullmatch(bare(column)) is not None


def _column_problem(column: str) -> str:
    """Why a column cannot have this name. Some programs detect the separator from the header."""
    known = _BY_BARE_NAME.get(bare(column), column)
    if known != column:
        return f"must be written {known}"
    if column.startswith("#") or ";" in column or "|" in column:
        return "contains a character that other programs read as a separator or a comment"
    return line_problem(column) if column else "has no name"


def line_problem(text: str) -> str:
    """Why a text does not fit on one line, in any program."""
    if "\u2028" in text or "\u2029" in text:
        return "contains a line break (U+2028 or U+2029)"
    return text_problem(text, multiline=False)


def _cell_problem(column: str, cell: str) -> str:
    """What is wrong with a cell. WhatsApp fails a parameter that is blank or has four spaces in a row."""
    problem = line_problem(cell)
    if column == "CountryCode" and len(cell.strip().removeprefix("+")) > LONGEST_CODE:
        problem = problem or f"is {quoted(cell)}, which is not a country code"
    if problem or column in CONTACT_COLUMNS:
        return problem
    return "is blank" if not cell else "has four spaces in a row" if "    " in cell else ""


def surplus(record: list[str], header: list[str]) -> str:
    if len(record) < len(header):
        return ""
    surplus = record[len(header) :]
    is_empty = not any(map(str.strip, surplus))
    how = "remove the commas at the end" if is_empty else "a cell with a comma in it needs quotation marks"
    return f": {how}"
