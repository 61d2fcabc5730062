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
        "for the whole call, waits included (default 30, waits at most 6); with --all, for each request",
    ),
    "fields": ("PATHS", "show only these members, such as id,customParams.name; of a list, of each item"),
    "raw": ("", "show WATI's answer unchanged"),
    "verbose": ("", "show requests and answers on stderr, secrets redacted"),
    "confirm": ("VALUE", "repeat the number of receivers, or the id to delete; --dry-run shows the value"),
    "again": ("", "send even if the journal has the same message; only if the user wants a second one"),
    "all": ("", "read every page of the list"),
    "max-items": ("N", "at most N items (default: what fits in one answer; with --output, all of them)"),
    "output": ("FILE", "the file to write, inside WATI_FILE_ROOTS; for a list, .jsonl or .csv"),
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
    return [name for name in FLAGS if name not in absent]


LONGEST_TIMEOUT = 3600.0
MOST_ITEMS = 2_000_000
_INCOMPATIBLE = (
    ("fields", "raw", "--fields cannot be used with --raw."),
    ("fields", "dry-run", "--fields cannot be used with --dry-run."),
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
