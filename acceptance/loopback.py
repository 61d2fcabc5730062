"""A small HTTP server on 127.0.0.1 and a free port. It serves what the tools talk to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit


class Request(NamedTuple):
    method: str
    path: str
    query: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Answer(NamedTuple):
    body: bytes
    content_type: str = "application/json"
    status: int = 200


class FarSide(Protocol):
    """Anything that can be served. `url` is set before the first request."""

    url: str

    def answer(self, request: Request) -> Answer: ...


def as_json(document: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(document).encode(), status=status)


@contextmanager
def served(far_side: FarSide) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, target.path, dict(parse_qsl(target.query)), body)
            try:
                answer = far_side.answer(request)
            except Exception as error:  # the tool shows it, so the failing test does, too
                answer = as_json({"error": f"{type(error).__name__}: {error}"}, 500)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = do_PUT = handle_any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    far_side.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
