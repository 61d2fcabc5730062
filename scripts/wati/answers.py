"""One HTTP answer, read whole, and what can be said of it before anybody asks what it means."""

from __future__ import annotations

import json
import re
from typing import Any

from wati import strict_json

DEEPEST_ANSWER = 100  # levels; WATI's deepest known answer has six
# An empty list is three bytes of JSON and sixty of memory. A page of 100 contacts with 100 attributes each
# has about 23,000 values.
MOST_VALUES = 250_000

_NO_STRUCTURE = bytes(set(range(256)) - set(b'",[{'))
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+_-]{0,60}/[a-z0-9][a-z0-9.+_-]{0,99}")


class Answer:
    """One HTTP answer, read whole.

    `json`: the parsed body, None where there is none; `flaw` then says why. `saved`: the body went into the
    sink of the exchange, and `content` is empty. `ambiguous`: the body says one thing twice, in two ways.
    """

    def __init__(self, status: int, headers: Any, content: bytes, *, saved: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.saved = saved
        self.json: Any = None
        self.flaw = ""
        self.ambiguous = False
        if not saved:
            self._parse()

    def _parse(self) -> None:
        if not self.content.strip():
            self.flaw = "The answer has no body."
            return
        if _values(self.content) > MOST_VALUES:
            self.flaw = f"The answer holds more than {MOST_VALUES:,} values."
            return
        try:
            parsed = strict_json.loads(self.content)
        except strict_json.Ambiguous:
            self.flaw = "The answer says something twice: a member stands twice in one object."
            self.ambiguous = True
            return
        except (ValueError, RecursionError):
            self.flaw = f"The answer is not JSON ({self.media_type or 'no content type'})."
            return
        if _depth_exceeds(parsed, DEEPEST_ANSWER):
            self.flaw = f"The answer is nested more than {DEEPEST_ANSWER} levels deep."
            return
        self.json = parsed

    @property
    def media_type(self) -> str:
        """The content type without its parameters; "" where the header holds none."""
        named = str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()
        return named if _MEDIA_TYPE.fullmatch(named) else ""

    @property
    def date(self) -> float | None:
        """The far side's time, in epoch seconds, as the `Date` header tells it to the second."""
        from email.utils import parsedate_to_datetime

        try:
            return parsedate_to_datetime(self.headers.get("date", "")).timestamp()
        except (TypeError, ValueError, OverflowError, OSError):  # the last one is Windows's word for year 1
            return None

    @property
    def text(self) -> str:
        """The beginning of a body that is not JSON, for people; the output cuts it once it is redacted."""
        return (
            "" if self.json is not None else " ".join(self.content[:65536].decode("utf-8", "replace").split())
        )

    @property
    def from_maton(self) -> bool:
        """Whether Maton itself speaks: none of the envelopes that its SDK lists has `result` or `ok`."""
        body = self.json
        if not isinstance(body, dict) or "result" in body or "ok" in body:
            return False
        return isinstance(body.get("error"), dict) or "detail" in body or isinstance(body.get("message"), str)

    @property
    def retry_after(self) -> float | None:
        """Seconds of a `Retry-After` header; its date form is not in use at Maton or WATI."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return seconds if 0 <= seconds < 1e9 else None


def _values(content: bytes) -> int:
    """How many values a JSON text holds, at most; what stands inside its strings does not count."""
    if json.detect_encoding(content) not in ("utf-8", "utf-8-sig"):
        content = content.decode(json.detect_encoding(content), "replace").encode("utf-8", "replace")
    unescaped = content.replace(rb"\\", b"").replace(rb"\"", b"")
    return len(b"".join(unescaped.translate(None, _NO_STRUCTURE).split(b'"')[::2]))


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
