"""The HTTP client of a session: one connection pool, to Maton or to a sandbox on this machine."""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING

from wati.contract.failures import Failure
from wati.contract.packages import import_package
from wati.contract.settings import MATON
from wati.wire import proxies
from wati.wire.pace import Pacer

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from wati.contract.settings import Settings


class Client:
    """Serves many calls and several threads. The first request opens the pool."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.pacer = Pacer()
        self._opening = threading.Lock()  # can be held for long, so `close` does not take it
        self._lock = threading.Lock()
        self._pool: httpx.Client | None = None
        self.closed = False

    @property
    def pool(self) -> httpx.Client:
        """Raises Failure (`bad_setup`) if it cannot be opened, or was closed meanwhile."""
        with self._opening:
            pool = self._pool or _open(self.settings)
            with self._lock:
                if self.closed:
                    pool.close()
                    raise Failure("bad_setup", "The session was closed.")
                self._pool = pool
        return pool

    def close(self) -> None:
        with self._lock:
            self.closed = True
            if self._pool is not None:
                self._pool.close()


def _open(settings: Settings) -> httpx.Client:
    """Raises Failure (`bad_setup`) if the environment does not allow a connection."""
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    make: Callable[..., httpx.Client] = import_package("httpx").Client
    # No cookie is kept: it would be sent to WATI with later requests.
    cookies = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    if settings.in_process:
        from wati.wire import mount

        return make(transport=mount.transport(settings), cookies=cookies)
    if settings.base_url != MATON:
        # On loopback, proxy variables do not apply, and plain HTTP needs no certificates. Loading them takes
        # longer than the call.
        return make(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), cookies=cookies)
    verify = _certificates()
    proxy = proxies.to_maton()
    try:
        url = proxy.url if proxy else None
        return make(verify=verify, proxy=url, trust_env=False, cookies=cookies)
    except Exception as error:
        if proxy is None:
            raise
        problems = [{"at": proxy.variable, "problem": proxy.problem(error)}]
        raise Failure("bad_setup", "The proxy cannot be used.", problems=problems) from None


def _certificates() -> ssl.SSLContext:
    """Loaded once: for a proxy, httpx would load them again. Raises Failure (`bad_setup`)."""
    try:
        found: ssl.SSLContext = import_package("httpx").create_ssl_context()
        return found
    except OSError as error:  # also ssl.SSLError
        reason = error.strerror or type(error).__name__
        problem = f"names certificates that cannot be loaded ({reason}); unset it, or name a PEM file"
        problems = [{"at": "SSL_CERT_FILE or SSL_CERT_DIR", "problem": problem}]
        raise Failure("bad_setup", "The certificates cannot be loaded.", problems=problems) from None
