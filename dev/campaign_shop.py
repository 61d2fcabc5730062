"""A shop that sends campaigns: a served sandbox, a ledger, processes that work on it, and who judges them.

The judge is the sandbox's log of deliveries. It is laid beside the rows of the ledger, and beside what the
scripts say.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sql

from wati.campaigns.claims import message_of
from wati.campaigns.database import Database
from wati.campaigns.ledger import Ledger
from wati.campaigns.plans import New
from wati.campaigns.records import Job, Row
from wati.sandbox import control

ROOT = Path(__file__).resolve().parent.parent
Json = dict[str, Any]
TEMPLATE = "order_update"
CONNECTION = "sandbox-main"
SENDS = "/wati/api/v2/sendTemplateMessages"
FAST = {"requests": 1000, "seconds": 1}  # so that Maton's rate is the only one
TEXT = "Processing your order"  # of ordernumber: whoever has it twice got the same message twice

# On PYTHONPATH of every process: a clock that is wrong, and an engine's name that another worker has, too.
HOOKS = """
import os, time
ahead = float(os.environ.get("PROOF_AHEAD", "0"))
if ahead:
    real = time.time
    began = time.monotonic()
    # Set back or forward in the middle of its work.
    time.time = lambda: real() + (ahead if time.monotonic() - began > 3 else 0.0)
twin = os.environ.get("PROOF_EXECUTOR")
if twin:
    import sys
    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name == "dbos" and self in sys.meta_path:
                sys.meta_path.remove(self)
                import dbos
                new = dbos.DBOS.__new__
                def made(cls, *, config, **more):
                    return new(cls, config={**config, "executor_id": twin}, **more)
                dbos.DBOS.__new__ = made
                return __import__("importlib.util").util.find_spec(name)
    sys.meta_path.insert(0, Finder())
