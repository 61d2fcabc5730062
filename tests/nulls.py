"""What null means for an optional argument that does not narrow its call: that it is not given."""

from __future__ import annotations

from typing import Any

_PAGE = ("pageSize", "pageNumber")
_HEADER = ("header", "header.text", "header.media", "header.media.fileName", "footer")

# By script; paths as in Endpoint.narrows, which has the others.
ABSENT_IF_NULL = {
    "add_contact": ("name", "customParams", "sourceType"),
    "brief": ("closing",),
    "campaign_status": ("look",),
    "check_send": ("look",),
    "conversation": ("ids",),
    "wait_for_reply": ("until",),
    "needs_reply": ("closing", "include_bots"),
    "opt_out": ("list",),
    "create_connection": ("method",),
    "plan_campaign": (
        *("audience.contacts", "audience.csv", "audience.receivers", "audience.receivers[].customParams"),
        *("audience.receivers[].name", "broadcast_name", "parameters"),
    ),
    "probe": ("limits",),
    "get_contacts": _PAGE,
    "get_message_templates": _PAGE,
    "get_messages": _PAGE,
    "send_interactive_buttons_message": _HEADER,
    "send_interactive_list_message": ("header", "footer", "sections[].rows[].description"),
    "send_session_file": ("caption",),
    "send_session_message": ("replyContextId", "localMessageId"),
    "send_template_messages_v2": ("receivers[].localMessageId",),
}


def meant(name: str, value: Any) -> Any:
    """The arguments that a script reads where these are given."""
    if isinstance(value, dict) and all(member is None for member in value.values()):
        return {}
    return _without(name, value, "")


def _without(name: str, value: Any, path: str) -> Any:
    if isinstance(value, list):
        return [_without(name, item, f"{path}[]") for item in value]
    if not isinstance(value, dict):
        return value
    paths = {member: f"{path}.{member}".lstrip(".") for member in value}
    return {
        member: _without(name, inner, paths[member])
        for member, inner in value.items()
        if inner is not None or paths[member] not in ABSENT_IF_NULL.get(name, ())
    }
