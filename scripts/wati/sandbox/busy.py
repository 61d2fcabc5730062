"""A busy inbox: 1,000 contacts, four operators, a bot, and a week of conversations and broadcasts.

It is what the default world has, and more. The same for everyone: invented by a random generator that always
begins alike. All people are invented; their numbers are next to the range reserved for fiction.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from . import world
from .formats import iso

CONTACTS = 1000
_FIRST_NUMBER = 14155600000
_HOUR = 3600.0
_WEEK = 7 * 24 * _HOUR
_NEW_OPERATORS = {"Nina Night": "nina@example.com", "Omar Orders": "omar@example.com"}
_OPERATORS = {"Alex Agent": "agent@example.com", "Sam Supervisor": "supervisor@example.com", **_NEW_OPERATORS}
_FIRST = ("Ada", "Bruno", "Carla", "Dmitri", "Eva", "Femi", "Gita", "Hugo", "Iris", "Jonas", "Kim", "Lea")
_LAST = ("Abe", "Berg", "Costa", "Diaz", "Ekman", "Fox", "Grau", "Haas", "Ito", "Joshi", "Klein", "Lund")
_CITIES = ("Lisboa", "Lagos", "Lima", "London", "Lyon", "Leeds")
_ASKED = (
    "Where is my order?",
    "Do you open on Sunday?",
    "I would like to change my address",
    "The parcel is damaged",
    "Can I pay by card?",
    "Thanks!",
    "STOP",
)
_SAID = ("Let me look that up for you.", "It leaves today.", "Yes, of course.", "Sorry about that!")
_BY_BOT = ("Thank you, a colleague will answer soon.", "Please choose: orders, opening hours, other.")
_API, _BOT = "API Token sandbox ", "Bot "
# How a conversation goes on after a customer's message: who writes next, the likelier the more often.
_NEXT = ("operator", "operator", "operator", "bot", "bot", "customer", "api", "nobody")
# (template, how many seconds ago, for each how many contacts it went to one)
_BROADCASTS = (("welcome", 6 * 24 * _HOUR, 3), ("order_update", 50 * _HOUR, 5), ("welcome", 20 * _HOUR, 7))


def seed(now: float) -> dict[str, Any]:
    """The seed of a busy world whose present is `now`."""
    chance = random.Random("a busy inbox")
    base = world.default(now)
    numbers = [str(_FIRST_NUMBER + index) for index in range(CONTACTS - len(base["contacts"]))]
    contacts = [_contact(chance, number, now) for number in numbers]
    rows = [row for number in numbers for row in _conversation(chance, number)]
    rows += [row for broadcast in _BROADCASTS for row in _broadcast(chance, numbers, *broadcast)]
    # Oldest first: of two rows of one time, the later one was written later.
    rows.sort(key=lambda row: -row["age"])
    operators = [{"email": email, "name": name} for name, email in _NEW_OPERATORS.items()]
    return {
        **base,
        "contacts": base["contacts"] + contacts,
        "messages": base["messages"] + rows,
        "operators": base["operators"] + operators,
    }


def _contact(chance: random.Random, number: str, now: float) -> dict[str, Any]:
    created = chance.uniform(_WEEK, 50 * _WEEK)
    return {
        "whatsappNumber": number,
        "name": f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
        "customParams": [{"name": "city", "value": chance.choice(_CITIES)}],
        "created": iso(now - created),
        "lastUpdated": iso(now - chance.uniform(0, created)),
    }


def _row(number: str, age: float, text: str, **more: Any) -> dict[str, Any]:
    return {"whatsappNumber": number, "age": age, "text": text, **more}


def _conversation(chance: random.Random, number: str) -> Iterator[dict[str, Any]]:
    """Some rows of one contact, from a customer's message on; of every second contact none."""
    age = chance.uniform(0, _WEEK)
    turn = chance.choice(("customer", "nobody"))
    while turn != "nobody" and age > 60:
        if turn == "customer":
            if chance.random() < 0.3:
                yield _assigned(chance, number, age)
            yield _row(number, age, chance.choice(_ASKED))
        else:
            name = {"bot": _BOT, "api": _API}.get(turn) or chance.choice(list(_OPERATORS))
            text = chance.choice(_BY_BOT if turn == "bot" else _SAID)
            status = chance.choice(("DELIVERED", "READ", "READ", "READ"))
            yield _row(number, age, text, owner=True, operatorName=name, statusString=status)
        # An answer within the hour, or a day later.
        age -= chance.choice((60.0, 900.0, _HOUR, 26 * _HOUR))
        turn = chance.choice(_NEXT) if turn == "customer" else chance.choice(("customer", "nobody"))


def _assigned(chance: random.Random, number: str, age: float) -> dict[str, Any]:
    email = chance.choice(list(_OPERATORS.values()))
    text = f"Chat is now assigned to {email}. Automation will not work unless it's assigned back to Bot"
    return _row(number, age, text, event="ticket", type=1)


def _broadcast(
    chance: random.Random, numbers: list[str], template: str, age: float, each: int
) -> Iterator[dict[str, Any]]:
    """A template to one in `each` contacts; some of them fail, and some answer."""
    for number in numbers[::each]:
        status = chance.choice(("DELIVERED", "READ", "READ", "FAILED"))
        detail = {"failedDetail": "131049"} if status == "FAILED" else {}
        yield _row(
            number, age, "News", event="broadcastMessage", template=template, statusString=status, **detail
        )
        if status == "READ" and chance.random() < 0.2:
            yield _row(number, age - chance.uniform(60, 9 * _HOUR), chance.choice(_ASKED))
