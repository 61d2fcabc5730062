"""Whether a template can be sent, and whether every receiver's parameters fit it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.contract.checks import select
from wati.output.rendering import enumerate_some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.types import Problem
    from wati.reads.templates import Pairs, Template

LONGEST_TEXT = 4096  # characters of a filled-in template; a template itself has at most 1,024
MOST_SHOWN = 20  # receivers of a bulk send whose texts a dry run shows
_MOST_LENGTHS = 10_000
MOST_NAMED = 10  # templates, receivers or languages in one message


def template(context: Context, found: Findings) -> None:
    """The template that the arguments name, and every receiver's parameters."""
    variants = named(context, found)
    if not variants:
        return
    arguments = context.call.arguments
    lists = select(arguments, "parameters") + select(arguments, "receivers[].customParams")
    given = [(context.place(at), pairs) for at, items in lists if (pairs := _pairs(items)) is not None]

    def problems(variant: Template) -> list[Problem]:
        return [problem for at, pairs in given for problem in variant.problems(pairs, at)]

    best = fitting(variants, problems, found)
    found.problems += problems(best)
    numbers = [str(number) for _, number in select(arguments, "receivers[].whatsappNumber")]
    values = [dict(pairs) for _, pairs in given]
    describe(context, found, variants, best, list(zip(numbers or [""], values or [{}], strict=False)))


def _pairs(items: Any) -> Pairs | None:
    """Names and values, if all are texts. If not, the checks of the arguments have already said so."""
    pairs = [
        (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        for item in (items if isinstance(items, list) else [None])
    ]
    texts = all(isinstance(name, str) and name and isinstance(value, str) for name, value in pairs)
    return [(str(name), str(value)) for name, value in pairs] if texts else None


def named(context: Context, found: Findings) -> list[Template]:
    """The templates of the name in the arguments that can be sent: one for each language.

    If there is none, one that cannot be sent. Problems of the template itself are added to the findings.
    """
    from wati.arguments.validation import quoted, suggestion
    from wati.reads.inbox import MOST_PAGES_OF_TEMPLATES, status_of, unread_templates
    from wati.reads.templates import Template

    name = found.valid(context.call, "template_name")
    if not found.can_ask or not name:
        return []
    pages = 1 if found.is_last_look else MOST_PAGES_OF_TEMPLATES
    rows, whole, others = read(context, name, pages, context.lately if found.is_last_look else 0.0)
    approved = [row for row in rows if row.get("status") == "APPROVED"]
    if approved:
        return [Template(row) for row in approved]
    if not whole and (found.is_last_look or not rows):
        # An APPROVED one may be in the rest.
        raise unread_templates()
    if not rows:
        some = list(others)[:1000]  # bounds the search for a similar name
        advice = suggestion(name, some) or (f"; APPROVED: {enumerate_some(some, MOST_NAMED)}" if some else "")
        found.add("$.template_name", "template_missing", f"there is no template {quoted(name)}{advice}")
    else:
        problem = f"the template {quoted(name)} is {status_of(rows[0])}; only APPROVED ones can be sent"
        found.add("$.template_name", "template_not_approved", problem)
    return [Template(row) for row in rows[:1]]


def read(
    context: Context, name: str, pages: int, lately: float = 0.0
) -> tuple[list[dict[str, Any]], bool, dict[str, None]]:
    """The templates of a name, whether the list was read to its end, and the names of other APPROVED ones.

    `lately`: how many seconds ago they may have been read, of however many pages.
    """

    def anew() -> tuple[list[dict[str, Any]], bool, dict[str, None]]:
        others: dict[str, None] = {}
        return *context.inbox.templates_named(name, others, most_pages=pages), others

    key = "templates", context.call.connection, context.call.channel, name
    return context.session.recent.get(key, lately, anew)


def fitting(
    variants: list[Template], problems: Callable[[Template], Sequence[Any]], found: Findings
) -> Template:
    """The language that fits best. Which one WATI sends if several have the name is not documented."""
    best = min(variants, key=lambda variant: len(problems(variant)))
    if len(variants) > 1:
        each = [f"{one.language or 'no language'} ({one.asks or 'no parameters'})" for one in variants]
        found.warnings.append(
            f"{len(variants)} APPROVED templates have this name: {enumerate_some(each, MOST_NAMED)}. "
            "Which of them WATI sends is not known: ask the user."
        )
    return best


def describe(
    context: Context,
    found: Findings,
    variants: list[Template],
    best: Template,
    receivers: Iterable[tuple[str, dict[str, str]]],
) -> None:
    """Add the template to the facts, filled in as its receivers will read it, and what is doubtful of it."""
    from wati.output.redaction import excerpt

    if found.is_last_look:
        return

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cut(text) for name, text in value.items()}
        if isinstance(value, list):
            return list(map(cut, value))
        return excerpt(value, context.session.settings.key, LONGEST_TEXT)

    seen: list[tuple[str, dict[str, str]]] = []
    too_long: dict[str, tuple[str, int]] = {}  # by place: what is said of the first, and how many there are
    fitting_lengths: set[tuple[int, ...]] = set()  # of values that fit: only their lengths decide
    first: dict[str, Any] = {}
    count, is_same = 0, True
    for count, (number, values) in enumerate(receivers, 1):
        if count <= MOST_SHOWN:
            seen.append((number, values))
        first = first or best.preview(values)
        is_same = is_same and (values == seen[0][1] or best.preview(values) == first)
        lengths = tuple(map(len, values.values()))
        if lengths in fitting_lengths:
            continue
        problem = ""
        for place, problem in best.too_long(values):
            text, known = too_long.get(place, (f"{problem} ({number})" if number else problem, 0))
            too_long[place] = text, known + 1
        if not problem and len(fitting_lengths) < _MOST_LENGTHS:
            fitting_lengths.add(lengths)
    found.warnings += map(cut, best.doubts(list(seen[0][1])))
    for text, known in too_long.values():
        more = f" The same is true of {known - 1} more receivers." if known > 1 else ""
        found.warnings.append(cut(f"WhatsApp may reject this: {text}.{more}"))
    shown = cut(first)
    if not is_same:
        shown["texts"] = _texts(best, seen, shown, cut)
    elif count > 1:
        shown["same_for"] = count
    if len(variants) > 1:
        shown["languages"] = {
            cut(one.language or str(index)): cut(one.preview(seen[0][1]))
            for index, one in enumerate(variants[:MOST_NAMED], 1)
        }
    found.facts["template"] = shown


def _texts(
    best: Template,
    receivers: list[tuple[str, dict[str, str]]],
    shown: dict[str, Any],
    cut: Callable[[Any], Any],
) -> dict[str, Any]:
    """What each receiver will read, by number. What is the same for all stays in `shown`, where it is."""
    previews = {number: cut(best.preview(values)) for number, values in receivers}
    differing = {
        name for own in previews.values() for name in {*own, *shown} if own.get(name) != shown.get(name)
    } or {"text"}
    for name in differing:
        shown.pop(name, None)
    if differing == {"text"}:
        return {number: own.get("text", "") for number, own in previews.items()}
    return {
        number: {name: own[name] for name in own if name in differing} for number, own in previews.items()
    }
