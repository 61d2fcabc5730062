"""Rate limits, on the machine's own time."""

from __future__ import annotations

import httpx
import pytest

from wati.sandbox import control, limits, transport

V1 = "/wati/api/v1"
JOHN = "14155551234"
KEY = {"Authorization": "Bearer sandbox"}


class Clock:
    """Stands in for the monotonic clock of the limits."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


@pytest.fixture
def limited(state_file, clock):
    control.reset(state_file, now="2026-01-05T12:00:00Z", ids=1)
    with httpx.Client(transport=transport(state_file), base_url="https://api.maton.ai", headers=KEY) as api:
        yield api


def statuses(api, count, path="/connections"):
    return [api.get(path).status_code for _ in range(count)]


def test_ten_calls_a_second_then_matons_429(limited, clock):
    assert statuses(limited, 12) == [200] * 10 + [429] * 2
    refused = limited.get("/connections")
    assert refused.json()["error"]["code"] == 429
    assert refused.headers["retry-after"] == "1"
    clock.seconds += 0.99
    assert statuses(limited, 1) == [429]
    clock.seconds += 0.02
    assert statuses(limited, 11) == [200] * 10 + [429]


def test_the_window_slides(limited, clock):
    statuses(limited, 5)
    clock.seconds += 0.6
    assert statuses(limited, 6) == [200] * 5 + [429]
    clock.seconds += 0.6
    assert statuses(limited, 6) == [200] * 5 + [429]


def test_refused_calls_and_wrong_keys_do_not_count(limited):
    for _ in range(20):
        limited.get("/connections", headers={"Authorization": "Bearer other"})
    assert statuses(limited, 11) == [200] * 10 + [429]


@pytest.mark.parametrize(
    "path", [f"{V1}/getContacts", f"{V1}/getMessages/{JOHN}", f"{V1}/addContact/15550001111"]
)
def test_wati_allows_ten_in_ten_seconds(limited, clock, path):
    def call():
        clock.seconds += 0.2
        return limited.post(path, json={}) if "addContact" in path else limited.get(path)

    assert [call().status_code for _ in range(10)] == [200] * 10
    refused = call()
    assert (refused.status_code, refused.json()["result"]) == (429, False)
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert limited.get(f"{V1}/getMessageTemplates").status_code == 200
    clock.seconds += int(refused.headers["retry-after"])
    assert call().status_code == 200


def test_template_sends_beyond_the_rate_wait_and_are_not_refused(limited, clock, state_file):
    body = {"template_name": "welcome", "broadcast_name": "b", "parameters": []}
    for _ in range(31):
        clock.seconds += 0.2
        assert (
            limited.post(f"{V1}/sendTemplateMessage?whatsappNumber={JOHN}", json=body).json()["result"]
            is True
        )
    control.advance(state_file, 2)
    status = [row["status"] for row in control.log(state_file)]
    assert status == ["DELIVERED"] * 30 + ["SENT"]
    control.advance(state_file, 10)
    assert control.log(state_file)[-1]["status"] == "DELIVERED"


def test_the_worlds_clock_does_not_matter(limited, state_file):
    statuses(limited, 10)
    control.advance(state_file, 3600)
    assert statuses(limited, 1) == [429]


def test_times_from_before_the_machine_started_are_dropped(limited, clock):
    assert statuses(limited, 11)[-1] == 429
    clock.seconds = 5.0
    assert statuses(limited, 11) == [200] * 10 + [429]


def test_a_world_without_limits(world):
    assert statuses(world.api, 40) == [200] * 40
