"""The other side of the wire: a stand-in for Maton and WATI over an SQLite file.

It imports nothing from the rest of wati: it shares no code with the client, so that it can catch the client's
mistakes. Its modules are in layers, and each imports only from lower ones. The rest of wati imports only the
names in `__all__`. How sure each behaviour is can be read in references/sandbox.md.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .state_file import StateError, state_path

if TYPE_CHECKING:
    from .mount import transport
    from .state import State

__all__ = ["State", "StateError", "state_path", "transport"]

# Imported on first use: `transport` needs httpx, and asking for the file's place needs neither.
_LAZY = {"State": ".state", "transport": ".mount"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
