"""One attempt, bounded in time: whether its request has left, and the power to keep it from leaving."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class CalledOff(Exception):
    """The attempt was given up before its request left."""


class Departure:
    """The door that a request goes through: it knows whether it has left, and can be closed before that.

    An instance is httpx's `trace` extension: httpcore calls it at every step of the exchange.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._handed_over = False
        self._traced = False
        self._sent = False

    def __call__(self, event: str, info: dict[str, Any]) -> None:
        self._traced = True
        if not event.endswith(".started"):
            return
        # A CONNECT to a proxy is not our request: it carries no more than the host's name. Every step that
        # is not known to be harmless counts as leaving, so that new names in httpcore cannot hide a send.
        is_connect = getattr(info.get("request"), "method", None) == b"CONNECT"
        is_harmless = event.startswith(("connection.", "proxy.", "socks.")) or ".response_closed." in event
        if not is_connect and not is_harmless:
            self._pass("_sent")

    @property
    def left(self) -> bool:
        """Whether the request may have left; a transport that tells nothing is taken to have sent it."""
        return self._sent or (self._handed_over and not self._traced)

    def hand_over(self) -> None:
        """The transport gets the request. Raises CalledOff where nobody waits for it any more."""
        self._pass("_handed_over")

    def stay(self) -> None:
        """The transport failed to connect: nothing has left."""
        self._sent = self._handed_over = False

    def close(self) -> None:
        """From now on the request cannot leave, if it has not."""
        with self._lock:
            self._closed = True

    def _pass(self, mark: str) -> None:
        with self._lock:
            if self._closed:
                raise CalledOff
            setattr(self, mark, True)


def bounded(deadline: float, departure: Departure, attempt: Callable[[], T]) -> T | None:
    """The attempt's result, its exception raised here; None where `deadline` (monotonic seconds) came first.

    The attempt runs in a thread of its own, which is left behind then: httpx's timeouts hold for each single
    read, so a far side that sends a byte a second, or a name that does not resolve, would get around them.
    """
    outcome: list[tuple[T | None, BaseException | None]] = []

    def work() -> None:
        try:
            outcome.append((attempt(), None))
        except BaseException as error:  # handed over to the thread that waits
            outcome.append((None, error))

    worker = threading.Thread(target=work, daemon=True)
    try:
        worker.start()
        # A moment longer than the timeouts given to httpx, which tell more where they strike.
        worker.join(max(0.0, deadline - time.monotonic()) + 0.1)
    finally:
        departure.close()
    if not outcome:
        return None
    result, error = outcome[0]
    if error is not None:
        raise error
    return result
