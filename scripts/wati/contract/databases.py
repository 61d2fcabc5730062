"""The address of a PostgreSQL database, as a setting names it. It may hold a password. Pure."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

SCHEMES = ("postgresql", "postgres")
_FORM = "postgresql://user@host/database"
# A name, a number, an IPv6 address in brackets, the folder of a socket; "" = the usual one.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:@]*)(?::([0-9]{0,5}))?")
_ESCAPE = "in a user or a password, write / as %2F, @ as %40, : as %3A, # as %23, ? as %3F and % as %25"


def is_address(text: str) -> bool:
    """Whether a text is meant as an address; if not, it is a path."""
    return "://" in text


def misread(address: str) -> str:
    """Why a text is not the address of a database; "" if it may be. Shows nothing of it but its scheme."""
    scheme, _, rest = address.partition("://")
    if scheme.lower() not in SCHEMES:
        return f"begins with {scheme!r}; it is a path, or {_FORM}"
    if not rest:
        return f"names no database: {_FORM}"
    if re.search(r"[\s#]", rest):
        return f"has a # or a space in it; {_ESCAPE}"
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    names, _, hosts = authority.rpartition("@")
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    path = rest[len(authority) :].partition("?")[0]
    if "@" in names or "@" in path or not all(found):
        return f"has no host and port that can be read; {_ESCAPE}"
    if any(each[2] and not 0 < int(each[2]) < 65536 for each in found if each):
        return "has a port that is not between 1 and 65535"
    return ""


def secrets_of(address: str) -> set[str]:
    """What must not be shown of an address, in every form that a program may give it."""
    rest = address.partition("://")[2]
    names = rest.rpartition("@")[0]
    password = names.partition(":")[2]
    options = parse_qsl(rest.partition("?")[2])
    given = [password, *(text for name, text in options if "password" in name.lower())]
    return {address, *(form for text in given if text for form in (text, unquote(text)))}
