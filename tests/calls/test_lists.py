"""`--all`: every page of a list, each item once, from a far side that moves, lies, limits and breaks; and
never part of a list told as the whole."""

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

from conftest import ENDPOINTS, KEY, ROOT, SANDBOX, Run
from recording import Answer, FarSide, Received, reply
from wati.calls import lists
from wati.cli import streams
from wati.output import tables
from wati.output.document import NOTICE
from wati.reads import pages
from wati.sandbox import control, limits
from wati.wire import pace

LINUX = sys.platform == "linux"
POSIX = os.name == "posix"
LISTS: dict[str, tuple[str, dict[str, str]]] = {
    "get_contacts": ("/wati/api/v1/getContacts", {}),
    "get_messages": ("/wati/api/v1/getMessages/14155551234", {"whatsappNumber": "14155551234"}),
    "get_message_templates": ("/wati/api/v1/getMessageTemplates", {}),
}
Caller = Callable[..., Run]
for_each_list = pytest.mark.parametrize("name", LISTS)


def contact(number: int, **members: Any) -> dict[str, Any]:
    return {"id": f"c{number}", "wAid": f"1415555{number:04}", "fullName": f"Customer {number}", **members}


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def listed(name: str, rows: list[Any]) -> dict[str, Any]:
    """The rows where WATI has them in an answer of this list."""
    if name == "get_messages":
        return {"messages": {"items": rows}}
    return {{"get_contacts": "contact_list", "get_message_templates": "messageTemplates"}[name]: rows}


def page(name: str, rows: list[Any], total: int = 0) -> Answer:
    body, told = listed(name, rows), {"total": total, "nextPage": None}
    if name == "get_messages":
        body["messages"] |= told
    return Answer(body=json.dumps({"result": "success", **body, "link": told}).encode())


