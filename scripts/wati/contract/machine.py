"""What a call needs of this machine before it begins, and what is said where that is missing.

Nothing is imported here: where memory or open files are short, an import can fail, or never end.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.types import Effect

OUT_OF = "This machine could not do its part:"
HINT = (
    "Something on this machine is short or closed: memory, disk, threads, open files, or a folder. Fix that, "
    "or ask the user to; then run it again."
)
NO_MEMORY = "there is not enough memory"

# Packages, the stacks of threads, a request and its answer (measured: up to 68 MiB of address space).
MEMORY = 72 << 20


def check_memory() -> None:
    """Raises MemoryError if this process cannot get what a call needs.

    A call that runs out of memory may never end: before 3.14, CPython itself can loop where even an int is
    refused, and no other thread runs meanwhile (https://github.com/python/cpython/issues/132508).
    """
    bytes(MEMORY)  # no page of it is touched, so it takes microseconds


def cannot_begin(error: Exception, effect: Effect) -> str:
    """The document of a call that cannot begin. It is written out, because `json` would be an import."""
    what = (
        NO_MEMORY if isinstance(error, MemoryError) else f"Python cannot be loaded ({type(error).__name__})"
    )
    outcome = "" if effect == "read" else ',"outcome":"not_sent"'
    members = f'"code":"bad_setup","message":"{OUT_OF} {what}.","hint":"{HINT}","source":"setup"{outcome}'
    return f'{{"ok":false,"error":{{{members}}}}}'
