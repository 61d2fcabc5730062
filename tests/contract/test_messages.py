"""What makes two sends the same message: what the customer gets, in any order and any spelling of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from wati.contract import messages
from wati.contract.call import Call

TO = [("$.whatsappNumber", "14155551234")]
MENU = {
    "whatsappNumber": "14155551234",
    "body": "Which one?",
    "buttons": [{"text": "A"}, {"text": "B"}],
    "footer": "Soon",
}


def call(arguments: dict[str, Any]) -> Call:
    return cast(Call, SimpleNamespace(arguments=arguments, receivers=TO))


def parts(arguments: dict[str, Any]) -> dict[str, str]:
    (message,) = messages.interactive(call(arguments))
    assert (message.at, message.receiver, message.kind, message.name) == (*TO[0], "interactive", "")
    return message.parts


def test_a_menu_is_its_body_and_its_choices_in_any_order_of_the_arguments() -> None:
    assert parts(MENU)["text"] == "Which one?" and parts(MENU).keys() == {"text", "rest"}
    assert parts(dict(reversed(MENU.items()))) == parts(MENU)
    assert parts({**MENU, "whatsappNumber": "5215512345678"}) == parts(MENU)
    assert parts({**MENU, "body": "Which?"})["rest"] == parts(MENU)["rest"]
    assert parts({**MENU, "buttons": [{"text": "B"}, {"text": "A"}]}) != parts(MENU)
    assert parts({**MENU, "footer": "Acme"}) != parts(MENU)


def test_each_receiver_of_a_template_gets_its_own_values() -> None:
    def values(**given: str) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in given.items()]

    def told(message: messages.Message) -> tuple[object, ...]:
        return message.at, message.receiver, message.kind, message.parts, message.name

    to = [("$.receivers[0]", "14155551234"), ("$.receivers[1]", "5215512345678")]
    own = [values(name="John", number="1"), values(name="Ann", number="2")]
    receivers = [
        {"whatsappNumber": number, "customParams": each} for (_, number), each in zip(to, own, strict=True)
    ]
    many = SimpleNamespace(arguments={"template_name": "order", "receivers": receivers}, receivers=to)
    assert [told(each) for each in messages.templates(cast(Call, many))] == [
        (*to[0], "template", {"name": "John", "number": "1"}, "order"),
        (*to[1], "template", {"name": "Ann", "number": "2"}, "order"),
    ]
    (one,) = messages.template(call({"template_name": "order", "parameters": own[0]}))
    assert told(one) == (*TO[0], "template", {"name": "John", "number": "1"}, "order")
    (text,) = messages.text(call({"messageText": "Hello"}))
    assert told(text) == (*TO[0], "text", {"text": "Hello"}, "")


@pytest.mark.parametrize(
    ("kind", "seconds"), [("template", 600), ("text", 60), ("file", 60), ("interactive", 60)]
)
def test_for_how_long_the_same_message_is_a_repeat(kind: str, seconds: int) -> None:
    assert messages.repeat_seconds(kind) == seconds


@pytest.mark.parametrize(
    ("text", "compared"),
    [
        (" two\n lines\t", "two lines"),
        ("caf\u0065\u0301 ", "caf\u00e9"),
        ("Zo\u00eb\u00a0\u200b!", "Zo\u00eb !"),
        ("a\u200db", "ab"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),  # one picture of two
        ("\U0001f468\u200d", "\U0001f468"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),  # a flag
        ("x\U000e0067", "x"),
    ],
)
def test_the_form_that_is_compared(text: str, compared: str) -> None:
    assert messages.normalized(text) == compared
