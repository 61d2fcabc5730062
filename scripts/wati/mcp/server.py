"""The server: the catalogue's tools over MCP, with one session for its whole life.

On the low-level server of the official SDK, which takes the schemas as they are.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types.version import is_version_at_least

from wati import __version__
from wati.arguments.flags import take_run
from wati.calls.run import run
from wati.calls.session import Session
from wati.contract.call import Call
from wati.contract.failures import Failure
from wati.contract.options import Options
from wati.contract.unexpected import unexpected
from wati.mcp import asking
from wati.mcp.definitions import definitions, endpoint_of, text_of
from wati.mcp.instructions import INSTRUCTIONS
from wati.mcp.pictures import Picture
from wati.mcp.work import Workers
from wati.output import document
from wati.output.rendering import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcp.server.context import ServerRequestContext

    Context = ServerRequestContext[Any, Any]
    Json = dict[str, Any]

QUEUE_SECONDS = 60.0  # that a request may wait for the rate limits behind the server's other calls
MODERN = "2026-07-28"  # from here on, a question is an answer to the call, and the client calls again
QUESTION = "confirm"


class Tools:
    """The tools of one server, and how each is called."""

    def __init__(
        self, tools: list[Json], environ: Mapping[str, str], *, ask_every_send: bool = False
    ) -> None:
        self.definitions = definitions(tools)
        self.endpoints = {tool["name"]: endpoint_of(tool) for tool in tools}
        self.workers = Workers()
        self.session = Session(environ, progress=self.workers.say, queue=QUEUE_SECONDS)
        self._seal = asking.Seal()
        self._ask_every_send = ask_every_send

    async def list(self, _: Context, __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult.model_validate({"tools": self.definitions})

    async def call(
        self, context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        endpoint = self.endpoints.get(params.name)
        if endpoint is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        key = self.session.settings.key
        try:
            arguments, options = take_run(endpoint, params.arguments or {}, Options(), key)
            call = Call(endpoint, arguments, options)
            if asking.needs_person(call, every_send=self._ask_every_send):
                asked = await self._ask(context, params, call)
                if not isinstance(asked, Call):
                    return asked
                call = asked
        except Failure as failure:
            return _result(document.failed(endpoint, failure, key))
        except Exception as error:
            return _result(document.failed(endpoint, unexpected(error), key))
        if params.name != "get_media":
            return _result(await self._run(context, call))
        picture = Picture()
        return picture.beside(_result(await self._run(context, picture.call(call))))

    async def _run(self, context: Context, call: Call) -> Json:
        _, found = await self.workers.run(partial(run, self.session, call), context.session.report_progress)
        return found

    async def _ask(
        self, context: Context, params: types.CallToolRequestParams, call: Call
    ) -> Call | types.CallToolResult | types.InputRequiredResult:
        """The call with a person's yes, or what the client gets instead. Raises `confirmation_required`."""
        if not _can_be_asked(context):
            if self._ask_every_send and call.endpoint.effect == "send":
                raise asking.cannot_be_asked()
            return call
        try:
            call = await anyio.to_thread.run_sync(asking.bound, self.session, call)
        except Failure:  # of a file; the dry run has every other problem, too
            return _result(await self._run(context, call.replace(options=_dry(call.options))))
        seen = asking.fingerprint(call)
        is_modern = is_version_at_least(context.protocol_version, MODERN)
        if is_modern and params.request_state is not None:
            needed = self._seal.open(params.request_state, seen)
            return _answered(call, (params.input_responses or {}).get(QUESTION), needed)
        tried = await self._run(context, call.replace(options=_dry(call.options)))
        needed = str(tried.get("data", {}).get("confirm", ""))
        if not tried["ok"] or (call.endpoint.confirms != "none" and not needed):  # nobody is left to send to
            return _result(tried)
        if call.options.confirm not in ("", needed):
            raise asking.wrong_value(call.options.confirm)
        message = asking.question(call, tried["data"])
        if is_modern:
            form = types.ElicitRequestFormParams(message=message, requested_schema=asking.FORM)
            asked: types.InputRequests = {QUESTION: types.ElicitRequest(params=form)}
            return types.InputRequiredResult(
                input_requests=asked, request_state=self._seal.seal(seen, needed)
            )
        try:
            answer = await context.session.elicit_form(message, asking.FORM, context.request_id)
        except MCPError as error:
            raise asking.not_asked(f"The person could not be asked ({error}).") from None
        return _answered(call, answer, needed)


def _answered(call: Call, answer: Any, confirm: str) -> Call:
    """The confirmed call. Raises `confirmation_required` unless the person said yes."""
    said = answer.content or {} if isinstance(answer, types.ElicitResult) else {}
    if said.get("confirm") is not True or answer.action != "accept":
        raise asking.declined()
    return call.replace(options=Options(**{**vars(call.options), "confirm": confirm}))


def _dry(options: Options) -> Options:
    """The options of the dry run before a question."""
    return Options(**{**vars(options), "dry_run": True, "confirm": "", "fields": (), "raw": False})


def _can_be_asked(context: Context) -> bool:
    declared = context.session.client_capabilities
    elicitation = declared.elicitation if declared else None
    # Neither form nor url means form (specification, "Elicitation").
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def _result(found: Json) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=render(found))], is_error=not found["ok"]
    )


# --- resources ----------------------------------------------------------------------------------------------


def _documents() -> dict[str, str]:
    """What can be read: uri, and the file of the skill."""
    from wati.contract.endpoint import SKILL_FOLDER

    pages = sorted(os.listdir(os.path.join(SKILL_FOLDER, "references")))
    names = ["SKILL.md", *(f"references/{page}" for page in pages if page.endswith(".md"))]
    return {f"wati://{name}": name for name in names}


async def list_resources(_: Context, __: types.PaginatedRequestParams | None) -> types.ListResourcesResult:
    resources = [
        types.Resource(uri=uri, name=name, mime_type="text/markdown") for uri, name in _documents().items()
    ]
    return types.ListResourcesResult(resources=resources)


async def read_resource(_: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
    name = _documents().get(str(params.uri))
    if name is None:
        raise MCPError(types.INVALID_PARAMS, f"Unknown resource: {params.uri}")
    text = types.TextResourceContents(uri=str(params.uri), text=text_of(name), mime_type="text/markdown")
    return types.ReadResourceResult(contents=[text])


# --- the process --------------------------------------------------------------------------------------------


def protocol(own: Tools) -> Server[Any]:
    """The tools as a server, which any transport can carry."""
    return Server(
        "wati",
        version=__version__,
        title="WATI inbox",
        instructions=INSTRUCTIONS,
        on_list_tools=own.list,
        on_call_tool=own.call,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


def serve(tools: list[Json], environ: Mapping[str, str], *, ask_every_send: bool = False) -> None:
    """Serve until standard input is closed or a signal comes. Raises Failure (`bad_setup`)."""
    own = Tools(tools, environ, ask_every_send=ask_every_send)
    with own.session:
        anyio.run(_serve, protocol(own))


async def _serve(server: Server[Any]) -> None:
    async with anyio.create_task_group() as group:
        if os.name != "nt":  # there, a process is ended without a signal that it could hear
            group.start_soon(_end_on_signal, group.cancel_scope)
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
        group.cancel_scope.cancel()


async def _end_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return
