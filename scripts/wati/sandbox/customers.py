"""What customers do: write, tap a button, send a file, read what they got, block the account.

A ValueError says what a customer cannot do.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
from pathlib import PurePosixPath
from typing import Any

from . import blocks, channels, habits, history, media, people, views
from .store import Tx


def write(
    tx: Tx,
    account: str,
    number: str,
    *,
    channel: str = "",
    text: str = "",
    tap: str = "",
    file: dict[str, str] | None = None,
    name: str = "",
) -> dict[str, Any]:
    """Add a customer's message: a text, the title of a button or row that was tapped, or a file.

    `text` beside a file is its caption. Who is unknown becomes a contact, called `name`. Returns the row.
    """
    if bool(tap) + bool(text or file) != 1:
        raise ValueError("give a text, a tap or a file, which may have a text")
    line, number = _line(tx, account, channel), _customer(tx, account, number)
    if not people.on_whatsapp(tx, number):
        raise ValueError(f"{number} is not on WhatsApp")
    if blocks.has_blocked(tx, account, number):
        raise ValueError(f"{number} has blocked the account; unblock it first")
    titles = views.titles(tx, account, line, number) if tap else []
    if tap and tap not in titles:
        offered = ", ".join(map(repr, titles)) or "none"
        raise ValueError(f"no message has a button or a row {tap!r}; those that can be tapped: {offered}")
    if people.find(tx, account, number) is None:
        people.add(tx, account, number, name)
    shown = _file(tx, account, file) if file else {"type": "text"}
    return history.append(tx, line, number, "message", {"owner": False, **shown, "text": text or tap})


def read(tx: Tx, account: str, number: str, channel: str = "") -> int:
    """Let a customer read what arrived. Returns how many messages that were."""
    line, number = _line(tx, account, channel), _known(tx, account, number)
    sent = "SELECT delivery FROM messages WHERE account = ? AND number = ?"
    where = f"final = 'DELIVERED' AND seq IN ({sent})"
    seeded = (
        "account = ? AND number = ? AND delivery IS NULL AND NOT inbound "
        "AND json_extract(doc, '$.statusString') IN ('SENT', 'DELIVERED')"
    )
    count = tx.count(f"SELECT COUNT(*) FROM deliveries WHERE {where}", line, number)
    count += tx.count(f"SELECT COUNT(*) FROM messages WHERE {seeded}", line, number)
    status = f"UPDATE deliveries SET final = 'READ', settles = MIN(settles, ?) WHERE {where}"
    tx.run(status, tx.now, line, number)
    tx.run(f"UPDATE messages SET doc = json_set(doc, '$.statusString', 'READ') WHERE {seeded}", line, number)
    return count


def act(tx: Tx) -> None:
    """Let customers do what their habits have brought about by now."""
    for due in habits.due(tx):
        status = "READ" if due["text"] is None else "REPLIED"
        change = (
            "UPDATE deliveries SET final = ?, settles = MIN(settles, ?) WHERE seq = ? AND final != 'FAILED'"
        )
        tx.run(change, status, due["at"], due["delivery"])
        if due["text"] is not None:
            said = {"owner": False, "text": due["text"]}
            history.append(tx, due["line"], due["number"], "message", said, at=due["at"])


def see(tx: Tx, account: str, number: str, channel: str = "") -> None:
    """Note that someone has opened a conversation in the inbox."""
    line, number = _line(tx, account, channel), _known(tx, account, number)
    newest = tx.count("SELECT MAX(seq) FROM messages WHERE account = ? AND number = ?", line, number)
    tx.set(f"seen {line} {number}", str(newest))


def block(tx: Tx, account: str, number: str, blocked: bool) -> None:
    blocks.put(tx, account, _known(tx, account, number), blocked)


def _customer(tx: Tx, account: str, target: str) -> str:
    """The number of a contact, or that of a new one as WhatsApp spells it."""
    number = people.number_of(tx, account, target)
    if number is None:
        raise ValueError(f"{target!r} is not a number: give 7 to 15 digits, with the country code")
    return number if people.find(tx, account, number) else people.known_as(number)


def _known(tx: Tx, account: str, target: str) -> str:
    contact = people.find(tx, account, target)
    if contact is None:
        raise ValueError(f"there is no contact {target!r}")
    return str(contact["wAid"])


def _line(tx: Tx, account: str, channel: str) -> str:
    if tx.row("SELECT 1 FROM connections WHERE connection_id = ?", account) is None:
        raise ValueError(f"there is no connection {account!r}")
    numbers = channels.numbers(tx, account)
    if channel and channel not in numbers:
        raise ValueError(f"the account has no number {channel!r}; it has {', '.join(numbers) or 'one'}")
    return channels.line(tx, account, channel)


def _file(tx: Tx, account: str, file: dict[str, str]) -> dict[str, str]:
    """Keep a file as WATI does. Returns the members of its row."""
    if not all(isinstance(value, str) for value in file.values()) or not file.get("base64"):
        raise ValueError("a file is an object with fileName, contentType and base64, all texts")
    name = file.get("fileName", "")
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    content_type = file.get("contentType") or guessed
    try:
        content = base64.b64decode(file.get("base64", ""), validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64 of {name!r}: {error}") from None
    if not content:
        raise ValueError(f"the file {name!r} is empty")
    kind = media.kind_of(content_type)
    folder, largest = media.KINDS[kind]
    if len(content) > largest:
        raise ValueError(f"the file {name!r} is larger than WhatsApp lets people send: {largest} bytes")
    stored = f"data/{folder}/{tx.new_uuid()}{PurePosixPath(name).suffix[:10]}"
    tx.put("media", account=account, file_name=stored, content_type=content_type, content=content)
    return {"type": kind, "data": stored}
