#!/usr/bin/env python3
# /// script
# requires-python = ">=3.10"
# dependencies = ["httpx>=0.28,<1", "jsonschema>=4.23,<5", "pyyaml>=6.0.2,<7"]
# ///
"""Mark a customer who wants no more messages, take the mark back, or list who is marked."""

import os
import sys

if __name__ == "__main__":  # wati/__init__.py says why
    sys.path.insert(0, os.path.dirname(__file__))
    sys.dont_write_bytecode |= os.path.isdir(os.path.dirname(__file__) + "/../.clawhub")

from wati.cli.command import main
from wati.contract import omissions, verdicts
from wati.contract.endpoint import Endpoint, Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.contract.call import Result
    from wati.contract.types import Arguments, Problem

SECONDS = 60.0
LIMIT = 100
LONGEST_NAME = 100
BLOCK_LIST = "WATI_BLOCKED_RECIPIENTS"
# By whether the mark is taken back, and whether the file has changed.
CHANGES = {
    (False, True): "added",
    (False, False): "listed already",
    (True, True): "removed",
    (True, False): "not listed",
}
STILL_BLOCKED = (
    "WATI_BLOCKED_RECIPIENTS still blocks this customer, by an entry that is not this number: ask the person "
    "who set it."
)
NO_FILE = "WATI_BLOCKED_RECIPIENTS names no file (@FILE), so scripts still send to this customer."
NOT_ALL = "Not all contacts were read: for the others, use a longer --timeout (up to 3600)."


def check_what(arguments: "Arguments") -> "Iterator[Problem]":
    """JSON Schema can say this only in a form that some hosts reject."""
    if arguments.get("list") and (arguments.get("take_back") or "whatsappNumber" in arguments):
        yield {"at": "$.list", "problem": "lists everyone; leave out whatsappNumber and take_back"}
    elif arguments.get("take_back") and "whatsappNumber" not in arguments:
        yield {"at": "$.whatsappNumber", "problem": "is missing; say whose mark is to be taken back"}
    elif arguments.get("list") is False and "whatsappNumber" not in arguments:
        yield {"at": "$.whatsappNumber", "problem": "is missing; say who is to be marked"}


def by_arguments(arguments: "Arguments") -> "Endpoint":
    """Without a number, nothing is changed. What is taken back has to be confirmed."""
    from wati.reads import opt_out

    if "whatsappNumber" not in arguments:
        return LISTING
    is_back = arguments.get("take_back") is True
    mark = {
        "name": arguments.get("attribute", opt_out.ATTRIBUTE),
        "value": opt_out.NO_MARK if is_back else opt_out.MARK,
    }
    own = {
        "defaults": {"customParams": [mark]},
        "confirms": "whatsappNumber" if is_back else "none",
        "flags": ("confirm",),
        "by_arguments": None,
    }
    return Helper(**{**vars(HELPER), **own})


def perform(context: "Context") -> "Result":
    """Change the block list and the attribute. Until both are done, sends stay blocked."""
    from wati.calls.perform import send
    from wati.contract.call import Result
    from wati.contract.failures import Failure

    use_known_number(context)
    number, is_back = context.call.arguments["whatsappNumber"], is_taken_back(context)
    if is_back:
        answer = send(context)
        listed, problem = change_list(context)
    else:
        listed, problem = change_list(context)
        # If the request fails, the document still says what was done before it.
        done = f"The file of {BLOCK_LIST} {problem}." if problem else f"{BLOCK_LIST}: {number} is {listed}."
        context.remarks += [done] if listed or problem else []
        answer = send(context)
        context.remarks = [remark for remark in context.remarks if remark != done]  # data says it
    if problem:
        message = f"The contact was changed, but the file of {BLOCK_LIST} was not: it {problem}."
        hint = "Fix the file with the user, then run it again: a repeat changes nothing more."
        problems = [{"at": BLOCK_LIST, "problem": problem}]
        raise Failure("bad_setup", message, hint=hint, outcome="accepted", problems=problems)
    (mark,) = context.call.endpoint.defaults["customParams"]
    added = {"whatsappNumber": number, "opted_out": not is_back, "attribute": mark["name"]}
    if listed:
        added["block_list"] = listed
    if (number in context.session.settings.blocked_recipients) == is_back:
        context.remarks.append(STILL_BLOCKED if is_back else NO_FILE)
    return Result(answer.json, added=added)


def is_taken_back(context: "Context") -> bool:
    return context.call.arguments.get("take_back") is True


def use_known_number(context: "Context") -> None:
    """Change the call to the spelling of the number under which WATI has the person, if there are several."""
    from wati.contract.failures import Failure
    from wati.contract.numbers import spellings

    number = context.call.arguments["whatsappNumber"]
    if len(spellings(number)) == 1:
        return
    try:
        _, name = context.inbox.either_conversation(number)
    except Failure:
        return  # the change itself shows what is wrong
    context.call = context.call.replace(arguments={**context.call.arguments, "whatsappNumber": name})


