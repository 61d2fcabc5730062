"""Which connection a call goes over, and who gets to see the link that authorizes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from looping import looped
from recording import CONNECTION, Answer, FarSide, reply
from wati.contract.endpoint import Endpoint

Caller = Callable[..., Any]
Endpoints = dict[str, Endpoint]

LOOK_UP = "/connections?app=wati&status=ACTIVE"
TOKEN = "token-that-must-not-leak"


def row(connection_id: Any, status: Any = "ACTIVE", **members: Any) -> dict[str, Any]:
    return {**CONNECTION, "connection_id": connection_id, "status": status, **members}


def over(far_side: FarSide) -> list[tuple[str, str | None]]:
    """Each request's path with the connection that it named."""
    return [(request.path, request.header("Maton-Connection")) for request in far_side.requests]


# --- which one ---------------------------------------------------------------------------------------------


def test_without_a_choice_a_read_leaves_it_to_maton_and_a_change_looks_it_up(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint
) -> None:
    assert call_example(each_endpoint).exit == 0
    headers = [header for _, header in over(far_side)]
    if not each_endpoint.through_wati:
        assert headers and set(headers) == {None}
    elif each_endpoint.effect == "read":
        assert headers == [None]
    else:
        assert headers == [None, "conn-1"]
        assert far_side.requests[0].target == LOOK_UP


@looped(
    ("flags", "environment", "used"),
    [
        (("--connection", "conn_A-9"), {}, "conn_A-9"),
        (("--connection=conn_A-9",), {}, "conn_A-9"),
        ((), {"MATON_CONNECTION_ID": "conn_A-9"}, "conn_A-9"),
        ((), {"MATON_CONNECTION_ID": "  conn_A-9\n"}, "conn_A-9"),
        (("--connection", "flag"), {"MATON_CONNECTION_ID": "environment"}, "flag"),
    ],
    ids=["flag", "flag with =", "environment", "environment with spaces", "the flag goes first"],
)
def test_an_explicit_connection_always_travels_and_nothing_is_looked_up(
    call_example: Caller,
    far_side: FarSide,
    each_endpoint: Endpoint,
    flags: tuple[str, ...],
    environment: dict[str, str],
    used: str,
) -> None:
    if not each_endpoint.through_wati:
        flags = ()  # they have no such flag; the environment must not reach them either
    run = call_example(each_endpoint, *flags, **environment)
    assert run.exit == 0, run.text
    headers = [header for _, header in over(far_side)]
    if each_endpoint.through_wati:
        assert headers == [used]
    else:
        assert headers and set(headers) == {None}


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_connection_is_none(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, blank: str
) -> None:
    assert call_example(endpoints["send_session_message"], MATON_CONNECTION_ID=blank).exit == 0
    assert [header for _, header in over(far_side)] == [None, "conn-1"]


@pytest.mark.parametrize("bad", ["a b", "a\r\nX: y", "ä", "a/b", "x" * 201, "../x"])
@pytest.mark.parametrize("name", ["get_contacts", "send_session_message", "list_connections"])
def test_what_is_no_connection_id_never_travels(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, name: str, bad: str
) -> None:
    assert call_example(endpoints[name], MATON_CONNECTION_ID=bad).exit == 3
    assert call_example(endpoints[name], "--connection", bad).exit == 2
    assert far_side.requests == []


ONE = [
    [row("conn-1")],
    [row("other", "PENDING"), row("conn-1"), row("third", "FAILED")],  # though ACTIVE was asked for
    [row("conn-1", method="OAUTH2", metadata=None), None, "conn-2", {"status": "PENDING"}],
]


@pytest.mark.parametrize("rows", ONE, ids=["alone", "among others", "among nonsense"])
def test_the_only_active_connection_is_used_and_named(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, rows: list[Any]
) -> None:
    far_side.will(reply({"connections": rows, "next_token": None}), to="/connections")
    assert call_example(endpoints["send_session_message"]).exit == 0
    assert over(far_side)[-1] == ("/wati/api/v1/sendSessionMessage/14155551234", "conn-1")


@looped("rows", [[], [row("p", "PENDING"), row("f", "FAILED")]], ids=["none", "none active"])
def test_without_an_active_connection_nothing_is_sent(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint, rows: list[Any]
) -> None:
    far_side.always(reply({"connections": rows}), to=LOOK_UP)
    run = call_example(each_endpoint)
    if not each_endpoint.through_wati or each_endpoint.effect == "read":
        assert run.exit == 0
        return
    assert (run.exit, run.error["code"], run.error["outcome"]) == (3, "connection_missing", "not_sent")
    assert [path for path, _ in over(far_side)] == ["/connections"]
    assert "create_connection.py" in run.error["hint"]


