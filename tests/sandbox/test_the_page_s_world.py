"""What the page shows and changes: the same world, by the same control, as it is now."""

from __future__ import annotations

import base64
import json
import threading
import time
from contextlib import suppress

import httpx
import pytest

from wati.sandbox import State, actions, control, watching

KEY = {"Authorization": "Bearer sandbox"}
V1 = "/wati/api/v1"
JOHN, JANE, MARIA, NEW = "14155551234", "14155555678", "14155550199", "15550001111"


def rows(page, number, **query):
    return page.view(number=number, **query)["conversation"]["rows"]


def person(page, number, **query):
    (found,) = [item for item in page.view(**query)["inbox"]["items"] if item["number"] == number]
    return found


# --- the inbox ----------------------------------------------------------------------------------------------


def test_the_inbox_has_the_newest_first_with_last_message_and_unread_marks(page):
    inbox = page.view()["inbox"]
    assert (inbox["total"], inbox["unread"]) == (57, 3)
    first = inbox["items"][:4]
    assert [(item["name"], item["unread"]) for item in first] == [
        ("John Doe", 1),
        ("Maria Silva", 2),
        ("Jane Smith", 1),
        ("Aisha Bello", 0),
    ]
    assert first[0]["last"] == {
        "at": "2026-01-05T11:00:00.000Z",
        "text": "Great, when will the missing part come?",
        "kind": "text",
        "ours": False,
        "status": "SENT",
    }
    assert first[0]["closes"] == "2026-01-06T11:00:00.000Z"
    assert first[3]["last"] is None


def test_unread_ends_when_it_is_opened_or_answered_and_comes_back(page, world, state_file):
    page.act("see", number=MARIA)
    assert person(page, MARIA)["unread"] == 0
    control.reply(state_file, MARIA, text="hello?")
    assert person(page, MARIA)["unread"] == 1
    world.post(f"{V1}/sendSessionMessage/{JOHN}", data={"messageText": "Tomorrow"})
    assert (person(page, JOHN)["unread"], page.view()["inbox"]["unread"]) == (0, 2)


@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("john", ["John Doe"]),
        ("JOHN DOE", ["John Doe"]),
        ("+1 (415) 555-5678", ["Jane Smith"]),
        ("an invoice", []),
        ("your INVOICE is", ["Jane Smith"]),  # a text in a message
        ("order 12345 is ready", ["John Doe"]),  # a text in a template's message
        ("åkesson", ["Björn Åkesson"]),
        ("李", ["李伟"]),
        ("ΠΑΎΛΟΣ", ["Παύλος Ιωάννου"]),
        ("%", []),
        ("'", ["Ben O'Connor"]),
        ("?", ["John Doe"]),
    ],
)
def test_the_search_finds_names_numbers_and_words(page, search, names):
    found = page.view(search=search)["inbox"]
    shown = [item["name"] for item in found["items"]]
    assert shown == names if search != "?" else "John Doe" in shown
    assert found["total"] == len(shown)


def test_a_busy_inbox_comes_in_parts(serve_page, tmp_path):
    path = str(tmp_path / "busy.sqlite")
    control.reset(path, world="busy", limits=False)
    page = serve_page(path)
    begun = time.monotonic()
    inbox = page.view()["inbox"]
    assert time.monotonic() - begun < 2
    assert (inbox["total"], len(inbox["items"])) == (1000, 100)
    assert len(page.view(people="300")["inbox"]["items"]) == 300
    for nonsense in ("x", "-1", "1e9"):
        assert len(page.view(people=nonsense)["inbox"]["items"]) == 100


# --- a conversation -----------------------------------------------------------------------------------------


def test_both_sides_of_a_conversation(page):
    shown = page.view(number=JOHN)["conversation"]
    assert [row["side"] for row in shown["rows"]] == [
        *("note", "note", "customer", "us", "us", "customer", "us", "customer")
    ]
    template, photo = shown["rows"][4], shown["rows"][5]
    assert (template["template"], template["status"]) == ("order_update", "DELIVERED")
    assert photo["media"]["kind"] == "image" and photo["text"] == "This is what arrived"
    assert shown["rows"][6]["by"] == "Alex Agent"
    assert (shown["closes"], shown["blocked"]) == ("2026-01-06T11:00:00.000Z", False)


def test_a_long_conversation_comes_in_parts(page):
    assert page.view(number=JANE, rows="10")["conversation"]["more"] is True
    shown = page.view(number=JANE, rows="10")["conversation"]["rows"]
    assert len(shown) == 10 and shown[-1]["text"] == "Thanks, that is all for now."
    assert page.view(number=JANE, rows="2000")["conversation"]["more"] is False
    assert page.view(number="15559999999")["conversation"] is None


