"""The names of the data that every room passes around. For type checkers only: empty at run time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal

    Arguments = dict[str, Any]
    # (JSON path, number or id) of each receiver of a call
    Receivers = list[tuple[str, str]]
    # {"at": JSON path, "problem": what was found and what is expected}; those of a dry run also have a "code"
    Problem = dict[str, str]
    Effect = Literal["read", "write", "create", "send", "delete"]
    # What `--confirm` has to repeat.
    Confirms = Literal["none", "receivers", "records", "connection_id"]
    Outcome = Literal["accepted", "rejected", "partial", "unknown"]
    # Path of a member, for `--fields`: ("customParams", "name")
    Path = tuple[str, ...]
