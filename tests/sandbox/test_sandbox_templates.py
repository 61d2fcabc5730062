"""Templates and the five ways to send one."""

from __future__ import annotations

import json

import pytest

V1, V2 = "/wati/api/v1", "/wati/api/v2"
JOHN, JANE, STRANGER = "14155551234", "14155555678", "14155550003"
ORDER = {"name": "John", "ordernumber": "12345"}
BLANK = "Check your template, it cannot have typos or blank text."
SPACES = "Custom params can't have 4 consecutive spaces and button url can't have a space"


def pairs(values):
    return [{"name": name, "value": value} for name, value in values.items()]


def one(world, values=None, *, to=JOHN, version=V1, template="order_update", **body):
    values = ORDER if values is None else values
    content = {"template_name": template, "broadcast_name": "test", "parameters": pairs(values), **body}
    params = {} if to is None else {"whatsappNumber": to}
    return world.post(f"{version}/sendTemplateMessage", params=params, json=content)


def many(world, receivers, *, version=V1, template="order_update"):
    content = {"template_name": template, "broadcast_name": "test", "receivers": receivers}
    return world.post(f"{version}/sendTemplateMessages", json=content)


def receiver(number, values=ORDER, **more):
    return {"whatsappNumber": number, "customParams": pairs(values), **more}


def by_csv(world, content, *, template="order_update", broadcast="test"):
    files = {"whatsapp_numbers_csv": ("contacts.csv", content, "text/csv")}
    params = {"template_name": template, "broadcast_name": broadcast}
    return world.post(f"{V1}/sendTemplateMessageCSV", params=params, files=files)


# --- the list ---


def test_the_seeded_templates(world):
    body = world.get(f"{V1}/getMessageTemplates").json()
    assert body["result"] == "success"
    assert {t["elementName"]: t["status"] for t in body["messageTemplates"]} == {
        "order_update": "APPROVED",
        "order_update_v2": "APPROVED",
        "welcome": "APPROVED",
        "appointment_reminder": "APPROVED",
        "payment_link": "APPROVED",
        "spring_sale": "PENDING",
        "account_alert": "REJECTED",
        "old_draft": "DRAFT",
    }
    listed = {t["elementName"]: [p["paramName"] for p in t["customParams"]] for t in body["messageTemplates"]}
    assert (listed["order_update"], listed["appointment_reminder"]) == (["name", "ordernumber"], ["1", "2"])
    assert (listed["welcome"], listed["payment_link"]) == ([], ["name"])
    (button,) = next(t for t in body["messageTemplates"] if t["elementName"] == "payment_link")["buttons"]
    assert button["parameter"]["buttonParamMapping"]["paramName"] == "invoice"


def test_templates_page(world):
    pages = [
        world.get(f"{V1}/getMessageTemplates", params={"pageSize": 5, "pageNumber": n}).json()
        for n in (1, 2, 3)
    ]
    assert [len(page["messageTemplates"]) for page in pages] == [5, 3, 0]
    assert [bool(page["link"]["nextPage"]) for page in pages] == [True, False, False]


# --- one receiver, version 1 ---


def test_a_template_reaches_a_closed_window_too(world):
    answer = one(world, to=JANE).json()
    assert answer["result"] is answer["validWhatsAppNumber"] is True
    assert (answer["phone_number"], answer["template_name"]) == (JANE, "order_update")
    assert answer["parameteres"] == pairs(ORDER)  # WATI's spelling
    assert answer["contact"]["wAid"] == JANE
    assert len(answer["model"]["ids"]) == 1
    (row,) = world.log()
    assert (row["kind"], row["endpoint"], row["template"]) == (
        "template",
        "send_template_message",
        "order_update",
    )
    assert (row["parameters"], row["broadcast_name"]) == (pairs(ORDER), "test")
    assert row["text"] == "Hi John, your order 12345 is ready."
    shown = world.messages(JANE)[0]
    assert (shown["eventType"], shown["finalText"]) == ("broadcastMessage", row["text"])
    assert shown["eventDescription"].endswith('"order_update" template was received 05|01|2026')
    assert shown["localMessageId"] == row["localMessageId"]


@pytest.mark.parametrize(
    "values",
    [
        {"name": "John"},
        {},
        {"name": "John", "ordernumber": ""},
        {"name": "John", "ordernumber": "  "},
        {**ORDER, "extra": ""},
        {"Name": "John", "ordernumber": "1"},
        {"1": "John", "2": "12345"},
    ],
)
def test_v1_refuses_missing_and_blank_parameters(world, values):
    answer = one(world, values)
    assert (answer.status_code, answer.json()["info"]) == (400, BLANK)
    assert world.log() == []


