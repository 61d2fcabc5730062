"""From an audience to rows: any number of people in flat memory, in the order of the audience."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wati.campaigns import selecting
from wati.campaigns.audience import OnFile, Person, of_contacts
from wati.campaigns.database import Database
from wati.campaigns.filling import Filling
from wati.campaigns.leaving_out import Rules
from wati.campaigns.ledger import Ledger
from wati.campaigns.selecting import Selection, Wanted

PARAMETERS = [{"name": "name", "value": "{{firstName|there}}"}, {"name": "city", "value": "{{city}}"}]


def wanted(**changes: Any) -> Wanted:
    usual = Wanted(
        place="here",
        template="order_update",
        filling=Filling(PARAMETERS),
        rules=Rules(blocked=lambda _: "", opt_out="opted_out", excluded={}, no_us_numbers=True),
        quiet=None,
        known=lambda chosen: {},
        may_message=lambda _: True,
        chunk=50,
        limit=None,
    )
    return usual._replace(**changes)


def contacts(count: int) -> Iterator[dict[str, Any]]:
    for index in range(count):
        params = [{"name": "city", "value": f"City {index}" if index % 10 else ""}]
        yield {
            "id": f"{index:024x}",
            "wAid": str(351910000000 + index),
            "fullName": f"Customer {index}",
            "customParams": params,
            "lastUpdated": "2026-11-01T00:00:00Z" * 10,
        }


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    found = Ledger(Database(str(tmp_path / "campaigns.sqlite")), "here")
    yield found
    found.close()


def test_ten_thousand_contacts_take_flat_memory(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selecting, "BATCH", 500)
    blocks: list[int] = []

    def watched() -> Iterator[dict[str, Any]]:
        for index, row in enumerate(contacts(10_000)):
            if index % 100 == 0:
                blocks.append(sys.getallocatedblocks())
            yield row

    job = ledger.plans.begin("spring", "campaign", "", {"chunk": 50})
    selection = Selection(wanted())
    ledger.plans.add(job, selection.rows(of_contacts(watched())))
    job = ledger.plans.finish(job, {})
    assert job.head_count == selection.head_count == 9_000
    assert selection.left_out == {"blank_parameter": 1_000}
    first, last = max(blocks[10:30]), max(blocks[-20:])
    assert len(blocks) == 100 and last < first + 20_000, (first, last)  # a contact alone is more than ten


def test_chunks_are_full_and_in_order_whoever_is_left_out() -> None:
    rows = [new.row for new in Selection(wanted(chunk=4)).rows(of_contacts(contacts(20)))]
    assert [row.position for row in rows] == list(range(20))
    planned = [row for row in rows if row.state == "planned"]
    assert [row.chunk for row in planned] == [index // 4 for index in range(18)]
    assert {row.chunk for row in rows if row.state == "left_out"} == {-1}


@pytest.mark.parametrize("limit", [1, 7, 18])
def test_a_limit_is_of_those_who_get_it(limit: int) -> None:
    selection = Selection(wanted(limit=limit, known=lambda chosen: {0: "already_sent"}))
    rows = [new.row for new in selection.rows(of_contacts(contacts(30)))]
    assert selection.head_count == sum(row.state == "planned" for row in rows) == limit
    assert rows[-1].state == "planned" and not selection.whole


def test_the_records_leave_out_by_position() -> None:
    def known(chosen: Any) -> dict[int, str]:
        return {index: "recent" for index, one in enumerate(chosen) if one.person.name.endswith("5")}

    rows = [new.row for new in Selection(wanted(known=known)).rows(of_contacts(contacts(20)))]
    assert [row.name for row in rows if row.reason == "recent"] == ["Customer 5", "Customer 15"]


def test_messages_are_of_the_person_and_the_values() -> None:
    def messages(*people: Person, **changes: Any) -> list[str]:
        return [new.message for new in Selection(wanted(**changes)).rows(people)]

    here = {"city": "Faro"}
    (one,) = messages(Person("525512345678", "", here, None))
    assert messages(Person("5215512345678", "", here, None)) == [one], "another spelling, the same person"
    assert messages(Person("525512345678", "", {"city": " Faro\n"}, None)) == [one], "the same words"
    for other in (
        messages(Person("525512345678", "", {"city": "Lagos"}, None)),
        messages(Person("525512345679", "", here, None)),
        messages(Person("525512345678", "", here, None), place="elsewhere"),
        messages(Person("525512345678", "", here, None), template="other"),
    ):
        assert other != [one]


def test_contacts_on_file_are_found_by_every_name() -> None:
    rows = list(contacts(3))
    rows[1] |= {"wAid": "5215512345678", "phone": "525512345678"}
    known = OnFile(rows)
    for name in ("5215512345678", "525512345678", rows[1]["id"].upper()):
        assert known.find(name) == rows[1]
    assert known.find("351910000000") == rows[0] and known.find("351910000009") is None
    known.close()
