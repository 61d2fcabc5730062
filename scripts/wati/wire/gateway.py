"""Sends the requests of one call: its deadline, its waits, and which attempts may be repeated."""

from __future__ import annotations

import contextlib
import functools
import random
import re
import time
from typing import TYPE_CHECKING, Any, BinaryIO

from wati import __version__
from wati.contract.answer import Answer
from wati.contract.call import LARGEST_FILE
from wati.contract.failures import NO_SANDBOX, OUTCOME_UNKNOWN, SAFE_TO_REPEAT, Failure
from wati.contract.packages import import_package
from wati.contract.records import record
from wati.contract.settings import MATON
from wati.contract.verdicts import TOO_MANY_REQUESTS, says_done
from wati.wire import answers, decoding, interrupts, proxies
from wati.wire.departure import Cancelled, Departure, Watched, run_until
from wati.wire.door import Door

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx

    from wati.contract.types import Effect
    from wati.wire.client import Client
    from wati.wire.request import Request

    # Takes the title and body of what was sent or received, not redacted.
    Trace = Callable[[str, object], None]

USER_AGENT = f"wati-skill/{__version__}"

# WATI's windows are 10 seconds long (documented), so a call that waits longer than one is slow, not refused.
# Agents' shells move a slow command to the background, so it does not wait much longer without --timeout.
WHOLE_CALL = 30.0
ALL_WAITS = 12.0
ATTEMPTS = 4
FIRST_WAIT = 0.5
FIRST_WAIT_IF_LIMITED = 1.5  # three waits, each twice as long, outlast the window

# WATI sends no larger JSON answer: a page of 100 messages is about 0.2 MB, and 5 MB with the longest texts.
LARGEST_ANSWER = 16 * 1024 * 1024

# Which effects may be repeated, by what is known about the attempt before.
REPEATABLE: dict[str, frozenset[Effect]] = {
    "not_sent": frozenset({"read", "write", "create", "send", "delete"}),
    "limited": frozenset({"read", "write", "create", "send", "delete"}),
    "uncertain": frozenset({"read", "write"}),
}


@record
class AttemptFailed(Exception):
    """An attempt brought no complete answer. `code` and `message` are those of the failure."""

    code: str
    message: str


