#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Find a contact by name, number or attribute, as a person says it; several are given, none is chosen."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati.contract.endpoint import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from wati.calls.context import Context
    from wati.contract.call import Result
    from wati.contract.types import Arguments, Problem
    from wati.reads.inbox import Rows

    Row = dict[str, Any]

LIMIT = 10
# WATI allows 10 of these reads in 10 seconds (documented): with those by its filters they are no more.
PAGES = 8
SEARCHED = ("name", "whatsappNumber", "attribute")
LONGEST, MOST_ATTRIBUTES = 200, 30  # of what is shown


def something_to_find(arguments: Arguments) -> Iterator[Problem]:
    """JSON Schema could say it only in a form that some hosts refuse."""
    from wati.reads.matching import Number

    if not any(name in arguments for name in SEARCHED):
        yield {"at": "$", "problem": f"needs one of {', '.join(SEARCHED)}"}
    number = arguments.get("whatsappNumber")
    if isinstance(number, str) and (problem := Number(number).problem):
        yield {"at": "$.whatsappNumber", "problem": problem}


def perform(context: Context) -> Result:
    """Ask WATI's filters one after the other, then read without any; what finds somebody ends it."""
    from wati.contract.call import Result
    from wati.reads.inbox import MOST_PAGES_OF_CONTACTS

    arguments = context.call.arguments
    hits = Hits(arguments)
    for query in queries(arguments):
        hits.take(context.inbox.contacts(query, MOST_PAGES_OF_CONTACTS))
        if hits.found:
            return Result(told(context, hits))
    pages = arguments.get("pages", PAGES)
    rows = context.inbox.contacts({}, pages)
    hits.take(rows)
    data = told(context, hits)
    if not hits.found:
        data["searched"] = searched(hits.read, whole=rows.whole, pages=pages)
        data |= hits.known_attributes(context)
    return Result(data)


def searched(read: int, *, whole: bool, pages: int) -> str:
    """How far the search went without a filter: what it did not reach may be there."""
    if whole:
        return f"all {read} contacts"
    advice = "more pages (with --timeout) reach further"
    return (
        f"the {read} last changed contacts, not all: {advice}" if pages else f"WATI's filters only: {advice}"
    )


def queries(arguments: Arguments) -> Iterator[dict[str, str]]:
    """What to ask of WATI's filters, the likeliest first. Each only narrows: what comes is compared anew."""
    import json

    from wati.reads.matching import Number

    def attribute(name: str, value: str) -> dict[str, str]:
        # How WATI combines conditions is not documented, so that there is never more than one.
        return {"attribute": json.dumps([{"name": name, "operator": "contain", "value": value}])}

    if "whatsappNumber" in arguments:
        number = Number(arguments["whatsappNumber"])
        if not number.contact_id:
            yield attribute("phone", number.suffix)
    elif "name" in arguments:
        # A substring match (reported): the words in this order, then the longest of them.
        name = " ".join(arguments["name"].split())
        yield {"name": name}
        longest = max(name.replace(",", " ").split() or [name], key=len)
        if longest != name:
            yield {"name": longest}
    else:
        yield attribute(**arguments["attribute"])


class Hits:
    """The contacts that match, by rank, each once. `more`: whether the reading stopped before the end.

    `stopped`: the code of the failure that it stopped at.
    """

    def __init__(self, arguments: Arguments) -> None:
        self.limit: int = arguments.get("limit", LIMIT)
        self.found: dict[str, tuple[int, Row]] = {}
        self.read = 0
        self.more = False
        self.stopped = ""
        self._tests = list(tests(arguments))
        self._by_number = "whatsappNumber" in arguments
        self._attribute: str = arguments.get("attribute", {}).get("name", "")
        self._attributes: dict[str, None] = {}

    def take(self, rows: Rows) -> None:
        """Read until enough are found. Raises Failure where a read failed and nobody was found before."""
        from wati.contract.failures import Failure

        try:
            self._take(rows)
        except Failure as failure:
            if not self.found:
                raise
            self.more, self.stopped = True, failure.code

    def _take(self, rows: Rows) -> None:
        self.read = 0
        for row in rows:
            self.read += 1
            if self._attribute and len(self._attributes) < MOST_ATTRIBUTES:
                self._attributes |= dict.fromkeys(name for name, _ in attributes(row))
            rank = self._rank(row)
            if rank is not None:
                self.found.setdefault(str(row.get("id") or row.get("wAid")), (rank, row))
            is_certain = self._by_number and rank == 0
            if is_certain:
                self.found = {"": (0, row)}  # a number is one contact's: what only ends alike is not meant
            # The rest of a page costs nothing, and may hold better ones.
            if is_certain or (len(self.found) > self.limit and not rows.left):
                self.more = not is_certain
                return
        self.more = not rows.whole

    def known_attributes(self, context: Context) -> dict[str, Any]:
        """The attributes that there are, where nobody who was read has the one that is asked for."""
        from wati.output.redaction import redact
        from wati.output.rendering import shorten
        from wati.reads.matching import folded

        names = sorted(self._attributes)[:MOST_ATTRIBUTES]
        if not names or folded(self._attribute) in map(folded, names):
            return {}
        return {
            "known_attributes": [
                shorten(redact(name, context.session.settings.key), LONGEST) for name in names
            ]
        }

    def _rank(self, row: Row) -> int | None:
        """The worst of what is compared; None where something does not match."""
        worst = 0
        for test in self._tests:
            rank = test(row)
            if rank is None:
                return None
            worst = max(worst, rank)
        return worst


