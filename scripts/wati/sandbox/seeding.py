"""Adding things to a world: the form of a seed, checked before anything is stored."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from . import channels, habits, history, people, templates
from .formats import epoch
from .store import Tx

MAIN = "sandbox-main"

_TEXT = {"type": "string"}
_NAME = {"type": "string", "minLength": 1}
_NUMBER = {"type": "string", "pattern": "^[1-9][0-9]{6,14}$"}
_AGE = {"type": "number", "minimum": 0}
_FLAG = {"type": "boolean"}


def _list_of(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    item = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": "array", "items": item}


def _things(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return _list_of(required, {**properties, "connection_id": _NAME})


_HEADER = {
    "type": "object",
    "properties": {"type": {"enum": list(templates.HEADERS)}, "text": _NAME, "link": _NAME},
    "required": ["type"],
    "additionalProperties": False,
}
_BUTTONS = _list_of(
    ["type", "text"],
    {
        "type": {"enum": ["quick_reply", "url", "phone_number"]},
        "text": _NAME,
        "url": _NAME,
        "phoneNumber": _NAME,
    },
)
_CARDS = _list_of(["body"], {"body": _NAME, "header": _HEADER, "buttons": _BUTTONS})

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "connections": _things(
            ["connection_id", "status"],
            {"status": {"enum": ["ACTIVE", "PENDING", "FAILED"]}, "method": _NAME, "creation_time": _TEXT},
        ),
        "contacts": _things(
            ["whatsappNumber"],
            {
                **{"whatsappNumber": _NUMBER, "name": _TEXT},
                "customParams": _list_of(["name", "value"], {"name": _NAME, "value": _TEXT}),
                **{"created": _TEXT, "lastUpdated": _TEXT},
                "userId": {"type": "string", "pattern": "^[A-Z]{2}[.][0-9A-Za-z]{1,128}$"},
            },
        ),
        "messages": _things(
            ["whatsappNumber", "text"],
            {
                **{"whatsappNumber": _NUMBER, "text": _TEXT, "owner": _FLAG},
                **{"at": _TEXT, "age": _AGE, "floating": _FLAG, "type": {"type": ["string", "integer"]}},
                **{"data": _TEXT, "operatorName": _TEXT, "statusString": _NAME, "failedDetail": _TEXT},
                "channel": _NUMBER,
                **{"event": {"enum": ["message", "ticket", "broadcastMessage"]}, "template": _NAME},
            },
        ),
        "templates": _things(
            ["elementName", "status", "body"],
            {
                **dict.fromkeys(("elementName", "status", "body", "buttonUrl", "category"), _NAME),
                "listed": {"type": "array", "items": _NAME},
                **{
                    "header": _HEADER,
                    "buttons": _BUTTONS,
                    "cards": _CARDS,
                    "language": _NAME,
                    "footer": _NAME,
                },
            },
        ),
        "operators": _things(["email"], {"email": _NAME, "name": _TEXT}),
        "media": _things(
            ["fileName", "contentType", "base64"], {"fileName": _NAME, "contentType": _NAME, "base64": _TEXT}
        ),
        "channels": _things(["number"], {"number": _NUMBER}),
        "not_on_whatsapp": {"type": "array", "items": _NUMBER},
        "habits": _things(
            ["numbers"],
            {
                "numbers": {"type": "string", "pattern": "^[1-9][0-9]{0,14}([*]|-[1-9][0-9]{0,14})?$"},
                "fails": {"enum": [*habits.CODES]},
                **{"reads": _AGE, "replies": _NAME, "after": _AGE},
            },
        ),
    },
}


def problems(seed: Any) -> list[dict[str, str]]:
    """Everything that is wrong with a seed, and where."""
    from jsonschema import Draft202012Validator  # a slow import that requests can do without

    found = Draft202012Validator(SCHEMA).iter_errors(seed)
    return [{"at": error.json_path, "problem": error.message} for error in found]


def add(tx: Tx, seed: dict[str, Any]) -> dict[str, int]:
    """Store a seed that has no problems. Returns how many of each kind; raises ValueError on a bad value."""
    for number in seed.get("not_on_whatsapp", []):
        tx.put("strangers", number=number)
    for kind, put in _PUT.items():
        for thing in seed.get(kind, []):
            put(tx, thing.get("connection_id", MAIN), thing)
    return {kind: len(things) for kind, things in seed.items()}


def _connection(tx: Tx, connection_id: str, thing: dict[str, Any]) -> None:
    created = _at(thing, "creation_time", tx.now)
    status, method = thing["status"], thing.get("method", "API_KEY")
    row = {"connection_id": connection_id, "status": status, "method": method}
    tx.put("connections", **row, created=created, updated=created)


def _contact(tx: Tx, account: str, thing: dict[str, Any]) -> None:
    created = _at(thing, "created", tx.now)
    who = thing["whatsappNumber"], thing.get("name", ""), thing.get("customParams", [])
    updated = _at(thing, "lastUpdated", created)
    people.add(tx, account, *who, created=created, last_updated=updated, user_id=thing.get("userId"))


def _message(tx: Tx, account: str, thing: dict[str, Any]) -> None:
    number = thing["whatsappNumber"]
    if people.find(tx, account, number) is None:
        people.add(tx, account, number)
    kept = ("type", "data", "operatorName", "failedDetail")
    facts: dict[str, Any] = {key: thing[key] for key in kept if key in thing}
    age = thing.get("age")
    when = _at(thing, "at", tx.now) if age is None else tx.now - age
    event = thing.get("event", "message")
    if event == "message":
        owner = thing.get("owner", False)
        status = thing.get("statusString", "READ" if owner else "SENT")
        facts |= {"text": thing["text"], "owner": owner, "statusString": status}
    elif event == "broadcastMessage":
        label = history.broadcast_label(when, thing.get("template", ""))
        status = thing.get("statusString", "READ")
        facts |= {"finalText": thing["text"], "eventDescription": label, "statusString": status}
    else:
        facts["eventDescription"] = thing["text"]
    line = channels.line(tx, account, thing.get("channel", ""))
    history.append(tx, line, number, event, facts, at=when, age=age if thing.get("floating") else None)


def _operator(tx: Tx, account: str, thing: dict[str, Any]) -> None:
    email = thing["email"].lower()
    tx.put("operators", account=account, email=email, name=thing.get("name", email))


def _media(tx: Tx, account: str, thing: dict[str, Any]) -> None:
    try:
        content = base64.b64decode(thing["base64"], validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64 of {thing['fileName']}: {error}") from None
    name, kind = thing["fileName"], thing["contentType"]
    tx.put("media", account=account, file_name=name, content_type=kind, content=content)


def _at(thing: dict[str, Any], key: str, default: float) -> float:
    return epoch(thing[key]) if key in thing else default


def _channel(tx: Tx, account: str, thing: dict[str, Any]) -> None:
    channels.add(tx, account, thing["number"])


_PUT = {
    "connections": _connection,
    "channels": _channel,
    "contacts": _contact,
    "messages": _message,
    "templates": templates.add,
    "operators": _operator,
    "media": _media,
    "habits": habits.add,
}