def test_a_template_s_parts_are_shown_with_its_values(page, world):
    world.seed(
        templates=[
            {
                "elementName": "slot",
                "status": "APPROVED",
                "body": "Hi {{name}}",
                "header": {"type": "text", "text": "For {{name}}"},
                "footer": "Acme",
                "buttons": [
                    {"type": "quick_reply", "text": "Yes"},
                    {"type": "url", "text": "Track", "url": "https://t.example.com/{{code}}"},
                    {"type": "phone_number", "text": "Call", "phoneNumber": "+15550001"},
                ],
                "cards": [
                    {"body": "Card {{name}}", "buttons": [{"type": "quick_reply", "text": "This one"}]}
                ],
            }
        ]
    )
    values = [{"name": "name", "value": "Jane"}, {"name": "code", "value": "A1"}]
    named = {"template_name": "slot", "broadcast_name": "b", "parameters": values}
    world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JANE}", json=named)
    row = rows(page, JANE)[-1]
    assert (row["text"], row["footer"], row["template"]) == ("Hi Jane", "Acme", "slot")
    assert row["header"] == {"kind": "text", "text": "For Jane", "link": ""}
    assert row["buttons"] == [
        {"title": "Yes", "leads": "", "tap": True},
        {"title": "Track", "leads": "https://t.example.com/A1", "tap": False},
        {"title": "Call", "leads": "+15550001", "tap": False},
    ]
    assert [card["text"] for card in row["cards"]] == ["Card Jane"]
    assert control.reply(world.path, JANE, tap="This one")["type"] == "text"


def test_buttons_and_lists_are_shown_whole(page, world):
    header = {"type": "Text", "text": "Top"}
    buttons = {
        "header": header,
        "body": "Which?",
        "footer": "Below",
        "buttons": [{"text": "A"}, {"text": "B"}],
    }
    world.post(f"{V1}/sendInteractiveButtonsMessage?whatsappNumber={JOHN}", json=buttons)
    sections = [{"title": "S", "rows": [{"title": "R1", "description": "d"}, {"title": "R2"}]}]
    listed = {"header": "Top", "body": "Pick", "buttonText": "Open", "sections": sections}
    world.post(f"{V1}/sendInteractiveListMessage?whatsappNumber={JOHN}", json=listed)
    with_buttons, with_list = rows(page, JOHN)[-2:]
    assert with_buttons["header"] == with_list["header"] == {"kind": "text", "text": "Top", "link": ""}
    assert [each["title"] for each in with_buttons["buttons"]] == ["A", "B"]
    assert with_buttons["footer"] == "Below"
    assert with_list["list"] == {
        "button": "Open",
        "sections": [
            {"title": "S", "rows": [{"title": "R1", "description": "d"}, {"title": "R2", "description": ""}]}
        ],
    }
    # The conversation that clients read has no more than before.
    assert world.messages(JOHN)[0]["interactiveData"]["rows"] == ["R1", "R2"]
    assert "sections" not in world.messages(JOHN)[0]["interactiveData"]


def test_a_failure_shows_its_reason_once_it_is_known(page, world):
    values = [{"name": "name", "value": "a    b"}, {"name": "ordernumber", "value": "1"}]
    named = {"template_name": "order_update", "broadcast_name": "b", "parameters": values}
    world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JANE}", json=named)
    assert (rows(page, JANE)[-1]["status"], rows(page, JANE)[-1]["reason"]) == ("SENT", None)
    world.advance(2)
    row = rows(page, JANE)[-1]
    assert row["status"] == "FAILED" and "4 consecutive spaces" in row["reason"]


def test_it_says_when_the_next_message_settles(serve_page, world, tmp_path):
    assert serve_page(world.path).view()["settles"] is None
    path = str(tmp_path / "running.sqlite")
    control.reset(path, limits=False)
    page = serve_page(path)
    with httpx.Client(base_url=page.api.base_url, headers=KEY, trust_env=False) as api:
        api.post(f"{V1}/sendSessionMessage/{JOHN}", data={"messageText": "hello"})
    view = page.view()
    assert view["settles"] > view["now"]
    control.advance(path, 3)
    assert page.view()["settles"] is None


def test_accounts_and_their_numbers_are_apart(page, world):
    world.seed(
        connections=[{"connection_id": "other", "status": "ACTIVE"}],
        contacts=[{"whatsappNumber": NEW, "name": "Other", "connection_id": "other"}],
        channels=[{"number": "15550000001"}, {"number": "15550000002"}],
        messages=[{"whatsappNumber": JOHN, "text": "to the second", "channel": "15550000002"}],
    )
    view = page.view(connection_id="other")
    assert [item["name"] for item in view["inbox"]["items"]] == ["Other"]
    assert view["templates"] == []
    assert rows(page, JOHN, channel="15550000002")[-1]["text"] == "to the second"
    assert rows(page, JOHN)[-1]["text"] == "Great, when will the missing part come?"
    control.reply(world.path, JOHN, text="again", channel="15550000002")
    assert rows(page, JOHN, channel="15550000002")[-1]["text"] == "again"
    assert page.view(connection_id="nonsense", channel="x")["connection_id"] == "sandbox-main"
    (account,) = [one for one in view["accounts"] if one["connection_id"] == "sandbox-main"]
    assert account == {
        "connection_id": "sandbox-main",
        "status": "ACTIVE",
        "channels": ["15550000001", "15550000002"],
    }


