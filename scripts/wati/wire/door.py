"""The door of a call: what changes something leaves before its latest moment, or not at all."""

from __future__ import annotations

import time

from wati.wire import interrupts

TIME_IS_OVER = "The time ran out before the request could leave."
INTERRUPTED = "The call was interrupted."


class Door:
    """Closes after `seconds`, or when a signal ends the call, and never opens again.

    Two clocks decide: the monotonic one stops while the machine sleeps, and the wall's can be set back.
    `until`: the latest departure, in epoch seconds by this machine's clock.
    """

    def __init__(self, seconds: float) -> None:
        self.until = time.time() + seconds
        self._until = time.monotonic() + seconds
        self._why = ""

    def closed(self) -> str:
        """Why nothing may leave any more; "" while it may."""
        if interrupts.is_marked():
            self._why = INTERRUPTED
        elif time.monotonic() >= self._until or time.time() >= self.until:
            self._why = TIME_IS_OVER
        return self._why
