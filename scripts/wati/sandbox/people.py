"""Contacts as WATI stores them, and whom a number, contact id or user id means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from email.utils import format_datetime
from typing import Any

from .formats import dumps, iso, moment
from .store import Tx

_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_CONTACT_ID = re.compile(r"[0-9a-fA-F]{24}")
_USER_ID = re.compile(r"[A-Z]{2}\.[0-9A-Za-z]{1,128}")

Params = list[dict[str, str]]


def day(at: float) -> str:
    """MMM-DD-YYYY, as in a published capture; not by strftime, which follows the locale."""
    _, day, month, year, *_ = format_datetime(moment(at)).split()
    return f"{month}-{day}-{year}"


def find(tx: Tx, account: str, target: str) -> dict[str, Any] | None:
    """The contact that a number, a contact id or a WhatsApp user id means."""
    column = "number"
    if _CONTACT_ID.fullmatch(target):
        column, target = "id", target.lower()
    elif _USER_ID.fullmatch(target):
        column = "user_id"
    row = tx.row(f"SELECT doc FROM contacts WHERE account = ? AND {column} = ?", account, target)
    return None if row is None else dict(json.loads(row["doc"]))


# The spelling by which WhatsApp knows a number that its owner may spell otherwise: Mexico with a 1 and
# Argentina with a 9;
# Brazil's mobiles with the ninth digit in areas 11 to 28, which had it first (reported).
_KNOWN_AS = (
    (re.compile(r"52([0-9]{10})"), r"521\1"),
    (re.compile(r"54([0-9]{10})"), r"549\1"),
    (re.compile(r"55(1[1-9]|2[1-8])([6-9][0-9]{7})"), r"55\g<1>9\2"),
    (re.compile(r"55([3-9][0-9])9([6-9][0-9]{7})"), r"55\1\2"),
)


def known_as(number: str) -> str:
    """A number as WhatsApp spells it."""
    for pattern, spelling in _KNOWN_AS:
        if pattern.fullmatch(number):
            return pattern.sub(spelling, number)
    return number


def number_of(tx: Tx, account: str, target: str) -> str | None:
    """The plain number that a target means; None if it is neither a number nor a known id."""
    if _DIGITS.fullmatch(target):
        return target
    contact = find(tx, account, target)
    return None if contact is None else str(contact["wAid"])


def on_whatsapp(tx: Tx, number: str) -> bool:
    return tx.row("SELECT 1 FROM strangers WHERE number = ?", number) is None


def add(
    tx: Tx,
    account: str,
    number: str,
    name: str = "",
    params: Iterable[dict[str, str]] = (),
    *,
    created: float | None = None,
    last_updated: float | None = None,
    user_id: str | None = None,
) -> dict[str, Any]:
    """A new contact. Without a name it is called "+" and its digits, as in a published capture."""
    when = tx.now if created is None else created
    called = name or f"+{number}"
    usual = [{"name": "name", "value": called}, {"name": "phone", "value": number}]
    contact = {
        "id": tx.new_id(),
        "wAid": number,
        "firstName": called.partition(" ")[0],
        "fullName": called,
        "phone": number,
        "source": None,
        "contactStatus": "VALID" if on_whatsapp(tx, number) else "INVALID",
        "photo": None,
        "created": day(when),
        "customParams": merged(usual, params),
        **{"optedIn": False, "isDeleted": False, "allowBroadcast": True, "allowSMS": True, "teamIds": []},
        **{"isInFlow": False, "lastFlowId": None, "currentFlowNodeId": None, "selectedHubspotId": None},
    }
    row = {"id": contact["id"], "account": account, "number": number, "user_id": user_id, "created": when}
    tx.put("contacts", **row, folded="", last_updated=0, doc="")  # the last three are set by `store`
    return store(tx, contact, at=when if last_updated is None else last_updated)


def store(tx: Tx, contact: dict[str, Any], at: float | None = None) -> dict[str, Any]:
    """Keep a contact as changed now (or `at`). Returns it as stored."""
    when = tx.now if at is None else at
    contact = {**contact, "lastUpdated": iso(when)}
    sql = "UPDATE contacts SET folded = ?, last_updated = ?, doc = ? WHERE id = ?"
    tx.run(sql, contact["fullName"].casefold(), when, dumps(contact), contact["id"])
    return contact


def merged(old: Params, new: Iterable[dict[str, str]]) -> Params:
    """Attributes with `new` set over `old`, by name."""
    values = {param["name"]: param["value"] for param in old}
    values.update((param["name"], param["value"]) for param in new)
    return [{"name": name, "value": value} for name, value in values.items()]
