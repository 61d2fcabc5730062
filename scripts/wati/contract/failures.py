"""The closed table of failures: code, exit status, and what to do."""

from __future__ import annotations

from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wati.contract.types import Problem

EXITS = {
    0: "done, or accepted (not yet delivered)",
    1: "a bug in this package",
    2: "the arguments are wrong or not allowed; nothing was sent",
    3: "the setup is wrong; nothing was sent",
    4: "Maton or WATI rejected the call; nothing was delivered",
    5: "rate limited, and the time allowed ran out; nothing was sent",
    6: "network or server trouble (run it again)",
    7: "it may have happened: do not repeat it; check",
    8: "some receivers accepted, some not",
}

# exit status: {code: the hint if the failure has no better one}
_HINTS = {
    1: {
        "internal": (
            "This is a bug in the wati package: report it with what --verbose shows. Do not repeat a send "
            "before someone has looked for it."
        ),
    },
    2: {
        "invalid_json": (
            "Pass name=value words, or one JSON object: as the first argument, as @FILE, or - for standard "
            "input. --help shows an example."
        ),
        "invalid_arguments": (
            "Fix every problem listed, then run it again. Ask the user for customer data; never guess it. "
            "--schema shows what is allowed."
        ),
        "usage": "--help shows how to run this script.",
        "file_unreadable": "Name a file that exists, can be read and is not empty.",
        "file_not_allowed": (
            "Use a file inside WATI_FILE_ROOTS (by default the current folder) that is not hidden. If the "
            "file exists, --force overwrites it."
        ),
        "confirmation_required": (
            "Show the user what will happen. After their yes, run it with --confirm VALUE; --dry-run shows "
            "the value."
        ),
        "recipient_not_allowed": (
            "WATI_ALLOWED_RECIPIENTS limits who may be messaged. Ask the person who set it; do not work "
            "around it."
        ),
        "read_only": (
            "WATI_READ_ONLY is set, so only scripts with the effect read run. Ask the person who set it; do "
            "not work around it."
        ),
        "plan_exists": (
            "Use another name for another plan. campaign_status.py shows the plans that there are."
        ),
        "repeated_send": "Do not send it again unless the user wants a second message.",
        "preflight_failed": (
            "Fix every problem listed, then repeat the dry run. Tell the user what only they can fix, such "
            "as a rejected template."
        ),
    },
    3: {
        "missing_key": (
            "The user has to set MATON_API_KEY (OpenClaw: skills.entries.wati.apiKey). To try the skill, set "
            "MATON_API_KEY=sandbox."
        ),
        "missing_dependency": "Run the script with `uv run`, or install what requirements.txt lists.",
        "bad_setup": "Fix the environment variables listed, or ask the user to.",
        "unauthorized": (
            "The user has to check MATON_API_KEY. If it is right, authorize the WATI connection again with "
            "create_connection.py."
        ),
        "forbidden": (
            "The key or the WATI token may not do this. Ask the person who manages the Maton account."
        ),
        "connection_missing": (
            "list_connections.py shows the connections. create_connection.py makes one; the user has to open "
            "its link."
        ),
        "connection_ambiguous": (
            "Ask the user which account to use, then add --connection ID. get_contacts.py --connection ID "
            "shows who is in it."
        ),
    },
    4: {
        "rejected": (
            "Read the message and fix the cause before you run it again. Tell the user what only they can "
            "fix."
        ),
        "session_closed": (
            "The 24-hour window is closed. Send an APPROVED template with send_template_message.py. If none "
            "says what the user means, tell them."
        ),
        "template_rejected": (
            "Only an APPROVED template can be sent, with exactly its parameters and none blank: see "
            "get_message_templates.py. Someone with access to WATI has to fix a template that is not "
            "approved. Do not send another one without asking."
        ),
        "invalid_recipient": (
            "Check the number with the user: country code and digits, registered on WhatsApp."
        ),
        "not_found": "List what exists, then use an id or name from there.",
    },
    5: {"rate_limited": "Nothing was sent. Wait, then run it again; --timeout SECONDS allows longer waits."},
    6: {
        "unreachable": "Check the network, then run it again.",
        "timeout": "Run it again. If this happens again, use a longer --timeout.",
        "upstream_error": (
            "Run it again later. If HTTP 500 persists, the WATI connection may have expired; the user can "
            "authorize it again."
        ),
        "bad_answer": "Run it again. --verbose shows the answer.",
        "journal_busy": "Run it again in a moment; --timeout SECONDS waits longer.",
        "ledger_unavailable": "Run it again in a moment: it goes on where it was.",
    },
    7: {
        "outcome_unknown": (
            "Do not run it again. First find out whether it happened: check_send.py lists unresolved sends."
        ),
    },
    8: {
        "partial": (
            "Do not run it again as it is. Send again only to the receivers under rejected, once fixed. For "
            "those under unknown, find out whether it happened."
        ),
    },
}
FAILURES = {code: (exit, hint) for exit, hints in _HINTS.items() for code, hint in hints.items()}

