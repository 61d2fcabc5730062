"""The steps of a request: log, fault, key, limits, route, handler, answer."""

from __future__ import annotations

import hashlib
import re
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import format_datetime

from . import faults, limits, maton
from .bodies import media_type
from .changes import Changing
from .context import Context
from .faults import Fault
from .formats import dumps, iso, moment
from .routes import ROUTES, Route
from .state import State
from .state_file import StateError
from .store import Tx
from .wire import Answer, Call, Rejected, reject, reply

# The state file is kept between runs; older requests than these are forgotten.
_REQUESTS_KEPT = 10_000
_TEXT_KEPT = 64 * 1024
_ANSWER_KEPT = 1024
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")


@dataclass(frozen=True)
class Exchange:
    """The result of a call: an answer or none, and the fault that its mount has to act out."""

    answer: Answer | None
    fault: Fault | None = None


class Sandbox:
    """Maton and WATI over one state file. `limited=False` turns the rate limits off for this mount."""

    def __init__(self, state: State, *, limited: bool = True) -> None:
        self.state = state
        self.limited = limited

    def exchange(self, call: Call, sleep: Callable[[float], None] = time.sleep) -> Exchange:
        """Answer a call. With `sleep` the mount can end a delay at the client's own timeout."""
        try:
            return self._exchange(call, sleep)
        except StateError as error:
            return Exchange(_failure(str(error), "sandbox_state"))
        except Exception as error:  # the promise: a bug is a 500 that says so, never a hang
            return Exchange(_bug(error))

    def refuses(self, call: Call) -> bool:
        """Whether a request gets its connection reset before its body is read."""
        try:
            with self.state.transaction() as tx:
                return faults.is_refused(tx, call, _connection(tx, call))
        except StateError:
            return False

    def _exchange(self, call: Call, sleep: Callable[[float], None]) -> Exchange:
        with self.state.transaction() as tx:
            seq = _log(tx, call)
            fault, changing = faults.take(tx, call, _connection(tx, call))
            struck = fault.kind if fault else next(iter(changing), None)
            tx.run("UPDATE requests SET fault = ? WHERE seq = ?", struck, seq)
            if fault is None:
                answer = _dated(tx, seq, self._decide(tx, call, seq, changing), changing)
                _answered(tx, seq, answer)
                return Exchange(answer)
        if fault.kind == "delay":
            sleep(fault.seconds)
        with self.state.transaction() as tx:
            right = self._decide(tx, call, seq, changing) if fault.effect else Answer(200)
            wrong = _dated(tx, seq, fault.damage(right), changing)
            silent = fault.kind in faults.SILENT
            _answered(tx, seq, None if silent else wrong)
        return Exchange(None if silent else wrong, fault)

    def _decide(self, tx: Tx, call: Call, seq: int, changing: Changing) -> Answer:
        try:
            maton.authenticate(call)
            limited = self.limited and tx.get("limits", "on") == "on"
            if limited:
                maton.limit(tx)
            route, target = _route(call)
            context = Context(tx, call, route.endpoint, "", target, changing, request=seq)
            if _is_for_wati(call):
                account = maton.connection(tx, call)
                queued = _wati_limit(tx, account, route.endpoint) if limited else 0.0
                context = replace(context, account=account, queued=queued)
            with tx.all_or_nothing():
                return route.handler(context)
        except Rejected as rejected:
            return rejected.answer
        except sqlite3.Error:
            raise  # most likely the file is at fault: its transaction explains it
        except Exception as error:
            return _bug(error)


def _route(call: Call) -> tuple[Route, str]:
    """The route and its path variable; rejects the call as Maton or WATI does, whichever would answer."""
    found = [(route, target) for route in ROUTES if (target := route.target(call.path)) is not None]
    for route, target in found:
        if route.method == call.method:
            return route, target
    if found:
        allow = ", ".join(sorted({route.method for route, _ in found}))
        by_wati = {"message": f"The requested resource does not support http method '{call.method}'."}
        reject(by_wati if _is_for_wati(call) else {"detail": "Method Not Allowed"}, 405, Allow=allow)
    if re.match(r"/wati(/|$)", call.path):
        reject({"message": f"not emulated: the sandbox has no endpoint {call.method} {call.path}"}, 501)
    if re.match(r"/(?!connections/)[^/]+/[^/]", call.path):
        app = call.path.split("/")[1]
        maton.error(f"Invalid app name: {app}", "invalid_request_error", 400)
    reject({"detail": "Not Found"}, 404)


def _wati_limit(tx: Tx, account: str, endpoint: str) -> float:
    """Apply WATI's own limit. Returns the seconds that a send has to queue."""
    limit = limits.ENDPOINTS.get(endpoint)
    if limit is None:
        return 0.0
    wait = limits.wait(tx, f"{account} {endpoint}", limit)
    if wait and not limit.queues:
        info = "Too many requests, please try again later"
        reject({"result": False, "info": info}, 429, **limits.retry_after(wait))
    return wait


def _connection(tx: Tx, call: Call) -> str | None:
    return maton.selected(tx, call) if _is_for_wati(call) else None


def _is_for_wati(call: Call) -> bool:
    return call.path.startswith("/wati/")


def _dated(tx: Tx, seq: int, answer: Answer, changing: Changing) -> Answer:
    """The answer with the world's time, by which clients judge the 24-hour window."""
    wrong = changing["date"]["seconds"] if "date" in changing else 0.0
    date = {} if "undated" in changing else {"Date": format_datetime(moment(tx.now + wrong), usegmt=True)}
    headers = {**answer.headers, "X-Request-Id": f"sandbox-{seq}"}
    return replace(answer, headers={**headers, **date})


def _log(tx: Tx, call: Call) -> int:
    """Keep what arrived, without the key; the body only if it is text, and short."""
    kept = None
    if not media_type(call).startswith("multipart/") and len(call.body) <= _TEXT_KEPT:
        kept = call.body.decode("utf-8", "replace")
    doc = {
        "at": iso(tx.now),
        "method": call.method,
        "path": call.path,
        "query": call.query_string,
        "headers": {name: "[redacted]" if name in _SECRET_HEADERS else value for name, value in call.headers},
        "size": len(call.body),
        "sha256": hashlib.sha256(call.body).hexdigest(),
        "body": kept,
    }
    seq = tx.put("requests", doc=dumps(doc))
    tx.run("DELETE FROM requests WHERE seq <= ?", seq - _REQUESTS_KEPT)
    return seq


def _answered(tx: Tx, seq: int, answer: Answer | None) -> None:
    """Keep what was answered; None if nothing was. Of a text only its beginning, of a file nothing."""
    said = None
    if answer is not None and answer.content_type.startswith(("application/json", "text/")):
        said = answer.body[:_ANSWER_KEPT].decode("utf-8", "replace")
    sql = "UPDATE requests SET status = ?, doc = json_set(doc, '$.answer', ?) WHERE seq = ?"
    tx.run(sql, answer and answer.status, said, seq)


def _bug(error: Exception) -> Answer:
    traceback.print_exception(type(error), error, error.__traceback__, file=sys.stderr)
    return _failure(f"sandbox bug: {type(error).__name__}: {error}", "sandbox_bug")


def _failure(message: str, kind: str) -> Answer:
    return reply({"error": {"message": message, "type": kind, "code": 500}}, 500)
