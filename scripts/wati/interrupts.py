"""Ctrl-C, and the SIGTERM of a shell that gives up: they end a call, and its document still comes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    T = TypeVar("T")


class _State:
    welcome = False
    held = False
    came = False


def handle(*_: object) -> None:
    """Break off the call, where that is welcome; the handler of both signals."""
    if _State.held:
        _State.came = True
    elif _State.welcome:
        _State.welcome = False
        raise KeyboardInterrupt


def welcome(act: Callable[[], T]) -> T:
    """Do something that a signal may break off."""
    try:
        _State.welcome = True
        return act()
    finally:
        _State.welcome = False


def held(act: Callable[[], T]) -> T:
    """Do something short that must be whole, and known to be done; a signal strikes when it is over."""
    _State.held = True
    try:
        return act()
    finally:
        _State.held = False
        if _State.came:
            _State.came = False
            handle()
