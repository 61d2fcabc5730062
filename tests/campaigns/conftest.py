"""A ledger in a file, and one on a PostgreSQL: what is promised holds for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ledgers import PLACE, open_ledger
from wati.campaigns.ledger import Ledger

Open = Callable[..., Ledger]


@pytest.fixture(params=["file", "postgres"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "campaigns.sqlite")
    made: str = request.getfixturevalue("postgres").database()
    return made


@pytest.fixture
def opened(address: str) -> Iterator[Open]:
    """Opens the ledger once more, as another process does."""
    ledgers: list[Ledger] = []

    def another(place: str = PLACE) -> Ledger:
        ledgers.append(open_ledger(address, place))
        return ledgers[-1]

    yield another
    for ledger in ledgers:
        ledger.close()


@pytest.fixture
def ledger(opened: Open) -> Ledger:
    return opened()
