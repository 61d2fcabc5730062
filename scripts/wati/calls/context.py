"""One call in progress: the call, its session and its deadline."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wati.contract.commands import command_line, python, script
from wati.journal import once
from wati.wire.gateway import ALL_WAITS, Gateway

if TYPE_CHECKING:
    from wati.calls.session import Session
    from wati.contract.call import Call
    from wati.files.uploads import Files
    from wati.journal.left_out import LeftOut
    from wati.reads.inbox import Inbox

# For each page of `--all`, waits included: four attempts at a request outlast WATI's window of 10 seconds.
# Waiting for the pace does not count. In each window, one request is left for the agent's other calls.
PAGE_PATIENCE = 30.0
PAGE_PACE: dict[str, Any] = {"first_wait": 2.5, "spare": 1, "queue": 60.0}


_TOO_LONG = "Nothing was sent. Use a longer --timeout, or split the file."


class Context:
    """What the steps of a call and the functions of an endpoint work with.

    `call`: as the steps so far have filled it in. `given`: its arguments as they came. `entered`: its entry
    in the journal. `left_out`: whom `--skip-sent` took out of it. `remarks`: what the files, and a look
    before the send, have to say in the document. `lately`: how many seconds ago the template may have been
    read that is looked at before a send; 0 = it is read for this call.
    """

    def __init__(self, session: Session, call: Call) -> None:
        options = call.options
        timeout = options.timeout or (PAGE_PATIENCE if options.all else call.endpoint.default_timeout)
        trace = session.trace if options.verbose else None
        self.session = session
        self.call = call
        self.given = call.arguments
        # Work on this machine may take longer by default, waiting for the far side may not.
        waits = ALL_WAITS if call.endpoint.effect != "read" and not options.timeout else None
        pace = PAGE_PACE if options.all else {"queue": session.queue}
        self.gateway = Gateway(session.client, timeout, waits, trace=trace, **pace)
        self._look = partial(self.gateway.look, hint=_TOO_LONG)
        self.entered = once.Entered()
        self.left_out: LeftOut | None = None
        self.lately = 0.0
        self.remarks: list[str] = []

    @property
    def notices(self) -> list[str]:
        """What the document has to say beside the result."""
        left_out = [self.left_out.notice] if self.left_out else []
        return [*left_out, *self.remarks, *self.entered.notices]

    def counts(self, **own: int) -> dict[str, Any]:
        """The counts of a bulk send, and who of unknown outcome was left out."""
        if self.left_out is None:
            return {"counts": own}
        return {"counts": {**own, **self.left_out.counts}, **self.left_out.facts}

    def place(self, at: str) -> str:
        """A place in the arguments of the call, as a place in those that were given."""
        return at if self.left_out is None else self.left_out.original(at)

    @property
    def inbox(self) -> Inbox:
        """The reads of this call, over its connection."""
        from wati.reads.inbox import Inbox

        return Inbox(self.gateway, self.call.connection, self.call.channel)

    @property
    def files(self) -> Files:
        """Access to the allowed folders, within the time of the call. Raises Failure (`bad_setup`)."""
        from wati.files.uploads import Files

        settings = self.session.settings
        return Files(settings.file_roots, settings.key, self._look)

    def use_connection(self, connection: str) -> None:
        self.call = self.call.replace(connection=connection)

    def hint_if_unknown(self) -> str:
        """The hint for an unknown outcome: the command that shows whether it happened."""
        if self.entered.id is not None:
            return f"Do not run it again. Find out whether it happened: {once.check_command(self.entered.id)}"
        call = self.call
        number = call.receivers[0][1] if call.endpoint.through_wati else ""
        arguments = {
            "get_messages": [f"whatsappNumber={number}", "pageSize=10"],
            "find_contact": [f"whatsappNumber={number}"],
            "get_connection": [str(call.arguments.get("connection_id"))],
        }
        look_with = call.endpoint.look_with
        words = [python(), script(look_with), *arguments.get(look_with, [])]
        words += ["--connection", call.connection] if call.connection else []
        wait = "Do not run it again. Wait a minute, because WATI's lists lag. Then check whether it happened"
        where = ", in each receiver's conversation; for the first one" if len(call.receivers) > 1 else ""
        return f"{wait}{where}: {command_line(words)}"
