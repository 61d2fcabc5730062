"""A command line of commands: every bad word is named, in our own words."""

from __future__ import annotations

import pytest

from wati.cli.subcommands import Command, Program, help_text, parse
from wati.contract.failures import Failure

PROGRAM = Program(
    name="tool.py",
    about="About it.",
    common={"state": ("FILE", "the file")},
    default="serve",
    commands={
        "serve": Command("serve it", flags={"port": ("N", "the port"), "quiet": ("", "say nothing")}),
        "reply": Command("write", words=("NUMBER", "[TEXT]"), flags={"tap": ("TITLE", "tap")}),
    },
    epilog="The end.",
)


@pytest.mark.parametrize(
    ("argv", "command", "values"),
    [
        ([], "serve", {}),
        (["--quiet"], "serve", {"quiet": ""}),
        (["--port", "1"], "serve", {"port": "1"}),
        (["--state", "x", "serve"], "serve", {"state": "x"}),
        (["serve", "--state=x=y"], "serve", {"state": "x=y"}),
        (["reply", "1"], "reply", {"NUMBER": "1"}),
        (["reply", "1", "a b", "--tap", "Yes"], "reply", {"NUMBER": "1", "TEXT": "a b", "tap": "Yes"}),
        (["reply", "1", "- a list"], "reply", {"NUMBER": "1", "TEXT": "- a list"}),
        (["reply", "1", "--", "--tap"], "reply", {"NUMBER": "1", "TEXT": "--tap"}),
        (["reply", "1", ""], "reply", {"NUMBER": "1", "TEXT": ""}),
        (["reply", "1", "--tap", "-5"], "reply", {"NUMBER": "1", "tap": "-5"}),
        (["reply", "1", "--tap", "x", "--tap=x"], "reply", {"NUMBER": "1", "tap": "x"}),
    ],
)  # fmt: skip
def test_what_is_given_is_read(argv, command, values):
    line = parse(PROGRAM, argv)
    assert (line.command, line.values, line.wants_help) == (command, values, False)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nope"], ["there is no command 'nope'", "serve, reply"]),
        (["reply1"], ["did you mean reply?"]),
        (["reply"], ["NUMBER is missing"]),
        (["reply", "1", "2", "3", "4"], ["'3' is one word too many", "'4' is one word too many"]),
        (["reply", "1", "--tab", "x"], ["reply has no flag '--tab' (did you mean tap?)"]),
        (["reply", "1", "-t"], ["reply has no flag '-t'"]),
        (["reply", "1", "--port", "2"], ["reply has no flag '--port'; serve has it"]),
        (["reply", "1", "--tap"], ["--tap needs a value: --tap TITLE"]),
        (["reply", "1", "--tap", "--state"], ["--tap needs a value"]),
        (["reply", "1", "--tap="], ["--tap needs a value"]),
        (["--quiet=yes"], ["--quiet takes no value"]),
        (["--port", "1", "--port", "2"], ["--port is given twice, with different values"]),
        (["serve", "--por", "1"], ["serve has no flag '--por' (did you mean port?)"]),
        (["reply", "--x", "--port", "1", "--tap"], ["NUMBER is missing", "'--x'", "'--port'", "--tap needs"]),
    ],
)  # fmt: skip
def test_every_bad_word_is_named_with_what_to_do(argv, said):
    with pytest.raises(Failure) as raised:
        parse(PROGRAM, argv)
    assert raised.value.code == "usage"
    for words in said:
        assert words in raised.value.message
    assert raised.value.hint.startswith("Usage: tool.py ")


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["reply", "--help"], ["reply", "-h", "1", "2", "3"]])
def test_help_is_asked_for_with_whatever_else(argv):
    line = parse(PROGRAM, argv)
    assert line.wants_help
    text = help_text(PROGRAM, line.command)
    if line.command:
        assert text.startswith("usage: tool.py reply NUMBER [TEXT] [--tap TITLE] [--state FILE]\n\nWrite.\n")
    else:
        assert "About it." in text and "The end." in text
        assert "  serve  serve it\n  reply  write\n" in text
