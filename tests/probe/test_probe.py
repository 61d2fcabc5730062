"""scripts/probe.py: what it asks, what it finds, and what it never does."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import KEY, ROOT, SANDBOX, Run
from other_side import OWN, PERSONAL, OtherSide
from wati.probe import ask, comparing, questions, report, verdicts
from wati.sandbox import control, world
from wati.wire.pace import Pacer

TABLE = (ROOT / "references" / "sandbox.md").read_text(encoding="utf-8")
BEHAVIOURS = [
    re.sub("[`*]", "", line.split("|")[1].strip())
    for line in TABLE.partition("| behaviour | mark | source |")[2].splitlines()
    if line.count("|") >= 4
][1:]
WITH_ROW = [each for each in questions.ALL if each.row]
ASSUMED = verdicts.assumed()


@pytest.fixture(autouse=True)
def no_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The far sides of these tests have no limits."""
    monkeypatch.setattr(Pacer, "wait", lambda *_, **__: True)
    monkeypatch.setattr(Pacer, "answered", lambda *_: None)


@pytest.fixture
def other_side() -> Iterator[OtherSide]:
    server = OtherSide()
    yield server
    server.close()


def captured(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "wati-capture.json").read_text(encoding="utf-8"))
    return found


# --- the questions -----------------------------------------------------------------------------------------


def test_there_are_questions_enough_and_each_has_its_own_name() -> None:
    assert len(questions.ALL) >= 30
    assert len({each.id for each in questions.ALL}) == len(questions.ALL)


@pytest.mark.parametrize("row", dict.fromkeys(each.row for each in WITH_ROW))
def test_each_question_names_exactly_one_row_of_the_table(row: str) -> None:
    assert len([each for each in BEHAVIOURS if each.startswith(row)]) == 1


def test_the_sandbox_has_an_answer_to_every_question_that_settles_a_row() -> None:
    assert ASSUMED.keys() == {each.id for each in WITH_ROW}
    assert all(set(ASSUMED[each.id]) == set(each.compares) for each in WITH_ROW)


def test_only_reads_are_asked_without_a_number_of_ones_own() -> None:
    asked = questions.chosen({})
    assert len(asked) >= 30
    assert {each.method for each in asked} == {"GET"}
    assert not [each for each in asked if "{own}" in each.target]


@pytest.mark.parametrize("question", WITH_ROW, ids=lambda each: each.id)
def test_another_answer_to_any_question_is_found(question: Any) -> None:
    """Each part that settles its row, changed by itself."""
    right = ASSUMED[question.id]
    assert comparing.compare(question.compares, right, right).differences == []
    changed: list[dict[str, Any]] = []
    for part in question.compares:
        if part == "status":
            changed.append({**right, part: 418})
        elif part == "body":
            changed.append({**right, part: {**right[part], "surprise": "text"}})
            changed += [
                {**right, part: {**right[part], path: "says another thing"}}
                for path, kind in right[part].items()
                if kind.startswith("says")
            ]
        else:
            changed.append({**right, part: dict.fromkeys([*right[part], "another"], "changed")})
    assert changed
    for wrong in changed:
        compared = comparing.compare(question.compares, right, wrong)
        assert compared.differences, wrong


# --- asking ------------------------------------------------------------------------------------------------


def test_a_dry_run_lists_the_questions_and_asks_none(
    call: Callable[..., Run], other_side: OtherSide, tmp_path: Path
) -> None:
    run = call(
        "probe",
        {"own_number": OWN},
        "--dry-run",
        "--connection",
        "conn-birchwood",
        MATON_BASE_URL=other_side.url,
    )
    assert run.data["confirm"] == OWN
    listed = run.data["preflight"]["questions"]
    assert list(listed) == [each.id for each in questions.ALL]
    assert listed["text"].startswith("may send POST /wati/api/v1/sendSessionMessage/{own}")
    assert {request.path for request in other_side.requests} == {"/connections"}
    assert list(tmp_path.iterdir()) == []


def test_by_default_it_only_reads(call: Callable[..., Run], other_side: OtherSide, tmp_path: Path) -> None:
    run = call("probe", {}, "--connection", "conn-birchwood", MATON_BASE_URL=other_side.url)
    assert run.data["questions"] == len(questions.chosen({}))
    assert other_side.writes == [] and len(other_side.requests) > 30
    assert captured(tmp_path)["of"] == report.LOCAL


@pytest.mark.parametrize("flags", [(), ("--confirm", "4915112345679"), ("--confirm", "1")])
def test_without_the_right_confirm_nothing_is_asked(
    flags: tuple[str, ...], call: Callable[..., Run], other_side: OtherSide
) -> None:
    run = call("probe", {"own_number": OWN}, *flags, MATON_BASE_URL=other_side.url)
    assert run.error["code"] == "confirmation_required"
    assert other_side.requests == []


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        ({"WATI_READ_ONLY": "1"}, "read_only"),
        ({"WATI_ALLOWED_RECIPIENTS": "14155551234"}, "recipient_not_allowed"),
        ({"WATI_BLOCKED_RECIPIENTS": OWN}, "recipient_not_allowed"),
    ],
)
def test_the_guards_hold(
    environment: dict[str, str], code: str, call: Callable[..., Run], other_side: OtherSide
) -> None:
    run = call("probe", {"own_number": OWN}, "--confirm", OWN, MATON_BASE_URL=other_side.url, **environment)
    assert run.error["code"] == code
    assert other_side.requests == []


