"""The items of a list as the lines of a file: JSON Lines, or CSV for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from typing import Any, BinaryIO

from wati.files.download import not_allowed
from wati.output.rendering import render

MOST_ATTRIBUTES = 500  # that have a column of their own; spreadsheets have room for more
_LONGEST_NAME = 256
_IN_MEMORY = 1024 * 1024  # bytes; a longer list waits on the disk
REST = "rest"  # the column for all members that have none of their own
# Spreadsheets run a cell that begins like this as a formula (OWASP, "CSV Injection"), also after spaces and
# with the wide forms of the characters. Leading apostrophes count, so that removing one restores every text.
_FORMULA = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# Some CSV readers reject these characters, or UTF-8 cannot encode them: such a text goes into REST.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


class JsonLines:
    """One JSON object per line."""

    def __init__(self, handle: BinaryIO) -> None:
        self._handle = handle

    def add(self, row: Any) -> None:
        self._handle.write(render(row).encode() + b"\n")

    def finish(self) -> None:
        """Every row is written already."""

    def close(self) -> None:
        """Nothing is kept."""


class Csv:
    """Fixed columns, one for each attribute, and one with JSON for the rest, so nothing is lost.

    The columns are known only at the end, so the rows wait in a temporary file: memory does not grow with
    them. The file has a byte order mark: without it, Excel takes UTF-8 for an older encoding.
    """

    def __init__(self, handle: BinaryIO, columns: tuple[str, ...], attributes: str) -> None:
        self._handle = handle
        self._columns = columns
        self._attributes = attributes  # the member with the list of attributes; "" = there is none
        self._headers: dict[str, str] = {}  # of the columns for attributes, by the attribute's name
        self._rows = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 (close)

    def add(self, row: Any) -> None:
        for pair in _pairs(row, self._attributes):
            self._header_for(pair.get("name"))
        self._rows.write(render(row).encode() + b"\n")

    def finish(self) -> None:
        header = [*self._columns, *map(_cell, self._headers.values()), REST]
        self._handle.write("\ufeff".encode() + _record(header))
        self._rows.seek(0)
        for line in self._rows:
            self._handle.write(self._line(json.loads(line)))

    def close(self) -> None:
        self._rows.close()

    def _header_for(self, name: Any) -> None:
        is_known = not isinstance(name, str) or name in self._headers
        if is_known or len(self._headers) == MOST_ATTRIBUTES or not _fits(name) or len(name) > _LONGEST_NAME:
            return
        taken = {*self._columns, REST, *self._headers.values()}
        header = f"{self._attributes}.{name}" if name in taken else name
        if header not in taken:
            self._headers[name] = header

    def _line(self, row: Any) -> bytes:
        members = dict(row) if isinstance(row, dict) else {"": row}
        values: dict[str, str] = {}
        others = []
        for pair in _pairs(row, self._attributes):
            name, value = pair.get("name"), pair.get("value", "")
            is_plain = (
                pair.keys() <= {"name", "value"} and isinstance(value, str) and not _UNFIT.search(value)
            )
            if is_plain and name in self._headers and name not in values:
                values[name] = value
            else:
                others.append(pair)
        if values:
            del members[self._attributes]
            members |= {self._attributes: others} if others else {}
        cells = [_cell(members.pop(name)) if _fits(members.get(name)) else "" for name in self._columns]
        cells += [_cell(values.get(name, "")) for name in self._headers]
        return _record([*cells, render(members) if members else ""])


def check(path: str) -> None:
    """Raises `file_not_allowed` if a file's ending asks for no form that there is."""
    if _ending(path) not in (".jsonl", ".csv"):
        problem = "needs a name that ends in .jsonl (JSON Lines) or .csv"
        raise not_allowed("--output", problem, hint="Change the ending. Spreadsheets open .csv.")


def form(path: str, handle: BinaryIO, columns: tuple[str, ...], attributes: str) -> JsonLines | Csv:
    """The form that a file's ending asks for."""
    return Csv(handle, columns, attributes) if _ending(path) == ".csv" else JsonLines(handle)


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _pairs(row: Any, attributes: str) -> list[dict[str, Any]]:
    """The attributes of a row; none if the member has another form, which then goes into REST."""
    found = row.get(attributes) if attributes and isinstance(row, dict) else None
    return found if isinstance(found, list) and all(isinstance(pair, dict) for pair in found) else []


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
