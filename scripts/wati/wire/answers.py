"""From the bytes of a body to an `Answer`."""

from __future__ import annotations

from typing import Any

from wati.contract.answer import Answer
from wati.wire import strict_json

DEEPEST_ANSWER = 100  # levels; the deepest known answer of WATI has six


def parse(status: int, headers: Any, content: bytes) -> Answer:
    """The answer with its body parsed, or with a `flaw` if the body is not strict JSON."""
    answer = Answer(status, headers, content)
    try:
        parsed = strict_json.loads(content)
        if _depth_exceeds(parsed, DEEPEST_ANSWER):
            answer.flaw = f"The answer is nested more than {DEEPEST_ANSWER} levels deep."
        else:
            answer.json = parsed
    except strict_json.TooRich as error:
        answer.flaw = f"The answer contains {error}."
    except strict_json.Ambiguous:
        answer.flaw = "The answer is ambiguous: an object has the same member twice."
        answer.ambiguous = True
    except (ValueError, RecursionError):
        kind = answer.media_type or "no content type"
        answer.flaw = f"The answer is not JSON ({kind})." if content.strip() else "The answer has no body."
        if page := answer.web_page:
            answer.flaw = f"The answer is {page}, such as Cloudflare, a proxy or a login page."
    return answer


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
