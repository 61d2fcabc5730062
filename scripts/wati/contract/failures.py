"""The closed table of everything that can go wrong: code, exit status, and what to do about it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from wati.contract.types import Problem

EXITS = {
    0: "done, accepted",
    1: "a bug in this package",
    2: "the arguments are wrong or not allowed; nothing was sent",
    3: "the setup is wrong; nothing was sent",
    4: "Maton or WATI refused; nothing was delivered",
    5: "rate limited, and the time allowed ran out; nothing was sent",
    6: "network or server trouble on a call that is safe to repeat",
    7: "it may have happened: do not repeat it; check",
    8: "some receivers accepted, some not",
}

# code: (exit status, the hint that is given where the failure has no better one)
FAILURES = {
    "internal": (
        1,
        "This is a bug in the wati package. Run again with --verbose and report what stderr shows.",
    ),
    "invalid_json": (
        2,
        "Give one JSON object: as the first argument, as @path, or on standard input with -.",
    ),
    "invalid_arguments": (
        2,
        "Mend every problem listed, then run it again. --schema prints what is allowed.",
    ),
    "usage": (2, "--help shows how this script is run."),
    "file_unreadable": (2, "Give the path of a file that exists, can be read and is not empty."),
    "file_not_allowed": (
        2,
        "Use a file below WATI_FILE_ROOTS (by default the current folder) that is not hidden.",
    ),
    "confirmation_required": (2, "Show the user what will happen; once they agree, run it with --confirm."),
    "recipient_not_allowed": (2, "WATI_ALLOWED_RECIPIENTS decides who may be messaged; ask who set it."),
    "read_only": (2, "WATI_READ_ONLY is set: only scripts whose effect is read run. Ask who set it."),
    "repeated_send": (2, "The same send was made a moment ago."),
    "preflight_failed": (2, "Mend every problem listed, then run the dry run again."),
    "missing_key": (
        3,
        "Set MATON_API_KEY (OpenClaw: skills.entries.wati.apiKey), or MATON_API_KEY=sandbox to try it.",
    ),
    "missing_dependency": (3, "Install what requirements.txt lists, or run the script with `uv run`."),
    "bad_setup": (3, "Mend the environment variables listed."),
    "unauthorized": (3, "Check MATON_API_KEY; if it is right, the WATI connection needs authorizing anew."),
    "forbidden": (3, "The key or the WATI token may not do this. Ask who manages the Maton account."),
    "connection_missing": (
        3,
        "List connections with list_connections.py; make one with create_connection.py.",
    ),
    "connection_ambiguous": (
        3,
        "Ask the user which account is meant (get_contacts.py --connection ID shows who is in it).",
    ),
    "rejected": (4, "Read the message, mend the cause, and only then run it again."),
    "session_closed": (
        4,
        "The 24-hour window is closed: only an approved template (send_template_message.py) is possible. "
        "If none says what is meant, tell the user.",
    ),
    "template_rejected": (
        4,
        "Only an APPROVED template can be sent, with exactly its parameters, none blank: see "
        "get_message_templates.py. Do not send another one in its place without asking.",
    ),
    "invalid_recipient": (4, "Check the number: country code and digits, on WhatsApp."),
    "not_found": (4, "Check the id or name; list what exists first."),
    "rate_limited": (5, "Wait, then run it again: nothing was sent. --timeout SECONDS allows longer waits."),
    "unreachable": (6, "Check the network, then run it again."),
    "timeout": (6, "Run it again, with a longer --timeout if it keeps happening."),
    "upstream_error": (
        6,
        "Run it again later. A 500 that stays can mean that the WATI connection has expired.",
    ),
    "bad_answer": (6, "Run it again; --verbose shows the answer."),
    "outcome_unknown": (7, "Do not run it again. Look first whether it happened."),
    "partial": (
        8,
        "Do not run it again as it is: deal with the receivers that were not accepted, one by one.",
    ),
}

MOST_PROBLEMS = 50  # that a failure lists beyond those of the arguments: 1,000 receivers can have one each

# A write that failed after an attempt had left: the table's own hints speak of calls that did not happen.
SAFE_TO_REPEAT = "An attempt may have taken effect. Run it again: repeating it changes nothing more."

# Why WATI may reject a conversation without a reason. Support said so about accounts with several WhatsApp
# numbers: only contacts of the primary one are found.
NO_CONVERSATION = (
    "There may be no contact with this number, or the contact belongs to another number of the account."
)

# What an exit status says about the customer's side, where the failure itself does not know better.
_OUTCOMES = {
    1: "not_sent",
    2: "not_sent",
    3: "not_sent",
    4: "rejected",
    5: "not_sent",
    6: "unknown",
    7: "unknown",
}


class Failure(Exception):
    """One failure from the table, with all that is known of it.

    `source`: who says so (arguments, setup, network, maton, wati, package). `problems`: every one found,
    `{"at", "problem"}`, with a `code` where a dry run or a look behind a refusal found it (preflight.CODES);
    `more_problems`: how many are left out. `warnings`: what a dry run could not find out. `answer`: the body
    behind it. `retry_after`: seconds that the far side asks to wait. `page`, `items`: how far a list was
    read, and what was read of it. `notices`: what the document has to say beside the error.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        source: str = "",
        outcome: str = "",
        http_status: int | None = None,
        problems: list[Problem] | None = None,
        warnings: list[str] | None = None,
        receivers: dict[str, list[str]] | None = None,
        answer: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.exit, default_hint = FAILURES[code]
        self.hint = hint or default_hint
        self.source = source or {1: "package", 2: "arguments", 3: "setup"}.get(self.exit, "network")
        self.outcome = outcome or ("partial" if code == "partial" else _OUTCOMES[self.exit])
        self.http_status = http_status
        self.problems = problems or []
        self.more_problems = 0
        self.warnings = warnings or []
        self.receivers = receivers
        self.answer = answer
        self.retry_after = retry_after
        self.page: dict[str, Any] | None = None
        self.items: list[Any] | None = None
        self.notices: list[str] = []

    def document(self) -> dict[str, Any]:
        """The `error` object of the output, without members that say nothing."""
        members = {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "source": self.source,
            "outcome": self.outcome,
            "http_status": self.http_status,
            "retry_after": self.retry_after,
            "problems": self.problems or None,
            "more_problems": self.more_problems or None,
            "warnings": self.warnings or None,
            "receivers": self.receivers,
            "answer": self.answer,
            "page": self.page,
            "items": self.items,
        }
        return {name: value for name, value in members.items() if value is not None}


def bug(error: Exception) -> Failure:
    """The failure of a call that a bug in this package ended before anything left."""
    return Failure("internal", place_of(error), outcome="not_sent", source="package")


def place_of(error: Exception) -> str:
    """Which error, and where; not its message, which may hold anything."""
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, line {place.lineno}."
