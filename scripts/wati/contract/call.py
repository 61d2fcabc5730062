"""A call and the result of an accepted one: plain data that anyone can make and print."""

from __future__ import annotations

from wati.contract.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, BinaryIO

    from wati.contract.endpoint import Endpoint
    from wati.contract.types import Arguments, Receivers

LARGEST_FILE = 128 * 1024 * 1024  # bytes, in or out; WhatsApp's own limit, for documents, is 100 MB


class Part:
    """One file of a multipart body. `handle` holds its checked bytes, `size` of them."""

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
    """One call as data: the endpoint, the arguments, the options. `calls.perform` makes it.

    `arguments`: as the endpoint's schema describes them.
    `connection`: the Maton connection to use. `parts`: the files to upload. `receivers`: everyone the call is
    about. `perform` fills in these three.
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

    def replace(self, **changes: Any) -> Call:
        """A copy of the call with some members changed."""
        return Call(**{**vars(self), **changes})

    def __repr__(self) -> str:
        via = f", connection={self.connection!r}" if self.connection else ""
        return f"Call({self.endpoint.name}, {self.arguments!r}, {self.options!r}{via})"


class Result:
    """The result of an accepted call.

    `notice`: a remark for the document, beside the data. `notices`: those of the journal.
    `shown_url`: the one authorization link that may be shown.
    `page`: the document's `page`, unless it follows from the arguments.
    """

    def __init__(
        self, data: Any, *, notice: str = "", shown_url: str = "", page: dict[str, Any] | None = None
    ) -> None:
        self.data = data
        self.notice = notice
        self.shown_url = shown_url
        self.page = page
        self.notices: list[str] = []
