"""Cases that differ in their data alone, in one test.

A test of its own costs as much as a call: each worker collects it, its folders and its far side are made and
taken down. So cases that need nothing but an empty folder and a far side that forgot share a test.
"""

from __future__ import annotations

import functools
import inspect
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Test = Callable[..., None]
FORGET = ("far_side", "pauses", "looked_up")  # a `clear` makes these fixtures as good as new
NEVER = {"monkeypatch", "capsys", "clock", "state", "world"}  # what one case did to these, the next would see


def looped(
    names: str | tuple[str, ...],
    values: Iterable[Any],
    ids: Callable[[Any], object] | Iterable[str] | None = None,
) -> Callable[[Test], Test]:
    """In place of pytest.mark.parametrize, with its arguments. A case that fails is named."""
    of_one, values = isinstance(names, str), list(values)
    rows = [_values(value) or ((value,) if of_one else value) for value in values]
    cases = [dict(zip((names,) if of_one else names, row, strict=True)) for row in rows]
    assert cases, "a test over nothing tests nothing"
    labels = [" ".join(str(ids(value)) for value in row) for row in rows] if callable(ids) else ids or rows

    def decorate(test: Test) -> Test:
        signature = inspect.signature(test)
        assert not NEVER & set(signature.parameters), f"{test.__name__} needs new fixtures for each case"

        @functools.wraps(test)
        def loop(tmp_path: Path, **given: Any) -> None:
            if "tmp_path" in signature.parameters:
                given["tmp_path"] = tmp_path
            for label, case in zip(labels, cases, strict=True):
                _empty(tmp_path)
                for name in given.keys() & FORGET:
                    given[name].clear()
                try:
                    test(**given, **case)
                except Exception as error:
                    raise AssertionError(f"{label}: {error}") from error

        left = [*given_by_pytest(signature, cases[0]), "tmp_path"]
        parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in left]
        loop.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return loop

    return decorate


def _values(value: Any) -> tuple[Any, ...]:
    """Those of a pytest.param."""
    return value.values if hasattr(value, "marks") else ()


def given_by_pytest(signature: inspect.Signature, case: dict[str, Any]) -> list[str]:
    return [name for name in signature.parameters if name not in case and name != "tmp_path"]


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
