"""Who may use the page: a browser on this machine that got the page from here."""

from __future__ import annotations

import hmac
import secrets

from ..wire import Answer, Call, reply

# The page sends the token with all that it asks for. No other page can read it: no other has this origin.
HEADER = "x-sandbox-token"
# Where a browser cannot set a header (events, pictures), the token is in the query.
PARAMETER = "token"


class Guard:
    """For the page on one port. A new token for each start, kept nowhere."""

    def __init__(self, port: int) -> None:
        self.token = secrets.token_urlsafe(24)
        self._hosts = tuple(f"{name}:{port}" for name in ("127.0.0.1", "localhost"))

    def refusal(self, call: Call, *, is_open: bool) -> Answer | None:
        """Why a request gets nothing; None if it may. `is_open`: it needs no token."""
        hosts = [value for name, value in call.headers if name == "host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            # Another name that leads to this machine: that is how a page elsewhere rebinds DNS.
            return _no(f"The page is only at http://{self._hosts[0]}/")
        origin = call.header("origin")
        if origin is not None and origin.lower() != f"http://{hosts[0].lower()}":
            return _no("Another site asks for this.")
        if is_open:
            return None
        if call.header("sec-fetch-site") not in (None, "same-origin"):
            return _no("Another site asks for this.")
        given = call.header(HEADER) or (call.query.get(PARAMETER, "") if call.method == "GET" else "")
        if not hmac.compare_digest(given.encode(), self.token.encode()):
            return _no("The page is of an earlier start. Load it again.")
        if call.method == "POST" and call.header("content-type") != "application/json":
            return _no("The body has to be application/json.", 415)
        return None


def _no(why: str, status: int = 403) -> Answer:
    return reply({"error": why}, status)
