"""The rows of a list as the lines of a file: JSON Lines, or CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import re
from typing import Any

from wati.files.download import not_allowed
from wati.output.rendering import render

REST = "rest"  # the column that holds what has none of its own
# A cell that begins so is run by spreadsheets as a formula (OWASP, "CSV Injection"), also after spaces and in
# the wide form of the characters. Apostrophes before it count, so that taking one off gives back every text.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# What not every reader of CSV takes, or UTF-8 cannot carry, goes to the column of JSON.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class JsonLines:
    """One JSON object a line."""

    head = b""

    def line(self, row: Any) -> bytes:
        return render(row).encode() + b"\n"


class Csv:
    """Fixed columns, and one of JSON for the rest, so that nothing is lost.

    With a byte order mark: without it Excel takes UTF-8 for the machine's old encoding.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self.head = "\ufeff".encode() + _record([*columns, REST])

    def line(self, row: Any) -> bytes:
        members = dict(row) if isinstance(row, dict) else {"": row}
        cells = [_cell(members.pop(name)) if _fits(members.get(name)) else "" for name in self._columns]
        return _record([*cells, render(members) if members else ""])


def form(path: str, columns: tuple[str, ...]) -> JsonLines | Csv:
    """The form that a file's ending asks for. Raises `file_not_allowed` where it asks for none."""
    ending = os.path.splitext(path)[1].lower()
    if ending == ".jsonl":
        return JsonLines()
    if ending == ".csv":
        return Csv(columns)
    problem = "needs a name that ends in .jsonl (JSON Lines) or .csv"
    raise not_allowed("--output", problem, hint="Name the file so; spreadsheets open .csv.")


def _fits(value: Any) -> bool:
    """Whether a value can stand in a column of its own and be read back from there."""
    if isinstance(value, str):
        return value != "" and not _UNFIT.search(value)
    return isinstance(value, (bool, int, float))


def _cell(value: Any) -> str:
    if not isinstance(value, str):
        return render(value)
    return f"'{value}" if _FORMULA.match(value) else value


def _record(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()
