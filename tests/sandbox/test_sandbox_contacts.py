"""getContacts, addContact, updateContactAttributes."""

from __future__ import annotations

import json

import pytest

V1 = "/wati/api/v1"
JOHN = "14155551234"
# The contact object of a published capture.
MEMBERS = {
    *("id", "wAid", "firstName", "fullName", "phone", "source", "contactStatus", "photo", "created"),
    *("customParams", "optedIn", "isDeleted", "lastUpdated", "allowBroadcast", "allowSMS", "teamIds"),
    *("isInFlow", "lastFlowId", "currentFlowNodeId", "selectedHubspotId"),
}


def found(world, **query):
    answer = world.get(f"{V1}/getContacts", params=query)
    assert answer.json()["result"] == "success", answer.text
    return answer.json()["contact_list"]


def by_attribute(world, *entries):
    return found(world, attribute=json.dumps(entries))


def test_contacts_have_the_captured_shape(world):
    contacts = found(world)
    assert len(contacts) == 57
    assert all(set(contact) == MEMBERS for contact in contacts)
    assert contacts[0]["wAid"] == contacts[0]["phone"] == JOHN
    assert contacts[0]["created"] == "Nov-06-2025"
    assert {p["name"] for p in contacts[0]["customParams"]} == {"name", "phone", "member", "city"}


def test_paging_goes_by_last_update_and_moves_when_a_contact_changes(world):
    pages = [found(world, pageSize=20, pageNumber=number) for number in (1, 2, 3, 4)]
    assert [len(page) for page in pages] == [20, 20, 17, 0]
    numbers = [contact["wAid"] for page in pages for contact in page]
    assert len(set(numbers)) == 57
    dates = [contact["lastUpdated"] for page in pages for contact in page]
    assert dates == sorted(dates, reverse=True)
    last = numbers[-1]
    world.advance(1)
    world.post(f"{V1}/updateContactAttributes/{last}", json={"customParams": [{"name": "a", "value": "b"}]})
    assert found(world, pageSize=1)[0]["wAid"] == last


def test_the_link_block(world):
    def link(**query):
        return world.get(f"{V1}/getContacts", params=query).json()["link"]

    first, last = link(pageSize=50), link(pageSize=50, pageNumber=2)
    assert (first["prevPage"], last["nextPage"]) == (None, None)
    assert "pageNumber=2" in first["nextPage"]
    assert first["nextPage"].startswith("https://wati.invalid/")  # an upstream address, not the gateway's
    assert (first["pageNumber"], first["pageSize"], first["total"]) == (1, 50, 57)


@pytest.mark.parametrize("query", [{"pageSize": 0}, {"pageNumber": 0}, {"pageNumber": -1}, {"pageSize": "x"}])
def test_impossible_pages_are_refused(world, query):
    answer = world.get(f"{V1}/getContacts", params=query)
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == list(query)


def test_a_page_above_100_is_served_as_100(world):
    world.seed(contacts=[{"whatsappNumber": str(15550000000 + n)} for n in range(60)])
    assert len(found(world, pageSize=500)) == 100


def test_name_is_a_substring_without_regard_to_case(world):
    assert [c["fullName"] for c in found(world, name="jOHN d")] == ["John Doe"]
    assert [c["fullName"] for c in found(world, name="åkesson")] == ["Björn Åkesson"]
    assert [c["fullName"] for c in found(world, name="田中")] == ["田中 さくら"]
    assert found(world, name="nobody at all") == []


def test_created_date_in_both_forms(world):
    assert [c["wAid"] for c in found(world, createdDate="2025-11-06")] == [JOHN]
    assert [c["wAid"] for c in found(world, createdDate="11-06-2025")] == [JOHN]
    assert world.get(f"{V1}/getContacts", params={"createdDate": "yesterday"}).status_code == 400


@pytest.mark.parametrize(
    ("operator", "value", "john"),
    [
        ("contain", "francisco", True),
        ("contain", "Oak", False),
        ("notContain", "Oak", True),
        ("notContain", "San", False),
        ("==", "san francisco", True),
        ("==", "San", False),
        ("!=", "San", True),
        ("!=", "San Francisco", False),
        ("exist", None, True),
        ("notExist", None, False),
        ("valid", None, True),
        ("invalid", None, False),
    ],
)
def test_every_attribute_operator(world, operator, value, john):
    entry = {"name": "city", "operator": operator, "value": value}
    numbers = {c["wAid"] for c in by_attribute(world, entry)}
    assert (JOHN in numbers) is john


