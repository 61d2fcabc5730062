"""The environment variables, read once. No other module of the client reads them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping

from wati.contract import blocked, databases
from wati.contract.failures import Failure
from wati.contract.numbers import spellings

MATON = "https://api.maton.ai"
SANDBOX_KEY = "sandbox"
SHORTEST_KEY = 8  # characters; anything shorter is a word such as `sandbox`, not a secret to redact

# The key goes to Maton or stays on this machine, so the pattern matches the whole address, not a prefix.
_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?/?")
_HEADER_SAFE = re.compile(r"[!-~]+")
_CONNECTION_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_NO_ENTRY = (
    "is not a number (country code and digits, no plus; a * at the end means all numbers that begin like "
    "this), a contact id or a user id"
)
_UNUSABLE = "Some environment variables cannot be used as they are."
_MOST_PROBLEMS = 50  # of one variable
_LETTERS = re.compile(r"[^A-Za-z]")
_QUOTES = "\"'`\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb"
_PLACEHOLDER = re.compile(r"\$?\{.*\}|\$[A-Za-z_:]+|%[A-Za-z_]+%|<.*>|YOUR[_-](API[_-])?KEY", re.IGNORECASE)
_NO_WORDS = ("no", "none", "null", "false", "0", "true", "yes", "on", "1", "disabled", "memory")
_QUOTED = "has quotation marks around it; set it without them"
_UNFILLED = "is a placeholder that nothing has filled in; set the value itself"
_ALLOWED = re.compile(r"[1-9][0-9]{0,14}\*|\*|[1-9][0-9]{6,14}|[0-9a-fA-F]{24}|[A-Z]{2}\.[0-9A-Za-z]{1,128}")


class Settings:
    """The checked settings. Raises `bad_setup` with every problem at once."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        problems: list[dict[str, str]] = []

        def report(variable: str, problem: str) -> None:
            problems.append({"at": variable, "problem": problem})

        def text(variable: str) -> str:
            value = environ.get(variable, "").strip()
            if problem := _misread(value):
                report(variable, problem)
            return "" if problem else value

        self.key = text("MATON_API_KEY")
        if self.key and (self.key[0] in _QUOTES or self.key[-1] in _QUOTES):
            report("MATON_API_KEY", _QUOTED)
        elif "MATON_API_KEY" in self.key:
            report("MATON_API_KEY", _UNFILLED)
        elif self.key != SANDBOX_KEY and _LETTERS.sub("", self.key).lower() == SANDBOX_KEY:
            report("MATON_API_KEY", "is not the word sandbox exactly; write it in small letters, alone")
        elif self.key and not _HEADER_SAFE.fullmatch(self.key):
            report("MATON_API_KEY", "contains spaces or characters that no key has; paste only the key")
        elif self.key and self.key != SANDBOX_KEY and len(self.key) < SHORTEST_KEY:
            report("MATON_API_KEY", "is too short to be a key; paste the whole key")

        self.connection = text("MATON_CONNECTION_ID")
        if self.connection and not is_connection_id(self.connection):
            problem = f"is {self.connection!r}; a connection id has only letters, digits, _ and -"
            report("MATON_CONNECTION_ID", problem)
        elif len(self.key) >= SHORTEST_KEY and self.key in self.connection:
            report("MATON_CONNECTION_ID", "contains the API key; list_connections.py shows the ids")

        base_url = text("MATON_BASE_URL")
        if base_url and not _is_loopback(base_url):
            places = "http://127.0.0.1:PORT, http://localhost:PORT or http://[::1]:PORT"
            report("MATON_BASE_URL", f"must be {places}")
        self.base_url = base_url.rstrip("/") or MATON

        self.read_only = _is_set(environ.get("WATI_READ_ONLY", ""))

        allowed = environ.get("WATI_ALLOWED_RECIPIENTS")
        allowed = allowed and text("WATI_ALLOWED_RECIPIENTS")
        entries = [entry.strip() for entry in (allowed or "").split(",")]
        self.allowed_recipients = None if allowed is None else [entry for entry in entries if entry]
        for entry in self.allowed_recipients or []:
            if not _ALLOWED.fullmatch(entry):
                report("WATI_ALLOWED_RECIPIENTS", f"{entry!r} {_NO_ENTRY}")

        self._blocked = text("WATI_BLOCKED_RECIPIENTS")
        _, wrong = _blocked_list(self._blocked)
        for problem in wrong:
            report("WATI_BLOCKED_RECIPIENTS", problem)

        roots = text("WATI_FILE_ROOTS") and environ["WATI_FILE_ROOTS"]  # a folder's name may end in a space
        self.file_roots = [folder for folder in roots.split(os.pathsep) if folder.strip()] or [os.curdir]

        self.sandbox_state = text("WATI_SANDBOX_STATE")
        journal = text("WATI_JOURNAL")
        if problem := _no_store(journal):
            report("WATI_JOURNAL", problem)
        is_off = journal.lower() == "off"
        # The journal's file or address, "" if it is switched off. The sandbox keeps a file beside its state.
        self.journal = "" if is_off else journal or _state_file(environ, "sends.sqlite")
        # What is remembered of conversations lies beside it, in a file even if the journal is in a database.
        beside = _state_file(environ, "sends.sqlite") if databases.is_address(self.journal) else self.journal
        self.looks = beside and f"{beside}-looks"
        self.journal_required = _is_set(environ.get("WATI_JOURNAL_REQUIRED", ""))
        if is_off and self.journal_required:
            report("WATI_JOURNAL", "is off, but WATI_JOURNAL_REQUIRED is set: unset one of them")

        # The ledger of campaigns: a file, or a postgresql:// address; "" = beside the sandbox's state.
        campaigns = text("WATI_CAMPAIGNS")
        if problem := _no_store(campaigns):
            report("WATI_CAMPAIGNS", problem)
        self.campaigns = campaigns or ("" if self.sandbox else _state_file(environ, "campaigns.sqlite"))

        if problems:
            raise Failure("bad_setup", _UNUSABLE, problems=problems)

    @property
    def blocked_recipients(self) -> blocked.Blocked:
        """Who is never messaged, as the file says now: a session can last for months. Raises `bad_setup`."""
        listed, wrong = _blocked_list(self._blocked)
        if wrong:
            problems = [{"at": "WATI_BLOCKED_RECIPIENTS", "problem": problem} for problem in wrong]
            raise Failure("bad_setup", _UNUSABLE, problems=problems)
        return listed

    @property
    def block_list(self) -> str:
        """The file of WATI_BLOCKED_RECIPIENTS; "" if it names none."""
        return blocked.file_of(self._blocked)

    @property
    def sandbox(self) -> bool:
        return self.key == SANDBOX_KEY

    @property
    def in_process(self) -> bool:
        """Whether the sandbox answers inside this process: its key reaches nothing else."""
        return self.sandbox and self.base_url == MATON

    def may_message(self, receiver: str) -> bool:
        """Whether WATI_ALLOWED_RECIPIENTS allows `receiver`, in any spelling. Only numbers match a `*`."""
        if self.allowed_recipients is None:
            return True
        names = spellings(receiver)
        if any(name in self.allowed_recipients for name in names):
            return True
        is_number = receiver.isascii() and receiver.isdigit() and len(receiver) <= 15
        prefixes = tuple(entry[:-1] for entry in self.allowed_recipients if entry.endswith("*"))
        return is_number and any(name.startswith(prefixes) for name in names)


