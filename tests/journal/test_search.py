"""The search: which conversations it reads, how far back, and what it makes of numbers and clocks."""

from __future__ import annotations

from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from test_looking import BODY, DAY, HOUR, NOW, digest, message, shown, written

from wati.contract.answer import Answer
from wati.contract.failures import Failure
from wati.contract.messages import Message
from wati.journal import looking, search
from wati.journal.entries import Entry, Send
from wati.journal.looking import Other
from wati.journal.search import Fate, Search, Sighting
from wati.journal.store import Journal
from wati.reads.inbox import Inbox
from wati.reads.rows import iso

SHORT, LONG = "525512345678", "5215512345678"  # one person in Mexico
ENTRY = message("text")._replace(receiver="14155551234", person="14155551234")
SPELLED = ENTRY._replace(receiver=SHORT, person=LONG)
OLD = [written(NOW - HOUR, id="old"), written(NOW - 2 * HOUR, id="older")]
ABSENT = Answer(200, {}, json={"result": False})  # WATI has no such contact
REFUSED = Answer(400, {}, json={"result": False, "info": "no"})


def send(*entries: Entry, **members: Any) -> Send:
    usual = {"at": NOW, "clock": 0.0, "channel": "", "until": NOW, "alive": False, "ticks": None}
    return Send(id=1, connection="c", script="s", entries=list(entries), **{**usual, **members})


@dataclass
class World:
    """Both sides, at `now` by this machine's clock. `pages`: of each conversation, by its number.

    `ahead`: of WATI's clock in each answer; None = an answer has no date. `known`: what the answers before
    said of it. `file`: what every file at WATI has; it has none if this is empty. `asked`: whose conversation
    was read, page by page, `templates`, or which file.
    """

    now: float = NOW + 200
    ticks: float = 0.0
    ahead: float | None = 0.0
    known: float | None = None
    pages: dict[str, list[list[dict[str, Any]] | Answer]] = field(default_factory=dict)
    templates: list[dict[str, Any]] = field(default_factory=list)
    file: bytes = b""
    others: list[Other] = field(default_factory=list)
    since: float = 0.0  # from when the journal was asked for others
    asked: list[str] = field(default_factory=list)

    @property
    def clock(self) -> float | None:
        return self.known

    def exchange(self, request: Any, effect: str, connection: str, sink: Any = None) -> Answer:
        assert (request.method, effect, connection) == ("GET", "read", "c")
        path, _, query = request.target.partition("?")
        if sink is not None:
            self.asked.append(query)
            sink.write(self.file)
            return Answer(200, {}, saved=bool(self.file))
        name, number = path.rpartition("/")[2], int(query.rpartition("pageNumber=")[2])
        if name == "getMessageTemplates":
            self.asked.append("templates")
            return self.page("messageTemplates", self.templates if number == 1 else [])
        self.asked.append(name)
        pages = self.pages.get(name, [])
        page = pages[number - 1] if number <= len(pages) else []
        return page if isinstance(page, Answer) else self.page("messages", {"items": page}, self.ahead)

    def page(self, name: str, content: Any, ahead: float | None = None) -> Answer:
        dated = {} if ahead is None else {"date": formatdate(self.now + ahead, usegmt=True)}
        return Answer(200, dated, json={"result": "success", name: content})

    def search(self, *entries: Entry, **members: Any) -> Search:
        journal: Any = SimpleNamespace(digest=lambda: digest, others=self.sent_since)
        gateway: Any = self
        return Search(Inbox(gateway, "c"), journal, send(*entries, **members))

    def sent_since(self, _: Send, __: Entry, since: float) -> list[Other]:
        self.since = since
        return self.others

    def find(self, entry: Entry = ENTRY, **members: Any) -> Sighting:
        return self.search(entry, **members).find(entry)

    def fate(self, entry: Entry = ENTRY, **members: Any) -> Fate:
        return self.search(entry, **members).fate(entry)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    times = SimpleNamespace(time=lambda: world.now, monotonic=lambda: world.ticks)
    for module in ("wati.journal.search", "wati.reads.inbox"):
        monkeypatch.setattr(f"{module}.time", times)
    return world


