"""references/sandbox.md says what the code does, and how sure that is."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from wati.sandbox import control, faults, seeding
from wati.sandbox.routes import ROUTES

ROOT = Path(control.__file__).parents[3]
TEXT = (ROOT / "references" / "sandbox.md").read_text(encoding="utf-8")
SCRIPT = ROOT / "scripts" / "sandbox.py"


def table(header):
    """The cells of the one table with this header."""
    assert TEXT.count(header) == 1
    lines = TEXT.partition(header)[2].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)[|]", line.strip("|"))])
    assert rows
    return rows


KNOWN = table("| behaviour | mark | source |")
TABLE_OF_COMMANDS = table("| command | does |")


@pytest.mark.parametrize(("behaviour", "mark", "source"), KNOWN)
def test_each_behaviour_has_a_mark_and_a_source_that_bears_it(behaviour, mark, source):
    assert behaviour
    assert {
        "documented": re.search(r"\b(WATI docs|WATI support|Maton docs)\b", source),
        "observed": re.search(r"published (capture|live probe)", source),
        "assumed": source,
    }[mark]
    assert mark == "assumed" or "our choice" not in source


def test_every_route_is_in_the_table():
    subjects = {behaviour.partition(":")[0].strip("`") for behaviour, _, _ in KNOWN}
    assert len(ROUTES) == 20
    assert subjects - {"every call"} == {route.endpoint for route in ROUTES}


def test_how_much_is_assumed(capsys):
    marks = [mark for _, mark, _ in KNOWN]
    with capsys.disabled():
        print(f"\nsandbox: {marks.count('assumed')} of {len(marks)} behaviours are assumed")
    assert 0 < marks.count("assumed") < len(marks)


def test_every_fault_and_what_it_does_and_takes_is_in_the_document():
    written = {
        row[0].strip("`"): (re.sub(r"[`*]", "", row[1]), set(re.findall(r"`(\w+)`", row[2])))
        for row in table("| kind | what happens | takes |")
    }
    assert written == {name: (kind.does, set(kind.members)) for name, kind in faults.KINDS.items()}


def test_every_command_with_its_words_and_flags_is_in_the_document():
    written = {row[0].replace("\\|", "|").strip("`") for row in TABLE_OF_COMMANDS}
    commands = runpy.run_path(str(SCRIPT))["PROGRAM"].commands
    assert len(commands) == 13
    assert written == {
        " ".join(
            [
                name,
                *command.words,
                *(f"[--{flag}{' ' + takes if takes else ''}]" for flag, (takes, _) in command.flags.items()),
            ]
        )
        for name, command in commands.items()
    }


def test_every_kind_of_seed_is_in_the_document():
    (row,) = [row for row in TABLE_OF_COMMANDS if row[0].startswith("`seed")]
    assert set(re.findall(r"`(\w+)`", row[1])) == set(seeding.SCHEMA["properties"])


@pytest.mark.parametrize(
    "kind", [k for k, v in seeding.SCHEMA["properties"].items() if "properties" in v["items"]]
)
def test_every_member_of_a_seeds_objects_is_in_the_document(kind):
    (line,) = re.findall(rf"(?m)^- {kind}: (.*)$", TEXT)
    written = set(re.findall(r"`(\w+)`", line))
    assert written | {"connection_id"} == set(seeding.SCHEMA["properties"][kind]["items"]["properties"])


def test_the_log_has_no_kind_or_member_that_the_document_lacks(world):
    john = "14155551234"
    v1 = "/wati/api/v1"
    named = {"template_name": "welcome", "broadcast_name": "b"}
    world.post("/connections", json={"app": "wati"})
    world.api.delete("/connections/sandbox-failed")
    world.post(f"{v1}/addContact/15550001111", json={"name": "x"})
    world.post(f"{v1}/updateContactAttributes/{john}", json={"customParams": [{"name": "a", "value": "b"}]})
    world.seed(channels=[{"number": "14155550190"}])
    newest = world.get(f"{v1}/getMessages/{john}").json()["messages"]["items"][0]["id"]
    quoting = f"?channelPhoneNumber=14155550190&replyContextId={newest}"
    world.post(f"{v1}/sendSessionMessage/{john}{quoting}", data={"messageText": "x"})
    world.post(f"{v1}/sendSessionFile/{john}?caption=x", files={"file": ("a.wav", b"x", "audio/wav")})
    world.post(f"{v1}/sendTemplateMessage?whatsappNumber=15550002222", json={**named, "parameters": []})
    buttons = {"body": "x", "buttons": [{"text": "y"}]}
    world.post(f"{v1}/sendInteractiveButtonsMessage?whatsappNumber={john}", json=buttons)
    rows = {"body": "x", "buttonText": "y", "sections": [{"title": "t", "rows": [{"title": "r"}]}]}
    world.post(f"{v1}/sendInteractiveListMessage?whatsappNumber={john}", json=rows)
    world.post(f"{v1}/assignOperator?whatsappNumber={john}")
    world.advance(2)
    section = TEXT.partition("### The delivery log")[2].partition("### Faults")[0]
    written = set(re.findall(r"`(\w+)`", section))
    kinds, members = {row["kind"] for row in world.log()}, {name for row in world.log() for name in row}
    assert len(kinds) == 10
    assert (kinds | members) == written
