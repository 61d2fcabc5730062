"""A far side that takes everything and keeps nothing, so that what is measured is the sender."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TEMPLATE = {"elementName": "t", "status": "APPROVED", "bodyOriginal": "Your order {{ordernumber}} is ready."}
ANSWERS = {
    "/connections": {"connections": [{"connection_id": "conn-1", "status": "ACTIVE", "app": "wati"}]},
    "/wati/api/v1/getMessageTemplates": {"result": "success", "messageTemplates": [TEMPLATE]},
    "/wati/api/v1/getContacts": {"result": "success", "contact_list": []},
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left > 0 and (taken := self.rfile.read(min(left, 1 << 16))):
            left -= len(taken)
        document = ANSWERS.get(self.path.partition("?")[0], {"result": True, "info": ""})
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def discarding() -> Iterator[str]:
    """Yields its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