def tests(arguments: Arguments) -> Iterator[Callable[[Row], int | None]]:
    from wati.reads import matching

    if "whatsappNumber" in arguments:
        yield matching.Number(arguments["whatsappNumber"]).rank
    if "name" in arguments:
        yield lambda row: best(matching.rank(arguments["name"], name) for name in names_of(row))
    if "attribute" in arguments:
        wanted = arguments["attribute"]
        yield lambda row: best(
            matching.rank(wanted["value"], value)
            for name, value in attributes(row)
            if matching.folded(name) == matching.folded(wanted["name"])
        )


def best(ranks: Iterable[int | None]) -> int | None:
    return min((rank for rank in ranks if rank is not None), default=None)


def names_of(row: Row) -> list[str]:
    """All that a contact is called, the usual one first."""
    members = [row.get(member) for member in ("fullName", "firstName", "displayName")]
    attribute = [value for name, value in attributes(row) if name == "name"]
    return [name for name in members + attribute if isinstance(name, str) and name]


def attributes(row: Row) -> list[tuple[str, str]]:
    params = row.get("customParams")
    pairs = [
        (param.get("name"), param.get("value"))
        for param in (params if isinstance(params, list) else [])
        if isinstance(param, dict)
    ]
    return [(name, value) for name, value in pairs if isinstance(name, str) and isinstance(value, str)]


def told(context: Context, hits: Hits) -> dict[str, Any]:
    """The answer, the best matches first."""
    ranked = sorted(hits.found.values(), key=lambda hit: hit[0])
    data: dict[str, Any] = {
        "contacts": [shown(context, row) for _, row in ranked[: hits.limit]],
        "matches": len(ranked),
    }
    if ranked and (hits.more or len(ranked) > hits.limit):
        data["more"] = True
    if hits.stopped:
        data["stopped"] = hits.stopped
    if "whatsappNumber" in context.call.arguments and ranked and ranked[0][0] > 0:
        data["guess"] = "Only the end of the number is the same; ask the user for its country code."
    return data


def shown(context: Context, row: Row) -> dict[str, Any]:
    """What an agent acts on. `optedIn` is left out: that it is false hinders nothing (reported)."""
    from wati.output.redaction import redact
    from wati.output.rendering import shorten

    def cut(value: Any) -> str:
        # Half a key is a secret, too.
        return shorten(redact(value, context.session.settings.key), LONGEST) if isinstance(value, str) else ""

    number = cut(row.get("wAid")) or cut(row.get("phone"))
    name = cut(next(iter(names_of(row)), ""))
    repeated = {name, number, ""}
    more = {
        cut(param): cut(value)
        for param, value in attributes(row)
        if not (param in ("name", "phone") and cut(value) in repeated)
    }
    contact: dict[str, Any] = {"id": cut(row.get("id")), "whatsappNumber": number, "name": name}
    if more:
        contact["attributes"] = dict(list(more.items())[:MOST_ATTRIBUTES])
    if row.get("contactStatus") not in (None, "", "VALID"):
        contact["status"] = cut(str(row["contactStatus"]))
    hindering = {"allowBroadcast": False, "isDeleted": True}
    return contact | {member: state for member, state in hindering.items() if row.get(member) is state}


HELPER = Helper(
    name="find_contact",
    perform=perform,
    connected=True,
    customer_text=True,
    checks=(something_to_find,),
    keeps=("matches", "more", "searched", "known_attributes", "stopped", "guess"),
)

if __name__ == "__main__":
    from wati.cli.command import main

    main(HELPER)
