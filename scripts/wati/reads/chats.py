"""A whole conversation as a page for people: plain text, Markdown or HTML. Pure.

What a customer wrote stays inside their own message, whatever it looks like: its lines are indented in text,
quoted in Markdown and escaped in HTML.
"""

from __future__ import annotations

import html
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from wati.files.beside import is_image
from wati.output.rendering import UNSAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Days = dict[str, list[list[Any]]]

LONGEST = 100_000  # characters of one text; WhatsApp's longest has 4,096
_NAMES = {"bot": "Bot", "api": "API", "broadcast": "Broadcast", "unknown": "Unknown"}
_SIDES = {"customer": "theirs", "event": "event"}
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")  # all but tabs and line breaks
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&])")


class Chat(NamedTuple):
    """`title`: with whom it is. `note`: how much of it this is. `days`: its rows, as in transcript.

    `files`: where the files lie that were fetched, by the name under which a row shows them.
    """

    title: str
    customer: str
    note: str
    days: Days
    files: Mapping[str, str] = {}


def page(path: str, chat: Chat) -> str:
    """The text of a file with this name."""
    return _FORMS[os.path.splitext(path)[1].lower()](chat)


def _speaker(who: str, customer: str) -> str:
    if who == "customer":
        return customer
    return _NAMES.get(who, who.removeprefix("operator ").strip() or "Operator")


def _details(row: list[Any]) -> Iterator[tuple[str, str]]:
    """What there is to say beside the text, such as the delivery state, a file or a quote."""
    for name, value in (row[3] if len(row) > 3 else {}).items():
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def file_of(row: list[Any], member: str = "fileName") -> str:
    """The file that the details of a row name; "" if they name none. `url`: one that is not at WATI."""
    return str(row[3].get(member, "")) if len(row) > 3 else ""


def _plain(text: str) -> str:
    """The text without characters that control what a reader sees, and with one kind of line break."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROL.sub("\ufffd", UNSAFE.sub("\ufffd", text))


def _text(chat: Chat) -> str:
    lines = [_one_line(chat.title), chat.note]
    for day, rows in chat.days.items():
        lines += ["", day]
        for row in rows:
            time, who, said = row[:3]
            first, *more = _plain(said).split("\n")
            lines.append(f"{time or '--:--'} {_one_line(_speaker(who, chat.customer))}: {first}")
            lines += [f"        {line}" for line in more]
            lines += [f"        [{name}: {_one_line(value)}]" for name, value in _details(row)]
            lines += [f"        [saved as {file}]" for file in _saved(chat, row)]
    return "\n".join(lines) + "\n"


def _saved(chat: Chat, row: list[Any]) -> list[str]:
    """Where the file of a row lies, from the page's own folder; empty without one."""
    file = chat.files.get(file_of(row))
    return [file] if file else []


def _address(file: str) -> str:
    return quote(file, safe="/")


def _one_line(text: str) -> str:
    return " ".join(_plain(text).split())


def _markdown(chat: Chat) -> str:
    lines = [f"# {_escaped(chat.title)}", "", chat.note]
    for day, rows in chat.days.items():
        lines += ["", f"## {day}"]
        for row in rows:
            time, who, said = row[:3]
            lines += ["", f"**{_escaped(_speaker(who, chat.customer))}** {time}", ""]
            # Two spaces at its end keep a line break.
            lines += [f"> {_escaped(line)}  " for line in _plain(said).split("\n")]
            lines += [f"> *{name}: {_escaped(value)}*  " for name, value in _details(row)]
            for file in _saved(chat, row):
                lines.append(f"> {'!' if is_image(file) else ''}[{_escaped(file)}]({_address(file)})  ")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", _one_line(text))


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ margin: 0; background: #efeae2; color: #111b21; font: 16px/1.4 system-ui, sans-serif; }}
main {{ max-width: 46rem; margin: 0 auto; padding: 1rem; display: flex; flex-direction: column; gap: .4rem; }}
h1 {{ font-size: 1.2rem; margin: 0; }}
h2 {{ font-size: .8rem; font-weight: 600; align-self: center; background: #fff; padding: .2rem .7rem;
     border-radius: .5rem; margin: 1rem 0 .3rem; }}
p {{ margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }}
article {{ max-width: 80%; padding: .4rem .7rem; border-radius: .6rem; align-self: flex-end;
          background: #d9fdd3; }}
article.theirs {{ align-self: flex-start; background: #fff; }}
article.event {{ align-self: center; background: #fdf4c5; font-size: .85rem; }}
b {{ font-size: .8rem; }}
img {{ display: block; max-width: 100%; max-height: 24rem; border-radius: .4rem; }}
small {{ color: #54656f; display: block; overflow-wrap: anywhere; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<small>{note}</small>
{rows}
</main>
</body>
</html>
"""


def _html(chat: Chat) -> str:
    def safe(text: str) -> str:
        return html.escape(_plain(text))

    lines = []
    for day, rows in chat.days.items():
        lines.append(f"<h2>{safe(day)}</h2>")
        for row in rows:
            time, who, said = row[:3]
            side = _SIDES.get(who, "ours")
            lines.append(f'<article class="{side}"><b>{safe(_speaker(who, chat.customer))}</b>')
            lines.append(f"<p>{safe(said)}</p>")
            lines += [_shown(safe(file), _address(file)) for file in _saved(chat, row)]
            lines += [f"<small>{safe(name)}: {safe(value)}</small>" for name, value in _details(row)]
            lines.append(f"<small>{safe(time)}</small></article>")
    title, note, policy = safe(chat.title), safe(chat.note), _PICTURES if chat.files else ""
    return _PAGE.format(title=title, note=note, policy=policy, rows="\n".join(lines))


# A page that is opened as a file has no origin of its own, which 'self' would be.
_PICTURES = "; img-src 'self' file:"


def _shown(name: str, address: str) -> str:
    """A picture, which leads to itself in full size; any other file by its name."""
    inner = f'<img src="{address}" alt="{name}" loading="lazy">' if is_image(name) else name
    return f'<a href="{address}">{inner}</a>'


_FORMS: dict[str, Callable[[Chat], str]] = {".txt": _text, ".md": _markdown, ".html": _html}
