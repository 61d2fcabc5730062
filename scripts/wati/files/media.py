"""WhatsApp's limits for files, and whether a file is what its ending says. Pure functions: opens no file.

The limits are Meta's, as other providers publish them. WATI documents none of its own.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEAD = 64  # bytes that identify a format
KB, MB = 1024, 1024 * 1024

# kind: (the content types that WhatsApp takes for it, () = all others; the largest size in bytes)
LIMITS: dict[str, tuple[tuple[str, ...], int]] = {
    "image": (("image/jpeg", "image/png"), 5 * MB),
    "video": (("video/mp4", "video/3gpp"), 16 * MB),
    "audio": (("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * MB),
    "sticker": (("image/webp",), 500 * KB),
    "document": ((), 100 * MB),
}
STILL_STICKER = 100 * KB  # an animated sticker may be larger

UNKNOWN_TYPE = "application/octet-stream"

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide")
_SIGNATURES: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "image/jpeg": ("JPEG", lambda head: head.startswith(b"\xff\xd8\xff")),
    "image/png": ("PNG", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    "image/webp": ("WebP", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    "video/mp4": ("MP4", lambda head: head[4:8] in _MP4_BOXES),
    "audio/ogg": ("OGG", lambda head: head.startswith(b"OggS")),
    "application/pdf": ("PDF", lambda head: b"%PDF-" in head),
}


def kind_of(content_type: str) -> str:
    """The kind of message that WhatsApp makes of such a file."""
    return next((kind for kind, (types, _) in LIMITS.items() if content_type in types), "document")


def problems(content_type: str, size: int, head: bytes) -> Iterator[tuple[str, str]]:
    """Why WhatsApp would reject the file: the code and text of each problem."""
    is_wav = head[:4] == b"RIFF" and head[8:12] == b"WAVE"
    if content_type == "audio/wav" or (
        is_wav and content_type.startswith("audio/") and content_type != "audio/ogg"
    ):
        yield "file_type", "is WAV: WATI accepts it, WhatsApp then fails the message; use OGG with Opus"
    kind = kind_of(content_type)
    limit = LIMITS[kind][1]
    if size > limit:
        yield "file_too_large", f"has {_readable(size)}; WhatsApp takes at most {_readable(limit)} as {kind}"
    name, fits = _SIGNATURES.get(content_type, ("", None))
    if fits is not None and not fits(head):
        yield "file_type", f"is not in {name} format, although its name says so{_really(head)}"


def warnings(content_type: str, size: int, head: bytes) -> Iterator[str]:
    """What may go wrong but cannot be checked."""
    if content_type == UNKNOWN_TYPE:
        yield "This package does not know the file's ending. Only the send shows whether WhatsApp takes it."
    if kind_of(content_type) == "sticker" and STILL_STICKER < size <= LIMITS["sticker"][1]:
        yield f"The sticker has {_readable(size)}. Only an animated one may have more than 100 KB."
    if content_type == "audio/ogg" and head.startswith(b"OggS") and b"OpusHead" not in head:
        yield "The OGG file does not seem to contain Opus, the only codec in OGG that WhatsApp takes."


def _really(head: bytes) -> str:
    return next((f" (it looks like {name})" for name, fits in _SIGNATURES.values() if fits(head)), "")


def _readable(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB else f"{size / KB:.0f} KB"
