"""getContacts, addContact, updateContactAttributes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from . import bodies, deliveries, paging, people
from .context import Context
from .wire import Answer, Problems, checking, problem, reject, reply

Contact = dict[str, Any]
Test = Callable[[Contact], bool]
DAY = 86400.0


def get_contacts(ctx: Context) -> Answer:
    page = paging.asked(ctx)
    where, values = _conditions(ctx)
    tests = _attribute_tests(ctx.call.query.get("attribute", ""))
    # The index finds the page; only the contacts on it are read.
    chosen = f"SELECT id FROM contacts WHERE {where} ORDER BY last_updated DESC, id"
    if tests:
        kept = [one for one in _read(ctx, chosen, values) if all(test(one) for test in tests)]
        total, found = len(kept), kept[page.offset : page.end]
    else:
        total = ctx.tx.count(f"SELECT COUNT(*) FROM contacts WHERE {where}", *values)
        found = _read(ctx, f"{chosen} LIMIT ? OFFSET ?", [*values, page.size, page.offset])
    said = ctx.changing["total"]["count"] if "total" in ctx.changing else total
    link = paging.link(ctx, page, said, more=page.end < total)
    return reply({"result": "success", "contact_list": found, "link": link})


def _read(ctx: Context, chosen: str, values: list[Any]) -> list[Contact]:
    sql = f"SELECT doc FROM contacts WHERE id IN ({chosen}) ORDER BY last_updated DESC, id"
    return [json.loads(row["doc"]) for row in ctx.tx.rows(sql, *values)]


def _conditions(ctx: Context) -> tuple[str, list[Any]]:
    """What SQL can test: account, name and day of creation."""
    values: list[Any] = [ctx.account]
    where = "account = ?"
    if name := ctx.call.query.get("name", "").strip():
        where, values = f"{where} AND instr(folded, ?) > 0", [*values, name.casefold()]
    if created := ctx.call.query.get("createddate", "").strip():
        start = _day(created)
        where, values = f"{where} AND created >= ? AND created < ?", [*values, start, start + DAY]
    return where, values


def _day(text: str) -> float:
    """Start of the day, in either documented form; epoch seconds."""
    forms = {r"\d{4}-\d\d-\d\d": "%Y-%m-%d", r"\d\d-\d\d-\d{4}": "%m-%d-%Y"}
    form = next((form for pattern, form in forms.items() if re.fullmatch(pattern, text, re.ASCII)), "")
    try:
        return datetime.strptime(text, form).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        problem("createdDate", f"The value '{text}' is not a date.")


def _attribute_tests(text: str) -> list[Test]:
    """The filter's entries. All must hold, and comparisons ignore case (both our choice)."""
    if not text.strip():
        return []
    try:
        entries = bodies.parse_json(text.encode("utf-8", "replace"))
    except ValueError:
        problem("attribute", "The attribute filter is not valid JSON.")
    if not isinstance(entries, list):
        problem("attribute", "The attribute filter must be a JSON array.")
    with checking() as problems:
        return [_test(entry, problems) for entry in entries]


def _test(entry: Any, problems: Problems) -> Test:
    if not isinstance(entry, dict):
        problems.add("attribute", "Each entry must be an object.")
        return lambda _: True
    name = problems.text(entry, "name", at="attribute.")
    operator = problems.text(entry, "operator", at="attribute.")
    wanted = problems.text(entry, "value", at="attribute.", needed=operator in _COMPARING).casefold()
    if operator not in _OPERATORS:
        problems.add("attribute.operator", f"Unknown operator '{operator}'.")
    return lambda contact: _OPERATORS[operator](_value(contact, name), wanted, contact)


def _value(contact: Contact, name: str) -> str | None:
    params = contact["customParams"]
    return next((p["value"].casefold() for p in params if p["name"].casefold() == name.casefold()), None)


_COMPARING = ("contain", "notContain", "==", "!=")
_OPERATORS: dict[str, Callable[[str | None, str, Contact], bool]] = {
    "contain": lambda has, wanted, _: wanted in (has or ""),
    "notContain": lambda has, wanted, _: wanted not in (has or ""),
    "==": lambda has, wanted, _: (has or "") == wanted,
    "!=": lambda has, wanted, _: (has or "") != wanted,
    "exist": lambda has, *_: has is not None,
    "notExist": lambda has, *_: has is None,
    "valid": lambda has, _, contact: bool(has) and contact["contactStatus"] == "VALID",
    "invalid": lambda has, _, contact: bool(has) and contact["contactStatus"] != "VALID",
}


def _custom_params(body: dict[str, Any], problems: Problems, *, needed: bool = True) -> people.Params:
    """customParams of a contact: named, with a value that may be empty or null."""
    params = []
    for at, item in problems.objects(body, "customParams", needed=needed):
        name = problems.text(item, "name", at=at)
        params.append({"name": name, "value": problems.text(item, "value", at=at, needed=False)})
    return params


def add(ctx: Context) -> Answer:
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        name = problems.text(body, "name", needed=False)
        params = _custom_params(body, problems, needed=False)
    number = people.number_of(ctx.tx, ctx.account, ctx.target)
    if number is None:
        reject({"result": False, "info": "Invalid WhatsApp number"})
    number = people.known_as(number)
    known = people.find(ctx.tx, ctx.account, number)
    if known is None:
        contact = people.add(ctx.tx, ctx.account, number, name, params)
        _log(ctx, "contact_added", contact, params)
    else:
        contact = _change(ctx, known, params, name)
    return reply({"result": True, "info": "", "contact": contact})


def update(ctx: Context) -> Answer:
    body = bodies.json_object(ctx.call)
    with checking() as problems:
        params = _custom_params(body, problems)
    known = people.find(ctx.tx, ctx.account, ctx.target)
    if known is None:
        reject({"result": False})
    _change(ctx, known, params)
    return reply({"result": True})


def _change(ctx: Context, known: Contact, params: people.Params, name: str = "") -> Contact:
    named = [{"name": "name", "value": name}] if name else []
    called = {"firstName": name.partition(" ")[0], "fullName": name} if name else {}
    merged = people.merged(known["customParams"], [*named, *params])
    contact = people.store(ctx.tx, {**known, **called, "customParams": merged})
    _log(ctx, "contact_updated", contact, params)
    return contact


def _log(ctx: Context, kind: str, contact: Contact, params: people.Params) -> None:
    facts = {"whatsappNumber": contact["wAid"], "name": contact["fullName"], "customParams": params}
    deliveries.record(ctx, kind, facts)
