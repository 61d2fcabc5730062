"""From the bytes of a body to an Answer."""

from __future__ import annotations

from typing import Any

from wati.contract.answer import Answer, media_type
from wati.wire import strict_json

DEEPEST_ANSWER = 100  # levels; WATI's deepest known answer has six


def parse(status: int, headers: Any, content: bytes) -> Answer:
    """The answer with its body parsed; a body that is not strict JSON gets a `flaw` instead."""
    flaw, ambiguous, parsed = "", False, None
    if not content.strip():
        flaw = "The answer has no body."
    else:
        try:
            parsed = strict_json.loads(content)
        except strict_json.TooRich as error:
            flaw = f"The answer holds {error}."
        except strict_json.Ambiguous:
            flaw = "The answer is ambiguous: one member is listed twice in one object."
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
