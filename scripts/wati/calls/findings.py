"""What a dry run found: problems, warnings and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wati.contract.call import Call
    from wati.contract.failures import Failure
    from wati.contract.types import Problem

# The closed table of a problem's `code`, each with a sentence for references/errors.md.
CODES = {
    "connection_missing": "there is no such connection, or none that is ACTIVE",
    "connection_ambiguous": "several connections are ACTIVE, and none is named",
    "connection_not_active": "the named connection is PENDING or FAILED",
    "template_missing": "the account has no template of that name",
    "template_not_approved": "the template is not APPROVED, and only those can be sent",
    "parameter_missing": "a parameter of the template gets no value",
    "parameter_unknown": "a value is for a parameter that the template does not have",
    "parameter_unsendable": "WATI would accept the value, and WhatsApp would fail the message",
    "window_closed": "the customer's last message is older than 24 hours",
    "conversation_missing": "WATI finds no contact with this number",
    "file_type": "WhatsApp does not accept this type of file, or its content does not match its ending",
    "file_too_large": "the file is larger than WhatsApp accepts",
    "file_not_allowed": "the output file is not allowed, or already exists",
    "repeated_send": "the journal has the same message to the same receiver, and would refuse this one",
    "member_unknown": "a parameter of a plan names a member that nobody in the audience has",
    "audience_empty": "a plan would send to nobody, or an import has nobody to add or update",
    "column_missing": "the mapping of an import names a column that the file does not have",
    "attribute_near": "an import makes an attribute with nearly the name of one that contacts have",
    "look_up_failed": "a read failed, so something could not be checked",
}


class Findings:
    """What the checks found; each check adds to it.

    `invalid`: the problems of the arguments themselves; `all_valid`: there are none. `hint`: what could be
    done instead. `newest`: the customer's newest message, if it was read. `can_ask`: whether there is a key,
    and a connection to read over. `failed_reads`: the reads that failed. `is_last_look`: the checks are made
    right before a send, so they read as little as possible. `unlisted`: how many more problems there are.
    """

    def __init__(self, *, can_ask: bool, invalid: Sequence[Problem] = (), is_last_look: bool = False) -> None:
        self.can_ask = can_ask
        self.is_last_look = is_last_look
        self.problems: list[Problem] = []
        self.unlisted = 0
        self.warnings: list[str] = []
        self.facts: dict[str, Any] = {}
        self.hint = ""
        self.newest: dict[str, Any] | None = None
        self.failed_reads: list[Failure] = []
        self.all_valid = not invalid
        self._invalid = {problem["at"] for problem in invalid}

    def add(self, at: str, code: str, problem: str) -> None:
        self.problems.append({"at": at, "problem": problem, "code": code})

    def valid(self, call: Call, name: str) -> str:
        """An argument, if it is a text and has no problem; else ""."""
        value = call.arguments.get(name)
        return value if isinstance(value, str) and f"$.{name}" not in self._invalid else ""