@record
class Gateway:
    """Sends the requests of one call, with the client of its session."""

    client: Client
    timeout: float | None = None  # seconds for the whole call, and for all its waits; None = the defaults
    waits: float | None = None  # seconds for all its waits, if they are fewer
    first_wait: float = FIRST_WAIT  # seconds before the second attempt, unless another wait is asked for
    spare: int = 0  # how many requests of each rate limit to leave to other calls
    queue: float = 0.0  # seconds that each request may wait for the rate limits beyond the deadline
    attempts: int = ATTEMPTS
    trace: Trace | None = None  # takes each request and answer
    uncertain: bool = False  # an attempt that changes something ended without a clear answer
    # How many seconds the far side's clock is ahead, by its last answer; None before the first answer.
    clock: float | None = None
    changing: Departure | None = None  # the attempt under way, if it changes something
    changed: bool = False

    def __post_init__(self) -> None:
        self.door = Door(self.timeout or WHOLE_CALL)
        self.restart()

    def restart(self) -> None:
        """Restart the deadline and the waits. A call that reads many pages does this for each page."""
        self._deadline = time.monotonic() + (self.timeout or WHOLE_CALL)
        self._waits_left = self.waits or self.timeout or ALL_WAITS

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return max(0.0, self._deadline - time.monotonic())

    def shorten(self, seconds: float) -> None:
        """Allow at most `seconds` from now on, and no waits."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)
        self._waits_left = 0.0

    def part(self, seconds: float) -> Gateway:
        """A gateway for reads on the side: at most `seconds` and a third of the time left, no waits."""
        left = (self._deadline - time.monotonic()) / 3
        found = Gateway(self.client, queue=self.queue, trace=self.trace)
        found.shorten(min(seconds, left))
        return found

    def look(self, hint: str = "") -> None:
        """Raises Failure (`timeout`) if nothing may leave any more, and nothing has left."""
        if not self.changed and self.changing is None and (why := self.door.closed()):
            raise Failure("timeout", why, hint=hint, outcome="not_sent", source="package")

    def cancel(self) -> bool:
        """Keep the request from leaving. Returns whether the call may already have changed something."""
        if self.changing is None:
            return self.changed
        self.changing.close()
        return self.changed or self.changing.left

    def exchange(
        self, request: Request, effect: Effect, connection: str = "", sink: BinaryIO | None = None
    ) -> Answer:
        """Send `request`, and repeat it if REPEATABLE allows. The answer can still be a rejection.

        `sink`: takes the body of a 2xx answer that is not JSON. Raises Failure if no answer came.
        """
        for attempt in range(1, self.attempts + 1):
            if not self._wait_for_pace(request.target):
                raise self._failure(AttemptFailed("rate_limited", TOO_MANY_REQUESTS), effect, "limited")
            departure = Departure() if effect == "read" else Departure(self.door.closed)
            self.changing = departure if effect != "read" else None
            answer: Answer | None = None
            failed: AttemptFailed | None = None
            try:
                answer = self._attempt(request, connection, sink, departure)
                state = _state(answer)
                self.clock = self.clock if answer.date is None else answer.date - time.time()
            except AttemptFailed as caught:
                failed, state = caught, "uncertain" if departure.left else "not_sent"
            finally:
                self.client.pacer.answered(request.target)
            if effect != "read":
                self.changed = self.changed or (departure.left and state != "limited")
                self.changing = None
                self.uncertain = self.uncertain or state == "uncertain"
            if state == "answered" or effect not in REPEATABLE[state] or attempt == self.attempts:
                break
            if effect != "read" and self.door.closed():
                break
            wait = answer.retry_after if answer is not None else None
            if wait is None:  # twice as long each time, with jitter
                wait = self._first_wait(state) * 2 ** (attempt - 1)
                if state == "limited" and self._waits_left:  # the rest of the time may be enough
                    wait = min(wait, self._waits_left)
            if not self.pause(wait):
                break
        if failed is not None:
            raise self._failure(failed, effect, state)
        assert answer is not None
        return answer

    def _first_wait(self, state: str) -> float:
        if state == "limited":
            return max(self.first_wait, FIRST_WAIT_IF_LIMITED) * random.uniform(1.0, 1.14)
        return self.first_wait * random.uniform(0.75, 1.25)

    def _wait_for_pace(self, target: str) -> bool:
        """Wait until the rate limits allow the request; False if there is not enough time."""
        began = time.monotonic()
        if not self.client.pacer.wait(target, self._deadline + self.queue, spare=self.spare):
            return False
        self._deadline += min(self.queue, time.monotonic() - began)
        return True

    def pause(self, seconds: float) -> bool:
        """Wait, if the deadline and the time for waits allow it; False if they do not."""
        if seconds > self._waits_left or time.monotonic() + seconds >= self._deadline:
            return False
        self._waits_left -= seconds
        interrupts.sleep(seconds, time.sleep)
        return True

    def _failure(self, failed: AttemptFailed, effect: Effect, state: str) -> Failure:
        if effect in ("create", "send", "delete") and state == "uncertain":
            return Failure("outcome_unknown", f"{failed.message} {OUTCOME_UNKNOWN}", source="network")
        hint, outcome = (SAFE_TO_REPEAT, "unknown") if self.uncertain else ("", "not_sent")
        if failed.code == "unreachable" and self.client.settings.base_url != MATON:
            hint = f"{NO_SANDBOX} {hint}".strip()
        return Failure(failed.code, failed.message, hint=hint, outcome=outcome, source="network")

    def _attempt(
        self, request: Request, connection: str, sink: BinaryIO | None, departure: Departure
    ) -> Answer:
        """One exchange within the remaining time. Raises AttemptFailed if it brings no complete answer."""
        settings = self.client.settings
        if self.trace is not None:
            where = "the sandbox in this process" if settings.in_process else settings.base_url
            headers = {"Authorization": "Bearer [hidden]", "User-Agent": USER_AGENT}
            headers |= {"Maton-Connection": connection} if connection else {}
            self.trace(f"> {request.method} {request.target} to {where}", headers | request.preview())
        send = functools.partial(self._send, request, connection, sink, departure)
        try:
            answer = run_until(self._deadline, departure, send)
        except Cancelled as cancelled:
            why = "" if departure.left else str(cancelled)
            raise AttemptFailed("timeout", why or _INCOMPLETE) from None
        if answer is None:
            raise AttemptFailed("timeout", _INCOMPLETE)
        if self.trace is not None:
            self.trace(f"< HTTP {answer.status} {_headers(answer)}", answer.json or answer.text)
        return answer

    def _send(self, request: Request, connection: str, sink: BinaryIO | None, departure: Departure) -> Answer:
        # As it is now: a thread that is left behind ends with this attempt's time, not with a later one's.
        deadline = self._deadline
        httpx = import_package("httpx")
        pool, settings = self.client.pool, self.client.settings
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
        given = {**headers, **request.headers}
        files: list[tuple[str, Any]] = [
            (part.name, (part.filename, Watched(part.content.open(), departure), part.content_type))
            for part in request.parts
        ]
        outgoing = pool.build_request(
            request.method,
            settings.base_url + request.target,
            headers={name: value for name, value in given.items() if value is not None},
            content=content,
            files=files,
            timeout=max(0.001, deadline - time.monotonic()),
            extensions={"trace": departure},
        )
        answered = False
        try:
            departure.hand_over()
            response = pool.send(outgoing, stream=True)
            answered = True
            with contextlib.closing(response):
                return _read(response, sink, deadline)
        except httpx.TimeoutException as error:
            if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
                departure.not_connected()
            what = "complete answer came" if departure.left else "connection could be made"
            raise AttemptFailed("timeout", f"No {what} in time.") from None
        except (httpx.ConnectError, httpx.ProxyError) as error:
            departure.not_connected()
            way = f"{settings.base_url}{proxies.way_to(settings.base_url)}"
            message = f"No connection to {way} could be made ({error})."
            raise AttemptFailed("unreachable", message) from None
        except (httpx.InvalidURL, ValueError) as error:
            # httpx also parses redirects that it does not follow and cookies that it does not keep.
            if answered or not departure.left:
                raise
            message = f"The headers of the answer cannot be read ({type(error).__name__})."
            raise AttemptFailed("upstream_error", message) from None
        except decoding.Undecodable:
            raise AttemptFailed("bad_answer", "The answer is not encoded as its headers say.") from None
        except httpx.TransportError as error:
            if not departure.left:
                raise AttemptFailed("unreachable", f"The connection broke: {type(error).__name__}.") from None
            if answered:
                message = "The connection broke in the middle of the answer."
                raise AttemptFailed("bad_answer", message) from None
            raise AttemptFailed("upstream_error", "The connection broke before an answer came.") from None


_SECRET_HEADER = re.compile("cookie|authoriz|token|secret|session|api-?key|password", re.IGNORECASE)


def _headers(answer: Answer) -> dict[str, str]:
    """The headers for --verbose, without what can be a secret of a server on the way."""
    headers = answer.headers.items()
    return {name: "[hidden]" if _SECRET_HEADER.search(name) else value for name, value in headers}


def _state(answer: Answer) -> str:
    """What an answer says about the attempt: a key of REPEATABLE, or "answered"."""
    if answer.status == 429:
        # A body that says success may come from WATI, under the status of a server on the way.
        return "uncertain" if says_done(answer) else "limited"
    broken = 200 <= answer.status < 300 and answer.flaw != ""
    return "uncertain" if broken or answer.status == 408 or answer.status >= 500 else "answered"


_INCOMPLETE = "The time ran out before the answer was complete."


def _read(response: httpx.Response, sink: BinaryIO | None, deadline: float) -> Answer:
    """Read a body with limited memory, until `deadline`. A file goes to the sink in pieces."""
    # Not iter_bytes: it decompresses a whole chunk at once, to any size.
    chunks = decoding.decoded(
        _until(deadline, response.iter_raw()), response.headers.get("content-encoding", "")
    )
    # If several types are listed, the first one: some servers on the way list what they were asked for.
    media_type = response.headers.get("content-type", "").partition(";")[0].partition(",")[0].strip().lower()
    if sink is not None and response.is_success and not media_type.endswith("/json"):
        sink.seek(0)
        sink.truncate()
        for chunk in chunks:
            sink.write(chunk)
            if sink.tell() > LARGEST_FILE:
                raise AttemptFailed("bad_answer", f"The file is larger than {LARGEST_FILE >> 20} MiB.")
        return Answer(response.status_code, response.headers, saved=True)
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST_ANSWER:
            raise AttemptFailed("bad_answer", f"The answer is larger than {LARGEST_ANSWER >> 20} MiB.")
    return answers.parse(response.status_code, response.headers, bytes(content))


def _until(deadline: float, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if time.monotonic() > deadline:
            raise AttemptFailed("timeout", _INCOMPLETE)
        yield chunk
