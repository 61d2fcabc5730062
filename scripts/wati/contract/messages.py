"""What each receiver of a send would get: what the journal remembers a send by, and a look-up finds it by.

Two scripts that would put the same words before the same customer make the same messages, whatever label
(`broadcast_name`) they carry: v1, v2, bulk and CSV are not told apart.
"""

from __future__ import annotations

from wati.contract.checks import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.call import Call

# Seconds for which the same message counts as a repetition: DESIGN, "Not twice". A person may well say "ok"
# again after a minute; the same template within ten is a mistake.
SESSION_SECONDS = 60
TEMPLATE_SECONDS = 600
TOLD_SECONDS = 86400  # for which a dry run tells of the same message: who says yes to it may have forgotten

# WATI's lists lag behind a send (reported): what is not there after this long is taken not to have been sent.
LAG_SECONDS = 120.0

# What the journal knows of one message. It starts as `open`; a process that is killed leaves it so, and then
# nobody knows whether it went out. `sent` and `not_seen` are what a look into the conversation said of it.
UNRESOLVED = ("open", "unknown")
DELIVERING = ("accepted", "sent")


class Message:
    """One receiver's message. `at`: where the receiver stands in the arguments; `kind`: text, file,
    interactive or template; `name`: the template's; `parts`: what it consists of, by name.
    """

    __slots__ = ("at", "kind", "name", "parts", "receiver")  # a CSV can have a hundred thousand

    def __init__(self, at: str, receiver: str, kind: str, parts: dict[str, str], *, name: str = "") -> None:
        self.at = at
        self.receiver = receiver
        self.kind = kind
        self.parts = parts
        self.name = name


def same_text(text: str) -> str:
    """The text as it is compared: systems on the way change white space and Unicode's several spellings of a
    letter, and a customer does not see them.
    """
    import unicodedata

    return " ".join(unicodedata.normalize("NFC", text).split())


def seconds_of(kind: str) -> int:
    """For how long a message of this kind must not be sent again."""
    return TEMPLATE_SECONDS if kind == "template" else SESSION_SECONDS


def text(call: Call) -> list[Message]:
    return _session(call, "text", {"text": call.arguments["messageText"]})


def interactive(call: Call) -> list[Message]:
    """The body is what a conversation shows; the rest tells two menus with the same body apart."""
    import json

    rest = {name: value for name, value in call.arguments.items() if name not in ("body", "whatsappNumber")}
    parts = {"text": call.arguments["body"], "rest": json.dumps(rest, sort_keys=True, ensure_ascii=False)}
    return _session(call, "interactive", parts)


def template(call: Call) -> list[Message]:
    """A template to one receiver."""
    return [_template(call, *call.receivers[0], call.arguments["parameters"])]


def templates(call: Call) -> list[Message]:
    """A template to several receivers, each with its own parameters."""
    values = [receiver["customParams"] for _, receiver in select(call.arguments, "receivers[]")]
    return [
        _template(call, at, receiver, own) for (at, receiver), own in zip(call.receivers, values, strict=True)
    ]


def _session(call: Call, kind: str, parts: dict[str, str]) -> list[Message]:
    at, receiver = call.receivers[0]
    return [Message(at, receiver, kind, parts)]


def _template(call: Call, at: str, receiver: str, parameters: list[dict[str, str]]) -> Message:
    parts = {parameter["name"]: parameter["value"] for parameter in parameters}
    return Message(at, receiver, "template", parts, name=call.arguments["template_name"])
