"""The in-process mount: an httpx transport with the sandbox behind it instead of a network."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx

from .app import Exchange, Sandbox
from .state import State
from .state_file import StatePath
from .wire import Answer, Call


def transport(path: StatePath = None) -> httpx.BaseTransport:
    """The sandbox over a state file (see `state_path`). Raises StateError if the file cannot be used."""
    return SandboxTransport(Sandbox(State(path)))


class SandboxTransport(httpx.BaseTransport):
    """For `httpx.Client(transport=...)`. Faults surface as the exceptions of a real transport."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        patience = request.extensions.get("timeout", {}).get("read")
        late = False

        def sleep(seconds: float) -> None:
            nonlocal late
            late = patience is not None and seconds > patience
            time.sleep(patience if late else seconds)

        exchange = self.sandbox.exchange(_call(request), sleep)
        if late:
            # As over a network, the other side does not notice that the client has left, and finishes.
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        return _response(exchange, request, patience)


def _call(request: httpx.Request) -> Call:
    path, _, query = request.url.raw_path.decode("ascii").partition("?")
    headers = tuple(
        (name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.headers.raw
    )
    return Call(request.method.upper(), path, query, headers, request.read())


def _response(exchange: Exchange, request: httpx.Request, patience: float | None) -> httpx.Response:
    fault, answer = exchange.fault, exchange.answer
    kind = "" if fault is None else fault.kind
    if answer is None:
        if kind == "refuse":
            raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
        raise httpx.ReadError("[Errno 104] Connection reset by peer", request=request)
    if kind == "truncated":
        body = _truncated(answer, request)
    elif kind == "drip" and fault is not None:
        body = _dripping(answer, fault.seconds, patience, request)
    else:
        body = iter([b"" if request.method == "HEAD" else answer.body])
    length = str(len(answer.body))
    headers = {"Content-Type": answer.content_type, **answer.headers, "Content-Length": length}
    # An iterator, even of a whole body: httpx reads bytes at once, and the client could not stream them.
    return httpx.Response(answer.status, headers=headers, content=body)


def _truncated(answer: Answer, request: httpx.Request) -> Iterator[bytes]:
    half = answer.body[: len(answer.body) // 2]
    yield half
    raise httpx.RemoteProtocolError(
        "peer closed connection without sending complete message body "
        f"(received {len(half)} bytes, expected {len(answer.body)})",
        request=request,
    )


def _dripping(
    answer: Answer, seconds: float, patience: float | None, request: httpx.Request
) -> Iterator[bytes]:
    for byte in answer.body:
        if patience is not None and seconds > patience:
            time.sleep(patience)
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        time.sleep(seconds)
        yield bytes([byte])
