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


# WATI lists the first four; the others are Meta's.
STATUSES = ("APPROVED", "PENDING", "REJECTED", "DRAFT", "PAUSED", "DISABLED")

# A number for each kind of header; a published template has 2 for an image, the others are our choice.
HEADERS = {"text": 1, "image": 2, "video": 3, "document": 4}
_BUTTONS = {"quick_reply": "quick_reply", "url": "call_to_action", "phone_number": "call_to_action"}
_LANGUAGES = {"en": "English", "es": "Spanish", "pt_BR": "Portuguese (BR)", "de": "German"}


def add(tx: Tx, account: str, seed: dict[str, Any]) -> None:
    """Store a template of a seed as getMessageTemplates lists it. One name can have several languages."""
    name, language, url = seed["elementName"], seed.get("language", "en"), seed.get("buttonUrl")
    buttons = [*seed.get("buttons", []), *([{"type": "url", "text": "Open", "url": url}] if url else [])]
    template = {
        "id": tx.new_id(),
        "elementName": name,
        "category": seed.get("category", "UTILITY"),
        "hsm": None,
        "hsmOriginal": None,
        "customParams": [],
        "status": seed["status"],
        "language": {
            "key": (spoken := _LANGUAGES.get(language, language)),
            "value": language,
            "text": spoken,
        },
        "lastModified": iso(tx.now),
        "type": "template",
        "header": _header(seed),
        "body": seed["body"],
        "bodyOriginal": seed["body"],
        "footer": seed.get("footer"),
        "buttons": list(map(_button, buttons)),
        "buttonsType": next((_BUTTONS[button["type"]] for button in buttons), "none"),
    }
    if "cards" in seed:
        template["cards"] = [
            {
                "header": _header(card),
                "body": card["body"],
                "bodyOriginal": card["body"],
                "buttons": list(map(_button, card.get("buttons", []))),
            }
            for card in seed["cards"]
        ]
    shown = seed.get("listed", names(template))
    template["customParams"] = [{"paramName": each, "paramValue": f"sample {each}"} for each in shown]
    tx.put("templates", account=account, name=name, language=language, doc=dumps(template))


def _header(seed: dict[str, Any]) -> dict[str, Any] | None:
    header = seed.get("header")
    if header is None:
        return None
    kind = {"type": HEADERS[header["type"]], "typeString": header["type"]}
    return {**kind, "text": header.get("text"), "link": header.get("link")}


def _button(seed: dict[str, Any]) -> dict[str, Any]:
    text, url = {"text": seed["text"], "phoneNumber": seed.get("phoneNumber")}, seed.get("url")
    if seed["type"] != "url":
        return {"type": seed["type"], "parameter": text}
    places = _PLACE.findall(url or "")
    link = {
        **{"url": url, "urlOriginal": url, "urlType": "dynamic" if places else "static"},
        "buttonParamMapping": {"index": 1, "paramName": places[0]} if places else None,
    }
    return {"type": "url", "parameter": {**text, **link}}


def listed(tx: Tx, account: str, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    sql = "SELECT doc FROM templates WHERE account = ? ORDER BY seq LIMIT ? OFFSET ?"
    found = tx.rows(sql, account, limit, offset)
    total = tx.count("SELECT COUNT(*) FROM templates WHERE account = ?", account)
    return [json.loads(row["doc"]) for row in found], total


def decide(tx: Tx, account: str, name: str, status: str, language: str = "") -> list[str]:
    """Give a template a status, in one language or in all that it has. Returns in which."""
    if status not in STATUSES:
        raise ValueError(f"{status!r} is no status of a template: {', '.join(STATUSES)}")
    sql = "SELECT seq, language FROM templates WHERE account = ? AND name = ? AND ? IN ('', language)"
    found = tx.rows(sql, account, name, language)
    if not found:
        raise ValueError(
            f"there is no template {name!r}" + (f" in the language {language!r}" if language else "")
        )
    for row in found:
        change = "UPDATE templates SET doc = json_set(doc, '$.status', ?, '$.lastModified', ?) WHERE seq = ?"
        tx.run(change, status, iso(tx.now), row["seq"])
    return [row["language"] for row in found]


def find(tx: Tx, account: str, name: str) -> dict[str, Any] | None:
    """The template of that name: of several languages, the first that is APPROVED."""
    sql = "SELECT doc FROM templates WHERE account = ? AND name = ? ORDER BY seq"
    found: list[dict[str, Any]] = [json.loads(row["doc"]) for row in tx.rows(sql, account, name)]
    approved = (template for template in found if template["status"] == "APPROVED")
    return next(approved, found[0] if found else None)


def button_names(template: dict[str, Any]) -> list[str]:
    """The parameters of the links of buttons, also of those on cards."""
    frames = [template, *template.get("cards", [])]
    mappings = [
        button["parameter"].get("buttonParamMapping") for frame in frames for button in frame["buttons"]
    ]
    return [mapping["paramName"] for mapping in mappings if mapping]


def names(template: dict[str, Any]) -> list[str]:
    """Every parameter that a send needs: those of the headers and texts, then those of the buttons."""
    texts = [
        text
        for frame in (template, *template.get("cards", []))
        for text in (*_texts_of_header(frame), frame["bodyOriginal"])
    ]
    return list(dict.fromkeys([*_PLACE.findall("\n".join(texts)), *button_names(template)]))


def _texts_of_header(frame: dict[str, Any]) -> list[str]:
    header = frame["header"] or {}
    return [text for name in ("text", "link") if (text := header.get(name))]


def header_link(template: dict[str, Any], values: dict[str, str]) -> str | None:
    """The picture or file above the text, as the customer gets it."""
    link = (template["header"] or {}).get("link")
    return None if link is None else filled(link, values)


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
    return filled(template["bodyOriginal"], values)


def filled(text: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), text)
