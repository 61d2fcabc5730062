"""What a call is, and what an accepted one brings: plain data that anyone can make and print."""

from __future__ import annotations

from wati.contract.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, BinaryIO

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Arguments, Receivers

LARGEST_FILE = 128 * 1024 * 1024  # bytes, in or out; WhatsApp's largest, a document, has 100 MB


class Part:
    """One file of a multipart body. `handle` holds the bytes that were read and checked, `size` of them."""

    def __init__(self, name: str, filename: str, content_type: str, handle: BinaryIO, size: int) -> None:
        self.name = name
        self.filename = filename
        self.content_type = content_type
        self.handle = handle
        self.size = size

    def content(self) -> bytes:
        """All of its bytes, as they will be sent."""
        self.handle.seek(0)
        data = self.handle.read()
        self.handle.seek(0)
        return data

    def preview(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "filename": self.filename,
            "content_type": self.content_type,
            "bytes": self.size,
        }


class Call:
    """One call as data: which endpoint, with what, how. `calls.perform` makes it.

    `arguments`: as the endpoint's schema describes them. `connection`: the Maton connection that it goes
    over. `parts`, `receivers`: the files that it uploads, and everyone it is about. `perform` fills in these
    three.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        arguments: Arguments | None = None,
        options: Options | None = None,
        *,
        connection: str = "",
        parts: Sequence[Part] = (),
        receivers: Receivers | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.arguments = {} if arguments is None else arguments
        self.options = options or Options()
        self.connection = connection
        self.parts = parts
        self.receivers = receivers or []

    def but(self, **changes: Any) -> Call:
        """The same call with other values for some of its members."""
        return Call(**{**vars(self), **changes})

    def __repr__(self) -> str:
        via = f", connection={self.connection!r}" if self.connection else ""
        return f"Call({self.endpoint.name}, {self.arguments!r}, {self.options!r}{via})"


class Result:
    """What an accepted call brought.

    `notice`: what the document has to say beside the data; `notices`: the same, by the journal. `shown_url`:
    the one connection link that may be shown. `page`: the document's `page`, if it does not follow from the
    arguments.
    """

    def __init__(
        self, data: Any, *, notice: str = "", shown_url: str = "", page: dict[str, Any] | None = None
    ) -> None:
        self.data = data
        self.notice = notice
        self.shown_url = shown_url
        self.page = page
        self.notices: list[str] = []