def change_list(context: "Context") -> "tuple[str, str]":
    """What became of the block list, and why it could not be changed; both "" if it is not in a file."""
    from functools import partial

    from wati.files import block_list
    from wati.files.download import reason
    from wati.wire import interrupts

    path = context.session.settings.block_list
    if not path:
        return "", ""
    try:
        changed = interrupts.defer(partial(block_list.change, path, edit_of(context)))
    except OSError as error:
        return "", f"cannot be written: {reason(error)}"
    except ValueError:
        return "", "is not UTF-8"
    return CHANGES[is_taken_back(context), changed], ""


def edit_of(context: "Context") -> "Callable[[str], str]":
    """What the block list's file becomes of what it holds."""
    from functools import partial

    from wati.files import block_list

    edit = block_list.without_receiver if is_taken_back(context) else block_list.with_receiver
    return partial(edit, receiver=context.call.arguments["whatsappNumber"])


def what_changes(context: "Context", found: "Findings") -> None:
    """The request, and what the file gets. Neither can be seen from the arguments."""
    from wati.calls.preflight import request_of
    from wati.files import block_list

    if not found.valid(context.call, "whatsappNumber"):
        return
    if found.can_ask:
        use_known_number(context)
    settings = context.session.settings
    found.facts["request"] = request_of(context.call, settings.base_url)
    path = settings.block_list
    if path:
        changes = block_list.would_change(path, edit_of(context))
        found.facts["block_list"] = f"{path}: {CHANGES[is_taken_back(context), changes]}"
        if changes and not os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
            found.add(BLOCK_LIST, "file_not_allowed", f"{path} cannot be written: permission denied")


def show(context: "Context") -> "Result":
    """Everyone who is marked, as far as the time allows to read the contacts."""
    from wati.contract.call import Result
    from wati.contract.numbers import person
    from wati.output.redaction import excerpt
    from wati.reads import connections, opt_out
    from wati.reads.contacts import names_of, number_of
    from wati.reads.everyone import Everyone

    arguments, settings = context.call.arguments, context.session.settings
    attribute = arguments.get("attribute", opt_out.ATTRIBUTE)
    everyone = Everyone(context.inbox, context.gateway.left, lambda row: opt_out.is_marked(row, attribute))
    marked = everyone.rows
    blocked = settings.blocked_recipients
    shown: list[dict[str, Any]] = []
    for row in marked[: arguments.get("limit", LIMIT)]:
        one: dict[str, Any] = {"whatsappNumber": excerpt(number_of(row), settings.key, LONGEST_NAME)}
        one["name"] = excerpt(next(iter(names_of(row)), ""), settings.key, LONGEST_NAME)
        if blocked.entries and number_of(row) not in blocked:
            one["not_blocked"] = True
        shown.append(one)
    data: dict[str, Any] = {"opted_out": shown, "count": len(marked)}
    if len(marked) > len(shown):
        data["more"] = True
    persons = {person(str(name)) for row in marked for name in (number_of(row), row.get("id"))}
    only = [each for each in blocked.entries if person(each) not in persons and not each.endswith("*")]
    if only:
        data["only_blocked"] = only[:LIMIT]
    data |= {"read": everyone.read, "complete": everyone.is_whole}
    if everyone.stopped:
        data["stopped"] = everyone.stopped
    context.remarks += connections.several(context.inbox)
    return Result(data, notice="" if everyone.is_whole else NOT_ALL)


HELPER = Helper(
    name="opt_out",
    method="POST",
    path="/wati/api/v1/updateContactAttributes/{whatsappNumber}",
    json=("customParams",),
    effect="write",
    confirms="whatsappNumber",
    verdict=verdicts.result_yes,
    perform=perform,
    omits=omissions.omit("result"),
    narrows=("whatsappNumber", "take_back", "attribute", "limit"),
    checks=(check_what,),
    silent_rejection="There may be no contact with this number: see find_contact.py, or use add_contact.py.",
    preflight=("connection", "contact", "attributes", what_changes),
    lacks=("raw", "fields"),
    by_arguments=by_arguments,
)
LISTING = Helper(
    name="opt_out",
    perform=show,
    customer_text=("opted_out",),
    narrows=HELPER.narrows,
    checks=HELPER.checks,
    flags=("confirm",),
    lacks=HELPER.lacks,
    preflight=("connection",),
    keeps=("count", "more", "only_blocked", "read", "complete", "stopped"),
    default_timeout=SECONDS,
)

if __name__ == "__main__":
    main(HELPER)
