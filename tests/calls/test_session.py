"""Calls from code: one session for hundreds of calls from several threads, compared with the scripts."""

from __future__ import annotations

import datetime
import json
import re
import sqlite3
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, RUNNABLE, Run
from recording import CONNECTION, Answer, FarSide, reply
from sends import JANE, JOHN, MARIA, PDF, VALUES, World, make_world
from wati.calls.perform import perform
from wati.calls.run import run
from wati.calls.session import Session
from wati.cli.command import execute
from wati.contract.call import Call
from wati.contract.failures import FAILURES, Failure
from wati.contract.options import Options
from wati.mcp.asking import bound
from wati.sandbox import State, control, limits
from wati.sandbox.app import Sandbox
from wati.sandbox.server import Server
from wati.wire import interrupts, pace

THREADS, ROUNDS = 4, 15
FASTER = 10  # the windows of all limits are so many times shorter, on both sides
PHOTO = "data/images/9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg"

Made = tuple[str, dict[str, Any], dict[str, Any]]  # script, arguments, options


def test_a_yes_to_other_bytes_of_a_file_sends_nothing(far_side: FarSide, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(PDF)
    environ = {"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url, "WATI_FILE_ROOTS": str(tmp_path)}
    arguments = {"whatsappNumber": JOHN, "file": str(tmp_path / "a.pdf")}
    with Session({**environ, "WATI_JOURNAL": str(tmp_path / "journal.sqlite")}) as session:
        call = bound(session, Call(ENDPOINTS["send_session_file"], arguments))
        (tmp_path / "a.pdf").write_bytes(PDF.replace(b"1.4", b"1.5"))
        for options in (Options(), Options(dry_run=True)):
            with pytest.raises(Failure, match="changed since") as refused:
                perform(session, call.replace(options=options))
            assert refused.value.code == "confirmation_required" and far_side.writes == []
        (tmp_path / "a.pdf").write_bytes(PDF)
        perform(session, call)
    assert len(far_side.writes) == 1


def test_the_list_of_the_blocked_is_read_anew_for_each_send(far_side: FarSide, tmp_path: Path) -> None:
    listed = tmp_path / "blocked.txt"
    listed.write_text(JANE, encoding="utf-8")
    environ = {"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url, "WATI_BLOCKED_RECIPIENTS": f"@{listed}"}
    with Session({**environ, "WATI_JOURNAL": str(tmp_path / "journal.sqlite")}) as session:

        def send(text: str) -> str:
            arguments = {"whatsappNumber": JOHN, "messageText": text}
            _, found = run(session, Call(ENDPOINTS["send_session_message"], arguments))
            return str(found.get("outcome") or found["error"]["code"])

        assert send("1") == "accepted"
        listed.write_text(f"{JANE}\n{JOHN}\n", encoding="utf-8")
        assert send("2") == "recipient_not_allowed"
        listed.unlink()
        assert send("3") == "bad_setup"
        listed.write_text("", encoding="utf-8")
        assert send("4") == "accepted"
    assert len(far_side.writes) == 2


class CountingServer(Server):
    """Counts the connections that clients open."""

    opened = 0

    def verify_request(self, request: Any, client_address: Any) -> bool:
        self.opened += 1
        return super().verify_request(request, client_address)


@pytest.fixture
def serve() -> Iterator[Callable[[str], CountingServer]]:
    servers: list[CountingServer] = []

    def start(state: str) -> CountingServer:
        server = CountingServer(Sandbox(State(state)))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def world(tmp_path: Path, call: Callable[..., Run]) -> World:
    return make_world(tmp_path, call)


def environ_of(state: str, url: str) -> dict[str, str]:
    return {"MATON_API_KEY": "sandbox", "MATON_BASE_URL": url, "WATI_SANDBOX_STATE": state}


def one_of_each(number: int, folder: Path) -> Iterator[Made]:
    """Each endpoint once; no two rounds send the same message, and nobody writes to Maria."""

    def values(what: str) -> list[dict[str, str]]:
        return [{"name": "name", "value": "John"}, {"name": "ordernumber", "value": f"{what}{number}"}]

    def both(what: str) -> dict[str, Any]:
        return {
            **named,
            "receivers": [{"whatsappNumber": to, "customParams": values(what)} for to in (JOHN, JANE)],
        }

    named = {"template_name": "order_update", "broadcast_name": "b"}
    (folder / f"{number}.csv").write_text(
        f"Phone,name,ordernumber\n{JOHN},John,c{number}\n", encoding="utf-8"
    )
    (folder / f"{number}.pdf").write_bytes(b"%%PDF-1.4\n%d\n%%%%EOF\n" % number)
    over = {"connection": "sandbox-main"} if number % 2 else {}
    yield "list_connections", {"status": "ACTIVE"}, {}
    yield "create_connection", {}, {}
    yield "get_connection", {"connection_id": "sandbox-main"}, {}
    yield "delete_connection", {"connection_id": f"none-{number}"}, {"confirm": f"none-{number}"}
    yield "get_contacts", {"name": "Maria"}, over
    yield "add_contact", {"whatsappNumber": f"141555600{number:02}", "name": f"New {number}"}, over
    yield "update_contact_attributes", {"whatsappNumber": JOHN, "customParams": [VALUES[0]]}, over
    yield "get_messages", {"whatsappNumber": MARIA}, over
    yield "get_message_templates", {"pageSize": 2}, {**over, "fields": [("elementName",)]}
    yield "get_media", {"fileName": PHOTO}, {**over, "output": f"{number}.jpg"}
    yield "send_session_message", {"whatsappNumber": JOHN, "messageText": f"Text {number}"}, over
    yield "send_session_file", {"whatsappNumber": JOHN, "file": f"{number}.pdf"}, over
    yield "send_template_message", {**named, "whatsappNumber": JANE, "parameters": values("a")}, over
    yield "send_template_message_v2", {**named, "whatsappNumber": JANE, "parameters": values("b")}, over
    yield "send_template_messages", both("d"), {**over, "confirm": "2"}
    yield "send_template_messages_v2", both("e"), {**over, "confirm": "2"}
    yield (
        "send_template_message_csv",
        {**named, "whatsapp_numbers_csv": f"{number}.csv"},
        {**over, "confirm": "1"},
    )
    yield (
        "send_interactive_buttons_message",
        {"whatsappNumber": JOHN, "body": f"Buttons {number}", "buttons": [{"text": "Yes"}]},
        over,
    )
    rows = [{"title": "All", "rows": [{"title": "A", "description": "the first"}]}]
    menu = {"whatsappNumber": JOHN, "body": f"Menu {number}", "buttonText": "Open", "sections": rows}
    yield "send_interactive_list_message", menu, over
    yield "assign_operator", {"whatsappNumber": JOHN, "email": f"nobody{number}@example.com"}, over


def argv(arguments: dict[str, Any], options: dict[str, Any]) -> list[str]:
    flags = {**options, **({"fields": "elementName"} if "fields" in options else {})}
    return [
        json.dumps(arguments),
        *chain.from_iterable((f"--{name}", value) for name, value in flags.items()),
    ]


def comparable(document: Any) -> str:
    """A document without what no two runs share: ids and times."""
    text = json.dumps(document, sort_keys=True)
    return re.sub(
        r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24}|(?<=id=)[0-9]+|\d{4}-\d\d-\d\d[T ][0-9:.]+Z?", "…", text
    )


def test_300_calls_in_one_session_are_those_of_300_scripts(
    world: World,
    serve: Callable[[str], CountingServer],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    faster = {
        name: limits.Limit(own.calls, own.seconds / FASTER, own.queues)
        for name, own in limits.ENDPOINTS.items()
    }
    monkeypatch.setattr(limits, "ENDPOINTS", faster)
    monkeypatch.setattr(
        limits, "GATEWAY", limits.Limit(limits.GATEWAY.calls, limits.GATEWAY.seconds / FASTER)
    )
    monkeypatch.setattr(pace, "GATEWAY", (limits.GATEWAY.calls, limits.GATEWAY.seconds))
    monkeypatch.setattr(
        pace, "LIMITS", {path: (count, each / FASTER) for path, (count, each) in pace.LIMITS.items()}
    )
    calls = [made for number in range(ROUNDS) for made in one_of_each(number, tmp_path)]
    assert len(calls) == 300 and {name for name, _, _ in calls} == set(ENDPOINTS)
    control.reset(world.state)
    assert control.requests(world.state) == []

    server = serve(world.state)
    with Session(environ_of(world.state, server.url)) as session:

        def make(made: Made) -> tuple[int, Any]:
            name, arguments, options = made
            return run(session, Call(RUNNABLE[name], arguments, Options(**options)))

        with ThreadPoolExecutor(THREADS) as threads:
            ours = list(threads.map(make, calls))
        journal = session.journal
        assert journal is not None
        path = journal.path

    # The far side: no request was one too many, all came over a few connections, each message once.
    assert server.opened <= 2 * THREADS
    statuses = {request["status"] for request in control.requests(world.state)}
    assert statuses == {200, 404}, "404: there is no such connection to delete"
    delivered = [(row["whatsappNumber"], row.get("text") or row["fileName"]) for row in world.delivered]
    assert len(set(delivered)) == len(delivered) >= ROUNDS * 8
    with closing(sqlite3.connect(path)) as db:
        states = dict(db.execute("SELECT state, count(*) FROM messages GROUP BY state"))
    assert states == {"accepted": len(delivered)}

    # The scripts, one after the other, in a world like it.
    other = str(tmp_path / "other" / "sandbox.sqlite")
    control.reset(other, limits=False)
    for photo in tmp_path.glob("*.jpg"):
        photo.unlink()
    environ = environ_of(other, serve(other).url)
    monkeypatch.setattr(pace.Pacer, "wait", lambda *_, **__: True)
    for (name, arguments, options), (exit_code, document) in zip(calls, ours, strict=True):
        theirs, text = execute(RUNNABLE[name], argv(arguments, options), environ)
        assert (exit_code, comparable(document)) == (theirs, comparable(json.loads(text))), name


@pytest.fixture
def environ(far_side: FarSide, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.chdir(tmp_path)
    return {"MATON_API_KEY": KEY, "MATON_BASE_URL": far_side.url, "WATI_JOURNAL": str(tmp_path / "journal")}


HELLO = {"whatsappNumber": JOHN, "messageText": "Hello"}


def test_a_call_is_data_that_anyone_can_print(environ: dict[str, str], far_side: FarSide) -> None:
    call = Call(ENDPOINTS["send_session_message"], HELLO, Options(dry_run=True, raw=True))
    before = vars(call).copy()
    assert repr(call) == f"Call(send_session_message, {HELLO!r}, Options(dry_run=True, raw=True))"
    with Session(environ) as session:
        assert perform(session, call).data["request"]["form"] == {"messageText": "Hello"}
    assert vars(call) == before, "making a call changes nothing of it"
    assert far_side.writes == []


def test_the_pool_and_the_journal_outlive_a_call(environ: dict[str, str], far_side: FarSide) -> None:
    send = Call(ENDPOINTS["send_session_message"], HELLO)
    with Session(environ) as session:
        assert perform(session, send).data["result"] == "success"
        with pytest.raises(Failure) as repeated:
            perform(session, send)
        assert repeated.value.code == "repeated_send"
        assert perform(session, Call(ENDPOINTS["get_contacts"])).data["contact_list"]
        assert far_side.connections == 1
    assert len(far_side.writes) == 1


@pytest.mark.parametrize(
    ("name", "arguments", "variable", "code"),
    [
        ("send_session_message", {"whatsappNumber": "+1 415", "messageText": ""}, {}, "invalid_arguments"),
        ("send_session_message", HELLO, {"WATI_READ_ONLY": "1"}, "read_only"),
        ("send_session_message", HELLO, {"WATI_ALLOWED_RECIPIENTS": JANE}, "recipient_not_allowed"),
        ("send_session_message", HELLO, {"MATON_API_KEY": ""}, "missing_key"),
        ("delete_connection", {"connection_id": "conn-1"}, {}, "confirmation_required"),
    ],
)
def test_calls_from_code_meet_the_same_guards(
    name: str,
    arguments: dict[str, Any],
    variable: dict[str, str],
    code: str,
    environ: dict[str, str],
    far_side: FarSide,
) -> None:
    with Session({**environ, **variable}) as session:
        exit_code, document = run(session, Call(ENDPOINTS[name], arguments))
        assert (exit_code, document["error"]["code"]) == (FAILURES[code][0], code)
    assert far_side.requests == []


def test_a_session_refuses_a_wrong_setup_at_once(environ: dict[str, str]) -> None:
    with pytest.raises(Failure) as failure:
        Session({**environ, "MATON_BASE_URL": "https://example.com"})
    assert failure.value.code == "bad_setup"


def test_no_cookie_is_kept_between_calls(environ: dict[str, str], far_side: FarSide) -> None:
    far_side.always(reply({"connections": []}, **{"Set-Cookie": "a=b; Path=/"}), to="/connections")
    with Session(environ) as session:
        for _ in range(2):
            perform(session, Call(ENDPOINTS["list_connections"]))
    assert [request.header("cookie") for request in far_side.requests] == [None, None]


def test_a_place_is_free_again_a_window_after_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a request was on its way: the far side never sees one too many."""
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=lambda seconds: now.append(now.pop() + seconds))
    monkeypatch.setattr(pace, "time", clock)
    monkeypatch.setattr(pace, "GATEWAY", (2, 1.0))
    monkeypatch.setattr(pace, "LIMITS", {"/slow": (1, 10.0)})
    pacer = pace.Pacer()
    assert pacer.wait("/slow", 200) and pacer.wait("/quick", 200)
    now[0] = 105.0  # both are still on their way
    assert not pacer.wait("/quick", 105.0)
    pacer.answered("/quick")
    assert not pacer.wait("/quick", 105.5)
    assert pacer.wait("/quick", 200) and 106.0 <= now[0] < 106.1
    pacer.answered("/slow")
    pacer.answered("/quick")
    assert pacer.wait("/slow", 200) and 116.0 <= now[0] < 116.1
    pacer.answered("/slow")
    assert not pacer.wait("/slow", 126.0)
    assert pacer.wait("/quick", 200, spare=1) and 117.0 <= now[0] < 117.2


def test_what_was_checked_is_sent_whatever_the_caller_changes_meanwhile(
    environ: dict[str, str], far_side: FarSide
) -> None:
    far_side.will(
        Answer(200, json.dumps({"connections": [CONNECTION]}).encode(), delay=0.3), to="/connections"
    )
    arguments = dict(HELLO)
    call = Call(ENDPOINTS["send_session_message"], arguments)
    with Session({**environ, "WATI_ALLOWED_RECIPIENTS": JOHN}) as session, ThreadPoolExecutor() as threads:
        done = threads.submit(perform, session, call)
        assert far_side.wait_for(1)
        arguments["whatsappNumber"], call.options.again = JANE, True
        assert done.result().data["ok"] is True
        assert far_side.writes[0].path.endswith(f"/{JOHN}")
        assert [each.receiver for each in sent(session)] == [JOHN]


def sent(session: Session) -> list[Any]:
    assert session.journal is not None
    send = session.journal.send(1)
    assert send is not None
    return send.entries


def test_calls_share_no_defaults() -> None:
    first, second = Call(ENDPOINTS["get_contacts"]), Call(ENDPOINTS["get_contacts"])
    first.options.again = True
    first.arguments["name"] = "x"  # type: ignore[index]
    assert not second.options.again and second.arguments == {}


def test_ctrl_c_is_the_program_s_and_leaves_the_journal_whole(
    environ: dict[str, str], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A call must not keep it: the program's loop would go on sending."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    over = Options(connection="conn-1")
    with Session(environ) as session:
        with monkeypatch.context() as patch:
            patch.setattr("wati.wire.gateway.Gateway._attempt", interrupt)
            with pytest.raises(KeyboardInterrupt):
                perform(session, Call(ENDPOINTS["send_session_message"], HELLO, over))
            with pytest.raises(KeyboardInterrupt):
                perform(session, Call(ENDPOINTS["get_contacts"], {}, Options(all=True)))
        assert [each.state for each in sent(session)] == ["not_sent"]
        assert perform(session, Call(ENDPOINTS["send_session_message"], HELLO, over)).data["ok"]
    assert len(far_side.writes) == 1


def test_a_bug_before_a_send_leaves_it_free_to_be_sent(
    environ: dict[str, str], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError

    send = Call(ENDPOINTS["send_session_message"], HELLO, Options(connection="conn-1"))
    with Session(environ) as session:
        with monkeypatch.context() as patch:
            patch.setattr("wati.wire.gateway.Gateway._attempt", fail)
            with pytest.raises(Failure) as failure:
                perform(session, send)
        assert (failure.value.code, failure.value.outcome) == ("internal", "not_sent")
        assert [each.state for each in sent(session)] == ["not_sent"] and far_side.writes == []
        assert perform(session, send).data["ok"]
    assert len(far_side.writes) == 1


def test_whatever_a_signal_became_it_was_a_signal(
    environ: dict[str, str], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption in a callback of a module in C can come out as any error."""

    def become_a_bug(*_: Any) -> None:
        with suppress(KeyboardInterrupt):
            interrupts.handle()
        raise ZeroDivisionError

    monkeypatch.setattr("wati.wire.gateway.Gateway._attempt", become_a_bug)
    send = Call(ENDPOINTS["send_session_message"], HELLO, Options(connection="conn-1"))
    with Session(environ) as session:
        try:
            with pytest.raises(Failure) as failure:
                perform(session, send)
        finally:
            interrupts.one_call(lambda: None)  # takes the mark away
        assert (failure.value.code, failure.value.outcome) == ("timeout", "not_sent")
        assert [each.state for each in sent(session)] == ["not_sent"]
    assert far_side.writes == []


def test_a_closed_session_sends_and_enters_nothing(environ: dict[str, str], far_side: FarSide) -> None:
    with Session(environ) as session:
        pass
    with pytest.raises(RuntimeError):
        perform(session, Call(ENDPOINTS["send_session_message"], HELLO))
    assert far_side.requests == [] and not Path(environ["WATI_JOURNAL"]).exists()


def test_a_far_side_that_drips_keeps_no_thread_of_the_session(
    environ: dict[str, str], far_side: FarSide
) -> None:
    def drip() -> Iterator[bytes]:
        while True:
            yield b" "

    far_side.always(Answer(body=drip(), drip=0.05), to="/connections")
    with Session(environ) as session:
        for _ in range(5):
            with pytest.raises(Failure) as failure:
                perform(session, Call(ENDPOINTS["list_connections"], {}, Options(timeout=0.3)))
            assert failure.value.code == "timeout"
        # The far side still drips, and the session is open: an attempt has to end by itself.
        deadline = time.monotonic() + 5
        while attempts() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert attempts() == []


def attempts() -> list[FrameType]:
    """What runs in the threads of attempts (wire/departure.py)."""
    tops = sys._current_frames().values()
    return [frame for top in tops for frame, _ in traceback.walk_stack(top) if _is_attempt(frame)]


def _is_attempt(frame: FrameType) -> bool:
    return (Path(frame.f_code.co_filename).name, frame.f_code.co_name) == ("departure.py", "work")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("get_contacts", {"timeout": 0}),
        ("get_contacts", {"timeout": float("nan")}),
        ("get_contacts", {"timeout": 1e300}),
        ("get_contacts", {"all": True, "max_items": 0}),
        ("get_contacts", {"connection": "a b\r\nX: y"}),
        ("get_contacts", {"confirm": "1"}),
        ("get_contacts", {"output": "a.csv"}),
        ("send_session_message", {"all": True}),
        ("send_session_message", {"output": "a"}),
        ("list_connections", {"connection": "conn-1"}),
        ("check_send", {"dry_run": True}),
    ],
)
def test_options_are_checked_as_flags_are(
    name: str, given: dict[str, Any], environ: dict[str, str], far_side: FarSide
) -> None:
    arguments = HELLO if name == "send_session_message" else {}
    with Session(environ) as session:
        exit_code, document = run(session, Call(RUNNABLE[name], arguments, Options(**given)))
    assert (exit_code, document["error"]["code"]) == (2, "usage")
    assert far_side.requests == []


@pytest.mark.parametrize("arguments", [["x"], "x", 1, {"whatsappNumber": datetime.date(2026, 1, 2)}])
def test_arguments_of_any_type_are_judged(arguments: Any, environ: dict[str, str], far_side: FarSide) -> None:
    with Session(environ) as session:
        exit_code, document = run(session, Call(ENDPOINTS["send_session_message"], arguments))
    assert exit_code == 2 and document["error"]["code"] in ("invalid_json", "invalid_arguments")
    assert far_side.requests == []


def test_no_member_of_a_failure_holds_a_secret(
    environ: dict[str, str], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f"no such key: {KEY}"
    members = {
        "hint": told,
        "problems": [{"at": told, "problem": told}],
        "warnings": [told],
        "receivers": {told: [told]},
        "answer": {told: [told]},
        "items": [{told: told}],
    }

    def fail(*_: Any) -> None:
        raise Failure("rejected", told, **members)

    monkeypatch.setattr("wati.wire.gateway.Gateway.exchange", fail)
    with Session(environ) as session, pytest.raises(Failure) as failure:
        perform(session, Call(ENDPOINTS["list_connections"]))
    for name in ("message", *members):
        assert "no such key: " in (shown := repr(getattr(failure.value, name))) and KEY not in shown, name


def test_a_failure_holds_no_secret(environ: dict[str, str], far_side: FarSide) -> None:
    echo = {"message": f"no such key: {KEY}", "url": "https://connect.maton.ai/?session_token=live"}
    far_side.will(reply(echo, 401), to="/connections")
    with Session(environ) as session, pytest.raises(Failure) as failure:
        perform(session, Call(ENDPOINTS["list_connections"]))
    shown = "".join(traceback.format_exception(failure.value)) + repr(vars(failure.value))
    assert KEY not in shown and "session_token=live" not in shown
    assert "no such key" in shown
