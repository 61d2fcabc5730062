"""Times by the clock of a database, and by this machine's. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Times(NamedTuple):
    """One moment by two clocks: the database's, and this machine's just before and after it was asked."""

    there: float
    before: float
    after: float

    def stored(self, latest: float) -> float:
        """The latest moment there that a time by this machine's clock can be."""
        return latest - self.before + self.there

    def earliest(self, there: float) -> float:
        """By this machine's clock, the earliest that a stored time can be; `latest`: the latest."""
        return there - self.there + self.before

    def latest(self, there: float) -> float:
        return there - self.there + self.after

    @property
    def ahead(self) -> float:
        """By how many seconds this machine's clock is ahead."""
        return self.before - self.there
