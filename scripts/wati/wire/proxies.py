"""The one proxy that a call to Maton goes through, and why it cannot be used."""

from __future__ import annotations

from typing import NamedTuple

from wati.contract.settings import MATON

# The settings that apply to https://, and their variables. Windows and macOS have such settings of their own.
_SETTINGS = {"https": "HTTPS_PROXY or https_proxy", "all": "ALL_PROXY or all_proxy"}
_SOCKS = ("socks5", "socks5h")
_SCHEMES = ("http", "https", *_SOCKS)


class Proxy(NamedTuple):
    """`variable`: where its address comes from. The address may hold a password, so no message shows it."""

    variable: str
    url: str

    def problem(self, error: Exception) -> str:
        """Why httpx cannot use it."""
        scheme = self.url.partition("://")[0].lower()
        if scheme not in _SCHEMES:
            return f"is an address with {scheme[:20]!r}, not with {', '.join(_SCHEMES)}"
        if isinstance(error, ImportError):
            return (
                f"is a SOCKS proxy ({scheme}), and the package for those is missing: python -m pip install "
                '"httpx[socks]", or unset the variable, or set HTTPS_PROXY to an HTTP proxy, which wins'
            )
        return f"is not the address of a proxy, such as http://HOST:PORT ({type(error).__name__})"


def to_maton() -> Proxy | None:
    """The proxy that the environment sets for Maton; None if it sets none, or excepts Maton from it.

    httpx would set up every proxy of the environment, and one that no call uses could keep all from working.
    """
    from urllib.request import getproxies, proxy_bypass

    found = getproxies()
    # httpx takes an asterisk among other names, too.
    names = [name.strip() for name in found.get("no", "").split(",")]
    if "*" in names or proxy_bypass(f"{MATON.partition('://')[2]}:443"):
        return None
    for setting, variable in _SETTINGS.items():
        if url := found.get(setting, "").strip():
            return Proxy(variable, url if "://" in url else f"http://{url}")
    return None


def way_to(base_url: str) -> str:
    """Which proxy a request went through, for a message."""
    proxy = to_maton() if base_url == MATON else None
    return f" through the proxy in {proxy.variable}" if proxy else ""
