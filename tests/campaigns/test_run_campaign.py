"""run_campaign, stop_campaign, campaign_status and campaign_worker on the sandbox."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from conftest import ROOT, SANDBOX, Run
from wati.campaigns import shift
from wati.campaigns.database import Database
from wati.campaigns.ledger import Ledger
from wati.campaigns.records import Settled
from wati.sandbox import control

sys.path[:0] = [str(ROOT / "dev")]
from campaign_shop import planned  # noqa: E402

FIRST = 14_155_600_000
COUNTS = ("planned", "in_flight", "accepted", "rejected", "in_doubt")


class Shop:
    """A ledger beside the sandbox's state, and the scripts."""

    def __init__(self, call: Callable[..., Run], state: str) -> None:
        self._call = call
        self.state = state
        self.ledger = Ledger(Database(f"{state}-campaigns"), "sandbox")

    def run(self, script: str, arguments: Any = None, *flags: str, **environ: Any) -> Run:
        return self._call(script, arguments, *flags, **{**SANDBOX, **environ})

    def plan(self, name: str = "spring", count: int = 25, **more: Any) -> str:
        return planned(self.ledger, name, range(FIRST, FIRST + count), 10, **more).confirm

    def go(self, name: str, confirm: str, *flags: str, **environ: Any) -> Run:
        return self.run("run_campaign", {"name": name}, "--confirm", confirm, *flags, **environ)

    def got(self) -> Counter[str]:
        return Counter(row["whatsappNumber"] for row in control.log(self.state) if row["kind"] == "template")

    def status(self, name: str = "spring", **arguments: Any) -> Any:
        return self.run("campaign_status", {"name": name, **arguments}).data

    def in_doubt(self, name: str, *positions: int) -> None:
        """A worker claimed these, and died."""
        job = self.ledger.plans.get(name)
        assert job is not None
        self.ledger.course.start(job)
        worker = self.ledger.workers.enlist(f"dead-{positions}")
        rows = [row for chunk in range(3) for row in self.ledger.claims.claim(job, chunk, worker)]
        back = [Settled(row.position, "planned") for row in rows if row.position not in positions]
        self.ledger.claims.settle(job, worker, back)
        self.ledger.workers.give_up(worker.name)


