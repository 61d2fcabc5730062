"""The conversation with Maton: the only module of the client that touches the network."""

from __future__ import annotations

import json
import random
import ssl
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from wati import __version__
from wati.failures import SAFE_TO_REPEAT, Failure
from wati.output import diagnose, redact
from wati.packages import import_package
from wati.settings import MATON

if TYPE_CHECKING:
    import httpx

    from wati.endpoint import Effect
    from wati.request import Request
    from wati.settings import Settings

T = TypeVar("T")

USER_AGENT = f"wati-skill/{__version__}"

# An agent's shell puts a slow command in the background after about 10 seconds, and the agent may then run it
# again: so the waits of one call are short unless --timeout allows more.
WHOLE_CALL = 30.0
ALL_WAITS = 6.0
ATTEMPTS = 4
FIRST_WAIT = 0.5

# A JSON answer beyond this is no answer of WATI's: a page of 100 messages is about 0.2 MB.
LARGEST_ANSWER = 32 * 1024 * 1024
DEEPEST_ANSWER = 100

# Which effects may be repeated, by what is known to have happened to the attempt before.
REPEATABLE: dict[str, frozenset[Effect]] = {
    "nothing_left": frozenset({"read", "write", "create", "send", "delete"}),
    "limited": frozenset({"read", "write", "create", "send", "delete"}),
    "in_doubt": frozenset({"read", "write"}),
}


