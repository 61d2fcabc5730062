"""import_contacts: who is added and who is updated, from a CSV file and the contacts that there are."""

from __future__ import annotations

import math
from collections import Counter
from contextlib import ExitStack, closing
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

from wati.arguments.texts import text_problem
from wati.arguments.validation import quoted, suggestion
from wati.campaigns import answering, audience, importing, running
from wati.campaigns.audience import Reads
from wati.campaigns.filling import key
from wati.campaigns.importing import NAME, NUMBER, RATES, chunk_of
from wati.campaigns.ledger import Ledger
from wati.campaigns.planning import content_of
from wati.campaigns.plans import New, exists
from wati.campaigns.records import Row
from wati.contract.failures import Failure
from wati.contract.numbers import person
from wati.output.redaction import excerpt
from wati.reads import connections, contacts
from wati.reads.matching import folded
from wati.reads.pages import OnDisk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from wati.calls.context import Context
    from wati.calls.findings import Findings
    from wati.campaigns.audience import Finds
    from wati.campaigns.records import Job
    from wati.contract.call import Result
    from wati.contract.types import Arguments, Problem
    from wati.files.people_csv import Record

    Contact = dict[str, Any]

CHUNK = 25
SECONDS = 3600.0  # in which 300,000 contacts can be read
MOST_NAMED = 3
MOST_FIRST = 5
LONGEST = {NAME: 256, "value": 1024}  # characters, as in the schemas
_NEAR = 0.75  # difflib's ratio from which two names of attributes are nearly the same

REASONS = {
    "no_number": "have no number",
    "listed_twice": "are in the file before, in this or another spelling of the number",
    "exists": "are contacts already, and `existing` is skip",
    "unchanged": "are contacts already, with these values",
    "long_value": f"have a value of more than {LONGEST['value']:,} characters, or a name of more than 256",
    "bad_value": "have a value with characters that nobody sees",
}
OTHER_NAMES = (
    "Contacts with another name at WATI: {}. They keep it, because WATI has no call that renames a contact."
)
NOT_PLANNED = "There is no plan {} of these arguments and this file."
PLAN_FIRST = "Run it with --dry-run: it makes the plan and shows the value. Then ask the user."


# --- the arguments -----------------------------------------------------------------------------------------


def problems(arguments: Arguments) -> Iterator[Problem]:
    """What JSON Schema cannot check of the mapping."""
    columns = _mapping(arguments)
    if not columns:
        return
    found = Counter(key(into) for into in columns.values())
    if found[key(NUMBER)] != 1:
        many = "no column is" if not found[key(NUMBER)] else f"{found[key(NUMBER)]} columns are"
        yield {"at": "$.columns", "problem": f"{many} {NUMBER}; expected exactly one"}
    for index, (column, into) in enumerate(columns.items()):
        if key(into) != key(NUMBER) and found[key(into)] > 1:
            problem = f"the column {quoted(column)} is not the only one that is {quoted(into)}"
            yield {"at": f"$.columns[{index}].value", "problem": problem}


def _mapping(arguments: Arguments) -> dict[str, str]:
    """Each column, and what it becomes. Also of arguments that do not fit the schema."""
    listed = arguments.get("columns")
    pairs = [item for item in (listed if isinstance(listed, list) else []) if isinstance(item, dict)]
    texts = [(item.get("name"), item.get("value")) for item in pairs]
    return {str(name): into for name, into in texts if isinstance(name, str) and isinstance(into, str)}


def number_column(arguments: Arguments) -> str:
    return next((name for name, into in _mapping(arguments).items() if key(into) == key(NUMBER)), "")


# --- the plan ----------------------------------------------------------------------------------------------


def preview(context: Context, found: Findings) -> None:
    """The dry run: make the plan, or show the one that was made of the same arguments and file."""
    if not found.can_ask or not found.all_valid:
        return
    with closing(Ledger.of(context.session)) as ledger:
        content = content_of(context)
        job = ledger.plans.get(context.call.arguments["name"])
        if job is not None and job.state != "planning":
            if job.content != content:
                raise exists(job)
        else:
            job = _Planning(context, found, ledger).made(content)
    if job is not None:
        found.facts |= {name: value for name, value in job.summary.items() if name != "warnings"}
        found.warnings += job.summary.get("warnings", [])


