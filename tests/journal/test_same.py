"""What is the same message, who is the same receiver, and what dates say: in the journal's own terms."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import unicodedata
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from conftest import ROOT
from sends import JANE, JOHN
from stores import File
from wati.contract.messages import Message, normalized
from wati.journal import rules, uptime
from wati.journal.candidates import LARGE, SENDS_IN_A_BLOCK
from wati.journal.uptime import Uptime

ID = "0123456789abcdef01234567"
DAY = 86400.0


class Books:
    """A journal with a clock that a test can set."""

    def __init__(self, kept: File) -> None:
        self.kept, self.time = kept, 1_800_000_000.0
        self.journal = kept.journal(clock=lambda: self.time)

    def enter(self, *messages: Message, again: bool = False, state: str = "accepted", **more: Any) -> Any:
        found = self.journal.enter("s", "c", iter(messages), None, again=again, **more)
        if not isinstance(found, int):
            return found.listed
        if state != "open":
            self.journal.settle(found, state)
        return found

    def states(self) -> list[str]:
        return [state for (state,) in self.kept.messages("state")]


@pytest.fixture
def books(kept: File) -> Books:
    return Books(kept)


@pytest.fixture
def one_book(tmp_path: Path) -> Books:
    """For what is decided by the hashes, before a store has them."""
    return Books(File(str(tmp_path / "sends")))


def template(to: str = JOHN, called: str = "order_update", /, **parts: str) -> Message:
    return Message("$", to, "template", parts, name=called)


def text(words: str, to: str = JOHN) -> Message:
    return Message("$", to, "text", {"text": words})


# --- templates ---------------------------------------------------------------------------------------------

VALUES = {"name": "John", "ordernumber": "12345"}
SAME_TEMPLATES = {
    "the same": template(**VALUES),
    "a parameter more": template(**VALUES, eta="today"),
    "a parameter less": template(ordernumber="12345"),
    "none": template(),
    "a name in another letter case": template(**{"Name": "John", "OrderNumber": "12345"}),
    "a stray one": template(stray="x"),
    "a value with other spaces": template(**{"name": " John\u200b", "ordernumber": "12345"}),
    "the template in another letter case": template(JOHN, "Order_Update", **VALUES),
    "both letter cases": template(**VALUES, **{"Name": "Jane"}),
}
OTHER_TEMPLATES = {
    "another value": template(**{**VALUES, "name": "Jane"}),
    "another value in another letter case": template(**{"NAME": "Jane", "ordernumber": "12345"}),
    "another value and one more": template(**{**VALUES, "ordernumber": "1"}, eta="today"),
    "another template": template(JOHN, "order_update_2", **VALUES),
    "another receiver": template(JANE, **VALUES),
}


@pytest.mark.parametrize("how", SAME_TEMPLATES)
def test_the_same_template(how: str, one_book: Books) -> None:
    first, second = template(**VALUES), SAME_TEMPLATES[how]
    assert one_book.enter(first) == 1
    (repeat,) = one_book.enter(second)
    assert repeat.refused and repeat.send == 1
    assert one_book.enter(second, again=True) == 2


@pytest.mark.parametrize("how", OTHER_TEMPLATES)
def test_another_template(how: str, one_book: Books) -> None:
    assert one_book.enter(template(**VALUES)) == 1
    assert one_book.enter(OTHER_TEMPLATES[how]) == 2


parts = some.dictionaries(some.sampled_from("aAbB"), some.sampled_from("12"), max_size=4)


@given(parts, parts)
def test_agreement_has_no_order_and_no_letter_case(one: dict[str, str], other: dict[str, str]) -> None:
    assert rules.agree(one, one)
    assert rules.agree(one, other) is rules.agree(other, one)
    assert rules.agree(one, {}) and rules.agree({}, one)
    if len({name.lower() for name in one}) == len(one):
        assert rules.agree(one, {name.swapcase(): value for name, value in one.items()})
        assert not one or not rules.agree(one, {name: value + "x" for name, value in one.items()})


# --- characters that nobody sees ---------------------------------------------------------------------------

UNSEEN = {
    "VS16": "\ufe0f",
    "VS15": "\ufe0e",
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "soft hyphen": "\u00ad",
    "byte order mark": "\ufeff",
    "left-to-right mark": "\u200e",
    "right-to-left mark": "\u200f",
    "Arabic letter mark": "\u061c",
    "isolate": "\u2068",
    "word joiner": "\u2060",
    "tag letter": "\U000e0061",
    "combining grapheme joiner": "\u034f",
    "Mongolian separator": "\u180e",
    "Hangul filler": "\u3164",
    "variation selector 17": "\U000e0100",
}


@pytest.mark.parametrize("name", UNSEEN)
@pytest.mark.parametrize("words", ["Your parcel is here.", "Zo\u00eb, caf\u00e9 \u2764 ok"])
def test_what_nobody_sees_makes_no_other_text(name: str, words: str, one_book: Books) -> None:
    assert one_book.enter(text(words)) == 1
    for at in (0, 4, len(words)):
        (repeat,) = one_book.enter(text(words[:at] + UNSEEN[name] + words[at:]))
        assert repeat.refused
    assert one_book.enter(text(words + "!")) == 2


FAMILY, ENGLAND = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e007f",
)
SEEN = [
    (FAMILY, FAMILY.replace("\u200d", "")),
    ("\u2764\ufe0f\u200d\U0001f525", "\u2764\U0001f525"),
    (ENGLAND, ENGLAND.replace("\U000e0065", "\U000e0073")),
    (ENGLAND, "\U0001f3f4"),
    ("a b", "ab"),
    ("a-b", "ab"),
]


@pytest.mark.parametrize(("one", "other"), SEEN)
def test_what_makes_another_picture_or_word_makes_another_text(one: str, other: str, one_book: Books) -> None:
    assert one_book.enter(text(one)) == 1
    assert one_book.enter(text(other)) == 2
    assert len(one_book.enter(text(one))) == 1


@given(some.text())
def test_the_form_that_is_compared_is_stable(words: str) -> None:
    assert normalized(normalized(words)) == normalized(words)
    assert normalized(unicodedata.normalize("NFD", words)) == normalized(words)


# --- receivers ---------------------------------------------------------------------------------------------

TWO_SPELLINGS = [
    ("5215512345678", "525512345678"),
    ("5491123456789", "541123456789"),
    ("5511987654321", "551187654321"),
]


@pytest.mark.parametrize(("one", "other"), TWO_SPELLINGS)
def test_two_spellings_are_one_receiver(one: str, other: str, books: Books) -> None:
    assert books.enter(template(one)) == 1
    (repeat,) = books.enter(template(other))
    assert repeat.receiver == other and repeat.known == one
    (twice,) = books.enter(template(one, "t"), template(other, "t"))
    assert twice.state == "twice"


@pytest.mark.parametrize("how", ["the answer", "the contacts"])
def test_an_id_is_the_number_that_was_shown_for_it(how: str, books: Books) -> None:
    assert books.enter(template(ID), template(JANE), state="open") == 1
    if how == "the answer":
        books.journal.settle(1, "accepted", {}, {ID: JOHN})
    else:
        books.journal.settle(1, "accepted")
        books.journal.learn("c", {ID.upper(): JOHN})
    assert [repeat.receiver for repeat in books.enter(template(JOHN))] == [JOHN]
    (twice,) = books.enter(template(JOHN, "t"), template(ID.upper(), "t"), template(JANE, "t"))
    assert (twice.state, twice.receiver, twice.known) == ("twice", ID.upper(), JOHN)
    assert books.journal.number_of(ID) == JOHN


@pytest.mark.parametrize("pairs", [[(ID, JOHN), (JOHN, JANE)], [(JOHN, JANE), (ID, JOHN)]])
@pytest.mark.parametrize("at_once", [True, False])
def test_what_is_learned_of_one_name_holds_for_all_that_led_to_it(
    at_once: bool, pairs: list[tuple[str, str]], books: Books
) -> None:
    assert books.enter(template(ID)) == 1
    for learned in [dict(pairs)] if at_once else [dict([pair]) for pair in pairs]:
        for _ in range(2):  # the second time, it is known
            books.journal.learn("c", learned)
    assert books.journal.number_of(ID) == books.journal.number_of(JOHN) == JANE
    assert [repeat.known for repeat in books.enter(template(JANE))] == [ID]
    assert [each.state for each in books.enter(template(JOHN, "t"), template(ID, "t"))] == ["twice"]
    assert {row for row in books.kept.messages("person")} == {(JANE,)}


@pytest.mark.parametrize("member", ["receiver", "name"])
def test_the_letter_case_of_an_id_and_of_a_template_hides_no_other_send(member: str, books: Books) -> None:
    one = template(ID, "order_update", a="1")
    other = (
        template(ID.upper(), "order_update", a="2")
        if member == "receiver"
        else template(ID, "Order_Update", a="2")
    )
    assert [books.enter(one), books.enter(other)] == [1, 2]
    for number in (1, 2):
        send = books.journal.send(number)
        assert send is not None
        ((at, _, found),) = books.journal.others(send, send.entries[0], 0.0)
        assert at == books.time and found.parts != send.entries[0].parts


# --- states ------------------------------------------------------------------------------------------------


def moved(books: Books, state: str) -> None:
    """Bring a message, entered as `open`, into a state."""
    if state in rules.BY_SENDER:
        books.journal.settle(1, state)
    elif state != "open":
        books.journal.resolve(1, [JOHN], state)
    assert books.states() == [state]


STATES = ["open", *rules.BY_SENDER, *rules.BY_LOOK]


def documented_moves() -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Who may move a message from where to where: the sender, and check_send."""
    text = (ROOT / "references" / "journal.md").read_text(encoding="utf-8")
    lines = text.split("| who | from | to |")[1].split("\n\n")[0].splitlines()[2:]
    found: list[set[tuple[str, str]]] = []
    for who, *cells in (line.strip("|").split("|") for line in lines):
        found += [set()] if who.strip() else []
        before, after = (re.findall("`([a-z_]+)`", cell) for cell in cells)
        found[-1] |= {*product(before, after)}
    by_sender, by_look, by_nobody = found
    assert len(by_sender) == 16 and len(by_look) == 11 and not by_nobody
    return by_sender, by_look


