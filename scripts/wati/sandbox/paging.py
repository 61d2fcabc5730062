"""Page numbers in, link blocks out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .context import Context
from .wire import Problems, checking

LARGEST = 100
_LAST = 2**31 - 1  # WATI documents both as int32


@dataclass(frozen=True)
class Page:
    number: int
    size: int

    @property
    def offset(self) -> int:
        return (self.number - 1) * self.size

    @property
    def end(self) -> int:
        return self.number * self.size


def asked(ctx: Context) -> Page:
    """The page that a call asks for; by default the first, of 100 items."""
    with checking() as problems:
        number = _positive(ctx, "pageNumber", 1, problems)
        size = _positive(ctx, "pageSize", LARGEST, problems)
    return Page(number, min(size, LARGEST))


def _positive(ctx: Context, name: str, default: int, problems: Problems) -> int:
    text = ctx.call.query.get(name.lower(), "").strip()
    if not text:
        return default
    if text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= _LAST:
        return int(text)
    problems.add(name, f"The value '{text}' is not valid for {name}.")
    return default


def link(ctx: Context, page: Page, total: int, *, more: bool) -> dict[str, Any]:
    """The link block. Its addresses are WATI's own, as a gateway passes them on."""

    def url(number: int) -> str:
        query = urlencode({"pageSize": page.size, "pageNumber": number})
        return f"https://wati.invalid{ctx.call.path.removeprefix('/wati')}?{query}"

    return {
        "prevPage": url(page.number - 1) if page.number > 1 else None,
        "nextPage": url(page.number + 1) if more else None,
        "pageNumber": page.number,
        "pageSize": page.size,
        "total": total,
    }