def test_attribute_entries_must_all_hold(world):
    vip = {"name": "member", "operator": "==", "value": "VIP"}
    lagos = {"name": "city", "operator": "contain", "value": "Lagos"}
    assert len(by_attribute(world, vip)) > 1
    assert [c["fullName"] for c in by_attribute(world, vip, lagos)] == ["Aisha Bello"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"name": "a"}',
        '["x"]',
        '[{"name": "a", "operator": "like"}]',
        '[{"name": "a", "operator": "=="}]',
    ],
)
def test_bad_attribute_filters_are_refused(world, text):
    assert world.get(f"{V1}/getContacts", params={"attribute": text}).status_code == 400


def test_add_contact(world):
    body = {"name": "New One", "customParams": [{"name": "member", "value": "VIP"}]}
    answer = world.post(f"{V1}/addContact/15550001111", json=body).json()
    assert (answer["result"], answer["contact"]["fullName"]) == (True, "New One")
    assert answer["contact"]["optedIn"] is False
    assert found(world)[0]["wAid"] == "15550001111"
    (row,) = world.log()
    assert (row["kind"], row["whatsappNumber"], row["name"]) == ("contact_added", "15550001111", "New One")
    assert row["customParams"] == body["customParams"]


def test_a_contact_without_a_name_is_called_by_its_number(world):
    contact = world.post(f"{V1}/addContact/15550001111", json={}).json()["contact"]
    assert contact["firstName"] == contact["fullName"] == "+15550001111"
    assert contact["customParams"] == [
        {"name": "name", "value": "+15550001111"},
        {"name": "phone", "value": "15550001111"},
    ]


def test_adding_a_known_contact_changes_it(world):
    answer = world.post(f"{V1}/addContact/{JOHN}", json={"name": "John D."}).json()
    assert answer["contact"]["fullName"] == "John D."
    assert len(found(world, name="John D")) == 1
    assert [row["kind"] for row in world.log()] == ["contact_updated"]


@pytest.mark.parametrize("number", ["+15550001111", "abc", "123", "0155500011"])
def test_impossible_numbers_are_refused_under_200(world, number):
    answer = world.post(f"{V1}/addContact/{number}", json={"name": "x"})
    assert (answer.status_code, answer.json()["result"]) == (200, False)
    assert world.log() == []


@pytest.mark.parametrize("target", ["id", "user id"])
def test_targets_may_be_a_contact_id_or_a_user_id(world, target):
    aisha = found(world, name="Aisha")[0]
    where = {"id": aisha["id"], "user id": "US.13491208655302741918"}[target]
    change = {"customParams": [{"name": "seen", "value": "yes"}]}
    assert world.post(f"{V1}/updateContactAttributes/{where}", json=change).json() == {"result": True}
    assert world.log()[0]["whatsappNumber"] == aisha["wAid"]


def test_updating_sets_over_and_unknown_contacts_are_refused_under_200(world):
    change = {"customParams": [{"name": "member", "value": "gold"}, {"name": "new", "value": "x"}]}
    assert world.post(f"{V1}/updateContactAttributes/{JOHN}", json=change).json() == {"result": True}
    params = {p["name"]: p["value"] for p in found(world, name="John Doe")[0]["customParams"]}
    assert (params["member"], params["new"], params["city"]) == ("gold", "x", "San Francisco")
    unknown = world.post(f"{V1}/updateContactAttributes/15550001111", json=change)
    assert (unknown.status_code, unknown.json()) == (200, {"result": False})
    assert len(world.log()) == 1


@pytest.mark.parametrize("path", [f"{V1}/addContact/15550001111", f"{V1}/updateContactAttributes/{JOHN}"])
def test_bodies_must_be_json_objects(world, path):
    assert world.post(path, data={"name": "x"}).status_code == 415
    assert world.post(path, content=b"{}").status_code == 415
    json_type = {"Content-Type": "application/json"}
    for content in (b"", b"{", b"[]", b'"x"', b'{"name": 5, "customParams": []}', b'{"name": NaN}'):
        if path.endswith(JOHN) and b"name" in content:
            continue
        assert world.post(path, content=content, headers=json_type).status_code == 400, content
    deep = b"[" * 100_000
    assert world.post(path, content=deep, headers=json_type).status_code == 400
    lone = b'{"name": "\\ud800", "customParams": [{"name": "\\ud800", "value": "x"}]}'
    assert world.post(path, content=lone, headers=json_type).status_code == 400
    assert world.log() == []


@pytest.mark.parametrize("kind", ["text/json", "application/json-patch+json", "application/x+json"])
def test_every_documented_json_type_is_taken(world, kind):
    answer = world.post(
        f"{V1}/addContact/15550001111", content=b'{"name": "A"}', headers={"Content-Type": kind}
    )
    assert answer.json()["result"] is True


def test_texts_of_any_script_come_back_as_they_went(world):
    name = "Ωμέγα 😀 مرحبا \x00 end"
    world.post(f"{V1}/addContact/15550001111", json={"name": name})
    assert found(world, name="ωμέγα")[0]["fullName"] == name