@pytest.fixture
def shop(call: Callable[..., Run], state: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(shift, "LOOK_SECONDS", 0.05)
    made = Shop(call, state)
    with closing(made.ledger):
        yield made


def numbers(count: int) -> Counter[str]:
    return Counter(str(FIRST + n) for n in range(count))


def test_a_campaign_is_confirmed_sent_once_and_done(shop: Shop) -> None:
    confirm = shop.plan()
    dry = shop.run("run_campaign", {"name": "spring"}, "--dry-run")
    assert (dry.data["confirm"], dry.document["outcome"]) == (confirm, "not_sent")
    facts = dry.data["preflight"]
    one = {"name": "spring", "template_name": "order_update", "receivers": 25}
    assert (facts["campaigns"], facts["state"], facts["counts"]["planned"]) == ([one], "planned", 25)
    for wrong in ([], ["--confirm", "25"], ["--confirm", confirm[:-1]]):
        refused = shop.run("run_campaign", {"name": "spring"}, *wrong)
        assert refused.error["code"] == "confirmation_required" and confirm not in refused.text
    assert shop.got() == Counter() and shop.status()["state"] == "planned"

    run = shop.go("spring", confirm)
    assert shop.got() == numbers(25)
    assert (run.document["outcome"], run.data["state"], run.data["receivers"]) == ("accepted", "done", 25)
    assert run.data["counts"] == dict(zip(COUNTS, (0, 0, 25, 0, 0), strict=True))
    assert run.stderr == ""
    for again in (shop.go("spring", confirm), shop.run("run_campaign", {"name": "spring"})):
        assert again.data["counts"] == run.data["counts"]
    assert shop.got() == numbers(25)
    status = shop.status()
    assert status["counts"] == run.data["counts"] and "workers" not in status and "in_doubt" not in status
    (short,) = shop.run("campaign_status").data["campaigns"]
    assert short == {name: status[name] for name in ("name", "kind", "state", "receivers", "counts")}


@pytest.mark.parametrize("script", ["run_campaign", "stop_campaign", "campaign_status"])
def test_a_campaign_that_is_not_there_is_named(shop: Shop, script: str) -> None:
    shop.plan("spring-sale")
    shop.ledger.plans.begin("half", "campaign", "c", {})
    flags = ["--dry-run"] if script == "run_campaign" else []
    for name, problem in (("spring-sal", "did you mean"), ("half", "is not finished: run plan_campaign.py")):
        refused = shop.run(script, {"name": name}, *flags)
        (told,) = refused.error["problems"]
        assert refused.exit == 2 and told["at"] == "$.name" and problem in told["problem"]
    listed = shop.run("campaign_status").data["campaigns"]
    assert {job["name"]: job["state"] for job in listed} == {"spring-sale": "planned", "half": "planning"}


def test_what_was_stopped_goes_on_and_reaches_each_once(shop: Shop) -> None:
    confirm = shop.plan(count=40)
    control.fault(shop.state, {"fault": "status", "status": 400, "times": 1, "match": {"method": "POST"}})
    first = shop.go("spring", confirm)
    assert first.data["state"] == "stopped" and first.data["problem"]
    assert "stopped by itself" in first.document["notice"]
    stopped = shop.run("stop_campaign", {"name": "spring"})
    assert stopped.document["outcome"] == "accepted" and stopped.data["state"] == "stopped"
    assert "goes on" in stopped.data["next"]
    assert stopped.document["notice"] == "It was stopped, so there was nothing to stop."
    assert shop.go("spring", confirm).data["state"] == "done"
    assert shop.got() == numbers(40)


def test_detached_work_is_done_by_a_worker(shop: Shop) -> None:
    confirms = {name: shop.plan(name, text=name) for name in ("spring", "summer")}
    for name, confirm in confirms.items():
        left = shop.go(name, confirm, "--detach")
        assert (left.document["outcome"], left.data["state"]) == ("not_sent", "running")
        assert "Nobody works on it" in left.data["next"]
    assert shop.got() == Counter()
    dry = shop.run("campaign_worker", {}, "--dry-run").data["preflight"]["campaigns"]
    assert [each["receivers"] for each in dry] == [25, 25]
    worked = shop.run("campaign_worker", {}, "--until-idle")
    assert [each["state"] for each in worked.data["campaigns"]] == ["done", "done"]
    assert shop.got() == Counter({number: 2 for number in numbers(25)})
    idle = shop.run("campaign_worker", {"run": {"until_idle": True}})
    assert (idle.data, idle.document["outcome"]) == ({"campaigns": []}, "not_sent")


def test_a_process_that_works_already_does_what_another_call_starts(shop: Shop) -> None:
    """As in the MCP server, which makes its calls at once."""
    from concurrent.futures import ThreadPoolExecutor

    confirms = {name: shop.plan(name, text=name) for name in ("spring", "summer")}
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda name: shop.go(name, confirms[name]), confirms))
    while any(run.data["state"] == "running" for run in runs):
        busy = next(run for run in runs if "notice" in run.document)
        assert "Another call of this server" in busy.document["notice"]
        runs = [shop.go(name, confirm) for name, confirm in confirms.items()]
    assert [run.data["state"] for run in runs] == ["done", "done"]
    assert shop.got() == Counter({number: 2 for number in numbers(25)})


def test_a_worker_may_end_after_some_time(shop: Shop) -> None:
    confirm = shop.plan(send_at=4e9)
    shop.go("spring", confirm, "--detach")
    assert shop.status()["waits_until"] == "2096-10-02T07:06:40Z"
    worked = shop.run("campaign_worker", {}, "--timeout", "0.2")
    assert worked.data["campaigns"][0]["counts"]["planned"] == 25 and shop.got() == Counter()
    run = shop.go("spring", confirm, "--timeout", "0.2")
    assert (run.data["state"], run.document["outcome"]) == ("running", "not_sent")


@pytest.mark.parametrize(
    ("script", "arguments", "flags"),
    [
        ("run_campaign", {"name": "spring"}, ["--confirm", "x"]),
        ("stop_campaign", {"name": "spring"}, []),
        ("campaign_worker", {}, []),
        ("campaign_worker", {"recover": "w"}, []),
    ],
)
def test_read_only_mode_changes_and_sends_nothing(
    shop: Shop, script: str, arguments: Any, flags: list[str]
) -> None:
    shop.plan()
    refused = shop.run(script, arguments, *flags, WATI_READ_ONLY="1")
    assert refused.error["code"] == "read_only"
    assert shop.run("campaign_status", {"name": "spring"}, WATI_READ_ONLY="1").data["state"] == "planned"


def test_the_guards_of_the_machine_that_sends_are_looked_at_again(shop: Shop) -> None:
    confirm = shop.plan()
    listed = {
        "WATI_BLOCKED_RECIPIENTS": str(FIRST + 3),
        "WATI_ALLOWED_RECIPIENTS": f"{FIRST // 10}*",
    }
    run = shop.go("spring", confirm, **listed)
    assert run.data["reasons"] == {"blocked": 1, "not_allowed": 15}
    assert shop.got() == numbers(10) - Counter([str(FIRST + 3)])
    assert run.document["outcome"] == "partial"


