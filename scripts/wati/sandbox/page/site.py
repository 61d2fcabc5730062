"""What is below `/_sandbox/`: the page, the world as it shows it, its changes, its actions, its media."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from .. import actions, channels, telling, views, watching
from ..app import Sandbox
from ..bodies import parse_json
from ..control import InvalidInput
from ..faults import KINDS
from ..routes import ROUTES
from ..seeding import MAIN
from ..state import WORLDS
from ..state_file import StateError
from ..store import Tx
from ..wire import Answer, Call, Rejected, reply
from .guard import Guard

ROOT = "/_sandbox/"
_FILE = Path(__file__).with_name("page.html")
_MOST_REQUESTS = 100
_LARGEST_LIST = 2000
# After so many quiet looks at the file, a comment finds out whether the browser is still there.
_QUIET = 150

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


@dataclass(frozen=True)
class Stream:
    """An answer whose body does not end."""

    answer: Answer
    pieces: Iterator[bytes]


class _Path(NamedTuple):
    """What is answered at a path. `is_open`: without a token."""

    method: str
    answer: Callable[[Page, Call, str], Answer | Stream]
    is_open: bool = False


class Page:
    """The page of a served sandbox on this port."""

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self._sandbox = sandbox
        self._guard = Guard(port)
        self._closed = threading.Event()
        text = _FILE.read_text(encoding="utf-8")
        self._html = text.replace("{{token}}", escape(self._guard.token)).encode("utf-8")
        self._policy = policy(text)

    def close(self) -> None:
        """End the streams."""
        self._closed.set()

    def has(self, path: str) -> bool:
        return path == "/" or path == ROOT[:-1] or path.startswith(ROOT)

    def answer(self, call: Call) -> Answer | Stream:
        name, _, rest = call.path.removeprefix(ROOT).partition("/")
        found = _PATHS.get("" if call.path in ("/", ROOT[:-1]) else name)
        refused = self._guard.refusal(call, is_open=found is not None and found.is_open)
        if refused is not None or found is None:
            return _with(refused or reply({"error": "There is nothing here."}, 404), _ALWAYS)
        if call.method != found.method:
            return _with(reply({"error": f"Only {found.method}."}, 405, Allow=found.method), _ALWAYS)
        try:
            answer = found.answer(self, call, rest)
        except InvalidInput as error:
            answer = reply({"error": str(error), "problems": error.problems}, 400)
        except (StateError, Rejected) as error:
            answer = reply({"error": str(error)}, 409)
        return answer if isinstance(answer, Stream) else _with(answer, _ALWAYS)

    # --- the paths ---

    def _page(self, call: Call, rest: str) -> Answer:
        if call.path != ROOT:
            return Answer(302, b"", "text/plain", {"Location": ROOT})
        return Answer(200, self._html, "text/html; charset=utf-8", {"Content-Security-Policy": self._policy})

    def _view(self, call: Call, rest: str) -> Answer:
        with self._sandbox.state.transaction() as tx:
            return reply(view(tx, call.query, limited=self._sandbox.limited))

    def _act(self, call: Call, rest: str) -> Answer:
        try:
            arguments = parse_json(call.body)
        except ValueError:
            raise InvalidInput("the body is not JSON") from None
        return reply({"data": actions.perform(self._sandbox.state.path, rest, arguments)})

    def _media(self, call: Call, rest: str) -> Answer:
        account, name = call.query.get("connection_id", ""), call.query.get("name", "")
        with self._sandbox.state.transaction() as tx:
            row = tx.row("SELECT * FROM media WHERE account = ? AND file_name = ?", account, name)
        return reply({"error": "There is no such file."}, 404) if row is None else media(row)

    def _events(self, call: Call, rest: str) -> Stream:
        head = Answer(200, b"", "text/event-stream; charset=utf-8", dict(_ALWAYS))
        return Stream(head, self._changes())

    def _changes(self) -> Iterator[bytes]:
        watch, quiet = watching.Watch(self._sandbox.state.path), 0
        yield b"retry: 1000\n\n"
        while not self._closed.wait(watching.PAUSE):
            quiet += 1
            if watch.changed():
                yield b"data: changed\n\n"
                quiet = 0
            elif quiet >= _QUIET:
                yield b": still here\n\n"
                quiet = 0


_PATHS = {
    "": _Path("GET", Page._page, is_open=True),
    "view": _Path("GET", Page._view),
    "events": _Path("GET", Page._events),
    "media": _Path("GET", Page._media),
    "actions": _Path("POST", Page._act),
}


def _with(answer: Answer, headers: dict[str, str]) -> Answer:
    return replace(answer, headers={**headers, **answer.headers})


def policy(html: str) -> str:
    """The content security policy of the page: its own style and script by their hashes, and nothing else."""
    hashes = {
        tag: " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(inner.encode('utf-8')).digest()).decode()}'"
            for inner in re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        )
        for tag in ("style", "script")
    }
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {hashes['script']}",
            f"style-src {hashes['style']}",
            "img-src 'self' data:",
            "media-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def media(row: sqlite3.Row) -> Answer:
    """A file that someone sent. Only what cannot run anything is shown; everything else can be saved."""
    kind = row["content_type"].partition(";")[0].strip().lower()
    headers = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    if kind in views.SHOWN:
        return Answer(200, bytes(row["content"]), kind, headers)
    headers["Content-Disposition"] = "attachment"
    return Answer(200, bytes(row["content"]), "application/octet-stream", headers)


# What there is to choose from: kinds of faults, the calls that they can strike, worlds.
_CHOICES = {
    "kinds": {
        name: {"does": kind.does, "takes": kind.members, "needs": kind.required}
        for name, kind in KINDS.items()
    },
    "endpoints": [
        {"endpoint": each.endpoint, "method": each.method, "path": re.sub(r"\{.*", "*", each.path)}
        for each in ROUTES
    ],
    "worlds": [*WORLDS],
}


def view(tx: Tx, asked: dict[str, str], *, limited: bool) -> dict[str, Any]:
    """All that the page shows at once: of one account, one of its numbers, one conversation, one search."""
    account, channel, number = (asked.get(name, "") for name in ("connection_id", "channel", "number"))
    whole = views.overview(tx)
    known = {one["connection_id"]: one["channels"] for one in whole["accounts"]}
    if account not in known:
        account = MAIN if MAIN in known else next(iter(known), MAIN)
    line = channels.line(tx, account, channel if channel in known.get(account, []) else "")
    people, rows = (_count(asked.get(name, "")) for name in ("people", "rows"))
    requests = views.requests(tx, limit=_MOST_REQUESTS)
    return {
        **whole,
        **_CHOICES,
        "limited": limited,
        "connection_id": account,
        "channel": channel,
        **views.account(tx, account),
        "inbox": views.inbox(tx, account, line, asked.get("search", ""), people),
        "conversation": views.conversation(tx, account, line, number, rows) if number else None,
        "requests": [{**request, "did": telling.did(request)} for request in requests],
    }


def _count(text: str) -> int:
    """How much of a list is asked for."""
    return min(int(text), _LARGEST_LIST) if re.fullmatch("[0-9]{1,6}", text, re.ASCII) else 100
