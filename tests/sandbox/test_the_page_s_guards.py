"""What protects the page: who may use it, what its files can do, and that it can be left out."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from wati.sandbox import actions, control
from wati.sandbox.page import site

from .conftest import socket_client

HTML = (Path(site.__file__).parent / "page.html").read_text(encoding="utf-8")
# What needs the token, and how.
READS = ["view", "events", "media?connection_id=sandbox-main&name=data/audio/voice-note.ogg"]
WRITE = "actions/advance"


def status_of(page, method, path, headers, **kwargs):
    with page.api.stream(method, f"/_sandbox/{path}", headers=headers, **kwargs) as answer:
        return answer.status_code


@pytest.mark.parametrize("path", READS)
def test_nothing_is_read_without_the_token(page, path):
    assert status_of(page, "GET", path, {}) == 403
    assert status_of(page, "GET", path, {"X-Sandbox-Token": page.token[:-1]}) == 403
    assert status_of(page, "GET", path, {"X-Sandbox-Token": ""}) == 403
    assert status_of(page, "GET", path, {"X-Sandbox-Token": page.token}) == 200
    sign = "&" if "?" in path else "?"
    assert status_of(page, "GET", f"{path}{sign}token={page.token}", {}) == 200
    assert status_of(page, "GET", f"{path}{sign}token=nonsense", {}) == 403


def test_every_action_needs_the_token_in_a_header(page, state_file):
    before = Path(state_file).read_bytes()
    for name in actions.ACTIONS:
        for path, headers in (
            (f"actions/{name}", {}),
            (f"actions/{name}", {"X-Sandbox-Token": "x"}),
            # A form of another site could have it in its address, if someone had told it.
            (f"actions/{name}?token={page.token}", {}),
        ):
            assert status_of(page, "POST", path, headers, json={"seconds": 1}) == 403
    assert Path(state_file).read_bytes() == before


@pytest.mark.parametrize("path", ["", *READS])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "localhost:1", "127.0.0.1.nip.io:{port}", ""]
)
def test_another_name_for_this_machine_gets_nothing(page, path, host):
    named = host.format(port=page.port)
    assert status_of(page, "GET", path, {"Host": named, "X-Sandbox-Token": page.token}) == 403


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}"])
def test_the_names_that_it_has(page, host):
    assert status_of(page, "GET", "", {"Host": host.format(port=page.port)}) == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "https://127.0.0.1:{port}"},
        {"Origin": "http://localhost:{port}"},  # the page is of another name, so of another origin
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [*(("GET", each) for each in READS), ("POST", WRITE)])
def test_another_site_gets_nothing_even_with_the_token(page, headers, method, path, state_file):
    filled = {name: value.format(port=page.port) for name, value in headers.items()}
    kwargs = {"json": {"seconds": 1}} if method == "POST" else {}
    assert status_of(page, method, path, {**filled, "X-Sandbox-Token": page.token}, **kwargs) == 403
    with page.api.stream(method, f"/_sandbox/{path}", headers=filled) as answer:
        assert not [name for name in answer.headers if name.startswith("access-control")]
    assert page.view()["now"] == "2026-01-05T12:00:00.000Z"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/json5"])
def test_a_body_that_a_form_could_post_changes_nothing(page, kind):
    headers = {"X-Sandbox-Token": page.token, "Content-Type": kind}
    assert status_of(page, "POST", WRITE, headers, content=b'{"seconds": 60}') == 415
    assert page.view()["now"] == "2026-01-05T12:00:00.000Z"


def test_a_new_start_has_a_new_token(serve_page, state_file):
    first, second = serve_page(state_file), serve_page(state_file)
    assert len(first.token) >= 32 and first.token != second.token
    headers = {"X-Sandbox-Token": first.token}
    assert status_of(second, "GET", "view", headers) == 403


def test_without_the_page_there_is_no_control_over_http(serve, state_file):
    with socket_client(serve(state_file)) as api:
        assert api.get("/").status_code == 404
        for method, path in [("GET", ""), *(("GET", each) for each in READS), ("POST", WRITE)]:
            answer = api.request(method, f"/_sandbox/{path}", json={"seconds": 60})
            assert answer.status_code in (400, 404), path
            assert "token" not in answer.text
    assert control.advance(state_file, 0) == {"now": "2026-01-05T12:00:00.000Z"}


def test_the_root_leads_to_the_page(page):
    for path in ("/", "/_sandbox"):
        answer = page.api.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, "/_sandbox/")


def test_the_page_is_small_whole_and_needs_nothing_else():
    assert len(HTML.encode()) < 60_000
    addresses = set(re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"'`]*", HTML))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a namespace, which nothing loads
    assert not re.findall(r"<(?:link|script|img|iframe)[^>]*(?:src|href)=[\"'](?!data:)", HTML)
    assert not re.findall(
        r"\son[a-z]+=|innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", HTML
    )


def test_the_policy_lets_only_the_page_s_own_style_and_script_run(page):
    answer = page.api.get("/_sandbox/")
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    for tag in ("style", "script"):
        (inner,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["frame-ancestors"] == policy["trusted-types"] == "'none'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert page.token not in "".join(answer.headers.values())


@pytest.mark.parametrize("path", ["/", "/_sandbox/", "/_sandbox/view", "/_sandbox/nothing"])
def test_every_answer_says_what_browsers_must_not_do(page, path):
    headers = page.api.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"


HOSTILE = [
    ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
    ("text/html", b"<script>alert(1)</script>"),
    ("application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>"),
    ("text/xml", b"<x/>"),
    ("application/javascript", b"alert(1)"),
    ("image/jpeg\r\nX-Injected: 1", b"x"),
    ("IMAGE/SVG+XML; charset=utf-8", b"<svg/>"),
    ("", b"x"),
    ("application/pdf", b"%PDF-1.4"),
]


@pytest.mark.parametrize(("kind", "content"), HOSTILE)
def test_a_file_that_could_run_is_only_offered_for_saving(page, state_file, kind, content):
    stored = {"fileName": "data/x", "contentType": kind or "x", "base64": base64.b64encode(content).decode()}
    control.seed(state_file, {"media": [stored]})
    answer = page.get("media", connection_id="sandbox-main", name="data/x")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "x-injected" not in answer.headers


def test_a_photo_is_shown_as_what_it_is_and_runs_nothing(page):
    photo = "data/images/9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg"
    answer = page.get("media", connection_id="sandbox-main", name=photo)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "content-disposition" not in answer.headers
    assert page.get("media", connection_id="sandbox-pending", name=photo).status_code == 404
    assert page.get("media", connection_id="sandbox-main", name="../../etc/passwd").status_code == 404


def test_the_page_is_no_part_of_the_world(page, state_file):
    """No log, no limit and no fault counts what the page asks for."""
    control.limits(state_file, True)
    control.fault(state_file, [{"fault": "refuse"}, {"fault": "status", "status": 500}])
    for _ in range(30):
        assert page.api.get("/_sandbox/").status_code == 200
        assert page.view()["requests"] == []
    assert [each["fault"] for each in control.waiting_faults(state_file)] == ["refuse", "status"]
    assert control.requests(state_file) == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"seconds": NaN}', b'{"seconds": "\\ud800"}', b"[" * 9999]
)
def test_an_action_with_another_body_is_refused_and_explained(page, body):
    answer = page.api.post(
        f"/_sandbox/{WRITE}",
        content=body,
        headers={"X-Sandbox-Token": page.token, "Content-Type": "application/json"},
    )
    assert answer.status_code == 400
    assert json.loads(answer.text)["error"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("POST", "view", "GET"), ("GET", WRITE, "POST"), ("PUT", "", "GET")]
)
def test_other_verbs_are_named(page, method, path, allowed):
    answer = page.api.request(
        method,
        f"/_sandbox/{path}",
        headers={"X-Sandbox-Token": page.token, "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