def sent(after: float = 1.0, status: str = "READ", **members: Any) -> dict[str, Any]:
    return shown("text", NOW + after, id=f"sent {after}", statusString=status, **members)


def newer(number: int) -> dict[str, Any]:
    return written(NOW + 100 - number, id=f"newer {number}")


# --- the time ----------------------------------------------------------------------------------------------


def test_how_long_it_is_since_a_send_by_the_clock_that_nobody_can_set(world: World) -> None:
    def ran(ticks: float | None) -> float | None:
        return search.ran(send(until=NOW + 30, ticks=ticks))

    world.ticks = 1000.0
    assert ran(None) is None
    assert ran(600.0) == 370  # 400 since it was entered, of which it could take 30
    assert ran(1000.0) == -30
    assert ran(5000.0) == 970  # the machine was started anew, so it runs for 1000 since then


@pytest.mark.parametrize(("count", "lag"), [(1, 120), (2, 120 + 1 / 3), (301, 220)])
def test_the_more_receivers_a_send_has_the_longer_its_messages_may_take(
    count: int, lag: float, world: World
) -> None:
    world.now = NOW
    entries = [ENTRY._replace(receiver=str(14155551234 + n), person=str(n)) for n in range(count)]
    assert world.search(*entries).find(entries[0]).early == pytest.approx(lag + 1)
    for seconds, verdict in ((lag - 1, "unknown"), (lag + 1, "not_seen")):
        world.now = NOW + seconds
        world.ahead = None
        assert world.search(*entries).find(entries[0]).verdict == verdict


def test_of_a_send_that_lives_nothing_is_read(world: World) -> None:
    template = message("template")._replace(receiver="14155551234")
    for entry in (ENTRY, template):
        found = world.find(entry, alive=True, until=NOW + 300)
        assert (found.verdict, found.early) == ("unknown", 100)
    assert world.asked == []


def test_what_was_known_of_the_clocks_counts_only_where_nothing_else_says_it(world: World) -> None:
    """WATI's clock is seven hours ahead, or only an answer before said so."""
    world.pages["14155551234"] = [[shown("text", NOW + 7 * HOUR + 1)]]
    world.known, world.ahead = 7 * HOUR, None
    assert world.find(clock=None).verdict == "sent"
    assert world.find(clock=0.0).verdict == "unknown"
    world.pages["14155551234"] = [OLD]
    for known in (7 * HOUR, -7 * HOUR):
        world.known = known
        assert world.find(clock=0.0).verdict == "not_seen"
    world.ahead = 0.0
    world.pages["14155551234"] = [[sent()]]
    assert world.find(clock=None).verdict == "sent"


def test_where_nothing_says_how_far_the_clocks_differ_this_one_counts(world: World) -> None:
    world.pages["14155551234"] = [OLD]
    world.ahead = None
    assert world.find(clock=None).verdict == "not_seen"
    assert world.fate(clock=None).status == "not_found"


def test_the_dates_of_all_conversations_of_a_person_have_to_agree(world: World) -> None:
    """One of them may come from an old copy, which cannot have the message."""
    assert world.find(SPELLED).verdict == "not_seen"
    for stale in (SHORT, LONG):
        world.pages = {stale: [world.page("messages", {"items": OLD}, -300.0)]}
        found = world.find(SPELLED)
        assert (found.verdict, found.early > 0) == ("unknown", True), stale


def test_the_date_of_the_last_look_says_nothing_of_this_one(world: World) -> None:
    other = ENTRY._replace(receiver="14155555678", person="14155555678")
    world.pages["14155555678"] = [world.page("messages", {"items": OLD}, -300.0)]
    looks = world.search(ENTRY, other)
    assert [looks.find(each).verdict for each in (other, ENTRY)] == ["unknown", "not_seen"]
    assert looks.fate(ENTRY).status == "not_found"


