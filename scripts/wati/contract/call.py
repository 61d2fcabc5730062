"""A call and the result of an accepted one: plain data that anyone can make and print."""

from __future__ import annotations

from wati.contract.options import Options
from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, BinaryIO, Protocol

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Receivers

    class Content(Protocol):
        """Bytes that can be read any number of times."""

        size: int

        def open(self) -> BinaryIO: ...
        def replaced(self, chunks: Iterable[bytes]) -> Content: ...
        def close(self) -> None: ...


LARGEST_FILE = 128 * 1024 * 1024  # bytes, in or out; WhatsApp's own limit, for documents, is 100 MB


@record
class Part:
    """One file of a multipart body."""

    name: str
    filename: str
    content_type: str
    content: Content  # its checked bytes, as they will be sent
    remark: str = ""  # what was changed in them, for the document's notice

    @property
    def size(self) -> int:
        return self.content.size

    def replaced(self, chunks: Iterable[bytes], **changes: Any) -> Any:
        """The same part with other bytes, and other members if named."""
        return type(self)(**{**vars(self), "content": self.content.replaced(chunks), **changes})

    def preview(self) -> dict[str, Any]:
        shown = {"name": self.name, "filename": self.filename, "content_type": self.content_type}
        return {**shown, "bytes": self.size}


@record
class Call:
    """One call as data; `calls.perform` makes it, and fills in who and what it is about."""

    endpoint: Endpoint
    arguments: Mapping[str, Any] = {}  # as the endpoint's schema describes them
    options: Options = Options()
    connection: str = ""  # the Maton connection to use
    parts: Sequence[Part] = ()  # the files to upload
    receivers: Receivers = ()  # everyone the call is about
    seen: str = ""  # the digest of the files that a person said yes to (files/copies.py); "" = any

    def __post_init__(self) -> None:
        # Nothing that a caller changes is shared with other calls.
        if self.arguments is Call.arguments:
            self.arguments = {}
        if self.options is Call.options:
            self.options = Options()
        if self.endpoint.by_arguments is not None and isinstance(self.arguments, dict):
            self.endpoint = self.endpoint.by_arguments(self.arguments)

    def copied(self) -> Call:
        """The same call, of which nothing is shared with the caller's."""
        return self.replace(arguments=_copy(self.arguments), options=Options(**vars(self.options)))

    def replace(self, **changes: Any) -> Call:
        """A copy of the call with some members changed."""
        return Call(**{**vars(self), **changes})

    @property
    def channel(self) -> str:
        """The account's own WhatsApp number that the call names; "" = WATI's default."""
        named = (self.arguments.get(name) for name in ("channelPhoneNumber", "channel_number"))
        return next((number for number in named if isinstance(number, str)), "")

    def __repr__(self) -> str:
        via = f", connection={self.connection!r}" if self.connection else ""
        return f"Call({self.endpoint.name}, {self.arguments!r}, {self.options!r}{via})"


def _copy(value: Any, levels: int = 50) -> Any:
    """What is deeper than any argument fits no schema, so it is never sent."""
    if isinstance(value, dict) and levels:
        return {name: _copy(member, levels - 1) for name, member in value.items()}
    return [_copy(item, levels - 1) for item in value] if isinstance(value, list) and levels else value


@record
class Result:
    """The result of an accepted call."""

    data: Any
    notice: str = ""  # a remark for the document, beside the data
    shown_url: str = ""  # the one authorization link that may be shown
    page: dict[str, Any] | None = None  # the document's `page`, unless it follows from the arguments
    notices: Sequence[str] = ()  # those of the steps and of the journal
    outcome: str = "accepted"
    added: Mapping[str, Any] = {}  # members for `data` that are not the far side's, such as counts
