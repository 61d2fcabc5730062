"""WATI_BLOCKED_RECIPIENTS: who is never messaged, under any spelling of their number."""

from __future__ import annotations

import os

from wati.contract.numbers import person, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def file_of(text: str) -> str:
    """The file that the variable names as @FILE; "" if it names none."""
    text = text.strip()
    return os.path.expanduser(text[1:]) or os.curdir if text.startswith("@") else ""


def entries(text: str) -> list[str]:
    """The entries of the variable, or of the file that it names as @FILE. Raises OSError or ValueError.

    In a file, line breaks separate entries, too, and a line that begins with # is a comment.
    """
    if path := file_of(text):
        with open(path, encoding="utf-8-sig") as file:
            text = ",".join(line for line in file if not line.lstrip().startswith("#"))
    return [entry for part in text.split(",") if (entry := part.strip())]


class Blocked:
    """The list, ready to be asked about each of a hundred thousand receivers."""

    def __init__(self, listed: Iterable[str]) -> None:
        self.entries = list(listed)
        self._everyone = "*" in self.entries
        self._prefixes = tuple(entry[:-1] for entry in self.entries if entry.endswith("*"))
        self._persons = {person(entry) for entry in self.entries}
        self.ids = [entry for entry in self.entries if not entry.rstrip("*").isdigit() and entry != "*"]

    def __contains__(self, receiver: object) -> bool:
        """A pattern holds for numbers; `*` alone for everyone, ids included."""
        name = str(receiver)
        if self._everyone or person(name) in self._persons:
            return True
        is_number = name.isascii() and name.isdigit() and len(name) <= 15
        return is_number and any(each.startswith(self._prefixes) for each in spellings(name))