def test_positional_templates_take_numbers_not_names(world):
    assert one(world, {"date": "May 1", "time": "9:00"}, template="appointment_reminder").status_code == 400
    assert one(world, {"1": "May 1", "2": "9:00"}, template="appointment_reminder").json()["result"] is True
    assert world.log()[0]["text"] == "A reminder: your appointment is on May 1 at 9:00."


def test_a_buttons_parameter_is_needed_and_holds_no_space(world):
    assert one(world, {"name": "John"}, template="payment_link").status_code == 400
    for invoice in ("A1", "A 1"):
        one(world, {"name": "John", "invoice": invoice}, template="payment_link")
    world.advance(2)
    assert [row["status"] for row in world.log()] == ["DELIVERED", "FAILED"]


def test_templates_without_parameters_still_need_the_list(world):
    assert one(world, {}, template="welcome").json()["result"] is True
    assert one(world, template="welcome", parameters=None).status_code == 400
    assert one(world, template="welcome", parameters='[{"name": "a"}]').status_code == 400
    assert len(world.log()) == 1


@pytest.mark.parametrize("value", ["a    b", "a\nb", "a\tb"])
@pytest.mark.parametrize("version", [V1, V2])
def test_what_whatsapp_does_not_print_is_accepted_and_fails_later(world, value, version):
    assert one(world, {**ORDER, "name": value}, version=version).json()["result"] is True
    assert world.log()[0]["status"] == "SENT"
    world.advance(2)
    (row,) = world.log()
    assert (row["status"], row["failedDetail"]) == ("FAILED", SPACES)
    shown = world.messages(JOHN)[0]
    assert (shown["statusString"], shown["failedDetail"]) == ("FAILED", SPACES)


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize("template", ["unknown", "spring_sale", "account_alert", "old_draft"])
def test_only_approved_templates_go_out(world, version, template):
    for answer in (
        one(world, template=template, version=version),
        many(world, [receiver(JOHN)], template=template, version=version),
    ):
        assert (answer.status_code, answer.json()["result"]) == (200, False)
    assert (
        by_csv(world, "Phone,name,ordernumber\n14155551234,a,b", template=template).json()["result"] is False
    )
    assert world.log() == []


@pytest.mark.parametrize("version", [V1, V2])
def test_the_number_counts_in_the_query_only(world, version):
    answer = one(world, to=None, version=version, whatsappNumber=JOHN)
    assert (answer.status_code, answer.json()["info"]) == (400, "Whatsapp number should not be null or empty")
    assert world.log() == []


@pytest.mark.parametrize("missing", ["template_name", "broadcast_name"])
def test_both_names_are_required(world, missing):
    assert one(world, **{missing: None}).status_code == 400
    assert missing in one(world, **{missing: ""}).json()["errors"]
    assert world.log() == []


def test_a_number_without_whatsapp_hides_under_result_true(world):
    answer = one(world, to=STRANGER).json()
    assert (answer["result"], answer["validWhatsAppNumber"], answer["contact"]) == (True, False, None)
    assert one(world, to="+14155551234").json()["result"] is False
    assert world.log() == []


def test_an_unknown_number_becomes_a_contact(world):
    one(world, to="15550001111")
    (row,) = world.log()
    assert row["contact_created"] is True
    contacts = world.get(f"{V1}/getContacts", params={"pageSize": 1}).json()["contact_list"]
    assert contacts[0]["fullName"] == "+15550001111"


# --- many receivers, version 1 ---


def test_v1_bulk_names_only_those_it_could_not_take(world):
    answer = many(world, [receiver(JOHN), receiver(STRANGER), receiver(JANE, {"name": "Jane"})]).json()
    assert answer == {
        "result": True,
        "errors": {
            "error": "",
            "invalidWhatsappNumbers": [STRANGER],
            "invalidCustomParameters": [{"whatsappNumber": JANE, "name": "ordernumber"}],
        },
    }
    assert [row["whatsappNumber"] for row in world.log()] == [JOHN]
    assert world.log()[0]["endpoint"] == "send_template_messages"


@pytest.mark.parametrize("receivers", [[], [receiver(STRANGER)], [receiver("")], [receiver(JOHN, {})]])
def test_no_valid_receivers(world, receivers):
    answer = many(world, receivers)
    assert (answer.status_code, answer.json()["result"]) == (200, False)
    assert answer.json()["errors"]["error"] == "There are no valid Receivers"
    assert world.log() == []


