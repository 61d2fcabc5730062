"""Faults as data: what can go wrong with a request, when, and how often."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field, replace
from typing import Any

from . import changes, habits
from .changes import Changing
from .formats import dumps
from .store import Tx
from .wire import JSON, Answer, Call

_HEADER = {"type": "string", "not": {"type": "string", "pattern": "[^ -~]"}}
_BODY = {"body": {"type": ["string", "object", "array"]}, "content_type": _HEADER}
_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 0}
_COMMON = {
    "match": {
        "type": "object",
        "properties": {"method": _TEXT, "path": _TEXT, "connection": _TEXT},
        "additionalProperties": False,
    },
    "times": _COUNT,
    "after": _COUNT,
}


@dataclass(frozen=True)
class Kind:
    """What a kind of fault does, what it takes besides fault and _COMMON, whether the request has its effect.

    `changes`: it leaves an answer to give, only another one, so it strikes beside others. `within`: its
    requests have this in their path.
    """

    does: str
    members: dict[str, Any] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    effect: bool = True
    changes: bool = False
    within: str = ""


_SECONDS = {"seconds": {"type": "number", "minimum": 0, "maximum": 3600}}
_LISTS, _CONTACTS = "/getMessages/", "/getContacts"
_A_YEAR = 366 * 86400

# What each of them does is in references/sandbox.md, in the same words.
KINDS = {
    "delay": Kind(
        "the answer is late; the request takes effect even if the client gives up", _SECONDS, ("seconds",)
    ),
    "status": Kind(
        "this status comes instead of the effect; with effect true, after the effect",
        {
            "status": {"type": "integer", "minimum": 200, "maximum": 599},
            "retry_after": {**_HEADER, "type": ["integer", "string"]},
            "location": _HEADER,
            "effect": {"type": "boolean"},
            **_BODY,
        },
        ("status",),
        effect=False,
    ),
    "refuse": Kind(
        "the connection is refused. On a socket, this is imitated: it breaks before the body is read",
        effect=False,
    ),
    "reset": Kind("the connection breaks before anything happens", effect=False),
    "lost_answer": Kind("the call takes effect, and the connection breaks before the answer"),
    "truncated": Kind("the call takes effect, and the answer breaks off in the middle"),
    "empty": Kind("the call takes effect, and the answer has no body"),
    "html": Kind("the call takes effect, and the answer is a web page", _BODY),
    "not_json": Kind("the call takes effect, and the answer says that it is JSON but is not", _BODY),
    "wrong_type": Kind("the call takes effect, and the answer is JSON of another type", _BODY),
    "gzip": Kind("the right answer, gzip-encoded"),
    "drip": Kind("the right answer, one byte at a time", _SECONDS, ("seconds",)),
    "huge": Kind(
        "the call takes effect, and the answer is one long JSON string",
        {"bytes": {"type": "integer", "minimum": 2, "maximum": 1 << 28}},
        ("bytes",),
    ),
    "lag": Kind(
        "getMessages leaves out rows that are younger than this",
        _SECONDS,
        ("seconds",),
        changes=True,
        within=_LISTS,
    ),
    "unordered": Kind(
        "getMessages lists the oldest rows first, or those of a page in no order: oldest or none",
        {"order": {"enum": [*changes.ORDERS]}},
        ("order",),
        changes=True,
        within=_LISTS,
    ),
    "unzoned": Kind(
        "created in getMessages is the time of a clock that is ahead of UTC by this, and has no zone",
        {"seconds": {"type": "number", "minimum": -43200, "maximum": 50400}},
        ("seconds",),
        changes=True,
        within=_LISTS,
    ),
    "total": Kind(
        "total in getContacts is this, whatever there is",
        {"count": _COUNT},
        ("count",),
        changes=True,
        within=_CONTACTS,
    ),
    "altered": Kind(
        "the text of a send arrives changed: mojibake, escaped (HTML), selector (after a symbol), "
        "plain (quotes), cut (in half), signature (added)",
        {"change": {"enum": [*changes.TEXTS]}},
        ("change",),
        changes=True,
        within="/send",
    ),
    "undelivered": Kind(
        "what a send has brought to WATI fails later, with this code of WhatsApp's",
        {"code": {"enum": [*habits.CODES]}},
        ("code",),
        changes=True,
        within="/send",
    ),
    "date": Kind(
        "the Date of the answer is ahead of the world by this",
        {"seconds": {"type": "number", "minimum": -_A_YEAR, "maximum": _A_YEAR}},
        ("seconds",),
        changes=True,
    ),
    "undated": Kind("the answer has no Date", changes=True),
}

# The look-ups before a send, path and query: the package's clients choose the connection and check the
# template by them. Who makes the next call fail does not mean these.
_LOOKS = {
    "/connections": {"status": "ACTIVE"},
    "/wati/api/v1/getMessageTemplates": {"pagesize": "100", "pagenumber": "1"},
}

# Faults that break the connection: there is no answer at all.
SILENT = ("refuse", "reset", "lost_answer")

_PAGE = "<!DOCTYPE html><html><head><title>Just a moment</title></head><body><h1>Gateway</h1></body></html>"
_BODIES = {"html": _PAGE, "not_json": "Internal Server Error", "wrong_type": '["unexpected"]'}


@dataclass(frozen=True)
class Fault:
    """A fault that strikes now."""

    kind: str
    members: dict[str, Any]

    @property
    def effect(self) -> bool:
        return bool(self.members.get("effect", KINDS[self.kind].effect))

    @property
    def changes(self) -> bool:
        return KINDS[self.kind].changes

    @property
    def seconds(self) -> float:
        return float(self.members.get("seconds", 0))

    def damage(self, answer: Answer) -> Answer:
        """The answer that is sent instead of the right one."""
        if self.kind == "status":
            return self._status()
        if self.kind == "empty":
            return replace(answer, body=b"")
        if self.kind in _BODIES:
            default = "text/html; charset=utf-8" if self.kind == "html" else JSON
            return self._substitute(answer.status, _BODIES[self.kind], default)
        if self.kind == "gzip":
            headers = {**answer.headers, "Content-Encoding": "gzip"}
            return replace(answer, body=gzip.compress(answer.body), headers=headers)
        if self.kind == "huge":
            return Answer(answer.status, b'"' + b"x" * (self.members["bytes"] - 2) + b'"')
        return answer

    def _status(self) -> Answer:
        named = {"Retry-After": self.members.get("retry_after"), "Location": self.members.get("location")}
        headers = {name: str(value) for name, value in named.items() if value is not None}
        return replace(self._substitute(self.members["status"], "", JSON), headers=headers)

    def _substitute(self, status: int, body: str, content_type: str) -> Answer:
        given = self.members.get("body", body)
        text = given if isinstance(given, str) else dumps(given)
        return Answer(status, text.encode("utf-8"), self.members.get("content_type", content_type))


def problems(fault: Any, at: str = "$") -> list[dict[str, str]]:
    """Everything that is wrong with a fault, and where; `at` is the fault's own place."""
    from jsonschema import Draft202012Validator  # a slow import that requests can do without

    if not isinstance(fault, dict) or fault.get("fault") not in [*KINDS]:
        return [{"at": f"{at}.fault", "problem": f"must be one of {', '.join(KINDS)}"}]
    kind = KINDS[fault["fault"]]
    schema = {
        "required": kind.required,
        "properties": {"fault": {}, **_COMMON, **kind.members},
        "additionalProperties": False,
    }
    found = Draft202012Validator(schema).iter_errors(fault)
    return [{"at": error.json_path.replace("$", at, 1), "problem": error.message} for error in found]


