"""The conversation of one call with Maton: its deadline, its waits, and which attempts may be repeated."""

from __future__ import annotations

import contextlib
import functools
import random
import time
from typing import TYPE_CHECKING, BinaryIO

from wati import __version__
from wati.contract.answer import Answer
from wati.contract.call import LARGEST_FILE
from wati.contract.failures import SAFE_TO_REPEAT, Failure
from wati.contract.packages import import_package
from wati.wire import answers, decoding
from wati.wire.departure import Departure, bounded

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from wati.contract.types import Effect
    from wati.wire.client import Client
    from wati.wire.request import Request

    # Takes what was sent or received, as a title and a body, neither of them redacted.
    Trace = Callable[[str, object], None]

USER_AGENT = f"wati-skill/{__version__}"

# An agent's shell puts a slow command in the background after about 10 seconds, and the agent may then run it
# again: so the waits of one call are short unless --timeout allows more.
WHOLE_CALL = 30.0
ALL_WAITS = 6.0
ATTEMPTS = 4
FIRST_WAIT = 0.5

# A larger JSON answer is not WATI's: a page of 100 messages is about 0.2 MB, with the longest texts 5 MB.
LARGEST_ANSWER = 16 * 1024 * 1024

# Which effects may be repeated, by what is known to have happened to the attempt before.
REPEATABLE: dict[str, frozenset[Effect]] = {
    "nothing_left": frozenset({"read", "write", "create", "send", "delete"}),
    "limited": frozenset({"read", "write", "create", "send", "delete"}),
    "in_doubt": frozenset({"read", "write"}),
}


class Trouble(Exception):
    """An attempt that brought no whole answer, with the failure's code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Gateway:
    """One call's conversation, over the client of its session.

    `timeout`: seconds for the whole call and for all waits together; None = the defaults. `first_wait`:
    seconds before the second attempt, if the far side asks for none. `spare`: requests of each limit's window
    that are left to others. `queue`: seconds that each request may wait for its place in the session's pace
    without using up the deadline. `trace`: takes each request and answer. `doubted`: whether an attempt that
    changes something ended without a clear answer. `clock`: seconds by which the far side's clock is ahead of
    this machine's, by its last answer; None before the first one.
    """

    def __init__(
        self,
        client: Client,
        timeout: float | None = None,
        *,
        first_wait: float = FIRST_WAIT,
        spare: int = 0,
        queue: float = 0.0,
        trace: Trace | None = None,
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._first_wait = first_wait
        self._spare = spare
        self._queue = queue
        self._trace = trace
        self.renew()
        self._changing: Departure | None = None
        self._changed = False
        self.doubted = False
        self.clock: float | None = None

    def renew(self) -> None:
        """Start the deadline and the waits again: a call that reads many pages has them for each page."""
        self._deadline = time.monotonic() + (self._timeout or WHOLE_CALL)
        self._waits_left = self._timeout or ALL_WAITS

    def hurry(self, seconds: float) -> None:
        """Allow at most `seconds` from now on, and none of them for waits."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        self._waits_left = 0.0

    def call_off(self) -> bool:
        """Keep from leaving what has not left; whether an attempt to change something may have happened."""
        if self._changing is None:
            return self._changed
        self._changing.close()
        return self._changed or self._changing.left

    def exchange(
        self, request: Request, effect: Effect, connection: str = "", sink: BinaryIO | None = None
    ) -> Answer:
        """Send `request`, repeating it only where REPEATABLE allows; the answer may still be a refusal.

        `sink`: takes the body of a 2xx answer that is not JSON. Raises Failure where no answer came.
        """
        for attempt in range(1, ATTEMPTS + 1):
            if not self._take_place(request.target):
                raise self._failure(Trouble("rate_limited", _NO_TIME), effect, "limited")
            departure = Departure()
            self._changing = departure if effect != "read" else None
            answer: Answer | None = None
            trouble: Trouble | None = None
            try:
                answer = self._attempt(request, connection, sink, departure)
                known = _known(answer)
                self.clock = self.clock if answer.date is None else answer.date - time.time()
            except Trouble as caught:
                trouble, known = caught, "in_doubt" if departure.left else "nothing_left"
            finally:
                self._client.pacer.answered(request.target)
            if effect != "read":
                self._changed = self._changed or (departure.left and known != "limited")
                self._changing = None
                self.doubted = self.doubted or known == "in_doubt"
            if known == "clear" or effect not in REPEATABLE[known] or attempt == ATTEMPTS:
                break
            asked = answer.retry_after if answer is not None else None
            if not self.pause(_backoff(self._first_wait, attempt) if asked is None else asked):
                break
        if trouble is not None:
            raise self._failure(trouble, effect, known)
        assert answer is not None
        return answer

    def _take_place(self, target: str) -> bool:
        """Wait until the pace allows the request; False if the time does not last for that."""
        began = time.monotonic()
        if not self._client.pacer.wait(target, self._deadline + self._queue, spare=self._spare):
            return False
        self._deadline += min(self._queue, time.monotonic() - began)
        return True

    def pause(self, seconds: float) -> bool:
        """Wait, if deadline and budget of waits allow it; whether they did."""
        if seconds > self._waits_left or time.monotonic() + seconds >= self._deadline:
            return False
        self._waits_left -= seconds
        time.sleep(seconds)
        return True

    def _failure(self, trouble: Trouble, effect: Effect, known: str) -> Failure:
        if effect in ("create", "send", "delete") and known == "in_doubt":
            message = f"{trouble.message} Whether it happened is not known."
            return Failure("outcome_unknown", message, source="network")
        hint, outcome = (SAFE_TO_REPEAT, "unknown") if self.doubted else ("", "not_sent")
        return Failure(trouble.code, trouble.message, hint=hint, outcome=outcome, source="network")

    def _attempt(
        self, request: Request, connection: str, sink: BinaryIO | None, departure: Departure
    ) -> Answer:
        """One exchange within the time that is left. Raises Trouble if it brings no whole answer."""
        settings = self._client.settings
        if self._trace is not None:
            where = "the sandbox in this process" if settings.in_process else settings.base_url
            shown = {"Authorization": "Bearer [hidden]", "User-Agent": USER_AGENT}
            shown |= {"Maton-Connection": connection} if connection else {}
            self._trace(f"> {request.method} {request.target} to {where}", shown | request.preview())
        send = functools.partial(self._send, request, connection, sink, departure)
        answer = bounded(self._deadline, departure, send)
        if answer is None:
            raise Trouble("timeout", "The time allowed ran out before a whole answer came.")
        if self._trace is not None:
            self._trace(f"< HTTP {answer.status} {_shown_headers(answer)}", answer.json or answer.text)
        return answer

    def _send(self, request: Request, connection: str, sink: BinaryIO | None, departure: Departure) -> Answer:
        httpx = import_package("httpx")
        pool, settings = self._client.pool, self._client.settings
        headers = {
            "Authorization": f"Bearer {settings.key}",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": decoding.ACCEPTED,
        }
        if connection:
            headers["Maton-Connection"] = connection
        content, content_type = request.body()
        if content_type:
            headers["Content-Type"] = content_type
        files = [(part.name, (part.filename, part.handle, part.content_type)) for part in request.parts]
        outgoing = pool.build_request(
            request.method,
            settings.base_url + request.target,
            headers=headers,
            content=content,
            files=files or None,
            timeout=max(0.001, self._deadline - time.monotonic()),
            extensions={"trace": departure},
        )
        answered = False
        try:
            departure.hand_over()
            response = pool.send(outgoing, stream=True)
            answered = True
            with contextlib.closing(response):
                return _read(response, sink)
        except httpx.TimeoutException as error:
            where = "whole answer came" if departure.left else "connection could be made"
            if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
                departure.stay()
            raise Trouble("timeout", f"No {where} in the time allowed.") from None
        except (httpx.ConnectError, httpx.ProxyError) as error:
            departure.stay()
            message = f"No connection to {settings.base_url} ({error})."
            raise Trouble("unreachable", message) from None
        except (httpx.InvalidURL, ValueError) as error:
            # httpx reads where a redirect leads, though it is not followed, and cookies, though none is kept.
            if answered or not departure.left:
                raise
            message = f"The answer's head cannot be read ({type(error).__name__})."
            raise Trouble("upstream_error", message) from None
        except decoding.Undecodable:
            raise Trouble("bad_answer", "The answer is not encoded as its headers say.") from None
        except httpx.TransportError as error:
            if not departure.left:
                raise Trouble("unreachable", f"The connection broke: {type(error).__name__}.") from None
            if answered:
                raise Trouble("bad_answer", "The connection broke in the middle of the answer.") from None
            raise Trouble("upstream_error", "The connection broke before an answer came.") from None