@pytest.mark.parametrize("version", [V1, V2])
def test_1000_receivers_a_call(world, version):
    crowd = [receiver(str(15550000000 + n)) for n in range(1001)]
    assert many(world, crowd, version=version).status_code == 400
    assert world.log() == []
    assert many(world, crowd[:1000], version=version).json()["result"] is True
    assert len(world.log()) == 1000


def test_null_values_are_blank(world):
    broken = {"whatsappNumber": JOHN, "customParams": [{"name": "name", "value": None}]}
    assert many(world, [broken]).json()["result"] is False
    assert many(world, [{"whatsappNumber": JOHN}]).status_code == 400
    assert many(world, None).status_code == 400


# --- version 2 ---


def test_v2_answers_with_an_id_for_each_receiver(world):
    answer = one(world, version=V2).json()
    (entry,) = answer["receivers"]
    assert answer == {
        "result": True,
        "error": None,
        "templateName": "order_update",
        "receivers": [
            {
                "localMessageId": entry["localMessageId"],
                "waId": JOHN,
                "isValidWhatsAppNumber": True,
                "errors": [],
            }
        ],
        "parameters": pairs(ORDER),
    }
    (row,) = world.log()
    assert (row["localMessageId"], row["endpoint"]) == (entry["localMessageId"], "send_template_message_v2")


def test_v2_accepts_a_missing_parameter_and_fails_later(world):
    assert one(world, {"name": "John"}, version=V2).json()["result"] is True
    world.advance(2)
    (row,) = world.log()
    assert row["status"] == "FAILED"
    assert "parameters" in row["failedDetail"]


def test_v2_bulk_hides_failures_under_result_true(world):
    answer = many(
        world, [receiver(JOHN, localMessageId="mine"), receiver(STRANGER), receiver("x")], version=V2
    )
    body = answer.json()
    assert (body["result"], "parameters" in body) == (True, False)
    assert [entry["isValidWhatsAppNumber"] for entry in body["receivers"]] == [True, False, False]
    assert [bool(entry["errors"]) for entry in body["receivers"]] == [False, True, True]
    assert body["receivers"][0]["localMessageId"] == "mine"
    (row,) = world.log()
    assert (row["whatsappNumber"], row["localMessageId"]) == (JOHN, "mine")
    assert row["endpoint"] == "send_template_messages_v2"


# --- CSV ---


@pytest.mark.parametrize(
    "content",
    [
        "Name,CountryCode,Phone,AllowBroadcast,AllowSMS,ordernumber\r\nJohn,+1,4155551234,TRUE,TRUE,12345\r\n",
        "Phone,name,ordernumber\n14155551234,John,12345\n\n  ,,\n",
        "\ufeffwhatsappNumber,name,ordernumber\n14155551234,John,12345",
        'name,countrycode,phone,OrderNumber\n"John",1,"415-555-1234",12345\n',
    ],
)
def test_csv_in_the_import_format_or_with_whole_numbers(world, content):
    answer = by_csv(world, content.encode()).json()
    assert answer["result"] is True
    (row,) = world.log()
    assert (row["whatsappNumber"], row["endpoint"]) == (JOHN, "send_template_message_csv")
    assert row["text"] == "Hi John, your order 12345 is ready."


def test_a_column_of_the_exact_name_goes_before_one_in_another_case(world):
    by_csv(world, f"Name,name,Phone,ordernumber\nJohn Doe,John,{JOHN},12345")
    assert world.log()[0]["parameters"] == pairs(ORDER)


def test_csv_leaves_out_whom_it_cannot_reach(world):
    lines = ["Phone,name,ordernumber", f"{JOHN},a,1", f"{STRANGER},b,2", "nonsense,c,3", f"{JANE},,4"]
    answer = by_csv(world, "\n".join(lines)).json()
    assert answer == {"result": True, "info": "2 of 4 records accepted"}
    world.advance(2)
    assert [(row["whatsappNumber"], row["status"]) for row in world.log()] == [
        (JOHN, "DELIVERED"),
        (JANE, "FAILED"),
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "Phone,name,ordernumber\n",
        "number,name\n1,2\n",
        f"Phone,name\n{JOHN},a\n",
        f"Phone,name,ordernumber\n{STRANGER},a,b",
    ],
)
def test_csv_that_names_nobody_is_refused(world, content):
    answer = by_csv(world, content)
    assert (answer.status_code, answer.json()["result"]) == (200, False)
    assert answer.json()["info"]
    assert world.log() == []


