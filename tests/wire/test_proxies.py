"""The one proxy that applies to Maton: what is used is what counts, and the right variable is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Run
from recording import FarSide

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
PASSWORD = "the-proxys-password"
USELESS = [
    "socks5h://127.0.0.1:1080",
    "ftp://127.0.0.1:21",
    "http://[::1",
    "://",
    "127.0.0.1:port",
    f"http://user:{PASSWORD}@127.0.0.1:port",
    f"quic://user:{PASSWORD}@127.0.0.1:1",
]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    # Whoever has installed it may use SOCKS; these tests are about those who have not.
    monkeypatch.setitem(sys.modules, "socksio", None)


@pytest.fixture
def tunnels(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., list[str]]:
    """What the proxy at `{proxy}` was asked for, under these variables. It makes no tunnel."""

    def run(**variables: str) -> list[str]:
        far_side.requests.clear()
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value.replace("{proxy}", far_side.url))
        done = call("get_contacts", {}, MATON_BASE_URL=None)
        assert done.error["code"] == "unreachable", done.text
        variable = "HTTPS_PROXY" if "HTTPS_PROXY" in variables else "ALL_PROXY"
        assert (f"proxy in {variable}" in done.error["message"]) is bool(far_side.requests)
        return sorted({f"{request.method} {request.target}" for request in far_side.requests})

    return run


TUNNEL = ["CONNECT api.maton.ai:443"]


@pytest.mark.parametrize("useless", USELESS)
def test_a_proxy_that_is_not_used_is_not_looked_at(useless: str, tunnels: Callable[..., list[str]]) -> None:
    assert tunnels(HTTPS_PROXY="{proxy}", ALL_PROXY=useless, HTTP_PROXY=useless) == TUNNEL


@pytest.mark.parametrize("names", ["[::1", "http://[", "exa mple.com", ",,;,", "%", "[", "maton.ai.evil"])
def test_a_name_that_is_excepted_is_not_parsed(names: str, tunnels: Callable[..., list[str]]) -> None:
    assert tunnels(HTTPS_PROXY="{proxy}", NO_PROXY=names) == TUNNEL


@pytest.mark.parametrize(
    "names", ["*", "localhost, *", "api.maton.ai", ".maton.ai", "a,maton.ai", "api.maton.ai:443"]
)
@pytest.mark.parametrize("proxy", ["{proxy}", "socks5h://127.0.0.1:1080"])
def test_maton_may_be_excepted(
    proxy: str, names: str, tunnels: Callable[..., list[str]], looked_up: list[str]
) -> None:
    assert tunnels(HTTPS_PROXY=proxy, ALL_PROXY=proxy, NO_PROXY=names) == []
    assert set(looked_up) == {"api.maton.ai"}


def test_the_proxy_for_all_is_used_if_there_is_no_other(tunnels: Callable[..., list[str]]) -> None:
    assert tunnels(ALL_PROXY="{proxy}", HTTP_PROXY="socks5://127.0.0.1:1") == TUNNEL


def test_a_proxy_may_be_named_without_its_scheme(
    tunnels: Callable[..., list[str]], far_side: FarSide
) -> None:
    assert tunnels(HTTPS_PROXY=f"127.0.0.1:{far_side.port}") == TUNNEL


@pytest.mark.parametrize("useless", USELESS)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_that_cannot_be_used_is_named(
    variable: str,
    useless: str,
    call: Callable[..., Run],
    monkeypatch: pytest.MonkeyPatch,
    looked_up: list[str],
) -> None:
    monkeypatch.setenv(variable, useless)
    monkeypatch.setenv("NO_PROXY", "example.com")
    hello = {"whatsappNumber": "14155551234", "messageText": "x"}
    run = call("send_session_message", hello, "--verbose", MATON_BASE_URL=None)
    assert (run.error["code"], run.error["outcome"]) == ("bad_setup", "not_sent")
    (problem,) = run.error["problems"]
    assert problem["at"].startswith(f"{variable} or ")
    assert PASSWORD not in run.text + run.stderr
    if useless.startswith("socks"):
        assert "httpx[socks]" in problem["problem"] and "unset" in problem["problem"]
    if useless.startswith(("ftp", "quic")):
        assert useless.partition(":")[0] in problem["problem"]
    assert looked_up == []


def test_certificates_that_cannot_be_loaded_are_not_the_proxy_s_fault(
    call: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looked_up: list[str]
) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    for value in (str(tmp_path / "none"), str(bad), str(tmp_path)):
        monkeypatch.setenv("SSL_CERT_FILE", value)
        run = call("get_contacts", {}, MATON_BASE_URL=None)
        assert run.error["code"] == "bad_setup"
        assert "SSL_CERT_FILE" in run.error["problems"][0]["at"] and "PROXY" not in run.text
    assert looked_up == []
