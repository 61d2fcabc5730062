"""The nine sends, each with a message of its own, and a world of the sandbox that they go to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from conftest import Run
from wati.sandbox import control

JOHN, JANE, MARIA, STRANGER = "14155551234", "14155555678", "14155550199", "14155550000"
HELLO = {"whatsappNumber": JOHN, "messageText": "Your parcel is here."}
VALUES = [{"name": "name", "value": "John"}, {"name": "ordernumber", "value": "12345"}]
TEMPLATE = {"template_name": "order_update", "broadcast_name": "first"}
ONE = {**TEMPLATE, "whatsappNumber": JOHN, "parameters": VALUES}
MANY = {**TEMPLATE, "receivers": [{"whatsappNumber": to, "customParams": VALUES} for to in (JOHN, JANE)]}
CSV = {**TEMPLATE, "whatsapp_numbers_csv": "list.csv"}
CSV_TEXT = f"Phone,name,ordernumber\n{JOHN},John,12345\n{JANE},John,12345\n"
PDF = b"%PDF-1.4\n%%EOF\n"

# script: (arguments, flags)
SENDS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "send_session_message": (HELLO, []),
    "send_session_file": ({"whatsappNumber": JOHN, "file": "a.pdf", "caption": "The invoice"}, []),
    "send_interactive_buttons_message": (
        {"whatsappNumber": JOHN, "body": "Is it here?", "buttons": [{"text": "Yes"}, {"text": "No"}]},
        [],
    ),
    "send_interactive_list_message": (
        {
            "whatsappNumber": JOHN,
            "body": "Please choose",
            "buttonText": "Options",
            "sections": [{"title": "All", "rows": [{"title": "A", "description": "the first"}]}],
        },
        [],
    ),
    "send_template_message": (ONE, []),
    "send_template_message_v2": (ONE, []),
    "send_template_messages": (MANY, ["--confirm", "2"]),
    "send_template_messages_v2": (MANY, ["--confirm", "2"]),
    "send_template_message_csv": (CSV, ["--confirm", "2"]),
}
IN_SESSION = [name for name in SENDS if "template" not in name]
KINDS = ("text", "file", "buttons", "list", "template")  # of what the sandbox delivers


class Clock:
    """The time that both sides share; a wait moves it on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import time

        self.ahead = 0.0
        self.waited: list[float] = []
        for name in ("time", "monotonic"):
            real: Callable[[], float] = getattr(time, name)
            monkeypatch.setattr(time, name, lambda real=real: real() + self.ahead)
        if hasattr(time, "clock_gettime"):
            of = time.clock_gettime
            monkeypatch.setattr(time, "clock_gettime", lambda clock: of(clock) + self.ahead)
        monkeypatch.setattr(time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.ahead += seconds


@dataclass
class World:
    """The sandbox in this process, without limits; the journal lies beside its state."""

    state: str
    folder: Path
    call: Callable[..., Run]

    def run(self, name: str, arguments: Any = None, *flags: str, **environment: str | None) -> Run:
        given = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None, "WATI_SANDBOX_STATE": self.state}
        return self.call(name, arguments, *flags, **{**given, **environment})

    def send(self, name: str, *flags: str, **environment: str | None) -> Run:
        arguments, own = SENDS[name]
        return self.run(name, arguments, *own, *flags, **environment)

    def check(self, number: int, *flags: str, **environment: str | None) -> Run:
        return self.run("check_send", {"id": number}, *flags, **environment)

    def lose(self, kind: str = "lost_answer", path: str = "/wati/api/*", **members: Any) -> None:
        """Let the next request that sends go wrong."""
        control.fault(self.state, {"fault": kind, "match": {"method": "POST", "path": path}, **members})

    def seed(self, **things: Any) -> None:
        control.seed(self.state, things)

    @property
    def journal(self) -> Path:
        return Path(f"{self.state}-sends")

    @property
    def delivered(self) -> list[dict[str, Any]]:
        return [row for row in control.log(self.state) if row["kind"] in KINDS]

    @property
    def count(self) -> Counter[str]:
        """How many messages each number got."""
        return Counter(row["whatsappNumber"] for row in self.delivered)


def make_world(tmp_path: Path, call: Callable[..., Run]) -> World:
    """A fresh one, with the files of the sends in the current folder, and Jane's window open, too."""
    world = World(str(tmp_path / "state" / "sandbox.sqlite"), tmp_path, call)
    control.reset(world.state, limits=False)
    (tmp_path / "a.pdf").write_bytes(PDF)
    (tmp_path / "list.csv").write_text(CSV_TEXT, encoding="utf-8")
    return world


def states(world: World) -> list[str]:
    """The state of each message in the journal, in order: how it was settled, not what went out."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(world.journal)) as db:
        return [row[0] for row in db.execute("SELECT state FROM messages ORDER BY rowid")]


def text(arguments: Any) -> str:
    return json.dumps(arguments, ensure_ascii=False)


# --- an older journal --------------------------------------------------------------------------------------

OLD = """
CREATE TABLE secret (salt BLOB NOT NULL);
CREATE TABLE sends (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, clock REAL,
    place TEXT NOT NULL, connection TEXT NOT NULL, script TEXT NOT NULL);
CREATE TABLE messages (send INTEGER NOT NULL, receiver TEXT NOT NULL, kind TEXT NOT NULL,
    name TEXT NOT NULL, parts TEXT NOT NULL, digest TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX messages_alike ON messages (digest);
CREATE INDEX messages_of ON messages (send, receiver);
PRAGMA user_version = 1;
"""


def first_version(journal: Path) -> None:
    """Turn a journal into what the first version would have written."""
    import hashlib
    import hmac
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(journal)) as db:
        db.row_factory = sqlite3.Row
        (salt,) = db.execute("SELECT salt FROM secret").fetchone()
        sends = db.execute("SELECT * FROM sends").fetchall()
        messages = db.execute("SELECT * FROM messages").fetchall()
    journal.unlink()
    with closing(sqlite3.connect(journal)) as db:
        db.executescript(OLD)
        db.execute("INSERT INTO secret VALUES (?)", (salt,))
        db.executemany("INSERT INTO sends VALUES (?, ?, ?, ?, ?, ?)", (tuple(row)[:6] for row in sends))
        by_id = {row["id"]: row for row in sends}
        for row in messages:
            send, parts = by_id[row["send"]], json.loads(row["parts"])
            whole = [send["place"], send["connection"], row["receiver"].lower(), row["kind"], row["name"]]
            text = " ".join(json.dumps([*whole, sorted(parts.items())]).split())
            digest = hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()[:32]
            db.execute("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", (*tuple(row)[:5], digest, row[6]))
        db.commit()
