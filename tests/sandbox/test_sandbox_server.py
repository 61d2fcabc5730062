"""The socket mount: what a client of any kind meets, down to the bytes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from wati.sandbox import control

SCRIPT = Path(control.__file__).parents[2] / "sandbox.py"
V1 = "/wati/api/v1"
JOHN = "14155551234"
FORM = "application/x-www-form-urlencoded"
SEND = f"{V1}/sendSessionMessage/{JOHN}"


@pytest.fixture
def url(serve, state_file):
    return serve(state_file)


def exchange(url, request):
    """Send raw bytes, read all of the answer."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall(request)
        answer = b""
        while piece := wire.recv(65536):
            answer += piece
    return answer


def raw(line, *headers, body=b""):
    head = [line, "Host: x", "Authorization: Bearer sandbox", "Connection: close", *headers, "", ""]
    return "\r\n".join(head).encode("latin-1") + body


def status(answer):
    return int(answer.split(b" ", 2)[1])


def test_answers_are_fast_and_connections_are_kept(url, connect):
    seconds = []
    with connect(url) as api:
        for _ in range(20):
            start = time.monotonic()
            assert api.get("/connections").status_code == 200
            seconds.append(time.monotonic() - start)
    # The defaults of http.server would take 40 ms for each, the best included.
    assert min(seconds) < 0.03


def test_many_clients_at_once_lose_and_double_nothing(url, state_file, connect):
    def send(name):
        with connect(url) as api:
            for number in range(10):
                assert api.post(SEND, data={"messageText": f"{name} {number}"}).json()["ok"] is True

    crowd = [threading.Thread(target=send, args=(name,)) for name in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    texts = [row["text"] for row in control.log(state_file)]
    assert sorted(texts) == sorted(f"{name} {number}" for name in range(8) for number in range(10))


def test_a_body_in_chunks(url, state_file, connect):
    with connect(url) as api:
        form = {"Content-Type": FORM}
        answer = api.post(SEND, content=iter([b"message", b"Text=in+", b"pieces"]), headers=form)
        assert answer.json()["ok"] is True
        assert api.get("/connections").status_code == 200  # the connection is still in step
    assert control.log(state_file)[0]["text"] == "in pieces"
    assert control.requests(state_file)[0]["body"] == "messageText=in+pieces"


@pytest.mark.parametrize("verb", ["HEAD", "BREW", "PATCH", "OPTIONS"])
def test_other_verbs(url, verb):
    answer = exchange(url, raw(f"{verb} /connections HTTP/1.1"))
    assert status(answer) == 405
    assert answer.endswith(b"\r\n\r\n") is (verb == "HEAD")


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        (["Content-Length: x"], b"", 400),
        (["Content-Length: -1"], b"", 400),
        (["Content-Length: 1", "Content-Length: 2"], b"a", 400),
        (["Transfer-Encoding: gzip"], b"", 400),
        (["Transfer-Encoding: chunked", "Content-Length: 3"], b"0\r\n\r\n", 400),
        (["Transfer-Encoding: chunked"], b"zz\r\n", 400),
        (["Content-Length: 999999999999"], b"", 413),
        (["Transfer-Encoding: chunked"], b"fffffffff\r\n", 413),
        (["Transfer-Encoding: chunked"], b"\r\n", 400),
        (["Transfer-Encoding: chunked"], b"-1\r\nx\r\n", 400),
        (["Transfer-Encoding: chunked"], b"1\r\nxy\r\n0\r\n\r\n", 400),
        (["Transfer-Encoding: chunked"], b"1;" + b"x" * 4096 + b"\r\nx\r\n0\r\n\r\n", 400),
        (["Transfer-Encoding: chunked"], b"1;" + b"x" * 5_000_000 + b"\r\nx\r\n0\r\n\r\n", 400),
        (["Transfer-Encoding: chunked"], b"0" * 5000 + b"1\r\nx\r\n0\r\n\r\n", 400),
        (["Transfer-Encoding: chunked"], b"0\r\nA: " + b"x" * 5000 + b"\r\n\r\n", 400),
        (["Transfer-Encoding: chunked"], b"0\r\n" + b"A: x\r\n" * 100_000 + b"\r\n", 431),
        (["Content-Length: 999999999999"], b"x" * 3_000_000, 413),
        (["Transfer-Encoding: gzip"], b"x" * 3_000_000, 400),
    ],
    ids=range(18),
)
def test_bodies_that_cannot_be_read(url, state_file, headers, body, expected):
    answer = exchange(url, raw(f"POST {SEND}?messageText=x HTTP/1.1", *headers, body=body))
    assert status(answer) == expected
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["detail"]
    assert control.log(state_file) == []
    assert status(exchange(url, raw("GET /connections HTTP/1.1"))) == 200


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET / HTTP/1.x\r\n\r\n", 400),
        (b"GET / SPDY/1\r\n\r\n", 400),
        (b"GET / HTTP/1.1 more words\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01 a TLS hello\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 401),
        (b"GET /" + b"x" * 5_000_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 5_000_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: x\r\n" * 100_000 + b"\r\n", 431),
        (b"\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n", 401),
    ],
    ids=range(11),
)
def test_whatever_is_asked_is_answered(url, request_, expected):
    assert status(exchange(url, request_)) == expected
    assert status(exchange(url, raw("GET /connections HTTP/1.1"))) == 200


