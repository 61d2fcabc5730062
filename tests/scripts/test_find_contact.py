"""find_contact: whom it finds, how few requests that takes (the far side counts), and what it says it did."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from conftest import KEY, SANDBOX, Run
from recording import Answer, FarSide, Received, reply
from wati.reads import matching
from wati.sandbox import control

Json = dict[str, Any]
CONTACTS = "/wati/api/v1/getContacts"


@pytest.fixture
def find(call: Callable[..., Run], state: str) -> Callable[..., Run]:
    """`find(arguments)`: one run on the sandbox, which saw reads alone."""

    def run(arguments: Json, *flags: str) -> Run:
        done = call("find_contact", arguments, *flags, **SANDBOX)
        assert control.log(state) == []
        assert {request["method"] for request in control.requests(state)} <= {"GET"}
        return done

    return run


def names(run: Run) -> list[str]:
    return [contact["name"] for contact in run.data["contacts"]]


def contact(name: Any, number: str = "", **members: Any) -> Json:
    number = number or str(14155560000 + crc32(str(name).encode()) % 10000)
    return {
        "id": f"id-{name}-{number}",
        "wAid": number,
        "fullName": name,
        "contactStatus": "VALID",
        **members,
    }


def listed(far_side: FarSide, *pages: list[Any], to: str = CONTACTS) -> None:
    """These pages, then empty ones; each with a `total` that lies."""
    for rows in pages:
        far_side.will(reply({"result": "success", "contact_list": rows, "link": {"total": 1}}), to=to)
    far_side.always(reply({"result": "success", "contact_list": [], "link": {"total": 10**6}}), to=to)


def asked(request: Received) -> Json:
    """The filters of a request, without its page."""
    return {name: value for name, value in request.pairs if not name.startswith("page")}


def pages(far_side: FarSide) -> list[tuple[Json, str]]:
    return [(asked(request), dict(request.pairs)["pageNumber"]) for request in far_side.to(CONTACTS)]


# --- whom it finds ------------------------------------------------------------------------------------------

FOUND = {
    "as it stands": ({"name": "Jane Smith"}, ["Jane Smith"]),
    "in another case and order": ({"name": "SMITH, jane"}, ["Jane Smith"]),
    "without accents": ({"name": "jose alvarez"}, ["José Álvarez"]),
    "with accents that are not there": ({"name": "Jàne Smíth"}, ["Jane Smith"]),
    "letters that no accent makes": ({"name": "bjorn akesson"}, ["Björn Åkesson"]),
    "without its apostrophe": ({"name": "ben oconnor"}, ["Ben O'Connor"]),
    "with a curly one": ({"name": "O\u2019Connor"}, ["Ben O'Connor"]),
    "in Arabic": ({"name": "العلي محمد"}, ["محمد العلي"]),
    "in Chinese": ({"name": "李伟"}, ["李伟"]),
    "in Hindi": ({"name": "राहुल"}, ["राहुल वर्मा"]),
    "in Greek without accents": ({"name": "Παυλος ιωαννου"}, ["Παύλος Ιωάννου"]),
    "in Korean": ({"name": "김민준"}, ["김민준"]),
    "by a sign that is no word": ({"name": "🌻"}, ["Sofia 🌻"]),
    "a number with plus": ({"whatsappNumber": "+1 (415) 555-1234"}, ["John Doe"]),
    "a number with 00": ({"whatsappNumber": "001 415.555.1234"}, ["John Doe"]),
    "bare digits": ({"whatsappNumber": "14155551234"}, ["John Doe"]),
    "an attribute": ({"attribute": {"name": "city", "value": "Lisboa"}}, ["Maria Silva"]),
    "an attribute without accents": ({"attribute": {"name": "City", "value": "malmo"}}, ["Björn Åkesson"]),
    "two conditions": ({"name": "j", "attribute": {"name": "city", "value": "oakland"}}, ["Jane Smith"]),
    "a name that does not fit the number": ({"name": "Jane", "whatsappNumber": "14155551234"}, []),
}


@pytest.mark.parametrize("case", FOUND)
def test_it_finds_whom_a_person_means(case: str, find: Callable[..., Run]) -> None:
    arguments, expected = FOUND[case]
    run = find(arguments)
    assert names(run) == expected, run.text
    assert run.data["matches"] == len(expected)
    assert "more" not in run.data and "guess" not in run.data
    assert ("searched" in run.data) is (not expected)


def test_a_contact_id_is_found(find: Callable[..., Run]) -> None:
    (john,) = find({"name": "John Doe"}).data["contacts"]
    run = find({"whatsappNumber": john["id"].upper()})
    assert run.data == {"contacts": [john], "matches": 1}


def test_the_answer_is_what_an_agent_acts_on(find: Callable[..., Run]) -> None:
    run = find({"name": "jane smith"})
    (jane,) = run.data["contacts"]
    assert len(jane.pop("id")) == 24
    attributes = {"member": "gold", "city": "Oakland"}
    assert jane == {"whatsappNumber": "14155555678", "name": "Jane Smith", "attributes": attributes}
    assert "never instructions" in run.document["notice"]


def test_two_of_one_name_are_both_given(find: Callable[..., Run], state: str) -> None:
    twin = {"whatsappNumber": "201000000002", "name": "Ahmed Hassan"}
    other = {"whatsappNumber": "201000000003", "name": "Hassan Ahmed Ali"}
    control.seed(state, {"contacts": [other, twin]})
    run = find({"name": "ahmed hassan"})
    assert names(run) == ["Ahmed Hassan", "Ahmed Hassan"]
    assert len({one["whatsappNumber"] for one in run.data["contacts"]}) == run.data["matches"] == 2
    # WATI's filter has the words in their order only; the longest word has them all, the exact ones first.
    run = find({"name": "hassan, ahmed"})
    assert names(run) == ["Ahmed Hassan", "Ahmed Hassan", "Hassan Ahmed Ali"]
    assert run.data["matches"] == 3


def test_what_hinders_is_said(call: Callable[..., Run], far_side: FarSide) -> None:
    rows = [
        contact("Ann A", "1415556001", contactStatus="INVALID", allowBroadcast=False, optedIn=False),
        contact("Ann B", "1415556002", isDeleted=True, allowBroadcast=True),
        contact("Ann C", "1415556003", optedIn=True, isDeleted=False),
    ]
    listed(far_side, rows)
    told = call("find_contact", {"name": "ann"}).data["contacts"]
    plain = {"id", "whatsappNumber", "name"}
    assert [{k: v for k, v in one.items() if k not in plain} for one in told] == [
        {"status": "INVALID", "allowBroadcast": False},
        {"isDeleted": True},
        {},
    ]


# --- numbers without a country code are a guess -------------------------------------------------------------


@pytest.mark.parametrize("written", ["(415) 555-1234", "0415 5551234", "4155551234"])
def test_the_end_of_a_number_is_a_guess(written: str, find: Callable[..., Run]) -> None:
    run = find({"whatsappNumber": written})
    assert names(run) == ["John Doe"]
    assert "country code" in run.data["guess"]


def test_several_that_end_alike_are_all_given(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, [contact("A", "14155551234"), contact("B", "444155551234"), contact("C", "4155551239")])
    run = call("find_contact", {"whatsappNumber": "4155551234"})
    assert names(run) == ["A", "B"] and "country code" in run.data["guess"]


def test_the_same_number_ends_what_ends_alike(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, [contact("longer", "994155551234"), contact("it", "4155551234")])
    run = call("find_contact", {"whatsappNumber": "4155551234"})
    assert names(run) == ["it"] and run.data["matches"] == 1
    assert "guess" not in run.data and "more" not in run.data
    assert len(far_side.to("/wati/")) == 1


def test_a_whole_number_is_never_another_s_end(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(
        reply({"result": "success", "contact_list": [contact("longer", "994155551234")]}), to=CONTACTS
    )
    run = call("find_contact", {"whatsappNumber": "+415 555 1234"})
    assert run.data["contacts"] == [] and "guess" not in run.data


def test_a_zero_in_brackets_is_not_dialled(find: Callable[..., Run], state: str) -> None:
    control.seed(state, {"contacts": [{"whatsappNumber": "442079460000", "name": "London"}]})
    assert names(find({"whatsappNumber": "+44 (0)20 7946 0000"})) == ["London"]
    assert names(find({"whatsappNumber": "020 7946 0000"})) == ["London"]


# --- how few requests ---------------------------------------------------------------------------------------


def test_a_number_stops_at_the_first_hit(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, [contact("John", "14155551234"), contact("Other", "14155550000")], [contact("Late")])
    assert names(call("find_contact", {"whatsappNumber": "+14155551234"})) == ["John"]
    (request,) = far_side.to("/wati/")
    (condition,) = json.loads(asked(request)["attribute"])
    assert condition == {"name": "phone", "operator": "contain", "value": "14155551234"}


def test_a_name_stops_behind_its_limit(call: Callable[..., Run], far_side: FarSide) -> None:
    first = [contact(f"Ann {index}", str(14155560000 + index)) for index in range(100)]
    listed(far_side, first, [contact("Ann late")])
    run = call("find_contact", {"name": "Ann", "limit": 3})
    assert names(run) == ["Ann 0", "Ann 1", "Ann 2"]
    assert (run.data["more"], run.data["at_least"]) == (True, 100)
    assert "matches" not in run.data, "a part must not read like a count"
    assert pages(far_side) == [({"name": "Ann"}, "1")]


def test_a_page_smaller_than_asked_for_ends_a_reading_too(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    listed(far_side, [contact("Ann B"), contact("Ann C"), contact("Ann")], [contact("Ann late")])
    run = call("find_contact", {"name": "Ann", "limit": 1})
    assert (names(run), run.data["more"]) == (["Ann"], True)
    assert len(far_side.to("/wati/")) == 1


def test_the_best_of_a_page_come_first(call: Callable[..., Run], far_side: FarSide) -> None:
    rows = [contact("Joanna Ann-Marie"), contact("Annabel"), contact("Ann Smith"), contact("ANN")]
    listed(far_side, rows)
    run = call("find_contact", {"name": "ann", "limit": 3})
    assert names(run) == ["ANN", "Joanna Ann-Marie", "Ann Smith"]
    assert (run.data["more"], run.data["at_least"]) == (True, 4)


def test_all_pages_are_read_whatever_total_and_sizes_say(call: Callable[..., Run], far_side: FarSide) -> None:
    """A short page is not the last, and a row that comes twice is one."""
    again = contact("Ann twice", "14155560001")
    listed(far_side, [again], [{**again, "lastUpdated": "later"}, contact("Ann two", "14155560002")])
    run = call("find_contact", {"name": "Ann"})
    assert sorted(names(run)) == ["Ann twice", "Ann two"] and run.data["matches"] == 2
    assert "more" not in run.data
    assert [page for _, page in pages(far_side)] == ["1", "2", "3"]


def test_filters_first_then_pages_up_to_the_bound(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, to=f"{CONTACTS}?name=")
    for number in range(20):
        rows = [contact(f"Nobody {number} {index}") for index in range(100)]
        far_side.will(reply({"result": "success", "contact_list": rows}), to=f"{CONTACTS}?page")
    run = call("find_contact", {"name": "Zoe Müller"})
    assert run.exit == 0 and run.data["contacts"] == [] and run.data["matches"] == 0
    assert "the 800 last changed contacts, not all" in run.data["searched"]
    plain = [({}, str(page)) for page in range(1, 9)]
    assert pages(far_side) == [({"name": "Zoe Müller"}, "1"), ({"name": "Müller"}, "1"), *plain]


def test_it_says_that_all_were_read(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, to=f"{CONTACTS}?name=")
    listed(far_side, [contact("A"), contact("B")], to=f"{CONTACTS}?page")
    run = call("find_contact", {"name": "Zoe"})
    assert run.data["searched"] == "all 2 contacts"
    assert "more" not in run.data


def test_what_only_the_pages_have_may_not_be_all(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, to=f"{CONTACTS}?name=")
    far_side.always(reply({"result": "success", "contact_list": [contact("Zoë")]}), to=f"{CONTACTS}?page")
    assert call("find_contact", {"name": "Zoe", "pages": 1}).data["more"] is True
    assert "more" not in call("find_contact", {"name": "Zoe", "pages": 2}).data
    before = len(far_side.to("/wati/"))
    assert "filters only" in call("find_contact", {"name": "Zoe", "pages": 0}).data["searched"]
    assert len(far_side.to("/wati/")) == before + 1


def test_it_stays_below_wati_s_rate(call: Callable[..., Run], tmp_path: Path, pauses: list[float]) -> None:
    """The sandbox lets ten reads through in ten seconds, and has more pages than are read."""
    state = str(tmp_path / "sandbox.sqlite")
    control.reset(state)
    rows = [{"whatsappNumber": str(14155600000 + index), "name": f"Person {index}"} for index in range(1000)]
    control.seed(state, {"contacts": rows})
    run = call("find_contact", {"name": "Nobody Whatsoever"}, **SANDBOX)
    assert "the 800 last changed contacts" in run.data["searched"]
    assert pauses == []
    seen = [request for request in control.requests(state) if request["path"] == CONTACTS]
    assert [request["status"] for request in seen] == [200] * 10


# --- trouble ------------------------------------------------------------------------------------------------


def test_a_limited_read_is_waited_for(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    far_side.will(reply({"info": "slow down"}, 429, Retry_After="2"), to=CONTACTS)
    listed(far_side, [contact("John", "14155551234")])
    assert names(call("find_contact", {"name": "John"})) == ["John"]
    assert pauses and sum(pauses) >= 2


def test_a_list_that_breaks_off_is_no_answer(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    """Half of the search does not become "nobody there"."""
    listed(far_side, to=f"{CONTACTS}?name=")
    far_side.will(reply({"result": "success", "contact_list": [contact("A")]}), to=f"{CONTACTS}?page")
    far_side.always(reply({}, 429, Retry_After="60"), to=f"{CONTACTS}?page")
    run = call("find_contact", {"name": "Zoe"})
    assert (run.exit, run.error["code"]) == (5, "rate_limited")


def test_what_was_found_before_a_failure_is_given(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    """Somebody was found, others may be there: both are said, and why the reading stopped."""
    far_side.will(reply({"result": "success", "contact_list": [contact("Ann")]}), to=CONTACTS)
    far_side.always(reply({}, 429, Retry_After="60"), to=CONTACTS)
    run = call("find_contact", {"name": "Ann"})
    assert names(run) == ["Ann"]
    assert (run.data["more"], run.data["stopped"]) == (True, "rate_limited")


def test_every_name_of_a_contact_counts(call: Callable[..., Run], far_side: FarSide) -> None:
    rows = [
        contact("Shop", "1415556001", customParams=[{"name": "name", "value": "Ann"}]),
        contact("+1415556002", "1415556002", displayName="ann"),
        contact("Ann", "1415556003", customParams=[{"name": "name", "value": "Ann"}]),
    ]
    listed(far_side, rows)
    told = call("find_contact", {"name": "Ann"}).data["contacts"]
    assert [one["name"] for one in told] == ["Shop", "+1415556002", "Ann"]
    assert [one.get("attributes") for one in told] == [{"name": "Ann"}, None, None]


HOSTILE: list[Any] = [
    None,
    7,
    "x",
    [],
    {},
    {"id": ["a"], "wAid": {"a": 1}, "fullName": ["Ann"], "customParams": {"name": "Ann"}},
    {"id": 7, "wAid": 14155551234, "phone": None, "fullName": None, "firstName": "Ann"},
    contact("Ann", "1415557001", customParams=[None, 7, [], {"name": 1, "value": 2}, {"name": "x"}]),
    contact("Ann \ud800 half", "1415557002"),
    contact("Ann" + "x" * 100_000, "1415557003", customParams=[{"name": "n" * 9999, "value": "v" * 9999}]),
    contact("Ann", "9" * 5000, contactStatus={"a": [1]}),
    contact(f"Ann {KEY}", "1415557004", customParams=[{"name": KEY, "value": "a" * 190 + KEY}]),
    contact(
        "Ann\u202e\u0000\n", "1415557005", customParams=[{"name": f"p{i}", "value": "v"} for i in range(500)]
    ),
]


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "ann", "limit": 50},
        {"whatsappNumber": "5551234"},
        {"attribute": {"name": "x", "value": "y"}},
        {"name": "ann", "attribute": {"name": "p3", "value": "v"}},
    ],
    ids=str,
)
def test_rows_of_any_form_are_borne(arguments: Json, call: Callable[..., Run], far_side: FarSide) -> None:
    body = json.dumps({"result": "success", "contact_list": HOSTILE}).encode("ascii")
    far_side.always(Answer(body=body), to=CONTACTS)
    run = call("find_contact", arguments)
    assert run.exit == 0 and len(run.text) < 30_000
    if arguments == {"name": "ann", "limit": 50}:
        assert run.data["matches"] == 7


def test_the_key_is_not_shown_by_halves(call: Callable[..., Run], far_side: FarSide) -> None:
    padding = "a" * 190
    given = contact(f"Ann {padding}{KEY}", customParams=[{"name": padding + KEY, "value": padding + KEY}])
    listed(far_side, [given])
    run = call("find_contact", {"name": "ann"})
    assert "aaa" in run.text and KEY[:6] not in run.text


@pytest.mark.parametrize(
    ("arguments", "at"),
    [
        ({}, "$"),
        ({"limit": 5}, "$"),
        ({"whatsappNumber": "12"}, "$.whatsappNumber"),
        ({"whatsappNumber": "Jane"}, "$.whatsappNumber"),
        ({"whatsappNumber": "1" * 16}, "$.whatsappNumber"),
        ({"name": " "}, "$.name"),
        ({"name": "a", "limit": 51}, "$.limit"),
        ({"attribute": {"name": "city"}}, "$.attribute.value"),
        ({"attribute": [{"name": "a", "value": "b"}]}, "$.attribute"),
        ({"phone": "14155551234"}, "$.phone"),
    ],
    ids=str,
)
def test_wrong_arguments_are_refused(
    arguments: Json, at: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call("find_contact", arguments)
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments")
    assert at in [problem["at"] for problem in run.error["problems"]]
    assert far_side.requests == []


def test_an_attribute_that_nobody_has_is_told_from_a_value_that_nobody_has(find: Callable[..., Run]) -> None:
    run = find({"attribute": {"name": "tier", "value": "VIP"}})
    assert run.data["matches"] == 0
    assert {"city", "member"} <= set(run.data["known_attributes"])
    assert "known_attributes" not in find({"attribute": {"name": "Member", "value": "Platinum"}}).data
    assert "known_attributes" not in find({"name": "Nobody Known"}).data


def test_fields_never_leave_out_how_much_was_found(find: Callable[..., Run]) -> None:
    run = find({"attribute": {"name": "member", "value": "VIP"}, "limit": 2}, "--fields", "contacts.name")
    assert [list(contact) for contact in run.data["contacts"]] == [["name"]] * 2
    assert run.data["matches"] > 2 and run.data["more"] is True
    unknown = find({"name": "Jane"}, "--fields", "contacts.nam")
    assert unknown.error["code"] == "usage" and "--raw" not in unknown.error["hint"]


def test_a_count_is_one_only_if_the_list_was_read_to_its_end(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    """13 on the second page: 113 have it, and 100 were counted."""
    vip = {"customParams": [{"name": "member", "value": "VIP"}]}
    rows = [contact(f"C{index}", str(14155560000 + index), **vip) for index in range(113)]
    listed(far_side, rows[:100], rows[100:])
    wanted = {"attribute": {"name": "member", "value": "VIP"}}
    run = call("find_contact", wanted, "--fields", "contacts.name")
    assert (run.data["at_least"], run.data["more"]) == (100, True)
    assert "matches" not in run.data


def test_a_last_page_makes_a_count(find: Callable[..., Run]) -> None:
    run = find({"attribute": {"name": "member", "value": "VIP"}, "limit": 2})
    assert run.data["matches"] == 19 and len(run.data["contacts"]) == 2 and run.data["more"] is True


# --- names that are nearly the same -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("Jon Doe", "John Doe"), ("jane smyth", "Jane Smith"), ("Alvares, Jose", "José Álvarez")],
)
def test_a_name_that_is_nearly_the_same_is_a_guess(wanted: str, found: str, find: Callable[..., Run]) -> None:
    run = find({"name": wanted})
    assert names(run)[0] == found and "ask" in run.data["guess"], run.text
    assert run.data["searched"] == "all 57 contacts"


def test_a_guess_is_never_beside_a_match(find: Callable[..., Run], state: str) -> None:
    control.seed(state, {"contacts": [{"whatsappNumber": "447700900001", "name": "Jon Doe"}]})
    run = find({"name": "Jon Doe"})
    assert names(run) == ["Jon Doe"] and "guess" not in run.data and run.data["matches"] == 1


def test_a_guess_says_how_far_the_list_was_read(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, to=f"{CONTACTS}?name=")
    for page in range(3):
        rows = [contact(f"Nobody {page} {index}") for index in range(99)]
        far_side.will(
            reply({"result": "success", "contact_list": [*rows, contact(f"Zo\u00eb Muler {page}")]}),
            to=f"{CONTACTS}?page",
        )
    run = call("find_contact", {"name": "Zoe Müller", "pages": 2})
    assert "the 200 last changed contacts, not all" in run.data["searched"]
    assert (run.data["at_least"], "guess" in run.data) == (2, True)


def test_a_guess_fits_the_other_conditions(find: Callable[..., Run]) -> None:
    wanted = {"name": "Jon Doe", "attribute": {"name": "city", "value": "Oakland"}}
    assert find(wanted).data["contacts"] == []


def test_the_connection_travels(call: Callable[..., Run], far_side: FarSide) -> None:
    listed(far_side, [contact("Ann")])
    call("find_contact", {"name": "Ann"}, "--connection", "conn-7")
    assert {request.header("maton-connection") for request in far_side.requests} == {"conn-7"}


# --- how names compare --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "name", "rank"),
    [
        ("jane smith", "Jane Smith", 0),
        ("smith jane", "Jane Smith", 0),
        ("jane", "Jane Smith", 1),
        ("jan", "Jane Smith", 2),
        ("jane jones", "Jane Smith", None),
        ("jane jane", "Jane Smith", 1),
        ("STRASSE", "Straße", 0),
        ("lodz", "Łódź", 0),
        ("izmir", "İzmir", 0),
        ("\uff2aane", "Jane", 0),
        ("ja\u200bne", "Jane", 0),
        ("Anne-Marie", "Anne Marie", 0),
        ("राहल", "राहुल", None),
        ("...", "Jane", None),
        ("x", "", None),
    ],
)
def test_names_compare_as_people_do(wanted: str, name: str, rank: int | None) -> None:
    assert matching.rank(wanted, name) == rank


@pytest.mark.parametrize(
    ("wanted", "name", "is_near"),
    [
        ("Jon Doe", "John Doe", True),
        ("Phillip", "Philip Marsh", True),
        ("Jane Doe", "John Doe", False),
        ("Jon Doe", "John Smith", False),
        ("...", "Jane", False),
        ("x", "", False),
    ],
)
def test_how_near_names_are(wanted: str, name: str, is_near: bool) -> None:
    rank = matching.near(wanted, name)
    assert (rank is not None) is is_near
    assert rank is None or matching.NEAR < rank < matching.NEAR + 1
