"""One call: which connection it goes over, what it brings, and what to tell of it."""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from wati import connections, explain, once, request, verdicts
from wati.checks import select
from wati.failures import SAFE_TO_REPEAT, Failure
from wati.shell import command_line, python, script

if TYPE_CHECKING:
    from wati.answers import Answer
    from wati.endpoint import Arguments, Endpoint, Receivers
    from wati.files import Files, Part
    from wati.gateway import Gateway
    from wati.journal import Journal
    from wati.request import Request
    from wati.settings import Settings


class Result:
    """What an accepted call brought. `shown_url`: the one connection link that the output may show.

    `page`: what the document says of the pages read, where that does not follow from the arguments.
    """

    def __init__(
        self, data: Any, *, notice: str = "", shown_url: str = "", page: dict[str, Any] | None = None
    ) -> None:
        self.data = data
        self.notice = notice
        self.shown_url = shown_url
        self.page = page


class Call:
    """A call, ready to be made if its arguments are valid.

    `output`, `force`, `again`, `every` (`--all`): the flags. `most`: the items wanted of a list, None = all.
    `entered`: its id in the journal; `settled`: whether that entry is complete. `notices`: what the document
    has to tell besides what the call brought.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        arguments: Arguments,
        parts: list[Part],
        settings: Settings,
        gateway: Gateway,
        files: Files,
        *,
        connection: str = "",
        output: str = "",
        force: bool = False,
        again: bool = False,
        every: bool = False,
        most: int | None = None,
        fields: list[tuple[str, ...]] | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.arguments = arguments
        self.parts = parts
        self.settings = settings
        self.gateway = gateway
        self.files = files
        self.connection = connection
        self.output = output
        self.force = force
        self.again = again
        self.every = every
        self.most = most
        self.fields = fields or []
        self.journal: Journal | None = None
        self.entered: int | None = None
        self.settled = False
        self.notices: list[str] = []

    def perform(self) -> Result:
        """Make the call the endpoint's own way. Raises Failure unless it was accepted."""
        if self.every:
            from wati import every

            return every.perform(self)
        if self.endpoint.perform is not None:
            return self.endpoint.perform(self)
        return Result(self.send().json or {})

    def send(self, sink: BinaryIO | None = None) -> Answer:
        """Choose the connection, send the request, judge the answer. Raises Failure unless accepted."""
        if self.endpoint.through_wati and not self.connection and self.endpoint.effect != "read":
            self.connection = connections.only_active(self)
        once.enter(self)
        try:
            answer = self._exchanged(sink)
        except Failure as failure:
            once.settle(self, failure.outcome, failure.receivers)
            raise explain.refusal(self, failure) from None
        once.settle(self, "accepted")
        return answer

    def _exchanged(self, sink: BinaryIO | None) -> Answer:
        try:
            answer = self.gateway.exchange(self.request, self.endpoint.effect, self.connection, sink)
        except Failure as failure:
            if failure.code == "outcome_unknown":
                failure.hint = self.look()
            raise
        through_wati = self.endpoint.through_wati
        verdict = verdicts.judge(answer, self.endpoint.verdict, self.receivers, through_wati=through_wati)
        if verdict.outcome != "accepted":
            raise self.failure(verdict, answer, self.endpoint.effect)
        return answer

    def failure(self, verdict: verdicts.Verdict, answer: Answer, effect: str) -> Failure:
        """A verdict in the words of the closed table, with the answer behind it."""
        code, outcome, message, hint = verdict.code, str(verdict.outcome), verdict.message, ""
        if outcome == "unknown" and effect in ("create", "send", "delete"):
            code, hint = "outcome_unknown", self.look()
            message = f"{message} Whether it happened is not known."
        elif outcome == "unknown" and effect == "write":
            hint = SAFE_TO_REPEAT
        elif code == "rate_limited":
            outcome = "not_sent"
        elif code == "rejected" and not verdicts.said(answer):
            hint = self.endpoint.silent_refusal
        elif code == "unauthorized" and self._speaker(answer, code) == "wati":
            hint = "WATI refused the token of this connection: authorize it anew with create_connection.py."
        if self.gateway.doubted and outcome in ("rejected", "not_sent"):
            # The last attempt was refused; the one before it may have been done.
            code, outcome, hint = "upstream_error", "unknown", SAFE_TO_REPEAT
            message = f"An attempt was left unanswered, and the next was refused. {message}"
        return Failure(
            code,
            message,
            hint=hint,
            source=self._speaker(answer, code),
            outcome=outcome,
            http_status=answer.status,
            problems=verdict.problems,
            receivers=verdict.receivers,
            answer=answer.json if answer.json is not None else answer.text or None,
            retry_after=answer.retry_after,
        )

    def _speaker(self, answer: Answer, code: str) -> str:
        """Who an answer comes from; a server's page under a 5xx can be anybody's on the way."""
        if not self.endpoint.through_wati or code == "connection_missing":
            return "maton"
        if answer.from_maton and code not in verdicts.WATIS_OWN:
            return "maton"
        return "wati" if answer.json is not None or answer.status < 500 else "network"

    @cached_property
    def request(self) -> Request:
        """What will be sent; only valid arguments can be made into one."""
        return request.build(self.endpoint, self.arguments, self.parts)

    def turn(self, number: int) -> None:
        """Ask for another page of the list from now on, with time and waits of its own."""
        self.request = request.build(self.endpoint, {**self.arguments, "pageNumber": number})
        self.gateway.renew()

    @cached_property
    def receivers(self) -> Receivers:
        """Everybody whom the call is about; read before the request leaves, since it consumes an upload."""
        if self.endpoint.receivers is not None:
            return self.endpoint.receivers(self)
        return select(self.arguments, "whatsappNumber") + select(self.arguments, "receivers[].whatsappNumber")

    def look(self) -> str:
        """The hint of an unknown outcome: the command that shows whether it happened."""
        if self.entered is not None:
            return f"Do not run it again. Find out whether it happened: {once.check(self.entered)}"
        look_with = self.endpoint.look_with
        number = self.receivers[0][1] if self.endpoint.through_wati else ""
        arguments: dict[str, Any] = {}
        if look_with == "get_messages":
            arguments = {"whatsappNumber": number, "pageSize": 10}
        elif look_with == "get_contacts":
            arguments = {"attribute": [{"name": "phone", "operator": "==", "value": number}]}
        elif look_with == "get_connection":
            arguments = {"connection_id": self.arguments["connection_id"]}
        words = [python(), script(look_with), json.dumps(arguments, ensure_ascii=False)]
        words += ["--connection", self.connection] if self.connection else []
        wait = "Do not run it again. Wait a minute (WATI's lists lag), then look whether it happened"
        wait += " (each receiver's conversation tells; the first one's)" if len(self.receivers) > 1 else ""
        return f"{wait}: {command_line(words)}"
