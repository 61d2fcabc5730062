"""Maton's part: key, connections, and which of them a call goes through."""

from __future__ import annotations

import re

import httpx
import pytest

from wati.sandbox import control

V1 = "/wati/api/v1"
MEMBERS = {
    "connection_id",
    "status",
    "creation_time",
    "last_updated_time",
    "url",
    "app",
    "method",
    "metadata",
}


@pytest.mark.parametrize(
    "key", ["", "Bearer", "Bearer other", "Basic sandbox", "sandbox", "Bearer sandbox x"]
)
@pytest.mark.parametrize("path", ["/connections", f"{V1}/getContacts", "/nowhere"])
def test_any_other_key_is_refused_with_matons_nested_error(world, key, path):
    answer = world.get(path, headers={"Authorization": key})
    assert answer.status_code == 401
    assert answer.json()["error"]["message"] == "Invalid API key"
    assert answer.json()["error"]["code"] == 401


def test_list_shows_the_documented_members_and_filters(world):
    everything = world.get("/connections").json()["connections"]
    assert {one["connection_id"]: one["status"] for one in everything} == {
        "sandbox-main": "ACTIVE",
        "sandbox-pending": "PENDING",
        "sandbox-failed": "FAILED",
    }
    for one in everything:
        assert set(one) == MEMBERS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", one["creation_time"])
        assert one["url"].startswith("https://connect.maton.ai/?session_token=")

    def ids(**query):
        return [one["connection_id"] for one in world.get("/connections", params=query).json()["connections"]]

    assert ids(app="wati", status="ACTIVE") == ["sandbox-main"]
    assert ids(app="slack") == []
    assert len(ids(method="API_KEY")) == 3
    assert ids(method="OAUTH2") == []
    assert len(ids(limit=2)) == 2


@pytest.mark.parametrize("query", [{"status": "active"}, {"method": "MAGIC"}, {"limit": 0}, {"limit": "x"}])
def test_bad_filters_get_fastapis_validation_error(world, query):
    answer = world.get("/connections", params=query)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["query", next(iter(query))]


def test_a_connections_life(world):
    created = world.post("/connections", json={"app": "wati", "method": "API_KEY"}).json()["connection"]
    assert created["status"] == "PENDING"
    where = f"/connections/{created['connection_id']}"
    assert world.get(where).json()["connection"]["status"] == "PENDING"
    assert "method" not in world.get(where).json()["connection"]  # as in Maton's documented example
    refused = world.get(f"{V1}/getContacts", headers={"Maton-Connection": created["connection_id"]})
    assert refused.status_code == 400
    assert "connection" in refused.json()["error"]["message"].lower()
    control.authorize(world.path, created["connection_id"])
    assert world.get(where).json()["connection"]["status"] == "ACTIVE"
    deleted = world.api.delete(where)
    assert (deleted.status_code, deleted.json()) == (200, {})
    assert world.get(where).status_code == world.api.delete(where).status_code == 404
    assert [row["kind"] for row in world.log()] == ["connection_created", "connection_deleted"]
    assert {row["connection_id"] for row in world.log()} == {created["connection_id"]}


def test_an_authorization_can_fail_and_happens_once(world):
    control.authorize(world.path, "sandbox-pending", failed=True)
    assert world.get("/connections/sandbox-pending").json()["connection"]["status"] == "FAILED"
    with pytest.raises(control.InvalidInput):
        control.authorize(world.path, "sandbox-pending")
    with pytest.raises(control.InvalidInput):
        control.authorize(world.path, "nobody")


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 422), ([], 422), ({"app": "slack"}, 400), ({"app": "wati", "method": "MAGIC"}, 422)],
)
def test_bad_create_requests_create_nothing(world, body, status):
    assert world.post("/connections", json=body).status_code == status
    assert world.log() == []


@pytest.mark.parametrize("named", ["sandbox-pending", "sandbox-failed", "unknown", ""])
def test_a_named_connection_must_be_active(world, named):
    answer = world.get(f"{V1}/getContacts", headers={"Maton-Connection": named})
    assert answer.status_code == 400
    assert "connection" in answer.json()["error"]["message"].lower()


