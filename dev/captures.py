"""Lay a capture of scripts/probe.py beside the sandbox, and mark what it proves.

usage: python dev/captures.py [--check] FILE
       python dev/captures.py --write

Asks the sandbox the questions of the capture and lists the differences. Rows of references/sandbox.md of
which every part agrees are marked *observed* there, with the date; with --check, they are only listed. Exit 1
if something is different. A capture of a sandbox proves nothing, so it marks nothing.

--write keeps what the sandbox answers in scripts/wati/probe/assumed.json, which the probe compares with.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from wati.calls.session import Session
from wati.probe import ask, known, questions, report, verdicts
from wati.sandbox import control
from wati.wire.pace import Pacer

ROOT = Path(__file__).resolve().parent.parent
TABLE, ASSUMED = "references/sandbox.md", "scripts/wati/probe/assumed.json"
MAIN = "sandbox-main"
OPEN, CLOSED, NO_WHATSAPP, MEXICAN = "14155551234", "14155555678", "14155550000", "525512345678"
# One's own number in each state that the questions tell apart.
RUNS: tuple[dict[str, Any], ...] = (
    {"own_number": OPEN, "template_name": "order_update", "limits": True},
    {"own_number": CLOSED, "template_name": "order_update"},
    {"own_number": NO_WHATSAPP, "template_name": "order_update", "has_whatsapp": False},
    {"own_number": MEXICAN, "template_name": "order_update"},
)


class Unpaced(Pacer):
    """Of the sandbox, whose limits are off."""

    def wait(self, target: str, deadline: float, *, spare: int = 0) -> bool:
        return True

    def answered(self, target: str) -> None:
        pass


def ask_the_sandbox() -> dict[str, Any]:
    """The sandbox's answer to every question; in each run, to those that were not asked before."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for index, arguments in enumerate(RUNS):
            observed = one_run(str(Path(folder) / f"{index}.sqlite"), arguments)
            found.update((name, one) for name, one in observed.items() if "status" not in found.get(name, {}))
    return found


def kept() -> dict[str, Any]:
    """The parts of the sandbox's answers that settle a row."""
    found = ask_the_sandbox()
    return {
        each.id: {part: found[each.id][part] for part in each.compares} for each in questions.ALL if each.row
    }


def one_run(state: str, arguments: dict[str, Any]) -> dict[str, Any]:
    control.reset(state, ids=1, limits=False)
    more = [
        {"whatsappNumber": str(14155552000 + each), "lastUpdated": "2020-01-01T00:00:00Z"}
        for each in range(100)
    ]  # than fit on a page
    control.seed(state, {"connections": [{"connection_id": "another", "status": "ACTIVE"}], "contacts": more})
    asked = questions.chosen(arguments)
    with Session({"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": state}) as session:
        session.client.pacer = Unpaced()
        asking = ask.Asking(session.client, known.at_first(arguments, MAIN), time.monotonic() + 300)
        asking.ask(each for each in asked if not each.needs or "limits_true" not in each.needs)
        control.limits(state, True)
        session.client.pacer = Pacer()
        asking.ask(each for each in asked if "limits_true" in each.needs)
    return asking.observed


def plain(row: str) -> str:
    """A row's behaviour, as the questions name it."""
    return row.replace("`", "").replace("*", "")


def marked(text: str, rows: Sequence[verdicts.Row], day: date) -> tuple[str, list[str]]:
    """The table with what was observed that day, and which rows that are."""
    proven = [row for row in rows if row.verdict == verdicts.AS_ASSUMED and row.whole]
    lines, changed = text.split("\n"), []
    for index, line in enumerate(lines):
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) != 5 or cells[2].strip() not in ("assumed", "documented"):
            continue
        if any(plain(cells[1].strip()).startswith(row.row) for row in proven):
            lines[index] = f"|{cells[1]}| observed | published live probe, {day.isoformat()} |"
            changed.append(cells[1].strip())
    return "\n".join(lines), changed


def main(arguments: Sequence[str], root: Path = ROOT) -> int:
    if list(arguments) == ["--write"]:
        text = json.dumps(kept(), indent=1, ensure_ascii=False, sort_keys=True)
        (root / ASSUMED).write_text(text + "\n", encoding="utf-8", newline="\n")
        return 0
    files = [each for each in arguments if each != "--check"]
    if len(files) != 1 or files[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        capture = json.loads(Path(files[0]).read_text(encoding="utf-8"))
        day, answers, of = date.fromisoformat(capture["at"]), dict(capture["answers"]), capture["of"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{files[0]}: is not a capture of probe.py ({type(error).__name__})", file=sys.stderr)
        return 2
    rows = verdicts.rows(questions.ALL, answers, kept())
    for row in rows:
        for name, found in row.how.items() if row.verdict == verdicts.DIFFERENT else ():
            print(f"different: {row.row}\n" + "\n".join(f"  {name}: {each}" for each in found))
    table = root / TABLE
    text, changed = marked(table.read_text(encoding="utf-8"), rows, day)
    if of != report.LIVE:
        print(f"It is a capture of {of}, so no row is marked.")
    elif "--check" not in arguments:
        table.write_text(text, encoding="utf-8", newline="\n")
    for each in changed if of == report.LIVE else ():
        print(f"observed: {each}")
    counts = [
        sum(row.verdict == each for row in rows) for each in (verdicts.AS_ASSUMED, verdicts.NOT_SETTLED)
    ]
    print(f"{counts[0]} rows are as assumed, {counts[1]} were not settled.")
    return 1 if any(row.verdict == verdicts.DIFFERENT for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
