#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Find contacts by name, number or attribute, written as people write them. Lists all that match."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
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
# WATI allows 10 of these reads in 10 seconds (documented). Up to two more go to its filters.
PAGES = 8
SEARCH_ARGUMENTS = ("name", "whatsappNumber", "attribute")
GUESSES = {  # by the rank of the best match of a number
    1: "The contact has another spelling of this number, under which WhatsApp knows the same person. Ask the "
    "user, and use the contact's spelling.",
    2: "Only the end of the number is the same: ask the user for the country code.",
}
NEAR_NAMES = (
    "No contact that was read has this name. These have one that is nearly the same: show them to the user, "
    "and ask whether it is one of them."
)
LONGEST_TEXT, MOST_ATTRIBUTES = 200, 30  # of what is shown


def check_search(arguments: "Arguments") -> "Iterator[Problem]":
    """JSON Schema can say this only in a form that some hosts reject."""
    from wati.reads.matching import Number

    if not any(name in arguments for name in SEARCH_ARGUMENTS):
        yield {"at": "$", "problem": f"needs one of {', '.join(SEARCH_ARGUMENTS)}"}
    number = arguments.get("whatsappNumber")
    problem = Number(number).problem if isinstance(number, str) else ""
    if problem:
        yield {"at": "$.whatsappNumber", "problem": problem}


def perform(context: "Context") -> "Result":
    """Ask WATI's filters one after the other, then read without one. The first matches end the search."""
    from wati.contract.call import Result
    from wati.reads.inbox import MOST_PAGES_OF_CONTACTS

    arguments = context.call.arguments
    hits = Hits(arguments)
    for query in queries(arguments):
        hits.search(context.inbox.contacts(query, MOST_PAGES_OF_CONTACTS))
        if hits.found:
            return Result(answer(context, hits))
    pages = arguments.get("pages", PAGES)
    rows = context.inbox.contacts({}, pages)
    hits.search(rows)
    is_found = bool(hits.found)
    if not is_found:
        hits.found = hits.near
    data = answer(context, hits)
    if not is_found:
        data["searched"] = searched(hits.compared, whole=rows.whole, pages=pages)
        data |= hits.known_attributes(context)
    return Result(data)


def searched(compared: int, *, whole: bool, pages: int) -> str:
    """How far the search without a filter went. The contact may be further back."""
    if whole:
        return f"all {compared} contacts"
    part = f"the {compared} last changed contacts, not all" if pages else "WATI's filters only"
    return f"{part}: to search further, give more pages (with --timeout)"


def queries(arguments: "Arguments") -> "Iterator[dict[str, str]]":
    """What to ask WATI's filters, the likeliest first. Each only narrows the list: every row is compared."""
    import json

    from wati.reads.matching import Number

    def attribute(name: str, value: str) -> dict[str, str]:
        # How WATI combines conditions is not documented, so there is never more than one.
        return {"attribute": json.dumps([{"name": name, "operator": "contain", "value": value}])}

    if "whatsappNumber" in arguments:
        number = Number(arguments["whatsappNumber"])
        if not number.contact_id:
            for end in number.ends:
                yield attribute("phone", end)
    elif "name" in arguments:
        # The filter matches substrings (reported): first the words in this order, then the longest of them.
        name = " ".join(arguments["name"].split())
        yield {"name": name}
        longest = max(name.replace(",", " ").split() or [name], key=len)
        if longest != name:
            yield {"name": longest}
    else:
        yield attribute(**arguments["attribute"])


class Hits:
    """The contacts that match, with their ranks, each once.

    `near`: those whose names are only nearly the wanted one. `compared`: how many rows were read. `more`:
    whether reading ended before the list did. `stopped`: the code of the failure that ended it.
    """

    def __init__(self, arguments: "Arguments") -> None:
        self.limit: int = arguments.get("limit", LIMIT)
        self.found: dict[str, tuple[float, Row]] = {}
        self.near: dict[str, tuple[float, Row]] = {}
        self.compared = 0
        self.more = False
        self.stopped = ""
        self._matchers = list(matchers(arguments))
        self._by_number = "whatsappNumber" in arguments
        self._attribute: str = arguments.get("attribute", {}).get("name", "")
        self._attributes: dict[str, None] = {}

    def search(self, rows: "Rows") -> None:
        """Read rows until enough match. Raises Failure if a read fails before anything was found."""
        from wati.contract.failures import Failure

        try:
            self._search(rows)
        except Failure as failure:
            if not self.found:
                raise
            self.more, self.stopped = True, failure.code

    def _search(self, rows: "Rows") -> None:
        from wati.reads.contacts import attributes

        self.compared = 0
        for row in rows:
            self.compared += 1
            if self._attribute and len(self._attributes) < MOST_ATTRIBUTES:
                self._attributes |= dict.fromkeys(name for name, _ in attributes(row))
            rank = self._rank(row)
            if rank is not None:
                self._keep(rank, row)
            is_certain = self._by_number and rank == 0
            if is_certain:
                self.found = {"": (0, row)}  # only one contact has this number; the others just end like it
            # The rest of a page costs nothing, and may have better matches.
            if is_certain or (len(self.found) > self.limit and not rows.left):
                self.more = not is_certain and not rows.is_last
                return
        self.more = not rows.whole

    def _keep(self, rank: float, row: "Row") -> None:
        from wati.reads.matching import NEAR

        name = str(row.get("id") or row.get("wAid"))
        (self.found if rank < NEAR else self.near).setdefault(name, (rank, row))

    def known_attributes(self, context: "Context") -> "dict[str, Any]":
        """The attributes that contacts have, if none of them has the one that was asked for."""
        from wati.output.redaction import excerpt
        from wati.reads.matching import folded

        names = sorted(self._attributes)[:MOST_ATTRIBUTES]
        if not names or folded(self._attribute) in map(folded, names):
            return {}
        key = context.session.settings.key
        return {"known_attributes": [excerpt(name, key, LONGEST_TEXT) for name in names]}

    def _rank(self, row: "Row") -> float | None:
        """The worst rank of all that is compared; None if anything does not match."""
        ranks = [rank for rank in (matcher(row) for matcher in self._matchers) if rank is not None]
        return max(ranks) if len(ranks) == len(self._matchers) else None


