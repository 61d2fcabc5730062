"""What a template asks for: each way to name its places, in every part of it, and what is only doubtful."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conftest import SANDBOX, Run
from recording import FarSide, reply
from wati.reads.templates import Template

Json = dict[str, Any]
TEMPLATES = "/wati/api/v1/getMessageTemplates"
JOHN, JANE = "14155551234", "14155555678"


def listed(*names: str) -> list[Json]:
    return [{"paramName": name, "paramValue": "sample"} for name in names]


def approved(**members: Any) -> Json:
    return {"elementName": "t", "status": "APPROVED", "type": "template", **members}


ORDER = approved(
    customParams=listed("client", "delivery", "ordernumber", "1"),
    body="Hi {{1}}! Your order #{{2}} comes {{3}}",
    bodyOriginal="Hi {{client}}! Your order #{{ordernumber}} comes {{delivery}}",
)
UNNAMED = approved(
    customParams=listed("name", "order"), bodyOriginal="", body="Hi {{1}}, order {{2}} is ready"
)
OLD = approved(type="hsm", body=None, hsmOriginal="Hi {{name}}, thanks", customParams=listed("name"))
PICTURE = approved(
    header={"type": 2, "typeString": "image", "text": None, "link": "{{product_image_url}}"},
    bodyOriginal="Hi {{name}}",
    customParams=listed("name"),
)
CARDS = approved(
    body="Hi {{name}}",
    cards=[
        {
            "header": {"typeString": "image", "link": "{{picture}}"},
            "body": "For {{price}}",
            "buttons": [{"type": "url", "parameter": {"text": "Buy", "url": "https://x.example/{{sku}}"}}],
        }
    ],
)
MAPPED = approved(
    body="Hi",
    buttons=[
        {
            "type": "url",
            "parameter": {
                "text": "Track",
                "url": "https://x.example/{{1}}",
                "buttonParamMapping": {"index": 1, "paramName": "tracking"},
            },
        }
    ],
)
HEADED = approved(
    header={"text": "For {{1}}", "textOriginal": "For {{client}}"},
    body="Order {{1}}",
    bodyOriginal="Order {{order}}",
)

# row, the names given, what is missing
ASKED: list[tuple[Json, list[str], list[str]]] = [
    (ORDER, ["client", "ordernumber", "delivery"], []),
    (ORDER, ["client", "ordernumber", "delivery", "1"], []),
    (ORDER, ["1", "2", "3"], []),
    (ORDER, ["client", "ordernumber"], ["delivery"]),
    (ORDER, ["client", "2", "3"], ["1"]),
    (UNNAMED, ["1", "2"], []),
    (UNNAMED, ["name", "order"], []),
    (UNNAMED, ["name", "order", "1", "2"], []),
    (UNNAMED, ["name"], ["order"]),
    (UNNAMED, ["2"], ["1"]),
    (OLD, ["name"], []),
    (OLD, [], ["name"]),
    ({**OLD, "customParams": []}, ["name"], []),
    (PICTURE, ["name", "product_image_url"], []),
    (PICTURE, ["name"], ["product_image_url"]),
    (CARDS, ["name", "picture", "price", "sku"], []),
    (CARDS, ["name", "price", "sku"], ["picture"]),
    (MAPPED, ["tracking"], []),
    (MAPPED, ["1"], []),
    (MAPPED, [], ["tracking"]),
    (HEADED, ["client", "order"], []),
    (approved(body="Hi", customParams=listed("old")), [], []),
    (approved(body="{{1}} {{2}}", customParams=listed("name")), ["name"], []),
    (approved(body="{{1}}", customParams=listed("name", "unused")), ["name"], []),
]


@pytest.mark.parametrize(("row", "given", "missing"), ASKED)
def test_the_places_in_the_texts_decide_what_is_missing(
    row: Json, given: list[str], missing: list[str]
) -> None:
    template = Template(row)
    assert template.missing(given) == missing
    unknown = [code for _, code, _ in template.mismatches(given) if code == "parameter_unknown"]
    assert unknown == []


def send(*parameters: tuple[str, str], template: str = "t") -> Json:
    pairs = [{"name": name, "value": value} for name, value in parameters]
    return {"whatsappNumber": JANE, "template_name": template, "broadcast_name": "b", "parameters": pairs}


@pytest.fixture
def dry(call: Callable[..., Run], far_side: FarSide) -> Callable[..., Run]:
    """`dry(rows, *parameters)`: a dry run of the template `t`, on an account with these rows."""

    def run(rows: list[Json], *parameters: tuple[str, str], name: str = "send_template_message") -> Run:
        link = {"nextPage": None}
        far_side.always(reply({"result": "success", "messageTemplates": rows, "link": link}), to=TEMPLATES)
        done = call(name, send(*parameters), "--dry-run")
        assert far_side.writes == []
        return done

    return run


def shown(run: Run) -> Json:
    found: Json = run.data["preflight"]["template"]
    return found


def warned(run: Run, said: str) -> bool:
    return any(said in warning for warning in run.data.get("warnings", []))


def test_names_fill_the_places_of_both_notations(dry: Callable[..., Run]) -> None:
    run = dry([ORDER], ("client", "Jane"), ("ordernumber", "7"), ("delivery", "today"))
    assert shown(run)["text"] == "Hi Jane! Your order #7 comes today"
    assert not warned(run, "called")
    run = dry([ORDER], ("1", "Jane"), ("2", "7"), ("3", "today"))
    assert shown(run)["text"] == "Hi Jane! Your order #7 comes today"
    assert warned(run, "client, ordernumber, delivery or 1, 2, 3")


def test_either_complete_set_passes_where_nothing_says_which_is_right(dry: Callable[..., Run]) -> None:
    for given in ([("1", "J"), ("2", "7")], [("name", "J"), ("order", "7")]):
        run = dry([UNNAMED], *given)
        assert run.exit == 0, run.text
        assert warned(run, "do not say whether the template's parameters are called 1, 2 or name, order")
    assert dry([UNNAMED], ("name", "J")).error["problems"][0]["code"] == "parameter_missing"


def test_an_older_template_is_read_like_a_body(dry: Callable[..., Run]) -> None:
    assert shown(dry([OLD], ("name", "Jane")))["text"] == "Hi Jane, thanks"


def test_a_header_with_a_picture_is_shown_with_its_link(dry: Callable[..., Run]) -> None:
    run = dry([PICTURE], ("name", "Jane"), ("product_image_url", "https://x.example/a.png"))
    assert shown(run)["header"] == {"type": "image", "link": "https://x.example/a.png"}
    run = dry([PICTURE], ("name", "Jane"))
    (problem,) = run.error["problems"]
    assert problem["code"] == "parameter_missing" and "product_image_url" in problem["problem"]


def test_buttons_and_cards_are_shown(dry: Callable[..., Run]) -> None:
    run = dry([CARDS], ("name", "J"), ("picture", "https://p.example"), ("price", "$5"), ("sku", "a1"))
    assert shown(run)["cards"] == [
        {
            "header": {"type": "image", "link": "https://p.example"},
            "text": "For $5",
            "buttons": ["Buy"],
            "links": ["https://x.example/a1"],
        }
    ]
    run = dry([MAPPED], ("tracking", "77"))
    assert shown(run)["buttons"] == ["Track"] and shown(run)["links"] == ["https://x.example/77"]


UNREAD = [
    approved(body="Hi", header={"type": 9, "blocks": ["{{x}}"]}),
    approved(body="Hi", header=7),
    approved(body="Hi", buttons=["x"]),
    approved(body="Hi", limitedTimeOffer={"text": "until {{x}}"}),
    approved(body=None),
]


@pytest.mark.parametrize("row", UNREAD)
def test_what_is_not_understood_is_said_and_stops_nothing(row: Json, dry: Callable[..., Run]) -> None:
    run = dry([row])
    assert run.exit == 0 and warned(run, "Not all of the template was understood"), run.text
    if "{{x}}" in str(row):
        assert dry([row], ("x", "1")).exit == 0


ENGLISH = approved(language={"key": "English", "value": "en"}, bodyOriginal="Hi {{client}}")
SPANISH = approved(language={"key": "Spanish", "value": "es"}, bodyOriginal="Hola {{client}}, el {{fecha}}")


@pytest.mark.parametrize("rows", [[ENGLISH, SPANISH], [SPANISH, ENGLISH]])
def test_languages_of_one_name_are_all_named(rows: list[Json], dry: Callable[..., Run]) -> None:
    for given in ([("client", "J")], [("client", "J"), ("fecha", "lunes")]):
        run = dry(rows, *given)
        assert run.exit == 0, run.text
        assert warned(run, "en (client)") and warned(run, "es (client, fecha)")
        assert warned(run, "is not known")
        assert set(shown(run)["languages"]) == {"en", "es"}
    assert dry(rows, ("fecha", "lunes")).exit == 2
    other = {**SPANISH, "status": "REJECTED"}
    assert not warned(dry([ENGLISH, other], ("client", "J")), "have this name")


def test_a_language_on_the_next_page_is_found(call: Callable[..., Run], far_side: FarSide) -> None:
    full = [ENGLISH, *[{"elementName": f"x{n}", "status": "APPROVED", "body": "Hi"} for n in range(99)]]
    for rows in (full, [SPANISH]):
        far_side.will(reply({"result": "success", "messageTemplates": rows}), to=TEMPLATES)
    run = call("send_template_message", send(("client", "J")), "--dry-run")
    assert warned(run, "es (client, fecha)"), run.text


LONG = [
    (approved(body="Hi {{a}}"), "x" * 1021, "x" * 1022, "the body has 1,025 characters"),
    (approved(body="Hi", header="For {{a}}"), "x" * 56, "x" * 57, "the header has 61 characters"),
    (approved(body="{{a}}", category="AUTHENTICATION"), "1" * 15, "1" * 16, 'the code "a" has 16 characters'),
]


@pytest.mark.parametrize(("row", "short", "long", "said"), LONG)
def test_a_text_that_is_too_long_when_filled_is_a_warning(
    row: Json, short: str, long: str, said: str, dry: Callable[..., Run]
) -> None:
    assert not warned(dry([row], ("a", short)), "WhatsApp may reject")
    run = dry([row], ("a", long))
    assert run.exit == 0 and warned(run, said), run.text


SAME = [
    (
        "send_interactive_buttons_message",
        {"whatsappNumber": JOHN, "body": "b", "buttons": [{"text": "No"}, {"text": "No"}]},
        "$.buttons[1].text",
    ),
    (
        "send_interactive_list_message",
        {
            "whatsappNumber": JOHN,
            "body": "b",
            "buttonText": "x",
            "sections": [{"title": "s", "rows": [{"title": "A"}, {"title": "A", "description": "d"}]}],
        },
        "$.sections[0].rows[1].title",
    ),
]


@pytest.mark.parametrize(("name", "arguments", "at"), SAME)
def test_equal_titles_are_refused(
    name: str, arguments: Json, at: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    run = call(name, arguments)
    assert (run.exit, run.error["code"]) == (2, "invalid_arguments")
    assert run.error["problems"][0]["at"] == at
    assert "WhatsApp rejects equal titles" in run.error["problems"][0]["problem"]
    assert far_side.requests == []


def test_equal_titles_in_two_sections_are_fine(call: Callable[..., Run], far_side: FarSide) -> None:
    rows = [{"title": "A"}]
    sections = [{"title": "s", "rows": rows}, {"title": "t", "rows": rows}]
    arguments = {"whatsappNumber": JOHN, "body": "b", "buttonText": "x", "sections": sections}
    call("send_interactive_list_message", arguments)
    assert len(far_side.writes) == 1


# --- menus, and templates to choose from -------------------------------------------------------------------


def test_a_dry_run_of_buttons_and_lists_shows_what_the_customer_sees(call: Callable[..., Run]) -> None:
    arguments = {
        "whatsappNumber": JOHN,
        "header": {"type": "Image", "media": {"url": "https://x.example/a.png"}},
        "body": "Shall we come?",
        "footer": "Acme",
        "buttons": [{"text": "Yes"}, {"text": "No"}],
    }
    run = call("send_interactive_buttons_message", arguments, "--dry-run")
    assert run.data["preflight"]["message"] == {
        "header": {"type": "Image", "url": "https://x.example/a.png"},
        "text": "Shall we come?",
        "footer": "Acme",
        "buttons": ["Yes", "No"],
    }
    rows = [{"title": "A", "description": "the first"}, {"title": "B"}]
    menu = {"body": "Which?", "buttonText": "Choose", "sections": [{"title": "s", "rows": rows}]}
    run = call("send_interactive_list_message", {"whatsappNumber": JOHN, **menu}, "--dry-run")
    assert run.data["preflight"]["message"] == {
        "text": "Which?",
        "buttons": ["Choose"],
        "choices": ["A: the first", "B"],
    }


def test_a_closed_window_shows_the_templates_with_their_text(call: Callable[..., Run], state: str) -> None:
    arguments = {"whatsappNumber": JANE, "messageText": "Hi"}
    for flags in (["--dry-run"], []):
        hint = call("send_session_message", arguments, *flags, **SANDBOX).error["hint"]
        assert 'order_update (name, ordernumber): "Hi {{name}}, your order {{ordernumber}} is ready."' in hint
