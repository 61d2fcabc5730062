"""One pace for all workers: at most so many requests in a time, and a pause for everyone after a 429.

It goes by the database's clock, and a clock that is set makes nobody wait for longer than was meant.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sql

from wati.campaigns.schema import pace
from wati.wire import interrupts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wati.campaigns.database import Database

# Maton allows 10 a second (wire/pace.py); the others are for people.
MOST_A_SECOND = (8, 1.0)
# A window is a little longer than the far side's: requests do not all take the same time to get there.
MARGIN = 1.01
_NAP_SECONDS = 0.5  # after which the caller is asked whether it still wants a turn
_MOST_TURNS = 1000  # that are remembered
PAUSE_SECONDS = 10.0  # after a 429 that does not say how long: WATI's window


class _State(NamedTuple):
    turns: list[float]
    paused_until: float
    pause: float


class Pace:
    """The pace at one place."""

    def __init__(self, database: Database, place: str) -> None:
        self._database = database
        self._place = place

    def turn(self, requests: int, seconds: float, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Wait until a request may leave, of at most `requests` in `seconds`, and count it.

        `go_on`: asked while it waits. False if it says no.
        """
        limits = [(requests, seconds * MARGIN), MOST_A_SECOND]
        while go_on():
            with self._database.reading() as db:
                state, now = self._state(db), self._database.now(db)
            left = wait_of(state, limits, now)
            if left <= 0 or state != as_of(state, now):
                left = self._take(limits)
                if left <= 0:
                    return True
            interrupts.sleep(min(left, _NAP_SECONDS), time.sleep)
        return False

    def slow_down(self, seconds: float | None = None) -> None:
        """Nobody sends anything for so long, by default for as long as WATI counts requests."""
        pause = PAUSE_SECONDS if seconds is None else seconds
        with self._database.writing() as db:
            now = self._database.now(db)
            state = as_of(self._state(db), now)
            if now + pause > state.paused_until:
                self._store(db, state._replace(paused_until=now + pause, pause=pause))

    def _take(self, limits: Sequence[tuple[int, float]]) -> float:
        """Take a turn, if it is due; else the seconds until it is.

        If the clock was set back, the turns are dated anew: else each look would find them just now.
        """
        with self._database.writing() as db:
            now = self._database.now(db)
            stored = self._state(db)
            state = as_of(stored, now)
            if (left := wait_of(state, limits, now)) <= 0:
                most = max(count for count, _ in limits)
                state = state._replace(turns=[*state.turns, now][-most:])
            if state != stored:
                self._store(db, state)
        return left

    def _state(self, db: sql.Connection) -> _State:
        columns = (pace.c.turns, pace.c.paused_until, pace.c.pause)
        found = db.execute(sql.select(*columns).where(pace.c.place == self._place)).one_or_none()
        return _State([], 0.0, 0.0) if found is None else _State(*found)

    def _store(self, db: sql.Connection, state: _State) -> None:
        here = pace.c.place == self._place
        if not db.execute(sql.update(pace).where(here).values(state._asdict())).rowcount:
            db.execute(pace.insert().values(place=self._place, **state._asdict()))


def as_of(state: _State, now: float) -> _State:
    """The state by a clock that may have been set back meanwhile: what is in the future was just now."""
    ahead = max(0.0, max(state.turns, default=now) - now)
    return _State([at - ahead for at in state.turns], min(state.paused_until, now + state.pause), state.pause)


def wait_of(state: _State, limits: Sequence[tuple[int, float]], now: float) -> float:
    """Seconds until the next request may leave."""
    turns, paused_until, _ = as_of(state, now)
    free = [turns[-count] + seconds for count, seconds in limits if len(turns) >= count]
    return max([paused_until, *free]) - now
