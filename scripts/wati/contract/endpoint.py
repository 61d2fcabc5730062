"""The declaration of an endpoint: what is sent, where each argument goes, how the answer is read."""

from __future__ import annotations

import os

from wati.contract.records import record

# Importing `typing` takes as long as starting Python. Type checkers treat this name like the real one.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from wati.contract.answer import Answer
    from wati.contract.omissions import Omission
    from wati.contract.types import Arguments, Confirms, Effect, Problem, Receivers
    from wati.contract.verdicts import Judge, Verdict

SKILL_FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))


@record
class Endpoint:
    """One endpoint of Maton or WATI, as data."""

    name: str
    method: str
    path: str  # `{member}` is filled from the arguments
    # What a repeat does: nothing ("read"), nothing more ("write"), a second thing ("create") or a second
    # message ("send"). "delete" removes something.
    effect: Effect
    verdict: Judge  # judges an answer with a 2xx status
    # The names of the arguments that go there; None = the request has no such part.
    query: tuple[str, ...] = ()
    form: tuple[str, ...] | None = None
    json: tuple[str, ...] | None = None
    defaults: Mapping[str, Any] = {}  # sent for a member that the arguments leave out or cannot name
    checks: tuple[Callable[[Arguments], Iterable[Problem]], ...] = ()  # what JSON Schema cannot express
    multiline: tuple[str, ...] = ()  # may contain line breaks; paths such as `receivers[].name`
    # Optional arguments without which the call would do or find more, or go to another number, by path: null
    # for one of these is refused. For any other it counts as absence.
    narrows: tuple[str, ...] = ()
    items: str = ""  # the dotted path of the list in the answer; "" = the answer has none
    members: tuple[str, ...] = ()  # the documented members of an item of that list, for `--fields`
    omits: Mapping[str, Omission] = {}  # which members of `data` are left out, and when, by path
    by_change: bool = False  # the list is sorted by last change, so it moves while it is read
    columns: tuple[str, ...] = ()  # the members that get their own column in a CSV
    attributes: str = ""  # the member of an item whose names and values get columns there, too
    confirms: Confirms = "none"  # what `--confirm` must repeat
    customer_text: tuple[str, ...] = ()  # of a read: the paths in `data` where text by customers can be
    silent_rejection: str = ""  # the hint for a rejection without a reason
    look_with: str = ""  # the script that shows whether a call with an unknown outcome happened
    # The checks of a dry run, which also explain a rejection: names from calls/preconditions.py, or the
    # endpoint's own function (context, findings).
    preflight: tuple[str | Callable[..., None], ...] = ()
    always: tuple[str, ...] = ()  # those of them that are made before every send, by name
    flags: tuple[str, ...] = ()  # those that most other scripts do not take
    endings: tuple[str, ...] = ()  # of the file that `--output` names, unless it is a list; none = any
    writes_file: bool = False  # even without `--output`
    lacks: tuple[str, ...] = ()  # the common flags that this script does not take
    lone: str = ""  # the argument that a single word without its name is, such as an id
    keeps: tuple[str, ...] = ()  # what `--fields` always shows: how far the rest can be trusted
    default_timeout: float | None = None  # seconds, without --timeout; None = the gateway's own limit
    # (arguments) -> the endpoint that a call with these arguments is of, if that depends on them
    by_arguments: Callable[[Arguments], Endpoint] | None = None
    meanings: Mapping[str, str] = {}  # what a flag does here, if it is not what it does elsewhere

    # What is special about one endpoint is a function in its own script.
    parts: Callable[..., list[Any]] | None = None  # (arguments, files) -> the files to upload
    receivers: Callable[..., Receivers] | None = None  # (arguments, parts) -> everyone the call is about
    only: Callable[..., list[Any]] | None = None  # (parts, kept) -> the files with only these receivers
    messages: Callable[..., Iterable[Any]] | None = None  # (call) -> what each receiver gets, for the journal
    perform: Callable[..., Any] | None = None  # (context) -> the result, if it takes more than one request
    # (context) -> what --confirm must repeat, if no argument says it; "" = nothing
    confirmation: Callable[..., str] | None = None

    @property
    def is_bulk(self) -> bool:
        return self.confirms in ("receivers", "records")

    @property
    def through_wati(self) -> bool:
        """Whether Maton forwards the request to WATI over a connection."""
        return self.path.startswith("/wati/")

    @property
    def schema_file(self) -> str:
        return os.path.join(SKILL_FOLDER, "schemas", self.name + ".json")

    @property
    def help_file(self) -> str:
        return os.path.join(SKILL_FOLDER, "schemas", "help", self.name + ".txt")

    @property
    def does(self) -> str:
        return f"Sends {self.method} {self.path} (effect: {self.effect})."


def _no_answer(answer: Answer, receivers: Receivers) -> Verdict:
    raise NotImplementedError("the reads of a helper are judged one by one")


@record
class Helper(Endpoint):
    """A script that answers a question with several reads, or does more than one request can."""

    method: str = "GET"
    path: str = "/wati/"
    effect: Effect = "read"
    verdict: Judge = _no_answer
    lacks: tuple[str, ...] = ("dry-run", "raw")

    @property
    def schema_file(self) -> str:
        return os.path.join(SKILL_FOLDER, "schemas", "helpers", self.name + ".json")

    @property
    def does(self) -> str:
        if self.effect == "read":
            return "Only reads; sends and changes nothing at WATI."
        if self.effect == "write" and not self.path:
            return "Sends and changes nothing at WATI (effect: write)."
        return super().does if self.path else "Sends by send_template_messages_v2.py (effect: send)."


PAGE = {"pageSize": 20, "pageNumber": 1}  # always sent, because WATI's defaults differ from list to list
LISTING = ("all", "max-items", "output", "force")  # the flags of a list
WORKING = ("detach", "until-idle")  # those of campaigns
