"""What calls cost: whole processes, compared in one run on the served sandbox without limits.

usage: bench.py [ROUNDS]      (default 15; long rows run a fifth as often)

In each round the rows of a table take turns, so a busy machine affects all of them alike. The tables show
medians. The ratios are the figures to quote. This needs a POSIX system: only there does the operating system
report what a finished process used.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from discarding import discarding

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
PYTHON = sys.executable
CONTACTS, MANY_CONTACTS, RECORDS, MOST_RECORDS = 10_000, 100_000, 100_000, 1_000_000
RM, ENV = "/bin/rm", "/usr/bin/env"
CUSTOMER = "14155550123"
SESSION_CALLS = 500

# The request as it is on the page that the package replaces.
SNIPPET = """
import urllib.request, os, json
req = urllib.request.Request('{url}')
req.add_header('Authorization', f'Bearer {{os.environ["MATON_API_KEY"]}}')
print(json.dumps(json.load(urllib.request.urlopen(req)), indent=2))
"""
# The minimum that a program of your own would do: no checks, no waits, no second read, no file on disk.
LOOP = """
import urllib.request, os, json
number = 1
while True:
    req = urllib.request.Request(f'{url}/wati/api/v1/getContacts?pageSize=100&pageNumber={{number}}')
    req.add_header('Authorization', f'Bearer {{os.environ["MATON_API_KEY"]}}')
    rows = json.load(urllib.request.urlopen(req))['contact_list']
    if not rows:
        break
    for row in rows:
        print(json.dumps(row))
    number += 1
"""
# get_contacts.py without the waits for WATI's limits, which can be computed without a measurement.
UNPACED = f"""
import sys
sys.path.insert(0, {str(SCRIPTS)!r})
from wati.wire.pace import Pacer
Pacer.wait = lambda *_, **__: True
from get_contacts import ENDPOINT
"""
ALL_CONTACTS = f"""{UNPACED}
from wati.cli.command import main
main(ENDPOINT)
"""
# Many calls in one session, each with its document as text.
SESSION = f"""{UNPACED}
import os
from wati.calls.run import run
from wati.calls.session import Session
from wati.contract.call import Call
from wati.output.rendering import render
with Session(os.environ) as session:
    for _ in range({SESSION_CALLS}):
        exit_code, document = run(session, Call(ENDPOINT, {{'pageSize': 10, 'pageNumber': 1}}))
        assert exit_code == 0
        print(render(document))
"""
# What anyone would write first: each row checked by jsonschema, as a receiver of a bulk send.
BY_SCHEMA = f"""
import csv, json, sys
from jsonschema import Draft202012Validator
with open({str(ROOT / "schemas" / "send_template_messages_v2.json")!r}, encoding='utf-8') as file:
    schema = json.load(file)['properties']['receivers']['items']
validator = Draft202012Validator(schema)
for row in csv.DictReader(open(sys.argv[1], newline='', encoding='utf-8')):
    value = {{'whatsappNumber': row['CountryCode'] + row['Phone'],
              'customParams': [{{'name': 'ordernumber', 'value': row['ordernumber']}}]}}
    assert validator.is_valid(value)