class Answer:
    """One HTTP answer, read whole.

    `json`: the parsed body, None where there is none; `flaw` then says why. `saved`: the body went into the
    sink of the exchange, and `content` is empty.
    """

    def __init__(self, status: int, headers: Any, content: bytes, *, saved: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.saved = saved
        self.json: Any = None
        self.flaw = ""
        if not saved:
            self._parse()

    def _parse(self) -> None:
        if not self.content.strip():
            self.flaw = "The answer has no body."
            return
        try:
            parsed = json.loads(self.content, parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            self.flaw = f"The answer is not JSON ({self.media_type or 'no content type'})."
            return
        if _depth_exceeds(parsed, DEEPEST_ANSWER):
            self.flaw = f"The answer is nested more than {DEEPEST_ANSWER} levels deep."
            return
        self.json = parsed

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The beginning of a body that is not JSON, for people."""
        return (
            ""
            if self.json is not None
            else " ".join(self.content[:2000].decode("utf-8", "replace").split())[:300]
        )

    @property
    def from_maton(self) -> bool:
        """Whether Maton itself speaks: none of the envelopes that its SDK lists has `result` or `ok`."""
        body = self.json
        if not isinstance(body, dict) or "result" in body or "ok" in body:
            return False
        return isinstance(body.get("error"), dict) or "detail" in body or isinstance(body.get("message"), str)

    @property
    def retry_after(self) -> float | None:
        """Seconds of a `Retry-After` header; its date form is not in use at Maton or WATI."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if 0 <= seconds < 1e9 else None


class Trouble(Exception):
    """An attempt that brought no whole answer. `known`: a key of REPEATABLE."""

    def __init__(self, code: str, message: str, known: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.known = known


class Gateway:
    """One call's conversation: its connections, its deadline and its budget of waits.

    `timeout`: seconds for the whole call and for all waits together; None = the defaults.
    `may_have_happened`: whether an attempt that changes something has left, and was not held back by a 429.
    """

    def __init__(self, settings: Settings, timeout: float | None = None, verbose: bool = False) -> None:
        self._settings = settings
        self._deadline = time.monotonic() + (timeout or WHOLE_CALL)
        self._waits_left = timeout or ALL_WAITS
        self._verbose = verbose
        self._client: httpx.Client | None = None
        self.may_have_happened = False

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def exchange(
        self, request: Request, effect: Effect, connection: str = "", sink: BinaryIO | None = None
    ) -> Answer:
        """Send `request`, repeating it only where REPEATABLE allows; the answer may still be a refusal.

        `sink`: takes the body of a 2xx answer that is not JSON. Raises Failure where no answer came.
        """
        attempt = 0
        while True:
            attempt += 1
            trouble: Trouble | None = None
            answer: Answer | None = None
            before = self.may_have_happened
            self.may_have_happened = before or effect != "read"
            try:
                answer = self._within_deadline(lambda: self._attempt(request, connection, sink))
                known = _known(answer)
            except Trouble as caught:
                trouble, known = caught, caught.known
            if known in ("limited", "nothing_left"):
                self.may_have_happened = before
            pause = self._pause(attempt, answer)
            if known == "clear" or effect not in REPEATABLE[known] or attempt == ATTEMPTS or pause is None:
                break
            self._waits_left -= pause
            time.sleep(pause)
        if answer is not None:
            return answer
        assert trouble is not None
        raise self._failure(trouble, effect)

    def _pause(self, attempt: int, answer: Answer | None) -> float | None:
        """Seconds to wait before the next attempt; None where the budget does not allow it."""
        asked = answer.retry_after if answer is not None else None
        pause = FIRST_WAIT * 2 ** (attempt - 1) * random.uniform(0.75, 1.25) if asked is None else asked
        fits = pause <= self._waits_left and time.monotonic() + pause < self._deadline
        return pause if fits else None

    def _failure(self, trouble: Trouble, effect: Effect) -> Failure:
        if effect in ("create", "send", "delete") and trouble.known == "in_doubt":
            return Failure(
                "outcome_unknown", f"{trouble.message} Whether it happened is not known.", source="network"
            )
        if self.may_have_happened:
            return Failure(
                trouble.code, trouble.message, hint=SAFE_TO_REPEAT, outcome="unknown", source="network"
            )
        return Failure(trouble.code, trouble.message, outcome="not_sent", source="network")

    def _within_deadline(self, attempt: Callable[[], Answer]) -> Answer:
        """Run `attempt` in a thread that is left behind at the deadline.

        httpx's timeouts hold for each read: a far side that sends a byte a second, or a name that does not
        resolve, would get around them.
        """
        seconds = self._deadline - time.monotonic()
        if seconds <= 0:
            raise Trouble(
                "timeout", "The time allowed ran out before the request could be made.", "nothing_left"
            )
        outcome: list[Answer | BaseException] = []

        def work() -> None:
            try:
                outcome.append(attempt())
            except BaseException as error:  # handed over to the thread that waits
                outcome.append(error)

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        worker.join(seconds + 0.1)  # httpx's own timeout comes first, and knows whether anything was sent
        if not outcome:
            raise Trouble("timeout", "The time allowed ran out before the whole answer came.", "in_doubt")
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        return outcome[0]

    def _attempt(self, request: Request, connection: str, sink: BinaryIO | None) -> Answer:
        httpx = import_package("httpx")
        client = self._client = self._client or self._open()
        headers = {"Authorization": f"Bearer {self._settings.key}", "User-Agent": USER_AGENT}
        if connection:
            headers["Maton-Connection"] = connection
        content, content_type = request.body()
        if content_type:
            headers["Content-Type"] = content_type
        files = [
            (part.name, (part.filename, part.handle, part.content_type)) for part in request.parts
        ] or None
        url = self._settings.base_url + request.target
        self._say(
            f"> {request.method} {url}", {**headers, "Authorization": "Bearer [hidden]"}, request.preview()
        )
        seconds = max(0.001, self._deadline - time.monotonic())
        answered = False
        try:
            with client.stream(
                request.method, url, headers=headers, content=content, files=files, timeout=seconds
            ) as response:
                answered = True
                answer = _read(response, sink)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as error:
            code = "timeout" if isinstance(error, httpx.TimeoutException) else "unreachable"
            message = f"No connection to {self._settings.base_url}: {type(error).__name__}."
            raise Trouble(code, message, "nothing_left") from None
        except httpx.TimeoutException:
            raise Trouble(
                "timeout", "The request left, and no whole answer came in time.", "in_doubt"
            ) from None
        except httpx.DecodingError:
            raise Trouble("bad_answer", "The answer is not encoded as its headers say.", "in_doubt") from None
        except httpx.TransportError as error:
            code, what = (
                ("bad_answer", "in the middle of the answer")
                if answered
                else ("upstream_error", "unanswered")
            )
            message = f"The connection broke {what} ({type(error).__name__})."
            raise Trouble(code, message, "in_doubt") from None
        self._say(f"< HTTP {answer.status}", dict(response.headers), answer.json or answer.text)
        return answer

    def _open(self) -> httpx.Client:
        client_class: Callable[..., httpx.Client] = import_package("httpx").Client
        if self._settings.in_process:
            from wati.sandbox import StateError, transport

            try:
                return client_class(transport=transport(self._settings.sandbox_state or None))
            except StateError as error:
                raise Failure("bad_setup", str(error)) from None
        if self._settings.base_url != MATON:
            # Loopback: proxy variables are not for it, and plain HTTP needs none of the certificates whose
            # loading costs more than the call.
            return client_class(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        try:
            return client_class()
        except Exception as error:
            # The variable may hold a proxy's password, so only the kind of error is told.
            problem = f"HTTPS_PROXY, ALL_PROXY or SSL_CERT_FILE cannot be used ({type(error).__name__})."
            raise Failure("bad_setup", problem) from None

    def _say(self, title: str, headers: dict[str, str], body: object) -> None:
        if self._verbose:
            body = redact(body, self._settings.key)
            shown = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)[:4000]
            lines = [title, *(f"  {name}: {value}" for name, value in headers.items()), f"  {shown}"]
            diagnose("\n".join(lines), self._settings.key)


def _known(answer: Answer) -> str:
    """What an answer tells about the attempt: a key of REPEATABLE, or "clear"."""
    if answer.status == 429:
        return "limited"
    broken = 200 <= answer.status < 300 and answer.flaw != ""
    return "in_doubt" if broken or answer.status == 408 or answer.status >= 500 else "clear"


def _read(response: httpx.Response, sink: BinaryIO | None) -> Answer:
    """Read a body with bounded memory; a file goes to the sink as it comes."""
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sink is not None and response.is_success and media_type not in ("application/json", "text/json"):
        sink.seek(0)
        sink.truncate()
        for chunk in response.iter_bytes():
            sink.write(chunk)
        return Answer(response.status_code, response.headers, b"", saved=True)
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise Trouble("bad_answer", f"The answer is larger than {LARGEST_ANSWER >> 20} MiB.", "in_doubt")
    return Answer(response.status_code, response.headers, bytes(content))


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
