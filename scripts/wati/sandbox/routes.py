"""The one table of what is emulated: endpoint, verb, path, handler."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from . import broadcasts, connections, contacts, conversations, interactive, media
from .context import Context
from .wire import Answer

Handler = Callable[[Context], Answer]


@dataclass(frozen=True)
class Route:
    endpoint: str
    method: str
    path: str
    handler: Handler

    def target(self, path: str) -> str | None:
        """The decoded variable segment ("" if the route has none), or None for another route's path."""
        pattern = re.sub(r"\\\{\w+\\\}", "([^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return None if found is None else unquote(found[1]) if found.groups() else ""


V1, V2, NUMBER = "/wati/api/v1", "/wati/api/v2", "{whatsappNumber}"

ROUTES = (
    Route("list_connections", "GET", "/connections", connections.list_all),
    Route("create_connection", "POST", "/connections", connections.create),
    Route("get_connection", "GET", "/connections/{connection_id}", connections.get),
    Route("delete_connection", "DELETE", "/connections/{connection_id}", connections.delete),
    Route("get_contacts", "GET", f"{V1}/getContacts", contacts.get_contacts),
    Route("add_contact", "POST", f"{V1}/addContact/{NUMBER}", contacts.add),
    Route("update_contact_attributes", "POST", f"{V1}/updateContactAttributes/{NUMBER}", contacts.update),
    Route("get_messages", "GET", f"{V1}/getMessages/{NUMBER}", conversations.get_messages),
    Route("send_session_message", "POST", f"{V1}/sendSessionMessage/{NUMBER}", conversations.send_text),
    Route("send_session_file", "POST", f"{V1}/sendSessionFile/{NUMBER}", media.send_file),
    Route("get_message_templates", "GET", f"{V1}/getMessageTemplates", broadcasts.get_templates),
    Route("send_template_message", "POST", f"{V1}/sendTemplateMessage", broadcasts.send_one),
    Route("send_template_messages", "POST", f"{V1}/sendTemplateMessages", broadcasts.send_many),
    Route("send_template_message_csv", "POST", f"{V1}/sendTemplateMessageCSV", broadcasts.send_csv),
    Route("send_template_message_v2", "POST", f"{V2}/sendTemplateMessage", broadcasts.send_one_v2),
    Route("send_template_messages_v2", "POST", f"{V2}/sendTemplateMessages", broadcasts.send_many_v2),
    Route(
        "send_interactive_buttons_message",
        "POST",
        f"{V1}/sendInteractiveButtonsMessage",
        interactive.send_buttons,
    ),
    Route("send_interactive_list_message", "POST", f"{V1}/sendInteractiveListMessage", interactive.send_list),
    Route("assign_operator", "POST", f"{V1}/assignOperator", conversations.assign),
    Route("get_media", "GET", f"{V1}/getMedia", media.get_media),
)
