"""What each receiver of a send gets. The journal recognizes a repeat by it, and check_send looks for it.

The same words to the same customer are the same message, whichever script sends them (v1, v2, bulk or CSV)
and whatever their label (`broadcast_name`) is.
"""

from __future__ import annotations

from wati.contract.checks import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from wati.contract.call import Call

# Seconds within which the same message counts as a repeat. A person may well say "ok" again after a minute;
# the same template within ten minutes is a mistake.
SESSION_SECONDS = 60
TEMPLATE_SECONDS = 600
MENTION_SECONDS = 86400  # for which a dry run mentions the same message: the user may have forgotten it

# WATI's lists lag behind a send (reported). A message not listed after this long counts as not sent.
LAG_SECONDS = 120.0

# What the journal knows about a message. It starts as `open`. If the process is killed, it stays open: it may
# or may not have gone out. `unpaired`: the answer named others instead, and one may be this receiver. `sent`
# and `not_seen` are what check_send found in the conversation. `unclear`: it could not tell, and looking
# again would not help, so a person has to decide. `presumed`: some receivers of a bulk send were looked at
# and got it, and this one was not looked at.
UNRESOLVED = ("open", "unknown", "unpaired", "unclear")
DELIVERING = ("accepted", "sent", "presumed")


class Message:
    """One receiver's message.

    `at`: the receiver's place in the arguments. `kind`: text, file, interactive or template.
    `parts`: what the message consists of, by name. `name`: the name of the template.
    """

    __slots__ = ("at", "kind", "name", "parts", "receiver")  # a CSV can have a hundred thousand of them

    def __init__(self, at: str, receiver: str, kind: str, parts: dict[str, str], *, name: str = "") -> None:
        self.at = at
        self.receiver = receiver
        self.kind = kind
        self.parts = parts
        self.name = name


# Characters that nobody sees (Unicode's Default_Ignorable_Code_Point), except for the tag letters behind the
# black flag, which make it another flag, and for the joiner, which may make one picture of several.
_UNSEEN = (
    "(\U0001f3f4[\U000e0020-\U000e007f]+)|[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_PICTURE = "[\u203c-\u2bff\U0001f000-\U0001faff]"
_IDLE_JOINER = f"\u200d(?!{_PICTURE})|(?<!{_PICTURE})\u200d"


def normalized(text: str) -> str:
    """The text in the form that is compared.

    Systems on the way change white space, the Unicode form of letters and characters that nobody sees; a
    customer sees no difference. In a word, a joiner is spelling, and two spellings are one message.
    """
    if not text.isascii():
        import re
        import unicodedata

        text = unicodedata.normalize("NFC", re.sub(_IDLE_JOINER, "", re.sub(_UNSEEN, r"\1", text)))
    return " ".join(text.split())


def repeat_seconds(kind: str) -> int:
    """How long a message of this kind must not be sent again."""
    return TEMPLATE_SECONDS if kind == "template" else SESSION_SECONDS


def text(call: Call) -> list[Message]:
    return _session(call, "text", {"text": call.arguments["messageText"]})


def interactive(call: Call) -> list[Message]:
    """A conversation shows only the body; the rest distinguishes two menus with the same body."""
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
