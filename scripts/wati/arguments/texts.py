"""What may stand in a text: nothing invisible, since it gets lost, cuts the text, or fails the message later.

Nothing heavy is imported here: scripts import it at once.
"""

from __future__ import annotations

_BLANKS = "\u2800\u3164\uffa0\u115f\u1160"  # Braille's and Hangul's fillers: printable, and nothing to see


def text_problem(text: str, *, multiline: bool) -> str:
    """What is wrong with a text, "" where nothing is; an empty one is the schema's to judge."""
    if text.isprintable() and text.strip(f" {_BLANKS}"):
        return ""  # so nearly every one of a hundred thousand is done with
    import unicodedata

    for index, character in enumerate(text, start=1):
        category = unicodedata.category(character)
        if category == "Cs":
            return f"holds half of a surrogate pair (character {index}): write the character itself"
        if character in "\n\r\t":
            if not multiline:
                name = "tab" if character == "\t" else "line break"
                return f"holds a {name} (character {index}); it must be plain text on one line"
        elif category == "Cc":
            return f"holds the control character U+{ord(character):04X} (character {index}); remove it"
    if text and not any(_is_visible(character) for character in text):
        return "is blank; give text that can be seen"
    return ""


def _is_visible(character: str) -> bool:
    """Whether a reader sees anything: not spaces, format characters, blank Braille or Hangul fillers."""
    import unicodedata

    # Not "Cn": that is what an older Python's tables do not know yet, such as the newest emoji.
    if unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf", "Cs"):
        return False
    return character not in _BLANKS
