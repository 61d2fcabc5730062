"""What a question is, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.contract.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    # "read" changes nothing, "change" changes a contact or a connection, "send" may bring a message
    Kind = Literal["read", "change", "send"]

V1, V2 = "/wati/api/v1", "/wati/api/v2"
# What no account has, and says whose it is.
NOTHING = "wati-probe-nothing"
NO_ID = "0" * 24
NO_NUMBER = "10000000000"  # no country code is followed by a zero in North America
ATTRIBUTE = "wati_probe"  # of the contact; empty again at the end


@record
class Question:
    """One request, and what its answer settles.

    `{member}` in the target, the headers and the body is what is known by then (probe/known.py); what needs
    something that is not known is not asked.
    """

    id: str
    row: str  # how the row of references/sandbox.md begins, without backticks
    method: str
    target: str
    kind: Kind = "read"
    json: Any = None
    form: Mapping[str, str] | None = None
    file: tuple[str, str, str, str] | None = None  # part, file name, content type, content
    headers: Mapping[str, str | None] = {}
    needs: tuple[str, ...] = ()  # what has to be known, beside what stands in the request
    learns: str = ""  # the function of probe/known.py that takes more from the answer
    parts: tuple[str, ...] = ()  # of the answer, that settle the row; none = see `compares`
    notes: tuple[str, ...] = ()  # the functions of probe/notes.py, each with its argument
    whole: bool = True  # the row says no more than what its questions ask
    undoes: str = ""  # the question whose effect this takes back: asked even when the time is over
    times: int = 1  # how often, as fast as it goes; the last answer counts

    @property
    def compares(self) -> tuple[str, ...]:
        return self.parts or ("status", "notes" if self.notes else "body")


def read(id: str, row: str, target: str, **more: Any) -> Question:
    return Question(id, row, "GET", target, **more)


def change(id: str, row: str, target: str, **more: Any) -> Question:
    return Question(id, row, "POST", target, "change", **more)


def send(id: str, row: str, target: str, **more: Any) -> Question:
    return Question(id, row, "POST", target, "send", **more)