def test_csv_needs_its_part_and_both_names(world):
    where = f"{V1}/sendTemplateMessageCSV?template_name=order_update&broadcast_name=b"
    assert world.post(where, files={"file": ("a.csv", b"Phone\n1", "text/csv")}).status_code == 400
    assert world.post(where, content=b"Phone\n1", headers={"Content-Type": "text/csv"}).status_code == 415
    assert by_csv(world, "Phone\n1", broadcast="").status_code == 400
    assert world.log() == []


@pytest.mark.parametrize("where", [f"{V1}/sendTemplateMessage", f"{V2}/sendTemplateMessages"])
def test_template_sends_take_json_only(world, where):
    form = world.post(f"{where}?whatsappNumber={JOHN}", data={"template_name": "order_update"})
    assert form.status_code == 415
    assert json.loads(form.text)["status"] == 415
    assert world.log() == []


# --- templates of a seed ------------------------------------------------------------------------------------

CARD = {
    "header": {"type": "image", "link": "https://x.example/{{pic}}.png"},
    "body": "{{item}} for {{price}}",
}
RICH = {
    "elementName": "rich",
    "status": "APPROVED",
    "language": "es",
    "header": {"type": "image", "link": "https://x.example/{{photo}}.png"},
    "body": "Hola {{client}}",
    "footer": "Responda STOP",
    "buttons": [
        {"type": "quick_reply", "text": "Gracias"},
        {"type": "url", "text": "Ver", "url": "https://x.example/{{order}}"},
        {"type": "phone_number", "text": "Llamar", "phoneNumber": "14155550100"},
    ],
    "cards": [{**CARD, "buttons": [{"type": "url", "text": "Buy", "url": "https://x.example/{{sku}}"}]}],
}
NEEDED = ["photo", "client", "pic", "item", "price", "order", "sku"]


def template_named(world, name):
    rows = world.get(f"{V1}/getMessageTemplates").json()["messageTemplates"]
    return [row for row in rows if row["elementName"] == name]


def test_a_seeded_template_has_header_buttons_cards_and_language(world):
    world.seed(templates=[RICH])
    (row,) = template_named(world, "rich")
    assert row["header"]["typeString"] == "image" and row["header"]["link"].endswith("{{photo}}.png")
    assert [button["type"] for button in row["buttons"]] == ["quick_reply", "url", "phone_number"]
    assert row["buttons"][1]["parameter"]["buttonParamMapping"]["paramName"] == "order"
    assert row["language"]["value"] == "es" and row["footer"] == "Responda STOP"
    assert row["cards"][0]["buttons"][0]["parameter"]["url"].endswith("{{sku}}")
    assert sorted(one["paramName"] for one in row["customParams"]) == sorted(NEEDED)


@pytest.mark.parametrize("absent", NEEDED)
def test_every_place_of_a_template_needs_a_value(world, absent):
    world.seed(templates=[RICH])
    values = [{"name": name, "value": f"v-{name}"} for name in NEEDED if name != absent]
    body = {"template_name": "rich", "broadcast_name": "b", "parameters": values}
    to = f"{V1}/sendTemplateMessage?whatsappNumber={JANE}"
    assert world.post(to, json=body).status_code == 400 and world.log() == []
    assert (
        world.post(to, json={**body, "parameters": [*values, {"name": absent, "value": "v"}]}).status_code
        == 200
    )
    assert world.messages(JANE)[0]["mediaHeaderLink"].startswith("https://x.example/v")


def test_one_name_has_several_languages_and_the_first_approved_one_goes_out(world):
    spoken = [
        {"elementName": "hi", "status": "PENDING", "language": "en", "body": "Hi {{client}}"},
        {
            "elementName": "hi",
            "status": "APPROVED",
            "language": "es",
            "body": "Hola {{client}}, el {{fecha}}",
        },
        {"elementName": "hi", "status": "APPROVED", "language": "de", "body": "Hallo {{client}}"},
    ]
    world.seed(templates=spoken)
    assert [row["language"]["value"] for row in template_named(world, "hi")] == ["en", "es", "de"]
    values = [{"name": "client", "value": "Jo"}, {"name": "fecha", "value": "lunes"}]
    body = {"template_name": "hi", "broadcast_name": "b", "parameters": values}
    assert world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JANE}", json=body).json()["result"] is True
    assert world.log()[-1]["text"] == "Hola Jo, el lunes"
