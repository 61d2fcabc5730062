"""A world of its own for each test, and the two ways to reach it."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from wati.sandbox import State, control, transport
from wati.sandbox.app import Sandbox
from wati.sandbox.server import Server

NOW = "2026-01-05T12:00:00Z"
KEY = {"Authorization": "Bearer sandbox"}
V1, V2 = "/wati/api/v1", "/wati/api/v2"


@dataclass
class World:
    """One state file, a client that reaches it, and its control surface."""

    path: str
    api: httpx.Client

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.api.get(path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.api.post(path, **kwargs)

    def messages(self, number: str) -> list[dict[str, Any]]:
        answer = self.get(f"{V1}/getMessages/{number}").json()
        assert answer["result"] == "success"
        items: list[dict[str, Any]] = answer["messages"]["items"]
        return items

    def log(self, kind: str | None = None) -> list[dict[str, Any]]:
        return [row for row in control.log(self.path) if kind in (None, row["kind"])]

    def requests(self) -> list[dict[str, Any]]:
        return control.requests(self.path)

    def fault(self, kind: str, **members: Any) -> None:
        control.fault(self.path, {"fault": kind, **members})

    def advance(self, seconds: float) -> None:
        control.advance(self.path, seconds)

    def seed(self, **things: Any) -> None:
        control.seed(self.path, things)


@pytest.fixture
def state_file(tmp_path: Path) -> str:
    """A world with a fixed clock and fixed ids, without limits."""
    target = str(tmp_path / "sandbox.sqlite")
    control.reset(target, now=NOW, ids=1, limits=False)
    return target


@pytest.fixture
def world(state_file: str) -> Iterator[World]:
    with httpx.Client(transport=transport(state_file), base_url="https://api.maton.ai", headers=KEY) as api:
        yield World(state_file, api)


@pytest.fixture
def serve() -> Iterator[Callable[[str], str]]:
    """Serves a state file from a thread; gives the address."""
    servers: list[Server] = []

    def start(path: str) -> str:
        server = Server(Sandbox(State(path)))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server.url

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@dataclass
class PageOf:
    """The page of a served world, as a browser has it."""

    api: httpx.Client
    server: Server
    token: str

    @property
    def port(self) -> int:
        return self.server.server_port

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.api.get(f"/_sandbox/{path}", params=query, headers={"X-Sandbox-Token": self.token})

    def view(self, **query: Any) -> dict[str, Any]:
        answer = self.get("view", **query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def act(self, name: str, **arguments: Any) -> httpx.Response:
        headers = {"X-Sandbox-Token": self.token}
        return self.api.post(f"/_sandbox/actions/{name}", json=arguments, headers=headers)


@pytest.fixture
def serve_page() -> Iterator[Callable[..., PageOf]]:
    """Serves a state file with its page, from a thread."""
    with ExitStack() as stack:

        def start(path: str, *, limited: bool = True) -> PageOf:
            server = Server(Sandbox(State(path), limited=limited), page=True)
            api = stack.enter_context(socket_client(server.url, key=False))
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            serving = {"poll_interval": 0.01}
            threading.Thread(target=server.serve_forever, kwargs=serving, daemon=True).start()
            token = re.findall('<meta name="token" content="([^"]+)">', api.get("/_sandbox/").text)
            return PageOf(api, server, *token)

        yield start


@pytest.fixture
def page(serve_page: Callable[..., PageOf], state_file: str) -> PageOf:
    return serve_page(state_file)


def socket_client(url: str, timeout: float = 5, *, key: bool = True) -> httpx.Client:
    """A client for the loopback: no proxies, and no certificates to load."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    headers = KEY if key else {}
    return httpx.Client(base_url=url, headers=headers, trust_env=False, verify=context, timeout=timeout)


@pytest.fixture
def connect() -> Callable[..., httpx.Client]:
    return socket_client


@pytest.fixture(params=["in process", "served"])
def either(request: pytest.FixtureRequest, state_file: str, serve: Callable[[str], str]) -> Iterator[World]:
    """The same world by both mounts."""
    if request.param == "served":
        with socket_client(serve(state_file)) as api:
            yield World(state_file, api)
    else:
        base = "https://api.maton.ai"
        with httpx.Client(transport=transport(state_file), base_url=base, headers=KEY, timeout=5) as api:
            yield World(state_file, api)
