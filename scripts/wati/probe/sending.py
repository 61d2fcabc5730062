"""The questions that may bring a message to one's own number. Most are rejected, if the sandbox is right."""

from __future__ import annotations

from wati.probe.known import VALUE
from wati.probe.question import NOTHING, V1, V2, send

TEXT, FILE = f"{V1}/sendSessionMessage/{{own}}", f"{V1}/sendSessionFile/{{own}}"
BUTTONS, LIST = f"{V1}/sendInteractiveButtonsMessage", f"{V1}/sendInteractiveListMessage"
ONE, MANY = f"{V1}/sendTemplateMessage", f"{V1}/sendTemplateMessages"
ONE_V2, MANY_V2 = f"{V2}/sendTemplateMessage", f"{V2}/sendTemplateMessages"
CSV = f"{V1}/sendTemplateMessageCSV"
TO_OWN = "?whatsappNumber={own}"
BROADCAST = "wati_probe"
_OPEN, _CLOSED = ("an_open_window",), ("a_closed_window",)
_PDF = "%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n"
_FRAME = "send_interactive_buttons_message: "
_TITLES = f"{_FRAME}two buttons with the same title"
_ANSWER = f"{_FRAME}the answers' form"
_UNKNOWN = "send_template_message: an unknown or unapproved template"
_NO_WHATSAPP = "send_template_message: a number without WhatsApp"
_COLUMNS = "send_template_message_csv: a file with a missing column"
_V2_FAILS = "send_template_message_v2: a receiver can fail"


def _menu(body: str = VALUE, titles: tuple[str, ...] = ("one", "two")) -> dict[str, object]:
    return {"body": body, "buttons": [{"text": title} for title in titles]}


def _listed(*titles: str) -> dict[str, object]:
    rows = [{"title": title, "description": ""} for title in titles]
    return {
        "header": "",
        "body": VALUE,
        "footer": "",
        "buttonText": "open",
        "sections": [{"title": "wati", "rows": rows}],
    }


def _named(parameters: object, template: str = "{template}") -> dict[str, object]:
    return {"template_name": template, "broadcast_name": BROADCAST, "parameters": parameters}


def _several(parameters: str, template: str = "{template}") -> dict[str, object]:
    receivers = [{"whatsappNumber": "{own}", "customParams": parameters}]
    return {"template_name": template, "broadcast_name": BROADCAST, "receivers": receivers}


def _csv(header: str, row: str = "") -> tuple[str, str, str, str]:
    return (
        "whatsapp_numbers_csv",
        "probe.csv",
        "text/csv",
        f"{header}\r\n{row}\r\n" if row else f"{header}\r\n",
    )


SESSION = (
    send("text_as_json", "send_session_message: a JSON body", TEXT, json={"messageText": VALUE}),
    send(
        "text_empty",
        "every call: exact words and type of Maton's errors",
        TEXT,
        form={"messageText": " "},
        whole=False,
    ),
    send("text", "send_session_message: the answer's form", TEXT, form={"messageText": VALUE}, needs=_OPEN),
    send(
        "text_closed",
        "send_session_message: outside the window",
        TEXT,
        form={"messageText": VALUE},
        needs=_CLOSED,
    ),
    send(
        "text_too_long",
        "send_session_message: more than 4096",
        TEXT,
        form={"messageText": "x" * 4097},
        needs=_OPEN,
    ),
    send(
        "text_quotes_nothing",
        "send_session_message: what is quoted shows",
        f"{TEXT}?replyContextId={NOTHING}",
        form={"messageText": VALUE},
        needs=_OPEN,
        whole=False,
    ),
    send(
        "file",
        "send_session_file: the answers' form",
        FILE,
        file=("file", "probe.pdf", "application/pdf", _PDF),
        needs=_OPEN,
    ),
    send(
        "file_closed",
        "send_session_file: the answers' form",
        FILE,
        file=("file", "probe.pdf", "application/pdf", _PDF),
        needs=_CLOSED,
    ),
    send("buttons", _ANSWER, BUTTONS + TO_OWN, json=_menu(), needs=_OPEN, whole=False),
    send("buttons_closed", _ANSWER, BUTTONS + TO_OWN, json=_menu(), needs=_CLOSED, whole=False),
    send(
        "buttons_too_many",
        "send_interactive_buttons_message: the header as an object",
        BUTTONS + TO_OWN,
        json=_menu(titles=("1", "2", "3", "4")),
        whole=False,
    ),
    send(
        "buttons_too_long",
        "every call: an argument's wrong type or length",
        BUTTONS + TO_OWN,
        json=_menu(body="x" * 1025),
        whole=False,
    ),
    send("buttons_alike", _TITLES, BUTTONS + TO_OWN, json=_menu(titles=("one", "one")), whole=False),
    send("list", _ANSWER, LIST + TO_OWN, json=_listed("one", "two"), needs=_OPEN, whole=False),
    send("list_alike", _TITLES, LIST + TO_OWN, json=_listed("one", "one"), whole=False),
)