limit = os.environ.get("PROOF_LARGEST")
if limit:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
"""


def planned(
    ledger: Ledger,
    name: str,
    numbers: Iterable[int],
    chunk: int,
    text: str = TEXT,
    zones: Sequence[str] = ("",),
    **more: Any,
) -> Job:
    """A finished plan of the template to these numbers. `zones`: of the receivers, in turn."""
    values = [{"name": "name", "value": "Jane"}, {"name": "ordernumber", "value": text}]
    plan = {"template_name": TEMPLATE, "broadcast_name": name, "connection": CONNECTION, "channel_number": ""}
    plan |= {"chunk": chunk, "rate": FAST, **more}
    job = ledger.plans.begin(name, "campaign", name, plan)

    def row(position: int, number: str) -> New:
        zone = zones[position % len(zones)]
        who = (number, number, "Jane", {"customParams": values}, zone)
        message = message_of(ledger.place, number, TEMPLATE, values)
        return New(Row(position, position // chunk, *who, "planned"), message)

    ledger.plans.add(job, (row(position, str(number)) for position, number in enumerate(numbers)))
    return ledger.plans.finish(job, {"receivers": 0})


class Shop:
    """`address`: of the ledger; "" = a file."""

    def __init__(self, folder: Path, address: str = "") -> None:
        self.folder = folder
        self.state = folder / "sandbox.sqlite"
        self.address = address or str(folder / "campaigns.sqlite")
        (folder / "sitecustomize.py").write_text(HOOKS, encoding="utf-8")
        control.reset(self.state, limits=False)
        serve = [sys.executable, str(ROOT / "scripts" / "sandbox.py"), "serve", "--state", str(self.state)]
        self._started: list[subprocess.Popen[bytes]] = []
        server = subprocess.Popen(
            [*serve, "--no-limits"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._environ(),
        )
        self._started.append(server)
        assert server.stdout is not None
        self.url = json.loads(server.stdout.readline())["data"]["url"]
        self.ledger = Ledger(Database(self.address), "sandbox")

    def close(self) -> None:
        self.ledger.close()
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def plan(self, name: str, numbers: Iterable[int], chunk: int = 10, **more: Any) -> str:
        """A plan in the ledger; the value to confirm."""
        return planned(self.ledger, name, numbers, chunk, **more).confirm

    def start(self, script: str, *words: str, **environ: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(ROOT / "scripts" / f"{script}.py"), *words]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**self._environ(), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._started.append(process)
        return process

    def ask(self, script: str, *words: str, **environ: str) -> Json:
        """What a script says, which is one document and nothing else."""
        return said(self.start(script, *words, **environ))

    def stop(self, name: str) -> None:
        """As stop_campaign.py does, at once."""
        job = self.ledger.plans.get(name)
        assert job is not None
        self.ledger.course.stop(job)

    def executed(self, executor: str) -> int:
        """How many chunks the engine has given to workers of this executor id. Only on PostgreSQL."""
        query = sql.text("SELECT count(*) FROM wati_engine.workflow_status WHERE executor_id = :name")
        with self.ledger.database.reading() as db:
            return int(db.execute(query, {"name": executor}).scalar_one())

    def fault(self, **fault: Any) -> None:
        control.fault(self.state, {**fault, "match": {"method": "POST", "path": SENDS}})

    def posts(self) -> list[Json]:
        return [one for one in control.requests(self.state) if one["method"] == "POST"]

    def wait_for_posts(self, count: int, seconds: float = 30.0) -> None:
        until = time.monotonic() + seconds
        while len(self.posts()) < count:
            assert time.monotonic() < until, f"{count} requests were expected"
            time.sleep(0.02)

    def wait_for_workers(self, count: int, seconds: float = 60.0) -> None:
        """Until so many wait for work: each of them has left more than its first sign of life."""
        until = time.monotonic() + seconds
        while sum(one.beats > 0 for one in self.ledger.workers.all()) < count:
            assert time.monotonic() < until, f"{count} workers were expected"
            time.sleep(0.1)

    def got(self, *names: str) -> Counter[str]:
        """How often each receiver got the message of these campaigns."""
        log = control.log(self.state)
        return Counter(row["whatsappNumber"] for row in log if row.get("broadcast_name") in names)

    def rows(self, name: str) -> list[Row]:
        job = self.ledger.plans.get(name)
        assert job is not None
        return list(self.ledger.plans.rows(job))

    def judge(self, name: str, status: Json | None = None) -> list[str]:
        """Every way in which the ledger, the scripts and the far side do not say the same."""
        # First: campaign_status settles what the journal knows of those in doubt.
        status = status or self.ask("campaign_status", f"name={name}", "limit=1000")
        got, rows = self.got(name), self.rows(name)
        found = [f"{to} got it {times} times" for to, times in got.items() if times > 1]
        for row in rows:
            if row.state == "accepted" and not got[row.receiver]:
                found.append(f"{row.receiver} is accepted, and got nothing")
            if row.state in ("planned", "rejected") and got[row.receiver]:
                found.append(f"{row.receiver} is {row.state}, and got it")
        if strangers := got.keys() - {row.receiver for row in rows}:
            found.append(f"{sorted(strangers)} were not in the plan")
        return [
            *found,
            *self._of_status(rows, status),
        ]

    def _of_status(self, rows: Sequence[Row], document: Json) -> list[str]:
        data = document.get("data", {})
        counts = Counter("in_flight" if row.state == "claimed" else row.state for row in rows)
        del counts["left_out"]
        told = {state: count for state, count in data.get("counts", {}).items() if count}
        found = [] if told == counts else [f"campaign_status says {told}; the ledger has {dict(counts)}"]
        if data.get("receivers") != sum(counts.values()):
            found.append(f"the counts {told} are not the head count {data.get('receivers')}")
        doubt = {row.receiver for row in rows if row.state == "in_doubt"}
        listed = {one["whatsappNumber"] for one in data.get("in_doubt", {}).get("receivers", [])}
        if doubt != listed:
            found.append(f"in doubt are {sorted(doubt)}; listed are {sorted(listed)}")
        return found

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MATON_", "WATI_"))}
        own = {
            "MATON_API_KEY": "sandbox",
            "MATON_BASE_URL": getattr(self, "url", ""),
            "WATI_SANDBOX_STATE": str(self.state),
            "WATI_CAMPAIGNS": self.address,
            "PYTHONPATH": str(self.folder),
        }
        return {**kept, **{name: value for name, value in own.items() if value}}


def said(process: subprocess.Popen[bytes], seconds: float = 120.0) -> Json:
    """The one document of a process that ends by itself."""
    out, errors = process.communicate(timeout=seconds)
    assert not errors, errors.decode("utf-8", "replace")
    document: Json = json.loads(out)
    assert document["ok"] == (process.returncode == 0), document
    return document
