"""`--all`: every page once and nothing twice, from a far side that moves, lies, limits and breaks."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, ROOT, Run
from recording import Answer, FarSide, Received, reply
from wati import every, pace, pages, tables
from wati.output import NOTICE, clean
from wati.sandbox import control, limits
from wati.verdicts import member

LINUX = sys.platform == "linux"
POSIX = os.name == "posix"
Caller = Callable[..., Run]
LISTS: dict[str, dict[str, Any]] = {  # and the arguments that they need
    "get_contacts": {},
    "get_messages": {"whatsappNumber": "14155551234"},
    "get_message_templates": {},
}


def contact(number: int, **members: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "wAid": f"1415555{number:04}", "fullName": f"Customer {number}", **members}


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def numbers(name: str, run: Run) -> list[str]:
    """Which items were shown, by a member that no list hides."""
    return [row["wAid"] for row in member(run.data, ENDPOINTS[name].items)]


def start_of(name: str) -> str:
    return ENDPOINTS[name].path.partition("{")[0]


class Listing(FarSide):
    """A far side with a list of its own. It grants pages of at most `granted`, or just these where it does
    not heed what is asked for; its `total` lies. Where it `repeats`, every page is the first.

    `before`: what happens before the n-th request for the list is answered (from 1): a function that changes
    the list, or the answer that is given in its place.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows = [contact(number) for number in range(25)]
        self.granted = 10
        self.heeds = True
        self.repeats = False
        self.before: dict[int, Callable[[], None] | Answer] = {}
        self.read = 0

    def _next(self, request: Received) -> Answer:
        if "pageNumber=" not in request.query:
            return super()._next(request)
        self.read += 1
        event = self.before.get(self.read)
        if isinstance(event, Answer):
            return event
        if event is not None:
            event()
        asked = dict(request.pairs)
        size = min(int(asked["pageSize"]), self.granted) if self.heeds else self.granted
        first = 0 if self.repeats else (int(asked["pageNumber"]) - 1) * size
        body = self.rows[first : first + size]
        for name in reversed(self._items(request.path).split(".")):
            body = {name: body}
        document = {"result": "success", **body, "link": {"total": 3, "nextPage": None}}
        return Answer(body=json.dumps(document).encode())

    @staticmethod
    def _items(path: str) -> str:
        return next(ENDPOINTS[name].items for name in LISTS if path.startswith(start_of(name)))

    def touch(self, *numbers: int) -> None:
        """These contacts change: they go to the top."""
        moved = [row for row in self.rows if int(row["id"][1:]) in numbers]
        self.rows = moved + [row for row in self.rows if row not in moved]

    @property
    def asked(self) -> list[int]:
        """The pages that were asked for."""
        return [int(dict(request.pairs)["pageNumber"]) for request in self.to("/wati/")]


class Clock:
    """Stands in for `time`: sleeping moves it on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def far_side() -> Iterator[FarSide]:
    server = Listing()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture
def listing(far_side: FarSide) -> Listing:
    assert isinstance(far_side, Listing)
    return far_side


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Pacing takes no time in these tests; what it asked for is recorded."""
    clock = Clock()
    monkeypatch.setattr("wati.pace.time", clock)
    return clock


# --- every item, once --------------------------------------------------------------------------------------


def test_all_items_are_given_once_and_in_order(call: Caller, listing: Listing) -> None:
    run = call("get_contacts", {}, "--all")
    assert run.data == {"contact_list": listing.rows}
    assert run.document["page"] == {"complete": True, "items": 25, "pages": 6, "number": 1, "size": 100}
    # The list, to an empty page; then once more from the top.
    assert listing.asked == [1, 2, 3, 4, 1, 2]
    assert NOTICE in run.document["notice"]


def test_the_other_arguments_travel_with_every_page(call: Caller, listing: Listing) -> None:
    call("get_contacts", {"name": "Jane & Joe", "pageSize": 9}, "--all")
    for request in listing.to("/wati/"):
        pairs = dict(request.pairs)
        assert pairs["name"] == "Jane & Joe" and pairs["pageSize"] == "9"


@pytest.mark.parametrize("name", ["get_messages", "get_message_templates"])
def test_lists_that_are_not_sorted_by_change_are_read_once(name: str, call: Caller, listing: Listing) -> None:
    run = call(name, LISTS[name], "--all")
    hidden = {"id"} if name == "get_message_templates" else set()
    rows = [{k: v for k, v in row.items() if k not in hidden} for row in listing.rows]
    assert member(run.data, ENDPOINTS[name].items) == rows
    assert listing.asked == [1, 2, 3, 4]
    assert (NOTICE in run.document.get("notice", "")) is ENDPOINTS[name].customer_text


