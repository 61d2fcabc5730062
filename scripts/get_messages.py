#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List the rows of one conversation, newest first: messages, broadcasts and ticket events."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import objects, omissions, verdicts
from wati.contract.endpoint import LISTING, PAGE, Endpoint
from wati.contract.failures import NO_CONVERSATION

ENDPOINT = Endpoint(
    name="get_messages",
    method="GET",
    path="/wati/api/v1/getMessages/{whatsappNumber}",
    query=("pageSize", "pageNumber", "channelPhoneNumber"),
    defaults=PAGE,
    narrows=("channelPhoneNumber",),
    effect="read",
    verdict=verdicts.listing("messages.items"),
    items="messages.items",
    members=(
        *("id", "eventType", "created", "timestamp", "owner", "text", "type", "data", "statusString"),
        *("failedDetail", "operatorName", "assignedId", "localMessageId", "avatarUrl", "conversationId"),
        *("ticketId", "replySourceMessage", "messageReferral", "contacts", "referenceOrderId"),
        *("messageProducts", "orderProducts", "interactiveData", "orderDetailsViewModel"),
        *("eventDescription", "finalText", "template", "template.elementName", "mediaHeaderLink"),
        *("actor", "assignee", "topicName"),
    ),
    omits={
        **omissions.omit("result link"),
        **omissions.inside(
            "messages", omissions.omit("pageNumber pageSize convCount total grandTotal orderBy")
        ),
        **omissions.inside("messages", omissions.omit("lastId sortBy filters allowFilters search")),
        **omissions.inside("messages.items", objects.MESSAGE),
    },
    columns=(
        *("id", "created", "eventType", "type", "owner", "operatorName", "statusString", "text"),
        *("finalText", "eventDescription", "data", "failedDetail"),
    ),
    flags=LISTING,
    customer_text=("messages.items",),
    silent_rejection=NO_CONVERSATION,
    preflight=("connection",),
)

if __name__ == "__main__":
    main(ENDPOINT)
