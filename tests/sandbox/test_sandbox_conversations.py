"""getMessages, session texts, the 24-hour window, operators."""

from __future__ import annotations

import pytest

from wati.sandbox import State, control, formats, history, store

V1 = "/wati/api/v1"
JOHN, JANE, MARIA = "14155551234", "14155555678", "14155550199"
EXPIRED = {"result": False, "message": "Ticket has been expired.", "ticketStatus": "CLOSED"}
HOUR = 3600


def say(world, number=JOHN, text="hello", **kwargs):
    return world.post(f"{V1}/sendSessionMessage/{number}", data={"messageText": text}, **kwargs)


def test_the_envelope_of_a_published_capture_with_a_total_that_lies(world):
    body = world.get(f"{V1}/getMessages/{JOHN}").json()
    assert set(body) == {"result", "messages", "link"}
    assert (body["messages"]["pageNumber"], body["messages"]["pageSize"]) == (1, 100)
    assert {body["messages"][name] for name in ("orderBy", "lastId", "filters", "search")} == {None}
    assert len(body["messages"]["items"]) == 8
    assert body["messages"]["total"] == body["link"]["total"] == 3


def test_rows_of_three_kinds_newest_first(world):
    rows = world.messages(JOHN)
    assert [row["created"] for row in rows] == sorted((row["created"] for row in rows), reverse=True)
    by_kind = {
        kind: [row for row in rows if row["eventType"] == kind] for kind in {r["eventType"] for r in rows}
    }
    assert set(by_kind) == {"message", "broadcastMessage", "ticket"}
    newest = rows[0]
    assert (newest["owner"], newest["created"], newest["timestamp"]) == (
        False,
        "2026-01-05T11:00:00.000Z",
        "1767610800",
    )
    for row in by_kind["broadcastMessage"]:
        assert not {"owner", "text", "timestamp"} & set(row)
        assert (row["template"], row["ticketId"]) == (None, None)
        assert '"order_update"' in row["eventDescription"]
    for row in by_kind["ticket"]:
        assert {"eventDescription", "actor", "assignee", "type", "topicName"} <= set(row)


def test_messages_page_without_gaps(world):
    pages = [
        world.get(f"{V1}/getMessages/{JANE}", params={"pageSize": 20, "pageNumber": n}).json()
        for n in (1, 2, 3, 4)
    ]
    assert [len(page["messages"]["items"]) for page in pages] == [20, 20, 12, 0]
    assert [bool(page["link"]["nextPage"]) for page in pages] == [True, True, False, False]
    ids = [row["id"] for page in pages for row in page["messages"]["items"]]
    assert ids == [row["id"] for row in world.messages(JANE)]


@pytest.mark.parametrize("target", ["15550001111", "abc", "US.1"])
def test_an_unknown_contact_has_no_messages_to_show(world, target):
    answer = world.get(f"{V1}/getMessages/{target}")
    assert (answer.status_code, answer.json()) == (200, {"result": False})


def test_a_session_text_travels_in_form_multipart_or_query(world):
    assert say(world, text="one & two + three\n#4 😀").json()["ok"] is True
    world.post(f"{V1}/sendSessionMessage/{JOHN}", params={"messageText": "by query"})
    world.post(f"{V1}/sendSessionMessage/{JOHN}", files={"messageText": (None, "by multipart")})
    assert [row["text"] for row in world.log("text")] == [
        "one & two + three\n#4 😀",
        "by query",
        "by multipart",
    ]
    assert [row["text"] for row in world.messages(JOHN)[:3]] == [
        "by multipart",
        "by query",
        "one & two + three\n#4 😀",
    ]


def test_the_answer_to_a_session_text(world):
    answer = say(world, params={"localMessageId": "mine-1"}).json()
    assert (answer["ok"], answer["result"]) == (True, "success")
    message = answer["message"]
    assert (message["text"], message["localMessageId"], message["statusString"]) == (
        "hello",
        "mine-1",
        "SENT",
    )
    assert message["owner"] is True
    assert message["operatorName"] == "API Token sandbox "  # the space is WATI's
    assert message["id"] == world.messages(JOHN)[0]["id"]
    (row,) = world.log()
    assert row == {
        "seq": 1,
        "at": "2026-01-05T12:00:00.000Z",
        "kind": "text",
        "endpoint": "send_session_message",
        "connection_id": "sandbox-main",
        "request": 1,
        "whatsappNumber": JOHN,
        "text": "hello",
        "localMessageId": "mine-1",
        "status": "SENT",
    }


def test_the_same_text_twice_is_two_messages(world):
    for _ in range(2):
        say(world, params={"localMessageId": "same"})
    assert len(world.log("text")) == 2


