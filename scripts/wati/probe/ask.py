"""Asks the questions, one after the other, at the pace of WATI's limits."""

from __future__ import annotations

import io
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from wati.contract.call import Part
from wati.contract.failures import Failure
from wati.probe import known, notes, shapes
from wati.wire.client import Client
from wati.wire.gateway import Gateway
from wati.wire.pace import Pacer
from wati.wire.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import BinaryIO

    from wati.contract.answer import Answer
    from wati.contract.types import Effect
    from wati.probe.known import Known
    from wati.probe.question import Question
    from wati.wire.gateway import Trace

    # What is in a capture for each question: what was observed, or why nothing was.
    Observed = dict[str, Any]

PATIENCE = 20.0  # seconds for one question, waits included; a window of WATI's limits is 10
_MEMBER = re.compile(r"\{(\w+)\}")
_EFFECTS: dict[str, Effect] = {"read": "read", "change": "send", "send": "send"}  # only reads are repeatable


class Bytes:
    """The content of an uploaded file."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)

    def open(self) -> BinaryIO:
        return io.BytesIO(self.content)

    def replaced(self, chunks: Iterable[bytes]) -> Bytes:
        return Bytes(b"".join(chunks))

    def close(self) -> None:
        pass


class OnlyMatons(Pacer):
    """The pace of Maton's limit alone: for the question what WATI says above its own."""

    def __init__(self, shared: Pacer) -> None:
        self._shared = shared

    def wait(self, target: str, deadline: float, *, spare: int = 0) -> bool:
        return self._shared.wait("", deadline, spare=spare)

    def answered(self, target: str) -> None:
        self._shared.answered("")


class Asking:
    """One run over the questions. `observed`: by the id of the question."""

    def __init__(self, client: Client, known: Known, deadline: float, trace: Trace | None = None) -> None:
        self.client = client
        self.known = known
        self.deadline = deadline
        self.trace = trace
        self.answers: dict[str, Answer] = {}
        self.observed: dict[str, Observed] = {}
        self.changed = False  # something that is more than a read has been asked

    def ask(self, questions: Iterable[Question]) -> None:
        for question in questions:
            self.observed[question.id] = self._observe(question)

    def _observe(self, question: Question) -> Observed:
        left = min(PATIENCE, self.deadline - time.monotonic())
        if question.undoes and self.changed:  # also when the time is over
            left = PATIENCE
        if missing := lacking(question, self.known):
            return {"not_asked": f"needs {', '.join(missing)}"}
        if left <= 0:
            return {"not_asked": "the time was over"}
        try:
            return self._exchange(question, left)
        except Failure as failure:
            return {"no_answer": failure.code}
        except Exception as error:  # a fault in one question does not stop the others
            return {"no_answer": f"a bug: {type(error).__name__}"}

    def _exchange(self, question: Question, left: float) -> Observed:
        request = build(question, self.known)
        self.changed = self.changed or question.kind != "read"
        answer = self._answer(question, request, left)
        asked = notes.Asked(answer, request.target, self.known, self.answers)
        self.answers[question.id] = answer
        known.learn(question.learns, answer, self.known)
        found: Observed = {
            "status": answer.status,
            "type": answer.media_type,
            "headers": shapes.headers(answer),
            "body": shapes.of_answer(answer),
        }
        return {**found, **({"notes": notes.of(question.notes, asked)} if question.notes else {})}

    def _answer(self, question: Question, request: Request, left: float) -> Answer:
        effect = _EFFECTS[question.kind]
        connection = self.known["connection"] if question.target.startswith("/wati/") else ""
        if question.times == 1:
            gateway = Gateway(self.client, left, attempts=1, trace=self.trace)
            return gateway.exchange(request, effect, connection)
        answer = None
        client = Client(self.client.settings)
        client.pacer = OnlyMatons(self.client.pacer)
        try:
            for _ in range(question.times):
                answer = Gateway(client, left, attempts=1).exchange(request, effect, connection)
                if answer.status == 429:
                    break
        finally:
            client.close()
        assert answer is not None
        return answer


def lacking(question: Question, known: Mapping[str, Any]) -> list[str]:
    """What would have to be known to ask it, in words."""
    named = _MEMBER.findall(f"{question.target} {question.json} {question.form} {question.headers} ")
    named += _MEMBER.findall(question.file[3]) if question.file else []
    needed = dict.fromkeys([*question.needs, *named])
    return [name.replace("_", " ") for name in needed if name not in known]


def build(question: Question, known: Mapping[str, Any]) -> Request:
    """The request of a question whose members are all known."""
    parts = []
    if question.file is not None:
        name, file_name, content_type, content = question.file
        # The content is a text, in which one's own number is filled in.
        parts = [Part(name, file_name, content_type, Bytes(_filled(content, known).encode()))]
    return Request(
        question.method,
        _MEMBER.sub(lambda found: quote(str(known[found[1]]), safe=""), question.target),
        form=_filled(question.form, known),
        json=_filled(question.json, known),
        parts=parts,
        headers=_filled(dict(question.headers), known),
    )


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if not isinstance(value, str):
        return value
    whole = _MEMBER.fullmatch(value)
    return known[whole[1]] if whole else _MEMBER.sub(lambda found: str(known[found[1]]), value)
