"""What a dry run found: problems, warnings and facts. Data that the checks add to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wati.contract.call import Call
    from wati.contract.failures import Failure
    from wati.contract.types import Problem

# The closed table of a problem's `code`, each with a sentence for references/errors.md.
CODES = {
    "connection_missing": "there is no such connection, or none that is ACTIVE",
    "connection_ambiguous": "several connections are ACTIVE, and none is named",
    "connection_not_active": "the connection that is named is PENDING or FAILED",
    "template_missing": "the account has no template of that name",
    "template_not_approved": "the template is not APPROVED, and only those can be sent",
    "parameter_missing": "a parameter of the template gets no value",
    "parameter_unknown": "a value is for a parameter that the template does not have",
    "parameter_unsendable": "WATI would accept the value, and WhatsApp would fail the message",
    "window_closed": "the customer's last message is older than 24 hours",
    "conversation_missing": "WATI finds no contact with this number",
    "file_type": "WhatsApp does not take the file's type, or its content is not what its ending says",
    "file_too_large": "the file is larger than WhatsApp takes",
    "file_not_allowed": "the file to write may not be written, or exists already",
    "repeated_send": "the journal has the same message to the same receiver, and would stop this one",
    "look_up_failed": "a read failed, so something could not be looked at",
}


class Findings:
    """What the checks saw. `invalid`: the places that the arguments' own checks refused.

    `hint`: what else could be done. `can_ask`: whether there is a key, and a connection to ask over.
    `unread`: the reads that failed.
    """

    def __init__(self, *, can_ask: bool, invalid: list[Problem] | None = None) -> None:
        self.can_ask = can_ask
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.facts: dict[str, Any] = {}
        self.hint = ""
        self.unread: list[Failure] = []
        self._invalid = {problem["at"] for problem in invalid or []}

    def add(self, at: str, code: str, problem: str) -> None:
        self.problems.append({"at": at, "problem": problem, "code": code})

    def valid(self, call: Call, name: str) -> str:
        """An argument that is a text, and that nothing is wrong with; else ""."""
        value = call.arguments.get(name)
        return value if isinstance(value, str) and f"$.{name}" not in self._invalid else ""
