"""The kinds of sends of a kill storm, as data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from storm_judge import Json

Numbers = Sequence[str]


@dataclass(frozen=True)
class Kind:
    """A kind of send. `scripts`: those that make the same message.

    `blocked`: seconds for which a repeat is refused (references/journal.md). `arguments`: from the receivers,
    the words that make the message unlike all others, and the mark of the process. `file`: the text of the
    file that goes with it, whose name is the words and `suffix`.
    """

    scripts: tuple[str, ...]
    receivers: int
    blocked: int
    arguments: Callable[[Numbers, str, str], Json]
    suffix: str = ""
    file: Callable[[Numbers, str], str] | None = None


SESSION, TEMPLATE = 60, 600
MENU = [{"title": "All", "rows": [{"title": "A", "description": "the first"}]}]


def _text(to: Numbers, words: str, mark: str) -> Json:
    return {"whatsappNumber": to[0], "messageText": words, "localMessageId": mark}


def _file(to: Numbers, words: str, mark: str) -> Json:
    return {"whatsappNumber": to[0], "file": f"{words}.pdf", "caption": words}


def _buttons(to: Numbers, words: str, mark: str) -> Json:
    return {"whatsappNumber": to[0], "body": words, "buttons": [{"text": "Yes"}]}


def _list(to: Numbers, words: str, mark: str) -> Json:
    return {"whatsappNumber": to[0], "body": words, "buttonText": "Choose", "sections": MENU}


def _values(words: str) -> list[Json]:
    return [{"name": "name", "value": words}, {"name": "ordernumber", "value": "12345"}]


def _template(to: Numbers, words: str, mark: str) -> Json:
    named = {"template_name": "order_update", "broadcast_name": mark}
    return {**named, "whatsappNumber": to[0], "parameters": _values(words)}


def _bulk(to: Numbers, words: str, mark: str) -> Json:
    receivers = [{"whatsappNumber": each, "customParams": _values(words)} for each in to]
    return {"template_name": "order_update", "broadcast_name": mark, "receivers": receivers}


def _csv(to: Numbers, words: str, mark: str) -> Json:
    names = {"template_name": "order_update", "broadcast_name": mark}
    return {**names, "whatsapp_numbers_csv": f"{words}.csv"}


def _pdf(to: Numbers, words: str) -> str:
    return f"%PDF-1.4\n{words}\n"


def _records(to: Numbers, words: str) -> str:
    return "Phone,name,ordernumber\n" + "".join(f"{number},{words},12345\n" for number in to)


KINDS = {
    "text": Kind(("send_session_message",), 1, SESSION, _text),
    "file": Kind(("send_session_file",), 1, SESSION, _file, ".pdf", _pdf),
    "buttons": Kind(("send_interactive_buttons_message",), 1, SESSION, _buttons),
    "list": Kind(("send_interactive_list_message",), 1, SESSION, _list),
    "template": Kind(("send_template_message", "send_template_message_v2"), 1, TEMPLATE, _template),
    "bulk": Kind(("send_template_messages", "send_template_messages_v2"), 3, TEMPLATE, _bulk),
    "CSV": Kind(("send_template_message_csv",), 3, TEMPLATE, _csv, ".csv", _records),
}
MARKED = ("text", "template", "bulk", "CSV")  # whose rows in the log show the mark
