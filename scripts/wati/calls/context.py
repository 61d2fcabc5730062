"""One call being made: what it is, the session that it is made in, and its own deadline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from wati.contract.commands import command_line, python, script
from wati.journal import once
from wati.reads.inbox import Inbox
from wati.wire.gateway import Gateway

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.call import Call

# For each page of `--all`, waits included: the four attempts of a request outlast WATI's window of 10
# seconds, and waiting for the pace does not count. One request of each window is left to others: an agent
# asks something else meanwhile.
PAGE_PATIENCE = 30.0
PAGE_PACE: dict[str, Any] = {"first_wait": 2.5, "spare": 1, "queue": 60.0}


class Context:
    """What the steps of a call, and an endpoint's own functions, work with.

    `call`: as far as the steps have filled it in. `entered`: its entry in the journal.
    """

    def __init__(self, session: Session, call: Call) -> None:
        options = call.options
        timeout = options.timeout or (PAGE_PATIENCE if options.all else call.endpoint.default_timeout)
        trace = session.trace if options.verbose else None
        self.session = session
        self.call = call
        self.gateway = Gateway(session.client, timeout, trace=trace, **(PAGE_PACE if options.all else {}))
        self.entered = once.Entered()

    @property
    def inbox(self) -> Inbox:
        """The reads of this call, over its connection."""
        return Inbox(self.gateway, self.call.connection)

    def go_over(self, connection: str) -> None:
        """Make the call over that connection from now on."""
        self.call = self.call.replace(connection=connection)

    def look(self) -> str:
        """The hint of an unknown outcome: the command that shows whether it happened."""
        if self.entered.id is not None:
            return f"Do not run it again. Find out whether it happened: {once.check(self.entered.id)}"
        call = self.call
        look_with = call.endpoint.look_with
        number = call.receivers[0][1] if call.endpoint.through_wati else ""
        arguments: dict[str, Any] = {}
        if look_with == "get_messages":
            arguments = {"whatsappNumber": number, "pageSize": 10}
        elif look_with == "get_contacts":
            arguments = {"attribute": [{"name": "phone", "operator": "==", "value": number}]}
        elif look_with == "get_connection":
            arguments = {"connection_id": call.arguments["connection_id"]}
        words = [python(), script(look_with), json.dumps(arguments, ensure_ascii=False)]
        words += ["--connection", call.connection] if call.connection else []
        wait = "Do not run it again. Wait a minute (WATI's lists lag), then look whether it happened"
        wait += " (each receiver's conversation tells; the first one's)" if len(call.receivers) > 1 else ""
        return f"{wait}: {command_line(words)}"