def test_without_a_name_the_oldest_active_one_answers(world):
    world.seed(
        connections=[
            {"connection_id": "newer", "status": "ACTIVE", "creation_time": "2026-01-01"},
            {"connection_id": "oldest", "status": "ACTIVE", "creation_time": "2020-01-01"},
            {"connection_id": "older-but-failed", "status": "FAILED", "creation_time": "2019-01-01"},
        ],
        contacts=[{"whatsappNumber": "14155557777", "name": "Only Here", "connection_id": "oldest"}],
    )
    (only,) = world.get(f"{V1}/getContacts").json()["contact_list"]
    assert only["fullName"] == "Only Here"
    world.api.delete("/connections/oldest")
    assert len(world.get(f"{V1}/getContacts").json()["contact_list"]) == 57


def test_with_no_active_connection_every_call_is_refused(world):
    world.api.delete("/connections/sandbox-main")
    answer = world.get(f"{V1}/getContacts")
    assert answer.status_code == 400
    assert "connection" in answer.json()["error"]["message"].lower()


def test_data_belongs_to_a_connection(world):
    control.authorize(world.path, "sandbox-pending")
    other = {"Maton-Connection": "sandbox-pending"}
    assert world.get(f"{V1}/getContacts", headers=other).json()["contact_list"] == []
    assert world.get(f"{V1}/getMessageTemplates", headers=other).json()["messageTemplates"] == []
    sent = world.post(f"{V1}/sendSessionMessage/14155551234", data={"messageText": "hi"}, headers=other)
    assert sent.json()["result"] is False
    assert world.log() == []


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("GET", "/", 404, "Not Found"),
        ("GET", "/nothing", 404, "Not Found"),
        ("GET", "/connections/a/b", 404, "Not Found"),
        ("GET", "/slack/api/x", 400, "Invalid app name"),
        ("GET", "/wati", 501, "not emulated"),
        ("GET", "/wati/api/ext/v3/contacts", 501, "not emulated"),
        ("GET", f"{V1}/getcontacts", 501, "not emulated"),
        ("GET", f"{V1}/getMessages/1415/2", 501, "not emulated"),
        ("PUT", "/connections", 405, "Method Not Allowed"),
        ("POST", f"{V1}/getContacts", 405, "does not support"),
        ("GET", f"{V1}/sendSessionMessage/14155551234", 405, "does not support"),
        ("GET", f"{V1}/sendTemplateMessage", 405, "does not support"),
        ("OPTIONS", f"{V1}/getMedia", 405, "does not support"),
    ],
)
def test_what_is_not_there_says_so(world, method, path, status, says):
    answer = world.api.request(method, path)
    assert (answer.status_code, says in answer.text) == (status, True)
    assert world.log() == []


def test_the_request_log_keeps_what_arrived_but_never_the_key(world):
    headers = {"Maton-Connection": "sandbox-main", "User-Agent": "probe/1"}
    world.post(f"{V1}/sendSessionMessage/14155551234?x=1", data={"messageText": "hi"}, headers=headers)
    world.get("/connections", headers={"Authorization": "Bearer very-private"})
    first, second = world.requests()
    assert (first["method"], first["path"], first["query"]) == (
        "POST",
        f"{V1}/sendSessionMessage/14155551234",
        "x=1",
    )
    assert (first["headers"]["user-agent"], first["headers"]["maton-connection"]) == (
        "probe/1",
        "sandbox-main",
    )
    assert (first["body"], first["status"], second["status"]) == ("messageText=hi", 200, 401)
    assert first["headers"]["authorization"] == second["headers"]["authorization"] == "[redacted]"
    assert "very-private" not in repr(world.requests())


def test_answers_carry_the_worlds_date(world):
    answer = world.get("/connections")
    assert answer.headers["date"] == "Mon, 05 Jan 2026 12:00:00 GMT"
    world.advance(3600)
    assert world.get("/connections").headers["date"] == "Mon, 05 Jan 2026 13:00:00 GMT"
    assert isinstance(answer, httpx.Response)
    assert answer.headers["x-request-id"] != ""
