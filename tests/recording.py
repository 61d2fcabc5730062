"""The far side of the wire: a loopback HTTP server that keeps every request raw and answers as it is told.

It knows nothing of the client and parses no more than it must, so that what it recorded is what was sent.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO
from urllib.parse import parse_qs, parse_qsl

HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Part:
    """One part of a multipart body; header names in lower case."""

    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class Received:
    """One request as it came: `target` is the undecoded path and query, header names are in lower case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def names(self) -> list[str]:
        return sorted(name for name, _ in self.headers)

    def header(self, name: str) -> str | None:
        """The one value of a header, or None; a header that came twice fails the test."""
        values = [value for given, value in self.headers if given == name.lower()]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query, decoded the way a server does it (a plus is a space)."""
        return parse_qsl(self.query, keep_blank_values=True, strict_parsing=bool(self.query))

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def parts(self) -> list[Part]:
        kind, _, boundary = (self.header("content-type") or "").partition("; boundary=")
        assert kind == "multipart/form-data" and boundary
        first, *middle, last = (b"\r\n" + self.body).split(b"\r\n--" + boundary.encode())
        assert first == b"" and last.strip() == b"--"
        return [_part(raw) for raw in middle]


def _part(raw: bytes) -> Part:
    head, _, content = raw.removeprefix(b"\r\n").partition(HEAD_END)
    return Part(dict(_header(line) for line in head.decode().split("\r\n")), content)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    `body`: bytes, or an iterable of chunks that may be endless. `delay`: seconds before anything is answered.
    `drip`: seconds between the bytes of head and body. `cut`: the connection ends after so many bytes of the
    body, after `stall` seconds of silence. `hang_up`: the connection ends unanswered, by a "close" or a
    "reset". `last`: from now on the port refuses connections. `raw`: these very bytes in place of head and
    body, and the end of the connection. Seconds end early when the server is closed.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay: float = 0
    drip: float = 0
    cut: int | None = None
    stall: float = 0
    hang_up: str = ""
    last: bool = False
    raw: bytes | None = None


def reply(document: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; `Retry_After` names the header Retry-After."""
    return Answer(
        status,
        json.dumps(document, ensure_ascii=False).encode(),
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


class FarSide:
    """The server. `requests`: all that came, in order. It answers from `will`, `always`, then `DEFAULTS`.

    `aside`: reads of templates, which are made before many sends, are kept in `looks` instead. Only answers
    meant for them answer them; by default the list does not say where it ends, so it stops no send.
    """

    def __init__(self, port: int = 0) -> None:
        self.requests: list[Received] = []
        self.looks: list[Received] = []
        self.aside = False
        self._once: list[tuple[str, Answer]] = []
        self._always: dict[str, Answer] = {}
        self._arrived = threading.Condition()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", port))
        self._connections: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def will(self, *answers: Answer, to: str = "/") -> None:
        """Answer the next requests whose target begins with `to` so, one after the other."""
        self._once += [(to, answer) for answer in answers]

    def forget(self) -> None:
        """Forget what came, and what was still to be answered."""
        self.requests.clear()
        self.looks.clear()
        self._once.clear()

    def clear(self) -> None:
        """Forget all that came, and all that it was told to answer."""
        self.forget()
        self._always.clear()

    def always(self, answer: Answer, to: str = "/") -> None:
        """Answer all requests whose target begins with `to` so, once `will` has nothing more for them."""
        self._always[to] = answer

    def to(self, prefix: str) -> list[Received]:
        """The requests whose target begins with `prefix`."""
        return [request for request in self.requests if request.target.startswith(prefix)]

    @property
    def connections(self) -> int:
        """How many connections were opened."""
        return len(self._connections)

    @property
    def writes(self) -> list[Received]:
        """The requests that are more than a read."""
        return [request for request in self.requests if request.method != "GET"]

    def wait_for(self, count: int, seconds: float = 30) -> bool:
        """Wait until so many requests have come in whole; False if they did not."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.requests) >= count, seconds)

    def stop_listening(self) -> None:
        with suppress(
            OSError
        ):  # wakes the thread that waits in accept; not every system lets a listener be shut
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def close(self) -> None:
        self._closing.set()
        self.stop_listening()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive(), "the recording server hangs"

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream, suppress(OSError):
            while request := _receive(stream):
                with self._arrived:
                    (self.looks if self._is_aside(request) else self.requests).append(request)
                    answer = self._next(request)
                    self._arrived.notify_all()
                if answer.last:
                    self.stop_listening()
                self._closing.wait(answer.delay)
                if not self._answer(connection, answer):
                    return

    def _is_aside(self, request: Received) -> bool:
        return self.aside and request.method == "GET" and request.path == TEMPLATES

    def _next(self, request: Received) -> Answer:
        if self._is_aside(request):
            self._once, once = [each for each in self._once if each[0].startswith(TEMPLATES)], self._once
            mine = self._once.pop(0) if self._once else None
            self._once = [each for each in once if each is not mine]
            return (
                mine[1]
                if mine
                else next((found for to, found in self._always.items() if to.startswith(TEMPLATES)), None)
                or reply({**TEMPLATE_LIST, "link": None})
            )
        for index, (prefix, _) in enumerate(self._once):
            if request.target.startswith(prefix):
                return self._once.pop(index)[1]
        fitting = [prefix for prefix in self._always if request.target.startswith(prefix)]
        return self._always[max(fitting, key=len)] if fitting else default(request)

    def _answer(self, connection: socket.socket, answer: Answer) -> bool:
        """Send it; False where the connection is to end."""
        if answer.hang_up:
            if answer.hang_up == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if answer.raw is not None:
            connection.sendall(answer.raw)
            return False
        headers = {"Content-Type": answer.content_type, **answer.headers}
        if isinstance(answer.body, bytes):
            headers["Content-Length"] = str(len(answer.body))
        else:
            headers["Transfer-Encoding"] = "chunked"
        if answer.status == 204:
            headers = answer.headers
        if answer.last:
            headers["Connection"] = "close"
        for piece in self._pieces(answer, _head(answer.status, headers)):
            connection.sendall(piece)
            if answer.drip and self._closing.wait(answer.drip):
                return False
        if answer.cut is not None:
            self._closing.wait(answer.stall)
        return answer.cut is None and not answer.last

    def _pieces(self, answer: Answer, head: bytes) -> Iterable[bytes]:
        if not isinstance(answer.body, bytes):
            chunks = (b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in answer.body)
            return chain([head], chunks, [b"0\r\n\r\n"])
        whole = head + answer.body[: answer.cut]
        return (bytes([byte]) for byte in whole) if answer.drip else (whole,)


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _receive(stream: BinaryIO) -> Received | None:
    """The next request of a connection; None where the client ended it."""
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line.decode("latin-1").rstrip("\r\n"))
    if not lines:
        return None
    method, target, _ = lines[0].split(" ")
    headers = [_header(line) for line in lines[1:]]
    given = dict(headers)
    body = stream.read(int(given.get("content-length", "0")))
    if given.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(stream))
    return Received(method, target, headers, body)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while size := int(stream.readline(), 16):
        yield stream.read(size)
        stream.readline()
    stream.readline()


# --- what it answers unless a test says otherwise: each endpoint's success ---------------------------------

CONNECTION = {
    "connection_id": "conn-1",
    "status": "ACTIVE",
    "creation_time": "2026-01-01T00:00:00.000000Z",
    "last_updated_time": "2026-01-01T00:00:00.000000Z",
    "url": "https://connect.maton.ai/?session_token=token-that-must-not-leak",
    "app": "wati",
    "method": "API_KEY",
    "metadata": {},
}
LINK = {"prevPage": None, "nextPage": None, "pageNumber": 1, "pageSize": 20, "total": 1}
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


def _v2(request: Received) -> Answer:
    """v2 names every receiver that it was given."""
    asked = [receiver["whatsappNumber"] for receiver in request.json.get("receivers", [])]
    numbers = asked or parse_qs(request.query)["whatsappNumber"]
    rows = [
        {"localMessageId": f"local-{index}", "waId": number, "isValidWhatsAppNumber": True, "errors": []}
        for index, number in enumerate(numbers)
    ]
    return reply(
        {"result": True, "error": None, "templateName": request.json["template_name"], "receivers": rows}
    )


TEMPLATES = "/wati/api/v1/getMessageTemplates"
# The first bytes that identify a format, by the ending of a file's name.
HEADS = {
    **{".jpg": b"\xff\xd8\xff", ".png": b"\x89PNG\r\n\x1a\n", ".mp4": b"\0\0\0\x18ftyp"},
    **{".ogg": b"OggS", ".pdf": b"%PDF-"},
}
TEMPLATE_LIST: dict[str, Any] = {
    "result": "success",
    "messageTemplates": [
        {
            "elementName": "order_update",
            "status": "APPROVED",
            "bodyOriginal": "Hi {{name}}, your order {{ordernumber}} is ready.",
        },
        {"elementName": "welcome", "status": "APPROVED", "bodyOriginal": "Welcome!"},
    ],
    "link": LINK,
}
WATI = {
    "GET /wati/api/v1/getContacts": {
        "result": "success",
        "contact_list": [{"id": "6708", "wAid": "14155551234", "fullName": "John Doe", "optedIn": False}],
        "link": LINK,
    },
    "POST /wati/api/v1/addContact": {"result": True, "info": "", "contact": {"wAid": "14155551234"}},
    "POST /wati/api/v1/updateContactAttributes": {"result": True},
    "GET /wati/api/v1/getMessages": {
        "result": "success",
        "messages": {"items": [{"eventType": "message", "owner": False, "text": "Hello"}], "total": 0},
        "link": LINK,
    },
    "POST /wati/api/v1/sendSessionMessage": {"ok": True, "result": "success", "message": {"id": "m1"}},
    "POST /wati/api/v1/sendSessionFile": {"result": True, "message": "", "ticketStatus": "OPEN"},
    f"GET {TEMPLATES}": TEMPLATE_LIST,
    "POST /wati/api/v1/sendTemplateMessage": {"result": True, "validWhatsAppNumber": True},
    "POST /wati/api/v1/sendTemplateMessages": {
        "result": True,
        "errors": {"error": "", "invalidWhatsappNumbers": [], "invalidCustomParameters": []},
    },
    "POST /wati/api/v1/sendTemplateMessageCSV": {"result": True, "info": ""},
    "POST /wati/api/v1/sendInteractiveButtonsMessage": {"ok": True, "errors": [], "message": {"id": "m2"}},
    "POST /wati/api/v1/sendInteractiveListMessage": {"ok": True, "errors": [], "message": {"id": "m3"}},
    "POST /wati/api/v1/assignOperator": {"result": True},
}


def fixed(document: Any) -> Callable[[Received], Answer]:
    return lambda _: reply(document)


DEFAULTS: dict[str, Callable[[Received], Answer]] = {
    **{route: fixed(document) for route, document in WATI.items()},
    "POST /wati/api/v2/sendTemplateMessage": _v2,
    "POST /wati/api/v2/sendTemplateMessages": _v2,
    "GET /wati/api/v1/getMedia": lambda _: Answer(body=JPEG, content_type="image/jpeg"),
    "GET /connections": lambda request: reply(
        {"connection": {**CONNECTION, "connection_id": request.path.rpartition("/")[2]}}
        if request.path != "/connections"
        else {"connections": [CONNECTION]}
    ),
    "POST /connections": fixed({"connection": {**CONNECTION, "status": "PENDING"}}),
    "DELETE /connections": fixed({}),
}


def default(request: Received) -> Answer:
    """The success of the path, or of the path without its last step (a number, an id)."""
    for path in (request.path, request.path.rpartition("/")[0]):
        if make := DEFAULTS.get(f"{request.method} {path}"):
            return make(request)
    return reply({"detail": "the recording server has no such path"}, 501)
