"""The flags: how to run, never what to send. Nothing is guessed, abbreviated or ignored."""

from __future__ import annotations

from wati.failures import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.endpoint import Endpoint

# flag: (what its value is called, or "" for none; what it does)
FLAGS = {
    "help": ("", "print this text"),
    "schema": ("", "print the JSON Schema of the arguments"),
    "dry-run": ("", "check everything that decides success, by reading alone; send nothing"),
    "connection": ("ID", "the Maton connection to use, where there are several"),
    "timeout": (
        "SECONDS",
        "for the whole call, its waits included (default 30, waits at most 6); with --all for each request",
    ),
    "fields": ("PATHS", "show only these members, such as id,customParams.name; of a list, of each item"),
    "raw": ("", "show WATI's answer untouched"),
    "verbose": ("", "show requests and answers on stderr, secrets hidden"),
    "confirm": ("VALUE", "repeat the number of receivers, or the id to delete; --dry-run tells which"),
    "again": ("", "send although the journal has the same send; only if the user wants it a second time"),
    "all": ("", "read every page of the list"),
    "max-items": ("N", "at most so many items (default: as many as one answer holds; with --output all)"),
    "output": ("FILE", "the file to write, below WATI_FILE_ROOTS; of a list: .jsonl or .csv"),
    "force": ("", "overwrite the file"),
}
LONGEST_TIMEOUT = 3600.0
MOST_ITEMS = 2_000_000


class Options:
    """The parsed command line; `source` is the positional argument."""

    def __init__(self) -> None:
        self.source = "{}"
        self.values: dict[str, str] = {}

    def has(self, flag: str) -> bool:
        return flag in self.values

    def value(self, flag: str) -> str:
        return self.values.get(flag, "")

    @property
    def fields(self) -> list[tuple[str, ...]]:
        from wati.shape import paths

        return paths(self.values["fields"]) if "fields" in self.values else []

    @property
    def timeout(self) -> float | None:
        return float(self.values["timeout"]) if "timeout" in self.values else None

    @property
    def max_items(self) -> int | None:
        return int(self.values["max-items"]) if "max-items" in self.values else None


def parse(endpoint: Endpoint, argv: list[str]) -> Options:
    """The command line, or `usage`: nothing is guessed, abbreviated or ignored."""
    known = flags_of(endpoint)
    options = Options()
    positionals: list[str] = []
    items = iter(argv)
    for item in items:
        if item == "--":
            positionals += items
        elif item == "-" or not item.startswith("-"):
            positionals.append(item)
        else:
            name, equals, value = item.removeprefix("--").partition("=")
            if name not in known or not item.startswith("--"):
                raise _unknown_flag(endpoint, item, known)
            if FLAGS[name][0]:
                value = value if equals else next(items, "")
                if not value or (not equals and value.startswith("--")):
                    raise Failure("usage", f"--{name} needs its value: --{name} {FLAGS[name][0]}.")
            if equals and not FLAGS[name][0]:
                raise Failure("usage", f"--{name} takes no value.")
            if options.values.setdefault(name, value) != value:
                raise Failure("usage", f"--{name} is given twice, with different values.")
    if len(positionals) > 1:
        message = f"There are {len(positionals)} arguments; one JSON object is taken."
        hint = "Put the whole JSON object in single quotes, or in a file given as @path."
        raise Failure("usage", message, hint=hint)
    options.source = positionals[0] if positionals else "{}"
    _check_values(options)
    _check_together(endpoint, options)
    return options


def _unknown_flag(endpoint: Endpoint, item: str, known: list[str]) -> Failure:
    from wati.validation import near, shown

    flag = item.partition("=")[0]
    message = f"{endpoint.name}.py has no flag {shown(flag)}{near(flag.lstrip('-'), known)}."
    flags = " ".join(f"--{name}" for name in known)
    return Failure("usage", message, hint=f"Flags of this script: {flags}. What to send goes into the JSON.")


def flags_of(endpoint: Endpoint) -> list[str]:
    """The flags that this endpoint's script knows, in the table's order."""
    left_out = ({"all", "max-items", "output", "force"} - set(endpoint.flags)) | set(endpoint.lacks)
    if not endpoint.through_wati:
        left_out.add("connection")
    if endpoint.confirms == "none":
        left_out.add("confirm")
    if endpoint.effect != "send":
        left_out.add("again")
    return [name for name in FLAGS if name not in left_out]


def _check_values(options: Options) -> None:
    import re

    from wati.settings import is_connection_id

    for other in ("raw", "dry-run"):
        if options.fields and options.has(other):
            raise Failure("usage", f"--fields and --{other} do not go together.")
    timeout = options.values.get("timeout")
    if timeout is not None and not (
        re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", timeout, re.ASCII)
        and 0 < float(timeout) <= LONGEST_TIMEOUT
    ):
        raise Failure("usage", f"--timeout takes seconds, more than 0 and at most {LONGEST_TIMEOUT:g}.")
    connection = options.values.get("connection")
    if connection is not None and not is_connection_id(connection):
        raise Failure("usage", "--connection takes a connection id: letters, digits, _ and - only.")
    most = options.values.get("max-items")
    if most is not None and not (re.fullmatch(r"[0-9]{1,7}", most, re.ASCII) and 0 < int(most) <= MOST_ITEMS):
        raise Failure("usage", f"--max-items takes a whole number, at least 1 and at most {MOST_ITEMS}.")


def _check_together(endpoint: Endpoint, options: Options) -> None:
    if not endpoint.items:
        return
    if options.has("all") and options.has("raw"):
        raise Failure("usage", "--raw shows one answer, --all reads many: they do not go together.")
    if options.has("output") and options.has("fields"):
        raise Failure("usage", "A file has all members: --fields does not go with --output.")
    needed = {"max-items": "all", "output": "all", "force": "output"}
    for flag, other in needed.items():
        if options.has(flag) and not options.has(other):
            raise Failure("usage", f"--{flag} needs --{other}.")
