"""From an endpoint and its arguments to one HTTP request: pure functions, independent of httpx."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from wati.contract.failures import Failure
from wati.contract.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wati.contract.call import Call, Part

# httpx rejects an address of more than 65,536 characters; WATI's own limit is not documented.
LONGEST_TARGET = 65_000

_MEMBER = re.compile(r"\{(\w+)\}")


@record
class Request:
    """What is sent, apart from host, key and connection: with `form`, `json`, `parts` or none of them."""

    method: str
    target: str  # the percent-encoded path and query
    query: dict[str, str] | None = None  # the same query in plain text, for people
    form: dict[str, str] | None = None
    json: Any = None
    parts: Sequence[Part] = ()
    headers: Mapping[str, str | None] = {}  # in place of the gateway's own; None = the request has none

    def body(self) -> tuple[bytes | None, str]:
        """The encoded body and its content type. httpx encodes `parts` itself."""
        if self.form is not None:
            return urlencode(self.form, quote_via=quote).encode("ascii"), "application/x-www-form-urlencoded"
        if self.json is not None:
            return json.dumps(self.json, ensure_ascii=False, allow_nan=False).encode(), "application/json"
        return None, ""

    def preview(self) -> dict[str, Any]:
        """The request as `--dry-run` and `--verbose` show it."""
        members = {
            "query": self.query or None,
            "form": self.form,
            "json": self.json,
            "parts": [part.preview() for part in self.parts] or None,
        }
        return {name: value for name, value in members.items() if value is not None}


def build(call: Call) -> Request:
    """Put every argument where the endpoint's declaration says."""
    endpoint = call.endpoint
    values = {**endpoint.defaults, **call.arguments}

    def chosen(names: tuple[str, ...]) -> dict[str, Any]:
        return {name: values[name] for name in names if name in values}

    path = _MEMBER.sub(lambda match: quote(str(values[match[1]]), safe=""), endpoint.path)
    query = {name: _text(value) for name, value in chosen(endpoint.query).items()}
    encoded = urlencode(query, quote_via=quote, safe="")
    target = f"{path}?{encoded}" if encoded else path
    if len(target) > LONGEST_TARGET:
        problem = f"take {len(target):,} characters of an address; at most {LONGEST_TARGET:,} can be sent"
        problems = [{"at": "$", "problem": problem}]
        raise Failure("invalid_arguments", "The arguments are too long.", problems=problems)
    return Request(
        endpoint.method,
        target,
        query=query,
        form=None if endpoint.form is None else {name: _text(v) for name, v in chosen(endpoint.form).items()},
        json=None if endpoint.json is None else chosen(endpoint.json),
        parts=call.parts,
    )


def _text(value: Any) -> str:
    """A value in a query or form: text unchanged, anything else as JSON (WATI reads `attribute` so)."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