def shown(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as a document shows them: without the id of a template."""
    hidden = "id" if name == "get_message_templates" else ""
    return [{member: value for member, value in row.items() if member != hidden} for row in rows]


def items(run: Run) -> list[Any]:
    data = run.data.get("messages", run.data)
    (found,) = data.values()
    assert isinstance(found, list)
    return found


def marked(name: str) -> str:
    return "" if name == "get_message_templates" else NOTICE


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


class Listing(FarSide):
    """A far side whose three lists hold the same `rows`. It grants pages of at most `granted`, or just these
    where it does not heed what is asked for; its `total` lies, each time in another way.

    `before`: what happens before the n-th request for the list is answered (from 1): a function that changes
    the list, or the answer that is given in its place. `moments`: when the requests came.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.rows: list[Any] = [contact(number) for number in range(25)]
        self.granted = 10
        self.heeds = True
        self.before: dict[int, Callable[[], None] | Answer] = {}
        self.moments: list[float] = []
        self._clock = clock

    def _next(self, request: Received) -> Answer:
        name = next((name for name, (path, _) in LISTS.items() if path == request.path), None)
        if name is None:
            return super()._next(request)
        self.moments.append(self._clock.now)
        event = self.before.get(len(self.moments))
        if isinstance(event, Answer):
            return event
        if event is not None:
            event()
        asked = dict(request.pairs)
        size = min(int(asked["pageSize"]), self.granted) if self.heeds else self.granted
        first = (int(asked["pageNumber"]) - 1) * size
        return page(name, self.rows[first : first + size], total=(3, 10, 0)[len(self.moments) % 3])

    def forget(self) -> None:
        super().forget()
        self.moments.clear()
        self.before = {}

    def touch(self, *numbers: int) -> None:
        """These contacts change: they go to the top."""
        moved = [row for row in self.rows if int(row["id"][1:]) in numbers]
        self.rows = moved + [row for row in self.rows if row not in moved]

    @property
    def asked(self) -> list[int]:
        """The pages that were asked for."""
        return [int(dict(request.pairs)["pageNumber"]) for request in self.to("/wati/")]


@pytest.fixture
def far_side(clock: Clock) -> Iterator[FarSide]:
    server = Listing(clock)
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
    monkeypatch.setattr("wati.wire.pace.time", clock)
    return clock


@pytest.fixture
def read(call: Caller) -> Caller:
    """`read(name, *flags, **arguments)`: one run with --all."""

    def run(name: str, /, *flags: str, **arguments: Any) -> Run:
        return call(name, {**LISTS[name][1], **arguments}, "--all", *flags)

    return run


# --- every item, once --------------------------------------------------------------------------------------


@for_each_list
def test_all_items_are_given_once_and_in_order(name: str, read: Caller, listing: Listing) -> None:
    run = read(name)
    again = [1, 2] if name == "get_contacts" else []
    assert run.data == listed(name, shown(name, listing.rows))
    assert run.document["page"] == {
        **{"complete": True, "items": 25, "pages": 4 + len(again)},
        **{"number": 1, "size": 100},
    }
    assert run.document.get("notice", "") == marked(name)
    assert listing.asked == [1, 2, 3, 4, *again]


@pytest.mark.parametrize("flags", [[], ["--output", "a.jsonl"]])
@pytest.mark.parametrize(("given", "size"), [({}, "100"), ({"pageSize": 7}, "7")])
def test_the_arguments_travel_with_every_page(
    given: dict[str, int], size: str, flags: list[str], read: Caller, listing: Listing
) -> None:
    read("get_contacts", *flags, name="Jane & Joe", **given)
    sent = [dict(request.pairs) for request in listing.to("/wati/")]
    assert {(pairs["name"], pairs["pageSize"]) for pairs in sent} == {("Jane & Joe", size)}


@for_each_list
def test_a_short_page_in_the_middle_ends_nothing(name: str, read: Caller, listing: Listing) -> None:
    rows = listing.rows
    listing.before = {2: page(name, rows[10:12], total=2)}
    found_later = rows[12:20] if name == "get_contacts" else []
    run = read(name)
    assert items(run) == shown(name, rows[:12] + rows[20:] + found_later)
    assert run.document["page"]["complete"] is True
    assert listing.asked == ([1, 2, 3, 4] * 2 if found_later else [1, 2, 3, 4])


def test_a_contact_that_jumps_to_the_top_is_not_missed(read: Caller, listing: Listing) -> None:
    rows = listing.rows
    listing.before = {3: lambda: listing.touch(24)}  # c24 jumps over the gap and pushes c19 to page 3
    run = read("get_contacts")
    assert items(run) == rows and run.document["page"]["complete"] is True
    assert listing.asked == [1, 2, 3, 4, 1, 2, 3]


def test_a_contact_that_changed_is_given_as_it_was_first_read(read: Caller, listing: Listing) -> None:
    rows = listing.rows

    def change() -> None:
        listing.rows = [contact(5, fullName="New"), *(row for row in rows if row["id"] != "c5")]

    listing.before = {2: change}
    assert items(read("get_contacts")) == rows


def test_a_list_that_moves_by_a_whole_page_is_read_on(read: Caller, listing: Listing) -> None:
    """Ten unread contacts change at once: the next page is the one before, known from end to end."""
    listing.before = {2: lambda: listing.touch(*range(15, 25))}
    assert sorted(ids(items(read("get_contacts")))) == sorted(ids(listing.rows))


def test_what_moves_during_the_second_reading_is_found_too(read: Caller, listing: Listing) -> None:
    added = contact(77)
    listing.before = {5: lambda: listing.rows.insert(0, added)}
    assert items(read("get_contacts"))[-1] == added


@for_each_list
def test_rows_without_an_id_are_told_apart_by_all_they_hold(
    name: str, read: Caller, listing: Listing
) -> None:
    rows = [{"text": "same", "n": n, "owner": owner} for n in range(6) for owner in (True, False)]
    turned = [dict(reversed(row.items())) for row in rows]
    listing.rows = rows + turned + [{"id": blank, "n": n} for blank in (None, "") for n in (1, 2)]
    assert items(read(name)) == rows + [{"n": 1}, {"n": 2}] * 2


@for_each_list
def test_the_same_page_for_ever_ends(name: str, read: Caller, listing: Listing) -> None:
    listing.before = dict.fromkeys(range(1, 50), page(name, listing.rows[:10]))
    run = read(name)
    assert run.document["page"]["complete"] is True
    assert items(run) == shown(name, listing.rows[:10])
    assert listing.asked == ([1, 2, 3, 1, 2] if name == "get_contacts" else [1, 2, 3])


@for_each_list
@pytest.mark.parametrize("flags", [[], ["--max-items", "1000"]])
def test_an_endless_list_is_left_at_the_bound(
    name: str, flags: list[str], read: Caller, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "MOST_PAGES", 12)
    listing.rows = [contact(number) for number in range(1000)]
    run = read(name, *flags)
    assert run.exit == 6 and run.error["code"] == "bad_answer"
    assert run.error["page"] == {"complete": False, "stopped_at": 13, "items": 120, "pages": 12}
    assert listing.asked == [*range(1, 13)]


@for_each_list
def test_an_empty_list_is_a_whole_one(name: str, read: Caller, listing: Listing) -> None:
    listing.rows = []
    run = read(name)
    assert run.data == listed(name, []) and listing.asked
    assert run.document["page"]["complete"] is True and run.document["page"]["items"] == 0


# --- how much, and how to go on ----------------------------------------------------------------------------


@for_each_list
@pytest.mark.parametrize(("given", "most", "asked"), [({}, 7, [1]), ({"pageSize": 2}, 4, [1, 2])])
def test_a_limit_says_how_to_go_on_and_no_more_is_read(
    given: dict[str, int], most: int, asked: list[int], name: str, read: Caller, listing: Listing
) -> None:
    run = read(name, "--max-items", str(most), **given)
    told = run.document["page"]
    assert told == {
        **{"complete": False, "items": most, "pages": len(asked)},
        **{"number": 1, "size": most // len(asked), "next": len(asked) + 1},
    }
    assert listing.asked == asked
    got = items(run)
    while not told["complete"]:
        run = read(name, "--max-items", str(most), pageNumber=told["next"], pageSize=told["size"])
        got += items(run)
        told = run.document["page"]
    assert got == shown(name, listing.rows)


@pytest.mark.parametrize("most", [1, 7, 13, 50, 100, 101, 150, 199, 230])
@pytest.mark.parametrize("size", [None, 7, 10, 100])
def test_going_on_at_next_misses_nothing(most: int, size: int | None, read: Caller, listing: Listing) -> None:
    listing.rows, listing.granted = [contact(number) for number in range(240)], 100
    given = {"pageSize": size} if size else {}
    run = read("get_messages", "--max-items", str(most), "--fields", "id", **given)
    told = run.document["page"]
    assert ids(items(run)) == ids(listing.rows[:most]) and told["complete"] is False
    start = (told["next"] - 1) * told["size"]
    assert start <= most, "items are missed"
    assert start > 0, "going on would read the same again, for ever"
    assert most - start < told["size"], "more than a page is read again"


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


def test_where_pages_come_as_asked_for_nothing_is_shown_twice(call: Caller, listing: Listing) -> None:
    listing.rows, listing.granted = [contact(number, note="x" * 2000) for number in range(200)], 100
    page = {"next": 3, "size": 20}
    got: list[str] = []
    for _ in range(3):
        run = call("get_contacts", {"pageNumber": page["next"], "pageSize": page["size"]})
        got += ids(run.data["contact_list"])
        page = run.document["page"]
    assert page["size"] < 20 and got == ids(listing.rows[40 : 40 + len(got)])


@pytest.mark.parametrize(
    ("wanted", "size"), [(None, 100), (1, 1), (100, 100), (101, 100), (150, 75), (1000, 100), (130, 65)]
)
def test_pages_end_where_the_items_wanted_end(wanted: int | None, size: int) -> None:
    assert lists.page_size(wanted) == size


def test_without_a_limit_an_answer_holds_as_many_as_fit(read: Caller, listing: Listing) -> None:
    listing.rows, listing.granted = [contact(number, note="x" * 400) for number in range(300)], 100
    run = read("get_contacts")
    count = len(items(run))
    assert items(run) == listing.rows[:count]
    assert run.document["page"] == {
        **{"complete": False, "items": count, "pages": 1},
        **{"number": 1, "size": count, "next": 2},
    }
    assert 20_000 < len(run.text) <= 30_000


@pytest.mark.parametrize(("flags", "size"), [([], 100), (["--max-items", "25"], 25)])
def test_a_long_answer_is_cut_and_is_no_whole_list(
    flags: list[str], size: int, read: Caller, listing: Listing
) -> None:
    listing.rows = [contact(number, note="x" * 2000) for number in range(25)]
    run = read("get_contacts", *flags)
    count = len(items(run))
    assert 10 < count < 20, "the second page of ten is shown in part"
    assert items(run) == listing.rows[:count] and len(run.text) <= 30_000
    # The far side gave shorter pages than it was asked for: only the same page is sure to miss nothing.
    assert run.document["page"] == {
        **{"complete": False, "items": count, "pages": 2},
        **{"number": 1, "size": size, "next": 2},
    }
    assert f"({count - 10} of these items come again)" in run.document["notice"]


def test_an_item_that_fits_no_answer_is_shown_cut(read: Caller, listing: Listing) -> None:
    listing.rows[0]["note"] = "x" * 40_000
    run = read("get_messages")
    assert ids(items(run)) == ["c0"] and len(run.text) <= 30_000
    assert run.document["page"]["complete"] is False
    assert (run.document["page"]["next"], run.document["page"]["size"]) == (2, 1)


@for_each_list
def test_fields_are_picked_of_every_item_so_that_more_fit(name: str, read: Caller, listing: Listing) -> None:
    listing.rows = [contact(number, note="x" * 300) for number in range(240)]
    run = read(name, "--fields", "id")
    assert run.data == listed(name, [{"id": f"c{number}"} for number in range(240)])
    assert run.document["page"]["complete"] is True


@for_each_list
def test_a_reading_that_begins_later_says_what_it_can_have_missed(
    name: str, read: Caller, listing: Listing
) -> None:
    run = read(name, pageNumber=2, pageSize=10)
    assert items(run) == shown(name, listing.rows[10:])
    assert listing.asked == [2, 3, 4]
    assert ("may be missing" in run.document.get("notice", "")) is (name == "get_contacts")


def test_a_dry_run_reads_nothing_of_the_list(read: Caller, listing: Listing) -> None:
    run = read("get_contacts", "--dry-run", "--verbose")
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
        *(["--all", "--max-items", most] for most in ("0", "-1", "1.5", "x", "2000001", "99999999")),
        *(["--all", "--max-items", digit] for digit in ("\uff15", "\u0663")),
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


# --- trouble on the way ------------------------------------------------------------------------------------


def test_a_limit_with_retry_after_is_waited_out(read: Caller, listing: Listing, pauses: list[float]) -> None:
    listing.before = {3: reply({}, 429, Retry_After="9"), 4: reply({}, 429, Retry_After="9")}
    assert items(read("get_contacts")) == listing.rows and pauses == [9, 9]


@for_each_list
def test_a_limit_without_retry_after_is_waited_out(
    name: str, read: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = dict.fromkeys((2, 3, 4), reply({"detail": "Too many requests"}, 429))
    run = read(name)
    assert items(run) == shown(name, listing.rows) and run.document["page"]["complete"] is True
    assert listing.asked[:7] == [1, 2, 2, 2, 2, 3, 4]
    assert len(pauses) == 3 and sum(pauses) > 10, "shorter than WATI's window"


@pytest.mark.parametrize(("flags", "seconds"), [([], 25), (["--timeout", "5"], 4)])
def test_every_request_has_waits_of_its_own(
    flags: list[str], seconds: int, read: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = dict.fromkeys((1, 3, 5, 7), reply({}, 429, Retry_After=str(seconds)))
    assert items(read("get_contacts", *flags)) == listing.rows
    assert pauses == [seconds] * 4


def test_the_timeout_holds_for_each_request(read: Caller, listing: Listing) -> None:
    body = json.dumps({"result": "success", "contact_list": listing.rows[:10]}).encode()
    listing.before = {n: Answer(body=body, delay=0.4) for n in (1, 2, 3)}
    run = read("get_contacts", "--timeout", "1")
    assert run.exit == 0, run.text
    listing.forget()
    listing.before = {2: Answer(body=body, delay=3)}
    run = read("get_contacts", "--timeout", "0.5")
    assert run.error["code"] == "timeout" and run.error["page"]["stopped_at"] == 2


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(hang_up="reset"),
        Answer(hang_up="close"),
        reply({}, 500),
        reply({}, 503),
        Answer(body=b'{"result": "success"}', cut=7),
        Answer(body=b'{"resu'),
    ],
    ids=["reset", "close", "500", "503", "cut", "half"],
)
def test_trouble_in_the_middle_is_repeated(
    trouble: Answer, read: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = {2: trouble, 3: trouble, 6: trouble}
    assert items(read("get_contacts")) == listing.rows
    assert len(pauses) == 3


FAILURES = {
    "limited": (reply({"detail": "no"}, 429), 5, "rate_limited"),
    "limited for 9 seconds": (reply({}, 429, Retry_After="9"), 5, "rate_limited"),
    "500": (reply({"detail": "no"}, 500), 6, "upstream_error"),
    "reset": (Answer(hang_up="reset"), 6, "upstream_error"),
    "401": (reply({"detail": "no"}, 401), 3, "unauthorized"),
    "refused": (reply({"result": False}), 4, "rejected"),
    "no list": (reply({"result": "success"}), 6, "bad_answer"),
}


@for_each_list
@pytest.mark.parametrize("failure", FAILURES)
def test_what_stops_in_the_middle_is_told_and_can_be_gone_on_with(
    failure: str, name: str, read: Caller, listing: Listing, pauses: list[float]
) -> None:
    answer, exit_code, code = FAILURES[failure]
    listing.before = dict.fromkeys(range(3, 9), answer)
    run = read(name, pageSize=10)
    assert (run.exit, run.error["code"]) == (exit_code, code)
    assert run.error["page"] == {"complete": False, "stopped_at": 3, "items": 20, "pages": 2}
    assert run.error["items"] == shown(name, listing.rows[:20])
    assert run.document.get("notice", "") == marked(name)
    found = re.search(r'"pageNumber": (\d+), "pageSize": (\d+)', run.error["hint"])
    assert found
    listing.before = {}
    rest = read(name, pageNumber=int(found[1]), pageSize=int(found[2]))
    assert run.error["items"] + items(rest) == shown(name, listing.rows)


def test_a_failure_of_the_second_reading_is_no_whole_list(
    read: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.before = dict.fromkeys(range(5, 9), reply({}, 500))
    run = read("get_contacts")
    assert run.exit == 6
    assert run.error["page"] == {"complete": False, "stopped_at": 1, "items": 25, "pages": 4}
    assert "not a second time" in run.error["hint"]


def test_a_failure_of_the_first_page_has_no_items(read: Caller, listing: Listing) -> None:
    listing.before = {1: reply({}, 401)}
    run = read("get_contacts")
    assert run.error["page"] == {"complete": False, "stopped_at": 1, "items": 0, "pages": 0}
    assert "items" not in run.error and "The rest" not in run.error["hint"]


def test_the_items_of_a_failure_are_as_many_as_fit(
    read: Caller, listing: Listing, pauses: list[float]
) -> None:
    listing.rows = [contact(number, note="x" * 1250) for number in range(25)]
    listing.before = dict.fromkeys(range(3, 9), reply({}, 500))
    run = read("get_contacts")
    count = len(run.error["items"])
    assert run.exit == 6 and len(run.text) <= 30_000
    assert 0 < count == run.error["page"]["shown"] < run.error["page"]["items"] == 20
    assert run.error["items"] == listing.rows[:count], "cut at an item"


# --- files -------------------------------------------------------------------------------------------------

FORMULA = r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"  # how a cell begins that a spreadsheet runs
RISKY = [
    *("=HYPERLINK(1)", "+1 415", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "  =x", "'=x", "''  @x"),
    *("\uff1dx", "\uff0bx", "\uff0dx", "\uff20x", "\u2028=x"),
]
HARMLESS = ["'t Hooft", 'Zoë, "你好" 🙂; x\r\nsecond line', "a = b"]
TYPED = ("optedIn", "allowBroadcast", "source", "owner")
ODD = [
    contact(1, fullName=["no text"], optedIn=True, allowBroadcast=False, source=-5, owner=True),
    contact(2, customParams=[{"name": "city", "value": "=Lisboa"}], nested={"a": [1, 2.5, True]}),
    contact(3, rest="a column's name", owner=False, **{"": "no name"}),
    "no object",
]


def in_every_column(name: str, text: str | None) -> dict[str, str | None]:
    return dict.fromkeys((column for column in ENDPOINTS[name].columns[1:] if column not in TYPED), text)


def odd_rows(name: str) -> list[Any]:
    texts = [*RISKY, *HARMLESS, "half \ud800", "nothing \x00"]
    return [{"id": f"t{n}", **in_every_column(name, text)} for n, text in enumerate(texts)] + ODD


def written(path: Path) -> list[Any]:
    """The rows of a file, as a program reads them that knows references/lists.md."""
    data = path.read_bytes()
    if ".jsonl" in path.name:
        *lines, end = data.split(b"\n")
        assert end == b""
        return [json.loads(line) for line in lines]
    assert data.startswith(b"\xef\xbb\xbf")
    rows = []
    for record in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True):
        rest = json.loads(record.pop("rest") or "{}")
        cells = {name: uncovered(cell) for name, cell in record.items() if cell != ""}
        typed = {name: json.loads(cell) if name in TYPED else cell for name, cell in cells.items()}
        rows.append({**typed, **rest} if record["id"] else rest[""])
    return rows


def uncovered(cell: str) -> str:
    return cell[1:] if re.match(f"'+{FORMULA}", cell) else cell


@for_each_list
def test_csv_holds_what_json_lines_hold(name: str, read: Caller, listing: Listing, tmp_path: Path) -> None:
    rows = odd_rows(name)
    empty = [{"id": "e1", **in_every_column(name, None)}, {"id": "e2", **in_every_column(name, "")}]
    listing.rows = rows + empty
    for file in ("a.csv", "a.jsonl"):
        run = read(name, "--output", file)
        assert run.exit == 0, run.text
        assert written(tmp_path / file) == [*rows, {"id": "e1"}, {"id": "e2"}]


@for_each_list
def test_no_cell_is_a_formula(name: str, read: Caller, listing: Listing, tmp_path: Path) -> None:
    listing.rows = odd_rows(name)
    read(name, "--output", "a.csv")
    text = (tmp_path / "a.csv").read_bytes().decode("utf-8-sig")
    cells = [cell for record in csv.reader(io.StringIO(text, newline="")) for cell in record]
    dangerous = [cell for cell in cells if re.match(FORMULA, cell)]
    assert len(cells) > 100 and set(dangerous) <= {"-5"} and "\x00" not in text
    assert {f"'{text}" for text in RISKY} | set(HARMLESS) <= set(cells)


@for_each_list
def test_csv_is_as_excel_reads_it(name: str, read: Caller, listing: Listing, tmp_path: Path) -> None:
    columns = ENDPOINTS[name].columns
    listing.rows = [dict.fromkeys(columns, 5) | {"more": "é"}, {"id": "2"}]
    read(name, "--output", "a.csv")
    lines = [
        ",".join([*columns, "rest"]),
        "5," * len(columns) + '"{""more"":""é""}"',
        "2" + "," * len(columns),
    ]
    text = "".join(f"{line}\r\n" for line in lines)
    assert (tmp_path / "a.csv").read_bytes() == b"\xef\xbb\xbf" + text.encode()


@for_each_list
def test_the_columns_are_the_documented_ones(name: str) -> None:
    columns = ENDPOINTS[name].columns
    document = (ROOT / "references" / "lists.md").read_text(encoding="utf-8")
    assert columns and columns[0] == "id" and tables.REST not in columns
    kind = {"get_message_templates": "templates"}.get(name, name.removeprefix("get_"))
    assert f"- {kind}: {', '.join(columns)}\n" in document


@pytest.mark.parametrize("file", ["a.jsonl", "a.csv"])
def test_a_file_holds_every_item_once_and_the_answer_its_summary(
    file: str, read: Caller, listing: Listing, tmp_path: Path
) -> None:
    rows = listing.rows
    listing.before = {3: lambda: listing.touch(24)}
    run = read("get_contacts", "--output", file)
    seconds = run.data.pop("seconds")
    assert isinstance(seconds, float) and 0 <= seconds < 30
    assert run.data == {
        **{"file": file, "complete": True, "items": 25, "pages": 7},
        **{"number": 1, "size": 100},
    }
    assert "page" not in run.document and run.document["notice"] == NOTICE and run.stderr == ""
    assert written(tmp_path / file) == rows
    assert [path.name for path in tmp_path.iterdir()] == [file]


def test_a_file_holds_no_more_than_the_items_wanted(read: Caller, listing: Listing, tmp_path: Path) -> None:
    run = read("get_contacts", "--output", "a.jsonl", "--max-items", "20")
    assert run.data["complete"] is False and run.data["next"] == 3 and run.data["size"] == 20
    assert written(tmp_path / "a.jsonl") == listing.rows[:20]


@pytest.mark.parametrize(
    "file",
    ["a", "a.txt", "a.json", "a.xlsx", "a.csv.txt", "a.csv.gz", "a.jsonl.gz", "csv", "jsonl", ".csv"],
)
def test_other_endings_are_refused(file: str, read: Caller, listing: Listing, tmp_path: Path) -> None:
    run = read("get_contacts", "--output", file)
    assert run.exit == 2 and run.error["code"] == "file_not_allowed"
    assert listing.requests == [] and list(tmp_path.iterdir()) == []
    if not file.startswith("."):
        assert ".jsonl" in run.text and ".csv" in run.text and "WATI_FILE_ROOTS" not in run.text


@pytest.mark.parametrize("file", ["a.csv", "a.jsonl"])
def test_a_file_that_exists_is_kept_without_force(
    file: str, read: Caller, listing: Listing, tmp_path: Path
) -> None:
    for standing in (file, f"{file}.partial"):
        (tmp_path / standing).write_bytes(b"mine")
        run = read("get_contacts", "--output", file)
        assert run.exit == 2 and run.error["code"] == "file_not_allowed"
        assert "--force" in run.error["hint"] and listing.requests == []
        assert (tmp_path / standing).read_bytes() == b"mine"
        (tmp_path / standing).unlink()
    (tmp_path / file).write_bytes(b"mine")
    assert read("get_contacts", "--output", file, "--force").data["items"] == 25
    assert written(tmp_path / file) == listing.rows


@pytest.mark.parametrize("place", ["../a.csv", "/tmp/a.csv", ".hidden/a.csv", "missing/a.csv"])
def test_a_file_outside_the_roots_is_refused(place: str, read: Caller, listing: Listing) -> None:
    run = read("get_contacts", "--output", place)
    assert run.exit == 2 and run.error["code"] == "file_not_allowed" and listing.requests == []


@pytest.mark.parametrize("flags", [[], ["--force"]])
@pytest.mark.parametrize("file", ["a.jsonl", "a.csv"])
def test_an_incomplete_list_is_never_put_in_the_place_of_a_whole_one(
    file: str, flags: list[str], read: Caller, listing: Listing, pauses: list[float], tmp_path: Path
) -> None:
    earlier = {file: b"an earlier one\n"} if flags else {}
    for name, content in earlier.items():
        (tmp_path / name).write_bytes(content)
    listing.before = dict.fromkeys(range(3, 9), reply({}, 500))
    run = read("get_contacts", "--output", file, *flags, pageSize=10)
    assert run.exit == 6 and run.error["code"] == "upstream_error"
    assert run.error["page"] == {
        **{"complete": False, "stopped_at": 3, "items": 20, "pages": 2},
        "file": f"{file}.partial",
    }
    assert "items" not in run.error
    assert written(tmp_path / f"{file}.partial") == listing.rows[:20]
    (tmp_path / f"{file}.partial").unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == earlier


def test_a_failure_before_the_first_item_leaves_no_file(
    read: Caller, listing: Listing, tmp_path: Path
) -> None:
    listing.before = {1: reply({}, 401)}
    run = read("get_contacts", "--output", "a.csv")
    assert run.exit == 3 and "file" not in run.error["page"]
    assert list(tmp_path.iterdir()) == []


def test_secrets_do_not_reach_a_file(read: Caller, listing: Listing, tmp_path: Path) -> None:
    listing.rows = [contact(1, fullName=f"my {KEY}", url="https://connect.maton.ai/?session_token=abc")]
    for name in ("a.csv", "a.jsonl"):
        read("get_contacts", "--output", name)
        data = (tmp_path / name).read_bytes()
        assert b"c1" in data and KEY.encode() not in data and b"=abc" not in data


# --- pace --------------------------------------------------------------------------------------------------


@for_each_list
def test_requests_stay_just_below_the_limits(name: str, read: Caller, listing: Listing) -> None:
    listing.rows = [contact(number) for number in range(450)]
    assert read(name, "--output", "a.jsonl").data["items"] == 450
    moments, seconds = listing.moments, 1.0 if name == "get_message_templates" else 10.0
    assert len(moments) >= 46
    for window in {1.0, seconds}:
        counts = [sum(start <= moment <= start + window for moment in moments) for start in moments]
        assert max(counts) == 9, "one of ten is left to whoever asks something else"
    assert moments[-1] - moments[0] <= (len(moments) - 1) // 9 * (seconds + 0.1)


def test_the_limits_are_those_of_the_sandbox() -> None:
    refusing = {
        ENDPOINTS[name].path.partition("/{")[0]: (limit.calls, limit.seconds)
        for name, limit in limits.ENDPOINTS.items()
        if not limit.queues
    }
    assert refusing == pace.LIMITS
    assert (limits.GATEWAY.calls, limits.GATEWAY.seconds) == pace.GATEWAY


def test_the_sandbox_with_its_limits_gives_every_contact_once(
    call: Caller, clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On the same clock, and in no time at all between two requests."""
    monkeypatch.setattr("wati.sandbox.limits.time", clock)
    state = str(tmp_path / "sandbox.sqlite")
    control.reset(state)
    seen = control.requests(state)
    began = clock.now
    run = call("get_contacts", {"pageSize": 3}, "--all", "--output", "a.jsonl", **SANDBOX)
    assert run.data["complete"] is True
    assert len(set(ids(written(tmp_path / "a.jsonl")))) == run.data["items"] == 57
    requests = control.requests(state)[len(seen) :]
    assert len(requests) >= 20 and {request["status"] for request in requests} == {200}
    # Just under the limits, not far below them: nine in each window.
    assert clock.now - began == pytest.approx(10 * ((len(requests) - 1) // 9), rel=0.02)


def test_a_short_list_is_not_slowed_down(read: Caller, listing: Listing, clock: Clock) -> None:
    read("get_contacts")
    assert clock.sleeps == [] and len(listing.asked) == 6


@for_each_list
def test_one_connection_is_kept_for_all_pages(name: str, read: Caller, listing: Listing) -> None:
    read(name, pageSize=2)
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
        "from wati.wire.pace import Pacer; Pacer.wait = lambda *_, **__: True\n"
        f"{before}\n"
        "import get_contacts; from wati.cli.command import main; main(get_contacts.ENDPOINT)\n"
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
    # A background job of a shell inherits SIGINT as ignored, and the script would rightly heed that.
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    process = start(listing, folder, "--output", "a.jsonl", before=heeded)
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
    assert all(seen.add(pages.key(row)) for row in ({"id": "c5000"}, {"id": 1}, {"id": "\ud800"}, "c1"))
    seen.close()


def test_a_terminal_sees_one_line_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    counter = streams.Counter()
    counter.show("10 items, 1 pages")
    counter.show("20 items, 2 pages")
    counter.close()
    assert terminal.getvalue() == "\r10 items, 1 pages\r20 items, 2 pages\r\x1b[K"
