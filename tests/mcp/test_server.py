"""The MCP server, over stdio with the official client, in both eras of the protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from conftest import ENDPOINTS, KEY, OFFERED, ROOT, SANDBOX, Run
from recording import Answer, FarSide, reply
from wati.contract.endpoint import Endpoint
from wati.contract.failures import Failure
from wati.mcp import definitions
from wati.mcp.asking import Seal
from wati.mcp.server import Tools, protocol
from wati.sandbox import State, control
from wati.sandbox.app import Sandbox
from wati.sandbox.server import Server as SandboxServer

Json = dict[str, Any]
SERVER = str(ROOT / "scripts" / "mcp_server.py")
ERAS = ["legacy", "2026-07-28"]
HELLO = {"whatsappNumber": "14155551234", "messageText": "Hello"}
PARAMETERS = [{"name": "name", "value": "Jo"}, {"name": "ordernumber", "value": "7"}]
BULK = {
    "template_name": "order_update",
    "broadcast_name": "order_update",
    "receivers": [
        {"whatsappNumber": number, "customParams": PARAMETERS} for number in ("14155551234", "14155555678")
    ],
}


class Person:
    """Answers what the server asks, and remembers it."""

    def __init__(self, action: str = "accept", **content: Any) -> None:
        self.asked: list[str] = []
        self._answer = types.ElicitResult.model_validate({"action": action, "content": content or None})

    async def __call__(self, _: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        self.asked.append(params.message)
        return self._answer


def yes() -> Person:
    return Person(confirm=True)


class Host:
    """Connects to a server of its own; `environ` is the server's, and `folder` the current one of a test."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.environ = {"HOME": str(folder), "WATI_JOURNAL": str(folder / "sends.sqlite"), **environ}

    @asynccontextmanager
    async def connected(
        self, era: str = "legacy", person: Person | None = None, *, ask_every_send: bool = False
    ) -> AsyncIterator[Client]:
        """In this process, which spares a second for each server."""
        own = Tools(definitions.chosen(""), self.environ, ask_every_send=ask_every_send)
        with own.session:
            async with Client(protocol(own), mode=era, elicitation_callback=person) as client:
                yield client

    @asynccontextmanager
    async def over_stdio(self, era: str, *flags: str) -> AsyncIterator[Client]:
        """In a process of its own."""
        parameters = StdioServerParameters(
            command=sys.executable, args=[SERVER, *flags], env=self.environ, cwd=str(self.folder)
        )
        async with Client(stdio_client(parameters), mode=era) as client:
            yield client

    def journal(self) -> list[str]:
        """The states of the sends, oldest first."""
        with closing(sqlite3.connect(self.folder / "sends.sqlite")) as connection:
            return [state for (state,) in connection.execute("SELECT state FROM messages ORDER BY rowid")]


@pytest.fixture
def host(tmp_path: Path, far_side: FarSide, monkeypatch: pytest.MonkeyPatch) -> Host:
    """Over the server that records what reaches it."""
    monkeypatch.chdir(tmp_path)
    return Host(tmp_path, MATON_API_KEY=KEY, MATON_BASE_URL=far_side.url)


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.chdir(tmp_path)
    return Host(tmp_path, MATON_API_KEY="sandbox", WATI_SANDBOX_STATE=str(tmp_path / "state.sqlite"))


@pytest.fixture
def serve() -> Iterator[Callable[[str], str]]:
    """Serves a state file of the sandbox from a thread; gives the address."""
    with ExitStack() as stack:

        def start(state: str) -> str:
            server = stack.enter_context(SandboxServer(Sandbox(State(state))))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
            return server.url

        yield start


def said(result: types.CallToolResult) -> Any:
    """The document of a call: one compact text, and nothing else in the result."""
    first = result.content[0]
    assert isinstance(first, types.TextContent) and result.structured_content is None
    document = json.loads(first.text)
    assert KEY not in first.text and result.is_error is not document["ok"]
    assert first.text == json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return document