_WITH = ("a_number_with_whatsapp",)
_WITHOUT = ("a_number_without_whatsapp",)

TEMPLATE = (
    send("template_unknown", _UNKNOWN, ONE + TO_OWN, json=_named([], NOTHING.replace("-", "_"))),
    send("template_unsendable", _UNKNOWN, ONE + TO_OWN, json=_named([], "{a_template_that_is_not_approved}")),
    send(
        "template_without_number",
        "send_template_message: a number that is only in the body",
        ONE,
        json={**_named("{parameters}"), "whatsappNumber": "{own}"},
    ),
    send(
        "template_too_few",
        "send_template_message: a missing, misnamed or blank",
        ONE + TO_OWN,
        json=_named("{one_parameter_less}"),
        whole=False,
    ),
    send(
        "template_blank",
        "send_template_message: a missing, misnamed or blank",
        ONE + TO_OWN,
        json=_named("{a_blank_parameter}"),
        whole=False,
    ),
    send(
        "template",
        "send_template_message: the answer's form",
        ONE + TO_OWN,
        json=_named("{parameters}"),
        needs=_WITH,
    ),
    send(
        "template_too_many",
        "send_template_message: a parameter that the template does not have",
        ONE + TO_OWN,
        json=_named("{one_parameter_more}"),
        needs=_WITH,
        whole=False,
    ),
    send(
        "template_rewritten",
        "add_contact: a number of Mexico, Argentina or Brazil",
        ONE + TO_OWN,
        json=_named("{parameters}"),
        needs=("a_number_with_several_spellings", *_WITH),
        notes=("number phone_number",),
        whole=False,
    ),
    send(
        "template_no_whatsapp",
        _NO_WHATSAPP,
        ONE + TO_OWN,
        json=_named("{parameters}"),
        needs=_WITHOUT,
        whole=False,
    ),
    send(
        "templates_to_nobody",
        'send_template_messages: "There are no valid Receivers"',
        MANY,
        json={**_several("{parameters}"), "receivers": []},
    ),
    send(
        "templates_blank",
        "send_template_messages: which numbers and parameters",
        MANY,
        json=_several("{a_blank_parameter}"),
        whole=False,
    ),
    send(
        "templates_no_whatsapp",
        "send_template_messages: which numbers and parameters",
        MANY,
        json=_several("{parameters}"),
        needs=_WITHOUT,
        whole=False,
    ),
    send(
        "template_v2",
        "send_template_message_v2: the answer's form",
        ONE_V2 + TO_OWN,
        json=_named("{parameters}"),
        needs=_WITH,
    ),
    send(
        "template_v2_too_few",
        "send_template_message_v2: a missing parameter",
        ONE_V2 + TO_OWN,
        json=_named("{one_parameter_less}"),
        needs=_WITH,
        whole=False,
    ),
    send("template_v2_no_whatsapp", _V2_FAILS, ONE_V2 + TO_OWN, json=_named("{parameters}"), needs=_WITHOUT),
    send(
        "templates_v2",
        "send_template_messages_v2: the answer has no parameters",
        MANY_V2,
        json=_several("{parameters}"),
        needs=_WITH,
    ),
    send(
        "csv_without_phone",
        _COLUMNS,
        f"{CSV}?template_name={{template}}&broadcast_name={BROADCAST}",
        file=_csv("Name", VALUE),
        whole=False,
    ),
    send(
        "csv_without_a_parameter",
        _COLUMNS,
        f"{CSV}?template_name={{template}}&broadcast_name={BROADCAST}",
        file=_csv("Name,Phone", "{own},{own}"),
        needs=("one_parameter_less",),
        whole=False,
    ),
    send(
        "csv_empty",
        _COLUMNS,
        f"{CSV}?template_name={{template}}&broadcast_name={BROADCAST}",
        file=_csv("Name,Phone"),
        whole=False,
    ),
)
