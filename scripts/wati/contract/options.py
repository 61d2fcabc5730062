"""The flags of the scripts, and the options of one call."""

from __future__ import annotations

from wati.contract.endpoint import LISTING, WORKING
from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Path

# flag: (the name of its value, "" if it takes none; what it does)
FLAGS = {
    "help": ("", "print this text"),
    "schema": ("", "print the JSON Schema of the arguments"),
    "dry-run": ("", "check everything that decides success, by reading only; send nothing"),
    "connection": ("ID", "the Maton connection to use, if there are several"),
    "timeout": (
        "SECONDS",
        "seconds for the whole call (default 30), of which at most 12 may be waiting; a longer timeout "
        "allows more waiting",
    ),
    "fields": ("PATHS", "show only these members, such as {example}"),
    "raw": ("", "show WATI's answer unchanged; with --dry-run, the request, too"),
    "verbose": ("", "show requests and answers on stderr, secrets redacted"),
    "confirm": ("VALUE", "repeat the {what}; --dry-run shows it"),
    "again": ("", "send even if the journal has the same message; only if the user wants a second one"),
    "skip-sent": ("", "leave out the receivers who already have this message, by the journal"),
    "all": ("", "read every page of the list"),
    "max-items": ("N", "at most N items (default: what fits in one answer; with --output, all of them)"),
    "output": ("FILE", "the file to write{ending}, inside WATI_FILE_ROOTS"),
    "media": ("", "also fetch the files of the messages, into a folder beside the output"),
    "force": ("", "overwrite the file if it exists"),
    "detach": ("", "start it and end: campaign_worker.py does the work"),
    "until-idle": ("", "end when no campaign runs any more"),
}

# The same flags as members of `run` in the JSON object, by the name of their value.
TYPES: dict[str, dict[str, Any]] = {
    "": {"type": "boolean"},
    "PATHS": {"type": "string"},  # a list is taken, too; its schema would cost every tool twice the tokens
    "SECONDS": {"type": "number"},
    "N": {"type": "integer"},
    "ID": {"type": "string"},
    "VALUE": {"type": "string"},
    "FILE": {"type": "string"},
}
NOT_IN_RUN = ("help", "schema")  # they print something and make no call
# Flags without which a call would do more, or to others: null for one is not taken as its absence.
NARROWING = ("dry-run", "connection", "skip-sent", "max-items")


@record
class Options:
    """The flags of one call."""

    dry_run: bool = False
    connection: str = ""
    timeout: float | None = None  # seconds
    fields: Sequence[Path] = ()
    raw: bool = False
    verbose: bool = False
    confirm: str = ""
    again: bool = False
    skip_sent: bool = False
    all: bool = False
    max_items: int | None = None  # None = no limit
    output: str = ""
    media: bool = False
    force: bool = False
    detach: bool = False
    until_idle: bool = False

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value not in (False, "", None, ())}
        return f"Options({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def flags_of(endpoint: Endpoint) -> list[str]:
    """The flags that the endpoint's script takes, in the order of the table."""
    absent = ({*LISTING, *WORKING, "media"} - set(endpoint.flags)) | set(endpoint.lacks)
    if not endpoint.through_wati:
        absent.add("connection")
    if endpoint.confirms == "none" and "confirm" not in endpoint.flags:
        absent.add("confirm")
    if endpoint.effect != "send":
        absent.add("again")
    if not endpoint.is_bulk:
        absent.add("skip-sent")
    return [name for name in FLAGS if name not in absent]


def run_schema(endpoint: Endpoint) -> dict[str, Any]:
    """The JSON Schema of `run`: the flags of the endpoint's script by name and type."""
    flags = [flag for flag in flags_of(endpoint) if flag not in NOT_IN_RUN]
    members = {flag.replace("-", "_"): TYPES[FLAGS[flag][0]] for flag in flags}
    return {"type": "object", "properties": members, "additionalProperties": False}


LONGEST_TIMEOUT = 3600.0
MOST_ITEMS = 2_000_000
_INCOMPATIBLE = (
    ("fields", "raw", "--fields cannot be used with --raw."),
    ("fields", "dry-run", "--fields cannot be used with --dry-run."),
    ("skip-sent", "again", "--skip-sent leaves out those who have the message; --again sends it to them."),
    ("all", "raw", "--all cannot be used with --raw, which shows one answer untouched."),
    ("output", "fields", "--fields cannot be used with --output: a file has all members."),
)
_REQUIRED = {"max-items": "all", "output": "all", "force": "output"}  # in a list


