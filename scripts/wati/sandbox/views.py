"""The world as a person looks at it: the accounts, the inbox, and a conversation as both sides see it.

It only reads. Texts are as they were written: whoever shows them must not take them for markup.
"""

from __future__ import annotations

import json
import re
from typing import Any

from . import blocks, channels, deliveries, faults, history, people, templates
from .formats import iso
from .store import Tx

View = dict[str, Any]

# The only types that are shown as what they are; every other file is only offered for saving.
SHOWN = {
    **dict.fromkeys(("image/jpeg", "image/png", "image/gif", "image/webp"), "image"),
    **dict.fromkeys(("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr"), "audio"),
    **dict.fromkeys(("video/mp4", "video/3gpp"), "video"),
}
_ROWS = 100
_TEMPLATE = re.compile(r'using "(.*)" template was', re.DOTALL)


def overview(tx: Tx) -> View:
    """What belongs to the whole world. `settles`: when the next message leaves SENT."""
    stopped, settles = bool(tx.get("fixed_now")), deliveries.next_to_settle(tx)
    return {
        "now": iso(tx.now),
        "stopped": stopped,
        "settles": None if stopped or settles is None else iso(settles),
        "limits": tx.get("limits", "on") == "on",
        "accounts": [
            {
                "connection_id": row["connection_id"],
                "status": row["status"],
                "channels": channels.numbers(tx, row["connection_id"]),
            }
            for row in tx.rows("SELECT * FROM connections ORDER BY created, seq")
        ],
        "faults": faults.waiting(tx),
    }


def account(tx: Tx, connection_id: str) -> View:
    """What belongs to one account."""
    found = tx.rows("SELECT doc FROM templates WHERE account = ? ORDER BY seq", connection_id)
    return {"templates": [_template(json.loads(row["doc"])) for row in found]}


def _template(doc: View) -> View:
    return {
        "name": doc["elementName"],
        "language": doc["language"]["value"],
        "status": doc["status"],
        "category": doc["category"],
        "body": doc["bodyOriginal"],
        "parameters": templates.names(doc),
        **_frame(doc, {}),
    }


# --- the inbox --------------------------------------------------------------------------------------------

_INBOX = """
WITH said AS (
  SELECT seq, number, at + floating * :still AS moment, inbound,
    json_extract(doc, '$.text') AS text, json_extract(doc, '$.finalText') AS sent
  FROM messages WHERE account = :line AND json_extract(doc, '$.eventType') <> 'ticket'
), heads AS (
  SELECT number, MAX(moment) AS newest, MAX(CASE WHEN inbound THEN moment END) AS heard,
    MAX(CASE WHEN NOT inbound THEN moment END) AS answered
  FROM said GROUP BY number
)
SELECT c.number, c.doc, h.newest, h.heard, (
    SELECT COUNT(*) FROM said s WHERE s.number = c.number AND s.inbound
      AND s.moment > IFNULL(h.answered, 0)
      AND s.seq > IFNULL((SELECT value FROM meta WHERE key = 'seen ' || :line || ' ' || c.number), 0)
  ) AS unread
FROM contacts c LEFT JOIN heads h ON h.number = c.number
WHERE c.account = :account AND (
  :search = '' OR instr(c.folded, :search) OR instr(c.number, :digits) OR EXISTS (
    SELECT 1 FROM said s WHERE s.number = c.number
      AND (instr(folded(s.text), :search) OR instr(folded(s.sent), :search))))
ORDER BY h.newest IS NULL, h.newest DESC, c.last_updated DESC, c.id
"""


def inbox(tx: Tx, connection_id: str, line: str, search: str = "", limit: int = _ROWS) -> View:
    """Who is in the inbox, the newest message first. Unread is what came since it was opened or answered."""
    tx.db.create_function("folded", 1, lambda text: str(text or "").casefold())
    folded = search.strip().casefold()
    digits = re.sub(r"[\s()+-]", "", folded)
    values = {"still": tx.still, "line": line, "account": connection_id, "search": folded}
    rows = tx.db.execute(_INBOX, {**values, "digits": digits or "?"}).fetchall()
    items = [
        {
            "number": row["number"],
            "name": json.loads(row["doc"])["fullName"],
            "blocked": blocks.has_blocked(tx, connection_id, row["number"]),
            "unread": row["unread"],
            "closes": row["heard"] and iso(row["heard"] + history.WINDOW_SECONDS),
            "last": _last(tx, line, row["number"]) if row["newest"] else None,
        }
        for row in rows[:limit]
    ]
    return {"total": len(rows), "unread": sum(row["unread"] > 0 for row in rows), "items": items}


