"""Every valid argument lands once, where its endpoint declares, unharmed; what is stored comes back so."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conftest import SANDBOX, Run
from recording import HEADS, FarSide, Received
from strategies import HARD, LINES, SCHEMAS, fixed, texts, valid
from wati.calls.preconditions import ID_LENGTH
from wati.contract.endpoint import Endpoint
from wati.sandbox import control

Caller = Callable[..., Run]
Json = dict[str, Any]

HEADERS = {
    *("host", "accept", "accept-encoding", "connection", "user-agent", "authorization"),
    *("maton-connection", "content-type", "content-length", "transfer-encoding"),
}
NAMES = ["a.pdf", "Rechnung März 李雷 👩‍👧.PDF", "100%25 #1 & co = x+y;z.png", "e\u0301.ogg"]


# --- the wire ----------------------------------------------------------------------------------------------


def cells(longest: int = 40) -> Any:
    """A value of a CSV file: as in a template, and with nothing over which readers of CSV differ."""
    unlike = re.compile("[\u2028\u2029]|\\\\")
    return texts(1, longest, spaces=False).filter(lambda text: not unlike.search(text))


@st.composite
def records(draw: st.DrawFn) -> list[list[str]]:
    numbers = draw(st.lists(st.integers(10**6, 10**10 - 1), min_size=1, max_size=4, unique=True))
    return [[str(number), draw(cells()), draw(cells())] for number in numbers]


def csv_bytes(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["Phone", "name", "ordernumber"], *rows])
    return text.getvalue().encode()


@st.composite
def calls(draw: st.DrawFn, endpoint: Endpoint) -> tuple[Json, dict[str, bytes]]:
    """Valid arguments, and the contents of the files that they name."""
    arguments = draw(valid(endpoint.name))
    files = {}
    for member in ("file", "whatsapp_numbers_csv"):
        if member in arguments:
            name = draw(st.sampled_from(NAMES))
            content = csv_bytes(draw(records())) if member != "file" else draw(st.binary(min_size=1))
            arguments, files[member] = {**arguments, member: name}, content
    return arguments, files


def flags(endpoint: Endpoint, arguments: Json, files: dict[str, bytes]) -> list[str]:
    output = ["--output", "file.bin", "--force"] if endpoint.name == "get_media" else []
    needed = {
        "none": "",
        "receivers": str(len(arguments.get("receivers", []))),
        "records": str(len(files.get("whatsapp_numbers_csv", b"").splitlines()) - 1),
        "connection_id": arguments.get("connection_id", ""),
    }[endpoint.confirms]
    return output + (["--confirm", needed] if needed else [])


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def same_text(received: str, sent: Any) -> bool:
    return received == sent if isinstance(sent, str) else canonical(json.loads(received)) == canonical(sent)


def only_once(pairs: list[tuple[str, Any]]) -> Json:
    assert len(dict(pairs)) == len(pairs), "a member stands twice"
    return dict(pairs)


def landed(endpoint: Endpoint, request: Received, files: dict[str, bytes]) -> list[tuple[str, Any]]:
    """All that a request carries, as a server decodes it, with the names that the endpoint declares."""
    path = list(zip(endpoint.path.split("/"), request.path.split("/"), strict=True))
    found: list[tuple[str, Any]] = [(own[1:-1], unquote(step)) for own, step in path if own.startswith("{")]
    assert all(own == step for own, step in path if not own.startswith("{"))
    found += request.pairs
    if endpoint.form is not None:
        assert request.header("Content-Type") == "application/x-www-form-urlencoded"
        found += request.form
    elif endpoint.json is not None:
        assert request.header("Content-Type") == "application/json"
        found += json.loads(request.body.decode("utf-8"), object_pairs_hook=only_once).items()
    elif endpoint.parts is not None:
        for part in request.parts:
            found_name = re.search(
                r'form-data; name="(\w+)"; filename="(.*)"', part.headers["content-disposition"]
            )
            assert found_name
            assert part.content == files[found_name[1]]
            found.append((found_name[1], found_name[2]))
    else:
        assert request.body == b""
    return found


def test_every_valid_argument_lands_once_where_it_is_declared_and_nothing_else_travels(
    call: Caller, far_side: FarSide, tmp_path: Path, each_endpoint: Endpoint
) -> None:
    seen: set[str] = set()

    @fixed(30)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        arguments, files = data.draw(calls(each_endpoint))
        for member, content in files.items():
            # A file that is not what its name says would not leave.
            head = HEADS.get(Path(arguments[member]).suffix.lower(), b"") if member == "file" else b""
            files[member] = head + content
            (tmp_path / arguments[member]).write_bytes(files[member])
        far_side.requests.clear()
        run = call(each_endpoint.name, arguments, *flags(each_endpoint, arguments, files))
        assert run.exit == 0, run.text
        looks_up = each_endpoint.through_wati and each_endpoint.effect != "read"
        # The contacts say whose number an id in a list is.
        receivers = arguments.get("receivers", [])
        is_id = any(len(each["whatsappNumber"]) == ID_LENGTH for each in receivers)
        contacts = far_side.to("/wati/api/v1/getContacts") if each_endpoint.effect != "read" else []
        assert bool(contacts) == (len(receivers) > 1 and is_id)
        requests = [each for each in far_side.requests if each not in contacts]
        assert len(requests) == 1 + looks_up + (each_endpoint.name == "create_connection")
        request = requests[looks_up]
        assert request.method == each_endpoint.method
        assert set(request.names) <= HEADERS and len(set(request.names)) == len(request.names)
        found = landed(each_endpoint, request, files)
        expected = {**each_endpoint.defaults, **arguments}
        assert sorted(name for name, _ in found) == sorted(expected)
        for name, value in found:
            same = same_text(value, expected[name]) if isinstance(value, str) else value == expected[name]
            assert same, (name, value, expected[name])
        seen.update(arguments)

    check()
    assert seen == set(SCHEMAS[each_endpoint.name]["properties"]), "an argument was never tried"


# --- there and back ----------------------------------------------------------------------------------------

JOHN = {"whatsappNumber": "14155551234"}


@pytest.fixture
def world(call: Caller, tmp_path: Path) -> Caller:
    """`world(name, arguments, *flags)`: one accepted call in the sandbox; what it brought."""
    state = tmp_path / "sandbox.sqlite"
    control.reset(state, limits=False)

    def run(name: str, arguments: Json, *flags: str) -> Any:
        made = call(name, arguments, *flags, WATI_JOURNAL="off", **SANDBOX)
        assert made.exit == 0, made.text
        return made.data

    return run


def newest(world: Caller, number: str = "14155551234") -> Json:
    items = world("get_messages", {"whatsappNumber": number, "pageSize": 1})["messages"]["items"]
    return items[0]  # type: ignore[no-any-return]


def delivered(tmp_path: Path) -> Json:
    return control.log(tmp_path / "sandbox.sqlite")[-1]


def each_hard(argument: str, *more: str) -> Callable[[Any], Any]:
    """Every hard text once, besides the generated ones."""

    def decorate(test: Any) -> Any:
        for text in [*HARD, *more]:
            test = example(**{argument: text})(test)
        return test

    return decorate


def test_a_message_comes_back_as_it_was_sent(world: Caller, tmp_path: Path) -> None:
    @fixed(25)
    @given(text=texts(1, 4096, multiline=True))
    @each_hard("text", LINES, "👍" * 4096, "\n" * 4095 + "x")
    def check(text: str) -> None:
        world("send_session_message", {**JOHN, "messageText": text})
        assert delivered(tmp_path)["text"] == newest(world)["text"] == text

    check()


def test_a_caption_comes_back_as_it_was_sent(world: Caller, tmp_path: Path) -> None:
    @fixed(15)
    @given(text=texts(1, 1024, multiline=True), content=st.binary(min_size=1))
    @example(text=LINES, content=b"\r\n--\r\n")
    @example(text=HARD[0], content=bytes(range(256)))
    @example(text=HARD[1], content=b"\x00")
    def check(text: str, content: bytes) -> None:
        (tmp_path / "a.txt").write_bytes(content)
        world("send_session_file", {**JOHN, "file": "a.txt", "caption": text})
        sent = delivered(tmp_path)
        assert sent["caption"] == newest(world)["text"] == text
        assert sent["sha256"] == hashlib.sha256(content).hexdigest()

    check()


@pytest.mark.parametrize("version", ["send_template_message", "send_template_message_v2"])
def test_a_template_s_values_reach_the_customer_as_they_were_given(
    world: Caller, tmp_path: Path, version: str
) -> None:
    @fixed(15)
    @given(name=texts(1, 1024, spaces=False), order=texts(1, 60, spaces=False))
    @example(name="x" * 1024, order=HARD[1])
    @example(name=HARD[3], order=HARD[0])
    @example(name="{{ordernumber}}", order="\\1 \\g<0>")
    def check(name: str, order: str) -> None:
        parameters = [{"name": "name", "value": name}, {"name": "ordernumber", "value": order}]
        template = {"template_name": "order_update", "broadcast_name": "b", "parameters": parameters}
        world(version, {**JOHN, **template})
        assert delivered(tmp_path)["parameters"] == parameters
        assert newest(world)["finalText"] == f"Hi {name}, your order {order} is ready."

    check()


@pytest.mark.parametrize("version", ["send_template_messages", "send_template_messages_v2"])
def test_each_receiver_of_a_bulk_send_gets_their_own_values(
    world: Caller, tmp_path: Path, version: str
) -> None:
    @fixed(10)
    @given(st.lists(texts(1, 200, spaces=False), min_size=1, max_size=4))
    @example(HARD)
    def check(values: list[str]) -> None:
        receivers = [
            {
                "whatsappNumber": str(14155550100 + index),
                "customParams": [{"name": "name", "value": value}, {"name": "ordernumber", "value": "1"}],
            }
            for index, value in enumerate(values)
        ]
        template = {"template_name": "order_update", "broadcast_name": "b", "receivers": receivers}
        world(version, template, "--confirm", str(len(receivers)))
        log = control.log(tmp_path / "sandbox.sqlite")[-len(receivers) :]
        assert [(row["whatsappNumber"], row["parameters"]) for row in log] == [
            (receiver["whatsappNumber"], receiver["customParams"]) for receiver in receivers
        ]

    check()


def test_each_record_of_a_csv_gets_its_own_values(world: Caller, tmp_path: Path) -> None:
    @fixed(15)
    @given(records())
    @example([["14155550100", HARD[3], HARD[5]], ["14155550101", 'say "hi", please', "a,b;c|d"]])
    def check(rows: list[list[str]]) -> None:
        rows = [[cell.strip() for cell in row] for row in rows]  # as the sandbox reads them (assumed)
        (tmp_path / "a.csv").write_bytes(csv_bytes(rows))
        names = {"template_name": "order_update", "broadcast_name": "b", "whatsapp_numbers_csv": "a.csv"}
        world("send_template_message_csv", names, "--confirm", str(len(rows)))
        log = control.log(tmp_path / "sandbox.sqlite")[-len(rows) :]
        assert [[row["whatsappNumber"], *(p["value"] for p in row["parameters"])] for row in log] == rows

    check()


def test_a_contact_comes_back_as_it_was_added(world: Caller, tmp_path: Path) -> None:
    numbers = iter(range(14155560000, 14155569999))

    @fixed(15)
    @given(name=texts(1, 256), attribute=texts(1, 256), value=texts(1, 1024, multiline=True))
    @example(name=HARD[0], attribute=HARD[1], value=LINES)
    @example(name=HARD[5], attribute=HARD[7], value=HARD[6])
    @example(name=HARD[3], attribute=HARD[8], value=HARD[2])
    def check(name: str, attribute: str, value: str) -> None:
        number = str(next(numbers))
        params = [{"name": attribute, "value": value}]
        world("add_contact", {"whatsappNumber": number, "name": name, "customParams": params})
        (found,) = world("get_contacts", {"pageSize": 1})["contact_list"]
        assert (found["wAid"], found["fullName"]) == (number, name)
        assert found["customParams"][attribute] == value
        changed = [{"name": attribute, "value": f".{value}"[:1024]}]
        world("update_contact_attributes", {"whatsappNumber": number, "customParams": changed})
        (found,) = world("get_contacts", {"pageSize": 1})["contact_list"]
        assert found["customParams"][attribute] == changed[0]["value"]
        # The filter is JSON inside the query, so a text goes through both. It has one line, and ignores case.
        wanted = {"name": attribute, "operator": "==", "value": " ".join(changed[0]["value"].split())}
        if attribute.casefold() not in ("phone", "name") and wanted["value"] == changed[0]["value"]:
            looked_for = [{"name": "phone", "operator": "==", "value": number}, wanted]
            assert len(world("get_contacts", {"attribute": looked_for})["contact_list"]) == 1

    check()


def test_interactive_texts_come_back_as_they_were_sent(world: Caller, tmp_path: Path) -> None:
    @fixed(15)
    @given(body=texts(1, 1024, multiline=True), short=texts(1, 20), title=texts(1, 24), footer=texts(1, 60))
    @example(body=LINES, short="&#+%=?/\"'", title="%2e%2e%2f..%2F", footer=HARD[0])
    @example(body=HARD[11], short="e\u0301", title="\u00e9", footer="\ufeffx\u202e")
    def check(body: str, short: str, title: str, footer: str) -> None:
        world(
            "send_interactive_buttons_message",
            {**JOHN, "body": body, "footer": footer, "buttons": [{"text": short}]},
        )
        data = newest(world)["interactiveData"]
        assert (data["body"], data["footer"], data["buttons"]) == (body, footer, [short])
        assert delivered(tmp_path)["interactive"]["buttons"] == [short]
        sections = [{"title": title, "rows": [{"title": title, "description": footer}]}]
        arguments = {**JOHN, "header": footer, "body": body, "buttonText": short, "sections": sections}
        world("send_interactive_list_message", arguments)
        data = newest(world)["interactiveData"]
        assert (data["body"], data["header"], data["buttonText"], data["rows"]) == (
            body,
            footer,
            short,
            [title],
        )

    check()