def test_a_client_that_waits_for_leave_gets_it_at_once(url):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as wire:
        wire.sendall(
            raw(
                f"POST {SEND} HTTP/1.1", f"Content-Type: {FORM}", "Content-Length: 13", "Expect: 100-continue"
            )
        )
        assert wire.recv(100).startswith(b"HTTP/1.1 100 ")
        wire.sendall(b"messageText=x")
        assert b'"ok":true' in wire.recv(65536)


def test_a_client_that_leaves_in_the_middle_did_nothing(url, state_file):
    host, port = url.removeprefix("http://").split(":")
    for headers, body in (
        (["Content-Length: 100"], b"x"),
        (["Transfer-Encoding: chunked"], b"5\r\nab"),
        (["Transfer-Encoding: chunked"], b"2\r\nab\r\n"),
    ):
        with socket.create_connection((host, int(port)), timeout=5) as wire:
            wire.sendall(raw(f"POST {SEND}?messageText=x HTTP/1.1", *headers, body=body))
            wire.shutdown(socket.SHUT_WR)
            assert wire.recv(10) == b""
    assert control.requests(state_file) == control.log(state_file) == []


def test_odd_request_lines(url):
    assert status(exchange(url, raw(f"GET {url}/connections?app=wati HTTP/1.1"))) == 200
    assert status(exchange(url, raw("GET / HTTP/1.1"))) == 404
    name = "田中".encode().decode("latin-1")
    answer = exchange(url, raw(f"GET {V1}/getContacts?name={name} HTTP/1.1"))
    assert "田中 さくら" in answer.decode("utf-8")
    assert b"400" in exchange(url, b"nonsense\r\n\r\n")


def test_a_reset_is_a_reset_and_not_an_end(url, state_file):
    control.fault(state_file, {"fault": "lost_answer"})
    with pytest.raises(ConnectionResetError):
        exchange(url, raw(f"POST {SEND}?messageText=x HTTP/1.1"))
    assert len(control.log(state_file)) == 1


# --- the command ---


def start(*arguments, env=None):
    command = [sys.executable, str(SCRIPT), *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=env
    )
    assert process.stdout is not None
    line = json.loads(process.stdout.readline())
    assert (line["ok"], line["sandbox"]) == (True, True)
    return process, line["data"]


def finish(process, number):
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [[], ["serve"]])
def test_serve_says_where_and_ends_with_0(state_file, number, command, connect):
    process, data = start(*command, "--state", state_file)
    assert data["state"] == state_file
    with connect(data["url"]) as api:
        assert api.get("/connections").status_code == 200
        code, out, told = finish(process, number)
    assert (code, out) == (0, "")
    assert re.fullmatch(r"[0-9:]{8}  GET /connections +200 +read\n", told)


@pytest.mark.parametrize("flags", [["--quiet"]])
def test_serve_says_nothing_of_requests_if_asked(state_file, flags, connect):
    process, data = start("serve", "--state", state_file, *flags)
    with connect(data["url"]) as api:
        assert api.get("/connections").status_code == 200
    assert finish(process, signal.SIGTERM) == (0, "", "")


def test_serve_finds_its_file_in_the_environment(state_file):
    process, data = start(env={**os.environ, "WATI_SANDBOX_STATE": state_file})
    assert data["state"] == state_file
    finish(process, signal.SIGTERM)


def test_serve_keeps_limits_by_default(state_file, connect):
    control.reset(state_file)
    for arguments, expected in (([], {200, 429}), (["--no-limits"], {200})):
        process, data = start("serve", "--state", state_file, *arguments)
        with connect(data["url"]) as api:
            assert {api.get("/connections").status_code for _ in range(30)} == expected
        finish(process, signal.SIGTERM)


def test_a_killed_server_leaves_its_world(state_file, connect):
    process, data = start("--state", state_file)
    heard = 0
    with connect(data["url"]) as api:
        killer = threading.Timer(0.3, process.kill)
        killer.start()
        try:
            while True:
                if api.post(SEND, data={"messageText": str(heard)}).json()["ok"]:
                    heard += 1
        except httpx.TransportError:
            pass
        killer.join()
    process.communicate(timeout=10)
    assert heard > 0
    delivered = control.log(state_file)
    assert len(delivered) - heard in (0, 1)
    process, data = start("--state", state_file)
    with connect(data["url"]) as api:
        newest = api.get(f"{V1}/getMessages/{JOHN}").json()["messages"]["items"][0]
    assert newest["text"] == delivered[-1]["text"]
    finish(process, signal.SIGTERM)


def test_control_works_beside_a_running_server(state_file, connect):
    process, data = start("--state", state_file)
    with connect(data["url"]) as api:
        control.fault(state_file, {"fault": "status", "status": 503})
        assert [api.get("/connections").status_code for _ in range(2)] == [503, 200]
        control.reset(state_file, now="2020-02-02", limits=False)
        assert api.get("/connections").headers["date"] == "Sun, 02 Feb 2020 00:00:00 GMT"
    finish(process, signal.SIGTERM)
