"""Who wants no more messages: who asked for it, and who is marked as having done so. Pure.

All of a message has to be one of these words, but for case and punctuation. They are those that people use to
opt out, in the languages that businesses on WhatsApp use most (our choice). That WATI acts on any of them is
not documented, so they only make a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.reads.matching import words

if TYPE_CHECKING:
    Row = dict[str, Any]

ATTRIBUTE = "opted_out"  # of a contact
MARK, NO_MARK = "true", "false"  # WATI has no call that deletes an attribute
_UNMARKED = ("", "false", "no", "0")

_WORDS = {
    "English": "stop|stop all|stopall|unsubscribe|opt out|optout|cancel|quit|end|remove me|stop promotions",
    "Spanish": "baja|parar|detener|cancelar|dar de baja|darme de baja|no molestar|desuscribir",
    "Portuguese": "pare|parar|sair|cancelar|descadastrar|remover|quero sair",
    "Indonesian and Malay": "berhenti|stop|batal|hentikan|keluar|henti",
    "Hindi": "रोकें|बंद करो|बंद करें|रुको|band karo|band kare|roko",
    "Arabic": "توقف|إيقاف|قف|إلغاء|إلغاء الاشتراك",
    "Urdu": "بند کریں|بند کرو|روکیں",
    "German": "stopp|stop|abmelden|abbestellen|aufhören|keine nachrichten mehr",
    "French": "arrêt|arrêter|arrêtez|stop|désabonner|désinscrire|me désabonner",
    "Italian": "basta|ferma|annulla|cancellami|disiscrivi|disiscrivimi",
    "Turkish": "dur|durdur|iptal|\u00e7\u0131k\u0131\u015f",
    "Russian": "стоп|отписаться|отписка|отмена|хватит",
    "Dutch": "stop|stoppen|afmelden|uitschrijven",
    "Hebrew": "הסר|הפסק|עצור|להסרה",
    "Swahili": "acha|simama|ondoa",
    "Chinese": "停止|退订|取消订阅|退訂|取消訂閱",
}
_ASKED = {" ".join(words(each)) for listed in _WORDS.values() for each in listed.split("|")}
_LONGEST = 60  # characters; a longer message says more than one of these


def asks_to_stop(text: object) -> bool:
    return isinstance(text, str) and len(text) <= _LONGEST and " ".join(words(text)) in _ASKED


def is_marked(contact: Row, attribute: str = ATTRIBUTE) -> bool:
    """Whether the contact has the attribute, and opted out by it."""
    params = contact.get("customParams")
    wanted = attribute.strip().casefold()
    return any(
        isinstance(name := param.get("name"), str)
        and name.strip().casefold() == wanted
        and is_opted_out(param.get("value"))
        for param in (params if isinstance(params, list) else [])
        if isinstance(param, dict)
    )


def is_opted_out(value: object) -> bool:
    """Whether the value of the attribute says so."""
    return _value(value) not in _UNMARKED


def _value(value: Any) -> str:
    return "" if value is None else str(value).strip().casefold()
