"""A stand-in for Maton and WATI: a function from request to response over a SQLite file.

Shares no code with the client, so that it can catch the client's mistakes. What it knows and what it only
assumes is listed in references/sandbox.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .state import State, StateError, state_path

if TYPE_CHECKING:
    from .mount import handle, transport

__all__ = ["State", "StateError", "handle", "state_path", "transport"]


def __getattr__(name: str) -> Any:
    """The mount is imported on first use, so that the control commands do not need httpx."""
    if name in ("handle", "transport"):
        from . import mount

        return getattr(mount, name)
    raise AttributeError(name)
