"""What of an answer is shown: the members that were asked for, and no more than an agent can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import Run
from recording import TEMPLATES, FarSide, reply
from wati.arguments.flags import paths
from wati.contract.failures import Failure
from wati.output import shape
from wati.sandbox import control

ROWS = [
    {"id": "a", "wAid": "1", "photo": None, "customParams": [{"name": "city", "value": "Lima"}]},
    {"id": "b", "wAid": "2", "tags": {"vip": {"since": "2020", "by": "x"}}},
]


def contacts(rows: list[Any]) -> Any:
    return reply({"result": "success", "contact_list": rows, "link": {"total": 9}})


@pytest.fixture
def listed(call: Callable[..., Run], far_side: FarSide) -> Callable[..., Run]:
    """`listed(rows, *flags)`: get_contacts, with these rows at the far side."""

    def run(rows: list[Any], *flags: str) -> Run:
        far_side.always(contacts(rows), to="/wati/")
        return call("get_contacts", {"pageSize": 100}, *flags)

    return run


# --- fields ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ("id", [{"id": "a"}, {"id": "b"}]),
        ("wAid, id", [{"wAid": "1", "id": "a"}, {"wAid": "2", "id": "b"}]),
        ("customParams.value", [{"customParams": [{"value": "Lima"}]}, {}]),
        ("tags.vip.since,id", [{"id": "a"}, {"tags": {"vip": {"since": "2020"}}, "id": "b"}]),
        ("tags,tags.vip.by", [{}, {"tags": {"vip": {"since": "2020", "by": "x"}}}]),
        ("photo,id", [{"id": "a"}, {"id": "b"}]),
    ],
)
def test_each_item_has_the_fields_that_were_asked_for(
    listed: Callable[..., Run], fields: str, shown: list[Any]
) -> None:
    run = listed(ROWS, "--fields", fields)
    assert run.data == {"contact_list": shown}
    assert run.document["page"]["next"] == 2, "the page is told from the whole answer"


def test_an_unknown_field_is_refused_with_the_near_one(listed: Callable[..., Run]) -> None:
    run = listed(ROWS, "--fields", "waid,id,customParams.valeu,zzz")
    assert run.exit == 2 and run.error["code"] == "usage"
    said = run.error["message"]
    assert '"waid" (did you mean wAid?)' in said and "did you mean customParams.value?" in said
    assert '"zzz"' in said and '"id"' not in said


def test_an_empty_page_knows_no_field(listed: Callable[..., Run]) -> None:
    assert listed([], "--fields", "whatever").data == {"contact_list": []}


@pytest.mark.parametrize("fields", [",", "a,", "a..b", ".a", "a b", "a[0]", "$.a", "é"])
def test_what_is_no_field_is_refused_before_anything_is_asked(
    listed: Callable[..., Run], far_side: FarSide, fields: str
) -> None:
    run = listed(ROWS, "--fields", fields)
    assert run.exit == 2 and run.error["code"] == "usage"
    assert far_side.requests == []


@pytest.mark.parametrize("other", ["--raw", "--dry-run"])
def test_fields_of_what_is_not_shown_are_refused(
    listed: Callable[..., Run], far_side: FarSide, other: str
) -> None:
    run = listed(ROWS, "--fields", "id", other)
    assert run.exit == 2 and run.error["code"] == "usage" and far_side.requests == []


def test_what_was_sent_stays_accepted_whatever_field_was_asked_for(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    arguments = {"whatsappNumber": "14155551234", "messageText": "x"}
    run = call("send_session_message", arguments, "--fields", "result,nothing.there")
    assert run.exit == 0 and run.document["outcome"] == "accepted"
    assert run.data == {"result": "success"}
    assert '"nothing.there"' in run.document["notice"]
    assert len(far_side.writes) == 1


# --- length ------------------------------------------------------------------------------------------------


def test_a_short_answer_is_not_cut(listed: Callable[..., Run]) -> None:
    run = listed([{"id": str(number)} for number in range(100)])
    assert len(run.data["contact_list"]) == 100 and "cut" not in run.document["page"]


@settings(deadline=None, database=None, derandomize=True, max_examples=60)
@example([0] * 9 + [2829, 12_000], 1, 20)
@given(
    st.lists(st.integers(0, 12_000), min_size=1, max_size=40),
    st.integers(1, 5),
    st.sampled_from([1, 7, 20, 40, 100]),
)
def test_a_cut_page_goes_on_where_it_ended(lengths: list[int], number: int, size: int) -> None:
    """Followed as told, every item is shown, in order, in documents that can be read; and once, but for what
    is shown again after the last page was cut: it is short, and those before it may have been, too.
    """
    world = [{"id": index, "text": "x" * length} for index, length in enumerate(lengths * 3)]

    def asked(page: int, page_size: int) -> dict[str, Any]:
        found = world[(page - 1) * page_size : page * page_size]
        told = {"number": page, "size": page_size, **({"next": page + 1} if found else {})}
        whole = {"ok": True, "data": {"a": {"b": found}}, "page": told, "notice": "n"}
        shown = shape.fit_document(whole, "a.b")
        assert len(json.dumps(shown, ensure_ascii=False, separators=(",", ":"))) <= shape.LONGEST
        assert json.loads(json.dumps(shown)) == shown
        return shown

    first = (number - 1) * size
    reached, was_short = first, False
    page, page_size = number, size
    while True:
        document = asked(page, page_size)
        seen = [item["id"] for item in document["data"]["a"]["b"]]
        begins = seen[0] if seen else reached
        assert begins == reached or (was_short and begins < reached)
        assert seen == list(range(begins, begins + len(seen)))
        reached = begins + len(seen)
        if "next" not in document["page"]:
            break
        was_short = document["page"].get("cut", {"of": page_size})["of"] < page_size
        page, page_size = document["page"]["next"], document["page"]["size"]
    assert reached == max(first, len(world))


def test_a_cut_is_told_with_the_way_on(listed: Callable[..., Run]) -> None:
    rows = [{"id": str(number), "text": "x" * 900} for number in range(100)]
    run = listed(rows)
    shown = len(run.data["contact_list"])
    assert 25 <= shown < 40 and run.data["contact_list"] == rows[:shown]
    assert run.document["page"] == {
        "number": 1,
        "size": shown,
        "next": 2,
        "cut": {"shown": shown, "of": 100},
    }
    assert f"pageSize {shown} and pageNumber 2" in run.document["notice"]
    assert listed(rows, "--raw").data["contact_list"] == rows, "untouched means untouched"
    assert len(listed(rows, "--fields", "id").data["contact_list"]) == 100


def test_a_single_item_that_is_too_long_is_cut_in_its_texts(listed: Callable[..., Run]) -> None:
    run = listed([{"id": "a", "text": "x" * 50_000, "few": "y"}, {"id": "b"}])
    (item,) = run.data["contact_list"]
    assert item["id"] == "a" and item["few"] == "y" and item["text"].endswith("…")
    assert len(run.text) <= shape.LONGEST


def test_what_is_no_list_is_cut_in_its_texts_and_lists(call: Callable[..., Run], far_side: FarSide) -> None:
    rows = [{"connection_id": f"c{n}", "status": "ACTIVE", "metadata": {"x": "y" * 99}} for n in range(900)]
    far_side.always(reply({"connections": rows}), to="/connections")
    run = call("list_connections", {})
    assert len(run.text) <= shape.LONGEST and "more" in str(run.data["connections"][-1])
    assert "cut" in run.document["notice"]


def test_the_answer_to_a_bulk_send_counts_the_accepted_and_names_who_is_not_as_asked(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    rows = [{"waId": str(14155550000 + n), "localMessageId": "x" * 36} for n in range(900)]
    told = [{**row, "isValidWhatsAppNumber": True, "errors": []} for row in rows]
    sendable = {"elementName": "t", "status": "APPROVED", "body": "Hi"}
    far_side.always(reply({"result": "success", "messageTemplates": [sendable]}), to=TEMPLATES)
    asked = [row["waId"] for row in rows]

    def send(*flags: str, first: str = asked[0]) -> Run:
        answered = [{**told[0], "waId": first}, *told[1:]]
        far_side.always(reply({"result": True, "error": None, "receivers": answered}), to="/wati/")
        far_side.always(reply({"result": "success", "messageTemplates": [sendable]}), to=TEMPLATES)
        receivers = [
            {"whatsappNumber": number, "customParams": []} for number in ["5215512345678", *asked[1:]]
        ]
        receivers[0]["whatsappNumber"] = "5215512345678" if first != asked[0] else first
        arguments = {"template_name": "t", "broadcast_name": "b", "receivers": receivers}
        return call("send_template_messages_v2", arguments, "--confirm", "900", "--again", *flags)

    run = send()
    assert (run.exit, run.document["outcome"]) == (0, "accepted"), run.text
    assert run.data == {"counts": {"accepted": 900}} and "notice" not in run.document
    other = send(first="525512345678")
    assert other.data["receivers"] == [{**rows[0], "waId": "525512345678"}], "who is known by another number"
    assert other.data["counts"] == {"accepted": 900}
    # Who wants them all can have them, and then nothing is cut: they cannot be asked for again.
    assert send("--fields", "receivers.waId").data["receivers"] == [{"waId": number} for number in asked]
    assert send("--raw").data["receivers"] == told


@pytest.mark.parametrize("shown", ["connections.url", "connections"])
def test_a_connection_s_link_stays_hidden_whichever_field_is_asked_for(
    call: Callable[..., Run], far_side: FarSide, shown: str
) -> None:
    link = "https://elsewhere.example/authorize/secret-of-a-session"
    row = {"connection_id": "conn-1", "status": "ACTIVE", "app": "wati", "url": link}
    far_side.always(reply({"connections": [row]}), to="/connections")
    run = call("list_connections", {}, "--fields", shown)
    assert "secret-of-a-session" not in run.text


def test_the_answer_behind_a_failure_is_bounded_and_its_receivers_are_not(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    rows = [{"waId": str(14155550000 + n), "isValidWhatsAppNumber": n % 2 == 0} for n in range(900)]
    far_side.always(reply({"result": True, "receivers": rows}), to="/wati/")
    receivers = [{"whatsappNumber": row["waId"], "customParams": []} for row in rows]
    arguments = {"template_name": "t", "broadcast_name": "b", "receivers": receivers}
    run = call("send_template_messages_v2", arguments, "--confirm", "900")
    assert run.exit == 8
    assert len(json.dumps(run.error["answer"])) <= shape.LONGEST_ANSWER
    assert sum(map(len, run.error["receivers"].values())) == 900


def test_a_long_conversation_is_read_to_its_end_in_answers_that_fit(
    call: Callable[..., Run], tmp_path: Any
) -> None:
    state = tmp_path / "sandbox.sqlite"
    control.reset(state, limits=False)
    texts = [f"{number}: {'x' * 1500}" for number in range(90)]
    messages = [
        {"whatsappNumber": "14155551234", "text": text, "age": 90 - n} for n, text in enumerate(texts)
    ]
    control.seed(state, {"messages": messages})
    environ = {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": None}
    seen: list[str] = []
    page = {"pageSize": 100, "pageNumber": 1}
    while True:
        run = call("get_messages", {"whatsappNumber": "14155551234", **page}, **environ)
        assert len(run.text) <= shape.LONGEST
        seen += [item["text"] for item in run.data["messages"]["items"] if "text" in item]
        told = run.document["page"]
        if "next" not in told:
            break
        page = {"pageSize": told["size"], "pageNumber": told["next"]}
    assert seen[:90] == texts[::-1] and len(seen) == len(set(seen))


@pytest.mark.parametrize("text", ["", "a,,b", "a.b.", "1a"])
def test_paths_refuse(text: str) -> None:
    with pytest.raises(Failure):
        paths(text)


def test_the_answer_to_a_bulk_send_keeps_every_receiver_that_says_something() -> None:
    plain = [{"localMessageId": f"id-{n:036}", "waId": f"1415555{n:04}"} for n in range(1000)]
    asked = [(f"$.receivers[{n}].whatsappNumber", row["waId"]) for n, row in enumerate(plain)]
    telling = [{**plain[0], "why": "x"}, {**plain[1], "errors": {}}, "x", {"localMessageId": "a"}]
    assert shape.with_exceptions({"receivers": [*plain, *telling], "error": 1}, asked) == {
        "receivers": telling,
        "error": 1,
    }
    assert shape.with_exceptions({"receivers": plain}, asked) == {}
    for nothing in ({}, {"receivers": []}, {"receivers": "none"}):
        assert shape.with_exceptions(nothing, asked) == nothing


@pytest.mark.parametrize(
    ("count", "link", "has_next"),
    [
        (8, {"nextPage": None, "pageSize": 20}, False),
        (20, {"nextPage": None, "pageSize": 20}, True),  # full: `nextPage` is not trusted
        (8, {"nextPage": "2", "pageSize": 20}, True),
        (8, {"nextPage": None, "pageSize": 8}, True),  # WATI granted a smaller page
        (8, {"nextPage": None}, True),
        (8, None, True),
        (0, None, False),
    ],
)
def test_a_page_has_a_next_one_only_where_there_may_be_more(
    call: Callable[..., Run], far_side: FarSide, count: int, link: Any, has_next: bool
) -> None:
    rows = [{"id": str(n), "wAid": str(14155550000 + n)} for n in range(count)]
    far_side.always(reply({"result": "success", "contact_list": rows, "link": link}), to="/wati/")
    assert ("next" in call("get_contacts", {}).document["page"]) is has_next
