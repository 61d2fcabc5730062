"""Ctrl-C, or the SIGTERM of a shell that gives up, ends a call; its document is still printed.

A signal sets a mark, whatever the process is doing: nothing that changes something leaves any more (door.py).
Where that is allowed, it also interrupts. An interruption alone can get lost, such as inside a callback.

Signals reach only the main thread. In other threads, only `stoppable` can interrupt.
"""

from __future__ import annotations

from contextvars import ContextVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event
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
    """Whether a signal has come, even before the call began, or this thread was stopped."""
    stop = _stop.get()
    return _State.marked or (stop is not None and stop.is_set())


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


def heed(act: Callable[[], T]) -> T:
    """Do something long that looks at `is_marked` itself, and ends in its own way; then the signal is over.

    Nothing else interrupts it, in whichever thread its calls are made; those that have not left do not leave.
    """
    import threading

    if threading.current_thread() is not threading.main_thread():
        return act()
    _State.deferred = True
    try:
        return act()
    finally:
        _State.deferred = _State.marked = False


# --- calls in other threads: a program that makes many at once can stop each --------------------------------

_stop: ContextVar[Event | None] = ContextVar("stop", default=None)
SLICE = 0.1  # seconds after which a thread that can be stopped looks whether it was


def stoppable(stop: Event, act: Callable[[], T]) -> T:
    """Do something in this thread that `stop` interrupts where it waits, as Ctrl-C does in the main one."""
    token = _stop.set(stop)
    try:
        return act()
    finally:
        _stop.reset(token)


def check() -> None:
    """Raises KeyboardInterrupt if this thread was stopped."""
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise KeyboardInterrupt


def longest(seconds: float) -> float:
    """How long this thread may wait before it checks again."""
    return seconds if _stop.get() is None else min(seconds, SLICE)


def sleep(seconds: float, otherwise: Callable[[float], None]) -> None:
    """Wait; with `otherwise` in a thread that nothing can stop."""
    stop = _stop.get()
    if stop is None:
        otherwise(seconds)
    elif stop.wait(seconds):
        raise KeyboardInterrupt
