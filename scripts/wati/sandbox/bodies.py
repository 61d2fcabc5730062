"""Request bodies: JSON, urlencoded forms and multipart forms, bound as WATI binds them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Any
from urllib.parse import parse_qsl

from .wire import Call, by_name, problem, reject

# WATI docs list these three and application/*+json for every JSON body.
_JSON_TYPES = ("application/json", "text/json", "application/json-patch+json")


@dataclass(frozen=True)
class Part:
    """One multipart part; `file_name` is None for a plain value."""

    name: str
    file_name: str | None
    content_type: str
    content: bytes


def media_type(call: Call) -> str:
    return (call.header("content-type") or "").partition(";")[0].strip().lower()


def parse_json(content: bytes) -> Any:
    """Raises ValueError for anything that could not be stored and sent back as UTF-8."""
    try:
        value = json.loads(content.decode("utf-8-sig"))
        # A lone surrogate cannot be UTF-8. NaN, and a number too large for a float, cannot be JSON.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def json_object(call: Call) -> dict[str, Any]:
    """The body of an endpoint that takes JSON only."""
    kind = media_type(call)
    if kind not in _JSON_TYPES and not re.fullmatch(r"application/.*\+json", kind):
        form = "https://tools.ietf.org/html/rfc7231#section-6.5.13"
        reject({"type": form, "title": "Unsupported Media Type", "status": 415}, 415)
    if not call.body.strip():
        problem("", "A non-empty request body is required.")
    try:
        value = parse_json(call.body)
    except ValueError:
        problem("$", "The request body is not valid JSON.")
    if not isinstance(value, dict):
        problem("$", "The JSON value could not be converted to an object.")
    return dict(value)


def multipart(call: Call) -> list[Part]:
    """The parts of a multipart body; none if it is not one or has no usable boundary.

    Split by hand, because a mail parser reads line by line and interprets what only looks like mail.
    """
    boundary = _headers(f"Content-Type: {call.header('content-type') or ''}").get_boundary()
    if media_type(call) != "multipart/form-data" or not boundary:
        return []
    _, *pieces = (b"\r\n" + call.body).split(b"\r\n--" + boundary.encode("utf-8", "replace"))
    return [part for piece in pieces if not piece.startswith(b"--") for part in _part(piece)]


def _part(piece: bytes) -> list[Part]:
    head, blank, content = piece.partition(b"\r\n\r\n")
    headers = _headers(head.decode("utf-8", "replace").strip())
    name = headers.get_param("name", header="content-disposition")
    if not blank or not isinstance(name, str):
        return []
    return [Part(name, headers.get_filename(), headers.get_content_type(), content)]


def _headers(text: str) -> Message:
    return HeaderParser().parsestr(text)


def form(call: Call) -> dict[str, str]:
    """The plain values of a form in either encoding, by lower-case name."""
    if media_type(call) == "application/x-www-form-urlencoded":
        return by_name(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    plain = (part for part in multipart(call) if part.file_name is None)
    return by_name((part.name, part.content.decode("utf-8", "replace")) for part in plain)


def bound(call: Call, name: str) -> str:
    """A simple value from where ASP.NET looks for it: form before query; empty if there is none."""
    return form(call).get(name.lower()) or call.query.get(name.lower(), "")


def uploaded(call: Call, name: str) -> Part:
    """The file part called `name`; rejects the call as ASP.NET does if it is missing."""
    if media_type(call) != "multipart/form-data":
        reject({"title": "Unsupported Media Type", "status": 415}, 415)
    for part in multipart(call):
        if part.name.lower() == name.lower() and part.file_name is not None:
            return part
    return problem(name, f"The {name} field is required.")