def test_how_far_to_read_is_said_by_the_date_of_the_answer(world: World) -> None:
    """WATI's clock is behind by hours, so all that it shows is older than the send by this machine's."""
    world.ahead = -7 * HOUR
    behind = [shown("text", NOW - 7 * HOUR + after, id=str(after), owner=False) for after in (160, 100)]
    world.pages["14155551234"] = [behind, [shown("text", NOW - 7 * HOUR + 1)], OLD]
    assert world.find(clock=-7 * HOUR).verdict == "sent"
    assert world.find(clock=None).verdict == "sent"


# --- how far it reads --------------------------------------------------------------------------------------


def test_no_page_is_read_that_goes_back_further_than_the_send(world: World) -> None:
    world.pages["14155551234"] = [[newer(0)], [newer(50)], OLD, [written(NOW - DAY)]]
    assert world.find().verdict == "not_seen"
    assert world.asked == ["14155551234"] * 3
    assert world.fate().status == "not_found"
    assert world.asked == ["14155551234"] * 6


def test_a_fate_is_read_until_its_row_is_there(world: World) -> None:
    world.pages["14155551234"] = [[newer(0)], [sent(status="DELIVERED")], [newer(50)]]
    found = world.fate()
    assert (found.status, world.asked) == ("delivered", ["14155551234"] * 2)
    assert found.document() == {
        "receiver": "14155551234",
        "status": "delivered",
        "why": "",
        "message": {"id": "sent 1.0", "created": sent()["created"], "statusString": "DELIVERED"},
    }


def test_what_was_read_under_one_number_counts_with_what_is_read_under_the_next(world: World) -> None:
    """Two of the three are another send's and this one's, and nobody knows which."""
    world.others = [Other(NOW, NOW, message("text", state="accepted"))]
    world.pages = {SHORT: [[sent(1, "DELIVERED")]], LONG: [[sent(3)], [sent(2)], [newer(0)]]}
    assert world.fate(SPELLED).status == "unclear"
    assert world.asked == [SHORT] * 2 + [LONG]  # two rows for two sends: no other page is needed


def test_a_row_whose_time_is_not_sure_by_the_answer_itself_is_read_on_for(world: World) -> None:
    world.ahead = 300.0
    pages: list[Any] = [[sent(2)], [sent(1, "FAILED")]]
    world.pages["14155551234"] = pages
    assert world.fate().status == "unclear"
    world.ahead = 0.0
    assert world.fate().status == "read"
    # Nor by the answer about another number of the same person.
    world.pages = {SHORT: [world.page("messages", {"items": OLD}, 300.0)], LONG: pages}
    assert world.fate(SPELLED).status == "unclear"


def test_a_page_is_read_whole_even_if_it_is_out_of_order(world: World) -> None:
    world.pages["14155551234"] = [[newer(0), *OLD, sent()]]
    assert world.find().verdict == "sent"
    assert world.fate().status == "read"


# --- under which numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "numbers"),
    [
        (ENTRY, ["14155551234"]),
        (SPELLED, [SHORT, LONG]),
        (SPELLED._replace(answered=LONG), [SHORT, LONG]),
        (ENTRY._replace(answered="14155555678"), ["14155551234", "14155555678"]),
        (ENTRY._replace(receiver="US.aB9", person="us.ab9"), ["US.aB9"]),
        (ENTRY._replace(receiver="US.aB9", person="us.ab9", answered=SHORT), ["US.aB9", SHORT, LONG]),
        (ENTRY._replace(receiver="US.aB9", person="14155555678"), ["US.aB9", "14155555678"]),
    ],
)
def test_the_numbers_that_a_conversation_may_be_under(entry: Entry, numbers: list[str], world: World) -> None:
    assert Search.numbers(entry) == numbers
    searched = world.find(entry).document()["searched"]
    assert world.asked == numbers
    assert searched.get("under", numbers) == numbers and ("under" in searched) is (len(numbers) > 1)