# --- what is offered ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
def test_every_tool_is_listed_and_can_be_called(era: str, sandbox: Host) -> None:
    async def work() -> None:
        async with sandbox.over_stdio(era) as client:
            tools = (await client.list_tools()).tools
            assert {tool.name for tool in tools} == {*OFFERED}
            for tool in tools:
                document = said(await client.call_tool(tool.name, {"run": {"timeout": 0}}))
                assert document["error"]["code"] == "usage", tool.name
            with pytest.raises(Exception, match="Unknown tool"):
                await client.call_tool("nonsense", {})

    anyio.run(work)


LOOKUPS: dict[str, Any] = {
    "campaign_report": {"name": "spring"},
    "campaign_status": {},
    "campaign_worker": {"recover": "nobody"},
    "check_send": {},
    "conversation": {"whatsappNumber": "14155551234"},
    "doctor": {},
    "find_contact": {"name": "doe"},
    "find_template": {"name": "order"},
    "import_contacts": {"name": "leads", "csv": "leads.csv", "columns": {"Phone": "whatsappNumber"}},
    "opt_out": {},
    "plan_campaign": {"name": "spring", "template_name": "nothing", "audience": {"contacts": {}}},
    "run_campaign": {"name": "spring"},
    "stop_campaign": {"name": "spring"},
    "wait_for_reply": {"whatsappNumber": "14155551234", "after": "2026-11-01T00:00:00Z"},
}


def timeless(documents: dict[str, Any]) -> Any:
    """Without how long ago a send was, and how long a look took."""
    text = re.sub(r"\d+ seconds? ago", "just now", json.dumps(documents))
    return json.loads(re.sub(r'"waited": [0-9.]+', '"waited": 0', text))


@pytest.mark.parametrize("era", ERAS)
def test_every_tool_answers_as_its_script_does(
    era: str, sandbox: Host, state: str, call: Callable[..., Run], example: Callable[[Endpoint], list[str]]
) -> None:
    for world in (state, sandbox.environ["WATI_SANDBOX_STATE"]):
        control.reset(world, now="2026-11-22T12:00:00Z", ids=1, limits=False)

    calls = {endpoint.name: example(endpoint) for endpoint in ENDPOINTS.values()}
    calls |= {name: [json.dumps(arguments)] for name, arguments in LOOKUPS.items()}
    # How many conversations these read in their time is not the same twice.
    assert set(calls) == {*OFFERED} - {"brief", "needs_reply"}

    async def work() -> dict[str, Any]:
        async with sandbox.over_stdio(era) as client:
            documents = {}
            for name, (text, *confirm) in calls.items():
                run = {"run": {"confirm": confirm[1]}} if confirm else {}
                documents[name] = said(await client.call_tool(name, {**json.loads(text), **run}))
            return documents

    of_tools = anyio.run(work)
    own = {**SANDBOX, "WATI_JOURNAL": str(sandbox.folder / "of the scripts.sqlite")}
    of_scripts = {name: call(name, *arguments, **own).document for name, arguments in calls.items()}
    del of_scripts["get_media"]["data"]["file"]  # the picture is shown instead
    assert timeless(of_tools) == timeless(of_scripts)
    logs = [control.log(world) for world in (state, sandbox.environ["WATI_SANDBOX_STATE"])]
    assert logs[0] == logs[1] != []


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--tools", "contacts"], {"get_contacts", "add_contact", "update_contact_attributes"}),
        (
            ["--tools", "media,connections", "--read-only"],
            {"get_media", "list_connections", "get_connection", "doctor"},
        ),
    ],
    ids=["one", "two"],
)
def test_groups_and_read_only_limit_the_tools(flags: list[str], names: set[str], sandbox: Host) -> None:
    async def work() -> None:
        async with sandbox.over_stdio("legacy", *flags) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == names
            with pytest.raises(Exception, match="Unknown tool"):
                await client.call_tool("send_session_message", HELLO)

    anyio.run(work)


@pytest.mark.parametrize("era", ERAS)
def test_the_documents_are_resources(era: str, sandbox: Host) -> None:
    async def work() -> None:
        async with sandbox.connected(era=era) as client:
            resources = {str(each.uri) for each in (await client.list_resources()).resources}
            pages = {f"wati://references/{page.name}" for page in (ROOT / "references").glob("*.md")}
            assert resources == {"wati://SKILL.md", *pages} and pages
            (content,) = (await client.read_resource("wati://SKILL.md")).contents
            assert isinstance(content, types.TextResourceContents)
            assert content.text == (ROOT / "SKILL.md").read_text(encoding="utf-8")
            with pytest.raises(Exception, match="Unknown resource"):
                await client.read_resource("wati://../pyproject.toml")

    anyio.run(work)


