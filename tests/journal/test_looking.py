"""What is concluded from a conversation: the table of rules in references/journal.md, and every alteration.

The model knows what really went out. It plays what systems on the way, clocks and other senders do to the
rows, and the judge sees only those: a message that went out is never *not seen*, and one that did not is
never *sent*.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from strategies import fixed
from wati.contract.messages import LAG_SECONDS, normalized
from wati.journal import looking
from wati.journal.entries import Entry
from wati.journal.looking import Clocks, Judged, Means, Other, Read
from wati.journal.sightings import Form
from wati.reads.rows import moment

Row = dict[str, Any]
NOW = 1_760_000_000.0  # by a clock that is right; all others are said by how far they are ahead
HOUR, DAY = 3600.0, 86400.0
TEXT = "Tom & Zoë, your “parcel” is here ❤."
BODY = "Hi {{who}}, “order” & bill are ready ❤."
FORM = Form({"bodyOriginal": BODY})


def digest(text: str) -> str:
    return hashlib.sha256(normalized(text).encode("utf-8", "surrogatepass")).hexdigest()


def iso(at: float) -> str:
    from datetime import datetime, timedelta

    return (datetime(1970, 1, 1) + timedelta(seconds=at)).isoformat(timespec="milliseconds")


# --- messages and rows -------------------------------------------------------------------------------------

FILE, ANOTHER = "data/documents/a.pdf", "data/documents/b.pdf"
CONTENTS = {FILE: "the bytes", ANOTHER: "other bytes"}
MEANS = {kind: Means(digest, FORM if kind == "template" else None, lambda name: digest(CONTENTS[name]))
         for kind in ("text", "interactive", "file", "template")}  # fmt: skip
KINDS = tuple(MEANS)


def message(kind: str, words: str = "", state: str = "unknown") -> Entry:
    """One of our messages; `words` distinguish it from others of its kind."""
    parts = {
        "text": {"text": digest(TEXT + words)},
        "interactive": {"text": digest(TEXT + words), "rest": digest("buttons")},
        "file": {"text": digest(TEXT + words), "file": digest(CONTENTS[ANOTHER if words else FILE])},
        "template": {"who": digest("Zoë" + words)},
    }
    return Entry("14155551234", kind, "order_update" if kind == "template" else "", parts[kind], state)


def shown(kind: str, at: float, words: str = "", **members: Any) -> Row:
    """The row of one of our messages, as WATI shows it (captures)."""
    if kind == "template":
        return {
            "eventType": "broadcastMessage", "created": iso(at) + "Z",
            "eventDescription": 'Broadcast message with using "order_update" template was received',
            "finalText": BODY.replace("{{who}}", "Zoë" + words), "statusString": "SENT", **members,
        }  # fmt: skip
    types = {"text": "text", "interactive": "interactive", "file": "document"}
    return {
        "eventType": "message", "owner": True, "operatorName": "API Token x ", "type": types[kind],
        "text": TEXT + words, "data": (ANOTHER if words else FILE) if kind == "file" else None,
        "statusString": "SENT", "created": iso(at) + "Z", "timestamp": str(int(at)), **members,
    }  # fmt: skip


def written(at: float, text: str = "Thanks!", **members: Any) -> Row:
    """What the customer wrote."""
    return shown("text", at, text=text, owner=False, operatorName=None, **members)


# --- alterations -------------------------------------------------------------------------------------------

# On the way of a text: each is a thing that systems do.
CHARACTERS: dict[str, Callable[[str], str]] = {
    "none": lambda text: text,
    "white space": lambda text: text.replace(" ", "\u00a0 "),
    "mojibake": lambda text: text.encode("utf-8").decode("latin-1"),
    "escaped": lambda text: text.replace("&", "&amp;"),
    "selector": lambda text: text.replace("❤", "❤\ufe0f"),
    "plain quotes": lambda text: text.replace("“", '"').replace("”", '"'),
    "cut": lambda text: text[:20],
    "signature": lambda text: text + "\n-- \nAcme Ltd.",
    "gone": lambda _: "",
}


def _local(row: Row, hours: float) -> str:
    return iso(float(row["at"]) + hours * HOUR)


# How a row says when it was created; `at` is when it really was.
ZONES: dict[str, Callable[[Row], Row]] = {
    "Z": lambda row: {"created": iso(row["at"]) + "Z"},
    "offset": lambda row: {"created": _local(row, 7) + "+07:00"},
    "local": lambda row: {"created": _local(row, 7)},
    "west": lambda row: {"created": _local(row, -8)},
    "not UTC": lambda row: {"created": _local(row, -7) + "Z"},
    "none": lambda _: {"created": None},
}


def at_once(rows: list[Row], _: random.Random) -> list[Row]:
    return rows


def shuffled(rows: list[Row], chance: random.Random) -> list[Row]:
    return chance.sample(rows, len(rows))


ORDERS: dict[str, Callable[[list[Row], random.Random], list[Row]]] = {
    "newest first": at_once,
    "oldest first": lambda rows, _: rows[::-1],
    "shuffled": shuffled,
}
# Whose row besides. `words` distinguish it, `state` is that of its entry in the journal, if it has one.
SENDERS: dict[str, dict[str, Any]] = {
    "customer": {"members": {"owner": False, "operatorName": None, "eventType": "message"}},
    "operator": {"members": {"operatorName": "Alex Agent"}, "words": "?"},
    "operator, same": {"members": {"operatorName": "Alex Agent"}},
    "operator, same, later": {"members": {"operatorName": "Alex Agent"}, "after": (3 * HOUR,)},
    "broadcast, later": {"members": {}, "after": (3 * HOUR,)},
    "broadcast, earlier": {"members": {}, "after": (-3 * HOUR,)},
    "bot": {"members": {"operatorName": "Bot "}, "words": "!"},
    "ours, other, accepted": {"state": "accepted", "words": "."},
    "ours, other, unknown": {"state": "unknown", "words": ".", "sent": (True, False)},
    "ours, same, accepted": {"state": "accepted"},
    "ours, same, unknown": {"state": "unknown", "sent": (True, False)},
    "ours, same, presumed": {"state": "presumed", "sent": (True, False)},
    "ours, same, rejected": {"state": "rejected", "sent": (False,)},
}
AFTER = (-HOUR, -200.0, -100.0, -65.0, -20.0, -1.0, 0.0, 1.0, 20.0, 100.0, 400.0, HOUR)


class Case(NamedTuple):
    """One conversation and one look at it; `sent`: what really happened."""

    kind: str
    sent: bool
    characters: str
    zone: str
    stamped: bool  # whether the row has a `timestamp`, too
    order: str
    page: int  # rows of a page
    lag: float
    takes: float  # seconds until it left, of those it could have taken
    passed: float  # seconds since it could last leave
    machine: float  # by how much this machine's clock was ahead when it was sent
    jump: float  # and by how much it was set since
    then: float | None  # by how much the far side's `Date` was wrong when it was sent; None if there was none
    dates: tuple[float, ...]  # and by how much in each answer of the look
    senders: tuple[tuple[str, float, bool], ...]  # who, how much later than the send, whether it went out
    seed: int

    def judged(self) -> Judged:
        chance = random.Random(self.seed)
        look = NOW + 30.0 + self.passed
        rows = [written(NOW - hours * HOUR) for hours in (2, 9, 30, 31, 32, 33)]
        rows = [
            {**row, "at": NOW - hours * HOUR} for row, hours in zip(rows, (2, 9, 30, 31, 32, 33), strict=True)
        ]
        others = []
        if self.sent:
            rows.append(self._altered(shown(self.kind, NOW + self.takes), NOW + self.takes))
        for name, after, sent in self.senders:
            sender = SENDERS[name]
            at, words = NOW + after, sender.get("words", "")
            if "state" in sender:
                entry = message(self.kind, words, sender["state"])
                others.append(Other(at + self.machine, at + self.machine + 1, entry))
            if sent:
                rows.append({**shown(self.kind, at, words, **sender.get("members", {})), "at": at})
        rows = [row for row in rows if row["at"] <= look - self.lag]
        rows.sort(key=lambda row: row["at"], reverse=True)
        clocks = self.clocks(look)
        read = self._read(ORDERS[self.order](rows, chance), clocks)
        return looking.judge(message(self.kind), [read], others, clocks, MEANS[self.kind])

    def clocks(self, look: float) -> Clocks:
        here = look + self.machine + self.jump
        return Clocks(
            at=NOW + self.machine,
            until=NOW + 30.0 + self.machine,
            lag=LAG_SECONDS,
            now=here,
            ran=self.passed,
            then=None if self.then is None else self.then - self.machine,
            dates=tuple(wrong - self.machine - self.jump for wrong in self.dates),
        )

    def _altered(self, row: Row, at: float) -> Row:
        member = "finalText" if self.kind == "template" else "text"
        row = {**row, "at": at, member: CHARACTERS[self.characters](row[member])}
        row |= ZONES[self.zone](row)
        return {**row, "timestamp": str(int(at)) if self.stamped else None}

    def _read(self, rows: list[Row], clocks: Clocks) -> Read:
        """As the search reads: page by page, until the rows reach back far enough."""
        size = len(rows) if self.order == "shuffled" else self.page
        read: list[Row] = []
        for start in range(0, len(rows), max(1, size)):
            read += rows[start : start + size]
            if looking.reaches(read, clocks.begins):
                return Read(read, whole=False)
        return Read(read)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kind = draw(st.sampled_from(KINDS))
    zone = draw(st.sampled_from(sorted(ZONES)))
    # A row that shows a wrong time as an exact one, and no other, cannot be found out.
    stamped = zone == "not UTC" or (kind != "template" and draw(st.booleans()))
    # This machine may be wrong by hours, or answers by minutes; not both at once.
    machine = draw(st.sampled_from((0.0, 5.0, 7 * HOUR, -7 * HOUR)))
    wrong = (0.0, 2.0) if abs(machine) > HOUR else (0.0, 2.0, -300.0, 300.0, -DAY)
    then = draw(st.sampled_from((None, *wrong)))
    dates = draw(st.lists(st.sampled_from(wrong), max_size=3).map(tuple))
    if (
        then is None and not dates
    ):  # nothing says how far the clocks differ, and then this one has to be right
        machine = 5.0
    senders = []
    for name in draw(st.lists(st.sampled_from(sorted(SENDERS)), max_size=3)):
        sender = SENDERS[name]
        after = draw(st.sampled_from(sender.get("after", AFTER)))
        senders.append((name, after, draw(st.sampled_from(sender.get("sent", (True,))))))
    return Case(
        kind=kind,
        sent=draw(st.booleans()),
        characters=draw(st.sampled_from(sorted(CHARACTERS))),
        zone=zone,
        stamped=stamped,
        order=draw(st.sampled_from(sorted(ORDERS))),
        page=draw(st.sampled_from((2, 3, 100))),
        lag=draw(st.sampled_from((0.0, 40.0, 110.0))),
        takes=draw(st.sampled_from((0.0, 15.0, 30.0))),
        passed=draw(st.sampled_from((1.0, 60.0, 119.0, 121.0, 1000.0, 10 * HOUR))),
        machine=machine,
        jump=draw(st.sampled_from((0.0, HOUR, -HOUR, 40 * DAY))) if then in (None, 0.0, 2.0) else 0.0,
        then=then,
        dates=dates,
        senders=tuple(senders),
        seed=draw(st.integers(0, 9)),
    )


CLEAN = Case(
    kind="text", sent=True, characters="none", zone="Z", stamped=True, order="newest first", page=100,
    lag=0.0, takes=1.0, passed=130.0, machine=0.0, jump=0.0, then=0.0, dates=(0.0,), senders=(), seed=0,
)  # fmt: skip


@fixed(1500)
@given(cases())
@example(CLEAN._replace(passed=1.0, dates=(-300.0,)))
@example(CLEAN._replace(order="oldest first", page=2))
def test_no_alteration_makes_it_say_what_is_not_so(case: Case) -> None:
    verdict = case.judged().verdict
    assert verdict in (("sent", "unknown") if case.sent else ("not_seen", "unknown"))


# What changes nothing: a look at such a conversation has to come to a conclusion.
HARMLESS = ("customer", "operator", "bot", "ours, other, accepted", "ours, same, rejected")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sent", [True, False])
@pytest.mark.parametrize("hours", [0, 7, -7])
@pytest.mark.parametrize("then", [0.0, None])
def test_what_is_clear_is_concluded(kind: str, sent: bool, hours: int, then: float | None) -> None:
    senders = tuple((name, 20.0, "sent" not in SENDERS[name]) for name in HARMLESS)
    case = CLEAN._replace(kind=kind, sent=sent, machine=hours * HOUR, then=then, senders=senders)
    for lag in (0.0, 110.0):
        for page in (2, 100):
            assert case._replace(lag=lag, page=page).judged().verdict == ("sent" if sent else "not_seen")


# --- the rules, one by one ---------------------------------------------------------------------------------

LOST = CLEAN._replace(sent=False)
CLOCKS = LOST.clocks(NOW + 200)


def judged(
    *rows: Row, kind: str = "text", others: tuple[Other, ...] = (), clocks: Clocks = CLOCKS, **more: Any
) -> Judged:
    reads = more.pop("reads", [Read([*rows, written(NOW - HOUR)])])
    return looking.judge(
        message(kind, state=more.pop("state", "unknown")), reads, others, clocks, MEANS[kind], **more
    )


def test_while_the_sender_lives_nothing_is_concluded() -> None:
    found = judged(shown("text", NOW), alive=True, clocks=CLOCKS._replace(now=NOW, ran=-30.0))
    assert found.verdict == "unknown" and "still being sent" in found.why and found.early == 30
    assert judged(alive=True).early > 0  # a process that is stopped


def test_enough_time_counts_from_the_latest_departure() -> None:
    """Both clocks have to say so, and no answer alone is believed."""
    for seconds, verdict in ((119, "unknown"), (121, "not_seen")):
        clocks = LOST.clocks(NOW + 30 + seconds)._replace(ran=seconds)
        assert judged(clocks=clocks).verdict == verdict
        assert judged(clocks=clocks._replace(ran=HOUR, dates=())).verdict == verdict
    enough = LOST.clocks(NOW + 30 + 125)._replace(ran=125.0)
    assert judged(clocks=enough).verdict == "not_seen"
    for wrong in (
        {"ran": 60.0},  # this machine's clock was set
        {"now": enough.now - 60},
        {"dates": (-60.0,)},  # an answer from a cache
        {"dates": (0.0, -60.0)},
        {"dates": (0.0, 60.0)},  # which of them is right?
        {"lag": 200.0},
    ):
        found = judged(clocks=enough._replace(**wrong))
        assert found.verdict == "unknown" and found.early >= 1, wrong
    stale = judged(clocks=enough._replace(ran=1.0, now=NOW + 31, dates=(-300.0,)))
    assert "do not agree" in stale.why and stale.early <= 121


def test_a_message_of_another_time_only_resembles_it() -> None:
    late = CLOCKS._replace(now=NOW + 5 * HOUR, ran=5 * HOUR)
    edge = late.until + LAG_SECONDS + looking.SLACK
    for at, verdict in ((edge - 1, "sent"), (edge + 1, "unknown"), (NOW + 3 * HOUR, "unknown")):
        assert judged(shown("text", at), clocks=late).verdict == verdict
    for at, verdict in ((NOW - 29, "sent"), (NOW - 31, "not_seen")):
        assert judged(shown("text", at)).verdict == verdict
    # Unless it was sent long before, another send with the same words does not change that.
    for before, verdict in ((200, "sent"), (61, "sent"), (50, "unknown")):
        other = Other(NOW - before, NOW - before, message("text", state="accepted"))
        assert judged(shown("text", NOW + 1), others=(other,)).verdict == verdict
    # Another text at a later time does not, but one from the future shows a wrong time.
    assert judged(shown("template", NOW + 7 * HOUR, "?"), kind="template").verdict == "unknown"
    assert judged(shown("text", NOW + 3 * HOUR, "?"), clocks=late).verdict == "not_seen"


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_ours_that_nothing_explains_resembles_it(kind: str) -> None:
    changed = shown(kind, NOW + 1, "?")
    other = message(kind, "?", "accepted")
    assert judged(changed, kind=kind).verdict == "unknown"
    assert judged(changed, kind=kind, others=(Other(NOW, NOW + 1, other),)).verdict == "not_seen"
    # It explains one row, and none from before it was sent.
    both = (changed, shown(kind, NOW + 2, "?"))
    assert judged(*both, kind=kind, others=(Other(NOW, NOW + 1, other),)).verdict == "unknown"
    later = (Other(NOW + 100, NOW + 101, other),)
    for after, verdict in ((1, "unknown"), (69, "unknown"), (71, "not_seen")):
        assert judged(shown(kind, NOW + after, "?"), kind=kind, others=later).verdict == verdict
    rejected = Other(NOW, NOW + 1, other._replace(state="rejected"))
    assert judged(changed, kind=kind, others=(rejected,)).verdict == "unknown"


# The types of row (WATI docs, webhooks).
FILES = ("image", "video", "audio", "voice", "document", "sticker")
MENUS = ("interactive", "button")
NO_SENDS = ("location", "contacts", "reaction", "order", "catalog")
# What a row of ours with another text must not be, to be it: each says that it is another message.
NOT_OURS: list[tuple[str, Row]] = [
    ("text", {"owner": False}),
    ("text", {"operatorName": "Alex Agent"}),
    ("text", {"operatorName": "Bot "}),
    *(("text", {"type": other}) for other in (*FILES, *MENUS, *NO_SENDS)),
    *(("interactive", {"type": other}) for other in (*FILES, *NO_SENDS)),
    ("text", {"eventType": "ticket"}),
    ("text", {"eventType": "broadcastMessage"}),
    ("text", {"owner": None, "operatorName": None}),
    ("interactive", {"type": "text"}),
    ("file", {"type": "text", "data": None}),
    ("template", {"eventType": "message"}),
    ("template", {"operatorName": "Alex Agent"}),
    ("template", {"operatorName": "Alex Agent", "finalText": "Hi"}),
    ("template", {"template": {"elementName": "order_update_v2"}}),
]


@pytest.mark.parametrize(("kind", "members"), NOT_OURS)
def test_what_is_surely_not_ours_changes_nothing(kind: str, members: Row) -> None:
    row = shown(kind, NOW + 1, "?")
    assert judged(row, kind=kind).verdict == "unknown"
    assert judged({**row, **members}, kind=kind).verdict == "not_seen"


# What the very same text must be, to be the message: without it, it only resembles it.
NOT_SURELY: list[tuple[str, Row]] = [
    *(
        ("text", {name: odd})
        for name in ("eventType", "type", "owner", "operatorName")
        for odd in ("x", None)
    ),
    ("text", {"type": "image"}),
    ("interactive", {"type": "text"}),
    ("file", {"type": "text"}),
    ("template", {"eventDescription": None}),
    ("template", {"operatorName": "Alex Agent"}),
    ("text", {"created": None, "timestamp": None}),
    ("text", {"created": iso(NOW + 7 * HOUR) + "Z"}),
    ("text", {"created": iso(NOW), "timestamp": None}),
]


@pytest.mark.parametrize(("kind", "members"), NOT_SURELY)
def test_who_sent_it_and_when_has_to_be_clear(kind: str, members: Row) -> None:
    assert judged(shown(kind, NOW + 1), kind=kind).verdict == "sent"
    assert judged({**shown(kind, NOW + 1), **members}, kind=kind).verdict == "unknown"


# Each leaves it open whose row it is.
PERHAPS_OURS: list[tuple[str, Row]] = [
    ("text", {"eventType": None}),
    ("text", {"owner": None}),
    ("text", {"operatorName": None}),
    ("text", {"operatorName": " "}),
    ("text", {"type": None}),
]


@pytest.mark.parametrize(("kind", "members"), PERHAPS_OURS)
def test_what_may_be_ours_may_be_the_message_with_another_text(kind: str, members: Row) -> None:
    assert judged(shown(kind, NOW + 1, "?", **members), kind=kind).verdict == "unknown"


@pytest.mark.parametrize(
    ("kind", "shows"), [*(("file", each) for each in FILES), *(("interactive", each) for each in MENUS)]
)
def test_a_message_is_shown_under_each_type_of_its_kind(kind: str, shows: str) -> None:
    assert judged(shown(kind, NOW + 1, type=shows), kind=kind).verdict == "sent"


def test_a_file_is_known_by_its_bytes_and_its_caption() -> None:
    def likeness(caption: str, **members: Any) -> str:
        entry = message("file")
        parts = {**entry.parts, "text": digest(caption)}
        return MEANS["file"].likeness(shown("file", NOW + 1, **members), entry._replace(parts=parts))

    assert likeness(TEXT) == "same"
    assert likeness("", text="Look!") == likeness("Look!") == "alike"  # the bytes
    assert likeness(TEXT, data=ANOTHER) == likeness(TEXT, data=None) == "alike"  # the caption
    assert likeness("Look!", data=ANOTHER) == likeness("Look!", data=None) == "other"
    for unnamed in ("untitled", "null", "", None):  # what an attachment without a caption is called
        assert likeness("", text=unnamed) == "same"
        assert likeness("Look!", text=unnamed) == "alike"
    assert likeness("untitled", text="untitled") == "same"


def test_a_template_is_known_by_its_words_and_its_values() -> None:
    def likeness(final: str | None, form: Form | None = FORM, **members: Any) -> str:
        row = shown("template", NOW + 1, finalText=final, **members)
        return MEANS["template"]._replace(form=form).likeness(row, message("template"))

    whole = BODY.replace("{{who}}", "Zoë")
    assert likeness(whole) == likeness(None, text=whole) == "same"
    assert likeness(BODY.replace("{{who}}", "Max")) == "other"
    # Other words than the template's now: it may have had these then.
    for other in (whole[:-1] + "!", whole[:-1], "Hello" + whole[2:], "Hi Zoë"):
        assert likeness(other) == "alike", other
        assert likeness(other, eventType="message") == "other"
    more = Form({"bodyOriginal": BODY + " {{what}}"})  # a value that we did not give
    assert likeness(whole, more) == likeness(whole, None) == likeness(None) == "alike"
    assert likeness(whole, None, eventType="message") == likeness(None, eventType="message") == "other"
    # What names no template, or is no broadcast, may be another one with the same words.
    for members in ({"eventType": "message"}, {"eventDescription": None}):
        assert likeness(whole, **members) == "alike"
    assert likeness(whole, template={"elementName": "order_update_v2"}) == "other"


def test_the_name_of_a_template_in_other_letters_is_the_same_name() -> None:
    row = shown("template", NOW + 1, template={"elementName": "ORDER_Update"})
    assert judged(row, kind="template").verdict == "sent"


def test_one_answer_alone_does_not_say_how_far_the_clocks_differ() -> None:
    """This machine is hours behind, the send got no answer, and the only one of the look is wrong."""
    clocks = LOST._replace(machine=-7 * HOUR, then=None, dates=(300.0,)).clocks(NOW + 200)
    assert judged(shown("text", NOW + 1), clocks=clocks).verdict == "unknown"
    assert judged(clocks=clocks).verdict == "not_seen"


def test_a_timestamp_counts_more_than_a_time_without_a_zone() -> None:
    for hours in (-8, 7):
        row = shown("text", NOW + 1, created=iso(NOW + hours * HOUR))
        assert judged(row).verdict == "sent"
        assert moment(row) == float(row["timestamp"]) and moment({**row, "timestamp": None}) != NOW
    assert moment(shown("text", NOW + 1.5)) == NOW + 1.5


def test_a_conversation_that_was_not_read_to_its_end_is_not_whole() -> None:
    old, older = written(NOW - HOUR), written(NOW - 2 * HOUR)
    assert judged(reads=[Read([old, older], whole=False)]).verdict == "not_seen"
    for rows in ([], [old], [written(NOW), written(NOW - 20)], [older, old]):
        found = judged(reads=[Read(rows, whole=False)])
        assert found.verdict == "unknown" and found.why, rows
    assert judged(reads=[Read([old, older], whole=False), Read([], failed="refused")]).why == "refused"
    assert judged(reads=[Read([older, old])]).verdict == "unknown"  # whole, but out of order
    assert judged(reads=[Read([shown("text", NOW)], whole=False)]).verdict == "sent"


def test_rows_whose_times_contradict_each_other_tell_nothing() -> None:
    """Whoever shows one row so may show any row so."""
    for seconds, verdict in ((500, "not_seen"), (-500, "not_seen"), (3600, "unknown"), (-7200, "unknown")):
        row = written(NOW - 9000, timestamp=str(int(NOW - 9000 + seconds)))
        assert judged(reads=[Read([written(NOW - HOUR), row])]).verdict == verdict


def test_only_a_send_whose_row_is_surely_there_accounts_for_one() -> None:
    accepted = message("text", state="accepted")
    undated = shown("text", NOW, created=None, timestamp=None)
    # Sent before: its own row may be out of sight.
    for at, verdict in ((NOW - 40, "unknown"), (NOW + 1, "not_seen")):
        assert judged(undated, others=(Other(at, at + 1, accepted),)).verdict == verdict
    # Sent after: its own row may not show yet.
    enough = LOST.clocks(NOW + 30 + 125)._replace(ran=125.0)
    for at, verdict in ((NOW + 100, "unknown"), (NOW + 30, "not_seen")):
        later = (Other(at, at + 1, accepted),)
        assert judged(shown("text", NOW + 29), others=later, clocks=enough).verdict == verdict


def test_times_without_a_zone_have_an_order_too() -> None:
    rows = [{**written(at), "created": iso(at), "timestamp": None} for at in (NOW - 2 * HOUR, NOW - HOUR)]
    assert not looking.falls(rows) and looking.falls(rows[::-1])


@pytest.mark.parametrize("zone", ["Z", ""])
def test_how_far_rows_may_be_out_of_order(zone: str) -> None:
    for later, is_in_order in ((29, True), (31, False)):
        rows = [{"created": iso(at) + zone} for at in (NOW, NOW + later)]
        assert looking.falls(rows) is is_in_order, later


def test_rows_reach_back_only_if_their_times_were_seen_to_fall() -> None:
    for fall, has_reached in ((29, False), (31, True)):
        rows = [written(at) for at in (NOW - HOUR, NOW - HOUR - fall)]
        assert looking.reaches(rows, NOW) is has_reached, fall


def test_a_row_that_is_shown_under_two_numbers_counts_once() -> None:
    row = shown("text", NOW + 1, id="a")
    accepted = Other(NOW, NOW + 1, message("text", state="accepted"))
    assert judged(reads=[Read([row]), Read([row])], others=(accepted,)).verdict == "not_seen"
    assert judged(reads=[Read([row]), Read([{**row, "id": "b"}])], others=(accepted,)).verdict == "sent"


def test_who_was_named_instead_may_be_this_receiver() -> None:
    assert judged(state="unpaired").verdict == "unknown"
    assert judged(shown("text", NOW), state="unpaired").verdict == "sent"


def test_one_who_is_only_presumed_to_have_it_accounts_for_no_row() -> None:
    row, presumed = shown("text", NOW + 1), message("text", state="presumed")
    assert judged(row, others=(Other(NOW, NOW + 1, presumed),)).verdict == "unknown"
    assert judged(row, others=(Other(NOW, NOW + 1, presumed._replace(state="sent")),)).verdict == "not_seen"


# What is known of the clocks, when a row came that no send explains, and whether it may be the message.
LONG = {"now": NOW + 2 * HOUR, "ran": 2 * HOUR - 30}
TIMES: list[tuple[dict[str, Any], dict[float, bool]]] = [
    ({}, {-31: False, -29: True, 179: True, 181: False}),
    ({}, {229: False, 231: True}),  # from the future: its time is wrong
    ({"then": 25.0, "dates": (25.0,)}, {204: True, 206: False, 254: False, 256: True}),
    # Both answers say so, but they may be wrong, and this machine right.
    ({"then": 300.0, "dates": (300.0,), **LONG}, {-200: False, 1: True, 479: True, 481: False}),
    # Only one says so, and it may be as wrong; unless this machine agrees.
    ({"then": None, "dates": (300.0,), "ran": 170.0}, {-631: False, -629: True}),
    ({"then": None, "dates": (10.0,), "ran": 170.0}, {-31: False, -29: True}),
    ({"then": None, "dates": (29.0,), "ran": 170.0}, {-31: False, -29: True}),
    ({"then": None, "dates": (31.0,), "ran": 170.0}, {-631: False, -629: True}),
    # This machine's clock was wrong by an hour then, and was set since.
    ({"at": NOW - HOUR, "until": NOW - HOUR + 30, "then": None, "dates": (0.0,)}, {1: True}),
    ({"at": NOW + HOUR, "until": NOW + HOUR + 30, "then": None, "dates": (0.0,), **LONG}, {1: True}),
]


@pytest.mark.parametrize(
    ("known", "after", "may_be_it"), [(known, *row) for known, rows in TIMES for row in rows.items()]
)
def test_a_row_of_ours_resembles_it_if_it_may_be_of_that_time(
    known: dict[str, Any], after: float, may_be_it: bool
) -> None:
    found = judged(shown("text", NOW + after, "?"), clocks=CLOCKS._replace(**known))
    assert found.verdict == ("unknown" if may_be_it else "not_seen")


def test_a_time_without_a_zone_may_be_of_any() -> None:
    assert judged(shown("text", NOW + 1, "?", created=iso(NOW + 7 * HOUR), timestamp=None)).why
    # But it contradicts nothing.
    assert judged(written(NOW, created=iso(NOW), timestamp=None)).verdict == "not_seen"


def test_a_row_is_surely_of_that_time_only_by_every_answer() -> None:
    differing = CLOCKS._replace(dates=(300.0,))
    for after in (10, 301):
        assert judged(shown("text", NOW + after), clocks=differing).verdict == "unknown"
    nearly = CLOCKS._replace(dates=(20.0,), **LONG)
    for after, verdict in ((-11, "unknown"), (-9, "sent"), (179, "sent"), (181, "unknown")):
        assert judged(shown("text", NOW + after), clocks=nearly).verdict == verdict, after


def test_how_far_answers_and_clocks_may_differ_and_still_agree() -> None:
    for apart, verdict in ((29.0, "not_seen"), (31.0, "unknown")):
        assert judged(clocks=CLOCKS._replace(dates=(0.0, apart), **LONG)).verdict == verdict
    early = CLOCKS._replace(now=NOW + 30 + 130, ran=130.0)
    for behind, why in ((29.0, "not seen yet"), (31.0, "do not agree")):
        assert why in judged(clocks=early._replace(dates=(-behind,))).why


def test_without_a_clock_that_nobody_can_set_the_other_one_counts() -> None:
    for now, verdict in ((NOW + 149, "unknown"), (NOW + 151, "not_seen")):
        assert judged(clocks=CLOCKS._replace(now=now, ran=None)).verdict == verdict


def test_of_answers_that_agree_the_one_that_shows_the_fewest_seconds_counts() -> None:
    clocks = CLOCKS._replace(now=NOW + 30 + 130)
    assert judged(clocks=clocks._replace(dates=(0.0, -5.0))).verdict == "not_seen"
    early = judged(clocks=clocks._replace(dates=(0.0, -25.0)))
    assert (early.verdict, early.why, early.early) == ("unknown", "not seen yet", 16.0)


@pytest.mark.parametrize("state", ["open", "unknown", "unpaired", "unclear", "accepted", "sent", "presumed"])
def test_a_send_of_that_time_may_be_what_a_row_shows(state: str) -> None:
    """One with the same words may be the row; one with the words of the row surely is."""

    def other(at: float, words: str = "") -> tuple[Other]:
        return (Other(NOW + at, NOW + at, message("text", words, state)),)

    row, differing = shown("text", NOW + 1), CLOCKS._replace(dates=(20.0,))
    for at, clocks, verdict in (
        (-61, CLOCKS, "sent"),
        (-59, CLOCKS, "unknown"),
        (-79, differing, "unknown"),
        (-81, differing, "sent"),
        (209, CLOCKS, "unknown"),
        (211, CLOCKS, "sent"),
    ):
        if verdict == "sent" or state not in ("accepted", "sent") or at < 0:
            assert judged(row, others=other(at), clocks=clocks).verdict == verdict, at
    assert judged(shown("text", NOW + 1, "."), others=other(0, ".")).verdict == "not_seen"
    assert judged(shown("text", NOW + 1, "?"), others=other(0, ".")).verdict == "unknown"


def test_another_file_with_the_same_caption_is_another_message() -> None:
    mine, other = message("file"), message("file", "?", "accepted")
    same_caption = other._replace(parts={**other.parts, "text": mine.parts["text"]})
    found = judged(shown("file", NOW + 1), kind="file", others=(Other(NOW, NOW + 1, same_caption),))
    assert found.verdict == "sent"


def test_rows_that_end_within_the_time_of_the_send_do_not_go_back_to_it() -> None:
    for oldest, verdict in ((100, "unknown"), (-59, "unknown"), (-61, "not_seen")):
        rows = [written(NOW + 190), written(NOW + oldest)]
        assert judged(reads=[Read(rows, whole=False)]).verdict == verdict, oldest


@pytest.mark.parametrize("state", ["accepted", "presumed"])
def test_how_far_it_got_is_not_said_by_a_row_that_may_be_another(state: str) -> None:
    def fate(*rows: Row) -> str:
        entry = message("template", state=state)
        return looking.fate(entry, [Read(list(rows))], (), CLOCKS, MEANS["template"]).status

    assert fate(shown("template", NOW + 1, statusString="READ")) == "read"
    assert fate(shown("template", NOW + 1, "?", statusString="READ")) == "unclear"
    # Known to be accepted, a row that only resembles it is it.
    alike = shown("template", NOW + 1, finalText="Hi", statusString="READ")
    assert fate(alike) == ("read" if state == "accepted" else "unclear")
    assert fate() == "not_found"