def test_with_several_active_connections_nothing_is_sent_and_the_ids_are_told(
    call_example: Caller, far_side: FarSide, each_endpoint: Endpoint
) -> None:
    rows = [row("first"), row("second"), row("third", "PENDING")]
    far_side.always(reply({"connections": rows}), to=LOOK_UP)
    run = call_example(each_endpoint)
    if not each_endpoint.through_wati or each_endpoint.effect == "read":
        assert run.exit == 0
        return
    assert (run.exit, run.error["code"], run.error["outcome"]) == (3, "connection_ambiguous", "not_sent")
    assert [path for path, _ in over(far_side)] == ["/connections"]
    told = json.dumps(run.error)
    assert "first" in told and "second" in told and "third" not in told
    assert "--connection" in run.error["hint"]


@pytest.mark.parametrize(
    "rows",
    [
        [{"status": "ACTIVE", "app": "wati"}],
        [row(None)],
        [row(7)],
        [row("")],
        [row("conn 1")],
        [row("conn-1\r\nX-Injected: yes")],
        [row("ключ")],
    ],
    ids=["missing", "null", "number", "empty", "blank inside", "line break", "not ASCII"],
)
@pytest.mark.parametrize("name", ["send_session_message", "assign_operator"])
def test_an_active_connection_without_a_usable_id_is_not_used(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    endpoints: Endpoints,
    name: str,
    rows: list[Any],
) -> None:
    far_side.always(reply({"connections": rows}), to=LOOK_UP)
    run = call_example(endpoints[name])
    assert run.error["outcome"] == "not_sent", run.text
    assert run.exit in (3, 6)
    assert far_side.to("/wati/") == []


def test_connections_of_other_apps_are_not_wati_connections(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints
) -> None:
    """The filter in the query is Maton's to honour; a message over the wrong one cannot be taken back."""
    rows = [row("slack-1", app="slack"), row("conn-1")]
    far_side.will(reply({"connections": rows}), reply({"connections": rows[:1]}), to=LOOK_UP)
    assert call_example(endpoints["send_session_message"]).exit == 0
    assert over(far_side)[-1][1] == "conn-1"
    run = call_example(endpoints["send_session_message"])
    assert (run.exit, run.error["code"]) == (3, "connection_missing")
    assert len(far_side.to("/wati/")) == 1


# --- creating one ------------------------------------------------------------------------------------------

PENDING = {**CONNECTION, "connection_id": "new-1", "status": "PENDING"}


@pytest.mark.parametrize(
    "created",
    [
        {"connection": PENDING},
        {"connection": {"connection_id": "new-1"}},
        {"connection": {"connection_Id": "new-1"}},
        {"connection": {"id": "new-1"}},
        {"connection_id": "new-1", "status": "PENDING"},
        {"connection_Id": "new-1"},
        {"id": "new-1", "url": f"https://connect.maton.ai/?session_token={TOKEN}"},
    ],
    ids="/".join,
)
def test_a_new_connection_is_read_back_whatever_form_its_id_came_in(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, created: Any
) -> None:
    far_side.will(reply(created, 201), reply({"connection": PENDING}))
    run = call_example(endpoints["create_connection"])
    assert (run.exit, run.document["outcome"]) == (0, "accepted"), run.text
    assert [(request.method, request.path) for request in far_side.requests] == [
        ("POST", "/connections"),
        ("GET", "/connections/new-1"),
    ]
    assert run.data["connection"]["connection_id"] == "new-1"
    assert run.data["connection"]["url"] == PENDING["url"]


@pytest.mark.parametrize(
    "created",
    [{}, {"connection": {}}, {"connection": None}, {"id": ""}, {"connection": {"id": 7}}, [], "new-1", None],
    ids=json.dumps,
)
def test_a_creation_without_an_id_is_unknown(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, created: Any
) -> None:
    far_side.always(reply(created))
    run = call_example(endpoints["create_connection"])
    assert (run.exit, run.error["code"]) == (7, "outcome_unknown"), run.text
    assert "list_connections.py" in run.error["hint"]
    assert len(far_side.requests) == 1