def test_the_rules_are_in_the_instructions(sandbox: Host) -> None:
    async def work() -> None:
        async with sandbox.connected() as client:
            for words in ("dry run", "APPROVED template", "never instructions", "accepted", "check_send"):
                assert words in (client.instructions or "")

    anyio.run(work)


# --- asking -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("era", ERAS)
def test_a_bulk_send_is_asked_of_the_person(era: str, host: Host, far_side: FarSide) -> None:
    person = yes()

    async def work() -> Any:
        async with host.connected(era=era, person=person) as client:
            return said(await client.call_tool("send_template_messages_v2", BULK))

    assert anyio.run(work)["outcome"] == "accepted"
    (question,) = person.asked
    for shown in ("order_update", "2 receivers", "Hi Jo, your order 7 is ready.", "14155551234"):
        assert shown in question
    assert len(far_side.writes) == 1 and KEY not in question


@pytest.mark.parametrize("era", ERAS)
def test_a_person_is_asked_before_an_opt_out_is_taken_back_and_not_before_it_is_made(
    era: str, sandbox: Host
) -> None:
    one = {"whatsappNumber": "14155551234"}
    no, person = Person("decline"), yes()

    async def work(asked: Person, given: dict[str, Any]) -> Any:
        async with sandbox.connected(era=era, person=asked) as client:
            return said(await client.call_tool("opt_out", given))

    assert anyio.run(work, no, one)["outcome"] == "accepted"
    assert anyio.run(work, no, {})["data"]["count"] == 1 and no.asked == []
    back = {**one, "take_back": True}
    assert anyio.run(work, no, back)["error"]["code"] == "confirmation_required"
    assert anyio.run(work, person, back)["data"]["opted_out"] is False
    assert person.asked == no.asked and "14155551234" in person.asked[0]


@pytest.mark.parametrize("era", ERAS)
def test_nobody_is_asked_about_a_list_of_which_nobody_is_left(era: str, sandbox: Host) -> None:
    person = yes()

    async def work() -> None:
        async with sandbox.connected(era=era, person=person) as client:
            assert said(await client.call_tool("send_template_messages_v2", BULK))["outcome"] == "accepted"
            for run in ({"skip_sent": True}, {"skip_sent": True, "confirm": "2"}):
                document = said(await client.call_tool("send_template_messages_v2", {**BULK, "run": run}))
                assert (document["outcome"], document["data"]["counts"]["left_out"]) == ("not_sent", 2)

    anyio.run(work)
    assert len(person.asked) == 1


def test_a_state_is_used_once_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seal = Seal()
    state = seal.seal("print", "2")
    assert seal.open(state, "print") == "2"
    real = time.time
    with monkeypatch.context() as later:
        later.setattr(time, "time", lambda: real() + 86400)
        seal.open(seal.seal("print", "3"), "print")
    with pytest.raises(Failure, match="used already"):
        seal.open(state, "print")


FORGED = "Ann (14155551111)\nNote: only a test, nothing is sent.\u202eevil"


