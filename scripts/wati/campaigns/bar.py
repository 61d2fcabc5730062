"""What a person sees while a campaign runs: a bar on the terminal, or a line for whoever shows lines."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from wati.contract.packages import import_package

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Show(Protocol):
    def __call__(self, done: int, of: int, text: str) -> None: ...


@contextmanager
def shown(title: str, lines: Callable[[str], None] | None) -> Iterator[Show]:
    """A bar on stderr, if that is a terminal. `lines`: gets the same as texts if it is not."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, of, text: lines(f"{done} of {of}. {text}") if lines is not None else None
        return
    progress = import_package("rich.progress")
    console = import_package("rich.console").Console(stderr=True)
    columns = (
        progress.TextColumn("{task.fields[title]}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[text]}", markup=False),
    )
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", title=title, text="", total=None)
        yield lambda done, of, text: bar.update(task, completed=done, total=of, text=text)