BY_SENDER, BY_LOOK = documented_moves()


@pytest.mark.parametrize("new", rules.BY_LOOK)
@pytest.mark.parametrize("old", STATES)
def test_a_look_moves_what_the_document_says(old: str, new: str, books: Books) -> None:
    assert books.enter(text("x"), state="open") == 1
    moved(books, old)
    books.journal.resolve(1, [JOHN, JANE], new)
    assert books.states() == [new if (old, new) in BY_LOOK else old]


@pytest.mark.parametrize("new", rules.BY_SENDER)
@pytest.mark.parametrize("old", ["open", *rules.BY_LOOK])
def test_an_answer_that_comes_after_a_look_moves_what_the_document_says(
    old: str, new: str, books: Books
) -> None:
    assert books.enter(text("x"), state="open") == 1
    moved(books, old)
    books.journal.settle(1, new)
    assert books.states() == [new if (old, new) in BY_SENDER else old]


@pytest.mark.parametrize("seconds", [10.0, 700.0], ids=["in time", "stopped in the door"])
def test_it_can_have_left_until_it_is_settled(seconds: float, books: Books) -> None:
    assert books.enter(text("x"), state="open", until=books.time + 30) == 1
    books.time += seconds
    books.journal.settle(1, "unknown")
    send = books.journal.send(1)
    assert send is not None and send.until == books.time


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("seconds", [60, 600], ids=["text", "template"])
def test_what_a_state_stops(state: str, seconds: int, books: Books) -> None:
    message = text("x") if seconds == 60 else template()
    assert books.enter(message, state="open") == 1
    moved(books, state)
    for later, stopped in ((0.0, True), (seconds - 1, True), (1.0, False), (400 * DAY, False)):
        books.time += later
        ever = state in ("open", "unknown", "unpaired", "unclear")
        never = state in ("rejected", "not_sent", "not_seen")
        repeats = [each for each in books.journal.repeats("c", [message]) if each.refused]
        assert bool(repeats) is (ever or (stopped and not never)), (state, later)
        if repeats:
            assert len(books.enter(message)) == 1