def matchers(arguments: "Arguments") -> "Iterator[Callable[[Row], float | None]]":
    from wati.reads import matching
    from wati.reads.contacts import attributes, names_of

    if "whatsappNumber" in arguments:
        yield matching.Number(arguments["whatsappNumber"]).rank
    if "name" in arguments:
        yield lambda row: best(by_name(arguments["name"], name) for name in names_of(row))
    if "attribute" in arguments:
        wanted = arguments["attribute"]
        yield lambda row: best(
            matching.rank(wanted["value"], value)
            for name, value in attributes(row)
            if matching.folded(name) == matching.folded(wanted["name"])
        )


def by_name(wanted: str, name: str) -> "float | None":
    from wati.reads import matching

    rank = matching.rank(wanted, name)
    return matching.near(wanted, name) if rank is None else rank


def best(ranks: "Iterable[float | None]") -> "float | None":
    return min((rank for rank in ranks if rank is not None), default=None)


def answer(context: "Context", hits: Hits) -> "dict[str, Any]":
    """The `data` of the document, with the best matches first."""
    from wati.reads import connections
    from wati.reads.matching import NEAR

    context.remarks += connections.several(context.inbox)
    ranked = sorted(hits.found.values(), key=lambda hit: hit[0])
    contacts = [summary(context, row) for _, row in ranked[: hits.limit]]
    # A count that reading cut short must not read like one.
    count = "at_least" if ranked and hits.more else "matches"
    data: dict[str, Any] = {"contacts": contacts, count: len(ranked)}
    if ranked and (hits.more or len(ranked) > hits.limit):
        data["more"] = True
    if hits.stopped:
        data["stopped"] = hits.stopped
    best_rank = ranked[0][0] if ranked else 0
    if best_rank >= NEAR:
        data["guess"] = NEAR_NAMES
    elif "whatsappNumber" in context.call.arguments and best_rank > 0:
        data["guess"] = GUESSES[int(best_rank)]
    return data


def summary(context: "Context", row: "Row") -> "dict[str, Any]":
    """What an agent needs of a contact. `optedIn` is left out: sends work even if it is false (reported)."""
    from wati.output.redaction import excerpt
    from wati.reads.contacts import attributes, names_of

    def text(value: "Any") -> str:
        return excerpt(value, context.session.settings.key, LONGEST_TEXT) if isinstance(value, str) else ""

    number = text(row.get("wAid")) or text(row.get("phone"))
    name = text(next(iter(names_of(row)), ""))
    repeated = {name, number, ""}
    others = {
        text(param): text(value)
        for param, value in attributes(row)
        if not (param in ("name", "phone") and text(value) in repeated)
    }
    contact: dict[str, Any] = {"id": text(row.get("id")), "whatsappNumber": number, "name": name}
    if others:
        contact["attributes"] = dict(list(others.items())[:MOST_ATTRIBUTES])
    if row.get("contactStatus") not in (None, "", "VALID"):
        contact["status"] = text(str(row["contactStatus"]))
    obstacles = {"allowBroadcast": False, "isDeleted": True}
    return contact | {member: state for member, state in obstacles.items() if row.get(member) is state}


HELPER = Helper(
    name="find_contact",
    perform=perform,
    customer_text=("contacts", "known_attributes"),
    narrows=("name", "whatsappNumber", "attribute", "limit", "pages"),
    checks=(check_search,),
    keeps=("matches", "at_least", "more", "searched", "known_attributes", "stopped", "guess"),
)

if __name__ == "__main__":
    main(HELPER)