# --- the log ------------------------------------------------------------------------------------------------


def test_each_request_says_what_it_did(page, world):
    world.get("/connections")
    world.post(f"{V1}/sendSessionMessage/{JOHN}", data={"messageText": "hello"})
    world.post(f"{V1}/sendSessionMessage/{JANE}", data={"messageText": "hello"})
    world.fault("status", status=503)
    world.get(f"{V1}/getContacts")
    world.get(f"{V1}/getContacts", headers={"Authorization": "Bearer nonsense"})
    receivers = [{"whatsappNumber": number, "customParams": []} for number in (JOHN, JANE, "14155550001")]
    bulk = {"template_name": "welcome", "broadcast_name": "b", "receivers": receivers}
    world.post(f"{V1}/sendTemplateMessages", json=bulk)
    world.post(f"{V1}/assignOperator?whatsappNumber={JOHN}")
    world.post(f"{V1}/addContact/{NEW}", content=b"{", headers={"Content-Type": "application/json"})
    told = [(each["status"], each["did"]) for each in page.view()["requests"]]
    welcome = "Welcome! Write to us here whenever you need anything."
    assert told == [
        (200, "read"),
        (200, f"text to {JOHN}: hello"),
        (200, "rejected: Ticket has been expired."),
        (503, "rejected"),
        (401, "rejected: Invalid API key"),
        (200, f"template welcome to {JOHN}: {welcome}, and 1 more"),
        (200, "operator assigned: Bot"),
        (400, "rejected: The request body is not valid JSON."),
    ]
    assert [each["fault"] for each in page.view()["requests"]][3] == "status"
    assert "nonsense" not in json.dumps(page.view()["requests"])


def test_a_lost_answer_shows_what_it_did(page, world):
    world.fault("lost_answer")
    with pytest.raises(Exception, match="reset"):
        world.post(f"{V1}/sendSessionMessage/{JOHN}", data={"messageText": "hello"})
    (request,) = page.view()["requests"]
    assert (request["status"], request["fault"], request["did"]) == (
        None,
        "lost_answer",
        f"text to {JOHN}: hello",
    )


# --- changes ------------------------------------------------------------------------------------------------


def test_every_action_of_the_page_is_one_of_the_control(page, state_file):
    done = {
        "reply": {"number": JANE, "text": "I am back"},
        "read": {"number": JANE},
        "see": {"number": JANE},
        "block": {"number": JANE},
        "template": {"template": "spring_sale", "status": "APPROVED"},
        "authorize": {"connection_id": "sandbox-pending"},
        "advance": {"seconds": 3600},
        "limits": {"on": True},
        "fault": {"fault": {"fault": "reset"}},
        "clear_faults": {},
        "seed": {"world": {"operators": [{"email": "a@example.com"}]}},
        "reset": {"now": "2026-03-01T00:00:00Z", "ids": 1, "limits": False, "world": "default"},
    }
    assert set(done) == set(actions.ACTIONS)
    for name, arguments in done.items():
        answer = page.act(name, **arguments)
        assert answer.status_code == 200, answer.text
        assert "data" in answer.json()
    # After the reset, the page shows the new world.
    assert page.view()["now"] == "2026-03-01T00:00:00.000Z"
    assert rows(page, JANE)[-1]["text"] == "Thanks, that is all for now."


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("nonsense", {}, "there is no action 'nonsense'"),
        ("reply", {}, "$.number is missing"),
        ("reply", {"number": 1, "text": None, "x": 1}, "$.x is not known; $.number must be; $.text must"),
        ("advance", {"seconds": True}, "$.seconds must be a number"),
        ("advance", {"seconds": -1}, "only forward"),
        ("limits", {"on": "yes"}, "$.on must be true or false"),
        ("fault", {"fault": {"fault": "x"}}, "must be one of"),
        ("reset", {"world": "x"}, "the worlds are default, busy"),
        ("template", {"template": "nope", "status": "APPROVED"}, "there is no template 'nope'"),
        ("template", {"template": "welcome", "status": "fine"}, "APPROVED, PENDING"),
        ("template", {"template": "welcome", "status": "PAUSED", "language": "xx"}, "in the language 'xx'"),
        ("block", {"number": "15559999999"}, "there is no contact"),
        ("read", {"number": "15559999999"}, "there is no contact"),
        ("reply", {"number": "abc", "text": "x"}, "'abc' is not a number"),
        ("reply", {"number": JOHN}, "a text, a tap or a file"),
        ("reply", {"number": JOHN, "text": "x", "tap": "y"}, "a text, a tap or a file"),
        ("reply", {"number": JOHN, "tap": "Nothing"}, "those that can be tapped: none"),
        ("reply", {"number": "14155550001", "text": "x"}, "not on WhatsApp"),
        ("reply", {"number": JOHN, "text": "x", "connection_id": "nope"}, "there is no connection 'nope'"),
        ("reply", {"number": JOHN, "text": "x", "channel": "1"}, "the account has no number '1'"),
        ("reply", {"number": JOHN, "file": {"fileName": "a.jpg", "base64": "%"}}, "base64 of 'a.jpg'"),
        ("reply", {"number": JOHN, "file": {"fileName": 1, "base64": "eA=="}}, "all texts"),
        ("reply", {"number": JOHN, "file": {"fileName": "a.jpg"}}, "all texts"),
    ],
)  # fmt: skip
def test_a_wrong_action_changes_nothing_and_says_why(page, state_file, name, arguments, said):
    before = json.dumps(page.view(number=JOHN))
    answer = page.act(name, **arguments)
    assert answer.status_code == 400
    error = answer.json()
    words = "; ".join(
        [error["error"], *(f"{one['at']} {one['problem']}" for one in error.get("problems", []))]
    )
    for piece in said.split("; "):
        assert piece in words
    assert json.dumps(page.view(number=JOHN)) == before