def _last(tx: Tx, line: str, number: str) -> View | None:
    newest = (row for row in history.rows(tx, line, number, limit=5) if row["eventType"] != "ticket")
    row = next(newest, None)
    return row and {
        "at": row["created"],
        "text": row.get("text") or row.get("finalText") or "",
        "kind": _kind(row),
        "ours": _side(row) == "us",
        "status": row["statusString"],
    }


# --- a conversation ---------------------------------------------------------------------------------------


def conversation(tx: Tx, connection_id: str, line: str, number: str, limit: int = _ROWS) -> View | None:
    """The newest rows of a conversation, the oldest of them first; None without such a contact."""
    contact = people.find(tx, connection_id, number)
    if contact is None:
        return None
    found = history.rows(tx, line, number, limit=limit + 1)
    sent = _sent(tx, line, number, limit)
    ends = history.window_ends(tx, line, number)
    return {
        "number": number,
        "name": contact["fullName"],
        "attributes": contact["customParams"],
        "blocked": blocks.has_blocked(tx, connection_id, number),
        "on_whatsapp": people.on_whatsapp(tx, number),
        "closes": None if ends is None else iso(ends),
        "more": len(found) > limit,
        "rows": [_row(tx, connection_id, row, sent.get(row["id"], {})) for row in reversed(found[:limit])],
    }


def _sent(tx: Tx, line: str, number: str, limit: int) -> dict[str, View]:
    """What the log knows of the messages of ours, by their ids."""
    sql = (
        "SELECT json_extract(m.doc, '$.id') AS id, d.doc AS doc FROM messages m "
        "JOIN deliveries d ON d.seq = m.delivery WHERE m.account = ? AND m.number = ? "
        "ORDER BY m.seq DESC LIMIT ?"
    )
    return {row["id"]: json.loads(row["doc"]) for row in tx.rows(sql, line, number, limit + 1)}


def _side(row: View) -> str:
    if row["eventType"] == "ticket":
        return "note"
    return "customer" if row["eventType"] == "message" and not row["owner"] else "us"


def _kind(row: View) -> str:
    return "template" if row["eventType"] == "broadcastMessage" else str(row["type"])


def _row(tx: Tx, connection_id: str, row: View, facts: View) -> View:
    side = _side(row)
    shown = {"id": row["id"], "at": row["created"], "side": side}
    if side == "note":
        return {**shown, "text": row["eventDescription"] or ""}
    shown |= {
        "kind": _kind(row),
        "by": (row.get("operatorName") or "").strip() if side == "us" else "",
        "text": row.get("text") or row.get("finalText") or "",
        "quotes": (row.get("replySourceMessage") or {}).get("text"),
        "media": _media(tx, connection_id, row, facts),
    }
    if side == "us":
        shown |= {"status": row["statusString"], "reason": row["failedDetail"]}
    if row["eventType"] == "broadcastMessage":
        return shown | _broadcast(tx, connection_id, row, facts)
    return shown | _interactive(facts.get("interactive") or row.get("interactiveData"))


def _media(tx: Tx, connection_id: str, row: View, facts: View) -> View | None:
    name = row.get("data")
    if not isinstance(name, str) or not name:
        return None
    sql = "SELECT content_type, LENGTH(content) AS size FROM media WHERE account = ? AND file_name = ?"
    kept = tx.row(sql, connection_id, name)
    label = facts.get("fileName") or name.rpartition("/")[2]
    if kept is None:
        return {"name": name, "label": label, "kind": "missing", "size": 0}
    kind = SHOWN.get(kept["content_type"].partition(";")[0].strip().lower(), "file")
    return {"name": name, "label": label, "kind": kind, "size": kept["size"]}


def _broadcast(tx: Tx, connection_id: str, row: View, facts: View) -> View:
    found = _TEMPLATE.search(row["eventDescription"] or "")
    name = facts.get("template") or (found[1] if found else "")
    template = templates.find(tx, connection_id, name)
    values = {pair["name"]: pair["value"] for pair in facts.get("parameters", [])}
    return {"template": name, **(_frame(template, values) if template else {})}


