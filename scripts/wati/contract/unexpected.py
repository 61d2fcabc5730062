"""The failure of a call that ends by an error that nothing has caught: this machine's fault, or a bug."""

from __future__ import annotations

from wati.contract.failures import Failure
from wati.contract.machine import HINT, NO_MEMORY, OUT_OF

_OF_A_DATABASE = ("OperationalError", "DatabaseError")
# How glibc says that a module in C cannot be loaded into this process, although it is there.
_NO_ROOM = ("failed to map segment", "cannot map", "Cannot allocate memory", "Too many open files")


def unexpected(error: Exception) -> Failure:
    """The failure of a call that ended by an error that nothing has caught, before anything left."""
    if fault := fault_of_the_machine(error):
        return Failure("bad_setup", f"{OUT_OF} {fault}.", HINT, outcome="not_sent")
    return Failure("internal", place_of(error), outcome="not_sent")


def fault_of_the_machine(error: Exception) -> str:
    """What it lacked or refused; "" if the error can only be a bug."""
    if isinstance(error, MemoryError):
        return NO_MEMORY
    if isinstance(error, SystemError):  # never raised by Python code: a module in C was refused memory, say
        return "Python itself failed, as it does where memory is short"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ImportError) and any(text in str(error) for text in _NO_ROOM):
        return "a part of Python cannot be loaded: memory or open files are short"
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        return "no more threads can be started"
    if isinstance(error, RuntimeError) and "can't allocate" in str(error):  # a lock
        return NO_MEMORY
    # By name: few calls need the module. The other errors of a database are bugs.
    is_database = type(error).__module__ == "sqlite3" and type(error).__name__ in _OF_A_DATABASE
    return str(error) if is_database else ""


def place_of(error: Exception) -> str:
    """Which error, and where. Not its message, which may contain anything."""
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, line {place.lineno}."
