"""Ctrl-C, or the SIGTERM of a shell that gives up, ends a call; its document is still printed.

Signals reach only the main thread. In other threads this module does nothing.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class _State:
    one_call = False
    allowed = deferred = pending = False


def one_call(act: Callable[[], T]) -> T:
    """Do something that is one call and nothing more, so a signal ends the call and nothing else."""
    _State.one_call = True
    try:
        return act()
    finally:
        _State.one_call = False


def ends_the_call() -> bool:
    """Whether a signal is for the call alone. If not, the program that makes calls decides what to do."""
    return _State.one_call


def handle(*_: object) -> None:
    """The handler of both signals: interrupts the call if that is allowed now."""
    if _State.deferred:
        _State.pending = True
    elif _State.allowed:
        _State.allowed = False
        raise KeyboardInterrupt


def allow(act: Callable[[], T]) -> T:
    """Do something that a signal may interrupt."""
    try:
        _State.allowed = True
        return act()
    finally:
        _State.allowed = False


def defer(act: Callable[[], T]) -> T:
    """Do something short that must not be interrupted; a signal takes effect afterwards."""
    if threading.current_thread() is not threading.main_thread():
        return act()
    _State.deferred = True
    try:
        return act()
    finally:
        _State.deferred = False
        if _State.pending:
            _State.pending = False
            handle()
