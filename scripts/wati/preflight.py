"""What `--dry-run` looks at: all that decides whether a call would be accepted, found out by reading alone.

Each endpoint says in its own script which of these checks it has. A check adds to the findings what it sees:
problems, warnings for what nobody can know beforehand, and facts. It raises Failure where a read failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wati.checks import select
from wati.failures import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from wati.call import Call
    from wati.endpoint import Problem

# The closed table of a problem's `code`, each with a sentence for references/errors.md.
CODES = {
    "connection_missing": "there is no such connection, or none that is ACTIVE",
    "connection_ambiguous": "several connections are ACTIVE, and none is named",
    "connection_not_active": "the connection that is named is PENDING or FAILED",
    "template_missing": "the account has no template of that name",
    "template_not_approved": "the template is not APPROVED, and only those can be sent",
    "parameter_missing": "a parameter of the template gets no value",
    "parameter_unknown": "a value is for a parameter that the template does not have",
    "parameter_unsendable": "WATI would accept the value, and WhatsApp would fail the message",
    "window_closed": "the customer's last message is older than 24 hours",
    "conversation_missing": "WATI finds no contact with this number",
    "file_type": "WhatsApp does not take the file's type, or its content is not what its ending says",
    "file_too_large": "the file is larger than WhatsApp takes",
    "file_not_allowed": "the file to write may not be written, or exists already",
    "repeated_send": "the journal has the same message to the same receiver, and would stop this one",
    "look_up_failed": "a read failed, so something could not be looked at",
}

MOST_PROBLEMS = 50  # 1,000 receivers can have one problem 1,000 times
LONGEST_TEXT = 4096  # of a template with its values filled in; WhatsApp's has at most 1,024 characters
MOST_SHOWN = 20  # receivers of a bulk send whose texts a dry run shows
MOST_NAMED = 10  # templates and connections that one message names

# WATI documents 30, 60 or 100 template sends in 10 seconds, by plan.
FASTEST, SLOWEST, SPAN = 100, 30, 10


class Findings:
    """What the checks saw. `invalid`: the places that the arguments' own checks refused.

    `hint`: what else could be done. `can_ask`: whether there is a key, and a connection to ask over.
    `unread`: the reads that failed.
    """

    def __init__(self, *, can_ask: bool, invalid: list[Problem] | None = None) -> None:
        self.can_ask = can_ask
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self.facts: dict[str, Any] = {}
        self.hint = ""
        self.unread: list[Failure] = []
        self._invalid = {problem["at"] for problem in invalid or []}

    def add(self, at: str, code: str, problem: str) -> None:
        self.problems.append({"at": at, "problem": problem, "code": code})

    def valid(self, call: Call, name: str) -> str:
        """An argument that is a text, and that nothing is wrong with; else ""."""
        value = call.arguments.get(name)
        return value if isinstance(value, str) and f"$.{name}" not in self._invalid else ""


def look(call: Call, invalid: list[Problem] | None = None, *, only: tuple[str, ...] = ()) -> Findings:
    """Run the endpoint's checks (or `only` those so named), each as far as the arguments allow."""
    found = Findings(can_ask=bool(call.settings.key), invalid=invalid)
    for check in call.endpoint.preflight:
        make = CHECKS[check] if isinstance(check, str) else check
        if only and make.__name__ not in only:
            continue
        try:
            make(call, found)
        except Failure as failure:
            found.unread.append(failure)
            found.can_ask = found.can_ask and check != "connection"
    if not only and not invalid:
        repetition(call, found)
    if call.endpoint.confirms in ("receivers", "records") and not invalid:
        found.facts["bulk"] = bulk(len(call.receivers))
    return found


def failure(found: Findings, refused: Failure | None = None) -> Failure | None:
    """All of it as one failure; None where the call would be expected to be accepted.

    `refused`: the failure of the arguments or files, which keeps its code and gets the rest added.
    """
    if refused is None and not found.problems:
        if not found.unread:
            return None
        # Nothing is wrong that could be seen, and something could not.
        unread = found.unread[0]
        unread.warnings = found.warnings
        return unread
    found.problems += map(_unread, found.unread)
    count = len(found.problems)
    if refused is None:
        message = "The dry run found " + ("1 problem" if count == 1 else f"{count} problems")
        refused = Failure("preflight_failed", f"{message}; nothing was sent.", source="package")
        if all(problem.get("code") == "repeated_send" for problem in found.problems):
            # There is nothing to mend: another text would only hide that it is the second one.
            refused.hint = ""
    elif count:
        refused.message += f" The dry run found {count} more."
    refused.warnings = found.warnings
    return enrich(refused, found)


