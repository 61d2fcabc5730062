"""How long this machine has been up, by a clock that nobody sets and that goes on while it sleeps."""

from __future__ import annotations

import time
from typing import NamedTuple


class Uptime(NamedTuple):
    """`boot`: the name of this start of the machine; "" if the system does not tell (only Linux does)."""

    boot: str
    seconds: float

    def since(self, boot: str, seconds: float) -> float | None:
        """How long the machine has been up since then; None if it has been restarted, or does not tell."""
        return self.seconds - seconds if boot == self.boot != "" and seconds <= self.seconds else None


def unknown() -> Uptime:
    return Uptime("", 0.0)


def now() -> Uptime:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return Uptime(file.read().strip(), time.clock_gettime(time.CLOCK_BOOTTIME))
    except (OSError, ValueError, AttributeError):
        return unknown()