def _frame(frame: View, values: dict[str, str]) -> View:
    """Header, footer, buttons and cards of a template, with its values filled in."""
    header = frame.get("header") or {}
    kind = header.get("typeString")
    return {
        "header": {
            "kind": kind,
            "text": templates.filled(header.get("text") or "", values),
            "link": templates.filled(header.get("link") or "", values),
        }
        if kind
        else None,
        "footer": frame.get("footer"),
        "buttons": [_button(button, values) for button in frame.get("buttons", [])],
        "cards": [
            {**_frame(card, values), "text": templates.filled(card["bodyOriginal"], values)}
            for card in frame.get("cards", [])
        ],
    }


def _button(button: View, values: dict[str, str]) -> View:
    about = button["parameter"]
    leads = templates.filled(about.get("url") or about.get("phoneNumber") or "", values)
    return {"title": about["text"], "leads": leads, "tap": button["type"] == "quick_reply"}


def _interactive(data: View | None) -> View:
    """Header, footer, and buttons or list of a message that has them."""
    if not isinstance(data, dict):
        return {}
    header = data.get("header")
    if isinstance(header, str):
        header = {"kind": "text", "text": header, "link": ""}
    elif isinstance(header, dict):
        link = (header.get("media") or {}).get("url") or ""
        header = {"kind": str(header.get("type")).lower(), "text": header.get("text") or "", "link": link}
    shown = {"header": header, "footer": data.get("footer")}
    if "buttonText" in data:
        plain = [{"title": "", "rows": [{"title": title, "description": ""} for title in data["rows"]]}]
        return {**shown, "list": {"button": data["buttonText"], "sections": data.get("sections") or plain}}
    buttons = [{"title": title, "leads": "", "tap": True} for title in data.get("buttons", [])]
    return {**shown, "buttons": buttons}


def titles(tx: Tx, connection_id: str, line: str, number: str) -> list[str]:
    """What a customer can tap in the messages that did not fail, the newest first."""
    seen = conversation(tx, connection_id, line, number) or {"rows": []}
    found = []
    for row in reversed(seen["rows"]):
        if row["side"] == "us" and row["status"] != "FAILED":
            frames = [row, *row.get("cards", [])]
            buttons = (each for frame in frames for each in frame.get("buttons", []))
            found += [each["title"] for each in buttons if each["tap"]]
            sections = row.get("list", {}).get("sections", [])
            found += [each["title"] for section in sections for each in section["rows"]]
    return list(dict.fromkeys(found))


def messages(tx: Tx, after: int = 0) -> list[View]:
    """What either side wrote since the message with this number, in all accounts."""
    sql = (
        "SELECT seq, account, number FROM messages "
        "WHERE seq > ? AND json_extract(doc, '$.eventType') <> 'ticket' ORDER BY seq"
    )
    found = []
    for row in tx.rows(sql, after):
        (doc,) = history.rows(tx, row["account"], row["number"], only=row["seq"])
        connection_id = row["account"].partition(" ")[0]
        contact = people.find(tx, connection_id, row["number"]) or {"fullName": f"+{row['number']}"}
        about = {"seq": row["seq"], "connection_id": connection_id, "number": row["number"]}
        found.append({**about, "name": contact["fullName"], **_row(tx, connection_id, doc, {})})
    return found


# --- the log ----------------------------------------------------------------------------------------------


def requests(tx: Tx, after: int = 0, limit: int = -1) -> list[View]:
    """The requests with a higher number than `after`, the last ones of them, each with its effects."""
    sql = "SELECT * FROM (SELECT * FROM requests WHERE seq > ? ORDER BY seq DESC LIMIT ?) ORDER BY seq"
    found = tx.rows(sql, after, limit)
    effects: dict[int, list[View]] = {}
    if found:
        for effect in deliveries.log(tx, request=found[0]["seq"]):
            effects.setdefault(effect["request"], []).append(effect)
    return [
        {
            "seq": row["seq"],
            **json.loads(row["doc"]),
            "status": row["status"],
            "fault": row["fault"],
            "effects": effects.get(row["seq"], []),
        }
        for row in found
    ]
