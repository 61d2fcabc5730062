"""The world of an eval in which a campaign was stopped after its first chunk, which the real code sends."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import child

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
Json = dict[str, Any]


def begin(state: Path, plan: Json) -> None:
    """`plan`: the arguments of plan_campaign. Needs the packages of campaigns."""
    from wati.calls.session import Session
    from wati.campaigns import sending
    from wati.campaigns.database import Database
    from wati.campaigns.ledger import Ledger

    own = {"MATON_API_KEY": "sandbox", "WATI_SANDBOX_STATE": str(state)}

    def run(script: str, arguments: Json, *flags: str) -> Json:
        command = [sys.executable, str(SCRIPTS / f"{script}.py"), json.dumps(arguments), *flags]
        done = subprocess.run(command, env=child.environment(**own), capture_output=True, check=True)
        data: Json = json.loads(done.stdout)["data"]
        return data

    campaign = {"name": plan["name"]}
    run("run_campaign", campaign, "--confirm", run("plan_campaign", plan)["confirm"], "--detach")
    with Session(own) as session, closing(Ledger(Database(f"{state}-campaigns"), "sandbox")) as ledger:
        job = ledger.plans.get(plan["name"])
        assert job is not None
        with ledger.present("before") as worker:
            sending.handle(session, ledger, worker, job, 0)
    run("stop_campaign", campaign)
