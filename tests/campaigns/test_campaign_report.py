"""campaign_report on the sandbox: what it says, against what the sandbox has in its log."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sql

from conftest import Run
from ledgers import VALUES, add_job, numbers, open_ledger
from sends import World, make_world
from wati.campaigns import deliveries, report_page, reporting, schema
from wati.campaigns.deliveries import Due
from wati.campaigns.leaving_out import REASONS
from wati.contract.failures import Failure
from wati.reads import undelivered
from wati.sandbox import control

Json = dict[str, Any]
FAILING, ANSWERING, SILENT = "14155550000", "14155550003", "14155550006"  # the first of three each


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> Iterator[World]:
    made = make_world(tmp_path, call)
    control.reset(made.state, limits=False)
    yield made


def send(world: World, receivers: list[str], name: str = "spring") -> None:
    """A campaign of which WATI has accepted all, as a worker leaves it."""
    to = [{"whatsappNumber": each, "customParams": VALUES} for each in receivers]
    arguments = {"template_name": "order_update", "broadcast_name": "spring", "receivers": to}
    assert world.run("send_template_messages_v2", arguments, "--confirm", str(len(to))).exit == 0
    ids = {row["whatsappNumber"]: row["localMessageId"] for row in control.log(world.state)}
    with closing(open_ledger(f"{world.state}-campaigns")) as ledger:
        job = add_job(ledger, receivers, name, state="done", connection="sandbox-main")
        with ledger.database.writing() as db:
            now = ledger.database.now(db)
            db.execute(sql.update(schema.jobs).values(started_at=now))
            for number, message_id in ids.items():
                values = {"state": "accepted", "settled_at": now, "message_id": message_id}
                where = (schema.rows.c.job == job.id, schema.rows.c.receiver == number)
                db.execute(sql.update(schema.rows).where(*where).values(values))


def receivers() -> list[str]:
    return numbers(9)  # 14155550000 to 14155550008


@pytest.fixture
def sent(world: World) -> World:
    control.seed(
        world.state,
        {
            "habits": [
                {"numbers": "14155550000-14155550001", "fails": "131026"},
                {"numbers": "14155550002", "fails": "132015"},
                {"numbers": "14155550003-14155550005", "reads": 5, "replies": "<b>Yes</b>", "after": 20},
                {"numbers": "14155550006", "reads": 5},
            ],
        },
    )
    with control.State(world.state).transaction() as tx:
        tx.run("DELETE FROM strangers")
    send(world, receivers())
    control.advance(world.state, 60)
    return world


def test_what_it_says_is_what_the_sandbox_has(sent: World) -> None:
    run = sent.run("campaign_report", {"name": "spring"})
    statuses = [row["status"] for row in control.log(sent.state) if row["kind"] == "template"]
    assert (run.data["accepted"], run.data["complete"], run.data["looked_at"]) == (9, True, 9)
    assert run.data["failed"] == statuses.count("FAILED") == 3
    assert run.data["replied"] == statuses.count("REPLIED") == 3
    assert run.data["read"] == statuses.count("READ") + 3 == 4
    assert run.data["delivered"] == statuses.count("DELIVERED") + 4 == 6
    failures = [(each["code"], each["count"], each["do"]) for each in run.data["failures"]]
    do = {code: undelivered.CAUSES[code].do for code in ("131026", "132015")}
    assert failures == [("131026", 2, do["131026"]), ("132015", 1, do["132015"])]
    assert [each["text"] for each in run.data["replies"]] == ["<b>Yes</b>"] * 3
    assert "customers" in run.document["notice"]


def test_what_is_final_is_not_read_again(sent: World) -> None:
    sent.run("campaign_report", {"name": "spring"})
    before = len(control.requests(sent.state))
    again = sent.run("campaign_report", {"name": "spring"})
    assert again.data["replied"] == 3 and len(control.requests(sent.state)) == before  # all are fresh
    with closing(open_ledger(f"{sent.state}-campaigns")) as ledger, ledger.database.writing() as db:
        old = schema.rows.c.looked_at - deliveries.FRESH_SECONDS - 1
        db.execute(sql.update(schema.rows).values(looked_at=old))
    sent.run("campaign_report", {"name": "spring"})
    read = [row["path"] for row in control.requests(sent.state)[before:] if "getMessages" in row["path"]]
    open_ones = receivers()[6:]  # neither failed nor answered
    assert sorted(path.rpartition("/")[2] for path in read) == open_ones


@pytest.mark.parametrize(("status", "seconds"), [("SENT", 30), ("not_found", 30), ("DELIVERED", 600)])
def test_what_is_on_its_way_is_soon_looked_at_again(sent: World, status: str, seconds: int) -> None:
    sent.run("campaign_report", {"name": "spring"})
    for ago, reads in ((seconds - 5, 0), (seconds + 5, 1)):
        with closing(open_ledger(f"{sent.state}-campaigns")) as ledger, ledger.database.writing() as db:
            values = {"delivery": status, "looked_at": ledger.database.now(db) - ago}
            where = schema.rows.c.receiver == "14155550007"
            db.execute(sql.update(schema.rows).where(where).values(values))
        before = len(control.requests(sent.state))
        sent.run("campaign_report", {"name": "spring"})
        assert len(control.requests(sent.state)) == before + reads


def test_it_goes_on_where_it_was_stopped(sent: World) -> None:
    control.fault(sent.state, {"fault": "status", "status": 401, "after": 4, "times": 0})
    run = sent.run("campaign_report", {"name": "spring"})
    seen = run.data["looked_at"]
    assert (seen, run.data["complete"], run.data["stopped"]) == (4, False, "unauthorized")
    assert run.data["not_looked_at"] == 9 - seen and "Run it again" in run.data["next"]
    control.clear_faults(sent.state)
    assert sent.run("campaign_report", {"name": "spring"}).data["looked_at"] == 9


def test_a_conversation_that_is_gone_is_not_delivered(sent: World) -> None:
    with control.State(sent.state).transaction() as tx:
        tx.run("DELETE FROM contacts WHERE number = '14155550006'")
    data = sent.run("campaign_report", {"name": "spring"}).data
    assert (data["not_found"], data["delivered"], data["complete"]) == (1, 5, True)


def test_the_day_s_brief_says_how_the_latest_did(sent: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent.run("campaign_report", {"name": "spring"})
    found = sent.run("brief", {}, "--timeout", "2").data["campaigns"]
    latest = {name: found["latest"][name] for name in ("name", "looked_at", "replied", "failed")}
    assert latest == {"name": "spring", "looked_at": 9, "replied": 3, "failed": 3} and found["running"] == []
    monkeypatch.setattr("wati.campaigns.ledger.require_package", missing)
    assert sent.run("brief", {}, "--timeout", "2").data["campaigns"] == {"not_read": "missing_dependency"}


def missing(name: str) -> None:
    raise Failure("missing_dependency", f"The Python package {name} is not installed.")


def test_an_unknown_campaign_is_named(world: World) -> None:
    run = world.run("campaign_report", {"name": "sprng"})
    assert run.exit == 2 and "sprng" in run.error["problems"][0]["problem"]


def test_the_page_shows_the_numbers_and_no_markup_of_a_customer(sent: World, tmp_path: Path) -> None:
    run = sent.run("campaign_report", {"name": "spring"}, "--output", "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert run.data["file"] == "report.html" and "&lt;b&gt;Yes&lt;/b&gt;" in page and "<b>Yes" not in page
    assert "131026" in page and "<script" not in page and "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def mark(world: World, number: str, **values: Any) -> None:
    """One receiver's row, as a plan or a worker leaves it."""
    with closing(open_ledger(f"{world.state}-campaigns")) as ledger, ledger.database.writing() as db:
        db.execute(sql.update(schema.rows).where(schema.rows.c.receiver == number).values(values))


