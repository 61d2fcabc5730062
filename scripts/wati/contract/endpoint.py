"""The declaration of an endpoint: what is sent, where each argument goes, how the answer is read."""

from __future__ import annotations

import os

# Importing `typing` takes as long as starting Python. Type checkers treat this name like the real one.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from wati.contract.answer import Answer
    from wati.contract.omissions import Omission
    from wati.contract.types import Arguments, Confirms, Effect, Problem, Receivers
    from wati.contract.verdicts import Verdict

SKILL_FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))


class Endpoint:
    """One endpoint of Maton or WATI, as data.

    `method`, `path`: the request at WATI or Maton; `{member}` in the path is filled from the arguments.
    `query`, `form`, `json`: the names of the arguments that go there; None = the request has no such part.
    `defaults`: what is sent for a member that the arguments leave out or cannot name.
    `effect`: what a repeat does: nothing ("read"), nothing more ("write"), a second thing ("create") or a
    second message ("send"). "delete" removes something.
    `verdict`: judges an answer with a 2xx status.
    `checks`: rules about the arguments that JSON Schema cannot express (checks.py).
    `multiline`: the members that may contain line breaks, as paths such as `receivers[].name`.
    `items`: the dotted path of the list in the answer; "" = the answer has none.
    `members`: the documented members of an item of that list, for `--fields`.
    `omits`: the members of `data` that are left out, and when, by path (omissions.py).
    `by_change`: whether the list is sorted by last change, so it moves while it is read.
    `columns`: the members that get their own column when the list is written as CSV.
    `confirms`: what `--confirm` must repeat.
    `customer_text`: whether the answer contains text that customers wrote.
    `silent_rejection`: the hint for a rejection without a reason.
    `look_with`: the script that shows whether a call with an unknown outcome happened.
    `preflight`: the checks of a dry run, which also explain a rejection: names from calls/preconditions.py,
    or the endpoint's own function (context, findings).
    `flags`: the flags of this script that most others do not take.

    What is special about one endpoint is a function in its own script:
    `parts`: (arguments, files) -> the files to upload.
    `receivers`: (arguments, parts) -> everyone the call is about.
    `messages`: (call) -> what each receiver gets; the journal recognizes a send by it.
    `perform`: (context) -> the result, if the call is more than one request (calls/perform.py).
    """

    def __init__(
        self,
        *,
        name: str,
        method: str,
        path: str,
        effect: Effect,
        verdict: Callable[[Answer, Receivers], Verdict],
        query: tuple[str, ...] = (),
        form: tuple[str, ...] | None = None,
        json: tuple[str, ...] | None = None,
        defaults: Mapping[str, Any] | None = None,
        checks: tuple[Callable[[Arguments], Iterable[Problem]], ...] = (),
        multiline: tuple[str, ...] = (),
        items: str = "",
        members: tuple[str, ...] = (),
        omits: Mapping[str, Omission] | None = None,
        by_change: bool = False,
        columns: tuple[str, ...] = (),
        confirms: Confirms = "none",
        customer_text: bool = False,
        silent_rejection: str = "",
        look_with: str = "",
        messages: Callable[..., list[Any]] | None = None,
        preflight: tuple[str | Callable[..., None], ...] = (),
        flags: tuple[str, ...] = (),
        parts: Callable[..., list[Any]] | None = None,
        receivers: Callable[..., Receivers] | None = None,
        perform: Callable[..., Any] | None = None,
    ) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.effect = effect
        self.verdict = verdict
        self.query = query
        self.form = form
        self.json = json
        self.defaults = defaults or {}
        self.checks = checks
        self.multiline = multiline
        self.items = items
        self.members = members
        self.omits = omits or {}
        self.by_change = by_change
        self.columns = columns
        self.confirms = confirms
        self.customer_text = customer_text
        self.silent_rejection = silent_rejection
        self.look_with = look_with
        self.messages = messages
        self.preflight = preflight
        self.flags = flags
        self.parts = parts
        self.receivers = receivers
        self.perform = perform

    # Seconds for a call without --timeout; None = the gateway's own limit.
    default_timeout: float | None = None
    # The common flags that this script does not take.
    lacks: tuple[str, ...] = ()
    # The members of `data` that `--fields` always shows: they say how far the rest can be trusted.
    keeps: tuple[str, ...] = ()

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


class Helper(Endpoint):
    """A script that answers a question with several reads. It has an endpoint's contract, but no request.

    `perform`: makes the reads, in its own script. `connected`: whether it takes a connection.
    """

    lacks: tuple[str, ...] = ("dry-run", "raw")

    def __init__(
        self,
        *,
        name: str,
        perform: Callable[..., Any],
        connected: bool = False,
        default_timeout: float | None = None,
        customer_text: bool = False,
        checks: tuple[Callable[[Arguments], Iterable[Problem]], ...] = (),
        keeps: tuple[str, ...] = (),
    ) -> None:
        super().__init__(
            name=name,
            method="GET",
            path="/wati/",
            effect="read",
            verdict=_no_answer,
            perform=perform,
            customer_text=customer_text,
            checks=checks,
        )
        self.default_timeout = default_timeout
        self.keeps = keeps
        if not connected:
            self.lacks += ("connection",)

    @property
    def schema_file(self) -> str:
        return os.path.join(SKILL_FOLDER, "schemas", "helpers", self.name + ".json")

    @property
    def does(self) -> str:
        return "Only reads; sends and changes nothing at WATI."


def _no_answer(answer: Answer, receivers: Receivers) -> Verdict:
    raise NotImplementedError("the reads of a helper are judged one by one")


PAGE = {"pageSize": 20, "pageNumber": 1}  # always sent, because WATI's defaults differ from list to list
LISTING = ("all", "max-items", "output", "force")  # the flags of a list