@pytest.mark.parametrize(("given", "size"), [({}, "100"), ({"pageSize": 7}, "7")])
def test_the_largest_page_is_asked_for_unless_another_is_given(
    given: dict[str, Any], size: str, call: Caller, listing: Listing
) -> None:
    call("get_contacts", given, "--all", "--output", "a.jsonl")
    assert {dict(request.pairs)["pageSize"] for request in listing.to("/wati/")} == {size}


def test_a_short_page_in_the_middle_ends_nothing(call: Caller, listing: Listing) -> None:
    short = reply({"result": "success", "contact_list": listing.rows[10:12]})
    listing.before = {2: short}
    run = call("get_contacts", {}, "--all")
    # What the short page left out is found by the second reading.
    assert sorted(ids(run.data["contact_list"])) == sorted(ids(listing.rows))
    assert listing.asked == [1, 2, 3, 4, 1, 2, 3, 4]


def test_a_contact_that_jumps_to_the_top_is_not_missed(call: Caller, listing: Listing) -> None:
    listing.before = {3: lambda: listing.touch(24)}  # c24 jumps over the gap and pushes c19 to page 3
    run = call("get_contacts", {}, "--all")
    got = ids(run.data["contact_list"])
    assert sorted(got) == sorted(ids(listing.rows)) and len(set(got)) == 25
    assert got[-1] == "c24"


def test_a_contact_that_changed_is_given_as_it_was_first_read(call: Caller, listing: Listing) -> None:
    def change() -> None:
        listing.rows = [contact(5, fullName="New"), *(row for row in listing.rows if row["id"] != "c5")]

    listing.before = {2: change}
    rows = call("get_contacts", {}, "--all").data["contact_list"]
    assert [row["fullName"] for row in rows if row["id"] == "c5"] == ["Customer 5"]
    assert len(rows) == 25


def test_a_list_that_moves_by_a_whole_page_is_read_on(call: Caller, listing: Listing) -> None:
    """Ten unread contacts change at once: the next page is the one before, known from end to end."""
    listing.before = {2: lambda: listing.touch(*range(15, 25))}
    got = ids(call("get_contacts", {}, "--all").data["contact_list"])
    assert sorted(got) == sorted(ids(listing.rows))


def test_what_moves_during_the_second_reading_is_found_too(call: Caller, listing: Listing) -> None:
    added = contact(77)
    listing.before = {5: lambda: listing.rows.insert(0, added)}
    assert ids(call("get_contacts", {}, "--all").data["contact_list"])[-1] == "c77"


def test_rows_without_an_id_are_told_apart_by_all_they_hold(call: Caller, listing: Listing) -> None:
    listing.rows = [{"text": "same", "n": n % 13} for n in range(30)] + [
        {"id": None, "n": 1},
        {"id": "", "n": 1},
        {"id": "", "n": 2},
    ]
    rows = call("get_contacts", {}, "--all").data["contact_list"]
    assert len(rows) == 13 + 3


@pytest.mark.parametrize("name", LISTS)
def test_the_same_page_for_ever_ends(name: str, call: Caller, listing: Listing) -> None:
    listing.repeats = True
    run = call(name, LISTS[name], "--all")
    assert run.document["page"]["complete"] is True
    assert len(numbers(name, run)) == 10
    assert len(listing.asked) == (5 if ENDPOINTS[name].by_change else 3)