def add(tx: Tx, fault: dict[str, Any]) -> None:
    """Let a fault without problems wait for its requests."""
    remaining = fault.get("times", 1) or None  # None for always
    tx.put("faults", doc=dumps(fault), passes=fault.get("after", 0), remaining=remaining)


def waiting(tx: Tx) -> list[dict[str, Any]]:
    """The faults still to strike, how often (0 for always) and after how many passes."""
    return [
        {**json.loads(row["doc"]), "times": row["remaining"] or 0, "after": row["passes"]}
        for row in tx.rows("SELECT * FROM faults ORDER BY seq")
    ]


def clear(tx: Tx) -> None:
    tx.run("DELETE FROM faults")


def take(tx: Tx, call: Call, connection: str | None) -> tuple[Fault | None, Changing]:
    """The first waiting fault that is due for this request, and those that only change something, by kind.

    The others that match count it as passed, if they still let requests pass.
    """
    struck: Fault | None = None
    changing: dict[str, dict[str, Any]] = {}
    for row in tx.rows("SELECT * FROM faults ORDER BY seq"):
        doc = json.loads(row["doc"])
        if not _matches(doc, call, connection):
            continue
        if row["passes"]:
            tx.run("UPDATE faults SET passes = passes - 1 WHERE seq = ?", row["seq"])
            continue
        fault = Fault(doc["fault"], doc)
        if fault.changes and fault.kind not in changing:
            changing[fault.kind] = fault.members
        elif not fault.changes and struck is None:
            struck = fault
        else:
            continue
        _used(tx, row["seq"], row["remaining"])
    return struck, changing


def is_refused(tx: Tx, call: Call, connection: str | None) -> bool:
    """Whether the fault that `take` would let strike refuses the connection."""
    for row in tx.rows("SELECT * FROM faults WHERE NOT passes ORDER BY seq"):
        doc = json.loads(row["doc"])
        if not KINDS[doc["fault"]].changes and _matches(doc, call, connection):
            return bool(doc["fault"] == "refuse")
    return False


def _is_look(call: Call) -> bool:
    """Whether clients of the package make this request beside another one, without being asked to."""
    looked = _LOOKS.get(call.path, {})
    return call.method == "GET" and bool(looked) and looked.items() <= call.query.items()


def _used(tx: Tx, seq: int, remaining: int | None) -> None:
    if remaining == 1:
        tx.run("DELETE FROM faults WHERE seq = ?", seq)
    elif remaining is not None:
        tx.run("UPDATE faults SET remaining = remaining - 1 WHERE seq = ?", seq)


def _matches(doc: dict[str, Any], call: Call, connection: str | None) -> bool:
    match = doc.get("match") or {}
    if not match and doc.get("times") != 0 and _is_look(call):
        return False
    path = match.get("path", "*")
    reached = call.path.startswith(path[:-1]) if path.endswith("*") else call.path == path
    return (
        reached
        and match.get("method", call.method).upper() == call.method
        and match.get("connection", connection) == connection
        and KINDS[doc["fault"]].within in call.path
    )
