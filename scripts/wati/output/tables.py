"""The items of a list as the lines of a file: JSON Lines, or CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import re
from typing import Any

from wati.files.download import not_allowed
from wati.output.rendering import render

REST = "rest"  # the column for all members that have none of their own
# Spreadsheets run a cell that begins like this as a formula (OWASP, "CSV Injection"), also after spaces and
# with the wide forms of the characters. Leading apostrophes count, so that removing one restores every text.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# Some CSV readers reject these characters, or UTF-8 cannot encode them: such a text goes into REST.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class JsonLines:
    """One JSON object per line."""

    head = b""

    def line(self, row: Any) -> bytes:
        return render(row).encode() + b"\n"


class Csv:
    """Fixed columns, and one with JSON for the rest, so nothing is lost.

    The file has a byte order mark: without it, Excel takes UTF-8 for an older encoding.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self.head = "\ufeff".encode() + _record([*columns, REST])

    def line(self, row: Any) -> bytes:
        members = dict(row) if isinstance(row, dict) else {"": row}
        cells = [_cell(members.pop(name)) if _fits(members.get(name)) else "" for name in self._columns]
        return _record([*cells, render(members) if members else ""])


def form(path: str, columns: tuple[str, ...]) -> JsonLines | Csv:
    """The form that a file's ending asks for. Raises `file_not_allowed` for any other ending."""
    ending = os.path.splitext(path)[1].lower()
    if ending not in (".jsonl", ".csv"):
        problem = "needs a name that ends in .jsonl (JSON Lines) or .csv"
        raise not_allowed("--output", problem, hint="Change the ending. Spreadsheets open .csv.")
    return Csv(columns) if ending == ".csv" else JsonLines()


def _fits(value: Any) -> bool:
    """Whether a value can have a column of its own and be read back from there."""
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
