"""The failure of a call that ends by an error that nothing has caught: this machine's fault, or a bug."""

from __future__ import annotations

from wati.contract.failures import Failure

OUT_OF = "This machine could not do its part:"
MACHINE = (
    "Something on this machine is short or closed: memory, disk, threads, open files, or a folder. Fix that, "
    "or ask the user to; then run it again."
)
_OF_A_DATABASE = ("OperationalError", "DatabaseError")


def unexpected(error: Exception) -> Failure:
    """The failure of a call that ended by an error that nothing has caught, before anything left."""
    if fault := _fault_of_the_machine(error):
        return Failure("bad_setup", f"{OUT_OF} {fault}.", MACHINE, outcome="not_sent")
    return Failure("internal", place_of(error), outcome="not_sent")


def _fault_of_the_machine(error: Exception) -> str:
    """What it lacked or refused; "" if the error can only be a bug."""
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    if isinstance(error, SystemError):  # never raised by Python code: a module in C was refused memory, say
        return "Python itself failed, as it does where memory is short"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, RuntimeError) and "new thread" in str(error):
        return "no more threads can be started"
    # By name: few calls need the module. The other errors of a database are bugs.
    is_database = type(error).__module__ == "sqlite3" and type(error).__name__ in _OF_A_DATABASE
    return str(error) if is_database else ""


def place_of(error: Exception) -> str:
    """Which error, and where. Not its message, which may contain anything."""
    import traceback

    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, line {place.lineno}."