OUT = {"state": "left_out", "reason": "opted_out"}
HAS_IT = {"state": "rejected", "reason": "already_sent"}


def test_who_was_rejected_or_left_out_is_told_by_reason(sent: World) -> None:
    for number, values in zip(receivers(), (OUT, OUT, HAS_IT, {"state": "rejected"}), strict=False):
        mark(sent, number, **values)
    data = sent.run("campaign_report", {"name": "spring"}).data
    assert (data["left_out"], data["reasons"]) == ({"opted_out": 2}, {"already_sent": 1, "unknown": 1})
    status = sent.run("campaign_status", {"name": "spring"}).data
    assert {name: status[name] for name in ("left_out", "reasons")} == {
        name: data[name] for name in ("left_out", "reasons")
    }


def test_without_any_no_reasons_are_told(sent: World) -> None:
    data = sent.run("campaign_report", {"name": "spring"}, "--output", "report.html").data
    assert not {"left_out", "reasons"} & set(data)


def cells(page: str) -> list[list[str]]:
    """The rows of all tables of a page, as the texts of their cells."""
    found = re.findall(r"<tr>(<td.*?)</tr>", page)
    return [[html.unescape(text) for text in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in found]


def test_the_page_names_who_did_not_get_it_and_why(sent: World, tmp_path: Path) -> None:
    mark(sent, "14155550008", **OUT, name="Bea")
    mark(sent, "14155550007", **HAS_IT, name="Cleo")
    mark(sent, "14155550006", state="rejected", reason="rejected", detail="Not today")
    mark(sent, "14155550005", state="in_doubt")
    sent.run("campaign_report", {"name": "spring"})
    mark(sent, "14155550004", delivery="not_found")  # its status was unreadable, and it was answered
    sent.run("campaign_report", {"name": "spring"}, "--output", "report.html")
    rows = cells((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert ["1", "opted_out", "left out by the plan", REASONS["opted_out"].replace("have", "has")] in rows
    assert ["1", "already_sent", "rejected", "has this message already, or may have it"] in rows
    cause = undelivered.CAUSES
    assert rows[-9:] == [
        ["Ann", "14155550000", "failed", cause["131026"].what],
        ["Ann", "14155550001", "failed", cause["131026"].what],
        ["Ann", "14155550002", "failed", cause["132015"].what],
        ["Ann", "14155550005", "in doubt: it may have been sent", ""],
        ["Ann", "14155550006", "rejected", "Not today"],
        ["Cleo", "14155550007", "rejected", "has this message already, or may have it"],
        [
            "Bea",
            "14155550008",
            "left out by the plan",
            "has opted out, by the attribute or column that says so",
        ],
        ["Ann", "14155550003", "replied", ""],
        ["Ann", "14155550004", "replied", ""],
    ]


def test_what_a_page_cannot_show_it_counts(
    sent: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "MOST_PEOPLE", 4)
    mark(sent, "14155550008", **OUT)
    sent.run("campaign_report", {"name": "spring"}, "--output", "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert [row[1] for row in cells(page)[-4:]] == [*receivers()[:3], "14155550008"]
    assert "5 more are not shown; the table (--output report.csv) has everyone." in page


@pytest.mark.parametrize("member", ["name", "detail"])
def test_hostile_words_stay_text(member: str, sent: World, tmp_path: Path) -> None:
    words = "</td><script>alert(1)</script><img src=\"https://evil.example/x\" onerror='x'>\u202e{name}"
    mark(sent, "14155550008", state="rejected", reason="rejected", **{member: words})
    sent.run("campaign_report", {"name": "spring"}, "--output", "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<img" not in page and "\u202e" not in page
    assert words.replace("\u202e", "\ufffd") in [text for row in cells(page) for text in row]


def test_a_campaign_that_was_not_begun_names_everyone(world: World, tmp_path: Path) -> None:
    with closing(open_ledger(f"{world.state}-campaigns")) as ledger:
        add_job(ledger, receivers(), "later", state="planned", connection="sandbox-main")
    world.run("campaign_report", {"name": "later"}, "--output", "report.html")
    rows = cells((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert rows == [["Ann", number, "not sent", ""] for number in receivers()]


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_the_table_has_every_receiver(ending: str, sent: World, tmp_path: Path) -> None:
    sent.run("campaign_report", {"name": "spring"}, "--output", f"report.{ending}")
    text = (tmp_path / f"report.{ending}").read_text(encoding="utf-8-sig")
    rows = (
        list(csv.DictReader(text.splitlines())) if ending == "csv" else [*map(json.loads, text.splitlines())]
    )
    assert [row["receiver"] for row in rows] == receivers()
    assert [row["delivery"] for row in rows[:4]] == ["FAILED", "FAILED", "FAILED", "REPLIED"]
    assert set(reporting.COLUMNS) <= set(rows[0])


ROW = {
    "eventType": "broadcastMessage",
    "localMessageId": "m",
    "statusString": "READ",
    "created": "2026-01-02T00:00:00Z",
}
ANSWER = {"eventType": "message", "owner": False, "text": "ok", "created": "2026-01-02T01:00:00Z"}
OURS = {**ANSWER, "owner": True}
LATE = {**ANSWER, "created": "2026-01-20T01:00:00Z"}
AT = 1767312000.0  # 2026-01-02


@pytest.mark.parametrize(
    ("rows", "status", "reply"),
    [
        ([ROW], "READ", ""),
        ([ANSWER, ROW], "READ", "ok"),
        ([{**ANSWER, "text": "second"}, ANSWER, ROW], "READ", "ok"),
        ([OURS, ROW], "READ", ""),
        ([LATE, ROW], "READ", ""),
        ([ROW, ANSWER], "READ", ""),  # before it
        ([ANSWER], "not_found", ""),
        ([{**ROW, "localMessageId": "other"}], "not_found", ""),
        ([], "not_found", ""),
        ([{**ROW, "statusString": 7}], "not_found", ""),
    ],
)
def test_what_the_rows_say(rows: list[Json], status: str, reply: str) -> None:
    found = reporting.judged(Due(0, "1", "", "m", AT), rows)
    assert (found.status, found.reply) == (status, reply)


def test_without_an_id_no_row_is_the_message() -> None:
    assert reporting.judged(Due(0, "1", "", "", AT), [{**ROW, "localMessageId": ""}]).status == "not_found"


@pytest.mark.parametrize(
    ("detail", "code"),
    [
        ("(#131026) Message undeliverable", "131026"),
        ("131049", "131049"),
        ("Custom params can't have 4 consecutive spaces", ""),
        ("number 14155551310261", ""),
        ("", ""),
    ],
)
def test_the_code_in_watis_words(detail: str, code: str) -> None:
    assert undelivered.code_of(detail) == code
    assert undelivered.cause(code).do


def test_the_page_of_a_campaign_over_weeks_has_few_bars() -> None:
    hours = {"Sent": {hour: 1 for hour in range(2000)}, "Answered": {}}
    zero = dict.fromkeys(
        ("receivers", "accepted", "rejected", "in_doubt", "not_sent", "failed", "not_found"), 0
    )
    steps = dict.fromkeys(("delivered", "read", "replied"), 0)
    data = {"name": "x", "state": "done", "complete": True, "failures": [], "replies": [], **zero, **steps}
    page = report_page.page(data, {}, hours, [], 0)
    assert 0 < page.count("<rect") <= 96
