"""The flags of the scripts, and the options of one call."""

from __future__ import annotations

from wati.contract.endpoint import LISTING
from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
    "force": ("", "overwrite the file if it exists"),
}


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
    force: bool = False

    def __repr__(self) -> str:
        given = {name: value for name, value in vars(self).items() if value not in (False, "", None, ())}
        return f"Options({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def flags_of(endpoint: Endpoint) -> list[str]:
    """The flags that the endpoint's script takes, in the order of the table."""
    absent = (set(LISTING) - set(endpoint.flags)) | set(endpoint.lacks)
    if not endpoint.through_wati:
        absent.add("connection")
    if endpoint.confirms == "none":
        absent.add("confirm")
    if endpoint.effect != "send":
        absent.add("again")
    if not endpoint.is_bulk:
        absent.add("skip-sent")
    return [name for name in FLAGS if name not in absent]


LONGEST_TIMEOUT = 3600.0
MOST_ITEMS = 2_000_000
_INCOMPATIBLE = (
    ("fields", "raw", "--fields cannot be used with --raw."),
    ("fields", "dry-run", "--fields cannot be used with --dry-run."),
    ("skip-sent", "again", "--skip-sent leaves out those who have the message; --again sends it to them."),
    ("all", "raw", "--all cannot be used with --raw, which shows one answer untouched."),
    ("output", "fields", "--fields cannot be used with --output: a file has all members."),
)
_REQUIRED = {"max-items": "all", "output": "all", "force": "output"}


def problem_of(endpoint: Endpoint, options: Options) -> str:
    """What is wrong with the options for a call of this endpoint; "" if nothing is."""
    from wati.contract.settings import is_connection_id

    given = {
        name.replace("_", "-"): value
        for name, value in vars(options).items()
        if value != getattr(Options, name) and value != []
    }
    for name in given:
        if name not in flags_of(endpoint):
            return f"{endpoint.name}.py has no flag --{name}."
    for one, other, message in _INCOMPATIBLE:
        if one in given and other in given:
            return message
    for flag, other in _REQUIRED.items() if endpoint.items else ():
        if flag in given and other not in given:
            return f"--{flag} needs --{other}."
    # "not …", because every comparison with what is not a number is false.
    if options.timeout is not None and not 0 < options.timeout <= LONGEST_TIMEOUT:
        return f"--timeout takes seconds, more than 0 and at most {LONGEST_TIMEOUT:g}."
    if options.max_items is not None and not 0 < options.max_items <= MOST_ITEMS:
        return f"--max-items takes a whole number from 1 to {MOST_ITEMS}."
    if options.connection and not is_connection_id(options.connection):
        return "--connection takes a connection id: letters, digits, _ and - only."
    return ""


_CONFIRMED = {
    "receivers": "number of receivers",
    "records": "number of records in the file",
    "connection_id": "connection id",
}

# Members of each answer, as an example for --fields.
_FIELDS = {
    "add_contact": "contact.id,contact.wAid",
    "assign_operator": "result",
    "check_send": "unresolved",
    "conversation": "window",
    "create_connection": "connection.connection_id,connection.url",
    "delete_connection": "message",
    "doctor": "next",
    "find_contact": "contacts.name,contacts.whatsappNumber",
    "get_connection": "connection.status",
    "get_contacts": "wAid,fullName,customParams.name",
    "get_media": "file,bytes",
    "get_message_templates": "elementName,status",
    "get_messages": "created,text",
    "list_connections": "connections.connection_id,connections.status",
    "send_interactive_buttons_message": "message.id",
    "send_interactive_list_message": "message.id",
    "send_session_file": "ticketStatus",
    "send_session_message": "message.id",
    "send_template_message": "phone_number",
    "send_template_message_csv": "info",
    "send_template_message_v2": "receivers.waId",
    "send_template_messages": "errors",
    "send_template_messages_v2": "receivers.waId",
    "update_contact_attributes": "result",
}


def meaning(flag: str, endpoint: Endpoint) -> str:
    """What a flag does in this script."""
    text = FLAGS[flag][1]
    if flag == "dry-run" and endpoint.effect == "read":
        return "check the arguments and the connection, and read nothing else"
    if flag == "timeout" and endpoint.default_timeout is not None:
        return f"seconds for the whole call (default {endpoint.default_timeout:g})"
    if flag == "timeout" and endpoint.items and "all" in flags_of(endpoint):
        return f"{text}; with --all, for each page"
    example = _FIELDS[endpoint.name] + (" (of each item)" if endpoint.items else "")
    ending = " (.jsonl or .csv)" if endpoint.items else ""
    return text.format(what=_CONFIRMED.get(endpoint.confirms, ""), example=example, ending=ending)