def _blocked_list(text: str) -> tuple[blocked.Blocked, list[str]]:
    """WATI_BLOCKED_RECIPIENTS, and what is wrong with it."""
    try:
        listed = blocked.entries(text)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return blocked.Blocked([]), [f"its file cannot be read ({why}), so nobody may be messaged"]
    wrong = [entry for entry in listed if not _ALLOWED.fullmatch(entry)]
    return blocked.Blocked(listed), [f"{entry[:60]!r} {_NO_ENTRY}" for entry in wrong[:_MOST_PROBLEMS]]


def _is_set(value: str) -> bool:
    return value not in ("", "0", "false")


def _no_store(value: str) -> str:
    """Why a text is surely no place to keep something: neither a file nor a database; "" if it may be one."""
    return databases.misread(value) if databases.is_address(value) else _no_file(value)


def _no_file(journal: str) -> str:
    """Why a text is surely not meant as the journal's file; "" if it may be."""
    if journal.startswith(":") or journal.lower().startswith("file:"):
        return f"is {journal!r}, which is not a path; name a file that stays"
    if journal.lower() in _NO_WORDS:
        return f"is {journal!r}: write off to have no journal, or the path of a file"
    if journal.endswith(("/", os.sep)) or os.path.isdir(os.path.expanduser(journal)):
        return f"is {journal!r}, which is a folder; name a file in it"
    return ""


def _misread(value: str) -> str:
    """Why a value is surely not what its author meant; "" if it may be. cmd and env files keep quotes."""
    if len(value) > 1 and value[0] in _QUOTES and value[-1] in _QUOTES:
        return _QUOTED
    return _UNFILLED if _PLACEHOLDER.fullmatch(value) else ""


# Where programs keep a user's state, by platform, as platformdirs has it: the variable that names the folder
# ("" for none, else an absolute path), and the folder without it.
_STATE = {
    "win32": ("LOCALAPPDATA", ("~", "AppData", "Local")),
    "darwin": ("", ("~", "Library", "Application Support")),
}
_UNIX_STATE = ("XDG_STATE_HOME", ("~", ".local", "state"))


def _state_file(environ: Mapping[str, str], name: str) -> str:
    """The file in the user's state folder. One in the folder without the variable, its old place, is kept."""
    variable, usual = _STATE.get(sys.platform, _UNIX_STATE)
    named = environ.get(variable, "").strip()
    old = os.path.join(*usual, "wati-skill", name)
    if not os.path.isabs(named):
        return old
    new = os.path.join(named, "wati-skill", name)
    return old if os.path.exists(os.path.expanduser(old)) and not os.path.exists(new) else new


def api_key(environ: Mapping[str, str]) -> str:
    """The key; "" if none is set. Redaction needs it even if the rest of the setup is broken."""
    # Without its name, which a key that was pasted as `MATON_API_KEY=…` has, and documents have to show.
    return environ.get("MATON_API_KEY", "").strip().replace("MATON_API_KEY", "")


def is_connection_id(text: str) -> bool:
    """Ids are opaque: UUIDs and `conn_…` are both documented. This accepts all that is safe in a header."""
    return _CONNECTION_ID.fullmatch(text) is not None


def _is_loopback(url: str) -> bool:
    match = _LOOPBACK.fullmatch(url)
    return match is not None and int((match[2] or ":80")[1:]) in range(1, 65536)
