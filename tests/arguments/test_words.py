"""Arguments as name=value words, and what is said of arguments that are neither words nor JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conftest import RUNNABLE, SANDBOX, Run
from recording import FarSide
from wati.arguments import reading
from wati.arguments.diagnosis import in_words
from wati.arguments.pairs import as_lists
from wati.contract.endpoint import Endpoint
from wati.contract.failures import Failure

HELLO = "whatsappNumber=14155551234"

# (script, words): the arguments that they are
READ: list[tuple[str, list[str], dict[str, Any]]] = [
    ("find_contact", ["name=Doe, John"], {"name": "Doe, John"}),
    ("find_contact", ["name=Ann", "limit=5"], {"name": "Ann", "limit": 5}),
    ("find_contact", ["whatsappNumber=+1 (415) 555-1234"], {"whatsappNumber": "+1 (415) 555-1234"}),
    (
        "find_contact",
        ['attribute={"name": "city", "value": "a=b"}'],
        {"attribute": {"name": "city", "value": "a=b"}},
    ),
    # A text is taken as it stands: nothing that looks like something else becomes it.
    ("send_session_message", [HELLO, "messageText=a=b"], {"messageText": "a=b"}),
    ("send_session_message", [HELLO, "messageText="], {"messageText": ""}),
    ("send_session_message", [HELLO, "messageText=12"], {"messageText": "12"}),
    ("send_session_message", [HELLO, "messageText=null"], {"messageText": "null"}),
    ("send_session_message", [HELLO, "messageText=true"], {"messageText": "true"}),
    ("send_session_message", [HELLO, 'messageText="Hi"'], {"messageText": '"Hi"'}),
    ("send_session_message", [HELLO, 'messageText={"a": 1}'], {"messageText": '{"a": 1}'}),
    ("send_session_message", [HELLO, "messageText=@me"], {"messageText": "@me"}),
    ("send_session_message", [HELLO, "messageText=-"], {"messageText": "-"}),
    ("send_session_message", [HELLO, "messageText= two  words "], {"messageText": " two  words "}),
    ("send_session_message", [HELLO, "messageText=Zoë 🙂\n2"], {"messageText": "Zoë 🙂\n2"}),
    # What is no number stays a text, so that the schema reports it with all the rest.
    ("get_contacts", ["pageSize=5", "pageNumber=-1"], {"pageSize": 5, "pageNumber": -1}),
    ("get_contacts", ["pageSize=05", "pageNumber=1.0"], {"pageSize": "05", "pageNumber": "1.0"}),
    ("get_contacts", ["pageSize=", "pageNumber=٣"], {"pageSize": "", "pageNumber": "٣"}),
    ("get_contacts", ["pageSize=" + "9" * 5000], {"pageSize": "9" * 5000}),
    ("get_contacts", ["nam=Ann"], {"nam": "Ann"}),
    # A word for each of a list of names and values.
    (
        "add_contact",
        [HELLO, "customParams.city=São Paulo", "customParams.a.b={1}"],
        {"customParams": {"city": "São Paulo", "a.b": "{1}"}},
    ),
    (
        "send_template_message",
        [HELLO, "parameters.1=Monday", "parameters.2=10"],
        {"parameters": {"1": "Monday", "2": "10"}},
    ),
    (
        "send_template_message",
        [HELLO, "parameters.name=", 'parameters.n="'],
        {"parameters": {"name": "", "n": '"'}},
    ),
    # And one for each member of an object, in any depth.
    (
        "find_contact",
        ["attribute.name=city", "attribute.value=a.b=c"],
        {"attribute": {"name": "city", "value": "a.b=c"}},
    ),
    ("find_contact", ["attribute.city=Oakland"], {"attribute": {"city": "Oakland"}}),
    ("find_contact", ["attribute.=Oakland", "name.first=Jo"], {"attribute.": "Oakland", "name.first": "Jo"}),
    (
        "send_interactive_buttons_message",
        [HELLO, "header.type=image", "header.media.url=https://example.com/a.png"],
        {"header": {"type": "image", "media": {"url": "https://example.com/a.png"}}},
    ),
    # A lone word is the id, where there is one.
    ("check_send", ["7"], {"id": 7}),
    ("check_send", ["id=7"], {"id": 7}),
    ("check_send", ["seven"], {"id": "seven"}),
    ("get_connection", ["sandbox-main"], {"connection_id": "sandbox-main"}),
    ("get_connection", ["conn_5-a"], {"connection_id": "conn_5-a"}),
    ("delete_connection", ["connection_id=null"], {"connection_id": "null"}),
    ("check_send", ['{"id": 7}'], {"id": 7}),
    ("check_send", [], {}),
]


@pytest.mark.parametrize(("name", "words", "arguments"), READ, ids=repr)
def test_words_are_read_by_the_schema(name: str, words: list[str], arguments: dict[str, Any]) -> None:
    found = dict(reading.read(RUNNABLE[name], words))
    if HELLO in words:
        assert found.pop("whatsappNumber") == "14155551234"
    assert found == arguments
    assert {key: type(value) for key, value in found.items()} == {k: type(v) for k, v in arguments.items()}


# (script, words, code): words of what is said of them
REFUSED: list[tuple[str, list[str], str, list[str]]] = [
    ("find_contact", ["name=Jane", "Smith"], "usage", ['"Smith"', 'name="two words"']),
    ("find_contact", ["Jane", "Smith"], "usage", ['"Jane"', 'find_contact.py name="Jane Smith"']),
    ("find_contact", ["name", "=", "Jane"], "usage", ['"name"']),
    ("find_contact", ["=Jane", "limit=1"], "usage", ['"=Jane"']),
    ("find_contact", ["name=Jane", "name=Jane"], "usage", ["name is given twice"]),
    ("add_contact", ["customParams.a=1", "customParams.a=2"], "usage", ["customParams.a is given twice"]),
    ("add_contact", ["customParams=[]", "customParams.a=2"], "usage", ["customParams.a is given twice"]),
    ("add_contact", ["customParams.a=2", "customParams=[]"], "usage", ["customParams is given twice"]),
    ("find_contact", ["attribute.name=a", "attribute.name=b"], "usage", ["attribute.name is given twice"]),
    ("find_contact", ['attribute={"name": "a"}', "attribute.name=b"], "usage", ["is given twice"]),
    ("find_contact", ["attribute=[]", "attribute.name=b"], "usage", ["attribute.name is given twice"]),
    ("find_contact", ["attribute.name=b", "attribute={}"], "usage", ["attribute is given twice"]),
    ("find_contact", ["name=Jane", '{"limit": 1}'], "usage", ["2 arguments"]),
    ("find_contact", ['{"limit": 1}', "name=Jane"], "usage", ["2 arguments"]),
    ("find_contact", ["name=Jane", "@a.json"], "usage", ["2 arguments"]),
    ("find_contact", ["name=Jane", "-"], "usage", ["2 arguments"]),
    ("check_send", ["7", "8"], "usage", ['"7"']),
    ("find_contact", ["jane"], "invalid_json", ['"jane"', 'find_contact.py name="Jane Smith"']),
    ("find_contact", ["7"], "invalid_json", ["the number 7", 'name="Jane Smith"']),
    ("delete_connection", ["null"], "invalid_json", ["null"]),
    ("get_connection", ["12345"], "invalid_json", ["the number 12345"]),
    ("check_send", ["true"], "invalid_json", ["true"]),
    ("find_contact", ["{name:Jane}"], "invalid_json", ["{name:Jane}", "no quotation marks", "the shell"]),
    ("find_contact", ["{name: Jane Smith}"], "invalid_json", ["the shell", "'@arguments.json'"]),
    ("find_contact", ["attribute={name:city}"], "invalid_json", ["attribute", "{name:city}", "the shell"]),
    ("find_contact", ["{'name': 'Jane'}"], "invalid_json", ["double quotation marks"]),
    ("find_contact", ["'{name:Jane}'"], "invalid_json", ["single quote", "cmd"]),
    ("find_contact", ["{\\"+'"name": 1}'], "invalid_json", ["backslashes"]),
    ("find_contact", ["{\u201cname\u201d: 1}"], "invalid_json", ["typographic"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "words", "code", "said"), REFUSED, ids=repr)
def test_a_word_that_is_not_clear_refuses_the_whole_call(
    name: str, words: list[str], code: str, said: list[str]
) -> None:
    with pytest.raises(Failure) as caught:
        reading.read(RUNNABLE[name], words)
    failure = caught.value
    assert failure.code == code
    text = f"{failure.message} {failure.hint}"
    assert [word for word in said if word not in text] == []


def test_what_is_sent_is_what_the_words_say(call: Callable[..., Run], far_side: FarSide) -> None:
    assert call("send_session_message", None, HELLO, 'messageText={"a": 1}=5').exit == 0
    (sent,) = far_side.to("/wati/api/v1/sendSessionMessage/14155551234")
    assert sent.form == [("messageText", '{"a": 1}=5')]
    assert call("get_connection", "conn-1").exit == 0
    assert far_side.requests[-1].path == "/connections/conn-1"


def test_every_problem_of_words_is_named_at_once(call: Callable[..., Run], far_side: FarSide) -> None:
    run = call("get_contacts", None, "pageSize=many", "nam=Ann", "createdDate=today")
    assert {problem["at"] for problem in run.error["problems"]} == {"$.pageSize", "$.nam", "$.createdDate"}
    assert far_side.requests == []


def test_a_contact_is_found_by_an_attribute_in_words(call: Callable[..., Run], state: str) -> None:
    run = call("find_contact", None, "attribute.name=city", "attribute.value=lisboa", **SANDBOX)
    assert [contact["attributes"]["city"] for contact in run.data["contacts"]] == ["Lisboa"]


def test_the_refusal_of_an_attribute_shows_how_to_give_one(call: Callable[..., Run]) -> None:
    run = call("find_contact", None, "attribute.city=Oakland")
    assert {problem["at"] for problem in run.error["problems"]} == {
        "$.attribute.city",
        "$.attribute.name",
        "$.attribute.value",
    }
    assert "find_contact.py attribute.name=city attribute.value=Lisboa" in run.error["hint"]


def test_the_place_where_a_file_of_arguments_was_looked_for(call: Callable[..., Run], tmp_path: Path) -> None:
    message = call("get_contacts", "@missing.json").error["message"]
    assert message.endswith(str(tmp_path / "missing.json"))
    message = call("get_contacts", "@~/a.json").error["message"]
    assert str(tmp_path / "~" / "a.json") in message and "~ is not expanded" in message


def test_a_lone_word_is_a_member_of_its_schema() -> None:
    lone = {name: endpoint.lone for name, endpoint in RUNNABLE.items() if endpoint.lone}
    campaigns = {"campaign_report", "campaign_status", "run_campaign", "stop_campaign"}
    assert set(lone) == {"check_send", "get_connection", "delete_connection", *campaigns}
    for name, member in lone.items():
        schema = json.loads(Path(RUNNABLE[name].schema_file).read_text(encoding="utf-8"))
        assert member in schema["properties"]


@pytest.mark.parametrize("name", RUNNABLE)
def test_an_example_in_words_is_the_example(name: str) -> None:
    endpoint: Endpoint = RUNNABLE[name]
    schema = json.loads(Path(endpoint.schema_file).read_text(encoding="utf-8"))
    if example := in_words(endpoint, schema):
        import shlex

        script, *words = shlex.split(example)
        assert script == f"{name}.py" and not set(example) & set("'$`\\!%&|<>;")
        assert as_lists(schema, dict(reading.read(endpoint, words))) in schema["examples"]
