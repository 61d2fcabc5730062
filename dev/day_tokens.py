"""What six everyday questions cost an agent, with this package and with the page that it replaces.

Calls, tokens, and the seconds that WATI's limits and the waiting take. Both ways run on the sandbox with its
limits, each question in a fresh world. Time stands still but for waits, so the figures repeat: what a model
takes to think, and what the network takes, is not in them. dev/tokens.py writes the table.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import httpx

from tokens import EXPIRED, NOW, THREE, V1, Ours, bulk, by_us, tokens
from wati.sandbox import control
from wati.sandbox.mount import transport

MONTH = 30 * 86400
REPLY_AFTER, POLL = 45.0, 10.0  # seconds until Jane replies, and between two looks of the page's agent
VALUES = {"name": "Jane", "ordernumber": "67890"}


class Cost(NamedTuple):
    """`calls`: of the page, requests; of ours, commands."""

    calls: int
    tokens: int
    seconds: int


class Clock:
    """Time that only waits move. `at`: something to do when it has come."""

    def __init__(self) -> None:
        self.began = datetime.fromisoformat(NOW.replace("Z", "+00:00")).timestamp()
        self.ahead = 0.0
        self.at: tuple[float, Callable[[], Any]] | None = None

    def now(self) -> float:
        return self.began + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += seconds
        if self.at is not None and self.ahead >= self.at[0]:
            act, self.at = self.at[1], None
            act()


@contextmanager
def chdir(folder: str) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextmanager
def standing_still() -> Iterator[Clock]:
    clock = Clock()
    with (
        mock.patch.object(time, "time", clock.now),
        mock.patch.object(time, "monotonic", clock.now),
        mock.patch.object(time, "sleep", clock.sleep),
    ):
        yield clock


class Page:
    """An agent that follows the page: a snippet for each kind of call, which prints each answer whole.

    Where the page has one call for each customer, the snippet is written once, around a loop.
    """

    def __init__(self, state: Path) -> None:
        self.calls = 0
        self.text = ""
        self._client = httpx.Client(transport=transport(state), base_url="https://api.maton.ai")

    def get(self, target: str, values: Sequence[object] = ("",)) -> list[Any]:
        """The answers to one snippet. It goes through `values`, each in the place of {x} in the target."""
        lines = [
            "python <<'EOF'",
            "import urllib.request, os, json",
            f"for x in {list(values)!r}:",
            f"    req = urllib.request.Request(f'https://api.maton.ai{target}')",
            "    req.add_header('Authorization', f'Bearer {os.environ[\"MATON_API_KEY\"]}')",
            "    print(json.dumps(json.load(urllib.request.urlopen(req)), indent=2))",
            "EOF",
        ]
        answers = [self._answer(target.format(x=value)) for value in values]
        self.text += "\n".join([*lines, *(json.dumps(answer, indent=2) for answer in answers)]) + "\n"
        return answers

    def _answer(self, target: str) -> Any:
        while True:
            self.calls += 1
            answer = self._client.get(target, headers={"Authorization": "Bearer sandbox"})
            if answer.status_code != 429:
                assert answer.status_code == 200, answer.text
                return answer.json()
            time.sleep(float(answer.headers["Retry-After"]))


def everyone(page: Page, size: int) -> None:
    """All contacts, and each one's newest messages."""
    (answer,) = page.get(f"{V1}/getContacts?pageSize=100&pageNumber=1")
    numbers = [contact["wAid"] for contact in answer["contact_list"]]
    page.get(f"{V1}/getMessages/{{x}}?pageSize={size}&pageNumber=1", numbers)


def since_yesterday(page: Page) -> None:
    everyone(page, 20)
    page.get(f"{V1}/getMessageTemplates?pageSize=100&pageNumber=1")
    page.get("/connections?app=wati")


def wait_for_jane(page: Page) -> None:
    for _ in range(30):
        (answer,) = page.get(f"{V1}/getMessages/{EXPIRED}?pageSize=5&pageNumber=1")
        if answer["messages"]["items"][0]["text"] == "Yes!":
            return
        time.sleep(POLL)


def export(page: Page) -> None:
    """Until a page is empty."""
    for number in range(1, 20):
        (answer,) = page.get(f"{V1}/getMessages/{EXPIRED}?pageSize=100&pageNumber={number}")
        if not answer["messages"]["items"]:
            return


def sent_to_three(state: Path) -> None:
    """What the question is about; it does not count."""
    by_us(Ours("send_template_messages_v2", bulk(VALUES), ("--confirm", "3")), state)
    control.advance(state, 60)


class Question(NamedTuple):
    page: Callable[[Page], Any]
    ours: Ours
    before: Callable[[Path], Any] = lambda state: None
    meanwhile: Callable[[Path], Any] | None = None


QUESTIONS: dict[str, Question] = {
    "who is waiting": Question(partial(everyone, size=10), Ours("needs_reply", {}, ("--timeout", "120"))),
    "what happened since yesterday": Question(since_yesterday, Ours("brief", {}, ("--timeout", "120"))),
    "did they get it": Question(
        lambda page: page.get(f"{V1}/getMessages/{{x}}?pageSize=5&pageNumber=1", THREE),
        Ours("check_send", {"look": True}),
        before=sent_to_three,
    ),
    "wait for Jane": Question(
        wait_for_jane,
        Ours("wait_for_reply", {"whatsappNumber": EXPIRED}, ("--timeout", "120")),
        meanwhile=lambda state: control.seed(
            state, {"messages": [{"whatsappNumber": EXPIRED, "text": "Yes!"}]}
        ),
    ),
    "which template says that it is ready": Question(
        lambda page: page.get(f"{V1}/getMessageTemplates?pageSize=100&pageNumber=1"),
        Ours("find_template", {"text": "order ready"}),
    ),
    "export this chat": Question(
        export, Ours("conversation", {"whatsappNumber": EXPIRED}, ("--output", "chat.html", "--force"))
    ),
}


def measured() -> dict[str, tuple[Cost, Cost]]:
    """The cost of each question: with the page, and with this package."""
    return {name: (by_page(question), by_package(question)) for name, question in QUESTIONS.items()}


def by_page(question: Question) -> Cost:
    with world(question) as (clock, state):
        page = Page(state)
        question.page(page)
        return Cost(page.calls, tokens(page.text), round(clock.ahead))


def by_package(question: Question) -> Cost:
    with world(question) as (clock, state):
        text = by_us(question.ours, state)
        assert json.loads(text.splitlines()[-1])["ok"], text
        return Cost(1, tokens(text), round(clock.ahead))


@contextmanager
def world(question: Question) -> Iterator[tuple[Clock, Path]]:
    with tempfile.TemporaryDirectory() as folder, chdir(folder), standing_still() as clock:
        state = Path(folder, "state.sqlite")
        control.reset(state, now=NOW, ids=1)
        question.before(state)
        clock.ahead = 0.0
        if question.meanwhile is not None:
            clock.at = (REPLY_AFTER, partial(question.meanwhile, state))
        yield clock, state


def table(found: dict[str, tuple[Cost, Cost]]) -> str:
    rows = [
        f"|{name}|{page.calls}|{page.tokens:,}|{page.seconds}|{ours.calls}|{ours.tokens:,}|{ours.seconds}"
        f"|{ours.tokens / page.tokens:.3f}|"
        for name, (page, ours) in found.items()
    ]
    head = "|question|the page: calls|tokens|seconds|this package: commands|tokens|seconds|ratio of tokens|"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *rows])
