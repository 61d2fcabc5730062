"""`--all`: every page of a list, each item once, and never part of a list told as the whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import ENDPOINTS, Run
from recording import FarSide, Received, reply
from wati import every, pace, tables
from wati.sandbox import limits

MESSAGES = {"whatsappNumber": "14155551234"}
LISTS = {
    "get_contacts": ({}, "/wati/api/v1/getContacts"),
    "get_messages": (MESSAGES, "/wati/api/v1/getMessages/14155551234"),
    "get_message_templates": ({}, "/wati/api/v1/getMessageTemplates"),
}


def page(name: str, rows: list[Any], total: int = 0) -> Any:
    """An answer of WATI's with these rows; `total` lies unless a test says so."""
    if name == "get_messages":
        return reply({"result": "success", "messages": {"items": rows, "total": total}, "link": {}})
    member = {"get_contacts": "contact_list", "get_message_templates": "messageTemplates"}[name]
    return reply({"result": "success", member: rows, "link": {"total": total, "nextPage": None}})


def rows(*ids: Any) -> list[dict[str, Any]]:
    return [{"id": str(identity), "text": f"row {identity}"} for identity in ids]


def shown(run: Run) -> list[Any]:
    data = run.data
    items = data["messages"]["items"] if "messages" in data else next(iter(data.values()))
    return named(items)


def named(items: list[Any]) -> list[str]:
    """Which rows these are, by id or text: a template's id is not shown."""
    return [row.get("id") or row["text"].removeprefix("row ") for row in items]


def numbers(requests: list[Received]) -> list[int]:
    return [int(dict(request.pairs)["pageNumber"]) for request in requests]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock of the pacing's own: its waits pass at once, and are recorded."""
    fake = SimpleNamespace(now=1000.0, waits=[])

    def sleep(seconds: float) -> None:
        fake.waits.append(seconds)
        fake.now += seconds

    fake.time = SimpleNamespace(monotonic=lambda: fake.now, sleep=sleep)
    monkeypatch.setattr(pace, "time", fake.time)
    return fake


@pytest.fixture
def listed(call: Callable[..., Run], far_side: FarSide, clock: SimpleNamespace) -> Callable[..., Run]:
    """`listed(name, pages, *flags)`: one run with --all; after these pages the list is empty."""

    def run(name: str, pages: list[Any], *flags: str, given: dict[str, Any] | None = None) -> Run:
        arguments, path = LISTS[name]
        answers = [page(name, item) if isinstance(item, list) else item for item in pages]
        far_side.will(*answers, to=path)
        far_side.always(page(name, []), to=path)
        return call(name, {**arguments, **(given or {})}, "--all", *flags)

    return run


# --- what ends a list --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTS)
def test_short_pages_and_a_lying_total_end_nothing(
    name: str, listed: Callable[..., Run], far_side: FarSide
) -> None:
    pages = [page(name, rows(1, 2), total=2), page(name, rows(3), total=0), page(name, rows(4, 5), total=1)]
    run = listed(name, pages)
    assert run.exit == 0 and shown(run) == ["1", "2", "3", "4", "5"]
    told = run.document["page"]
    assert told["complete"] is True and told["items"] == 5 and "next" not in told
    assert numbers(far_side.requests)[:4] == [1, 2, 3, 4]


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_is_whole(name: str, listed: Callable[..., Run], far_side: FarSide) -> None:
    run = listed(name, [])
    assert shown(run) == [] and run.document["page"]["complete"] is True
    assert run.document["page"]["items"] == 0 and far_side.requests


@pytest.mark.parametrize("name", LISTS)
def test_a_far_side_that_repeats_its_last_page_for_ever_ends(
    name: str, call: Callable[..., Run], far_side: FarSide, clock: SimpleNamespace
) -> None:
    arguments, path = LISTS[name]
    far_side.always(page(name, rows(1, 2)), to=path)
    run = call(name, arguments, "--all")
    assert shown(run) == ["1", "2"] and run.document["page"]["complete"] is True
    assert len(far_side.requests) < 10


