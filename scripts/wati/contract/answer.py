"""One HTTP answer, and what can be said about it before its meaning is judged."""

from __future__ import annotations

from wati.contract.records import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@record
class Answer:
    """One HTTP answer with its whole body; `wire.answers.parse` makes it."""

    status: int
    headers: Any
    content: bytes = b""
    json: Any = None  # the parsed body; None if it is not JSON, and `flaw` then says why
    flaw: str = ""
    ambiguous: bool = False  # an object in the body has the same member twice
    saved: bool = False  # the body was written to a file; `content` is then empty

    @property
    def media_type(self) -> str:
        """The content type without its parameters; "" if there is none."""
        import re

        named = str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()
        return named if re.fullmatch(r"[a-z0-9][a-z0-9.+_-]{0,60}/[a-z0-9][a-z0-9.+_-]{0,99}", named) else ""

    @property
    def date(self) -> float | None:
        """The far side's time, from its `Date` header: epoch seconds, exact to the second."""
        from email.utils import parsedate_to_datetime

        try:
            return parsedate_to_datetime(self.headers.get("date", "")).timestamp()
        except (TypeError, ValueError, OverflowError, OSError):  # OSError: the year 1 on Windows
            return None

    @property
    def text(self) -> str:
        """The beginning of a body that is not JSON, for people; the output shortens it after redaction."""
        if self.json is not None:
            return ""
        return " ".join(self.content[:65536].decode("utf-8", "replace").split())

    @property
    def web_page(self) -> str:
        """What the body is, if it is a web page: neither Maton's nor WATI's interface answers with one."""
        import re

        beginning = self.content[:65536].decode("utf-8", "replace")
        if self.json is not None or not re.match(r"\s*<(!doctype html|html)\b", beginning, re.IGNORECASE):
            return ""
        found = re.search(r"<title[^>]*>([^<]{1,200})", beginning, re.IGNORECASE)
        title = " ".join(found[1].split()) if found else ""
        return "a web page" + (f', titled "{title}",' if title else "") + " of a server on the way"

    @property
    def from_maton(self) -> bool:
        """Whether Maton itself answered: none of the error forms in its SDK has `result` or `ok`."""
        body = self.json
        if not isinstance(body, dict) or "result" in body or "ok" in body:
            return False
        return isinstance(body.get("error"), dict) or "detail" in body or isinstance(body.get("message"), str)

    @property
    def retry_after(self) -> float | None:
        """The seconds in the `Retry-After` header; Maton and WATI do not use its date form."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if 0 <= seconds < 1e9 else None
