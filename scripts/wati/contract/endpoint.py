"""The declaration of one endpoint: what is sent, where each argument travels, how the answer is read."""

from __future__ import annotations

import os

# `typing` alone costs as much as starting Python does; type checkers take this name for the real one.
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

    `method`, `path`: the native request; `{member}` in the path is filled from the arguments.
    `query`, `form`, `json`: the arguments that travel there, by name; None = no such part of the request.
    `defaults`: what is sent for a member that the arguments leave out (or cannot name).
    `effect`: what repeating the call does: nothing ("read"), nothing more ("write"), a second thing
    ("create"), a second message ("send"), or it removes something ("delete").
    `verdict`: reads an answer with a 2xx status.
    `checks`: what JSON Schema cannot say about the arguments.
    `multiline`: the members that may hold line breaks, as paths such as `receivers[].name`.
    `items`: where in the answer the list is, as a dotted path; "" = the answer is no list.
    `members`: the documented members of an item of that list, for `--fields`.
    `omits`: the members of the answer that say nothing, and when, by path from inside `data` (omissions.py).
    `by_change`: whether that list is sorted by last change, so that it moves while it is read.
    `columns`: the members that have a column of their own when the list is written as CSV.
    `confirms`: what `--confirm` must repeat.
    `customer_text`: the answer holds text that customers wrote.
    `silent_refusal`: what it can mean if the far side rejects the call without a reason.
    `look_with`: the script that shows whether a call with an unknown outcome happened.
    `preflight`: what a dry run checks, and what explains a rejection: names from calls/preconditions.py, or
    the endpoint's own function of the call's context and the findings.
    `flags`: the flags that only this script takes.

    What is odd about one endpoint is a function in its own script: `parts`: (arguments, files) -> the files
    to upload. `receivers`: (arguments, parts) -> everyone it is about. `messages`: (call) -> what each
    receiver gets; the journal remembers a send by it. `perform`: (context) -> the result, if one request is
    not all (calls/perform.py).
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
        silent_refusal: str = "",
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
        self.silent_refusal = silent_refusal
        self.look_with = look_with
        self.messages = messages
        self.preflight = preflight
        self.flags = flags
        self.parts = parts
        self.receivers = receivers
        self.perform = perform

    # Seconds that a call may take without --timeout; None = the gateway's own bound.
    patience: float | None = None
    # The flags of every script that this one does not take.
    lacks: tuple[str, ...] = ()
    # What `--fields` never leaves out of `data`: how far the rest can be trusted.
    keeps: tuple[str, ...] = ()

    @property
    def through_wati(self) -> bool:
        """Whether Maton passes the request on to WATI over a connection."""
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
    """A script with the same contract that is no endpoint: it answers a question by several reads.

    `perform`: asks them, in its own script. `connected`: whether it takes a connection. `keeps`: the members
    of `data` that `--fields` never leaves out.
    """

    lacks: tuple[str, ...] = ("dry-run", "raw")

    def __init__(
        self,
        *,
        name: str,
        perform: Callable[..., Any],
        connected: bool = False,
        patience: float | None = None,
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
        self.patience = patience
        self.keeps = keeps
        if not connected:
            self.lacks += ("connection",)

    @property
    def schema_file(self) -> str:
        return os.path.join(SKILL_FOLDER, "schemas", "helpers", self.name + ".json")

    @property
    def does(self) -> str:
        return "Only reads: it sends and changes nothing at WATI."


def _no_answer(answer: Answer, receivers: Receivers) -> Verdict:
    raise NotImplementedError("a helper's reads are judged one by one")


PAGE = {"pageSize": 20, "pageNumber": 1}  # always sent: WATI's own default differs between its lists
LISTING = ("all", "max-items", "output", "force")  # the flags of a list