def enrich(failure: Failure, found: Findings) -> Failure:
    """The failure with what was found, as far as somebody would read it."""
    failure.problems = failure.problems + found.problems[:MOST_PROBLEMS]
    failure.more_problems = max(0, len(found.problems) - MOST_PROBLEMS)
    failure.hint = f"{failure.hint} {found.hint}".strip()
    return failure


def _unread(failure: Failure) -> Problem:
    problem = f"not everything could be looked at ({failure.code}: {failure.message})"
    return {"at": "--dry-run", "problem": problem, "code": "look_up_failed"}


def repetition(call: Call, found: Findings) -> None:
    """Whether the journal would stop the send; one that cannot be read stops nothing."""
    import sqlite3

    from wati import once

    journal = once.open_journal(call.settings)
    if journal is None or call.endpoint.messages is None or not call.connection:
        return
    try:
        messages = call.endpoint.messages(call)
        alike = journal.repetitions(call.connection, messages)
    except (sqlite3.Error, OSError):
        found.warnings.append("The send journal cannot be read: a repeated send would not be noticed.")
        return
    repeated = [] if call.again else [each for each in alike if each.stops]
    # The others go all the same; whoever says yes to them should know who has them already.
    others = [each for each in alike if call.again or not each.stops]
    found.warnings += [f"{one['at']}: {one['problem']}." for one in once.told(others[:MOST_NAMED])]
    if len(others) > MOST_NAMED:
        found.warnings.append(f"So it is with {len(others) - MOST_NAMED} more receivers.")
    if repeated:
        found.problems += [{**problem, "code": "repeated_send"} for problem in once.told(repeated)]
        found.hint = once.advice(repeated, len(messages))


