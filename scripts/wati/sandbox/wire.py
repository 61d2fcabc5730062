"""What crosses the wire, without an HTTP library: a call in, an answer out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from .formats import dumps

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Call:
    """One request. `path` is as sent (percent-encoded); header names are lower case."""

    method: str
    path: str
    query_string: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query_string, keep_blank_values=True)

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters, by lower-case name."""
        return by_name(self.query_pairs)


def by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The first value of each name, in lower case: ASP.NET binds without regard to case."""
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name.lower(), value)
    return found


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


class Rejected(Exception):
    """The sandbox says no; what the handler did so far is undone."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def reply(document: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, dumps(document).encode("utf-8"), JSON, headers)


def reject(document: Any, status: int = 200, **headers: str) -> NoReturn:
    raise Rejected(reply(document, status, **headers))


class Problems:
    """Model errors as ASP.NET reports them: all at once, under one 400."""

    def __init__(self) -> None:
        self.errors: dict[str, list[str]] = {}

    def add(self, at: str, problem: str) -> None:
        self.errors.setdefault(at, []).append(problem)

    def text(
        self, holder: Mapping[str, Any], key: str, *, at: str = "", needed: bool = True, longest: int = 0
    ) -> str:
        """The string under `key`; an empty one is the same as none."""
        place, value = f"{at}{key}", holder.get(key)
        if value is None or value == "":
            if needed:
                self.add(place, f"The {key} field is required.")
            return ""
        if not isinstance(value, str):
            self.add(place, "The JSON value could not be converted to System.String.")
            return ""
        if longest and len(value) > longest:
            self.add(place, f"The field {key} must be a string with a maximum length of {longest}.")
        return value

    def objects(
        self, holder: Mapping[str, Any], key: str, *, at: str = "", needed: bool = True
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """The objects of the list under `key`, each with the path to its members."""
        place, items = f"{at}{key}", holder.get(key)
        if items is None:
            if needed:
                self.add(place, f"The {key} field is required.")
        elif not isinstance(items, list):
            self.add(place, "The JSON value could not be converted to a list.")
        else:
            for index, item in enumerate(items):
                if isinstance(item, dict):
                    yield f"{place}[{index}].", item
                else:
                    self.add(f"{place}[{index}]", "The JSON value could not be converted to an object.")


def problem(at: str, text: str) -> NoReturn:
    """Reject a call for one problem."""
    _invalid({at: [text]})


@contextmanager
def checking() -> Iterator[Problems]:
    """Collect problems in the block; reject the call with all of them at its end."""
    problems = Problems()
    yield problems
    if problems.errors:
        _invalid(problems.errors)


def _invalid(errors: dict[str, list[str]]) -> NoReturn:
    form = "https://tools.ietf.org/html/rfc7231#section-6.5.1"
    title = "One or more validation errors occurred."
    reject({"type": form, "title": title, "status": 400, "errors": errors}, 400)