def test_a_large_file_is_refused_as_whatsapp_does(page):
    large = base64.b64encode(b"x" * (500 * 1024 + 1)).decode()
    sticker = {"fileName": "a.webp", "contentType": "image/webp", "base64": large}
    answer = page.act("reply", number=JOHN, file=sticker)
    assert answer.status_code == 400 and "larger than WhatsApp" in answer.json()["error"]


# --- live ---------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Looks at the file more often, so that tests wait less."""
    monkeypatch.setattr(watching, "PAUSE", 0.02)
    monkeypatch.setattr(watching, "STEP", 0.02)


class Listener:
    """What a browser hears: one `changed` for each event."""

    def __init__(self, page):
        self._heard = threading.Semaphore(0)
        self._ready = threading.Event()
        self.alive = threading.Thread(target=self._listen, args=(page,), daemon=True)
        self.alive.start()
        assert self._ready.wait(5)

    def _listen(self, page):
        address = f"/_sandbox/events?token={page.token}"
        with suppress(httpx.TransportError), page.api.stream("GET", address) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for line in answer.iter_lines():
                self._ready.set()
                if line == "data: changed":
                    self._heard.release()

    def hears(self):
        return self._heard.acquire(timeout=3)

    def hears_nothing(self):
        return not self._heard.acquire(timeout=4 * watching.PAUSE)

    def settle(self):
        """Until what has happened so far was told. A change is told twice: the times of files are coarse."""
        while self._heard.acquire(timeout=4 * watching.PAUSE):
            pass


def test_every_change_by_whoever_is_told_to_every_browser(quick, page, serve_page, world, state_file):
    here, there = Listener(page), Listener(serve_page(state_file))
    changes = [
        lambda: page.act("advance", seconds=60),
        lambda: control.reply(state_file, JANE, text="by a command"),
        lambda: world.post(f"{V1}/sendSessionMessage/{JOHN}", data={"messageText": "by a script"}),
        lambda: control.reset(state_file, limits=False),
    ]
    for change in changes:
        here.settle()
        there.settle()
        change()
        assert here.hears() and there.hears()


def test_reading_tells_nobody_and_keeps_nobody_waiting(quick, page):
    listener = Listener(page)
    listener.settle()
    for _ in range(3):
        page.view(number=JOHN, search="x")
    assert listener.hears_nothing()


def test_two_changes_within_one_step_of_the_file_s_time_are_both_told(quick, tmp_path):
    """The second one leaves the file as it was, as far as can be seen: it is looked at once more."""
    path = tmp_path / "state"
    path.write_bytes(b"x")
    watch = watching.Watch(str(path))
    assert watch.changed()
    time.sleep(2 * watching.PAUSE)
    while watch.changed():
        pass
    path.write_bytes(b"xy")
    assert watch.changed() and watch.changed()


def test_the_streams_end_with_the_server(serve_page, state_file):
    page = serve_page(state_file)
    listener = Listener(page)
    State(state_file)
    page.server.shutdown()
    page.server.server_close()
    listener.alive.join(5)
    assert not listener.alive.is_alive()