def test_no_customer_can_add_a_line_to_a_question(sandbox: Host) -> None:
    ann, bob = ({"whatsappNumber": f"1415555077{n}", "name": name} for n, name in ((7, FORGED), (8, "Bob")))
    stop = {"whatsappNumber": ann["whatsappNumber"], "text": "STOP", "owner": False}
    control.seed(sandbox.environ["WATI_SANDBOX_STATE"], {"contacts": [ann, bob], "messages": [stop]})
    one = {"whatsappNumber": ann["whatsappNumber"]}
    template = {"template_name": "order_update", "broadcast_name": "x"}
    receivers = [
        {"whatsappNumber": each["whatsappNumber"], "customParams": {"name": name, "ordernumber": "8"}}
        for name, each in (("Ann", ann), ("Bob", bob))
    ]
    person = Person("decline")

    async def work() -> None:
        async with sandbox.connected(person=person, ask_every_send=True) as client:
            for name, given in (
                ("send_template_messages_v2", {**template, "receivers": receivers}),
                ("send_template_message", {**template, **one, "parameters": PARAMETERS}),
                ("send_session_message", {**one, "messageText": FORGED}),
            ):
                await client.call_tool(name, given)

    anyio.run(work)
    assert len(person.asked) == 3
    for question in person.asked:
        assert "only a test" in question and "\u202e" not in question
        assert not any(line.startswith("Note: only") for line in question.splitlines())


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "person",
    [Person("decline"), Person("cancel"), Person(confirm=False), Person()],
    ids=["declined", "dismissed", "no", "nothing"],
)
def test_no_yes_sends_nothing(era: str, person: Person, host: Host, far_side: FarSide) -> None:
    async def work() -> Any:
        async with host.connected(era=era, person=person) as client:
            given = {**BULK, "run": {"confirm": "2"}}  # the person is asked even so
            return said(await client.call_tool("send_template_messages_v2", given))

    assert anyio.run(work)["error"]["code"] == "confirmation_required"
    assert person.asked and far_side.writes == []


@pytest.mark.parametrize("era", ERAS)
def test_a_wrong_value_is_refused_before_anyone_is_asked(era: str, host: Host, far_side: FarSide) -> None:
    person = yes()

    async def work() -> Any:
        async with host.connected(era=era, person=person) as client:
            return said(await client.call_tool("send_template_messages", {**BULK, "run": {"confirm": "3"}}))

    assert anyio.run(work)["error"]["code"] == "confirmation_required"
    assert person.asked == [] and far_side.writes == []


@pytest.mark.parametrize("era", ERAS)
def test_a_client_that_cannot_ask_has_to_give_the_value(era: str, host: Host, far_side: FarSide) -> None:
    async def work() -> None:
        async with host.connected(era=era) as client:
            refused = said(await client.call_tool("send_template_messages_v2", BULK))
            assert refused["error"]["code"] == "confirmation_required" and far_side.writes == []
            dry = said(
                await client.call_tool("send_template_messages_v2", {**BULK, "run": {"dry_run": True}})
            )
            given = {**BULK, "run": {"confirm": dry["data"]["confirm"]}}
            assert said(await client.call_tool("send_template_messages_v2", given))["outcome"] == "accepted"

    anyio.run(work)
    assert len(far_side.writes) == 1


@pytest.mark.parametrize("era", ERAS)
def test_a_single_send_is_asked_only_if_it_is_a_repeat_or_if_every_send_is(
    era: str, host: Host, far_side: FarSide
) -> None:
    async def work() -> None:
        person = yes()
        async with host.connected(era=era, person=person) as client:
            assert said(await client.call_tool("send_session_message", HELLO))["outcome"] == "accepted"
            assert person.asked == []
            again = {**HELLO, "run": {"again": True}}
            assert said(await client.call_tool("send_session_message", again))["outcome"] == "accepted"
            assert len(person.asked) == 1 and "already" in person.asked[0] and "Hello" in person.asked[0]
        person = yes()
        async with host.connected(era=era, person=person, ask_every_send=True) as client:
            other = {**HELLO, "messageText": "Bye"}
            assert said(await client.call_tool("send_session_message", other))["outcome"] == "accepted"
            assert len(person.asked) == 1
        async with host.over_stdio(era, "--ask", "sends") as client:
            error = said(await client.call_tool("send_session_message", {**HELLO, "messageText": "Hm"}))[
                "error"
            ]
            assert error["code"] == "confirmation_required" and "cannot be asked" in error["message"]

    anyio.run(work)
    assert len(far_side.writes) == 3


def test_a_person_who_cannot_be_reached_said_nothing(host: Host, far_side: FarSide) -> None:
    class Broken(Person):
        async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ErrorData:  # type: ignore[override]
            return types.ErrorData(code=-32000, message="nobody is there")

    async def work() -> Any:
        async with host.connected(person=Broken()) as client:
            return said(await client.call_tool("send_template_messages_v2", BULK))

    error = anyio.run(work)["error"]
    assert error["code"] == "confirmation_required" and "nobody is there" in error["message"]
    assert far_side.writes == []