_NO_TIME = "Too many requests, and there was no time left to wait."


def _backoff(first: float, attempt: int) -> float:
    """Seconds to wait after an attempt: twice as long each time, with jitter."""
    return first * float(2 ** (attempt - 1)) * random.uniform(0.75, 1.25)


def _shown_headers(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() != "set-cookie"}


def _known(answer: Answer) -> str:
    """What an answer tells about the attempt: a key of REPEATABLE, or "clear"."""
    if answer.status == 429:
        return "limited"
    broken = 200 <= answer.status < 300 and answer.flaw != ""
    return "in_doubt" if broken or answer.status == 408 or answer.status >= 500 else "clear"


def _read(response: httpx.Response, sink: BinaryIO | None) -> Answer:
    """Read a body with bounded memory; a file goes to the sink as it comes."""
    # Not iter_bytes: it decompresses each chunk whole, however large that makes it.
    chunks = decoding.decoded(response.iter_raw(), response.headers.get("content-encoding", ""))
    # The first of several types: some on the way list what they were asked for.
    media_type = response.headers.get("content-type", "").partition(";")[0].partition(",")[0].strip().lower()
    if sink is not None and response.is_success and media_type not in ("application/json", "text/json"):
        sink.seek(0)
        sink.truncate()
        for chunk in chunks:
            sink.write(chunk)
            if sink.tell() > LARGEST_FILE:
                raise Trouble("bad_answer", f"The file is larger than {LARGEST_FILE >> 20} MiB.")
        return Answer(response.status_code, response.headers, saved=True)
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise Trouble("bad_answer", f"The answer is larger than {LARGEST_ANSWER >> 20} MiB.")
    return answers.parse(response.status_code, response.headers, bytes(content))