@pytest.mark.parametrize("body", [{"json": {"messageText": "hello"}}, {"data": {"messageText": " "}}, {}])
def test_a_json_body_or_an_empty_text_is_refused_under_200(world, body):
    answer = world.post(f"{V1}/sendSessionMessage/{JOHN}", **body)
    assert answer.status_code == 200
    assert answer.json() == {"result": False, "info": "message text can not be empty"}
    assert world.log() == []


def test_a_text_may_have_4096_characters(world):
    assert say(world, text="x" * 4097).status_code == 400
    assert say(world, text="x" * 4096).json()["ok"] is True
    assert len(world.log()) == 1


@pytest.mark.parametrize("number", [JANE, "15550001111", "nonsense", "+14155551234"])
def test_outside_the_window_the_refusal_comes_under_200(world, number):
    answer = say(world, number)
    assert (answer.status_code, answer.json()) == (200, EXPIRED)
    assert world.log() == []


def test_the_window_closes_24_hours_after_the_customers_last_message(world):
    world.advance(23 * HOUR - 1)
    assert say(world).json()["ok"] is True
    world.advance(1)
    assert say(world).json() == EXPIRED


def test_what_the_business_writes_does_not_open_the_window(world):
    say(world)
    world.advance(23 * HOUR)
    assert say(world).json() == EXPIRED
    world.seed(messages=[{"whatsappNumber": JOHN, "text": "I am back"}])
    assert say(world).json()["ok"] is True


@pytest.mark.parametrize("first", ["nobody", "business", "customer"])
def test_seeded_conversations_age_only_once_somebody_writes(state_file, monkeypatch, first):
    control.reset(state_file, limits=False)

    def age():
        with State(state_file).transaction() as tx:
            rows = history.rows(tx, "sandbox-main", JOHN)
            newest = next(row for row in rows if row["eventType"] == "message" and not row["owner"])
            return round(tx.now - formats.epoch(newest["created"]))

    before = age()
    if first == "business":
        with State(state_file).transaction() as tx:
            history.append(tx, "sandbox-main", JOHN, "message", {"owner": True, "text": "x"})
    elif first == "customer":
        control.seed(state_file, {"messages": [{"whatsappNumber": JOHN, "text": "x"}]})
    real = store.time.time
    monkeypatch.setattr(store.time, "time", lambda: real() + 30 * 24 * HOUR)
    assert before == HOUR
    month = 30 * 24 * HOUR
    assert age() == {"nobody": HOUR, "business": HOUR + month, "customer": month}[first]


def test_the_clock_moves_past_untouched_conversations_too(world):
    world.advance(23 * HOUR)
    assert say(world).json() == EXPIRED
    assert world.messages(JOHN)[0]["created"] == "2026-01-05T11:00:00.000Z"


def test_a_status_moves_with_the_worlds_clock(world):
    say(world)
    assert world.messages(JOHN)[0]["statusString"] == world.log()[0]["status"] == "SENT"
    world.advance(1.9)
    assert world.log()[0]["status"] == "SENT"
    world.advance(0.1)
    assert world.messages(JOHN)[0]["statusString"] == world.log()[0]["status"] == "DELIVERED"


def test_a_customers_orders_to_agents_are_in_the_seeded_world(world):
    newest = world.messages(MARIA)[0]
    assert newest["owner"] is False
    assert "AI assistant" in newest["text"]
    assert say(world, MARIA).json()["ok"] is True


def test_assigning_an_operator(world):
    answer = world.post(f"{V1}/assignOperator?email=agent@example.com&whatsappNumber={JOHN}")
    assert answer.json() == {"result": True}
    (row,) = world.log()
    assert (row["kind"], row["operator"], row["whatsappNumber"]) == (
        "operator_assigned",
        "agent@example.com",
        JOHN,
    )
    event = world.messages(JOHN)[0]
    assert (event["eventType"], event["assignee"]) == ("ticket", "agent@example.com")
    assert event["eventDescription"].startswith("Chat is now assigned to agent@example.com.")


@pytest.mark.parametrize("query", [f"whatsappNumber={JOHN}", f"email=&whatsappNumber={JOHN}"])
def test_without_an_email_the_chat_goes_to_the_bot(world, query):
    assert world.post(f"{V1}/assignOperator?{query}").json() == {"result": True}
    assert world.log()[0]["operator"] == "Bot"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"email=nobody@example.com&whatsappNumber={JOHN}", 200),
        ("email=agent@example.com&whatsappNumber=15550001111", 200),
        ("email=agent@example.com", 400),
    ],
)
def test_assignments_that_cannot_be(world, query, status):
    answer = world.post(f"{V1}/assignOperator?{query}")
    assert answer.status_code == status
    assert status == 400 or answer.json()["result"] is False
    assert world.log() == []
