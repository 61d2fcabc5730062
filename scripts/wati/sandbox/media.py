"""sendSessionFile and getMedia."""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from . import bodies
from .bodies import Part
from .context import Context
from .conversations import EXPIRED, open_contact, say
from .wire import Answer, reject, reply

_MEGABYTE = 1024 * 1024
# Type of message -> folder, largest size in bytes. Sizes are Meta's, as other WhatsApp vendors publish them.
KINDS = {
    "image": ("images", 5 * _MEGABYTE),
    "video": ("videos", 16 * _MEGABYTE),
    "audio": ("audio", 16 * _MEGABYTE),
    "sticker": ("stickers", 500 * 1024),
    "document": ("documents", 100 * _MEGABYTE),
}
_WAV = ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave")


def send_file(ctx: Context) -> Answer:
    part = bodies.uploaded(ctx.call, "file")
    number = open_contact(ctx, ctx.target, EXPIRED)
    caption = ctx.call.query.get("caption", "")
    kind = kind_of(part.content_type)
    folder, largest = KINDS[kind]
    name = PurePosixPath((part.file_name or "").replace("\\", "/")).name
    stored = f"data/{folder}/{ctx.tx.new_uuid()}{PurePosixPath(name).suffix}"
    file = {"file_name": stored, "content_type": part.content_type, "content": part.content}
    ctx.tx.put("media", account=ctx.account, **file)
    text = caption or "untitled"  # WATI support: an attachment without a caption has this name.
    shown = {"text": text, "type": kind, "data": stored, "localMessageId": ctx.tx.new_uuid()}
    logged = {
        "caption": caption or None,
        "fileName": name,
        "contentType": part.content_type,
        "sha256": hashlib.sha256(part.content).hexdigest(),
        "size": len(part.content),
        "media": stored,
    }
    say(ctx, "file", number, shown, logged, _failure(part, largest))
    return reply({"result": True, "message": "", "ticketStatus": "OPEN"})


def kind_of(content_type: str) -> str:
    if content_type == "image/webp":
        return "sticker"
    family = content_type.partition("/")[0]
    return family if family in ("image", "video", "audio") else "document"


def _failure(part: Part, largest: int) -> str | None:
    """Why WhatsApp will reject the file that WATI accepted."""
    wave = part.content[:4] == b"RIFF" and part.content[8:12] == b"WAVE"
    named = (part.file_name or "").lower().endswith(".wav")
    if wave or named or part.content_type in _WAV:
        return "File is not allowed by WhatsApp"
    return "File is too large for WhatsApp" if len(part.content) > largest else None


def get_media(ctx: Context) -> Answer:
    name = ctx.call.query.get("filename", "")
    if not name:
        reject({"result": False, "info": "fileName is required"}, 400)
    row = ctx.tx.row("SELECT * FROM media WHERE account = ? AND file_name = ?", ctx.account, name)
    if row is None:
        reject({"result": False, "info": "File not found"}, 404)
    return Answer(200, bytes(row["content"]), row["content_type"])
