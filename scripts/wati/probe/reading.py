"""The questions that only read."""

from __future__ import annotations

from wati.probe.question import NO_ID, NO_NUMBER, NOTHING, V1, read

CONTACTS = f"{V1}/getContacts"
MESSAGES = f"{V1}/getMessages"
TEMPLATES = f"{V1}/getMessageTemplates"
MEDIA = f"{V1}/getMedia"
ONE = f"{CONTACTS}?pageSize=1&pageNumber=1"

_WORDS = "every call: exact words and type of Maton's errors"
_KEY = "every call: a bearer key is needed"
_PATH = "every call: an unknown path is 404"
_CONNECTION = "every call: an unknown, PENDING or FAILED Maton-Connection"
_NOT_EMULATED = "every call: an unknown path under /wati/"
_LIST = "list_connections: newest first; all of them without a limit"
_BINDING = "every call: an argument's wrong type or length"
_PAGES = "get_contacts: 100 to a page unless given"
_ORDER = "get_contacts: sorted by lastUpdated"
_FILTER = "get_contacts: all attribute entries must match"
_NEXT = "get_contacts: nextPage is an address"
_TARGET = "every call: a target is a number of digits"
_ROWS = "get_messages: the envelope"
_WRONG_KEY = {"Authorization": f"Bearer {NOTHING}"}
_STATUS, _NOTES = ("status",), ("status", "notes")

MATON = (
    read("no_key", _KEY, "/connections?app=wati", headers={"Authorization": None}),
    read("wrong_key", _KEY, "/connections?app=wati", headers=_WRONG_KEY),
    read("wrong_key_to_wati", _WORDS, ONE, headers=_WRONG_KEY, whole=False),
    read("unknown_path", _PATH, f"/{NOTHING}", whole=False),
    read("unknown_app", "every call: an unknown app name", f"/{NOTHING}/api/v1/x", parts=_STATUS),
    read(
        "connections",
        "list_connections: members of a connection",
        "/connections?app=wati",
        learns="connections",
        whole=False,
    ),
    read("connections_order", _LIST, "/connections?app=wati", notes=("order creation_time",)),
    read("connections_no_limit", _LIST, "/connections?app=wati&limit=0"),
    read("connections_one", _LIST, "/connections?app=wati&limit=1", notes=("count 1",)),
    read("connections_bad_status", _PATH, f"/connections?app=wati&status={NOTHING}", whole=False),
    read("connection", "get_connection: members, without method", "/connections/{connection}"),
    read(
        "connection_unknown", "get_connection: an unknown id is 404", f"/connections/{NOTHING}", parts=_STATUS
    ),
    read("over_unknown", _CONNECTION, ONE, headers={"Maton-Connection": NOTHING}),
    read("over_pending", _CONNECTION, ONE, headers={"Maton-Connection": "{a_pending_connection}"}),
    read("over_failed", _CONNECTION, ONE, headers={"Maton-Connection": "{a_failed_connection}"}),
    read(
        "over_unknown_words",
        "every call: the message of a 400 about a connection",
        ONE,
        headers={"Maton-Connection": NOTHING},
    ),
    read("unknown_wati_path", _NOT_EMULATED, f"{V1}/{NOTHING}", whole=False),
    read("v3", _NOT_EMULATED, "/wati/api/ext/v3/contacts/count", whole=False),
    read(
        "clock",
        "every call: Date is the world's time",
        f"{TEMPLATES}?pageSize=1&pageNumber=1",
        parts=("notes", "headers"),
        notes=("clock",),
    ),
)