@pytest.mark.parametrize("own", [{"template_name": "x"}, {"has_whatsapp": False}])
def test_what_is_about_ones_own_number_needs_it(own: dict[str, Any], call: Callable[..., Run]) -> None:
    assert call("probe", own).error["problems"][0]["at"] == f"$.{next(iter(own))}"


def run_all(call: Callable[..., Run], other_side: OtherSide, **more: Any) -> Run:
    arguments = {"own_number": OWN, "limits": True, **more}
    flags = ("--confirm", OWN, "--connection", "conn-birchwood")
    return call("probe", arguments, *flags, MATON_BASE_URL=other_side.url)


def test_nothing_reaches_anyone_but_ones_own_number(call: Callable[..., Run], other_side: OtherSide) -> None:
    run_all(call, other_side, template_name="birchwood_offer")
    assert len(other_side.writes) > 15
    for request in other_side.writes:
        sent = f"{request.target} {request.body.decode('utf-8')}"
        assert set(re.findall("[1-9][0-9]{6,14}", sent)) <= {OWN}, sent
    # Only what the probe itself has made may be deleted, and here it made nothing.
    deleted = [request.target for request in other_side.writes if request.method == "DELETE"]
    assert deleted == ["/connections/wati-probe-nothing"]
    last = [request for request in other_side.writes if "updateContactAttributes" in request.target][-1]
    assert last.json == {"customParams": [{"name": "wati_probe", "value": ""}]}


def test_every_difference_of_another_far_side_is_found(
    call: Callable[..., Run], other_side: OtherSide
) -> None:
    found = run_all(call, other_side).data
    how = {name: said for row in found["different"] for name, said in row["how"].items()}
    assert how["wrong_key"] == [
        "body: says Unauthorized for …: Contact … (+#, …) at … # not found, not an object"
    ]
    assert how["unknown_path"][0] == "status: 403, not 404"
    assert how["unknown_path"][1].startswith("body: a web page, not")
    assert how["connection"][0] == "connection.creation_time: absent, not time with zone"
    assert "connection.method: text, which the sandbox does not have" in how["connection"]
    assert how["over_unknown"][0] == "status: 403, not 400"
    assert "order: oldest first, not newest first" in how["contacts_order"]
    assert "same: the same, not no list" in how["contacts_page_zero"]
    assert "status: 200, not 400" in how["contacts_page_zero"]
    assert how["contacts_no_page"] == ["at most: more than 100, not 100"]
    assert how["contacts_next"] == ["next page: a number, not an address"]
    assert "count: fewer, not none" in how["contacts_beyond"]
    assert how["messages_of_nobody"][0] == "status: 404, not 200"
    assert "clock: no Date, not right" in how["clock"]
    assert "contact_list[].displayId: text, which the sandbox does not have" in how["contacts"]
    assert how["contacts_of_another"] == ["same: the same, not others"]
    assert how["media_missing"][0] == "status: 500, not 404"
    assert how["too_many"][0] == "status: 200, not 429"
    assert how["create_connection"][0] == "status: 202, not 200"
    assert "result: says Queued for …, not false" in how["text_as_json"]
    answers = captured(Path.cwd())["answers"]
    alike = {name for name in ASSUMED if "status" in answers.get(name, {})} - set(how)
    # These it answers as the sandbox does, or in a way that cannot show a difference.
    assert alike == {
        "add_again",
        "connections_order",
        "contacts_default_connection",
        "contacts_largest",
        "media",
    }


def test_nothing_personal_is_in_the_capture_or_the_document(
    call: Callable[..., Run], other_side: OtherSide, tmp_path: Path
) -> None:
    run = run_all(call, other_side, template_name="birchwood_offer")
    text = (tmp_path / "wati-capture.json").read_text(encoding="utf-8")
    assert len(text) > 10_000
    for secret in [*PERSONAL, KEY]:
        assert secret.lower() not in text.lower(), secret
        assert secret == "conn-birchwood" or secret.lower() not in run.text.lower(), secret
    bare = text.replace(captured(tmp_path)["at"], "")
    allowed = {
        "1000",
        "1024",
        "4096",
        "2000000",
        "1000000",
        "10000000000",
        "0" * 24,
        "00000000",
        "000000000000",
    }
    assert set(re.findall("[0-9]{4,}", bare)) <= {*allowed, "0000", "4000", "8000"}