MOST_PROBLEMS = 50  # listed beyond those of the arguments; each of 1,000 receivers can have one

# For a write that failed after an attempt had left: the table's hints are for calls that did not happen.
SAFE_TO_REPEAT = "It may have taken effect already. Run it again: a repeat changes nothing more."

# Said of a create, a send or a delete that had left.
OUTCOME_UNKNOWN = "It is not known whether it happened."

# For a web page under a 4xx status.
SERVER_ON_THE_WAY = (
    "A proxy, firewall or login page answered in place of Maton or WATI. Check the network, then run it "
    "again."
)

# For a MATON_BASE_URL where nothing answers: only a sandbox on this machine can be there.
NO_SANDBOX = "Start the sandbox at MATON_BASE_URL with `sandbox.py serve`, or unset the variable."

# For a conversation that WATI rejects without a reason. If an account has several WhatsApp numbers, only the
# contacts of the primary one are found (reported by WATI's support).
NO_CONVERSATION = (
    "WATI may have no contact with this number, or the contact may belong to another WhatsApp number of the "
    "account: channelPhoneNumber names it. Check the number with the user."
)

_OUTCOMES = {4: "rejected", 6: "unknown", 7: "unknown", 8: "partial"}  # by exit status; else not_sent


@record
class Failure(Exception):
    """One failure from the table, with everything known about it, in the order of the document."""

    code: str
    message: str
    hint: str = ""
    source: str = ""  # where it comes from: arguments, setup, network, maton, wati or package
    outcome: str = ""
    http_status: int | None = None
    retry_after: float | None = None  # seconds that the far side asks to wait
    # Those found by a dry run, or after a rejection, also have a `code` (calls/findings.py).
    problems: Sequence[Problem] = ()
    more_problems: int = 0  # how many are not listed
    warnings: Sequence[str] = ()  # what a dry run could not find out
    receivers: dict[str, list[str]] | None = None
    answer: Any = None  # the body of the answer
    page: dict[str, Any] | None = None  # how far a list was read
    items: list[Any] | None = None  # what was read of it
    notices: Sequence[str] = ()  # remarks for the document, beside the error

    def __post_init__(self) -> None:
        self.args = (self.message,)
        self.exit, hint = FAILURES[self.code]
        self.hint = self.hint or hint
        self.source = self.source or {1: "package", 2: "arguments", 3: "setup"}.get(self.exit, "network")
        self.outcome = self.outcome or _OUTCOMES.get(self.exit, "not_sent")

    def document(self) -> dict[str, Any]:
        """The `error` object of the document, without members that say nothing."""
        members = {name: value for name, value in vars(self).items() if name not in ("exit", "notices")}
        for name in ("problems", "more_problems", "warnings"):
            members[name] = members[name] or None
        return {name: value for name, value in members.items() if value is not None}