def problems_of(endpoint: Endpoint, options: Options, *, is_complete: bool = True) -> list[str]:
    """What is wrong with the options for a call of this endpoint, each in a sentence.

    `is_complete`: whether no more of them can come, so that one may miss another.
    """
    from wati.contract.settings import is_connection_id

    given = {
        name.replace("_", "-"): value
        for name, value in vars(options).items()
        if value != getattr(Options, name) and value != []
    }
    own = flags_of(endpoint)
    problems = [f"{endpoint.name}.py has no flag --{name}." for name in given if name not in own]
    problems += [message for one, other, message in _INCOMPATIBLE if one in given and other in given]
    required = {"media": "output", **(_REQUIRED if endpoint.items else {})} if is_complete else {}
    problems += [
        f"--{one} needs --{other}." for one, other in required.items() if one in given and other not in given
    ]
    # "not …", because every comparison with what is not a number is false.
    if options.timeout is not None and not 0 < options.timeout <= LONGEST_TIMEOUT:
        problems.append(f"--timeout takes seconds, more than 0 and at most {LONGEST_TIMEOUT:g}.")
    if options.max_items is not None and not 0 < options.max_items <= MOST_ITEMS:
        problems.append(f"--max-items takes a whole number from 1 to {MOST_ITEMS}.")
    if options.connection and not is_connection_id(options.connection):
        problems.append("--connection takes a connection id: letters, digits, _ and - only.")
    return problems


_CONFIRMED = {
    "receivers": "number of receivers",
    "records": "number of records in the file",
    "connection_id": "connection id",
    "whatsappNumber": "number, to take it back",
    "plan": "head count and the digest of the plan",
    "own_number": "number that is yours",
}

# Members of each answer, as an example for --fields.
_FIELDS = {
    "add_contact": "contact.id,contact.wAid",
    "assign_operator": "result",
    "brief": "waiting.count,messages",
    "campaign_report": "delivered,failures",
    "campaign_status": "state,counts",
    "campaign_worker": "campaigns.name,campaigns.counts",
    "check_send": "unresolved",
    "conversation": "window",
    "create_connection": "connection.connection_id,connection.url",
    "delete_connection": "message",
    "doctor": "next",
    "find_contact": "contacts.name,contacts.whatsappNumber",
    "find_template": "templates.name,templates.asks",
    "import_contacts": "state,counts",
    "get_connection": "connection.status",
    "get_contacts": "wAid,fullName,customParams.name",
    "get_media": "file,bytes",
    "get_message_templates": "elementName,status",
    "get_messages": "created,text",
    "list_connections": "connections.connection_id,connections.status",
    "needs_reply": "waiting.name,waiting.since",
    "plan_campaign": "receivers,left_out",
    "run_campaign": "state,counts",
    "probe": "different",
    "send_interactive_buttons_message": "message.id",
    "send_interactive_list_message": "message.id",
    "send_session_file": "ticketStatus",
    "send_session_message": "message.id",
    "send_template_message": "phone_number",
    "send_template_message_csv": "info",
    "send_template_message_v2": "receivers.waId",
    "send_template_messages": "errors",
    "send_template_messages_v2": "receivers.waId",
    "stop_campaign": "state,counts",
    "update_contact_attributes": "result",
    "wait_for_reply": "messages",
}


def meaning(flag: str, endpoint: Endpoint) -> str:
    """What a flag does in this script."""
    if flag in endpoint.meanings:
        return endpoint.meanings[flag]
    text = FLAGS[flag][1]
    if flag == "dry-run" and endpoint.effect == "read":
        return "check the arguments and the connection, and read nothing else"
    if flag == "timeout" and endpoint.default_timeout is not None:
        if endpoint.effect == "read":
            return f"seconds for the whole call (default {endpoint.default_timeout:g})"
        return text.replace("default 30", f"default {endpoint.default_timeout:g}")
    if flag == "timeout" and endpoint.items and "all" in flags_of(endpoint):
        return f"{text}; with --all, for each page"
    example = _FIELDS.get(endpoint.name, "") + (" (of each item)" if endpoint.items else "")
    endings = (".jsonl", ".csv") if endpoint.items else endpoint.endings
    ending = f" ({' or '.join(endings)})" if endings else ""
    return text.format(what=_CONFIRMED.get(endpoint.confirms, ""), example=example, ending=ending)