# --- dates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("apart", "is_forgotten"), [(DAY - 1, False), (DAY + 1, True)])
def test_only_dates_that_are_a_day_apart_forget(apart: float, is_forgotten: bool, books: Books) -> None:
    assert books.enter(text("x")) == 1
    books.time += 40 * DAY
    for words in "abc":
        assert isinstance(books.enter(text(words)), int)
        books.time += apart / 2
    books.time -= 40 * DAY + 1.5 * apart
    assert isinstance(books.enter(text("x")), int) is is_forgotten


def test_a_number_that_is_shown_for_itself_is_no_alias(books: Books) -> None:
    books.journal.learn("c", {JOHN: JOHN, ID: JANE})
    books.journal.learn("c", {ID: JANE})
    assert books.journal.number_of(JOHN) == "" and books.journal.number_of(ID) == JANE
    books.journal.learn("c", {JANE: JOHN})  # whoever was Jane is John
    assert books.journal.number_of(ID) == JOHN


def test_what_only_reads_makes_no_journal(one_book: Books) -> None:
    journal = one_book.journal
    assert journal.number_of(ID) == "" and list(journal.repeats("c", [text("x")])) == []
    assert not os.path.exists(one_book.kept.where)


def test_a_date_in_the_future_stops_for_its_time_from_when_it_was_seen(books: Books) -> None:
    books.time += 365 * DAY
    assert books.enter(text("x")) == 1
    books.time -= 365 * DAY
    for later, stopped in ((0.0, True), (59.0, True), (2.0, False)):
        books.time += later
        found = books.enter(text("x"), state="rejected")
        assert isinstance(found, list) is stopped
        if stopped:
            assert found[0].ahead == pytest.approx(365 * DAY, abs=100)
    books.time += 365 * DAY - 60  # it comes true
    assert isinstance(books.enter(text("x")), list)


