"""Which messages of a customer ask for no more messages: the whole message does, in one of many languages."""

from __future__ import annotations

import pytest

from wati.reads.opt_out import asks_to_stop

ASK = [
    *("STOP", " Stop!!", "stop all", "Opt-out", "unsubscribe.", "Remove me"),
    *(
        "Dar de baja",
        "¡Baja!",
        "Sair",
        "Quero sair.",
        "Berhenti",
        "बंद करो",
        "Band karo",
        "توقف",
        "إلغاء الاشتراك",
    ),
    *("بند کرو", "Abmelden", "Keine Nachrichten mehr!", "Arrêt", "ARRETEZ", "Basta.", "Cancellami", "İptal"),
    *("\u00e7\u0131k\u0131\u015f", "Стоп", "ОТПИСАТЬСЯ", "uitschrijven", "הסר", "Acha", "退订", "取消订阅。"),
]
DO_NOT = [
    "",
    "!",
    "Stop by tomorrow?",
    "Don't stop",
    "cancel my order",
    "end of the month",
    "st op",
    "basta pasta",
]


@pytest.mark.parametrize("text", ASK)
def test_it_asks_in_any_case_and_punctuation(text: str) -> None:
    assert asks_to_stop(text) and asks_to_stop(f"  {text} ")


@pytest.mark.parametrize("text", [*DO_NOT, None, 5, ["stop"]])
def test_whoever_says_more_or_something_else_does_not_ask(text: object) -> None:
    assert not asks_to_stop(text)


def test_a_longer_message_is_not_looked_at() -> None:
    assert asks_to_stop("stop" + "!" * 56) and not asks_to_stop("stop" + "!" * 57)