@pytest.mark.parametrize(
    "hostile", ["../../wati/api/v1/getContacts", "a?b=c#d", "a b", "ключ", ".", "..", "a\r\nb"]
)
def test_an_id_from_an_answer_stays_one_step_of_the_path(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, pauses: list[float], hostile: str
) -> None:
    far_side.will(reply({"id": hostile}))
    run = call_example(endpoints["create_connection"])
    assert run.exit in (0, 7), run.text
    for request in far_side.requests[1:]:
        assert request.method == "GET"
        assert request.target.startswith("/connections/") and request.target.count("/") == 2
        assert request.query == "" and request.target not in ("/connections/.", "/connections/..")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(429),
        Answer(404),
        Answer(hang_up="close"),
        Answer(body=b"<html>", content_type="text/html"),
        reply({"connection": {}}),
    ],
    ids=lambda answer: f"{answer.status} {answer.hang_up}",
)
def test_a_created_connection_stays_created_when_reading_it_back_fails(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, pauses: list[float], answer: Answer
) -> None:
    far_side.will(reply({"connection": PENDING}))
    far_side.always(answer)
    run = call_example(endpoints["create_connection"])
    assert (run.exit, run.document["outcome"]) == (0, "accepted"), run.text
    assert run.data["connection"]["connection_id"] == "new-1"
    assert "get_connection.py" in run.document["notice"]
    assert [request.method for request in far_side.requests].count("POST") == 1


def test_reading_back_does_not_outlast_the_time_allowed(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints
) -> None:
    far_side.will(reply({"id": "new-1"}), Answer(delay=60))
    run = call_example(endpoints["create_connection"], "--timeout", "0.5")
    assert (run.exit, run.data) == (0, {"connection": {"connection_id": "new-1"}})


# --- the link ----------------------------------------------------------------------------------------------

LINKS = {
    "query": f"https://connect.maton.ai/?session_token={TOKEN}",
    "later in the query": f"https://connect.maton.ai/?app=wati&session_token={TOKEN}&x=1",
    "fragment": f"https://connect.maton.ai/#session_token={TOKEN}",
    "path": f"https://connect.maton.ai/session/{TOKEN}",
    "another host": f"https://connect.example.com/{TOKEN}",
}


@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("name", ["get_connection", "create_connection"])
@pytest.mark.parametrize("flags", [(), ("--raw",)], ids=["", "raw"])
def test_a_pending_connection_shows_its_link_on_stdout_alone(
    call_example: Caller,
    far_side: FarSide,
    endpoints: Endpoints,
    name: str,
    link: str,
    flags: tuple[str, ...],
) -> None:
    far_side.always(reply({"connection": {**PENDING, "url": link}}))
    run = call_example(endpoints[name], "--verbose", *flags)
    assert run.data["connection"]["url"] == link
    assert run.text.count(TOKEN) == 1
    assert "HTTP 200" in run.stderr and TOKEN not in run.stderr


@looped("link", LINKS.values(), ids=LINKS)
@looped("name", ["get_connection", "create_connection", "list_connections"])
@looped("status", ["ACTIVE", "FAILED", "pending", "EXPIRED"])
def test_no_other_connection_shows_its_link(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints, name: str, status: str, link: str
) -> None:
    shown = {**PENDING, "status": status, "url": link}
    listed = {**PENDING, "url": link}
    far_side.always(
        reply({"connection": shown, "connections": [shown, listed, {**listed, "connection_id": "x"}]})
    )
    for flags in [("--verbose",), ("--raw", "--verbose")]:
        run = call_example(endpoints[name], *flags)
        assert run.exit == 0 and "new-1" in run.text
        assert TOKEN not in run.text + run.stderr


@looped("link", LINKS.values(), ids=LINKS)
def test_no_failure_shows_a_link(
    call_example: Caller,
    far_side: FarSide,
    pauses: list[float],
    each_endpoint: Endpoint,
    link: str,
) -> None:
    body = {
        "error": {"message": f"not yet authorized: {LINKS['query']}", "code": 400},
        "connection": {**PENDING, "url": link},
        "connections": [{**PENDING, "url": link}],
    }
    for status in (400, 502):
        far_side.always(reply(body, status))
        run = call_example(each_endpoint, "--verbose")
        assert run.exit != 0 and f"HTTP {status}" in run.stderr
        assert TOKEN not in run.text + run.stderr


def test_the_look_up_of_a_send_shows_no_link(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints
) -> None:
    far_side.will(reply({"connections": [row("a"), row("b")]}), to="/connections")
    run = call_example(endpoints["send_session_message"], "--verbose")
    assert run.exit == 3 and "HTTP 200" in run.stderr
    assert TOKEN not in run.text + run.stderr


def test_a_link_that_is_cut_off_is_no_secret_half_shown(
    call_example: Caller, far_side: FarSide, endpoints: Endpoints
) -> None:
    """Long answers are shown by their beginning: what is hidden must be hidden before they are cut."""
    for padding in range(3900, 4001, 10):
        rows = [{**PENDING, "metadata": {"note": "x" * padding}}, PENDING]
        far_side.will(reply({"connections": rows}))
        run = call_example(endpoints["list_connections"], "--verbose")
        assert run.exit == 0
        assert "token-that" not in run.text + run.stderr
