"""Ctrl-C, and the SIGTERM of a shell that gives up: they end a call, and its document still comes.

Signals reach the main thread only; in other threads all of this does nothing.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class _State:
    allowed = False
    deferred = False
    pending = False


def handle(*_: object) -> None:
    """Break off the call, if that is allowed now; the handler of both signals."""
    if _State.deferred:
        _State.pending = True
    elif _State.allowed:
        _State.allowed = False
        raise KeyboardInterrupt


def allow(act: Callable[[], T]) -> T:
    """Do something that a signal may break off."""
    try:
        _State.allowed = True
        return act()
    finally:
        _State.allowed = False


def defer(act: Callable[[], T]) -> T:
    """Do something short that must be completed; a signal takes effect when it is over."""
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
