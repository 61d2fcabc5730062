"""A CSV file with a person in each record, of any columns: the audience of a campaign, or an import.

It never leaves this machine as a file, so a number may be written in any way that is certain.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from wati.arguments.encodings import NotText
from wati.arguments.validation import MOST_PROBLEMS, quoted
from wati.contract.call import Part
from wati.contract.failures import Failure
from wati.contract.records import record
from wati.files import phone_cells
from wati.files.csv_records import checked, in_utf8
from wati.files.receivers_csv import (
    MOST_ROWS,
    SEPARATORS,
    bare,
    is_rival,
    line_problem,
    surplus,
    without_unnamed_end,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wati.contract.call import Content
    from wati.files.uploads import Files

# Columns that are surely the number, the likeliest first: the arguments' name for it, and those of WATI's
# lists and of its import.
_NUMBERS = ("whatsappnumber", "waid", "phone")
_CODE = "countrycode"


class Record(NamedTuple):
    """`number`: "" if the cell is empty. `cells`: by column, as it is written."""

    line: int
    number: str
    cells: dict[str, str]


class People:
    """The records of a file. `problems`: where in it, such as "[0].Phone", and what is wrong there.

    `number`: the column with the number; "" = the one whose name says so. `columns`: all of them.
    `count`: the records; only known if there are no problems.
    """

    def __init__(self, content: Content, number: str = "") -> None:
        self.columns: list[str] = []
        self.problems: list[tuple[str, str]] = []
        self.count = 0
        self._content = content
        try:
            _, self.columns = next(checked(content), (0, []))
            self.number = number or _number_column(self.columns)
            self.problems = list(_header_problems(self.columns, self.number, is_named=bool(number)))
            if not self.problems:
                self.problems = list(islice(self._record_problems(), MOST_PROBLEMS))
        except ValueError as error:
            self.problems = [("", str(error))]

    def __iter__(self) -> Iterator[Record]:
        """The records of a file without problems."""
        for line, cells in self._records():
            by_column = dict(zip(self.columns, cells, strict=True))
            yield Record(line, self._number(by_column)[0], by_column)

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        return islice(checked(self._content), 1, None)

    def _record_problems(self) -> Iterator[tuple[str, str]]:
        for index, (line, cells) in enumerate(self._records()):
            if index == MOST_ROWS:
                yield "", f"has more than {MOST_ROWS:,} records; split the file"
                return
            self.count = index + 1
            if len(cells) != len(self.columns):
                counts = f"has {len(cells)} cells; the header has {len(self.columns)}"
                yield f"[{index}]", f"{counts}{surplus(cells, self.columns)} (line {line})"
                continue
            _, problem = self._number(dict(zip(self.columns, cells, strict=True)))
            if problem:
                yield f"[{index}].{self.number}", f"{problem} (line {line})"
        if not self.count:
            yield "", "has nobody below its header"

    def _number(self, cells: dict[str, str]) -> tuple[str, str]:
        phone = cells[self.number]
        code = next((text for column, text in cells.items() if bare(column) == _CODE), "")
        # A number that is whole needs no code before it.
        code = code if bare(self.number) == "phone" else ""
        return phone_cells.read(code, phone) if phone.strip() else ("", "")


@record
class PeoplePart(Part):
    """A CSV file without problems. `people`: its records."""

    people: Any = None


def _number_column(columns: list[str]) -> str:
    by_name = {bare(column): column for column in reversed(columns)}
    return next((by_name[name] for name in _NUMBERS if name in by_name), "")


def _header_problems(columns: list[str], number: str, *, is_named: bool) -> Iterator[tuple[str, str]]:
    line = ",".join(columns)
    if len(columns) == 1:
        for separator, name in SEPARATORS.items():
            if separator in line:
                yield "", f"has {name} between its columns; save it with commas"
                return
    if number not in columns:
        wanted = f"column {quoted(number)}" if number else "column with the number (call it Phone)"
        yield "", f"has no {wanted} in its first line, which is {quoted(line)}"
        return
    named, unnamed = without_unnamed_end(columns)
    if unnamed:
        yield "", f"has {unnamed} columns without a name at the end: remove the commas there, in every line"
    for column in named:
        if problem := line_problem(column) if column else "has no name":
            yield "", f"column {quoted(column)} {problem}"
    if twice := sorted({column for column in named if named.count(column) > 1}):
        yield "", f"has the same column twice: {', '.join(map(quoted, twice))}"
    rivals = [column for column in named if is_rival(column) and bare(column) not in _NUMBERS]
    if rivals and not is_named and bare(number) == "phone":
        which = ", ".join(map(quoted, [number, *rivals]))
        yield "", f"has several columns that could be the number: {which}. Rename or remove all but one"


def part(files: Files, path: str, at: str, number: str = "") -> PeoplePart:
    """The file at a path, checked. Raises Failure with every problem in it. `number`: as People has it."""
    found = files.part("csv", path, at)
    try:
        found = in_utf8(found)
        people = People(found.content, number)
        problems = people.problems
    except NotText as error:
        problems = [("", str(error))]
    if problems:
        found.content.close()
        listed = [{"at": at + place, "problem": problem} for place, problem in problems]
        raise Failure("invalid_arguments", "The CSV file cannot be used as it is.", problems=listed)
    remark = found.remark and "The CSV file is not UTF-8; it was read by its mark."
    return PeoplePart(**{**vars(found), "remark": remark, "people": people})
