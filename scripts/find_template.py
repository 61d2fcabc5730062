#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Find templates by name, text, parameters, status, language or category, and say what each asks for."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.types import Arguments

    Row = dict[str, Any]

LIMIT = 10
LONGEST_TEXT = 300
APPROVED = "APPROVED"
NEAR_NAMES = (
    "No template that fits has this name. These have one that is nearly the same: ask the user whether it is "
    "one of them."
)


def perform(context: "Context") -> "Result":
    """Read all templates, and show the best of those that fit."""
    from wati.contract.call import Result
    from wati.reads import connections
    from wati.reads.matching import NEAR

    arguments = context.call.arguments
    rows = context.inbox.templates()
    read, fitting = 0, []
    for row in rows:
        read += 1
        rank = rank_of(row, arguments)
        if rank is not None:
            fitting.append((rank, row.get("status") != APPROVED, read, row))
    fitting.sort(key=lambda one: one[:3])
    # Names that are only nearly the wanted one say nothing if there is the wanted one.
    found = [one for one in fitting if one[0] < NEAR] or fitting
    limit = arguments.get("limit", LIMIT)
    shown = [summary(context, row) for *_, row in found[:limit]]
    data: dict[str, Any] = {"templates": shown, "matches": len(found), "read": read}
    if len(found) > limit:
        data["more"] = True
    if not rows.whole:
        data["not_all_read"] = True
    if found and found[0][0] >= NEAR:
        data["guess"] = NEAR_NAMES
    context.remarks += connections.several(context.inbox)
    return Result(data)


def rank_of(row: "Row", arguments: "Arguments") -> "float | None":
    """How well a template fits, 0 = best; None if something does not fit."""
    from wati.reads import matching, places
    from wati.reads.templates import Template

    template = Template(row)
    if not all(
        is_same(arguments[name], text_of(row, name)) for name in ("status", "category") if name in arguments
    ):
        return None
    if "language" in arguments and not is_language(arguments["language"], template.language):
        return None
    asked = {matching.folded(name) for way in template.ways for name in (*way.names, *way.some)}
    if not {matching.folded(name) for name in arguments.get("parameters", [])} <= asked:
        return None
    ranks: list[float | None] = [0]
    if "name" in arguments:
        name = text_of(row, "elementName")
        rank = matching.rank(arguments["name"], name)
        ranks.append(matching.near(arguments["name"], name) if rank is None else rank)
    if "text" in arguments:
        texts = (text.text for text in template.texts)
        ranks.append(rank_in_text(arguments["text"], [*texts, *labels(places.buttons(row))]))
    known = [rank for rank in ranks if rank is not None]
    return max(known) if len(known) == len(ranks) else None


def rank_in_text(wanted: str, texts: "Iterable[str]") -> "float | None":
    """Whole words before parts of words; how many other words there are says nothing."""
    from wati.reads import matching

    rank = matching.rank(wanted, " ".join(texts))
    return None if rank is None else max(rank, matching.WORDS)


def labels(buttons: "Iterable[Any]") -> list[str]:
    texts = (button.get("text") for button in buttons if isinstance(button, dict))
    return [text for text in texts if isinstance(text, str)]


def text_of(row: "Row", member: str) -> str:
    value = row.get(member)
    return value if isinstance(value, str) else ""


def is_same(wanted: str, text: str) -> bool:
    return wanted.strip().casefold() == text.strip().casefold()


def is_language(wanted: str, code: str) -> bool:
    wanted, code = (text.strip().replace("-", "_").casefold() for text in (wanted, code))
    return code == wanted or code.startswith(f"{wanted}_")


def summary(context: "Context", row: "Row") -> "dict[str, Any]":
    """What is needed to choose a template, and to send it."""
    from wati.output.redaction import excerpt
    from wati.reads.templates import Template

    def short(text: "Any") -> "Any":
        return excerpt(text, context.session.settings.key, LONGEST_TEXT) if isinstance(text, str) else text

    template = Template(row)
    visible = template.preview({})
    cards = visible.pop("cards", [])
    facts = {
        "name": text_of(row, "elementName"),
        "status": text_of(row, "status"),
        "category": text_of(row, "category"),
        "language": template.language,
        "asks": template.asks,
        **visible,
        "cards": len(cards) or "",
    }
    return {name: short(value) for name, value in facts.items() if value}


HELPER = Helper(
    name="find_template",
    perform=perform,
    narrows=(
        *("name", "text", "parameters", "status", "language", "category", "limit"),
        "channelPhoneNumber",
    ),
    keeps=("matches", "read", "more", "not_all_read", "guess"),
)

if __name__ == "__main__":
    main(HELPER)
