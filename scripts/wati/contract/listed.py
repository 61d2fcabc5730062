"""Long lists in flat memory: a list of a million receivers would take ten times the room of its file."""

from __future__ import annotations

from itertools import islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from wati.contract.types import Problem

    Base = Sequence[tuple[str, str]]
else:
    Base = object  # importing that one would take too long


class Listed(Base):
    """The receivers of a file, as a sequence that is read anew for each use.

    `twins`: those who are in it under two spellings, as problems (numbers.py).
    """

    def __init__(
        self, read: Callable[[], Iterable[tuple[str, str]]], count: int, twins: Sequence[Problem]
    ) -> None:
        self._read = read
        self._count = count
        self.twins = list(twins)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._read())

    def __getitem__(self, index: Any) -> Any:
        """One from the beginning, or the first few."""
        if isinstance(index, slice):
            return list(islice(self, index.start, index.stop, index.step))
        return next(islice(self, index, None))


class Some:
    """The first problems of a long list, and how many there are."""

    MOST = 5000

    def __init__(self) -> None:
        self.listed: list[Problem] = []
        self.count = 0

    def add(self, at: str, problem: str) -> None:
        self.count += 1
        if self.count <= self.MOST:
            self.listed.append({"at": at, "problem": problem})


_PLACES = 1 << 26  # in 8 MiB: so few of a million keys meet by chance that they can be compared
_MOST_MET = 1 << 16


class Repeats:
    """Which keys come twice. The keys are added first, which only marks their hashes in a bitmap; then those
    that met there are compared. An empty key is none.
    """

    def __init__(self) -> None:
        self._marks = bytearray(_PLACES >> 3)
        self._met: set[int] = set()
        self._end = 0  # how many keys were added

    def add(self, key: str) -> None:
        if len(self._met) > _MOST_MET:
            return  # `pairs` goes on from here
        self._end += 1
        if not key:
            return
        place = hash(key) & (_PLACES - 1)
        at, mark = place >> 3, 1 << (place & 7)
        if self._marks[at] & mark:
            self._met.add(place)
        else:
            self._marks[at] |= mark

    def pairs(self, keys: Callable[[], Iterable[str]]) -> Iterator[tuple[int, int]]:
        """For each key that has come before: where it first was, and where it is.

        `keys`: gives those that were added anew each time. Only a list with very many repeats is gone through
        more than once.
        """
        start = 0
        while self._met:
            first: dict[str, int] = {}
            for index, key in enumerate(islice(keys(), self._end)):
                if key and hash(key) & (_PLACES - 1) in self._met:
                    before = first.setdefault(key, index)
                    if before != index and index >= start:
                        yield before, index
            is_whole = len(self._met) <= _MOST_MET
            if is_whole:
                return
            start, self._met = self._end, set()
            for key in islice(keys(), start, None):
                self.add(key)
