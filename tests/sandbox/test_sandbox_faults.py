"""Each fault, in process and on the socket: what the client meets, and what happened on the far side."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from wati.sandbox import control, faults

V1 = "/wati/api/v1"
JOHN = "14155551234"
SEND = f"{V1}/sendSessionMessage/{JOHN}"


def say(world, **kwargs):
    return world.post(SEND, data={"messageText": "hello"}, **kwargs)


def sent(world):
    return [row["text"] for row in world.log("text")]


def test_a_lost_answer_is_delivered_all_the_same(either):
    either.fault("lost_answer")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        say(either)
    assert sent(either) == ["hello"]
    assert (either.requests()[-1]["status"], either.requests()[-1]["fault"]) == (None, "lost_answer")
    assert say(either).json()["ok"] is True  # it struck once
    assert sent(either) == ["hello", "hello"]


@pytest.mark.parametrize("kind", ["reset", "refuse"])
def test_a_broken_connection_delivers_nothing(either, kind):
    either.fault(kind, match={"path": SEND})
    with pytest.raises(httpx.TransportError) as raised:
        say(either)
    in_process = isinstance(raised.value, httpx.ConnectError)
    assert in_process is (kind == "refuse" and "maton" in str(either.api.base_url))
    assert sent(either) == []
    assert say(either).json()["ok"] is True


def test_a_refusal_resets_the_connection_before_the_body_is_read(either):
    either.fault("refuse")
    with pytest.raises(httpx.TransportError):
        say(either)
    assert control.waiting_faults(either.path) == []
    (request,) = either.requests()
    served = "127.0.0.1" in str(either.api.base_url)
    assert (request["status"], request["fault"], request["size"] == 0) == (None, "refuse", served)
    assert say(either).json()["ok"] is True


def test_a_refusal_waits_for_the_faults_before_it(either):
    either.fault("status", status=503)
    either.fault("refuse", after=1)
    assert say(either).status_code == 503
    with pytest.raises(httpx.TransportError):
        say(either)
    assert say(either).status_code == 200


LOOKS = ("/connections?app=wati&status=ACTIVE", f"{V1}/getMessageTemplates?pageSize=100&pageNumber=1")


@pytest.mark.parametrize("match", [{}, {"match": {}}])
def test_a_fault_without_a_match_waits_for_more_than_a_silent_look_up(either, match):
    either.fault("status", status=503, after=1, **match)
    for _ in range(2):
        assert [either.get(look).status_code for look in LOOKS] == [200, 200]
    assert [say(either).status_code for _ in range(2)] == [200, 503]


@pytest.mark.parametrize("look", LOOKS)
def test_a_fault_that_always_strikes_strikes_look_ups_too(either, look):
    either.fault("status", status=503, times=0)
    assert [either.get(look).status_code for _ in range(2)] == [503, 503]


@pytest.mark.parametrize("look", LOOKS)
def test_a_fault_that_names_a_look_up_strikes_it(either, look):
    either.fault("status", status=503, match={"path": look.partition("?")[0]})
    assert either.get(look).status_code == 503
    either.fault("status", status=503, match={"method": "GET"})
    assert either.get(look).status_code == 503


@pytest.mark.parametrize(
    "path", ["/connections", "/connections?app=wati", f"{V1}/getMessageTemplates?pageSize=20"]
)
def test_a_list_that_someone_asked_for_is_no_look_up(either, path):
    either.fault("status", status=503)
    assert either.get(path).status_code == 503


def test_a_truncated_answer(either):
    either.fault("truncated")
    with pytest.raises(httpx.RemoteProtocolError):
        say(either)
    assert sent(either) == ["hello"]


@pytest.mark.parametrize(
    ("kind", "content", "content_type"),
    [
        ("empty", "", "application/json"),
        ("html", "<!DOCTYPE html>", "text/html"),
        ("not_json", "Internal Server Error", "application/json"),
        ("wrong_type", '["unexpected"]', "application/json"),
    ],
)
def test_damaged_answers_of_done_work(either, kind, content, content_type):
    either.fault(kind)
    answer = say(either)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (200, content_type)
    assert answer.text.startswith(content)
    assert bool(content) is bool(answer.text)
    assert sent(either) == ["hello"]


def test_a_body_of_ones_own(either):
    either.fault("wrong_type", body={"result": "maybe"})
    assert say(either).json() == {"result": "maybe"}


@pytest.mark.parametrize(
    "members",
    [
        {"status": 500, "body": "Internal Server Error"},
        {"status": 502, "body": "<html>Bad Gateway</html>", "content_type": "text/html"},
        {"status": 503},
        {"status": 302, "location": "https://example.com/"},
        {"status": 401, "body": "Unauthorized", "content_type": "text/plain"},
        {"status": 429, "retry_after": 7, "body": {"error": {"message": "slow down"}}},
        {"status": 204},
    ],
)
def test_any_status_in_place_of_the_work(either, members):
    either.fault("status", **members)
    answer = say(either)
    assert answer.status_code == members["status"]
    assert answer.headers.get("retry-after") == ("7" if "retry_after" in members else None)
    assert answer.headers.get("location") == members.get("location")
    if isinstance(members.get("body"), str):
        assert answer.text == members["body"]
    assert "date" in answer.headers
    assert sent(either) == []


def test_a_status_after_the_work(either):
    either.fault("status", status=504, effect=True)
    assert say(either).status_code == 504
    assert sent(either) == ["hello"]


def test_a_late_answer(either):
    either.fault("delay", seconds=0.2)
    start = time.monotonic()
    assert say(either).json()["ok"] is True
    assert time.monotonic() - start >= 0.2


def sent_in_the_end(world):
    """What was sent, once the far side is done with what the client has given up."""
    deadline = time.monotonic() + 10
    while not sent(world) and time.monotonic() < deadline:
        time.sleep(0.02)
    return sent(world)


def test_a_client_that_gives_up_is_served_all_the_same(either):
    either.fault("delay", seconds=0.4)
    with pytest.raises(httpx.ReadTimeout):
        say(either, timeout=httpx.Timeout(5, read=0.1))
    assert sent_in_the_end(either) == ["hello"]


def test_gzip(either):
    either.fault("gzip")
    answer = say(either)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["ok"] is True


def test_a_dripping_answer(either):
    either.fault("drip", seconds=0.002, match={"path": "/connections/x"})
    start = time.monotonic()
    with either.api.stream("GET", "/connections/x") as answer:
        pieces = list(answer.iter_raw())
    assert b"".join(pieces) == b'{"message":"Connection not found: x"}'
    assert len(pieces) > 5
    assert time.monotonic() - start >= 0.002 * 30


def test_a_dripping_answer_outlasts_patience(either):
    either.fault("drip", seconds=1)
    with pytest.raises(httpx.ReadTimeout):
        say(either, timeout=httpx.Timeout(5, read=0.3))
    assert sent_in_the_end(either) == ["hello"]


def test_a_huge_answer(either):
    either.fault("huge", bytes=3_000_000)
    assert len(say(either).content) == 3_000_000
    assert sent(either) == ["hello"]


def test_lists_that_lag_behind(either):
    either.fault("lag", seconds=30)
    say(either)  # not a list: the fault waits
    either.get("/connections")
    shown = [either.messages(JOHN)[0]["text"] for _ in range(2)]
    assert (shown[0] == "hello", shown[1]) == (False, "hello")
    either.fault("lag", seconds=30, times=0)
    assert either.messages(JOHN)[0]["text"] != "hello"
    either.advance(30)
    assert either.messages(JOHN)[0]["text"] == "hello"


# "altered": the text that is sent, and the change
ALTERED = {
    "mojibake": ("Zo\u00eb", "Zo\u00c3\u00ab"),
    "escaped": ("Tom & Zo", "Tom &amp; Zo"),
    "selector": ("\u2764 x", "\u2764\ufe0f x"),
    "plain": ("\u201chi\u201d", '"hi"'),
    "cut": ("hello!", "hel"),
    "signature": ("hello", "hello\n-- \nSent by Acme"),
}


@pytest.mark.parametrize("change", ALTERED)
def test_a_text_that_is_changed_on_the_way(either, change):
    text, arrived = ALTERED[change]
    either.fault("altered", change=change)
    either.get("/connections")  # not a send: the fault waits
    assert either.post(SEND, data={"messageText": text}).json()["ok"] is True
    assert sent(either) == [arrived] == [either.messages(JOHN)[0]["text"]]
    values = {"name": "x", "ordernumber": "1"}
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    named = {"template_name": "order_update", "broadcast_name": "b", "parameters": parameters}
    either.fault("altered", change="signature")
    either.post(f"{V1}/sendTemplateMessage?whatsappNumber={JOHN}", json=named)
    assert either.messages(JOHN)[0]["finalText"].endswith("is ready.\n-- \nSent by Acme")


def test_every_change_of_a_text_is_tested_here():
    from wati.sandbox import changes

    assert set(ALTERED) == set(changes.TEXTS)


def test_what_only_changes_an_answer_strikes_beside_what_breaks_it(either):
    either.fault("altered", change="cut")
    either.fault("lost_answer")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        say(either)
    assert sent(either) == ["he"] and control.waiting_faults(either.path) == []


def times(world):
    pages = [
        world.get(f"{V1}/getMessages/14155555678?pageSize=20&pageNumber={number}").json() for number in (1, 2)
    ]
    return [[row["created"] for row in page["messages"]["items"]] for page in pages]


def test_lists_in_another_order(either):
    first, second = times(either)
    assert [*first, *second] == sorted([*first, *second], reverse=True)
    either.fault("unordered", order="oldest", times=2)
    first, second = times(either)
    assert [*first, *second] == sorted([*first, *second])
    either.fault("unordered", order="none", times=2)
    mixed = times(either)
    assert mixed[0] not in (sorted(mixed[0]), sorted(mixed[0], reverse=True))


def test_times_without_a_zone(either):
    (right,) = [row["created"] for row in either.messages(JOHN)[:1]]
    either.fault("unzoned", seconds=7200)
    row = either.messages(JOHN)[0]
    assert not row["created"].endswith("Z") and row["created"] > right
    assert row["created"][:10] >= right[:10] and row["timestamp"]


def test_a_wrong_date_and_none(either):
    right = either.get("/connections").headers["date"]
    either.fault("date", seconds=-300)
    assert right == "Mon, 05 Jan 2026 12:00:00 GMT"
    assert either.get("/connections").headers["date"] == "Mon, 05 Jan 2026 11:55:00 GMT"
    either.fault("undated")
    assert "date" not in either.get("/connections").headers
    either.fault("date", seconds=300)
    either.fault("status", status=500)
    answer = either.get("/connections")
    assert (answer.status_code, answer.headers["date"]) == (500, "Mon, 05 Jan 2026 12:05:00 GMT")


def test_times_and_after(world):
    world.fault("status", status=500, times=2, after=1)
    assert [world.get("/connections").status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    world.fault("status", status=503, times=0)
    assert {world.get("/connections").status_code for _ in range(5)} == {503}
    assert control.waiting_faults(world.path)[0]["times"] == 0
    assert control.clear_faults(world.path) == []
    assert world.get("/connections").status_code == 200


def test_several_faults_strike_in_their_order(world):
    control.fault(world.path, [{"fault": "status", "status": 500}, {"fault": "status", "status": 502}])
    assert [world.get("/connections").status_code for _ in range(3)] == [500, 502, 200]


@pytest.mark.parametrize(
    ("match", "strikes"),
    [
        ({}, True),
        ({"method": "post"}, True),
        ({"method": "GET"}, False),
        ({"path": SEND}, True),
        ({"path": f"{V1}/send*"}, True),
        ({"path": f"{V1}/send"}, False),
        ({"connection": "sandbox-main"}, True),
        ({"connection": "sandbox-pending"}, False),
    ],
)
def test_a_fault_strikes_only_what_it_matches(world, match, strikes):
    world.fault("status", status=500, match=match)
    assert (say(world).status_code == 500) is strikes
    assert len(control.waiting_faults(world.path)) == (0 if strikes else 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"fault": "earthquake"},
        {"fault": ["reset"]},
        {"fault": "delay"},
        {"fault": "delay", "seconds": -1},
        {"fault": "status"},
        {"fault": "status", "status": 99},
        {"fault": "status", "status": 302, "location": "https://example.com/\n"},
        {"fault": "reset", "seconds": 1},
        {"fault": "reset", "match": {"host": "x"}},
        {"fault": "reset", "times": -1},
        {"fault": "huge", "bytes": 10**12},
        [{"fault": "reset"}, {"fault": "nope"}],
        "reset",
    ],
)
def test_a_wrong_fault_is_refused_with_its_place(state_file, wrong):
    with pytest.raises(control.InvalidInput) as raised:
        control.fault(state_file, wrong)
    assert raised.value.problems
    assert control.waiting_faults(state_file) == []


def test_a_bug_in_the_sandbox_is_a_500_that_says_so(world, monkeypatch, capsys):
    from wati.sandbox import people

    def broken(*_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(people, "find", broken)
    answer = world.get(f"{V1}/getMessages/{JOHN}")
    assert answer.status_code == 500
    assert "sandbox bug: ZeroDivisionError" in answer.json()["error"]["message"]
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("count", [0, 2, 5000])
def test_the_total_of_contacts_can_lie(world, count):
    right = world.get(f"{V1}/getContacts?pageSize=3").json()
    world.fault("total", count=count)
    world.get(f"{V1}/getMessages/14155551234")  # not the list: the fault waits
    wrong = world.get(f"{V1}/getContacts?pageSize=3").json()
    assert wrong["link"]["total"] == count != right["link"]["total"]
    assert {**wrong, "link": {**wrong["link"], "total": 0}} == {
        **right,
        "link": {**right["link"], "total": 0},
    }


def test_every_kind_of_fault_is_tested_here_or_beside_the_habits():
    files = (Path(__file__), Path(__file__).with_name("test_sandbox_habits.py"))
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    assert faults.KINDS
    assert [kind for kind in faults.KINDS if f'"{kind}"' not in source] == []
