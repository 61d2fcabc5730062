"""The keyed hashes by which the journal knows a message. Pure."""

from __future__ import annotations

import hmac
import json
from typing import TYPE_CHECKING, NamedTuple

from wati.contract.messages import normalized
from wati.contract.numbers import person
from wati.journal import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from wati.contract.messages import Message

    Digest = Callable[[str], str]


def keyed(salt: bytes) -> Digest:
    """A hash that is useless without the journal's own key."""

    def digest(text: str) -> str:
        same = normalized(text).encode("utf-8", "surrogatepass")
        return hmac.digest(salt, same, "sha256").hex()[:32]

    return digest


def content(place: str, connection: str, kind: str, name: str, parts: Mapping[str, str]) -> str:
    """What is surely the same of two messages that are the same, but for their receiver.

    `parts`: their digests. Those of a template are compared one by one, because some may be missing.
    """
    if kind == "template":
        return json.dumps([place, connection, kind, rules.template_name(name)])
    return json.dumps([place, connection, kind, name, sorted(parts.items())])


class Hashed(NamedTuple):
    """A message as a store keeps it. `parts`: JSON of their digests. `digest`: that of its `content`."""

    position: int
    at: str
    receiver: str
    kind: str
    name: str
    parts: str
    digest: str
    person: str


def hashed(digest: Digest, place: str, connection: str, messages: Iterable[Message]) -> Iterator[Hashed]:
    templates: dict[str, str] = {}  # all messages of one template have the same digest
    for position, message in enumerate(messages):
        kind, name = message.kind, message.name
        parts = {part: digest(text) for part, text in message.parts.items()}
        same = templates.get(name) if kind == "template" else None
        if same is None:
            same = digest(content(place, connection, kind, name, parts))
            if kind == "template":
                templates[name] = same
        who = person(message.receiver)
        yield Hashed(position, message.at, message.receiver, kind, name, json.dumps(parts), same, who)
