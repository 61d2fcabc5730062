"""Names for the data that the rooms exchange. For type checkers only: empty at run time."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal

    Arguments = Mapping[str, Any]
    # (JSON path, number or id) of each receiver
    Receivers = Sequence[tuple[str, str]]
    # {"at": JSON path, "problem": what was found and what is expected}; in a dry run also a "code"
    Problem = dict[str, str]
    Effect = Literal["read", "write", "create", "send", "delete"]
    # What `--confirm` has to repeat.
    Confirms = Literal[
        "none", "receivers", "records", "connection_id", "whatsappNumber", "own_number", "plan"
    ]
    Outcome = Literal["accepted", "rejected", "partial", "unknown"]
    # The path of a member, as in `--fields`: ("customParams", "name")
    Path = tuple[str, ...]