def test_whoever_is_in_doubt_is_listed_and_sent_to_again_only_by_name(shop: Shop) -> None:
    confirm = shop.plan()
    shop.in_doubt("spring", 2, 7)
    run = shop.go("spring", confirm)
    assert (run.data["state"], run.document["outcome"]) == ("done", "partial")
    doubtful = [str(FIRST + 2), str(FIRST + 7)]
    assert shop.got() == numbers(25) - Counter(doubtful)
    told = shop.status()["in_doubt"]
    assert (told["count"], told["seconds"]) == (2, 2)
    assert [one["whatsappNumber"] for one in told["receivers"]] == doubtful
    assert "campaign_status.py name=spring look=true" in told["look"]
    assert len(shop.status(limit=1)["in_doubt"]["receivers"]) == 1

    def again(receivers: list[str], *flags: str) -> Run:
        return shop.run("run_campaign", {"name": "spring", "again": receivers}, *flags)

    assert again(doubtful, "--dry-run").data["confirm"] == "2"
    for wrong in ([], ["--confirm", confirm], ["--confirm", "1"]):
        assert again(doubtful, *wrong).error["code"] == "confirmation_required"
    refused = again([doubtful[0], str(FIRST)], "--confirm", "2")
    assert refused.error["problems"][0]["at"] == "$.again[1]"
    assert shop.got() == numbers(25) - Counter(doubtful)
    sent = again(doubtful[:1], "--confirm", "1")
    assert sent.data["counts"]["in_doubt"] == 1 and shop.got() == numbers(25) - Counter(doubtful[1:])


def test_those_of_a_stopped_campaign_wait_until_it_goes_on(shop: Shop) -> None:
    confirm = shop.plan()
    shop.in_doubt("spring", 2)
    assert "notice" not in shop.run("stop_campaign", {"name": "spring"}).document
    again = {"name": "spring", "again": [str(FIRST + 2)]}
    run = shop.run("run_campaign", again, "--confirm", "1")
    assert (run.data["state"], run.data["counts"]["planned"]) == ("stopped", 25)
    assert shop.got() == Counter(), "nobody has said yes to the other 24"
    assert shop.go("spring", confirm).data["state"] == "done" and shop.got() == numbers(25)


def test_a_worker_that_will_not_come_back_is_given_up(shop: Shop) -> None:
    shop.plan()
    job = shop.ledger.plans.get("spring")
    assert job is not None
    shop.ledger.course.start(job)
    worker = shop.ledger.workers.enlist("shop-1")
    assert len(shop.ledger.claims.claim(job, 0, worker)) == 10
    assert shop.status()["workers"] == [
        {"id": "shop-1", "state": "working", "seen": shop.status()["workers"][0]["seen"]}
    ]
    wrong = shop.run("campaign_worker", {"recover": "shop-2"})
    assert "shop-1" in wrong.error["problems"][0]["problem"]
    assert shop.status()["counts"]["in_flight"] == 10
    done = shop.run("campaign_worker", {"recover": "shop-1"})
    assert done.data == {"worker": "shop-1", "chunks": 0}
    status = shop.status()
    assert status["counts"]["in_doubt"] == 10 and status["workers"][0]["state"] == "gone"
    assert shop.run("campaign_worker", {"recover": "shop-1"}).exit == 0, "once more changes nothing"


def test_status_says_how_fast_it_goes_and_when_it_will_be_done(shop: Shop) -> None:
    shop.plan(count=35, rate={"requests": 30, "seconds": 10})
    job = shop.ledger.plans.get("spring")
    assert job is not None
    shop.ledger.course.start(job)
    worker = shop.ledger.workers.enlist("shop-1")
    before = shop.status()
    assert before["rate"] == {"receivers_a_second": 0.0} and before["done_at"] > before["started_at"]
    rows = shop.ledger.claims.claim(job, 0, worker)
    shop.ledger.claims.settle(job, worker, [Settled(row.position, "accepted") for row in rows])
    assert shop.status()["rate"] == {"receivers_a_second": 0.2}
    shop.ledger.workers.retire(worker)
    after = shop.status()
    assert "done_at" not in after and "Nobody works on it" in after["next"]


@pytest.mark.parametrize("package", ["sqlalchemy", "dbos"])
def test_a_missing_package_is_named(shop: Shop, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from wati.contract import packages

    confirm = shop.plan()
    real = packages.importlib.util.find_spec
    monkeypatch.setattr(
        packages.importlib.util, "find_spec", lambda name: None if name == package else real(name)
    )
    refused = shop.go("spring", confirm)
    assert refused.error["code"] == "missing_dependency"
    assert package in refused.error["message"] and "requirements-campaigns.txt" in refused.error["hint"]


def test_a_bar_is_shown_on_a_terminal_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    from wati.campaigns import bar

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    lines: list[str] = []
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with bar.shown("spring", lines.append) as show:
            show(3, 10, "It waits until 2026-12-01T09:00:00Z.")
        assert ("3/10" in stream.getvalue()) is stream.isatty()
    assert lines == ["3 of 10. It waits until 2026-12-01T09:00:00Z."]