WATI = (
    read(
        "contacts",
        "get_contacts: members of a contact",
        f"{CONTACTS}?pageSize=3&pageNumber=1",
        learns="contact",
    ),
    read("contacts_envelope", "get_contacts: result is the text", ONE, whole=False),
    read(
        "contacts_order",
        _ORDER,
        f"{CONTACTS}?pageSize=20&pageNumber=1",
        notes=("order lastUpdated",),
        whole=False,
    ),
    read("contacts_no_page", _PAGES, CONTACTS, notes=("at_most 100",)),
    read(
        "contacts_page_zero",
        _PAGES,
        f"{CONTACTS}?pageSize=3&pageNumber=0",
        parts=("status", "body", "notes"),
        notes=("same contacts",),
    ),
    read("contacts_size_zero", _PAGES, f"{CONTACTS}?pageSize=0&pageNumber=1"),
    read(
        "contacts_largest",
        _PAGES,
        f"{CONTACTS}?pageSize=101&pageNumber=1",
        notes=("at_most 100", "page_size"),
    ),
    read("contacts_next", _NEXT, ONE, notes=("next_page",)),
    read(
        "contacts_beyond", _NEXT, f"{CONTACTS}?pageSize=100&pageNumber=2000000", notes=("count", "next_page")
    ),
    read("contacts_not_a_number", _BINDING, f"{CONTACTS}?pageSize={NOTHING}", whole=False),
    read("contacts_bad_filter", _FILTER, f"{CONTACTS}?pageSize=1&attribute={NOTHING}", whole=False),
    read(
        "contacts_bad_operator",
        _FILTER,
        f"{CONTACTS}?pageSize=1&attribute=%5B%7B%22name%22%3A%22{NOTHING}%22%2C%22operator%22%3A%22{NOTHING}%22%2C%22value%22%3A%22x%22%7D%5D",
        whole=False,
    ),
    read("contacts_bad_date", _BINDING, f"{CONTACTS}?pageSize=1&createdDate={NOTHING}", whole=False),
    read(
        "contacts_part_of_a_name",
        "get_contacts: name is a part of the name",
        f"{CONTACTS}?pageSize=1&name={{part_of_a_name}}",
        notes=("count",),
    ),
    read(
        "contacts_total",
        "get_contacts: total counts",
        f"{CONTACTS}?pageSize=100&pageNumber=1&name={{part_of_a_name}}",
        notes=("total",),
    ),
    read(
        "contacts_case",
        "every call: case of query names",
        f"{CONTACTS}?PAGESIZE=3&pagenumber=1",
        notes=("same contacts",),
        whole=False,
    ),
    read(
        "contacts_default_connection",
        "every call: without Maton-Connection",
        f"{CONTACTS}?pageSize=3&pageNumber=1",
        headers={"Maton-Connection": None},
        notes=("same contacts",),
        whole=False,
    ),
    read(
        "contacts_of_another",
        "every call: another connection leads",
        f"{CONTACTS}?pageSize=3&pageNumber=1",
        headers={"Maton-Connection": "{another_connection}"},
        notes=("same contacts",),
        whole=False,
    ),
    read(
        "messages",
        _ROWS,
        f"{MESSAGES}/{{contact}}?pageSize=100&pageNumber=1",
        learns="conversation",
        whole=False,
    ),
    read(
        "messages_order",
        _ROWS,
        f"{MESSAGES}/{{contact}}?pageSize=20&pageNumber=1",
        notes=("order created",),
        whole=False,
    ),
    read(
        "messages_total",
        "get_messages: total counts",
        f"{MESSAGES}/{{contact}}?pageSize=100&pageNumber=1",
        notes=("total",),
    ),
    read("messages_page_zero", _PAGES, f"{MESSAGES}/{{contact}}?pageSize=3&pageNumber=0"),
    read(
        "messages_beyond",
        _NEXT,
        f"{MESSAGES}/{{contact}}?pageSize=100&pageNumber=1000000",
        notes=("count", "next_page"),
    ),
    read(
        "messages_of_nobody",
        "get_messages: an unknown contact",
        f"{MESSAGES}/{NO_NUMBER}?pageSize=1&pageNumber=1",
    ),
    read("messages_of_no_id", _TARGET, f"{MESSAGES}/{NO_ID}?pageSize=1&pageNumber=1", whole=False),
    read(
        "messages_by_id",
        _TARGET,
        f"{MESSAGES}/{{contact_id}}?pageSize=1&pageNumber=1",
        parts=_STATUS,
        whole=False,
    ),
    read(
        "messages_with_plus",
        "every call: a number with a plus sign",
        f"{MESSAGES}/%2B{{contact}}?pageSize=1&pageNumber=1",
        whole=False,
    ),
    read(
        "messages_unknown_channel",
        "every call: an unknown number of the account",
        f"{MESSAGES}/{{contact}}?pageSize=1&pageNumber=1&channelPhoneNumber={NO_NUMBER}",
        whole=False,
    ),
    read(
        "templates",
        "get_message_templates: the members of a template",
        f"{TEMPLATES}?pageSize=100&pageNumber=1",
        learns="templates",
        whole=False,
    ),
    read("templates_page_zero", _PAGES, f"{TEMPLATES}?pageSize=3&pageNumber=0"),
    read("media", "get_media: takes the full path", f"{MEDIA}?fileName={{file}}"),
    read(
        "media_missing",
        "get_media: a missing file is 404",
        f"{MEDIA}?fileName=data/images/00000000-0000-4000-8000-000000000000.jpg",
    ),
    read("media_of_nothing", _WORDS, MEDIA, whole=False),
)

# Last, because the next calls of everyone who uses the account would be rejected, too.
LIMITS = (
    read(
        "too_many",
        "every call: the body and the Retry-After of a 429",
        ONE,
        needs=("limits_true",),
        parts=("status", "headers", "body"),
        times=12,
        whole=False,
    ),
)
