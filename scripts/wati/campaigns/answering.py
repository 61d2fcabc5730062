"""What plan_campaign shows of a plan. Pure."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any

from wati.arguments.validation import quoted, suggestion
from wati.calls.template_checks import LONGEST_TEXT
from wati.campaigns import filling, requested
from wati.campaigns.audience import BUILT_IN
from wati.campaigns.leaving_out import REASONS
from wati.output.redaction import excerpt
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from wati.campaigns.records import Job, Row
    from wati.campaigns.selecting import Selection
    from wati.contract.types import Problem
    from wati.reads.templates import Template

MOST_TEXTS = 5
LONGEST_NAME = 100


def data(job: Job) -> dict[str, Any]:
    """The `data` of the document of a plan, and how far it is now."""
    return {"name": job.name, "state": job.state, **job.summary}


def summary(
    job: Job, selection: Selection, facts: Mapping[str, Any], warnings: Iterable[str]
) -> dict[str, Any]:
    """What a person has to see before the yes, but for the value to confirm."""
    plan = job.plan
    requests = math.ceil(selection.head_count / plan["chunk"])
    rate = plan["rate"]
    found = {
        "receivers": selection.head_count,
        "read": selection.read,
        "left_out": {code: selection.left_out[code] for code in REASONS if selection.left_out[code]},
        "left_out_why": why(selection.left_out, selection.who, REASONS),
        "blank": {
            name: f"{count}: {_some(selection.who_blank, selection.blank, name)}"
            for name, count in selection.blank.items()
        },
        **facts,
        "send_at": iso(plan["send_at"]) if plan["send_at"] is not None else "",
        "quiet_hours": plan["quiet_hours"],
        "requests": requests,
        "seconds_at_least": requested.seconds(requests, rate),
    }
    if not selection.whole:
        found["not_all_read"] = True
    listed = [*warnings, requested.tier_warning(selection.head_count)]
    found["warnings"] = [text for text in dict.fromkeys(listed) if text]
    keep = ("receivers", "read", "left_out", "requests", "seconds_at_least")
    return {name: value for name, value in found.items() if value or name in keep}


def _some(who: Mapping[str, Sequence[str]], counts: Counter[str], name: str) -> str:
    named = who.get(name, ())
    more = counts[name] - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def why(
    left_out: Counter[str], who: Mapping[str, Sequence[str]], reasons: Mapping[str, str]
) -> dict[str, str]:
    """For each reason a sentence, with the first of those whom it keeps out."""
    return {
        code: f"{text} ({count}): {_some(who, left_out, code)}"
        for code, text in reasons.items()
        if (count := left_out[code])
    }


def counted(left_out: Counter[str], reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{text} ({count})" for code, text in reasons.items() if (count := left_out[code]))


def unknown_members(parameters: Sequence[Mapping[str, str]], selection: Selection) -> Iterator[Problem]:
    """The members in the parameters that nobody has: most likely, their names are spelled otherwise."""
    if not selection.read:
        return
    known = sorted(selection.members | set(BUILT_IN))
    for index, item in enumerate(parameters):
        for member in filling.Filling([item]).members:
            # Nobody in a list of bare numbers has a name.
            if member.key not in selection.members and member.key not in BUILT_IN:
                problem = f"names {quoted(member.name)}, which nobody in the audience has"
                guess = suggestion(member.key, known)
                yield {
                    "at": f"$.parameters[{index}].value",
                    "problem": problem + guess,
                    "code": "member_unknown",
                }


def idle_exclusions(exclusions: Sequence[Mapping[str, str]], selection: Selection) -> Iterator[str]:
    """What was excluded and is not there: whoever was meant gets the message, if it is spelled otherwise."""
    for item in exclusions if selection.whole else ():
        name, value = filling.key(item["name"]), filling.key(item["value"])
        if (name, value) not in selection.excluding:
            lacks = "that value"
            if name not in selection.members:
                lacks = f"such an attribute{suggestion(name, sorted(selection.members))}"
            yield (
                f"exclude leaves nobody out for {quoted(item['name'])} {quoted(item['value'])}: nobody in "
                f"the audience has {lacks}. Check the spelling."
            )


def warnings(selection: Selection) -> Iterator[str]:
    """What is doubtful of those who get it."""
    if count := selection.left_out["blank_parameter"]:
        yield (
            f"{count} would get a blank parameter and are left out: `blank` says which. A fallback, such as "
            "{{firstName|there}}, sends to them, too."
        )
    if selection.strangers:
        yield (
            f"{selection.strangers} of {selection.head_count} receivers are no contacts of WATI: whether "
            "they have opted out, or are on WhatsApp, is not known."
        )
    if selection.invalid:
        yield (
            f"{selection.invalid} of {selection.head_count} receivers have a contactStatus that is not "
            "VALID: their numbers may not be on WhatsApp."
        )
    if not selection.whole:
        yield (
            f"The audience was read only until the limit was reached ({selection.read} people), so how many "
            "it has in all is not known."
        )


def values(row: Row) -> dict[str, str]:
    return {each["name"]: each["value"] for each in row.content["customParams"]}


def first(rows: Iterable[Row]) -> list[Row]:
    return list(islice(rows, MOST_TEXTS))


def texts(template: Template, rows: Sequence[Row], key: str) -> dict[str, Any]:
    """What the first receivers will read, each with the name; what all of them see is in `template`."""

    def cut(value: Any) -> Any:
        if isinstance(value, (dict, list)):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            found = {name: cut(each) for name, each in items}
            return found if isinstance(value, dict) else list(found.values())
        return excerpt(value, key, LONGEST_TEXT)

    previews = [cut(template.preview(values(row))) for row in rows]
    same = {
        name: value
        for name, value in (previews[0] if previews else {}).items()
        if name != "text" and all(preview.get(name) == value for preview in previews)
    }
    shown = [
        {
            "name": excerpt(row.name, key, LONGEST_NAME),
            "whatsappNumber": row.receiver,
            **{name: value for name, value in preview.items() if name not in same},
        }
        for row, preview in zip(rows, previews, strict=True)
    ]
    return {"texts": shown, "template": same}


def languages(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The template in each of its languages, if it has several: which of them WATI sends is not known."""
    found = facts.get("template", {}).get("languages")
    return {"languages": found} if found else {}