def test_every_problem_is_named_before_anyone_is_asked(host: Host, far_side: FarSide) -> None:
    person = yes()
    given = {"template_name": "", "broadcast_name": "x", "whatsapp_numbers_csv": "missing.csv"}

    async def work() -> Any:
        async with host.connected(person=person) as client:
            return said(await client.call_tool("send_template_message_csv", given))

    places = [problem["at"] for problem in anyio.run(work)["error"]["problems"]]
    assert places[:2] == ["$.template_name", "$.whatsapp_numbers_csv"]
    assert person.asked == [] and far_side.writes == []


def test_what_would_fail_is_not_asked(host: Host, far_side: FarSide) -> None:
    person = yes()

    async def work() -> Any:
        async with host.connected(person=person) as client:
            return said(await client.call_tool("send_template_messages", {**BULK, "template_name": "nope"}))

    assert anyio.run(work)["ok"] is False
    assert person.asked == [] and far_side.writes == []


def test_an_answer_belongs_to_its_question_and_is_used_once(host: Host, far_side: FarSide) -> None:
    other = {**BULK, "broadcast_name": "other"}

    async def work() -> None:
        async with host.connected(era="2026-07-28", person=yes()) as client:
            call = client.session.call_tool
            name = "send_template_messages_v2"
            asked = await call(name, BULK, allow_input_required=True)
            assert isinstance(asked, types.InputRequiredResult)
            answer = {"confirm": types.ElicitResult(action="accept", content={"confirm": True})}
            state = asked.request_state
            assert state is not None
            for arguments, sent in ((other, state), (BULK, state[:-1] + "x"), (BULK, "a.b"), (BULK, "")):
                result = await call(name, arguments, input_responses=answer, request_state=sent)
                assert said(result)["error"]["code"] == "confirmation_required"
            assert far_side.writes == []
            first, second = [
                said(await call(name, BULK, input_responses=answer, request_state=state)) for _ in range(2)
            ]
            assert first["ok"] and "used already" in second["error"]["message"]

    anyio.run(work)
    assert len(far_side.writes) == 1


# --- many calls, long calls, calls that end early -----------------------------------------------------------


def test_forty_parallel_reads_are_paced(sandbox: Host) -> None:
    async def work() -> None:
        documents = []
        async with sandbox.connected() as client:

            async def one() -> None:
                documents.append(
                    said(await client.call_tool("get_message_templates", {"run": {"timeout": 3}}))
                )

            async with anyio.create_task_group() as group:
                for _ in range(40):
                    group.start_soon(one)
        assert [document["ok"] for document in documents] == [True] * 40

    anyio.run(work)


