"""The report of a campaign as one page for people: a funnel, its course, who got it or why not. Pure.

Everything that WATI or a customer wrote is escaped, and the page loads and runs nothing.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from wati.campaigns.deliveries import FAILED, NOT_FOUND, SENT
from wati.campaigns.leaving_out import sentence
from wati.output.rendering import UNSAFE
from wati.reads import undelivered
from wati.reads.rows import iso

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Hours = Mapping[int, int]
    Row = Mapping[str, Any]

COURSES = {"Sent": "settled_at", "Answered": "replied_at"}  # what a course shows, by its column
_STEPS = ("accepted", "delivered", "read", "replied")
_WIDTH, _HEIGHT, _BOTTOM = 640, 160, 22
_COLORS = ("--main", "--second")
_MOST_BARS = 96  # hours side by side; for longer, each bar is several hours
_HOUR = 3600
_NO_REASON = "WATI gives no reason."
_ALL = "the table (--output report.csv)"
# By the state of a row; if that is accepted, by what the report has seen of it.
_FATES = {
    "left_out": "left out by the plan",
    "rejected": "rejected",
    "in_doubt": "in doubt: it may have been sent",
    "planned": "not sent",
    "claimed": "being sent",
    "": "accepted, not looked at yet",
    NOT_FOUND: "accepted, and not found in the conversation",
    FAILED: "failed",
    SENT: "sent, not yet delivered",
    "DELIVERED": "delivered",
    "READ": "read",
    "REPLIED": "replied",
}
_RECEIPTS = "Customers can switch off read receipts, so more of them may have read it."

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --page: #f6f5f1; --card: #fff; --text: #1d2320; --soft: #5b6560;
  --line: #dedbd2; --main: #1f6f54; --second: #b4631a; --track: #eceae3; }}
@media (prefers-color-scheme: dark) {{ :root {{ --page: #141816; --card: #1d2320; --text: #eceee9;
  --soft: #a3ada7; --line: #343c38; --main: #5fc39c; --second: #e7a15c; --track: #2a312d; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }}
h1 {{ font-size: 1.9rem; line-height: 1.2; margin: 0 0 .35rem; overflow-wrap: anywhere; }}
h2 {{ font-size: 1.05rem; margin: 0 0 1rem; }}
p {{ margin: 0; }}
.soft {{ color: var(--soft); }}
.small {{ font-size: .85rem; margin-top: .9rem; }}
.card {{ background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1.4rem;
  margin-top: 1.25rem; }}
.notice {{ border-left: .3rem solid var(--second); }}
dl {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: 1.2rem; margin: 0; }}
dt {{ color: var(--soft); font-size: .85rem; }}
dd {{ margin: 0; font-size: 1.7rem; font-weight: 650; font-variant-numeric: tabular-nums; line-height: 1.2; }}
dd small {{ font-size: .85rem; font-weight: 400; color: var(--soft); }}
.bar {{ display: grid; grid-template-columns: 6rem 1fr 8.5rem; gap: .9rem; align-items: center; }}
.bar + .bar {{ margin-top: .55rem; }}
.bar span:last-child {{ font-variant-numeric: tabular-nums; text-align: right; }}
.track {{ background: var(--track); border-radius: .4rem; height: 1.5rem; overflow: hidden; }}
.track i {{ display: block; height: 100%; background: var(--main); border-radius: .4rem; }}
svg {{ width: 100%; height: auto; display: block; }}
svg text {{ font: 11px system-ui, sans-serif; fill: var(--soft); }}
.key {{ display: flex; gap: 1.4rem; margin: -.5rem 0 .8rem; font-size: .85rem; color: var(--soft); }}
.key i {{ display: inline-block; width: .75rem; height: .75rem; border-radius: .2rem; margin-right: .4rem; }}
.table {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th {{ text-align: left; font-size: .85rem; font-weight: 600; color: var(--soft); }}
th, td {{ padding: .55rem 1rem .55rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }}
tr:last-child td {{ border-bottom: 0; }}
td {{ overflow-wrap: anywhere; }}
td.number {{ font-variant-numeric: tabular-nums; white-space: nowrap; }}
blockquote {{ margin: 0; padding: .9rem 0; border-bottom: 1px solid var(--line); white-space: pre-wrap;
  overflow-wrap: anywhere; }}
blockquote:last-of-type {{ border-bottom: 0; padding-bottom: 0; }}
blockquote small {{ display: block; color: var(--soft); }}
@media (max-width: 34rem) {{ .bar {{ grid-template-columns: 5.2rem 1fr; }}
  .bar span:last-child {{ grid-column: 2; text-align: left; margin-top: -.4rem; }}
  tr:first-child {{ display: none; }} td {{ display: block; border: 0; padding: 0; }}
  td.number {{ display: inline; font-weight: 650; margin-right: .6rem; }}
  tr {{ display: block; padding: .8rem 0; border-bottom: 1px solid var(--line); }} }}
@media print {{ body {{ background: none; }} .card {{ break-inside: avoid; }} }}
</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def page(
    data: Mapping[str, Any],
    plan: Mapping[str, Any],
    hours: Mapping[str, Hours],
    people: Sequence[Row],
    more: int,
) -> str:
    """`data`: the document's. `hours`: for each of COURSES, how many in each hour since 1970.

    `people`: rows of receivers, in the order in which they are shown. `more`: how many are not among them.
    """
    parts = [
        _head(data, plan),
        _figures(data),
        _funnel(data),
        _course(hours),
        _failures(data),
        _reasons(data),
        _answers(data),
        _people(people, more),
    ]
    return _PAGE.format(title=_safe(f"{data['name']}: report"), body="\n".join(filter(None, parts)))


def _safe(value: Any) -> str:
    return html.escape(UNSAFE.sub("\ufffd", str(value)))


def _card(title: str, content: str) -> str:
    return f'<section class="card">\n<h2>{_safe(title)}</h2>\n{content}\n</section>'


def _head(data: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    template = _safe(plan.get("template_name", ""))
    lines = [
        f"<h1>{_safe(data['name'])}</h1>",
        f'<p class="soft">Template {template} · {_safe(data["state"])}</p>',
    ]
    if not data["complete"]:
        part = f"{_number(data['not_looked_at'])} of {_number(data['accepted'])} accepted messages"
        low = "have not been looked at yet, so the numbers below are too low"
        lines.append(f'<p class="card notice">{part} {low}.</p>')
    return "\n".join(lines)


def _number(value: int) -> str:
    return f"{value:,}"


def _share(part: int, whole: int) -> str:
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 10 or not percent else f"{percent:.1f} %"


def _figures(data: Mapping[str, Any]) -> str:
    names = {"Planned": "receivers", "Accepted": "accepted", "Rejected": "rejected", "In doubt": "in_doubt"}
    names |= {"Not sent": "not_sent", "Failed": "failed", "Not found": "not_found"}
    # What is zero, and could only be bad, needs no room.
    shown = {
        title: data[name] for title, name in names.items() if data[name] or name in ("receivers", "accepted")
    }
    items = (f"<div><dt>{title}</dt><dd>{_number(count)}</dd></div>" for title, count in shown.items())
    return f'<section class="card"><dl>{"".join(items)}</dl></section>'


def _funnel(data: Mapping[str, Any]) -> str:
    whole = data["accepted"]
    lines = []
    for name in _STEPS:
        width = 100 * data[name] / whole if whole else 0
        label = f"{_number(data[name])} ({_share(data[name], whole)})" if whole else _number(data[name])
        track = f'<span class="track"><i style="width:{width:.1f}%"></i></span>'
        lines.append(f'<div class="bar"><span>{name.capitalize()}</span>{track}<span>{label}</span></div>')
    lines.append(f'<p class="soft small">{_RECEIPTS}</p>')
    return _card("How far it got", "\n".join(lines))


def _course(hours: Mapping[str, Hours]) -> str:
    """Bars over time, sent beside answered, each by a scale of its own: the numbers differ too much."""
    found = [hour for each in hours.values() for hour in each]
    if not found:
        return ""
    first, last = min(found), max(found)
    step = max(1, -(-(last - first + 1) // _MOST_BARS))
    count = (last - first) // step + 1
    unit = "in an hour" if step == 1 else f"in {step} hours"
    key: list[str] = []
    drawn: list[str] = []
    for place, ((title, course), color) in enumerate(zip(hours.items(), _COLORS, strict=True)):
        sums = [0] * count
        for hour, number in course.items():
            sums[(hour - first) // step] += number
        if most := max(sums):
            mark = f'<i style="background:var({color})"></i>'
            key.append(f"<span>{mark}{title}: up to {_number(most)} {unit}</span>")
            drawn += _bars(sums, most, color, place)
    base = _HEIGHT - _BOTTOM
    line = f'<line x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}" stroke="var(--line)"/>'
    name = "Messages sent and answered over time"
    chart = f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">'
    chart += "".join([line, *drawn, *_labels(first, step, count)]) + "</svg>"
    return _card("Over time, in UTC", f'<div class="key">{"".join(key)}</div>\n{chart}')


def _bars(sums: Sequence[int], most: int, color: str, place: int) -> Iterator[str]:
    room = _WIDTH / len(sums)
    wide = min(room * 0.4, 48.0)
    for index, number in enumerate(sums):
        if number:
            high = max(2.0, (_HEIGHT - _BOTTOM - 8) * number / most)
            left = room * (index + 0.5) + (place - 1) * wide
            size = f'x="{left:.1f}" y="{_HEIGHT - _BOTTOM - high:.1f}" width="{wide:.1f}" height="{high:.1f}"'
            yield f'<rect {size} rx="1.5" fill="var({color})"><title>{_number(number)}</title></rect>'


def _labels(first: int, step: int, count: int) -> Iterator[str]:
    """The first hour, the last one and a few between them."""
    room = _WIDTH / count
    for index in sorted({0, count // 3, 2 * count // 3, count - 1}):
        at = iso((first + index * step) * _HOUR)
        x = min(max(room * (index + 0.5), 40), _WIDTH - 40)
        text = f"{at[5:10]} {at[11:16]}"
        yield f'<text x="{x:.1f}" y="{_HEIGHT - 6}" text-anchor="middle">{text}</text>'


def _failures(data: Mapping[str, Any]) -> str:
    if not data["failures"]:
        return ""
    rows = (
        (
            *(_number(each["count"]), each.get("code", "none")),
            *(each.get("what") or each["detail"] or _NO_REASON, each["do"]),
        )
        for each in data["failures"]
    )
    heads = ("Messages", "Code", "Why", "What to do")
    return _card("Why some failed", _table(heads, rows, in_one_line=(0, 1)))


def _reasons(data: Mapping[str, Any]) -> str:
    """Those to whom nothing was sent, or whose message was rejected at once."""
    rows = [
        (_number(count), code, _FATES[state], sentence(code, count))
        for name, state in (("reasons", "rejected"), ("left_out", "left_out"))
        for code, count in data.get(name, {}).items()
    ]
    heads = ("Receivers", "Reason", "What became of them", "Why")
    return (
        _card("Why some were rejected or left out", _table(heads, rows, in_one_line=(0, 1))) if rows else ""
    )


def _people(people: Sequence[Row], more: int) -> str:
    if not people:
        return ""
    rows = ((row["name"], row["receiver"], _fate(row), _why(row)) for row in people)
    lines = [_table(("Name", "Number", "What became of it", "Why"), rows, in_one_line=(1,))]
    if more:
        lines.append(f'<p class="soft small">{_number(more)} more are not shown; {_ALL} has everyone.</p>')
    return _card("Receivers, first those who did not get it or may not have it", "\n".join(lines))


def _fate(row: Row) -> str:
    if row["state"] != "accepted":
        return _FATES[row["state"]]
    status = "REPLIED" if row["replied_at"] is not None else row["delivery"]
    return _FATES.get(status, status)


def _why(row: Row) -> str:
    code = row["delivery_code"] or row["reason"]
    found = undelivered.cause(code).what or row["detail"] or sentence(code, 1)
    return found or (_NO_REASON if row["delivery"] == FAILED else "")


def _table(heads: Iterable[str], rows: Iterable[Sequence[str]], in_one_line: Sequence[int]) -> str:
    """`in_one_line`: the columns whose cells are not wrapped."""
    lines = ["".join(f"<th>{head}</th>" for head in heads)]
    for row in rows:
        kinds = (' class="number"' if column in in_one_line else "" for column in range(len(row)))
        lines.append("".join(f"<td{kind}>{_safe(text)}</td>" for kind, text in zip(kinds, row, strict=True)))
    return f'<div class="table"><table>{"".join(f"<tr>{line}</tr>" for line in lines)}</table></div>'


def _answers(data: Mapping[str, Any]) -> str:
    if not data["replies"]:
        return ""
    lines = [
        f"<blockquote>{_safe(each['text'])}<small>{_safe(each.get('name') or each['whatsappNumber'])} · "
        f"{_safe(each['at'][:16].replace('T', ' '))} UTC</small></blockquote>"
        for each in data["replies"]
    ]
    if more := data.get("more_replies"):
        lines.append(f'<p class="soft">{_number(more)} more answers are in {_ALL}.</p>')
    return _card("Latest answers", "\n".join(lines))