"""
READ_CSV = (
    "import csv, sys; print(sum(1 for _ in csv.reader(open(sys.argv[1], newline='', encoding='utf-8'))))"
)


class Cost(NamedTuple):
    """The cost of all processes of a row: seconds of CPU, seconds on the clock, the highest peak in bytes."""

    cpu: float
    clock: float
    peak: int


class Row(NamedTuple):
    """`commands` run one after the other and make `calls` calls. `with_key`: whether MATON_API_KEY is set."""

    name: str
    commands: list[list[str]]
    with_key: bool = True
    calls: int = 1


class Table(NamedTuple):
    """`base`: the row that the others are compared with. `is_long`: measured a fifth as often."""

    title: str
    base: str
    rows: list[Row]
    is_long: bool = False


def cost(row: Row, environment: dict[str, str]) -> Cost:
    """Run the processes of a row. Raises CalledProcessError if one fails."""
    if not row.with_key:
        environment = {name: value for name, value in environment.items() if name != "MATON_API_KEY"}
    launcher = [PYTHON, "-I", "-S", str(ROOT / "dev" / "processes.py")]
    commands = json.dumps(row.commands).encode()
    done = subprocess.run(launcher, input=commands, env=environment, stdout=subprocess.PIPE, check=True)
    cpu, clock, peak = json.loads(done.stdout)
    return Cost(cpu / row.calls, clock / row.calls, peak)


def measured(table: Table, environment: dict[str, str], rounds: int) -> dict[str, list[Cost]]:
    found: dict[str, list[Cost]] = {row.name: [] for row in table.rows}
    for row in table.rows:  # one uncounted run fills the caches of file system and bytecode
        cost(row._replace(commands=row.commands[:1]), environment)
    for _ in range(rounds):
        for row in table.rows:
            found[row.name].append(cost(row, environment))
    return found


def report(table: Table, found: dict[str, list[Cost]]) -> str:
    """A Markdown table of the medians, and of their ratios to the base."""
    middle = {
        name: Cost(*(median(each) for each in zip(*costs, strict=True))) for name, costs in found.items()
    }
    base = middle[table.base]
    rounds = len(next(iter(found.values())))
    lines = [
        f"{table.title}; rounds: {rounds}\n",
        f"| process | CPU, ms | CPU, to *{table.base}* | clock, to the same | peak, MB |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, each in middle.items():
        ratios = f"{each.cpu / base.cpu:.3g} | {each.clock / base.clock:.3g}"
        lines.append(f"| {name} | {each.cpu * 1000:.1f} | {ratios} | {each.peak / 1e6:.0f} |")
    return "\n".join(lines)


def script(name: str, *arguments: str) -> list[str]:
    return [PYTHON, str(SCRIPTS / f"{name}.py"), *arguments]


def by_the_page(target: str) -> list[str]:
    return [PYTHON, "-c", SNIPPET.format(url=target)]


def by_curl(target: str) -> list[Row]:
    curl = shutil.which("curl")
    return [Row("curl", [[curl, "-qsS", "-H", "Authorization: Bearer sandbox", target]])] if curl else []


def tables(url: str, nowhere: str, folder: Path) -> Iterator[Table]:
    """What is measured, one table at a time, because the world gets its many contacts in between.

    `nowhere`: the address of a far side that keeps nothing.
    """
    api = f"{url}/wati/api/v1"
    snippet, everything = "the page's snippet", "get_contacts.py --all, its waits off,"
    by_server = [PYTHON, str(ROOT / "dev" / "mcp_calls.py"), str(SESSION_CALLS)]
    one = f"{api}/getContacts?pageSize=10&pageNumber=1"
    yield Table(
        "One call: ten contacts",
        snippet,
        [
            Row("bare Python", [[PYTHON, "-c", "pass"]]),
            Row("get_contacts.py --help", [script("get_contacts", "--help")]),
            *by_curl(one),
            Row(snippet, [by_the_page(one)]),
            Row("`import httpx`, nothing else", [[PYTHON, "-c", "import httpx"]]),
            Row("get_contacts.py", [script("get_contacts", '{"pageSize": 10, "pageNumber": 1}')]),
            Row(f"one of {SESSION_CALLS} calls in a session", [[PYTHON, "-c", SESSION]], calls=SESSION_CALLS),
            Row(f"one of {SESSION_CALLS} calls through the MCP server", [by_server], calls=SESSION_CALLS),
        ],
    )
    urllib_loads = "import urllib.request, ssl; ssl.create_default_context()"
    yield Table(
        "Certificates, which a call over the network loads in addition",
        "urllib with certificates",
        [
            Row("`import urllib.request`", [[PYTHON, "-c", "import urllib.request"]]),
            Row("urllib with certificates", [[PYTHON, "-c", urllib_loads]]),
            Row("`import httpx`", [[PYTHON, "-c", "import httpx"]]),
            Row("httpx with certificates", [[PYTHON, "-c", "import httpx; httpx.create_ssl_context()"]]),
        ],
    )
    page = f"{api}/getMessages/{CUSTOMER}?pageSize=100&pageNumber=1"
    asked = json.dumps({"whatsappNumber": CUSTOMER, "pageSize": 100})
    yield Table(
        "A page of 100 messages",
        snippet,
        [
            *by_curl(page),
            Row(snippet, [by_the_page(page)]),
            Row("get_messages.py", [script("get_messages", asked)]),
            Row("get_messages.py --raw", [script("get_messages", asked, "--raw")]),
        ],
    )
    records = str(folder / "records.csv")
    arguments = {"template_name": "t", "broadcast_name": "b", "whatsapp_numbers_csv": records}
    checked = script("send_template_message_csv", json.dumps(arguments), "--dry-run")
    yield Table(
        f"{RECORDS:,} rows of a CSV file, checked",
        "csv.reader alone",
        [
            Row("csv.reader alone", [[PYTHON, "-c", READ_CSV, records]]),
            Row("csv.DictReader and jsonschema", [[PYTHON, "-c", BY_SCHEMA, records]]),
            Row("send_template_message_csv.py --dry-run", [checked], with_key=False),
        ],
        is_long=True,
    )

    longest = str(folder / "longest.csv")
    for_longest = json.dumps({**arguments, "whatsapp_numbers_csv": longest})
    journal = folder / "longest.sqlite"
    anew = [RM, "-f", *(f"{journal}{end}" for end in ("", "-wal", "-shm", "-owners"))]
    aside = [ENV, f"MATON_BASE_URL={nowhere}", "MATON_API_KEY=key-of-a-bench", f"WATI_JOURNAL={journal}"]
    longer = [*aside, *script("send_template_message_csv", for_longest, "--timeout", "900")]
    yield Table(
        f"{MOST_RECORDS:,} rows of a CSV file, checked, entered in a journal, and sent",
        "csv.reader alone",
        [
            Row("csv.reader alone", [[PYTHON, "-c", READ_CSV, longest]]),
            Row("send_template_message_csv.py --dry-run", [anew, [*longer, "--dry-run"]]),
            Row("send_template_message_csv.py", [anew, [*longer, "--confirm", str(MOST_RECORDS)]]),
        ],
        is_long=True,
    )

    def pages(size: int) -> list[list[str]]:
        numbers = range(1, CONTACTS // size + 1)
        return [by_the_page(f"{api}/getContacts?pageSize={size}&pageNumber={number}") for number in numbers]

    def ours(name: str) -> list[list[str]]:
        return [[PYTHON, "-c", ALL_CONTACTS, "--all", "--output", str(folder / name), "--force"]]

    seed(folder, contacts(CONTACTS))
    yield Table(
        f"{CONTACTS:,} contacts",
        "the snippet, for each page of 10",
        [
            Row("the snippet, for each page of 10", pages(10)),
            Row("the snippet, for each page of 100", pages(100)),
            Row("a bare loop of urllib, pages of 100", [[PYTHON, "-c", LOOP.format(url=url)]]),
            Row(f"{everything} --output FILE.jsonl", ours("contacts.jsonl")),
            Row(f"{everything} --output FILE.csv", ours("contacts.csv")),
        ],
        is_long=True,
    )
    seed(folder, contacts(MANY_CONTACTS))
    yield Table(
        f"{MANY_CONTACTS:,} contacts",
        "a bare loop of urllib, pages of 100",
        [
            Row("a bare loop of urllib, pages of 100", [[PYTHON, "-c", LOOP.format(url=url)]]),
            Row(f"{everything} --output FILE.jsonl", ours("contacts.jsonl")),
        ],
        is_long=True,
    )


def contacts(count: int) -> dict[str, Any]:
    params = [{"name": "member", "value": "VIP"}, {"name": "city", "value": "San Francisco"}]
    numbers = range(14_160_000_000, 14_160_000_000 + count)
    return {
        "contacts": [
            {"whatsappNumber": str(number), "name": f"Customer {number}", "customParams": params}
            for number in numbers
        ]
    }


def messages() -> dict[str, Any]:
    text = "Hello, my order has not come yet.\nCould you look where it is? Its number is {}."
    said = [
        {"whatsappNumber": CUSTOMER, "text": text.format(number), "owner": number % 2 == 1, "age": number}
        for number in range(100)
    ]
    return {"contacts": [{"whatsappNumber": CUSTOMER, "name": "Jo Doe"}], "messages": said}


def seed(folder: Path, world: dict[str, Any]) -> None:
    """Add to the sandbox. Its server shows the new things at once."""
    (folder / "seed.json").write_text(json.dumps(world), encoding="utf-8")
    command = script("sandbox", "seed", f"@{folder / 'seed.json'}")
    subprocess.run(command, env=world_of(folder), stdout=subprocess.DEVNULL, check=True)


def write_records(path: Path, count: int) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["Name", "CountryCode", "Phone", "ordernumber"])
        writer.writerows([f"Customer {n}", "1", f"415{n:07}", f"ORD-{n}"] for n in range(count))


def world_of(folder: Path) -> dict[str, str]:
    """The environment of the sandbox, and of everything that is measured."""
    # Some rows would use a proxy, and others would not.
    own = {
        name: value
        for name, value in os.environ.items()
        if name != "PYTHONDONTWRITEBYTECODE"
        and not name.startswith(("MATON_", "WATI_"))
        and not name.lower().endswith("_proxy")
    }
    state = str(folder / "state.sqlite")
    return {
        **own,
        "MATON_API_KEY": "sandbox",
        "WATI_SANDBOX_STATE": state,
        "WATI_FILE_ROOTS": str(folder),
    }


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the sandbox without limits. Yields its address."""
    command = script("sandbox", "serve", "--no-limits", "--no-page", "--quiet")
    with subprocess.Popen(command, env=world_of(folder), stdout=subprocess.PIPE, encoding="utf-8") as server:
        try:
            assert server.stdout is not None
            yield json.loads(server.stdout.readline())["data"]["url"]
        finally:
            server.terminate()


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"Python {sys.version.split()[0]}, CPU of whole processes, medians")
    with tempfile.TemporaryDirectory() as name, served(Path(name)) as url, discarding() as nowhere:
        folder = Path(name).resolve()
        environment = {**world_of(folder), "MATON_BASE_URL": url}
        seed(folder, messages())
        write_records(folder / "records.csv", RECORDS)
        write_records(folder / "longest.csv", MOST_RECORDS)
        for table in tables(url, nowhere, folder):
            found = measured(table, environment, max(1, rounds // 5) if table.is_long else rounds)
            print(f"\n{report(table, found)}", flush=True)


if __name__ == "__main__":
    main()
