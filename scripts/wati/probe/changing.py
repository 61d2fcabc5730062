"""The questions that change something at Maton, or one's own contact. None brings a message."""

from __future__ import annotations

from wati.probe.question import ATTRIBUTE, NO_ID, NOTHING, V1, Question, change, read
from wati.probe.reading import CONTACTS, MESSAGES

ADD, UPDATE = f"{V1}/addContact", f"{V1}/updateContactAttributes"
ASSIGN = f"{V1}/assignOperator"
_EXISTING = "add_contact: an existing contact is changed"
_ONCE = {"customParams": [{"name": ATTRIBUTE, "value": "1"}]}
_OVER = {"customParams": [{"name": ATTRIBUTE, "value": "2"}]}
_NOT = {"customParams": [{"name": ATTRIBUTE, "value": ""}]}
_REWRITTEN = "add_contact: a number of Mexico, Argentina or Brazil"
_TYPES = "every call: an argument's wrong type or length"

CHANGING = (
    Question(
        "wrong_verb_at_maton",
        "every call: an unknown path is 404",
        "PUT",
        "/connections",
        kind="change",
        json={},
        whole=False,
    ),
    change(
        "wrong_verb",
        "every call: a wrong verb on a WATI path",
        f"{CONTACTS}?pageSize=1",
        json={},
        parts=("status",),
    ),
    change("create_nothing", "create_connection: needs an app", "/connections", json={}),
    change(
        "create_connection",
        "create_connection: needs an app",
        "/connections",
        json={"app": "wati"},
        learns="created",
    ),
    Question(
        "delete_connection",
        "delete_connection: answers {}",
        "DELETE",
        "/connections/{created}",
        kind="change",
        undoes="create_connection",
    ),
    Question(
        "delete_unknown", "delete_connection: answers {}", "DELETE", f"/connections/{NOTHING}", kind="change"
    ),
    change(
        "add",
        "add_contact: answers result, info and the contact",
        f"{ADD}/{{own}}",
        json=_ONCE,
        needs=("a_number_with_whatsapp",),
    ),
    change(
        "add_again",
        _EXISTING,
        f"{ADD}/{{own}}",
        json=_ONCE,
        needs=("a_number_with_whatsapp",),
        notes=("same_contact add",),
        whole=False,
    ),
    change(
        "add_without_whatsapp",
        "add_contact: a number without WhatsApp",
        f"{ADD}/{{own}}",
        json=_ONCE,
        needs=("a_number_without_whatsapp",),
    ),
    change(
        "add_rewritten",
        _REWRITTEN,
        f"{ADD}/{{own}}",
        json=_ONCE,
        needs=("a_number_with_several_spellings",),
        notes=("number contact.wAid",),
        whole=False,
    ),
    change(
        "add_with_plus", "every call: a number with a plus sign", f"{ADD}/%2B{{own}}", json=_ONCE, whole=False
    ),
    change(
        "add_not_json",
        _TYPES,
        f"{ADD}/{{own}}",
        json=_ONCE,
        headers={"Content-Type": "text/plain"},
        parts=("status",),
        whole=False,
    ),
    change("add_wrong_type", _TYPES, f"{ADD}/{{own}}", json={"name": 1}, whole=False),
    change("update", "update_contact_attributes: overwrites", f"{UPDATE}/{{own}}", json=_OVER, whole=False),
    change(
        "update_unknown",
        "update_contact_attributes: overwrites",
        f"{UPDATE}/{NO_ID}",
        json=_OVER,
        whole=False,
    ),
    change(
        "assign_unknown",
        "assign_operator: an unknown operator",
        f"{ASSIGN}?email={NOTHING}%40example.com&whatsappNumber={{own}}",
        whole=False,
    ),
    change("assign_nobody", "assign_operator: without an email", ASSIGN, parts=("status",), whole=False),
    read("own_messages", "", f"{MESSAGES}/{{own}}?pageSize=100&pageNumber=1", learns="own_conversation"),
)

UNDOING = (change("undo_attribute", "", f"{UPDATE}/{{own}}", json=_NOT, undoes="update"),)
