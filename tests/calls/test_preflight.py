"""The dry run: what it reads, finds and calls unknown; that it sends nothing, the far side says."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from conftest import ENDPOINTS, KEY, ROOT, SANDBOX, Run
from recording import CONNECTION, Answer, FarSide, reply
from sends import make_world
from wati.calls import findings, preconditions
from wati.contract import failures
from wati.contract.endpoint import Endpoint
from wati.files import media
from wati.journal import uptime
from wati.output.document import NOTICE
from wati.reads import inbox, templates
from wati.reads.rows import iso, moment
from wati.sandbox import control

Json = dict[str, Any]
JOHN, JANE, NOBODY = "14155551234", "14155555678", "14155559999"
NOW = 1_770_000_000.0
DAY = 24 * 3600
TEMPLATES = "/wati/api/v1/getMessageTemplates"
MESSAGES = "/wati/api/v1/getMessages"


@pytest.fixture
def dry(call: Callable[..., Run], state: str) -> Callable[..., Run]:
    """`dry(name, arguments, *flags)`: a dry run on the sandbox, which delivered nothing and saw reads."""

    def run(name: str, arguments: Any, *flags: str) -> Run:
        done = call(name, arguments, "--dry-run", *flags, **SANDBOX)
        assert control.log(state) == []
        assert {request["method"] for request in control.requests(state)} <= {"GET"}
        return done

    return run


def session(number: str = JOHN) -> Json:
    return {"whatsappNumber": number, "messageText": "Hello"}


def single(template: str = "order_update", **values: str) -> Json:
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    return {
        "whatsappNumber": JANE,
        "template_name": template,
        "broadcast_name": "b",
        "parameters": parameters,
    }


ORDER = {"name": "Jane", "ordernumber": "67890"}


def bulk(*receivers: dict[str, str], template: str = "order_update") -> Json:
    listed = [
        {
            "whatsappNumber": f"1415556{index:04}",
            "customParams": [{"name": name, "value": value} for name, value in values.items()],
        }
        for index, values in enumerate(receivers)
    ]
    return {"template_name": template, "broadcast_name": "b", "receivers": listed}


def csv(template: str = "order_update") -> Json:
    return {"template_name": template, "broadcast_name": "b", "whatsapp_numbers_csv": "list.csv"}


def codes(run: Run) -> list[tuple[str, str | None]]:
    return [(problem["at"], problem.get("code")) for problem in run.error["problems"]]


def the_problem(run: Run) -> Json:
    """The only problem of a dry run that nothing else was wrong with."""
    assert (run.exit, run.error["code"]) == (2, "preflight_failed"), run.text
    (problem,) = run.error["problems"]
    assert isinstance(problem, dict)
    return problem


# --- it sends nothing --------------------------------------------------------------------------------------


def test_no_dry_run_sends_or_changes_anything(
    each_endpoint: Endpoint, call_example: Callable[..., Run], state: str
) -> None:
    run = call_example(each_endpoint, "--dry-run", **SANDBOX)
    assert run.exit in (0, 2), run.text
    assert control.log(state) == []
    seen = control.requests(state)
    assert all(request["method"] == "GET" for request in seen)
    assert bool(seen) is (each_endpoint.name != "list_connections"), "it looked at something"


def test_a_dry_run_of_wrong_arguments_sends_nothing_either(
    each_endpoint: Endpoint, call: Callable[..., Run], state: str
) -> None:
    schema = json.loads(Path(each_endpoint.schema_file).read_text(encoding="utf-8"))
    wrong: list[Any] = [7, "", None, [], {}, "../x", [{}], [{"customParams": 1}], "+14155551234"]
    for value in wrong:
        arguments = {**dict.fromkeys(schema["properties"], value), "zzz": 1}
        run = call(each_endpoint.name, arguments, "--dry-run", **SANDBOX)
        assert run.exit == 2 and "$.zzz" in [problem["at"] for problem in run.error["problems"]], run.text
    assert control.log(state) == []
    for request in control.requests(state):
        assert request["method"] == "GET"
        assert re.fullmatch(r"/connections|/wati/api/v1/getMessageTemplates", request["path"]), request


def test_every_endpoint_names_checks_that_exist(each_endpoint: Endpoint) -> None:
    assert (each_endpoint.preflight == ()) is (each_endpoint.name == "list_connections")
    for check in each_endpoint.preflight:
        assert callable(check) or check in preconditions.CHECKS
    if each_endpoint.through_wati:
        assert each_endpoint.preflight[0] == "connection", "what it finds decides what can be asked"


# --- every problem has a code ------------------------------------------------------------------------------

PDF = b"%PDF-1.4\n%%EOF\n"


def seeded(*connections: str) -> Callable[[str], Any]:
    rows = [{"connection_id": connection_id, "status": "ACTIVE"} for connection_id in connections]
    return lambda state: control.seed(state, {"connections": rows})


def without_connections(state: str) -> None:
    pending = [{"connection_id": "sandbox-main", "status": "PENDING"}]
    control.seed(state, {"connections": pending})


def nothing(_: str) -> None:
    pass


# code: the endpoint, its arguments, flags, what is done to the world first, the place, what the problem says
CASES: dict[str, list[tuple[str, Json, list[str], Callable[[str], Any], str, str]]] = {
    "connection_missing": [
        (
            "send_session_message",
            session(),
            [],
            without_connections,
            "--connection",
            "sandbox-main is PENDING",
        ),
        ("get_contacts", {}, [], without_connections, "--connection", "no wati connection is ACTIVE"),
        ("send_session_message", session(), ["--connection", "x"], nothing, "--connection", "sandbox-main"),
        ("get_contacts", {}, ["--connection", "x"], nothing, "--connection", "ACTIVE: sandbox-main"),
        ("delete_connection", {"connection_id": "x"}, [], nothing, "$.connection_id", "sandbox-failed"),
        ("get_connection", {"connection_id": "x"}, [], nothing, "$.connection_id", "no connection x"),
    ],
    "connection_ambiguous": [
        ("send_session_message", session(), [], seeded("second"), "--connection", "second, sandbox-main"),
        ("add_contact", {"whatsappNumber": NOBODY}, [], seeded("second"), "--connection", "2 wati"),
    ],
    "connection_not_active": [
        (
            "send_template_message",
            single(**ORDER),
            ["--connection", "sandbox-pending"],
            nothing,
            "--connection",
            "is PENDING; ACTIVE: sandbox-main",
        ),
    ],
    "template_missing": [
        (
            "send_template_message",
            single("order_updat", **ORDER),
            [],
            nothing,
            "$.template_name",
            "order_update?",
        ),
        ("send_template_messages", bulk({}, template="zzz"), [], nothing, "$.template_name", "welcome"),
        ("send_template_message_v2", single("WELCOME"), [], nothing, "$.template_name", "mean welcome?"),
    ],
    "template_not_approved": [
        (
            "send_template_message_v2",
            single("account_alert", name="x"),
            [],
            nothing,
            "$.template_name",
            "is REJECTED",
        ),
        (
            "send_template_messages_v2",
            bulk({"name": "x"}, template="spring_sale"),
            [],
            nothing,
            "$.template_name",
            "PENDING",
        ),
    ],
    "parameter_missing": [
        ("send_template_message", single(name="Jane"), [], nothing, "$.parameters", '"ordernumber"'),
        # customParams does not list it: it stands in the button alone.
        (
            "send_template_message",
            single("payment_link", name="Jane"),
            [],
            nothing,
            "$.parameters",
            '"invoice"',
        ),
        (
            "send_template_messages",
            bulk(ORDER, {"name": "x"}),
            [],
            nothing,
            "$.receivers[1].customParams",
            '"ordernumber"',
        ),
    ],
    "parameter_unknown": [
        (
            "send_template_message",
            single(**ORDER, eta="today"),
            [],
            nothing,
            "$.parameters[2].name",
            "its parameters are name, ordernumber",
        ),
        (
            "send_template_message_v2",
            single("welcome", name="x"),
            [],
            nothing,
            "$.parameters[0].name",
            "has none",
        ),
        (
            "send_template_message",
            single("order_update", **{"1": "a", "2": "b"}),
            [],
            nothing,
            "$.parameters",
            "has 1, 2; the template's parameters are named, not positional: name, ordernumber",
        ),
        (
            "send_template_message",
            single("appointment_reminder", day="Monday", hour="10:00"),
            [],
            nothing,
            "$.parameters",
            "has day, hour; the template's parameters are positional, not named: 1, 2",
        ),
    ],
    "parameter_unsendable": [
        (
            "send_template_message",
            single("payment_link", name="Jane", invoice="no 7"),
            [],
            nothing,
            "$.parameters[1].value",
            "space",
        ),
    ],
    "window_closed": [
        ("send_session_message", session(JANE), [], nothing, "$.whatsappNumber", "2 days ago"),
        (
            "send_interactive_buttons_message",
            {"whatsappNumber": JANE, "body": "b", "buttons": [{"text": "x"}]},
            [],
            nothing,
            "$.whatsappNumber",
            "only an APPROVED template",
        ),
        (
            "send_interactive_list_message",
            {
                "whatsappNumber": JANE,
                "body": "b",
                "buttonText": "x",
                "sections": [{"title": "t", "rows": [{"title": "r"}]}],
            },
            [],
            nothing,
            "$.whatsappNumber",
            "window closed",
        ),
    ],
    "conversation_missing": [
        ("send_session_message", session(NOBODY), [], nothing, "$.whatsappNumber", NOBODY),
        (
            "update_contact_attributes",
            {"whatsappNumber": NOBODY, "customParams": [{"name": "a", "value": "b"}]},
            [],
            nothing,
            "$.whatsappNumber",
            "add_contact.py",
        ),
        (
            "assign_operator",
            {"whatsappNumber": NOBODY, "email": "agent@example.com"},
            [],
            nothing,
            "$.whatsappNumber",
            "no conversation",
        ),
    ],
    "file_not_allowed": [
        ("get_media", {"fileName": "data/documents/taken.pdf"}, [], nothing, "--output", "taken.pdf exists"),
    ],
}
FLAT = [pytest.param(code, *case, id=f"{code} {case[0]}") for code, cases in CASES.items() for case in cases]


def test_every_code_is_found_by_some_test() -> None:
    # Below; the fourth in tests/journal/test_journal.py, those of plans and imports in tests/campaigns.
    elsewhere = {"file_type", "file_too_large", "look_up_failed", "repeated_send"}
    elsewhere |= {"member_unknown", "audience_empty", "column_missing", "attribute_near"}
    assert set(CASES) | elsewhere == set(findings.CODES)
    assert not set(CASES) & elsewhere


@pytest.mark.parametrize(("code", "name", "arguments", "flags", "prepare", "at", "said"), FLAT)
def test_a_problem_is_named_with_its_place_and_its_code(
    code: str,
    name: str,
    arguments: Json,
    flags: list[str],
    prepare: Callable[[str], Any],
    at: str,
    said: str,
    dry: Callable[..., Run],
    state: str,
    tmp_path: Path,
) -> None:
    (tmp_path / "taken.pdf").write_bytes(b"mine")
    prepare(state)
    run = dry(name, arguments, *flags)
    assert (run.exit, run.error["code"], run.error["source"]) == (2, "preflight_failed", "package"), run.text
    assert run.error.get("outcome") == (None if ENDPOINTS[name].effect == "read" else "not_sent")
    problem = the_problem(run)
    assert (problem["at"], problem["code"]) == (at, code)
    assert said in problem["problem"]
    assert (tmp_path / "taken.pdf").read_bytes() == b"mine"


def test_a_misspelt_parameter_is_told_the_near_one(dry: Callable[..., Run]) -> None:
    run = dry("send_template_message", single(name="Jane", ordernumbr="1"))
    assert codes(run) == [
        ("$.parameters[1].name", "parameter_unknown"),
        ("$.parameters", "parameter_missing"),
    ]
    assert "did you mean ordernumber?" in run.error["problems"][0]["problem"]


def test_what_a_dry_run_refuses_the_sandbox_refuses_or_fails(
    dry: Callable[..., Run], call: Callable[..., Run], state: str
) -> None:
    """The judge is the other side: of each case, the real send is refused, or accepted and then FAILED."""
    for _, cases in CASES.items():
        for name, arguments, flags, prepare, _at, said in cases:
            if ENDPOINTS[name].effect != "send" or "its parameters are" in said or "has none" in said:
                continue  # of a value too many nobody knows what WATI does with it
            control.reset(state, limits=False)
            prepare(state)
            confirm = ["--confirm", str(len(arguments["receivers"]))] if "receivers" in arguments else []
            run = call(name, arguments, *flags, *confirm, **SANDBOX)
            control.advance(state, 60)
            failed = [row for row in control.log(state) if row.get("status") == "FAILED"]
            assert run.exit != 0 or failed, (name, arguments, run.text)


# --- what is fine ------------------------------------------------------------------------------------------


def test_a_send_that_is_fine_shows_what_its_receiver_will_read(dry: Callable[..., Run]) -> None:
    run = dry("send_template_message", single(**ORDER))
    assert (run.exit, run.document["outcome"]) == (0, "not_sent"), run.text
    assert run.data["preflight"] == {
        "connection": "sandbox-main",
        "template": {"text": "Hi Jane, your order 67890 is ready."},
        "receiver": "Jane Smith",
    }
    assert run.data.keys() == {"preflight"}, "nothing repeats the arguments, and nothing is always the same"
    assert run.document["notice"] == NOTICE, "customers choose their names"


def test_links_of_buttons_are_shown_filled_in(dry: Callable[..., Run]) -> None:
    run = dry("send_template_message", single("payment_link", name="Jane", invoice="77"))
    assert run.data["preflight"]["template"]["links"] == ["https://pay.example.com/77"]


def test_an_open_window_tells_for_how_long(dry: Callable[..., Run]) -> None:
    run = dry("send_session_message", session())
    seen = run.data["preflight"]["window"]
    assert seen["open"] is True and 23 * 3600 - 60 < seen["seconds_left"] <= 23 * 3600
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", seen["until"])
    assert "warnings" not in run.data


@pytest.mark.parametrize("name", ["send_template_messages", "send_template_messages_v2"])
def test_a_bulk_send_tells_its_size(name: str, dry: Callable[..., Run]) -> None:
    run = dry(name, bulk(*[{"name": f"n{index}", "ordernumber": "1"} for index in range(101)]))
    assert run.exit == 0, run.text
    seen = run.data["preflight"]
    assert seen["bulk"] == {"receivers": 101, "seconds_at_limits": [10, 30]}
    receivers = [f"1415556{index:04}" for index in range(101)]
    assert seen["template"]["texts"] == {
        number: f"Hi n{index}, your order 1 is ready." for index, number in enumerate(receivers[:20])
    }
    assert run.data["confirm"] == "101"


def test_a_connection_to_be_deleted_is_looked_up(dry: Callable[..., Run]) -> None:
    run = dry("delete_connection", {"connection_id": "sandbox-main"})
    assert run.data["preflight"] == {"connection": "sandbox-main", "status": "ACTIVE"}
    assert "ACTIVE" in run.data["warnings"][0] and run.data["confirm"] == "sandbox-main"
    assert "warnings" not in dry("delete_connection", {"connection_id": "sandbox-failed"}).data
    assert "session_token" not in run.text


WARNED = [
    ("assign_operator", {"whatsappNumber": JOHN, "email": "nobody@example.com"}, "operator has this email"),
    ("add_contact", {"whatsappNumber": JOHN, "name": "J"}, "already has a contact with this number"),
    ("create_connection", {}, "sandbox-main is ACTIVE"),
    ("send_template_message_v2", {**single(**ORDER), "whatsappNumber": NOBODY}, "WATI has no contact"),
]


@pytest.mark.parametrize(("name", "arguments", "said"), WARNED, ids=[case[0] for case in WARNED])
def test_what_cannot_be_known_is_a_warning(
    name: str, arguments: Json, said: str, dry: Callable[..., Run]
) -> None:
    run = dry(name, arguments)
    assert run.exit == 0, run.text
    assert any(said in warning for warning in run.data["warnings"])
    assert "session_token" not in run.text


def test_a_long_dry_run_recommends_no_flag_that_it_does_not_take(dry: Callable[..., Run]) -> None:
    params = [{"name": f"n{index}", "value": "v" * 900} for index in range(60)]
    run = dry("add_contact", {"whatsappNumber": NOBODY, "customParams": params}, "--verbose")
    assert run.exit == 0 and len(run.text) <= 30_000
    assert "were cut" in run.document["notice"] and "--" not in run.document["notice"]


def test_nothing_is_warned_of_that_is_not_so(dry: Callable[..., Run], state: str) -> None:
    assert "warnings" not in dry("add_contact", {"whatsappNumber": NOBODY}).data
    for connection_id in ("sandbox-main", "sandbox-pending"):
        control.seed(state, {"connections": [{"connection_id": connection_id, "status": "FAILED"}]})
    assert "warnings" not in dry("create_connection", {}).data


@pytest.mark.parametrize("name", ["get_contacts", "get_messages", "get_message_templates", "get_media"])
def test_a_read_over_one_of_several_connections_is_a_warning(
    name: str, dry: Callable[..., Run], state: str
) -> None:
    arguments = {"get_messages": {"whatsappNumber": JOHN}, "get_media": {"fileName": "data/images/a.jpg"}}
    seeded("second")(state)
    run = dry(name, arguments.get(name, {}))
    assert run.exit == 0, run.text
    assert "--connection ID" in run.data["warnings"][0]
    named = dry(name, arguments.get(name, {}), "--connection", "second")
    assert named.data["preflight"] == {"connection": "second"} and "warnings" not in named.data


# --- all at once, and bounded ------------------------------------------------------------------------------


def test_wrong_arguments_and_what_is_read_come_at_once(dry: Callable[..., Run]) -> None:
    arguments = {**single("order_updat", **ORDER), "zzz": 1}
    run = dry("send_template_message", arguments)
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments")
    assert codes(run) == [("$.zzz", None), ("$.template_name", "template_missing")]
    assert "found 1 more" in run.error["message"]


def test_a_wrong_number_is_asked_nothing_about_and_the_rest_is(dry: Callable[..., Run], state: str) -> None:
    run = dry(
        "send_session_message", {"whatsappNumber": "+14155551234", "messageText": "x"}, "--connection", "x"
    )
    assert codes(run) == [("$.whatsappNumber", None), ("--connection", "connection_missing")]
    paths = [request["path"] for request in control.requests(state)]
    assert paths == ["/connections", "/connections/x"]


def test_a_wrong_file_and_a_closed_window_come_at_once(dry: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    run = dry("send_session_file", {"whatsappNumber": JANE, "file": "a.wav"})
    assert codes(run) == [("$.whatsappNumber", "window_closed"), ("$.file", "file_type")]
    run = dry("send_session_file", {"whatsappNumber": JANE, "file": "missing.pdf"})
    assert run.error["code"] == "file_unreadable"
    assert codes(run) == [("$.file", None), ("$.whatsappNumber", "window_closed")]


def test_the_same_problem_of_a_thousand_receivers_is_told_fifty_times(dry: Callable[..., Run]) -> None:
    run = dry("send_template_messages", bulk(*[{"name": "x"}] * 1000))
    assert codes(run) == [
        (f"$.receivers[{n}].customParams", "parameter_missing") for n in range(failures.MOST_PROBLEMS)
    ]
    assert run.error["more_problems"] == 950
    assert "1000 problems" in run.error["message"]


def test_the_guards_hold_in_a_dry_run(call: Callable[..., Run], state: str) -> None:
    for variables in ({"WATI_ALLOWED_RECIPIENTS": "1999*"}, {"WATI_READ_ONLY": "1"}):
        run = call("send_session_message", session(), "--dry-run", **SANDBOX, **variables)
        assert run.error["code"] in ("recipient_not_allowed", "read_only")
    assert control.requests(state) == []


def test_a_send_that_the_journal_would_stop_is_a_problem(call: Callable[..., Run], state: str) -> None:
    assert call("send_template_message", single(**ORDER), **SANDBOX).exit == 0
    run = call("send_template_message", single(**ORDER), "--dry-run", **SANDBOX)
    assert the_problem(run)["code"] == "repeated_send"
    assert run.error["hint"].startswith("It was accepted, so do not send it again")
    other = call("send_template_message", single(name="Jane", ordernumber="2"), "--dry-run", **SANDBOX)
    assert other.exit == 0, other.text
    assert len(control.log(state)) == 1


def test_who_is_not_repeated_can_still_be_sent_to(call: Callable[..., Run], state: str) -> None:
    one, two, three = ({"name": name, "ordernumber": "1"} for name in ("A", "B", "C"))
    assert call("send_template_messages_v2", bulk(one), "--confirm", "1", **SANDBOX).exit == 0
    run = call("send_template_messages_v2", bulk(one, two, three), "--dry-run", **SANDBOX)
    assert the_problem(run)["at"] == "$.receivers[0].whatsappNumber"
    assert "To send to the others, leave out the receivers listed." in run.error["hint"]


@pytest.mark.parametrize(
    ("hours", "said"), [(1, "60 minutes ago"), (2, "2 hours ago"), (23.4, "23 hours ago"), (25, "")]
)
def test_a_dry_run_tells_of_the_same_message_for_a_day(
    hours: float, said: str, call: Callable[..., Run], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("send_template_message", single(**ORDER), **SANDBOX).exit == 0
    now = time.time() + hours * 3600
    clock = SimpleNamespace(time=lambda: now, monotonic=time.monotonic)
    monkeypatch.setattr("wati.journal.store.time", clock)
    up = uptime.now()
    later = uptime.Uptime(up.boot, up.seconds + hours * 3600)
    monkeypatch.setattr("wati.journal.uptime.now", lambda: later)
    run = call("send_template_message", single(**ORDER), "--dry-run", **SANDBOX)
    assert run.exit == 0, run.text
    told = [warning for warning in run.data.get("warnings", []) if "the same message was accepted" in warning]
    assert len(told) == bool(said) and said in "".join(told)
    # Nothing is stopped by it.
    assert call("send_template_message", single(**ORDER), **SANDBOX).exit == 0
    assert len(control.log(state)) == 2


# --- the CSV -----------------------------------------------------------------------------------------------


def test_a_csv_needs_a_column_per_parameter(dry: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"Phone,name,ordernumbr\n14155551234,John,1\n14155555678,Jane,2\n")
    run = dry("send_template_message_csv", csv())
    problem = the_problem(run)
    assert (problem["at"], problem["code"]) == ("$.whatsapp_numbers_csv", "parameter_missing")
    assert "ordernumber" in problem["problem"] and "column" in problem["problem"]
    assert any(
        "ordernumbr" in warning and "mean ordernumber?" in warning for warning in run.error["warnings"]
    )


def test_a_csv_that_is_fine_is_counted_and_its_messages_shown(
    dry: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "list.csv").write_bytes(
        b"Name,CountryCode,Phone,name,ordernumber\nA,1,4155551234,John,1\nB,1,4155555678,Jane,2\n"
    )
    run = dry("send_template_message_csv", csv())
    assert run.exit == 0, run.text
    assert run.data["preflight"]["template"]["texts"] == {
        "14155551234": "Hi John, your order 1 is ready.",
        "14155555678": "Hi Jane, your order 2 is ready.",
    }
    assert run.data["confirm"] == "2" and "bulk" not in run.data["preflight"], "two go out at once"
    assert "warnings" not in run.data


def test_a_csv_with_a_space_in_an_address_names_the_cell(dry: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(
        b"Phone,name,invoice\n14155551234,John Doe,1\n14155555678,Jane,no 2\n"
    )
    problem = the_problem(dry("send_template_message_csv", csv("payment_link")))
    assert (problem["at"], problem["code"]) == ("$.whatsapp_numbers_csv[1].invoice", "parameter_unsendable")


def test_a_broken_csv_and_a_wrong_template_come_at_once(dry: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"Phone\n+1\n")
    run = dry("send_template_message_csv", csv("old_draft"))
    assert run.error["code"] == "invalid_arguments"
    assert codes(run) == [
        ("$.whatsapp_numbers_csv[0].Phone", None),
        ("$.template_name", "template_not_approved"),
    ]


# --- the window, by the far side's clock -------------------------------------------------------------------


def row(age: float, *, owner: bool | None = False, event: str = "message", **members: Any) -> Json:
    made = {"eventType": event, "created": iso(NOW - age).replace("Z", ".123Z"), **members}
    return made if owner is None else {**made, "owner": owner}


def conversation(far_side: FarSide, *pages: list[Any], date: float | None = NOW) -> None:
    headers = {} if date is None else {"Date": formatdate(date, usegmt=True)}
    for rows in pages:
        far_side.will(reply({"result": "success", "messages": {"items": rows}}, **headers), to=MESSAGES)
    far_side.always(reply({"result": "success", "messages": {"items": []}}, **headers), to=MESSAGES)


OURS = [
    row(10, owner=True),
    row(20, owner=None, event="broadcastMessage"),
    row(30, owner=None, event="ticket"),
]
JUDGED: dict[str, tuple[list[Any], int | None]] = {  # the rows, and the seconds left; None = closed
    "just now": ([row(0)], DAY),
    "an hour ago": ([row(3600)], DAY - 3600),
    "behind ours": ([*OURS, row(3600)], DAY - 3600),
    "the last second": ([row(DAY - 5)], 5),
    "24 hours": ([row(DAY + 1)], None),
    "long ago": ([row(90 * DAY)], None),
    "only ours, and old": ([*OURS, row(DAY + 5, owner=True)], None),
    "only broadcasts, and old": ([row(DAY + 5, owner=None, event="broadcastMessage")], None),
    "by its timestamp": (
        [{"eventType": "message", "owner": False, "timestamp": str(int(NOW) - 60)}],
        DAY - 60,
    ),
    "of the far side's future": ([row(-30)], DAY + 30),
}


@pytest.mark.parametrize("case", JUDGED)
def test_the_window_is_judged_by_the_customer_s_last_message(
    case: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    """The far side's clock is years away from ours: only its `Date` counts."""
    rows, left = JUDGED[case]
    conversation(far_side, rows)
    run = call("send_session_message", session(), "--dry-run")
    if left is None:
        assert the_problem(run)["code"] == "window_closed"
    else:
        assert abs(run.data["preflight"]["window"]["seconds_left"] - left) <= 1, run.text
    assert [request.method for request in far_side.requests] == ["GET"] * len(far_side.requests)