@pytest.mark.parametrize("under", [SHORT, LONG])
def test_a_number_that_wati_does_not_have_hides_no_conversation(under: str, world: World) -> None:
    world.pages = {SHORT: [ABSENT], LONG: [ABSENT], under: [OLD]}
    assert world.find(SPELLED).verdict == "not_seen"
    assert world.fate(SPELLED).status == "not_found"
    world.pages[under] = [[sent()], OLD]
    assert world.find(SPELLED).verdict == "sent"
    assert world.fate(SPELLED).status == "read"


def test_no_conversation_at_all_says_nothing(world: World) -> None:
    world.pages = {SHORT: [ABSENT], LONG: [ABSENT]}
    found = world.find(SPELLED)
    assert (found.verdict, found.early) == ("unknown", 0) and "shows no conversation" in found.why
    assert world.fate(SPELLED).status == "unclear"


@pytest.mark.parametrize("under", [SHORT, LONG])
@pytest.mark.parametrize("pages", [[REFUSED], [[newer(0)], ABSENT], [[newer(0)], REFUSED]])
def test_a_conversation_that_was_not_read_may_have_it(pages: list[Any], under: str, world: World) -> None:
    world.pages = {SHORT: [OLD], LONG: [OLD], under: pages}
    found = world.find(SPELLED)
    assert found.verdict == "unknown" and "shows no conversation" in found.why
    assert world.fate(SPELLED).status == "unclear"
    other = LONG if under == SHORT else SHORT
    world.pages[other] = [[sent()], OLD]
    assert world.find(SPELLED).verdict == "sent"


def test_what_may_be_well_again_is_no_answer(world: World) -> None:
    world.pages["14155551234"] = [Answer(502, {})]
    for look in (world.find, world.fate):
        with pytest.raises(Failure, match="502"):
            look()


# --- whose rows they may be --------------------------------------------------------------------------------


def test_another_send_is_asked_for_if_its_row_may_be_of_that_time_by_any_clock(world: World) -> None:
    world.find()
    assert world.since == NOW - 60
    for ahead, since in ((300.0, NOW - 360), (-300.0, NOW - 360)):
        world.ahead = ahead
        world.find()
        assert world.since == since


def test_a_list_can_have_one_person_twice(world: World) -> None:
    """By two numbers: one row says nothing of either, two say it of both."""
    twin, stranger = SPELLED._replace(receiver=LONG), ENTRY
    world.pages[SHORT] = [[sent(1)]]
    assert world.search(SPELLED, stranger).find(SPELLED).verdict == "sent"
    both = world.search(SPELLED, twin)
    assert [both.find(each).verdict for each in (SPELLED, twin)] == ["unknown"] * 2
    world.pages[SHORT] = [[sent(2), sent(1)]]
    assert [both.find(each).verdict for each in (SPELLED, twin)] == ["sent"] * 2


# --- what it compares --------------------------------------------------------------------------------------


def test_only_for_a_template_the_templates_are_read_and_only_once(world: World) -> None:
    world.templates = [{"elementName": "order_update", "bodyOriginal": BODY, "status": "APPROVED"}]
    assert world.find().verdict == "not_seen" and "templates" not in world.asked
    template = message("template")._replace(receiver="14155551234", person="14155551234")
    world.pages["14155551234"] = [[shown("template", NOW + 1)]]
    looks = world.search(template)
    assert [looks.find(template).verdict, looks.fate(template).status] == ["sent", "sent"]
    assert world.asked.count("templates") == 1


def test_without_its_template_a_row_only_resembles_the_message(world: World) -> None:
    template = message("template")._replace(receiver="14155551234", person="14155551234")
    assert world.find(template).verdict == "not_seen"
    world.pages["14155551234"] = [[shown("template", NOW + 1)]]
    assert world.find(template).verdict == "unknown"
    # One without values has nothing to compare, but if it was accepted, a row of that time is it.
    plain = template._replace(parts={}, state="accepted")
    assert world.fate(plain).status == "sent"