def test_a_dry_run_says_it_too_and_notes_nothing(books: Books) -> None:
    books.time += DAY
    assert books.enter(text("x")) == 1
    books.time -= DAY
    held = books.kept.content()
    (repeat,) = books.journal.repeats("c", [text("x")])
    assert repeat.refused and repeat.ahead == DAY
    assert books.kept.content() == held


def test_what_is_unresolved_is_never_forgotten_and_the_rest_in_time(books: Books) -> None:
    assert books.enter(text("u"), state="unknown") == 1
    assert books.enter(text("x")) == 2
    for _ in range(40):
        books.time += DAY
        books.enter(text("x"))
    assert books.states()[0] == "unknown" and len(books.states()) == 1 + 32
    assert len(books.journal.recent(100)) == 1 + 32
    assert isinstance(books.enter(text("u")), list)


def test_what_is_forgotten_at_once_is_bounded(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{books.kept.module}._MOST_FORGOTTEN", 3)
    books.enter(*(text("x", str(14_150_000_000 + number)) for number in range(8)))
    lengths = []
    for _ in range(5):
        books.time += 32 * DAY
        books.enter(text("x"))
        lengths.append(len(books.states()))
    assert lengths == [9, 7, 5, 3, 2]


@pytest.mark.parametrize("wrong", [-40 * 86400.0, -3600.0, 3600.0, 40 * 86400.0])
@pytest.mark.parametrize("size", [1, LARGE])
def test_a_wrong_clock_shortens_no_block_where_the_machine_says_how_long_it_is_up(
    wrong: float, size: int, kept: File
) -> None:
    """Whichever of the two sends had it, and though another send forgets what is old meanwhile."""
    now, up = [1_800_000_000.0], [Uptime("a", 5000.0)]
    journal = kept.journal(clock=lambda: now[0])
    journal._uptime = lambda: up[0]

    def send(words: str, receivers: int = 1, ahead: float = 0.0) -> bool:
        now[0] += ahead
        crowd = [text(words, str(14_150_000_000 + number)) for number in range(receivers)]
        found = journal.enter("s", "c", crowd, None, again=False)
        if isinstance(found, int):
            journal.settle(found, "accepted")
        now[0] -= ahead
        return isinstance(found, int)

    for day in (-90, -45, -2, 0):  # so that there are dates that agree
        assert send(f"day {day}", ahead=day * 86400.0)
    assert send("x", size, ahead=wrong) and send("y")
    assert not send("x") and not send("x", 20)
    up[0] = Uptime("a", 5059.0)
    now[0] += 59
    assert not send("x", ahead=wrong) and not send("x")
    up[0] = Uptime("another start", 5059.0)  # says nothing about the one before
    assert send("x") is (wrong < 0)


def test_each_of_many_sends_is_found(books: Books) -> None:
    """Small ones that share a block of the file, those of the next one, and a large one with its own."""
    crowd = [text("large", str(14_150_000_000 + number)) for number in range(LARGE)]
    assert isinstance(books.enter(*crowd), int)
    for number in range(SENDS_IN_A_BLOCK):
        assert isinstance(books.enter(text(str(number))), int)
    for again in (text("0"), text(str(SENDS_IN_A_BLOCK - 1)), crowd[0], crowd[-1]):
        assert len(books.enter(again)) == 1
        assert len(books.enter(*(text("new", str(14_160_000_000 + n)) for n in range(LARGE)), again)) == 1
    assert isinstance(books.enter(text("1000")), int)


def test_what_an_older_version_has_entered_stops_a_repeat(one_book: Books) -> None:
    one_book.enter(text("x"))
    path = one_book.kept.where
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP INDEX messages_lately")
        for table in ("sends", "messages"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN block")
        db.execute("PRAGMA user_version = 4")
        db.commit()
    assert len(one_book.enter(text("x"))) == 1
    assert isinstance(one_book.enter(text("y")), int)
    assert len(one_book.enter(text("x"), text("y"))) == 2


def test_the_uptime_of_this_machine_goes_on() -> None:
    one, other = uptime.now(), uptime.now()
    assert one.boot == other.boot and 0 <= other.seconds - one.seconds < 60
    assert bool(one.boot) is (sys.platform == "linux")
