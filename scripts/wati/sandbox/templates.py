"""Message templates: the parameters that a send needs, and the status that it ends with."""

from __future__ import annotations

import json
import re
from typing import Any

from .formats import dumps, iso
from .store import Tx

_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
# Observed in a published capture, for a value with four spaces; newline and tab fail in the same way.
BAD_SPACES = "Custom params can't have 4 consecutive spaces and button url can't have a space"
_BAD_SPACES = re.compile(r" {4}|[\n\r\t]")
WRONG_COUNT = "(#132000) Number of parameters does not match the expected number of params"


def add(tx: Tx, account: str, seed: dict[str, Any]) -> None:
    """Store a template of a seed as getMessageTemplates lists it."""
    name, body, url = seed["elementName"], seed["body"], seed.get("buttonUrl")
    listed = seed.get("listed", list(dict.fromkeys(_PLACE.findall(body))))
    template = {
        "id": tx.new_id(),
        "elementName": name,
        "category": seed.get("category", "UTILITY"),
        "hsm": None,
        "hsmOriginal": None,
        "customParams": [{"paramName": each, "paramValue": f"sample {each}"} for each in listed],
        "status": seed["status"],
        "language": {"key": "English", "value": "en", "text": "English"},
        "lastModified": iso(tx.now),
        "type": "template",
        "header": None,
        "body": body,
        "bodyOriginal": body,
        "footer": None,
        "buttons": [_url_button(url)] if url else [],
        "buttonsType": "call_to_action" if url else "none",
    }
    tx.put("templates", account=account, name=name, doc=dumps(template))


def _url_button(url: str) -> dict[str, Any]:
    names = _PLACE.findall(url)
    parameter = {
        **{"text": "Open", "phoneNumber": None, "url": url, "urlOriginal": url},
        "urlType": "dynamic" if names else "static",
        "buttonParamMapping": {"index": 1, "paramName": names[0]} if names else None,
    }
    return {"type": "url", "parameter": parameter}


def listed(tx: Tx, account: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    sql = "SELECT doc FROM templates WHERE account = ? ORDER BY seq LIMIT ? OFFSET ?"
    found = tx.rows(sql, account, limit, offset)
    total = tx.count("SELECT COUNT(*) FROM templates WHERE account = ?", account)
    return [json.loads(row["doc"]) for row in found], total


def find(tx: Tx, account: str, name: str) -> dict[str, Any] | None:
    row = tx.row("SELECT doc FROM templates WHERE account = ? AND name = ?", account, name)
    return None if row is None else dict(json.loads(row["doc"]))


def button_names(template: dict[str, Any]) -> list[str]:
    mappings = [button["parameter"].get("buttonParamMapping") for button in template["buttons"]]
    return [mapping["paramName"] for mapping in mappings if mapping]


def names(template: dict[str, Any]) -> list[str]:
    """Every parameter that a send needs: those of the body, then those of the buttons."""
    return list(dict.fromkeys(_PLACE.findall(template["bodyOriginal"]) + button_names(template)))


def missing(template: dict[str, Any], values: dict[str, str]) -> list[str]:
    return [name for name in names(template) if not values.get(name, "").strip()]


def final_status(template: dict[str, Any], values: dict[str, str]) -> tuple[str, str | None]:
    """The last status of an accepted send: DELIVERED, or FAILED and the reason."""
    in_links = (values.get(name, "") for name in button_names(template))
    if any(map(_BAD_SPACES.search, values.values())) or any(" " in value for value in in_links):
        return "FAILED", BAD_SPACES
    return ("FAILED", WRONG_COUNT) if missing(template, values) else ("DELIVERED", None)


def render(template: dict[str, Any], values: dict[str, str]) -> str:
    """The text as the customer reads it; a place without a value stays as it is."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template["bodyOriginal"])
