"""The text of `--help`: how an agent learns a script.

The arguments are read as text, which `make docs` writes from the schema. Parsing JSON would double the time
that a help text takes (references/speed.md).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.endpoint import Endpoint

# The variables that the code reads. references/setup.md explains them.
ENVIRONMENT = (
    "MATON_API_KEY",
    "MATON_CONNECTION_ID",
    "MATON_BASE_URL",
    "WATI_READ_ONLY",
    "WATI_ALLOWED_RECIPIENTS",
    "WATI_BLOCKED_RECIPIENTS",
    "WATI_FILE_ROOTS",
    "WATI_JOURNAL",
    "WATI_JOURNAL_REQUIRED",
    "WATI_CAMPAIGNS",
    "WATI_SANDBOX_STATE",
)


def is_wanted(argv: list[str]) -> bool:
    return "--help" in argv or "-h" in argv


def schema_text(endpoint: Endpoint) -> str:
    return _text(endpoint.schema_file)


def help_text(endpoint: Endpoint) -> str:
    from wati.contract.options import FLAGS, flags_of, meaning

    flags = {f"--{name} {FLAGS[name][0]}".strip(): meaning(name, endpoint) for name in flags_of(endpoint)}
    width = max(map(len, flags))
    lone = f"{endpoint.lone.upper()} | " if endpoint.lone else ""
    sections = [
        f"usage: {endpoint.name}.py [flags] [{lone}name=value … | '{{…}}' | '@FILE' | -]",
        _text(endpoint.help_file),
        f"{endpoint.does} Prints one JSON document.",
        "flags:\n" + "\n".join(f"  {flag:<{width}}  {meaning}" for flag, meaning in flags.items()),
        'In the JSON object, flags are members of "run", with _ for -: "run": {"timeout": 60}',
        "environment (references/setup.md):\n  " + ", ".join(ENVIRONMENT),
        "exit codes (references/errors.md):\n  " + exit_codes(endpoint),
    ]
    return "\n\n".join(sections)


def exit_codes(endpoint: Endpoint) -> str:
    """The codes that the script can end with, in short."""
    from wati.contract.failures import EXITS

    words = {1: "bug", 2: "arguments", 3: "setup", 4: "rejected", 5: "rate limited"}
    words |= {0: EXITS[0], 6: EXITS[6], 7: "unknown (never run it again)", 8: "partial"}
    is_one_send = endpoint.path and endpoint.effect not in ("read", "write")
    absent = set() if endpoint.is_bulk else {8} if is_one_send else {7, 8}
    if endpoint.name == "check_send":
        absent.remove(7)
    return ", ".join(f"{code} {words[code]}" for code in EXITS if code not in absent)


def _text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read().rstrip("\n")
