"""From the bytes of a body to an `Answer`."""

from __future__ import annotations

from typing import Any

from wati.contract.answer import Answer, media_type
from wati.wire import strict_json

DEEPEST_ANSWER = 100  # levels; the deepest known answer of WATI has six


def parse(status: int, headers: Any, content: bytes) -> Answer:
    """The answer with its body parsed, or with a `flaw` if the body is not strict JSON."""
    flaw, ambiguous, parsed = "", False, None
    if not content.strip():
        flaw = "The answer has no body."
    else:
        try:
            parsed = strict_json.loads(content)
        except strict_json.TooRich as error:
            flaw = f"The answer contains {error}."
        except strict_json.Ambiguous:
            flaw = "The answer is ambiguous: an object has the same member twice."
            ambiguous = True
        except (ValueError, RecursionError):
            flaw = f"The answer is not JSON ({media_type(headers) or 'no content type'})."
        if _depth_exceeds(parsed, DEEPEST_ANSWER):
            flaw, parsed = f"The answer is nested more than {DEEPEST_ANSWER} levels deep.", None
    return Answer(status, headers, content, json=parsed, flaw=flaw, ambiguous=ambiguous)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, (dict, list))
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True
