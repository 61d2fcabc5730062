"""What of an answer is shown: without what says nothing, or only what was asked for, and never too long.

An agent pays for every character and reads no more than it has to; a program that wants all takes `--raw`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from wati.endpoint import Endpoint

LONGEST = 30_000  # characters of one document: what agents' shells show of a command's output


# --- what says nothing -------------------------------------------------------------------------------------


class Hidden:
    """When a member is left out. `where`: in words, "" = always; `rest`: what stays of it, GONE = nothing."""

    def __init__(self, where: str, rest: Callable[[Any, dict[str, Any]], Any]) -> None:
        self.where = where
        self.rest = rest


GONE = object()
ALWAYS = Hidden("", lambda value, beside: GONE)


def where_it_is(default: Any) -> Hidden:
    """Left out where it has the value that nearly every one has."""
    import json

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return GONE if type(value) is type(default) and value == default else value

    return Hidden(f"it is `{json.dumps(default)}`", rest)


def where_same_as(other: str) -> Hidden:
    return Hidden(
        f"it is the same as `{other}`", lambda value, beside: GONE if value == beside.get(other) else value
    )


def where_it_opens(other: str) -> Hidden:
    """Left out where another text begins with it, word for word."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        return (
            GONE
            if str(beside.get(other, "")).split(" ")[: len(str(value).split(" "))] == str(value).split(" ")
            else value
        )

    return Hidden(f"`{other}` begins with it", rest)


def where_there_is(other: str) -> Hidden:
    return Hidden(f"there is `{other}`", lambda value, beside: GONE if other in beside else value)


def repeating(**others: str) -> Hidden:
    """A list of `{"name", "value"}`: without the entries that only repeat a member beside the list."""

    def rest(value: Any, beside: dict[str, Any]) -> Any:
        if not isinstance(value, list):
            return value
        kept = [entry for entry in value if not _repeats(entry, beside, others)]
        return kept if kept or not value else GONE

    pairs = " or ".join(f"the entry `{name}` repeats `{other}`" for name, other in others.items())
    return Hidden(pairs, rest)


def _repeats(entry: Any, beside: dict[str, Any], others: Mapping[str, str]) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"name", "value"} or entry["name"] not in others:
        return False
    return bool(entry["value"] == beside.get(others[entry["name"]], GONE))


def inside(path: str, hides: Mapping[str, Hidden]) -> dict[str, Hidden]:
    """The same members, seen from further out."""
    return {f"{path}.{name}": hidden for name, hidden in hides.items()}


def all_of(names: str, hidden: Hidden = ALWAYS) -> dict[str, Hidden]:
    return dict.fromkeys(names.split(), hidden)


def without(data: Any, hides: Mapping[str, Hidden], path: str = "") -> Any:
    """`data` without the members that say nothing; a dotted path goes through lists."""
    if isinstance(data, list):
        return [without(item, hides, path) for item in data]
    if not isinstance(data, dict):
        return data
    shown = {}
    for name, value in data.items():
        here = f"{path}{name}"
        rest = hides[here].rest(value, data) if here in hides else value
        if rest is not GONE:
            shown[name] = without(rest, hides, f"{here}.")
    return shown


# --- what was asked for ------------------------------------------------------------------------------------


def fields(text: str) -> list[str]:
    """The paths of `--fields`; ValueError says what is wrong with them."""
    paths = text.split(",")
    for path in paths:
        if any(not name or name != name.strip() for name in path.split(".")):
            raise ValueError("--fields takes names between commas, such as id,customParams.value")
    return paths


def listed(data: Any, path: str) -> list[Any] | None:
    """The list at `path`, None where there is none."""
    for name in path.split(".") if path else ():
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, list) else None


def with_list(data: dict[str, Any], path: str, items: list[Any]) -> dict[str, Any]:
    """`data` with another list at `path`."""
    name, _, rest = path.partition(".")
    return {**data, name: with_list(data[name], rest, items) if rest else items}


def only(data: Any, endpoint: Endpoint, paths: list[str]) -> tuple[Any, list[str], list[str]]:
    """The members at `paths` (of each item, in a list); the paths that nothing knows; all that are known.

    Where a list is empty nothing can be told of members that no document names, so nothing is unknown.
    """
    items = listed(data, endpoint.items) if endpoint.items else None
    roots = [data] if items is None else items
    known = dict.fromkeys(path for root in roots for path in _paths(root))
    known |= dict.fromkeys(endpoint.members)
    inner = f"{endpoint.items}." if endpoint.items else ""
    known |= dict.fromkeys(path.removeprefix(inner) for path in endpoint.hides if path.startswith(inner))
    unknown = [path for path in paths if path not in known] if roots else []
    wanted: dict[str, Any] = {}
    for path in paths:
        _plant(wanted, path.split("."))
    if items is None:
        return _picked(data, wanted), unknown, [*known]
    picked: Any = [_picked(item, wanted) for item in items]
    for name in reversed(endpoint.items.split(".")):
        picked = {name: picked}
    return picked, unknown, [*known]