def test_nothing_of_the_sandbox_s_world_is_in_its_capture(
    call: Callable[..., Run], state: str, tmp_path: Path
) -> None:
    john = "14155551234"
    run = call("probe", {"own_number": john, "template_name": "order_update"}, "--confirm", john, **SANDBOX)
    assert run.data["different"] == [] and run.data["answered"] > 80
    text = (tmp_path / "wati-capture.json").read_text(encoding="utf-8")
    seed = world.default(0.0)
    own = [contact["name"] for contact in seed["contacts"]] + [row["text"] for row in seed["messages"]]
    own += [contact["whatsappNumber"] for contact in seed["contacts"]]
    own += [template["body"] for template in seed["templates"]]
    own += [param["value"] for contact in seed["contacts"] for param in contact["customParams"]]
    own += ["order_update", "sandbox-main", "sandbox-pending", "agent@example.com", world.PHOTO]
    assert len(own) > 300
    assert [each for each in own if each and each in text] == []
    assert captured(tmp_path)["of"] == report.SANDBOX


def test_the_sandbox_is_left_as_it_was_where_that_can_be(call: Callable[..., Run], state: str) -> None:
    john = "14155551234"
    call("probe", {"own_number": john}, "--confirm", john, **SANDBOX)
    log = control.log(state)
    assert {row["whatsappNumber"] for row in log if "whatsappNumber" in row} == {john}
    made = [row["connection_id"] for row in log if row["kind"] == "connection_created"]
    assert made and made == [row["connection_id"] for row in log if row["kind"] == "connection_deleted"]
    changed = [row["customParams"] for row in log if row["kind"] == "contact_updated"]
    assert changed[-1] == [{"name": "wati_probe", "value": ""}]


def test_a_failed_question_does_not_stop_the_others(
    call: Callable[..., Run], state: str, tmp_path: Path
) -> None:
    control.fault(state, {"fault": "lost_answer", "match": {"path": "/wati/api/v1/getMedia"}})
    control.fault(state, {"fault": "reset", "match": {"path": "/connections/wati-probe-nothing"}})
    run = call("probe", {}, **SANDBOX)
    answers = captured(tmp_path)["answers"]
    assert [name for name, one in answers.items() if "no_answer" in one] == ["connection_unknown", "media"]
    assert run.data["not_settled"]["get_media: takes the full path"] == "no answer: upstream_error"
    assert run.data["answered"] > 40


def test_a_bug_in_one_question_does_not_stop_the_others(
    call: Callable[..., Run], state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ask.notes.NOTES, "total", lambda *_: 1 / 0)
    call("probe", {}, **SANDBOX)
    broken = {name for name, one in captured(tmp_path)["answers"].items() if "no_answer" in one}
    assert broken == {"contacts_total", "messages_total"}


def test_nothing_is_asked_twice_and_nothing_repeated(call: Callable[..., Run], state: str) -> None:
    """Also a read that fails is asked once: what the far side does is what is wanted to be known."""
    control.fault(
        state, {"fault": "status", "status": 503, "match": {"path": "/wati/api/v1/getMedia"}, "times": 0}
    )
    run = call("probe", {}, **SANDBOX)
    asked = [request for request in control.requests(state) if request["path"].endswith("/getMedia")]
    assert len(asked) == 3
    assert run.data["different"][0]["how"]["media_of_nothing"][0] == "status: 503, not 400"


def test_when_the_time_is_over_the_rest_is_not_asked_but_undone(
    call: Callable[..., Run], state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = ask.Asking._exchange

    def slow(self: ask.Asking, question: Any, left: float) -> Any:
        found = exchange(self, question, left)
        if question.id == "create_connection":
            self.deadline = time.monotonic()
        return found

    monkeypatch.setattr(ask.Asking, "_exchange", slow)
    john = "14155551234"
    call("probe", {"own_number": john}, "--confirm", john, **SANDBOX)
    answers = captured(tmp_path)["answers"]
    assert answers["add"] == {**answers["add"], "not_asked": "the time was over"}
    assert answers["delete_connection"]["status"] == 200
    assert [row["kind"] for row in control.log(state)][:2] == ["connection_created", "connection_deleted"]


def test_a_file_that_exists_is_not_overwritten(call: Callable[..., Run], state: str, tmp_path: Path) -> None:
    (tmp_path / "wati-capture.json").write_text("mine", encoding="utf-8")
    assert call("probe", {}, **SANDBOX).error["code"] == "file_not_allowed"
    assert (tmp_path / "wati-capture.json").read_text(encoding="utf-8") == "mine"
    assert control.requests(state) == []
    assert call("probe", {}, "--force", **SANDBOX).data["file"] == "wati-capture.json"


def test_a_capture_that_cannot_be_written_does_not_hide_what_was_sent(
    call: Callable[..., Run], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wati.files.download.Download.commit", full)
    john = "14155551234"
    error = call("probe", {"own_number": john}, "--confirm", john, **SANDBOX).error
    assert (error["code"], error["outcome"]) == ("file_not_allowed", "accepted")
    assert error["message"].startswith("The questions were asked, but the capture was not written.")
    assert [row for row in control.log(state) if row["kind"] == "text"]


def test_several_connections_are_not_guessed_between(call: Callable[..., Run], other_side: OtherSide) -> None:
    run = call("probe", {}, MATON_BASE_URL=other_side.url)
    assert run.error["code"] == "connection_ambiguous"
    assert len(other_side.requests) == 1
