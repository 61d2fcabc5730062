#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List message templates with their status and parameters."""

import os
import sys

if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path.insert(0, here)
    # OpenClaw does not update an installed skill whose folder has changed: no bytecode there.
    sys.dont_write_bytecode |= os.path.isdir(os.path.join(here, "..", ".clawhub"))

from wati import hidden, verdicts
from wati.endpoint import LISTING, PAGE, Endpoint, run

# Of each template: what no call takes (a send names it by elementName), and what nearly every one has.
TEMPLATE = {
    **hidden.all_of("id lastModified"),
    **hidden.all_of("type", hidden.where_it_is("template")),
    **hidden.all_of("language.text", hidden.where_same_as("key")),
    **hidden.all_of("body", hidden.where_same_as("bodyOriginal")),
    **hidden.all_of("buttons", hidden.where_it_is([])),
    **hidden.all_of("buttonsType", hidden.where_it_is("none")),
}

ENDPOINT = Endpoint(
    name="get_message_templates",
    method="GET",
    path="/wati/api/v1/getMessageTemplates",
    query=("pageSize", "pageNumber"),
    defaults=PAGE,
    effect="read",
    verdict=verdicts.listing("messageTemplates"),
    items="messageTemplates",
    members=(
        *("id", "elementName", "category", "status", "language", "language.value", "type", "lastModified"),
        *("customParams", "customParams.paramName", "customParams.paramValue", "header", "body"),
        *("bodyOriginal", "footer", "buttons", "buttonsType", "hsm", "hsmOriginal"),
    ),
    hides={
        **hidden.all_of("result link"),
        **hidden.inside("messageTemplates", TEMPLATE),
    },
    columns=(
        "id",
        "elementName",
        "status",
        "category",
        "type",
        "bodyOriginal",
        "footer",
        "lastModified",
    ),
    flags=LISTING,
    preflight=("connection",),
)

if __name__ == "__main__":
    run(ENDPOINT)