def bulk(receivers: int) -> dict[str, Any]:
    """How large a bulk send is: it takes one request, and WATI queues what exceeds its rate (documented)."""
    seconds = [(max(receivers, 1) - 1) // rate * SPAN for rate in (FASTEST, SLOWEST)]
    return {"receivers": receivers, "requests": 1, "seconds_at_limits": seconds}


# --- connections -------------------------------------------------------------------------------------------


def connection(call: Call, found: Findings) -> None:
    """The connection that the call would go over; what is asked afterwards goes over it, too."""
    from wati import lookups

    if not found.can_ask:
        return
    rows = lookups.connections(call)
    active = [row["connection_id"] for row in rows if row["status"] == "ACTIVE"]
    if call.connection:
        found.can_ask = _named(call, found, rows, active)
    elif len(active) == 1:
        found.facts["connection"] = active[0]
        if call.endpoint.effect != "read":
            call.connection = active[0]
    elif not active:
        found.can_ask = False
        others = [row for row in rows if row["status"] != "ACTIVE"]
        found.add("--connection", "connection_missing", f"no wati connection is ACTIVE{_statuses(others)}")
    elif call.endpoint.effect == "read":
        which = f"{len(active)} connections are ACTIVE ({_some(active)}), and Maton chooses one for this read"
        found.warnings.append(f"{which}: name it with --connection ID.")
    else:
        found.can_ask = False
        problem = f"{len(active)} wati connections are ACTIVE, and none is named: {_some(active)}"
        found.add("--connection", "connection_ambiguous", problem)


def _named(call: Call, found: Findings, rows: list[dict[str, Any]], active: list[str]) -> bool:
    """Whether the connection that was named can be used."""
    from wati import lookups

    row = next((row for row in rows if row["connection_id"] == call.connection), None)
    # How many connections a list shows is not documented, so one that is not in it is asked for.
    row = row or lookups.connection(call, call.connection)
    right = f"; ACTIVE: {_some(active)}" if active else "; none is ACTIVE"
    if row is None:
        found.add("--connection", "connection_missing", f"there is no connection {call.connection}{right}")
    elif row["status"] != "ACTIVE":
        problem = f"the connection {call.connection} is {_status(row)}{right}"
        found.add("--connection", "connection_not_active", problem)
    else:
        found.facts["connection"] = call.connection
    return row is not None and row["status"] == "ACTIVE"


def connection_id(call: Call, found: Findings) -> None:
    """Whether the connection that the call is about exists."""
    from wati import lookups

    wanted = found.valid(call, "connection_id")
    if not found.can_ask or not wanted:
        return
    row = lookups.connection(call, wanted)
    if row is None:
        there = _statuses(lookups.connections(call))
        found.add("$.connection_id", "connection_missing", f"there is no connection {wanted}{there}")
        return
    found.facts["connection"] = wanted
    found.facts["status"] = _status(row)
    if call.endpoint.effect == "delete" and row["status"] == "ACTIVE":
        found.warnings.append(
            "The connection is ACTIVE: once it is deleted, no call can use its WATI account."
        )


def _statuses(rows: list[dict[str, Any]]) -> str:
    there = [f"{row['connection_id']} is {_status(row)}" for row in rows]
    return f" ({_some(there)})" if there else ""


def _status(row: dict[str, Any]) -> str:
    status = row.get("status")
    return status if isinstance(status, str) and len(status) <= 40 else "in no known state"


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


# --- templates ---------------------------------------------------------------------------------------------


def template(call: Call, found: Findings) -> None:
    """The template, and every receiver's parameters against it."""
    from wati import templates

    row = wanted_template(call, found)
    if row is None:
        return
    lists = select(call.arguments, "parameters") + select(call.arguments, "receivers[].customParams")
    given = [(at, pairs) for at, items in lists if (pairs := _pairs(items)) is not None]
    for at, pairs in given:
        found.problems += templates.problems(row, pairs, at)
    numbers = [str(number) for _, number in select(call.arguments, "receivers[].whatsappNumber")]
    values = [dict(pairs) for _, pairs in given[:MOST_SHOWN]]
    describe(call, found, row, list(zip(numbers or [""], values or [{}], strict=False)))


def _pairs(items: Any) -> list[tuple[str, str]] | None:
    """Names and values, where all of them are texts; what is not, the arguments' own checks tell of."""
    pairs = [
        (item.get("name"), item.get("value")) if isinstance(item, dict) else (None, None)
        for item in (items if isinstance(items, list) else [None])
    ]
    texts = all(isinstance(name, str) and name and isinstance(value, str) for name, value in pairs)
    return [(str(name), str(value)) for name, value in pairs] if texts else None


def wanted_template(call: Call, found: Findings) -> dict[str, Any] | None:
    """The template that the arguments name; what is wrong with it itself is added to the findings."""
    from wati import lookups
    from wati.validation import near, shown

    name = found.valid(call, "template_name")
    if not found.can_ask or not name:
        return None
    others: dict[str, None] = {}
    row = lookups.template(call, name, others)
    if row is None:
        approved = list(others)[:1000]  # the near one is sought among so many
        advice = near(name, approved) or (f"; APPROVED: {_some(approved)}" if approved else "")
        found.add("$.template_name", "template_missing", f"there is no template {shown(name)}{advice}")
    elif row.get("status") != "APPROVED":
        problem = f"the template {shown(name)} is {_status(row)}; only APPROVED ones can be sent"
        found.add("$.template_name", "template_not_approved", problem)
    return row


def describe(
    call: Call, found: Findings, row: dict[str, Any], receivers: list[tuple[str, dict[str, str]]]
) -> None:
    """The template as a fact, filled in as its receivers will read it: each with the values that it gets."""
    from wati import templates
    from wati.output import redact, shorten

    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: cut(text) for name, text in value.items()}
        if isinstance(value, list):
            return list(map(cut, value))
        # Half a key is a secret, too.
        return shorten(redact(value, call.settings.key), LONGEST_TEXT)

    (_, values), *others = receivers
    seen = templates.preview(row, values)
    if others:
        seen["texts"] = {number: templates.render(row, own) for number, own in receivers}
        seen.pop("text", None)
    found.facts["template"] = {
        "name": row["elementName"],
        "status": _status(row),
        **{name: cut(value) for name, value in seen.items()},
    }