def test_a_list_that_brings_something_new_for_ever_is_not_whole(
    listed: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(every, "MOST_PAGES", 5)
    run = listed("get_messages", [rows(number) for number in range(9)])
    assert run.exit == 6 and run.error["code"] == "bad_answer"
    assert run.error["page"]["complete"] is False and run.error["page"]["items"] == 5


def test_rows_without_an_id_are_told_apart_by_what_they_hold(listed: Callable[..., Run]) -> None:
    first, second = {"text": "a", "owner": True}, {"text": "a", "owner": False}
    run = listed("get_messages", [[first, second], [{"owner": True, "text": "a"}, {"text": "b"}]])
    assert run.data["messages"]["items"] == [first, second, {"text": "b"}]


# --- lists that move ---------------------------------------------------------------------------------------


def test_a_contact_that_moves_while_it_is_read_is_given_once_and_none_is_missed(
    listed: Callable[..., Run], far_side: FarSide
) -> None:
    # 5 changes after page 1 was read: it goes to the top, and 2 slides onto page 2.
    pages = [rows(1, 2), rows(2, 3), rows(4), [], rows(5, 1), rows(2, 3)]
    run = listed("get_contacts", pages)
    assert shown(run) == ["1", "2", "3", "4", "5"] and run.document["page"]["complete"] is True
    assert numbers(far_side.requests)[:6] == [1, 2, 3, 4, 1, 2]


@pytest.mark.parametrize("name", ["get_messages", "get_message_templates"])
def test_a_list_not_sorted_by_change_is_read_once(
    name: str, listed: Callable[..., Run], far_side: FarSide
) -> None:
    assert shown(listed(name, [rows(1), rows(2)])) == ["1", "2"]
    assert numbers(far_side.requests) == [1, 2, 3]


def test_contacts_from_the_middle_of_the_list_say_that_some_may_be_missing(
    listed: Callable[..., Run], far_side: FarSide
) -> None:
    run = listed("get_contacts", [rows(1)], given={"pageNumber": 3})
    assert shown(run) == ["1"] and "may be missing" in run.document["notice"]
    assert numbers(far_side.requests) == [3, 4]


# --- how it is asked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "size"), [({}, "100"), ({"pageSize": 7}, "7")])
def test_the_largest_page_is_asked_for_unless_another_is_given(
    given: dict[str, Any], size: str, listed: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    listed("get_messages", [rows(1), rows(2)], "--output", "all.jsonl", given=given)
    assert [dict(request.pairs)["pageSize"] for request in far_side.requests] == [size] * 3


@pytest.mark.parametrize("name", LISTS)
def test_one_connection_is_kept_alive(name: str, listed: Callable[..., Run], far_side: FarSide) -> None:
    listed(name, [rows(number) for number in range(5)])
    assert len(far_side.requests) >= 6 and len(far_side._connections) == 1


@pytest.mark.parametrize("name", LISTS)
def test_requests_stay_below_the_limits(
    name: str, listed: Callable[..., Run], clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []
    real = pace.Pacer.wait

    def wait(pacer: pace.Pacer) -> None:
        real(pacer)
        left.append(clock.now)

    monkeypatch.setattr(pace.Pacer, "wait", wait)
    listed(name, [rows(number) for number in range(45)], "--output", "all.jsonl")
    assert len(left) >= 46
    allowed = [(10, 1.0), *([(10, 10.0)] if name != "get_message_templates" else [])]
    for count, seconds in allowed:
        for start in left:
            within = [moment for moment in left if start <= moment <= start + seconds]
            assert len(within) < count, "room is left for whoever asks something else"
    # Just under the limit, not far below it: nine in each window.
    seconds = allowed[-1][1]
    assert left[-1] - left[0] < (len(left) / 9 + 1) * (seconds + 0.2)


def test_the_limits_are_those_of_the_sandbox() -> None:
    own = {name: (limit.calls, limit.seconds) for name, limit in limits.ENDPOINTS.items()}
    assert {name: own.get(name) for name in LISTS} == {name: pace.LIMITS.get(name) for name in LISTS}
    assert (limits.GATEWAY.calls, limits.GATEWAY.seconds) == pace.GATEWAY


# --- trouble on the way ------------------------------------------------------------------------------------

LIMITED = reply({"detail": "Too many requests"}, 429)


@pytest.mark.parametrize("name", LISTS)
def test_a_429_is_waited_out(
    name: str, listed: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    run = listed(name, [rows(1), LIMITED, LIMITED, rows(2)])
    assert shown(run) == ["1", "2"] and run.document["page"]["complete"] is True
    assert numbers(far_side.requests)[:5] == [1, 2, 2, 2, 3]
    assert len(pauses) == 2 and sum(pauses) > 3


def test_each_request_has_waits_of_its_own(listed: Callable[..., Run], pauses: list[float]) -> None:
    limited = reply({"detail": "Too many requests"}, 429, Retry_After="4")
    pages: list[Any] = [item for number in range(4) for item in (limited, rows(number))]
    run = listed("get_messages", pages, "--timeout", "5")
    assert shown(run) == ["0", "1", "2", "3"] and pauses == [4.0] * 4


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(429, "rate_limited", 5), (500, "upstream_error", 6), (401, "unauthorized", 3)],
)
def test_a_failure_in_the_middle_tells_what_was_read_and_where_it_stopped(
    name: str, status: int, code: str, exit_code: int, listed: Callable[..., Run], pauses: list[float]
) -> None:
    run = listed(name, [rows(1, 2), rows(3), *[reply({"detail": "no"}, status)] * 4])
    assert run.exit == exit_code and run.error["code"] == code
    assert run.error["page"]["complete"] is False and run.error["page"]["stopped_at"] == 3
    assert named(run.error["items"]) == ["1", "2", "3"]
    assert ("customers" in run.document.get("notice", "")) is ENDPOINTS[name].customer_text


def test_the_items_of_a_failure_are_cut_where_they_are_too_many(
    listed: Callable[..., Run], pauses: list[float]
) -> None:
    long = [{"id": str(number), "text": "x" * 1500} for number in range(16)]
    run = listed("get_messages", [long, *[reply({"detail": "no"}, 500)] * 4])
    assert run.exit == 6 and len(run.text) <= 30_000
    items = run.error["items"]
    assert 0 < len(items) < 16 and items == long[: len(items)], "cut at an item"
    assert run.error["page"]["shown"] == len(items) and run.error["page"]["items"] == 16


# --- one document ------------------------------------------------------------------------------------------


def test_a_limit_says_how_to_get_the_rest(listed: Callable[..., Run], far_side: FarSide) -> None:
    run = listed("get_messages", [rows(1, 2), rows(3, 4), rows(5)], "--max-items", "4", given={"pageSize": 2})
    assert shown(run) == ["1", "2", "3", "4"]
    told = run.document["page"]
    assert told["complete"] is False and told["items"] == 4
    assert (told["next"], told["size"]) == (3, 2)
    assert numbers(far_side.requests) == [1, 2], "no more is read than is wanted"


@pytest.mark.parametrize("most", [1, 7, 50, 100, 101, 150, 199, 230])
@pytest.mark.parametrize("size", [None, 7, 100])
def test_going_on_at_next_misses_nothing(
    most: int, size: int | None, call: Callable[..., Run], clock: SimpleNamespace, far_side: FarSide
) -> None:
    everything = rows(*range(240))

    def serve(request: Received) -> Any:
        asked = {name: int(value) for name, value in request.pairs}
        start = (asked["pageNumber"] - 1) * asked["pageSize"]
        return page("get_messages", everything[start : start + asked["pageSize"]])

    far_side._next = serve  # type: ignore[method-assign]
    arguments: dict[str, Any] = {**MESSAGES, **({"pageSize": size} if size else {})}
    first = call("get_messages", arguments, "--all", "--max-items", str(most), "--fields", "id")
    assert shown(first) == [str(number) for number in range(most)]
    told = first.document["page"]
    assert told["complete"] is False
    start = (told["next"] - 1) * told["size"]
    assert start <= most, "items are missed"
    assert start > 0, "going on would read the same again, for ever"


def test_without_a_limit_a_document_holds_as_many_as_fit(listed: Callable[..., Run]) -> None:
    long = [{"id": str(number), "text": "x" * 300} for number in range(240)]
    run = listed("get_messages", [long[:100], long[100:200], long[200:]])
    assert 20_000 < len(run.text) <= 30_000
    told = run.document["page"]
    items = run.data["messages"]["items"]
    assert items == long[: len(items)] and told["complete"] is False
    assert told["items"] == len(items), "what is told is what is shown"
    assert 0 < (told["next"] - 1) * told["size"] <= len(items)


def test_with_fields_more_items_fit(listed: Callable[..., Run]) -> None:
    long = [{"id": str(number), "text": "x" * 300} for number in range(240)]
    run = listed("get_messages", [long[:100], long[100:200], long[200:]], "--fields", "id")
    assert len(shown(run)) == 240 and run.document["page"]["complete"] is True


def test_a_limit_given_does_not_make_an_answer_too_long(listed: Callable[..., Run]) -> None:
    long = [{"id": str(number), "text": "x" * 3000} for number in range(30)]
    run = listed("get_messages", [long[:5], long[5:]], "--max-items", "30")
    told = run.document["page"]
    assert len(run.text) <= 30_000 and told["complete"] is False
    assert shown(run) == [str(number) for number in range(told["items"])] and told["items"] > 5
    # The far side gave shorter pages than it was asked for: only the same page is sure to miss nothing.
    assert (told["next"], told["size"]) == (2, 30) and f"with {told['items'] - 5} of these" in run.text


def test_an_item_that_fits_no_answer_is_shown_cut(listed: Callable[..., Run]) -> None:
    run = listed("get_messages", [[{"id": "1", "text": "x" * 40_000}, *rows(2)]])
    assert shown(run) == ["1"] and len(run.text) <= 30_000
    assert (run.document["page"]["next"], run.document["page"]["size"]) == (2, 1)


def test_fields_are_picked_of_every_item(listed: Callable[..., Run]) -> None:
    run = listed("get_messages", [rows(1), rows(2)], "--fields", "text")
    assert run.data == {"messages": {"items": [{"text": "row 1"}, {"text": "row 2"}]}}


@pytest.mark.parametrize("name", LISTS)
def test_the_notice_stands_where_customers_wrote(name: str, listed: Callable[..., Run]) -> None:
    run = listed(name, [rows(1)])
    assert ("customers" in run.document.get("notice", "")) is ENDPOINTS[name].customer_text


@pytest.mark.parametrize(
    "flags",
    [
        ["--all", "--raw"],
        ["--max-items", "5"],
        ["--output", "a.csv"],
        ["--all", "--force"],
        *(["--all", "--max-items", wrong] for wrong in ("0", "-1", "1.5", "x", "99999999", "٣")),
        ["--all", "--output", "a.csv", "--fields", "id"],
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_asked(
    flags: list[str], call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("get_contacts", {}, *flags)
    assert run.exit == 2 and run.error["code"] == "usage"
    assert far_side.requests == []


# --- a file ------------------------------------------------------------------------------------------------

STRANGE = [
    {"id": "1", "text": "=1+1", "owner": True, "customParams": [{"name": "n", "value": "v"}]},
    {"id": "2", "text": "+1", "data": "-2", "created": "@x", "finalText": "\tt", "eventDescription": "\rr"},
    {"id": "3", "text": 'quoted "text", with\r\nlines', "type": "0", "operatorName": "Zoë"},
    {"id": "4", "text": "'=already", "owner": False, "failedDetail": None},
]


def records(path: Path) -> list[dict[str, str]]:
    text = path.read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_a_file_holds_every_item_once_and_stdout_a_summary(
    ending: str, listed: Callable[..., Run], tmp_path: Path
) -> None:
    run = listed("get_contacts", [rows(1, 2), rows(2, 3), [], rows(4, 1)], "--output", f"all.{ending}")
    summary = run.data
    assert {"file", "items", "pages", "complete"} <= set(summary)
    assert (summary["file"], summary["items"], summary["complete"]) == (f"all.{ending}", 4, True)
    written = tmp_path / f"all.{ending}"
    found = (
        records(written)
        if ending == "csv"
        else [json.loads(line) for line in written.read_text(encoding="utf-8").splitlines()]
    )
    assert [row["id"] for row in found] == ["1", "2", "3", "4"]
    assert [path.name for path in tmp_path.iterdir()] == [f"all.{ending}"]


def test_csv_and_json_lines_hold_the_same(listed: Callable[..., Run], tmp_path: Path) -> None:
    for ending in ("jsonl", "csv"):
        listed("get_messages", [STRANGE], "--output", f"all.{ending}")
    lines = [json.loads(line) for line in (tmp_path / "all.jsonl").read_bytes().split(b"\n") if line]
    back = []
    for record in records(tmp_path / "all.csv"):
        row = json.loads(record.pop("rest") or "{}")
        for name, cell in record.items():
            if cell != "":
                is_text = tables._FORMULA.match(cell.removeprefix("'")) and cell.startswith("'")
                text = cell[1:] if is_text else cell
                row[name] = {"true": True, "false": False}.get(text, text) if name == "owner" else text
        back.append(row)
    assert len(back) == 4 and back == lines
    assert lines == [{name: value for name, value in row.items() if value is not None} for row in STRANGE]


def test_no_cell_can_be_run_as_a_formula(listed: Callable[..., Run], tmp_path: Path) -> None:
    listed("get_messages", [STRANGE], "--output", "all.csv")
    cells = [cell for record in records(tmp_path / "all.csv") for cell in record.values()]
    assert len(cells) > 20 and "'=1+1" in cells and "'\tt" in cells and "'\rr" in cells
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]


@pytest.mark.parametrize("name", LISTS)
def test_csv_is_as_excel_reads_it(name: str, listed: Callable[..., Run], tmp_path: Path) -> None:
    listed(name, [rows(1)], "--output", "all.csv")
    content = (tmp_path / "all.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfid,") and content.endswith(b"\r\n")
    assert (
        content.split(b"\r\n")[0].endswith(b",rest") and content.count(b"\n") == content.count(b"\r\n") == 2
    )


@pytest.mark.parametrize("name", ["all", "all.txt", "all.json", "all.csv.gz", "jsonl"])
def test_an_ending_that_names_no_form_is_refused(
    name: str, listed: Callable[..., Run], far_side: FarSide
) -> None:
    run = listed("get_contacts", [rows(1)], "--output", name)
    assert run.exit == 2 and run.error["code"] == "file_not_allowed" and ".jsonl" in run.text
    assert far_side.requests == []


def test_a_file_is_overwritten_only_with_force(
    listed: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    old = tmp_path / "all.jsonl"
    old.write_text("old", encoding="utf-8")
    run = listed("get_messages", [rows(1)], "--output", "all.jsonl")
    assert run.error["code"] == "file_not_allowed" and far_side.requests == []
    assert old.read_text(encoding="utf-8") == "old"
    far_side.forget()
    assert listed("get_messages", [rows(1)], "--output", "all.jsonl", "--force").data["items"] == 1
    assert json.loads(old.read_bytes())["id"] == "1"


def test_a_file_outside_the_roots_is_refused(listed: Callable[..., Run], far_side: FarSide) -> None:
    run = listed("get_contacts", [rows(1)], "--output", "../all.csv")
    assert run.exit == 2 and run.error["code"] == "file_not_allowed" and far_side.requests == []


def test_no_file_appears_under_its_name_unless_it_is_whole(
    listed: Callable[..., Run], tmp_path: Path, pauses: list[float]
) -> None:
    run = listed("get_contacts", [rows(1), *[reply({"detail": "no"}, 500)] * 4], "--output", "all.csv")
    assert run.exit == 6 and run.error["page"]["complete"] is False and run.error["page"]["stopped_at"] == 2
    assert not (tmp_path / "all.csv").exists()


def test_an_old_file_stays_where_the_new_one_did_not_become_whole(
    listed: Callable[..., Run], tmp_path: Path, pauses: list[float]
) -> None:
    (tmp_path / "all.csv").write_text("old", encoding="utf-8")
    run = listed(
        "get_messages", [rows(1), *[reply({"detail": "no"}, 500)] * 4], "--output", "all.csv", "--force"
    )
    assert run.exit == 6 and (tmp_path / "all.csv").read_text(encoding="utf-8") == "old"


def test_the_sandbox_gives_every_contact_once(
    call: Callable[..., Run], clock: SimpleNamespace, tmp_path: Path
) -> None:
    sandbox = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None}
    run = call("get_contacts", {"pageSize": 100}, "--all", "--output", "all.jsonl", **sandbox)
    ids = [json.loads(line)["id"] for line in (tmp_path / "all.jsonl").read_bytes().splitlines()]
    assert run.data["complete"] is True and len(ids) == len(set(ids)) == run.data["items"] > 20
