"""The rule for all text: nothing invisible. It would get lost, cut the text or fail the message later.

Imports nothing heavy, because scripts import this module at once.
"""

from __future__ import annotations

BLANKS = "\u2800\u3164\uffa0\u115f\u1160"  # fillers of Braille and Hangul: printable but invisible
# Spaces, control and format characters. Not "Cn": an older Python does not know the newest emoji yet.
_INVISIBLE = ("Zs", "Zl", "Zp", "Cc", "Cf", "Cs")


def text_problem(text: str, *, multiline: bool) -> str:
    """What is wrong with a text; "" if nothing is. The schema decides about empty texts."""
    if text.isprintable() and text.strip(f" {BLANKS}"):
        return ""  # the quick way out for nearly all of a hundred thousand texts
    import unicodedata

    for index, character in enumerate(text, start=1):
        category = unicodedata.category(character)
        if category == "Cs":
            return f"contains half of a surrogate pair (character {index}); write the character itself"
        if character in "\n\r\t":
            if not multiline:
                name = "tab" if character == "\t" else "line break"
                return f"contains a {name} (character {index}); write plain text on one line"
        elif category == "Cc":
            return f"contains the control character U+{ord(character):04X} (character {index}); remove it"
    if text and all(c in BLANKS or unicodedata.category(c) in _INVISIBLE for c in text):
        return "is blank; write visible text"
    return ""