UNKNOWN: dict[str, tuple[list[Any], float | None, str]] = {
    "empty": ([], NOW, "No message from the customer was found in the conversation"),
    "only ours, and new": (OURS, NOW, "No message from the customer"),
    "a message that is nobody's": ([row(60, owner=None)], NOW, "No message from the customer"),
    "no clock": ([row(60)], None, "no usable time"),
    "a message without a time": ([{"eventType": "message", "owner": False}], NOW, "no usable time"),
    "a time that is none": ([row(0, created="yesterday", timestamp="x")], NOW, "no usable time"),
    "a time of nobody's calendar": ([row(0, created="9999-12-31T23:59:59Z")], NOW, "no usable time"),
    "rows that are none": ([None, 7, "x", []], NOW, "No message from the customer"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_a_window_that_cannot_be_judged_is_a_warning(
    case: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    rows, date, said = UNKNOWN[case]
    conversation(far_side, rows, date=date)
    run = call("send_session_message", session(), "--dry-run")
    assert run.exit == 0, run.text
    assert "window" not in run.data["preflight"]
    assert said in run.data["warnings"][0]


def test_a_customer_s_message_on_a_later_page_is_found(call: Callable[..., Run], far_side: FarSide) -> None:
    first = [row(index, owner=True, id=str(index)) for index in range(100)]
    conversation(far_side, first, [*first[-3:], row(3600)])
    run = call("send_session_message", session(), "--dry-run")
    assert run.data["preflight"]["window"]["open"] is True
    pages = [dict(request.pairs)["pageNumber"] for request in far_side.to(MESSAGES)]
    assert pages == ["1", "2"], "it stops where it knows"


# --- pages -------------------------------------------------------------------------------------------------


def template_page(*names: str, **members: Any) -> Answer:
    rows = [{"elementName": name, "status": "APPROVED", "bodyOriginal": "Hi", **members} for name in names]
    return reply({"result": "success", "messageTemplates": rows, "link": {"total": 1, "nextPage": None}})


def test_every_page_of_templates_is_read_whatever_total_says(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.will(template_page(*"abc"), template_page("c", "d"), template_page("wanted"), to=TEMPLATES)
    assert call("send_template_message", single("wanted"), "--dry-run").exit == 0
    asked = [dict(request.pairs) for request in far_side.to(TEMPLATES)]
    assert asked == [{"pageSize": "100", "pageNumber": str(number)} for number in (1, 2, 3)]
    assert {request.header("Maton-Connection") for request in far_side.to("/wati/")} == {"conn-1"}


@pytest.mark.parametrize("last", [template_page(), template_page("a", "b")], ids=["empty", "nothing new"])
def test_the_list_ends_where_a_page_brings_nothing_new(
    last: Answer, call: Callable[..., Run], far_side: FarSide
) -> None:
    far_side.will(template_page("a", "b"), to=TEMPLATES)
    far_side.always(last, to=TEMPLATES)
    problem = the_problem(call("send_template_message", single("wanted"), "--dry-run"))
    assert problem["code"] == "template_missing" and "a, b" in problem["problem"]
    assert len(far_side.to(TEMPLATES)) == 2


def test_a_list_without_an_end_is_no_proof_that_something_is_missing(
    call: Callable[..., Run], far_side: FarSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wati.wire.pace.GATEWAY", (1000, 1.0))
    for number in range(inbox.MOST_PAGES_OF_TEMPLATES + 5):
        far_side.will(template_page(f"t{number}"), to=TEMPLATES)
    run = call("send_template_message", single("wanted"), "--dry-run")
    assert (run.exit, run.error["code"], run.error["outcome"]) == (6, "bad_answer", "not_sent")
    assert "more templates than" in run.error["message"]
    assert len(far_side.to(TEMPLATES)) == inbox.MOST_PAGES_OF_TEMPLATES


def test_the_approved_one_of_several_languages_is_taken(call: Callable[..., Run], far_side: FarSide) -> None:
    rejected = {"elementName": "t", "status": "REJECTED", "language": "de", "bodyOriginal": "{{x}}"}
    approved = {"elementName": "t", "status": "APPROVED", "language": {"value": "en"}, "bodyOriginal": "Hi"}
    body = {"result": "success", "messageTemplates": [rejected, approved]}
    far_side.always(reply(body), to=TEMPLATES)
    assert call("send_template_message", single("t"), "--dry-run").exit == 0


def test_a_connection_that_the_list_does_not_show_is_asked_for(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    """How many connections Maton lists at once is not documented."""
    run = call("send_session_message", session(), "--dry-run", "--connection", "conn-99")
    assert run.exit == 0 and run.data["preflight"]["connection"] == "conn-99"
    assert [request.target for request in far_side.to("/connections")] == [
        "/connections?app=wati",
        "/connections/conn-99",
    ]


# --- reads that fail ---------------------------------------------------------------------------------------

BROKEN = {
    "401": (Answer(401, b"{}"), "unauthorized"),
    "403": (Answer(403, b"{}"), "forbidden"),
    "500": (Answer(500), "upstream_error"),
    "429": (Answer(429, headers={"Retry-After": "99"}), "rate_limited"),
    "HTML": (Answer(body=b"<html>", content_type="text/html"), "bad_answer"),
    "another form": (reply({"result": "success"}), "bad_answer"),
    "no answer": (Answer(hang_up="close"), "upstream_error"),
    "redirect": (Answer(302, headers={"Location": "/x"}), "upstream_error"),
}


@pytest.mark.parametrize("where", ["/connections", TEMPLATES])
@pytest.mark.parametrize("case", BROKEN)
def test_a_read_that_fails_is_the_result_where_nothing_else_is_wrong(
    case: str, where: str, call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    answer, code = BROKEN[case]
    far_side.always(answer, to=where)
    run = call("send_template_message", single(**ORDER), "--dry-run")
    assert (run.error["code"], run.error["outcome"]) == (code, "not_sent"), run.text
    assert "problems" not in run.error
    assert all(request.method == "GET" for request in far_side.requests)


@pytest.mark.parametrize("case", BROKEN)
def test_a_read_that_fails_is_one_problem_among_others(
    case: str, call: Callable[..., Run], far_side: FarSide, pauses: list[float], tmp_path: Path
) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    far_side.always(BROKEN[case][0], to="/connections")
    run = call("send_session_file", {"whatsappNumber": JOHN, "file": "a.wav"}, "--dry-run")
    assert (run.exit, run.error["code"]) == (2, "preflight_failed")
    assert codes(run) == [("$.file", "file_type"), ("--dry-run", "look_up_failed")]
    assert BROKEN[case][1] in run.error["problems"][1]["problem"]
    assert far_side.to("/wati/") == [], "without a connection nothing is asked of WATI"


def test_a_slow_read_ends_in_the_time_allowed(call: Callable[..., Run], far_side: FarSide) -> None:
    far_side.always(Answer(delay=60), to=TEMPLATES)
    run = call("send_template_message", single(**ORDER), "--dry-run", "--timeout", "0.5")
    assert (run.exit, run.error["code"], run.error["outcome"]) == (6, "timeout", "not_sent")


def test_hostile_templates_make_no_traceback(call: Callable[..., Run], far_side: FarSide) -> None:
    for hostile in (None, 7, "x", [], {}, [[]], {"a": {}}, [{"parameter": 7}], {"text": "{{z}}"}, "{{z}}"):
        members = (
            "customParams",
            "bodyOriginal",
            "body",
            "header",
            "footer",
            "buttons",
            "language",
            "status",
        )
        for name in members:
            good = {"elementName": "t", "status": "APPROVED", "bodyOriginal": "Hi {{name}}", name: hostile}
            body = {"result": "success", "messageTemplates": [good, hostile]}
            far_side.always(reply(body), to=TEMPLATES)
            run = call("send_template_message", single("t", name="J"), "--dry-run")
            assert run.exit in (0, 2), (name, hostile, run.text)


def test_a_template_of_endless_parameters_makes_no_endless_answer(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    """The gateway is not trusted either: what it says is bounded before it is multiplied by the receivers."""
    places = " ".join(f"{{{{p{number}}}}}" for number in range(10_000))
    row = {"elementName": "t", "status": "APPROVED", "bodyOriginal": places + "{{" + "x" * 10_000 + "}}"}
    far_side.always(reply({"result": "success", "messageTemplates": [row]}), to=TEMPLATES)
    assert len(templates.parameters(row)) == templates.MOST_PARAMETERS
    assert max(map(len, templates.parameters(row))) <= templates.LONGEST_PARAMETER
    run = call("send_template_messages", bulk(*[{"a": "1"}] * 100, template="t"), "--dry-run")
    assert run.error["code"] == "preflight_failed"
    assert len(run.text) < 200_000
    row = {
        "elementName": "t",
        "status": "APPROVED",
        "bodyOriginal": "x" * 1_000_000,
        "footer": "y" * 1_000_000,
    }
    far_side.always(reply({"result": "success", "messageTemplates": [row]}), to=TEMPLATES)
    run = call("send_template_message", single("t"), "--dry-run")
    assert run.exit == 0 and len(run.text) < 20_000


def test_a_page_with_more_rows_than_were_asked_for_is_read(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    page = template_page(*[f"t{number}" for number in range(900)], "wanted")
    far_side.always(page, to=TEMPLATES)
    assert call("send_template_message", single("wanted"), "--dry-run").exit == 0
    far_side.always(template_page(*[f"t{number}" for number in range(5000)], "wanted"), to=TEMPLATES)
    run = call("send_template_message", single("wanted"), "--dry-run")
    assert run.error["code"] == "bad_answer", "what was cut off is not said to be missing"


def test_no_half_of_the_key_is_shown_wherever_it_comes_back(
    call: Callable[..., Run], far_side: FarSide, pauses: list[float]
) -> None:
    """`call` asserts the same of the whole key."""
    for padding in [*range(0, 70, 7), *range(230, 260, 6), *range(560, 605, 8), *range(4060, 4100, 8)]:
        text = "x" * padding + KEY + "y" * 20
        for members in (
            {"elementName": text, "status": "APPROVED"},
            {"elementName": "t", "status": text, "bodyOriginal": f"{{{{{text}}}}} {text}"},
            {"elementName": "t", "status": "APPROVED", "bodyOriginal": text, "header": text, "footer": text},
            {"elementName": "t", "status": "APPROVED", "buttons": [{"url": text}]},
        ):
            far_side.always(reply({"result": "success", "messageTemplates": [members]}), to=TEMPLATES)
            for values in ({}, {"a": "1"}):
                assert KEY[:12] not in call("send_template_message", single("t", **values), "--dry-run").text
        far_side.always(reply({"result": False, "info": text}), to=MESSAGES)
        run = call("send_session_message", {**session(), "zzz": 1}, "--dry-run")
        assert run.exit == 2 and KEY[:12] not in run.text
        far_side.always(Answer(500, text.encode(), content_type="text/plain"), to="/connections")
        run = call("send_session_message", {**session(), "zzz": 1}, "--dry-run")
        assert run.exit == 2 and KEY[:12] not in run.text
        far_side.always(reply({"connections": [CONNECTION]}), to="/connections")


# --- files, which need no key ------------------------------------------------------------------------------

JPEG, PNG = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"
WEBP, MP4, OGG = b"RIFF\0\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypmp42", b"OggS" + b"\0" * 24 + b"OpusHead"
GOOD = {
    "a.jpg": JPEG,
    "a.JPEG": JPEG,
    "a.png": PNG,
    "a.webp": WEBP,
    "a.mp4": MP4,
    "a.ogg": OGG,
    "a.pdf": PDF,
    "a.txt": b"x",
    "a.docx": b"PK",
    "a.mp3": b"ID3",
    "a.m4a": b"x",
    "a.3gp": b"x",
}
WRONG = {
    "a.jpg": (PNG, "file_type", "PNG"),
    "a.png": (JPEG, "file_type", "JPEG"),
    "a.pdf": (b"<html>", "file_type", "not in PDF"),
    "a.webp": (b"RIFF\0\0\0\0WAVE", "file_type", "not in WebP"),
    "a.mp4": (OGG, "file_type", "OGG"),
    "a.ogg": (b"ID3", "file_type", "not in OGG"),
    "a.wav": (b"RIFF\0\0\0\0WAVE", "file_type", "WAV"),
}


@pytest.fixture
def upload(call: Callable[..., Run], tmp_path: Path, far_side: FarSide) -> Callable[[str, bytes], Run]:
    """A dry run of a file, without a key: nothing can be asked, and the file is looked at all the same."""

    def run(name: str, data: bytes) -> Run:
        (tmp_path / name).write_bytes(data)
        done = call(
            "send_session_file", {"whatsappNumber": JOHN, "file": name}, "--dry-run", MATON_API_KEY=None
        )
        assert far_side.requests == []
        return done

    return run


@pytest.mark.parametrize("name", GOOD)
def test_a_file_that_is_what_its_ending_says_is_fine(name: str, upload: Callable[..., Run]) -> None:
    run = upload(name, GOOD[name])
    assert run.exit == 0 and "warnings" not in run.data, run.text
    assert "nothing was looked up" in run.document["notice"]


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_is_something_else_is_a_problem(name: str, upload: Callable[..., Run]) -> None:
    data, code, said = WRONG[name]
    problem = the_problem(upload(name, data))
    assert (problem["at"], problem["code"]) == ("$.file", code)
    assert said in problem["problem"]


SIZES = {
    "a.jpg": (JPEG, 5 * 2**20),
    "a.png": (PNG, 5 * 2**20),
    "a.mp4": (MP4, 16 * 2**20),
    "a.ogg": (OGG, 16 * 2**20),
    "a.webp": (WEBP, 500 * 2**10),
    "a.pdf": (PDF, 100 * 2**20),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_file_has_at_most_what_whatsapp_takes(name: str, call: Callable[..., Run], tmp_path: Path) -> None:
    head, limit = SIZES[name]
    arguments = {"whatsappNumber": JOHN, "file": name}
    for size in (limit, limit + 1):
        (tmp_path / name).write_bytes(head)
        with open(tmp_path / name, "r+b") as file:
            file.truncate(size)  # a hole, which takes no room
        run = call("send_session_file", arguments, "--dry-run", MATON_API_KEY=None)
        if size == limit:
            assert run.exit == 0, run.text
        else:
            assert the_problem(run)["code"] == "file_too_large"


UNSURE = {
    "a.xyz": (b"x", "ending"),
    "a": (b"x", "ending"),
    "a.webp": (WEBP + b"x" * 150_000, "animated"),
    "a.ogg": (b"OggS" + b"\0" * 24 + b"\x01vorbis", "Opus"),
}


@pytest.mark.parametrize("name", UNSURE)
def test_a_file_that_may_fail_is_a_warning(name: str, upload: Callable[..., Run]) -> None:
    data, said = UNSURE[name]
    run = upload(name, data)
    assert run.exit == 0 and said in run.data["warnings"][0], run.text


def test_the_limits_of_files_are_those_of_the_document() -> None:
    text = (ROOT / "references" / "sending.md").read_text(encoding="utf-8").split("## Media")[1]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[4:]]
    told = {row[0]: row[2] for row in cells if len(row) == 3 and row[0] in media.LIMITS}
    units = {"KB": 1024, "MB": 1024**2}
    limits = {
        kind: max(int(n) * units[u] for n, u in re.findall(r"(\d+) (KB|MB)", of)) for kind, of in told.items()
    }
    assert limits == {kind: limit for kind, (_, limit) in media.LIMITS.items()}


# --- a template's parameters, one by one -------------------------------------------------------------------

URL = "https://example.com/{{code}}"
PARAMETERS: dict[str, tuple[Json, list[str]]] = {
    "body": ({"bodyOriginal": "{{a}} {{ b }} {{a}}", "body": "{{1}}"}, ["a", "b"]),
    "body alone": ({"body": "{{1}} and {{2}}"}, ["1", "2"]),
    "header as text": ({"header": "{{h}}", "bodyOriginal": "{{a}}"}, ["h", "a"]),
    "header as object": ({"header": {"type": 1, "text": "{{h}}"}, "body": "x"}, ["h"]),
    "header as null": ({"header": None, "body": "x"}, []),
    "button": ({"buttons": [{"type": "url", "parameter": {"urlOriginal": URL, "url": "x"}}]}, ["code"]),
    "button without original": ({"buttons": [{"parameter": {"url": URL}}]}, ["code"]),
    "button by mapping": (
        {"buttons": [{"parameter": {"buttonParamMapping": {"paramName": "code"}}}]},
        ["code"],
    ),
    "button as it is": ({"buttons": [{"url": URL}]}, ["code"]),
    "listed alone": ({"customParams": [{"paramName": "x", "paramValue": "y"}], "body": "Hi"}, ["x"]),
    "listed too few": ({"customParams": [{"paramName": "a"}], "body": "{{a}} {{b}}"}, ["a", "b"]),
    "nothing": ({"buttons": None, "customParams": None, "body": None}, []),
    "no row": (None, []),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("case", PARAMETERS)
def test_every_place_of_a_parameter_counts(case: str) -> None:
    row, names = PARAMETERS[case]
    assert templates.parameters(row) == names


def test_a_template_is_rendered_as_it_is_read() -> None:
    row = {"bodyOriginal": "Hi {{name}}, {{ name }}: {{other}} {x} {{}}"}
    assert templates.render(row, {"name": "{{other}}"}) == "Hi {{other}}, {{other}}: {{other}} {x} {{}}"
    assert templates.preview({"header": {"text": "H {{a}}"}, "body": "B", "footer": "F"}, {"a": "1"}) == {
        "header": "H 1",
        "text": "B",
        "footer": "F",
    }


def test_times_are_read_in_every_form() -> None:
    at = 1_728_656_646.0
    for created in ("2024-10-11T14:24:06Z", "2024-10-11T14:24:06.000Z", "2024-10-11T14:24:06.0000000Z"):
        assert moment({"created": created}) == at
    assert moment({"created": "2024-10-11T16:24:06.5+02:00"}) == at + 0.5
    assert moment({"created": "2024-10-11T14:24:06"}) == at
    assert moment({"created": None, "timestamp": "1728656646"}) == at
    for wrong in ({}, {"created": 7}, {"timestamp": 7}, {"timestamp": "-1"}, {"timestamp": "9" * 40}):
        assert moment(wrong) is None


def test_assigning_an_operator_warns_that_automation_stops(tmp_path: Path, call: Callable[..., Run]) -> None:
    world = make_world(tmp_path, call)
    given = {"whatsappNumber": "14155551234", "email": "agent@example.com"}
    run = world.run("assign_operator", given, "--dry-run")
    assert run.exit == 0, run.text
    assert any("utomation stops" in each and "Bot" in each for each in run.data["warnings"])
