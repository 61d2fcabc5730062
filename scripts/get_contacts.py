#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""List contacts, the last changed first. Filters: name, attribute, date."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import checks, objects, omissions, verdicts
from wati.contract.endpoint import LISTING, PAGE, Endpoint

ENDPOINT = Endpoint(
    name="get_contacts",
    method="GET",
    path="/wati/api/v1/getContacts",
    query=("pageSize", "pageNumber", "name", "attribute", "createdDate"),
    defaults=PAGE,
    effect="read",
    verdict=verdicts.listing("contact_list"),
    items="contact_list",
    members=(
        *("id", "wAid", "firstName", "fullName", "phone", "source", "contactStatus", "photo", "created"),
        *("customParams", "customParams.name", "customParams.value", "optedIn", "isDeleted", "lastUpdated"),
        *("allowBroadcast", "allowSMS", "teamIds", "isInFlow", "lastFlowId", "currentFlowNodeId"),
        "selectedHubspotId",
    ),
    omits={**omissions.omit("result link"), **omissions.inside("contact_list", objects.CONTACT)},
    by_change=True,
    columns=(
        *("id", "wAid", "fullName", "firstName", "phone", "contactStatus", "created", "lastUpdated"),
        *("optedIn", "allowBroadcast", "source"),
    ),
    attributes="customParams",
    flags=LISTING,
    narrows=("name", "attribute", "attribute[].value", "createdDate"),
    checks=(checks.operators_have_values, checks.real_date("createdDate")),
    customer_text=("contact_list",),
    preflight=("connection",),
)

if __name__ == "__main__":
    main(ENDPOINT)