def _paths(value: Any, prefix: str = "") -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _paths(item, prefix)
    elif isinstance(value, dict):
        for name, member in value.items():
            yield f"{prefix}{name}"
            yield from _paths(member, f"{prefix}{name}.")


def _plant(tree: dict[str, Any], names: list[str]) -> None:
    """Enter one path; `{}` = the whole member, which a longer path does not narrow down."""
    for n, name in enumerate(names):
        is_new = name not in tree
        inner = tree.setdefault(name, {})
        if n == len(names) - 1:
            inner.clear()
        elif not is_new and not inner:
            return
        tree = inner


def _picked(value: Any, wanted: dict[str, Any]) -> Any:
    if not wanted:
        return value
    if isinstance(value, list):
        return [_picked(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: _picked(value[name], inner) for name, inner in wanted.items() if name in value}


# --- what fits ---------------------------------------------------------------------------------------------


def fit(document: dict[str, Any], items: str, *, can_ask_again: bool, render: Callable[[Any], str]) -> None:
    """Cut `document` in place so that it renders to at most LONGEST characters, and say so in it.

    A list is cut at an item, and what continues it is told. What a send answered is cut in its texts alone:
    nobody can ask for it again. Codes, outcomes and `receivers` are never cut.
    """

    def fits() -> bool:
        return len(render(document)) <= LONGEST

    if fits():
        return
    if "error" in document:
        _fit_error(document["error"], fits)
        return
    found = listed(document["data"], items) if items and "page" in document else None
    if found and len(found) > 1:
        _cut_list(document, items, found, fits)
    if not fits():
        whole = dict(document)
        _note(document, "Cut where … stands; --raw shows all.")
        _squeeze(document, "data", fits, most=[100, 30, 10, 3, 1] if can_ask_again else [])
        if not fits():
            document.clear()
            document.update(whole)  # too long, and whole: nothing of it is ever left out


def _cut_list(document: dict[str, Any], items: str, found: list[Any], fits: Callable[[], bool]) -> None:
    """As many items as fit, at least one. `next` goes: with the same pageSize it would leave items out."""
    page, data, notice = document["page"], document["data"], document.get("notice", "")
    offset = (page["number"] - 1) * page["size"]

    def show(size: int, shown: int) -> bool:
        following = {"pageSize": size, "pageNumber": (offset + shown) // size + 1}
        cut = {"shown": shown, "of": len(found), "next": following}
        document["data"] = with_list(data, items, found[:shown])
        document["page"] = {"number": page["number"], "size": page["size"], "cut": cut}
        document["notice"] = notice
        _note(document, f"Cut: {shown} of {len(found)} items. Go on with page.cut.next, or use --fields.")
        return fits()

    low, high = 1, len(found) - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if show(middle, middle) else (low, middle - 1)
    while not show(*_continuation(offset, low)) and low > 1:
        low -= 1  # the numbers of the marks have one digit more than in the search


def _continuation(offset: int, most: int) -> tuple[int, int]:
    """A page size, and how many of at most `most` items to show, so that a page begins behind the last."""
    choices = [(size, most - (offset + most) % size) for size in range(1, most + 1)]
    return max((choice for choice in choices if choice[1] > 0), key=sum)


def _fit_error(error: dict[str, Any], fits: Callable[[], bool]) -> None:
    """First what the far side said, then problems from the end, which are then counted."""
    if "answer" in error:
        _squeeze(error, "answer", fits, most=[100, 30, 10, 3, 1])
    problems, more = error.get("problems", []), error.get("more_problems", 0)
    kept = len(problems)
    while kept > 1 and not fits():
        kept = kept * 3 // 4
        error["problems"] = problems[:kept]
        error["more_problems"] = more + len(problems) - kept


def _squeeze(holder: dict[str, Any], name: str, fits: Callable[[], bool], *, most: list[int]) -> None:
    """Shorten the longest texts of a member until all fits; then, where that is allowed, its lists."""
    whole = holder[name]
    for longest in (10_000, 3_000, 1_000, 300, 100):
        holder[name] = _bounded(whole, longest, None)
        if fits():
            return
    for count in most:
        holder[name] = _bounded(whole, 100, count)
        if fits():
            return


def _bounded(value: Any, longest: int, most: int | None) -> Any:
    if isinstance(value, str):
        return value if len(value) <= longest else f"{value[:longest]}… ({len(value) - longest} more)"
    if isinstance(value, list):
        kept = [_bounded(item, longest, most) for item in value[:most]]
        return kept if len(kept) == len(value) else [*kept, f"… ({len(value) - len(kept)} more)"]
    if isinstance(value, dict):
        # An object is bounded less tightly: its members are seldom many, and each says something else.
        names = [*value][: most and 10 * most]
        kept_members = {_bounded(name, longest, most): _bounded(value[name], longest, most) for name in names}
        left = len(value) - len(names)
        return {**kept_members, "…": f"{left} more"} if left else kept_members
    return value


def _note(document: dict[str, Any], text: str) -> None:
    document["notice"] = " ".join(filter(None, [document.get("notice", ""), text]))
