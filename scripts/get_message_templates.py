#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List message templates with their status and parameters."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import omissions, verdicts
from wati.contract.endpoint import LISTING, PAGE, Endpoint

# Left out of each template: what no call takes (a send uses elementName), and what is nearly always the same.
TEMPLATE = {
    **omissions.omit("id lastModified"),
    **omissions.omit("type", omissions.equal("template")),
    **omissions.omit("language.text language.key", omissions.beside("value")),
    **omissions.omit("body", omissions.same_as("bodyOriginal")),
    **omissions.omit("buttons customParams", omissions.equal([])),
    **omissions.omit("buttonsType", omissions.equal("none")),
}

ENDPOINT = Endpoint(
    name="get_message_templates",
    method="GET",
    path="/wati/api/v1/getMessageTemplates",
    query=("pageSize", "pageNumber", "channelPhoneNumber"),
    defaults=PAGE,
    narrows=("channelPhoneNumber",),
    effect="read",
    verdict=verdicts.listing("messageTemplates"),
    items="messageTemplates",
    members=(
        *("id", "elementName", "category", "status", "language", "language.value", "type", "lastModified"),
        *("customParams", "customParams.paramName", "customParams.paramValue", "header", "body"),
        *("bodyOriginal", "footer", "buttons", "buttonsType", "hsm", "hsmOriginal"),
    ),
    omits={**omissions.omit("result link"), **omissions.inside("messageTemplates", TEMPLATE)},
    columns=("id", "elementName", "status", "category", "type", "bodyOriginal", "footer", "lastModified"),
    flags=LISTING,
    preflight=("connection",),
)

if __name__ == "__main__":
    main(ENDPOINT)