def confirmation(context: Context) -> str:
    """The value of the plan of these arguments."""
    name = context.call.arguments["name"]
    with closing(Ledger.of(context.session)) as ledger:
        job = ledger.plans.get(name)
        if job is not None and job.state != "planning":
            if job.content != content_of(context):
                raise exists(job)
            return job.confirm
    if context.call.options.dry_run:
        return ""
    raise Failure("confirmation_required", NOT_PLANNED.format(name), hint=PLAN_FIRST)


class _Planning:
    """One import in the making."""

    def __init__(self, context: Context, found: Findings, ledger: Ledger) -> None:
        self._context = context
        self._arguments = context.call.arguments
        self._found = found
        self._ledger = ledger
        part: Any = context.call.parts[0]
        self._people = part.people
        self._into = _mapping(self._arguments)
        self._reads = Reads(context.inbox, SECONDS, context.session.progress)
        self._names: dict[str, str] = {}  # of attributes that contacts have, by their folded form
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._who: dict[str, list[str]] = {}
        self._other_names = 0

    def made(self, content: str) -> Job | None:
        """The plan in the ledger; None if there is a problem, and then nothing is kept."""
        self._columns()
        if not self._context.call.connection:
            self._context.use_connection(connections.only_active(self._context.inbox))
        self._reads.use_connection(self._context.call.connection)
        if self._found.problems:
            return None
        plan = {"connection": self._context.call.connection}
        plans = self._ledger.plans
        with ExitStack() as stack:
            known = self._known(stack)
            self._attributes()
            if self._found.problems:
                return None
            job = plans.begin(self._arguments["name"], "import", content, plan)
            try:
                plans.add(job, self._rows(known))
                first = list(islice(plans.rows(job, "planned"), MOST_FIRST))
                if not first:
                    why = answering.counted(self._left_out, REASONS)
                    self._found.add(
                        "$.csv", "audience_empty", f"has nobody to add or update: all in it {why}"
                    )
                    plans.drop(job)
                    return None
                return plans.finish(job, self._summary(first))
            except Failure:
                plans.drop(job)
                raise

    def _columns(self) -> None:
        for index, column in enumerate(self._into):
            if column not in self._people.columns:
                there = suggestion(column, self._people.columns)
                problem = f"names the column {quoted(column)}, which the file does not have{there}"
                self._found.add(f"$.columns[{index}].name", "column_missing", problem)
        unused = [column for column in self._people.columns if column not in self._into]
        if unused:
            self._found.warnings.append(f"Columns that are not imported: {', '.join(map(quoted, unused))}.")

    def _known(self, stack: ExitStack) -> Finds:
        numbers = (record.number for record in self._people)
        if audience.few(filter(None, numbers), self._people.count):
            for row in islice(self._reads.contacts({}), 100):
                self._note(row)
            return audience.Searched(self._reads)
        on_file = audience.OnFile(map(self._note, self._reads.contacts({})))
        stack.callback(on_file.close)
        return on_file

    def _note(self, row: Contact) -> Contact:
        for name, _ in contacts.attributes(row):
            if len(self._names) < 1000:
                self._names.setdefault(folded(name), name)
        return row

    def _attributes(self) -> None:
        """An attribute that nobody has is a problem if contacts have one with nearly its name."""
        from difflib import get_close_matches

        confirmed = set(self._arguments.get("new_attributes", []))
        new = []
        for index, (column, into) in enumerate(self._into.items()):
            if key(into) in (key(NUMBER), key(NAME)) or into in self._names.values() or into in confirmed:
                continue
            near = get_close_matches(folded(into), list(self._names), n=1, cutoff=_NEAR)
            if near:
                problem = (
                    f"makes of {quoted(column)} the new attribute {quoted(into)}; contacts have "
                    f"{quoted(self._names[near[0]])}. Ask which is meant; new_attributes confirms a new one"
                )
                self._found.add(f"$.columns[{index}].value", "attribute_near", problem)
            new.append(into)
        if new and not self._found.problems:
            self._found.warnings.append(f"Attributes that no contact has yet: {', '.join(map(quoted, new))}.")

    def _rows(self, known: Finds) -> Iterator[New]:
        with closing(OnDisk()) as seen:
            for position, record in enumerate(self._people):
                row = self._row(position, record, known, seen)
                if row.state == "left_out":
                    self._left_out[row.reason] += 1
                    self._keep(row)
                else:
                    action = row.content["action"]
                    row = row._replace(chunk=chunk_of(action, self._counts[action], CHUNK))
                    self._counts[action] += 1
                yield New(row, "")

    def _keep(self, row: Row) -> None:
        named = self._who.setdefault(row.reason, [])
        if len(named) < MOST_NAMED:
            named.append(f"{row.name} ({row.receiver or 'no number'})" if row.name else row.receiver)

    def _row(self, position: int, record: Record, known: Finds, seen: OnDisk) -> Row:
        cells = {
            self._into[column]: cell.strip() for column, cell in record.cells.items() if column in self._into
        }
        name = next((cell for into, cell in cells.items() if key(into) == key(NAME)), "")
        own = (key(NUMBER), key(NAME))
        values = [
            {"name": into, "value": cell} for into, cell in cells.items() if cell and key(into) not in own
        ]
        reason = self._unfit(record.number, name, values, seen)
        row = Row(position, -1, record.number, person(record.number), name, {}, "", "left_out", reason)
        if reason:
            return row
        contact = known.find(record.number)
        if contact is None:
            content = {"action": "add", "name": name, "customParams": values}
            return row._replace(content=content, state="planned")
        there = contacts.number_of(contact) or record.number
        has = {key(attribute): value for attribute, value in contacts.attributes(contact)}
        changes = [each for each in values if has.get(key(each["name"])) != each["value"]]
        names = contacts.names_of(contact)
        self._other_names += bool(name and names and name not in names)
        if self._arguments.get("existing") == "skip":
            return row._replace(reason="exists")
        if not changes:
            return row._replace(reason="unchanged")
        content = {"action": "update", "name": "", "customParams": changes}
        return row._replace(receiver=there, content=content, state="planned")

    @staticmethod
    def _unfit(number: str, name: str, values: list[dict[str, str]], seen: OnDisk) -> str:
        if not number:
            return "no_number"
        digest = blake2b(person(number).encode(), digest_size=16).digest()
        if not seen.add(digest):
            return "listed_twice"
        if len(name) > LONGEST[NAME] or any(len(each["value"]) > LONGEST["value"] for each in values):
            return "long_value"
        problems = [text_problem(each["value"], multiline=True) for each in values]
        return "bad_value" if any([*problems, text_problem(name, multiline=False)]) else ""

    def _summary(self, first: Iterable[Row]) -> dict[str, Any]:
        counts, left_out = self._counts, self._left_out
        if self._other_names:
            self._found.warnings.append(OTHER_NAMES.format(self._other_names))
        secret = self._context.session.settings.key
        found = {
            "contacts": sum(counts.values()),
            "add": counts["add"],
            "update": counts["update"],
            "left_out": {code: left_out[code] for code in REASONS if left_out[code]},
            "left_out_why": answering.why(left_out, self._who, REASONS),
            "first": [
                {
                    NUMBER: row.receiver,
                    **row.content,
                    "customParams": {
                        each["name"]: excerpt(each["value"], secret, 100)
                        for each in row.content["customParams"]
                    },
                }
                for row in first
            ],
            "seconds_at_least": sum(_least(counts[action], *rate) for action, rate in RATES.items()),
            "warnings": list(dict.fromkeys(self._found.warnings)),
        }
        self._found.warnings.clear()  # those of the plan are added from its summary
        keep = ("contacts", "add", "update", "left_out", "seconds_at_least")
        return {name: value for name, value in found.items() if value or name in keep}


def _least(count: int, requests: int, seconds: float) -> int:
    return math.ceil(max(0, count - 1) // requests * seconds)


def run(context: Context) -> Result:
    """Start the import, or go on with it, after a look at what is in doubt."""
    with closing(Ledger.of(context.session)) as ledger:
        job = ledger.plans.get(context.call.arguments["name"])
        assert job is not None  # its value was confirmed
        importing.look(context, ledger, job)
    return running.run(context)
