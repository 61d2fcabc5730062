"""The socket mount: the sandbox on a loopback port, for any HTTP client."""

from __future__ import annotations

import os
import re
import socket
import socketserver
import struct
import sys
import time
from contextlib import suppress
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

from .app import Exchange, Sandbox
from .faults import Fault
from .page.site import Page, Stream
from .wire import Answer, Call, Rejected, reject

# Room for WhatsApp's largest document (100 MB) in a multipart body.
LARGEST_BODY = 104 * 1024 * 1024
_LONGEST_LINE = 4096
_MOST_TRAILERS = 100
_EMPTY_LINES = 5  # before a request, where RFC 9112 (2.2) lets a server ignore them
# How long a client may go on sending what nobody reads: closing at once could take the answer away from it.
_DRAIN_SECONDS = 2.0
# Closing with this sends a reset instead of an orderly end; Windows packs the two numbers shorter.
_RESET = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


def _unreadable(status: int, message: str) -> NoReturn:
    """The request's body cannot be read; the connection ends after this answer."""
    reject({"detail": message}, status, Connection="close")


def _drain(connection: socket.socket) -> None:
    """End our side, and read what the client still sends, for a moment."""
    deadline = time.monotonic() + _DRAIN_SECONDS
    with suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while (left := deadline - time.monotonic()) > 0:
            connection.settimeout(left)
            if not connection.recv(65536):
                return


