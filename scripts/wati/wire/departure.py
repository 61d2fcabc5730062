"""One attempt with a time limit. It knows whether its request has left, and can keep it from leaving."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

from wati.wire import interrupts
from wati.wire.threads import Worker

T = TypeVar("T")


class Cancelled(Exception):
    """The attempt was cancelled before its request had left whole; the text says why."""


def _never() -> str:
    return ""


class Departure:
    """Knows whether a request has left; `close` keeps it from leaving later, and so does a closed door.

    An instance is httpx's `trace` extension: httpcore calls it at every step of the exchange.
    `shut`: says why nothing may leave any more, "" while it may.
    """

    _closed = _handed_over = _traced = _sent = False

    def __init__(self, shut: Callable[[], str] = _never) -> None:
        self._lock = threading.Lock()
        self._shut = shut

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        self._traced = True
        if not event.endswith(".started"):
            return
        # A CONNECT to a proxy is not our request: it contains only the host's name. Any step not known to be
        # harmless counts as leaving, so a new name in httpcore cannot hide a send.
        is_connect = getattr(info.get("request"), "method", None) == b"CONNECT"
        is_harmless = event.startswith(("connection.", "proxy.", "socks.")) or ".response_closed." in event
        if not is_connect and not is_harmless:
            self._pass("_sent", is_over=".receive_" in event)

    @property
    def left(self) -> bool:
        """Whether the request may have left. A transport that reports no steps is assumed to have sent it."""
        return self._sent or (self._handed_over and not self._traced)

    def hand_over(self) -> None:
        """The transport gets the request. Raises Cancelled if `close` came first."""
        self._pass("_handed_over")

    def not_connected(self) -> None:
        """The transport could not connect, so nothing has left."""
        self._sent = self._handed_over = False

    def close(self) -> None:
        """If the request has not left, it cannot leave from now on."""
        with self._lock:
            self._closed = True

    def look(self) -> None:
        """Raises Cancelled if nothing more may leave, be it the rest of a body."""
        self._pass("")

    def _pass(self, mark: str, *, is_over: bool = False) -> None:
        """`is_over`: whether the whole request has left, so only its answer can be given up."""
        with self._lock:
            why = "" if is_over else self._shut()
            if self._closed or why:
                raise Cancelled(why)
            if mark:
                setattr(self, mark, True)


class Watched:
    """A file on its way: each piece of it leaves only while the departure lets it."""

    def __init__(self, file: BinaryIO, departure: Departure) -> None:
        self._file = file
        self._departure = departure
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        self._departure.look()
        return self._file.read(size)


# Seconds for which nothing can interrupt the waiting: on Windows, Ctrl-C does not end the wait for a lock.
LONGEST_WAIT = 0.1 if os.name == "nt" else threading.TIMEOUT_MAX


def _wait_for(worker: Worker, deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:
        if worker.ended(interrupts.longest(min(left, LONGEST_WAIT))):
            return
        interrupts.check()


def run_until(deadline: float, departure: Departure, attempt: Callable[[], T]) -> T | None:
    """The result of `attempt`, or its exception; None if `deadline` (monotonic seconds) came first.

    The attempt runs in its own thread, which is left behind at the deadline. httpx's timeouts are not enough:
    they never end an answer that comes one byte a second, or the lookup of a name that does not resolve.
    """
    outcome: list[tuple[T | None, BaseException | None]] = []

    def work() -> None:
        try:
            outcome.append((attempt(), None))
        except BaseException as error:  # raised again in the thread that waits
            outcome.append((None, error))

    try:
        # A moment longer than httpx's timeouts: their errors say more.
        _wait_for(Worker(work), max(deadline, time.monotonic()) + 0.1)
    finally:
        departure.close()
    if not outcome:
        return None
    result, error = outcome[0]
    if error is not None:
        raise error
    return result
