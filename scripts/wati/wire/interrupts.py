"""Ctrl-C, or the SIGTERM of a shell that gives up, ends a call; its document is still printed.

A signal sets a mark, whatever the process is doing: nothing that changes something leaves any more (door.py).
Where that is allowed, it also interrupts. An interruption alone can get lost, such as inside a callback.

Signals reach only the main thread. In other threads this module does nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class _State:
    one_call = False
    marked = allowed = deferred = False


def one_call(act: Callable[[], T]) -> T:
    """Do something that is one call and nothing more, so a signal ends the call and nothing else.

    Raises KeyboardInterrupt if a signal made it fail.
    """
    _State.one_call = True
    try:
        return act()
    except Exception:
        if is_marked():
            raise KeyboardInterrupt from None
        raise
    finally:
        _State.one_call = _State.marked = False


def ends_the_call() -> bool:
    """Whether a signal is for the call alone. If not, the program that makes calls decides what to do."""
    return _State.one_call


def is_marked() -> bool:
    """Whether a signal has come, even before the call began."""
    return _State.marked


def handle(*_: object) -> None:
    """The handler of both signals."""
    _State.marked = True
    if _State.allowed and not _State.deferred:
        _State.allowed = False
        raise KeyboardInterrupt


def allow(act: Callable[[], T]) -> T:
    """Do something that a signal may interrupt; one that has come already does so at once."""
    try:
        _State.allowed = True
        if _State.marked:
            handle()
        return act()
    finally:
        _State.allowed = False


def defer(act: Callable[[], T]) -> T:
    """Do something short that must not be interrupted; a signal takes effect afterwards."""
    import threading

    if threading.current_thread() is not threading.main_thread():
        return act()
    _State.deferred = True
    try:
        return act()
    finally:
        _State.deferred = False
        if _State.marked:
            handle()
