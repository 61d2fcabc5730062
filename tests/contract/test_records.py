"""Type checkers take a record for a dataclass, so it has to be made like one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from wati.contract.records import record


def made_by(decorate: Callable[[type], type]) -> type:
    @decorate
    class Base:
        first: str
        second: int = 2

        def __post_init__(self) -> None:
            self.both = f"{self.first}{self.second}"

    @decorate
    class Made(Base):
        first: str = "changed"
        third: tuple[str, ...] = ()

    return Made


@pytest.mark.parametrize("values", [(), ("a",), ("a", 3, ("b",))])
@pytest.mark.parametrize("given", [{}, {"third": ("c",)}, {"first": "d", "second": 5}, {"fourth": 6}])
def test_a_record_is_made_like_a_dataclass(values: tuple[Any, ...], given: dict[str, Any]) -> None:
    try:
        expected = vars(made_by(dataclass)(*values, **given))
    except TypeError:
        with pytest.raises(TypeError):
            made_by(record)(*values, **given)
    else:
        assert vars(made_by(record)(*values, **given)) == expected


def test_a_member_without_a_default_has_to_be_given() -> None:
    with pytest.raises(TypeError):
        made_by(record).__base__()
