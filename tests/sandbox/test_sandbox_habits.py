"""What customers do by themselves: what is sent to them fails, or they read it and answer."""

from __future__ import annotations

import pytest

from wati.sandbox import control, habits

V1 = "/wati/api/v1"
JOHN, JANE = "14155551234", "14155555678"
SALE = {"elementName": "sale", "status": "APPROVED", "body": "Sale!", "category": "MARKETING"}
SORTS = {  # path and template
    habits.MARKETING: ("sendTemplateMessage?whatsappNumber=", "sale"),
    habits.UTILITY: ("sendTemplateMessage?whatsappNumber=", "welcome"),
    habits.SESSION: ("sendSessionMessage/", ""),
}


def send(world, sort, number=JOHN):
    path, template = SORTS[sort]
    body = {"json": {"template_name": template, "broadcast_name": "b", "parameters": []}}
    if sort == habits.SESSION:
        body = {"data": {"messageText": "hello"}}
    elif template == "welcome":
        body["json"]["parameters"] = [{"name": "name", "value": "x"}]
    assert world.post(f"{V1}/{path}{number}", **body).json()["result"] in (True, "success")


def statuses(world):
    return [(row["status"], row.get("failedDetail")) for row in world.log() if row.get("status")]


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("code", habits.CODES)
def test_a_code_strikes_the_messages_that_it_can_be_about(world, code, sort):
    control.seed(world.path, {"templates": [SALE], "habits": [{"numbers": JOHN, "fails": code}]})
    send(world, sort)
    assert statuses(world) == [("SENT", None)]
    control.advance(world.path, 3)
    words = f"(#{code}) {habits.CODES[code].words}"
    fails = sort in habits.CODES[code].strikes
    assert statuses(world) == [("FAILED", words) if fails else ("DELIVERED", None)]


def test_which_codes_are_about_marketing_alone():
    alone = {code for code, each in habits.CODES.items() if each.strikes == (habits.MARKETING,)}
    assert alone == {"131049", "131050"}
    assert habits.CODES["131047"].strikes == (habits.SESSION,)


def test_a_fault_makes_one_send_fail_later(world):
    control.fault(world.path, {"fault": "undelivered", "code": "131026"})
    world.get(f"{V1}/getMessages/{JOHN}")  # not a send: the fault waits
    send(world, habits.SESSION)
    send(world, habits.SESSION)
    control.advance(world.path, 3)
    assert [status for status, _ in statuses(world)] == ["FAILED", "DELIVERED"]


def test_a_customer_reads_and_answers_in_time(world):
    habit = {"numbers": "1415*", "reads": 60, "replies": "Yes, please", "after": 600}
    control.seed(world.path, {"habits": [habit]})
    send(world, habits.UTILITY, JANE)
    seen = []
    for seconds in (3, 60, 541, 7200):
        control.advance(world.path, seconds)
        rows = world.messages(JANE)
        seen.append((statuses(world)[0][0], rows[0].get("text")))
    assert [status for status, _ in seen] == ["DELIVERED", "READ", "REPLIED", "REPLIED"]
    assert [text == "Yes, please" for _, text in seen] == [False, False, True, True]
    broadcast = next(row for row in world.messages(JANE) if row["eventType"] == "broadcastMessage")
    assert broadcast["statusString"] == "REPLIED"
    control.advance(world.path, 24 * 3600 - 7201 - 10)  # ten seconds before the window closes
    send(world, habits.SESSION, JANE)


def test_who_is_answered_at_once_has_read_it(world):
    control.seed(world.path, {"habits": [{"numbers": JOHN, "replies": "ok"}]})
    send(world, habits.SESSION)
    control.advance(world.path, 3)
    assert statuses(world) == [("REPLIED", None)] and world.messages(JOHN)[0]["text"] == "ok"


@pytest.mark.parametrize(
    ("numbers", "has"),
    [
        (JOHN, True),
        (JANE, False),
        ("1415555*", True),
        ("49*", False),
        (f"14155550000-{JOHN}", True),
        ("14155551235-14155559999", False),
        ("1415555-1415556", False),  # a range of shorter numbers
    ],
)
def test_whose_habit_it_is(world, numbers, has):
    control.seed(world.path, {"habits": [{"numbers": numbers, "fails": "131026"}]})
    send(world, habits.SESSION)
    control.advance(world.path, 3)
    assert statuses(world)[0][0] == ("FAILED" if has else "DELIVERED")


def test_the_first_habit_counts(world):
    control.seed(
        world.path, {"habits": [{"numbers": JOHN, "reads": 0}, {"numbers": "1*", "fails": "131026"}]}
    )
    send(world, habits.SESSION)
    control.advance(world.path, 3)
    assert statuses(world)[0][0] == "READ"


@pytest.mark.parametrize("habit", [{"numbers": JOHN}, {"numbers": JOHN, "after": 3}])
def test_a_habit_says_something(world, habit):
    with pytest.raises(control.InvalidInput):
        control.seed(world.path, {"habits": [habit]})


def test_what_has_not_arrived_when_its_template_is_paused_fails(world):
    control.seed(world.path, {"templates": [SALE]})
    send(world, habits.UTILITY)
    control.advance(world.path, 3)
    send(world, habits.UTILITY)
    send(world, habits.MARKETING)
    control.template(world.path, "welcome", "PAUSED")
    assert [status for status, _ in statuses(world)] == ["DELIVERED", "SENT", "SENT"]
    control.advance(world.path, 3)
    words = "(#132015) Template is paused"
    assert statuses(world) == [("DELIVERED", None), ("FAILED", words), ("DELIVERED", None)]
    named = {"template_name": "welcome", "broadcast_name": "b", "parameters": []}
    answer = world.post(f"{V1}/sendTemplateMessage?whatsappNumber={JOHN}", json=named).json()
    assert answer == {"result": False, "info": "Template is not approved, its status is PAUSED"}
    assert len(world.log()) == 3


def test_a_template_that_is_still_approved_in_another_language_goes_on(world):
    control.seed(world.path, {"templates": [{**SALE, "language": "es"}, SALE]})
    send(world, habits.MARKETING)
    control.template(world.path, "sale", "PAUSED", language="es")
    control.advance(world.path, 3)
    assert statuses(world) == [("DELIVERED", None)]


def test_who_wrote_stop_gets_marketing_until_they_stop_it_in_whatsapp(world):
    control.seed(world.path, {"templates": [SALE]})
    control.reply(world.path, JOHN, text="STOP")
    send(world, habits.MARKETING)
    control.seed(world.path, {"habits": [{"numbers": JOHN, "fails": "131050"}]})
    send(world, habits.MARKETING)
    send(world, habits.UTILITY)
    control.advance(world.path, 3)
    assert [status for status, _ in statuses(world)] == ["DELIVERED", "FAILED", "DELIVERED"]