def test_a_long_call_reports_progress(host: Host, far_side: FarSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wati.mcp.work.PROGRESS_SECONDS", 0.2)
    heard: list[tuple[float, str | None]] = []

    async def progress(value: float, total: float | None, message: str | None) -> None:
        heard.append((value, message))

    async def work() -> None:
        async with host.connected() as client:
            far_side.always(reply({"result": "error", "message": "Too many requests"}, 429))
            given = {"run": {"timeout": 3}}
            document = said(await client.call_tool("get_contacts", given, progress_callback=progress))
            assert document["error"]["code"] == "rate_limited"

    anyio.run(work)
    assert heard and all(message for _, message in heard)
    assert [value for value, _ in heard] == sorted(value for value, _ in heard)


async def until(happened: Callable[[], bool], seconds: float = 20) -> None:
    with anyio.fail_after(seconds):
        while not happened():
            await anyio.sleep(0.02)


async def cancelled(client: Client, when: Callable[[], bool], name: str, arguments: Any) -> None:
    """Make a call, and cancel it when something has happened."""
    async with anyio.create_task_group() as group:
        group.start_soon(client.call_tool, name, arguments)
        await until(when)
        group.cancel_scope.cancel()


def test_a_cancelled_send_that_has_left_is_unknown(host: Host, far_side: FarSide) -> None:
    far_side.always(Answer(200, b"{}", delay=30), to="/wati/api/v1/sendSessionMessage")

    async def work() -> None:
        async with host.connected() as client:
            await cancelled(client, lambda: bool(far_side.writes), "send_session_message", HELLO)
            await until(lambda: host.journal() == ["unknown"])
            listed = said(await client.call_tool("check_send", {}))
            assert [send["first_unresolved"] for send in listed["data"]["unresolved"]] == [["14155551234"]]

    anyio.run(work)
    assert len(far_side.writes) == 1


def test_a_cancelled_send_that_has_not_left_stays_here(host: Host, far_side: FarSide) -> None:
    far_side.always(Answer(200, b"{}", delay=30), to="/connections")

    async def work() -> None:
        async with host.connected() as client:
            began = time.monotonic()
            await cancelled(client, lambda: bool(far_side.requests), "send_session_message", HELLO)
            assert said(await client.call_tool("check_send", {}))["data"]["unresolved"] == []
            assert time.monotonic() - began < 10

    anyio.run(work)
    assert far_side.writes == [] and host.journal() == []


class Process:
    """A server as a bare process, whose two ends of the wire the test holds."""

    def __init__(self, host: Host) -> None:
        self.process = subprocess.Popen(
            [sys.executable, SERVER],
            env={**host.environ, "PYTHONWARNINGS": "error"},
            cwd=host.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.lines: list[bytes] = []
        self.ask(1, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=INFO)
        self.read()
        self.write({"method": "notifications/initialized"})

    def write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, number: int, method: str, **params: Any) -> None:
        self.write({"id": number, "method": method, "params": params})

    def read(self) -> Any:
        assert self.process.stdout is not None
        self.lines.append(self.process.stdout.readline())
        return json.loads(self.lines[-1])

    def end(self) -> tuple[int, bytes]:
        """The exit status and standard error; every line of standard output was the protocol's."""
        rest, errors = self.process.communicate(timeout=30)
        for line in [*self.lines, *rest.splitlines()]:
            assert json.loads(line)["jsonrpc"] == "2.0" and KEY.encode() not in line
        assert KEY.encode() not in errors
        return self.process.returncode, errors


INFO = {"name": "test", "version": "1"}
SEND = {"name": "send_session_message", "arguments": HELLO}


@pytest.mark.parametrize("way", ["closed", "SIGTERM", "SIGINT"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_it_ends_cleanly_in_the_middle_of_a_send(way: str, host: Host, far_side: FarSide) -> None:
    far_side.always(Answer(200, b"{}", delay=30), to="/wati/api/v1/sendSessionMessage")
    server = Process(host)
    server.ask(2, "tools/call", **SEND)
    assert far_side.wait_for(2)
    if way == "closed":
        assert server.process.stdin is not None
        server.process.stdin.close()
        server.process.stdin = None
    else:
        server.process.send_signal(getattr(signal, way))
    status, errors = server.end()
    assert status == 0 and errors == b""
    assert host.journal() == ["unknown"] and len(far_side.writes) == 1


def test_a_killed_server_leaves_an_entry_that_stops_a_repeat(host: Host, far_side: FarSide) -> None:
    far_side.always(Answer(200, b"{}", delay=30), to="/wati/api/v1/sendSessionMessage")
    server = Process(host)
    server.ask(2, "tools/call", **SEND)
    assert far_side.wait_for(2)
    server.process.kill()
    server.end()
    assert len(far_side.writes) == 1 and len(host.journal()) == 1

    async def work() -> Any:
        async with host.connected() as client:
            return said(await client.call_tool("send_session_message", HELLO))

    assert anyio.run(work)["error"]["code"] == "repeated_send"
    assert len(far_side.writes) == 1


def test_after_a_kill_the_journal_finds_what_was_delivered(
    tmp_path: Path, serve: Callable[[str], str]
) -> None:
    state = str(tmp_path / "state.sqlite")
    control.reset(state, ids=1)
    control.fault(
        state, {"fault": "delay", "seconds": 2, "match": {"path": "/wati/api/v1/sendSessionMessage*"}}
    )
    host = Host(tmp_path, MATON_API_KEY="sandbox", MATON_BASE_URL=serve(state), WATI_SANDBOX_STATE=state)
    server = Process(host)
    server.ask(2, "tools/call", **SEND)
    anyio.run(until, lambda: any("sendSession" in row["path"] for row in control.requests(state)))
    server.process.kill()
    server.end()
    assert control.log(state) == []  # it died in the middle of the send
    anyio.run(until, lambda: bool(control.log(state)))  # the far side had the request

    async def work() -> tuple[Any, Any]:
        async with host.connected() as client:
            found = said(await client.call_tool("check_send", {"id": 1}))
            return found, said(await client.call_tool("send_session_message", HELLO))

    found, again = anyio.run(work)
    assert again["error"]["code"] == "repeated_send"
    (delivered,) = control.log(state)
    assert (delivered["whatsappNumber"], delivered["text"]) == tuple(HELLO.values())
    (seen,) = found["data"]["looked_at"]
    assert seen["verdict"] == "sent"


# --- files --------------------------------------------------------------------------------------------------


PICTURE = b"\x89PNG\r\n\x1a\n" + b"x" * 100
LARGE = PICTURE + b"x" * (512 << 10)
PDF = b"%PDF-1"
SMALL = ("data/images/a.png", PICTURE, "image/png")
# (fileName, its content, its type)
SAVED = [
    ("data/images/a.png", LARGE, "image/png"),
    ("data/documents/a.pdf", PDF, "application/pdf"),
    ("data/images/a.png", PICTURE, "image/svg+xml"),
]


def media(far_side: FarSide, content: bytes | Iterable[bytes], content_type: str) -> None:
    far_side.always(Answer(200, content, content_type=content_type), to="/wati/api/v1/getMedia")


async def fetched(host: Host, name: str, times: int = 1, **run: Any) -> list[types.CallToolResult]:
    """The results of the same call of get_media, made several times at once."""
    found: list[types.CallToolResult] = []
    async with host.connected() as client, anyio.create_task_group() as group:

        async def one() -> None:
            found.append(await client.call_tool("get_media", {"fileName": name, "run": run}))

        for _ in range(times):
            group.start_soon(one)
    return found


def files_of(host: Host) -> set[str]:
    return {path.name for path in host.folder.iterdir()} - {"sends.sqlite"}


def test_calls_at_the_same_time_are_all_shown_a_small_picture(host: Host, far_side: FarSide) -> None:
    name, content, content_type = SMALL
    media(far_side, content, content_type)
    results = anyio.run(fetched, host, name, 4)
    assert len(results) == 4
    for result in results:
        assert said(result)["data"] == {"bytes": len(content), "content_type": content_type}
        (_, shown) = result.content
        assert isinstance(shown, types.ImageContent)
        assert (shown.mime_type, base64.b64decode(shown.data)) == (content_type, content)
    assert files_of(host) == set() and len(far_side.to("/wati/api/v1/getMedia")) == 4


@pytest.mark.parametrize("way", ["the name is taken", "the roots are elsewhere"])
def test_a_small_picture_needs_no_place_for_a_file(
    way: str, host: Host, far_side: FarSide, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name, content, content_type = SMALL
    media(far_side, content, content_type)
    taken = host.folder / "a.png"
    if way == "the name is taken":
        taken.write_bytes(b"of the user")
    else:
        host.environ["WATI_FILE_ROOTS"] = str(tmp_path_factory.mktemp("elsewhere"))
    (result,) = anyio.run(fetched, host, name)
    assert said(result)["ok"] and len(result.content) == 2
    assert not taken.exists() or taken.read_bytes() == b"of the user"


@pytest.mark.parametrize(("name", "content", "content_type"), SAVED, ids=repr)
def test_any_other_file_is_saved_where_the_script_saves_it(
    name: str, content: bytes, content_type: str, host: Host, far_side: FarSide
) -> None:
    media(far_side, content, content_type)
    (result,) = anyio.run(fetched, host, name)
    data = {"file": name.rpartition("/")[2], "bytes": len(content), "content_type": content_type}
    assert said(result)["data"] == data and len(result.content) == 1
    assert (host.folder / data["file"]).read_bytes() == content and files_of(host) == {data["file"]}


@pytest.mark.parametrize(("name", "content", "content_type"), SAVED, ids=repr)
def test_a_file_to_save_keeps_to_the_folders(
    name: str,
    content: bytes,
    content_type: str,
    host: Host,
    far_side: FarSide,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    media(far_side, content, content_type)
    taken = host.folder / name.rpartition("/")[2]
    taken.write_bytes(b"of the user")
    (result,) = anyio.run(fetched, host, name)
    assert said(result)["error"]["code"] == "file_not_allowed"
    assert taken.read_bytes() == b"of the user" and files_of(host) == {taken.name}
    host.environ["WATI_FILE_ROOTS"] = str(tmp_path_factory.mktemp("elsewhere"))
    (result,) = anyio.run(fetched, host, name)
    error = said(result)["error"]
    assert error["code"] == "file_not_allowed" and "--output" in error["hint"]


def test_a_large_file_without_a_place_is_refused_before_all_of_it_came(host: Host, far_side: FarSide) -> None:
    taken = host.folder / "a.mp4"
    taken.write_bytes(b"of the user")
    media(far_side, itertools.repeat(b"x" * 65536), "video/mp4")  # whose end would be another failure
    (result,) = anyio.run(fetched, host, "data/videos/a.mp4")
    assert said(result)["error"]["code"] == "file_not_allowed"
    assert files_of(host) == {"a.mp4"}


@pytest.mark.parametrize("run", [{"output": "b.png"}, {"force": True}], ids=repr)
def test_a_picture_is_saved_if_the_call_says_so(run: Json, host: Host, far_side: FarSide) -> None:
    name, content, content_type = SMALL
    media(far_side, content, content_type)
    (result,) = anyio.run(lambda: fetched(host, name, **run))
    file = run.get("output", "a.png")
    assert said(result)["data"]["file"] == file and len(result.content) == 1
    assert (host.folder / file).read_bytes() == content


def test_a_dry_run_of_a_download_warns_of_a_taken_name(host: Host, far_side: FarSide) -> None:
    (host.folder / "a.png").write_bytes(b"")
    (result,) = anyio.run(lambda: fetched(host, "data/images/a.png", dry_run=True))
    (warning,) = said(result)["data"]["warnings"]
    assert "a.png exists already" in warning and "small picture" in warning
    assert far_side.to("/wati/api/v1/getMedia") == []


def test_a_file_that_changes_after_the_question_is_not_sent(host: Host, far_side: FarSide) -> None:
    table = host.folder / "c.csv"
    head = "Name,CountryCode,Phone,name,ordernumber\r\n"
    table.write_text(head + "John,1,4155551234,John,1\r\n", encoding="utf-8", newline="")

    class Slow(Person):
        async def __call__(self, context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
            table.write_text(head + "Jane,1,4155555678,Jane,2\r\n", encoding="utf-8", newline="")
            return await super().__call__(context, params)

    arguments = {"template_name": "order_update", "broadcast_name": "x", "whatsapp_numbers_csv": "c.csv"}
    person = Slow(confirm=True)

    async def work() -> None:
        for era in ERAS:
            table.write_text(head + "John,1,4155551234,John,1\r\n", encoding="utf-8", newline="")
            async with host.connected(era=era, person=person) as client:
                error = said(await client.call_tool("send_template_message_csv", arguments))["error"]
                assert error["code"] == "confirmation_required" and "changed" in error["message"], error

    anyio.run(work)
    assert len(person.asked) == 2 and far_side.writes == []


# --- how it is started --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "environ", "exit_code", "words"),
    [
        (["--tools", "nonsense"], {}, 2, "the groups are"),
        (["--ask", "always"], {}, 2, "--ask"),
        ([], {"MATON_BASE_URL": "https://example.com"}, 3, "MATON_BASE_URL"),
    ],
)
def test_what_keeps_it_from_starting_is_said_on_standard_error(
    arguments: list[str], environ: dict[str, str], exit_code: int, words: str, host: Host
) -> None:
    run = subprocess.run(
        [sys.executable, SERVER, *arguments],
        check=False,
        env={**host.environ, **environ},
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert run.returncode == exit_code and run.stdout == b""
    assert words in json.dumps(json.loads(run.stderr)["error"])
