"""Marks one eval by what happened in the sandbox. Pure functions.

The log of the sandbox decides, with its contacts and the agent's folder. The agent's own words count only for
what nothing else can show.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Only messages are counted. Repeating any other change changes nothing more.
MESSAGES = ("text", "file", "buttons", "list", "template")

Json = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What an agent left behind.

    `log`: the rows of the sandbox's log. `contacts`: by number. `files`: the contents of the agent's folder,
    by name. `media`: the contents by WATI's name. `answer`: what the agent printed. `spoilt`: why the world
    cannot be trusted, or "".
    """

    log: Sequence[Json] = ()
    contacts: Mapping[str, Json] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    media: Mapping[str, bytes] = field(default_factory=dict)
    answer: str = ""
    spoilt: str = ""


@dataclass(frozen=True)
class Verdict:
    """One assertion, whether it holds, and the evidence. `is_vital`: without it, the whole eval gets 0."""

    text: str
    passed: bool
    evidence: str
    marks: int
    is_vital: bool


def judge(task: Json, outcome: Outcome) -> list[Verdict]:
    """A verdict on every assertion of the eval, in order."""
    verdicts = []
    for text, check in zip(task["assertions"], task["checks"], strict=True):
        marks, (kind, wanted) = (
            check.get("marks", 0),
            next(item for item in check.items() if item[0] in CHECKS),
        )
        passed, evidence = (False, outcome.spoilt) if outcome.spoilt else CHECKS[kind](wanted, outcome)
        verdicts.append(Verdict(text, passed, evidence, marks, kind == "only"))
    return verdicts


def score(verdicts: Sequence[Verdict]) -> int:
    """The marks earned; 0 if something happened that must not happen."""
    if any(verdict.is_vital and not verdict.passed for verdict in verdicts):
        return 0
    return sum(verdict.marks for verdict in verdicts if verdict.passed)


def is_like(pattern: Any, value: Any) -> bool:
    """Whether a value matches a pattern of evals.json."""
    if isinstance(pattern, dict):
        if isinstance(value, list):  # WATI's lists of {"name", "value"}
            value = {item.get("name"): item.get("value") for item in value if isinstance(item, dict)}
        return isinstance(value, dict) and all(
            is_like(like, value.get(name)) for name, like in pattern.items()
        )
    if isinstance(pattern, list):
        fits = isinstance(value, list) and len(value) == len(pattern)
        return fits and all(map(is_like, pattern, value))
    return isinstance(value, str) and re.fullmatch(pattern, value.strip(), re.I | re.S) is not None


def check_logged(pattern: Json, outcome: Outcome) -> tuple[bool, str]:
    found = next((row for row in outcome.log if is_like(pattern, row)), None)
    return (True, brief([found])) if found else (False, f"the log has: {brief(outcome.log)}")


def check_only(patterns: list[Json], outcome: Outcome) -> tuple[bool, str]:
    free = list(patterns)
    surplus = []
    for row in outcome.log:
        fitting = next((pattern for pattern in free if is_like(pattern, row)), None)
        if fitting is None:
            surplus.append(row)
        elif row["kind"] in MESSAGES:
            free.remove(fitting)
    return not surplus, brief(surplus or outcome.log)


def check_contact(pattern: Json, outcome: Outcome) -> tuple[bool, str]:
    contact = outcome.contacts.get(pattern["wAid"])
    if contact is None:
        return False, f"there is no contact {pattern['wAid']}"
    return is_like(pattern, contact), short({name: contact.get(name) for name in pattern})


def check_saved(wanted: Json, outcome: Outcome) -> tuple[bool, str]:
    content = outcome.files.get(wanted["file"])
    if content is None:
        return False, f"there is no {wanted['file']}, only {sorted(outcome.files)}"
    return content == outcome.media[wanted["media"]], f"{wanted['file']} has {len(content)} bytes"


def check_written(wanted: Json, outcome: Outcome) -> tuple[bool, str]:
    text = outcome.files.get(wanted["file"], b"").decode("utf-8", "replace")
    missing = [pattern for pattern in wanted["has"] if not re.search(pattern, text, re.I)]
    return not missing, f"{wanted['file']} has {len(text)} characters and lacks: {short(missing)}"


def check_says(patterns: list[str], outcome: Outcome) -> tuple[bool, str]:
    missing = [pattern for pattern in patterns if not re.search(pattern, outcome.answer, re.I)]
    return not missing, f"the answer: {short(outcome.answer.strip())}"


CHECKS: dict[str, Callable[[Any, Outcome], tuple[bool, str]]] = {
    "logged": check_logged,
    "only": check_only,
    "contact": check_contact,
    "saved": check_saved,
    "written": check_written,
    "says": check_says,
}


def brief(rows: Sequence[Json]) -> str:
    """Rows of the log, each in a few words."""
    lines = []
    for row in rows[:5]:
        who = row.get("whatsappNumber", row["connection_id"])
        what = next(
            (row[name] for name in ("text", "fileName", "operator", "customParams") if name in row), ""
        )
        lines.append(
            " ".join(filter(None, [row["kind"], row.get("template"), who, what and short(what, 60)]))
        )
    more = [f"and {len(rows) - 5} more"] if len(rows) > 5 else []
    return "; ".join([*lines, *more]) or "nothing was sent or changed"


def short(value: Any, most: int = 160) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= most else text[: most - 1] + "…"