def offer(call: Call) -> str:
    """The APPROVED templates that could be sent in place of free text, with what each asks for."""
    from wati import lookups, templates

    # Of a list that can be long, the rows themselves are not kept.
    offered: dict[str, str] = {}
    for row in lookups.templates(call):
        name = lookups.approved_name(row)
        if name and name not in offered:
            offered[name] = templates.listed(row) if len(offered) < MOST_NAMED else ""
    return f"APPROVED templates, with their parameters: {_some(list(offered.values()))}." if offered else ""


def on_whatsapp(call: Call, found: Findings) -> None:
    """No endpoint tells beforehand whether a number has WhatsApp."""
    if not found.can_ask:
        return
    which = "each number" if call.endpoint.confirms in ("receivers", "records") else "the number"
    found.warnings.append(f"Whether {which} is on WhatsApp shows only when sending.")


# --- conversations -----------------------------------------------------------------------------------------


def window(call: Call, found: Findings) -> None:
    """Whether the 24-hour window is open: the customer's newest message, by the server's clock."""
    from wati import lookups
    from wati import window as windows

    number = found.valid(call, "whatsappNumber")
    if not found.can_ask or not number:
        return
    try:
        seen = windows.judge(lookups.conversation(call, number))
    except Failure as failure:
        if not _is_nobody(failure):
            raise
        _nobody(found, number, failure)
        return
    if seen.open is None or seen.until is None:
        found.warnings.append(seen.why)
        return
    until = lookups.iso(seen.until)
    if seen.open:
        found.facts["window"] = {"open": True, "until": until, "seconds_left": int(seen.left)}
        return
    since = f"closed {until}, {_duration(-seen.left)} ago" if seen.is_seen else "is closed"
    problem = f"the 24-hour window {since}: only an APPROVED template can be sent"
    found.add("$.whatsappNumber", "window_closed", problem)
    try:
        found.hint = offer(call)
    except Failure:
        return  # the answer is known; what could be sent instead is only a help


def contact(call: Call, found: Findings) -> None:
    """Whether WATI knows the contact: needed where it is changed, noteworthy where it is to be added."""
    from wati import lookups

    number = found.valid(call, "whatsappNumber")
    if not found.can_ask or not number:
        return
    try:
        next(lookups.conversation(call, number), None)
    except Failure as failure:
        if not _is_nobody(failure):
            raise
        if call.endpoint.effect != "create":
            _nobody(found, number, failure)
        return
    if call.endpoint.effect == "create":
        again = "what adding it again does is not documented; update_contact_attributes.py changes it"
        found.warnings.append(f"WATI has a contact with this number already: {again}.")


def _is_nobody(failure: Failure) -> bool:
    """getMessages refuses an unknown contact under HTTP 200, without a word (reported)."""
    refused = failure.code == "rejected" and 200 <= (failure.http_status or 0) < 300
    return refused or failure.code == "not_found"


def _nobody(found: Findings, number: str, failure: Failure) -> None:
    problem = f"WATI shows no conversation with {number}: it may be no contact (get_contacts.py looks,"
    problem += f" add_contact.py adds), or one of another number of the account. {failure.message}"
    found.add("$.whatsappNumber", "conversation_missing", problem)


def _duration(seconds: float) -> str:
    """Rounded to the largest unit of which there are two: nobody acts on more."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        count = round(seconds / length)
        if count > 1:
            return f"{count} {unit}"
    return "a moment"


# --- files -------------------------------------------------------------------------------------------------


def file(call: Call, found: Findings) -> None:
    """The upload against WhatsApp's types and sizes. Needs no key."""
    from wati import media

    for part in call.parts:
        part.handle.seek(0)
        head = part.handle.read(media.HEAD)
        part.handle.seek(0)
        for code, problem in media.problems(part.content_type, part.size, head):
            found.add(f"$.{part.name}", code, problem)
        found.warnings += media.warnings(part.content_type, part.size, head)


CHECKS: dict[str, Callable[[Call, Findings], None]] = {
    "connection": connection,
    "connection_id": connection_id,
    "template": template,
    "on_whatsapp": on_whatsapp,
    "window": window,
    "contact": contact,
    "file": file,
}