def test_each_file_is_fetched_once_and_known_by_its_bytes(world: World) -> None:
    import hashlib

    world.file = b"x" * 3_000_000
    parts = {"text": digest("Look!"), "file": digest(hashlib.sha256(world.file).hexdigest())}
    entry = message("file")._replace(receiver="14155551234", person="14155551234", parts=parts)
    row = shown("file", NOW + 1, text="Look!", data="data/images/a b.jpg")
    world.pages["14155551234"] = [[row, {**row, "id": "another"}]]
    looks = world.search(entry)
    assert [looks.find(entry).verdict, looks.find(entry).verdict] == ["sent"] * 2
    assert [each for each in world.asked if "fileName" in each] == ["fileName=data%2Fimages%2Fa%20b.jpg"]
    for other in (b"y", b""):
        world.file = other
        assert world.find(entry).verdict == "unknown"


def test_a_far_side_that_makes_comparing_endless_is_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_DIGESTS", 3)  # one for each row
    rows = [sent(number, text=f"{number}") for number in (4, 3, 2, 1)]
    world.pages["14155551234"] = [rows[1:]]
    assert world.find().why != looking.TOO_MUCH
    world.pages["14155551234"] = [rows]
    found = world.find()
    assert (found.verdict, found.why, found.early) == ("unknown", looking.TOO_MUCH, 0)
    fate = world.fate()
    assert (fate.status, fate.why, fate.row) == ("unclear", looking.TOO_MUCH, None)


# --- what it shows -----------------------------------------------------------------------------------------


def test_what_was_searched_is_shown_or_the_message(world: World) -> None:
    row = sent(localMessageId="l", failedDetail="x" * 501)
    world.pages = {SHORT: [[row, *OLD]], LONG: [OLD]}
    assert world.find(SPELLED).document() == {
        "receiver": SHORT,
        "verdict": "sent",
        "why": "",
        "message": {
            "id": "sent 1.0",
            "localMessageId": "l",
            "created": row["created"],
            "statusString": "READ",
        },
    }
    row["failedDetail"] = "x" * 500
    assert world.find(SPELLED).document()["message"]["failedDetail"] == "x" * 500
    world.pages[SHORT] = [OLD]
    assert world.find(SPELLED).document() == {
        "receiver": SHORT,
        "verdict": "not_seen",
        "why": "",
        "searched": {"rows": 2, "from": iso(NOW - 30), "until": iso(NOW + 200), "under": [SHORT, LONG]},
    }
    world.ahead = 20.0  # the earliest of the times that it may be there
    assert world.find(SPELLED).document()["searched"]["until"] == iso(NOW + 200)
    assert world.find(SPELLED, clock=10.0).document()["searched"]["until"] == iso(NOW + 210)
    world.ahead = 0.0
    assert world.fate(SPELLED).document() == {
        "receiver": SHORT,
        "status": "not_found",
        "why": "no row of that time is this message",
    }


def test_what_a_look_leaves_in_the_journal(tmp_path: Path) -> None:
    """Whoever may be the one that was named instead stays so: no later look may call the message missing."""
    numbers = ["14155550001", "14155550002", "14155550003", "14155550004", "14155550005"]
    journal = Journal(str(tmp_path / "journal"), "x")
    messages = [Message("$", number, "text", {"text": "x"}) for number in numbers]
    number = journal.enter("s", "c", messages, None, again=False)
    assert isinstance(number, int)
    journal.settle(number, "unknown", {numbers[0]: "unpaired", numbers[1]: "unpaired"})
    found = journal.send(number)
    assert found is not None
    for receiver, verdict, early in (
        (numbers[0], "unknown", 0.0),
        (numbers[1], "sent", 0.0),
        (numbers[2], "unknown", 0.0),
        (numbers[3], "unknown", 1.0),
        (numbers[4], "not_seen", 0.0),
    ):
        search.resolve(journal, found, Sighting(receiver, verdict, "", None, early, {}))
    left = journal.send(number)
    assert left is not None
    assert [entry.state for entry in left.entries] == ["unpaired", "sent", "unclear", "unknown", "not_seen"]
