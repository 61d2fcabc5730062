"""conversation --output: a whole chat as a file for people, in which nobody speaks for another."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from test_conversation import row, shown

from conftest import KEY, SANDBOX, Run
from recording import FarSide
from wati.reads import chats
from wati.sandbox import control

JOHN, JANE = "14155551234", "14155555678"
ENDINGS = [".txt", ".md", ".html"]
EACH = pytest.mark.parametrize("ending", ENDINGS)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Half an hour east of full hours: no other offset could pass for it."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows cannot change the zone of a process")
    monkeypatch.setenv("TZ", "XYZ-5:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def written(
    call: Callable[..., Run], ending: str, arguments: Any = None, *flags: str, **environment: Any
) -> str:
    given = {"whatsappNumber": JOHN, **(arguments or {})}
    run = call("conversation", given, "--output", f"chat{ending}", "--force", *flags, **environment)
    assert run.exit == 0, run.text
    assert run.data["file"] == f"chat{ending}" and "notice" not in run.document
    return Path(f"chat{ending}").read_text(encoding="utf-8")


def test_the_script_and_the_forms_know_the_same_endings() -> None:
    assert list(importlib.import_module("conversation").ENDINGS) == list(chats._FORMS) == ENDINGS


@EACH
def test_all_of_it_is_there(ending: str, call: Callable[..., Run], state: str) -> None:
    text = written(call, ending, **SANDBOX).replace("\\", "")
    for part in (
        *("John Doe", JOHN, "Alex Agent", "Broadcast", "order_update", "DELIVERED", "READ", "UTC+"),
        *("Hello, is order 12345 ready?", "9b2e6c1e-2f6d-4a8b-9c3d-1e5f7a9b0c2d.jpg", "Great, when will"),
    ):
        assert part in text, part
    assert text.index("Hello, is order") < text.index("Great, when will")


def test_the_whole_of_a_long_chat(call: Callable[..., Run], state: str) -> None:
    rows = [{"whatsappNumber": JANE, "age": 9e6 - n, "text": f"number {n};"} for n in range(1150)]
    control.seed(state, {"messages": rows})
    text = written(call, ".txt", {"whatsappNumber": JANE}, "--timeout", "60", **SANDBOX)
    assert all(f"number {n};" in text for n in range(1150)) and "All rows" in text
    few = written(call, ".txt", {"whatsappNumber": JANE, "limit": 3}, **SANDBOX)
    assert few.count("\n2") <= 4 and "The newest 3 rows" in few


def test_times_are_local_and_name_their_zone(call: Callable[..., Run], far_side: FarSide, zone: None) -> None:
    shown(far_side, [row(0, text="Hi"), row(6 * 3600, text="Good evening")])
    text = written(call, ".txt")
    # 02:40 in UTC
    assert "2026-02-02 (UTC+05:30)\n02:10" in text and "08:10" in text


IMITATION = (
    "Hi\n\n2026-02-02 (UTC+00:00)\r\n09:00 Alex Agent: refunded\r[status: READ]\v# Alex\n# Alex\n"
    "</p></article><b>Alex</b>"
)


def test_a_text_cannot_be_another_s_line(call: Callable[..., Run], far_side: FarSide) -> None:
    shown(far_side, [row(text=IMITATION)])
    lines = written(call, ".txt").splitlines()
    (start,) = (number for number, line in enumerate(lines) if line.endswith(": Hi"))
    assert len(lines) > start + 5 and all(line.startswith(" " * 8) for line in lines[start + 1 :])


def test_a_text_cannot_be_a_heading_of_the_markdown(call: Callable[..., Run], far_side: FarSide) -> None:
    shown(far_side, [row(text=IMITATION)])
    lines = written(call, ".md").splitlines()
    said = [line for line in lines if line.startswith(">")]
    assert len(said) >= 6 and any("\\# Alex" in line for line in said)
    assert [line for line in lines if line.startswith("#")] == [lines[0], "## 2026-02-02 (UTC+00:00)"]
    assert not any("<" in line.replace("\\<", "") for line in lines)


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_the_page_has_no_tag_of_a_customer_and_loads_nothing(
    call: Callable[..., Run], far_side: FarSide
) -> None:
    attack = '<script>alert(1)</script><img src=x onerror=alert(1)> & "quoted" {rows}'
    shown(far_side, [row(text=attack), row(text=IMITATION), row(9, owner=True, operatorName="<b>Sam</b>")])
    found = Tags(written(call, ".html")).found
    assert {tag for tag, _ in found} <= {
        *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2"),
        *("article", "b", "p", "small"),
    }
    articles = [attributes["class"] for tag, attributes in found if tag == "article"]
    assert sorted(articles, key=str) == ["ours", "theirs", "theirs"]
    assert not any({"src", "href", "onerror"} & set(attributes) for _, attributes in found)
    policy = next(attributes["content"] for tag, attributes in found if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'")


@EACH
def test_what_controls_a_reader_and_the_key_are_not_in_it(
    ending: str, call: Callable[..., Run], far_side: FarSide
) -> None:
    shown(far_side, [row(text=f"a\u202eb\x1b[2Jc {KEY}", created=None), row(text="\ud800")])
    text = written(call, ending)
    assert KEY not in text and "\u202e" not in text and "\x1b" not in text and "no date" in text


def test_a_wrong_ending_or_a_name_that_is_taken_reads_nothing(
    call: Callable[..., Run], far_side: FarSide, tmp_path: Path
) -> None:
    (tmp_path / "chat.txt").write_text("mine")
    for name, problem in (("chat.pdf", ".txt or .md or .html"), ("chat", ".html"), ("chat.txt", "--force")):
        run = call("conversation", {"whatsappNumber": JOHN}, "--output", name)
        assert run.error["code"] == "file_not_allowed" and problem in run.text
    assert far_side.to("/wati/") == [] and (tmp_path / "chat.txt").read_text() == "mine"


def test_what_cannot_be_read_to_its_end_is_not_written(
    call: Callable[..., Run], state: str, tmp_path: Path
) -> None:
    rows = [{"whatsappNumber": JANE, "age": 9e6 - n, "text": "x"} for n in range(150)]
    control.seed(state, {"messages": rows})
    control.fault(
        state,
        {"fault": "status", "status": 403, "match": {"path": "/wati/api/v1/getMessages/*"}, "after": 1},
    )
    run = call("conversation", {"whatsappNumber": JANE}, "--output", "chat.txt", **SANDBOX)
    assert run.exit != 0 and not (tmp_path / "chat.txt").exists()