class Server(ThreadingHTTPServer):
    """Serves at `url` until `shutdown`."""

    daemon_threads = True
    request_queue_size = 128
    # On Windows the option would let another program take over the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, sandbox: Sandbox, port: int = 0, *, page: bool = False) -> None:
        self.sandbox = sandbox
        self._reset: set[int] = set()
        self.page: Page | None = None
        super().__init__(("127.0.0.1", port), _Handler)
        if page:
            self.page = Page(sandbox, self.server_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def server_bind(self) -> None:
        # The method of HTTPServer looks up the host's name, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def server_close(self) -> None:
        if self.page is not None:
            self.page.close()
        super().server_close()

    def reset_connection(self, request: Any) -> None:
        """Let the connection end in a reset instead of an orderly close."""
        request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._reset.add(id(request))

    def shutdown_request(self, request: Any) -> None:
        if id(request) in self._reset:
            self._reset.discard(id(request))
            self.close_request(request)
        else:
            _drain(request)
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client that went away is not an error
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    raw_requestline: bytes
    protocol_version = "HTTP/1.1"
    # What is answered if a request's version cannot be read. With HTTP/0.9, the answer would have no status.
    default_request_version = "HTTP/1.1"
    # With the defaults (unbuffered, Nagle on) every answer waits 40 ms for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    timeout = 60

    def __getattr__(self, name: str) -> Any:
        """Every verb is handled in the same way, even an unknown one."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the world's own log has every request."""

    def parse_request(self) -> bool:
        for _ in range(_EMPTY_LINES):
            if self.raw_requestline.strip() or not self.raw_requestline:
                break
            self.raw_requestline = self.rfile.readline(_LONGEST_LINE)
        return super().parse_request()

    def handle_expect_100(self) -> bool:
        """Send it at once: curl waits a whole second for it before an upload."""
        goes_on = super().handle_expect_100()
        self.wfile.flush()
        return goes_on

    def _serve(self) -> None:
        head, page = self._call(b""), self.server.page
        for_page = page is not None and page.has(head.path)
        if not for_page and self.server.sandbox.refuses(head):
            self._finish(self.server.sandbox.exchange(head))
            return
        try:
            body = self._body()
        except Rejected as rejected:
            self.close_connection = True
            self._send(rejected.answer, None)
            return
        if body is None:
            self.close_connection = True
            return
        call = replace(head, body=body)
        if page is not None and for_page:
            self._show(page.answer(call))
        else:
            self._finish(self.server.sandbox.exchange(call))

    def _show(self, found: Answer | Stream) -> None:
        if isinstance(found, Answer):
            self._send(found, None)
            return
        self.close_connection = True
        self._begin(replace(found.answer, headers={**found.answer.headers, "Connection": "close"}))
        self.end_headers()
        for piece in found.pieces:
            self.wfile.write(piece)
            self.wfile.flush()

    def _finish(self, exchange: Exchange) -> None:
        if exchange.answer is None:
            self.server.reset_connection(self.connection)
            self.close_connection = True
        else:
            self._send(exchange.answer, exchange.fault)

    def _call(self, body: bytes) -> Call:
        target = self.path.encode("latin-1", "replace").decode("utf-8", "replace")
        path, _, query = re.sub(r"^https?://[^/?]*", "", target).partition("?")
        headers = tuple((name.lower(), value) for name, value in self.headers.items())
        return Call(self.command.upper(), path or "/", query, headers, body)

    # --- the body ---

    def _body(self) -> bytes | None:
        """The whole body, or None if the client left before its end."""
        coding = self.headers.get("Transfer-Encoding")
        lengths = set(self.headers.get_all("Content-Length") or [])
        if coding is not None:
            if lengths or coding.strip().lower() != "chunked":
                _unreadable(HTTPStatus.BAD_REQUEST, "Transfer-Encoding must be chunked, alone")
            return self._chunks()
        if not lengths:
            return b""
        text = lengths.pop()
        if lengths or re.fullmatch(r"[0-9]{1,18}", text) is None:
            _unreadable(HTTPStatus.BAD_REQUEST, "Content-Length is not a number")
        return self._read(int(text))

    def _read(self, size: int, already: int = 0) -> bytes | None:
        if already + size > LARGEST_BODY:
            _unreadable(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")
        content = self.rfile.read(size)
        return content if len(content) == size else None

    def _chunks(self) -> bytes | None:
        body = bytearray()
        while (line := self._line()) is not None:
            size = line.partition(b";")[0].strip()
            if re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size) is None:
                _unreadable(HTTPStatus.BAD_REQUEST, "A chunk's size is not a number")
            if int(size, 16) == 0:
                return bytes(body) if self._skip_trailers() else None
            chunk = self._read(int(size, 16), len(body))
            end = None if chunk is None else self._line()
            if chunk is None or end is None:
                return None
            if end.strip():
                _unreadable(HTTPStatus.BAD_REQUEST, "A chunk is longer than its size")
            body += chunk
        return None

    def _skip_trailers(self) -> bool:
        """Read to the end of a body in chunks; False if the client left before it."""
        for _ in range(_MOST_TRAILERS):
            line = self._line()
            if line is None or not line.strip():
                return line is not None
        _unreadable(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "There are too many trailers")

    def _line(self) -> bytes | None:
        """The next line of a body in chunks, or None if the client left before its end."""
        line = self.rfile.readline(_LONGEST_LINE)
        if len(line) == _LONGEST_LINE:
            _unreadable(HTTPStatus.BAD_REQUEST, "A line between the chunks is too long")
        return line if line.endswith(b"\n") else None

    # --- the answer ---

    def _begin(self, answer: Answer) -> bool:
        """The head of an answer but for its length. Returns whether it has a body."""
        bare = self.command == "HEAD" or answer.status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
        self.send_response_only(answer.status)
        self.send_header("Server", "wati-sandbox")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not bare:
            self.send_header("Content-Type", answer.content_type)
        return not bare

    def _send(self, answer: Answer, fault: Fault | None) -> None:
        has_body = self._begin(answer)
        if has_body:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if has_body:
            self._write(answer.body, fault)
        self.wfile.flush()

    def _write(self, body: bytes, fault: Fault | None) -> None:
        if fault is not None and fault.kind == "truncated":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif fault is not None and fault.kind == "drip":
            for byte in body:
                self.wfile.flush()
                time.sleep(fault.seconds)
                self.wfile.write(bytes([byte]))
        else:
            self.wfile.write(body)