def test_an_endless_list_is_left_at_the_bound(
    call: Caller, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(every, "MOST_PAGES", 12)
    listing.rows = [contact(number) for number in range(1000)]
    run = call("get_contacts", {}, "--all", "--max-items", "1000")
    assert run.exit == 6 and run.error["code"] == "bad_answer"
    assert run.error["page"] == {"complete": False, "stopped_at": 13, "items": 120, "pages": 12}
    assert listing.asked == [*range(1, 13)]


@pytest.mark.parametrize("name", LISTS)
def test_an_empty_list_is_a_whole_one(name: str, call: Caller, listing: Listing) -> None:
    listing.rows = []
    run = call(name, LISTS[name], "--all")
    assert numbers(name, run) == [] and listing.asked
    assert (run.document["page"]["complete"], run.document["page"]["items"]) == (True, 0)


# --- how much, and how to go on ----------------------------------------------------------------------------


def test_max_items_stops_and_says_how_to_go_on(call: Caller, listing: Listing) -> None:
    got: list[str] = []
    arguments: dict[str, Any] = {}
    for _ in range(4):
        run = call("get_contacts", arguments, "--all", "--max-items", "7")
        got += ids(run.data["contact_list"])
        page = run.document["page"]
        if page["complete"]:
            break
        assert page["items"] == 7
        arguments = {"pageNumber": page["next"], "pageSize": page["size"]}
    assert got == ids(listing.rows)


@pytest.mark.parametrize("most", [1, 7, 50, 100, 101, 150, 199, 230])
@pytest.mark.parametrize("given", [{}, {"pageSize": 7}, {"pageSize": 100}], ids=str)
def test_going_on_at_next_misses_nothing_and_gets_on(
    most: int, given: dict[str, int], call: Caller, listing: Listing
) -> None:
    listing.rows, listing.granted = [contact(number) for number in range(240)], 100
    run = call("get_contacts", given, "--all", "--max-items", str(most), "--fields", "id")
    assert ids(run.data["contact_list"]) == [f"c{number}" for number in range(most)]
    page = run.document["page"]
    assert page["complete"] is False
    assert 0 < (page["next"] - 1) * page["size"] <= most


@pytest.mark.parametrize("flags", [["--all"], []], ids=["whole", "page"])
@pytest.mark.parametrize("granted", [7, 50, 100])
@pytest.mark.parametrize("size", [10, 60, 100])
@pytest.mark.parametrize("first", [1, 2, 4])
@pytest.mark.parametrize("long", [[2000], [10, 4000], [300, 300, 300, 9000]], ids=str)
def test_who_follows_next_misses_nothing_whatever_size_is_granted(
    flags: list[str], granted: int, size: int, first: int, long: list[int], call: Caller, listing: Listing
) -> None:
    notes = itertools.cycle(long)
    listing.rows = [contact(number, note="x" * next(notes)) for number in range(130)]
    listing.granted = granted
    begins = (first - 1) * min(size, granted)
    got: set[str] = set()
    page: dict[str, Any] = {"next": first, "size": size}
    for _ in range(300):
        arguments = {"pageNumber": page["next"], "pageSize": page["size"]}
        run = call("get_contacts", arguments, *flags)
        shown = ids(run.data["contact_list"])
        got |= set(shown)
        page = run.document["page"]
        if "next" not in page:
            break
    assert "next" not in page, "it repeats for ever"
    assert {row["id"] for row in listing.rows[begins:]} <= got


def test_the_default_bound_is_what_an_answer_holds(call: Caller, listing: Listing) -> None:
    listing.rows, listing.granted = [contact(number, note="x" * 400) for number in range(300)], 100
    run = call("get_contacts", {}, "--all")
    shown = len(run.data["contact_list"])
    assert run.document["page"] == {
        **{"complete": False, "items": shown, "pages": 1},
        **{"number": 1, "size": shown, "next": 2},
    }
    assert 20_000 < len(run.text) <= 30_000


@pytest.mark.parametrize(
    ("wanted", "size"), [(None, 100), (1, 1), (100, 100), (101, 100), (150, 75), (1000, 100), (130, 65)]
)
def test_pages_end_where_the_items_wanted_end(wanted: int | None, size: int) -> None:
    assert every.page_size(wanted) == size


def test_where_a_page_does_not_end_there_next_repeats_rather_than_misses(
    call: Caller, listing: Listing
) -> None:
    run = call("get_contacts", {"pageSize": 10}, "--all", "--max-items", "13")
    assert ids(run.data["contact_list"]) == [f"c{n}" for n in range(13)]
    assert run.document["page"]["next"] == 2


def test_a_long_answer_is_cut_and_is_no_whole_list(call: Caller, listing: Listing) -> None:
    listing.rows = [contact(number, note="x" * 2000) for number in range(25)]
    run = call("get_contacts", {}, "--all")
    page = run.document["page"]
    assert len(run.text) <= 30_000 and page["complete"] is False
    shown = len(run.data["contact_list"])
    assert 10 < shown == page["items"] < 20, "the second page of ten is shown in part"
    assert (page["size"], page["next"]) == (100, 2) and f"{shown - 10} of these once more" in run.text


def test_a_limit_given_does_not_make_an_answer_too_long(call: Caller, listing: Listing) -> None:
    listing.rows = [contact(number, note="x" * 2000) for number in range(25)]
    run = call("get_contacts", {}, "--all", "--max-items", "25")
    shown = len(run.data["contact_list"])
    assert len(run.text) <= 30_000 and 10 < shown == run.document["page"]["items"] < 20


def test_an_item_that_fits_no_answer_is_shown_cut(call: Caller, listing: Listing) -> None:
    listing.rows = [contact(1, note="x" * 40_000), contact(2)]
    run = call("get_contacts", {}, "--all")
    assert ids(run.data["contact_list"]) == ["c1"] and len(run.text) <= 30_000
    assert (run.document["page"]["next"], run.document["page"]["size"]) == (2, 1)


def test_with_fields_more_items_fit(call: Caller, listing: Listing) -> None:
    listing.rows, listing.granted = [contact(number, note="x" * 400) for number in range(240)], 100
    run = call("get_contacts", {}, "--all", "--fields", "id,fullName")
    assert ids(run.data["contact_list"]) == ids(listing.rows) and run.document["page"]["complete"] is True


def test_a_reading_that_begins_later_says_what_it_can_have_missed(call: Caller, listing: Listing) -> None:
    run = call("get_contacts", {"pageNumber": 2, "pageSize": 10}, "--all")
    assert ids(run.data["contact_list"]) == ids(listing.rows[10:])
    assert listing.asked == [2, 3, 4]
    assert "may be missing" in run.document["notice"]


def test_a_dry_run_reads_nothing_of_the_list(call: Caller, listing: Listing) -> None:
    run = call("get_contacts", {}, "--all", "--dry-run")
    assert run.data["request"]["url"].endswith("pageSize=100&pageNumber=1")
    assert listing.to("/wati/") == []


@pytest.mark.parametrize(
    "flags",
    [
        ["--max-items", "5"],
        ["--output", "a.csv"],
        ["--force"],
        ["--all", "--force"],
        ["--all", "--raw"],
        ["--all", "--output", "a.csv", "--fields", "id"],
        ["--all", "--max-items", "0"],
        ["--all", "--max-items", "-1"],
        ["--all", "--max-items", "1.5"],
        ["--all", "--max-items", "2000001"],
        ["--all", "--max-items", "x"],
        ["--all", "--max-items", "99999999"],
        ["--all", "--max-items", "\uff15"],
        ["--all", "--max-items", "\u0663"],
        ["--all=1"],
    ],
    ids=" ".join,
)
def test_flags_that_say_nothing_together_are_refused(
    flags: list[str], call: Caller, listing: Listing, tmp_path: Path
) -> None:
    run = call("get_contacts", {}, *flags)
    assert run.exit == 2 and run.error["code"] == "usage"
    assert listing.requests == [] and list(tmp_path.iterdir()) == []


def test_fields_apply_to_every_item(call: Caller, listing: Listing) -> None:
    run = call("get_contacts", {}, "--all", "--fields", "id")
    assert run.data == {"contact_list": [{"id": f"c{n}"} for n in range(25)]}


# --- trouble on the way ------------------------------------------------------------------------------------


def test_a_limit_with_retry_after_is_waited_out(call: Caller, listing: Listing, pauses: list[float]) -> None:
    listing.before = {3: reply({}, 429, Retry_After="9"), 4: reply({}, 429, Retry_After="9")}
    run = call("get_contacts", {}, "--all")
    assert run.data == {"contact_list": listing.rows} and pauses == [9, 9]


@pytest.mark.parametrize("name", LISTS)
def test_a_limit_without_retry_after_is_waited_out(
    name: str, call: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = {n: reply({}, 429) for n in (2, 3, 4)}
    run = call(name, LISTS[name], "--all")
    assert numbers(name, run) == [row["wAid"] for row in listing.rows]
    assert listing.asked[:6] == [1, 2, 2, 2, 2, 3]
    assert len(pauses) == 3 and sum(pauses) > 10, "shorter than WATI's window"


def test_every_request_has_waits_of_its_own(call: Caller, listing: Listing, pauses: list[float]) -> None:
    listing.before = {n: reply({}, 429, Retry_After="25") for n in (2, 4, 6)}
    assert call("get_contacts", {}, "--all").data == {"contact_list": listing.rows}
    assert pauses == [25, 25, 25]


def test_the_timeout_holds_for_each_request(call: Caller, listing: Listing) -> None:
    body = json.dumps({"result": "success", "contact_list": listing.rows[:10]}).encode()
    listing.before = {n: Answer(body=body, delay=0.4) for n in (1, 2, 3)}
    run = call("get_contacts", {}, "--all", "--timeout", "1")
    assert run.exit == 0, run.text
    listing.read, listing.before = 0, {2: Answer(body=body, delay=3)}
    run = call("get_contacts", {}, "--all", "--timeout", "0.5")
    assert run.error["code"] == "timeout" and run.error["page"]["stopped_at"] == 2


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(hang_up="reset"),
        Answer(hang_up="close"),
        reply({}, 500),
        reply({}, 503),
        Answer(body=b'{"result": "success"', cut=7),
    ],
    ids=["reset", "close", "500", "503", "cut"],
)
def test_trouble_in_the_middle_is_repeated(
    trouble: Answer, call: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = {2: trouble, 3: trouble, 6: trouble}
    run = call("get_contacts", {}, "--all")
    assert run.data == {"contact_list": listing.rows}
    assert len(pauses) == 3


FAILURES = [
    (reply({}, 429, Retry_After="9"), 5, "rate_limited"),
    (reply({}, 500), 6, "upstream_error"),
    (Answer(hang_up="reset"), 6, "upstream_error"),
    (reply({}, 401), 3, "unauthorized"),
    (reply({"result": False}), 4, "rejected"),
    (reply({"result": "success"}), 6, "bad_answer"),
]


@pytest.mark.parametrize(("answer", "exit_code", "code"), FAILURES, ids=lambda value: str(value)[:20])
def test_what_stops_in_the_middle_is_told_and_can_be_gone_on_with(
    answer: Answer, exit_code: int, code: str, call: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = dict.fromkeys(range(3, 9), answer)
    run = call("get_contacts", {"pageSize": 10}, "--all")
    assert (run.exit, run.error["code"]) == (exit_code, code)
    assert run.error["page"] == {"complete": False, "stopped_at": 3, "items": 20, "pages": 2}
    assert run.error["items"] == listing.rows[:20]
    assert NOTICE in run.document["notice"]
    found = re.search(r'"pageNumber": (\d+), "pageSize": (\d+)', run.error["hint"])
    assert found
    listing.before = {}
    rest = call("get_contacts", {"pageNumber": int(found[1]), "pageSize": int(found[2])}, "--all")
    assert run.error["items"] + rest.data["contact_list"] == listing.rows


@pytest.mark.parametrize("name", LISTS)
def test_every_list_tells_what_was_read_before_a_failure(
    name: str, call: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = dict.fromkeys(range(3, 9), reply({"detail": "no"}, 500))
    run = call(name, LISTS[name], "--all")
    assert (run.exit, run.error["code"], run.error["page"]["stopped_at"]) == (6, "upstream_error", 3)
    assert [row["wAid"] for row in run.error["items"]] == [row["wAid"] for row in listing.rows[:20]]
    assert (NOTICE in run.document.get("notice", "")) is ENDPOINTS[name].customer_text


def test_a_failure_of_the_second_reading_is_no_whole_list(
    call: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = dict.fromkeys(range(5, 9), reply({}, 500))
    run = call("get_contacts", {}, "--all")
    assert run.exit == 6 and run.error["page"]["items"] == 25
    assert "not once more" in run.error["hint"]


def test_a_failure_of_the_first_page_has_no_items(call: Caller, listing: Listing) -> None:
    listing.before = {1: reply({}, 401)}
    run = call("get_contacts", {}, "--all")
    assert run.error["page"] == {"complete": False, "stopped_at": 1, "items": 0, "pages": 0}
    assert "items" not in run.error and "The rest" not in run.error["hint"]


def test_the_items_of_a_failure_are_as_many_as_fit(
    call: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.rows = [contact(number, note="x" * 1250) for number in range(25)]
    listing.before = dict.fromkeys(range(3, 9), reply({}, 500))
    run = call("get_contacts", {}, "--all")
    assert len(run.text) <= 30_000
    shown = run.error["page"]["shown"]
    assert 0 < shown < run.error["page"]["items"] == 20
    assert run.error["items"] == listing.rows[:shown]


# --- files -------------------------------------------------------------------------------------------------

ODD = [
    contact(1, fullName="=HYPERLINK(1)"),
    contact(2, fullName="+1 415"),
    contact(3, fullName="-1"),
    contact(4, fullName="@SUM(A1)"),
    contact(5, fullName="\tx"),
    contact(6, fullName="\rx"),
    contact(7, fullName="  =x"),
    contact(8, fullName="'=x"),
    contact(9, fullName="''  @x"),
    contact(10, fullName="'t Hooft"),
    contact(11, fullName='Zoë, "你好" 🙂; x\r\nsecond line'),
    contact(12, fullName="\uff1dx"),
    contact(13, fullName="\ud800 and \x00"),
    contact(14, fullName=["no text"], optedIn=True, allowBroadcast=False, source=-5),
    contact(15, customParams=[{"name": "city", "value": "=Lisboa"}], nested={"a": [1, 2.5, True]}),
    contact(16, fullName="a = b", rest="a column's name", **{"": "no name"}),
    contact(17, fullName="\u2028=x"),
    contact(18, photo=None, source="", optedIn=False),
    "no object",
]


def read_csv(data: bytes) -> list[Any]:
    """As a program reads it that knows references/lists.md."""
    assert data.startswith(b"\xef\xbb\xbf")
    rows = []
    for record in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True):
        rest = json.loads(record.pop("rest") or "{}")
        cells = {name: uncovered(cell) for name, cell in record.items() if cell != ""}
        typed = {
            name: json.loads(cell) if name in ("optedIn", "allowBroadcast", "source") else cell
            for name, cell in cells.items()
        }
        rows.append({**typed, **rest} if record["id"] else rest)
    return rows


def uncovered(cell: str) -> str:
    return cell[1:] if re.match(r"'+\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]", cell) else cell


def test_csv_holds_what_json_lines_hold(call: Caller, listing: Listing, tmp_path: Path) -> None:
    listing.rows = ODD
    for name in ("a.csv", "a.jsonl"):
        run = call("get_contacts", {}, "--all", "--output", name)
        assert run.exit == 0, run.text
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_bytes().splitlines()]
    assert lines == [clean(row) for row in ODD] != ODD
    rows = read_csv((tmp_path / "a.csv").read_bytes())
    assert [row.get("", row) if row == {"": "no object"} else row for row in rows] == lines


def test_no_cell_is_a_formula(call: Caller, listing: Listing, tmp_path: Path) -> None:
    listing.rows = ODD
    call("get_contacts", {}, "--all", "--output", "a.csv")
    text = (tmp_path / "a.csv").read_bytes().decode("utf-8-sig")
    cells = [cell for record in csv.reader(io.StringIO(text, newline="")) for cell in record]
    dangerous = [cell for cell in cells if cell.strip()[:1] in ("=", "+", "-", "@") and cell != "-5"]
    assert len(cells) > 100 and dangerous == []
    assert "'=HYPERLINK(1)" in cells and "'t Hooft" in cells and "a = b" in cells
    assert text.count("\r\n") >= len(ODD) + 1


@pytest.mark.parametrize("name", LISTS)
def test_csv_is_as_spreadsheets_read_it(name: str, call: Caller, listing: Listing, tmp_path: Path) -> None:
    listing.rows = [contact(1)]
    call(name, LISTS[name], "--all", "--output", "a.csv")
    content = (tmp_path / "a.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfid,") and content.endswith(b"\r\n")
    assert content.split(b"\r\n")[0].endswith(b",rest")
    assert content.count(b"\n") == content.count(b"\r\n") == 2


@pytest.mark.parametrize("name", LISTS)
def test_the_columns_are_the_documented_ones(name: str, all_endpoints: list[Any]) -> None:
    columns = next(endpoint.columns for endpoint in all_endpoints if endpoint.name == name)
    document = (ROOT / "references" / "lists.md").read_text(encoding="utf-8")
    assert columns and columns[0] == "id" and tables.REST not in columns
    kind = {"get_message_templates": "templates"}.get(name, name.removeprefix("get_"))
    assert f"- {kind}: {', '.join(columns)}\n" in document


def test_the_summary_of_a_file(call: Caller, listing: Listing, tmp_path: Path) -> None:
    run = call("get_contacts", {}, "--all", "--output", "a.jsonl")
    seconds = run.data.pop("seconds")
    assert isinstance(seconds, float) and 0 <= seconds < 30
    assert run.data == {
        **{"file": "a.jsonl", "complete": True, "items": 25, "pages": 6},
        **{"number": 1, "size": 100},
    }
    assert "page" not in run.document and NOTICE in run.document["notice"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]
    assert run.stderr == ""


def test_a_file_holds_no_more_than_the_items_wanted(call: Caller, listing: Listing, tmp_path: Path) -> None:
    run = call("get_contacts", {}, "--all", "--output", "a.jsonl", "--max-items", "20")
    assert run.data["complete"] is False and run.data["next"] == 3 and run.data["size"] == 20
    assert listing.asked == [1, 2], "more is read than is wanted"
    assert len((tmp_path / "a.jsonl").read_bytes().splitlines()) == 20


@pytest.mark.parametrize("name", ["a", "a.json", "a.xlsx", "a.csv.txt", "csv", ".csv", "a.jsonl.gz"])
def test_other_endings_are_refused(name: str, call: Caller, listing: Listing, tmp_path: Path) -> None:
    run = call("get_contacts", {}, "--all", "--output", name)
    assert run.exit == 2 and run.error["code"] == "file_not_allowed"
    assert listing.requests == [] and list(tmp_path.iterdir()) == []
    if not name.startswith("."):
        assert ".jsonl" in run.text and ".csv" in run.text and "WATI_FILE_ROOTS" not in run.text


def test_a_file_that_exists_is_kept_without_force(call: Caller, listing: Listing, tmp_path: Path) -> None:
    for standing in ("a.csv", "a.csv.partial"):
        (tmp_path / standing).write_bytes(b"mine")
        run = call("get_contacts", {}, "--all", "--output", "a.csv")
        assert run.exit == 2 and run.error["code"] == "file_not_allowed"
        assert "--force" in run.error["hint"] and listing.requests == []
        assert (tmp_path / standing).read_bytes() == b"mine"
        (tmp_path / standing).unlink()
    (tmp_path / "a.csv").write_bytes(b"mine")
    assert call("get_contacts", {}, "--all", "--output", "a.csv", "--force").exit == 0
    assert b"Customer 24" in (tmp_path / "a.csv").read_bytes()


@pytest.mark.parametrize("place", ["../a.csv", "/tmp/a.csv", ".hidden/a.csv", "missing/a.csv"])
def test_a_file_outside_the_roots_is_refused(place: str, call: Caller, listing: Listing) -> None:
    run = call("get_contacts", {}, "--all", "--output", place)
    assert run.exit == 2 and run.error["code"] == "file_not_allowed" and listing.requests == []


def test_an_incomplete_list_is_never_put_in_the_place_of_a_whole_one(
    call: Caller, listing: Listing, pauses: list[float], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"an earlier one\n")
    listing.before = dict.fromkeys(range(3, 9), reply({}, 500))
    run = call("get_contacts", {"pageSize": 10}, "--all", "--output", "a.jsonl", "--force")
    assert run.exit == 6 and run.error["code"] == "upstream_error"
    assert run.error["page"] == {
        **{"complete": False, "stopped_at": 3, "items": 20, "pages": 2},
        "file": "a.jsonl.partial",
    }
    assert "items" not in run.error
    assert (tmp_path / "a.jsonl").read_bytes() == b"an earlier one\n"
    lines = (tmp_path / "a.jsonl.partial").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == listing.rows[:20]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_failure_before_the_first_item_leaves_no_file(
    call: Caller, listing: Listing, tmp_path: Path
) -> None:
    listing.before = {1: reply({}, 401)}
    run = call("get_contacts", {}, "--all", "--output", "a.csv")
    assert run.exit == 3 and "file" not in run.error["page"]
    assert list(tmp_path.iterdir()) == []


def test_secrets_do_not_reach_a_file(call: Caller, listing: Listing, tmp_path: Path) -> None:
    listing.rows = [contact(1, fullName=f"my {KEY}", url="https://connect.maton.ai/?session_token=abc")]
    for name in ("a.csv", "a.jsonl"):
        call("get_contacts", {}, "--all", "--output", name)
        data = (tmp_path / name).read_bytes()
        assert b"c1" in data and KEY.encode() not in data and b"=abc" not in data


# --- pace --------------------------------------------------------------------------------------------------


def test_a_long_list_never_meets_the_limits(
    call: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In the sandbox with its limits on, on the same clock, and in no time at all between two requests."""
    monkeypatch.setattr("wati.sandbox.limits.time", clock)
    state = str(tmp_path / "sandbox.sqlite")
    control.reset(state)
    seen = control.requests(state)
    began = clock.now
    run = call(
        "get_contacts",
        {"pageSize": 3},
        "--all",
        "--output",
        "a.jsonl",
        MATON_API_KEY="sandbox",
        MATON_BASE_URL=None,
    )
    assert run.data["complete"] is True and run.data["items"] == 57
    assert len({json.loads(line)["id"] for line in (tmp_path / "a.jsonl").read_bytes().splitlines()}) == 57
    requests = control.requests(state)[len(seen) :]
    assert len(requests) >= 20 and {request["status"] for request in requests} == {200}
    # Just under the limits, not far below them: nine in each window.
    assert clock.now - began == pytest.approx(10 * ((len(requests) - 1) // 9), rel=0.02)


@pytest.mark.parametrize("name", LISTS)
def test_each_window_leaves_a_request_to_others(
    name: str, call: Caller, listing: Listing, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float] = []
    really_wait = pace.Pacer.wait

    def wait(pacer: pace.Pacer) -> None:
        really_wait(pacer)
        left.append(clock.now)

    monkeypatch.setattr(pace.Pacer, "wait", wait)
    listing.granted = 1
    listing.rows = [contact(number) for number in range(45)]
    call(name, LISTS[name], "--all", "--output", "a.jsonl")
    assert len(left) == len(listing.asked) >= 46
    windows = [pace.GATEWAY, *([pace.LIMITS[name]] if name in pace.LIMITS else [])]
    for count, seconds in windows:
        for start in left:
            assert len([moment for moment in left if start <= moment <= start + seconds]) < count
    count, seconds = windows[-1]
    assert left[-1] - left[0] < (len(left) / (count - 1) + 1) * (seconds + 0.2), "far below the limit"


def test_the_limits_are_those_of_the_sandbox() -> None:
    own = {name: (limit.calls, limit.seconds) for name, limit in limits.ENDPOINTS.items()}
    assert {name: own.get(name) for name in LISTS} == {name: pace.LIMITS.get(name) for name in LISTS}
    assert (limits.GATEWAY.calls, limits.GATEWAY.seconds) == pace.GATEWAY


def test_a_short_list_is_not_slowed_down(call: Caller, listing: Listing, clock: Clock) -> None:
    call("get_contacts", {}, "--all")
    assert clock.sleeps == [] and len(listing.asked) == 6


@pytest.mark.parametrize("name", LISTS)
def test_one_connection_is_kept_for_all_pages(name: str, call: Caller, listing: Listing) -> None:
    call(name, {**LISTS[name], "pageSize": 2}, "--all")
    assert len(listing.asked) > 12
    assert len(listing._connections) == 1


# --- real processes ----------------------------------------------------------------------------------------


# Runs a command and tells the peak of its memory; a process of its own, since a child inherits its parent's.
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:]);"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
)


def start(
    listing: Listing, folder: Path, *argv: str, before: str = "", within: str = "", **options: Any
) -> subprocess.Popen[bytes]:
    """`get_contacts --all` in a process of its own, unpaced; `before`: what it runs first."""
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "import wati.pace; wati.pace.Pacer.wait = lambda self: None\n"
        f"{before}\n"
        "import get_contacts; from wati.endpoint import run; run(get_contacts.ENDPOINT)\n"
    )
    command = [sys.executable, "-c", code, str(ROOT / "scripts"), "{}", "--all", *argv]
    command = [sys.executable, "-c", within, *command] if within else command
    spare = folder.parent / "spare"
    spare.mkdir(exist_ok=True)
    ours = {
        "MATON_API_KEY": KEY,
        "MATON_BASE_URL": listing.url,
        "TMPDIR": str(spare),
        "SQLITE_TMPDIR": str(spare),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WATI_", "MATON_"))}
    return subprocess.Popen(
        command, env={**kept, **ours}, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "work"
    path.mkdir()
    return path


@pytest.mark.skipif(not POSIX, reason="signals")
@pytest.mark.parametrize("which", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_it_with_what_was_read(which: str, listing: Listing, folder: Path) -> None:
    listing.before = {3: Answer(delay=60)}
    process = start(listing, folder, "--output", "a.jsonl")
    assert listing.wait_for(3)
    process.send_signal(getattr(signal, which))
    stdout, stderr = process.communicate(timeout=30)
    error = json.loads(stdout)["error"]
    assert process.returncode == 6 and error["code"] == "timeout" and stderr == b""
    assert error["page"] == {
        **{"complete": False, "stopped_at": 3, "items": 20, "pages": 2},
        "file": "a.jsonl.partial",
    }
    lines = (folder / "a.jsonl.partial").read_bytes().splitlines()
    assert [json.loads(line) for line in lines] == listing.rows[:20]
    assert [path.name for path in folder.iterdir()] == ["a.jsonl.partial"]


@pytest.mark.skipif(not LINUX, reason="elsewhere a hidden file can stay")
def test_a_process_that_is_killed_leaves_no_file(listing: Listing, folder: Path) -> None:
    listing.rows, listing.granted = [contact(number) for number in range(60_000)], 20_000
    listing.heeds = False
    listing.before = {4: Answer(delay=60)}
    process = start(listing, folder, "--output", "a.jsonl")
    assert listing.wait_for(4)
    opened = [os.readlink(path) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
    process.kill()
    process.communicate()
    assert any("spare" in path for path in opened), "the ids were not kept on disk"
    assert list(folder.iterdir()) == [] and list((folder.parent / "spare").iterdir()) == []


@pytest.mark.skipif(not POSIX, reason="a limit for the size of files")
def test_a_full_disk_is_told_and_leaves_nothing(listing: Listing, folder: Path) -> None:
    listing.rows = [contact(number, note="x" * 5000) for number in range(25)]
    before = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))"
    process = start(listing, folder, "--output", "a.jsonl", before=before)
    stdout, _ = process.communicate(timeout=30)
    error = json.loads(stdout)["error"]
    assert process.returncode == 2 and error["code"] == "file_not_allowed"
    assert "cannot be written" in stdout.decode()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(not POSIX, reason="the peak of memory")
def test_memory_does_not_grow_with_the_list(listing: Listing, folder: Path) -> None:
    listing.granted = 100
    peaks = []
    for count in (2_000, 50_000):
        listing.rows = [contact(number, note="x" * 300) for number in range(count)]
        process = start(listing, folder, "--output", f"{count}.csv", within=PEAK)
        stdout, stderr = process.communicate(timeout=60)
        assert json.loads(stdout)["data"]["items"] == count
        peaks.append(int(stderr) * (1 if sys.platform == "darwin" else 1024) / 1e6)
    assert peaks[1] < 60 and peaks[1] - peaks[0] < 10, peaks


def test_ids_on_disk_are_told_apart() -> None:
    seen = pages.OnDisk()
    assert all(seen.add(pages.key(contact(number))) for number in range(5000))
    assert not any(seen.add(pages.key(contact(number, more=1))) for number in range(5000))
    assert (
        seen.add(pages.key({"id": "c5000"})) and seen.add(pages.key({"id": 1})) and seen.add(pages.key("c1"))
    )
    seen.close()


def test_a_terminal_sees_one_line_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    counter = every.Counter()
    counter.show("10 items, 1 pages")
    counter.show("20 items, 2 pages")
    counter.close()
    assert terminal.getvalue() == "\r10 items, 1 pages\r20 items, 2 pages\r\x1b[K"
